//! The listener of the API and the road of one request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::http::header;
use actix_web::rt::net::TcpStream;
use actix_web::{App as Actix, HttpRequest, HttpResponse, HttpServer, web};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::accept::{self, Format};
use super::bearer::{self, Acting};
use super::body::{self, Budget};
use super::peer::Peer;
use super::refusal::{Whom, certified, known, not_offered, traced};
use super::{Gate, Metrics, cds, consult, oauth, pace, respond};
use crate::fhir::{Actor, Fault, FaultKind, Result};
use crate::identity::Caller;
use crate::interaction::{self, App, Call, Method, Prefer};
use crate::tls::TlsState;

/// What every worker shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    pub(super) tls: Arc<TlsState>,
    pub(super) gate: Arc<Gate>,
    pub(super) budget: Budget,
    pub(super) metrics: Arc<Metrics>,
    /// Interactions running at once.
    pub(super) slots: Arc<Semaphore>,
}

/// The API's socket, and the page's.
pub type Listeners = (std::net::TcpListener, Option<std::net::TcpListener>);

/// A started server.
pub struct Running {
    pub address: SocketAddr,
    pub server: actix_web::dev::Server,
    /// Listener of the practitioner's page.
    pub page: Option<actix_web::dev::Server>,
}

/// New handshakes at once, per worker: beyond, connections wait their turn.
pub(super) const HANDSHAKES: usize = 32;

/// Starts serving on the API's listener and on the page's, when there is one; the futures in the answer run them.
///
/// # Errors
/// The socket's error.
pub fn start(app: Arc<App>, tls: Arc<TlsState>, gate: Arc<Gate>, metrics: Arc<Metrics>, (listener, page): Listeners) -> std::io::Result<Running> {
    let config = app.config.clone();
    let address = listener.local_addr()?;
    let shared = Shared { budget: Budget::new(config.limits.bodies_bytes), slots: Arc::new(Semaphore::new(config.server.threads * 8)), metrics, gate, app, tls: Arc::clone(&tls) };
    let page = page.map(|page| consult::listen(shared.clone(), page)).transpose()?;
    let tls_config = tls.server_config().map_err(std::io::Error::other)?;
    let persons = config.tls.persons;
    let met = Arc::clone(&tls);
    let server = HttpServer::new(move || {
        Actix::new()
            .app_data(web::Data::new(shared.clone()))
            .service(only("/health", web::get().to(health)))
            .service(only("/token", web::post().to(oauth::token)))
            .service(only("/.well-known/oauth-authorization-server", web::get().to(oauth::authorization_server)))
            .service(only("/.well-known/jwks.json", web::get().to(oauth::jwks)))
            .service(only("/fhir/.well-known/smart-configuration", web::get().to(oauth::smart_configuration)))
            .service(only("/launch", web::post().to(consult::launch)))
            .service(only("/launch/{opening}", web::get().to(consult::opening)))
            .service(only("/cds-services", web::get().to(cds::services)))
            .service(only("/cds-services/{id}", web::post().to(cds::service)))
            .route("/consult/{patient}", web::route().to(consult::of_patient))
            .route("/consult/{patient}/{step:.*}", web::route().to(consult::of_patient))
            .default_service(web::to(handle))
    })
    .on_connect(move |io, ext| {
        if let Some(stream) = io.downcast_ref::<TlsStream<TcpStream>>() {
            let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            leaf.iter().for_each(|der| met.note(der));
            if let Some(der) = leaf {
                ext.insert(Peer::of(der, persons));
            }
        }
    })
    // The last segment of an answer does not wait for an acknowledgement that a client delays by 40 ms.
    .tcp_nodelay(true)
    .workers(config.server.workers)
    .worker_max_blocking_threads(config.server.threads.div_ceil(config.server.workers).max(1))
    .client_request_timeout(Duration::from_secs(5))
    .client_disconnect_timeout(Duration::from_secs(1))
    .keep_alive(Duration::from_secs(60))
    .tls_handshake_timeout(Duration::from_secs(3))
    .max_connection_rate(HANDSHAKES)
    .shutdown_timeout(20)
    .disable_signals()
    .listen_rustls_0_23(listener, tls_config)?
    .run();
    Ok(Running { address, server, page })
}

/// An address with one method; another is refused and traced like any request.
fn only(path: &str, route: actix_web::Route) -> actix_web::Resource {
    web::resource(path).route(route).default_service(web::to(not_offered))
}

async fn health(req: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let app = Arc::clone(&shared.app);
    let ready = match certified(&req, &shared).await {
        Ok(_) => web::block(move || app.ready()).await.unwrap_or_else(|e| Err(Fault::new(FaultKind::Bug, 309, "the request broke off").because(e))),
        Err(e) => Err(e),
    };
    match ready {
        Ok(()) => respond::builder(200).content_type("application/json").body("{\"status\":\"ready\"}"),
        Err(e) => respond::fault(&e, Format::Json),
    }
}

/// Everything below the base: read, run on a blocking thread, answer.
async fn handle(req: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    let start = Instant::now();
    let accept: Vec<String> = text(&req, header::ACCEPT.as_str()).map(accept::accepted).unwrap_or_default();
    let query = interaction::form_pairs(req.query_string());
    let wanted = query.iter().find(|(n, _)| n == "_format").map(|(_, v)| v.as_str());
    let format = accept::format(wanted, &accept);
    let outcome = serve(&req, payload, &shared, query.clone(), accept, format.is_some()).await;
    let (name, response) = match outcome {
        Ok((name, answer)) => {
            let raw = matches!(answer.body, interaction::Body::Raw { .. } | interaction::Body::Shown { .. } | interaction::Body::Empty);
            let response = match format.or(raw.then_some(Format::Json)) {
                Some(format) => respond::answer(answer, format, &shared.app.base_url),
                None => Err(not_acceptable()),
            };
            (name, response.unwrap_or_else(|e| respond::fault(&e, format.unwrap_or(Format::Json))))
        }
        Err(e) => {
            let mut response = respond::fault(&e, format.unwrap_or(Format::Json));
            if e.kind == FaultKind::MethodNotAllowed
                && let Some(allowed) = path(&req).ok().and_then(|p| header::HeaderValue::from_str(&interaction::allowed(&p)).ok())
            {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            ("refused".to_owned(), response)
        }
    };
    let status = response.status().as_u16();
    shared.metrics.done(&name, status, start.elapsed());
    pace::even(start, status).await;
    response
}

async fn serve(
    req: &HttpRequest,
    payload: web::Payload,
    shared: &web::Data<Shared>,
    query: Vec<(String, String)>,
    accept: Vec<String>,
    acceptable: bool,
) -> Result<(String, interaction::Answer)> {
    let (caller, acting) = known(req, shared).await?;
    let ready = ready(req, payload, shared).await;
    let Ready { path, method, bytes, slot, share } = traced(req, shared, Whom::Actor(&caller, &acting.actor), ready).await?;
    let call = call(req, shared, (caller, acting.actor), method, path, query, accept, bytes);
    let app = Arc::clone(&shared.app);
    web::block(move || {
        let _held = (slot, share);
        run(&app, call, acceptable)
    })
    .await
    .map_err(|e| Fault::new(FaultKind::Bug, 312, "the request broke off").because(e))?
}

/// A request whose body is here and that may run.
struct Ready {
    path: Vec<String>,
    method: Method,
    bytes: Vec<u8>,
    slot: OwnedSemaphorePermit,
    /// Of the budget of bodies: given back when the body is worked.
    share: Option<OwnedSemaphorePermit>,
}

async fn ready(req: &HttpRequest, payload: web::Payload, shared: &web::Data<Shared>) -> Result<Ready> {
    let path = path(req)?;
    let method = method(req)?;
    let limits = &shared.app.config.limits;
    let deposit = path.is_empty() || interaction::takes_document(&path) || matches!(path.first().map(String::as_str), Some("Binary" | "DocumentReference"));
    let limit = if deposit { limits.deposit_bytes } else { limits.body_bytes };
    let received = body::receive(req, payload, limits, limit, &shared.budget).await?;
    // Whatever its type says: the trail keeps the form of a search, also of one that is refused.
    if path.last().is_some_and(|last| last == "_search") && received.bytes.len() <= interaction::MAX_FORM {
        interaction::without_token(&interaction::form_pairs(&String::from_utf8_lossy(&received.bytes)))?;
    }
    let slot = Arc::clone(&shared.slots).try_acquire_owned().map_err(|_| Fault::new(FaultKind::Busy, 311, "too many requests are running; try again"))?;
    Ok(Ready { path, method, bytes: received.bytes, slot, share: received.share })
}

/// Who acts; the session behind a token of our own is confirmed first when that is due.
pub(super) async fn acting(req: &HttpRequest, shared: &web::Data<Shared>, caller: &Caller) -> Result<Acting> {
    let now_s = shared.app.now_us() / 1_000_000;
    let acting = bearer::actor(req, &shared.gate.tokens, caller, now_s)?;
    if shared.gate.authorization.as_ref().is_some_and(|a| a.due(&acting.actor, now_s)) {
        let (gate, asked) = (Arc::clone(&shared.gate), acting.actor.clone());
        let checked = web::block(move || gate.authorization.as_ref().map_or(Ok(()), |a| a.recheck(&asked, now_s))).await;
        checked.map_err(|e| Fault::new(FaultKind::Bug, 547, "the request broke off").because(e))??;
    }
    Ok(acting)
}

/// On a blocking thread: the interaction, then the durable trace, then the answer.
fn run(app: &App, call: Call, acceptable: bool) -> Result<(String, interaction::Answer)> {
    carried_out(app, call, |call| {
        if !acceptable && !answers_without_resource(call) {
            return Err(not_acceptable());
        }
        interaction::admit(call)?;
        let answer = interaction::dispatch(app, call)?;
        if !acceptable && matches!(answer.body, interaction::Body::Resource(_)) { Err(not_acceptable()) } else { Ok(answer) }
    })
}

/// Some work of a call, then its durable trace; the name it was traced under, and what it answers.
///
/// # Errors
/// What the work answers, `Bug` when it panicked, `Busy` when it could not be traced.
pub(super) fn carried_out(app: &App, mut call: Call, work: impl FnOnce(&mut Call) -> Result<interaction::Answer>) -> Result<(String, interaction::Answer)> {
    call.presume();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut call)))
        .unwrap_or_else(|_| Err(Fault::new(FaultKind::Bug, 313, "a defect of this server stopped the request")));
    let status = match &outcome {
        Ok(answer) => answer.status,
        Err(e) => e.kind.row().status,
    };
    if !call.committed.get() {
        call.ended(outcome.as_ref().err(), status);
        app.trace(&call.event.borrow())?.wait()?;
    }
    let name = call.event.borrow().interaction.clone();
    outcome.map(|answer| (name, answer))
}

/// What may be answered whatever Accept says: nothing, or the document itself. Bundles and operations are asked before they write.
fn answers_without_resource(call: &Call) -> bool {
    let accepts = |media: &str| call.accept.is_empty() || call.accept.iter().any(|m| m == media || m == "*/*" || m == "text/*");
    match interaction::media_of(&call.path) {
        Some((_, Some(format))) if call.parameter("_format") == Some(format) => return true,
        Some((media, None)) if accepts(media) => return true,
        _ => {}
    }
    let binary = call.path.first().is_some_and(|p| p == "Binary");
    let plain = call.path.first().is_some_and(|_| call.path.iter().all(|p| !p.starts_with('$') && p != "_search"));
    call.method == Method::Delete || plain && call.prefer.returns.as_deref() == Some("minimal") || binary && matches!(call.method, Method::Get | Method::Post)
}

fn not_acceptable() -> Fault {
    Fault::new(FaultKind::NotAcceptable, 310, "answers are application/fhir+json or application/fhir+xml")
}

pub(super) fn address(req: &HttpRequest) -> String {
    req.peer_addr().map(|a| a.ip().to_string()).unwrap_or_default()
}

/// X-Request-Id when it is short and plain, else one of our own.
pub(super) fn request_id(req: &HttpRequest, app: &App) -> String {
    text(req, "x-request-id").filter(|t| t.len() <= 64 && t.bytes().all(|b| b.is_ascii_graphic() && b != b'"')).map_or_else(|| app.new_id(), str::to_owned)
}

/// Decoded segments below `/fhir`.
pub(super) fn path(req: &HttpRequest) -> Result<Vec<String>> {
    let raw = req.uri().path();
    let rest = raw.strip_prefix("/fhir").filter(|r| r.is_empty() || r.starts_with('/'));
    let rest = rest.ok_or_else(|| Fault::new(FaultKind::UnknownType, 316, "the API lives under /fhir"))?;
    let rest = rest.trim_start_matches('/');
    if raw.len() > 8192 || req.query_string().len() > 8192 {
        return Err(Fault::new(FaultKind::AddressTooLong, 317, "the address is over 8 KiB; use POST _search"));
    }
    Ok(rest
        .split('/')
        .filter(|s| !s.is_empty())
        .map(|s| interaction::form_pairs(&format!("x={}", s.replace('+', "%2B"))).into_iter().next().map(|p| p.1).unwrap_or_default())
        .collect())
}

pub(super) fn method(req: &HttpRequest) -> Result<Method> {
    match req.method().as_str() {
        "GET" | "HEAD" => Ok(Method::Get),
        "POST" => Ok(Method::Post),
        "PUT" => Ok(Method::Put),
        "PATCH" => Ok(Method::Patch),
        "DELETE" => Ok(Method::Delete),
        _ => Err(Fault::new(FaultKind::MethodNotAllowed, 318, "this method is not offered")),
    }
}

pub(super) fn text<'a>(req: &'a HttpRequest, name: &str) -> Option<&'a str> {
    req.headers().get(name).and_then(|v| v.to_str().ok())
}

/// MIME type of the body without parameters, lower case.
fn content_type(req: &HttpRequest) -> String {
    text(req, header::CONTENT_TYPE.as_str()).unwrap_or("").split(';').next().unwrap_or("").trim().to_lowercase()
}

#[expect(clippy::too_many_arguments, reason = "one request has that many parts, and this is the one place that joins them")]
fn call(req: &HttpRequest, shared: &Shared, who: (Caller, Actor), method: Method, path: Vec<String>, query: Vec<(String, String)>, accept: Vec<String>, bytes: Vec<u8>) -> Call {
    let ids = (address(req), request_id(req, &shared.app));
    Call {
        raw_query: req.query_string().to_owned(),
        query,
        body: bytes.into(),
        content_type: content_type(req),
        accept,
        if_match: text(req, header::IF_MATCH.as_str()).map(str::to_owned),
        if_none_match: text(req, header::IF_NONE_MATCH.as_str()).map(str::to_owned),
        if_none_exist: text(req, "if-none-exist").map(str::to_owned),
        prefer: prefer(text(req, "prefer").unwrap_or("")),
        ..Call::plain(&shared.app, who, method, path, ids)
    }
}

fn prefer(header: &str) -> Prefer {
    let mut out = Prefer::default();
    for part in header.split([',', ';']).map(str::trim) {
        match part.split_once('=') {
            Some(("handling", "strict")) => out.strict = true,
            Some(("return", what)) => out.returns = Some(what.to_owned()),
            _ => {}
        }
    }
    out
}
