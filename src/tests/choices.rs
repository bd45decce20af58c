//! What the patient decides is kept as it is written, or refused: authorisations, blocks, oppositions, the équipe de soins and the médecin
//! traitant.

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::rights::{actor, authorized, consent, total};
use crate::support::{FHIR_JSON, Session, TestServer, json as body_of, refused, small_cda, text};

const INS: &str = "258027511234534";
const OTHER: &[&str] = &["--rpps", "899700000001", "--profession", "10", "--specialty", "SM04"];
const NURSE: &[&str] = &["--rpps", "899700000055", "--profession", "60"];

enforced_on_both! {
    a_consent_that_is_narrower_than_a_whole_record_is_refused_with_its_element
    what_begins_later_is_not_in_force_now
    the_medecin_traitant_is_one_doctor
    a_medecin_traitant_is_changed_in_one_transaction
    a_medecin_traitant_whose_time_is_over_is_blocked_like_anybody
    a_closed_record_takes_the_choices_of_its_holder
    a_practitioner_reads_the_consents_about_himself_and_no_others
    the_state_of_a_record_tells_that_it_is_open_and_who_the_medecin_traitant_is
}

/// A record with one document of the laboratory's; its patient.
fn record(server: &TestServer, unique: &str) -> String {
    let cda = String::from_utf8(small_cda(unique, INS, "")).unwrap().replace("801234567897", "801234567888");
    server.client("client-laboratoire").deposited(cda.as_bytes())["subject"]["reference"].as_str().unwrap().to_owned()
}

fn numbered(system: &str, value: &str) -> Value {
    json!({"identifier": {"system": system, "value": value}})
}

fn person(number: &str) -> Value {
    numbered("urn:oid:1.2.250.1.71.4.2.1", number)
}

/// A team of médecins traitants, each for a time.
fn treating(patient: &str, members: &[(&Value, Value)]) -> Value {
    let role = json!([{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}]);
    let members: Vec<Value> = members.iter().map(|(member, period)| json!({"role": role, "member": member, "period": period})).collect();
    json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": members})
}

fn ever() -> Value {
    json!({"start": "2020-01-01"})
}

fn made(session: &mut Session, body: &Value) -> Value {
    let answer = session.post(body["resourceType"].as_str().unwrap(), body);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body_of(&answer)
}

/// A refusal that says where.
fn refused_at(answer: &passerelle::cli::Response, at: &str) {
    let outcome = refused(answer, 422);
    assert!(outcome["issue"][0]["expression"][0].as_str().is_some_and(|e| e.ends_with(at)), "{at}: {outcome}");
}

fn a_consent_that_is_narrower_than_a_whole_record_is_refused_with_its_element(server: &TestServer) {
    let patient = record(server, "2.25.921");
    let (mut holder, mut other) = (server.holder(INS), server.acting("client-imagerie", OTHER));
    let permit = |more: Value| {
        let mut provision = json!({"type": "permit", "actor": actor("99700000001")});
        provision.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        provision
    };
    let narrower = [
        ("data", json!([{"meaning": "instance", "reference": {"reference": "DocumentReference/1"}}])),
        ("class", json!([{"system": "http://hl7.org/fhir/resource-types", "code": "Immunization"}])),
        ("code", json!([{"coding": [{"system": "http://loinc.org", "code": "11369-6"}]}])),
        ("securityLabel", json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}])),
        ("action", json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "collect"}]}])),
        ("dataPeriod", json!({"start": "2030-01-01"})),
        ("period.start", json!({"start": "2030-01-01"})),
        ("provision", json!([{"type": "deny", "actor": actor("99700000001")}])),
        ("purpose", json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}])),
    ];
    for (at, value) in narrower {
        let name = at.split('.').next().unwrap();
        let inner = permit(json!({name: value}));
        refused_at(&holder.post("Consent", &consent(&patient, json!({"provision": [inner.clone()]}))), at);
        // A root that decides and holds decisions too: which of them is the exception is not followed.
        refused_at(&holder.post("Consent", &consent(&patient, inner)), if name == "provision" { "provision.type" } else { at });
        refused(&other.get(&format!("DocumentReference?patient={patient}")), 403);
    }
    let mut research = consent(&patient, permit(json!({})));
    research["scope"]["coding"][0]["code"] = json!("research");
    refused_at(&holder.post("Consent", &research), "scope");
    // The end of the whole is the end of what it holds.
    made(&mut holder, &consent(&patient, json!({"period": {"end": "2020-01-01"}, "provision": [permit(json!({}))]})));
    refused(&other.get(&format!("DocumentReference?patient={patient}")), 403);
    made(&mut holder, &consent(&patient, permit(json!({}))));
    assert_eq!(total(&mut other, &patient), 1);
}

fn what_begins_later_is_not_in_force_now(server: &TestServer) {
    let patient = record(server, "2.25.922");
    let (mut holder, mut other) = (server.holder(INS), server.acting("client-imagerie", OTHER));
    let mut team = json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "period": {"start": "2030-01-01"},
        "participant": [{"member": person("899700000001")}]});
    refused_at(&holder.post("CareTeam", &team), "CareTeam.period.start");
    team["participant"][0]["period"] = team.as_object_mut().unwrap().remove("period").unwrap();
    refused_at(&holder.post("CareTeam", &team), "CareTeam.participant.period.start");
    refused(&other.get(&format!("DocumentReference?patient={patient}")), 403);
    team["participant"][0]["period"] = ever();
    made(&mut holder, &team);
    assert_eq!(total(&mut other, &patient), 1);
}

fn the_medecin_traitant_is_one_doctor(server: &TestServer) {
    let patient = record(server, "2.25.923");
    let mut holder = server.holder(INS);
    let structure = numbered("urn:oid:1.2.250.1.71.4.2.2", "1759999991");
    let (one, two) = (person("899700000001"), person("899700218896"));
    refused_at(&holder.post("CareTeam", &treating(&patient, &[(&structure, ever())])), "CareTeam.participant");
    refused_at(&holder.post("CareTeam", &treating(&patient, &[(&one, ever()), (&two, ever())])), "CareTeam.participant");
    let mut team = made(&mut holder, &treating(&patient, &[(&one, ever())]));
    refused_at(&holder.post("CareTeam", &treating(&patient, &[(&two, ever())])), "CareTeam.participant");
    made(&mut holder, &treating(&patient, &[(&one, ever())]));
    // Two in one transaction, and one as an administrator's word on the Patient, are two as well.
    let mut administrator = server.acting("client-cabinet", &["--role", "administrator"]);
    let mut stored = server.doctor(&["--mode", "bris_de_glace", "--reason", "urgence vitale"]).found(&patient);
    stored["extension"] = json!([{"url": "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-medecin-traitant", "valueReference": two}]);
    refused(&administrator.put(&patient, &stored), 422);
    team["participant"][0]["member"] = two;
    refused(&holder.put(&format!("CareTeam/{}", team["id"].as_str().unwrap()), &team), 422);
}

fn a_medecin_traitant_is_changed_in_one_transaction(server: &TestServer) {
    let patient = record(server, "2.25.924");
    let mut holder = server.holder(INS);
    let (one, two) = (person("899700000001"), person("899700218896"));
    let mut ended = made(&mut holder, &treating(&patient, &[(&one, ever())]));
    ended["status"] = json!("inactive");
    let put = json!({"resource": ended, "request": {"method": "PUT", "url": format!("CareTeam/{}", ended["id"].as_str().unwrap())}});
    let post = |who: &Value| json!({"resource": treating(&patient, &[(who, ever())]), "request": {"method": "POST", "url": "CareTeam"}});
    let bundle = |entries: &[&Value]| json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    refused(&holder.post("", &bundle(&[&put, &post(&one), &post(&two)])), 422);
    let answer = holder.post("", &bundle(&[&put, &post(&two)]));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(total(&mut server.doctor(&[]), &patient), 1);
    refused(&server.acting("client-imagerie", OTHER).get(&format!("DocumentReference?patient={patient}")), 403);
}

fn a_medecin_traitant_whose_time_is_over_is_blocked_like_anybody(server: &TestServer) {
    let patient = record(server, "2.25.925");
    let (mut holder, mut other) = (server.holder(INS), server.acting("client-imagerie", OTHER));
    let block = consent(&patient, json!({"type": "deny", "actor": actor("99700000001")}));
    let mut team = made(&mut holder, &treating(&patient, &[(&person("899700000001"), ever())]));
    refused(&holder.post("Consent", &block), 422);
    team["participant"][0]["period"] = json!({"end": "2026-01-01"});
    assert_eq!(holder.put(&format!("CareTeam/{}", team["id"].as_str().unwrap()), &team).status, 200);
    authorized(&mut other, &patient);
    assert_eq!(total(&mut other, &patient), 1);
    made(&mut holder, &block);
    refused(&other.get(&format!("DocumentReference?patient={patient}")), 403);
}

fn a_closed_record_takes_the_choices_of_its_holder(server: &TestServer) {
    let patient = record(server, "2.25.926");
    let (mut holder, mut nurse) = (server.holder(INS), server.acting("client-imagerie", NURSE));
    assert_eq!(holder.call("POST", &format!("{patient}/$close"), &[("Accept", FHIR_JSON)], b"").status, 200);
    made(&mut holder, &consent(&patient, json!({"type": "deny", "actor": actor("99700000055")})));
    made(&mut holder, &consent(&patient, json!({"type": "deny", "purpose": [{"code": "centre_15"}]})));
    made(&mut holder, &treating(&patient, &[(&person("899700000001"), ever())]));
    let mut other = server.acting("client-imagerie", &["--rpps", "899700000077", "--profession", "10"]);
    refused(&other.post("Consent", &consent(&patient, json!({"type": "permit", "actor": actor("99700000077")}))), 403);
    refused(&other.post("CareTeam", &json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}})), 403);
    refused(&other.deposit(&small_cda("2.25.927", INS, "")), 403);
    assert_eq!(holder.call("POST", &format!("{patient}/$reopen"), &[("Accept", FHIR_JSON)], b"").status, 200);
    refused(&nurse.get(&format!("DocumentReference?patient={patient}")), 403);
    refused(&nurse.call("POST", &format!("{patient}/$authorize"), &[], b""), 403);
    assert_eq!(total(&mut server.acting("client-imagerie", OTHER), &patient), 1);
}

/// PDSM4DMP TD0.2: what a search by the INS answers.
fn the_state_of_a_record_tells_that_it_is_open_and_who_the_medecin_traitant_is(server: &TestServer) {
    let patient = record(server, "2.25.928");
    let (mut holder, mut treating_doctor, mut doctor) = (server.holder(INS), server.acting("client-imagerie", OTHER), server.doctor(&[]));
    let state = |session: &mut Session| session.found(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{INS}"))["entry"][0]["resource"].clone();
    let told = |session: &mut Session| {
        let state = state(session);
        assert_eq!(state["active"], true, "{state}");
        let named = state["extension"].as_array().into_iter().flatten().find(|e| e["url"].as_str().unwrap().ends_with("dmp-medecin-traitant"));
        named.map(|e| e["valueReference"]["identifier"]["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(told(&mut holder), None);
    let mut team = made(&mut holder, &treating(&patient, &[(&numbered("https://rpps.esante.gouv.fr", "99700000001"), ever())]));
    let named = Some("899700000001".to_owned());
    assert_eq!((told(&mut holder), told(&mut treating_doctor)), (named.clone(), named.clone()));
    assert_eq!((told(&mut doctor), told(&mut server.cabinet())), (None, None), "of the person nothing without a right to the record");
    authorized(&mut doctor, &patient);
    assert_eq!(told(&mut doctor), named);
    // What a search told is sent back by whoever corrects an address: it declares nobody, now and later.
    let found = state(&mut doctor);
    assert_eq!(doctor.put(&patient, &found).status, 200);
    assert!(doctor.found(&patient).get("extension").is_none());
    team["status"] = json!("inactive");
    assert_eq!(holder.put(&format!("CareTeam/{}", team["id"].as_str().unwrap()), &team).status, 200);
    assert_eq!((told(&mut holder), told(&mut doctor)), (None, None));
    let stored = doctor.found(&patient);
    assert_eq!(doctor.put(&patient, &stored).status, 200);
    refused(&treating_doctor.get(&format!("DocumentReference?patient={patient}")), 403);
    assert_eq!(holder.call("POST", &format!("{patient}/$close"), &[("Accept", FHIR_JSON)], b"").status, 200);
    for session in [&mut holder, &mut doctor, &mut server.cabinet()] {
        let state = state(session);
        assert!(state["active"] == false && state.to_string().contains("dmp-fermeture"), "{state}");
    }
}

fn a_practitioner_reads_the_consents_about_himself_and_no_others(server: &TestServer) {
    let patient = record(server, "2.25.929");
    let (mut holder, mut other) = (server.holder(INS), server.acting("client-imagerie", OTHER));
    let search = format!("Consent?patient={patient}");
    let path = |stored: &Value| format!("Consent/{}", stored["id"].as_str().unwrap());
    let seen = |session: &mut Session| -> Vec<String> {
        let found = session.found(&search);
        let mut ids: Vec<String> = crate::support::resources(&found, "Consent").iter().map(|c| path(c)).collect();
        assert_eq!(found["total"], ids.len());
        ids.sort();
        ids
    };
    assert!(seen(&mut other).is_empty(), "before anything is said");
    let mut named = consent(&patient, json!({"type": "deny", "actor": actor("99700000055")}));
    named["identifier"] = json!([{"system": "urn:essai", "value": "C-1"}]);
    let block = made(&mut holder, &named);
    let opposition = made(&mut holder, &consent(&patient, json!({"type": "deny", "purpose": [{"code": "bris_de_glace"}]})));
    let several = made(&mut holder, &consent(&patient, json!({"provision": [{"type": "permit", "actor": actor("99700000001")}, {"type": "deny", "actor": actor("99700000066")}]})));
    assert_eq!(total(&mut other, &patient), 1, "permitted");
    let hidden = [&block, &opposition, &several].map(path);
    assert!(seen(&mut other).is_empty());
    for path in &hidden {
        refused(&other.get(path), 404);
        refused(&other.get(&format!("{path}/_history")), 404);
        refused(&other.get(&format!("{path}/_history/1")), 404);
    }
    assert_eq!(other.found("Consent?identifier=urn:essai|C-1")["total"], 0);
    assert_eq!(other.found(&format!("Consent?_id={}", hidden[0].trim_start_matches("Consent/")))["total"], 0);
    assert!(crate::support::resources(&other.found(&format!("{patient}/$everything")), "Consent").is_empty());
    let headers = [("Content-Type", FHIR_JSON), ("If-None-Exist", "identifier=urn:essai|C-1")];
    let mut own = consent(&patient, json!({"type": "permit", "actor": actor("99700000001")}));
    own["identifier"] = named["identifier"].clone();
    let answer = other.call("POST", "Consent", &headers, own.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    assert_eq!(seen(&mut other), [path(&body_of(&answer))]);
    // The blocked one, without any right to the record, learns of his own and of nothing else.
    let mut nurse = server.acting("client-imagerie", NURSE);
    assert_eq!(seen(&mut nurse), [path(&block)]);
    assert_eq!(nurse.get(&path(&block)).status, 200);
    refused(&nurse.get(&path(&opposition)), 404);
    refused(&server.acting("client-imagerie", &[NURSE, &["--level", "indirect"]].concat()).get(&path(&block)), 403);
    // What is over stays known to whom it was about.
    let mut ended = block.clone();
    ended["status"] = json!("inactive");
    assert_eq!(holder.put(&path(&block), &ended).status, 200);
    assert_eq!(nurse.found(&path(&block))["status"], "inactive");
    authorized(&mut nurse, &patient);
    assert_eq!((seen(&mut nurse).len(), total(&mut nurse, &patient)), (2, 1));
    for session in [&mut holder, &mut server.acting("client-cabinet", &["--legal-representative", INS])] {
        assert_eq!(seen(session).len(), 5);
    }
    refused(&server.holder("299999999999934").get(&path(&block)), 404);
}
