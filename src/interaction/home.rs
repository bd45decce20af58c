//! Where a resource belongs: the record of its patient.

use super::registry::ResourceRow;
use super::resource::Sent;
use super::{App, Call, patient};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Operation, Precondition, Reader};

/// Where a resource belongs, what must be written first and what must still hold then.
pub(super) struct Home {
    pub record: i64,
    /// `Patient/id`, where the client named the patient by a condition or an identifier: what is stored names him so.
    pub patient: Option<String>,
    pub operations: Vec<Operation>,
    pub preconditions: Vec<Precondition>,
}

impl Home {
    /// A record that is here already.
    pub(super) fn known(record: i64) -> Self {
        Self { record, patient: None, operations: Vec::new(), preconditions: Vec::new() }
    }
}

/// The record a resource belongs to: its own when it exists, its patient's, a new one for a new Patient; the shared one for a type
/// that is nobody's.
///
/// # Errors
/// `RuleBroken` when it names no patient of this server or would move to another record; `MultipleMatches` when what it names him by is
/// nobody's, or several patients'.
pub(super) fn record_for((app, call): (&App, &Call), reader: &mut Reader<'_>, row: &ResourceRow, sent: &Sent, current: Option<i64>) -> Result<Home> {
    if row.kind == "Patient" {
        patient::belongs_here(app, &sent.value)?;
        return Ok(match current {
            Some(record) => Home::known(record),
            None => {
                let number = app.store.counters().next_record();
                Home { operations: vec![Operation::NewRecord { number, pseudonym: app.new_id() }], ..Home::known(number) }
            }
        });
    }
    let home = of_patient((app, call), reader, row, sent)?;
    match current {
        Some(now) if now != home.record => Err(Fault::new(FaultKind::RuleBroken, 469, "a resource cannot move to another patient; create a new one")),
        _ => Ok(home),
    }
}

/// The record of the patient whom a resource names. The shared record is open to everybody: what is said of a person never lands there
/// because the person was not found.
fn of_patient((app, call): (&App, &Call), reader: &mut Reader<'_>, row: &ResourceRow, sent: &Sent) -> Result<Home> {
    let Some(element) = row.patient.first() else { return Ok(Home::known(0)) };
    let at = format!("{}.{element}", row.kind);
    let named = match (sent.patient(row), sent.patient_identifier(row)) {
        (Some(reference), _) if patient::is_patient(app, reference) => patient::by_reference((app, call), reader, reference, &at)?,
        (Some(_), _) => return Err(no_patient(&at)),
        (None, Some(identifier)) => patient::by_identifier(call, reader, &identifier, &at)?,
        (None, None) if row.shared.is_some() && sent.value.get(element).is_none() => return Ok(Home::known(0)),
        (None, None) => return Err(no_patient(&at)),
    };
    let chosen = named.ok_or_else(|| patient::nobody(&at))?;
    let named_by_id = sent.patient(row).is_some_and(|reference| app.local(reference).starts_with("Patient/"));
    let patient = (!named_by_id).then(|| chosen.reference());
    Ok(Home { patient, preconditions: chosen.preconditions, ..Home::known(chosen.record) })
}

fn no_patient(at: &str) -> Fault {
    let why = "every resource of this type belongs to the record of a patient: name a Patient of this server (Patient/id, Patient?identifier=system|value, or its identifier); \
               a contained one, and a Group, Device or Location, are nobody's record";
    Fault::new(FaultKind::RuleBroken, 920, why).at(at)
}
