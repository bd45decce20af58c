//! `$summary`: an IPS document from what the caller may see.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::{TestServer, refused, resources, sample, small_cda, text};

on_both! {
    required_sections_are_always_there
    every_entry_is_in_the_bundle_and_traceable
    the_type_level_needs_an_identifier
    what_clients_wrote_is_in_the_summary_too
}

fn sections(bundle: &Value) -> Vec<&Value> {
    bundle["entry"][0]["resource"]["section"].as_array().unwrap().iter().collect()
}

fn section<'a>(bundle: &'a Value, code: &str) -> Option<&'a Value> {
    sections(bundle).into_iter().find(|s| s["code"]["coding"][0]["code"] == code)
}

fn required_sections_are_always_there(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let bundle = cabinet.found(&format!("Patient/{id}/$summary"));
    assert_eq!((bundle["type"].as_str(), bundle["entry"][0]["resource"]["type"]["coding"][0]["code"].as_str()), (Some("document"), Some("60591-5")));
    assert!(bundle["identifier"]["value"].is_string() && bundle["timestamp"].is_string());
    for code in ["48765-2", "11450-4", "10160-0"] {
        let section = section(&bundle, code).unwrap_or_else(|| panic!("{code}"));
        assert!(section["emptyReason"]["coding"][0]["code"].is_string() && section.get("entry").is_none(), "{section}");
        assert!(section["text"]["div"].as_str().unwrap().starts_with("<div"));
    }
    refused(&cabinet.get("Patient/nobody/$summary"), 404);
}

fn every_entry_is_in_the_bundle_and_traceable(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let mut patient = String::new();
    let mut documents = Vec::new();
    for name in ["01-synthese-medicale.xml", "02-biologie-2026-03.xml", "06-vaccinations.xml"] {
        let reference = cabinet.deposited(&sample(name));
        patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
        documents.push(format!("{}/DocumentReference/{}", server.base, reference["id"].as_str().unwrap()));
    }
    let bundle = cabinet.found(&format!("{patient}/$summary"));
    let urls: Vec<&str> = bundle["entry"].as_array().unwrap().iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
    let mut entries = 0;
    for section in sections(&bundle) {
        for entry in section["entry"].as_array().into_iter().flatten() {
            let target = entry["reference"].as_str().unwrap();
            assert!(urls.contains(&target), "{target} is not in the Bundle");
            let sources = entry["extension"].as_array().unwrap_or_else(|| panic!("no source: {entry}"));
            assert!(sources.iter().any(|s| documents.iter().any(|d| s.to_string().contains(d.as_str()))), "{entry}");
            entries += 1;
        }
    }
    assert!(entries >= 10, "{entries}");
    let mut unique = urls.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), urls.len(), "every fullUrl once");
}

fn the_type_level_needs_an_identifier(server: &TestServer) {
    let mut cabinet = server.cabinet();
    cabinet.deposited(&small_cda("2.25.61", "270037500000121", ""));
    let by = cabinet.found("Patient/$summary?identifier=urn:oid:1.2.250.1.213.1.4.10%7C270037500000121");
    assert_eq!(by["type"], "document");
    let parameters = json!({"resourceType": "Parameters", "parameter": [{"name": "identifier", "valueString": "urn:oid:1.2.250.1.213.1.4.10|270037500000121"}]});
    assert_eq!(cabinet.post("Patient/$summary", &parameters).status, 200);
    refused(&cabinet.get("Patient/$summary"), 400);
    refused(&cabinet.get("Patient/$summary?identifier=urn:x%7C0"), 404);
}

fn what_clients_wrote_is_in_the_summary_too(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let allergy = json!({"resourceType": "AllergyIntolerance", "patient": {"reference": patient}, "code": {"text": "Arachide"},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}});
    let answer = cabinet.post("AllergyIntolerance", &allergy);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let bundle = cabinet.found(&format!("{patient}/$summary"));
    assert_eq!(resources(&bundle, "AllergyIntolerance").len(), 1);
    assert!(section(&bundle, "48765-2").unwrap()["text"]["div"].as_str().unwrap().contains("Arachide"));
}
