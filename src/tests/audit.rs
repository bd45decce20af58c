//! Every interaction leaves one event, durable before its answer, readable as AuditEvent.

use crate::on_both;
use crate::support::{On, Session, TestServer, resources, small_cda};

on_both! {
    a_write_and_a_read_are_traced_with_caller_and_patient
    a_refusal_is_traced_too
    events_never_hold_what_identifies_a_patient
}

fn events(session: &mut Session, query: &str) -> Vec<serde_json::Value> {
    resources(&session.found(&format!("AuditEvent?{query}&_count=100")), "AuditEvent").into_iter().cloned().collect()
}

fn a_write_and_a_read_are_traced_with_caller_and_patient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&small_cda("2.25.21", "270037500000144", ""));
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let mut other = server.client("client-imagerie");
    assert_eq!(other.get(&format!("{patient}/$summary")).status, 200);
    let found = events(&mut cabinet, &format!("date=ge2020&patient={patient}"));
    let subtypes: Vec<&str> = found.iter().filter_map(|e| e["subtype"][0]["code"].as_str()).collect();
    assert!(subtypes.contains(&"deposit") && subtypes.contains(&"summary"), "{subtypes:?}");
    let summary = found.iter().find(|e| e["subtype"][0]["code"] == "summary").unwrap();
    assert_eq!(summary["agent"][0]["who"]["identifier"]["value"], "399999999900017");
    assert_eq!(summary["outcome"], "0");
    assert_eq!(cabinet.found(&format!("AuditEvent/{}", summary["id"].as_str().unwrap()))["id"], summary["id"]);
}

fn a_refusal_is_traced_too(server: &TestServer) {
    let mut cabinet = server.cabinet();
    assert_eq!(cabinet.deposit(b"<x/>").status, 422);
    assert!(events(&mut cabinet, "date=ge2020&outcome=4").iter().any(|e| e["subtype"][0]["code"] == "deposit"));
}

fn events_never_hold_what_identifies_a_patient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.deposited(&small_cda("2.25.22", "270037500000144", ""))["subject"]["reference"].as_str().unwrap().to_owned();
    cabinet.found(&format!("{patient}/$summary"));
    cabinet.found(&patient);
    let log = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
    let written = serde_json::to_string(&events(&mut cabinet, "date=ge2020")).unwrap();
    for text in [log, written] {
        assert!(!text.contains("270037500000144") && !text.contains("ESSAI"), "{text}");
    }
}

/// A changed line is found, and a torn tail after a power loss is not an error.
#[test]
fn both_chains_are_verified_and_a_changed_event_is_found() {
    let mut server = TestServer::start(On::Sqlite);
    let id = server.cabinet().patient("270037500000144");
    server.cabinet().found(&format!("Patient/{id}"));
    server.stop();
    let log = server.dir.join("audit-reads.log");
    assert!(passerelle::store::verify_read_log(&log).unwrap().0 >= 1);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("\"outcome\":\"Success\"", "\"outcome\":\"Refused\"", 1) + "{\"prev\":\"x\"}\n").unwrap();
    assert!(passerelle::store::verify_read_log(&log).is_err());
}
