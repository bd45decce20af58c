//! A hidden document does not exist for those who may not see it: in reads, searches, totals, includes, history, facts, summary,
//! Binary and in references of what they do see.

use crate::on_both;
use crate::support::{FHIR_JSON, TestServer, json, resources, sample, small_cda};

on_both! {
    a_masked_document_is_absent_everywhere_for_others
    a_label_change_holds_for_facts_at_once
    a_deleted_document_and_its_facts_are_gone
    only_a_structure_behind_a_document_deletes_it
    a_masked_replacement_hides_the_whole_chain
    a_reference_written_with_the_whole_address_is_cut_like_any_other
    a_file_inside_a_document_is_a_binary_of_its_own
}

fn masked(server: &TestServer) -> (String, String, String) {
    let mut cabinet = server.cabinet();
    let open = cabinet.deposited(&small_cda("2.25.11", "258027511234534", ""));
    let patient = open["subject"]["reference"].as_str().unwrap().to_owned();
    let ins = "258027511234534";
    let cda = String::from_utf8(sample("01-synthese-medicale.xml")).unwrap();
    // The sample under the small document's patient: same INS and traits.
    let cda = rewritten(&cda, ins);
    let answer = cabinet.call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "application/xml")], cda.as_bytes());
    assert_eq!(answer.status, 201, "{}", crate::support::text(&answer));
    let reference = json(&answer);
    (patient, reference["id"].as_str().unwrap().to_owned(), reference["content"][0]["attachment"]["url"].as_str().unwrap().to_owned())
}

/// A document with its recordTarget replaced by the one of [`small_cda`].
fn rewritten(cda: &str, ins: &str) -> String {
    let small = String::from_utf8(small_cda("x", ins, "")).unwrap();
    let target = |text: &str| text.find("<recordTarget").map(|a| (a, text.find("</recordTarget>").unwrap() + "</recordTarget>".len())).unwrap();
    let (a, b) = target(&small);
    let (c, d) = target(cda);
    format!("{}{}{}", &cda[..c], &small[a..b], &cda[d..])
}

fn a_masked_document_is_absent_everywhere_for_others(server: &TestServer) {
    let (patient, id, binary) = masked(server);
    let mut other = server.client("client-imagerie");
    let mut author = server.cabinet();
    assert_eq!(author.found(&format!("DocumentReference?patient={patient}"))["total"], 2);
    assert_eq!(other.found(&format!("DocumentReference?patient={patient}"))["total"], 1);
    for path in [format!("DocumentReference/{id}"), format!("DocumentReference/{id}/_history"), format!("DocumentReference/{id}/_history/1")] {
        assert_eq!(other.get(&path).status, 404, "{path}");
        assert_eq!(author.get(&path).status, 200, "{path}");
    }
    let binary = binary.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap();
    assert_eq!(other.call("GET", binary, &[("Accept", "*/*")], b"").status, 404);
    for kind in ["Condition", "MedicationStatement", "AllergyIntolerance", "Provenance"] {
        assert_eq!(other.found(&format!("{kind}?patient={patient}&_summary=count"))["total"], 0, "{kind}");
    }
    assert_eq!(other.found(&format!("Provenance?entity=DocumentReference/{id}&_include=Provenance:target"))["total"], 0);
    let facts = author.found(&format!("Provenance?entity=DocumentReference/{id}&_include=Provenance:target"));
    for entry in facts["entry"].as_array().unwrap() {
        let (kind, id) = (entry["resource"]["resourceType"].as_str().unwrap(), entry["resource"]["id"].as_str().unwrap());
        assert_eq!(other.get(&format!("{kind}/{id}")).status, 404, "{kind}");
    }
    let lists = other.found(&format!("List?patient={patient}&code=submissionset&status=current&_include=List:item"));
    assert!(!lists.to_string().contains(&id), "no SubmissionSet betrays it");
    let summary = other.get(&format!("{patient}/$summary"));
    assert_eq!(summary.status, 200);
    assert!(!String::from_utf8_lossy(&summary.body).contains(&id));
    assert!(resources(&json(&summary), "Condition").is_empty());
    assert!(!resources(&author.found(&format!("{patient}/$summary")), "Condition").is_empty());
}

fn a_label_change_holds_for_facts_at_once(server: &TestServer) {
    let (patient, id, _) = masked(server);
    let mut author = server.cabinet();
    let label = serde_json::json!([{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}]}]);
    let answer = author.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json"), ("Accept", FHIR_JSON)], label.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", crate::support::text(&answer));
    let mut other = server.client("client-imagerie");
    assert!(other.found(&format!("Condition?patient={patient}&_summary=count"))["total"].as_u64().unwrap() > 0);
    assert_eq!(other.found(&format!("DocumentReference?patient={patient}"))["total"], 2);
}

fn a_deleted_document_and_its_facts_are_gone(server: &TestServer) {
    let (patient, id, binary) = masked(server);
    let mut author = server.cabinet();
    let fact = resources(&author.found(&format!("Condition?patient={patient}")), "Condition")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(author.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
    for path in [format!("DocumentReference/{id}"), format!("Condition/{fact}"), binary.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap().to_owned()] {
        let status = author.call("GET", &path, &[("Accept", "*/*")], b"").status;
        assert!(status == 404 || status == 410, "{path}: {status}");
    }
    assert_eq!(author.found(&format!("DocumentReference?patient={patient}"))["total"], 1);
}

fn only_a_structure_behind_a_document_deletes_it(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.deposited(&small_cda("2.25.12", "258027511234534", ""))["id"].as_str().unwrap().to_owned();
    assert_eq!(server.client("client-imagerie").call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 403);
    assert_eq!(cabinet.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
}

fn a_masked_replacement_hides_the_whole_chain(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let first = cabinet.deposited(&small_cda("2.25.13", "258027511234534", ""));
    let relation = r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.13"/></parentDocument></relatedDocument>"#;
    let answer = cabinet.call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "application/xml")], &small_cda("2.25.14", "258027511234534", relation));
    assert_eq!(answer.status, 201);
    let mut other = server.client("client-imagerie");
    assert_eq!(other.get(&format!("DocumentReference/{}", first["id"].as_str().unwrap())).status, 404);
    assert_eq!(other.found(&format!("DocumentReference?patient={}", first["subject"]["reference"].as_str().unwrap()))["total"], 0);
}

fn a_reference_written_with_the_whole_address_is_cut_like_any_other(server: &TestServer) {
    let (patient, id, _) = masked(server);
    let mut cabinet = server.cabinet();
    let observation = serde_json::json!({"resourceType": "Observation", "status": "final", "code": {"text": "relu"}, "subject": {"reference": patient},
        "derivedFrom": [{"reference": format!("{}/DocumentReference/{id}", server.base)}]});
    let answer = cabinet.post("Observation", &observation);
    assert_eq!(answer.status, 201, "{}", crate::support::text(&answer));
    let path = format!("Observation/{}", json(&answer)["id"].as_str().unwrap());
    assert_eq!(cabinet.found(&path)["derivedFrom"][0]["reference"], format!("DocumentReference/{id}"));
    assert!(server.client("client-imagerie").found(&path).get("derivedFrom").is_none());
}

/// A file inside a document is found as a Media, fetched as a Binary of its own, and as hidden as its document.
fn a_file_inside_a_document_is_a_binary_of_its_own(server: &TestServer) {
    let cda = |unique: &str| {
        let text = String::from_utf8(small_cda(unique, "258027511234534", "")).unwrap();
        let body = text.find("<component><structuredBody>").unwrap()..text.find("</ClinicalDocument>").unwrap();
        let level_1 = "<component><nonXMLBody><text mediaType=\"application/pdf\" representation=\"B64\">JVBERi0xLjQK</text></nonXMLBody></component>";
        [&text[..body.start], level_1, &text[body.end..]].concat().into_bytes()
    };
    let mut author = server.cabinet();
    author.deposited(&cda("2.25.301"));
    let answer = author.call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "application/xml")], &cda("2.25.302"));
    let patient = json(&answer)["subject"]["reference"].as_str().unwrap().to_owned();
    let mut other = server.client("client-imagerie");
    let files = |session: &mut crate::support::Session| -> Vec<String> {
        let found = session.found(&format!("Media?patient={patient}"));
        found["entry"].as_array().unwrap().iter().map(|e| e["resource"]["content"]["url"].as_str().unwrap().to_owned()).collect()
    };
    let (all, seen) = (files(&mut author), files(&mut other));
    assert_eq!((all.len(), seen.len()), (2, 1));
    let hidden = all.iter().find(|url| !seen.contains(url)).unwrap();
    let path = |url: &str| url.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap().to_owned();
    let file = author.call("GET", &path(hidden), &[("Accept", "*/*")], b"");
    assert_eq!((file.status, file.header("content-type"), file.body.as_slice()), (200, Some("application/pdf"), b"%PDF-1.4\n".as_slice()));
    assert_eq!(other.call("GET", &path(&seen[0]), &[("Accept", "*/*")], b"").status, 200);
    assert_eq!(other.call("GET", &path(hidden), &[("Accept", "*/*")], b"").status, 404);
}
