//! `$key-info`: how it may be asked, what of an earlier day it tells again, and ranking profiles that change while it runs.

use serde_json::{Value, json};

use crate::support::{FHIR_JSON, On, Session, TestServer, json, refused, registry_table, sample, text};

crate::on_both! {
    an_earlier_day_is_told_again_to_the_byte
    it_is_asked_by_identifier_and_by_parameters_in_the_body
}

const INS_SYSTEM: &str = "urn:oid:1.2.250.1.213.1.4.10";

fn asked(session: &mut Session, path: &str) -> Vec<u8> {
    let answer = session.call("GET", path, &[("Accept", "*/*")], b"");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    answer.body.clone()
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn patient_of(server: &TestServer, names: &[&str]) -> (String, Vec<Value>) {
    let all: Vec<Value> = names.iter().map(|name| server.cabinet().deposited(&sample(name))).collect();
    (all[0]["subject"]["reference"].as_str().unwrap().to_owned(), all)
}

fn an_earlier_day_is_told_again_to_the_byte(server: &TestServer) {
    let (patient, documents) = patient_of(server, &["01-synthese-medicale.xml", "02-biologie-2026-03.xml"]);
    let mut cabinet = server.cabinet();
    let ask = |more: &str| format!("{patient}/$key-info?_format=keyinfo&maxPerSection=100{more}");
    let then = asked(&mut cabinet, &ask(""));
    let at = value(&then)["generated"].as_str().unwrap().to_owned();
    let bundle = asked(&mut cabinet, &format!("{patient}/$key-info?asOf={at}"));
    // The day goes on: a new document, one archived, one withdrawn from sight by its author's label.
    std::thread::sleep(std::time::Duration::from_millis(20));
    cabinet.deposited(&sample("03-biologie-2026-09.xml"));
    let archived = json!([{"op": "add", "path": "/extension/-", "value": {"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}}]);
    let id = documents[1]["id"].as_str().unwrap();
    let answer = cabinet.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json")], archived.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let now = asked(&mut cabinet, &ask(""));
    assert_ne!(value(&now)["documents"], value(&then)["documents"]);
    assert_eq!(String::from_utf8(asked(&mut cabinet, &ask(&format!("&asOf={at}")))).unwrap(), String::from_utf8(then).unwrap());
    assert_eq!(asked(&mut cabinet, &format!("{patient}/$key-info?asOf={at}")), bundle);
    // Rights are those of today too: what is masked since is gone from the past as well.
    let masked = json!([{"op": "replace", "path": "/securityLabel/0/coding/0/code", "value": "MASQUE_PS"}]);
    let hidden = documents[0]["id"].as_str().unwrap();
    let answer = cabinet.call("PATCH", &format!("DocumentReference/{hidden}"), &[("Content-Type", "application/json-patch+json")], masked.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let other = asked(&mut server.client("client-laboratoire"), &ask(&format!("&asOf={at}")));
    assert!(!text_of(&other).contains(hidden) && text_of(&other).contains(id), "{}", text_of(&other));
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_day_before_the_record_has_none_and_a_day_to_come_is_refused() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml"]);
    let mut cabinet = server.cabinet();
    refused(&cabinet.get(&format!("{patient}/$key-info?asOf=2019-01-01")), 404);
    let outcome = refused(&cabinet.get(&format!("{patient}/$key-info?asOf=2999-01-01")), 400);
    assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("asOf"));
    // Nor is one that is not over: it could not be told again.
    refused(&cabinet.get(&format!("{patient}/$key-info?asOf={}", chrono::Utc::now().format("%Y-%m"))), 400);
}

fn it_is_asked_by_identifier_and_by_parameters_in_the_body(server: &TestServer) {
    let (patient, _) = patient_of(server, &["01-synthese-medicale.xml", "03-biologie-2026-09.xml"]);
    let mut cabinet = server.cabinet();
    let ins = json(&cabinet.get(&patient))["identifier"][0].clone();
    let identifier = format!("{}|{}", ins["system"].as_str().unwrap(), ins["value"].as_str().unwrap());
    let by_url = value(&asked(&mut cabinet, &format!("Patient/$key-info?identifier={identifier}&_format=keyinfo&specialty=SM04")));
    assert_eq!(by_url["patient"]["reference"].as_str(), Some(patient.as_str()));
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "identifier", "valueIdentifier": {"system": ins["system"], "value": ins["value"]}},
        {"name": "specialty", "valueString": "SM04"},
        {"name": "maxPerSection", "valueInteger": 1},
        {"name": "_format", "valueString": "keyinfo"}
    ]});
    let answer = cabinet.call("POST", "Patient/$key-info", &[("Content-Type", FHIR_JSON), ("Accept", "*/*")], body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let by_body = value(&answer.body);
    assert_eq!((&by_body["profile"]["id"], &by_body["patient"]), (&json!("cardiologist"), &by_url["patient"]));
    assert!(by_body["sections"].as_array().unwrap().iter().all(|s| s["lines"].as_array().unwrap().len() <= 1));
    refused(&cabinet.get("Patient/$key-info"), 400);
    refused(&cabinet.get(&format!("Patient/$key-info?identifier={INS_SYSTEM}|000000000000000")), 404);
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_can() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml"]);
    let mut cabinet = server.cabinet();
    for (query, told) in [
        ("_format=keyinfo&situation=panique", "medication-review"),
        ("_format=keyinfo&sources=pigeon", "patient"),
        ("_format=keyinfo&sinse=2026-01-01", "since"),
        ("_format=keyinfo&reconcile=peut-etre", "true or false"),
        ("section=problems", "_format=keyinfo"),
        ("_format=keyinfo&maxPerSection=0", "from 1 to 500"),
        ("since=2999-01-01", "future"),
        ("specialty=SM26&specialty=SM04", "once"),
        ("identifier=urn:oid:1.2.250.1.213.1.4.10%7C258027511234534", "Patient/$key-info"),
    ] {
        let outcome = refused(&cabinet.get(&format!("{patient}/$key-info?{query}")), 400);
        assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains(told), "{query}: {outcome}");
    }
}

#[test]
fn a_body_that_cannot_be_read_is_refused_and_not_taken_for_none() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml"]);
    let mut cabinet = server.cabinet();
    for body in ["{", "[]", r#"{"resourceType": "Patient"}"#, r#"{"resourceType": "Parameters", "parameter": [{"name": "since"}]}"#] {
        for operation in ["$key-info", "$summary", "$documents-delta"] {
            refused(&cabinet.call("POST", &format!("{patient}/{operation}"), &[("Content-Type", crate::support::FHIR_JSON)], body.as_bytes()), 400);
        }
    }
}

#[test]
fn a_situation_pulls_up_what_it_needs_and_loses_nothing() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml", "03-biologie-2026-09.xml", "06-vaccinations.xml", "07-prescription.xml"]);
    let mut cabinet = server.cabinet();
    let mut ask = |more: &str| value(&asked(&mut cabinet, &format!("{patient}/$key-info?_format=keyinfo&maxPerSection=500&specialty=SM26{more}")));
    let (plain, review, emergency) = (ask(""), ask("&situation=vaccination"), ask("&situation=emergency"));
    let score = |view: &Value, key: &str| {
        let section = view["sections"].as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
        section["lines"].as_array().unwrap().iter().map(|l| l["score"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert!(score(&review, "immunizations").iter().sum::<i64>() > score(&plain, "immunizations").iter().sum::<i64>());
    assert_eq!((review["situation"].as_str(), review.get("documentsWindow")), (Some("vaccination"), None));
    // Somebody who names a speciality keeps it; the situation alone brings the profile of the emergency department.
    assert_eq!(emergency["profile"]["id"], "general-practitioner");
    for key in ["problems", "medications", "results", "allergies", "immunizations"] {
        assert_eq!(score(&plain, key).len(), score(&review, key).len(), "{key}");
    }
    let own = value(&asked(&mut server.cabinet(), &format!("{patient}/$key-info?_format=keyinfo&situation=emergency")));
    assert_eq!(own["profile"]["id"], "emergency");
}

#[test]
fn sources_keep_the_documents_of_some_channels_and_say_so() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml"]);
    server.client("client-laboratoire").deposited(&sample("03-biologie-2026-09.xml"));
    let mut cabinet = server.cabinet();
    let mut total = |sources: &str| {
        let view = value(&asked(&mut cabinet, &format!("{patient}/$key-info?_format=keyinfo&window=all{sources}")));
        (view["documentsTotal"].as_u64().unwrap(), view.get("sources").cloned())
    };
    let (all, local, others, none) = (total(""), total("&sources=local"), total("&sources=DMP"), total("&sources=MSSante,app"));
    assert_eq!((all.0, local.0 + others.0, none.0), (2, 2, 0));
    let bundle = |more: &str| text_of(&cabinet_bytes(&server, &format!("{patient}/$key-info{more}")));
    assert!(bundle("?sources=DMP").contains("limitée aux documents de provenance DMP") && !bundle("").contains("limitée aux documents"), "the document says that it is not whole");
    assert!(all.1.is_none() && local.1 == Some(json!(["local"])) && none.1 == Some(json!(["MSSante", "app"])));
}

fn cabinet_bytes(server: &TestServer, path: &str) -> Vec<u8> {
    asked(&mut server.cabinet(), path)
}

#[test]
fn apart_every_statement_is_a_line_of_its_own() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["02-biologie-2026-03.xml", "03-biologie-2026-09.xml"]);
    let mut cabinet = server.cabinet();
    let mut total = |more: &str| {
        let view = value(&asked(&mut cabinet, &format!("{patient}/$key-info?_format=keyinfo&maxPerSection=500{more}")));
        view["sections"].as_array().unwrap().iter().find(|s| s["key"] == "results").unwrap()["total"].as_u64().unwrap()
    };
    let (merged, apart) = (total(""), total("&reconcile=false"));
    assert!(apart > merged && merged > 3, "{merged} {apart}");
}

#[test]
fn the_bundle_carries_score_reasons_sources_and_when_it_was_first_seen() {
    let server = TestServer::start(On::Sqlite);
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml", "03-biologie-2026-09.xml"]);
    let bundle = value(&asked(&mut server.cabinet(), &format!("{patient}/$key-info?specialty=SM26&since=2020-01-01")));
    let sections = bundle["entry"][0]["resource"]["section"].as_array().unwrap();
    let mut scored = 0;
    for section in sections {
        let mut before = 101;
        for entry in section["entry"].as_array().into_iter().flatten() {
            let all = entry["extension"].as_array().unwrap();
            let of = |url: &str| all.iter().find(|e| e["url"] == format!("urn:passerelle:{url}"));
            let Some(score) = of("score").and_then(|e| e["valueInteger"].as_i64()) else { continue };
            scored += 1;
            assert!((0..=100).contains(&score) && of("reason").is_some_and(|r| r["valueString"].as_str().unwrap().contains("(+")), "{entry}");
            assert!(of("first-seen").is_some_and(|e| e["valueInstant"].is_string()), "{entry}");
            if section["code"]["coding"][0]["code"] != "10160-0" && section["code"]["coding"][0]["code"] != "30954-2" {
                assert!(score <= before, "what weighs most comes first: {section}");
            }
            before = score;
        }
    }
    assert!(scored > 10, "{scored}");
    let plain = value(&asked(&mut server.cabinet(), &format!("{patient}/$summary")));
    assert!(!plain.to_string().contains("urn:passerelle:score"));
}

#[test]
fn the_definition_of_the_operation_agrees_with_the_registry() {
    #[derive(serde::Deserialize)]
    struct Table {
        operation: Vec<toml::Table>,
    }
    let table: Table = registry_table("operations.toml");
    let row = table.operation.iter().find(|o| o["name"].as_str() == Some("key-info")).unwrap();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/operations/key-info.json");
    let definition = value(&std::fs::read(file).unwrap());
    let told: Vec<&str> = definition["parameter"].as_array().unwrap().iter().filter(|p| p["use"] == "in").map(|p| p["name"].as_str().unwrap()).collect();
    let known: Vec<&str> = row["parameters"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(told, known);
    assert_eq!(definition["url"].as_str(), row["definition"].as_str());
    let levels = (definition["instance"] == true, definition["type"] == true, definition["system"] == true);
    let has = |level: &str| row["level"].as_array().unwrap().iter().any(|l| l.as_str() == Some(level));
    assert_eq!(levels, (has("instance"), has("type"), has("system")));
}

#[test]
fn a_ranking_profile_changes_without_a_restart_and_the_day_before_keeps_its_own() {
    let folder = std::env::temp_dir().join(format!("passerelle-profiles-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let own = |version: &str, weight: u8| {
        format!(
            "id = \"general-practitioner\"\nversion = \"{version}\"\ntitle = \"Cabinet\"\nspecialities = [\"SM26\"]\nprofessions = [\"10\"]\nsource = \"test\"\n[weight]\nproblems = {weight}\n"
        )
    };
    std::fs::write(folder.join("gp.toml"), own("a", 3)).unwrap();
    let server = TestServer::with(On::Sqlite, |c| {
        c.access.policy = passerelle::config::AccessPolicy::Open;
        c.keyinfo.profiles = folder.display().to_string();
    });
    let (patient, _) = patient_of(&server, &["01-synthese-medicale.xml"]);
    let mut cabinet = server.cabinet();
    let path = format!("{patient}/$key-info?_format=keyinfo&specialty=SM26");
    let first = asked(&mut cabinet, &path);
    assert_eq!(value(&first)["profile"]["version"], "a");
    // A wrong file changes nothing; a right one holds within the time that files are looked at.
    std::fs::write(folder.join("gp.toml"), own("b", 30).replace("problems", "horoscope")).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(value(&asked(&mut cabinet, &path))["profile"]["version"], "a");
    std::fs::write(folder.join("gp.toml"), own("bb", 30)).unwrap();
    let mut version = String::new();
    for _ in 0..100 {
        value(&asked(&mut cabinet, &path))["profile"]["version"].as_str().unwrap().clone_into(&mut version);
        if version == "bb" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(version, "bb");
    let at = value(&first)["generated"].as_str().unwrap().to_owned();
    assert_eq!(asked(&mut cabinet, &format!("{path}&asOf={at}")), first);
    std::fs::remove_dir_all(folder).unwrap();
}
