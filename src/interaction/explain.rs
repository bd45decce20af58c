//! `DocumentReference/[id]/$explain-access`: why this caller can or cannot read this document, in French. A document the caller may not
//! know of is explained in the words of one that does not exist. Of a record that is not open to him the parameter `patient` brings the
//! reason, for whatever document: it is that of the record.
//! Spec: Passerelle; CSP L.1111-17, R.1111-40 to R.1111-53.

use serde_json::{Value, json};

use super::planning::to_bytes;
use super::{Answer, App, Call};
use crate::access::{Decision, DocumentFacts, RecordRight, document_right, explain};
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
    let (text, decision) = app.store.read(&call.visibility, |reader| explained(reader, call, id))?;
    let mut parameters = vec![json!({"name": "allowed", "valueBoolean": decision.as_ref().is_some_and(|d| d.allowed)}), json!({"name": "explanation", "valueString": text})];
    if let Some(decision) = decision {
        parameters.push(json!({"name": "rule", "valueCode": decision.rule.code()}));
        parameters.push(json!({"name": "article", "valueString": decision.rule.row().article}));
        parameters.push(json!({"name": "matrix", "valueString": decision.matrix}));
        parameters.extend(decision.cell.map(|cell| json!({"name": "cell", "valueString": cell.key})));
    }
    let out: Value = json!({"resourceType": "Parameters", "parameter": parameters});
    Ok(Answer::resource(to_bytes(&out)?))
}

/// The words, and the decision as far as the caller may know it: `None` for what equals absence.
fn explained(reader: &mut Reader<'_>, call: &Call, id: &str) -> Result<(String, Option<Decision>)> {
    let rules = call.visibility.rules().ok_or_else(|| Fault::new(FaultKind::Bug, 646, "a decision was asked for without rules"))?;
    let asked = call.parameter("patient").map(|p| reader.place("Patient", p.strip_prefix("Patient/").unwrap_or(p))).transpose()?.flatten().map(|p| p.record);
    let Some((record, facts)) = reader.decided_facts("DocumentReference", id)? else { return closed(reader, call, asked) };
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
    call.in_record(record);
    Ok((explain(&rules.actor, &rules.matrix, &right, Some(&decision)), Some(decision)))
}

/// What keeps the caller from the record that was asked about, or from some of its documents, whether this one exists or not; without one,
/// the words of a document that does not exist.
fn closed(reader: &mut Reader<'_>, call: &Call, asked: Option<i64>) -> Result<(String, Option<Decision>)> {
    let Some((record, rules)) = asked.zip(call.visibility.rules()) else { return Ok((unknown(), None)) };
    let Some(right) = reader.right(record)?.filter(|r| !r.rule().equals_absence()) else { return Ok((unknown(), None)) };
    call.in_record(record);
    let refused = !matches!(right, RecordRight::Whole { .. });
    let told = refused.then(|| Decision { allowed: false, rule: right.rule(), cell: None, matrix: rules.matrix.version().to_owned() });
    Ok((explain(&rules.actor, &rules.matrix, &right, None), told))
}

/// The same for every document that is not there and for every one that is hidden.
fn unknown() -> String {
    format!("Accès refusé. {}", crate::access::Rule::Absent.caller())
}
