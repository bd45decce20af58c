//! Who may see what under `access.policy = enforced`: persons by their token, the patient's choices, the matrix, labels and mask.

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Session, TestServer, json as body_of, refused, resources, small_cda, stating, text};

const INS: &str = "258027511234534";
const OTHER: &[&str] = &["--rpps", "899700000001", "--profession", "10", "--specialty", "SM04"];
const DENTIST: &[&str] = &["--rpps", "899700000002", "--profession", "40"];

enforced_on_both! {
    a_structure_alone_feeds_and_never_reads
    a_consent_opens_the_record_and_its_author_needs_none
    a_block_holds_against_consent_and_not_against_feeding
    the_medecin_traitant_sees_masked_documents_and_cannot_be_blocked
    a_closed_record_is_closed_to_professionals_and_open_to_its_holder
    breaking_the_glass_needs_a_reason_and_no_opposition_and_is_told
    only_a_record_that_an_emergency_opened_is_told_and_counted
    the_medecin_traitant_finds_the_notices_owed_to_him
    the_notice_of_a_secret_access_is_kept_from_legal_representatives
    the_matrix_decides_by_profession_and_type
    what_is_kept_from_the_patient_is_absent_for_him_alone
    a_document_is_changed_and_replaced_by_who_stands_behind_it
    of_a_patient_who_is_not_theirs_professionals_learn_that_there_is_a_record
    the_state_of_a_record_is_not_written_by_who_feeds_it
    a_walk_through_numbers_is_stopped
    the_trail_is_read_by_auditor_and_holder
    every_refusal_says_why_and_every_hidden_document_the_same
    a_team_opens_the_record_to_its_members
    a_document_filed_under_the_wrong_patient_is_withdrawn_and_who_read_it_is_known
    the_glass_is_broken_a_few_times_a_day
    the_holder_takes_everything_with_him
}

/// A document that the doctor wrote.
fn written_by_the_doctor(unique: &str, ins: &str, more: &str) -> Vec<u8> {
    by_the_doctor(small_cda(unique, ins, more))
}

fn by_the_doctor(cda: Vec<u8>) -> Vec<u8> {
    String::from_utf8(cda).unwrap().replace("801234567897", "899700218896").into_bytes()
}

/// A document of the doctor's, deposited by himself; its patient and its DocumentReference.
fn deposited(server: &TestServer, unique: &str, more: &str) -> (String, Value) {
    let reference = server.doctor(&[]).deposited(&written_by_the_doctor(unique, INS, more));
    (reference["subject"]["reference"].as_str().unwrap().to_owned(), reference)
}

/// A document of another type in the same record, deposited by the practice's software on its own.
fn of_type(server: &TestServer, unique: &str, code: &str, query: &str) -> String {
    let cda = String::from_utf8(small_cda(unique, INS, "")).unwrap().replace("code=\"11488-4\"", &format!("code=\"{code}\""));
    let cda = cda.replace("1.2.250.1.71.4.2.1\" extension=\"801234567897\"", "1.2.250.1.71.4.2.1\" extension=\"801234567888\"");
    let answer = server.client("client-laboratoire").call("POST", &format!("$deposit{query}"), &[("Content-Type", "application/xml")], cda.as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body_of(&answer)["id"].as_str().unwrap().to_owned()
}

pub fn total(session: &mut Session, patient: &str) -> i64 {
    session.found(&format!("DocumentReference?patient={patient}&status=current"))["total"].as_i64().unwrap()
}

pub fn authorized(session: &mut Session, patient: &str) {
    let answer = session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
}

pub fn consent(patient: &str, provision: Value) -> Value {
    json!({"resourceType": "Consent", "status": "active", "patient": {"reference": patient}, "provision": provision,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]}})
}

pub fn actor(rpps: &str) -> Value {
    json!([{"role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
        "reference": {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": rpps}}}])
}

fn written(session: &mut Session, kind: &str, body: &Value) -> Value {
    let answer = session.post(kind, body);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body_of(&answer)
}

fn a_structure_alone_feeds_and_never_reads(server: &TestServer) {
    let mut software = server.cabinet();
    let reference = software.deposited(&small_cda("2.25.101", INS, ""));
    let patient = reference["subject"]["reference"].as_str().unwrap();
    let binary = reference["content"][0]["attachment"]["url"].as_str().unwrap().rsplit_once("/fhir/").unwrap().1.to_owned();
    for path in [
        format!("DocumentReference?patient={patient}"),
        format!("DocumentReference/{}", reference["id"].as_str().unwrap()),
        binary,
        format!("{patient}/$summary"),
        format!("Condition?patient={patient}"),
        "AuditEvent?date=ge2026-01-01".into(),
    ] {
        refused(&software.get(&path), 403);
    }
    let mut indirect = server.doctor(&["--level", "indirect"]);
    refused(&indirect.get(&format!("{patient}/$summary")), 403);
    assert_eq!(indirect.deposit(&small_cda("2.25.102", INS, "")).status, 201);
    assert_eq!(software.get("metadata").status, 200);
}

fn a_consent_opens_the_record_and_its_author_needs_none(server: &TestServer) {
    let (patient, own) = deposited(server, "2.25.111", "");
    let mut other = server.acting("client-imagerie", OTHER);
    for path in [format!("DocumentReference?patient={patient}"), format!("{patient}/$summary"), format!("Condition?patient={patient}")] {
        refused(&other.get(&path), 403);
    }
    refused(&other.get(&format!("DocumentReference/{}", own["id"].as_str().unwrap())), 404);
    let mut author = server.doctor(&[]);
    assert_eq!(author.get(&format!("DocumentReference/{}", own["id"].as_str().unwrap())).status, 200, "who deposited it");
    refused(&author.get(&format!("DocumentReference?patient={patient}")), 403);
    authorized(&mut other, &patient);
    assert_eq!(total(&mut other, &patient), 1);
    assert_eq!(other.get(&format!("{patient}/$summary")).status, 200);
    let consents = other.found(&format!("Consent?patient={patient}"));
    assert_eq!(consents["total"], 1);
    // Who asked for it is authorised, nobody else, and the end is set.
    assert!(consents["entry"][0]["resource"]["provision"]["period"]["end"].is_string());
    refused(&author.get(&format!("DocumentReference?patient={patient}")), 403);
    // For another practitioner, or without an end, a practitioner records nothing.
    for provision in [json!({"type": "permit", "actor": actor("99700218896")}), json!({"type": "permit", "actor": actor("99700000001"), "period": {"end": "2099-01-01"}})] {
        refused(&other.post("Consent", &consent(&patient, provision)), 403);
    }
    let mut ended = consents["entry"][0]["resource"].clone();
    ended["status"] = json!("inactive");
    let answer = other.put(&format!("Consent/{}", ended["id"].as_str().unwrap()), &ended);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    refused(&other.get(&format!("{patient}/$summary")), 403);
    // One call: the consent as a resource, without an end, holds for this consultation.
    written(&mut author, "Consent", &consent(&patient, json!({"type": "permit", "actor": actor("99700218896")})));
    assert_eq!(author.get(&format!("{patient}/$summary")).status, 200);
}

fn a_block_holds_against_consent_and_not_against_feeding(server: &TestServer) {
    let (patient, own) = deposited(server, "2.25.121", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let mut holder = server.holder(INS);
    written(&mut holder, "Consent", &consent(&patient, json!({"type": "deny", "actor": actor("99700218896")})));
    refused(&doctor.get(&format!("{patient}/$summary")), 403);
    refused(&doctor.get(&format!("DocumentReference/{}", own["id"].as_str().unwrap())), 404);
    refused(&doctor.call("POST", &format!("{patient}/$authorize"), &[], b""), 403);
    let mut glass = server.doctor(&["--mode", "bris_de_glace", "--reason", "coma"]);
    refused(&glass.get(&format!("{patient}/$summary")), 403);
    assert_eq!(doctor.deposit(&small_cda("2.25.122", INS, "")).status, 201, "a blocked practitioner may still feed");
    let mut other = server.acting("client-imagerie", OTHER);
    refused(&other.post("Consent", &consent(&patient, json!({"type": "deny", "actor": actor("99700218896")}))), 403);
}

fn the_medecin_traitant_sees_masked_documents_and_cannot_be_blocked(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.131", "");
    let masked = of_type(server, "2.25.132", "11488-4", "?security-label=MASQUE_PS");
    let mut holder = server.holder(INS);
    let declared = json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": [
        {"role": [{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}], "member": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700000001"}}}]});
    let mut treating = server.acting("client-imagerie", OTHER);
    authorized(&mut treating, &patient);
    refused(&treating.post("CareTeam", &declared), 403);
    written(&mut holder, "CareTeam", &declared);
    assert_eq!(total(&mut treating, &patient), 2);
    assert_eq!(treating.get(&format!("DocumentReference/{masked}")).status, 200);
    let mut consulting = server.doctor(&[]);
    authorized(&mut consulting, &patient);
    assert_eq!(total(&mut consulting, &patient), 1);
    assert_eq!(consulting.get(&format!("DocumentReference/{masked}")).status, 404);
    assert_eq!(total(&mut holder, &patient), 2);
    refused(&holder.post("Consent", &consent(&patient, json!({"type": "deny", "actor": actor("99700000001")}))), 422);
}

fn a_closed_record_is_closed_to_professionals_and_open_to_its_holder(server: &TestServer) {
    let (patient, own) = deposited(server, "2.25.141", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    refused(&doctor.call("POST", &format!("{patient}/$close"), &[], b""), 403);
    let mut holder = server.holder(INS);
    let closing = json!({"resourceType": "Parameters", "parameter": [{"name": "motif", "valueCode": "patient-demande"}]});
    let answer = holder.post(&format!("{patient}/$close"), &closing);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    refused(&doctor.get(&format!("{patient}/$summary")), 403);
    refused(&doctor.get(&format!("DocumentReference/{}", own["id"].as_str().unwrap())), 404);
    let mut glass = server.doctor(&["--mode", "bris_de_glace", "--reason", "coma"]);
    refused(&glass.get(&format!("{patient}/$summary")), 403);
    let state = doctor.found(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{INS}"));
    assert_eq!(state["entry"][0]["resource"]["active"], false);
    assert!(state.to_string().contains("dmp-fermeture") && !state.to_string().contains("ESSAI"));
    refused(&doctor.deposit(&small_cda("2.25.142", INS, "")), 403);
    assert_eq!(total(&mut holder, &patient), 1);
    assert_eq!(holder.call("POST", &format!("{patient}/$reopen"), &[("Accept", FHIR_JSON)], b"").status, 200);
    assert_eq!(total(&mut doctor, &patient), 1);
    assert_eq!(doctor.deposit(&small_cda("2.25.142", INS, "")).status, 201);
}

fn breaking_the_glass_needs_a_reason_and_no_opposition_and_is_told(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.151", "");
    let masked = of_type(server, "2.25.152", "11488-4", "?security-label=MASQUE_PS");
    let mut silent = server.acting("client-imagerie", &[OTHER, &["--mode", "bris_de_glace"]].concat());
    refused(&silent.get(&format!("{patient}/$summary")), 403);
    let mut glass = server.acting("client-imagerie", &[OTHER, &["--mode", "bris_de_glace", "--reason", "Patient inconscient"]].concat());
    assert_eq!(total(&mut glass, &patient), 1);
    assert_eq!(glass.get(&format!("DocumentReference/{masked}")).status, 404, "the mask holds in an emergency");
    let mut holder = server.holder(INS);
    let notices = wait_for_notice(&mut holder, &patient);
    let told = notices["entry"][0]["resource"]["payload"][0]["contentString"].as_str().unwrap();
    assert!(told.contains("bris de glace") && told.contains("Patient inconscient"), "{told}");
    assert_eq!(glass.get(&format!("{patient}/$summary")).status, 200);
    assert_eq!(wait_for_notice(&mut holder, &patient)["total"], 1, "one notice a day, person and record");
    written(&mut holder, "Consent", &consent(&patient, json!({"type": "deny", "purpose": [{"system": "urn:oid:1.2.250.1.213.1.1.4.248", "code": "bris_de_glace"}]})));
    refused(&glass.get(&format!("{patient}/$summary")), 403);
    let mut nurse = server.acting("client-imagerie", &["--rpps", "899700000001", "--profession", "60", "--mode", "centre_15"]);
    let told = refused(&nurse.get(&format!("{patient}/$summary")), 403).to_string();
    assert!(told.contains("réservé au médecin régulateur"), "{told}");
    let mut centre = server.acting("client-imagerie", &[OTHER, &["--mode", "centre_15"]].concat());
    assert_eq!(centre.get(&format!("{patient}/$summary")).status, 200);
    written(&mut holder, "Consent", &consent(&patient, json!({"type": "deny", "purpose": [{"code": "centre_15"}]})));
    refused(&centre.get(&format!("{patient}/$summary")), 403);
}

/// The existence test, an explanation and what was refused open nothing: nobody is told of a consultation that never was.
fn only_a_record_that_an_emergency_opened_is_told_and_counted(server: &TestServer) {
    let (patient, reference) = deposited(server, "2.25.154", "");
    let existence = format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{INS}");
    let mut glass = server.acting("client-imagerie", &[OTHER, &["--mode", "bris_de_glace", "--reason", "Coma"]].concat());
    let tested = glass.found(&existence);
    assert!(tested["total"] == 1 && !tested.to_string().contains("ESSAI"), "that there is a record, and nothing of the person: {tested}");
    glass.found(&format!("DocumentReference/{}/$explain-access", reference["id"].as_str().unwrap()));
    let mut holder = server.holder(INS);
    let opposed = written(&mut holder, "Consent", &consent(&patient, json!({"type": "deny", "purpose": [{"code": "bris_de_glace"}]})));
    for path in [format!("{patient}/$summary"), format!("{patient}/$everything"), format!("DocumentReference?patient={patient}")] {
        refused(&glass.get(&path), 403);
    }
    assert_eq!((glass.get(&existence).status, glass.get(&patient).status), (200, 200));
    // Others, ten a day: none was used.
    for n in 0..9 {
        let other = server.cabinet().patient(&format!("2580275112346{n:02}"));
        assert_eq!(glass.get(&format!("Patient/{other}/$summary")).status, 200);
    }
    let mut ended = opposed;
    ended["status"] = json!("inactive");
    assert_eq!(holder.put(&format!("Consent/{}", ended["id"].as_str().unwrap()), &ended).status, 200);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert_eq!(holder.found(&format!("Communication?patient={patient}"))["total"], 0);
    assert_eq!(glass.get(&format!("{patient}/$summary")).status, 200);
    assert_eq!(wait_for_notice(&mut holder, &patient)["total"], 1);
}

fn the_medecin_traitant_finds_the_notices_owed_to_him(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.155", "");
    let mut holder = server.holder(INS);
    let declared = json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": [
        {"role": [{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}], "member": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700218896"}}}]});
    written(&mut holder, "CareTeam", &declared);
    let mut glass = server.acting("client-imagerie", &[OTHER, &["--mode", "bris_de_glace", "--reason", "Coma"]].concat());
    assert_eq!(glass.get(&format!("{patient}/$summary")).status, 200);
    let notice = wait_for_notice(&mut holder, &patient)["entry"][0]["resource"].clone();
    let recipients: Vec<&Value> = notice["recipient"].as_array().unwrap().iter().collect();
    assert_eq!(recipients, [&json!({"reference": patient}), &json!({"type": "Practitioner", "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700218896"}})]);
    let mut treating = server.doctor(&[]);
    let of = |number: &str| format!("Communication?patient={patient}&recipient:identifier=urn:oid:1.2.250.1.71.4.2.1|{number}");
    assert_eq!(treating.found(&of("899700218896"))["total"], 1);
    assert_eq!(treating.found(&of("899700000001"))["total"], 0);
    assert_eq!(treating.found(&format!("Communication?patient={patient}&recipient={patient}"))["total"], 1);
}

/// The notice of a connexion secrète is the holder's alone, like its trace.
fn the_notice_of_a_secret_access_is_kept_from_legal_representatives(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.153", "");
    let mut glass = server.acting("client-imagerie", &[OTHER, &["--mode", "bris_de_glace", "--reason", "Urgence", "--secret"]].concat());
    assert_eq!(total(&mut glass, &patient), 1);
    let notice = wait_for_notice(&mut server.holder(INS), &patient)["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let mut parent = server.acting("client-cabinet", &["--legal-representative", INS]);
    assert_eq!(parent.found(&format!("Communication?patient={patient}"))["total"], 0);
    refused(&parent.get(&format!("Communication/{notice}")), 404);
    assert!(resources(&parent.found(&format!("{patient}/$everything")), "Communication").is_empty());
    assert_eq!(server.holder(INS).get(&format!("Communication/{notice}")).status, 200);
}

/// Background work runs every second or so.
fn wait_for_notice(holder: &mut Session, patient: &str) -> Value {
    for _ in 0..100 {
        let notices = holder.found(&format!("Communication?patient={patient}"));
        if notices["total"] != 0 {
            return notices;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("no notice was written");
}

fn the_matrix_decides_by_profession_and_type(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.161", "");
    let plan = of_type(server, "2.25.162", "80788-3", "");
    let mut dentist = server.acting("client-imagerie", DENTIST);
    authorized(&mut dentist, &patient);
    assert_eq!(total(&mut dentist, &patient), 1);
    assert_eq!(dentist.get(&format!("DocumentReference/{plan}")).status, 404);
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    assert_eq!(total(&mut doctor, &patient), 2);
    let mut unknown = server.acting("client-imagerie", &["--rpps", "899700000003", "--profession", "10000"]);
    authorized(&mut unknown, &patient);
    refused(&unknown.get(&format!("DocumentReference?patient={patient}")), 403);
}

fn what_is_kept_from_the_patient_is_absent_for_him_alone(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.171", "");
    let hidden = of_type(server, "2.25.172", "11488-4", "?security-label=INVISIBLE_PATIENT");
    let minor = of_type(server, "2.25.173", "11488-4", "?security-label=INVISIBLE_REPRESENTANTS_LEGAUX");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    assert_eq!(total(&mut doctor, &patient), 3);
    let mut holder = server.holder(INS);
    assert_eq!(total(&mut holder, &patient), 2);
    assert_eq!(holder.get(&format!("DocumentReference/{hidden}")).status, 404);
    let mut parent = server.acting("client-cabinet", &["--legal-representative", INS]);
    assert_eq!(total(&mut parent, &patient), 1);
    assert_eq!(parent.get(&format!("DocumentReference/{minor}")).status, 404);
    let mut stranger = server.holder("299999999999934");
    assert_eq!(stranger.get(&patient).status, 404, "another person's record does not exist");
    assert_eq!(stranger.found(&format!("Patient?identifier={INS}"))["total"], 0);
    assert_eq!(stranger.get(&format!("{patient}/$summary")).status, 404);
}

fn patch(session: &mut Session, id: &str, operations: &Value) -> crate::support::Response {
    session.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json")], operations.to_string().as_bytes())
}

fn a_document_is_changed_and_replaced_by_who_stands_behind_it(server: &TestServer) {
    let (patient, own) = deposited(server, "2.25.181", "");
    let id = own["id"].as_str().unwrap();
    let mut other = server.acting("client-imagerie", OTHER);
    authorized(&mut other, &patient);
    let mask = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument", "code": "MASQUE_PS"}]}}]);
    let archive = json!([{"op": "replace", "path": "/status", "value": "superseded"}]);
    refused(&patch(&mut other, id, &mask), 403);
    refused(&other.call("DELETE", &format!("DocumentReference/{id}"), &[], b""), 403);
    let replacing = written_by_the_doctor("2.25.182", INS, r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.181"/></parentDocument></relatedDocument>"#);
    refused(&other.deposit(&replacing), 403);
    let mut holder = server.holder(INS);
    refused(&patch(&mut holder, id, &archive), 403);
    let answer = patch(&mut holder, id, &mask);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(total(&mut other, &patient), 0, "masked by the patient");
    let mut author = server.doctor(&[]);
    assert_eq!(author.deposit(&replacing).status, 201);
    assert_eq!(author.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
}

fn of_a_patient_who_is_not_theirs_professionals_learn_that_there_is_a_record(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.191", "");
    let mut other = server.acting("client-imagerie", OTHER);
    let mut software = server.cabinet();
    let query = format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{INS}");
    for session in [&mut other, &mut software] {
        let state = session.found(&query);
        assert_eq!(state["total"], 1);
        assert_eq!(state["entry"][0]["resource"]["active"], true);
        for trait_ in ["ESSAI", "1970", "female"] {
            assert!(!state.to_string().contains(trait_), "{trait_}");
        }
        assert_eq!(session.found(&format!("{query}&birthdate=1970-03-12"))["total"], 0, "traits cannot be probed");
    }
    assert!(!text(&other.get(&patient)).contains("ESSAI"));
    refused(&other.get(&format!("{patient}/_history")), 403);
    authorized(&mut other, &patient);
    assert!(other.found(&query).to_string().contains("ESSAI"));
    assert_eq!(other.found(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{}", "199999999999999"))["total"], 0);
}

fn the_state_of_a_record_is_not_written_by_who_feeds_it(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.201", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let mut stored = doctor.found(&patient);
    stored["active"] = json!(false);
    refused(&doctor.put(&patient, &stored), 403);
    let closed = json!({"resourceType": "Patient", "active": false, "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "158027511234531"}]});
    refused(&server.cabinet().post("Patient", &closed), 403);
    // An INS does not circulate on an identity that is not qualified.
    let status = |code: &str| {
        json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "158027511234532"}],
        "extension": [{"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability", "extension": [{"url": "identityStatus", "valueCoding": {"code": code}}]}]})
    };
    refused(&server.cabinet().post("Patient", &status("PROV")), 422);
    assert_eq!(server.cabinet().post("Patient", &status("VALI")).status, 201);
    let mut administrator = server.acting("client-cabinet", &["--role", "administrator"]);
    assert_eq!(administrator.call("POST", &format!("{patient}/$close"), &[("Accept", FHIR_JSON)], b"").status, 200);
    refused(&administrator.get(&format!("{patient}/$summary")), 403);
}

fn a_walk_through_numbers_is_stopped(server: &TestServer) {
    deposited(server, "2.25.211", "");
    let mut other = server.acting("client-imagerie", OTHER);
    for number in 0..20 {
        assert_eq!(other.found(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|2580275112345{number:02}"))["total"], 0);
    }
    let stopped = other.get(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{INS}"));
    refused(&stopped, 429);
    assert!(stopped.header("retry-after").is_some());
    assert_eq!(server.doctor(&[]).get(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{INS}")).status, 200, "another identity is not");
}

fn the_trail_is_read_by_auditor_and_holder(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.221", "");
    let mut other = server.acting("client-imagerie", OTHER);
    authorized(&mut other, &patient);
    assert_eq!(other.get(&format!("{patient}/$summary")).status, 200);
    refused(&other.get(&format!("AuditEvent?patient={patient}")), 403);
    refused(&other.post("AuditEvent", &json!({"resourceType": "AuditEvent"})), 405);
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    refused(&auditor.get(&format!("DocumentReference?patient={patient}")), 403);
    let all = auditor.found("AuditEvent?date=ge2026-01-01&_count=100");
    assert!(all["total"].as_i64().unwrap() >= 4);
    let mut holder = server.holder(INS);
    let looked = holder.found(&format!("AuditEvent?patient={patient}&_count=100"));
    let summary = resources(&looked, "AuditEvent").into_iter().find(|e| e.to_string().contains("\"summary\"")).unwrap();
    assert!(summary.to_string().contains("899700000001"), "who looked: {summary}");
    let mut stranger = server.holder("299999999999934");
    assert_eq!(stranger.found(&format!("AuditEvent?patient={patient}"))["total"], 0);
    // Refusals are traced with their number and rule, by whom and in which mode; the practitioner is found by his number.
    let refusal = auditor.found("AuditEvent?agent=899700000001&outcome=4&_count=100");
    let refusals = resources(&refusal, "AuditEvent");
    assert!(refusals.iter().any(|e| e["outcomeDesc"].as_str().is_some_and(|d| d.contains("P-0653") && d.contains("role_refused"))), "{refusal}");
    let tde = auditor.found("AuditEvent?_profile=https://interop.esante.gouv.fr/ig/fhir/tde/StructureDefinition/tde-auditevent&period-start=ge2026-01-01&_count=100");
    assert!(
        resources(&tde, "AuditEvent").iter().all(|e| e["period"]["start"].is_string() && e["agent"].as_array().unwrap().len() <= 2 && e["subtype"].as_array().unwrap().len() <= 1)
    );
    // Everybody who acts has a name: an auditor his issuer's for him, a holder one that is the same each time and no INS.
    let requestors = |session: &mut Session, query: &str| -> Vec<Value> {
        let found = session.found(&format!("AuditEvent?{query}&_count=100"));
        let all = resources(&found, "AuditEvent").into_iter().flat_map(|e| e["agent"].as_array().unwrap().clone());
        all.filter(|a| a["requestor"] == true).map(|a| a["who"]["identifier"].clone()).collect()
    };
    let auditors = requestors(&mut auditor, "agent=development-auditor");
    assert!(auditors.len() > 2 && auditors.iter().all(|who| who["system"] == "urn:passerelle:development" && who["value"] == "development-auditor"), "{auditors:?}");
    holder.found(&patient);
    let holders: Vec<Value> = requestors(&mut auditor, &format!("patient={patient}&agent=urn:passerelle:subject|")).into_iter().collect();
    assert!(holders.len() >= 2 && holders.iter().all(|who| *who == holders[0] && who["value"].as_str().is_some_and(|v| v.len() == 36)), "{holders:?}");
    // By the certificate and by the token that was shown; a modifier that is not understood is refused.
    let agent = summary["agent"].as_array().unwrap().iter().find(|a| a["requestor"] == true).unwrap();
    let fingerprint = summary["agent"][0]["altId"].as_str().unwrap();
    let mut total_of = |query: &str| auditor.found(&format!("AuditEvent?patient={patient}&subtype=summary&{query}"))["total"].as_i64().unwrap();
    assert_eq!((total_of(&format!("altid={fingerprint}")), total_of(&format!("altid={}", "0".repeat(64)))), (1, 0));
    assert_eq!((total_of(&format!("policy={}", agent["policy"][0].as_str().unwrap())), total_of("policy=urn:ietf:params:oauth:jti:none")), (1, 0));
    assert_eq!((total_of("period-end=ge2026-01-01"), total_of("period-end=lt2026-01-01")), (1, 0));
    refused(&auditor.get("AuditEvent?agent:missing=true"), 400);
    // Connexion secrète: the trace is kept from legal representatives, not from the holder.
    let mut secret = server.acting("client-imagerie", &[OTHER, &["--secret"]].concat());
    assert_eq!(secret.get(&format!("{patient}/$summary")).status, 200);
    let read = |session: &mut Session| session.found(&format!("AuditEvent?patient={patient}&subtype=summary&_summary=count"))["total"].as_i64().unwrap();
    assert_eq!((read(&mut holder), read(&mut server.acting("client-cabinet", &["--legal-representative", INS]))), (2, 1));
}

fn every_refusal_says_why_and_every_hidden_document_the_same(server: &TestServer) {
    let (patient, own) = deposited(server, "2.25.231", "");
    let masked = of_type(server, "2.25.232", "11488-4", "?security-label=MASQUE_PS");
    let plan = of_type(server, "2.25.233", "80788-3", "");
    let mut dentist = server.acting("client-imagerie", DENTIST);
    let why = |session: &mut Session, id: &str| session.found(&format!("DocumentReference/{id}/$explain-access"));
    // Without the patient's name a document of a record that is not open is one that does not exist; with it, the record says why.
    let nowhere = "00000000-0000-0000-0000-000000000000";
    let absent = why(&mut dentist, nowhere);
    assert_eq!(why(&mut dentist, own["id"].as_str().unwrap()), absent);
    let of_record = |session: &mut Session, id: &str| session.found(&format!("DocumentReference/{id}/$explain-access?patient={patient}"));
    let before = of_record(&mut dentist, own["id"].as_str().unwrap());
    assert!(before.to_string().contains("\"valueBoolean\":false") && before.to_string().contains("no_authorisation"), "{before}");
    assert_eq!((of_record(&mut dentist, nowhere), of_record(&mut dentist, &masked)), (before.clone(), before));
    authorized(&mut dentist, &patient);
    let open = why(&mut dentist, own["id"].as_str().unwrap());
    assert!(open.to_string().contains("\"valueBoolean\":true"), "{open}");
    assert_eq!(why(&mut dentist, &masked), absent);
    assert_eq!(why(&mut dentist, &plan), absent);
    let closed = of_record(&mut dentist, nowhere);
    assert!(closed.to_string().contains("Matrice"), "{closed}");
    assert_eq!((of_record(&mut dentist, &masked), of_record(&mut dentist, &plan)), (closed.clone(), closed));
}

fn a_team_opens_the_record_to_its_members(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.241", "");
    let mut other = server.acting("client-imagerie", OTHER);
    let team = |rpps: &str| json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": [{"member": {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": rpps}}}]});
    refused(&other.post("CareTeam", &team("99700000001")), 403);
    let made = written(&mut server.holder(INS), "CareTeam", &team("99700000001"));
    assert_eq!(total(&mut other, &patient), 1);
    // A member may name another one.
    written(&mut other, "CareTeam", &team("99700218896"));
    assert_eq!(total(&mut server.doctor(&[]), &patient), 1);
    let mut ended = made.clone();
    ended["status"] = json!("inactive");
    let answer = server.holder(INS).put(&format!("CareTeam/{}", made["id"].as_str().unwrap()), &ended);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    refused(&other.get(&format!("DocumentReference?patient={patient}")), 403);
}

fn a_document_filed_under_the_wrong_patient_is_withdrawn_and_who_read_it_is_known(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.251", "");
    let wrong = server.doctor(&[]).deposited(&by_the_doctor(stating("2.25.252", INS)));
    let id = wrong["id"].as_str().unwrap();
    let mut reader = server.acting("client-imagerie", OTHER);
    authorized(&mut reader, &patient);
    assert_eq!(reader.get(&format!("DocumentReference/{id}")).status, 200);
    // Somebody else by every way there is.
    let binary = wrong["content"][0]["attachment"]["url"].as_str().unwrap().rsplit_once("/fhir/").unwrap().1;
    let ways = [
        format!("{patient}/$summary"),
        format!("{patient}/$key-info"),
        format!("{patient}/$key-info?_format=keyinfo"),
        format!("{patient}/$everything"),
        format!("{patient}/$documents-delta"),
        format!("Condition?patient={patient}"),
        format!("Provenance?entity=DocumentReference/{id}"),
        format!("DocumentReference?patient={patient}"),
        format!("DocumentReference/{id}/_history"),
        format!("DocumentReference/{id}/$validate-cda"),
        binary.to_owned(),
    ];
    let numbers: Vec<String> = (0..ways.len()).map(|n| format!("8997000010{n:02}")).collect();
    for (number, way) in numbers.iter().zip(&ways) {
        let mut session = server.acting("client-imagerie", &["--rpps", number, "--profession", "10"]);
        authorized(&mut session, &patient);
        let answer = session.call("GET", way, &[("Accept", "*/*")], b"");
        assert_eq!(answer.status, 200, "{way}: {}", text(&answer));
    }
    let withdrawn = server.doctor(&[]).call("DELETE", &format!("DocumentReference/{id}"), &[("Prefer", "return=OperationOutcome")], b"");
    assert_eq!(withdrawn.status, 200, "{}", text(&withdrawn));
    let told = text(&withdrawn);
    assert!(told.contains("lu 12 fois par 12 personne") && told.contains("profession 10, normal : 12"), "{told}");
    assert!(!told.contains("8997000"), "how many, not who: {told}");
    assert_eq!(reader.get(&format!("DocumentReference/{id}")).status, 404);
    assert_eq!(total(&mut reader, &patient), 1);
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    let read = auditor.found(&format!("AuditEvent?entity=DocumentReference/{id}&action=R,E&outcome=0&_count=100"));
    for (number, way) in numbers.iter().map(String::as_str).chain(["899700000001"]).zip(ways.iter().map(String::as_str).chain(["read"])) {
        assert!(read.to_string().contains(number), "who read it by {way}");
    }
    assert_eq!(read["total"], 12, "{read}");
    // The same document, for the patient it is about.
    let right = server.doctor(&[]).deposited(&by_the_doctor(stating("2.25.252", "158027511234531")));
    assert_ne!(right["subject"]["reference"], wrong["subject"]["reference"]);
}

fn the_glass_is_broken_a_few_times_a_day(server: &TestServer) {
    let mut glass = server.acting("client-imagerie", &[OTHER, &["--mode", "bris_de_glace", "--reason", "Accident de la route"]].concat());
    let mut seen = Vec::new();
    for n in 0..11 {
        let patient = server.cabinet().patient(&format!("2580275112345{n:02}"));
        seen.push(glass.get(&format!("Patient/{patient}/$summary")).status);
    }
    assert_eq!((&seen[..10], seen[10]), (&[200; 10][..], 429));
    assert_eq!(server.acting("client-imagerie", OTHER).get("metadata").status, 200);
}

fn the_holder_takes_everything_with_him(server: &TestServer) {
    let (patient, own) = deposited(server, "2.25.261", "");
    let mut holder = server.holder(INS);
    let answer = holder.call("POST", &format!("{patient}/$export"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let all = body_of(&answer);
    let binary = resources(&all, "Binary");
    let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, binary[0]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, written_by_the_doctor("2.25.261", INS, ""), "the bytes as they came");
    assert_eq!(resources(&all, "DocumentReference")[0]["id"], own["id"]);
    // What was, and who looked.
    let label = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument", "code": "MASQUE_PS"}]}}]);
    assert_eq!(patch(&mut holder, own["id"].as_str().unwrap(), &label).status, 200);
    let all = body_of(&holder.call("POST", &format!("{patient}/$export"), &[("Accept", FHIR_JSON)], b""));
    let versions: Vec<&str> = resources(&all, "DocumentReference").iter().map(|r| r["meta"]["versionId"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1", "2"]);
    let accesses: Vec<String> = resources(&all, "AuditEvent").iter().map(|e| e.to_string()).collect();
    assert!(accesses.iter().any(|e| e.contains("\"deposit\"")) && accesses.iter().any(|e| e.contains("\"export\"")), "{accesses:?}");
    assert!(all.get("link").is_none(), "one part holds it all");
    // In parts it is the same, each entry once.
    let name = |e: &Value| format!("{} {}", e["fullUrl"].as_str().unwrap(), e["resource"]["meta"]["versionId"]);
    let names = |bundle: &Value| bundle["entry"].as_array().unwrap().iter().map(name).collect::<Vec<_>>();
    let (mut parts, mut path) = (Vec::new(), format!("{patient}/$export?_count=3"));
    loop {
        let part = holder.found(&path);
        assert!(part["entry"].as_array().unwrap().len() <= 3);
        parts.extend(names(&part));
        let Some(next) = part["link"][0]["url"].as_str() else { break };
        path = next.rsplit_once("/fhir/").unwrap().1.to_owned();
        refused(&server.doctor(&[]).get(&path), 403);
        assert!(parts.len() < 100, "it comes to an end");
    }
    let held = |all: &[String]| all.iter().filter(|n| !n.contains("/AuditEvent/")).cloned().collect::<Vec<_>>();
    assert_eq!(held(&parts), held(&names(&all)));
    let accesses: Vec<&String> = parts.iter().filter(|n| n.contains("/AuditEvent/")).collect();
    assert!(accesses.len() > 5 && accesses.iter().collect::<std::collections::BTreeSet<_>>().len() == accesses.len(), "{accesses:?}");
    // A link is of one record and one caller.
    refused(&holder.get(&format!("{patient}/$export?_page=x.y")), 400);
    let everything = holder.found(&format!("{patient}/$everything"));
    assert!(resources(&everything, "Binary").is_empty() && resources(&everything, "Patient").len() == 1);
    refused(&server.doctor(&[]).get(&format!("{patient}/$everything")), 403);
    refused(&server.doctor(&[]).call("POST", &format!("{patient}/$export"), &[], b""), 403);
}
