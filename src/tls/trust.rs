//! One whole set of trust: anchors, intermediates, revocation lists, and the verification of a client against them.
//!
//! Intermediates come from the operator's file alone; what a client sends beside its leaf is counted and ignored.
//! Spec: RFC 5280 §6.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use openssl::x509::X509;
use rustls::CertificateError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::authority::{Revocation, reach, sort};
use super::crl::{Seen, choose};
use super::endings::Endings;
use super::error::{Result, TlsError};
use super::ocsp::{Answered, Responders};
use super::{ocsp, policies_path, policy};
use crate::identity::{Caller, CertificateFacts};

/// Certificates and lists a file may hold.
const FILE_MAX_ITEMS: usize = 64;

/// Certificates of authorities, PEM.
pub(super) struct Authorities<'a> {
    pub structures: &'a [u8],
    /// Those that issue persons' certificates, when they are told apart; a root may be in both.
    pub persons: Option<&'a [u8]>,
}

/// What is known of revocations: lists, one PEM per file, and OCSP answers.
pub(super) struct Revocations<'a> {
    pub lists: &'a [Vec<u8>],
    pub answers: &'a [Answered],
}

/// When a set is made: a start is refused for what a running server goes on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Start,
    Reload,
}

/// Names (DER) of the authorities that issue certificates of either kind.
pub(super) struct Issuers {
    structures: HashSet<Vec<u8>>,
    persons: HashSet<Vec<u8>>,
}

/// A fully checked set; never changed, only replaced.
pub struct TrustSet {
    webpki: Arc<dyn ClientCertVerifier>,
    intermediates: Vec<CertificateDer<'static>>,
    anchors: Vec<X509>,
    revocation: HashMap<Vec<u8>, Revocation>,
    partitioned: bool,
    /// An intermediate's certificatePolicies is critical.
    critical_policies: bool,
    seen: Seen,
    alarms: Vec<String>,
    lacks: Vec<String>,
    endings: Endings,
    trial: Vec<String>,
    /// None when any authority may issue either kind.
    issuers: Option<Issuers>,
}

impl std::fmt::Debug for TrustSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustSet").field("intermediates", &self.intermediates.len()).finish_non_exhaustive()
    }
}

impl TrustSet {
    /// Builds a set from PEM files' bytes at `now` (seconds since 1970); `before` is the set it replaces.
    ///
    /// # Errors
    /// An unreadable, expired or unfit authority. Without `before` also an authority without revocation list, or a file of lists that
    /// cannot be read: afterwards these are told by [`TrustSet::lacks`].
    pub fn build(ca_pem: &[u8], crl_pem: &[u8], now: i64, before: Option<&TrustSet>) -> Result<Self> {
        let occasion = before.map_or(Occasion::Start, |_| Occasion::Reload);
        let revocations = Revocations { lists: &[crl_pem.to_vec()], answers: &[] };
        Self::after(&Authorities { structures: ca_pem, persons: None }, &revocations, now, before.map_or(&Seen::default(), |b| &b.seen), occasion)
    }

    /// [`TrustSet::build`] after what was seen before, by this process or by one before it.
    pub(super) fn after(authorities: &Authorities<'_>, revocations: &Revocations<'_>, now: i64, seen: &Seen, occasion: Occasion) -> Result<Self> {
        let (certificates, issuers) = all_certificates(authorities)?;
        let (lists, unread) = lists(revocations.lists);
        let mut alarms = Vec::new();
        let mut sorted = sort(certificates, now, &mut alarms)?;
        let chosen = choose(lists, &sorted, now, seen, &mut alarms);
        let lacks: Vec<String> = unread.into_iter().chain(chosen.lacks).collect();
        if occasion == Occasion::Start && !lacks.is_empty() {
            return Err(TlsError::new(lacks.iter().chain(&alarms).cloned().collect::<Vec<_>>().join("; ")));
        }
        let believed = chosen.lists;
        let crls = believed.iter().map(|b| b.der.clone());
        let webpki = WebPkiClientVerifier::builder_with_provider(Arc::clone(&sorted.roots), super::provider())
            .with_crls(crls)
            .enforce_revocation_expiration()
            .build()
            .map_err(TlsError::of("client certificate verifier"))?;
        let mut revocation = reach(&sorted.authorities, &believed);
        let responders = Responders::known(sorted.authorities.iter().map(|a| a.certificate.clone()));
        let mut answered = seen.answered.clone();
        for one in revocations.answers {
            if let Err(reason) = ocsp::believe(one, &responders, &mut answered) {
                alarms.push(format!("an OCSP answer is left out: {reason}"));
            }
        }
        for (issuer, serial) in answered.keys() {
            revocation.entry(issuer.clone()).and_modify(|r| {
                r.serials.insert(serial.clone());
            });
        }
        Ok(Self {
            webpki,
            intermediates: std::mem::take(&mut sorted.intermediates),
            anchors: sorted.anchors,
            partitioned: believed.iter().any(|b| b.facts.partition.is_some()),
            critical_policies: sorted.authorities.iter().any(|a| !a.anchor && a.facts.critical_policies),
            revocation,
            seen: seen.then(&believed, answered),
            trial: sorted.authorities.iter().filter_map(|a| trial_name(&a.certificate)).collect(),
            endings: Endings::of(&believed, &sorted.authorities),
            alarms,
            lacks,
            issuers,
        })
    }

    /// What was left out while loading, for the log and the metrics.
    pub fn alarms(&self) -> &[String] {
        &self.alarms
    }

    /// What is refused or used on for want of a list; empty after a start.
    pub fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// When its lists end.
    pub(super) fn endings(&self) -> &Endings {
        &self.endings
    }

    /// What this set knows of lists.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Names of authorities that are for trials, as IGC-Santé writes them: TEST is a word of their name.
    pub fn trial_authorities(&self) -> &[String] {
        &self.trial
    }

    /// The signature schemes and handshake checks of webpki.
    pub(super) fn webpki(&self) -> &Arc<dyn ClientCertVerifier> {
        &self.webpki
    }

    /// Verifies a client's leaf; `sent` are the other certificates it sent. The error is for the log only.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn verify(&self, leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>], now: UnixTime) -> std::result::Result<(), String> {
        policy::size(std::iter::once(leaf.len()).chain(sent.iter().map(|c| c.len())))?;
        let now_s = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let facts = CertificateFacts::read(leaf).map_err(|e| e.to_string())?;
        policy::leaf(&facts)?;
        match self.webpki.verify_client_cert(leaf, &self.intermediates, now) {
            Ok(_) if !self.clears(&facts, now_s) => return Err("its issuer's lists do not clear it".into()),
            Ok(_) => {}
            Err(error) if (facts.critical_policies || self.critical_policies) && is_unknown_extension(&error) => self.with_policies(leaf, &facts, now_s)?,
            Err(error) => return Err(error.to_string()),
        }
        let person = policy::is_person(leaf).map_err(|e| e.to_string())?;
        let fits = self.issuers.as_ref().is_none_or(|i| if person { &i.persons } else { &i.structures }.contains(&facts.issuer));
        if fits { Ok(()) } else { Err("its authority does not issue certificates of this kind".into()) }
    }

    /// Whether a caller verified earlier may still be answered at `now_s` (seconds since 1970): not expired, not revoked, and
    /// the same for each authority above it, whose lists are not outdated. Two hash look-ups.
    pub fn still_valid(&self, caller: &Caller, now_s: i64) -> bool {
        now_s < caller.not_after && !self.is_revoked(&caller.issuer_der, &caller.serial_bytes, now_s)
    }

    /// True also when nothing sure is known of the issuer.
    fn is_revoked(&self, issuer: &[u8], serial: &[u8], now_s: i64) -> bool {
        self.revocation.get(issuer).is_none_or(|r| now_s >= r.until || r.serials.contains(serial))
    }

    /// What webpki leaves out: an anchor that has expired, and a list of any distribution point for a certificate that names
    /// none; neither clears a certificate here.
    fn clears(&self, facts: &CertificateFacts, now_s: i64) -> bool {
        self.revocation.get(&facts.issuer).is_some_and(|r| r.clears(facts, now_s))
    }

    /// webpki knows no critical certificatePolicies; openssl processes them, and the lists are looked up here.
    fn with_policies(&self, leaf: &CertificateDer<'_>, facts: &CertificateFacts, now_s: i64) -> std::result::Result<(), String> {
        if self.partitioned {
            return Err("critical certificatePolicies beside a partitioned revocation list".into());
        }
        let path = policies_path::verify(leaf, &self.intermediates, &self.anchors, now_s)?;
        if std::iter::once(facts).chain(&path).all(|f| self.clears(f, now_s)) { Ok(()) } else { Err("revoked".into()) }
    }
}

/// The certificates of both files, each once, and who issues which kind when they are told apart.
///
/// # Errors
/// PEM that cannot be read, nothing in it, or more than 64 certificates.
pub(super) fn all_certificates(authorities: &Authorities<'_>) -> Result<(Vec<CertificateDer<'static>>, Option<Issuers>)> {
    let structures = bounded(CertificateDer::pem_slice_iter(authorities.structures), "CA file")?;
    let persons = authorities.persons.map(|pem| bounded(CertificateDer::pem_slice_iter(pem), "CA file of persons")).transpose()?;
    let issuers = persons.as_ref().map(|p| Ok::<_, TlsError>(Issuers { structures: names(&structures)?, persons: names(p)? })).transpose()?;
    let mut certificates = structures;
    for one in persons.into_iter().flatten() {
        if !certificates.contains(&one) {
            certificates.push(one);
        }
    }
    Ok((certificates, issuers))
}

/// The lists of all files, and what could not be read of them: a broken file hides no other.
fn lists(files: &[Vec<u8>]) -> (Vec<CertificateRevocationListDer<'static>>, Vec<String>) {
    let (mut out, mut unread) = (Vec::new(), Vec::new());
    for pem in files {
        match bounded(CertificateRevocationListDer::pem_slice_iter(pem), "CRL file") {
            Ok(lists) => out.extend(lists),
            Err(reason) => unread.push(reason.to_string()),
        }
    }
    (out, unread)
}

fn names(certificates: &[CertificateDer<'_>]) -> Result<HashSet<Vec<u8>>> {
    certificates.iter().map(|der| CertificateFacts::read(der).map(|f| f.subject).map_err(TlsError::of("CA file"))).collect()
}

/// The common name of an authority that has TEST as a word in its name.
fn trial_name(certificate: &X509) -> Option<String> {
    let parts: Vec<String> = certificate.subject_name().entries().filter_map(|e| e.data().to_string().ok()).collect();
    let trial = parts.iter().any(|p| p.split(|c: char| !c.is_alphanumeric()).any(|word| word == "TEST"));
    trial.then(|| parts.last().cloned().unwrap_or_default())
}

/// webpki's own error has no variant in rustls; its text is its name.
fn is_unknown_extension(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other)) if other.0.to_string() == "UnsupportedCriticalExtension")
}

fn bounded<T>(items: impl Iterator<Item = std::result::Result<T, rustls::pki_types::pem::Error>>, what: &'static str) -> Result<Vec<T>> {
    let all = items.take(FILE_MAX_ITEMS + 1).collect::<std::result::Result<Vec<T>, _>>().map_err(TlsError::of(what))?;
    match all.len() {
        0 => Err(TlsError::new(format!("{what}: nothing in it (PEM is expected)"))),
        n if n > FILE_MAX_ITEMS => Err(TlsError::new(format!("{what}: more than {FILE_MAX_ITEMS} items"))),
        _ => Ok(all),
    }
}
