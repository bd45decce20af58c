//! The operator's listener: loopback, plain HTTP, liveness and metrics.

use std::sync::Arc;

use actix_web::{App as Actix, HttpResponse, HttpServer, web};

use super::metrics::Metrics;
use crate::tls::TlsState;

/// Starts it; it ends with the process.
///
/// # Errors
/// The socket's error.
pub fn start(bind: &str, metrics: Arc<Metrics>, tls: Arc<TlsState>) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        let (metrics, tls) = (Arc::clone(&metrics), Arc::clone(&tls));
        Actix::new().route("/live", web::get().to(|| async { HttpResponse::Ok().body("live\n") })).route(
            "/metrics",
            web::get().to(move || {
                let text = metrics.text() + &certificates(&tls);
                async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text) }
            }),
        )
    })
    .workers(1)
    .disable_signals()
    .bind(bind)?
    .run();
    Ok(server)
}

/// How long the certificates hold, as gauges.
fn certificates(tls: &TlsState) -> String {
    let all = [("crl_seconds_left", tls.list_seconds_left()), ("certificate_seconds_left", tls.certificate_seconds_left())];
    all.iter().map(|(name, seconds)| format!("# TYPE {name} gauge\n{name} {seconds}\n")).collect()
}
