//! transaction: every entry in one plan, answered in request order. A Provide Document Bundle goes through ITI-65 first.
//! Spec: FHIR R4 http#transaction.

mod documents;
mod step;
mod work;

use serde_json::Value;

use super::planning::{outcome, outcome_of, raw_bundle};
use super::resource;
use super::{Answer, App, Body, Call, batch, iti65};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, gate, time};
use crate::xds;

pub(super) use work::{Answered, Offer, plan};

/// POST [base]
pub(super) fn process(app: &App, call: &Call) -> Result<Answer> {
    call.is("transaction", Action::E);
    if bundle_type(&call.body).as_deref() == Some("batch") {
        return batched(app, call);
    }
    let sent = resource::Sent::read(&call.body, "Bundle")?;
    within_limit(app, &sent.value)?;
    match sent.value.get("type").and_then(Value::as_str) {
        Some("transaction") if xds::is_provide_bundle(&sent.value) => iti65::provide(app, call, &sent),
        Some("transaction") => {
            let entries = sent.value.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            // A search that cannot be answered fails the transaction before anything is written.
            searches(entries).try_for_each(|(_, entry)| batch::alone(app, call, entry).map(|_| ()))?;
            let (mut outcomes, written) = app.plan_and_commit(call, || {
                let planned = work::plan(app, call, &sent, Offer::Plain)?;
                call.is("transaction", action(&planned.value));
                Ok(planned)
            })?;
            let at_us = written.map_or(call.now_us, |w| w.at_us);
            for answered in &mut outcomes {
                if let Answered::Read(bytes) = answered {
                    resource::stamp(bytes, at_us)?;
                }
            }
            let mut left = app.config.limits.answer_bytes;
            for (index, entry) in searches(entries) {
                // Everything is stored by now: a search that fails is a fault of its entry alone.
                let answered = if left == 0 { Err(batch::too_much()) } else { batch::alone(app, call, entry) };
                left = answered.as_ref().map_or(left, |a| left.saturating_sub(a.body.size()));
                let answered = match answered {
                    Ok(answer) => {
                        if let Body::Resource(found) = answer.body {
                            Answered::Read(found)
                        } else {
                            Answered::Search
                        }
                    }
                    Err(fault) => Answered::Refused(fault),
                };
                if let Some(slot) = outcomes.get_mut(index) {
                    *slot = answered;
                }
            }
            Ok(Answer::resource(respond(&outcomes, Some(at_us))))
        }
        _ => Err(Fault::new(FaultKind::RuleBroken, 451, "the base URL takes a Bundle of type transaction or batch; a document Bundle goes to $deposit").at("Bundle.type")),
    }
}

/// The entries of a transaction that search.
fn searches(entries: &[Value]) -> impl Iterator<Item = (usize, &Value)> {
    let asked = |e: &Value, name: &str| e.pointer(&format!("/request/{name}")).and_then(Value::as_str).map(str::to_owned);
    entries.iter().enumerate().filter(move |(_, e)| asked(e, "method").as_deref() == Some("GET") && asked(e, "url").is_some_and(|u| u.contains('?')))
}

/// What a transaction amounts to in the trace: one letter when all its entries do the same, else E.
fn action(outcomes: &[Answered]) -> Action {
    let mut all = outcomes.iter().filter_map(|o| match o {
        Answered::Written { created: true, .. } => Some(Action::C),
        Answered::Written { created: false, .. } => Some(Action::U),
        Answered::Deleted => Some(Action::D),
        Answered::Read(_) | Answered::Search => Some(Action::R),
        Answered::Ignored(_) | Answered::Refused(_) => None,
    });
    let first = all.next().unwrap_or(Action::E);
    if all.all(|a| a == first) { first } else { Action::E }
}

/// The type a Bundle claims, when the body passes the gate.
fn bundle_type(body: &[u8]) -> Option<String> {
    let node = gate::parse(body).ok()?;
    (node.get("resourceType").and_then(gate::Node::text) == Some("Bundle")).then(|| node.get("type").and_then(gate::Node::text).map(str::to_owned))?
}

/// A batch is checked entry by entry, so that one wrong entry harms no other.
fn batched(app: &App, call: &Call) -> Result<Answer> {
    call.is("batch", Action::E);
    gate::parse(&call.body)?;
    let bundle: Value = serde_json::from_slice(&call.body).map_err(|e| Fault::new(FaultKind::Malformed, 449, "the body is not JSON").because(e))?;
    within_limit(app, &bundle)?;
    Ok(batch::batch(app, call, &bundle))
}

fn within_limit(app: &App, bundle: &Value) -> Result<()> {
    let entries = bundle.get("entry").and_then(Value::as_array).map_or(0, Vec::len);
    if entries > app.config.limits.bundle_entries {
        return Err(Fault::new(FaultKind::TooCostly, 450, format!("a Bundle may hold {} entries", app.config.limits.bundle_entries)).at("Bundle.entry"));
    }
    Ok(())
}

/// The transaction-response of some answers, in request order; the commit's time (µs UTC) where it is known already.
pub(super) fn respond(outcomes: &[Answered], at_us: Option<i64>) -> Vec<u8> {
    let at = at_us.map(|at| format!(",\"lastModified\":\"{}\"", time::instant(at))).unwrap_or_default();
    let responses: Vec<String> = outcomes.iter().map(|o| response(o, &at)).collect();
    raw_bundle("transaction-response", None, &[], &responses)
}

fn response(answered: &Answered, at: &str) -> String {
    match answered {
        Answered::Written { kind, id, number, created, warnings } => {
            let status = if *created { "201 Created" } else { "200 OK" };
            let outcome = if warnings.is_empty() { String::new() } else { format!(",\"outcome\":{}", String::from_utf8_lossy(&outcome(warnings))) };
            format!("{{\"response\":{{\"status\":\"{status}\",\"location\":\"{kind}/{id}/_history/{number}\",\"etag\":\"W/\\\"{number}\\\"\"{at}{outcome}}}}}")
        }
        Answered::Refused(fault) => format!("{{\"response\":{{\"status\":\"{}\",\"outcome\":{}}}}}", fault.kind.row().status, String::from_utf8_lossy(&outcome_of(fault))),
        Answered::Search => "{\"response\":{\"status\":\"200 OK\"}}".to_owned(),
        Answered::Deleted => "{\"response\":{\"status\":\"204 No Content\"}}".to_owned(),
        Answered::Ignored(warnings) => format!("{{\"response\":{{\"status\":\"200 OK\",\"outcome\":{}}}}}", String::from_utf8_lossy(&outcome(warnings))),
        Answered::Read(bytes) => format!("{{\"resource\":{},\"response\":{{\"status\":\"200 OK\"}}}}", String::from_utf8_lossy(bytes)),
    }
}
