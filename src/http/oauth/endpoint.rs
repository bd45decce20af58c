//! `POST /token`, the discovery documents and our public keys.
//! Spec: RFC 6749 §5; RFC 8414 §3; SMART App Launch 2.2 §conformance.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::super::accept::Format;
use super::super::body::{self, Received};
use super::super::refusal::{Whom, certified, traced};
use super::super::respond;
use super::super::serve::{Shared, address, request_id};
use super::{Authorization, Refusal, exchange};
use crate::audit::{Action, By, Outcome};
use crate::fhir::{Fault, FaultKind, Result};
use crate::identity::{Caller, SCOPE_ALL_USER};
use crate::interaction::{self, Call};

/// Bytes of a token request.
const FORM_MAX_BYTES: usize = 64 << 10;

/// The token endpoint; each request is traced, whatever comes of it.
pub(crate) async fn token(req: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    match ask(&req, payload, &shared).await {
        Ok(Ok(given)) => respond::builder(200).insert_header((header::PRAGMA, "no-cache")).content_type("application/json").body(given.to_string()),
        Ok(Err(refusal)) => refused(refusal),
        Err(fault) => respond::fault(&fault, Format::Json),
    }
}

fn refused(refusal: Refusal) -> HttpResponse {
    let mut out = respond::builder(refusal.status);
    if refusal.status == 503 {
        out.insert_header((header::RETRY_AFTER, "30"));
    }
    out.insert_header((header::PRAGMA, "no-cache"));
    out.content_type("application/json").body(json!({"error": refusal.error, "error_description": refusal.description}).to_string())
}

async fn ask(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<std::result::Result<Value, Refusal>> {
    let caller = certified(req, shared).await?;
    let form = form(req, payload, shared).await;
    let form = traced(req, shared, Whom::Caller(&caller), form).await?;
    let slot = Arc::clone(&shared.slots).try_acquire_owned().map_err(|_| Fault::new(FaultKind::Busy, 545, "too many requests are running; try again later"))?;
    let (address, request_id, held) = (address(req), request_id(req, &shared.app), shared.clone());
    web::block(move || {
        let _slot = slot;
        answered(&held, &caller, form, (address, request_id))
    })
    .await
    .map_err(|e| Fault::new(FaultKind::Bug, 546, "the request broke off").because(e))?
}

/// The parameters, or why they are none.
async fn form(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<std::result::Result<Received, Refusal>> {
    authorization(shared)?;
    let form = req.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).and_then(|v| v.split(';').next()).map(str::trim).unwrap_or("");
    if !form.eq_ignore_ascii_case(body::FORM) || !req.query_string().is_empty() {
        return Ok(Err(Refusal::of("invalid_request", "parameters come in a body of application/x-www-form-urlencoded, not in the address")));
    }
    body::receive(req, payload, &shared.app.config.limits, FORM_MAX_BYTES, &shared.budget).await.map(Ok)
}

/// On a blocking thread: the exchange, then its durable trace.
fn answered(
    shared: &Shared,
    caller: &Caller,
    form: std::result::Result<Received, Refusal>,
    (address, request_id): (String, String),
) -> Result<std::result::Result<Value, Refusal>> {
    let app = &shared.app;
    let now_us = app.now_us();
    let server = authorization(shared)?;
    let outcome = form.and_then(|received| {
        let pairs = std::str::from_utf8(&received.bytes).map(interaction::form_pairs).unwrap_or_default();
        server.exchange(caller, &pairs, now_us / 1_000_000, app.new_id())
    });
    let mut event = Call::event_for(caller, None, now_us, (address, request_id));
    "token".clone_into(&mut event.interaction);
    event.action = Action::E;
    event.outcome = Outcome::of_status(outcome.as_ref().map_or_else(|r| r.status, |_| 200));
    // Who got it, and under which jti: as the token itself says.
    let given = outcome.as_ref().ok().and_then(|answer| answer.get("access_token")?.as_str());
    event.by = given.and_then(|token| shared.gate.tokens.check(token, &caller.fingerprint, now_us / 1_000_000).ok()).map(|verified| By::from(&verified.actor));
    app.trace(&event)?.wait()?;
    Ok(outcome)
}

fn authorization(shared: &Shared) -> Result<&Authorization> {
    shared.gate.authorization.as_ref().ok_or_else(|| {
        let text = "this server gives no tokens (exchange.psc_issuer is not configured); tokens come from tokens.issuer, or from passerelle token for trying";
        Fault::new(FaultKind::UnknownType, 544, text)
    })
}

/// Our public keys.
pub(crate) async fn jwks(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    document(&req, &shared, |a| serde_json::from_slice(&a.key.jwks()).unwrap_or_default()).await
}

/// Authorization server metadata.
pub(crate) async fn authorization_server(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    document(&req, &shared, metadata).await
}

/// SMART discovery: the same, with what this server can do.
pub(crate) async fn smart_configuration(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    document(&req, &shared, |a| {
        let mut out = metadata(a);
        if let Some(members) = out.as_object_mut() {
            members.insert("capabilities".into(), json!(["permission-user", "permission-v2"]));
        }
        out
    })
    .await
}

fn metadata(a: &Authorization) -> Value {
    json!({
        "issuer": a.issuer, "token_endpoint": format!("{}/token", a.issuer), "jwks_uri": format!("{}/.well-known/jwks.json", a.issuer),
        "grant_types_supported": [exchange::GRANT], "response_types_supported": [], "scopes_supported": [SCOPE_ALL_USER],
        "token_endpoint_auth_methods_supported": ["tls_client_auth"], "tls_client_certificate_bound_access_tokens": true,
    })
}

async fn document(req: &HttpRequest, shared: &web::Data<Shared>, write: fn(&Authorization) -> Value) -> HttpResponse {
    match written(req, shared, write).await {
        Ok(document) => respond::builder(200).content_type("application/json").body(document.to_string()),
        Err(fault) => respond::fault(&fault, Format::Json),
    }
}

async fn written(req: &HttpRequest, shared: &web::Data<Shared>, write: fn(&Authorization) -> Value) -> Result<Value> {
    let caller = certified(req, shared).await?;
    let written = authorization(shared).map(write);
    traced(req, shared, Whom::Caller(&caller), written).await
}
