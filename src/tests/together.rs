//! Several at once: the same thing sent by many callers, and several entries of one transaction.

use std::sync::Barrier;

use passerelle::cli::Response;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::{FHIR_JSON, Session, TestServer, json as body, small_cda, text};

on_both! {
    one_document_sent_by_many_is_stored_once
    one_identity_registered_by_many_is_one_patient
    one_condition_asked_by_many_creates_once
    a_patient_known_by_a_local_number_alone_is_made_once
    a_binary_becomes_one_document
    an_update_may_not_take_the_identity_of_another
    an_entry_keeps_its_own_if_match
    an_entry_withdraws_only_for_the_author
    two_entries_may_not_want_the_same_identifier
    an_identifier_without_a_system_files_nothing
    a_hidden_document_hides_its_submission
    an_unusual_reference_is_kept_as_it_is
    what_cannot_be_indexed_is_refused
}

const CALLERS: usize = 6;
const INS: &str = "urn:oid:1.2.250.1.213.1.4.10";

/// The same request by several connections, sent at the same moment.
fn at_once(server: &TestServer, send: impl Fn(&mut Session) -> Response + Sync) -> Vec<Response> {
    let start = Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut session = server.cabinet();
                    start.wait();
                    send(&mut session)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

fn statuses(all: &[Response]) -> Vec<u16> {
    let mut out: Vec<u16> = all.iter().map(|r| r.status).collect();
    out.sort_unstable();
    out
}

fn patient(system: Option<&str>, value: &str) -> Value {
    let mut out = json!({"resourceType": "Patient", "identifier": [{"value": value}], "name": [{"use": "official", "family": "ESSAI", "given": ["Anne"]}], "gender": "female", "birthDate": "1970-03-12"});
    if let Some(system) = system {
        out["identifier"][0]["system"] = json!(system);
    }
    out
}

fn transaction(session: &mut Session, entries: Value) -> Response {
    session.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
}

fn total(session: &mut Session, path: &str) -> u64 {
    session.found(path)["total"].as_u64().unwrap()
}

fn one_document_sent_by_many_is_stored_once(server: &TestServer) {
    let cda = small_cda("2.25.7001", "270037500000121", "");
    let all = at_once(server, |s| s.deposit(&cda));
    assert_eq!(statuses(&all), [200, 200, 200, 200, 200, 201]);
    assert!(all.iter().all(|r| body(r)["id"] == body(&all[0])["id"]), "everybody is told the same document");
    assert_eq!(total(&mut server.cabinet(), &format!("DocumentReference?patient.identifier={INS}|270037500000121")), 1);
    assert_eq!(total(&mut server.cabinet(), &format!("Patient?identifier={INS}|270037500000121")), 1);
}

fn one_identity_registered_by_many_is_one_patient(server: &TestServer) {
    let all = at_once(server, |s| s.post("Patient", &patient(Some(INS), "270037500000121")));
    assert_eq!(statuses(&all), [201, 409, 409, 409, 409, 409]);
}

fn one_condition_asked_by_many_creates_once(server: &TestServer) {
    let sent = patient(Some("urn:oid:1.2.3.4.5"), "L-1").to_string();
    let all = at_once(server, |s| s.call("POST", "Patient", &[("Content-Type", FHIR_JSON), ("If-None-Exist", "identifier=urn:oid:1.2.3.4.5|L-1")], sent.as_bytes()));
    assert_eq!(statuses(&all), [200, 200, 200, 200, 200, 201]);
    let entry =
        json!([{"resource": patient(Some("urn:oid:1.2.3.4.5"), "L-2"), "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:oid:1.2.3.4.5|L-2"}}]);
    let all = at_once(server, |s| transaction(s, entry.clone()));
    assert_eq!(statuses(&all), [200; 6]);
    assert_eq!(total(&mut server.cabinet(), "Patient?identifier=urn:oid:1.2.3.4.5|L-2"), 1);
}

fn a_patient_known_by_a_local_number_alone_is_made_once(server: &TestServer) {
    let cda = |n: usize| String::from_utf8(small_cda(&format!("2.25.71{n}"), "IPP-77", "")).unwrap().replace("1.2.250.1.213.1.4.10", "1.2.3.4.6");
    let next = std::sync::atomic::AtomicUsize::new(0);
    let all = at_once(server, |s| s.deposit(cda(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)).as_bytes()));
    assert_eq!(statuses(&all), [201; 6], "{}", text(&all[0]));
    assert_eq!(total(&mut server.cabinet(), "Patient?identifier=urn:oid:1.2.3.4.6|IPP-77"), 1);
    assert_eq!(total(&mut server.cabinet(), "DocumentReference?patient.identifier=urn:oid:1.2.3.4.6|IPP-77"), 6);
}

fn a_binary_becomes_one_document(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let answer = cabinet.call("POST", "Binary", &[("Content-Type", "application/pdf")], b"%PDF-1.7 essai");
    let binary = answer.header("location").unwrap().split("/_history").next().unwrap().rsplit_once("/Binary/").unwrap().1.to_owned();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let all = at_once(server, |s| {
        let n = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        s.post(
            "DocumentReference",
            &json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": format!("Patient/{id}")},
                "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.72{n}")}, "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
                "content": [{"attachment": {"contentType": "application/pdf", "url": format!("Binary/{binary}")}}]}),
        )
    });
    let done: Vec<&Response> = all.iter().filter(|r| r.status == 201).collect();
    assert_eq!((done.len(), statuses(&all)[1]), (1, 422), "{}", text(&all[0]));
    assert_eq!(total(&mut cabinet, &format!("DocumentReference?patient={id}")), 1);
    assert_eq!(cabinet.call("GET", &format!("Binary/{binary}"), &[], b"").body, b"%PDF-1.7 essai");
}

fn an_update_may_not_take_the_identity_of_another(server: &TestServer) {
    let mut cabinet = server.cabinet();
    cabinet.patient("270037500000121");
    let mut other = patient(Some("urn:oid:1.2.3.4.5"), "L-9");
    other["id"] = json!("autre");
    assert_eq!(cabinet.put("Patient/autre", &other).status, 201);
    other["identifier"] = patient(Some(INS), "270037500000121")["identifier"].clone();
    assert_eq!(cabinet.put("Patient/autre", &other).status, 409);
    let answer = transaction(&mut cabinet, json!([{"resource": other, "request": {"method": "PUT", "url": "Patient/autre"}}]));
    assert_eq!(answer.status, 409, "{}", text(&answer));
    assert_eq!(total(&mut cabinet, &format!("Patient?identifier={INS}|270037500000121")), 1);
    other["identifier"] = patient(Some("urn:oid:1.2.3.4.5"), "L-9")["identifier"].clone();
    assert_eq!(cabinet.put("Patient/autre", &other).status, 200, "its own identity is no obstacle");
}

fn an_entry_keeps_its_own_if_match(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let observation = json!({"resourceType": "Observation", "id": "mesure", "status": "final", "code": {"text": "Poids"}, "subject": {"reference": format!("Patient/{id}")}});
    assert_eq!(cabinet.put("Observation/mesure", &observation).status, 201);
    let stale = json!([{"request": {"method": "DELETE", "url": "Observation/mesure", "ifMatch": "W/\"7\""}}]);
    assert_eq!(transaction(&mut cabinet, stale).status, 412);
    assert_eq!(cabinet.get("Observation/mesure").status, 200);
    let current = json!([{"request": {"method": "DELETE", "url": "Observation/mesure", "ifMatch": "W/\"1\""}}]);
    assert_eq!(transaction(&mut cabinet, current).status, 200);
    assert_eq!(cabinet.get("Observation/mesure").status, 410);
}

fn an_entry_withdraws_only_for_the_author(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&small_cda("2.25.7301", "270037500000121", ""));
    let id = reference["id"].as_str().unwrap();
    let entries = json!([{"request": {"method": "PATCH", "url": format!("DocumentReference/{id}")}, "resource": {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"}, {"name": "value", "valueCode": "entered-in-error"}]}]}}]);
    let answer = transaction(&mut server.client("client-imagerie"), entries.clone());
    assert_eq!(answer.status, 403, "{}", text(&answer));
    assert_eq!(cabinet.get(&format!("DocumentReference/{id}")).status, 200);
    assert_eq!(transaction(&mut cabinet, entries).status, 200);
    assert_eq!(total(&mut cabinet, &format!("DocumentReference?patient.identifier={INS}|270037500000121")), 0);
}

fn two_entries_may_not_want_the_same_identifier(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let entry = |n: u8| json!({"fullUrl": format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}"), "resource": patient(Some(INS), "270037500000121"), "request": {"method": "POST", "url": "Patient"}});
    let answer = transaction(&mut cabinet, json!([entry(1), entry(2)]));
    assert_eq!(answer.status, 422, "{}", text(&answer));
    assert_eq!(total(&mut cabinet, &format!("Patient?identifier={INS}|270037500000121")), 0);
}

fn an_identifier_without_a_system_files_nothing(server: &TestServer) {
    let mut cabinet = server.cabinet();
    assert_eq!(cabinet.post("Patient", &patient(Some("urn:oid:1.2.3.4.5"), "123")).status, 201);
    let mut sent = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient?identifier=urn:oid:1.2.3.4.7|123"}, "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.7501"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}, "content": [{"attachment": {"contentType": "text/plain", "data": "ZXNzYWk="}}],
        "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"value": "123"}]}], "context": {"sourcePatientInfo": {"reference": "#p"}}});
    let answer = cabinet.post("DocumentReference", &sent);
    assert_eq!(answer.status, 412, "{}", text(&answer));
    sent["contained"][0]["identifier"][0]["system"] = json!("urn:oid:1.2.3.4.5");
    assert_eq!(cabinet.post("DocumentReference", &sent).status, 412, "the condition asks for another system");
    sent["contained"][0]["identifier"][0]["system"] = json!("urn:oid:1.2.3.4.7");
    assert_eq!(cabinet.post("DocumentReference", &sent).status, 201);
    assert_eq!(total(&mut cabinet, "Patient?identifier=123"), 2);
}

fn a_hidden_document_hides_its_submission(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let part = |n: u8| format!("urn:uuid:00000000-0000-4000-8000-0000000000{n:02}");
    let reference = |n: u8| {
        json!({"fullUrl": part(n), "request": {"method": "POST", "url": "DocumentReference"}, "resource": {"resourceType": "DocumentReference", "status": "current",
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.74{n}")}, "subject": {"reference": format!("Patient/{id}")},
            "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}, "securityLabel": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument", "code": "MASQUE_PS"}]}],
            "content": [{"attachment": {"contentType": "text/plain", "url": part(n + 2)}}]}})
    };
    let binary = |n: u8| json!({"fullUrl": part(n + 2), "request": {"method": "POST", "url": "Binary"}, "resource": {"resourceType": "Binary", "contentType": "text/plain", "data": "ZXNzYWk="}});
    let list = json!({"fullUrl": part(9), "request": {"method": "POST", "url": "List"}, "resource": {"resourceType": "List", "status": "current", "mode": "working", "subject": {"reference": format!("Patient/{id}")},
        "code": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}]}, "identifier": [{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.749"}],
        "date": "2026-03-10T10:00:00+01:00", "source": {"display": "Dr Martin"}, "extension": [{"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}}],
        "entry": [{"item": {"reference": part(1)}}, {"item": {"reference": part(2)}}]}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "meta": {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"]}, "entry": [list, reference(1), reference(2), binary(1), binary(2)]});
    let answer = cabinet.post("", &bundle);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(total(&mut cabinet, &format!("List?patient={id}")), 1);
    assert_eq!(total(&mut server.client("client-imagerie"), &format!("List?patient={id}")), 0);
}

fn an_unusual_reference_is_kept_as_it_is(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let target = format!("{}/Observation/a\"b\\c", server.base);
    let sent = json!({"resourceType": "Observation", "status": "final", "code": {"text": "Poids"}, "subject": {"reference": format!("Patient/{id}")}, "hasMember": [{"reference": target}]});
    let answer = cabinet.post("Observation", &sent);
    assert!(answer.status == 201 || answer.status == 422, "{}", text(&answer));
    if answer.status == 201 {
        assert_eq!(body(&answer)["hasMember"][0]["reference"], "Observation/a\"b\\c");
    }
}

fn what_cannot_be_indexed_is_refused(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let long = "x".repeat(3000);
    let answer = cabinet.post("Patient", &patient(Some(INS), &long));
    assert_eq!(answer.status, 422, "{}", text(&answer));
    let mut sent = patient(Some(INS), "270037500000121");
    sent["name"][0]["family"] = json!(long);
    assert_eq!(cabinet.post("Patient", &sent).status, 201, "a long name is stored, and found by its beginning");
}
