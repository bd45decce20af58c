//! CDS Hooks: one card with counts when a record is opened in the software, and never what they count.

use passerelle::cli::Response;
use passerelle::config::AccessPolicy;
use serde_json::{Value, json};

use crate::support::{FHIR_JSON, On, Session, TestServer, json as body_of, refused, resources, sample, text};

const SERVICE: &str = "/cds-services/passerelle-key-info";

macro_rules! paged_on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&super::paged(super::On::Sqlite)) })*
        }
        mod on_postgres {
            $(#[test] fn $name() { if crate::support::postgres() { super::$name(&super::paged(super::On::Postgres)) } })*
        }
    };
}

paged_on_both! {
    the_service_is_discovered
    a_card_counts_and_names_nothing
    a_card_moves_no_cursor_and_counts_what_came_since
    a_card_opens_the_page_once_and_its_ticket_is_traced
    a_record_that_is_not_open_is_a_card_without_counts
    a_patient_who_is_not_here_is_a_card
    traits_of_another_person_give_no_counts
    a_hook_never_breaks_the_glass
    a_wrong_request_is_refused_with_its_place
    who_may_not_look_is_refused
}

fn paged(on: On) -> TestServer {
    TestServer::with(on, |c| {
        c.access.policy = AccessPolicy::Enforced;
        c.consult.bind = "127.0.0.1:0".into();
    })
}

/// A synthesis and a letter, deposited by somebody else; the patient.
fn record(server: &TestServer) -> String {
    let mut lab = server.client("client-laboratoire");
    let mut patient = String::new();
    for name in ["01-synthese-medicale.xml", "05-lettre-de-liaison-sortie.xml"] {
        patient = lab.deposited(&sample(name))["subject"]["reference"].as_str().unwrap().to_owned();
    }
    patient
}

fn authorized(server: &TestServer, patient: &str) {
    let answer = server.doctor(&[]).call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
}

fn request(patient: &str) -> Value {
    json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": {"userId": "Practitioner/p", "patientId": patient}})
}

fn hooked(session: &mut Session, body: &Value) -> Response {
    session.call("POST", SERVICE, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

fn card(session: &mut Session, body: &Value) -> Value {
    let answer = hooked(session, body);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let cards = body_of(&answer)["cards"].as_array().unwrap().clone();
    assert_eq!(cards.len(), 1);
    let card = cards[0].clone();
    assert!(card["summary"].as_str().unwrap().chars().count() < 140 && card["source"]["label"] == "Passerelle", "{card}");
    card
}

fn view(session: &mut Session, patient: &str) -> Value {
    let answer = session.call("GET", &format!("{patient}/$key-info?_format=keyinfo"), &[("Accept", "*/*")], b"");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    serde_json::from_slice(&answer.body).unwrap()
}

fn events(server: &TestServer, subtype: &str) -> Vec<Value> {
    let bundle = server.acting("client-cabinet", &["--role", "auditor"]).found("AuditEvent?date=ge2020-01-01&_count=200");
    let all = resources(&bundle, "AuditEvent");
    all.into_iter().filter(|e| e["subtype"].as_array().is_some_and(|s| s.iter().any(|s| s["code"] == subtype))).cloned().collect()
}

fn the_service_is_discovered(server: &TestServer) {
    let answer = server.cabinet().call("GET", "/cds-services", &[("Accept", "application/json")], b"");
    let services = body_of(&answer)["services"].clone();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(services.as_array().unwrap().len(), 1);
    assert_eq!((services[0]["id"].as_str(), services[0]["hook"].as_str()), (Some("passerelle-key-info"), Some("patient-view")));
    assert!(services[0]["description"].is_string() && services[0]["prefetch"]["patient"].is_string());
    assert_eq!(events(server, "cds-services").len(), 1);
}

fn a_card_counts_and_names_nothing(server: &TestServer) {
    let patient = record(server);
    authorized(server, &patient);
    let mut doctor = server.doctor(&[]);
    let shown = view(&mut doctor, &patient);
    let card = card(&mut doctor, &request(&patient));
    let alerts = shown["alerts"].as_u64().unwrap();
    assert!(alerts > 1);
    let said = card["summary"].as_str().unwrap();
    assert!(said.starts_with(&format!("Dossier partagé : 2 documents, {alerts} alertes")), "{said}");
    assert_eq!((shown["conflicts"] == 0, said.contains("à vérifier")), (!said.contains("à vérifier"), shown["conflicts"] != 0), "{said}");
    assert_eq!(card["indicator"], "warning");
    // Nothing of the content: no label of any line, no name.
    let whole = card.to_string().to_lowercase();
    for line in shown["sections"].as_array().unwrap().iter().flat_map(|s| s["lines"].as_array().unwrap()) {
        let label = line["label"].as_str().unwrap().to_lowercase();
        assert!(!whole.contains(&label), "{label}");
    }
    let person = doctor.found(&patient);
    for trait_of_his in [&person["name"][0]["family"], &person["identifier"][0]["value"], &person["birthDate"]] {
        assert!(!whole.contains(&trait_of_his.as_str().unwrap().to_lowercase()), "{whole}");
    }
}

fn a_card_moves_no_cursor_and_counts_what_came_since(server: &TestServer) {
    let patient = record(server);
    authorized(server, &patient);
    let mut doctor = server.doctor(&[]);
    let first = view(&mut doctor, &patient);
    for _ in 0..2 {
        assert!(!card(&mut doctor, &request(&patient))["summary"].as_str().unwrap().contains("nouve"), "nobody was here before");
    }
    assert_eq!(view(&mut doctor, &patient)["since"], Value::Null);
    let seen = doctor.call("POST", &format!("{patient}/$key-info-seen?at={}", first["generated"].as_str().unwrap()), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(seen.status, 204, "{}", text(&seen));
    assert!(!card(&mut doctor, &request(&patient))["summary"].as_str().unwrap().contains("nouve"));
    server.client("client-laboratoire").deposited(&sample("02-biologie-2026-03.xml"));
    let new = view(&mut doctor, &patient)["new"].as_u64().unwrap();
    for _ in 0..2 {
        let card = card(&mut doctor, &request(&patient));
        let said = card["summary"].as_str().unwrap();
        assert!(said.contains(&format!("{new} éléments nouveaux, 1 document nouveau")) && card["detail"].as_str().unwrap().contains("depuis votre dernière"), "{said}");
    }
}

fn a_card_opens_the_page_once_and_its_ticket_is_traced(server: &TestServer) {
    let patient = record(server);
    authorized(server, &patient);
    let card = card(&mut server.doctor(&[]), &request(&patient));
    let link = &card["links"][0];
    assert_eq!((card["links"].as_array().unwrap().len(), link["type"].as_str()), (1, Some("absolute")));
    let url = link["url"].as_str().unwrap();
    let path = &url[url.find("/consult/").unwrap()..];
    let open = || server.browser().call("GET", path, &[("User-Agent", "Mozilla/5.0 (essai)"), ("Accept", "text/html")], b"").status;
    assert_eq!((open(), open()), (200, 403));
    let (looks, openings) = (events(server, "cds-hooks"), events(server, "consult"));
    assert_eq!((looks.len(), openings.len()), (1, 2));
    assert!(looks[0].to_string().contains("899700218896") && looks[0].to_string().contains(&patient), "under the practitioner's name: {}", looks[0]);
    assert_eq!(openings.iter().map(|e| e["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["4", "0"], "newest first");
}

fn a_record_that_is_not_open_is_a_card_without_counts(server: &TestServer) {
    let patient = record(server);
    let mut doctor = server.doctor(&[]);
    let reason = refused(&doctor.get(&format!("{patient}/$key-info")), 403)["issue"][0]["diagnostics"].as_str().unwrap().to_owned();
    let card = card(&mut doctor, &request(&patient));
    assert_eq!((card["summary"].as_str(), card["indicator"].as_str()), (Some("Dossier partagé : il ne vous est pas ouvert"), Some("info")));
    assert!(reason.ends_with(card["detail"].as_str().unwrap()), "no more than the refusal says: {card} {reason}");
    assert!(card["links"][0]["url"].is_string(), "the page is where consent is recorded");
    assert_eq!(events(server, "cds-hooks")[0]["outcome"], "4", "the trail says that it was refused");
}

fn a_patient_who_is_not_here_is_a_card(server: &TestServer) {
    let card = card(&mut server.doctor(&[]), &request("nobody"));
    assert_eq!((card["summary"].as_str(), card.get("links")), (Some("Aucun dossier partagé pour ce patient"), None));
}

fn traits_of_another_person_give_no_counts(server: &TestServer) {
    let patient = record(server);
    authorized(server, &patient);
    let mut doctor = server.doctor(&[]);
    let known = doctor.found(&patient);
    let mut asked = request("id-of-the-software");
    asked["prefetch"] =
        json!({"patient": {"resourceType": "Patient", "id": "id-of-the-software", "identifier": known["identifier"], "name": known["name"], "birthDate": known["birthDate"]}});
    assert!(card(&mut doctor, &asked)["summary"].as_str().unwrap().contains("alertes"), "the INS says who it is");
    asked["prefetch"]["patient"]["birthDate"] = json!("1901-01-01");
    let card = card(&mut doctor, &asked);
    assert_eq!((card["summary"].as_str(), card["indicator"].as_str()), (Some("Dossier partagé : identité à vérifier"), Some("warning")));
}

fn a_hook_never_breaks_the_glass(server: &TestServer) {
    let patient = record(server);
    let mut doctor = server.doctor(&["--mode", "bris_de_glace", "--reason", "Urgence vitale"]);
    let card = card(&mut doctor, &request(&patient));
    assert_eq!(card["summary"], "Dossier partagé : il ne vous est pas ouvert");
    assert_eq!(doctor.get(&format!("{patient}/$key-info")).status, 200, "the person himself may");
}

fn a_wrong_request_is_refused_with_its_place(server: &TestServer) {
    let mut doctor = server.doctor(&[]);
    for (pointer, value, place) in [("/hook", json!("order-sign"), "hook"), ("/hookInstance", Value::Null, "hookInstance"), ("/context/userId", json!(1), "context.userId")] {
        let mut asked = request("p");
        *asked.pointer_mut(pointer).unwrap() = value;
        let outcome = refused(&hooked(&mut doctor, &asked), 400);
        assert_eq!(outcome["issue"][0]["expression"], json!([place]));
    }
    refused(&doctor.call("POST", SERVICE, &[], b"hook"), 400);
    refused(&doctor.call("POST", "/cds-services/other", &[], request("p").to_string().as_bytes()), 404);
}

fn who_may_not_look_is_refused(server: &TestServer) {
    let patient = record(server);
    refused(&hooked(&mut server.cabinet(), &request(&patient)), 403);
    refused(&hooked(&mut server.acting("client-cabinet", &["--role", "auditor"]), &request(&patient)), 403);
    authorized(server, &patient);
    let known = server.doctor(&[]).found(&patient);
    let card = card(&mut server.holder(known["identifier"][0]["value"].as_str().unwrap()), &request(&patient));
    assert!(card["links"][0]["url"].as_str().unwrap().ends_with(&format!("/consult/{}", patient.trim_start_matches("Patient/"))), "a page is a practitioner's: {card}");
}
