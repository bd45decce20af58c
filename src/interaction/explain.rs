//! `DocumentReference/[id]/$explain-access`: why this caller can or cannot read this document, in French. A document the caller may not
//! know of is explained in the words of one that does not exist, which follow from who he is and from the matrix alone.
//! Spec: Passerelle; CSP L.1111-17, R.1111-40 to R.1111-53.

use serde_json::{Value, json};

use super::planning::to_bytes;
use super::{Answer, App, Call};
use crate::access::{Cell, DocumentFacts, RecordRight, Rule, document_right, explain, unknown};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::Reader;

/// GET|POST DocumentReference/[id]/$explain-access
pub(super) fn of_document(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("explain-access", Action::R);
    call.touched(format!("DocumentReference/{id}"));
    if call.visibility.rules().is_none() {
        return Err(Fault::new(FaultKind::RuleBroken, 645, "access.policy = open decides nothing about persons; there is nothing to explain"));
    }
    let told = app.store.read(&call.visibility, |reader| explained(reader, call, id))?;
    let mut parameters = vec![
        json!({"name": "allowed", "valueBoolean": told.allowed}),
        json!({"name": "explanation", "valueString": told.text}),
        json!({"name": "rule", "valueCode": told.rule.code()}),
        json!({"name": "article", "valueString": told.rule.row().article}),
        json!({"name": "matrix", "valueString": told.matrix}),
    ];
    parameters.extend(told.cell.map(|cell| json!({"name": "cell", "valueString": cell.key})));
    let out: Value = json!({"resourceType": "Parameters", "parameter": parameters});
    Ok(Answer::resource(to_bytes(&out)?))
}

/// What the caller may know of a decision.
struct Told {
    allowed: bool,
    text: String,
    rule: Rule,
    /// Version of the matrix.
    matrix: String,
    /// Of a document that he reads alone: the cell names its class.
    cell: Option<Cell>,
}

fn explained(reader: &mut Reader<'_>, call: &Call, id: &str) -> Result<Told> {
    let rules = call.visibility.rules().ok_or_else(|| Fault::new(FaultKind::Bug, 646, "a decision was asked for without rules"))?;
    let not_here = || {
        let (rule, text) = unknown(&rules.actor, &rules.matrix);
        Told { allowed: false, text, rule, matrix: rules.matrix.version().to_owned(), cell: None }
    };
    let Some((record, facts)) = reader.decided_facts("DocumentReference", id)? else { return Ok(not_here()) };
    let right = reader.right(record)?.ok_or_else(|| Fault::new(FaultKind::Bug, 647, "a document lies in no record"))?;
    let document = DocumentFacts {
        labels: facts.labels,
        mine: facts.mine,
        type_code: &facts.type_code,
        class_code: &facts.class_code,
        visible_from_us: facts.visible_from_us,
        deleted: facts.deleted,
    };
    let decision = document_right(&rules.actor, &rules.matrix, &right, &document, call.now_us);
    let text = explain(&right, &decision);
    if decision.allowed {
        call.in_record(record);
        return Ok(Told { allowed: true, text, rule: decision.rule, matrix: decision.matrix, cell: decision.cell });
    }
    // Who feeds and never reads learns nothing of any document, whatever record it is in.
    if right.rule() == Rule::Indirect || !hidden_by_the_record_alone(reader, id, &right)? {
        return Ok(not_here());
    }
    call.in_record(record);
    Ok(Told { allowed: false, text, rule: right.rule(), matrix: decision.matrix, cell: None })
}

/// Whether the document would be seen were the record open to the caller: only then may he learn what keeps the record from him.
fn hidden_by_the_record_alone(reader: &mut Reader<'_>, id: &str, right: &RecordRight) -> Result<bool> {
    if matches!(right, RecordRight::Whole { .. }) || right.rule().equals_absence() {
        return Ok(false);
    }
    Ok(matches!(reader.place("DocumentReference", id), Err(e) if e.kind == FaultKind::Forbidden))
}
