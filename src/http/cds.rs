//! CDS Hooks on the API's listener, for callers with their certificate and the person's token: discovery, and the one service.
//! CDS Hooks' own JWT would name a software that the certificate names already. No CORS: a browser is no caller here.
//! Spec: CDS Hooks 2.0.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::body;
use super::consult::{answered, worked};
use super::refusal::{Whom, known, traced};
use super::serve::{Shared, address, carried_out, request_id};
use crate::audit::Action;
use crate::fhir::{Actor, Fault, FaultKind, Result};
use crate::interaction::cds_hooks::{self, Seen};
use crate::interaction::{Answer, Call, Method};

/// Bytes of a request: a prefetched Patient may carry a photo.
const REQUEST_MAX_BYTES: usize = 1 << 20;

/// `GET /cds-services`
pub(super) async fn services(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    answered(discovered(&req, &shared).await)
}

/// `POST /cds-services/{id}`
pub(super) async fn service(req: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    answered(carded(&req, payload, &shared).await)
}

async fn discovered(req: &HttpRequest, shared: &web::Data<Shared>) -> Result<(u16, Value)> {
    let (caller, acting) = known(req, shared).await?;
    let ids = (address(req), request_id(req, &shared.app));
    worked(shared, move |shared| {
        let call = Call::plain(&shared.app, (caller, acting.actor), Method::Get, vec!["$cds-services".into()], ids);
        carried_out(&shared.app, call, |call| {
            call.is("cds-services", Action::E);
            Ok(Answer::empty(200))
        })?;
        Ok((200, cds_hooks::services()))
    })
    .await
}

async fn carded(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<(u16, Value)> {
    let (caller, acting) = known(req, shared).await?;
    let received = traced(req, shared, Whom::Actor(&caller, &acting.actor), asked(req, payload, shared).await).await?;
    let ids = (address(req), request_id(req, &shared.app));
    worked(shared, move |shared| {
        let mut call = Call::plain(&shared.app, (caller, cds_hooks::looking(&acting.actor)), Method::Post, vec!["$cds-hooks".into()], ids);
        call.body = received.bytes.into();
        looked(shared, call, &acting.actor, acting.ends_s)
    })
    .await
}

/// The body of a request of the one service there is.
async fn asked(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<body::Received> {
    if req.match_info().get("id") != Some(cds_hooks::SERVICE) {
        return Err(Fault::new(FaultKind::UnknownType, 810, "no such service; see GET /cds-services"));
    }
    body::receive(req, payload, &shared.app.config.limits, REQUEST_MAX_BYTES, &shared.budget).await
}

/// On a blocking thread: the look, its trace, the card.
fn looked(shared: &Shared, call: Call, actor: &Actor, ends_s: Option<i64>) -> Result<(u16, Value)> {
    let app = &shared.app;
    let (mut seen, mut opens) = (Seen::default(), false);
    let outcome = carried_out(app, call, |call| {
        opens = cds_hooks::opens_pages(call);
        cds_hooks::patient_view(app, call, (actor, ends_s), &mut seen)
    });
    let link = seen.visit.as_ref().map(|visit| {
        let page = (opens && !app.config.consult.bind.is_empty()).then_some(&app.config.consult.base_url);
        page.map_or_else(|| Ok(Some(own_page(&app.base_url, &visit.patient))), |page| ticket(shared, page, visit))
    });
    let link = link.transpose()?.flatten();
    cds_hooks::card(&seen, outcome.map(drop), link.as_deref()).map(|card| (200, card))
}

/// A link that opens the page in a browser, once; none while too many are open.
fn ticket(shared: &Shared, page: &str, visit: &crate::interaction::consult::Visit) -> Result<Option<String>> {
    let app = &shared.app;
    let ticket = app.new_secret()?;
    let issued = app.desk.issue_on_a_card(&app.config.consult, &ticket, visit.clone(), app.now_us());
    Ok(issued.then(|| format!("{page}/consult/{ticket}")))
}

/// The page on the API's listener, for a software that shows it with its certificate and the token.
fn own_page(base_url: &str, patient: &str) -> String {
    format!("{}/consult/{patient}", base_url.strip_suffix("/fhir").unwrap_or(base_url))
}
