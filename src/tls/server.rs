//! The acceptor: server certificate, client policy and revocation, all replaced together while it runs.
//! Spec: RFC 8446, RFC 5246, RFC 7627 (extended master secret), RFC 7301 (ALPN).

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::crl::Seen;
use super::error::{Result, TlsError};
use super::folder::{self, Content};
use super::numbers;
use super::ocsp::{self, Met};
use super::p12::import_p12;
use super::trust::{Authorities, Revocations, TrustSet};
use super::verifier::PolicyVerifier;
use crate::identity::{Caller, CertificateFacts};

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
    /// Authorities that issue persons' certificates; those of `ca` then issue structures' alone.
    pub ca_persons: Option<PathBuf>,
    pub crl: PathBuf,
    /// Folder of OCSP answers, and of the certificates they are asked for.
    pub ocsp: Option<PathBuf>,
    pub pkcs12: Option<Pkcs12>,
    /// Chain and key of the listener for browsers; none: those above.
    pub browsers: Option<(PathBuf, PathBuf)>,
    /// Where the numbers of revocation lists are kept across restarts; none for trials.
    pub crl_numbers: Option<PathBuf>,
}

/// Seconds after which a failed reload is tried again though no file changed: a list from the near future becomes good by itself.
const RETRY_S: i64 = 60;
/// Days before its end at which the server's certificate gives an alarm.
const EXPIRY_ALARM_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;

/// Inode, change time and length of every file: a rename or a kept modification time does not hide a change.
type Stamp = Vec<Option<(u64, i64, i64, u64)>>;

/// The last attempt to load.
#[derive(Debug)]
struct Attempt {
    stamp: Stamp,
    /// Seconds since 1970, when it failed.
    failed_s: Option<i64>,
}

/// What is in use now; shared by all listeners.
#[derive(Debug)]
pub struct TlsState {
    paths: TlsPaths,
    trust: Arc<ArcSwap<TrustSet>>,
    identity: Arc<Resolver>,
    /// Of the listener for browsers.
    browsers: Arc<Resolver>,
    generation: AtomicU64,
    met: Met,
    /// Also keeps two reloads from crossing.
    last: Mutex<Attempt>,
}

#[derive(Debug)]
struct Resolver {
    key: ArcSwap<CertifiedKey>,
    /// End of the certificate, seconds since 1970.
    not_after: AtomicI64,
}

impl Resolver {
    fn new(key: CertifiedKey, not_after: i64) -> Self {
        Self { key: ArcSwap::from_pointee(key), not_after: AtomicI64::new(not_after) }
    }

    fn replace(&self, key: CertifiedKey, not_after: i64) {
        self.key.store(Arc::new(key));
        self.not_after.store(not_after, Ordering::Release);
    }
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
    let seen = paths.crl_numbers.as_deref().map(numbers::read).transpose()?.unwrap_or_default();
    let trust = trust(&paths, &seen)?;
    let (key, not_after) = server_key(&paths)?;
    let browsers = browsers_key(&paths, (&key, not_after))?;
    Ok(TlsState {
        trust: Arc::new(ArcSwap::from_pointee(trust)),
        identity: Arc::new(Resolver::new(key, not_after)),
        browsers: Arc::new(Resolver::new(browsers.0, browsers.1)),
        generation: AtomicU64::new(1),
        met: Met::default(),
        last: Mutex::new(Attempt { stamp, failed_s: None }),
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
        settle(&mut config);
        Ok(config)
    }

    /// The same for a listener that asks browsers for no certificate: its own identity, and nothing that says who calls.
    ///
    /// # Errors
    /// Never with the provider built in.
    pub fn browsers_config(&self) -> Result<ServerConfig> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.browsers) as _;
        let mut config = ServerConfig::builder_with_provider(super::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::of("TLS versions"))?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        settle(&mut config);
        Ok(config)
    }

    /// Reads all files again; on any error everything stays as it was.
    ///
    /// # Errors
    /// As [`load`], and a revocation list older than the one in use.
    pub fn reload(&self) -> Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.attempt(&mut last)
    }

    fn attempt(&self, last: &mut Attempt) -> Result<()> {
        *last = Attempt { stamp: stamp(&self.paths), failed_s: Some(now_s()) };
        let current = self.trust.load();
        let trust = trust(&self.paths, current.seen())?;
        let (key, not_after) = server_key(&self.paths)?;
        let browsers = browsers_key(&self.paths, (&key, not_after))?;
        self.trust.store(Arc::new(trust));
        self.identity.replace(key, not_after);
        self.browsers.replace(browsers.0, browsers.1);
        self.generation.fetch_add(1, Ordering::Release);
        last.failed_s = None;
        Ok(())
    }

    /// Reloads when a file changed since the last attempt, and every minute after a failed one; true when it did. Meant to be
    /// polled every few seconds.
    ///
    /// # Errors
    /// As [`TlsState::reload`].
    pub fn reload_if_changed(&self) -> Result<bool> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_s();
        let due = last.failed_s.is_some_and(|at| now >= at.saturating_add(RETRY_S) || now < at);
        if !due && last.stamp == stamp(&self.paths) {
            return Ok(false);
        }
        self.attempt(&mut last).map(|()| true)
    }

    /// Goes up by one at each reload: a connection of an older generation asks [`TlsState::still_valid`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a caller on a kept-alive connection may still be answered; cheap enough for every request.
    pub fn still_valid(&self, caller: &Caller) -> bool {
        self.trust.load().still_valid(caller, now_s())
    }

    /// Notes a client's certificate to ask about by OCSP, when that is configured.
    pub fn note(&self, leaf: &[u8]) {
        if self.paths.ocsp.is_some() {
            self.met.note(leaf);
        }
    }

    /// Writes down the certificates that were noted.
    ///
    /// # Errors
    /// A file that cannot be written, a folder that is full.
    pub fn write_noted(&self) -> Result<()> {
        self.paths.ocsp.as_deref().map_or(Ok(()), |folder| self.met.write(folder))
    }

    /// Names of authorities for trials among those trusted.
    pub fn trial_authorities(&self) -> Vec<String> {
        self.trust.load().trial_authorities().to_vec()
    }

    /// What the last load left out, and the near end of the server's certificate, for the log.
    pub fn alarms(&self) -> Vec<String> {
        let first = self.identity.not_after.load(Ordering::Acquire).min(self.browsers.not_after.load(Ordering::Acquire));
        let days = first.saturating_sub(now_s()).div_euclid(DAY_S);
        let ending = (days < EXPIRY_ALARM_DAYS).then(|| format!("the server's certificate ends in {days} days"));
        self.trust.load().alarms().iter().cloned().chain(ending).collect()
    }
}

/// No session is resumed, no early data is taken, HTTP/1.1 alone.
fn settle(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.require_ems = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
}

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let wrong = |e: std::io::Error| TlsError::new(format!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(wrong)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n > FILE_MAX_BYTES) {
        return Err(TlsError::new(format!("{}: over 64 MiB", path.display())));
    }
    Ok(bytes)
}

/// The set of the files now, its numbers kept before it is used.
fn trust(paths: &TlsPaths, seen: &Seen) -> Result<TrustSet> {
    let persons = paths.ca_persons.as_deref().map(|path| folder::pem(path, Content::Certificates)).transpose()?;
    let authorities = Authorities { structures: &folder::pem(&paths.ca, Content::Certificates)?, persons: persons.as_deref() };
    let answers = paths.ocsp.as_deref().map(ocsp::answers).transpose()?.unwrap_or_default();
    let revocations = Revocations { lists: &folder::pem(&paths.crl, Content::RevocationLists)?, answers: &answers };
    let set = TrustSet::after(&authorities, &revocations, now_s(), seen)?;
    paths.crl_numbers.as_deref().map(|file| numbers::write(file, set.seen())).transpose()?;
    Ok(set)
}

/// The chain with its key, and the end of its leaf in seconds since 1970.
fn server_key(paths: &TlsPaths) -> Result<(CertifiedKey, i64)> {
    let (chain_pem, key_pem) = match &paths.pkcs12 {
        Some(p12) => {
            let password = read(&p12.password_file)?;
            let password = String::from_utf8(password).map_err(TlsError::of("PKCS#12 password"))?;
            let imported = import_p12(&read(&p12.file)?, password.lines().next().unwrap_or(""))?;
            (imported.chain_pem, imported.key_pem)
        }
        None => (read(&paths.server_chain)?, read(&paths.server_key)?),
    };
    certified(&chain_pem, &key_pem)
}

/// That of the listener for browsers: its own when it has one, else the API's.
fn browsers_key(paths: &TlsPaths, (api, not_after): (&CertifiedKey, i64)) -> Result<(CertifiedKey, i64)> {
    match &paths.browsers {
        Some((chain, key)) => certified(&read(chain)?, &read(key)?),
        None => Ok((api.clone(), not_after)),
    }
}

fn certified(chain_pem: &[u8], key_pem: &[u8]) -> Result<(CertifiedKey, i64)> {
    let chain = CertificateDer::pem_slice_iter(chain_pem).collect::<std::result::Result<Vec<_>, _>>().map_err(TlsError::of("server certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::of("server key"))?;
    let leaf = chain.first().ok_or_else(|| TlsError::new("server certificate: nothing in it"))?;
    let facts = CertificateFacts::read(leaf).map_err(TlsError::of("server certificate"))?;
    let now = now_s();
    if now < facts.not_before || now >= facts.not_after {
        return Err(TlsError::new("server certificate: outside its validity"));
    }
    let key = CertifiedKey::from_der(chain, key, &super::provider()).map_err(TlsError::of("server certificate and key"))?;
    Ok((key, facts.not_after))
}

fn stamp(paths: &TlsPaths) -> Stamp {
    // A folder's own entry too: a file that was taken away is a change.
    let watched: Vec<&PathBuf> = [&paths.ca, &paths.crl].into_iter().chain(&paths.ca_persons).collect();
    let mut files: Vec<PathBuf> = watched.iter().map(|p| (*p).clone()).collect();
    files.extend(watched.into_iter().flat_map(|p| folder::files(p).unwrap_or_default()));
    // Answers are renamed into place, which changes the folder.
    files.extend(paths.ocsp.clone());
    match &paths.pkcs12 {
        Some(p12) => files.extend([p12.file.clone(), p12.password_file.clone()]),
        None => files.extend([paths.server_chain.clone(), paths.server_key.clone()]),
    }
    files.extend(paths.browsers.iter().flat_map(|(chain, key)| [chain.clone(), key.clone()]));
    let one = |file: &PathBuf| std::fs::metadata(file).ok().map(|m| (m.ino(), m.ctime(), m.ctime_nsec(), m.len()));
    files.iter().map(one).collect()
}
