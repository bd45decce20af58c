//! Document sharing: ITI-65, ITI-105, metadata PATCH, and the published examples.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use passerelle::cli::Response;
use serde_json::{Value, json};
use sha1::Digest;

use crate::on_both;
use crate::support::{FHIR_JSON, On, Session, TestServer, json as body, refused, small_cda, text};

on_both! {
    a_submission_is_stored_whole_and_answered_in_order
    a_submission_sent_again_gets_the_same_answer_and_nothing_twice
    a_wrong_hash_or_size_stores_nothing
    a_missing_part_two_patients_or_an_unknown_patient_are_refused
    a_replacing_submission_supersedes_its_target
    a_document_of_another_patient_is_refused
    simplified_publish_makes_binary_and_submission_set
    a_document_published_as_archived_is_in_no_summary
    a_binary_waits_for_its_document_reference
    metadata_patch_changes_three_elements_and_nothing_else
    a_plain_transaction_carries_documents_too
}

fn coding(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

/// A submission of one document; `change` gets the DocumentReference and the Bundle's entries before they are joined.
pub fn submission(patient: &str, unique: &str, mime: &str, bytes: &[u8], change: impl FnOnce(&mut Value)) -> Value {
    let hash = STANDARD.encode(sha1::Sha1::digest(bytes));
    let mut reference = json!({
        "resourceType": "DocumentReference",
        "contained": [
            {"resourceType": "Practitioner", "id": "ps", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "801234567897"}], "name": [{"family": "MARTIN", "given": ["Claire"]}]},
            {"resourceType": "Organization", "id": "org", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1759999991"}], "name": "Cabinet d'essai"},
            {"resourceType": "PractitionerRole", "id": "auteur", "practitioner": {"reference": "#ps"}, "organization": {"reference": "#org"}},
            {"resourceType": "Patient", "id": "source", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "270037500000121"}]}],
        "masterIdentifier": {"type": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "code": "uniqueId"}]}, "system": "urn:ietf:rfc:3986", "value": unique},
        "status": "current", "type": coding("http://loinc.org", "11488-4"), "category": [coding("https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "10")],
        "subject": {"reference": patient}, "date": "2026-03-10T10:00:00+01:00", "author": [{"reference": "#auteur"}], "custodian": {"reference": "#org"},
        "securityLabel": [coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
        "content": [{"attachment": {"contentType": mime, "language": "fr-FR", "url": "urn:uuid:00000000-0000-4000-8000-0000000000b1", "size": bytes.len(), "hash": hash, "title": "Consultation", "creation": "2026-03-10T10:00:00+01:00"},
            "format": {"system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient"}}],
        "context": {"period": {"start": "2026-03-10T09:30:00+01:00"}, "facilityType": coding("https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA07"),
            "practiceSetting": coding("https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "AMBULATOIRE"), "sourcePatientInfo": {"reference": "#source"}}
    });
    change(&mut reference);
    let subject = reference["subject"].clone();
    let list = json!({
        "resourceType": "List", "contained": [{"resourceType": "PractitionerRole", "id": "source", "practitioner": {"display": "Dr Martin"}}],
        "extension": [
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}},
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType", "valueCodeableConcept": coding("urn:oid:1.2.250.1.213.2.2", "07")}],
        "identifier": [
            {"type": coding("https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "uniqueId"), "use": "usual", "system": "urn:ietf:rfc:3986", "value": format!("{unique}.1")},
            {"type": coding("https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "entryUUID"), "use": "official", "system": "urn:ietf:rfc:3986", "value": "urn:uuid:00000000-0000-4000-8000-0000000000e1"}],
        "status": "current", "mode": "working", "code": coding("https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "submissionset"),
        "subject": subject, "date": "2026-03-10T10:00:00+01:00", "source": {"reference": "#source"},
        "entry": [{"item": {"reference": "urn:uuid:00000000-0000-4000-8000-0000000000d1"}}]
    });
    json!({
        "resourceType": "Bundle", "meta": {"profile": ["https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle"]}, "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000a1", "resource": list, "request": {"method": "POST", "url": "List"}},
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000d1", "resource": reference, "request": {"method": "POST", "url": "DocumentReference"}},
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000b1", "resource": {"resourceType": "Binary", "contentType": mime, "data": STANDARD.encode(bytes)}, "request": {"method": "POST", "url": "Binary"}}
        ]
    })
}

fn pdf(patient: &str, unique: &str) -> Value {
    submission(patient, unique, "application/pdf", b"%PDF-1.4 essai", |_| {})
}

fn provide(session: &mut Session, bundle: &Value) -> Response {
    session.post("/fhir", bundle)
}

fn documents(session: &mut Session, patient: &str) -> u64 {
    session.found(&format!("DocumentReference?patient={patient}&_summary=count"))["total"].as_u64().unwrap()
}

fn a_submission_is_stored_whole_and_answered_in_order(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let answer = provide(&mut cabinet, &pdf(&patient, "urn:oid:1.2.3.1"));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let response = body(&answer);
    assert_eq!(response["type"], "transaction-response");
    let locations: Vec<&str> = response["entry"].as_array().unwrap().iter().map(|e| e["response"]["location"].as_str().unwrap()).collect();
    for (location, kind) in locations.iter().zip(["List/", "DocumentReference/", "Binary/"]) {
        assert!(location.starts_with(kind), "{location}");
    }
    assert!(response["entry"].as_array().unwrap().iter().all(|e| e["response"]["status"].as_str().unwrap().starts_with("201")));
    let reference = cabinet.found(locations[1].split("/_history").next().unwrap());
    let url = reference["content"][0]["attachment"]["url"].as_str().unwrap();
    assert!(url.ends_with(locations[2].split("/_history").next().unwrap()), "{url}");
    let raw = cabinet.call("GET", url.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap(), &[("Accept", "application/pdf")], b"");
    assert_eq!(raw.body, b"%PDF-1.4 essai");
    let list = cabinet.found(locations[0].split("/_history").next().unwrap());
    assert_eq!(list["entry"][0]["item"]["reference"], format!("DocumentReference/{}", reference["id"].as_str().unwrap()));
}

fn a_submission_sent_again_gets_the_same_answer_and_nothing_twice(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let bundle = pdf(&patient, "urn:oid:1.2.3.2");
    let first = provide(&mut cabinet, &bundle);
    let second = provide(&mut cabinet, &bundle);
    assert_eq!((first.status, &first.body), (200, &second.body));
    assert_eq!(documents(&mut cabinet, &patient), 1);
    let mut other = bundle;
    other["entry"][0]["resource"]["title"] = json!("autre");
    refused(&provide(&mut cabinet, &other), 409);
}

fn a_wrong_hash_or_size_stores_nothing(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    for (name, value) in [("hash", json!("2jmj7l5rSw0yVb/vlWAYkK/YBwk=")), ("size", json!(3))] {
        let bundle = submission(&patient, "urn:oid:1.2.3.3", "application/pdf", b"%PDF-1.4 essai", |r| r["content"][0]["attachment"][name] = value);
        let outcome = refused(&provide(&mut cabinet, &bundle), 422);
        assert!(outcome["issue"][0]["expression"][0].as_str().unwrap().ends_with(&format!("attachment.{name}")), "{outcome}");
    }
    let mut broken = pdf(&patient, "urn:oid:1.2.3.4");
    broken["entry"][2]["resource"]["data"] = json!("@@@");
    let answer = provide(&mut cabinet, &broken);
    assert!((400..=422).contains(&answer.status), "{}", text(&answer));
    assert_eq!(documents(&mut cabinet, &patient), 0);
}

fn a_missing_part_two_patients_or_an_unknown_patient_are_refused(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let other = format!("Patient/{}", cabinet.patient("270037500000243"));
    let mut missing = pdf(&patient, "urn:oid:1.2.3.5");
    missing["entry"].as_array_mut().unwrap().pop();
    let mut two = pdf(&patient, "urn:oid:1.2.3.6");
    two["entry"][1]["resource"]["subject"]["reference"] = json!(other);
    for bundle in [missing, two, pdf("Patient/nobody", "urn:oid:1.2.3.7")] {
        let answer = provide(&mut cabinet, &bundle);
        assert!((400..=422).contains(&answer.status), "{}", text(&answer));
        assert_eq!(body(&answer)["resourceType"], "OperationOutcome");
    }
    assert_eq!(documents(&mut cabinet, &patient) + documents(&mut cabinet, &other), 0);
}

fn a_replacing_submission_supersedes_its_target(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let first = body(&provide(&mut cabinet, &pdf(&patient, "urn:oid:1.2.3.8")));
    let old = first["entry"][1]["response"]["location"].as_str().unwrap().split("/_history").next().unwrap().to_owned();
    let mut second = submission(&patient, "urn:oid:1.2.3.9", "application/pdf", b"%PDF-1.4 corrige", |r| {
        r["relatesTo"] = json!([{"code": "replaces", "target": {"reference": old}}]);
    });
    let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"}, {"name": "value", "valueCode": "superseded"}]}]});
    second["entry"]
        .as_array_mut()
        .unwrap()
        .push(json!({"fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000f1", "resource": patch, "request": {"method": "PATCH", "url": old}}));
    let answer = provide(&mut cabinet, &second);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(cabinet.found(&old)["status"], "superseded");
    assert_eq!(cabinet.found(&format!("DocumentReference?patient={patient}&status=current"))["total"], 1);
}

fn a_document_of_another_patient_is_refused(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000243"));
    let cda = small_cda("1.2.3.10", "270037500000121", "");
    let outcome = refused(&provide(&mut cabinet, &submission(&patient, "urn:oid:1.2.3.10", "text/xml", &cda, |_| {})), 422);
    assert!(outcome.to_string().contains("another patient"), "{outcome}");
    assert_eq!(documents(&mut cabinet, &patient), 0);
}

fn simplified_publish_makes_binary_and_submission_set(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let mut reference = pdf(&patient, "urn:oid:1.2.3.11")["entry"][1]["resource"].clone();
    let attachment = reference["content"][0]["attachment"].as_object_mut().unwrap();
    attachment.remove("url");
    attachment.insert("data".into(), json!(STANDARD.encode(b"%PDF-1.4 essai")));
    let answer = cabinet.post("DocumentReference", &reference);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let stored = body(&answer);
    assert!(stored["content"][0]["attachment"].get("data").is_none());
    assert_eq!(stored["content"][0]["attachment"]["size"], 14);
    assert_eq!(cabinet.found(&format!("List?patient={patient}&code=submissionset&status=current"))["total"], 1);
    assert_eq!(cabinet.post("DocumentReference", &reference).status, 200, "the same document again");
    assert_eq!(documents(&mut cabinet, &patient), 1);
}

fn a_document_published_as_archived_is_in_no_summary(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cda = crate::support::sample("06-vaccinations.xml");
    let id = cabinet.deposited(&cda)["subject"]["reference"].as_str().unwrap().to_owned();
    let (patient, other) = (id, String::from_utf8(cda).unwrap());
    let doses = |session: &mut Session| {
        let summary = session.found(&format!("{patient}/$summary"));
        summary["entry"].as_array().unwrap().iter().filter(|e| e["resource"]["resourceType"] == "Immunization").count()
    };
    let before = doses(&mut cabinet);
    assert!(before > 0);
    let bytes = other.replace("20260310", "20260311");
    let mut reference = pdf(&patient, "urn:oid:1.2.3.12")["entry"][1]["resource"].clone();
    reference["extension"] = json!([{"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}]);
    let attachment = reference["content"][0]["attachment"].as_object_mut().unwrap();
    for name in ["url", "size", "hash"] {
        attachment.remove(name);
    }
    attachment.insert("contentType".into(), json!("text/xml"));
    attachment.insert("data".into(), json!(STANDARD.encode(bytes.as_bytes())));
    reference["contained"].as_array_mut().unwrap().retain(|c| c["id"] != "source");
    reference["context"].as_object_mut().unwrap().remove("sourcePatientInfo");
    let answer = cabinet.post("DocumentReference", &reference);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let sources = |session: &mut Session, id: &str| total_of(&session.found(&format!("Provenance?entity=DocumentReference/{id}")));
    let archived = body(&answer)["id"].as_str().unwrap().to_owned();
    assert!(sources(&mut cabinet, &archived) > 0, "its facts are derived");
    assert_eq!(doses(&mut cabinet), before);
    let bundle = cabinet.found(&format!("{patient}/$summary")).to_string();
    assert!(!bundle.contains(&format!("DocumentReference/{archived}")), "and no line names it");
}

fn total_of(bundle: &Value) -> u64 {
    bundle["total"].as_u64().unwrap()
}

fn a_binary_waits_for_its_document_reference(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let sent = cabinet.post("Binary", &json!({"resourceType": "Binary", "contentType": "application/pdf", "data": STANDARD.encode(b"%PDF-1.4 essai")}));
    assert_eq!(sent.status, 201, "{}", text(&sent));
    let binary = sent.header("location").unwrap().split("/fhir/").nth(1).unwrap().split("/_history").next().unwrap().to_owned();
    assert_eq!(cabinet.call("GET", &binary, &[("Accept", "application/pdf")], b"").status, 200);
    assert_eq!(server.client("client-imagerie").call("GET", &binary, &[("Accept", "application/pdf")], b"").status, 404, "nobody else sees it yet");
    let mut reference = pdf(&patient, "urn:oid:1.2.3.12")["entry"][1]["resource"].clone();
    reference["content"][0]["attachment"]["url"] = json!(binary);
    let answer = cabinet.post("DocumentReference", &reference);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    assert_eq!(server.client("client-imagerie").call("GET", &binary, &[("Accept", "application/pdf")], b"").body, b"%PDF-1.4 essai");
}

fn metadata_patch_changes_three_elements_and_nothing_else(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let first = body(&provide(&mut cabinet, &pdf(&patient, "urn:oid:1.2.3.13")));
    let path = first["entry"][1]["response"]["location"].as_str().unwrap().split("/_history").next().unwrap().to_owned();
    let mut patch = |path: &str, operations: Value| cabinet.call("PATCH", path, &[("Content-Type", "application/json-patch+json")], operations.to_string().as_bytes());
    let archived = patch(
        &path,
        json!([{"op": "replace", "path": "/extension[url:'https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived']/valueBoolean", "value": true}]),
    );
    assert_eq!((archived.status, archived.header("etag")), (200, Some("W/\"2\"")), "{}", text(&archived));
    let masked = patch(
        "DocumentReference?identifier=urn:ietf:rfc:3986%7Curn:oid:1.2.3.13",
        json!([{"op": "replace", "path": "/securityLabel/0", "value": coding("https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument", "MASQUE_PS")}]),
    );
    assert_eq!(masked.status, 200, "{}", text(&masked));
    let labels: Vec<String> = body(&masked)["securityLabel"].as_array().unwrap().iter().map(|l| l["coding"][0]["code"].as_str().unwrap().to_owned()).collect();
    assert!(labels.contains(&"N".to_owned()) && labels.contains(&"MASQUE_PS".to_owned()), "labels are a set: {labels:?}");
    refused(&patch(&path, json!([{"op": "replace", "path": "/description", "value": "x"}])), 405);
    refused(&patch(&path, json!([{"op": "replace", "path": "/status", "value": "current "}])), 422);
    assert_eq!(server.client("client-imagerie").get(&path).status, 404, "masked for others");
}

fn a_plain_transaction_carries_documents_too(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}]}, "request": {"method": "POST", "url": "Patient"}},
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": {"resourceType": "Binary", "contentType": "text/plain", "data": STANDARD.encode("bonjour")}, "request": {"method": "POST", "url": "Binary"}},
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000003", "resource": {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"},
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.14"},
            "content": [{"attachment": {"contentType": "text/plain", "url": "urn:uuid:00000000-0000-4000-8000-000000000002"}}]}, "request": {"method": "POST", "url": "DocumentReference"}}]});
    let answer = provide(&mut cabinet, &bundle);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let response = body(&answer);
    let patient = response["entry"][0]["response"]["location"].as_str().unwrap().split("/_history").next().unwrap().to_owned();
    let found = cabinet.found(&format!("DocumentReference?patient={patient}"));
    assert_eq!(found["entry"][0]["resource"]["subject"]["reference"], patient);
}

/// The published examples of PDSM4DMP, which break their own profile: read only where they lie beside the checkout.
#[test]
fn published_examples_are_accepted_when_tolerant_and_refused_with_their_elements_when_strict() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/fhir-fr/IG-FHIR-PDSM4DMP-EEDS");
    let Ok(submission) = std::fs::read(folder.join("Bundle-example-td2-iti65-lot-soumission.json")) else {
        println!("skipped: the published examples are not beside the checkout");
        return;
    };
    let simplified = std::fs::read(folder.join("DocumentReference-example-td2-iti105-publication-simplifiee.json")).unwrap();
    let replacing = std::fs::read(folder.join("Bundle-example-td2-1-remplacement.json")).unwrap();
    let (tolerant, strict) = (TestServer::start(On::Sqlite), TestServer::strict(On::Sqlite));
    let send = |server: &TestServer, path: &str, bytes: &[u8]| server.cabinet().call("POST", path, &[("Content-Type", FHIR_JSON)], bytes);
    for (path, bytes) in [("/fhir", &submission), ("DocumentReference", &simplified), ("/fhir", &replacing)] {
        let answer = send(&tolerant, path, bytes);
        assert!(answer.status < 300, "{path}: {}", text(&answer));
        assert!(answer.header("warning").is_some(), "{path}: accepted with warnings");
        let answer = send(&strict, path, bytes);
        let outcome = refused(&answer, 422);
        assert!(outcome["issue"].as_array().unwrap().iter().all(|i| i["expression"].is_array()), "{outcome}");
    }
}

/// A CDA that comes by ITI-65 is counted like one of `$deposit`, whatever the client claims, and refused where that is configured.
#[test]
fn findings_of_a_submitted_cda_are_counted_and_cannot_be_claimed() {
    let claim = json!([{"url": "urn:passerelle:cda-findings", "extension": [{"url": "errors", "valueUnsignedInt": 777}]}]);
    let cda = small_cda("1.2.3.77", "270037500000121", "");
    let wrong = String::from_utf8(cda).unwrap().replace("extension=\"801234567897\"", "extension=\"80123\"");
    let sent = |patient: &str| submission(patient, "urn:oid:1.2.3.77", "text/xml", wrong.as_bytes(), |r| r["extension"] = claim.clone());
    let server = TestServer::start(On::Sqlite);
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    assert_eq!(provide(&mut cabinet, &sent(&patient)).status, 200);
    let mut file = pdf(&patient, "urn:oid:1.2.3.78");
    file["entry"][1]["resource"]["extension"] = claim.clone();
    assert_eq!(provide(&mut cabinet, &file).status, 200);
    let found = cabinet.found(&format!("DocumentReference?patient={patient}"));
    assert_eq!(found["total"], 2);
    assert!(!found.to_string().contains("\"valueUnsignedInt\":777"), "{found}");
    assert_eq!(found.to_string().matches("urn:passerelle:cda-findings").count(), 1, "{found}");

    let strict = TestServer::with(On::Sqlite, |c| c.documents.refuse_invalid_cda = true);
    let mut cabinet = strict.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let outcome = refused(&provide(&mut cabinet, &sent(&patient)), 422);
    assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("P-0672"), "{outcome}");
    assert_eq!(documents(&mut cabinet, &patient), 0);
}
