//! What feeding is answered in each situation of `fhir-profiles/access-matrix/feeding.toml`, whichever road a document comes by.

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Response, Session, TestServer, json as body_of, refused, small_cda, text};

const SYSTEM: &str = "urn:oid:1.2.250.1.213.1.4.10";
const RELIABILITY: &str = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability";

enforced_on_both! {
    no_record_a_closed_one_and_an_unqualified_identity_are_told_apart
    a_document_that_carries_its_identity_makes_the_record
    an_identity_that_is_not_qualified_is_fed_by_no_road
    a_record_of_an_unqualified_identity_is_fed_once_it_is_qualified
    a_document_is_replaced_and_withdrawn_by_an_author_or_its_legal_authenticator
}

fn status(code: &str) -> Value {
    json!([{"url": RELIABILITY, "extension": [{"url": "identityStatus", "valueCoding": {"code": code}}]}])
}

/// A Patient as metadata carry it.
fn patient(system: &str, value: &str, code: Option<&str>) -> Value {
    let mut out = json!({"resourceType": "Patient", "identifier": [{"system": system, "value": value}], "name": [{"use": "official", "family": "ESSAI", "given": ["Anne"]}],
        "gender": "female", "birthDate": "1970-03-12"});
    if let Some(code) = code {
        out["extension"] = status(code);
    }
    out
}

/// ITI-105 of a small text, under a subject and with a Patient inside.
fn publication(unique: &str, subject: &str, source: Option<&Value>) -> Value {
    let mut out = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": subject}, "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{unique}")}, "content": [{"attachment": {"contentType": "text/plain", "data": "ZXNzYWk="}}]});
    if let Some(source) = source {
        let mut contained = source.clone();
        contained["id"] = json!("p");
        out["contained"] = json!([contained]);
        out["context"] = json!({"sourcePatientInfo": {"reference": "#p"}});
    }
    out
}

/// A CDA whose patient has a local number of the establishment alone.
fn local_cda(unique: &str, number: &str) -> Vec<u8> {
    let cda = String::from_utf8(small_cda(unique, "NUMBER", "")).unwrap();
    cda.replace("<id root=\"1.2.250.1.213.1.4.10\" extension=\"NUMBER\"/>", &format!("<id root=\"1.2.3.4\" extension=\"{number}\"/>")).into_bytes()
}

/// The text of the table that a refusal gives.
fn answered(answer: &Response, status: u16, code: &str) {
    let table: toml::Value = toml::from_str(include_str!("../../fhir-profiles/access-matrix/feeding.toml")).unwrap();
    let row = table["situation"].as_array().unwrap().iter().find(|r| r["code"].as_str() == Some(code)).unwrap().clone();
    let told = refused(answer, status)["issue"][0]["diagnostics"].as_str().unwrap().to_owned();
    assert!(told.ends_with(row["text"].as_str().unwrap()), "{code}: {told}");
}

fn no_record_a_closed_one_and_an_unqualified_identity_are_told_apart(server: &TestServer) {
    let mut software = server.client("client-laboratoire");
    let subject = |ins: &str| format!("Patient?identifier={SYSTEM}|{ins}");
    answered(&software.post("DocumentReference", &publication("2.25.931", &subject("299999999999931"), None)), 412, "no_record");
    let condition = json!({"resourceType": "Condition", "code": {"text": "Asthme"}, "subject": {"identifier": {"system": SYSTEM, "value": "299999999999931"}}});
    answered(&software.post("Condition", &condition), 412, "no_record");
    let ins = "258027511234534";
    let stored = software.deposited(&small_cda("2.25.932", ins, ""));
    let record = stored["subject"]["reference"].as_str().unwrap();
    assert_eq!(server.holder(ins).call("POST", &format!("{record}/$close"), &[("Accept", FHIR_JSON)], b"").status, 200);
    answered(&software.deposit(&small_cda("2.25.933", ins, "")), 403, "closed_record");
    answered(&software.post("DocumentReference", &publication("2.25.934", &subject(ins), None)), 403, "closed_record");
    let source = patient(SYSTEM, "299999999999932", Some("PROV"));
    answered(&software.post("DocumentReference", &publication("2.25.935", &subject("299999999999932"), Some(&source))), 422, "identity_not_qualified");
    assert_eq!(software.found(&subject("299999999999932"))["total"], 0, "nothing was stored");
}

/// CSP R.1111-40: a record is not asked for.
fn a_document_that_carries_its_identity_makes_the_record(server: &TestServer) {
    let mut software = server.client("client-laboratoire");
    software.deposited(&small_cda("2.25.941", "258027511234534", ""));
    let subject = format!("Patient?identifier={SYSTEM}|299999999999941");
    for (unique, source) in [("2.25.942", patient(SYSTEM, "299999999999941", None)), ("2.25.943", patient(SYSTEM, "299999999999941", Some("VALI")))] {
        let answer = software.post("DocumentReference", &publication(unique, &subject, Some(&source)));
        assert_eq!(answer.status, 201, "{}", text(&answer));
    }
}

fn an_identity_that_is_not_qualified_is_fed_by_no_road(server: &TestServer) {
    let mut software = server.client("client-laboratoire");
    let known = software.deposited(&small_cda("2.25.951", "258027511234534", ""))["subject"]["reference"].as_str().unwrap().to_owned();
    // What the document says of itself counts, whatever it is filed under.
    let source = patient(SYSTEM, "258027511234534", Some("PROV"));
    answered(&software.post("DocumentReference", &publication("2.25.952", &known, Some(&source))), 422, "identity_not_qualified");
    let local = patient("urn:oid:1.2.3.4", "IPP-7", Some("DOUT"));
    answered(&software.post("DocumentReference", &publication("2.25.953", "Patient?identifier=urn:oid:1.2.3.4|IPP-7", Some(&local))), 422, "identity_not_qualified");
    // Patient and document in one transaction, with an INS and without.
    for sent in [&source, &local] {
        let (one, two) = ("urn:uuid:00000000-0000-4000-8000-000000000001", "urn:uuid:00000000-0000-4000-8000-000000000002");
        for (kind, resource) in [("DocumentReference", publication("2.25.954", one, None)), ("Condition", json!({"resourceType": "Condition", "subject": {"reference": one}}))] {
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                {"fullUrl": one, "resource": sent, "request": {"method": "POST", "url": "Patient"}}, {"fullUrl": two, "resource": resource, "request": {"method": "POST", "url": kind}}]});
            answered(&software.post("", &bundle), 422, "identity_not_qualified");
        }
    }
    // ITI-65 with the Patient inside, whom this server knows.
    let part = "urn:uuid:00000000-0000-4000-8000-0000000000c1";
    let mut bundle = crate::sharing::submission(part, "urn:oid:2.25.955", "application/pdf", b"%PDF-1.4 essai", |r| r["contained"][3]["identifier"] = source["identifier"].clone());
    bundle["entry"].as_array_mut().unwrap().push(json!({"fullUrl": part, "resource": source, "request": {"method": "POST", "url": "Patient"}}));
    answered(&software.post("", &bundle), 422, "identity_not_qualified");
}

fn a_record_of_an_unqualified_identity_is_fed_once_it_is_qualified(server: &TestServer) {
    let mut software = server.client("client-laboratoire");
    let answer = software.post("Patient", &patient("urn:oid:1.2.3.4", "IPP-8", Some("PROV")));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let stored = body_of(&answer);
    let record = format!("Patient/{}", stored["id"].as_str().unwrap());
    let condition = json!({"resourceType": "Condition", "code": {"text": "Asthme"}, "subject": {"reference": record}});
    answered(&software.deposit(&local_cda("2.25.961", "IPP-8")), 422, "identity_not_qualified");
    answered(&software.post("DocumentReference", &publication("2.25.962", &record, None)), 422, "identity_not_qualified");
    answered(&software.post("Condition", &condition), 422, "identity_not_qualified");
    let mut qualified = stored;
    qualified["extension"] = status("VALI");
    let answer = server.acting("client-cabinet", &["--role", "administrator"]).put(&record, &qualified);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(software.deposit(&local_cda("2.25.961", "IPP-8")).status, 201);
    assert_eq!(software.post("Condition", &condition).status, 201);
    // A local number of an identity of which nothing is said is fed, as it was.
    assert_eq!(software.deposit(&local_cda("2.25.963", "IPP-9")).status, 201);
}

/// Who signs the documents below, at another structure than their author's.
const SIGNED: &str = r#"<legalAuthenticator><time value="20260310101500+0100"/><signatureCode code="S"/><assignedEntity>
  <id root="1.2.250.1.71.4.2.1" extension="801234567899"/><assignedPerson><name><family>DURAND</family></name></assignedPerson>
  <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="399999999900017"/></representedOrganization></assignedEntity></legalAuthenticator>"#;

/// `Patient/id` of an INS.
fn record_of(session: &mut Session, ins: &str) -> String {
    let found = session.found(&format!("Patient?identifier={SYSTEM}|{ins}"));
    format!("Patient/{}", found["entry"][0]["resource"]["id"].as_str().unwrap())
}

/// What the table lets a standing do; `withdraw`, `replace` or `metadata`.
fn may(standing: &str, act: &str) -> bool {
    let table: toml::Value = toml::from_str(include_str!("../../fhir-profiles/access-matrix/feeding.toml")).unwrap();
    let row = table["standing"].as_array().unwrap().iter().find(|r| r["code"].as_str() == Some(standing)).unwrap().clone();
    row["may"].as_array().unwrap().iter().any(|a| a.as_str() == Some(act))
}

/// EX_2.1-1140: a person by RPPS, a structure by its identifier. Each document is written by 801234567897 for the practice (1759999991),
/// signed by 801234567899 for the imaging centre, and deposited by a doctor of the laboratory.
fn a_document_is_replaced_and_withdrawn_by_an_author_or_its_legal_authenticator(server: &TestServer) {
    let ins = "258027511234534";
    let doctor = |client: &str, rpps: &str| server.acting(client, &["--rpps", rpps, "--profession", "10", "--specialty", "SM26"]);
    let archive = json!([{"op": "replace", "path": "/status", "value": "superseded"}]).to_string();
    let callers = [
        ("author", doctor("client-laboratoire", "801234567897")),
        ("author", server.client("client-cabinet")),
        ("legal_authenticator", doctor("client-laboratoire", "801234567899")),
        ("legal_authenticator", server.client("client-imagerie")),
        ("depositor", doctor("client-laboratoire", "899700000021")),
        ("depositor", server.client("client-laboratoire")),
        ("", doctor("client-cabinet", "899700000022")),
        ("", doctor("client-imagerie", "899700000023")),
    ];
    for (index, (standing, mut caller)) in callers.into_iter().enumerate() {
        let unique = |n: usize| format!("2.25.97{index}{n}");
        let deposit = |n: usize| doctor("client-laboratoire", "899700000021").deposited(&small_cda(&unique(n), ins, SIGNED))["id"].as_str().unwrap().to_owned();
        let (replaced, withdrawn, changed) = (deposit(0), deposit(1), deposit(2));
        if standing.is_empty() {
            // A reader of the record, who knows of the document.
            let record = record_of(&mut caller, ins);
            assert_eq!(caller.call("POST", &format!("{record}/$authorize"), &[("Accept", FHIR_JSON)], b"").status, 201);
        }
        let answers = [
            ("replace", caller.call("POST", &format!("$deposit?replaces={}", unique(0)), &[("Content-Type", "application/xml")], &small_cda(&unique(3), ins, SIGNED))),
            ("withdraw", caller.call("DELETE", &format!("DocumentReference/{withdrawn}"), &[], b"")),
            ("metadata", caller.call("PATCH", &format!("DocumentReference/{changed}"), &[("Content-Type", "application/json-patch+json")], archive.as_bytes())),
        ];
        for (act, answer) in answers {
            let allowed = !standing.is_empty() && may(standing, act);
            assert_eq!(answer.status < 300, allowed, "{index} {standing} {act}: {}", text(&answer));
            if !allowed {
                answered(&answer, 403, &format!("{act}_by_non_author"));
            }
        }
        let status = doctor("client-laboratoire", "801234567897").found(&format!("DocumentReference/{replaced}"))["status"].clone();
        assert_eq!(status, if !standing.is_empty() && may(standing, "replace") { "superseded" } else { "current" }, "{index}");
    }
    // What a document replaces that comes after it is behind it, when both are of one author.
    let replacing = r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.9781"/></parentDocument></relatedDocument>"#;
    let replacement = String::from_utf8(small_cda("2.25.9780", ins, replacing)).unwrap();
    server.client("client-laboratoire").deposited(replacement.replace("801234567897", "801234567806").replace("1759999991", "2999999998").as_bytes());
    assert_eq!(server.client("client-cabinet").deposited(&small_cda("2.25.9781", ins, ""))["status"], "current", "somebody else's replacement");
    // Of a file without an author the depositor is the author.
    let mut software = server.client("client-laboratoire");
    let subject = format!("Patient?identifier={SYSTEM}|{ins}");
    let id = body_of(&software.post("DocumentReference", &publication("2.25.9790", &subject, None)))["id"].as_str().unwrap().to_owned();
    refused(&server.client("client-imagerie").call("DELETE", &format!("DocumentReference/{id}"), &[], b""), 404);
    assert_eq!(software.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
}
