//! ITI-66, ITI-67 and search of the other types: every parameter of the document-sharing table, GET and POST, pages, totals.

use serde_json::json;

use crate::on_both;
use crate::sharing::submission;
use crate::support::{TestServer, refused, resources, text};

on_both! {
    every_parameter_of_iti67_finds_and_excludes
    every_parameter_of_iti66_finds_and_excludes
    post_search_is_get_search
    pages_follow_each_other_and_their_links_are_the_callers_own
    a_search_needs_a_patient
    other_types_are_searched_by_their_table
}

fn found(session: &mut crate::support::Session, query: &str) -> u64 {
    session.found(query)["total"].as_u64().unwrap()
}

fn every_parameter_of_iti67_finds_and_excludes(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000144");
    let reference = format!("Patient/{patient}");
    let bundle = submission(&reference, "urn:oid:1.2.3.40", "application/pdf", b"%PDF", |r| {
        r["context"]["event"] = json!([{"coding": [{"system": "http://loinc.org", "code": "24725-4"}]}]);
        r["context"]["period"]["end"] = json!("2026-03-10T10:00:00+01:00");
        r["context"]["related"] = json!([{"identifier": {"system": "urn:oid:1.2.9", "value": "ACC-1"}}]);
        r["description"] = json!("Suivi annuel");
    });
    let answer = cabinet.post("/fhir", &bundle);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let hits = [
        "status=current",
        "type=http://loinc.org|11488-4",
        "type=11488-4",
        "category=10",
        "format=urn:ihe:iti:xds:2017:mimeTypeSufficient",
        "facility=SA07",
        "setting=AMBULATOIRE",
        "event=24725-4",
        "security-label=N",
        "identifier=urn:oid:1.2.3.40",
        "identifier=urn:ietf:rfc:3986|urn:oid:1.2.3.40",
        "date=2026-03-10",
        "date=ge2026-01",
        "creation=2026-03-10",
        "period=ge2026-03-10",
        "period-start=ge2026-03-10",
        "period-end=le2026-03-11",
        "author.identifier=801234567897",
        "author.given=cla",
        "author.family=Martin",
        "related:identifier=urn:oid:1.2.9|ACC-1",
        "status=current,superseded",
    ];
    for query in hits {
        assert_eq!(found(&mut cabinet, &format!("DocumentReference?patient={patient}&{}", query.replace('|', "%7C"))), 1, "{query}");
    }
    for query in [
        "status=superseded",
        "type=60591-5",
        "category=11",
        "facility=SA01",
        "event=1",
        "security-label=R",
        "identifier=urn:oid:1.2.3.41",
        "date=2025",
        "period-start=lt2026",
        "author.family=Durand",
        "isArchived=true",
    ] {
        assert_eq!(found(&mut cabinet, &format!("DocumentReference?patient={patient}&{query}")), 0, "{query}");
    }
    assert_eq!(found(&mut cabinet, "DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C270037500000144&status=current"), 1);
    assert_eq!(found(&mut cabinet, "DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C000000000000000&status=current"), 0, "an unknown patient has no documents");
}

fn every_parameter_of_iti66_finds_and_excludes(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000144");
    let answer = cabinet.post("/fhir", &submission(&format!("Patient/{patient}"), "urn:oid:1.2.3.50", "application/pdf", b"%PDF", |_| {}));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    for query in [
        "code=submissionset&status=current",
        "code=https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes|submissionset",
        "date=ge2026-03-01",
        "designationType=07",
        "sourceId=urn:oid:1.2.3.4",
        "identifier=urn:oid:1.2.3.50.1",
    ] {
        assert_eq!(found(&mut cabinet, &format!("List?patient={patient}&{}", query.replace('|', "%7C"))), 1, "{query}");
    }
    for query in ["code=folder", "date=ge2027", "designationType=99"] {
        assert_eq!(found(&mut cabinet, &format!("List?patient={patient}&{query}")), 0, "{query}");
    }
}

fn post_search_is_get_search(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000144");
    cabinet.post("/fhir", &submission(&format!("Patient/{patient}"), "urn:oid:1.2.3.51", "application/pdf", b"%PDF", |_| {}));
    let answer =
        cabinet.call("POST", "DocumentReference/_search", &[("Content-Type", "application/x-www-form-urlencoded")], format!("patient={patient}&status=current").as_bytes());
    assert_eq!(crate::support::json(&answer)["total"], 1);
    refused(&cabinet.post("DocumentReference/_search", &json!({"a": 1})), 415);
}

fn pages_follow_each_other_and_their_links_are_the_callers_own(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000144");
    for i in 0..5 {
        let bundle = submission(&format!("Patient/{patient}"), &format!("urn:oid:1.2.3.6.{i}"), "application/pdf", format!("%PDF {i}").as_bytes(), |r| {
            r["date"] = json!(format!("2026-03-1{i}T10:00:00+01:00"))
        });
        assert_eq!(cabinet.post("/fhir", &bundle).status, 200);
    }
    let mut path = format!("/fhir/DocumentReference?patient={patient}&_count=2&_sort=-date");
    let mut dates = Vec::new();
    let mut links = Vec::new();
    loop {
        let page = cabinet.found(&path);
        assert_eq!(page["total"], 5);
        dates.extend(resources(&page, "DocumentReference").iter().map(|r| r["date"].as_str().unwrap().to_owned()));
        let next = page["link"].as_array().unwrap().iter().find(|l| l["relation"] == "next").map(|l| l["url"].as_str().unwrap().to_owned());
        let Some(next) = next else { break };
        path = next.split_once(&format!(":{}", server.port)).unwrap().1.to_owned();
        links.push(path.clone());
    }
    assert_eq!(dates.len(), 5);
    assert!(dates.windows(2).all(|w| w[0] > w[1]), "{dates:?}");
    refused(&server.client("client-imagerie").get(&links[0]), 400);
    refused(&cabinet.get(&links[0].replacen("_page=", "_page=A", 1)), 400);
}

fn a_search_needs_a_patient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let answer = cabinet.get("DocumentReference?status=current");
    assert!((400..=422).contains(&answer.status), "{}", text(&answer));
    assert_eq!(found(&mut cabinet, "DocumentReference?identifier=urn:oid:9.9.9"), 0);
    refused(&cabinet.get("DocumentReference?patient=x&date=yesterday"), 400);
}

fn other_types_are_searched_by_their_table(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000144"));
    for (day, code) in [("2026-01-01", "8867-4"), ("2026-02-01", "4548-4")] {
        let body = json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "subject": {"reference": patient}, "effectiveDateTime": day});
        assert_eq!(cabinet.post("Observation", &body).status, 201);
    }
    for (query, total) in [("code=http://loinc.org%7C4548-4", 1), ("code=8867-4,4548-4", 2), ("date=ge2026-02", 1), ("code=1", 0)] {
        assert_eq!(found(&mut cabinet, &format!("Observation?patient={patient}&{query}")), total, "{query}");
    }
    assert_eq!(found(&mut cabinet, "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10%7C270037500000144"), 1);
}
