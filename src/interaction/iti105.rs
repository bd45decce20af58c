//! ITI-105 Simplified Publish: a DocumentReference with its bytes inside; the server makes the Binary and the SubmissionSet.
//! A DocumentReference whose attachment names a Binary sent before takes the same road.
//! Spec: IHE MHD 4.2 ITI-105; PDSm 3.1.1 flux 09/10.

use serde_json::Value;

use super::document::Slots;
use super::planning::Planned;
use super::reference::{self, Added, Incoming, Payload};
use super::registry::registry;
use super::{Answer, App, Call, deposit, patient, resource};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Issue, Result};
use crate::store::Plan;
use crate::xds;

/// What is answered: the DocumentReference, and what is worth a look.
struct Done {
    outcome: resource::Outcome,
    warnings: Vec<Issue>,
}

/// POST DocumentReference
pub(super) fn publish(app: &App, call: &Call) -> Result<Answer> {
    call.is("create", Action::C);
    call.is_transaction("ITI-105");
    let (sent, mut held) = read(app, call)?;
    let inline = held.is_some();
    let (done, written) = app.plan_and_commit(call, || {
        // Planned again after a conflict: the bytes went with the first plan and are decoded once more.
        let held = if inline && held.is_none() { read(app, call)?.1 } else { held.take() };
        plan(app, call, &sent, held)
    })?;
    let row = registry().resource("DocumentReference").ok_or_else(|| Fault::new(FaultKind::Bug, 486, "the registry has no DocumentReference"))?;
    let mut answer = resource::answer_written(call, row, done.outcome, written.map_or(call.now_us, |w| w.at_us))?;
    answer.warnings = done.warnings;
    Ok(answer)
}

/// Bytes of the document, and what its metadata are remarked for.
type Held = (Payload, Vec<Issue>);

/// The metadata, and the document when it is inside.
fn read(app: &App, call: &Call) -> Result<(resource::Sent, Option<Held>)> {
    let sent = resource::Sent::read(&call.body, "DocumentReference")?;
    match reference::inline(&sent.value)? {
        Some(payload) => {
            let warnings = reference::check(app, &sent.value, &payload)?;
            Ok((reference::without_data(sent)?, Some((payload, warnings))))
        }
        None => Ok((sent, None)),
    }
}

fn plan(app: &App, call: &Call, sent: &resource::Sent, held: Option<Held>) -> Result<Planned<Done>> {
    app.store.read(&call.visibility.feeding(), |reader| {
        let mut plan = Plan::default();
        let (payload, warnings) = match held {
            Some(held) => held,
            None => {
                let payload = reference::payload(app, reader, &sent.value)?;
                let warnings = reference::check(app, &sent.value, &payload)?;
                (payload, warnings)
            }
        };
        let subject = sent.value.pointer("/subject/reference").and_then(Value::as_str);
        let subject = subject.ok_or_else(|| Fault::new(FaultKind::MissingElement, 487, "a document needs a subject").at("DocumentReference.subject"))?;
        let hint = reference::patient_hint(&sent.value, &payload);
        let mut chosen = patient::of_subject(app, call, reader, subject, hint.as_ref())?;
        call.about(&chosen.id);
        plan.operations.append(&mut chosen.operations);
        plan.preconditions.append(&mut chosen.preconditions);
        let names = [(subject.to_owned(), chosen.reference())].into();
        let renamed = resource::Sent { bytes: sent.bytes.clone(), value: sent.value.clone() }.renamed(&names, reader)?;
        let slots = Slots::new(app);
        let copy = Slots { number: slots.number, rid: slots.rid, id: slots.id.clone(), binary_id: slots.binary_id.clone() };
        let incoming = Incoming { sent: renamed, slots, record: chosen.record, patient: chosen.reference(), payload, warnings };
        let added = reference::add(app, call, reader, &mut plan, &mut std::collections::HashSet::new(), incoming)?;
        if added.known {
            call.touched(format!("DocumentReference/{}", added.id));
            return existing(reader, added);
        }
        let entry = xds::entry_of_reference(&sent.value);
        deposit::submission_set(app, call, &mut plan, &[&copy], &chosen, &entry)?;
        let outcome = resource::Outcome { id: added.id, number: 1, bytes: added.bytes, created: true };
        Ok(Planned { plan: Some(plan), record: chosen.record, value: Done { outcome, warnings: added.warnings } })
    })
}

/// The same document again: what is stored, nothing written.
fn existing(reader: &mut crate::store::Reader<'_>, added: Added) -> Result<Planned<Done>> {
    let found = reader.found("DocumentReference", &added.id, None)?.ok_or_else(super::read::not_here)?;
    let outcome = resource::Outcome { id: added.id, number: found.row.number, bytes: found.body, created: false };
    Ok(Planned { plan: None, record: found.row.record, value: Done { outcome, warnings: added.warnings } })
}
