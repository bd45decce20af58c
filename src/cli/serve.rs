//! `passerelle serve`

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::issuers::KeyFiles;
use crate::config::Config;
use crate::http::{self, Gate, Metrics};
use crate::interaction::App;
use crate::store::{DatabaseUrl, ReadLog, Store, StoreOptions};
use crate::tls::{self, Pkcs12, PkiOptions, TlsPaths, TlsState};

/// How often the certificate files are looked at; a revocation holds within this time and one request.
const RELOAD: Duration = Duration::from_secs(5);
/// How often a development PKI signs its revocation lists again; they hold for 30 days.
const RENEW: Duration = Duration::from_secs(86_400);

/// A server in this process.
pub struct Server {
    pub address: SocketAddr,
    /// `https://localhost:PORT/fhir`
    pub base_url: String,
    pub handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

impl Server {
    /// Waits until the server has ended.
    ///
    /// # Errors
    /// The error it ended with.
    pub fn join(mut self) -> Result<(), String> {
        match self.thread.take().map(std::thread::JoinHandle::join) {
            Some(Ok(result)) => result.map_err(|e| e.to_string()),
            _ => Ok(()),
        }
    }

    /// Asks the server to end and waits.
    pub fn stop(self) {
        let stop = self.handle.stop(true);
        std::thread::spawn(move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
                runtime.block_on(stop);
            }
        });
        let _ = self.join();
    }
}

/// Runs until SIGINT or SIGTERM.
pub(super) fn run(data: &Path, bind: Option<String>, file: Option<&Path>) -> Result<(), String> {
    let mut config = Config::load(file, std::env::vars())?;
    if let Some(bind) = bind {
        config.server.bind = bind;
    }
    super::logs(&config.log.level, config.log.format == "json");
    let server = start(data, config)?;
    let line = format!("listening on https://{}", server.address);
    until_signal(&server, &line)?;
    server.join()
}

/// Listens for SIGINT and SIGTERM, prints `line`, and stops the server on the first signal.
pub(super) fn until_signal(server: &Server, line: &str) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let handle = server.handle.clone();
    runtime.block_on(async move {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
        println!("{line}");
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        handle.stop(true).await;
        Ok(())
    })
}

/// Opens everything under `data` and starts serving on threads of its own.
///
/// # Errors
/// A text that says what is wrong with the configuration, the certificates or the database.
pub fn start(data: &Path, config: Config) -> Result<Server, String> {
    private_folder(data)?;
    let own_pki = config.tls.certificate.is_empty() && config.tls.pkcs12.is_empty() && config.tls.ca.is_empty();
    let config = config.under(data);
    if own_pki {
        development_pki(&data.join("pki"))?;
    }
    let tls = Arc::new(tls::load(tls_paths(&config)).map_err(|e| e.to_string())?);
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: config.database.readers, queue: config.database.queue }).map_err(shown)?;
    store.pin_environment(config.database.environment.word()).map_err(shown)?;
    let read_log = ReadLog::open(&data.join("audit-reads.log")).map_err(shown)?;
    let listener = TcpListener::bind(&config.server.bind).map_err(|e| format!("{}: {e}; name another address with --bind (port 0 picks a free one)", config.server.bind))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let base_url = if config.server.base_url.is_empty() { format!("https://localhost:{}/fhir", address.port()) } else { config.server.base_url.clone() };
    let keys = KeyFiles::new(data, &config);
    let gate = Arc::new(super::issuers::gate(data, &config, &base_url)?);
    tracing::info!(policy = ?config.access.policy, "access.policy = open: any valid certificate reads and writes; labels hold");
    tls.alarms().iter().for_each(|alarm| tracing::warn!(alarm, "certificates"));
    let app = Arc::new(App::new(store, read_log, config, base_url));
    launch(app, (tls, gate, keys), listener, own_pki.then(|| data.join("pki")))
}

fn launch(app: Arc<App>, (tls, gate, keys): (Arc<TlsState>, Arc<Gate>, KeyFiles), listener: TcpListener, own_pki: Option<PathBuf>) -> Result<Server, String> {
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let base_url = app.base_url.clone();
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("http".into())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let metrics = Arc::new(Metrics::default());
                let admin = app.config.admin.bind.clone();
                if !admin.is_empty() {
                    actix_web::rt::spawn(http::start_admin(&admin, Arc::clone(&metrics))?);
                }
                actix_web::rt::spawn(watch(Arc::clone(&tls), own_pki));
                actix_web::rt::spawn(watch_keys(keys, Arc::clone(&gate), Arc::clone(&app)));
                let running = http::start(app, tls, gate, metrics, listener)?;
                let _ = send.send(running.server.handle());
                running.server.await
            })
        })
        .map_err(|e| e.to_string())?;
    match receive.recv() {
        Ok(handle) => Ok(Server { address, base_url, handle, thread: Some(thread) }),
        Err(_) => Err(match thread.join() {
            Ok(Err(e)) => e.to_string(),
            _ => "the server could not start".to_owned(),
        }),
    }
}

/// Reloads certificates and revocation lists when their files change; a set that is not whole is refused and the old one kept.
/// The lists of a development PKI of our own are signed again each day.
async fn watch(tls: Arc<TlsState>, own_pki: Option<PathBuf>) {
    let mut renewed = Instant::now();
    loop {
        actix_web::rt::time::sleep(RELOAD).await;
        if let Some(dir) = own_pki.as_deref().filter(|_| renewed.elapsed() >= RENEW) {
            renewed = Instant::now();
            if let Err(e) = tls::renew_crl(dir) {
                tracing::error!(cause = %e, "the development revocation lists could not be renewed");
            }
        }
        match tls.reload_if_changed() {
            Ok(true) => {
                tracing::info!("certificates and revocation lists reloaded");
                tls.alarms().iter().for_each(|alarm| tracing::warn!(alarm, "certificates"));
            }
            Ok(false) => {}
            Err(e) => tracing::error!(cause = %e, "certificates could not be reloaded; the previous set stays in force"),
        }
    }
}

/// Reads the keys of token issuers again when their files change.
async fn watch_keys(mut keys: KeyFiles, gate: Arc<Gate>, app: Arc<App>) {
    loop {
        actix_web::rt::time::sleep(RELOAD).await;
        match keys.reload_if_changed(&gate, &app.config, &app.base_url) {
            Ok(true) => tracing::info!("keys of token issuers reloaded"),
            Ok(false) => {}
            Err(e) => tracing::error!(cause = %e, "keys of token issuers could not be reloaded; the previous ones stay in force"),
        }
    }
}

fn tls_paths(config: &Config) -> TlsPaths {
    TlsPaths {
        server_chain: (&config.tls.certificate).into(),
        server_key: (&config.tls.key).into(),
        ca: (&config.tls.ca).into(),
        crl: (&config.tls.crl).into(),
        pkcs12: (!config.tls.pkcs12.is_empty()).then(|| Pkcs12 { file: (&config.tls.pkcs12).into(), password_file: (&config.tls.pkcs12_password_file).into() }),
    }
}

/// Makes the development PKI on first start and keeps its revocation list fresh.
fn development_pki(dir: &Path) -> Result<(), String> {
    if dir.join("ca.pem").exists() {
        return tls::renew_crl(dir).map_err(|e| e.to_string());
    }
    tls::generate(dir, &PkiOptions::default()).map_err(|e| e.to_string())
}

/// Creates the data folder readable by its owner alone.
fn private_folder(data: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(data).map_err(|e| format!("{}: {e}", data.display()))?;
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).map_err(|e| format!("{}: {e}", data.display()))
}

/// A fault for the operator: what the caller reads, and the cause.
fn shown(fault: crate::fhir::Fault) -> String {
    let cause = fault.cause.as_deref().map(|c| format!(" ({c})")).unwrap_or_default();
    format!("{fault}{cause}")
}
