//! What a visit may do beside the interactions that everybody has.

use serde_json::Value;

use super::launch::breaking;
use super::{Imported, Visit};
use crate::access::{Rule, person_key};
use crate::audit::Action;
use crate::fhir::{Actor, Fault, FaultKind, Result};
use crate::interaction::dispatch::may_ask;
use crate::interaction::{Answer, App, Call, Method, notices, read};
use crate::store::{Operation, Plan};

/// µs of a day.
const DAY_US: i64 = 86_400_000_000;

/// Whether consent or bris de glace can open a record that was refused: not one that is closed, nor to somebody whom the patient blocked or
/// to whose profession the matrix opens nothing.
pub fn may_be_opened(refusal: &Fault) -> bool {
    ![Rule::RecordClosed, Rule::Blocked, Rule::ProfessionClosed].iter().any(|rule| refusal.cause.as_deref() == Some(rule.code()))
}

/// Parameters of `$key-info` that the page takes: what it was asked with, it shows. `section` and those after it are the page's own.
const OF_THE_PAGE: &[&str] = &["specialty", "situation", "window", "asOf", "section", "offset", "maxPerSection", "explain"];

/// The call that asks for the view model of the page, or of one section of it, with the parameters the page gave.
pub fn view(app: &App, visit: &Visit, query: &[(String, String)], address: &str) -> Call {
    let mut call = visit.call(app, Method::Get, &["Patient", &visit.patient, "$key-info"], address);
    call.query = query.iter().filter(|(name, _)| OF_THE_PAGE.contains(&name.as_str())).cloned().collect();
    call.query.push(("_format".to_owned(), "keyinfo".to_owned()));
    call
}

/// The ways a page can be arranged: value of the parameter `specialty`, and title.
pub fn views(app: &App) -> Vec<(String, String)> {
    app.rules.profiles().all().iter().map(|p| (p.id.clone(), p.title.clone())).collect()
}

/// Refuses a document of another record than the patient's, and one that the caller may not see, in the words of one that does not exist;
/// whether he may ask at all comes first. The event names what was asked for
/// before anything is known of it: in the trail, too, hidden, elsewhere and nowhere are the same.
///
/// # Errors
/// `NotFound`; `Forbidden` for who may ask of no document, or has no right to the patient's record.
pub fn of_patient(app: &App, call: &Call, patient: &str, id: &str) -> Result<()> {
    call.touched(format!("DocumentReference/{id}"));
    may_ask(call)?;
    app.store.read(&call.visibility, |reader| {
        let home = reader.place("Patient", patient)?.ok_or_else(read::not_here)?.record;
        let record = reader.place("DocumentReference", id)?.map(|place| place.record);
        if record == Some(home) {
            return Ok(());
        }
        reader.open_to_caller(home)?;
        Err(read::not_here())
    })
}

/// The actor of a visit once the glass is broken for this reason.
///
/// # Errors
/// `Forbidden` without a reason, `BadValue` for one that is too long.
pub fn glass_breaker(actor: &Actor, reason: &str) -> Result<Actor> {
    breaking(actor, reason)
}

/// Breaks the glass of the patient's record: the call's actor is who does, the notices owed are written.
///
/// # Errors
/// `Forbidden` with the rule where even that opens nothing, `Throttled`.
pub fn break_glass(app: &App, call: &Call, patient: &str) -> Result<Answer> {
    call.is("break-glass", Action::R);
    notices::within_limit(app, call)?;
    app.store.read(&call.visibility, |reader| {
        let record = reader.place("Patient", patient)?.ok_or_else(read::not_here)?.record;
        call.about(patient);
        reader.open_to_caller(record)
    })?;
    notices::announce(app, call)?;
    Ok(Answer::empty(204))
}

/// Whether the practitioner must be told (again) that access is traced under his name.
///
/// # Errors
/// `Bug` or `Busy` from the database.
pub fn notice_due(app: &App, visit: &Visit) -> Result<bool> {
    let Some(person) = visit.actor.person.as_ref() else { return Ok(false) };
    let now_us = app.now_us();
    let visibility = app.rules.visibility(&visit.caller, &visit.actor, now_us);
    let days = i64::try_from(app.config.consult.notice_days).unwrap_or(1);
    let read = app.store.read(&visibility, |reader| reader.notice_read(&person_key(&person.id)))?;
    Ok(read.is_none_or(|at_us| now_us >= at_us.saturating_add(days.saturating_mul(DAY_US))))
}

/// «J'ai compris»: kept, with its trace.
///
/// # Errors
/// `Forbidden` for who is no person; what writing answers.
pub fn notice_read(app: &App, call: &Call) -> Result<Answer> {
    call.is("notice", Action::U);
    let person = call.actor.person.as_ref().ok_or_else(|| Fault::new(FaultKind::Forbidden, 764, "the notice is read by a practitioner"))?;
    let operations = vec![Operation::NoticeRead { person: person_key(&person.id), at_us: call.now_us }];
    app.commit(call, Plan { operations, ..Plan::default() }, 0)?;
    Ok(Answer::empty(204))
}

/// The three identifiers of a document, from its DocumentReference.
///
/// # Errors
/// `Bug` for a resource that cannot be read.
pub fn imported(reference: &[u8]) -> Result<Imported> {
    let value: Value = serde_json::from_slice(reference).map_err(|e| Fault::new(FaultKind::Bug, 765, "a stored resource is damaged").because(e))?;
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let identifiers = value.get("identifier").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let said = |i: &&Value| i.get("value").and_then(Value::as_str).is_some_and(|v| v.starts_with("urn:uuid:"));
    let entry = identifiers.iter().find(said).and_then(|i| i.get("value")?.as_str()).unwrap_or_default().to_owned();
    Ok(Imported { unique_id: text("/masterIdentifier/value"), entry_uuid: entry, logical_id: text("/id"), url: text("/content/0/attachment/url") })
}
