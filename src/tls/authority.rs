//! The authorities of the operator's file: which of them are anchors, and until when each may be relied on.
//! Spec: RFC 5280 §6.1.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use openssl::x509::X509;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::crl::Believed;
use super::error::{Result, TlsError};
use crate::identity::CertificateFacts;

/// Authorities above a leaf; bounds the walk from the anchors down.
const LEVELS_MAX: usize = 8;

/// One authority whose lists are accepted.
pub(super) struct Authority {
    pub facts: CertificateFacts,
    pub certificate: X509,
    pub anchor: bool,
}

impl Authority {
    /// The last attribute of its name, which is the common name.
    pub fn common_name(&self) -> Option<String> {
        self.certificate.subject_name().entries().filter_map(|e| e.data().to_string().ok()).last()
    }
}

/// The authorities of a file, as each verification needs them.
pub(super) struct Sorted {
    pub roots: Arc<RootCertStore>,
    pub anchors: Vec<X509>,
    pub intermediates: Vec<CertificateDer<'static>>,
    pub authorities: Vec<Authority>,
}

/// What is known of an issuer's certificates.
#[derive(Debug, Default)]
pub(super) struct Revocation {
    /// Serials, big endian without leading zeros.
    pub serials: HashSet<Vec<u8>>,
    /// Seconds since 1970: the first end of a list or certificate on the way from the anchor to this issuer.
    pub until: i64,
    /// Every list is a partition, which webpki supports by distribution point only.
    pub by_point: bool,
}

impl Revocation {
    /// Whether the issuer's lists say that this certificate is not revoked.
    pub fn clears(&self, facts: &CertificateFacts, now_s: i64) -> bool {
        now_s < self.until && !self.serials.contains(&facts.serial) && (facts.distribution_points || !self.by_point)
    }
}

/// Anchors are the self-signed certificates; all others are intermediates. One outside its validity is left out with an alarm.
///
/// # Errors
/// A certificate that is no authority's, two keys under one name, no anchor left.
pub(super) fn sort(certificates: Vec<CertificateDer<'static>>, now: i64, alarms: &mut Vec<String>) -> Result<Sorted> {
    let mut roots = RootCertStore::empty();
    let mut sorted = Sorted { roots: Arc::new(RootCertStore::empty()), anchors: Vec::new(), intermediates: Vec::new(), authorities: Vec::new() };
    for (index, der) in certificates.into_iter().enumerate() {
        let authority = read(&der)?;
        if now >= authority.facts.not_after || now < authority.facts.not_before {
            alarms.push(format!("certificate {} of the CA file is outside its validity and left out", index + 1));
            continue;
        }
        if authority.anchor {
            roots.add(der).map_err(TlsError::of("CA file"))?;
            sorted.anchors.push(authority.certificate.clone());
        } else {
            sorted.intermediates.push(der);
        }
        sorted.authorities.push(authority);
    }
    if roots.is_empty() {
        return Err(TlsError::new("CA file: no trust anchor (self-signed certificate inside its validity) in it"));
    }
    one_key_per_name(&sorted.authorities)?;
    sorted.roots = Arc::new(roots);
    Ok(sorted)
}

fn read(der: &CertificateDer<'_>) -> Result<Authority> {
    let facts = CertificateFacts::read(der).map_err(TlsError::of("CA file"))?;
    let certificate = X509::from_der(der).map_err(TlsError::of("CA file"))?;
    if !facts.is_ca || !facts.key_cert_sign || !facts.crl_sign {
        return Err(TlsError::new("CA file: a certificate is not an authority's with keyCertSign and cRLSign"));
    }
    let anchor = facts.subject == facts.issuer;
    if anchor && !certificate.public_key().is_ok_and(|key| certificate.verify(&key).unwrap_or(false)) {
        return Err(TlsError::new("CA file: a certificate names itself as issuer and is not signed by its own key"));
    }
    Ok(Authority { facts, certificate, anchor })
}

/// Revocation lists are found by their issuer's name: with two keys under it, one half of the clients would meet the other's list.
fn one_key_per_name(authorities: &[Authority]) -> Result<()> {
    let mut keys: HashMap<&[u8], Vec<u8>> = HashMap::new();
    for authority in authorities {
        let key = authority.certificate.public_key().and_then(|k| k.public_key_to_der()).map_err(TlsError::of("CA file"))?;
        if keys.insert(&authority.facts.subject, key.clone()).is_some_and(|other| other != key) {
            return Err(TlsError::new("CA file: two authorities of the same name with different keys; keep the one in use"));
        }
    }
    Ok(())
}

/// The issuers that a path from an anchor reaches through authorities neither revoked nor expired, with their lists. What is
/// not in the answer cannot have a valid client.
pub(super) fn reach(authorities: &[Authority], believed: &[Arc<Believed>]) -> HashMap<Vec<u8>, Revocation> {
    let lists = index(believed);
    let mut until: HashMap<&[u8], i64> = HashMap::new();
    for _ in 0..LEVELS_MAX {
        for authority in authorities {
            let facts = &authority.facts;
            let above = match (authority.anchor, until.get(facts.issuer.as_slice()), lists.get(&facts.issuer)) {
                (true, _, _) => facts.not_after,
                (false, Some(end), Some(list)) if list.clears(facts, i64::MIN) => facts.not_after.min(*end),
                _ => continue,
            };
            if let Some(list) = lists.get(&facts.subject) {
                let end = until.entry(&facts.subject).or_insert(i64::MIN);
                *end = above.min(list.until).max(*end);
            }
        }
    }
    let until: HashMap<Vec<u8>, i64> = until.into_iter().map(|(k, v)| (k.to_vec(), v)).collect();
    lists.into_iter().filter_map(|(name, list)| until.get(&name).map(|end| (name.clone(), Revocation { until: *end, ..list }))).collect()
}

/// All lists of an issuer as one: every serial, the earliest nextUpdate.
fn index(believed: &[Arc<Believed>]) -> HashMap<Vec<u8>, Revocation> {
    let mut out: HashMap<Vec<u8>, Revocation> = HashMap::new();
    for list in believed {
        let entry = out.entry(list.facts.issuer.clone()).or_insert_with(|| Revocation { serials: HashSet::new(), until: i64::MAX, by_point: true });
        entry.by_point &= list.facts.partition.is_some();
        entry.serials.extend(list.facts.revoked.iter().cloned());
        entry.until = entry.until.min(list.next_update);
    }
    out
}
