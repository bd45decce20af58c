//! The operator's listener: loopback, plain HTTP, liveness and metrics.

use std::sync::Arc;

use actix_web::{App as Actix, HttpResponse, HttpServer, web};

use super::metrics::Metrics;

/// Starts it; it ends with the process.
///
/// # Errors
/// The socket's error.
pub fn start(bind: &str, metrics: Arc<Metrics>) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        let metrics = Arc::clone(&metrics);
        Actix::new().route("/live", web::get().to(|| async { HttpResponse::Ok().body("live\n") })).route(
            "/metrics",
            web::get().to(move || {
                let text = metrics.text();
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
