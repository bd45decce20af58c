//! PATCH of a document's metadata: status, securityLabel and isArchived alone.
//! Spec: PDSm 3.1.1 flux 03/04; FHIR R4 http#patch (JSON Patch, FHIRPath Patch).

use std::borrow::Cow;

use serde_json::Value;

use super::document;
use super::planning::{Planned, to_bytes};
use super::registry::ResourceRow;
use super::succession::{self, Replaced};
use super::{Answer, App, Call, delete, feeding, notices, read, resource, update};
use crate::access::{Choice, ChoiceKind, MatrixAction, Span, labels};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::store::{ChangeDocument, Operation, Plan, Precondition, Reader};
use crate::xds::{self, Change};

/// PATCH [type]?identifier=system|value
pub(super) fn conditional(app: &App, call: &Call, row: &ResourceRow) -> Result<Answer> {
    let text =
        call.parameter("identifier").ok_or_else(|| Fault::new(FaultKind::MissingElement, 490, "a conditional PATCH is supported on identifier=system|value").at("identifier"))?;
    let identifier = Identifier::asked(text);
    let found = app.store.read(&call.visibility.feeding(), |r| r.by_identifier(&row.kind, &identifier))?;
    let own = app
        .store
        .read(&call.visibility.feeding(), |r| found.iter().filter_map(|f| r.is_own(f.document).map(|own| own.then(|| f.id.clone())).transpose()).collect::<Result<Vec<_>>>())?;
    match (found.as_slice(), own.as_slice()) {
        ([], _) => Err(read::not_here()),
        ([one], _) => patch(app, call, row, &one.id),
        (_, [one]) => patch(app, call, row, one),
        _ => Err(Fault::new(FaultKind::MultipleMatches, 491, "several documents carry this identifier").at("identifier")),
    }
}

/// PATCH [type]/[id]
pub(super) fn patch(app: &App, call: &Call, row: &ResourceRow, id: &str) -> Result<Answer> {
    call.is("patch", Action::U);
    call.touched(format!("DocumentReference/{id}"));
    update::not_reserved(id)?;
    let (tests, body) = tests(&call.body, &call.content_type);
    let changes = if !tests.is_empty() && &*body == b"[]" { Vec::new() } else { changes(&body, &call.content_type)? };
    let (outcome, written) = app.plan_and_commit(call, || {
        app.store.read(&call.visibility.feeding(), |reader| {
            let target = target(reader, id)?.ok_or_else(read::not_here)?;
            call.in_record(target.row.record);
            call.touched(format!("DocumentReference/{id}"));
            update::matches(call.if_match.as_deref(), Some(target.version))?;
            let record = target.row.record;
            if changes.is_empty() {
                // Only looked at: for whom a read would answer.
                call.is("read", Action::R);
                reader.answering(|r| read::one(r, "DocumentReference", id, None)).map(|_| ())?;
            } else {
                permitted(reader, call, &target, &changes)?;
            }
            hold(&tests, &target.body)?;
            if changes.is_empty() {
                let bytes = to_bytes(&target.body)?;
                return Ok(Planned { plan: None, record, value: resource::Outcome { id: target.id, number: target.version, bytes, created: false } });
            }
            let mut plan = Plan::default();
            let number = plan_in(reader, call, &mut plan, &target, &changes)?;
            let mut shown = target.body.clone();
            xds::apply_metadata(&mut shown, &changes)?;
            let bytes = to_bytes(&resource::stamped(shown, &target.id, number))?;
            Ok(Planned { plan: Some(plan), record, value: resource::Outcome { id: target.id, number, bytes, created: false } })
        })
    })?;
    let mut answer = resource::answer_written(call, row, outcome, written.map_or(call.now_us, |w| w.at_us))?;
    answer.location = None;
    Ok(answer)
}

/// The `test` operations that open a JSON Patch, and the patch without them; anything else goes on as it came. A `test` behind a
/// change would be of the changed resource: it stays where it is and is refused with the rest of what is not supported.
fn tests<'a>(body: &'a [u8], content_type: &str) -> (Vec<Value>, Cow<'a, [u8]>) {
    let parsed: Option<Vec<Value>> = content_type.contains("json-patch").then(|| serde_json::from_slice(body).ok()).flatten();
    let mut tests = parsed.unwrap_or_default();
    let rest = tests.split_off(tests.iter().take_while(|o| o.get("op").and_then(Value::as_str) == Some("test")).count());
    match to_bytes(&Value::Array(rest)) {
        Ok(bytes) if !tests.is_empty() => (tests, Cow::Owned(bytes)),
        _ => (Vec::new(), Cow::Borrowed(body)),
    }
}

/// Spec: RFC 6902 §4.6.
fn hold(tests: &[Value], resource: &Value) -> Result<()> {
    for test in tests {
        let path = test.get("path").and_then(Value::as_str).unwrap_or("");
        if resource.pointer(path) != test.get("value") {
            return Err(Fault::new(FaultKind::RuleBroken, 493, "a test of the patch does not hold: the resource was not changed"));
        }
    }
    Ok(())
}

/// PDSM4DMP asks for a deletion by a status that MHD forbids: it is the author's logical delete.
fn withdraws(changes: &[Change]) -> bool {
    changes.iter().any(|c| matches!(c, Change::Status(status) if status == "entered-in-error"))
}

/// What a body asks to change.
///
/// # Errors
/// `MethodNotAllowed` for any other element, `RuleBroken` for a value that is not allowed, `UnsupportedFormat` for
/// another type of body, `Malformed` for no patch at all.
pub(super) fn changes(body: &[u8], content_type: &str) -> Result<Vec<Change>> {
    xds::metadata_patch(body, content_type)
}

/// The document of a DocumentReference, as far as the caller may see.
pub(super) fn target(reader: &mut Reader<'_>, id: &str) -> Result<Option<Replaced>> {
    let Some(place) = reader.place("DocumentReference", id)? else { return Ok(None) };
    match reader.document(place.document)? {
        Some(row) => succession::replaced_row(reader, row),
        None => Ok(None),
    }
}

/// Adds everything that a PATCH writes to a plan, alone or as an entry of a transaction; returns the new version's number.
///
/// # Errors
/// `Forbidden` for a withdrawal by a structure that does not stand behind the document.
pub(super) fn plan_in(reader: &mut Reader<'_>, call: &Call, plan: &mut Plan, target: &Replaced, changes: &[Change]) -> Result<i64> {
    permitted(reader, call, target, changes)?;
    if changes.iter().any(|c| matches!(c, Change::SecurityLabel(_))) {
        plan.operations.extend(mask(reader, call, target, changes)?);
    }
    let number = add(call, plan, target, changes)?;
    if withdraws(changes) {
        plan.operations.extend(delete::withdraw(reader, call, target.row.record, target.row.number)?);
    }
    label_chain(reader, plan, target, changes)?;
    Ok(number)
}

/// Who may change what: who stands behind the document, and the patient what he shows to professionals.
/// Spec: CSP R.1111-49 (masking by the holder); PDSM4DMP TD3.3.
fn permitted(reader: &mut Reader<'_>, call: &Call, target: &Replaced, changes: &[Change]) -> Result<()> {
    let mut after = target.body.clone();
    xds::apply_metadata(&mut after, changes)?;
    let changed = labels::set(xds::label_codes(&after).iter().map(String::as_str)) ^ target.row.labels;
    let shows_alone = changes.iter().all(|c| matches!(c, Change::SecurityLabel(_))) && changed & !labels::MASQUE_PS == 0;
    feeding::metadata(call, reader, &target.row, shows_alone)?;
    changes.iter().try_for_each(|change| feeding::habilitated_on(call, reader, action(change), target.row.number))
}

/// What the habilitation matrix calls a change; a withdrawal in the clothes of a status is asked once more as one.
fn action(change: &Change) -> MatrixAction {
    match change {
        Change::SecurityLabel(_) => MatrixAction::Mask,
        Change::Status(_) | Change::Archived(_) | Change::ArchivedAt { .. } => MatrixAction::Archive,
    }
}

/// Who masked a document is remembered for its whole chain: a mask of the holder is lifted by the holder.
/// Spec: CSP R.1111-49.
fn mask(reader: &mut Reader<'_>, call: &Call, target: &Replaced, changes: &[Change]) -> Result<Vec<Operation>> {
    let record = target.row.record;
    let mut after = target.body.clone();
    xds::apply_metadata(&mut after, changes)?;
    let masked = labels::set(xds::label_codes(&after).iter().map(String::as_str)) & labels::MASQUE_PS != 0;
    let chain: Vec<i64> = reader.rest_of_chain(&target.row)?.iter().map(|r| r.rid).chain([target.row.rid]).collect();
    if !feeding::is_holder(call) {
        let shows = !masked && target.row.labels & labels::MASQUE_PS != 0;
        if shows && reader.masked_by_holder(record, &chain)? {
            feeding::against_holder(call)?;
        }
        return Ok(Vec::new());
    }
    let choices = if masked { vec![Choice { holder: "patient".into(), kind: ChoiceKind::MaskedByHolder, until_us: i64::MAX }] } else { Vec::new() };
    Ok(chain.into_iter().map(|rid| Operation::Decide { record, rid, choices: choices.clone() }).collect())
}

/// The new version and the change of the document's row; returns the version's number.
fn add(call: &Call, plan: &mut Plan, target: &Replaced, changes: &[Change]) -> Result<i64> {
    let mut body = target.whole.clone();
    xds::apply_metadata(&mut body, changes)?;
    plan.preconditions.push(Precondition::VersionIs { kind: "DocumentReference".into(), id: target.id.clone(), number: target.version });
    let number = target.version + 1;
    let row = &target.row;
    let mut change = row_change(row.number, &body);
    // Kept from the patient from now on: he sees it after a month, or when the month of an earlier time ends.
    if change.labels.is_some_and(|set| set & !row.labels & labels::INVISIBLE_PATIENT != 0) {
        let visible_from_us = if row.visible_from_us == 0 { Span::HiddenEnd.after(call.now_us) } else { row.visible_from_us };
        change.visible_from_us = Some(visible_from_us);
        plan.operations.push(notices::hidden(call, row.number, visible_from_us)?);
    }
    plan.operations.push(Operation::ChangeDocument(change));
    let slot = resource::Slot { kind: "DocumentReference", id: &target.id, record: row.record, rid: row.rid, number, document: row.number };
    let bytes = to_bytes(&resource::stamped(body, &target.id, number))?;
    plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes)?)));
    Ok(number)
}

/// Labels that say who may see a document at all hold for its whole chain: the other DocumentReferences show them too.
fn label_chain(reader: &mut Reader<'_>, plan: &mut Plan, target: &Replaced, changes: &[Change]) -> Result<()> {
    if !changes.iter().any(|c| matches!(c, Change::SecurityLabel(_))) {
        return Ok(());
    }
    let mut own = target.body.clone();
    xds::apply_metadata(&mut own, changes)?;
    let set = labels::set(xds::label_codes(&own).iter().map(String::as_str)) & labels::VISIBILITY;
    for row in reader.rest_of_chain(&target.row)? {
        if row.labels & labels::VISIBILITY == set {
            continue;
        }
        let Some(other) = succession::replaced_row(reader, row)? else { continue };
        let mut body = other.whole.clone();
        document::only_labels(&mut body, set);
        plan.preconditions.push(Precondition::VersionIs { kind: "DocumentReference".into(), id: other.id.clone(), number: other.version });
        let slot = resource::Slot { kind: "DocumentReference", id: &other.id, record: other.row.record, rid: other.row.rid, number: other.version + 1, document: other.row.number };
        let bytes = to_bytes(&resource::stamped(body, &other.id, other.version + 1))?;
        plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes)?)));
    }
    Ok(())
}

/// What the visibility condition and the lists look at, read from the new metadata.
fn row_change(number: i64, body: &Value) -> ChangeDocument {
    let codes = body.get("securityLabel").and_then(Value::as_array).into_iter().flatten().filter_map(|l| l.pointer("/coding/0/code")?.as_str());
    ChangeDocument {
        number,
        superseded: Some(body.get("status").and_then(Value::as_str) == Some("superseded")),
        archived: Some(xds::is_archived(body)),
        deleted: None,
        labels: Some(labels::set(codes)),
        visible_from_us: None,
    }
}
