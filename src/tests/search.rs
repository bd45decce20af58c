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
    a_parameter_given_twice_must_hold_twice_and_commas_are_alternatives
    more_alternatives_than_the_limit_are_refused_never_dropped
    a_person_is_found_by_any_part_of_the_name
    a_modifier_that_is_not_supported_is_rejected
    every_form_of_a_value_is_understood
    an_order_that_is_not_supported_is_refused_or_reported
    a_hidden_target_is_searched_like_an_unknown_one
    the_capability_statement_lists_what_each_type_has
}

fn found(session: &mut crate::support::Session, query: &str) -> u64 {
    session.found(query)["total"].as_u64().unwrap()
}

fn every_parameter_of_iti67_finds_and_excludes(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000121");
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
    assert_eq!(found(&mut cabinet, "DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C270037500000121&status=current"), 1);
    assert_eq!(found(&mut cabinet, "DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C000000000000000&status=current"), 0, "an unknown patient has no documents");
}

fn every_parameter_of_iti66_finds_and_excludes(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000121");
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
    let patient = cabinet.patient("270037500000121");
    cabinet.post("/fhir", &submission(&format!("Patient/{patient}"), "urn:oid:1.2.3.51", "application/pdf", b"%PDF", |_| {}));
    let answer =
        cabinet.call("POST", "DocumentReference/_search", &[("Content-Type", "application/x-www-form-urlencoded")], format!("patient={patient}&status=current").as_bytes());
    assert_eq!(crate::support::json(&answer)["total"], 1);
    refused(&cabinet.post("DocumentReference/_search", &json!({"a": 1})), 415);
}

fn pages_follow_each_other_and_their_links_are_the_callers_own(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000121");
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
    refused(&cabinet.get(&links[0].replacen("DocumentReference?", "List?", 1)), 400);
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
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    for (day, code) in [("2026-01-01", "8867-4"), ("2026-02-01", "4548-4")] {
        let body = json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "subject": {"reference": patient}, "effectiveDateTime": day});
        assert_eq!(cabinet.post("Observation", &body).status, 201);
    }
    for (query, total) in [("code=http://loinc.org%7C4548-4", 1), ("code=8867-4,4548-4", 2), ("date=ge2026-02", 1), ("code=1", 0)] {
        assert_eq!(found(&mut cabinet, &format!("Observation?patient={patient}&{query}")), total, "{query}");
    }
    assert_eq!(found(&mut cabinet, "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10%7C270037500000121"), 1);
}

fn two_documents(server: &TestServer) -> (crate::support::Session, String, String) {
    let mut cabinet = server.cabinet();
    let (a, b) = (cabinet.patient("270037500000121"), cabinet.patient("258027511234534"));
    for (patient, unique, day) in [(&a, "urn:oid:1.2.3.70", "2026-03-10"), (&a, "urn:oid:1.2.3.71", "2026-05-20"), (&b, "urn:oid:1.2.3.72", "2026-03-10")] {
        let bundle = submission(&format!("Patient/{patient}"), unique, "application/pdf", unique.as_bytes(), |r| {
            r["date"] = json!(format!("{day}T10:00:00+01:00"));
            r["contained"][0]["name"] = json!([{"family": "Le Goff", "given": ["Zoé", "Anne"], "prefix": ["Dr"]}]);
        });
        let answer = cabinet.post("/fhir", &bundle);
        assert_eq!(answer.status, 200, "{}", text(&answer));
    }
    (cabinet, a, b)
}

fn a_parameter_given_twice_must_hold_twice_and_commas_are_alternatives(server: &TestServer) {
    let (mut cabinet, a, b) = two_documents(server);
    let ids: Vec<String> =
        resources(&cabinet.found(&format!("DocumentReference?patient={a}&_sort=date")), "DocumentReference").iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
    let ins = "urn:oid:1.2.250.1.213.1.4.10%7C";
    let rows = [
        (format!("patient={a}&patient={b}"), 0),
        (format!("patient={a}&patient={a}"), 2),
        (format!("patient={a},{b}"), 3),
        (format!("patient={a}&patient.identifier={ins}258027511234534"), 0),
        (format!("patient={a}&subject:Patient={a}"), 2),
        (format!("patient={a}&patient:Patient.identifier={ins}270037500000121"), 2),
        (format!("_id={}&_id={}", ids[0], ids[1]), 0),
        (format!("_id={},{}", ids[0], ids[1]), 2),
        (format!("_id={}&patient={b}", ids[0]), 0),
        ("identifier=urn:oid:1.2.3.70&identifier=urn:oid:1.2.3.71".to_owned(), 0),
        ("identifier=urn:oid:1.2.3.70,urn:oid:1.2.3.72".to_owned(), 2),
        (format!("identifier=urn:oid:1.2.3.70&patient={b}"), 0),
        ("identifier=urn:ietf:rfc:3986%7Curn:oid:9.9,urn:x%7Curn:oid:1.2.3.70".to_owned(), 0),
        (format!("patient={a}&date=2026-03-10,2026-05-20"), 2),
        (format!("patient={a}&date=lt2026-03-01,ge2026-05-01"), 1),
        (format!("patient={a}&date=ge2026-04&date=lt2026-05"), 0),
        (format!("patient={a}&author.family=x,y,z,le goff"), 2),
        (format!("patient={a}&_lastUpdated=lt2020,ge2026"), 2),
        (format!("patient={a}&_lastUpdated=lt2020&_lastUpdated=ge2026"), 0),
    ];
    for (query, total) in rows {
        assert_eq!(found(&mut cabinet, &format!("DocumentReference?{}", query.replace(' ', "%20"))), total, "{query}");
    }
    let observation =
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": format!("Patient/{a}")}, "effectiveDateTime": "2026-01-01"});
    let id = crate::support::json(&cabinet.post("Observation", &observation))["id"].as_str().unwrap().to_owned();
    for (query, total) in [
        (format!("_id={id}&patient={b}"), 0),
        (format!("_id={id}&patient={a}"), 1),
        (format!("patient={a}&patient={b}"), 0),
        (format!("patient={a},{b}&_lastUpdated=lt2020,ge2026"), 1),
    ] {
        assert_eq!(found(&mut cabinet, &format!("Observation?{query}")), total, "{query}");
    }
}

fn more_alternatives_than_the_limit_are_refused_never_dropped(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.patient("270037500000121");
    for kind in ["DocumentReference?type=", "Observation?code="] {
        let (kind, parameter) = kind.split_once('?').unwrap();
        refused(&cabinet.get(&format!("{kind}?patient={patient}&{parameter}{}", vec!["1"; 101].join(","))), 422);
        assert_eq!(found(&mut cabinet, &format!("{kind}?patient={patient}&{parameter}{}", vec!["1"; 100].join(","))), 0);
    }
}

fn a_person_is_found_by_any_part_of_the_name(server: &TestServer) {
    let (mut cabinet, a, _) = two_documents(server);
    for (query, total) in [
        ("author.name=le go", 2),
        ("author.name=ANNE", 2),
        ("author.name=zo%C3%A9", 2),
        ("author.name=goff", 0),
        ("author.name:contains=goff", 2),
        ("author.family:contains=GOFF", 2),
        ("author.family:contains=martin", 0),
        ("author:Practitioner.family=Le Goff", 2),
        ("author:PractitionerRole.family=Le Goff", 2),
        ("author:Patient.family=Le Goff", 0),
        ("author.family:missing=false", 2),
        ("author.family:missing=true", 0),
    ] {
        assert_eq!(found(&mut cabinet, &format!("DocumentReference?patient={a}&{}", query.replace(' ', "%20"))), total, "{query}");
    }
    let person = json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:x", "value": "1"}], "name": [{"family": "Le Goff", "given": ["Zoé"]}]});
    assert_eq!(cabinet.post("Practitioner", &person).status, 201);
    for (query, total) in [
        ("family=le", 1),
        ("family=goff", 0),
        ("family:contains=goff", 1),
        ("family:exact=Le%20Goff", 1),
        ("family:exact=le%20goff", 0),
        ("name:exact=Zo%C3%A9", 1),
        ("name=zoe", 1),
        ("given:missing=false&active:missing=true", 1),
    ] {
        assert_eq!(found(&mut cabinet, &format!("Practitioner?{query}")), total, "{query}");
    }
}

fn a_modifier_that_is_not_supported_is_rejected(server: &TestServer) {
    let (mut cabinet, a, _) = two_documents(server);
    for query in ["author.family:exact=LE", "type:in=urn:x", "date:not=2026", "item:missing=true", "relatesto:missing=true", "identifier:missing=true", "subject:Group=1"] {
        let kind = if query.starts_with("item") { "List" } else { "DocumentReference" };
        refused(&cabinet.get(&format!("{kind}?patient={a}&{query}")), 400);
    }
    // A parameter of the other type is unknown: reported, or refused under strict handling.
    for (kind, query) in [("DocumentReference", "designationType=07"), ("List", "facility=SA07"), ("Practitioner", "patient=1"), ("DocumentReference", "identifier:system=x")] {
        let path = if kind == "Practitioner" { format!("{kind}?{query}") } else { format!("{kind}?patient={a}&{query}") };
        let strict = cabinet.call("GET", &path, &[("Accept", "application/fhir+json"), ("Prefer", "handling=strict")], b"");
        refused(&strict, 400);
    }
}

fn every_form_of_a_value_is_understood(server: &TestServer) {
    let (mut cabinet, a, _) = two_documents(server);
    for (query, total) in [
        ("identifier=urn:ietf:rfc:3986%7C", 2),
        ("identifier=urn:oid:1.2.3%7C", 0),
        ("type=http://loinc.org%7C", 2),
        ("type=http://snomed.info/sct%7C", 0),
        ("type:not=http://loinc.org%7C", 0),
        ("type:not=60591-5", 2),
        ("date=2026-03-10T09:00Z", 1),
        ("date=2026-03-10T10:00%2B01:00", 1),
        ("date=2026-03-10T10:01%2B01:00", 0),
        ("date=ap2026-03-08", 1),
        ("date=ap2020", 0),
        ("_summary=false", 2),
    ] {
        assert_eq!(found(&mut cabinet, &format!("DocumentReference?patient={a}&{query}")), total, "{query}");
    }
    for query in ["date=ap", "date=2026-13", "type=%7C", "author.family=--", "_total=some", "_count=-1"] {
        refused(&cabinet.get(&format!("DocumentReference?patient={a}&{query}")), 400);
    }
    refused(&cabinet.get("DocumentReference?identifier=urn:ietf:rfc:3986%7C"), 400);
}

fn an_order_that_is_not_supported_is_refused_or_reported(server: &TestServer) {
    let (mut cabinet, a, _) = two_documents(server);
    for order in ["-date,_id", "date,-_lastUpdated", "_lastUpdated"] {
        let page = cabinet.found(&format!("DocumentReference?patient={a}&_sort={order}"));
        assert!(resources(&page, "OperationOutcome").is_empty(), "{order}");
    }
    for order in ["-creation", "date,type"] {
        let page = cabinet.found(&format!("DocumentReference?patient={a}&_sort={order}"));
        assert_eq!((page["total"].as_u64(), resources(&page, "OperationOutcome").len()), (Some(2), 1), "{order}");
        let headers = [("Accept", "application/fhir+json"), ("Prefer", "handling=strict")];
        refused(&cabinet.call("GET", &format!("DocumentReference?patient={a}&_sort={order}"), &headers, b""), 400);
    }
}

fn a_hidden_target_is_searched_like_an_unknown_one(server: &TestServer) {
    let (mut cabinet, a, _) = two_documents(server);
    let ids: Vec<String> =
        resources(&cabinet.found(&format!("DocumentReference?patient={a}&_sort=date")), "DocumentReference").iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
    let hidden = &ids[0];
    let newer = submission(&format!("Patient/{a}"), "urn:oid:1.2.3.79", "application/pdf", b"%PDF suite", |r| {
        r["relatesTo"] = json!([{"code": "appends", "target": {"reference": format!("DocumentReference/{hidden}")}}]);
    });
    let answer = cabinet.post("/fhir", &newer);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let masked = json!([{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument", "code": "MASQUE_PS"}]},
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}]}]);
    let answer = cabinet.call("PATCH", &format!("DocumentReference/{hidden}"), &[("Content-Type", "application/json-patch+json")], masked.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let mut other = server.client("client-imagerie");
    let asked = |id: &str| {
        let whole = format!("{}/DocumentReference/{id}", server.base);
        [
            format!("List?patient={a}&item=DocumentReference/{id}"),
            format!("List?patient={a}&item={id}"),
            format!("List?patient={a}&item:DocumentReference={id}"),
            format!("List?patient={a}&item={whole}"),
            format!("DocumentReference?patient={a}&relatesto=DocumentReference/{id}"),
            format!("DocumentReference?patient={a}&relatesto=DocumentReference/{id}/_history/1"),
            format!("Provenance?entity=DocumentReference/{id}"),
            format!("Provenance?target=DocumentReference/{id}"),
        ]
    };
    for (of_hidden, of_unknown) in asked(hidden).iter().zip(asked("nowhere")) {
        let (hidden, unknown) = (other.found(of_hidden), other.found(&of_unknown));
        assert_eq!((&hidden["total"], hidden.get("entry")), (&unknown["total"], unknown.get("entry")), "{of_hidden}");
        assert_eq!(hidden["total"], 0, "{of_hidden}");
    }
    for query in asked(hidden).iter().take(5) {
        assert!(found(&mut cabinet, query) > 0, "{query}: the author does find it");
    }
}

fn the_capability_statement_lists_what_each_type_has(server: &TestServer) {
    let statement = server.cabinet().found("metadata");
    assert!(statement["patchFormat"].as_array().unwrap().contains(&json!("application/fhir+xml")));
    let resource = |kind: &str| statement["rest"][0]["resource"].as_array().unwrap().iter().find(|r| r["type"] == kind).unwrap().clone();
    let has = |kind: &str, code: &str| resource(kind)["searchParam"].as_array().unwrap().iter().any(|p| p["name"] == code);
    for (code, reference, list) in [
        ("facility", true, false),
        ("item", false, true),
        ("designationType", false, true),
        ("date", true, true),
        ("identifier:system", false, false),
        ("_sort", true, true),
        ("_id", true, true),
    ] {
        assert_eq!((has("DocumentReference", code), has("List", code)), (reference, list), "{code}");
    }
    assert_eq!(resource("DocumentReference")["searchInclude"], json!(["DocumentReference:relatesto", "DocumentReference:patient", "DocumentReference:subject"]));
    assert!(resource("DocumentReference")["conditionalUpdate"] == true && resource("DocumentReference").to_string().contains("conditional PUT is not offered"));
    assert!(resource("Patient")["documentation"].as_str().unwrap().contains("422"));
}
