//! Compact event → AuditEvent in the shape of the ANS traceability volume, whose rules BALP and MHD cannot fulfil at once (at most one
//! subtype, at most two agents, a period instead of agents' networks): one trail, two forms.
//! Spec: ANS Traçabilité (TDE) 2.0.0, tde-auditevent.

use serde_json::{Value, json};

use super::agents::known_by;
use super::balp::{STRUCTURE, TYPE, subtypes};
use super::event::Event;
use crate::fhir::time::instant;

/// Canonical of the profile, by which a search asks for this form.
pub const TDE: &str = "https://interop.esante.gouv.fr/ig/fhir/tde/StructureDefinition/tde-auditevent";

/// The AuditEvent of an event: who (the person, else the structure) did what, when, on what, as a traced event of the region or the
/// application.
pub fn to_tde(event: &Event) -> Value {
    let at = instant(event.at_us);
    // The most telling of the subtypes: the IHE transaction, else the operation, else the interaction.
    let subtype: Vec<Value> = subtypes(event).into_iter().next_back().map(|(system, code)| json!({"system": system, "code": code})).into_iter().collect();
    let mut out = json!({
        "resourceType": "AuditEvent",
        "id": event.id,
        "meta": {"versionId": "1", "lastUpdated": at, "profile": [TDE]},
        "type": {"system": TYPE.0, "code": TYPE.1},
        "subtype": subtype,
        "action": event.action.letter(),
        "period": {"start": at, "end": at},
        "recorded": at,
        "outcome": event.outcome.code(),
        "agent": agents(event),
        "source": {"observer": {"display": "Passerelle"}},
    });
    let patient = event.patient.iter().map(|id| json!({"what": {"reference": format!("Patient/{id}")}}));
    let entities: Vec<Value> = patient.chain(event.entities.iter().map(|e| json!({"what": {"reference": e}}))).collect();
    if let (Some(members), false) = (out.as_object_mut(), entities.is_empty()) {
        members.insert("entity".into(), Value::Array(entities));
    }
    out
}

/// The person who acted, and the structure.
fn agents(event: &Event) -> Vec<Value> {
    let person = event.by.as_ref().and_then(known_by).map(|(system, value)| json!({"who": {"identifier": {"system": system, "value": value}}, "requestor": true}));
    let who = if event.structure.is_empty() { json!({"display": event.organization}) } else { json!({"identifier": {"system": STRUCTURE, "value": event.structure}}) };
    let structure = json!({"who": who, "requestor": person.is_none()});
    person.into_iter().chain([structure]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_profile_hold() {
        let compact = json!({"at_us": 0, "id": "e", "interaction": "search-type", "transaction": "ITI-67", "action": "E", "outcome": "Success", "structure": "3", "organization": "Cabinet",
            "fingerprint": "f", "serial": "1", "issuer": "CN=AC", "address": "127.0.0.1", "patient": "p", "entities": ["DocumentReference/1"], "query": null, "request_id": "r",
            "by": {"role": "practitioner", "person": "899700218896", "mode": "normal", "level": "direct"}});
        let made = to_tde(&serde_json::from_value(compact).unwrap());
        assert_eq!((made["subtype"].as_array().unwrap().len(), made["agent"].as_array().unwrap().len()), (1, 2));
        assert_eq!(made["subtype"][0]["code"], "ITI-67");
        assert!(made["period"]["start"].is_string() && made["agent"][0]["who"]["identifier"]["value"] == "899700218896");
        let issues = crate::fhir::r4::check(&crate::fhir::gate::parse(&serde_json::to_vec(&made).unwrap()).unwrap(), 10);
        assert!(issues.is_empty(), "{issues:?}");
    }
}
