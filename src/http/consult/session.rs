//! The door: a ticket begins a session, a cookie continues it.

use super::asked::{Asked, COOKIE};
use super::reply::Reply;
use super::{Guest, HOME};
use crate::audit::{Action, Outcome};
use crate::fhir::{Fault, FaultKind, Result};
use crate::http::serve::Shared;
use crate::interaction::consult::{Ended, NewSession, Session, Visit};
use crate::interaction::{Call, Method};

/// Characters of a ticket: 256 bits in base64url.
const TICKET_CHARS: usize = 43;

/// Whether a segment has the form of a ticket.
pub(super) fn is_ticket(text: &str) -> bool {
    text.len() == TICKET_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Redeems a ticket.
///
/// # Errors
/// `Forbidden` for a ticket that is not known, was used or is late; whose it was is in the trace.
pub(super) fn begin(shared: &Shared, asked: &Asked, ticket: &str) -> Result<Reply> {
    let app = &shared.app;
    if asked.prefetch {
        return Err(Fault::new(FaultKind::Forbidden, 772, "Ce lien s'ouvre une seule fois, et pas d'avance.").for_a_reader());
    }
    let (cookie, token) = (app.new_secret()?, app.new_secret()?);
    let new = NewSession { cookie: &cookie, token: &token, agent: &asked.agent };
    match app.desk.redeem(&app.config.consult, ticket, &new, app.now_us()) {
        Ok(session) => {
            continues(shared, &cookie, &session).inspect_err(|fault| traced(shared, asked, Some(&session.visit), fault))?;
            trace(shared, asked, &session.visit, None)?;
            Ok(Reply::begun(format!("{COOKIE}={cookie}; Secure; HttpOnly; SameSite=Strict; Path=/"), HOME))
        }
        Err(refused) => {
            let fault = refused.fault();
            traced(shared, asked, refused.visit(), &fault);
            Err(fault)
        }
    }
}

/// Continues a session; a change must come from its own page and carry its token.
///
/// # Errors
/// `Forbidden` with the reason, traced where it is known whose session it was.
pub(super) fn enter(shared: &Shared, asked: &Asked) -> Result<Guest> {
    let app = &shared.app;
    let cookie = asked.cookie.clone().ok_or_else(|| Ended::Unknown.fault())?;
    let session = app.desk.enter(&app.config.consult, &cookie, &asked.agent, app.now_us()).map_err(|ended| {
        let fault = ended.fault();
        traced(shared, asked, ended.visit(), &fault);
        fault
    })?;
    let whole = continues(shared, &cookie, &session).and_then(|()| if asked.method == Method::Post { own_change(shared, asked, &session) } else { Ok(()) });
    whole.inspect_err(|fault| traced(shared, asked, Some(&session.visit), fault))?;
    Ok(Guest { visit: session.visit.clone(), token: session.token.clone(), home: HOME.to_owned(), session: Some((cookie, session)) })
}

/// Whether the certificate and the token behind a session still hold; else it is over.
fn continues(shared: &Shared, cookie: &str, session: &Session) -> Result<()> {
    let visit = &session.visit;
    let now_s = shared.app.now_us() / 1_000_000;
    let over = || Fault::new(FaultKind::Forbidden, 773, "Votre authentification s'est terminée. Ouvrez de nouveau le dossier depuis votre logiciel.").for_a_reader();
    let checked = match &shared.gate.authorization {
        _ if !shared.tls.still_valid(&visit.caller) => Err(over()),
        // A token of our own stands for a session at the identity provider: it is asked for again like at any call, and ends unless it is renewed.
        Some(a) if a.issuer == visit.actor.issuer && a.ends_s(&visit.actor).or(visit.token_ends_s).is_some_and(|end| now_s >= end) => Err(over()),
        Some(a) if a.due(&visit.actor, now_s) => a.recheck(&visit.actor, now_s).map_err(|fault| if fault.kind == FaultKind::Busy { fault } else { over() }),
        _ => Ok(()),
    };
    if checked.as_ref().is_err_and(|fault| fault.kind != FaultKind::Busy) {
        shared.app.desk.end(cookie);
    }
    checked
}

/// A change of a session comes from its own page: by the browser's word for it, or by the origin where it says none.
/// Spec: Fetch Metadata (Sec-Fetch-Site); Fetch §3.2 (`Origin: null` under no-referrer).
fn own_change(shared: &Shared, asked: &Asked, session: &Session) -> Result<()> {
    let own = shared.app.config.consult.base_url.as_str();
    let origin = asked.origin.as_deref();
    let same_site = match asked.site.as_deref() {
        Some(site) => site == "same-origin" && origin.is_none_or(|o| o == own || o == "null"),
        None => origin == Some(own),
    };
    if same_site && same(&asked.token, &session.token) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Forbidden, 774, "Cette action ne vient pas de la page ouverte. Rechargez la page.").for_a_reader())
}

/// Compares in a time that does not tell where texts differ.
fn same(given: &str, wanted: &str) -> bool {
    given.len() == wanted.len() && given.bytes().zip(wanted.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Leaves the trace of a refusal where it is known whose it is; what nobody can be named for is in the log alone.
pub(super) fn traced(shared: &Shared, asked: &Asked, visit: Option<&Visit>, fault: &Fault) {
    let Some(visit) = visit else {
        tracing::info!(fault.number = fault.number, address = asked.address, "the page was asked for without a ticket or a session that is known");
        return;
    };
    if let Err(untraced) = trace(shared, asked, visit, Some(fault)) {
        tracing::error!(fault.number = untraced.number, "a refusal of the page could not be traced");
    }
}

/// The event of an opening, or of a refusal: durable when this returns.
fn trace(shared: &Shared, asked: &Asked, visit: &Visit, fault: Option<&Fault>) -> Result<()> {
    let mut event = Call::event_for(&visit.caller, Some(&visit.actor), shared.app.now_us(), (asked.address.clone(), visit.request_id.clone()));
    event.opening = visit.opening_id();
    "consult".clone_into(&mut event.interaction);
    event.action = Action::E;
    event.patient = Some(visit.patient.clone());
    event.outcome = fault.map_or(Outcome::Success, |f| Outcome::of_status(f.kind.row().status));
    event.fault = fault.map_or(0, |f| f.number);
    shared.app.trace(&event)?.wait()
}
