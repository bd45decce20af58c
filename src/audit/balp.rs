//! Compact event → BALP AuditEvent.

use serde_json::{Value, json};

use super::agents::agents;
use super::event::{Action, Event, Outcome};
use super::opening::detail;
use crate::fhir::Mode;
use crate::fhir::time::instant;

pub(super) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
/// Names of resource types.
pub(super) const RESOURCE: &str = "http://hl7.org/fhir/resource-types";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
/// System of the subtype that says which operation it was.
const OPERATION: &str = "urn:passerelle:operation";
/// System of the persons who act.
pub const PERSON: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// Access modes.
pub(super) const MODES: &str = "https://mos.esante.gouv.fr/NOS/TRE_R248_ModeAcces/FHIR/TRE-R248-ModeAcces";
/// Visibility of a document, and of a trace.
const VISIBILITY: &str = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";
/// System of the structures that call.
pub const STRUCTURE: &str = "urn:oid:1.2.250.1.71.4.2.2";
/// Codes of an AuditEvent's `type`.
pub const TYPE: (&str, &str) = ("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest");

/// Every code that restful-interaction has; any other name of an interaction is that of an operation.
/// Spec: FHIR R4 codesystem-restful-interaction.
const RESTFUL: &[&str] = &[
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history",
    "history-instance",
    "history-type",
    "history-system",
    "create",
    "search",
    "search-type",
    "search-system",
    "capabilities",
    "transaction",
    "batch",
    "operation",
];

/// Subtypes under which BALP has a profile: action, subtypes, name of the profile.
/// Spec: BALP 1.1 Create, Read, Update, Delete, Query and their Patient* variants.
const PROFILES: &[(Action, &[&str], &str)] = &[
    (Action::C, &["create"], "Create"),
    (Action::R, &["read", "vread"], "Read"),
    (Action::U, &["update", "patch"], "Update"),
    (Action::D, &["delete"], "Delete"),
    (Action::E, &["search", "search-type", "search-system"], "Query"),
];

/// Transactions whose profile builds on BALP's: number, name of the profile, type of the data entity when it names one. That of ITI-65
/// does not: it allows neither the interaction nor the documents beside the SubmissionSet.
const MHD_PROFILES: &[(&str, &str, Option<&str>)] = &[
    ("ITI-66", "FindDocumentLists.Audit.Responder", None),
    ("ITI-67", "FindDocumentReferences.Audit.Responder", None),
    ("ITI-68", "RetrieveDocument.Audit.Responder", None),
    ("ITI-105", "SimplifiedPublish.Audit.Recipient", Some("DocumentReference/")),
    ("ITI-106", "GenerateMetadata.Audit.Recipient", Some("DocumentReference/")),
];

/// The AuditEvent of an event.
/// Spec: BALP 1.1; agent roles swap for reads. A profile is claimed only by an event that fulfils it.
pub fn to_fhir(event: &Event) -> Value {
    let mut meta = json!({"versionId": "1", "lastUpdated": instant(event.at_us)});
    if let Some(members) = meta.as_object_mut() {
        let profiles = profile(event).map(|profile| [profile].into_iter().chain(sharing(event)).chain(authorized(event)).collect::<Vec<_>>());
        let profiles = profiles.map(|all| json!(all));
        members.extend(profiles.map(|p| ("profile".to_owned(), p)));
        // Connexion secrète: the trace itself carries the label. Spec: NOS TRE_A07; VIHF 3.0 confidentiality-code.
        let secret = event.by.as_ref().is_some_and(|by| by.secret);
        members.extend(secret.then(|| ("security".to_owned(), json!([code(VISIBILITY, "INVISIBLE_REPRESENTANTS_LEGAUX")]))));
        // The tables that decided.
        members.extend((!event.matrix.is_empty()).then(|| ("tag".to_owned(), json!([code("urn:passerelle:habilitation-matrix", &event.matrix)]))));
    }
    let subtype: Vec<Value> = subtypes(event).iter().map(|(system, value)| code(system, value)).collect();
    without_empty(json!({
        "resourceType": "AuditEvent",
        "id": event.id,
        "meta": meta,
        "type": code(TYPE.0, TYPE.1),
        "subtype": subtype,
        "action": event.action.letter(),
        "recorded": instant(event.at_us),
        "outcome": event.outcome.code(),
        "outcomeDesc": described(event),
        "purposeOfEvent": purpose(event),
        "agent": agents(event),
        "source": {"observer": {"display": "Passerelle"}},
        "entity": entities(event),
    }))
}

/// FHIR has no empty strings and arrays: what a caller or a certificate left empty is absent.
fn without_empty(value: Value) -> Value {
    let empty = |v: &Value| v.as_str() == Some("") || v.as_array().is_some_and(Vec::is_empty);
    match value {
        Value::Object(members) => Value::Object(members.into_iter().filter(|(_, v)| !empty(v)).map(|(k, v)| (k, without_empty(v))).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(without_empty).collect()),
        other => other,
    }
}

/// (system, code) of the subtypes: the restful interaction, the operation's name, what a compound interaction amounted to, and
/// the IHE transaction. A history discloses every version, so it is a vread too.
pub fn subtypes(event: &Event) -> Vec<(&'static str, String)> {
    const REST: &str = "http://hl7.org/fhir/restful-interaction";
    let name = event.interaction.as_str();
    let restful = RESTFUL.contains(&name);
    let mut out = vec![(REST, if restful { name } else { "operation" }.to_owned())];
    if !restful {
        out.push((OPERATION, name.to_owned()));
    }
    let amounts = match (event.outcome, name, event.action) {
        (Outcome::Refused | Outcome::Failed, ..) => None,
        (_, "history-instance", _) => Some("vread"),
        (_, _, action) if !restful || name == "transaction" => effect(action),
        _ => None,
    };
    out.extend(amounts.map(|code| (REST, code.to_owned())));
    out.extend(event.transaction.iter().map(|number| ("urn:ihe:event-type-code", number.clone())));
    out
}

const fn effect(action: Action) -> Option<&'static str> {
    match action {
        Action::C => Some("create"),
        Action::R => Some("read"),
        Action::U => Some("update"),
        Action::D => Some("delete"),
        Action::E => None,
    }
}

/// The profile the event fulfils: none for a refusal, none without the data entity (or, for a search, the query) it asks for.
fn profile(event: &Event) -> Option<String> {
    if event.outcome != Outcome::Success {
        return None;
    }
    let subtypes = subtypes(event);
    let (action, _, name) = PROFILES.iter().find(|(action, codes, _)| *action == event.action && subtypes.iter().any(|(_, code)| codes.contains(&code.as_str())))?;
    let complete = if *action == Action::E { queried(event).is_some() } else { !event.entities.is_empty() };
    let patient = if event.patient.is_some() { "Patient" } else { "" };
    complete.then(|| format!("{BALP}{patient}{name}"))
}

/// The profile of IHE MHD on top of BALP's: it asks for what that asks, for the patient and for the transaction beside the interaction.
/// Spec: IHE MHD 4.2 ITI-66, ITI-67, ITI-68, ITI-105, ITI-106 security audit considerations.
fn sharing(event: &Event) -> Option<String> {
    let (_, name, kind) = MHD_PROFILES.iter().find(|(transaction, ..)| event.patient.is_some() && event.transaction.as_deref() == Some(transaction))?;
    let fits = kind.is_none_or(|kind| event.entities.first().is_some_and(|data| data.starts_with(kind)));
    fits.then(|| format!("https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.{name}"))
}

/// The profile of what an access token allowed.
/// Spec: BALP 1.1 OAUTHaccessTokenUse.Minimal: the jti alone.
fn authorized(event: &Event) -> Option<String> {
    event.by.as_ref().filter(|by| by.user_has_token()).map(|_| format!("{BALP}OAUTHaccessTokenUse.Minimal"))
}

/// The query, when one is recorded and not withheld.
fn queried(event: &Event) -> Option<&str> {
    event.query.as_deref().filter(|q| !q.is_empty())
}

pub(super) fn code(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

/// BALP allows one entity of type System Object (the data, or the query): what else was touched is typed by its resource type.
fn entities(event: &Event) -> Vec<Value> {
    let mut out: Vec<Value> = event.entities.iter().enumerate().map(|(i, e)| data(event.action, e, i == 0)).collect();
    if let Some(query) = queried(event) {
        out.push(json!({"type": code(ENTITY_TYPE, "2"), "role": code(ROLE, "24"), "query": query}));
    }
    let looked_at: Vec<Value> = event.looked_at.iter().map(|(kind, what)| detail(kind, what)).collect();
    if event.patient.is_none() && event.structure.is_empty() && !looked_at.is_empty() {
        // What the server does on its own, about nobody.
        out.push(json!({"type": code(ENTITY_TYPE, "2"), "role": code(ROLE, "4"), "detail": looked_at}));
    }
    if let Some(patient) = &event.patient {
        out.push(json!({"what": {"reference": format!("Patient/{patient}")}, "type": code(ENTITY_TYPE, "1"), "role": code(ROLE, "1"), "detail": looked_at}));
    }
    out.push(json!({"what": {"identifier": {"value": event.request_id}}, "type": code("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")}));
    out
}

fn data(action: Action, entity: &str, first: bool) -> Value {
    let (role, result) = match action {
        Action::C | Action::U | Action::D => ("4", false),
        Action::R => ("3", false),
        Action::E => ("3", true),
    };
    let kind = entity.split('/').next().unwrap_or_default();
    let of = if first && !result { code(ENTITY_TYPE, "2") } else { code(RESOURCE, kind) };
    json!({"what": {"reference": entity}, "type": of, "role": code(ROLE, role)})
}

/// What went wrong, without a value of anybody: the number of the fault, the rule, and the reason given for breaking the glass.
fn described(event: &Event) -> String {
    let fault = (event.fault != 0).then(|| format!("P-{:04}", event.fault));
    let rule = (!event.rule.is_empty()).then(|| format!("rule {}", event.rule));
    fault.into_iter().chain(rule).collect::<Vec<_>>().join(", ")
}

/// Why, in the practitioner's words.
pub(super) fn purpose(event: &Event) -> Vec<Value> {
    let Some(by) = event.by.as_ref().filter(|by| by.mode != Mode::Normal) else { return Vec::new() };
    let mut purpose = json!({"coding": [code(MODES, by.mode.code())]});
    if let (Some(members), false) = (purpose.as_object_mut(), by.reason.is_empty()) {
        members.insert("text".into(), json!(by.reason));
    }
    vec![purpose]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(interaction: &str, action: Action) -> Event {
        let json = json!({"at_us": 0, "id": "e", "interaction": interaction, "transaction": null, "action": action, "outcome": "Success", "structure": "3", "organization": "Cabinet",
            "fingerprint": "f", "serial": "1", "issuer": "CN=AC", "address": "127.0.0.1", "patient": "p", "entities": ["DocumentReference/1", "List/2"], "query": null, "request_id": "r"});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_profile_is_claimed_only_by_what_fulfils_it() {
        let claimed = |e: &Event| to_fhir(e).pointer("/meta/profile/0").and_then(Value::as_str).map(|p| p.replace(BALP, ""));
        assert_eq!(claimed(&event("deposit", Action::C)).as_deref(), Some("PatientCreate"));
        assert_eq!(claimed(&event("history-instance", Action::R)).as_deref(), Some("PatientRead"));
        assert_eq!(claimed(&event("patch", Action::U)).as_deref(), Some("PatientUpdate"));
        assert_eq!(claimed(&event("search-type", Action::E)), None);
        assert_eq!(claimed(&event("capabilities", Action::E)), None);
        assert_eq!(claimed(&Event { query: Some("YQ==".into()), ..event("search-type", Action::E) }).as_deref(), Some("PatientQuery"));
        assert_eq!(claimed(&Event { outcome: Outcome::Refused, ..event("read", Action::R) }), None);
        assert_eq!(claimed(&Event { entities: Vec::new(), ..event("read", Action::R) }), None);
    }

    #[test]
    fn a_transaction_and_a_token_have_profiles_of_their_own() {
        let claimed = |e: &Event| to_fhir(e)["meta"]["profile"].as_array().unwrap().iter().skip(1).map(|p| p.as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let mhd = |name: &str| vec![format!("https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.{name}")];
        let of = |transaction: &str, e: Event| Event { transaction: Some(transaction.into()), ..e };
        assert_eq!(claimed(&of("ITI-105", event("create", Action::C))), mhd("SimplifiedPublish.Audit.Recipient"));
        assert_eq!(claimed(&of("ITI-106", event("generate-metadata", Action::C))), mhd("GenerateMetadata.Audit.Recipient"));
        assert_eq!(claimed(&of("ITI-68", event("read", Action::R))), mhd("RetrieveDocument.Audit.Responder"));
        let list = vec!["List/2".into()];
        assert!(claimed(&of("ITI-105", Event { entities: list, ..event("create", Action::C) })).is_empty());
        assert!(claimed(&of("ITI-105", Event { patient: None, ..event("create", Action::C) })).is_empty());
        assert!(claimed(&of("ITI-65", event("transaction", Action::C))).is_empty());
        let by = json!({"role": "practitioner", "person": "899700218896", "mode": "normal", "level": "direct", "issuer": "https://issuer.example", "token": "t-1"});
        let made = Event { by: serde_json::from_value(by).unwrap(), ..event("create", Action::C) };
        assert_eq!(claimed(&made), [format!("{BALP}OAUTHaccessTokenUse.Minimal")]);
        let fhir = to_fhir(&made);
        let user = fhir["agent"].as_array().unwrap().iter().find(|a| a["requestor"] == true).unwrap();
        let types: Vec<&str> = user["type"]["coding"].as_array().unwrap().iter().filter_map(|c| c["code"].as_str()).collect();
        assert_eq!((types, &user["policy"]), (vec!["AUT", "UserOauthAgent"], &json!(["urn:ietf:params:oauth:jti:t-1"])));
        let issues = crate::fhir::r4::check(&crate::fhir::gate::parse(&serde_json::to_vec(&fhir).unwrap()).unwrap(), 10);
        assert!(issues.is_empty(), "{issues:?}");
    }

    #[test]
    fn one_entity_is_the_data_and_an_operation_has_a_subtype_of_its_own() {
        let made = to_fhir(&event("deposit", Action::C));
        let types: Vec<&str> = made["entity"].as_array().unwrap().iter().filter_map(|e| e["type"]["code"].as_str()).collect();
        assert_eq!(types, ["2", "List", "1", "XrequestId"]);
        let codes: Vec<&str> = made["subtype"].as_array().unwrap().iter().filter_map(|s| s["code"].as_str()).collect();
        assert_eq!(codes, ["operation", "deposit", "create"]);
    }

    #[test]
    fn every_event_is_a_valid_resource() {
        let bare = Event { organization: String::new(), address: String::new(), query: Some(String::new()), ..event("search-type", Action::E) };
        assert!(!to_fhir(&bare).to_string().contains("\"\""));
        for (name, action) in [("deposit", Action::C), ("history-instance", Action::R), ("search-type", Action::E), ("delete", Action::D)] {
            let bytes = serde_json::to_vec(&to_fhir(&event(name, action))).unwrap();
            let issues = crate::fhir::r4::check(&crate::fhir::gate::parse(&bytes).unwrap(), 10);
            assert!(issues.is_empty(), "{issues:?}");
        }
    }

    #[test]
    fn several_patients_make_several_events() {
        let made = event("search-type", Action::E).each(&["a".into(), "b".into()], || "new".into());
        let pairs: Vec<(&str, Option<&str>)> = made.iter().map(|e| (e.id.as_str(), e.patient.as_deref())).collect();
        assert_eq!(pairs, [("e", Some("a")), ("new", Some("b"))]);
    }
}
