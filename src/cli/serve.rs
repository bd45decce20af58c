//! `passerelle serve`

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::anchor::{self, Checkpoints};
use super::issuers::KeyFiles;
use super::watch;
use crate::audit::Head;
use crate::config::{AccessPolicy, Config, Environment};
use crate::http::{self, Gate, Metrics};
use crate::interaction::{App, Rules};
use crate::store::{DatabaseUrl, ReadLog, Store, StoreOptions};
use crate::tls::{self, Pkcs12, PkiOptions, TlsPaths, TlsState};

/// A server in this process.
pub struct Server {
    pub address: SocketAddr,
    /// `https://localhost:PORT/fhir`
    pub base_url: String,
    /// Where the practitioner's page listens.
    pub page: Option<SocketAddr>,
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
    if !config.documents.cda_maps.is_empty() {
        super::cda::add_maps(Path::new(&config.documents.cda_maps))?;
    }
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
    let mut config = config.under(data);
    if own_pki {
        development_pki(&data.join("pki"))?;
    }
    let rules = rules(&config)?;
    anchor::second_place(data, &config)?;
    std::fs::create_dir_all(data.join("pki")).map_err(|e| format!("{}: {e}", data.display()))?;
    let tls = Arc::new(tls::load(tls_paths(data, &config)).map_err(|e| e.to_string())?);
    if let (Environment::Production, [name, ..]) = (config.database.environment, tls.trial_authorities().as_slice()) {
        return Err(format!("tls.ca: {name} is an authority for trials; database.environment = production trusts production authorities alone"));
    }
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: config.database.readers, queue: config.database.queue, facts_bytes: config.limits.facts_bytes }).map_err(shown)?;
    store.pin_environment(config.database.environment.word()).map_err(shown)?;
    let mut checkpoints = Checkpoints::open(data, &anchor::place(data, &config))?;
    let past = checkpoints.known().last().map(|c| c.writes.clone()).unwrap_or_default();
    let read_log = traced(data, &store, &checkpoints)?;
    let listener = TcpListener::bind(&config.server.bind).map_err(|e| format!("{}: {e}; name another address with --bind (port 0 picks a free one)", config.server.bind))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let base_url = if config.server.base_url.is_empty() { format!("https://localhost:{}/fhir", address.port()) } else { config.server.base_url.clone() };
    let page = page_listener(&mut config)?;
    let keys = KeyFiles::new(data, &config);
    let gate = Arc::new(super::issuers::gate(data, &config, &base_url)?);
    announce(&config, &rules);
    tls.alarms().iter().for_each(|alarm| tracing::warn!(alarm, "certificates"));
    let app = Arc::new(App::new(store, read_log, config, rules, base_url));
    let _ = app.signer.set(checkpoints.signer());
    checkpoints.begin(&app).map_err(shown)?;
    let checkpoints = Arc::new(Mutex::new(checkpoints));
    app.keep_tables().and_then(|()| app.note_acceptance()).map_err(shown)?;
    launch(app, (tls, gate, keys, checkpoints, past), (listener, page), own_pki.then(|| data.join("pki")))
}

/// The log of reads, after both chains were held against the last checkpoints: a server does not go on from a trail that is not whole.
fn traced(data: &Path, store: &Store, checkpoints: &Checkpoints) -> Result<ReadLog, String> {
    let log = data.join("audit-reads.log");
    let walked = super::trail::before_start(checkpoints.known(), store, &log).map_err(|e| {
        format!("P-0974: {e}; keep {} as evidence and restore a backup, with the checkpoints in it (passerelle audit verify looks at the whole trail)", data.display())
    })?;
    ReadLog::resume(&log, &walked).map_err(shown)
}

fn launch(
    app: Arc<App>,
    (tls, gate, keys, checkpoints, past): (Arc<TlsState>, Arc<Gate>, KeyFiles, Arc<Mutex<Checkpoints>>, Head),
    listeners: http::Listeners,
    own_pki: Option<PathBuf>,
) -> Result<Server, String> {
    let address = listeners.0.local_addr().map_err(|e| e.to_string())?;
    let page = listeners.1.as_ref().and_then(|l| l.local_addr().ok());
    let base_url = app.base_url.clone();
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("http".into())
        .spawn(move || {
            let (traced, last) = (Arc::clone(&app), Arc::clone(&checkpoints));
            let ended = actix_web::rt::System::new().block_on(async move {
                let metrics = Arc::new(Metrics::default());
                let admin = app.config.admin.bind.clone();
                if !admin.is_empty() {
                    actix_web::rt::spawn(http::start_admin(&admin, Arc::clone(&metrics), Arc::clone(&tls))?);
                }
                actix_web::rt::spawn(watch::files(Arc::clone(&app), Arc::clone(&tls), own_pki));
                actix_web::rt::spawn(watch::keys(keys, Arc::clone(&gate), Arc::clone(&app)));
                actix_web::rt::spawn(watch::work(Arc::clone(&app)));
                actix_web::rt::spawn(watch::checkpoints(checkpoints, Arc::clone(&app)));
                actix_web::rt::spawn(watch::past(Arc::clone(&app), past));
                let running = http::start(Arc::clone(&app), tls, gate, metrics, listeners)?;
                let page = running.page.map(|server| (server.handle(), actix_web::rt::spawn(server)));
                let _ = send.send(running.server.handle());
                let ended = running.server.await;
                if let Some((handle, task)) = page {
                    handle.stop(true).await;
                    let _ = task.await;
                }
                ended
            });
            watch::end(&last, &traced);
            ended
        })
        .map_err(|e| e.to_string())?;
    match receive.recv() {
        Ok(handle) => Ok(Server { address, base_url, page, handle, thread: Some(thread) }),
        Err(_) => Err(match thread.join() {
            Ok(Err(e)) => e.to_string(),
            _ => "the server could not start".to_owned(),
        }),
    }
}

/// The access tables; production asks for more of them.
fn rules(config: &Config) -> Result<Rules, String> {
    let rules = Rules::load(config)?;
    if config.database.environment != Environment::Production {
        return Ok(rules);
    }
    if config.access.policy == AccessPolicy::Open {
        return Err("configuration: access.policy = open is for trials; database.environment = production needs enforced".into());
    }
    rules.accepted(&rules.matrix())?;
    Ok(rules)
}

/// Says at start who decides.
fn announce(config: &Config, rules: &Rules) {
    match config.access.policy {
        AccessPolicy::Open => tracing::warn!("access.policy = open: any valid certificate reads and writes; labels hold"),
        AccessPolicy::Enforced => tracing::info!(matrix.version = rules.matrix().version(), "access.policy = enforced"),
    }
}

/// The socket of the practitioner's page, whose address browsers are told.
fn page_listener(config: &mut Config) -> Result<Option<TcpListener>, String> {
    let consult = &mut config.consult;
    if consult.bind.is_empty() {
        return Ok(None);
    }
    let listener = TcpListener::bind(&consult.bind).map_err(|e| format!("consult.bind {}: {e}", consult.bind))?;
    if consult.base_url.is_empty() {
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        consult.base_url = format!("https://localhost:{port}");
    }
    Ok(Some(listener))
}

fn tls_paths(data: &Path, config: &Config) -> TlsPaths {
    TlsPaths {
        server_chain: (&config.tls.certificate).into(),
        server_key: (&config.tls.key).into(),
        ca: (&config.tls.ca).into(),
        ca_persons: (!config.tls.ca_persons.is_empty()).then(|| (&config.tls.ca_persons).into()),
        crl: (&config.tls.crl).into(),
        ocsp: (!config.tls.ocsp.is_empty()).then(|| (&config.tls.ocsp).into()),
        pkcs12: (!config.tls.pkcs12.is_empty()).then(|| Pkcs12 { file: (&config.tls.pkcs12).into(), password_file: (&config.tls.pkcs12_password_file).into() }),
        browsers: (!config.consult.certificate.is_empty()).then(|| ((&config.consult.certificate).into(), (&config.consult.key).into())),
        crl_numbers: Some(data.join("pki/crl-numbers")),
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
