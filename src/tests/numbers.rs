//! A walk through patients' numbers is counted on every road that looks a patient up by one, by the number and not by the request.

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Response, Session, TestServer, json as body_of, small_cda, text};

const INS: &str = "258027511234534";
const SYSTEM: &str = "urn:oid:1.2.250.1.213.1.4.10";
/// `limits.toml`: unknown-patient.
const LIMIT: usize = 20;

enforced_on_both! {
    every_road_counts_unknown_numbers
    each_number_of_a_list_counts
    a_patient_who_is_made_is_no_miss
}

/// One way of asking for a patient's number, as it is, or as `system|value`.
type Road = fn(&mut Session, &str) -> Response;

const ROADS: &[(&str, Road)] = &[
    ("Patient by GET", |s, n| s.get(&format!("Patient?identifier={SYSTEM}|{n}"))),
    ("Patient by POST", |s, n| s.call("POST", "Patient/_search", FORM, format!("identifier={SYSTEM}%7C{n}").as_bytes())),
    ("DocumentReference", |s, n| s.get(&format!("DocumentReference?patient.identifier={SYSTEM}|{n}"))),
    ("List", |s, n| s.get(&format!("List?patient.identifier={SYSTEM}|{n}&code=submissionset&status=current"))),
    ("Condition", |s, n| s.get(&format!("Condition?patient.identifier={SYSTEM}|{n}"))),
    ("a known one in the same list", |s, n| s.get(&format!("Patient?identifier={SYSTEM}|{INS},{SYSTEM}|{n}"))),
    ("summary", |s, n| s.get(&format!("Patient/$summary?identifier={SYSTEM}|{n}"))),
    ("key-info", |s, n| s.get(&format!("Patient/$key-info?identifier={SYSTEM}|{n}"))),
    ("documents-delta", |s, n| s.get(&format!("Patient/$documents-delta?identifier={SYSTEM}|{n}"))),
    ("cds-hooks", |s, n| {
        let patient = json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": n}]});
        let context = json!({"userId": "Practitioner/p", "patientId": "x"});
        let body = json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context, "prefetch": {"patient": patient}});
        s.call("POST", "/cds-services/passerelle-key-info", &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }),
    ("subject of a create", |s, n| s.post("Condition", &condition(n))),
    ("subject of an update", |s, n| {
        let mut condition = condition(n);
        condition["id"] = json!("nobodys");
        s.call("PUT", "Condition/nobodys", &[("Content-Type", FHIR_JSON), ("If-Match", "W/\"99\"")], condition.to_string().as_bytes())
    }),
    ("update of a Patient", |s, n| {
        let patient = json!({"resourceType": "Patient", "id": "nobody", "identifier": [{"system": SYSTEM, "value": n}]});
        s.call("PUT", "Patient/nobody", &[("Content-Type", FHIR_JSON), ("If-Match", "W/\"99\"")], patient.to_string().as_bytes())
    }),
    ("conditional create", |s, n| {
        let condition = format!("identifier={SYSTEM}|{n}");
        s.call("POST", "Patient", &[("Content-Type", FHIR_JSON), ("If-None-Exist", &condition)], unqualified().to_string().as_bytes())
    }),
    ("subject of a transaction that fails", |s, n| {
        let failing = json!({"resource": {"resourceType": "Observation", "id": "none", "status": "final", "code": {"text": "x"}}, "request": {"method": "PUT", "url": "Observation/none", "ifMatch": "W/\"99\""}});
        s.post("", &bundle("transaction", json!([{"resource": condition(n), "request": {"method": "POST", "url": "Condition"}}, failing])))
    }),
    ("search in a batch", |s, n| s.post("", &bundle("batch", json!([{"request": {"method": "GET", "url": format!("Patient?identifier={SYSTEM}|{n}")}}])))),
    ("search in a transaction", |s, n| s.post("", &bundle("transaction", json!([{"request": {"method": "GET", "url": format!("Patient?identifier={SYSTEM}|{n}")}}])))),
    ("subject of a document", |s, n| {
        let attachment = json!({"contentType": "text/plain", "data": "eA=="});
        s.post(
            "DocumentReference",
            &json!({"resourceType": "DocumentReference", "status": "current", "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.93{n}")},
                "subject": {"reference": format!("Patient?identifier={SYSTEM}|{n}")}, "content": [{"attachment": attachment}]}),
        )
    }),
    // Refused, as what it replaces is another patient's; nothing is stored.
    ("deposit", |s, n| s.call("POST", "$deposit?replaces=2.25.9100", &[("Content-Type", "application/xml")], &small_cda(&format!("2.25.92{n}"), n, ""))),
];

const FORM: &[(&str, &str)] = &[("Content-Type", "application/x-www-form-urlencoded"), ("Accept", FHIR_JSON)];

fn condition(number: &str) -> Value {
    json!({"resourceType": "Condition", "subject": {"reference": format!("Patient?identifier={SYSTEM}|{number}")}, "code": {"text": "x"}})
}

/// A Patient that is refused after its condition was looked at.
fn unqualified() -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": "158027511234539"}],
        "extension": [{"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability", "extension": [{"url": "identityStatus", "valueCoding": {"code": "PROV"}}]}]})
}

fn bundle(kind: &str, entries: Value) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

/// Somebody whom nothing was counted against, with a document of his own for the patient who is known.
fn somebody(server: &TestServer, number: usize) -> Session {
    let mut session = server.acting("client-imagerie", &["--rpps", &format!("8997010{number:05}"), "--profession", "10"]);
    session.deposit(&small_cda("2.25.9100", INS, ""));
    session
}

fn unknown(road: usize, number: usize) -> String {
    format!("1580275{road:04}{number:04}")
}

fn every_road_counts_unknown_numbers(server: &TestServer) {
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    for (index, (name, road)) in ROADS.iter().enumerate() {
        let mut session = somebody(server, index);
        let before = events(&mut auditor);
        for number in 0..LIMIT {
            let answer = road(&mut session, &unknown(index, number));
            assert_ne!(answer.status, 429, "{name} {number}: {}", text(&answer));
        }
        // Stopped on this road, in front of somebody who is known too, and on the plainest one.
        for (n, stopped) in [(INS, road), (&unknown(index, LIMIT), road), (INS, &ROADS[0].1)] {
            let answer = stopped(&mut session, n);
            let inner = text(&answer).contains("P-0641") || text(&answer).contains("\"status\":\"429\"");
            assert!(answer.status == 429 || inner || *name == "cds-hooks" && !text(&answer).contains("Ouvrir"), "{name}: {} {}", answer.status, text(&answer));
        }
        assert!(events(&mut auditor) >= before + LIMIT, "{name}: each is traced");
    }
}

/// How many events the trail holds.
fn events(auditor: &mut Session) -> usize {
    auditor.found("AuditEvent?date=ge2020-01-01&_summary=count")["total"].as_u64().unwrap().try_into().unwrap()
}

fn each_number_of_a_list_counts(server: &TestServer) {
    let mut session = somebody(server, 900);
    let list = |from: usize, to: usize| (from..to).map(|n| format!("{SYSTEM}|{}", unknown(900, n))).collect::<Vec<_>>().join(",");
    let answer = session.get(&format!("Patient?identifier={SYSTEM}|{INS},{}", list(0, LIMIT)));
    assert_eq!((answer.status, body_of(&answer)["total"].as_u64()), (200, Some(1)), "as many as are allowed");
    assert_eq!(session.get(&format!("Patient?identifier={SYSTEM}|{INS}")).status, 429);
    let mut session = somebody(server, 901);
    let answer = session.get(&format!("DocumentReference?patient.identifier={SYSTEM}|{INS},{}", list(0, LIMIT + 1)));
    assert_eq!(answer.status, 429, "what goes beyond is not answered");
    // The same number asked again is one.
    let mut session = somebody(server, 902);
    for _ in 0..LIMIT + 5 {
        assert_eq!(session.get(&format!("Patient?identifier={SYSTEM}|{}", unknown(902, 0))).status, 200);
    }
}

fn a_patient_who_is_made_is_no_miss(server: &TestServer) {
    let mut session = somebody(server, 910);
    for number in 0..LIMIT + 5 {
        let value = unknown(910, number);
        let condition = format!("identifier={SYSTEM}|{value}");
        let patient = json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}]});
        let answer = session.call("POST", "Patient", &[("Content-Type", FHIR_JSON), ("If-None-Exist", &condition)], patient.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", text(&answer));
        let answer = session.deposit(&small_cda(&format!("2.25.91{number:03}"), &unknown(911, number), ""));
        assert_eq!(answer.status, 201, "{}", text(&answer));
    }
    assert_eq!(session.get(&format!("Patient?identifier={SYSTEM}|{INS}")).status, 200);
}
