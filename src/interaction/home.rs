//! Where a resource belongs: the record of its patient.

use super::registry::ResourceRow;
use super::resource::Sent;
use super::{App, Call, patient};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Operation, Precondition, Reader};

/// Where a resource belongs, what must be written first and what must still hold then.
pub(super) struct Home {
    pub record: i64,
    pub operations: Vec<Operation>,
    pub preconditions: Vec<Precondition>,
}

impl Home {
    /// A record that is here already.
    pub(super) fn known(record: i64) -> Self {
        Self { record, operations: Vec::new(), preconditions: Vec::new() }
    }
}

/// The record a resource belongs to: its own when it exists, its patient's, a new one for a new Patient, else the shared one.
///
/// # Errors
/// `RuleBroken` when it names a patient that is not known, or would move to another record.
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
    let named = match sent.patient(row) {
        Some(reference) if reference.starts_with('#') || reference.starts_with("Group/") || reference.starts_with("Device/") || reference.starts_with("Location/") => None,
        Some(reference) => patient::by_reference((app, call), reader, reference, &format!("{}.{}", row.kind, row.patient.first().map_or("subject", String::as_str)))?,
        None => None,
    };
    let (record, preconditions) = named.map_or((0, Vec::new()), |c| (c.record, c.preconditions));
    match current {
        Some(now) if now != record => Err(Fault::new(FaultKind::RuleBroken, 469, "a resource cannot move to another patient; create a new one")),
        _ => Ok(Home { preconditions, ..Home::known(record) }),
    }
}
