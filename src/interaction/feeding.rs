//! What feeding a record asks for: no authorisation, but a record that is open and an identity that may circulate.
//! Spec: `fhir-profiles/access-matrix/feeding.toml`; PDSM4DMP TD2, TD3; RNIV.

use serde_json::Value;

use super::Call;
use super::patient::ins_of;
use crate::access::{ChoiceKind, Situation, feeding};
use crate::fhir::{Fault, FaultKind, Result, Role};
use crate::store::Reader;

/// Extension of a Patient: how sure its identity is.
const RELIABILITY: &str = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability";
/// Statuses under which an INS may circulate.
const QUALIFIED: &[&str] = &["VALI", "QUAL"];

/// Refuses to add to a closed record.
///
/// # Errors
/// `Forbidden` with the answer of the table.
pub(super) fn open_record(call: &Call, reader: &mut Reader<'_>, record: i64) -> Result<()> {
    if record == 0 || call.visibility.rules().is_none() || reader.choices(record, ChoiceKind::Closed)?.is_empty() {
        return Ok(());
    }
    refuse(Situation::ClosedRecord, 650)
}

/// Refuses an INS on an identity that is said not to be qualified.
///
/// # Errors
/// `Forbidden` with the answer of the table.
pub(super) fn qualified(call: &Call, patient: &Value) -> Result<()> {
    let said = status(patient);
    if call.visibility.rules().is_none() || said.is_none_or(|s| QUALIFIED.contains(&s)) || ins_of(patient).is_empty() {
        return Ok(());
    }
    refuse(Situation::IdentityNotQualified, 651)
}

/// Refuses a change of a document by who does not stand behind it.
///
/// # Errors
/// `Forbidden` with the answer of the table.
pub(super) fn author(call: &Call, reader: &mut Reader<'_>, document: i64, situation: Situation) -> Result<()> {
    if call.visibility.rules().is_none() || reader.is_own(document)? {
        return Ok(());
    }
    refuse(situation, 652)
}

/// Whether the caller is the person whose record it is, or acts for it.
pub(super) fn is_holder(call: &Call) -> bool {
    call.visibility.rules().is_some_and(|r| matches!(r.actor.role, Role::Holder | Role::LegalRepresentative))
}

fn refuse(situation: Situation, number: u16) -> Result<()> {
    let row = feeding(situation);
    if row.allowed {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Forbidden, number, row.text.clone()))
}

fn status(patient: &Value) -> Option<&str> {
    let reliability = patient.get("extension")?.as_array()?.iter().find(|e| e.get("url").and_then(Value::as_str) == Some(RELIABILITY))?;
    let status = reliability.get("extension")?.as_array()?.iter().find(|e| e.get("url").and_then(Value::as_str) == Some("identityStatus"))?;
    status.pointer("/valueCoding/code").or_else(|| status.pointer("/valueCode"))?.as_str()
}
