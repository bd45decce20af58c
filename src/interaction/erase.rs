//! `Patient/[id]/$erase`: the end of a record at the end of its retention. Everything of it goes, in one commit; the trace of what was
//! done with it stays, and so does a proof that can be checked.
//! Spec: RGPD art. 5 §1 e and 17; `fhir-profiles/access-matrix/durations.toml` (retention).

use serde_json::{Value, json};

use super::planning::{Planned, json_bytes, to_bytes};
use super::{Answer, App, Call, read, resource};
use crate::access::{FERMETURE, Span};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::store::{Operation, Plan, Precondition, Reader};

/// POST Patient/[id]/$erase, with Parameters `motif` (words) before the retention is over.
pub(super) fn erase(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("erase", Action::D);
    let motif = motif(&call.body)?;
    let (proof, _) = app.plan_and_commit(call, || plan(app, call, id, motif.as_deref()))?;
    Ok(Answer::resource(to_bytes(&proof)?))
}

fn motif(body: &[u8]) -> Result<Option<String>> {
    if body.is_empty() {
        return Ok(None);
    }
    let sent = resource::Sent::read(body, "Parameters")?;
    let all = sent.value.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let motif = all.iter().find(|p| p.get("name").and_then(Value::as_str) == Some("motif")).and_then(|p| p.get("valueString")?.as_str());
    Ok(motif.map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned))
}

fn plan(app: &App, call: &Call, id: &str, motif: Option<&str>) -> Result<Planned<Value>> {
    app.store.read(&call.visibility.feeding(), |reader| {
        let found = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
        call.about(id);
        call.touched(format!("Patient/{id}"));
        let patient: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 657, "a stored resource is damaged").because(e))?;
        may_end(call, &patient, motif)?;
        let record = found.row.record;
        let proof = proof(app, call, reader, record)?;
        let plan = Plan {
            preconditions: vec![Precondition::VersionIs { kind: "Patient".into(), id: id.to_owned(), number: found.row.number }],
            operations: vec![Operation::Erase { record }],
            ..Plan::default()
        };
        Ok(Planned { plan: Some(plan), record, value: proof })
    })
}

/// A record ends when it was closed for as long as it is kept, or, closed, for a reason that somebody gives.
fn may_end(call: &Call, patient: &Value, motif: Option<&str>) -> Result<()> {
    let Some(closed) = closed_on(patient) else {
        return Err(Fault::new(FaultKind::RuleBroken, 658, "a record is closed ($close) before it is erased"));
    };
    let over = time::range(closed).is_some_and(|(low, _)| Span::Retention.after(low) <= call.now_us);
    if over || motif.is_some() {
        return Ok(());
    }
    Err(Fault::new(FaultKind::RuleBroken, 659, "the record is kept until its retention is over; an earlier end gives its reason in the parameter motif"))
}

/// The day the record was closed.
fn closed_on(patient: &Value) -> Option<&str> {
    let all = patient.get("extension")?.as_array()?;
    let closing = all.iter().find(|e| e.get("url").and_then(Value::as_str) == Some(FERMETURE))?;
    let parts = closing.get("extension")?.as_array()?;
    parts.iter().find(|e| e.get("url").and_then(Value::as_str) == Some("dateFermeture"))?.get("valueDate")?.as_str()
}

/// What was erased, when, and the server's seal over it: who holds the proof learns how much, nothing of what.
fn proof(app: &App, call: &Call, reader: &mut Reader<'_>, record: i64) -> Result<Value> {
    let counted = reader.contents_of(record)?;
    let said = json!({"record": counted.pseudonym, "erased": time::instant(call.now_us), "documents": counted.documents, "resources": counted.resources, "facts": counted.facts});
    let seal = app.mac(&[b"erasure", &json_bytes(&said)?])?;
    let seal: String = seal.iter().map(|b| format!("{b:02x}")).collect();
    Ok(json!({"resourceType": "Parameters", "parameter": [
        {"name": "record", "valueString": counted.pseudonym},
        {"name": "erased", "valueInstant": said.get("erased")},
        {"name": "documents", "valueInteger": counted.documents},
        {"name": "resources", "valueInteger": counted.resources},
        {"name": "facts", "valueInteger": counted.facts},
        {"name": "seal", "valueString": seal}
    ]}))
}
