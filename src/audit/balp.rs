//! Compact event → BALP AuditEvent.

use serde_json::{Value, json};

use super::event::{Action, Event};
use crate::fhir::time::instant;

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";

/// The AuditEvent of an event.
/// Spec: BALP 1.1 Create, Read, Update, Delete, Query and their Patient* variants; agent roles swap for reads.
pub fn to_fhir(event: &Event) -> Value {
    let mut entities: Vec<Value> = event.entities.iter().map(|e| data(event, e)).collect();
    if let Some(query) = &event.query {
        entities.push(json!({"type": code("http://terminology.hl7.org/CodeSystem/audit-entity-type", "2"), "role": code("http://terminology.hl7.org/CodeSystem/object-role", "24"), "query": query}));
    }
    if let Some(patient) = &event.patient {
        entities.push(json!({"what": {"reference": format!("Patient/{patient}")}, "type": code("http://terminology.hl7.org/CodeSystem/audit-entity-type", "1"), "role": code("http://terminology.hl7.org/CodeSystem/object-role", "1")}));
    }
    entities.push(json!({"what": {"identifier": {"value": event.request_id}}, "type": code("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")}));
    let mut subtype = vec![code("http://hl7.org/fhir/restful-interaction", &event.interaction)];
    if let Some(t) = &event.transaction {
        subtype.push(code("urn:ihe:event-type-code", t));
    }
    json!({
        "resourceType": "AuditEvent",
        "id": event.id,
        "meta": {"versionId": "1", "lastUpdated": instant(event.at_us), "profile": [profile(event)]},
        "type": code("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest"),
        "subtype": subtype,
        "action": letter(event.action),
        "recorded": instant(event.at_us),
        "outcome": event.outcome.code(),
        "agent": agents(event),
        "source": {"observer": {"display": "Passerelle"}},
        "entity": entities,
    })
}

fn code(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

fn letter(action: Action) -> &'static str {
    match action {
        Action::C => "C",
        Action::R => "R",
        Action::U => "U",
        Action::D => "D",
        Action::E => "E",
    }
}

fn profile(event: &Event) -> String {
    let name = match event.action {
        Action::C => "Create",
        Action::R => "Read",
        Action::U => "Update",
        Action::D => "Delete",
        Action::E => "Query",
    };
    let patient = if event.patient.is_some() { "Patient" } else { "" };
    format!("{BALP}{patient}{name}")
}

/// The client and the server, whose DICOM roles depend on the direction of the data.
fn agents(event: &Event) -> Vec<Value> {
    let (client, server) = match event.action {
        Action::R => (code(DCM, "110152"), code(DCM, "110153")),
        Action::D => (code(DCM, "110150"), code("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")),
        _ => (code(DCM, "110153"), code(DCM, "110152")),
    };
    vec![
        json!({
            "type": {"coding": [client]},
            "who": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": event.structure}, "display": event.organization},
            "altId": event.fingerprint,
            "name": format!("{} · {}", event.issuer, event.serial),
            "requestor": true,
            "network": {"address": event.address, "type": "2"},
        }),
        json!({
            "type": {"coding": [server]},
            "who": {"display": "Passerelle"},
            "requestor": false,
            "network": {"address": "localhost", "type": "1"},
        }),
    ]
}

fn data(event: &Event, entity: &str) -> Value {
    let role = match event.action {
        Action::C | Action::U | Action::D => "4",
        Action::R | Action::E => "3",
    };
    json!({"what": {"reference": entity}, "type": code("http://terminology.hl7.org/CodeSystem/audit-entity-type", "2"), "role": code("http://terminology.hl7.org/CodeSystem/object-role", role)})
}
