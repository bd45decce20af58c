//! The habilitation matrix over the wire: what is of no document, what the caller is told of it, what it says of actions.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, On, Session, TestServer, json as body_of, matrix_text, postgres, refused, resources, small_cda, text};

const INS: &str = "258027511234534";
const DENTIST: &[&str] = &["--rpps", "899700000002", "--profession", "40"];
const SOCIAL_WORKER: &[&str] = &["--rpps", "899700000004", "--profession", "41"];
const UNKNOWN: &[&str] = &["--rpps", "899700000005", "--profession", "10000"];
const NOWHERE: &str = "00000000-0000-0000-0000-000000000000";

enforced_on_both! {
    a_profession_without_a_cell_that_opens_something_reads_nothing_of_a_record
    what_is_explained_of_a_document_that_one_may_not_know_of_follows_from_caller_and_matrix
    a_record_that_is_not_open_is_explained_without_the_class_of_its_documents
}

/// A record with a document and what a doctor wrote without one: patient, DocumentReference, and `Type/id` of the latter.
fn record(server: &TestServer) -> (String, Value, Vec<String>) {
    let mut doctor = server.doctor(&[]);
    let reference = doctor.deposited(&small_cda("2.25.901", INS, ""));
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    opened(&mut doctor, &patient);
    let subject = json!({"reference": patient});
    let bodies = [
        json!({"resourceType": "Condition", "subject": subject, "identifier": [{"system": "urn:x", "value": "c"}], "code": {"text": "Asthme"}}),
        json!({"resourceType": "Observation", "status": "final", "subject": subject, "identifier": [{"system": "urn:x", "value": "o"}], "code": {"text": "Poids"}}),
    ];
    let alone = bodies.map(|body| {
        let kind = body["resourceType"].as_str().unwrap().to_owned();
        let answer = doctor.post(&kind, &body);
        assert_eq!(answer.status, 201, "{}", text(&answer));
        format!("{kind}/{}", body_of(&answer)["id"].as_str().unwrap())
    });
    (patient, reference, alone.to_vec())
}

fn opened(session: &mut Session, patient: &str) {
    let answer = session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
}

fn a_profession_without_a_cell_that_opens_something_reads_nothing_of_a_record(server: &TestServer) {
    let (patient, _, alone) = record(server);
    let glass = ["--mode", "bris_de_glace", "--reason", "Patient inconscient"];
    for profession in [SOCIAL_WORKER, UNKNOWN] {
        let mut reader = server.acting("client-imagerie", profession);
        opened(&mut reader, &patient);
        let mut breaking = server.acting("client-imagerie", &[profession, &glass].concat());
        for session in [&mut reader, &mut breaking] {
            for path in [
                format!("Condition?patient={patient}"),
                format!("DocumentReference?patient={patient}"),
                format!("{patient}/$summary"),
                format!("{patient}/$key-info"),
                format!("{patient}/$everything"),
                format!("{patient}/_history"),
            ] {
                let said = refused(&session.get(&path), 403).to_string();
                assert!(said.contains("n'ouvre aucune catégorie"), "{path}: {said}");
            }
            for path in &alone {
                refused(&session.get(path), 404);
                refused(&session.get(&format!("{path}/_history")), 404);
            }
            assert!(!text(&session.get(&patient)).contains("ESSAI"), "nor who it is");
        }
        let own = small_cda(&format!("2.25.91{}", profession[1].trim_start_matches("89970000000")), INS, "");
        let reference = reader.deposited(&own);
        assert_eq!(reader.get(&format!("DocumentReference/{}", reference["id"].as_str().unwrap())).status, 200, "who deposited it");
    }
}

fn why(session: &mut Session, id: &str) -> Value {
    session.found(&format!("DocumentReference/{id}/$explain-access"))
}

/// A parameter of an explanation.
fn said<'a>(explained: &'a Value, name: &str) -> Option<&'a str> {
    let one = explained["parameter"].as_array().unwrap().iter().find(|p| p["name"] == name)?;
    ["valueString", "valueCode"].iter().find_map(|value| one[value].as_str())
}

fn what_is_explained_of_a_document_that_one_may_not_know_of_follows_from_caller_and_matrix(server: &TestServer) {
    let (patient, reference, _) = record(server);
    let here = reference["id"].as_str().unwrap();
    let plan = String::from_utf8(small_cda("2.25.902", INS, "")).unwrap().replace("code=\"11488-4\"", "code=\"80788-3\"");
    let plan = server.client("client-laboratoire").deposited(plan.as_bytes())["id"].as_str().unwrap().to_owned();
    // Without authorisation, and then with it, what the matrix refuses is nowhere, in words that name the matrix.
    let mut dentist = server.acting("client-imagerie", DENTIST);
    for _ in 0..2 {
        let nowhere = why(&mut dentist, NOWHERE);
        assert_eq!(why(&mut dentist, &plan), nowhere);
        assert_eq!((said(&nowhere, "rule"), said(&nowhere, "cell")), (Some("absent"), None));
        let words = said(&nowhere, "explanation").unwrap();
        assert!(words.contains("Chirurgien-Dentiste") && words.contains("Bilan psychologique") && words.contains(said(&nowhere, "matrix").unwrap()), "{words}");
        opened(&mut dentist, &patient);
    }
    for (profession, name) in [(SOCIAL_WORKER, "Assistant de service social"), (UNKNOWN, "inconnue de la matrice")] {
        let mut reader = server.acting("client-imagerie", profession);
        opened(&mut reader, &patient);
        let nowhere = why(&mut reader, NOWHERE);
        assert_eq!(why(&mut reader, here), nowhere);
        assert_eq!(said(&nowhere, "rule"), Some("profession_closed"));
        assert!(said(&nowhere, "explanation").unwrap().contains(name) && said(&nowhere, "article").unwrap().contains("arrêté"), "{nowhere}");
    }
    // Who feeds and never reads is told so, of what is there as of what is not.
    for client in ["client-imagerie", "client-cabinet"] {
        let mut indirect = server.acting(client, &["--rpps", "899700000001", "--profession", "10", "--level", "indirect"]);
        let nowhere = why(&mut indirect, NOWHERE);
        assert_eq!(why(&mut indirect, here), nowhere);
        assert_eq!((said(&nowhere, "rule"), said(&nowhere, "cell")), (Some("indirect"), None));
    }
    let mut stranger = server.holder("299999999999934");
    assert_eq!(why(&mut stranger, here), why(&mut stranger, NOWHERE));
    assert!(!why(&mut stranger, NOWHERE).to_string().contains("profession"), "the matrix does not bind the person");
}

fn a_record_that_is_not_open_is_explained_without_the_class_of_its_documents(server: &TestServer) {
    let (patient, reference, _) = record(server);
    let here = reference["id"].as_str().unwrap();
    let mut dentist = server.acting("client-imagerie", DENTIST);
    assert_eq!(why(&mut dentist, here), why(&mut dentist, NOWHERE), "without the patient it is a document like any that is not here");
    let shut = dentist.found(&format!("DocumentReference/{here}/$explain-access?patient={patient}"));
    assert_eq!((said(&shut, "rule"), said(&shut, "cell")), (Some("no_authorisation"), None));
    assert!(!shut.to_string().contains("× 10") && said(&shut, "explanation").unwrap().contains("Recueillez son accord"), "{shut}");
    opened(&mut dentist, &patient);
    let open = why(&mut dentist, here);
    assert_eq!((said(&open, "rule"), said(&open, "cell")), (Some("consent"), Some("40 × 10")));
    assert!(said(&open, "explanation").unwrap().contains("40 × 10"), "{open}");
}

/// A server with another matrix than the program's, in a folder of its own.
fn with_matrix(on: On, matrix: &str) -> (TestServer, PathBuf) {
    let folder = std::env::temp_dir().join(format!("passerelle-matrix-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("matrix.toml");
    std::fs::write(&file, matrix).unwrap();
    let server = TestServer::with(on, |c| {
        c.access.policy = passerelle::config::AccessPolicy::Enforced;
        c.access.matrix = file.display().to_string();
    });
    (server, folder)
}

/// The matrix of the program, but for one class that is closed to dentists.
fn without(class: &str) -> String {
    let row = "professions = [\"40\", \"50\", \"70\"]\nclasses = [\"10\", \"11\"";
    assert!(matrix_text().contains(row));
    let open = ["\"10\"", "\"11\""].into_iter().filter(|c| !c.contains(class)).collect::<Vec<_>>().join(", ");
    matrix_text().replace(row, &format!("professions = [\"40\", \"50\", \"70\"]\nclasses = [{open}"))
}

#[test]
fn what_is_of_no_document_is_closed_with_the_class_it_is_read_like() {
    for on in [Some(On::Sqlite), postgres().then_some(On::Postgres)].into_iter().flatten() {
        let (server, folder) = with_matrix(on, &without("11"));
        let (patient, _, alone) = record(&server);
        let mut dentist = server.acting("client-imagerie", DENTIST);
        opened(&mut dentist, &patient);
        let mut doctor = server.doctor(&[]);
        for (kind, path, shown) in [("Condition", &alone[0], false), ("Observation", &alone[1], true)] {
            let value = if shown { "o" } else { "c" };
            let total = i64::from(shown);
            let id = path.split_once('/').unwrap().1;
            for search in [format!("patient={patient}"), format!("_id={id}"), format!("identifier=urn:x|{value}"), format!("patient={patient}&_summary=count")] {
                assert_eq!(dentist.found(&format!("{kind}?{search}"))["total"], total, "{kind} {search}");
                assert_eq!(doctor.found(&format!("{kind}?{search}"))["total"], 1, "{kind} {search}");
            }
            for path in [path.clone(), format!("{path}/_history"), format!("{path}/_history/1")] {
                assert_eq!(dentist.get(&path).status, if shown { 200 } else { 404 }, "{path}");
            }
            for path in [format!("{patient}/$everything"), format!("{patient}/$summary")] {
                assert_eq!(resources(&dentist.found(&path), kind).len() == 1, shown, "{kind} {path}");
            }
        }
        drop(server);
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// What the matrix closes for one action is refused for it, and for the others and other professions as before.
#[test]
fn what_the_matrix_says_of_an_action_holds_for_it_alone() {
    let row = |actions: &str, class: &str| {
        format!("\n[[row]]\nprofessions = [\"10\"]\nclasses = [\"{class}\"]\nactions = [{actions}]\nallow = false\nsource = \"s\"\nconfidence = \"sourced\"\n")
    };
    let (server, folder) = with_matrix(On::Sqlite, &(matrix_text() + &row("\"add\", \"replace\"", "44") + &row("\"mask\", \"withdraw\"", "10") + &row("\"archive\"", "11")));
    let of = |unique: &str, code: &str, more: &str| {
        let cda = String::from_utf8(small_cda(unique, INS, more)).unwrap().replace("801234567897", "899700218896");
        cda.replace("code=\"11488-4\"", &format!("code=\"{code}\"")).into_bytes()
    };
    let mut doctor = server.doctor(&[]);
    let said = refused(&doctor.deposit(&of("2.25.921", "80788-3", "")), 403).to_string();
    assert!(said.contains("P-0940") && said.contains("matrix"), "{said}");
    assert_eq!(server.acting("client-imagerie", DENTIST).deposit(&of("2.25.922", "80788-3", "")).status, 201, "another profession");
    assert_eq!(server.cabinet().deposit(&of("2.25.923", "80788-3", "")).status, 201, "no person, no profession");
    let report = doctor.deposited(&of("2.25.924", "11488-4", ""));
    let summary = doctor.deposited(&of("2.25.925", "60591-5", ""));
    let replacing = r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.924"/></parentDocument></relatedDocument>"#;
    refused(&doctor.deposit(&of("2.25.926", "80788-3", replacing)), 403);
    let path = |reference: &Value| format!("DocumentReference/{}", reference["id"].as_str().unwrap());
    let visibility = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";
    let mask = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": visibility, "code": "MASQUE_PS"}]}}]);
    let archive = json!([{"op": "add", "path": "/extension/-", "value": {"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}}]);
    let patched = |session: &mut Session, reference: &Value, operations: &Value| {
        session.call("PATCH", &path(reference), &[("Content-Type", "application/json-patch+json")], operations.to_string().as_bytes()).status
    };
    assert_eq!((patched(&mut doctor, &report, &mask), patched(&mut doctor, &summary, &mask)), (403, 200));
    assert_eq!((patched(&mut doctor, &report, &archive), patched(&mut doctor, &summary, &archive)), (200, 403));
    assert_eq!(patched(&mut server.holder(INS), &report, &mask), 200, "the matrix does not bind the person");
    for (reference, status) in [(&report, 403), (&summary, 204)] {
        assert_eq!(doctor.call("DELETE", &path(reference), &[], b"").status, status);
    }
    let subject = json!({"reference": report["subject"]["reference"]});
    let plan = json!({"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": subject});
    refused(&doctor.post("CarePlan", &plan), 403);
    let observation = json!({"resourceType": "Observation", "status": "final", "subject": subject, "code": {"text": "Poids"}});
    let made = doctor.post("Observation", &observation);
    assert_eq!(made.status, 201, "{}", text(&made));
    let _ = std::fs::remove_dir_all(folder);
}

/// In production the trail says at each start who answers for what the tables assume.
#[test]
fn who_accepted_the_assumptions_is_in_the_trail() {
    let mut server = TestServer::with(On::Sqlite, crate::support::production);
    let events = |server: &mut TestServer| {
        server.stop();
        let lines = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
        lines.lines().filter(|l| l.contains("accept-assumptions")).map(str::to_owned).collect::<Vec<_>>()
    };
    let said = events(&mut server);
    assert_eq!(said.len(), 1);
    for part in ["Dr Claire Martin", "2026-11-25", &crate::support::matrix_version()] {
        assert!(said[0].contains(part), "{part}: {}", said[0]);
    }
}
