//! The practitioner's page: tickets on the API's listener, and a second listener without client certificate that admits nothing but
//! a fresh ticket and the session it begins.
//!
//! A session is one browser (a cookie that never leaves this site, and its User-Agent), one patient, one actor. Whatever it shows is
//! asked for like any call of the API, so that access, trace, notices and limits hold.
//! Spec: Passerelle; RFC 6265bis §5.5 (SameSite, `__Host-`); Fetch Metadata; CSP Level 3.

mod api;
mod asked;
mod page;
mod reply;
mod session;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{App as Actix, HttpRequest, HttpResponse, HttpServer, web};

pub(super) use self::api::{answered, launch, of_patient, opening};
use self::asked::Asked;
use self::reply::Reply;
use super::pace;
use super::serve::{HANDSHAKES, Shared};
use crate::fhir::{Fault, FaultKind, Result};
use crate::interaction::Method;
use crate::interaction::consult::Visit;

/// Where the page lives on its listener.
const HOME: &str = "/consult/";
/// Bytes of a form.
const FORM_MAX_BYTES: usize = 64 << 10;

/// Who is let in: a session of a browser, or a caller of the API itself.
struct Guest {
    visit: Visit,
    /// What every change of a session carries; empty for a caller of the API.
    token: String,
    /// Address that the page's own addresses begin with.
    home: String,
    /// Cookie and session; none for a caller of the API.
    session: Option<(String, crate::interaction::consult::Session)>,
}

/// Starts the page's listener.
///
/// # Errors
/// The socket's error.
pub(super) fn listen(shared: Shared, listener: std::net::TcpListener) -> std::io::Result<actix_web::dev::Server> {
    let config = shared.app.config.server.clone();
    let tls = shared.tls.browsers_config().map_err(std::io::Error::other)?;
    let server = HttpServer::new(move || Actix::new().app_data(web::Data::new(shared.clone())).default_service(web::to(handle)))
        .tcp_nodelay(true)
        .workers(config.workers)
        .worker_max_blocking_threads(config.threads.div_ceil(config.workers).max(1))
        .client_request_timeout(Duration::from_secs(5))
        .client_disconnect_timeout(Duration::from_secs(1))
        .keep_alive(Duration::from_secs(60))
        .tls_handshake_timeout(Duration::from_secs(3))
        .max_connection_rate(HANDSHAKES)
        .shutdown_timeout(20)
        .disable_signals()
        .listen_rustls_0_23(listener, tls)?
        .run();
    Ok(server)
}

/// Every request of the page's listener.
async fn handle(req: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    let start = Instant::now();
    let json = asked::wants_json(&req);
    let reply = match Asked::read(&req, payload, &shared).await {
        Ok(asked) => worked(&shared, move |shared| admitted(shared, &asked)).await,
        Err(fault) => Err(fault),
    };
    let reply = reply.unwrap_or_else(|fault| Reply::refused(&fault, json, ""));
    shared.metrics.done("consult", reply.status, start.elapsed());
    pace::even(start, reply.status).await;
    reply.response()
}

/// Runs on a blocking thread, within the number of interactions that run at once.
pub(super) async fn worked<T: Send + 'static>(shared: &web::Data<Shared>, work: impl FnOnce(&Shared) -> Result<T> + Send + 'static) -> Result<T> {
    let slot = Arc::clone(&shared.slots).try_acquire_owned().map_err(|_| Fault::new(FaultKind::Busy, 766, "too many requests are running; try again"))?;
    let held = shared.clone();
    web::block(move || {
        let _slot = slot;
        work(&held)
    })
    .await
    .map_err(|e| Fault::new(FaultKind::Bug, 767, "the request broke off").because(e))?
}

/// A ticket begins a session; anything else needs one.
fn admitted(shared: &Shared, asked: &Asked) -> Result<Reply> {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    match (asked.method, path.as_slice()) {
        (Method::Get, ["consult"]) if !asked.slash => Ok(Reply::see_other(HOME)),
        (Method::Get, ["consult", ticket]) if session::is_ticket(ticket) => session::begin(shared, asked, ticket),
        (_, ["consult", step @ ..]) => {
            let guest = session::enter(shared, asked)?;
            steps::step(shared, asked, &guest, step)
        }
        _ => Err(Fault::new(FaultKind::Forbidden, 768, "Cette adresse ne s'ouvre que depuis votre logiciel.").for_a_reader()),
    }
}
