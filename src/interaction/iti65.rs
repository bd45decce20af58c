//! ITI-65 Provide Document Bundle: the submission is checked as a whole, then worked as a transaction.
//! Safe to send again: the same submission gets the answer it got the first time.
//! Spec: IHE MHD 4.2 ITI-65; PDSm 3.1.1 flux 01/02.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::planning::Planned;
use super::resource::Sent;
use super::transaction::{self, Answered, Offer};
use super::{Answer, App, Call};
use crate::audit::Action;
use crate::config::Validation;
use crate::fhir::{Fault, FaultKind, Issue, Result};
use crate::xds;

/// POST [base] with a Provide Document Bundle.
pub(super) fn provide(app: &App, call: &Call, sent: &Sent) -> Result<Answer> {
    call.is("transaction", Action::C);
    call.is_transaction("ITI-65");
    let strict = app.config.documents.validation == Validation::Strict;
    let submission = xds::submission(&sent.value, strict)?;
    let digest: [u8; 32] = Sha256::digest(&sent.bytes).into();
    let key = key(call, submission.set.resource, &digest);
    let (response, _) = app.plan_and_commit(call, || {
        if let Some(answer) = app.store.read(&call.visibility.feeding(), |r| r.receipt(&key))? {
            return Ok(Planned { plan: None, record: 0, value: sent_before(&answer, &digest)? });
        }
        let mut planned = transaction::plan(app, call, sent, Offer::ProvideDocuments)?;
        warn(&mut planned.value, submission.set.index, &submission.warnings);
        let response = transaction::respond(&planned.value, None);
        let mut plan = planned.plan.unwrap_or_default();
        plan.receipt = Some((key.clone(), [digest.as_slice(), &response].concat()));
        Ok(Planned { plan: Some(plan), record: planned.record, value: response })
    })?;
    let mut answer = Answer::resource(response);
    answer.warnings = submission.warnings;
    Ok(answer)
}

/// Who submitted what: the SubmissionSet's uniqueId when it has one, else the bytes themselves.
fn key(call: &Call, list: &Value, digest: &[u8]) -> String {
    let unique = list.get("identifier").and_then(Value::as_array).into_iter().flatten().find_map(|i| {
        let code = i.pointer("/type/coding/0/code").and_then(Value::as_str);
        let value = i.get("value").and_then(Value::as_str)?;
        (code != Some("entryUUID") && !(code.is_none() && value.starts_with("urn:uuid:"))).then(|| value.to_owned())
    });
    let what = unique.unwrap_or_else(|| digest.iter().map(|b| format!("{b:02x}")).collect());
    format!("ITI-65|{}|{what}", call.visibility.structure())
}

/// The stored answer of the same submission; another one under the same uniqueId is refused.
fn sent_before(stored: &[u8], digest: &[u8; 32]) -> Result<Vec<u8>> {
    match stored.split_at_checked(32) {
        Some((known, answer)) if known == digest => Ok(answer.to_vec()),
        _ => Err(Fault::new(FaultKind::WriteConflict, 459, "another submission with this uniqueId was received; give each SubmissionSet its own").at("List.identifier")),
    }
}

/// What is worth a look in the submission itself is told with its SubmissionSet.
fn warn(answers: &mut [Answered], list: usize, found: &[Issue]) {
    if let Some(Answered::Written { warnings, .. }) = answers.get_mut(list) {
        warnings.extend(found.iter().cloned());
    }
}
