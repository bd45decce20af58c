//! `$deposit`: the bare document in, everything else derived.

use crate::on_both;
use crate::support::{FHIR_JSON, On, TestServer, json, refused, resources, sample, small_cda, text};

on_both! {
    a_deposit_answers_201_then_200_with_the_same_location
    other_bytes_under_the_same_unique_id_are_refused
    the_document_comes_back_byte_for_byte
    a_deposit_makes_a_submission_set_and_metadata
    facts_come_back_through_their_provenance
    depositing_twice_makes_nothing_twice
    a_replacement_that_comes_first_has_its_original_behind_it
    a_document_is_replaced_once
    a_document_that_replaces_another_supersedes_it
    facts_of_a_replaced_document_leave_the_searches
    what_the_header_cannot_say_comes_as_parameters
    an_identity_that_contradicts_the_record_is_refused_and_nothing_is_stored
    a_fhir_document_is_deposited_like_any_other
    generate_metadata_stores_the_document_and_answers_a_reference
    an_identifier_without_a_value_names_nobody
    a_local_number_never_joins_two_ins
    a_document_without_an_id_is_refused_by_that_name
    the_answer_of_a_deposit_is_the_resource_as_stored
    of_two_copies_the_callers_own_is_replaced
    labels_of_a_replaced_document_are_shown_where_they_hold
}

const UNIQUE: &str = "2.25.329800735698586629295641978511506172918";

fn location(answer: &passerelle::cli::Response) -> String {
    answer.header("location").unwrap_or_else(|| panic!("no Location: {}", text(answer))).to_owned()
}

fn a_deposit_answers_201_then_200_with_the_same_location(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = small_cda(UNIQUE, "270037500000121", "");
    let first = cabinet.deposit(&cda);
    assert_eq!(first.status, 201, "{}", text(&first));
    let second = cabinet.deposit(&cda);
    assert_eq!(second.status, 200);
    assert_eq!(location(&first), location(&second));
    assert!(location(&first).starts_with(&format!("{}/DocumentReference/", server.base)));
    assert_eq!(json(&first)["id"], json(&second)["id"]);
}

fn other_bytes_under_the_same_unique_id_are_refused(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = small_cda(UNIQUE, "270037500000121", "");
    assert_eq!(cabinet.deposit(&cda).status, 201);
    let mut other = cda;
    other.extend_from_slice(b"\n");
    refused(&cabinet.deposit(&other), 409);
}

fn the_document_comes_back_byte_for_byte(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = small_cda(UNIQUE, "270037500000121", "");
    let reference = cabinet.deposited(&cda);
    let url = reference["content"][0]["attachment"]["url"].as_str().unwrap();
    let path = url.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap();
    let raw = cabinet.call("GET", path, &[("Accept", "application/xml")], b"");
    assert_eq!((raw.status, raw.body.as_slice()), (200, cda.as_slice()));
    assert!(raw.header("content-type").unwrap().starts_with("application/xml"));
    let binary = json(&cabinet.call("GET", path, &[("Accept", FHIR_JSON)], b""));
    assert_eq!(binary["resourceType"], "Binary");
    refused(&cabinet.call("GET", path, &[("Accept", "image/png")], b""), 406);
}

fn a_deposit_makes_a_submission_set_and_metadata(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""));
    assert_eq!(reference["masterIdentifier"]["value"], format!("urn:oid:{UNIQUE}"));
    assert_eq!(reference["type"]["coding"][0]["code"], "11488-4");
    assert_eq!(reference["category"][0]["coding"][0]["code"], "10", "the class is derived from the type");
    assert_eq!(reference["content"][0]["attachment"]["title"], "Consultation de suivi");
    let patient = reference["subject"]["reference"].as_str().unwrap();
    let lists = cabinet.found(&format!("List?patient={patient}&code=submissionset&status=current&_include=List:item"));
    let sets = resources(&lists, "List");
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["entry"][0]["item"]["reference"], format!("DocumentReference/{}", reference["id"].as_str().unwrap()));
    assert_eq!(resources(&lists, "DocumentReference").len(), 1);
}

fn facts_come_back_through_their_provenance(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&sample("01-synthese-medicale.xml"));
    let id = reference["id"].as_str().unwrap();
    let found = cabinet.found(&format!("Provenance?entity=DocumentReference/{id}&_include=Provenance:target"));
    let provenance = resources(&found, "Provenance");
    assert_eq!(provenance.len(), 1);
    assert_eq!(provenance[0]["entity"][0]["what"]["reference"], format!("DocumentReference/{id}"));
    let targets = provenance[0]["target"].as_array().unwrap().len();
    assert!(targets >= 5, "{targets}");
    assert_eq!(found["entry"].as_array().unwrap().len(), targets + 1, "every target is included");
    let problem = resources(&found, "Condition")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(cabinet.found(&format!("Condition/{problem}"))["id"], problem);
    refused(&cabinet.put(&format!("Condition/{problem}"), &serde_json::json!({"resourceType": "Condition", "id": problem, "subject": {"reference": "Patient/x"}})), 405);
}

fn depositing_twice_makes_nothing_twice(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = sample("01-synthese-medicale.xml");
    let patient = cabinet.deposited(&cda)["subject"]["reference"].as_str().unwrap().to_owned();
    let count = |c: &mut crate::support::Session, kind: &str| c.found(&format!("{kind}?patient={patient}&_summary=count"))["total"].as_u64().unwrap();
    let before: Vec<u64> = ["Condition", "MedicationStatement", "DocumentReference", "List"].iter().map(|k| count(&mut cabinet, k)).collect();
    assert_eq!(cabinet.deposit(&cda).status, 200);
    let after: Vec<u64> = ["Condition", "MedicationStatement", "DocumentReference", "List"].iter().map(|k| count(&mut cabinet, k)).collect();
    assert_eq!(before, after);
    assert!(before[0] > 0);
}

fn a_document_that_replaces_another_supersedes_it(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let first = cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""));
    let relation = format!(r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="{UNIQUE}"/></parentDocument></relatedDocument>"#);
    let second = cabinet.deposited(&small_cda("2.25.4", "270037500000121", &relation));
    let old = cabinet.found(&format!("DocumentReference/{}", first["id"].as_str().unwrap()));
    assert_eq!(old["status"], "superseded");
    assert_eq!(old["meta"]["versionId"], "2");
    assert_eq!(second["relatesTo"][0]["code"], "replaces");
    let patient = second["subject"]["reference"].as_str().unwrap();
    let current = cabinet.found(&format!("DocumentReference?patient={patient}&status=current"));
    assert_eq!(current["total"], 1);
}

const REPLACES: &str = r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="UNIQUE"/></parentDocument></relatedDocument>"#;

fn replacing(own: &str, other: &str) -> Vec<u8> {
    small_cda(own, "270037500000121", &REPLACES.replace("UNIQUE", other))
}

fn a_replacement_that_comes_first_has_its_original_behind_it(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let second = cabinet.deposited(&replacing("2.25.4", UNIQUE));
    let patient = second["subject"]["reference"].as_str().unwrap().to_owned();
    let first = cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""));
    assert_eq!(first["status"], "superseded");
    let current = |c: &mut crate::support::Session| {
        let found = c.found(&format!("DocumentReference?patient={patient}&status=current"));
        found["entry"].as_array().into_iter().flatten().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(current(&mut cabinet), [second["id"].as_str().unwrap()]);
}

fn a_document_is_replaced_once(server: &TestServer) {
    let mut cabinet = server.cabinet();
    cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""));
    cabinet.deposited(&replacing("2.25.4", UNIQUE));
    let again = cabinet.deposit(&replacing("2.25.5", UNIQUE));
    assert!(again.status == 409 && text(&again).contains("P-0893"), "{}", text(&again));
    // Sent again, the first replacement is answered as it was.
    assert_eq!(cabinet.deposit(&replacing("2.25.4", UNIQUE)).status, 200);
    cabinet.deposited(&replacing("2.25.5", "2.25.4"));
}

/// What a replaced document stated is not found beside what its successor states.
fn facts_of_a_replaced_document_leave_the_searches(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = String::from_utf8(sample("06-vaccinations.xml")).unwrap();
    let first = cabinet.deposited(cda.as_bytes());
    let (patient, id) = (first["subject"]["reference"].as_str().unwrap(), first["id"].as_str().unwrap());
    let count = |c: &mut crate::support::Session| c.found(&format!("Immunization?patient={patient}&_summary=count"))["total"].as_u64().unwrap();
    let before = count(&mut cabinet);
    let unique = first["masterIdentifier"]["value"].as_str().unwrap().trim_start_matches("urn:oid:").to_owned();
    let own = format!("<id root=\"{unique}\"/>");
    assert!(cda.contains(&own));
    let second = cda.replacen(&own, "<id root=\"2.25.77\"/>", 1);
    let answer = cabinet.call("POST", &format!("$deposit?replaces={unique}"), &[("Content-Type", "text/xml")], second.as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    assert_eq!(count(&mut cabinet), before);
    let old = cabinet.found(&format!("Provenance?entity=DocumentReference/{id}&_include=Provenance:target"));
    assert_eq!(u64::try_from(resources(&old, "Immunization").len()).unwrap(), before, "they stay reachable through their Provenance");
}

fn what_the_header_cannot_say_comes_as_parameters(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let path = "$deposit?security-label=R&security-label=INVISIBLE_PATIENT&related=urn:oid:1.2.3%7CACC-1&event=http://loinc.org%7C24725-4";
    let answer = cabinet.call("POST", path, &[("Content-Type", "text/xml")], &small_cda(UNIQUE, "270037500000121", ""));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let reference = json(&answer);
    let labels: Vec<&str> = reference["securityLabel"].as_array().unwrap().iter().filter_map(|l| l["coding"][0]["code"].as_str()).collect();
    assert!(labels.contains(&"R") && labels.contains(&"INVISIBLE_PATIENT") && !labels.contains(&"N"));
    let patient = reference["subject"]["reference"].as_str().unwrap();
    let found = cabinet.found(&format!("DocumentReference?patient={patient}&related:identifier=urn:oid:1.2.3%7CACC-1"));
    assert_eq!(found["total"], 1);
    refused(&cabinet.call("POST", "$deposit?security-label=SECRET", &[("Content-Type", "text/xml")], &small_cda("2.25.5", "270037500000121", "")), 400);
    // Misspelt, and lenient by default: what was to be masked is not published.
    refused(&cabinet.call("POST", "$deposit?security-labels=MASQUE_PS", &[("Content-Type", "text/xml")], &small_cda("2.25.6", "270037500000121", "")), 400);
    assert_eq!(cabinet.found("DocumentReference?identifier=urn:oid:2.25.6")["total"], 0);
}

fn an_identity_that_contradicts_the_record_is_refused_and_nothing_is_stored(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""))["subject"]["reference"].as_str().unwrap().to_owned();
    let other = String::from_utf8(small_cda("2.25.6", "270037500000121", "")).unwrap().replace("19700312", "19810101");
    let outcome = refused(&cabinet.deposit(other.as_bytes()), 422);
    assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("birth date"));
    assert!(!outcome.to_string().contains("1981"), "never a patient's value");
    assert_eq!(cabinet.found(&format!("DocumentReference?patient={patient}"))["total"], 1);
}

fn a_fhir_document_is_deposited_like_any_other(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let bundle = serde_json::json!({"resourceType": "Bundle", "type": "document", "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0b8f3a0e-1111-4222-8333-444455556666"},
        "timestamp": "2026-05-01T10:00:00+02:00", "entry": [
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": {"resourceType": "Composition", "status": "final", "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]},
            "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"}, "date": "2026-05-01T10:00:00+02:00", "author": [{"display": "Dr Martin"}], "title": "Synthèse"}},
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "270037500000121"}],
            "name": [{"family": "ESSAI", "given": ["Anne"]}], "gender": "female", "birthDate": "1970-03-12"}},
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000003", "resource": {"resourceType": "Condition", "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"},
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10"}], "text": "Hypertension"}}}
    ]});
    let bytes = bundle.to_string();
    let answer = cabinet.call("POST", "$deposit", &[("Content-Type", FHIR_JSON)], bytes.as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let reference = json(&answer);
    let patient = reference["subject"]["reference"].as_str().unwrap();
    let found = cabinet.found(&format!("Condition?patient={patient}"));
    assert_eq!(resources(&found, "Condition")[0]["subject"]["reference"], patient);
    let url = reference["content"][0]["attachment"]["url"].as_str().unwrap();
    let raw = cabinet.call("GET", url.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap(), &[("Accept", "*/*")], b"");
    assert_eq!(raw.body, bytes.as_bytes());
    refused(&cabinet.call("POST", "$deposit", &[("Content-Type", FHIR_JSON)], br#"{"resourceType":"Bundle","type":"collection"}"#), 422);
}

fn generate_metadata_stores_the_document_and_answers_a_reference(server: &TestServer) {
    use base64::Engine;
    let mut cabinet = server.cabinet();
    let data = base64::engine::general_purpose::STANDARD.encode(small_cda(UNIQUE, "270037500000121", ""));
    let parameters =
        serde_json::json!({"resourceType": "Parameters", "parameter": [{"name": "document", "resource": {"resourceType": "Binary", "contentType": "text/xml", "data": data}}]});
    let answer = cabinet.post("DocumentReference/$generate-metadata", &parameters);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let reference = json(&answer)["parameter"][0]["valueReference"]["reference"].as_str().unwrap().to_owned();
    assert_eq!(cabinet.found(&reference)["masterIdentifier"]["value"], format!("urn:oid:{UNIQUE}"));
    refused(&cabinet.post("DocumentReference/$generate-metadata", &serde_json::json!({"resourceType": "Parameters"})), 400);
}

/// A root alone says who gives identifiers: two such documents must never meet in one record.
fn an_identifier_without_a_value_names_nobody(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = String::from_utf8(small_cda(UNIQUE, "270037500000121", "")).unwrap();
    for without in ["", " extension=\"\"", " extension=\"  \""] {
        let bad = cda.replace(" extension=\"270037500000121\"", without);
        assert_ne!(bad, cda);
        refused(&cabinet.deposit(bad.as_bytes()), 400);
    }
}

fn a_document_without_an_id_is_refused_by_that_name(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = String::from_utf8(small_cda(UNIQUE, "270037500000121", "")).unwrap();
    let outcome = refused(&cabinet.deposit(cda.replace(&format!("<id root=\"{UNIQUE}\"/>"), "").as_bytes()), 400);
    assert!(outcome.to_string().contains("ClinicalDocument/id"), "{outcome}");
}

fn the_answer_of_a_deposit_is_the_resource_as_stored(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let answered = cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""));
    let stored = cabinet.found(&format!("DocumentReference/{}", answered["id"].as_str().unwrap()));
    assert_eq!(answered, stored);
}

fn of_two_copies_the_callers_own_is_replaced(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = small_cda(UNIQUE, "270037500000121", "");
    let masked = cabinet.call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "text/xml")], &cda);
    assert_eq!(masked.status, 201);
    let own = json(&masked)["id"].as_str().unwrap().to_owned();
    let other = server.client("client-imagerie").deposited(&cda)["id"].as_str().unwrap().to_owned();
    assert_ne!(own, other);
    let answer = cabinet.call("POST", &format!("$deposit?replaces={UNIQUE}"), &[("Content-Type", "text/xml")], &small_cda("2.25.88", "270037500000121", ""));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    assert_eq!(cabinet.found(&format!("DocumentReference/{own}"))["status"], "superseded");
    assert_eq!(cabinet.found(&format!("DocumentReference/{other}"))["status"], "current");
}

fn labels_of_a_replaced_document_are_shown_where_they_hold(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let first = cabinet.deposited(&small_cda(UNIQUE, "270037500000121", ""));
    let relation = format!(r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="{UNIQUE}"/></parentDocument></relatedDocument>"#);
    let answer = cabinet.call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "text/xml")], &small_cda("2.25.4", "270037500000121", &relation));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let codes = |r: &serde_json::Value| r["securityLabel"].to_string();
    let old = format!("DocumentReference/{}", first["id"].as_str().unwrap());
    assert!(codes(&cabinet.found(&old)).contains("MASQUE_PS"), "the predecessor is hidden and says so");
    let third = r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.4"/></parentDocument></relatedDocument>"#;
    let last = cabinet.deposited(&small_cda("2.25.5", "270037500000121", third));
    assert!(codes(&last).contains("MASQUE_PS"), "the successor of a hidden document is hidden and says so");
    let patch = serde_json::json!([{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}]}]);
    let unmasked =
        cabinet.call("PATCH", &format!("DocumentReference/{}", last["id"].as_str().unwrap()), &[("Content-Type", "application/json-patch+json")], patch.to_string().as_bytes());
    assert_eq!(unmasked.status, 200, "{}", text(&unmasked));
    assert!(!codes(&cabinet.found(&old)).contains("MASQUE_PS"));
    assert_eq!(server.client("client-imagerie").get(&old).status, 200);
}

fn a_local_number_never_joins_two_ins(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let with_local = |unique: &str, ins: &str, birth: &str| {
        let cda = String::from_utf8(small_cda(unique, ins, "")).unwrap();
        cda.replace("<patientRole>", "<patientRole><id root=\"1.2.3.4.5\" extension=\"IPP-1\"/>").replace("19700312", birth).into_bytes()
    };
    let one = cabinet.deposited(&with_local("2.25.91", "270037500000121", "19700312"));
    let two = cabinet.deposited(&with_local("2.25.92", "281017500000187", "19810101"));
    assert_ne!(one["subject"], two["subject"]);
    let alone = String::from_utf8(with_local("2.25.93", "270037500000121", "19700312")).unwrap().replace("<id root=\"1.2.250.1.213.1.4.10\" extension=\"270037500000121\"/>", "");
    refused(&cabinet.deposit(alone.as_bytes()), 412);
}

/// A list can be read without opening anything, whichever road a document came by.
#[test]
fn every_document_has_a_generated_title_beside_its_author_s() {
    let server = TestServer::start(On::Sqlite);
    let title = |reference: &serde_json::Value| {
        let all = reference["extension"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|e| e["url"] == "urn:passerelle:generated-title").map(|e| e["valueString"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let prescription = server.cabinet().deposited(&sample("07-prescription.xml"));
    assert_eq!(title(&prescription), ["Prescription de produits de santé · Médecine Générale · 05/10/2026 · APIXABAN 5 mg, LEVOTHYROX 75 microgrammes, METFORMINE 1000 mg + 1"]);
    assert_eq!(prescription["content"][0]["attachment"]["title"], "Prescription de médicaments");
    // By ITI-105, with a title that a client sent along: it is replaced.
    let patient = prescription["subject"]["reference"].as_str().unwrap();
    let body = serde_json::json!({"resourceType": "DocumentReference", "status": "current", "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.901"},
        "extension": [{"url": "urn:passerelle:generated-title", "valueString": "Tout va bien"}, {"url": "urn:x", "valueString": "y"}],
        "type": {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]}, "subject": {"reference": patient},
        "context": {"period": {"start": "2026-03-10"}}, "content": [{"attachment": {"contentType": "application/pdf", "title": "Radio", "data": "JVBERi0xLjQ="}}]});
    let answer = server.cabinet().post("DocumentReference", &body);
    let stored = json(&answer);
    assert_eq!(title(&stored), ["CR d'imagerie médicale · 10/03/2026 · texte du PDF non lu"], "{stored}");
    assert_eq!(stored["extension"].as_array().unwrap().len(), 3, "the title, what the client sent, and that the file could not be read");
    // Archiving writes an extension; the title stays.
    let archive = serde_json::json!([{"op": "add", "path": "/extension", "value": [{"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}]}]);
    let path = format!("DocumentReference/{}", prescription["id"].as_str().unwrap());
    let archived = server.cabinet().call("PATCH", &path, &[("Content-Type", "application/json-patch+json")], archive.to_string().as_bytes());
    assert_eq!((archived.status, title(&json(&archived))), (200, title(&prescription)));
}

/// What is wrong is told by rule, place and line, of a body and of a stored document; nothing is stored by asking.
#[test]
fn a_cda_is_validated_without_being_stored() {
    let server = TestServer::enforced(On::Sqlite);
    let text = String::from_utf8(small_cda("2.25.950", "258027511234534", "")).unwrap();
    let wrong = text.replace("extension=\"801234567897\"", "extension=\"80123\"").replace("20260310101500+0100\"/>\n  <conf", "20260310101500+100\"/>\n  <conf");
    let validated = |body: &str| server.cabinet().call("POST", "$validate-cda", &[("Content-Type", "application/xml"), ("Accept", FHIR_JSON)], body.as_bytes());
    let answer = validated(&wrong);
    assert_eq!(answer.status, 200, "{}", crate::support::text(&answer));
    let outcome = json(&answer);
    let issue = outcome["issue"].as_array().unwrap().iter().find(|i| i["details"]["coding"][0]["code"] == "person-id").unwrap_or_else(|| panic!("{outcome}"));
    assert_eq!((issue["severity"].as_str(), issue["location"][0].as_str()), (Some("error"), Some("/ClinicalDocument/author[1]/assignedAuthor[1]/id[1]")));
    assert!(issue["diagnostics"].as_str().unwrap().starts_with("line 14: ") && !outcome.to_string().contains("80123"), "{issue}");
    refused(&validated("<a/>"), 422);
    refused(&server.cabinet().call("POST", "$validate-cda", &[("Content-Type", "application/json")], b"{}"), 415);
    let mut doctor = server.doctor(&[]);
    assert_eq!(doctor.found("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|258027511234534")["total"], 0, "nothing was stored");
    let stored = doctor.deposited(wrong.as_bytes());
    let path = format!("DocumentReference/{}/$validate-cda", stored["id"].as_str().unwrap());
    let codes = |outcome: &serde_json::Value| outcome["issue"].as_array().unwrap().iter().map(|i| i["details"]["coding"][0]["code"].to_string()).collect::<Vec<_>>();
    assert_eq!(codes(&doctor.found(&path)), codes(&outcome));
    refused(&server.cabinet().get(&path), 403);
}

/// A CDA that breaks rules is stored and told, its DocumentReference counts them; where the configuration says so it is refused.
#[test]
fn the_findings_of_a_cda_travel_with_it_or_refuse_it() {
    let text = String::from_utf8(small_cda("2.25.951", "258027511234534", "")).unwrap();
    let wrong = text.replace("extension=\"801234567897\"", "extension=\"80123\"");
    let xml = [("Content-Type", "application/xml"), ("Accept", FHIR_JSON), ("Prefer", "return=OperationOutcome")];
    let server = TestServer::start(On::Sqlite);
    let answer = server.cabinet().call("POST", "$deposit", &xml, wrong.as_bytes());
    let outcome = json(&answer);
    assert_eq!(answer.status, 201, "{outcome}");
    let issues = outcome["issue"].as_array().unwrap();
    assert!(issues.iter().any(|i| i["diagnostics"].as_str().unwrap().starts_with("error [person-id] line ")), "{outcome}");
    assert!(issues.iter().all(|i| i["severity"] != "error") && !outcome.to_string().contains("80123"), "{outcome}");
    let counts = |reference: &serde_json::Value| {
        let all = reference["extension"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> = all.into_iter().filter(|e| e["url"] == "urn:passerelle:cda-findings").collect();
        assert!(found.len() < 2, "{reference}");
        found.first().map(|e| (e["extension"][0]["valueUnsignedInt"].as_u64().unwrap(), e["extension"][1]["url"].as_str().unwrap().to_owned()))
    };
    let stored =
        json(&server.cabinet().call("GET", answer.header("location").unwrap().split("/fhir/").last().unwrap().split("/_history").next().unwrap(), &[("Accept", FHIR_JSON)], b""));
    let (errors, warnings) = counts(&stored).unwrap_or_else(|| panic!("{stored}"));
    assert!(errors >= 1 && warnings == "warnings", "{stored}");

    let strict = TestServer::with(On::Sqlite, |c| c.documents.refuse_invalid_cda = true);
    let refusal = strict.cabinet().call("POST", "$deposit", &xml, wrong.as_bytes());
    assert_eq!(refusal.status, 422);
    let outcome = json(&refusal);
    assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().starts_with("P-0672: error [") && outcome["issue"][0]["severity"] == "error", "{outcome}");
    assert_eq!(
        json(&strict.cabinet().call("GET", "DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10|258027511234534", &[("Accept", FHIR_JSON)], b""))["total"],
        0,
        "nothing was stored"
    );
    let own = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance-tests/corpus/01-synthese-medicale.xml")).unwrap();
    assert_eq!(strict.cabinet().call("POST", "$deposit", &xml, &own).status, 201);
}
