//! `Patient/[id]/$erase`: the end of a record at the end of its retention. Everything of it goes, in one commit; the trace of what was
//! done with it stays, and so does a signed proof, whose hash is in the trace.
//! Spec: RGPD art. 5 §1 e and 17; `fhir-profiles/access-matrix/durations.toml` (retention).

use serde_json::{Value, json};

use super::planning::{Planned, to_bytes};
use super::{Answer, App, Call, read, resource};
use crate::access::{FERMETURE, Span, Visibility};
use crate::audit::{Action, Checkpoint, Erasure};
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::store::{Operation, Plan, Precondition, Reader, Store, chain_hash};

/// Characters of a reason.
const MAX_MOTIF: usize = 500;
/// Records looked at in one snapshot.
const BLOCK: i64 = 500;

/// POST Patient/[id]/$erase, with Parameters `motif` (words) before the retention is over. Sent again, it answers the proof again.
pub(super) fn erase(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("erase", Action::D);
    let motif = motif(&call.body)?;
    let key = app.uuid_of(&[b"erasure", id.as_bytes()])?;
    if let Some(proof) = app.store.read(&call.visibility.feeding(), |r| if r.is_taken("Patient", id)? { Ok(None) } else { r.receipt(&key) })? {
        call.is("erase", Action::R);
        call.about(id);
        return Ok(Answer::resource(proof));
    }
    let (proof, _) = app.plan_and_commit(call, || plan(app, call, (id, &key), motif.as_deref()))?;
    Ok(Answer::resource(proof))
}

/// A record that may be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// FHIR id of its Patient.
    pub id: String,
    /// Day on which it was closed.
    pub closed: String,
    /// Since when its retention is over, µs UTC.
    pub over_us: i64,
}

/// The records that were closed for as long as they are kept, by a moment (µs UTC).
///
/// # Errors
/// `Bug` or `Busy` from the database, `Bug` for a damaged Patient.
pub fn due(store: &Store, now_us: i64) -> Result<Vec<Due>> {
    let (mut out, mut after) = (Vec::new(), 0);
    loop {
        let patients = store.read(&Visibility::open("", now_us), |reader| {
            let rows = reader.patients_after(after, BLOCK)?;
            rows.into_iter().map(|row| Ok((row.record, row.id.clone(), reader.uncut(row)?))).collect::<Result<Vec<_>>>()
        })?;
        let Some(last) = patients.last() else { return Ok(out) };
        after = last.0;
        for (_, id, body) in patients {
            let patient = parsed(&body)?;
            let ended = closed_on(&patient).and_then(|closed| Some((closed.to_owned(), over(closed)?)));
            out.extend(ended.filter(|(_, over_us)| *over_us <= now_us).map(|(closed, over_us)| Due { id, closed, over_us }));
        }
    }
}

fn motif(body: &[u8]) -> Result<Option<String>> {
    if body.is_empty() {
        return Ok(None);
    }
    let sent = resource::Sent::read(body, "Parameters")?;
    let all = sent.value.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let motif = all.iter().find(|p| p.get("name").and_then(Value::as_str) == Some("motif")).and_then(|p| p.get("valueString")?.as_str());
    let motif = motif.map(str::trim).filter(|m| !m.is_empty());
    if motif.is_some_and(|m| m.chars().count() > MAX_MOTIF) {
        return Err(Fault::new(FaultKind::BadValue, 975, format!("motif may hold {MAX_MOTIF} characters")).at("Parameters.parameter"));
    }
    Ok(motif.map(str::to_owned))
}

fn parsed(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).map_err(|e| Fault::new(FaultKind::Bug, 657, "a stored resource is damaged").because(e))
}

fn plan(app: &App, call: &Call, (id, key): (&str, &str), motif: Option<&str>) -> Result<Planned<Vec<u8>>> {
    app.store.read(&call.visibility.feeding(), |reader| {
        let found = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
        call.about(id);
        call.touched(format!("Patient/{id}"));
        let closed = may_end(call, &parsed(&found.body)?, motif)?;
        let record = found.row.record;
        let erasure = counted(app, call, reader, record)?;
        let erasure = Erasure { closed, motif: motif.unwrap_or_default().to_owned(), ..erasure };
        let proof = proof(app, call, &erasure)?;
        let plan = Plan {
            preconditions: vec![Precondition::VersionIs { kind: "Patient".into(), id: id.to_owned(), number: found.row.number }],
            operations: vec![Operation::Erase { record }],
            receipt: reader.receipt(key)?.is_none().then(|| (key.to_owned(), proof.clone())),
            ..Plan::default()
        };
        Ok(Planned { plan: Some(plan), record, value: proof })
    })
}

/// A record ends when it was closed for as long as it is kept, or, closed, for a reason that somebody gives; the day it was closed.
fn may_end(call: &Call, patient: &Value, motif: Option<&str>) -> Result<String> {
    let Some(closed) = closed_on(patient) else {
        return Err(Fault::new(FaultKind::RuleBroken, 658, "a record is closed ($close) before it is erased"));
    };
    if over(closed).is_some_and(|over_us| over_us <= call.now_us) || motif.is_some() {
        return Ok(closed.to_owned());
    }
    Err(Fault::new(FaultKind::RuleBroken, 659, "the record is kept until its retention is over; an earlier end gives its reason in the parameter motif"))
}

/// When the retention of a record that was closed on a day is over, µs UTC.
fn over(closed: &str) -> Option<i64> {
    time::range(closed).map(|(low, _)| Span::Retention.after(low))
}

/// The day the record was closed.
fn closed_on(patient: &Value) -> Option<&str> {
    let all = patient.get("extension")?.as_array()?;
    let closing = all.iter().find(|e| e.get("url").and_then(Value::as_str) == Some(FERMETURE))?;
    let parts = closing.get("extension")?.as_array()?;
    parts.iter().find(|e| e.get("url").and_then(Value::as_str) == Some("dateFermeture"))?.get("valueDate")?.as_str()
}

fn counted(app: &App, call: &Call, reader: &mut Reader<'_>, record: i64) -> Result<Erasure> {
    let held = reader.contents_of(record)?;
    Ok(Erasure {
        record: held.pseudonym,
        closed: String::new(),
        erased: time::instant(call.now_us),
        motif: String::new(),
        matrix: app.rules.matrix().version().to_owned(),
        documents: held.documents,
        resources: held.resources,
        facts: held.facts,
    })
}

/// What was erased, in words and signed: who holds the proof learns how much, nothing of what. Its hash stands in the event.
fn proof(app: &App, call: &Call, erasure: &Erasure) -> Result<Vec<u8>> {
    let at_s = call.now_us / 1_000_000;
    let claims = json!({"iss": Checkpoint::PARTY, "aud": Checkpoint::PARTY, "iat": at_s, "exp": at_s + 3600, "erasure": erasure});
    let signed = app.signed(Erasure::TYPE, &claims)?;
    call.looked_at(Erasure::DETAIL, &chain_hash(&signed));
    let mut parameters = vec![
        json!({"name": "record", "valueString": erasure.record}),
        json!({"name": "closed", "valueDate": erasure.closed}),
        json!({"name": "erased", "valueInstant": erasure.erased}),
        json!({"name": "documents", "valueInteger": erasure.documents}),
        json!({"name": "resources", "valueInteger": erasure.resources}),
        json!({"name": "facts", "valueInteger": erasure.facts}),
        json!({"name": "proof", "valueString": signed}),
    ];
    if !erasure.motif.is_empty() {
        parameters.insert(3, json!({"name": "motif", "valueString": erasure.motif}));
    }
    to_bytes(&json!({"resourceType": "Parameters", "parameter": parameters}))
}
