//! `POST /launch`: what a software asks for, and whether it may.

use serde_json::Value;

use super::{Opening, Traits, Visit};
use crate::access::{Rule, in_words, may};
use crate::audit::Action;
use crate::fhir::{Actor, Fault, FaultKind, Identifier, Level, Mode, Result, Role};
use crate::identity::parse_strict;
use crate::interaction::throttle::Limit;
use crate::interaction::{App, Call, read};
use crate::store::{Reader, VersionRow};

/// Characters of a situation d'exercice, and of a reason.
const MAX_SITUATION: usize = 64;
const MAX_REASON: usize = 1000;

/// The visit that a request of the API asks a ticket for: `{patient, traits, situation?, mode?, reason?}`.
///
/// # Errors
/// `Forbidden` for who is no practitioner or has no right to ask, `NotFound` or `MultipleMatches` for the patient, `BadValue`,
/// `MissingElement` and `Malformed` for the request, `Throttled` for identities that were wrong too often.
pub fn launch(app: &App, call: &Call, token_ends_s: Option<i64>) -> Result<Visit> {
    call.is("launch", Action::E);
    permitted(call)?;
    let asked = parse_strict(&call.body)
        .filter(Value::is_object)
        .ok_or_else(|| Fault::new(FaultKind::Malformed, 750, "the body is a JSON object: patient, traits, and when wanted situation, mode, reason"))?;
    if let Some(members) = asked.as_object()
        && members.keys().any(|k| !["patient", "traits", "situation", "mode", "reason"].contains(&k.as_str()))
    {
        return Err(Fault::new(FaultKind::BadValue, 751, "the members of the request are patient, traits, situation, mode and reason"));
    }
    let traits = Traits::read(asked.get("traits"))?;
    let actor = acting(&call.actor, &asked)?;
    app.throttle.check(call, Limit::OtherPerson)?;
    app.throttle.check(call, Limit::UnknownPatient)?;
    let request_id = app.new_id();
    call.event.borrow_mut().opening.clone_from(&request_id);
    let named = text(&asked, "patient", 256)?.ok_or_else(|| Fault::new(FaultKind::MissingElement, 752, "say whose record: patient is Patient/ID or system|value").at("patient"))?;
    let (patient, mismatch) = app.store.read(&call.visibility, |reader| {
        let row = patient(app, call, reader, &named)?;
        call.about(&row.id);
        let known: Value = serde_json::from_slice(&reader.with_body(row.clone())?.body).map_err(|e| Fault::new(FaultKind::Bug, 753, "a stored resource is damaged").because(e))?;
        Ok((row.id, traits.contradict(&known)))
    })?;
    if mismatch {
        app.throttle.count(call, Limit::OtherPerson, &request_id);
    }
    Ok(Visit { caller: call.caller.clone(), actor, patient, traits: Some(traits), mismatch, request_id, opening: Opening::Ticket, token_ends_s })
}

/// A practitioner who authenticated himself, with the right to read key information.
pub(in crate::interaction) fn permitted(call: &Call) -> Result<()> {
    let actor = &call.actor;
    if actor.role != Role::Practitioner || actor.person.is_none() || actor.level == Level::Indirect {
        return Err(Fault::new(FaultKind::Forbidden, 754, "a page is opened for a practitioner: send the access token of the person, with direct authentication"));
    }
    match call.visibility.rules() {
        Some(rules) => may(rules.actor.role, &rules.actor.scopes, "Patient", "key-info")
            .map_err(|rule| Fault::new(FaultKind::Forbidden, 755, rule.caller()).for_a_reader().because(rule.code())),
        None => Ok(()),
    }
}

/// The token's actor, in the situation and mode asked for.
fn acting(actor: &Actor, asked: &Value) -> Result<Actor> {
    let mut actor = actor.clone();
    if let Some(situation) = text(asked, "situation", MAX_SITUATION)? {
        let person = actor.person.as_mut().filter(|p| p.situation.is_empty() || p.situation == situation);
        let person = person.ok_or_else(|| Fault::new(FaultKind::RuleBroken, 756, "the situation d'exercice is not the one of the access token").at("situation"))?;
        person.situation = situation;
    }
    let reason = text(asked, "reason", MAX_REASON)?;
    let mode = text(asked, "mode", MAX_SITUATION)?
        .map(|code| Mode::of(&code).ok_or_else(|| Fault::new(FaultKind::BadValue, 757, "mode is normal, bris_de_glace or centre_15").at("mode")))
        .transpose()?;
    match mode.unwrap_or(actor.mode) {
        Mode::Normal => actor = Actor { mode: Mode::Normal, reason: String::new(), ..actor },
        Mode::BrisDeGlace => actor = breaking(&actor, reason.as_deref().unwrap_or(&actor.reason))?,
        Mode::Centre15 if actor.mode == Mode::Centre15 => {}
        Mode::Centre15 => return Err(Fault::new(FaultKind::Forbidden, 758, "the mode centre_15 is the access token's to say").at("mode")),
    }
    Ok(actor)
}

/// The actor who breaks the glass, with the reason in his words.
///
/// # Errors
/// `Forbidden` without a reason, `BadValue` for one that is too long.
pub(super) fn breaking(actor: &Actor, reason: &str) -> Result<Actor> {
    let reason = reason.trim();
    if !in_words(reason) {
        let rule = Rule::BrisDeGlaceWithoutReason;
        return Err(Fault::new(FaultKind::Forbidden, 759, rule.caller()).for_a_reader().because(rule.code()));
    }
    if reason.chars().count() > MAX_REASON || reason.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Err(Fault::new(FaultKind::BadValue, 760, "the reason is a text of at most 1000 characters").at("reason"));
    }
    Ok(Actor { mode: Mode::BrisDeGlace, reason: reason.to_owned(), ..actor.clone() })
}

fn text(asked: &Value, name: &str, max: usize) -> Result<Option<String>> {
    match asked.get(name) {
        None => Ok(None),
        Some(Value::String(t)) if !t.trim().is_empty() && t.chars().count() <= max => Ok(Some(t.trim().to_owned())),
        Some(_) => Err(Fault::new(FaultKind::BadValue, 761, "a member of the request is empty, too long or no text").at(name)),
    }
}

/// The patient that `Patient/ID` or `system|value` names.
///
/// # Errors
/// `NotFound`, counted for identifiers; `MultipleMatches`, `BadValue`.
pub(in crate::interaction) fn patient(app: &App, call: &Call, reader: &mut Reader<'_>, named: &str) -> Result<VersionRow> {
    let local = app.local(named);
    if let Some(id) = local.strip_prefix("Patient/") {
        return reader.version("Patient", id, None)?.filter(|row| !row.deleted).ok_or_else(read::not_here);
    }
    if !local.contains('|') {
        return Err(Fault::new(FaultKind::BadValue, 762, "patient is Patient/ID or system|value").at("patient"));
    }
    let asked = Identifier::asked(local);
    let mut found = reader.by_identifier("Patient", &asked)?;
    match (found.pop(), found.is_empty()) {
        (Some(row), true) => Ok(row),
        (None, _) => {
            app.throttle.count(call, Limit::UnknownPatient, &asked.value);
            Err(read::not_here())
        }
        _ => Err(Fault::new(FaultKind::MultipleMatches, 763, "several patients carry this identifier").at("patient")),
    }
}
