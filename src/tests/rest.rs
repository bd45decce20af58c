//! read, vread, create, update, delete, history, conditional requests, transaction, batch, metadata; JSON and XML.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::{FHIR_JSON, FHIR_XML, TestServer, json as body, refused, resources, text};

on_both! {
    a_resource_lives_from_create_to_delete
    what_was_sent_comes_back_digit_for_digit
    if_match_keeps_two_writers_apart
    a_conditional_create_makes_one
    an_ins_names_one_patient
    a_patient_with_a_record_is_not_deleted
    preconditions_hold_for_every_method
    a_transaction_reads_what_it_writes_and_names_nothing_twice
    one_wrong_entry_harms_no_other_of_a_batch
    xml_is_read_and_written
    a_transaction_is_all_or_nothing
    a_batch_answers_each_entry
    metadata_says_what_the_registry_says
    types_and_interactions_that_are_not_offered_are_refused_with_their_reason
}

fn observation(patient: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": patient}, "effectiveDateTime": "2026-03-01T08:00:00+01:00", "valueQuantity": {"value": 72, "unit": "/min"}})
}

fn a_resource_lives_from_create_to_delete(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let created = cabinet.post("Observation", &observation(&patient));
    assert_eq!(created.status, 201, "{}", text(&created));
    assert_eq!(created.header("etag"), Some("W/\"1\""));
    let id = body(&created)["id"].as_str().unwrap().to_owned();
    assert!(created.header("location").unwrap().ends_with(&format!("/Observation/{id}/_history/1")));
    let mut changed = body(&created);
    changed["status"] = json!("amended");
    let updated = cabinet.put(&format!("Observation/{id}"), &changed);
    assert_eq!(updated.status, 200, "{}", text(&updated));
    assert_eq!(body(&updated)["meta"]["versionId"], "2");
    assert_eq!(cabinet.found(&format!("Observation/{id}/_history/1"))["status"], "final");
    assert_eq!(cabinet.call("DELETE", &format!("Observation/{id}"), &[], b"").status, 204);
    refused(&cabinet.get(&format!("Observation/{id}")), 410);
    let history = cabinet.found(&format!("Observation/{id}/_history"));
    assert_eq!(history["total"], 3);
    assert_eq!(history["entry"][0]["request"]["method"], "DELETE");
    refused(&cabinet.get("Observation/nobody"), 404);
}

fn what_was_sent_comes_back_digit_for_digit(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let sent = format!(
        "{{\"resourceType\":\"Observation\",\"status\":\"final\",\n  \"code\":{{\"text\":\"été \\u00e0\"}},\"subject\":{{\"reference\":\"{patient}\"}},\"valueQuantity\":{{\"value\":1.50}}}}"
    );
    let created = cabinet.call("POST", "Observation", &[("Content-Type", FHIR_JSON)], sent.as_bytes());
    assert_eq!(created.status, 201, "{}", text(&created));
    let id = body(&created)["id"].as_str().unwrap().to_owned();
    let stored = text(&cabinet.get(&format!("Observation/{id}")));
    assert!(stored.contains("\n  \"code\":{\"text\":\"été \\u00e0\"}") && stored.contains("\"value\":1.50"), "{stored}");
}

fn if_match_keeps_two_writers_apart(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let patient = cabinet.found(&format!("Patient/{id}"));
    let put = |c: &mut crate::support::Session, version: &str| {
        c.call("PUT", &format!("Patient/{id}"), &[("Content-Type", FHIR_JSON), ("If-Match", version)], patient.to_string().as_bytes())
    };
    assert_eq!(put(&mut cabinet, "W/\"1\"").status, 200);
    refused(&put(&mut cabinet, "W/\"1\""), 412);
    let unchanged = cabinet.call("GET", &format!("Patient/{id}"), &[("If-None-Match", "W/\"2\"")], b"");
    assert_eq!(unchanged.status, 304);
}

fn a_conditional_create_makes_one(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let organization = json!({"resourceType": "Organization", "identifier": [{"system": "urn:x", "value": "7"}], "name": "Maison de santé"});
    let create = |c: &mut crate::support::Session| {
        c.call("POST", "Organization", &[("Content-Type", FHIR_JSON), ("If-None-Exist", "identifier=urn:x|7")], organization.to_string().as_bytes())
    };
    let first = create(&mut cabinet);
    let second = create(&mut cabinet);
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(body(&first)["id"], body(&second)["id"]);
}

fn an_ins_names_one_patient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let twin = cabinet.found(&format!("Patient/{id}"));
    refused(&cabinet.post("Patient", &twin), 409);
}

fn a_patient_with_a_record_is_not_deleted(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    cabinet.post("Observation", &observation(&format!("Patient/{id}")));
    refused(&server.client("client-imagerie").call("DELETE", &format!("Patient/{id}"), &[], b""), 409);
    let empty = cabinet.patient("270037500000243");
    assert_eq!(cabinet.call("DELETE", &format!("Patient/{empty}"), &[], b"").status, 204);
}

fn preconditions_hold_for_every_method(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let patient = cabinet.found(&format!("Patient/{id}"));
    let path = format!("Patient/{id}");
    refused(&cabinet.call("DELETE", &path, &[("If-Match", "W/\"77\"")], b""), 412);
    refused(&cabinet.call("PUT", &path, &[("Content-Type", FHIR_JSON), ("If-None-Match", "*")], patient.to_string().as_bytes()), 412);
    assert_eq!(cabinet.call("PUT", &path, &[("Content-Type", FHIR_JSON), ("If-Match", "*")], patient.to_string().as_bytes()).status, 200);
    let other = cabinet.patient("270037500000243");
    let mut twin = patient.clone();
    twin["id"] = json!(other);
    refused(&cabinet.put(&format!("Patient/{other}"), &twin), 409);
}

fn a_transaction_reads_what_it_writes_and_names_nothing_twice(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let put = json!({"resource": {"resourceType": "Organization", "id": "o1", "name": "Maison de santé"}, "request": {"method": "PUT", "url": "Organization/o1"}});
    let get = json!({"request": {"method": "GET", "url": "Organization/o1"}});
    let done = cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [get, put]}));
    assert_eq!(done.status, 200, "{}", text(&done));
    assert_eq!(body(&done)["entry"][0]["resource"]["name"], "Maison de santé");
    assert!(!text(&done).contains("1970-01-01"));
    refused(&cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [put, put]})), 400);
    let dangling = json!({"resource": observation("urn:uuid:00000000-0000-4000-8000-00000000dead"), "request": {"method": "POST", "url": "Observation"}});
    refused(&cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [dangling]})), 422);
    let patient = json!({"fullUrl": "http://autre.example/fhir/Patient/77", "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}});
    let relative = json!({"fullUrl": "http://autre.example/fhir/Observation/1", "resource": observation("Patient/77"), "request": {"method": "POST", "url": "Observation"}});
    let done = cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [patient, relative]}));
    assert_eq!(done.status, 200, "{}", text(&done));
}

fn one_wrong_entry_harms_no_other_of_a_batch(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let entries = json!([{"resource": {"resourceType": "Observation", "colour": "blue"}, "request": {"method": "POST", "url": "Observation"}},
        {"resource": observation(&patient), "request": {"method": "POST", "url": "Observation"}}]);
    let answer = cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "batch", "entry": entries}));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let statuses: Vec<String> = body(&answer)["entry"].as_array().unwrap().iter().map(|e| e["response"]["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(statuses, ["422", "201"]);
}

fn xml_is_read_and_written(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><identifier><system value="urn:x"/><value value="9"/></identifier><name><family value="D&#39;ORGEVAL"/><given value="Zoé"/></name><birthDate value="1990-02-03"/></Patient>"#;
    let created = cabinet.call("POST", "Patient", &[("Content-Type", FHIR_XML), ("Accept", FHIR_XML)], xml.as_bytes());
    assert_eq!(created.status, 201, "{}", text(&created));
    assert!(created.header("content-type").unwrap().starts_with(FHIR_XML));
    let found = cabinet.found("Patient?identifier=urn:x%7C9");
    assert_eq!(found["entry"][0]["resource"]["name"][0]["family"], "D'ORGEVAL");
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap();
    let written = text(&cabinet.call("GET", &format!("Patient/{id}?_format=xml"), &[], b""));
    assert!(written.contains("<birthDate value=\"1990-02-03\"/>") && written.contains(&format!("<id value=\"{id}\"/>")), "{written}");
    let refusal = cabinet.call("GET", "Patient/nobody", &[("Accept", FHIR_XML)], b"");
    assert!(text(&refusal).contains("<OperationOutcome"), "{}", text(&refusal));
}

fn a_transaction_is_all_or_nothing(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = json!({"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "t"}]}, "request": {"method": "POST", "url": "Patient"}});
    let good = json!({"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": observation("urn:uuid:00000000-0000-4000-8000-000000000001"), "request": {"method": "POST", "url": "Observation"}});
    let bad = json!({"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000003", "resource": observation("Patient/nobody"), "request": {"method": "POST", "url": "Observation"}});
    let failed = cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [patient, good, bad]}));
    let outcome = refused(&failed, 422);
    assert!(outcome["issue"][0]["expression"][0].as_str().unwrap().starts_with("Bundle.entry[2]"), "{outcome}");
    assert_eq!(cabinet.found("Patient?identifier=urn:x%7Ct")["total"], 0);
    let done = cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [patient, good]}));
    assert_eq!(done.status, 200, "{}", text(&done));
    let id = cabinet.found("Patient?identifier=urn:x%7Ct")["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    assert_eq!(cabinet.found(&format!("Observation?patient={id}"))["total"], 1);
}

fn a_batch_answers_each_entry(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": format!("Patient/{id}")}}, {"request": {"method": "GET", "url": "Patient/nobody"}},
        {"request": {"method": "GET", "url": format!("Observation?patient={id}")}}]});
    let answer = body(&cabinet.post("/fhir", &batch));
    let statuses: Vec<&str> = answer["entry"].as_array().unwrap().iter().map(|e| e["response"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200", "404", "200"]);
    assert_eq!(answer["entry"][1]["response"]["outcome"]["resourceType"], "OperationOutcome");
}

fn metadata_says_what_the_registry_says(server: &TestServer) {
    let statement = server.cabinet().found("metadata");
    assert_eq!((statement["resourceType"].as_str(), statement["fhirVersion"].as_str()), (Some("CapabilityStatement"), Some("4.0.1")));
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    for row in &passerelle::interaction::registry::registry().resources {
        let stated = types.iter().find(|t| t["type"] == row.kind).unwrap_or_else(|| panic!("{}", row.kind));
        let codes: Vec<&str> = stated["interaction"].as_array().into_iter().flatten().filter_map(|i| i["code"].as_str()).collect();
        assert_eq!(codes, row.interactions, "{}", row.kind);
    }
    let _ = resources(&statement, "");
}

fn types_and_interactions_that_are_not_offered_are_refused_with_their_reason(server: &TestServer) {
    let mut cabinet = server.cabinet();
    refused(&cabinet.get("Basket/1"), 404);
    refused(&cabinet.get("Patient/1/$everythingelse"), 404);
    let outcome = refused(&cabinet.put("DocumentReference/1", &json!({"resourceType": "DocumentReference", "id": "1"})), 405);
    assert!(outcome.to_string().contains("PATCH"), "{outcome}");
    let answer = cabinet.call("PUT", "", &[("Content-Type", FHIR_JSON)], b"{\"a\":1}");
    refused(&answer, 405);
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(cabinet.call("PUT", "DocumentReference/1", &[("Content-Type", FHIR_JSON)], b"{\"a\":1}").header("allow"), Some("GET, HEAD, PATCH, DELETE"));
}
