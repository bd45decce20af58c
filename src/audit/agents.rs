//! Who took part in an event, as agents of its AuditEvent: the structure that called, the server, and the person who acted.
//! Spec: BALP 1.1 (agent roles swap for reads); OAUTHaccessTokenUse.

use serde_json::{Value, json};

use super::By;
use super::balp::{DCM, MODES, PERSON, STRUCTURE, code};
use super::event::{Action, Event};
use crate::fhir::Role;

/// Professions.
const PROFESSIONS: &str = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante";
/// Savoir-faire, of whichever of its tables (TRE_R38, TRE_R39 …): tokens name the code alone.
const SPECIALTIES: &str = "urn:passerelle:savoir-faire";
/// The situation d'exercice that the person chose, by the number of its structure.
const SITUATION: &str = "urn:passerelle:situation";
/// Names of holders and representatives that this server alone gives.
const SUBJECT: &str = "urn:passerelle:subject";
/// How a user is known: by a token.
const USER_AGENTS: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes";
/// In what capacity, and how surely, somebody acted.
const ROLES: &str = "urn:passerelle:role";
const LEVELS: &str = "urn:passerelle:authentication";

/// The client and the server, whose DICOM roles depend on the direction of the data.
pub(super) fn agents(event: &Event) -> Vec<Value> {
    let (client, server) = match event.action {
        Action::R => (code(DCM, "110152"), code(DCM, "110153")),
        Action::D => (code(DCM, "110150"), code("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")),
        _ => (code(DCM, "110153"), code(DCM, "110152")),
    };
    let person = event.by.as_ref().and_then(|by| person(event.action, by));
    let mut out = vec![
        json!({
            "type": {"coding": [client]},
            "who": who(event),
            "altId": event.fingerprint,
            "name": name(event),
            "requestor": person.is_none(),
            "network": {"address": event.address, "type": "2"},
        }),
        json!({
            "type": {"coding": [server]},
            "who": {"display": "Passerelle"},
            "requestor": false,
            "network": {"address": "localhost", "type": "1"},
        }),
    ];
    out.extend(person);
    out
}

/// The structure that called; what its certificate is when it names none.
fn who(event: &Event) -> Value {
    if event.structure.is_empty() {
        return json!({"display": event.organization});
    }
    json!({"identifier": {"system": STRUCTURE, "value": event.structure}, "display": event.organization})
}

/// The certificate the structure showed, and the software that says it called.
fn name(event: &Event) -> String {
    let certificate = format!("{} · {}", event.issuer, event.serial);
    match event.by.as_ref().map(|by| by.software.as_str()) {
        Some(software) if !software.is_empty() => format!("{software} · {certificate}"),
        _ => certificate,
    }
}

/// System and value by which an actor is known: a practitioner by his number, an auditor or administrator by the issuer's name for him,
/// a holder or representative by ours.
/// Spec: BALP 1.1 OAUTHaccessTokenUse.Comprehensive (who: iss and user id).
pub fn known_by(by: &By) -> Option<(&str, &str)> {
    let system = match by.role {
        _ if !by.person.is_empty() => return Some((PERSON, &by.person)),
        Role::Holder | Role::LegalRepresentative => SUBJECT,
        _ => &by.issuer,
    };
    (!by.subject.is_empty()).then_some((system, by.subject.as_str()))
}

/// The user agent: a practitioner by his number, anybody else by his role; with the access mode, the token and what it was issued by.
/// Spec: BALP 1.1 OAUTHaccessTokenUse.Minimal (policy) and Comprehensive (who); NOS TRE_R248 (purposeOfUse).
fn person(action: Action, by: &By) -> Option<Value> {
    if by.role == Role::Structure {
        return None;
    }
    let participation = if action == Action::R || action == Action::E { "IRCP" } else { "AUT" };
    let who = known_by(by).map_or_else(|| json!({"display": by.role.word()}), |(system, value)| json!({"identifier": {"system": system, "value": value}}));
    let mut kinds = vec![code("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", participation)];
    kinds.extend(by.user_has_token().then(|| code(USER_AGENTS, "UserOauthAgent")));
    let mut out = json!({
        "type": {"coding": kinds},
        "role": [{"coding": [code(ROLES, by.role.word())]}],
        "who": who,
        "altId": by.issuer,
        "requestor": true,
        "purposeOfUse": [{"coding": [code(MODES, by.mode.code())]}],
    });
    let Some(members) = out.as_object_mut() else { return Some(out) };
    if let Some(Value::Array(roles)) = members.get_mut("role") {
        let of_the_person = [(PROFESSIONS, by.profession.as_str()), (SPECIALTIES, &by.specialty), (SITUATION, &by.situation)];
        let known = of_the_person.into_iter().filter(|(_, value)| !value.is_empty()).chain([(LEVELS, by.level.word())]);
        roles.extend(known.map(|(system, value)| json!({"coding": [code(system, value)]})));
    }
    members.extend(by.policy().map(|policy| ("policy".to_owned(), json!([policy]))));
    Some(out)
}
