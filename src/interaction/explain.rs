//! `DocumentReference/[id]/$explain-access`: why this caller can or cannot read this document, in French. A document the caller may not
//! know of is explained in the words of one that does not exist, which follow from who he is and from the matrix alone. Of a record that is
//! not open to him the parameter `patient` brings the reason, for whatever document: it is that of the record.
//! Spec: Passerelle; CSP L.1111-17, R.1111-40 to R.1111-53.

use serde_json::{Value, json};

use super::planning::to_bytes;
use super::{Answer, App, Call};
use crate::access::{Cell, Decision, DocumentFacts, RecordRight, Rule, document_right, explain, unknown};
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
    let asked = call.parameter("patient").map(|p| reader.place("Patient", p.strip_prefix("Patient/").unwrap_or(p))).transpose()?.flatten().map(|p| p.record);
    let Some((record, facts)) = reader.decided_facts("DocumentReference", id)? else { return closed(reader, call, asked) };
    // The patient may know of the question, whatever the caller may know of the document.
    call.in_record(record);
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
    if !decision.allowed || asked.is_some_and(|asked| asked != record) {
        return closed(reader, call, asked);
    }
    Ok(Told { allowed: true, text: explain(&right, &decision), rule: decision.rule, matrix: decision.matrix, cell: decision.cell })
}

/// What keeps the caller from the record that was asked about, whether this document exists or not; else the words of a document that does
/// not exist.
fn closed(reader: &mut Reader<'_>, call: &Call, asked: Option<i64>) -> Result<Told> {
    let rules = call.visibility.rules().ok_or_else(|| Fault::new(FaultKind::Bug, 891, "a decision was asked for without rules"))?;
    let matrix = rules.matrix.version().to_owned();
    let right = asked.map(|record| reader.right(record)).transpose()?.flatten().filter(|r| !r.rule().equals_absence());
    if let Some(record) = asked.filter(|_| right.is_some()) {
        call.in_record(record);
    }
    if let Some(right) = right.filter(|r| !matches!(r, RecordRight::Whole { .. })) {
        let rule = right.rule();
        let text = explain(&right, &Decision { allowed: false, rule, cell: None, matrix: matrix.clone() });
        return Ok(Told { allowed: false, text, rule, matrix, cell: None });
    }
    let (rule, text) = unknown(&rules.actor, &rules.matrix);
    Ok(Told { allowed: false, text, rule, matrix, cell: None })
}
