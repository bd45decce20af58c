//! Small things every interaction shares: bytes, bundles, outcomes, and writing a plan with its audit event.

use serde::Serialize;
use serde_json::Value;

use super::{App, Call};
use crate::audit::Outcome;
use crate::fhir::{Fault, FaultKind, Issue, Result};
use crate::store::{AuditLine, Plan, Written};

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
    /// Hands an event of a read (or of a refusal) to the log.
    ///
    /// # Errors
    /// `Busy` when the log cannot take it.
    pub fn trace(&self, event: &crate::audit::Event) -> Result<crate::store::Pending> {
        let line = String::from_utf8(json_bytes(event)?).unwrap_or_default();
        self.read_log.append(line)
    }

    /// Writes a plan together with the event of this call.
    ///
    /// # Errors
    /// What the writer answers; `WriteConflict` means that planning again may succeed.
    pub(super) fn commit(&self, call: &Call, mut plan: Plan, record: i64) -> Result<Written> {
        let mut event = call.event.borrow().clone();
        event.outcome = Outcome::Success;
        let line = String::from_utf8(json_bytes(&event)?).unwrap_or_default();
        plan.audit.push(AuditLine { record, line });
        let written = self.store.write(plan)?;
        call.committed.set(true);
        Ok(written)
    }

    /// Plans and writes, planning again when another writer was faster: at most three times.
    ///
    /// # Errors
    /// What planning or writing answers.
    pub(super) fn plan_and_commit<T>(&self, call: &Call, mut plan: impl FnMut() -> Result<Planned<T>>) -> Result<(T, Option<Written>)> {
        let mut last = Fault::new(FaultKind::WriteConflict, 321, "others write the same thing; send the request again");
        for _ in 0..3 {
            let Planned { plan, record, value } = plan()?;
            let Some(plan) = plan else { return Ok((value, None)) };
            match self.commit(call, plan, record) {
                Ok(written) => return Ok((value, Some(written))),
                Err(e) if e.kind == FaultKind::WriteConflict => last = e,
                Err(e) => return Err(e),
            }
        }
        Err(last)
    }
}

/// A plan with what will be answered when it is written; no plan means that there is nothing to write.
pub(super) struct Planned<T> {
    pub plan: Option<Plan>,
    /// Record the audit event belongs to.
    pub record: i64,
    pub value: T,
}
