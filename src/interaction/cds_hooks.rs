//! CDS Hooks: when a software opens a patient's record, one card with counts. What they count is shown after the clinician's own action.
//!
//! The hook is automatic, so it looks in the normal way of acting alone: no glass is broken by it, whatever the token says, and the
//! cursor of what was seen stays. Who acts is who the access token names; `context.userId` is a claim of the software.
//! Spec: CDS Hooks 2.0, patient-view 1.0.

mod card;
mod request;

use serde_json::{Value, json};

use super::consult::{self, Opening, Visit};
use super::key_info;
use super::throttle::Limit;
use super::{Answer, App, Call, notices};
use crate::access::may;
use crate::audit::Action;
use crate::fhir::{Actor, Fault, FaultKind, Mode, Result};
use crate::store::Reader;

pub use card::{Seen, card};
use request::Request;

/// Id of the one service.
pub const SERVICE: &str = "passerelle-key-info";

/// GET /cds-services: the discovery document.
/// Spec: CDS Hooks 2.0 Discovery.
pub fn services() -> Value {
    json!({"services": [{
        "hook": request::HOOK,
        "id": SERVICE,
        "title": "Informations clés du dossier partagé",
        "description": "Compte, sans les montrer, les alertes, les points à vérifier et les nouveautés du dossier partagé, avec un lien vers la page qui les présente.",
        "usageRequirements": "TLS mutuel, et le jeton d'accès du professionnel (Authorization: Bearer), comme pour tout appel de ce serveur.",
        "prefetch": {"patient": "Patient/{{context.patientId}}"}
    }]})
}

/// The actor of a hook's own looking: an emergency is declared by a person, never by the opening of a window.
pub fn looking(actor: &Actor) -> Actor {
    Actor { mode: Mode::Normal, reason: String::new(), ..actor.clone() }
}

/// POST /cds-services/passerelle-key-info: looks, and leaves in `seen` how far it came; see [`card`] for what becomes of a refusal.
/// `actor` is the token's own, `token_ends_s` its end (seconds since 1970).
///
/// # Errors
/// `Malformed`, `MissingElement` and `BadValue` for the request; `NotFound` for an unknown patient, `Forbidden` for who may not look;
/// `Throttled` for identities that were wrong too often.
pub fn patient_view(app: &App, call: &Call, (actor, token_ends_s): (&Actor, Option<i64>), seen: &mut Seen) -> Result<Answer> {
    call.is("cds-hooks", Action::R);
    permitted(call)?;
    let request = Request::read(&call.body)?;
    app.throttle.check(call, Limit::OtherPerson)?;
    app.throttle.check(call, Limit::UnknownPatient)?;
    notices::within_limit(app, call)?;
    seen.asked = true;
    let request_id = app.new_id();
    let (patient, mismatch) = app.store.read(&call.visibility, |reader| found(app, call, reader, &request))?;
    if mismatch {
        app.throttle.count(call, Limit::OtherPerson, &request_id);
    }
    let visit = Visit { caller: call.caller.clone(), actor: actor.clone(), patient, traits: request.traits, mismatch, request_id, opening: Opening::Ticket, token_ends_s };
    let patient = seen.visit.insert(visit).patient.as_str();
    if !mismatch {
        seen.counts = Some(key_info::counts(app, call, patient)?);
    }
    notices::announce(app, call)?;
    Ok(Answer::empty(200))
}

/// Whether the page may be opened for this caller: a practitioner's page, see `POST /launch`.
pub fn opens_pages(call: &Call) -> bool {
    consult::permitted(call).is_ok()
}

fn permitted(call: &Call) -> Result<()> {
    let Some(rules) = call.visibility.rules() else { return Ok(()) };
    may(rules.actor.role, &rules.actor.scopes, "Patient", "key-info").map_err(|rule| Fault::new(FaultKind::Forbidden, 807, rule.caller()).for_a_reader().because(rule.code()))
}

/// The patient here, and whether the traits of the software are those of another person.
fn found(app: &App, call: &Call, reader: &mut Reader<'_>, request: &Request) -> Result<(String, bool)> {
    let row = consult::patient(app, call, reader, &request.patient)?;
    call.about(&row.id);
    let id = row.id.clone();
    let Some(traits) = &request.traits else { return Ok((id, false)) };
    let known: Value = serde_json::from_slice(&reader.with_body(row)?.body).map_err(|e| Fault::new(FaultKind::Bug, 808, "a stored resource is damaged").because(e))?;
    Ok((id, traits.contradict(&known)))
}
