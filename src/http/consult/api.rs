//! The page's part of the API's own listener, for callers with their certificate: tickets, what became of them, and the page itself.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::asked::Asked;
use super::reply::Reply;
use super::{Guest, steps, worked};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::http::accept::Format;
use crate::http::bearer::Acting;
use crate::http::refusal::{Whom, known, traced};
use crate::http::serve::{Shared, address, carried_out, request_id};
use crate::http::{body, pace, respond};
use crate::identity::Caller;
use crate::interaction::consult::{self, Opening, Visit};
use crate::interaction::{Answer, Call, Method};

/// Bytes of a request for a ticket.
const LAUNCH_MAX_BYTES: usize = 64 << 10;

/// `POST /launch`: a ticket for a browser.
pub(crate) async fn launch(req: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    answered(ticket(&req, payload, &shared).await)
}

/// `GET /launch/{opening}`: the documents that were taken over in a page that this software and person asked for.
pub(crate) async fn opening(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    answered(imports(&req, &shared).await)
}

/// `GET /consult/{patient}` and what is below it: the page of a caller who is known by his own certificate and token.
pub(crate) async fn of_patient(req: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    let start = Instant::now();
    let json = super::asked::wants_json(&req);
    let response = match visited(&req, payload, &shared).await {
        Ok(reply) => reply.response(),
        Err(fault) if fault.kind == FaultKind::Unauthenticated => respond::fault(&fault, Format::Json),
        Err(fault) => Reply::refused(&fault, json, "").response(),
    };
    pace::even(start, response.status().as_u16()).await;
    response
}

/// JSON, or the refusal.
pub(in crate::http) fn answered(outcome: Result<(u16, serde_json::Value)>) -> HttpResponse {
    match outcome {
        Ok((status, value)) => respond::builder(status).content_type("application/json").body(value.to_string()),
        Err(fault) => respond::fault(&fault, Format::Json),
    }
}

async fn ticket(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<(u16, serde_json::Value)> {
    let (caller, acting) = known(req, shared).await?;
    let received = asked(req, payload, shared).await;
    let received = traced(req, shared, Whom::Actor(&caller, &acting.actor), received).await?;
    let ids = (address(req), request_id(req, &shared.app));
    worked(shared, move |shared| {
        let mut call = Call::plain(&shared.app, (caller, acting.actor), Method::Post, vec!["$launch".into()], ids);
        call.body = received.bytes.into();
        issued(shared, call, acting.ends_s)
    })
    .await
}

/// The body of a request for a ticket, where tickets are given.
async fn asked(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<body::Received> {
    let received = body::receive(req, payload, &shared.app.config.limits, LAUNCH_MAX_BYTES, &shared.budget).await?;
    if shared.app.config.consult.bind.is_empty() {
        return Err(Fault::new(
            FaultKind::UnknownType,
            793,
            "this server opens no pages for browsers (consult.bind is not configured); GET /consult/{patient} gives the page with the person's token",
        ));
    }
    Ok(received)
}

/// On a blocking thread: the visit, its ticket, its trace.
fn issued(shared: &Shared, call: Call, ends_s: Option<i64>) -> Result<(u16, serde_json::Value)> {
    let (app, limits) = (&shared.app, &shared.app.config.consult);
    let mut said = None;
    carried_out(app, call, |call| {
        let visit = consult::launch(app, call, ends_s)?;
        let (ticket, now_us) = (app.new_secret()?, app.now_us());
        let expires = time::instant(now_us.saturating_add(i64::try_from(limits.ticket_seconds).unwrap_or(0).saturating_mul(1_000_000)));
        said = Some(json!({"url": format!("{}/consult/{ticket}", limits.base_url), "expires": expires, "consultation": visit.request_id, "mismatch": visit.mismatch}));
        app.desk.issue(limits, &ticket, visit, now_us)?;
        Ok(Answer::empty(201))
    })?;
    said.map(|value| (201, value)).ok_or_else(|| Fault::new(FaultKind::Bug, 794, "a ticket was made and is not told"))
}

async fn imports(req: &HttpRequest, shared: &web::Data<Shared>) -> Result<(u16, serde_json::Value)> {
    let (caller, acting) = known(req, shared).await?;
    let asked = req.match_info().get("opening").unwrap_or_default().to_owned();
    let ids = (address(req), request_id(req, &shared.app));
    worked(shared, move |shared| {
        let app = &shared.app;
        let asks = visit(&caller, acting, String::new(), String::new());
        let call = Call::plain(app, (asks.caller.clone(), asks.actor.clone()), Method::Get, vec!["$launch".into()], ids);
        let mut said = json!({});
        carried_out(app, call, |call| {
            call.is("launch", Action::E);
            let imports = app.desk.imports(&asked, &asks).ok_or_else(|| Fault::new(FaultKind::NotFound, 795, "no such consultation of this software and person"))?;
            said = json!({"consultation": asked, "imports": imports});
            Ok(Answer::empty(200))
        })?;
        Ok((200, said))
    })
    .await
}

fn visit(caller: &Caller, acting: Acting, patient: String, request_id: String) -> Visit {
    Visit { caller: caller.clone(), actor: acting.actor, patient, traits: None, mismatch: false, request_id, opening: Opening::None, token_ends_s: acting.ends_s }
}

async fn visited(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<Reply> {
    let (caller, acting) = known(req, shared).await?;
    let whom = Whom::Actor(&caller, &acting.actor);
    let asked = traced(req, shared, whom, Asked::read(req, payload, shared).await).await?;
    let patient = traced(req, shared, whom, patient(&asked)).await?;
    let ids = request_id(req, &shared.app);
    worked(shared, move |shared| {
        let visit = visit(&caller, acting, patient.clone(), ids);
        let step: Vec<&str> = asked.path.iter().skip(2).map(String::as_str).collect();
        steps::step(shared, &asked, &Guest { visit, token: String::new(), home: format!("/consult/{patient}/"), session: None }, &step)
    })
    .await
}

/// The patient that the address names, of a request that may act.
fn patient(asked: &Asked) -> Result<String> {
    // A card in a browser would let any site act; a token is sent by who means it.
    if asked.method == Method::Post && !asked.bearer {
        return Err(Fault::new(FaultKind::Forbidden, 796, "Une action demande le jeton d'accès de la personne.").for_a_reader());
    }
    let patient = asked.path.get(1).ok_or_else(|| Fault::new(FaultKind::NotFound, 797, "Dites quel patient : /consult/ID.").for_a_reader())?;
    plain(patient).map(str::to_owned)
}

fn plain(id: &str) -> Result<&str> {
    let plain = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if plain { Ok(id) } else { Err(Fault::new(FaultKind::NotFound, 798, "Aucun dossier à cette adresse.").for_a_reader()) }
}
