//! transaction: every entry in one plan, answered in request order. A Provide Document Bundle goes through ITI-65 first.
//! Spec: FHIR R4 http#transaction.

mod documents;
mod step;
mod work;

use serde_json::Value;

use super::planning::{outcome, raw_bundle};
use super::resource;
use super::{Answer, App, Call, batch, iti65};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::xds;

pub(super) use work::{Answered, Offer, plan};

/// POST [base]
pub(super) fn process(app: &App, call: &Call) -> Result<Answer> {
    call.is("transaction", Action::E);
    let sent = resource::Sent::read(&call.body, "Bundle")?;
    let entries = sent.value.get("entry").and_then(Value::as_array).map_or(0, Vec::len);
    if entries > app.config.limits.bundle_entries {
        return Err(Fault::new(FaultKind::TooCostly, 450, format!("a Bundle may hold {} entries", app.config.limits.bundle_entries)).at("Bundle.entry"));
    }
    match sent.value.get("type").and_then(Value::as_str) {
        Some("transaction") if xds::is_provide_bundle(&sent.value) => iti65::provide(app, call, &sent),
        Some("transaction") => {
            let (outcomes, written) = app.plan_and_commit(call, || work::plan(app, call, &sent, Offer::Plain))?;
            Ok(Answer::resource(respond(&outcomes, written.map_or(call.now_us, |w| w.at_us))))
        }
        Some("batch") => {
            call.is("batch", Action::E);
            Ok(batch::batch(app, call, &sent.value))
        }
        _ => Err(Fault::new(FaultKind::RuleBroken, 451, "the base URL takes a Bundle of type transaction or batch; a document Bundle goes to $deposit").at("Bundle.type")),
    }
}

/// The transaction-response of some answers, in request order.
pub(super) fn respond(outcomes: &[Answered], at_us: i64) -> Vec<u8> {
    let at = time::instant(at_us);
    let responses: Vec<String> = outcomes.iter().map(|o| response(o, &at)).collect();
    raw_bundle("transaction-response", None, &[], &responses)
}

fn response(answered: &Answered, at: &str) -> String {
    match answered {
        Answered::Written { kind, id, number, created, warnings } => {
            let status = if *created { "201 Created" } else { "200 OK" };
            let outcome = if warnings.is_empty() { String::new() } else { format!(",\"outcome\":{}", String::from_utf8_lossy(&outcome(warnings))) };
            format!(
                "{{\"response\":{{\"status\":\"{status}\",\"location\":\"{kind}/{id}/_history/{number}\",\"etag\":\"W/\\\"{number}\\\"\",\"lastModified\":\"{at}\"{outcome}}}}}"
            )
        }
        Answered::Deleted => "{\"response\":{\"status\":\"204 No Content\"}}".to_owned(),
        Answered::Ignored(warnings) => format!("{{\"response\":{{\"status\":\"200 OK\",\"outcome\":{}}}}}", String::from_utf8_lossy(&outcome(warnings))),
        Answered::Read(bytes) => format!("{{\"resource\":{},\"response\":{{\"status\":\"200 OK\"}}}}", String::from_utf8_lossy(bytes)),
    }
}
