//! Small things every interaction shares: bytes, bundles, outcomes, and writing a plan with its audit event.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{App, Call, throttle};
use crate::access::Visibility;
use crate::audit::{Event, Outcome};
use crate::fhir::{Fault, FaultKind, Issue, Result};
use crate::store::{AuditLine, Pending, Plan, Written};

/// JSON of anything.
pub(super) fn json_bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Fault::new(FaultKind::Bug, 320, "a value could not be written as JSON").because(e))
}

/// JSON of a resource.
pub(super) fn to_bytes(value: &Value) -> Result<Vec<u8>> {
    json_bytes(value)
}

/// A Bundle joined from the bytes of its entries.
pub(super) fn raw_bundle(kind: &str, total: Option<usize>, links: &[(String, String)], entries: &[String]) -> Vec<u8> {
    let mut out = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\"");
    if let Some(total) = total {
        out.push_str(&format!(",\"total\":{total}"));
    }
    if !links.is_empty() {
        let links: Vec<String> = links.iter().map(|(relation, url)| format!("{{\"relation\":\"{relation}\",\"url\":{}}}", Value::String(url.clone()))).collect();
        out.push_str(&format!(",\"link\":[{}]", links.join(",")));
    }
    if !entries.is_empty() {
        out.push_str(",\"entry\":[");
        out.push_str(&entries.join(","));
        out.push(']');
    }
    out.push('}');
    out.into_bytes()
}

/// An OperationOutcome of some issues, by the typed model.
pub(super) fn outcome(issues: &[Issue]) -> Vec<u8> {
    let issues: Vec<fhir_typed::OutcomeIssue<'_>> = issues
        .iter()
        .take(100)
        .map(|i| fhir_typed::OutcomeIssue { severity: i.severity.code(), code: i.code.code(), diagnostics: &i.diagnostics, expression: i.expression.as_deref() })
        .collect();
    fhir_typed::operation_outcome(&issues)
}

/// The OperationOutcome of a fault; its number is in the first text.
pub fn outcome_of(fault: &Fault) -> Vec<u8> {
    let mut issues = fault.issues.clone();
    if let Some(first) = issues.first_mut() {
        first.diagnostics = format!("P-{:04}: {}", fault.number, first.diagnostics);
    }
    outcome(&issues)
}

impl App {
    /// Hands an event of a read (or of a refusal) to the log: one line per patient, durable together.
    ///
    /// # Errors
    /// `Busy` when the log cannot take it.
    pub fn trace(&self, event: &Event) -> Result<Pending> {
        let lines = self.named(event, 0)?.iter().map(line).collect::<Result<_>>()?;
        self.read_log.append(lines)
    }

    /// Writes a plan together with the event of this call.
    ///
    /// # Errors
    /// What the writer answers; `WriteConflict` means that planning again may succeed.
    pub(super) fn commit(&self, call: &Call, mut plan: Plan, record: i64) -> Result<Written> {
        let mut event = call.event.borrow().clone();
        event.outcome = Outcome::Success;
        for event in self.named(&event, record)? {
            plan.audit.push(AuditLine { record, line: line(&event)? });
        }
        let carried = throttle::carried(&plan);
        let written = self.store.write(plan)?;
        call.committed.set(true);
        call.missed.borrow_mut().made(&carried);
        Ok(written)
    }

    /// Plans and writes, planning again when another writer was faster: at most three times.
    ///
    /// # Errors
    /// What planning or writing answers.
    pub(super) fn plan_and_commit<T>(&self, call: &Call, mut plan: impl FnMut() -> Result<Planned<T>>) -> Result<(T, Option<Written>)> {
        let before = call.event.borrow().clone();
        let mut last = Fault::new(FaultKind::WriteConflict, 321, "others write the same thing; send the request again");
        for _ in 0..3 {
            call.event.replace(before.clone());
            let mut planned = plan();
            // The files that planning found are read between two snapshots, never inside one.
            if planned.as_ref().is_ok_and(|p| p.plan.is_some()) && self.read_layers(call) {
                call.event.replace(before.clone());
                planned = plan();
            }
            let committed = match planned {
                Ok(Planned { plan: None, value, .. }) => return Ok((value, None)),
                Ok(Planned { plan: Some(plan), record, value }) => self.commit(call, plan, record).map(|written| (value, Some(written))),
                // What planning itself finds wrong stays wrong.
                Err(e) => {
                    self.undone(call, before)?;
                    return Err(e);
                }
            };
            match committed {
                Ok(done) => return Ok(done),
                Err(e) if e.kind == FaultKind::WriteConflict => last = e,
                Err(e) => {
                    self.undone(call, before)?;
                    return Err(e);
                }
            }
        }
        self.undone(call, before)?;
        Err(last)
    }

    /// What was planned never came to be: its ids leave the event, the patients that exist stay.
    fn undone(&self, call: &Call, before: Event) -> Result<()> {
        let planned = call.event.replace(before);
        let names: Vec<&String> = planned.patient.iter().chain(&planned.also).collect();
        if !names.is_empty() {
            self.store.read(&call.visibility, |reader| {
                for id in names {
                    if reader.place("Patient", id)?.is_some() {
                        call.about(id);
                    }
                }
                Ok(())
            })?;
        }
        call.event.borrow_mut().records = planned.records;
        Ok(())
    }

    /// The events of an interaction: one per patient, those of the records it touched included. `record` is asked only when no
    /// patient and no record was named.
    fn named(&self, event: &Event, record: i64) -> Result<Vec<Event>> {
        let mut patients: Vec<String> = event.patient.iter().chain(&event.also).cloned().collect();
        let mut seen: HashSet<String> = patients.iter().cloned().collect();
        let fallback = if patients.is_empty() && event.records.is_empty() { record } else { 0 };
        for record in event.records.iter().copied().chain([fallback]).filter(|r| *r != 0) {
            let patient = self.patient_of(event, record)?;
            patients.extend(patient.filter(|p| seen.insert(p.clone())));
        }
        Ok(event.each(&patients, || self.new_id()))
    }

    /// FHIR id of the patient of a record; it never changes, so it is looked up once.
    fn patient_of(&self, event: &Event, record: i64) -> Result<Option<String>> {
        if let Some(held) = self.patients.get(&record) {
            return Ok(Some(String::clone(&held)));
        }
        let found = self.store.read(&Visibility::open(event.structure.as_str(), event.at_us), |r| r.patient_of(record))?;
        if let Some(id) = &found {
            self.patients.put(record, Arc::new(id.clone()), 1);
        }
        Ok(found)
    }
}

fn line(event: &Event) -> Result<String> {
    Ok(String::from_utf8(json_bytes(event)?).unwrap_or_default())
}

/// A plan with what will be answered when it is written; no plan means that there is nothing to write.
pub(super) struct Planned<T> {
    pub plan: Option<Plan>,
    /// Record the audit event belongs to.
    pub record: i64,
    pub value: T,
}
