//! update.
//! Spec: FHIR R4 http#update; If-Match as http#concurrency.

use super::planning::Planned;
use super::registry::ResourceRow;
use super::rights::{self, Deciding};
use super::{Answer, App, Call, Method, feeding, home, patient, resource};
use crate::access::MatrixAction;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Operation, Plan, Precondition, Reader, VersionRow};

/// PUT [type]/[id]: a new version, or the first one under the client's id.
pub(super) fn update(app: &App, call: &Call, row: &ResourceRow, id: &str) -> Result<Answer> {
    call.is("update", if call.method == Method::Put { Action::U } else { Action::C });
    call.touched(format!("{}/{id}", row.kind));
    not_reserved(id)?;
    let sent = resource::Sent::read(&call.body, &row.kind)?;
    if sent.id() != Some(id) {
        return Err(Fault::new(FaultKind::BadValue, 410, "the resource's id must be the one in the address").at(format!("{}.id", row.kind)));
    }
    let (outcome, written) = app.plan_and_commit(call, || plan(app, call, row, id, &sent))?;
    let at_us = written.map_or(call.now_us, |w| w.at_us);
    resource::answer_written(call, row, outcome, at_us)
}

/// What an update writes.
pub(super) fn plan(app: &App, call: &Call, row: &ResourceRow, id: &str, sent: &resource::Sent) -> Result<Planned<resource::Outcome>> {
    let (place, home, rid, decision) = app.store.read(&call.visibility.feeding(), |reader| {
        let place = reader.version(&row.kind, id, None)?;
        call.in_record(place.as_ref().map_or(0, |p| p.record));
        let taken = place.is_none() && reader.is_taken(&row.kind, id)?;
        if taken {
            return Err(super::read::not_here());
        }
        if row.kind == "Patient" {
            patient::refuse_known(app, call, reader, &sent.value, id)?;
        }
        let home = home::record_for((app, call), reader, row, sent, place.as_ref().map(|p| p.record))?;
        let rid = place.as_ref().map_or_else(|| app.store.counters().next_resource(), |p| p.rid);
        let decision = decided(app, call, reader, row, sent, &Going { record: home.record, rid, current: place.as_ref(), planned: &[] })?;
        Ok((place, home, rid, decision))
    })?;
    let now = place.as_ref().filter(|p| !p.deleted).map(|p| p.number);
    matches(call.if_match.as_deref(), now)?;
    if call.if_none_match.as_deref().map(str::trim) == Some("*") && now.is_some() {
        return Err(Fault::new(FaultKind::VersionMismatch, 413, "If-None-Match: * asks for a resource that is not here yet, and it is"));
    }
    let home::Home { record, patient, operations, preconditions } = home;
    let mut plan = Plan { operations, preconditions, ..Plan::default() };
    if row.kind == "Patient" {
        plan.preconditions.extend(patient::ins_unused(&sent.value, place.as_ref().map(|p| p.rid)));
    }
    let number = match &place {
        Some(current) => {
            plan.preconditions.push(Precondition::VersionIs { kind: row.kind.clone(), id: id.to_owned(), number: current.number });
            current.number + 1
        }
        None => {
            plan.preconditions.push(Precondition::IdUnused { kind: row.kind.clone(), id: id.to_owned() });
            1
        }
    };
    let slot = resource::Slot { kind: &row.kind, id, record, rid, number, document: 0 };
    let bytes = sent.filed(row, patient.as_deref())?.with_identity(app, id, number)?;
    plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes.clone())?)));
    plan.operations.extend(decision);
    call.touched(format!("{}/{id}", row.kind));
    let outcome = resource::Outcome { id: id.to_owned(), number, bytes, created: place.as_ref().is_none_or(|p| p.deleted) };
    Ok(Planned { plan: Some(plan), record, value: outcome })
}

/// Where an updated resource goes.
pub(super) struct Going<'a> {
    pub record: i64,
    pub rid: i64,
    pub current: Option<&'a VersionRow>,
    /// What the same plan writes already.
    pub planned: &'a [Operation],
}

/// What feeding asks of an update, and what the resource decides.
pub(super) fn decided(app: &App, call: &Call, reader: &mut Reader<'_>, row: &ResourceRow, sent: &resource::Sent, going: &Going<'_>) -> Result<Option<Operation>> {
    let current = going.current.filter(|c| !c.deleted);
    if row.kind == "Patient" {
        feeding::qualified(call, &sent.value)?;
        rights::may_change_identity(call, reader, current)?;
        rights::keeps_ins(call, reader, current, &sent.value)?;
    } else if !rights::is_choice(&row.kind) {
        feeding::open_record(call, reader, going.record)?;
        feeding::habilitated_for(call, MatrixAction::Replace, &row.kind)?;
    }
    rights::keeps_directory(call, reader, current, &sent.value)?;
    rights::decide(app, call, reader, &Deciding { kind: &row.kind, record: going.record, rid: going.rid, after: Some(&sent.value), planned: going.planned })
}

/// If-Match against the current version.
pub(super) fn matches(wanted: Option<&str>, current: Option<i64>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    if wanted.trim() == "*" && current.is_some() {
        return Ok(());
    }
    let number = wanted.trim().trim_start_matches("W/").trim_matches('"').parse::<i64>().ok();
    if number.is_some() && number == current {
        return Ok(());
    }
    Err(Fault::new(FaultKind::VersionMismatch, 411, "If-Match names another version than the current one; read the resource again"))
}

/// Ids of derived resources are the server's own, whether such a resource exists or not.
pub(super) fn not_reserved(id: &str) -> Result<()> {
    if id.starts_with(App::DERIVED) {
        return Err(Fault::new(FaultKind::MethodNotAllowed, 412, "resources derived from a document change only with their document"));
    }
    Ok(())
}
