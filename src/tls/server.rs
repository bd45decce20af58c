//! The acceptor: server certificate, client policy and revocation, each replaced while it runs. What of the files does not hold stays
//! as it was and holds back nothing else.
//! Spec: RFC 8446, RFC 5246, RFC 7627 (extended master secret), RFC 7301 (ALPN).

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::error::{Result, TlsError};
use super::files::{self, AuthorityFiles, Stamp};
use super::ocsp::Met;
use super::trust::TrustSet;
use super::verifier::PolicyVerifier;
use crate::identity::Caller;

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

/// Seconds after which a reload that left something as it was is tried again though no file changed: a list from the near future becomes good by itself.
const RETRY_S: i64 = 60;
/// Days before its end at which the server's certificate gives an alarm.
const EXPIRY_ALARM_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;

/// The last attempt to load.
#[derive(Debug)]
struct Attempt {
    stamp: Stamp,
    /// Seconds since 1970, when not all of it took effect.
    failed_s: Option<i64>,
    /// Those in use.
    authorities: AuthorityFiles,
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
    let stamp = files::stamp(&paths);
    let (trust, authorities) = files::first(&paths)?;
    let (key, not_after) = files::server_key(&paths)?;
    let browsers = files::browsers_key(&paths)?.unwrap_or_else(|| (key.clone(), not_after));
    Ok(TlsState {
        trust: Arc::new(ArcSwap::from_pointee(trust)),
        identity: Arc::new(Resolver::new(key, not_after)),
        browsers: Arc::new(Resolver::new(browsers.0, browsers.1)),
        generation: AtomicU64::new(1),
        met: Met::default(),
        last: Mutex::new(Attempt { stamp, failed_s: None, authorities }),
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

    /// Reads all files again. A list, an answer, a file of authorities or a key that does not hold stays as it was; the rest takes
    /// effect. An authority without a valid list is left with its clients refused.
    ///
    /// # Errors
    /// What did not take effect, each with its reason.
    pub fn reload(&self) -> Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.attempt(&mut last)
    }

    fn attempt(&self, last: &mut Attempt) -> Result<()> {
        last.stamp = files::stamp(&self.paths);
        let mut stayed = Vec::new();
        let renewed = files::next(&self.paths, &self.trust.load(), &mut last.authorities, &mut stayed);
        match renewed {
            Ok(trust) => {
                self.trust.store(Arc::new(trust));
                self.generation.fetch_add(1, Ordering::Release);
            }
            Err(reason) => stayed.push(reason.to_string()),
        }
        self.renew_keys(&mut stayed);
        last.failed_s = (!stayed.is_empty()).then(now_s);
        if stayed.is_empty() { Ok(()) } else { Err(TlsError::new(stayed.join("; "))) }
    }

    fn renew_keys(&self, stayed: &mut Vec<String>) {
        match files::server_key(&self.paths) {
            Ok((key, not_after)) => {
                if self.paths.browsers.is_none() {
                    self.browsers.replace(key.clone(), not_after);
                }
                self.identity.replace(key, not_after);
            }
            Err(reason) => stayed.push(reason.to_string()),
        }
        match files::browsers_key(&self.paths) {
            Ok(Some((key, not_after))) => self.browsers.replace(key, not_after),
            Ok(None) => {}
            Err(reason) => stayed.push(reason.to_string()),
        }
    }

    /// Reloads when a file changed since the last attempt, and every minute while not all took effect; true when it did. Meant to be
    /// polled every few seconds.
    ///
    /// # Errors
    /// As [`TlsState::reload`].
    pub fn reload_if_changed(&self) -> Result<bool> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_s();
        let due = last.failed_s.is_some_and(|at| now >= at.saturating_add(RETRY_S) || now < at);
        if !due && last.stamp == files::stamp(&self.paths) {
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

    /// What the last load left out or lacks, and the near end of lists and of the server's certificate, for the log.
    pub fn alarms(&self) -> Vec<String> {
        let (trust, days) = (self.trust.load(), self.certificate_seconds_left().div_euclid(DAY_S));
        let ending = (days < EXPIRY_ALARM_DAYS).then(|| format!("the server's certificate ends in {days} days"));
        trust.alarms().iter().chain(trust.lacks()).cloned().chain(trust.endings().late(now_s())).chain(ending).collect()
    }

    /// Seconds to the end of the revocation list that ends first; negative afterwards.
    pub fn list_seconds_left(&self) -> i64 {
        self.trust.load().endings().seconds_left(now_s())
    }

    /// Seconds to the end of the server's certificate, or of that of the page's listener when it ends earlier.
    pub fn certificate_seconds_left(&self) -> i64 {
        let first = self.identity.not_after.load(Ordering::Acquire).min(self.browsers.not_after.load(Ordering::Acquire));
        first.saturating_sub(now_s())
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
