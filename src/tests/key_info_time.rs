//! What holds of key information as time goes on: earlier days stay as they were, and who follows the deltas holds what is listed.

use std::collections::BTreeSet;

use passerelle::interaction::Method;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::key_info_rules::{RICH, Shuffle, part};
use crate::patients;

const ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
const VISIBILITY: &str = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";

/// A document that is there, or was.
#[derive(Clone)]
struct Held {
    id: String,
    cda: String,
    unique: String,
}

/// What may happen to a document after it came.
#[derive(Debug, Clone, Copy)]
enum Act {
    Archive,
    Mask,
    Withdraw,
    Replace,
}

const ACTS: &[Act] = &[Act::Archive, Act::Mask, Act::Withdraw, Act::Replace];

fn deposited(desk: &Desk, document: &patients::Written) -> Held {
    let reference = desk.document(&document.cda);
    Held { id: reference["id"].as_str().unwrap().to_owned(), cda: document.cda.clone(), unique: document.unique.clone() }
}

/// Carries out an act; the document that stands in its place, of a replacement.
fn act(desk: &Desk, held: &Held, act: Act) -> Option<Held> {
    let path = format!("DocumentReference/{}", held.id);
    match act {
        Act::Archive => desk.patch(&path, &json!([{"op": "replace", "path": format!("/extension[url:'{ARCHIVED}']/valueBoolean"), "value": true}])),
        Act::Mask => {
            let label = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
            let labels = [label("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N"), label(VISIBILITY, "MASQUE_PS")];
            desk.patch(&path, &json!([{"op": "replace", "path": "/securityLabel", "value": labels}]));
        }
        Act::Withdraw => assert_eq!(desk.call(Method::Delete, &path, b"").0, 204),
        Act::Replace => {
            let unique = format!("{}.1", held.unique);
            let cda = held.cda.replacen(&held.unique, &unique, 1);
            let reference = desk.ok(Method::Post, &format!("$deposit?replaces={}", held.unique), cda.as_bytes());
            return Some(Held { id: reference["id"].as_str().unwrap().to_owned(), cda, unique });
        }
    }
    None
}

/// A day as it was told: the view and the Bundle.
struct Told {
    at: String,
    view: String,
    bundle: String,
}

fn told(desk: &Desk, patient: &str, at: Option<&str>) -> Told {
    // What came in the same millisecond as the question would be before and after it.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let text = |path: &str| String::from_utf8(desk.call(Method::Get, path, b"").1).unwrap();
    let as_of = at.map(|at| format!("&asOf={at}")).unwrap_or_default();
    let view = text(&format!("{patient}/$key-info?_format=keyinfo&specialty=SM26&window=all&maxPerSection=500{as_of}"));
    let at = serde_json::from_str::<Value>(&view).unwrap()["generated"].as_str().unwrap().to_owned();
    let bundle = text(&format!("{patient}/$key-info?specialty=SM26&asOf={at}"));
    std::thread::sleep(std::time::Duration::from_millis(2));
    Told { at, view, bundle }
}

/// The documents of a patient deposited one after the other, with the day told after every third.
fn days(desk: &Desk, record: &patients::Record) -> (String, Vec<Held>, Vec<(usize, Told)>) {
    let patient = desk.deposit(&part(record, Vec::new()));
    let (mut there, mut days) = (Vec::new(), Vec::new());
    for (n, document) in record.documents.iter().enumerate() {
        there.push(deposited(desk, document));
        if n % 3 == 2 {
            days.push((n, told(desk, &patient, None)));
        }
    }
    (patient, there, days)
}

fn same(desk: &Desk, patient: &str, day: &Told, name: &str) {
    let again = told(desk, patient, Some(&day.at));
    assert_eq!(again.view, day.view, "{name}: view of {}", day.at);
    assert_eq!(again.bundle, day.bundle, "{name}: Bundle of {}", day.at);
}

#[test]
fn what_comes_later_changes_no_byte_of_an_earlier_day() {
    for name in RICH {
        let desk = Desk::today();
        let (patient, there, mut days) = days(&desk, &patients::record(name));
        for (held, which) in there.iter().zip([Act::Archive, Act::Mask, Act::Replace].iter().cycle()) {
            act(&desk, held, *which);
        }
        days.push((there.len(), told(&desk, &patient, None)));
        desk.document(&there[0].cda.replacen(&there[0].unique, "2.25.99887766", 1));
        assert!(days.len() > 2, "{name}");
        days.iter().for_each(|(_, day)| same(&desk, &patient, day, name));
    }
}

/// Earlier days are told under the rights of today: what was withdrawn since is named by none of them, and the days before it came stay.
#[test]
fn what_is_withdrawn_leaves_the_days_that_had_it_and_no_other() {
    for name in RICH {
        let desk = Desk::today();
        let (patient, there, days) = days(&desk, &patients::record(name));
        let withdrawn = there.len() / 2;
        act(&desk, &there[withdrawn], Act::Withdraw);
        for (n, day) in &days {
            if *n < withdrawn {
                same(&desk, &patient, day, name);
                continue;
            }
            let again = told(&desk, &patient, Some(&day.at));
            let named = |told: &Told| [&told.view, &told.bundle].map(|t| t.contains(&there[withdrawn].id));
            assert_eq!((named(day), named(&again)), ([true, true], [false, false]), "{name}: document {withdrawn} on {}", day.at);
        }
    }
}

/// Who applies every delta holds the documents that the key information lists, whatever became of them.
#[test]
fn the_union_of_deltas_is_what_the_key_information_lists() {
    let (mut shuffle, mut archived, mut removed) = (Shuffle(11), 0, 0);
    for name in RICH {
        let record = patients::record(name);
        let desk = Desk::new();
        let patient = desk.deposit(&part(&record, Vec::new()));
        let (mut there, mut client) = (Vec::new(), Client::default());
        for document in &record.documents {
            there.push(deposited(&desk, document));
            if shuffle.below(3) == 0 {
                let at = shuffle.below(there.len());
                let held = there.swap_remove(at);
                there.extend(act(&desk, &held, ACTS[shuffle.below(ACTS.len())]));
            }
            if shuffle.below(2) == 0 {
                client.follow(&desk, &patient);
                let view = desk.view(&patient, "specialty=neutral&window=all");
                let listed: BTreeSet<String> =
                    view["documents"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap().trim_start_matches("DocumentReference/").to_owned()).collect();
                assert_eq!(client.current(), listed, "{name}");
            }
        }
        archived += client.archived.len();
        removed += client.removed;
    }
    assert!(archived > 0 && removed > 0, "{archived} archived, {removed} removed");
}

/// A software that knows of a record what the deltas told it.
#[derive(Default)]
struct Client {
    cursor: Option<String>,
    documents: BTreeSet<String>,
    archived: BTreeSet<String>,
    removed: usize,
}

impl Client {
    fn follow(&mut self, desk: &Desk, patient: &str) {
        let since = self.cursor.as_ref().map(|c| format!("?since={c}")).unwrap_or_default();
        let answer = desk.get(&format!("{patient}/$documents-delta{since}"));
        let parameters = answer["parameter"].as_array().unwrap();
        for document in parameters.iter().filter(|p| p["name"] == "document") {
            let parts = document["part"].as_array().unwrap();
            let id = parts.iter().find(|p| p["name"] == "logicalId").and_then(|p| p["valueId"].as_str().or(p["valueString"].as_str())).unwrap();
            let changes: Vec<&str> = parts.iter().filter(|p| p["name"] == "change").map(|c| c["valueCode"].as_str().unwrap()).collect();
            self.apply(desk, id, &changes);
        }
        let cursor = parameters.iter().find(|p| p["name"] == "cursor");
        self.cursor = cursor.and_then(|p| p["valueString"].as_str()).map(str::to_owned);
    }

    /// What is held may have been archived before it was first told of: its DocumentReference says so.
    fn apply(&mut self, desk: &Desk, id: &str, changes: &[&str]) {
        if changes.iter().any(|c| ["removed", "replaced", "superseded"].contains(c)) {
            self.removed += 1;
            self.documents.remove(id);
            return;
        }
        self.documents.insert(id.to_owned());
        let reference = desk.get(&format!("DocumentReference/{id}"));
        let archived = reference["extension"].as_array().into_iter().flatten().any(|e| e["url"] == ARCHIVED && e["valueBoolean"] == true);
        if archived {
            self.archived.insert(id.to_owned())
        } else {
            self.archived.remove(id)
        };
    }

    /// What it shows: all that is current and not archived.
    fn current(&self) -> BTreeSet<String> {
        self.documents.difference(&self.archived).cloned().collect()
    }
}
