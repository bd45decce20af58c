//! What feeding a record asks for: no authorisation, but a record that is open and an identity that may circulate.
//! Spec: `fhir-profiles/access-matrix/feeding.toml`; PDSM4DMP TD2, TD3; RNIV.

use serde_json::Value;

use super::Call;
use super::patient::ins_of;
use crate::access::{ChoiceKind, MatrixAction, Rule, Situation, Standing, feeding};
use crate::fhir::fault::FAULT_TABLE;
use crate::fhir::{Fault, FaultKind, Result, Role};
use crate::store::{DocumentRow, Reader};

/// Extension of a Patient: how sure its identity is.
const RELIABILITY: &str = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability";
/// Statuses under which an INS may circulate.
const QUALIFIED: &[&str] = &["VALI", "QUAL"];

/// Whether a record may be added to: open, of a qualified identity, and fed by whom the table lets feed.
///
/// # Errors
/// The answer of the table.
pub(super) fn open_record(call: &Call, reader: &mut Reader<'_>, record: i64) -> Result<()> {
    changeable(call, reader, record)?;
    if record == 0 || call.visibility.rules().is_none() {
        return Ok(());
    }
    let Some(id) = reader.patient_of(record)? else { return Ok(()) };
    let Some(row) = reader.version("Patient", &id, None)?.filter(|row| !row.deleted) else { return Ok(()) };
    let stored = reader.with_body(row)?;
    let patient: Value = serde_json::from_slice(&stored.body).map_err(|e| Fault::new(FaultKind::Bug, 930, "a stored resource is damaged").because(e))?;
    identity(call, &patient)
}

/// Whether what a record holds may be changed: it is open, and fed by whom the table lets feed.
fn changeable(call: &Call, reader: &mut Reader<'_>, record: i64) -> Result<()> {
    if record == 0 || call.visibility.rules().is_none() {
        return Ok(());
    }
    if !reader.choices(record, ChoiceKind::Closed)?.is_empty() {
        return refuse(Situation::ClosedRecord, 650);
    }
    match reader.answering(|r| r.right(record))?.map(|right| right.rule()) {
        Some(Rule::Blocked) => refuse(Situation::BlockedPractitioner, 660),
        Some(Rule::NoAuthorisation | Rule::ConsentExpired) => refuse(Situation::NoAuthorisation, 661),
        _ => Ok(()),
    }
}

/// Refuses an INS on an identity that is said not to be qualified.
///
/// # Errors
/// The answer of the table.
pub(super) fn qualified(call: &Call, patient: &Value) -> Result<()> {
    if ins_of(patient).is_empty() { Ok(()) } else { identity(call, patient) }
}

/// Refuses to feed under an identity that is said not to be qualified: that of the record, or that which a document carries.
///
/// # Errors
/// The answer of the table.
pub(super) fn identity(call: &Call, patient: &Value) -> Result<()> {
    if call.visibility.rules().is_none() || status(patient).is_none_or(|s| QUALIFIED.contains(&s)) {
        return Ok(());
    }
    refuse(Situation::IdentityNotQualified, 651)
}

/// Refuses a document whose patient has no record, where the table does not let it make one.
///
/// # Errors
/// The answer of the table.
pub(super) fn makes_record() -> Result<()> {
    if feeding(Situation::RecordCreatedByDeposit).allowed { Ok(()) } else { Err(no_record(931)) }
}

/// The answer of the table to an identity under which nobody has a record.
pub(super) fn no_record(number: u16) -> Fault {
    answered(Situation::NoRecord, number)
}

/// Refuses a change of a document by who does not stand behind it in a way that the table lets do it.
///
/// # Errors
/// The answer of the table.
pub(super) fn author(call: &Call, reader: &mut Reader<'_>, document: i64, situation: Situation) -> Result<()> {
    let stands = |standing: Standing| situation.act().is_some_and(|act| standing.may(act));
    if call.visibility.rules().is_none() || reader.stands_as(document)?.is_some_and(stands) {
        return Ok(());
    }
    refuse(situation, 652)
}

/// Refuses a change of metadata: by who does not stand behind the document, the médecin traitant among them; the holder changes what he
/// shows to professionals and nothing else.
///
/// # Errors
/// The answer of the table.
pub(super) fn metadata(call: &Call, reader: &mut Reader<'_>, document: &DocumentRow, shows_alone: bool) -> Result<()> {
    if is_holder(call) {
        return refuse(if shows_alone { Situation::VisibilityByHolder } else { Situation::OtherMetadataByHolder }, 654);
    }
    changeable(call, reader, document.record)?;
    let treating = reader.right(document.record)?.is_some_and(|right| right.rule() == Rule::MedecinTraitant);
    author(call, reader, document.number, if treating { Situation::MetadataByMedecinTraitant } else { Situation::MetadataByNonAuthor })
}

/// Refuses an action on a document of a type and class that the habilitation matrix closes to the practitioner's profession.
///
/// # Errors
/// The answer of the table.
pub(super) fn habilitated(call: &Call, action: MatrixAction, type_code: &str, class_code: &str) -> Result<()> {
    let Some(rules) = call.visibility.rules().filter(|r| r.actor.role == Role::Practitioner) else { return Ok(()) };
    let profession = rules.actor.person.as_ref().map_or("", |p| p.profession.as_str());
    if rules.matrix.act(action, profession, type_code, class_code).allowed { Ok(()) } else { refuse(Situation::NotHabilitated, 940) }
}

/// The same on a stored document, by its number.
///
/// # Errors
/// The answer of the table; `Bug` or `Busy` from the database.
pub(super) fn habilitated_on(call: &Call, reader: &mut Reader<'_>, action: MatrixAction, document: i64) -> Result<()> {
    let (type_code, class_code) = reader.type_and_class(document)?;
    habilitated(call, action, &type_code, &class_code)
}

/// The same on a resource of no document, by the class its type is read like.
///
/// # Errors
/// The answer of the table.
pub(super) fn habilitated_for(call: &Call, action: MatrixAction, kind: &str) -> Result<()> {
    let class = call.visibility.rules().and_then(|r| r.matrix.class_of_kind(kind));
    class.map_or(Ok(()), |class| habilitated(call, action, "", class))
}

/// Refuses to show again what the holder masked, as the table answers.
///
/// # Errors
/// The answer of the table.
pub(super) fn against_holder(call: &Call) -> Result<()> {
    if call.visibility.rules().is_none() { Ok(()) } else { refuse(Situation::UnmaskAgainstHolder, 665) }
}

/// Whether the caller is the person whose record it is, or acts for it.
pub(super) fn is_holder(call: &Call) -> bool {
    call.visibility.rules().is_some_and(|r| matches!(r.actor.role, Role::Holder | Role::LegalRepresentative))
}

fn refuse(situation: Situation, number: u16) -> Result<()> {
    if feeding(situation).allowed { Ok(()) } else { Err(answered(situation, number)) }
}

fn answered(situation: Situation, number: u16) -> Fault {
    let row = feeding(situation);
    let kind = FAULT_TABLE.iter().find(|k| format!("{:?}", k.kind) == row.kind).map_or(FaultKind::Forbidden, |k| k.kind);
    Fault::new(kind, number, row.text.clone())
}

fn status(patient: &Value) -> Option<&str> {
    let reliability = patient.get("extension")?.as_array()?.iter().find(|e| e.get("url").and_then(Value::as_str) == Some(RELIABILITY))?;
    let status = reliability.get("extension")?.as_array()?.iter().find(|e| e.get("url").and_then(Value::as_str) == Some("identityStatus"))?;
    status.pointer("/valueCoding/code").or_else(|| status.pointer("/valueCode"))?.as_str()
}
