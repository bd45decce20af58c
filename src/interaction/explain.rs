//! `DocumentReference/[id]/$explain-access`: why this caller can or cannot read this document, in French. A document the caller may not
//! know of is explained in the words of one that does not exist.
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
    let Some((record, facts)) = reader.decided_facts("DocumentReference", id)? else { return Ok((unknown(), None)) };
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
    if !decision.allowed && !hidden_by_the_record_alone(reader, record, id, &right)? {
        return Ok((unknown(), None));
    }
    let told = Decision { rule: if decision.allowed { decision.rule } else { right.rule() }, ..decision };
    call.in_record(record);
    Ok((explain(&rules.actor, &rules.matrix, &right, Some(&told)), Some(told)))
}

/// Whether the document would be seen were the record open to the caller: only then may he learn what keeps the record from him.
fn hidden_by_the_record_alone(reader: &mut Reader<'_>, _record: i64, id: &str, right: &RecordRight) -> Result<bool> {
    if matches!(right, RecordRight::Whole { .. }) || right.rule().equals_absence() {
        return Ok(false);
    }
    Ok(matches!(reader.place("DocumentReference", id), Err(e) if e.kind == FaultKind::Forbidden))
}

/// The same for every document that is not there and for every one that is hidden.
fn unknown() -> String {
    format!("Accès refusé. {}", crate::access::Rule::Absent.caller())
}
