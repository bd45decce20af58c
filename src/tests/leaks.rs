//! Where servers of this kind were seen to tell of what they hide: totals, `_has`, includes, the second page.

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Session, TestServer, json as body_of, resources, small_cda, text};

const INS: &str = "258027511234534";
const READER: &[&str] = &["--rpps", "899700000001", "--profession", "10"];
const LABEL: &str = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";

enforced_on_both! {
    a_hidden_document_is_in_no_total
    has_is_refused_alike_for_hidden_and_unknown
    no_include_brings_a_hidden_document
    a_document_hidden_between_two_pages_is_not_on_the_second
}

/// A document of the laboratory's; its patient and its id.
fn deposited(server: &TestServer, unique: &str, query: &str) -> (String, String) {
    let cda = String::from_utf8(small_cda(unique, INS, "")).unwrap().replace("801234567897", "801234567888").replace("1759999991", "2999999998");
    let answer = server.client("client-laboratoire").call("POST", &format!("$deposit{query}"), &[("Content-Type", "application/xml")], cda.as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let reference = body_of(&answer);
    (reference["subject"]["reference"].as_str().unwrap().to_owned(), reference["id"].as_str().unwrap().to_owned())
}

/// Somebody with the patient's consent.
fn reader(server: &TestServer, patient: &str) -> Session {
    let mut session = server.acting("client-imagerie", READER);
    let answer = session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
    session
}

fn mask(server: &TestServer, id: &str) {
    let patch = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": LABEL, "code": "MASQUE_PS"}]}}]).to_string();
    let answer = server.client("client-laboratoire").call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json")], patch.as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
}

fn ids(bundle: &Value) -> Vec<String> {
    resources(bundle, "DocumentReference").iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
}

fn a_hidden_document_is_in_no_total(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.8501", "");
    let (_, hidden) = deposited(server, "2.25.8502", "");
    let mut reader = reader(server, &patient);
    let searches = [
        format!("DocumentReference?patient={patient}"),
        format!("DocumentReference?patient={patient}&type=11488-4&_content=signaler"),
        format!("List?patient={patient}&code=submissionset&status=current"),
    ];
    let totals = |reader: &mut Session| -> Vec<[u64; 3]> {
        let total = |reader: &mut Session, path: String| reader.found(&path)["total"].as_u64().unwrap();
        searches.iter().map(|s| ["", "&_summary=count", "&_count=1"].map(|more| total(reader, format!("{s}{more}")))).collect()
    };
    let before = totals(&mut reader);
    mask(server, &hidden);
    let after = totals(&mut reader);
    for (search, (before, after)) in searches.iter().zip(before.iter().zip(&after)) {
        assert_eq!(before.map(|n| n - 1), *after, "{search}");
    }
}

fn has_is_refused_alike_for_hidden_and_unknown(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.8511", "");
    let (_, hidden) = deposited(server, "2.25.8512", "?security-label=MASQUE_PS");
    let mut reader = reader(server, &patient);
    let unknown = "00000000-0000-4000-8000-000000000001";
    for path in ["DocumentReference?patient={patient}&_has:List:item:_id={id}", "Patient?identifier=258027511234534&_has:DocumentReference:patient:_id={id}"] {
        for handling in ["handling=strict", "handling=lenient"] {
            let mut said = |id: &str| {
                let answer = reader.call("GET", &path.replace("{patient}", &patient).replace("{id}", id), &[("Accept", FHIR_JSON), ("Prefer", handling)], b"");
                (answer.status, text(&answer).replace(id, "ID"))
            };
            assert_eq!(said(&hidden), said(unknown), "{path} {handling}");
            assert_eq!(said(&hidden).0, if handling == "handling=strict" { 400 } else { 200 });
        }
    }
}

fn no_include_brings_a_hidden_document(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.8521", "");
    let (_, hidden) = deposited(server, "2.25.8522", "");
    let (_, newer) = deposited(server, "2.25.8523", "?replaces=2.25.8522");
    let mut reader = reader(server, &patient);
    let includes = [
        format!("List?patient={patient}&code=submissionset&status=current&_include=List:item"),
        format!("DocumentReference?patient={patient}&status=current&_include=DocumentReference:relatesto"),
    ];
    for path in &includes {
        let found = ids(&reader.found(path));
        assert!([&first, &hidden, &newer].iter().all(|id| found.contains(id)), "{path}: {found:?}");
    }
    // A mask holds for the whole chain.
    mask(server, &newer);
    for path in &includes {
        let answer = reader.found(path);
        assert_eq!(ids(&answer), std::slice::from_ref(&first), "{path}");
        assert!(!answer.to_string().contains(&hidden) && !answer.to_string().contains(&newer), "{path}");
    }
}

fn a_document_hidden_between_two_pages_is_not_on_the_second(server: &TestServer) {
    let all: Vec<(String, String)> = (1..6).map(|n| deposited(server, &format!("2.25.853{n}"), "")).collect();
    let mut reader = reader(server, &all[0].0);
    let first = reader.found(&format!("DocumentReference?patient={}&_sort=-date&_count=2", all[0].0));
    let next = first["link"].as_array().unwrap().iter().find(|l| l["relation"] == "next").unwrap()["url"].as_str().unwrap().to_owned();
    let next = next.strip_prefix(&server.base).unwrap().trim_start_matches('/').to_owned();
    let left: Vec<&String> = all.iter().map(|d| &d.1).filter(|id| !ids(&first).contains(*id)).collect();
    assert_eq!(left.len(), 3);
    // The one that would come next.
    let hidden = ids(&reader.found(&next)).remove(0);
    mask(server, &hidden);
    let second = reader.found(&next);
    assert!(!second.to_string().contains(&hidden), "{second}");
    assert_eq!((ids(&second).len(), second["total"].as_u64()), (2, Some(4)), "and is not counted");
}
