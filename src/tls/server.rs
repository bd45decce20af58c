//! The acceptor: server certificate, client policy and revocation, all replaced together while it runs.
//! Spec: RFC 8446, RFC 5246, RFC 7627 (extended master secret), RFC 7301 (ALPN).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::error::{Result, TlsError};
use super::p12::import_p12;
use super::trust::TrustSet;
use super::verifier::PolicyVerifier;
use crate::identity::Caller;

/// Bytes of any file read here.
const FILE_MAX_BYTES: u64 = 64 << 20;

/// The server's identity in a PKCS#12 file.
#[derive(Debug, Clone)]
pub struct Pkcs12 {
    pub file: PathBuf,
    /// File that holds the password on its first line.
    pub password_file: PathBuf,
}

/// Where everything is. `server_chain` and `server_key` are not read when `pkcs12` is given.
#[derive(Debug, Clone)]
pub struct TlsPaths {
    pub server_chain: PathBuf,
    pub server_key: PathBuf,
    pub ca: PathBuf,
    pub crl: PathBuf,
    pub pkcs12: Option<Pkcs12>,
}

/// Modification time and length of every file.
type Stamp = Vec<Option<(SystemTime, u64)>>;

/// What is in use now; shared by all listeners.
#[derive(Debug)]
pub struct TlsState {
    paths: TlsPaths,
    trust: Arc<ArcSwap<TrustSet>>,
    identity: Arc<Resolver>,
    generation: AtomicU64,
    /// Stamp of the last attempt; also keeps two reloads from crossing.
    stamp: Mutex<Stamp>,
}

#[derive(Debug)]
struct Resolver {
    key: ArcSwap<CertifiedKey>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

/// Loads and checks everything; the start of the server.
///
/// # Errors
/// The file and the rule it breaks.
pub fn load(paths: TlsPaths) -> Result<TlsState> {
    let stamp = stamp(&paths);
    let trust = trust(&paths, None)?;
    let key = server_key(&paths)?;
    Ok(TlsState {
        trust: Arc::new(ArcSwap::from_pointee(trust)),
        identity: Arc::new(Resolver { key: ArcSwap::from_pointee(key) }),
        generation: AtomicU64::new(1),
        stamp: Mutex::new(stamp),
        paths,
    })
}

impl TlsState {
    /// A configuration for rustls; it follows every later reload by itself.
    ///
    /// # Errors
    /// Never with the provider built in.
    pub fn server_config(&self) -> Result<ServerConfig> {
        let verifier = Arc::new(PolicyVerifier { trust: Arc::clone(&self.trust) });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.identity) as _;
        let mut config = ServerConfig::builder_with_provider(super::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::of("TLS versions"))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(resolver);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.require_ems = true;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Reads all files again; on any error everything stays as it was.
    ///
    /// # Errors
    /// As [`load`], and a revocation list older than the one in use.
    pub fn reload(&self) -> Result<()> {
        let mut last = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        *last = stamp(&self.paths);
        let current = self.trust.load();
        let trust = trust(&self.paths, Some(&current))?;
        let key = server_key(&self.paths)?;
        self.trust.store(Arc::new(trust));
        self.identity.key.store(Arc::new(key));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Reloads when a file's time or length changed since the last attempt; true when it did. Meant to be polled every few
    /// seconds.
    ///
    /// # Errors
    /// As [`TlsState::reload`]; told once per change of the files.
    pub fn reload_if_changed(&self) -> Result<bool> {
        let same = *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) == stamp(&self.paths);
        if same {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// Goes up by one at each reload: a connection of an older generation asks [`TlsState::still_valid`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a caller on a kept-alive connection may still be answered; cheap enough for every request.
    pub fn still_valid(&self, caller: &Caller) -> bool {
        self.trust.load().still_valid(caller, now_s())
    }

    /// What the last load left out, for the log.
    pub fn alarms(&self) -> Vec<String> {
        self.trust.load().alarms().to_vec()
    }
}

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let wrong = |e: std::io::Error| TlsError::new(format!("{}: {e}", path.display()));
    if std::fs::metadata(path).map_err(wrong)?.len() > FILE_MAX_BYTES {
        return Err(TlsError::new(format!("{}: over 64 MiB", path.display())));
    }
    std::fs::read(path).map_err(wrong)
}

fn trust(paths: &TlsPaths, before: Option<&TrustSet>) -> Result<TrustSet> {
    TrustSet::build(&read(&paths.ca)?, &read(&paths.crl)?, now_s(), before)
}

fn server_key(paths: &TlsPaths) -> Result<CertifiedKey> {
    let (chain_pem, key_pem) = match &paths.pkcs12 {
        Some(p12) => {
            let password = read(&p12.password_file)?;
            let password = String::from_utf8(password).map_err(TlsError::of("PKCS#12 password"))?;
            let imported = import_p12(&read(&p12.file)?, password.lines().next().unwrap_or(""))?;
            (imported.chain_pem, imported.key_pem)
        }
        None => (read(&paths.server_chain)?, read(&paths.server_key)?),
    };
    let chain = CertificateDer::pem_slice_iter(&chain_pem).collect::<std::result::Result<Vec<_>, _>>().map_err(TlsError::of("server certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(TlsError::of("server key"))?;
    CertifiedKey::from_der(chain, key, &super::provider()).map_err(TlsError::of("server certificate and key"))
}

fn stamp(paths: &TlsPaths) -> Stamp {
    let mut files = vec![&paths.ca, &paths.crl];
    match &paths.pkcs12 {
        Some(p12) => files.extend([&p12.file, &p12.password_file]),
        None => files.extend([&paths.server_chain, &paths.server_key]),
    }
    files.into_iter().map(|f| std::fs::metadata(f).ok().and_then(|m| Some((m.modified().ok()?, m.len())))).collect()
}
