//! What a server does beside answering: it reads files again when they change, and does the background work that is due.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::anchor::Checkpoints;
use super::issuers::KeyFiles;
use crate::http::Gate;
use crate::interaction::App;
use crate::tls::{self, TlsState};

/// How often the certificate files are looked at; a revocation holds within this time and one request.
const RELOAD: Duration = Duration::from_secs(5);
/// How often background work that is due is looked for.
const WORK: Duration = Duration::from_secs(1);
/// How often the alarms about certificates and lists are told again, and computed anew: a list grows old though no file changes.
const TELL: Duration = Duration::from_secs(3600);
/// How often a development PKI signs its revocation lists again; they hold for 30 days.
const RENEW: Duration = Duration::from_secs(86_400);

/// Reloads certificates and revocation lists when their files change; what does not hold stays as it was, the rest takes effect.
/// The lists of a development PKI of our own are signed again each day.
pub(super) async fn files(app: Arc<App>, tls: Arc<TlsState>, own_pki: Option<PathBuf>) {
    let (mut renewed, mut told) = (Instant::now(), Instant::now());
    loop {
        actix_web::rt::time::sleep(RELOAD).await;
        if let Some(dir) = own_pki.as_deref().filter(|_| renewed.elapsed() >= RENEW) {
            renewed = Instant::now();
            if let Err(e) = tls::renew_crl(dir) {
                tracing::error!(cause = %e, "the development revocation lists could not be renewed");
            }
        }
        match app.rules.reload_if_changed() {
            Ok(true) => reloaded(&app).await,
            Ok(false) => {}
            Err(e) => tracing::error!(cause = %e, "tables of access and ranking could not be reloaded; the previous ones stay in force"),
        }
        if let Err(e) = tls.write_noted() {
            tracing::error!(cause = %e, "certificates to ask about by OCSP could not be noted");
        }
        let reloaded = tls.reload_if_changed();
        match &reloaded {
            Ok(true) => tracing::info!("certificates and revocation lists reloaded"),
            Ok(false) => {}
            Err(e) => tracing::error!(cause = %e, "of the certificates and revocation lists some stay as they were, or their issuer's clients are refused; the rest took effect"),
        }
        if reloaded == Ok(true) || told.elapsed() >= TELL {
            told = Instant::now();
            tls.alarms().iter().for_each(|alarm| tracing::warn!(alarm, "certificates"));
        }
    }
}

/// New tables are in force: they are kept for who asks later what was shown under them.
async fn reloaded(app: &Arc<App>) {
    tracing::info!(matrix.version = app.rules.matrix().version(), "tables of access and ranking reloaded");
    let keeper = Arc::clone(app);
    if let Ok(Err(e)) = actix_web::web::block(move || keeper.keep_tables()).await {
        tracing::error!(fault.number = e.number, "reloaded tables could not be kept");
    }
}

/// Reads the keys of token issuers again when their files change.
pub(super) async fn keys(mut keys: KeyFiles, gate: Arc<Gate>, app: Arc<App>) {
    loop {
        actix_web::rt::time::sleep(RELOAD).await;
        match keys.reload_if_changed(&gate, &app.config, &app.base_url) {
            Ok(true) => tracing::info!("keys of token issuers reloaded"),
            Ok(false) => {}
            Err(e) => tracing::error!(cause = %e, "keys of token issuers could not be reloaded; the previous ones stay in force"),
        }
    }
}

/// Makes checkpoints of the trail; one that cannot be made is an alarm, and the next round tries again.
pub(super) async fn checkpoints(made: Arc<Mutex<Checkpoints>>, app: Arc<App>) {
    loop {
        let (worker, all) = (Arc::clone(&app), Arc::clone(&made));
        let _ = actix_web::web::block(move || checkpoint(&all, &worker)).await;
        actix_web::rt::time::sleep(Duration::from_secs(app.config.audit.checkpoint_seconds)).await;
    }
}

/// One checkpoint of the trail.
pub(super) fn checkpoint(made: &Mutex<Checkpoints>, app: &App) {
    if let Err(e) = made.lock().unwrap_or_else(PoisonError::into_inner).make(app) {
        tracing::error!(fault.number = e.number, cause = e.cause.as_deref().unwrap_or(""), "a checkpoint of the trail could not be written");
    }
}

/// Does the background work that is due, round after round. What waits is in the database, so that a restart loses nothing.
pub(super) async fn work(app: Arc<App>) {
    loop {
        actix_web::rt::time::sleep(WORK).await;
        let worker = Arc::clone(&app);
        if let Ok(Err(e)) = actix_web::web::block(move || worker.work(worker.now_us())).await {
            tracing::error!(fault.number = e.number, "background work could not be read");
        }
    }
}
