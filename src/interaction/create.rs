//! create, conditional create included.
//! Spec: FHIR R4 http#create, http#ccreate.

use super::planning::Planned;
use super::registry::ResourceRow;
use super::rights::{self, Deciding};
use super::throttle::Limit;
use super::{Answer, App, Call, binary_create, existence, feeding, home, iti105, patient, resource};
use crate::access::MatrixAction;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::store::{Operation, Plan, Reader};

/// POST [type]
pub(super) fn create(app: &App, call: &Call, row: &ResourceRow) -> Result<Answer> {
    call.is("create", Action::C);
    if row.kind == "DocumentReference" {
        return iti105::publish(app, call);
    }
    if row.kind == "Binary" {
        return binary_create::create(app, call);
    }
    let sent = resource::Sent::read(&call.body, &row.kind)?;
    let condition = call.if_none_exist.clone();
    let (outcome, written) = app.plan_and_commit(call, || plan(app, call, row, &sent, condition.as_deref()))?;
    let at_us = written.map_or(call.now_us, |w| w.at_us);
    resource::answer_written(call, row, outcome, at_us)
}

/// What a create writes; nothing when the condition finds one.
pub(super) fn plan(app: &App, call: &Call, row: &ResourceRow, sent: &resource::Sent, condition: Option<&str>) -> Result<Planned<resource::Outcome>> {
    let found = app.store.read(&call.visibility.feeding(), |reader| {
        if let Some(existing) = condition.map(|c| existing((app, call), reader, row, c)).transpose()?.flatten() {
            return Ok(Err(existing));
        }
        if row.kind == "Patient" {
            feeding::qualified(call, &sent.value)?;
            rights::keeps_ins(call, reader, None, &sent.value)?;
            patient::refuse_known(app, call, reader, &sent.value, "")?;
        }
        let home = home::record_for((app, call), reader, row, sent, None)?;
        if !rights::is_choice(&row.kind) {
            feeding::open_record(call, reader, home.record)?;
        }
        feeding::habilitated_for(call, MatrixAction::Add, &row.kind)?;
        let rid = app.store.counters().next_resource();
        let decision = rights::decide(app, call, reader, &Deciding { kind: &row.kind, record: home.record, rid, after: Some(&sent.value), planned: &[] })?;
        let free = condition.and_then(identifier_of).map(|i| reader.unseen(&row.kind, &i)).transpose()?;
        Ok(Ok((home, rid, decision.map_or_else(Vec::new, |d| vec![d]), free)))
    })?;
    let (home::Home { record, patient, operations, preconditions }, rid, decision, free) = match found {
        Ok(new) => new,
        Err((record, outcome)) => {
            // Nothing is created: the caller is shown what was there.
            call.is("create", Action::R);
            call.in_record(record);
            call.touched(format!("{}/{}", row.kind, outcome.id));
            return Ok(Planned { plan: None, record, value: outcome });
        }
    };
    if row.kind != "Patient" {
        call.in_record(record);
    }
    let id = app.new_id();
    let mut plan = Plan { operations, preconditions, ..Plan::default() };
    plan.preconditions.extend(free);
    let slot = resource::Slot { kind: &row.kind, id: &id, record, rid, number: 1, document: 0 };
    let bytes = sent.filed(row, patient.as_deref())?.with_identity(app, &id, 1)?;
    plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes.clone())?)));
    plan.operations.extend(decision);
    if row.kind == "Patient" {
        call.about(&id);
        plan.preconditions.extend(patient::ins_unused(&sent.value, None));
    }
    call.touched(format!("{}/{id}", row.kind));
    Ok(Planned { plan: Some(plan), record, value: resource::Outcome { id, number: 1, bytes, created: true } })
}

pub(super) type Existing = (i64, resource::Outcome);

/// The one resource that an If-None-Exist finds.
pub(super) fn existing((app, call): (&App, &Call), reader: &mut Reader<'_>, row: &ResourceRow, condition: &str) -> Result<Option<Existing>> {
    let person = row.kind == "Patient";
    if person {
        app.throttle.check(call, Limit::UnknownPatient)?;
    }
    let identifier =
        identifier_of(condition).ok_or_else(|| Fault::new(FaultKind::BadValue, 420, "a conditional create is supported on identifier=system|value").at("If-None-Exist"))?;
    let mut found = reader.by_identifier(&row.kind, &identifier)?;
    match (found.pop(), found.is_empty()) {
        (None, _) => {
            if person {
                call.missed.borrow_mut().asked(&identifier.value);
            }
            Ok(None)
        }
        (Some(one), true) => {
            let body = reader.with_body(one)?;
            let body = existence::shown(reader, body)?;
            Ok(Some((body.row.record, resource::Outcome { id: body.row.id, number: body.row.number, bytes: body.body, created: false })))
        }
        _ => Err(Fault::new(FaultKind::MultipleMatches, 421, "several resources match If-None-Exist; give an identifier (system|value) that only one has").at("If-None-Exist")),
    }
}

/// `identifier=system|value` of a condition.
pub(super) fn identifier_of(condition: &str) -> Option<Identifier> {
    let pairs = super::address::form_pairs(condition);
    let (_, value) = pairs.iter().find(|(n, _)| n == "identifier")?;
    let (system, value) = value.split_once('|')?;
    (!value.is_empty()).then(|| Identifier { system: Some(system.to_owned()), value: value.to_owned() })
}
