//! What is refused before it becomes a call: its trace, as far as it is known who asked, and then the refusal.
//! Spec: BALP 1.1; every refusal of the API leaves an event, but for overload, to which the trail would add.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::accept::Format;
use super::bearer::Acting;
use super::peer::{caller, still_valid, stranger};
use super::respond;
use super::serve::{Shared, acting, address, method, path, request_id};
use crate::audit::{Action, Event, Outcome};
use crate::fhir::{Actor, Fault, FaultKind, Result};
use crate::identity::Caller;
use crate::interaction::{App, Call};

/// Addresses beside the FHIR API, by their first segment, which names the event.
const BESIDE: &[&str] = &["health", "token", "launch", "cds-services", "consult"];
/// Those of them that take POST alone, with what is below them.
const POSTED: &[&str] = &["/token", "/launch", "/cds-services/"];

/// Who is refused, as far as it is known.
#[derive(Clone, Copy)]
pub(super) enum Whom<'a> {
    /// The certificate names no caller.
    Stranger,
    Caller(&'a Caller),
    /// The access token was verified too.
    Actor(&'a Caller, &'a Actor),
}

/// Hands an outcome on, a refusal once its trace is durable.
///
/// # Errors
/// The refusal, or `Busy` when it could not be traced.
pub(super) async fn traced<T>(req: &HttpRequest, shared: &web::Data<Shared>, whom: Whom<'_>, outcome: Result<T>) -> Result<T> {
    let fault = match outcome {
        Ok(value) => return Ok(value),
        Err(fault) => fault,
    };
    if !matches!(Outcome::of_status(fault.kind.row().status), Outcome::Refused) {
        return Err(fault);
    }
    let event = event(req, &shared.app, whom, &fault);
    let app = Arc::clone(&shared.app);
    match web::block(move || app.trace(&event)?.wait()).await {
        Ok(Ok(())) => Err(fault),
        Ok(Err(untraced)) => Err(untraced),
        Err(e) => Err(Fault::new(FaultKind::Bug, 319, "the request broke off").because(e)),
    }
}

/// Who calls and who acts; a refusal leaves its trace.
///
/// # Errors
/// `Unauthenticated`, `BadValue`, and `Busy` when the identity provider does not answer.
pub(super) async fn known(req: &HttpRequest, shared: &web::Data<Shared>) -> Result<(Caller, Acting)> {
    let caller = certified(req, shared).await?;
    let acting = acting(req, shared, &caller).await;
    let acting = traced(req, shared, Whom::Caller(&caller), acting).await?;
    Ok((caller, acting))
}

/// The structure that calls, by a certificate that holds still; a refusal leaves its trace.
///
/// # Errors
/// `Unauthenticated`.
pub(super) async fn certified(req: &HttpRequest, shared: &web::Data<Shared>) -> Result<Caller> {
    let caller = traced(req, shared, Whom::Stranger, caller(req)).await?;
    traced(req, shared, Whom::Caller(&caller), still_valid(shared, &caller)).await?;
    Ok(caller)
}

/// An address beside the FHIR API, asked by a method that it does not take.
pub(super) async fn not_offered(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let fault = || Fault::new(FaultKind::MethodNotAllowed, 900, "this address takes another method; Allow names it");
    let refused = match known(&req, &shared).await {
        Ok((caller, acting)) => traced::<()>(&req, &shared, Whom::Actor(&caller, &acting.actor), Err(fault())).await.err().unwrap_or_else(fault),
        Err(refused) => refused,
    };
    let mut response = respond::fault(&refused, Format::Json);
    if refused.kind == FaultKind::MethodNotAllowed {
        let allowed = if POSTED.iter().any(|p| req.uri().path().starts_with(p)) { "POST" } else { "GET" };
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    }
    response
}

fn event(req: &HttpRequest, app: &App, whom: Whom<'_>, fault: &Fault) -> Event {
    let (now_us, ids) = (app.now_us(), (address(req), request_id(req, app)));
    let mut event = match whom {
        Whom::Stranger => of_a_stranger(req, app, ids),
        Whom::Caller(caller) => Call::event_for(caller, None, now_us, ids),
        Whom::Actor(caller, actor) => Call::event_for(caller, Some(actor), now_us, ids),
    };
    (event.interaction, event.action) = presumed(req);
    (event.outcome, event.fault) = (Outcome::Refused, fault.number);
    event
}

/// The event of a certificate that names no caller: the certificate is known, and no name in it is believed.
fn of_a_stranger(req: &HttpRequest, app: &App, (address, request_id): (String, String)) -> Event {
    let own = Call::event_of_the_server(app.now_us(), app.new_id(), "");
    let mut event = Event { entities: Vec::new(), organization: "certificate that names no caller".into(), address, request_id, ..own };
    if let Some(stranger) = stranger(req) {
        tracing::info!(reason = %stranger.reason, fingerprint = stranger.fingerprint, issuer = stranger.issuer, serial = stranger.serial, "a certificate names no caller");
        (event.fingerprint, event.issuer, event.serial) = (stranger.fingerprint.clone(), stranger.issuer.clone(), stranger.serial.clone());
    }
    event
}

/// The name of a request that was refused before anything of it was carried out.
fn presumed(req: &HttpRequest) -> (String, Action) {
    let raw = req.uri().path();
    let first = raw.split('/').nth(1).unwrap_or_default();
    match BESIDE.iter().find(|name| **name == first) {
        Some(name) => ((*name).to_owned(), Action::E),
        None if raw.contains("/.well-known/") => ("capabilities".to_owned(), Action::E),
        None => Call::presumed(method(req).ok(), &path(req).unwrap_or_default()),
    }
}
