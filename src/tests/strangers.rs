//! What a stranger tried against `access.policy = enforced`, kept so that it stays impossible.

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Session, TestServer, json as body_of, refused, resources, small_cda, text};

const INS: &str = "258027511234534";
const INS_SYSTEM: &str = "urn:oid:1.2.250.1.213.1.4.10";
/// The stranger, at another structure.
const STRANGER: &[&str] = &["--rpps", "899700777777", "--profession", "10", "--specialty", "SM26"];
const LABEL: &str = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";

enforced_on_both! {
    a_patient_that_comes_with_a_document_decides_nothing
    the_ins_of_a_record_does_not_change_hands
    a_team_is_widened_by_the_patient_or_a_member
    a_patch_that_only_tests_is_a_read
    a_mask_of_the_holder_is_lifted_by_the_holder
    what_a_page_includes_is_traced_where_it_belongs
    the_directory_keeps_its_numbers
    a_submission_of_several_documents_is_seen_with_one_of_them
    a_submission_is_not_overwritten_as_a_folder
    a_condition_tells_nothing_of_what_is_hidden
    a_new_version_keeps_what_its_writer_may_not_see
    a_block_names_somebody_or_is_refused
    a_contradicted_identity_does_not_say_how
}

fn deposited(server: &TestServer, client: &str, unique: &str, ins: &str, query: &str) -> (String, String) {
    let mut session = if client == "doctor" { server.doctor(&[]) } else { server.client(client) };
    let answer = session.call("POST", &format!("$deposit{query}"), &[("Content-Type", "application/xml")], &small_cda(unique, ins, ""));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let reference = body_of(&answer);
    (reference["subject"]["reference"].as_str().unwrap().to_owned(), reference["id"].as_str().unwrap().to_owned())
}

fn authorized(session: &mut Session, patient: &str) {
    let answer = session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
}

fn patched(session: &mut Session, id: &str, operations: &Value) -> u16 {
    session.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json")], operations.to_string().as_bytes()).status
}

fn mask() -> Value {
    json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": LABEL, "code": "MASQUE_PS"}]}}])
}

fn unmask() -> Value {
    json!([{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}]}])
}

fn person(rpps: &str) -> Value {
    json!({"identifier": {"system": "https://rpps.esante.gouv.fr", "value": rpps}})
}

fn team(patient: &str, member: &Value) -> Value {
    json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": [{"member": member}]})
}

fn a_patient_that_comes_with_a_document_decides_nothing(server: &TestServer) {
    let sent = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": format!("Patient?identifier={INS_SYSTEM}|{INS}")},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.8101"}, "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "content": [{"attachment": {"contentType": "text/plain", "data": "ZXNzYWk="}}], "context": {"sourcePatientInfo": {"reference": "#p"}},
        "contained": [{"resourceType": "Patient", "id": "p", "active": false, "identifier": [{"system": INS_SYSTEM, "value": INS}], "name": [{"use": "official", "family": "ESSAI"}],
            "gender": "female", "birthDate": "1970-03-12",
            "extension": [{"url": "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-medecin-traitant", "valueReference": person("99700777777")}]}]});
    let answer = server.client("client-imagerie").post("DocumentReference", &sent);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let (patient, masked) = deposited(server, "client-laboratoire", "2.25.8102", INS, "?security-label=MASQUE_PS");
    let mut stranger = server.acting("client-imagerie", STRANGER);
    authorized(&mut stranger, &patient);
    let mut stored = stranger.found(&patient);
    assert!(stored.get("active").is_none() && stored.get("extension").is_none(), "{stored}");
    let path = format!("DocumentReference/{masked}");
    refused(&stranger.get(&path), 404);
    assert_eq!(stranger.put(&patient, &stored).status, 200);
    refused(&stranger.get(&path), 404);
    stored["extension"] = sent["contained"][0]["extension"].clone();
    refused(&stranger.put(&patient, &stored), 403);
}

fn the_ins_of_a_record_does_not_change_hands(server: &TestServer) {
    let (patient, _) = deposited(server, "client-laboratoire", "2.25.8111", INS, "");
    let mut stranger = server.acting("client-imagerie", STRANGER);
    authorized(&mut stranger, &patient);
    let stored = stranger.found(&patient);
    let mut both = stored.clone();
    both["identifier"].as_array_mut().unwrap().push(json!({"system": INS_SYSTEM, "value": "158053700000399"}));
    refused(&stranger.put(&patient, &both), 400);
    let mut other = stored;
    for identifier in other["identifier"].as_array_mut().unwrap() {
        if identifier["system"] == INS_SYSTEM {
            identifier["value"] = json!("158053700000399");
        }
    }
    refused(&stranger.put(&patient, &other), 403);
    assert_eq!(server.holder(INS).get(&patient).status, 200);
}

fn a_team_is_widened_by_the_patient_or_a_member(server: &TestServer) {
    let (patient, _) = deposited(server, "client-laboratoire", "2.25.8121", INS, "");
    let oneself = team(&patient, &person("99700777777"));
    let mut glass = server.acting("client-imagerie", &[STRANGER, &["--mode", "bris_de_glace", "--reason", "urgence vitale"]].concat());
    refused(&glass.post("CareTeam", &oneself), 403);
    refused(
        &server.acting("client-imagerie", &[STRANGER, &["--mode", "bris_de_glace", "--reason", "\u{200b}"]].concat()).get(&format!("DocumentReference?patient={patient}")),
        403,
    );
    let mut stranger = server.acting("client-imagerie", STRANGER);
    authorized(&mut stranger, &patient);
    refused(&stranger.post("CareTeam", &oneself), 403);
    assert_eq!(server.holder(INS).post("CareTeam", &team(&patient, &person("99700218896"))).status, 201);
    let mut member = server.doctor(&[]);
    assert_eq!(member.post("CareTeam", &oneself).status, 201);
    let structure = json!({"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1759999983"}});
    refused(&member.post("CareTeam", &team(&patient, &structure)), 403);
}

fn a_patch_that_only_tests_is_a_read(server: &TestServer) {
    let (_, id) = deposited(server, "client-laboratoire", "2.25.8131", INS, "");
    let test = json!([{"op": "test", "path": "/status", "value": "current"}]);
    assert_eq!(patched(&mut server.client("client-laboratoire"), &id, &test), 404, "a structure alone never reads");
    assert_eq!(patched(&mut server.acting("client-imagerie", STRANGER), &id, &test), 404);
    assert_eq!(patched(&mut server.holder(INS), &id, &test), 200);
}

fn a_mask_of_the_holder_is_lifted_by_the_holder(server: &TestServer) {
    let (_, id) = deposited(server, "client-laboratoire", "2.25.8141", INS, "");
    let mut author = server.client("client-laboratoire");
    // The author's own mask is his to lift.
    assert_eq!(patched(&mut author, &id, &mask()), 200);
    assert_eq!(patched(&mut author, &id, &unmask()), 200);
    let mut holder = server.holder(INS);
    assert_eq!(patched(&mut holder, &id, &mask()), 200);
    assert_eq!(patched(&mut author, &id, &unmask()), 403);
    assert_eq!(patched(&mut holder, &id, &unmask()), 200);
    assert_eq!(patched(&mut author, &id, &mask()), 200);
    let patient = holder_id(&mut holder);
    let closed = holder.call("POST", &format!("Patient/{patient}/$close"), &[("Content-Type", FHIR_JSON)], CLOSING.as_bytes());
    assert!(closed.status < 300, "{}", text(&closed));
    assert_eq!(patched(&mut author, &id, &unmask()), 403, "a closed record is not changed");
}

const CLOSING: &str = r#"{"resourceType": "Parameters", "parameter": [{"name": "motif", "valueString": "Demande du titulaire"}]}"#;

fn holder_id(holder: &mut Session) -> String {
    let found = holder.found(&format!("Patient?identifier={INS_SYSTEM}|{INS}"));
    found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()
}

fn what_a_page_includes_is_traced_where_it_belongs(server: &TestServer) {
    let (theirs, target) = deposited(server, "client-laboratoire", "2.25.8151", INS, "");
    let own_ins = "158053700000399";
    let (own, _) = deposited(server, "client-imagerie", "2.25.8152", own_ins, "");
    let sent = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": own}, "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.8153"}, "content": [{"attachment": {"contentType": "text/plain", "data": "ZXNzYWk="}}],
        "relatesTo": [{"code": "appends", "target": {"reference": format!("DocumentReference/{target}")}}]});
    assert_eq!(server.client("client-imagerie").post("DocumentReference", &sent).status, 201);
    let mut glass = server.acting("client-imagerie", &[STRANGER, &["--mode", "bris_de_glace", "--reason", "urgence vitale"]].concat());
    let page = glass.found(&format!("DocumentReference?patient={own}&_include=DocumentReference:relatesto"));
    assert!(resources(&page, "DocumentReference").iter().any(|r| r["id"] == target.as_str()), "{page}");
    let trail = server.acting("client-cabinet", &["--role", "auditor"]).found(&format!("AuditEvent?patient={theirs}&_count=500"));
    assert!(trail.to_string().contains("_include") || trail.to_string().contains(&format!("DocumentReference/{target}")), "{trail}");
    let seen = resources(&trail, "AuditEvent").iter().filter(|e| e["action"] == "E").count();
    assert_eq!(seen, 1, "the search that showed it: {trail}");
}

fn the_directory_keeps_its_numbers(server: &TestServer) {
    let entry = json!({"resourceType": "Practitioner", "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "99700218896"}], "name": [{"family": "MARTIN"}]});
    let answer = server.cabinet().post("Practitioner", &entry);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let mut stored = body_of(&answer);
    let path = format!("Practitioner/{}", stored["id"].as_str().unwrap());
    stored["identifier"][0]["value"] = json!("99700777777");
    refused(&server.client("client-laboratoire").put(&path, &stored), 403);
    stored["identifier"][0]["value"] = json!("99700218896");
    stored["telecom"] = json!([{"system": "phone", "value": "0199000000"}]);
    assert_eq!(server.client("client-laboratoire").put(&path, &stored).status, 200);
}

/// A submission of two documents of a patient.
fn submission(patient: &str, first: u16) -> Value {
    let part = |n: u16| format!("urn:uuid:00000000-0000-4000-8000-00000000{:04}", first + n);
    let reference = |n: u16| {
        json!({"fullUrl": part(n), "request": {"method": "POST", "url": "DocumentReference"}, "resource": {"resourceType": "DocumentReference", "status": "current",
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.{}", 50_000 + first + n)}, "subject": {"reference": patient},
            "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}, "content": [{"attachment": {"contentType": "text/plain", "url": part(n + 2)}}]}})
    };
    let binary = |n: u16| json!({"fullUrl": part(n + 2), "request": {"method": "POST", "url": "Binary"}, "resource": {"resourceType": "Binary", "contentType": "text/plain", "data": "ZXNzYWk="}});
    let list = json!({"fullUrl": part(9), "request": {"method": "POST", "url": "List"}, "resource": {"resourceType": "List", "status": "current", "mode": "working", "title": "Envoi", "subject": {"reference": patient},
        "code": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}]}, "identifier": [{"use": "usual", "system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.{}", 50_009 + first)}],
        "date": "2026-03-10T10:00:00+01:00", "source": {"display": "Dr Martin"}, "extension": [{"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}}],
        "entry": [{"item": {"reference": part(1)}}, {"item": {"reference": part(2)}}]}});
    json!({"resourceType": "Bundle", "type": "transaction", "meta": {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"]},
        "entry": [list, reference(1), reference(2), binary(1), binary(2)]})
}

fn located(answer: &Value, kind: &str) -> Vec<String> {
    let all = answer["entry"].as_array().unwrap().iter().filter_map(|e| e["response"]["location"].as_str());
    all.filter_map(|l| l.split_once(&format!("{kind}/")).map(|(_, rest)| rest.split('/').next().unwrap().to_owned())).collect()
}

fn a_submission_of_several_documents_is_seen_with_one_of_them(server: &TestServer) {
    let (patient, _) = deposited(server, "client-laboratoire", "2.25.8161", INS, "");
    let mut author = server.client("client-laboratoire");
    let answer = author.post("", &submission(&patient, 100));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let sent = body_of(&answer);
    let (documents, list) = (located(&sent, "DocumentReference"), located(&sent, "List").remove(0));
    let mut other = server.acting("client-imagerie", STRANGER);
    authorized(&mut other, &patient);
    let seen = |other: &mut Session| {
        let found = other.found(&format!("List?patient={patient}&code=submissionset&status=current"));
        let listed = resources(&found, "List").iter().any(|l| l["id"] == list.as_str());
        assert_eq!(found["total"].as_u64().unwrap(), if listed { 2 } else { 1 });
        assert_eq!(other.get(&format!("List/{list}")).status == 200, listed);
        assert_eq!(other.get(&format!("List/{list}/_history")).status == 200, listed);
        listed
    };
    assert!(seen(&mut other));
    assert_eq!(patched(&mut author, &documents[0], &mask()), 200);
    assert!(seen(&mut other), "one of two is still seen");
    assert_eq!(patched(&mut author, &documents[1], &mask()), 200);
    assert!(!seen(&mut other));
    assert_eq!(patched(&mut author, &documents[1], &unmask()), 200);
    assert!(seen(&mut other));
    for id in &documents {
        assert_eq!(author.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
    }
    assert!(!seen(&mut other), "withdrawn");
}

fn a_submission_is_not_overwritten_as_a_folder(server: &TestServer) {
    let (patient, _) = deposited(server, "client-laboratoire", "2.25.8171", INS, "");
    let mut author = server.client("client-laboratoire");
    let list = located(&body_of(&author.post("", &submission(&patient, 200))), "List").remove(0);
    let mut other = server.acting("client-imagerie", STRANGER);
    authorized(&mut other, &patient);
    let mut bundle = submission(&patient, 300);
    let folder = json!({"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000399", "request": {"method": "PUT", "url": format!("List/{list}")}, "resource": {"resourceType": "List", "id": list, "status": "current",
        "mode": "working", "title": "Dossier", "subject": {"reference": patient}, "code": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "folder"}]}, "date": "2026-03-10T10:00:00+01:00",
        "identifier": [{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.90399"}, {"use": "official", "system": "urn:ietf:rfc:3986", "value": "urn:uuid:00000000-0000-4000-8000-000000000399"}]}});
    bundle["entry"].as_array_mut().unwrap().push(folder);
    let answer = other.post("", &bundle);
    assert!(answer.status >= 400, "{}", text(&answer));
    assert_eq!(other.found(&format!("List/{list}"))["title"], "Envoi");
}

fn a_condition_tells_nothing_of_what_is_hidden(server: &TestServer) {
    let (patient, _) = deposited(server, "client-laboratoire", "2.25.8181", INS, "");
    let measure = |patient: &str| json!({"resourceType": "Observation", "status": "final", "code": {"text": "Poids"}, "subject": {"reference": patient}, "identifier": [{"system": "urn:essai", "value": "S-1"}]});
    let create = |session: &mut Session, body: &Value| {
        let headers = [("Content-Type", FHIR_JSON), ("If-None-Exist", "identifier=urn:essai|S-1")];
        session.call("POST", "Observation", &headers, body.to_string().as_bytes()).status
    };
    assert_eq!(create(&mut server.client("client-laboratoire"), &measure(&patient)), 201);
    let (own, _) = deposited(server, "client-imagerie", "2.25.8182", "158053700000399", "");
    assert_eq!(create(&mut server.client("client-imagerie"), &measure(&own)), 201);
}

fn a_new_version_keeps_what_its_writer_may_not_see(server: &TestServer) {
    let (patient, hidden) = deposited(server, "doctor", "2.25.8191", INS, "?security-label=INVISIBLE_PATIENT");
    let sent = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": patient}, "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.8192"}, "content": [{"attachment": {"contentType": "text/plain", "data": "ZXNzYWk="}}],
        "securityLabel": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}],
        "relatesTo": [{"code": "appends", "target": {"reference": format!("DocumentReference/{hidden}")}}]});
    let answer = server.doctor(&[]).post("DocumentReference", &sent);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let id = body_of(&answer)["id"].as_str().unwrap().to_owned();
    let mut holder = server.holder(INS);
    let answer = holder.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json")], mask().to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert!(!text(&answer).contains(&hidden), "the holder is not told of it");
    let seen = server.doctor(&[]).found(&format!("DocumentReference/{id}"));
    assert_eq!((seen["meta"]["versionId"].as_str(), seen["relatesTo"][0]["target"]["reference"].as_str()), (Some("2"), Some(format!("DocumentReference/{hidden}").as_str())));
}

fn a_block_names_somebody_or_is_refused(server: &TestServer) {
    let (patient, id) = deposited(server, "client-laboratoire", "2.25.8201", INS, "");
    let mut reader = server.acting("client-imagerie", STRANGER);
    authorized(&mut reader, &patient);
    let mut holder = server.holder(INS);
    let block = |system: &str, value: &str| {
        json!({"resourceType": "Consent", "status": "active", "patient": {"reference": patient},
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}, "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
            "provision": {"type": "deny", "actor": [{"role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
                "reference": {"identifier": {"system": system, "value": value}}}]}})
    };
    for (system, value, status) in [("https://rpps.esante.gouv.fr", "997", 400), ("urn:oid:1.2.250.1.71.4.2.2", "75999999100011", 400), ("urn:oid:9.9.9", "99700777777", 422)] {
        refused(&holder.post("Consent", &block(system, value)), status);
    }
    let path = format!("DocumentReference/{id}");
    assert_eq!(reader.get(&path).status, 200);
    assert_eq!(holder.post("Consent", &block("https://rpps.esante.gouv.fr", " 99700777777 ")).status, 201);
    refused(&reader.get(&path), 404);
}

fn a_contradicted_identity_does_not_say_how(server: &TestServer) {
    deposited(server, "client-laboratoire", "2.25.8211", INS, "");
    let with = |unique: &str, from: &str, to: &str| String::from_utf8(small_cda(unique, INS, "")).unwrap().replace(from, to);
    let mut told = std::collections::HashSet::new();
    for (n, (from, to)) in [("19700312", "19700313"), (">ESSAI<", ">AUTRE<"), ("Code code=\"F\"", "Code code=\"M\"")].into_iter().enumerate() {
        let answer = server.client("client-imagerie").deposit(with(&format!("2.25.822{n}"), from, to).as_bytes());
        told.insert(refused(&answer, 422)["issue"][0]["diagnostics"].to_string());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    let mut last = 0;
    for n in 0..70 {
        last = server.client("client-imagerie").deposit(with(&format!("2.25.83{n}"), "19700312", "19700313").as_bytes()).status;
    }
    assert_eq!(last, 429, "guesses are counted");
}
