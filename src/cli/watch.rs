//! What a server does beside answering: it reads files again when they change, and does the background work that is due.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::anchor::Checkpoints;
use super::issuers::KeyFiles;
use crate::audit::Head;
use crate::fhir::Result;
use crate::http::Gate;
use crate::interaction::App;
use crate::store::Chain;
use crate::tls::{self, TlsState};

/// How often the certificate files are looked at; a revocation holds within this time and one request.
const RELOAD: Duration = Duration::from_secs(5);
/// How often is looked whether a checkpoint is due.
const LOOK: Duration = Duration::from_millis(50);
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
    let after = Duration::from_secs(app.config.audit.checkpoint_seconds);
    loop {
        actix_web::rt::time::sleep(LOOK).await;
        let (worker, all) = (Arc::clone(&app), Arc::clone(&made));
        if held(&made).is_due(&app, after) && matches!(actix_web::web::block(move || checkpoint(&all, &worker)).await, Ok(false)) {
            actix_web::rt::time::sleep(after).await;
        }
    }
}

/// One checkpoint of the trail; whether it was made.
fn checkpoint(made: &Mutex<Checkpoints>, app: &App) -> bool {
    alarm(held(made).make(app))
}

/// The last checkpoint of a server that stops.
pub(super) fn end(made: &Mutex<Checkpoints>, app: &App) {
    alarm(held(made).end(app));
}

fn held(made: &Mutex<Checkpoints>) -> std::sync::MutexGuard<'_, Checkpoints> {
    made.lock().unwrap_or_else(PoisonError::into_inner)
}

fn alarm(made: Result<()>) -> bool {
    match &made {
        Ok(()) => {}
        Err(e) => tracing::error!(fault.number = e.number, cause = e.cause.as_deref().unwrap_or(""), "a checkpoint of the trail could not be written"),
    }
    made.is_ok()
}

/// Walks the chain of writes up to where the check at start began. A server is not stopped by what is wrong with its past, but says it.
pub(super) async fn past(app: Arc<App>, until: Head) {
    let walked = actix_web::web::block(move || {
        let mut differs = false;
        let walked = app.store.walk_audit(Chain::default(), |chain, _| differs |= chain.number() == until.number && chain.hash() != until.hash);
        walked.map(|(_, broken)| broken.map(|b| b.to_string()).or_else(|| differs.then(|| format!("event {} is not the one of its checkpoint", until.number))))
    });
    match walked.await {
        Ok(Ok(None)) | Err(_) => {}
        Ok(Ok(Some(broken))) => tracing::error!(cause = broken, "the trail of writes is broken; passerelle audit verify says more"),
        Ok(Err(e)) => tracing::error!(fault.number = e.number, "the trail of writes could not be walked"),
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
