//! Documents as pages: what a browser is given, and what it is never given.

use serde_json::json;

use passerelle::cda::{fragment_anchor, path_anchor};

use crate::support::{FHIR_JSON, On, TestServer, json as body_of, refused, resources, sample, small_cda, text};

fn page(server: &TestServer, reference: &serde_json::Value, query: &str) -> passerelle::cli::Response {
    let id = reference["id"].as_str().unwrap();
    server.cabinet().call("GET", &format!("DocumentReference/{id}/$render{query}"), &[("Accept", "text/html,*/*;q=0.8")], b"")
}

#[test]
fn every_sample_is_a_page_with_its_sections_and_every_fact_s_words_can_be_reached() {
    let server = TestServer::start(On::Sqlite);
    let mut seen = Vec::new();
    for name in ["01-synthese-medicale.xml", "02-biologie-2026-03.xml", "05-lettre-de-liaison-sortie.xml", "06-vaccinations.xml", "07-prescription.xml"] {
        let reference = server.cabinet().deposited(&sample(name));
        let answer = page(&server, &reference, "");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{name}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        let html = text(&answer);
        assert!(html.contains("<html lang=\"fr\">") && html.contains("<dt>Patient</dt>") && !html.contains("<script"), "{name}");
        // Where a derived resource says it was taken from, there is an anchor: its words, or its entry.
        let patient = reference["subject"]["reference"].as_str().unwrap();
        for kind in ["Condition", "Observation", "MedicationStatement", "MedicationRequest", "Immunization", "AllergyIntolerance"] {
            let facts = server.cabinet().found(&format!("{kind}?patient={patient}&_count=500"));
            let sources = resources(&facts, kind).into_iter().flat_map(|f| f["extension"].as_array().unwrap()).filter(|e| {
                e["url"] == "urn:passerelle:cda-source" && e["extension"][0]["valueReference"]["reference"] == format!("DocumentReference/{}", reference["id"].as_str().unwrap())
            });
            for source in sources {
                let part = |name: &str| source["extension"].as_array().unwrap().iter().find(|p| p["url"] == name).and_then(|p| p["valueString"].as_str());
                let entry = part("path").unwrap().split_inclusive(']').scan(false, |done, step| (!std::mem::replace(done, step.contains("/entry["))).then_some(step));
                let anchors = [Some(path_anchor(&entry.collect::<String>())), part("fragment").map(fragment_anchor)];
                let there = anchors.iter().flatten().all(|a| html.contains(&format!("id=\"{a}\"")));
                seen.push((name, there, source.to_string()));
            }
        }
    }
    assert!(seen.len() > 50 && seen.iter().all(|s| s.1), "{} {:#?}", seen.len(), seen.iter().filter(|s| !s.1).collect::<Vec<_>>());
}

#[test]
fn pdf_images_and_texts_are_shown_by_what_they_are() {
    let server = TestServer::start(On::Sqlite);
    let patient = server.cabinet().patient("258027511234534");
    let stored = |unique: &str, mime: &str, bytes: &[u8]| {
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode(bytes);
        let body = json!({"resourceType": "DocumentReference", "status": "current", "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{unique}")},
            "type": {"coding": [{"system": "http://loinc.org", "code": "11528-7", "display": "Compte rendu d'imagerie"}]}, "subject": {"reference": format!("Patient/{patient}")},
            "content": [{"attachment": {"contentType": mime, "title": "Radiographie <thorax>", "data": data}}]});
        let answer = server.cabinet().call("POST", "DocumentReference", &[("Content-Type", FHIR_JSON)], body.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", text(&answer));
        body_of(&answer)
    };
    let pdf = stored("2.25.501", "application/pdf", b"%PDF-1.4 essai");
    let html = text(&page(&server, &pdf, ""));
    assert!(html.contains("<h1>Radiographie &lt;thorax&gt;</h1>") && html.contains("<object class=\"whole\" data=\"$render?attachment=0\""), "{html}");
    let file = page(&server, &pdf, "?attachment=0");
    assert_eq!((file.status, file.header("content-type"), file.header("content-disposition")), (200, Some("application/pdf"), None));
    assert_eq!(file.body, b"%PDF-1.4 essai");
    // What is not what it says is only downloaded.
    let liar = stored("2.25.502", "application/pdf", b"<html><script>alert(1)</script>");
    let file = page(&server, &liar, "?attachment=0");
    assert_eq!((file.header("content-type"), file.header("content-disposition")), (Some("application/octet-stream"), Some("attachment")));
    let note = stored("2.25.503", "text/plain", "Appel du 10 mars : <b>rappeler</b>".as_bytes());
    assert!(text(&page(&server, &note, "")).contains("<pre>Appel du 10 mars : &lt;b&gt;rappeler&lt;/b&gt;</pre>"));
    refused(&page(&server, &pdf, "?attachment=1"), 404);
    refused(&page(&server, &pdf, "?attachment=x"), 400);
}

#[test]
fn a_page_is_given_to_who_asks_for_one_and_may_read_the_document() {
    let server = TestServer::enforced(On::Sqlite);
    let reference = server.doctor(&[]).deposited(&small_cda("2.25.510", "258027511234534", ""));
    let path = format!("DocumentReference/{}/$render", reference["id"].as_str().unwrap());
    let html = [("Accept", "text/html")];
    assert_eq!(server.doctor(&[]).call("GET", &path, &html, b"").status, 200);
    refused(&server.doctor(&[]).call("GET", &path, &[("Accept", "image/png")], b""), 406);
    refused(&server.cabinet().get(&path), 403);
    refused(&server.acting("client-imagerie", &["--rpps", "899700000001", "--profession", "10"]).get(&path), 404);
    refused(&server.doctor(&[]).get("DocumentReference/none/$render"), 404);
}
