//! What replaces what: a document has one successor, and the order of deposits decides nothing.
//! Spec: IHE MHD 4.2, AssociationTypeVsRelatesTo; IHE ITI TF-3 4.2.2.2.1 (RPLC: what is replaced is deprecated).

use serde_json::{Value, json};

use super::document::{labelled, show_labels};
use super::planning::to_bytes;
use super::registry::registry;
use super::{App, Call, feeding, resource};
use crate::access::{Situation, labels};
use crate::fhir::splice::{self, Edit};
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result};
use crate::store::{ChangeDocument, Condition, DocumentRow, Operation, Plan, Precondition, Query, Reader, Sort};

/// A document that the new one replaces.
pub(super) struct Replaced {
    pub row: DocumentRow,
    pub id: String,
    /// Its DocumentReference as this caller may see it.
    pub body: Value,
    /// As it is stored, with what it refers to and this caller may not see: what the next version is made from.
    pub whole: Value,
    pub version: i64,
}

/// The documents of some uniqueIds that this caller may see, in the order asked; unknown ones become warnings.
///
/// # Errors
/// `Forbidden` for one that the caller does not stand behind, `WriteConflict` for one that has a successor.
pub(super) fn replaced(call: &Call, reader: &mut Reader<'_>, targets: &[Identifier], warnings: &mut Vec<Issue>) -> Result<Vec<Replaced>> {
    let mut out = Vec::new();
    for target in targets {
        match preferred(reader, target)? {
            Some(row) => {
                feeding::author(call, reader, row.number, Situation::ReplaceByNonAuthor)?;
                current(reader, &row)?;
                out.extend(replaced_row(reader, row)?);
            }
            None => warnings.push(Issue::warning(
                IssueType::NotFound,
                "DocumentReference.relatesTo",
                "the document to be replaced is not known here; the relation is kept as an identifier",
            )),
        }
    }
    Ok(out)
}

/// A document has one successor: what is replaced already, as far as this caller may see, is not replaced again.
/// Spec: IHE ITI TF-3 4.2.2.2.1 (RPLC: what is replaced is Approved until then).
fn current(reader: &mut Reader<'_>, row: &DocumentRow) -> Result<()> {
    let others = if row.superseded { reader.rest_of_chain(row)? } else { Vec::new() };
    let mut stands = false;
    for other in others.iter().filter(|other| !other.superseded) {
        stands |= reader.document(other.number)?.is_some();
    }
    if !stands {
        return Ok(());
    }
    let why = "the document to be replaced is superseded already; nothing was stored: replace the document that is current in its place";
    Err(Fault::new(FaultKind::WriteConflict, 893, why).at("DocumentReference.relatesTo"))
}

/// Of several documents under one uniqueId (two structures deposited the same), the caller's own, else the newest.
pub(super) fn preferred(reader: &mut Reader<'_>, unique: &Identifier) -> Result<Option<DocumentRow>> {
    let mut rows = reader.documents_by_unique(unique)?;
    for (index, row) in rows.iter().enumerate() {
        if reader.is_own(row.number)? {
            return Ok(Some(rows.swap_remove(index)));
        }
    }
    Ok(rows.pop())
}

/// The current DocumentReference of a document.
pub(super) fn replaced_row(reader: &mut Reader<'_>, row: DocumentRow) -> Result<Option<Replaced>> {
    let Some(id) = reader.reference_of(&row)? else { return Ok(None) };
    let Some(found) = reader.found("DocumentReference", &id, None)?.filter(|f| !f.row.deleted) else { return Ok(None) };
    let parsed = |bytes: &[u8]| serde_json::from_slice(bytes).map_err(|e| Fault::new(FaultKind::Bug, 401, "a stored resource is damaged").because(e));
    let (body, version) = (parsed(&found.body)?, found.row.number);
    let whole = parsed(&reader.uncut(found.row)?)?;
    Ok(Some(Replaced { row, id, body, whole, version }))
}

/// The documents that a client's `relatesTo` names by reference (`DocumentReference/id`) instead of by identifier.
pub(super) fn replaced_by_reference(app: &App, call: &Call, reader: &mut Reader<'_>, reference: &Value, warnings: &mut Vec<Issue>) -> Result<Vec<Replaced>> {
    let mut out = Vec::new();
    for relation in reference.get("relatesTo").and_then(Value::as_array).into_iter().flatten() {
        let target = relation.pointer("/target/reference").and_then(Value::as_str);
        let (Some("replaces"), Some(target)) = (relation.get("code").and_then(Value::as_str), target) else { continue };
        let local = app.local(target);
        let id = local.strip_prefix("DocumentReference/").map(|id| id.split('/').next().unwrap_or(""));
        let place = id.map(|id| reader.place("DocumentReference", id)).transpose()?.flatten();
        let row = place.map(|p| reader.document(p.document)).transpose()?.flatten();
        match row {
            Some(row) => {
                feeding::author(call, reader, row.number, Situation::ReplaceByNonAuthor)?;
                current(reader, &row)?;
                out.extend(replaced_row(reader, row)?);
            }
            None => warnings.push(Issue::warning(
                IssueType::NotFound,
                "DocumentReference.relatesTo",
                "the document to be replaced is not known here; the relation is kept as it was sent",
            )),
        }
    }
    Ok(out)
}

/// Labels that a document takes over from what it replaces: who may see it at all.
pub(super) fn inherited(replaced: &[Replaced]) -> i32 {
    replaced.iter().fold(0, |bits, r| bits | (r.row.labels & labels::VISIBILITY))
}

/// Marks a document superseded: its row, and a new version of its DocumentReference. Labels of its successor that say who may see
/// it at all hold for it too, and from when (µs UTC, 0 for at once) its patient sees it.
pub(super) fn supersede(plan: &mut Plan, old: &Replaced, successor: i32, visible_from_us: i64) -> Result<()> {
    let labels = Some(old.row.labels | (successor & labels::VISIBILITY)).filter(|l| *l != old.row.labels);
    plan.operations.push(Operation::ChangeDocument(ChangeDocument {
        number: old.row.number,
        superseded: Some(true),
        labels,
        visible_from_us: Some(visible_from_us).filter(|at_us| *at_us != 0),
        ..ChangeDocument::default()
    }));
    if old.body.get("status").and_then(Value::as_str) == Some("superseded") {
        return Ok(());
    }
    let mut body = old.whole.clone();
    if let Some(members) = body.as_object_mut() {
        members.insert("status".into(), json!("superseded"));
    }
    show_labels(&mut body, labels.unwrap_or(old.row.labels) & labels::VISIBILITY);
    plan.preconditions.push(Precondition::VersionIs { kind: "DocumentReference".into(), id: old.id.clone(), number: old.version });
    let slot = resource::Slot { kind: "DocumentReference", id: &old.id, record: old.row.record, rid: old.row.rid, number: old.version + 1, document: old.row.number };
    let bytes = to_bytes(&resource::stamped(body, &old.id, old.version + 1))?;
    plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes)?)));
    Ok(())
}

/// The document of a record that was deposited as the replacement of this uniqueId before it came, by somebody who may replace it: the caller
/// himself. Of another's a warning tells that both stay current.
///
/// # Errors
/// `Bug` or `Busy` from the database.
pub(super) fn successor(call: &Call, reader: &mut Reader<'_>, record: i64, unique: &Identifier, warnings: &mut Vec<Issue>) -> Result<Option<DocumentRow>> {
    let Some(param) = registry().indexed("DocumentReference", "relatesto:replaces").map(|row| row.number) else { return Ok(None) };
    let named = (unique.system.clone(), unique.value.clone());
    let query = Query {
        kind: "DocumentReference".into(),
        record: Some(record),
        conditions: vec![Condition::Token { param, any: vec![named], negated: false }],
        sort: Sort::LastUpdatedDown,
        count: 1,
        after: None,
        commit: reader.commit(),
    };
    let Some(found) = reader.search(&query)?.rows.into_iter().next() else { return Ok(None) };
    let Some(row) = reader.document(found.document)? else { return Ok(None) };
    if feeding::author(call, reader, row.number, Situation::ReplaceByNonAuthor).is_ok() {
        return Ok(Some(row));
    }
    let why = "a document that somebody else deposited says that it replaces this one; both stay current";
    warnings.push(Issue::warning(IssueType::BusinessRule, "DocumentReference.status", why));
    Ok(None)
}

/// A DocumentReference (its bytes) as it stands behind its successor: superseded, and kept from whom that one is kept from. Everything else
/// stays byte for byte.
///
/// # Errors
/// `Bug` when it has no status.
pub(super) fn behind(bytes: Vec<u8>, successor: Option<&DocumentRow>) -> Result<Vec<u8>> {
    let Some(row) = successor else { return Ok(bytes) };
    let node = crate::fhir::gate::parse(&bytes)?;
    let status = node.get("status").ok_or_else(|| Fault::new(FaultKind::Bug, 892, "a DocumentReference has no status"))?;
    let bytes = splice::apply(&bytes, vec![Edit { start: status.start, end: status.end, text: "\"superseded\"".into() }]);
    labelled(bytes, row.labels & labels::VISIBILITY)
}
