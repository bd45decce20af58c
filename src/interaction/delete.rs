//! delete. On DocumentReference it is the author's logical delete: the document and its facts are absent from then on.
//! Spec: FHIR R4 http#delete; PDSM4DMP suppression.

use super::planning::{Planned, outcome};
use super::registry::ResourceRow;
use super::rights::{self, Deciding};
use super::{Answer, App, Call, audit_event, feeding, read, update};
use crate::access::{MatrixAction, Situation};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{ChangeDocument, Operation, Plan, Precondition, Put, Reader};

/// DELETE [type]/[id]. Who withdraws a document may ask (`Prefer: return=OperationOutcome`) how far it was read.
pub(super) fn delete(app: &App, call: &Call, row: &ResourceRow, id: &str) -> Result<Answer> {
    call.is("delete", Action::D);
    call.touched(format!("{}/{id}", row.kind));
    update::not_reserved(id)?;
    let (_, written) = app.plan_and_commit(call, || plan(app, call, row, id))?;
    if written.is_some() && row.kind == "DocumentReference" && call.prefer.returns.as_deref() == Some("OperationOutcome") {
        return Ok(Answer::resource(outcome(&audit_event::readings(app, call, id)?)));
    }
    Ok(Answer::empty(204))
}

/// What a delete writes; nothing when the resource is deleted already.
pub(super) fn plan(app: &App, call: &Call, row: &ResourceRow, id: &str) -> Result<Planned<()>> {
    app.store.read(&call.visibility.feeding(), |reader| plan_in(app, reader, call, row, id, call.if_match.as_deref()))
}

/// [`plan`] inside a snapshot that is open already, with the If-Match of the entry.
pub(super) fn plan_in(app: &App, reader: &mut Reader<'_>, call: &Call, row: &ResourceRow, id: &str, if_match: Option<&str>) -> Result<Planned<()>> {
    let Some(current) = reader.version(&row.kind, id, None)? else { return Err(read::not_here()) };
    call.in_record(current.record);
    if current.deleted {
        return Ok(Planned { plan: None, record: current.record, value: () });
    }
    let mut plan = Plan::default();
    update::matches(if_match, Some(current.number))?;
    plan.preconditions.push(Precondition::VersionIs { kind: row.kind.clone(), id: id.to_owned(), number: current.number });
    if row.kind == "Patient" && reader.holds_more(current.record, current.rid)? {
        return Err(Fault::new(FaultKind::WriteConflict, 361, "the patient's record holds other resources; withdraw those first, or set Patient.active to false"));
    }
    if row.kind == "Patient" {
        plan.preconditions.push(Precondition::RecordEmpty { record: current.record, but: current.rid });
    }
    if row.kind == "Patient" {
        rights::may_change_identity(call, reader, Some(&current))?;
    }
    feeding::habilitated_for(call, MatrixAction::Withdraw, &row.kind)?;
    plan.operations.extend(rights::decide(app, call, reader, &Deciding { kind: &row.kind, record: current.record, rid: current.rid, after: None, planned: &[] })?);
    if current.document != 0 {
        plan.operations.extend(withdraw(reader, call, current.record, current.document)?);
    }
    plan.operations.push(Operation::Put(Box::new(Put {
        record: current.record,
        rid: current.rid,
        kind: row.kind.clone(),
        id: id.to_owned(),
        number: current.number + 1,
        document: current.document,
        deleted: true,
        date_us: current.date_us,
        body: Vec::new(),
        stamp: -1,
        cuts: Vec::new(),
        index: crate::store::Index::default(),
        identifiers: Vec::new(),
    })));
    Ok(Planned { plan: Some(plan), record: current.record, value: () })
}

/// The end of a document and of its facts.
///
/// # Errors
/// `Forbidden` for a structure that does not stand behind the document.
pub(super) fn withdraw(reader: &mut Reader<'_>, call: &Call, record: i64, document: i64) -> Result<Vec<Operation>> {
    feeding::author(call, reader, document, Situation::WithdrawByNonAuthor)?;
    feeding::habilitated_on(call, reader, MatrixAction::Withdraw, document)?;
    // Under the policy open too: what was withdrawn does not come back.
    if !reader.is_own(document)? {
        return Err(Fault::new(FaultKind::Forbidden, 360, "a document is deleted only by a structure that stands behind it"));
    }
    Ok(vec![Operation::ChangeDocument(ChangeDocument { number: document, deleted: Some(true), ..ChangeDocument::default() }), Operation::EndFacts { record, document }])
}
