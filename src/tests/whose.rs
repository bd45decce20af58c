//! Whose record a resource belongs to: its patient's, named in any form that this server reads. What is said of a person never becomes
//! everybody's because the person was not found.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Session, TestServer, json as body_of, refused, registry_table, small_cda, text};

const INS: &str = "258027511234534";
const SYSTEM: &str = "urn:oid:1.2.250.1.213.1.4.10";
const NOBODY: &str = "198027511234501";

enforced_on_both! {
    a_resource_of_a_patient_names_one_or_is_refused
    a_patient_named_by_identifier_or_condition_is_found_and_named
    an_update_keeps_its_patient
    a_transaction_files_nothing_without_a_patient
}

#[derive(Deserialize)]
struct Table {
    resource: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "type")]
    kind: String,
    interactions: Vec<String>,
    #[serde(default)]
    patient: Vec<String>,
    shared: Option<String>,
}

/// The types that a client writes and that belong to a patient; documents have roads and tests of their own.
fn rows() -> Vec<Row> {
    let all = registry_table::<Table>("resources.toml").resource;
    let rows: Vec<Row> = all.into_iter().filter(|r| !r.patient.is_empty() && r.kind != "DocumentReference" && r.interactions.iter().any(|i| i == "create")).collect();
    assert!(rows.len() > 20, "the registry was read");
    rows
}

/// What R4 asks of a type besides its patient.
fn bare(kind: &str) -> Value {
    let code = json!({"text": "SECRET"});
    match kind {
        "Condition" | "AllergyIntolerance" => json!({"code": code}),
        "MedicationStatement" | "MedicationDispense" => json!({"status": "completed", "medicationCodeableConcept": code}),
        "MedicationRequest" => json!({"status": "active", "intent": "order", "medicationCodeableConcept": code}),
        "MedicationAdministration" => json!({"status": "completed", "medicationCodeableConcept": code, "effectiveDateTime": "2026-03-10"}),
        "Immunization" => json!({"status": "completed", "vaccineCode": code, "occurrenceDateTime": "2026-03-10"}),
        "Observation" | "DiagnosticReport" => json!({"status": "final", "code": code}),
        "Procedure" => json!({"status": "completed", "code": code}),
        "ServiceRequest" | "CarePlan" => json!({"status": "active", "intent": "order"}),
        "DeviceRequest" => json!({"intent": "order", "codeCodeableConcept": code}),
        "Encounter" => json!({"status": "finished", "class": {"code": "AMB"}}),
        "FamilyMemberHistory" => json!({"status": "completed", "relationship": code}),
        "DeviceUseStatement" => json!({"status": "active", "device": {"display": "SECRET"}}),
        "ImagingStudy" => json!({"status": "available"}),
        "Media" => json!({"status": "completed", "content": {"title": "SECRET"}}),
        "Goal" => json!({"lifecycleStatus": "active", "description": code}),
        "ImmunizationRecommendation" => json!({"date": "2026-03-10", "recommendation": [{"forecastStatus": code}]}),
        "Consent" => json!({"status": "active", "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
            "category": [code], "policyRule": code, "provision": {"type": "deny", "purpose": [{"code": "centre_15"}]}}),
        "CareTeam" => json!({"status": "active"}),
        _ => json!({}),
    }
}

fn resource(row: &Row, patient: Option<&Value>) -> Value {
    let mut out = bare(&row.kind);
    out["resourceType"] = json!(row.kind);
    if let Some(patient) = patient {
        out[&row.patient[0]] = patient.clone();
    }
    out
}

/// Ways to name a patient who is not here, and what each is answered.
fn not_here() -> Vec<(Option<Value>, u16)> {
    vec![
        (Some(json!({"identifier": {"system": SYSTEM, "value": NOBODY}})), 412),
        (Some(json!({"reference": format!("Patient?identifier={SYSTEM}|{NOBODY}")})), 412),
        (Some(json!({"reference": "Patient/00000000-0000-0000-0000-000000000000"})), 422),
        (Some(json!({"reference": "https://other.example/fhir/Patient/1"})), 422),
        (Some(json!({"reference": "Group/1"})), 422),
        (Some(json!({"reference": "Device/1"})), 422),
        (Some(json!({"display": "Anne ESSAI"})), 422),
        (None, 422),
    ]
}

/// The record, and who may write resources of a type in it.
struct Writers {
    patient: String,
    doctor: Session,
    holder: Session,
}

impl Writers {
    fn of(server: &TestServer, unique: &str) -> Self {
        let mut doctor = server.doctor(&[]);
        let patient = doctor.deposited(&small_cda(unique, INS, ""))["subject"]["reference"].as_str().unwrap().to_owned();
        assert_eq!(doctor.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"").status, 201);
        Self { patient, doctor, holder: server.holder(INS) }
    }

    fn writer(&mut self, kind: &str) -> &mut Session {
        if matches!(kind, "Consent" | "CareTeam") { &mut self.holder } else { &mut self.doctor }
    }
}

fn a_resource_of_a_patient_names_one_or_is_refused(server: &TestServer) {
    let mut writers = Writers::of(server, "2.25.911");
    for row in rows() {
        for (patient, status) in not_here() {
            let answer = writers.writer(&row.kind).post(&row.kind, &resource(&row, patient.as_ref()));
            let status = if patient.is_none() && row.shared.is_some() { 201 } else { status };
            assert_eq!(answer.status, status, "{} {patient:?}: {}", row.kind, text(&answer));
        }
    }
}

fn a_patient_named_by_identifier_or_condition_is_found_and_named(server: &TestServer) {
    let mut writers = Writers::of(server, "2.25.912");
    let mut stranger = server.acting("client-imagerie", &["--rpps", "899700777777", "--profession", "60"]);
    for row in rows() {
        for named in [json!({"identifier": {"system": SYSTEM, "value": INS}}), json!({"reference": format!("Patient?identifier={SYSTEM}|{INS}")})] {
            let answer = writers.writer(&row.kind).post(&row.kind, &resource(&row, Some(&named)));
            assert_eq!(answer.status, 201, "{} {named}: {}", row.kind, text(&answer));
            let stored = body_of(&answer);
            assert_eq!(stored[&row.patient[0]]["reference"], writers.patient.as_str(), "{}", row.kind);
            let path = format!("{}/{}", row.kind, stored["id"].as_str().unwrap());
            // Of Consents a practitioner learns those that name him.
            refused(&stranger.get(&path), if row.kind == "Consent" { 404 } else { 403 });
        }
    }
}

fn an_update_keeps_its_patient(server: &TestServer) {
    let mut writers = Writers::of(server, "2.25.913");
    let named = json!({"reference": writers.patient});
    for row in rows().into_iter().filter(|r| r.interactions.iter().any(|i| i == "update")) {
        let mut stored = body_of(&writers.writer(&row.kind).post(&row.kind, &resource(&row, Some(&named))));
        let path = format!("{}/{}", row.kind, stored["id"].as_str().unwrap());
        for (patient, status) in not_here() {
            match patient {
                Some(patient) => stored[&row.patient[0]] = patient,
                None => drop(stored.as_object_mut().unwrap().remove(&row.patient[0])),
            }
            refused(&writers.writer(&row.kind).put(&path, &stored), status);
        }
        // The first version under an id of the client's.
        let mut first = resource(&row, Some(&not_here()[0].0.clone().unwrap()));
        first["id"] = json!("of-nobody");
        refused(&writers.writer(&row.kind).put(&format!("{}/of-nobody", row.kind), &first), 412);
    }
}

fn a_transaction_files_nothing_without_a_patient(server: &TestServer) {
    let mut writers = Writers::of(server, "2.25.914");
    for row in rows() {
        for (patient, status) in not_here() {
            let status = if patient.is_none() && row.shared.is_some() { 200 } else { status };
            let entry = json!({"resource": resource(&row, patient.as_ref()), "request": {"method": "POST", "url": row.kind}});
            let answer = writers.writer(&row.kind).post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}));
            assert_eq!(answer.status, status, "{} {patient:?}: {}", row.kind, text(&answer));
            let answer = writers.writer(&row.kind).post("", &json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]}));
            let status = if status == 200 { 201 } else { status };
            assert_eq!(body_of(&answer)["entry"][0]["response"]["status"].as_str().unwrap()[..3], status.to_string(), "{} {patient:?}", row.kind);
        }
    }
}
