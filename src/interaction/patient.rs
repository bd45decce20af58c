//! Whose record a deposit belongs to.
//!
//! Match on (system, value) in the order INS-NIR, INS-NIA, local identifiers. One match with equal birth name, birth date and
//! sex is used; one with differing traits is refused; several are refused; none makes a provisional Patient. A local identifier never
//! overrules two INS that differ.
//! Spec: RNIV (traits stricts); FHIR R4 http#transaction for conditional references.

use serde_json::{Value, json};

use super::throttle::Limit;
use super::{App, Call, feeding, resource};
use crate::access::strip_choices;
use crate::config::Environment;
use crate::fhir::search::fold;
use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::store::{Operation, Precondition, Reader, VersionRow};

/// Systems of the INS, in the order they are tried; test and demonstration roots behind the real ones.
const INS: &[&str] = &["urn:oid:1.2.250.1.213.1.4.8", "urn:oid:1.2.250.1.213.1.4.9", "urn:oid:1.2.250.1.213.1.4.10", "urn:oid:1.2.250.1.213.1.4.11"];

/// Roots of test and demonstration: never in a production database.
const NOT_REAL: &[&str] = &["urn:oid:1.2.250.1.213.1.4.10", "urn:oid:1.2.250.1.213.1.4.11"];

/// Refuses an identity of a test or demonstration root in a production database.
///
/// # Errors
/// `RuleBroken`.
pub(super) fn belongs_here(app: &App, patient: &Value) -> Result<()> {
    let production = app.config.database.environment == Environment::Production;
    if production && ordered(patient).iter().any(|i| i.system.as_deref().is_some_and(|s| NOT_REAL.contains(&s))) {
        return Err(Fault::new(FaultKind::RuleBroken, 349, "the identity is of a test or demonstration root; this database is for production").at("Patient.identifier"));
    }
    Ok(())
}

/// Whether an identifier system is an INS (any root).
pub(super) fn is_ins(system: &str) -> bool {
    INS.contains(&system)
}

/// The record chosen, and what must be written first when it is new.
pub(super) struct Chosen {
    pub record: i64,
    pub id: String,
    pub operations: Vec<Operation>,
    pub preconditions: Vec<Precondition>,
}

impl Chosen {
    /// A patient that is here; it must still be when the plan is written.
    fn existing(row: VersionRow) -> Self {
        let alive = Precondition::Alive { kind: "Patient".into(), id: row.id.clone() };
        Self { record: row.record, id: row.id, operations: Vec::new(), preconditions: vec![alive] }
    }

    /// `Patient/id`
    pub fn reference(&self) -> String {
        format!("Patient/{}", self.id)
    }
}

/// The patient of a document, from the Patient resource its metadata carries.
///
/// # Errors
/// `RuleBroken` when the identity contradicts the record's, `MultipleMatches` when several records match,
/// `MissingElement` when there is no identifier at all.
pub(super) fn choose(app: &App, call: &Call, reader: &mut Reader<'_>, patient: &Value) -> Result<Chosen> {
    let identifiers = ordered(patient);
    if identifiers.is_empty() {
        return Err(Fault::new(
            FaultKind::MissingElement,
            340,
            "the document names no patient identifier (recordTarget/patientRole/id, or Patient.identifier with its system), so it belongs to no record",
        ));
    }
    belongs_here(app, patient)?;
    feeding::identity(call, patient)?;
    if let Some(chosen) = known(app, call, reader, patient)? {
        return Ok(chosen);
    }
    feeding::makes_record()?;
    let mut free = Vec::with_capacity(identifiers.len());
    for identifier in identifiers {
        if reader.by_identifier("Patient", &identifier)?.is_empty() {
            free.push(identifier);
        }
    }
    provisional(app, call, patient, free)
}

/// The one patient here that carries an identifier of the given one, traits compared; `None` when nobody does.
///
/// # Errors
/// As [`choose`]; `Throttled`.
pub(super) fn known(app: &App, call: &Call, reader: &mut Reader<'_>, patient: &Value) -> Result<Option<Chosen>> {
    app.throttle.check(call, Limit::OtherPerson)?;
    app.throttle.check(call, Limit::UnknownPatient)?;
    for identifier in &ordered(patient) {
        let mut found = reader.by_identifier("Patient", identifier)?;
        match (found.pop(), found.is_empty()) {
            (None, _) => call.missed.borrow_mut().of_document(&identifier.value),
            (Some(_), false) => return Err(Fault::new(FaultKind::MultipleMatches, 341, "several patients carry this identifier; merge them first")),
            (Some(row), true) => {
                let known = reader.with_body(row)?;
                let stored: Value = serde_json::from_slice(&known.body).map_err(|e| Fault::new(FaultKind::Bug, 342, "a stored resource is damaged").because(e))?;
                if contradicts(&stored, patient, identifier) {
                    continue;
                }
                same_person(&stored, patient)?;
                return Ok(Some(Chosen::existing(known.row)));
            }
        }
    }
    Ok(None)
}

/// A match by a local identifier counts for nothing when both sides have an INS of the same kind and they differ: establishments
/// reuse local numbers, nobody shares an INS.
fn contradicts(stored: &Value, given: &Value, by: &Identifier) -> bool {
    if by.system.as_deref().is_some_and(is_ins) {
        return false;
    }
    let (ours, theirs) = (ordered(stored), ordered(given));
    let mut ins = theirs.iter().filter(|t| t.system.as_deref().is_some_and(is_ins));
    ins.any(|t| ours.iter().any(|o| o.system == t.system && o.value != t.value))
}

/// Whether a reference names a patient, in any of the forms read here.
pub(super) fn is_patient(app: &App, reference: &str) -> bool {
    let local = app.local(reference);
    local.starts_with("Patient/") || local.starts_with("Patient?")
}

/// The record of a document's subject. A condition that nobody meets makes a provisional Patient from what the document says of
/// its patient, when that carries the identifier asked for; otherwise it is refused.
///
/// # Errors
/// As [`by_reference`]; `MultipleMatches` when a condition matches nobody.
pub(super) fn of_subject(app: &App, call: &Call, reader: &mut Reader<'_>, reference: &str, hint: Option<&Value>) -> Result<Chosen> {
    if let Some(chosen) = by_reference((app, call), reader, reference, "DocumentReference.subject")? {
        return Ok(chosen);
    }
    let query = reference.split_once('?').map_or("", |r| r.1);
    let asked = Identifier::asked(&super::form_pairs(query).pop().map(|(_, text)| text).unwrap_or_default());
    let names = |i: &Identifier| i.value == asked.value && (asked.system.is_none() || i.system == asked.system);
    match hint {
        Some(patient) if ordered(patient).iter().any(names) => choose(app, call, reader, patient),
        _ => Err(nobody("DocumentReference.subject")),
    }
}

/// The refusal of a condition or an identifier that no patient meets.
pub(super) fn nobody(at: &str) -> Fault {
    feeding::no_record(347).at(at)
}

/// The refusal of a patient that is not known.
pub(super) fn unknown(at: &str) -> Fault {
    Fault::new(FaultKind::RuleBroken, 343, "the patient this refers to is not known here").at(at)
}

/// The INS of a Patient, every kind of it.
pub(super) fn ins_of(patient: &Value) -> Vec<Identifier> {
    ordered(patient).into_iter().filter(|i| i.system.as_deref().is_some_and(is_ins)).collect()
}

/// What must hold for a Patient (`own` is its resource number, none for a new one): its INS is nobody else's.
pub(super) fn ins_unused(patient: &Value, own: Option<i64>) -> Vec<Precondition> {
    ins_of(patient).into_iter().map(|identifier| Precondition::IdentifierUnused { kind: "Patient".into(), identifier, but: own }).collect()
}

/// Refuses a Patient whose INS is that of another one (`own` is its id, empty for a new one), with the way out.
///
/// # Errors
/// `WriteConflict`, `Throttled`.
pub(super) fn refuse_known(app: &App, call: &Call, reader: &mut Reader<'_>, patient: &Value, own: &str) -> Result<()> {
    app.throttle.check(call, Limit::UnknownPatient)?;
    for identifier in &ins_of(patient) {
        let found = reader.by_identifier("Patient", identifier)?;
        if found.is_empty() {
            call.missed.borrow_mut().asked(&identifier.value);
        }
        if found.iter().any(|other| other.id != own) {
            return Err(Fault::new(FaultKind::WriteConflict, 348, "a patient with this INS is registered; update that one, or create with If-None-Exist").at("Patient.identifier"));
        }
    }
    Ok(())
}

/// The patient a reference names: `Patient/id`, its absolute form, or `Patient?identifier=…` (one match).
///
/// # Errors
/// `RuleBroken` for an unknown patient, `MultipleMatches` for several matches of a condition, `BadValue` for a condition on
/// something else than an identifier, `Throttled`. Nobody matching a condition is `None`.
pub(super) fn by_reference((app, call): (&App, &Call), reader: &mut Reader<'_>, reference: &str, at: &str) -> Result<Option<Chosen>> {
    let local = app.local(reference);
    if let Some(query) = local.strip_prefix("Patient?") {
        app.throttle.check(call, Limit::UnknownPatient)?;
        return by_condition(call, reader, query, at);
    }
    let id = local.strip_prefix("Patient/").map(|id| id.split('/').next().unwrap_or("")).ok_or_else(|| unknown(at))?;
    let row = reader.version("Patient", id, None)?.filter(|r| !r.deleted).ok_or_else(|| unknown(at))?;
    Ok(Some(Chosen::existing(row)))
}

/// `identifier=system|value`; `None` when nobody matches.
fn by_condition(call: &Call, reader: &mut Reader<'_>, query: &str, at: &str) -> Result<Option<Chosen>> {
    let pairs = super::address::form_pairs(query);
    let [(name, value)] = pairs.as_slice() else { return Err(condition(at)) };
    if name != "identifier" {
        return Err(condition(at));
    }
    by_identifier(call, reader, &Identifier::asked(value), at)
}

/// The patient who carries an identifier (a logical reference); `None` when nobody does.
///
/// # Errors
/// `MultipleMatches` for several.
pub(super) fn by_identifier(call: &Call, reader: &mut Reader<'_>, identifier: &Identifier, at: &str) -> Result<Option<Chosen>> {
    let mut found = reader.by_identifier("Patient", identifier)?;
    match (found.pop(), found.is_empty()) {
        (None, _) => {
            call.missed.borrow_mut().asked(&identifier.value);
            Ok(None)
        }
        (Some(row), true) => Ok(Some(Chosen::existing(row))),
        _ => Err(Fault::new(FaultKind::MultipleMatches, 344, "several patients match the condition").at(at)),
    }
}

fn condition(at: &str) -> Fault {
    Fault::new(FaultKind::BadValue, 345, "a conditional reference to a patient is Patient?identifier=system|value").at(at)
}

/// A new record with a Patient made from what the document says, marked provisional; its identifiers must still be nobody's.
fn provisional(app: &App, call: &Call, patient: &Value, identifiers: Vec<Identifier>) -> Result<Chosen> {
    let id = app.new_id();
    let record = app.store.counters().next_record();
    let mut value = patient.clone();
    strip_choices(&mut value);
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("id");
        members.shift_remove("meta");
        let mut ordered = serde_json::Map::new();
        ordered.insert("resourceType".into(), json!("Patient"));
        ordered.insert("id".into(), json!(id));
        ordered.insert("meta".into(), json!({"versionId": "1", "lastUpdated": crate::fhir::time::PLACEHOLDER, "tag": [{"system": "urn:passerelle:tag", "code": "provisional", "display": "Identité provisoire, reprise du document"}]}));
        ordered.extend(std::mem::take(members));
        *members = ordered;
    }
    let put =
        resource::put(resource::Slot { kind: "Patient", id: &id, record, rid: app.store.counters().next_resource(), number: 1, document: 0 }, super::planning::to_bytes(&value)?)?;
    let preconditions = identifiers.into_iter().map(|identifier| Precondition::IdentifierUnused { kind: "Patient".into(), identifier, but: None }).collect();
    call.about(&id);
    Ok(Chosen { record, operations: vec![Operation::NewRecord { number: record, pseudonym: app.new_id() }, Operation::Put(Box::new(put))], preconditions, id })
}

/// The identifiers of a Patient, INS first. One without a system identifies nobody: it would match any system's.
pub(super) fn ordered(patient: &Value) -> Vec<Identifier> {
    let mut all: Vec<Identifier> = patient
        .get("identifier")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|i| {
            let value = i.get("value").and_then(Value::as_str)?.to_owned();
            let system = i.get("system").and_then(Value::as_str)?.to_owned();
            Some(Identifier { system: Some(system), value })
        })
        .collect();
    all.sort_by_key(|i| INS.iter().position(|s| i.system.as_deref() == Some(s)).unwrap_or(INS.len()));
    all
}

/// Number of the refusal of an identity that contradicts the record.
const OTHER_PERSON: u16 = 346;

/// Counts a refusal that could be a guess at somebody's traits.
pub(super) fn contradicted(app: &App, call: &Call, fault: &Fault) {
    if fault.number == OTHER_PERSON {
        app.throttle.count(call, Limit::OtherPerson, &call.event.borrow().request_id);
    }
}

/// Compares the strict traits both sides give.
fn same_person(stored: &Value, given: &Value) -> Result<()> {
    let differs = |a: Option<String>, b: Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).map(str::to_owned);
    let gender = |v: &Value| text(v, "gender").filter(|g| g == "male" || g == "female");
    let other = differs(birth_name(stored), birth_name(given)) || differs(text(stored, "birthDate"), text(given, "birthDate")) || differs(gender(stored), gender(given));
    if !other {
        return Ok(());
    }
    // Which of them is not said: a structure that may not read would learn the others one by one.
    Err(Fault::new(
        FaultKind::RuleBroken,
        OTHER_PERSON,
        "the identifier belongs to a patient whose birth name, birth date or sex is another than the document's; nothing was stored. Correct the identity, then deposit again",
    ))
}

fn birth_name(patient: &Value) -> Option<String> {
    let names = patient.get("name")?.as_array()?;
    let official = names.iter().find(|n| n.get("use").and_then(Value::as_str) == Some("official")).or_else(|| names.first())?;
    official.get("family").and_then(Value::as_str).map(fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_identifier_with_another_birth_date_is_refused() {
        let one = json!({"name": [{"use": "official", "family": "Élie"}], "birthDate": "1958-02-01", "gender": "female"});
        let two = json!({"name": [{"use": "official", "family": "ELIE"}], "birthDate": "1958-02-01", "gender": "female"});
        let three = json!({"name": [{"family": "ELIE"}], "birthDate": "1985-02-01"});
        assert!(same_person(&one, &two).is_ok());
        assert!(same_person(&one, &three).unwrap_err().to_string().contains("birth date"));
    }
}
