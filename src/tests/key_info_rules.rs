//! What holds of key information whatever the documents: properties over the synthetic patients.

use std::collections::{BTreeMap, BTreeSet};

use passerelle::interaction::Method;
use serde_json::Value;

use crate::desk::Desk;
use crate::patients::{self, Record, Written};
use crate::support::settled;

/// The patients whose documents are many and say different things.
pub const RICH: &[&str] = &["contradictions", "grossesse", "nourrisson", "diabete-cardio"];

fn view(desk: &Desk, patient: &str) -> Value {
    desk.view(patient, "specialty=neutral&window=all&maxPerSection=500")
}

fn lines(view: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let sections = view["sections"].as_array().unwrap().iter();
    sections.flat_map(|s| s["lines"].as_array().unwrap().iter().map(|l| (s["key"].as_str().unwrap(), l)))
}

/// Numbers that look random and are the same each time.
pub struct Shuffle(pub u64);

impl Shuffle {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }

    pub fn order<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

pub fn part(record: &Record, documents: Vec<Written>) -> Record {
    Record { title: record.title.clone(), patient: record.patient.clone(), documents }
}

/// The alerts, each by the places that it is told in.
fn alerts(view: &Value) -> Vec<(&str, BTreeSet<String>)> {
    let places = |l: &Value| l["sources"].as_array().unwrap().iter().map(|s| format!("{}#{}", s["document"], s["anchor"])).collect();
    lines(view).filter(|(key, _)| *key == "alerts").map(|(_, l)| (l["label"].as_str().unwrap(), places(l))).collect()
}

/// An alert ends when a document ends the treatment, and only then: it is then told as over.
#[test]
fn adding_a_document_never_hides_an_alert() {
    for name in RICH {
        let record = patients::record(name);
        let (desk, patient) = Desk::with(&part(&record, Vec::new()));
        let mut before = view(&desk, &patient);
        for (n, document) in record.documents.iter().enumerate() {
            desk.document(&document.cda);
            let now = view(&desk, &patient);
            let over: Vec<_> = lines_of(&now, "medications").into_iter().filter(|(_, over)| *over).collect();
            for (label, places) in alerts(&before) {
                let there = alerts(&now).iter().any(|(_, p)| !p.is_disjoint(&places));
                assert!(there || over.iter().any(|(l, _)| l == label), "{name}: document {} hides {label}", n + 1);
            }
            before = now;
        }
    }
}

/// Labels of a section, and whether they stand in its second part.
fn lines_of(view: &Value, section: &str) -> Vec<(String, bool)> {
    lines(view).filter(|(key, _)| *key == section).map(|(_, l)| (l["label"].as_str().unwrap().to_owned(), l["second"] == true)).collect()
}

#[test]
fn the_same_document_twice_changes_nothing() {
    for name in RICH {
        let record = patients::record(name);
        let (desk, patient) = Desk::with(&record);
        let first = settled(view(&desk, &patient));
        for document in &record.documents {
            let (status, _) = desk.call(Method::Post, "$deposit", document.cda.as_bytes());
            assert_eq!(status, 200, "the first one is answered");
        }
        assert_eq!(first, settled(view(&desk, &patient)), "{name}");
    }
}

/// One after the other: the order in which a patient's documents come says nothing about the patient.
#[test]
fn the_order_of_deposit_does_not_matter() {
    let mut shuffle = Shuffle(7);
    for name in RICH {
        let record = patients::record(name);
        let mut views = BTreeSet::new();
        for round in 0..3 {
            let mut documents = record.documents.clone();
            if round > 0 {
                shuffle.order(&mut documents);
            }
            let (desk, patient) = Desk::with(&part(&record, Vec::new()));
            documents.iter().for_each(|d| drop(desk.document(&d.cda)));
            views.insert(settled(view(&desk, &patient)).to_string());
        }
        assert_eq!(views.len(), 1, "{name}:\n{}", views.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
    }
}

/// The published documents of each patient that has several, with the Patient that they made: who is whose is settled by their first order.
fn published() -> Option<Vec<(Value, Vec<Vec<u8>>)>> {
    let desk = Desk::new();
    let mut of: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for path in crate::corpus::documents()? {
        let bytes = std::fs::read(path).unwrap();
        let (status, body) = desk.call(Method::Post, "$deposit", &bytes);
        if status == 201 {
            let reference: Value = serde_json::from_slice(&body).unwrap();
            of.entry(reference["subject"]["reference"].as_str().unwrap().to_owned()).or_default().push(bytes);
        }
    }
    let several = of.into_iter().filter(|(_, documents)| documents.len() > 1);
    Some(several.map(|(patient, documents)| (desk.get(&patient), documents)).collect())
}

#[test]
fn the_order_of_deposit_does_not_matter_for_published_documents() {
    let Some(patients) = published() else {
        println!("skipped: the document corpus is not beside the checkout");
        return;
    };
    let mut shuffle = Shuffle(3);
    let mut documents_of_all = 0;
    for (mut patient, mut documents) in patients {
        documents_of_all += documents.len();
        patient.as_object_mut().unwrap().retain(|name, _| !["id", "meta"].contains(&name.as_str()));
        let mut views = BTreeSet::new();
        for round in 0..2 {
            if round > 0 {
                shuffle.order(&mut documents);
            }
            // A version comes after the one that it replaces: ITI-65 asks that this is there.
            documents.sort_by_key(|d| d.windows(15).any(|w| w == b"typeCode=\"RPLC\""));
            let desk = Desk::new();
            let made = desk.ok(Method::Post, "Patient", patient.to_string().as_bytes());
            documents.iter().for_each(|d| drop(desk.ok(Method::Post, "$deposit", d)));
            let shown = settled(view(&desk, &format!("Patient/{}", made["id"].as_str().unwrap())));
            views.insert(shown.to_string());
        }
        assert_eq!(views.len(), 1, "{} documents:\n{}", documents.len(), views.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
    }
    println!("{documents_of_all} documents");
}

/// What is shown without a document is what is shown when it is withdrawn, and nothing names it any more.
#[test]
fn hiding_a_document_removes_exactly_its_facts() {
    for name in ["contradictions", "grossesse", "nourrisson"] {
        let record = patients::record(name);
        for hidden in 0..record.documents.len() {
            let (whole, patient) = Desk::with(&record);
            let reference = whole.document(&record.documents[hidden].cda);
            let id = format!("DocumentReference/{}", reference["id"].as_str().unwrap());
            let (status, said) = whole.call(Method::Delete, &id, b"");
            assert_eq!(status, 204, "{}", String::from_utf8_lossy(&said));
            let mut others = record.documents.clone();
            others.remove(hidden);
            let (without, other) = Desk::with(&part(&record, others));
            let shown = view(&whole, &patient);
            assert!(!shown.to_string().contains(id.as_str()), "{name}: document {} is still named", hidden + 1);
            assert_eq!(settled(shown), settled(view(&without, &other)), "{name} without document {}", hidden + 1);
        }
    }
}

/// Each line names documents, and each place is an anchor of the page of that document.
#[test]
fn every_line_leads_to_its_place_in_a_document() {
    for name in RICH {
        let (desk, patient) = Desk::with(&patients::record(name));
        let shown = view(&desk, &patient);
        let mut pages: BTreeMap<String, String> = BTreeMap::new();
        let mut places = 0;
        for (section, line) in lines(&shown) {
            let sources = line["sources"].as_array().unwrap();
            assert!(!sources.is_empty(), "{name}: no source of {section} {}", line["label"]);
            for source in sources {
                let document = source["document"].as_str().unwrap();
                let anchor = source["anchor"].as_str().unwrap_or_else(|| panic!("{name}: no place of {section} {}", line["label"]));
                let page = pages.entry(document.to_owned()).or_insert_with(|| desk.page(document));
                assert_eq!(page.matches(&format!("id=\"{anchor}\"")).count(), 1, "{name}: {section} {} at {anchor}", line["label"]);
                places += 1;
            }
        }
        assert!(places > 10, "{name}: {places}");
    }
}

/// Sections whose lines have no age limit.
const LASTING: &[&str] = &["alerts", "allergies", "problems", "past-problems", "devices", "immunizations", "advance-directives"];

/// The same documents, every date in them five years earlier.
#[test]
fn ageing_every_document_by_five_years_removes_nothing_that_lasts() {
    for name in RICH {
        let record = patients::record(name);
        let aged = record.documents.iter().map(|d| Written { unique: d.unique.clone(), cda: older(&d.cda) }).collect();
        let (young, a) = Desk::with(&record);
        let (old, b) = Desk::with(&part(&record, aged));
        let (now, then) = (young.view(&a, "specialty=neutral&maxPerSection=500"), old.view(&b, "specialty=neutral&maxPerSection=500"));
        for section in LASTING {
            let label = |v: &Value| {
                let mut all: Vec<String> = lines_of(v, section).into_iter().map(|(label, _)| label).collect();
                all.sort();
                all
            };
            // What was prescribed for a time is over after it: it is told among the treatments that are.
            let left: Vec<String> = label(&now).into_iter().filter(|l| !label(&then).contains(l)).collect();
            let told = |l: &String| *section == "alerts" && lines_of(&then, "medications").iter().any(|(label, over)| *over && label == l);
            assert!(left.iter().all(told), "{name}: {section} loses {left:?}");
        }
    }
}

/// Every date of the body and the header five years earlier: `20…` of eight digits or more, or of four or six, as an attribute's value.
fn older(cda: &str) -> String {
    let mut out = String::with_capacity(cda.len());
    let mut rest = cda;
    while let Some((before, after)) = rest.split_once(" value=\"") {
        out.push_str(before);
        out.push_str(" value=\"");
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let time = before.ends_with("effectiveTime") || before.ends_with("low") || before.ends_with("high") || before.ends_with("<time");
        match after.get(..4).and_then(|y| y.parse::<u32>().ok()).filter(|y| time && matches!(digits, 4 | 6 | 8 | 14) && (1985..=2030).contains(y)) {
            Some(year) => {
                out.push_str(&(year - 5).to_string());
                rest = &after[4..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}
