//! What a metadata update may change, as values: status, labels, archived.
//! Spec: PDSm 3.1.1 flux 03 (only status, securityLabel and isArchived; anything else 405); PDSM4DMP 0.1.0 TD3.3.

use serde_json::Value;

use super::confidentiality::label;
use super::json::{items, text};
use super::rules::table;
use crate::fhir::classification::canonical_system;
use crate::fhir::{Fault, FaultKind, Result};

/// One change of the metadata of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `current`, `superseded`, or `entered-in-error` (PDSM4DMP's spelling of the author's delete).
    Status(String),
    SecurityLabel(LabelChange),
    Archived(bool),
    /// isArchived named by its place among the extensions; whether it is that extension only the resource can tell.
    ArchivedAt {
        index: usize,
        value: bool,
    },
}

/// A change of the set of labels. Codes are those of the table of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelChange {
    /// These and no others.
    All(Vec<String>),
    /// The label of a place in `securityLabel` is replaced.
    Slot {
        index: usize,
        code: String,
    },
    Add(String),
    RemoveSlot(usize),
    Remove(String),
}

/// What the interaction does not offer.
pub(super) fn not_offered(at: impl Into<String>) -> Fault {
    Fault::new(
        FaultKind::MethodNotAllowed,
        710,
        "a metadata update changes status, securityLabel and isArchived alone (PDSm flux 03); a new version of the document is a deposit that replaces it",
    )
    .at(clipped(at))
}

/// A value that breaks a rule.
pub(super) fn broken(number: u16, at: impl Into<String>, text: &str) -> Fault {
    Fault::new(FaultKind::RuleBroken, number, text).at(clipped(at))
}

/// A place may be a pointer of the client's: of a length that fits an answer.
fn clipped(at: impl Into<String>) -> String {
    at.into().chars().take(200).collect()
}

/// The status of a document.
///
/// # Errors
/// `RuleBroken` (711) for anything but the three codes, spaces included.
pub(super) fn status(value: &Value) -> Result<Change> {
    match value.as_str() {
        Some(code @ ("current" | "superseded" | "entered-in-error")) => Ok(Change::Status(code.to_owned())),
        _ => Err(broken(711, "DocumentReference.status", "status is one of current, superseded, entered-in-error, without spaces")),
    }
}

/// The value of isArchived.
///
/// # Errors
/// `RuleBroken` (712) when it is no boolean.
pub(super) fn archived(value: &Value, at: &str) -> Result<bool> {
    value.as_bool().ok_or_else(|| broken(712, at, "valueBoolean is a JSON boolean: true or false, without quotes"))
}

/// The one label of a CodeableConcept.
///
/// # Errors
/// `RuleBroken` (713) when it is no CodeableConcept of one label.
pub(super) fn concept(value: &Value, at: &str) -> Result<String> {
    let codings = items(value, "coding");
    let labels: Vec<String> = codings.iter().map(|c| coding(c, at)).collect::<Result<_>>()?;
    match labels.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(broken(713, at, "a label is a CodeableConcept with one coding: {\"coding\": [{\"system\": …, \"code\": …}]}")),
    }
}

/// The labels of an array of CodeableConcepts (or of one).
///
/// # Errors
/// `RuleBroken` (713, 714) as for one.
pub(super) fn concepts(value: &Value, at: &str) -> Result<Vec<String>> {
    match value {
        Value::Array(all) if !all.is_empty() && all.len() <= 16 => all.iter().enumerate().map(|(i, v)| concept(v, &format!("{at}[{i}]"))).collect(),
        Value::Object(_) => Ok(vec![concept(value, at)?]),
        _ => Err(broken(715, at, "securityLabel is an array of CodeableConcepts, one per label")),
    }
}

/// The label of a Coding; the system, when given, must be one of a label.
///
/// # Errors
/// `RuleBroken` (714).
pub(super) fn coding(value: &Value, at: &str) -> Result<String> {
    let allowed = |system: &str| table().rules.iter().filter(|r| r.last.name == "securityLabel").any(|r| r.systems.contains(&canonical_system(system)));
    let known = text(value, "code").filter(|_| text(value, "system").is_none_or(allowed));
    code(known.unwrap_or_default(), at)
}

/// The code of a label.
///
/// # Errors
/// `RuleBroken` (714).
pub(super) fn code(code: &str, at: &str) -> Result<String> {
    label(code)
        .map(|l| l.code.clone())
        .ok_or_else(|| broken(714, at, "a label is one of N, R, V (v3-Confidentiality), MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX (TRE_A07)"))
}
