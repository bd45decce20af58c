//! Revocation lists: which of them may be believed.
//!
//! A list is believed when a known authority signed it, now is inside [thisUpdate, nextUpdate), it is numbered and complete.
//! What is left out is told as an alarm; an authority left without any list stops the load.
//! Spec: RFC 5280 §5, §6.3.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use openssl::x509::X509Crl;
use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;

use super::authority::{Authority, Sorted};
use super::error::{Result, TlsError};
use crate::identity::RevocationFacts;

/// Issuer name and partition of a list, both DER.
pub(super) type Scope = (Vec<u8>, Option<Vec<u8>>);
/// The highest number seen per scope.
pub(super) type Numbers = HashMap<Scope, Vec<u8>>;

/// One believed list.
#[derive(Debug)]
pub(super) struct Believed {
    pub der: CertificateRevocationListDer<'static>,
    pub facts: RevocationFacts,
    pub next_update: i64,
}

impl Believed {
    pub fn scope(&self) -> Scope {
        (self.facts.issuer.clone(), self.facts.partition.clone())
    }

    fn number(&self) -> &[u8] {
        self.facts.number.as_deref().unwrap_or_default()
    }
}

/// What the set in use knows of lists: no later set may know less.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub numbers: Numbers,
    /// Scopes of the lists in use.
    pub scopes: HashSet<Scope>,
    /// Issuer (DER) and serial of what OCSP answers revoked, until an answer clears it.
    pub answered: HashSet<(Vec<u8>, Vec<u8>)>,
}

impl Seen {
    /// After this set comes one with these lists, and these revocations by OCSP.
    pub fn then(&self, lists: &[Believed], answered: HashSet<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut numbers = self.numbers.clone();
        numbers.extend(lists.iter().map(|l| (l.scope(), l.number().to_vec())));
        Self { numbers, scopes: lists.iter().map(Believed::scope).collect(), answered }
    }
}

/// Chooses the lists to believe; per scope the highest number only.
///
/// # Errors
/// When a list's number is below the one seen, a list in use is missing, or an authority has no believed list.
pub(super) fn choose(lists: Vec<CertificateRevocationListDer<'static>>, sorted: &Sorted, now: i64, seen: &Seen, alarms: &mut Vec<String>) -> Result<Vec<Believed>> {
    let authorities = sorted.authorities.as_slice();
    let mut kept: HashMap<Scope, Believed> = HashMap::new();
    for (index, der) in lists.into_iter().enumerate() {
        match believe(der, authorities, &sorted.roots, now) {
            Ok(list) => keep_newest(&mut kept, list),
            Err(reason) => alarms.push(format!("revocation list {} of the file is left out: {reason}", index + 1)),
        }
    }
    let covered: HashSet<&[u8]> = kept.keys().map(|(issuer, _)| issuer.as_slice()).collect();
    let missing = authorities.iter().filter(|a| !covered.contains(a.facts.subject.as_slice())).count();
    if missing > 0 {
        return Err(TlsError::new(format!("{missing} certification authorities have no valid revocation list ({})", alarms.join("; "))));
    }
    not_older(&kept, authorities, seen)?;
    Ok(kept.into_values().collect())
}

/// A set that knows less than the one in use would bring a revoked certificate back.
fn not_older(kept: &HashMap<Scope, Believed>, authorities: &[Authority], seen: &Seen) -> Result<()> {
    if kept.iter().any(|(scope, list)| seen.numbers.get(scope).is_some_and(|old| below(list.number(), old))) {
        return Err(TlsError::new("a revocation list is older than the one in use: its number went down"));
    }
    let trusted = |scope: &Scope| authorities.iter().any(|a| a.facts.subject == scope.0);
    if seen.scopes.iter().any(|scope| trusted(scope) && !kept.contains_key(scope)) {
        return Err(TlsError::new("a revocation list in use is missing or left out; put it back, or restart to go on without it"));
    }
    Ok(())
}

/// Numbers are compared as integers: both are big endian without leading zeros.
fn below(a: &[u8], b: &[u8]) -> bool {
    (a.len(), a) < (b.len(), b)
}

/// Of two lists with one number the later thisUpdate is kept.
fn keep_newest(kept: &mut HashMap<Scope, Believed>, list: Believed) {
    let rank = |l: &Believed| (l.number().len(), l.number().to_vec(), l.facts.this_update);
    let older = kept.get(&list.scope()).is_some_and(|k| rank(&list) < rank(k));
    if !older {
        kept.insert(list.scope(), list);
    }
}

fn believe(der: CertificateRevocationListDer<'static>, authorities: &[Authority], roots: &Arc<RootCertStore>, now: i64) -> std::result::Result<Believed, &'static str> {
    let facts = RevocationFacts::read(&der).map_err(|_| "it cannot be read")?;
    if facts.is_delta {
        return Err("it is a delta list");
    }
    if facts.number.is_none() {
        return Err("it has no number");
    }
    if facts.this_update > now {
        return Err("thisUpdate is in the future");
    }
    let next_update = facts.next_update.filter(|next| *next > now).ok_or("nextUpdate is passed or absent")?;
    let parsed = X509Crl::from_der(&der).map_err(|_| "it cannot be read")?;
    let signed = |a: &Authority| a.facts.subject == facts.issuer && a.certificate.public_key().is_ok_and(|key| parsed.verify(&key).unwrap_or(false));
    if !authorities.iter().any(signed) {
        return Err("no known authority signed it");
    }
    if !supported(&der, roots) {
        return Err("a critical extension of it (issuingDistributionPoint?) is not supported");
    }
    Ok(Believed { der, facts, next_update })
}

/// Left out when webpki does not support it (a partition by reason or for authorities only, an unknown critical extension): in
/// its verifier it would stop the server.
fn supported(der: &CertificateRevocationListDer<'static>, roots: &Arc<RootCertStore>) -> bool {
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), super::provider()).with_crls([der.clone()]).build().is_ok()
}
