//! batch: each entry a request of its own, with an event of its own.
//! Spec: FHIR R4 http#transaction.

use serde_json::Value;

use super::planning::{outcome_of, raw_bundle, to_bytes};
use super::{Answer, App, Body, Call, Method, dispatch};
use crate::audit::{Event, Outcome};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::Pending;

/// Carries out every entry; one that fails harms no other. The events of the reads are durable together, before the answer.
pub(super) fn batch(app: &App, call: &Call, bundle: &Value) -> Answer {
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut left = app.config.limits.answer_bytes;
    let done: Vec<(Result<Answer>, Option<Pending>)> = entries.iter().map(|e| within(&mut left, || carry_out(app, call, e))).collect();
    let responses: Vec<String> = done.into_iter().map(|(outcome, traced)| response(traced.map_or(Ok(()), Pending::wait).and(outcome))).collect();
    Answer::resource(raw_bundle("batch-response", None, &[], &responses))
}

/// Carries out an entry while the answers so far leave room; what it answers takes its part.
fn within(left: &mut usize, entry: impl FnOnce() -> (Result<Answer>, Option<Pending>)) -> (Result<Answer>, Option<Pending>) {
    if *left == 0 {
        return (Err(too_much()), None);
    }
    let (outcome, traced) = entry();
    *left = outcome.as_ref().map_or(*left, |a| left.saturating_sub(a.body.size()));
    (outcome, traced)
}

/// The answers of a Bundle are held together until they leave.
pub(super) fn too_much() -> Fault {
    Fault::new(FaultKind::TooCostly, 668, "the entries before this one answer more than limits.answer_bytes; send fewer at once")
}

fn response(outcome: Result<Answer>) -> String {
    match outcome {
        Ok(answer) => {
            let location = answer.location.map(|l| format!(",\"location\":\"{l}\"")).unwrap_or_default();
            let etag = answer.version.map(|v| format!(",\"etag\":\"W/\\\"{v}\\\"\"")).unwrap_or_default();
            let resource = match answer.body {
                Body::Resource(bytes) => format!("\"resource\":{},", String::from_utf8_lossy(&bytes)),
                _ => String::new(),
            };
            format!("{{{resource}\"response\":{{\"status\":\"{}\"{location}{etag}}}}}", answer.status)
        }
        Err(e) => format!("{{\"response\":{{\"status\":\"{}\",\"outcome\":{}}}}}", e.kind.row().status, String::from_utf8_lossy(&outcome_of(&e))),
    }
}

/// One entry as a request of its own, its event durable.
///
/// # Errors
/// What the request answers.
pub(super) fn alone(app: &App, call: &Call, entry: &Value) -> Result<Answer> {
    let (outcome, traced) = carry_out(app, call, entry);
    traced.map_or(Ok(()), Pending::wait).and(outcome)
}

/// What an entry answers, once its event (of a read or a refusal) is durable.
fn carry_out(app: &App, call: &Call, entry: &Value) -> (Result<Answer>, Option<Pending>) {
    let sub = match sub_call(call, entry) {
        Ok(sub) => sub,
        Err(e) => return unread(app, call, e),
    };
    sub.presume();
    let outcome = dispatch(app, &sub);
    if sub.committed.get() {
        return (outcome, None);
    }
    let status = outcome.as_ref().map_or_else(|e| e.kind.row().status, |a| a.status);
    sub.ended(outcome.as_ref().err(), status);
    let traced = app.trace(&sub.event.borrow());
    match traced {
        Ok(pending) => (outcome, Some(pending)),
        Err(e) => (Err(e), None),
    }
}

/// An entry that is no request: its refusal is traced under the name of an operation that nobody offers.
fn unread(app: &App, call: &Call, fault: Fault) -> (Result<Answer>, Option<Pending>) {
    let (interaction, action) = Call::presumed(None, &[]);
    let event = Event { interaction, action, outcome: Outcome::Refused, fault: fault.number, ..entry_event(call) };
    match app.trace(&event) {
        Ok(pending) => (Err(fault), Some(pending)),
        Err(untraced) => (Err(untraced), None),
    }
}

/// The event of an entry, who acts being the same for all.
fn entry_event(call: &Call) -> Event {
    let shell = call.event.borrow();
    let event = Call::event_for(&call.caller, Some(&call.actor), call.now_us, (shell.address.clone(), shell.request_id.clone()));
    Event { matrix: shell.matrix.clone(), by: shell.by.clone(), ..event }
}

/// The request an entry stands for; it goes through the same door as any other.
fn sub_call(call: &Call, entry: &Value) -> Result<Call> {
    let request = |name: &str| entry.get("request").and_then(|r| r.get(name)).and_then(Value::as_str);
    let bad = |what: &str| Fault::new(FaultKind::BadValue, 458, format!("request.{what} of the entry is missing or wrong"));
    let method = match request("method") {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("PATCH") => Method::Patch,
        Some("DELETE") => Method::Delete,
        _ => return Err(bad("method")),
    };
    let url = request("url").filter(|u| !u.contains("://") && !u.contains("..") && !u.starts_with('/')).ok_or_else(|| bad("url"))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if path.is_empty() {
        return Err(bad("url"));
    }
    let pairs = super::form_pairs(query);
    super::without_token(&pairs)?;
    let body = entry.get("resource").map(to_bytes).transpose()?.unwrap_or_default();
    Ok(Call {
        caller: call.caller.clone(),
        actor: call.actor.clone(),
        visibility: call.visibility.clone(),
        now_us: call.now_us,
        method,
        path: path.split('/').map(str::to_owned).collect(),
        query: pairs,
        raw_query: query.to_owned(),
        body: body.into(),
        content_type: "application/fhir+json".into(),
        accept: vec!["application/fhir+json".into()],
        if_match: request("ifMatch").map(str::to_owned),
        if_none_match: request("ifNoneMatch").map(str::to_owned),
        if_none_exist: request("ifNoneExist").map(str::to_owned),
        prefer: call.prefer.clone(),
        event: std::cell::RefCell::new(entry_event(call)),
        committed: std::cell::Cell::new(false),
        layers: std::cell::RefCell::default(),
        missed: std::cell::RefCell::default(),
        sent: std::cell::OnceCell::new(),
    })
}
