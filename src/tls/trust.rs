//! One whole set of trust: anchors, intermediates, revocation lists, and the verification of a client against them.
//!
//! Intermediates come from the operator's file alone; what a client sends beside its leaf is counted and ignored.
//! Spec: RFC 5280 §6.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use openssl::x509::X509;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore};

use super::crl::{Authority, Believed, Numbers, choose};
use super::error::{Result, TlsError};
use super::{policies_path, policy};
use crate::identity::{Caller, CertificateFacts};

/// Certificates and lists a file may hold.
const FILE_MAX_ITEMS: usize = 64;

/// What is known of an issuer's certificates.
#[derive(Debug, Default)]
struct Revocation {
    serials: HashSet<Vec<u8>>,
    /// Earliest nextUpdate, seconds since 1970.
    until: i64,
}

/// A fully checked set; never changed, only replaced.
pub struct TrustSet {
    webpki: Arc<dyn ClientCertVerifier>,
    intermediates: Vec<CertificateDer<'static>>,
    anchors: Vec<X509>,
    revocation: HashMap<Vec<u8>, Revocation>,
    partitioned: bool,
    numbers: Numbers,
    /// Seconds since 1970: the first expiry of an anchor.
    until: i64,
    alarms: Vec<String>,
}

impl std::fmt::Debug for TrustSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustSet").field("intermediates", &self.intermediates.len()).field("until", &self.until).finish_non_exhaustive()
    }
}

impl TrustSet {
    /// Builds a set from PEM files' bytes at `now` (seconds since 1970); `before` is the set it replaces.
    ///
    /// # Errors
    /// An unreadable, expired or unfit authority, an authority without revocation list, a list older than the one in use.
    pub fn build(ca_pem: &[u8], crl_pem: &[u8], now: i64, before: Option<&TrustSet>) -> Result<Self> {
        let certificates = bounded(CertificateDer::pem_slice_iter(ca_pem), "CA file")?;
        let lists = bounded(CertificateRevocationListDer::pem_slice_iter(crl_pem), "CRL file")?;
        let mut alarms = Vec::new();
        let mut sorted = sort(certificates, now, &mut alarms)?;
        let empty = Numbers::new();
        let seen = before.map_or(&empty, |b| &b.numbers);
        let believed = usable(choose(lists, &sorted.authorities, now, seen, &mut alarms)?, &sorted.roots, &mut alarms)?;
        let crls = believed.iter().map(|b| b.der.clone());
        let webpki = WebPkiClientVerifier::builder_with_provider(Arc::clone(&sorted.roots), super::provider())
            .with_crls(crls)
            .enforce_revocation_expiration()
            .build()
            .map_err(TlsError::of("client certificate verifier"))?;
        let mut numbers = empty.clone();
        numbers.extend(seen.iter().map(|(k, v)| (k.clone(), v.clone())));
        for list in &believed {
            numbers.insert((list.facts.issuer.clone(), list.facts.partition.clone()), list.facts.number.clone().unwrap_or_default());
        }
        Ok(Self {
            webpki,
            intermediates: std::mem::take(&mut sorted.intermediates),
            anchors: sorted.anchors,
            partitioned: believed.iter().any(|b| b.facts.partition.is_some()),
            revocation: index(&believed),
            numbers,
            until: sorted.until,
            alarms,
        })
    }

    /// What was left out while loading, for the log and the metrics.
    pub fn alarms(&self) -> &[String] {
        &self.alarms
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
        if now_s >= self.until {
            return Err("a trust anchor has expired".into());
        }
        let facts = CertificateFacts::read(leaf).map_err(|e| e.to_string())?;
        policy::leaf(&facts)?;
        match self.webpki.verify_client_cert(leaf, &self.intermediates, now) {
            Ok(_) => {}
            Err(error) if facts.critical_policies && is_other(&error) => self.with_policies(leaf, &facts, now_s)?,
            Err(error) => return Err(error.to_string()),
        }
        policy::name(leaf).map_err(|e| e.to_string())
    }

    /// Whether a caller verified earlier may still be answered at `now_s` (seconds since 1970): not expired, not revoked, its
    /// issuer still trusted and its list not outdated. Two hash look-ups.
    pub fn still_valid(&self, caller: &Caller, now_s: i64) -> bool {
        now_s < caller.not_after && now_s < self.until && !self.is_revoked(&caller.issuer_der, &caller.serial_bytes, now_s)
    }

    /// True also when nothing sure is known of the issuer.
    fn is_revoked(&self, issuer: &[u8], serial: &[u8], now_s: i64) -> bool {
        self.revocation.get(issuer).is_none_or(|r| now_s >= r.until || r.serials.contains(serial))
    }

    /// webpki knows no critical certificatePolicies; openssl processes them, and the lists are looked up here.
    fn with_policies(&self, leaf: &CertificateDer<'_>, facts: &CertificateFacts, now_s: i64) -> std::result::Result<(), String> {
        if self.partitioned {
            return Err("critical certificatePolicies beside a partitioned revocation list".into());
        }
        let path = policies_path::verify(leaf, &self.intermediates, &self.anchors, now_s)?;
        let revoked = |f: &CertificateFacts| self.is_revoked(&f.issuer, &f.serial, now_s);
        if revoked(facts) || path.iter().any(revoked) {
            return Err("revoked".into());
        }
        Ok(())
    }
}

fn is_other(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(_)))
}

fn bounded<T>(items: impl Iterator<Item = std::result::Result<T, rustls::pki_types::pem::Error>>, what: &'static str) -> Result<Vec<T>> {
    let all = items.take(FILE_MAX_ITEMS + 1).collect::<std::result::Result<Vec<T>, _>>().map_err(TlsError::of(what))?;
    match all.len() {
        0 => Err(TlsError::new(format!("{what}: nothing in it"))),
        n if n > FILE_MAX_ITEMS => Err(TlsError::new(format!("{what}: more than {FILE_MAX_ITEMS} items"))),
        _ => Ok(all),
    }
}

struct Sorted {
    roots: Arc<RootCertStore>,
    anchors: Vec<X509>,
    intermediates: Vec<CertificateDer<'static>>,
    authorities: Vec<Authority>,
    until: i64,
}

/// Anchors are the self-issued certificates; all others are intermediates.
fn sort(certificates: Vec<CertificateDer<'static>>, now: i64, alarms: &mut Vec<String>) -> Result<Sorted> {
    let mut roots = RootCertStore::empty();
    let mut sorted = Sorted { roots: Arc::new(RootCertStore::empty()), anchors: Vec::new(), intermediates: Vec::new(), authorities: Vec::new(), until: i64::MAX };
    for der in certificates {
        let facts = CertificateFacts::read(&der).map_err(TlsError::of("CA file"))?;
        let parsed = X509::from_der(&der).map_err(TlsError::of("CA file"))?;
        if !facts.is_ca || !facts.key_cert_sign || !facts.crl_sign {
            return Err(TlsError::new("CA file: a certificate is not an authority's with keyCertSign and cRLSign"));
        }
        let root = facts.subject == facts.issuer;
        if now >= facts.not_after || now < facts.not_before {
            if root {
                return Err(TlsError::new("CA file: a trust anchor is outside its validity"));
            }
            alarms.push("an intermediate authority is outside its validity and left out".into());
            continue;
        }
        if root {
            roots.add(der).map_err(TlsError::of("CA file"))?;
            sorted.until = sorted.until.min(facts.not_after);
            sorted.anchors.push(parsed.clone());
        } else {
            sorted.intermediates.push(der);
        }
        sorted.authorities.push(Authority { subject: facts.subject, certificate: parsed });
    }
    if roots.is_empty() {
        return Err(TlsError::new("CA file: no trust anchor (self-issued certificate) in it"));
    }
    sorted.roots = Arc::new(roots);
    Ok(sorted)
}

/// Drops the lists whose partition webpki does not support, so that one of them does not stop the server.
fn usable(believed: Vec<Believed>, roots: &Arc<RootCertStore>, alarms: &mut Vec<String>) -> Result<Vec<Believed>> {
    let supported = |list: &Believed| {
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), super::provider()).with_crls([list.der.clone()]).build().is_ok()
    };
    let before: HashSet<Vec<u8>> = believed.iter().map(|b| b.facts.issuer.clone()).collect();
    let (kept, dropped): (Vec<_>, Vec<_>) = believed.into_iter().partition(supported);
    alarms.extend(dropped.iter().map(|_| "a revocation list is left out: its issuingDistributionPoint is not supported".to_owned()));
    if before.iter().any(|issuer| kept.iter().all(|k| &k.facts.issuer != issuer)) {
        return Err(TlsError::new("a certification authority is left without a supported revocation list"));
    }
    Ok(kept)
}

fn index(believed: &[Believed]) -> HashMap<Vec<u8>, Revocation> {
    let mut out: HashMap<Vec<u8>, Revocation> = HashMap::new();
    for list in believed {
        let entry = out.entry(list.facts.issuer.clone()).or_insert_with(|| Revocation { serials: HashSet::new(), until: i64::MAX });
        entry.serials.extend(list.facts.revoked.iter().cloned());
        entry.until = entry.until.min(list.next_update);
    }
    out
}
