//! What the words of documents give: titles, pages, search; and what is said of files without words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::on_both;
use crate::pdf_maker::{locked, report, scan};
use crate::sharing::submission;
use crate::support::{FHIR_JSON, On, Session, TestServer, json as body_of, refused, sample, small_cda, text};

const INS: &str = "258027511234534";

on_both! {
    a_conclusion_is_quoted_in_the_title_and_on_the_page_and_its_words_are_found
    a_file_without_words_says_so
    what_is_not_of_its_declared_type_is_stored_and_flagged
    words_of_sections_titles_and_attached_files_are_found
    a_search_of_words_needs_a_patient_and_words
    every_road_reads_the_text
    words_end_with_their_document_and_their_record
}

/// A CDA of level 1.
fn level1(unique: &str, mime: &str, file: &[u8]) -> Vec<u8> {
    let cda = String::from_utf8(small_cda(unique, INS, "")).unwrap();
    let start = cda.find("<component><structuredBody>").unwrap();
    format!(
        "{}<component><nonXMLBody><text mediaType=\"{mime}\" representation=\"B64\">{}</text></nonXMLBody></component></ClinicalDocument>",
        &cda[..start],
        STANDARD.encode(file)
    )
    .into_bytes()
}

fn letter() -> Vec<u8> {
    report(&["Scanner thoracique", "Technique : sans injection.", "CONCLUSION :", "Pas d'embolie pulmonaire.", "Emphysème <centrolobulaire>.", "Dr Claire MARTIN"])
}

fn extension<'a>(reference: &'a Value, url: &str) -> Option<&'a Value> {
    reference["extension"].as_array().into_iter().flatten().find(|e| e["url"] == url)
}

fn title(reference: &Value) -> &str {
    extension(reference, "urn:passerelle:generated-title").and_then(|e| e["valueString"].as_str()).unwrap_or_default()
}

fn state(reference: &Value) -> &str {
    extension(reference, "urn:passerelle:content-remark").and_then(|e| e["valueCoding"]["code"].as_str()).unwrap_or_default()
}

fn page(session: &mut Session, reference: &Value) -> String {
    let answer = session.call("GET", &format!("DocumentReference/{}/$render", reference["id"].as_str().unwrap()), &[("Accept", "text/html")], b"");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    text(&answer)
}

fn found(session: &mut Session, patient: &str, words: &str) -> u64 {
    session.found(&format!("DocumentReference?patient={patient}&_content={words}"))["total"].as_u64().unwrap()
}

fn patient(reference: &Value) -> String {
    reference["subject"]["reference"].as_str().unwrap().to_owned()
}

fn a_conclusion_is_quoted_in_the_title_and_on_the_page_and_its_words_are_found(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&level1("2.25.7001", "application/pdf", &letter()));
    assert!(title(&reference).ends_with("10/03/2026 · Conclusion : « Pas d'embolie pulmonaire. Emphysème <centrolobulaire>. »"), "{}", title(&reference));
    assert_eq!(state(&reference), "");
    let html = page(&mut cabinet, &reference);
    assert!(html.contains("<h2>Conclusion citée du PDF</h2><blockquote>Pas d'embolie pulmonaire. Emphysème &lt;centrolobulaire&gt;.</blockquote>"), "{html}");
    assert!(html.contains("<details><summary>Texte extrait du PDF, non vérifié</summary><pre>Scanner thoracique\n") && html.contains("<object class=\"whole\""), "{html}");
    let patient = patient(&reference);
    for (words, total) in
        [("embolie", 1), ("EMPHYSEME%20Thorac", 1), ("embol,cancer", 1), ("embolie%20cancer", 0), ("bolie", 0), ("martin&_content=scanner", 1), ("martin&_content=irm", 0)]
    {
        assert_eq!(found(&mut cabinet, &patient, words), total, "{words}");
    }
    // Our own letter, through an extractor's eyes: one paragraph with its list.
    let own = cabinet.deposited(&sample("08-courrier-pdf.xml"));
    assert!(title(&own).contains("Conclusion : « maintien en rythme sinusal. Fibrillation auriculaire paroxystique, CHA2DS2-VA à 3"), "{}", title(&own));
    assert!(page(&mut cabinet, &own).contains("CHA2DS2-VA à 3.\n- Poursuite de l'apixaban 5 mg matin et soir, au long cours.\n- Poursuite"));
    // Words are no facts.
    for kind in ["Condition", "DiagnosticReport", "Observation"] {
        assert_eq!(cabinet.found(&format!("{kind}?patient={patient}"))["total"], 0, "{kind}");
    }
}

fn a_file_without_words_says_so(server: &TestServer) {
    let mut cabinet = server.cabinet();
    for (unique, file, code, french) in [
        ("2.25.7011", scan(), "scan", "document scanné sans texte"),
        ("2.25.7012", locked(), "encrypted", "PDF protégé par un mot de passe"),
        ("2.25.7013", b"%PDF-1.4 essai".to_vec(), "unread", "texte du PDF non lu"),
    ] {
        let answer = cabinet.call("POST", "$deposit", &[("Content-Type", "application/xml"), ("Prefer", "return=OperationOutcome")], &level1(unique, "application/pdf", &file));
        assert_eq!(answer.status, 201, "{}", text(&answer));
        assert!(
            body_of(&answer)["issue"].as_array().unwrap().iter().any(|i| i["severity"] == "warning" && i["diagnostics"].as_str().unwrap().contains("PDF")),
            "{}",
            text(&answer)
        );
        let reference = cabinet.found(&format!("DocumentReference/{}", answer.header("location").unwrap().split("DocumentReference/").nth(1).unwrap().split('/').next().unwrap()));
        assert_eq!(state(&reference), code);
        assert!(title(&reference).ends_with(french), "{}", title(&reference));
        let html = page(&mut cabinet, &reference);
        assert!(html.contains("<p class=\"note\">Ce PDF") || html.contains("<p class=\"note\">Le texte de ce PDF"), "{html}");
        assert!(!html.contains("<details>"));
    }
}

fn what_is_not_of_its_declared_type_is_stored_and_flagged(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let liar = cabinet.deposited(&level1("2.25.7021", "application/pdf", b"<html><script>alert(1)</script>"));
    assert_eq!((state(&liar), liar["content"][0]["attachment"]["contentType"].as_str()), ("not-pdf", Some("application/xml")));
    assert!(title(&liar).ends_with("fichier qui n'est pas un PDF"), "{}", title(&liar));
    assert!(page(&mut cabinet, &liar).contains("déclaré PDF, mais n'en est pas un"));
    let patient = patient(&liar);
    for (number, (mime, bytes, code)) in [
        ("application/pdf", &b"\x89PNG\r\n\x1a\n"[..], "not-pdf"),
        ("image/jpeg", b"%PDF-1.4", "other"),
        ("text/xml", b"%PDF-1.4", "other"),
        ("image/png", b"\x89PNG\r\n\x1a\n", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let reference = published(&mut cabinet, &patient, &format!("urn:oid:2.25.703{number}"), mime, bytes);
        assert_eq!((state(&reference), reference["content"][0]["attachment"]["contentType"].as_str()), (code, Some(mime)), "{mime}");
        let raw = cabinet.call("GET", &format!("Binary/{}", reference["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap()), &[("Accept", mime)], b"");
        assert_eq!(raw.body, bytes);
    }
}

/// ITI-105.
fn published(session: &mut Session, patient: &str, unique: &str, mime: &str, bytes: &[u8]) -> Value {
    let body = json!({"resourceType": "DocumentReference", "status": "current", "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": unique},
        "type": {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]}, "subject": {"reference": patient}, "description": "Envoi par courrier",
        "content": [{"attachment": {"contentType": mime, "title": "Pièce", "data": STANDARD.encode(bytes)}}]});
    let answer = session.call("POST", "DocumentReference", &[("Content-Type", FHIR_JSON)], body.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body_of(&answer)
}

fn words_of_sections_titles_and_attached_files_are_found(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let media = format!(
        "<entry><observationMedia classCode=\"OBS\" moodCode=\"EVN\"><value mediaType=\"application/pdf\" representation=\"B64\">{}</value></observationMedia></entry>",
        STANDARD.encode(letter())
    );
    let cda = String::from_utf8(small_cda("2.25.7041", INS, ""))
        .unwrap()
        .replace("<text>Rien à signaler</text>", &format!("<text>Hypothyroïdie <content>fruste</content></text>{media}"));
    let reference = cabinet.deposited(cda.as_bytes());
    let patient = patient(&reference);
    for words in ["hypothyroidie", "fruste", "problemes", "consultation%20suivi", "embolie", "embolie%20hypothyro"] {
        assert_eq!(found(&mut cabinet, &patient, words), 1, "{words}");
    }
    // What an attached file concludes is not what the document concludes.
    assert!(!title(&reference).contains("Conclusion"), "{}", title(&reference));
    assert_eq!(found(&mut cabinet, &patient, "essai"), 0, "names are not words of the document");
}

fn a_search_of_words_needs_a_patient_and_words(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&small_cda("2.25.7051", INS, ""));
    let patient = patient(&reference);
    refused(&cabinet.get("DocumentReference?_content=signaler"), 400);
    refused(&cabinet.get(&format!("DocumentReference?_id={}&_content=signaler", reference["id"].as_str().unwrap())), 400);
    refused(&cabinet.get(&format!("DocumentReference?patient={patient}&_content=%2C")), 400);
    refused(&cabinet.get(&format!("DocumentReference?patient={patient}&_content=--")), 400);
    refused(&cabinet.get(&format!("DocumentReference?patient={patient}&_content:exact=signaler")), 400);
    refused(&cabinet.get(&format!("DocumentReference?patient={patient}&_content={}", "mot%20".repeat(17))), 422);
    assert_eq!(cabinet.found(&format!("DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C{INS}&_content=signaler"))["total"], 1);
    let metadata = cabinet.found("metadata");
    let documents = metadata["rest"][0]["resource"].as_array().unwrap().iter().find(|r| r["type"] == "DocumentReference").unwrap();
    assert!(documents["searchParam"].as_array().unwrap().iter().any(|p| p["name"] == "_content" && p["type"] == "string"));
}

fn every_road_reads_the_text(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let reference = published(&mut cabinet, &patient, "urn:oid:2.25.7061", "application/pdf", &letter());
    assert!(title(&reference).contains("Conclusion : « Pas d'embolie"), "{}", title(&reference));
    // ITI-65.
    let answer = cabinet.post("/fhir", &submission(&patient, "urn:oid:2.25.7062", "application/pdf", &letter(), |_| {}));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    // A Binary sent before.
    let binary = cabinet.call("POST", "Binary", &[("Content-Type", "application/pdf")], &letter());
    let url = binary.header("location").unwrap().split("/_history").next().unwrap().to_owned();
    let staged = json!({"resourceType": "DocumentReference", "status": "current", "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.7063"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]}, "subject": {"reference": patient}, "content": [{"attachment": {"contentType": "application/pdf", "url": url}}]});
    let answer = cabinet.post("DocumentReference", &staged);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    assert_eq!(found(&mut cabinet, &patient, "embolie"), 3);
    assert_eq!(found(&mut cabinet, &patient, "courrier"), 1, "the description too");
    let titles = cabinet.found(&format!("DocumentReference?patient={patient}"));
    assert!(crate::support::resources(&titles, "DocumentReference").iter().all(|r| title(r).contains("Conclusion : « Pas d'embolie")), "{titles}");
}

fn words_end_with_their_document_and_their_record(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let first = cabinet.deposited(&level1("2.25.7071", "application/pdf", &letter()));
    let patient = patient(&first);
    let answer =
        cabinet.call("POST", "$deposit?replaces=2.25.7071", &[("Content-Type", "application/xml")], &level1("2.25.7072", "application/pdf", &report(&["Conclusion : corrigée"])));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    assert_eq!(found(&mut cabinet, &patient, "embolie&status=current"), 0);
    assert_eq!(found(&mut cabinet, &patient, "corrigee&status=current"), 1);
    assert_eq!(cabinet.call("DELETE", &format!("DocumentReference/{}", first["id"].as_str().unwrap()), &[], b"").status, 204);
    assert_eq!(found(&mut cabinet, &patient, "embolie"), 0);
}

#[test]
fn a_deposit_waits_no_longer_than_it_may_for_a_child_and_is_stored() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("passerelle-slow-{}", uuid::Uuid::new_v4()));
    std::fs::write(&path, "#!/bin/sh\n/bin/sleep 60\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = TestServer::with(On::Sqlite, |c| {
        c.documents.pdf_program = path.display().to_string();
        c.documents.pdf_milliseconds = 300;
    });
    let began = std::time::Instant::now();
    let reference = server.cabinet().deposited(&level1("2.25.7081", "application/pdf", &letter()));
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!((state(&reference), title(&reference).rsplit(" · ").next()), ("late", Some("texte du PDF pas encore lu")));
    let _ = std::fs::remove_file(path);
}

#[test]
fn switched_off_nothing_is_read_and_nothing_is_said() {
    let server = TestServer::with(On::Sqlite, |c| c.documents.pdf_text = false);
    let reference = server.cabinet().deposited(&level1("2.25.7091", "application/pdf", &letter()));
    assert_eq!(state(&reference), "");
    assert!(!title(&reference).contains("Conclusion"));
    let liar = server.cabinet().deposited(&level1("2.25.7092", "application/pdf", b"MZ"));
    assert_eq!(state(&liar), "not-pdf");
}
