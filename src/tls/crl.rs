//! Revocation lists: which of them may be believed.
//!
//! A list is believed when a known authority signed it, now is inside [thisUpdate, nextUpdate), it is numbered and complete.
//! What is left out is told as an alarm. An authority left without any list stops the start; while the server runs, it is that
//! authority's clients alone who are refused, so that no list of one issuer can hold back the revocations of another.
//! Spec: RFC 5280 §5, §6.3.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use openssl::x509::X509Crl;
use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;

use super::authority::{Authority, Sorted};
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

    pub fn number(&self) -> &[u8] {
        self.facts.number.as_deref().unwrap_or_default()
    }
}

/// Issuer (DER) and serial of what OCSP answers revoked, with the thisUpdate of the answer, seconds since 1970.
pub(super) type AnsweredRevocations = HashMap<(Vec<u8>, Vec<u8>), i64>;

/// What the set in use knows of lists: no later set may know less.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub numbers: Numbers,
    /// The lists in use.
    pub lists: Vec<Arc<Believed>>,
    /// Until a later answer clears it.
    pub answered: AnsweredRevocations,
}

impl Seen {
    /// After this set comes one with these lists, and these revocations by OCSP.
    pub fn then(&self, lists: &[Arc<Believed>], answered: AnsweredRevocations) -> Self {
        let mut numbers = self.numbers.clone();
        numbers.extend(lists.iter().map(|l| (l.scope(), l.number().to_vec())));
        Self { numbers, lists: lists.to_vec(), answered }
    }
}

/// The lists of a set, and what they lack.
pub(super) struct Chosen {
    pub lists: Vec<Arc<Believed>>,
    /// What a start is refused for, and what a running server goes on without.
    pub lacks: Vec<String>,
}

/// Chooses the lists to believe; per scope the highest number only. A list in use whose place is taken by none, or by an older one,
/// is used on, past its end too: what it revoked must not come back, and an outdated list clears nobody.
pub(super) fn choose(lists: Vec<CertificateRevocationListDer<'static>>, sorted: &Sorted, now: i64, seen: &Seen, alarms: &mut Vec<String>) -> Chosen {
    let authorities = sorted.authorities.as_slice();
    let mut kept: HashMap<Scope, Arc<Believed>> = HashMap::new();
    for (index, der) in lists.into_iter().enumerate() {
        match believe(der, authorities, &sorted.roots, now) {
            Ok(list) => keep_newest(&mut kept, list),
            Err(reason) => alarms.push(format!("revocation list {} of the file is left out: {reason}", index + 1)),
        }
    }
    let mut lacks = Vec::new();
    kept.retain(|scope, list| {
        let older = seen.numbers.get(scope).is_some_and(|old| below(list.number(), old));
        if older {
            lacks.push(format!("a revocation list of {} is older than the one in use: its number went down", named(authorities, &scope.0)));
        }
        !older
    });
    for list in seen.lists.iter().filter(|l| authorities.iter().any(|a| a.facts.subject == l.facts.issuer)) {
        if let Entry::Vacant(place) = kept.entry(list.scope()) {
            lacks.push(format!("a revocation list of {} in use is missing or left out, and used on until it ends; put a newer one there", named(authorities, &list.facts.issuer)));
            place.insert(Arc::clone(list));
        }
    }
    lacks.extend(uncovered(authorities, &kept, now));
    Chosen { lists: kept.into_values().collect(), lacks }
}

/// A sentence for each authority whose clients no list clears.
fn uncovered(authorities: &[Authority], kept: &HashMap<Scope, Arc<Believed>>, now: i64) -> Vec<String> {
    let covered = |issuer: &[u8]| {
        let mut own = kept.values().filter(|l| l.facts.issuer == issuer).peekable();
        own.peek().is_some() && own.all(|l| now < l.next_update)
    };
    let issuers: BTreeSet<&[u8]> = authorities.iter().map(|a| a.facts.subject.as_slice()).filter(|s| !covered(s)).collect();
    issuers.into_iter().map(|issuer| format!("the certification authority {} has no valid revocation list: its clients are refused", named(authorities, issuer))).collect()
}

/// The common name of an issuer, for the operator.
pub(super) fn named(authorities: &[Authority], issuer: &[u8]) -> String {
    authorities.iter().find(|a| a.facts.subject == issuer).and_then(Authority::common_name).unwrap_or_else(|| "an authority".to_owned())
}

/// Numbers are compared as integers: both are big endian without leading zeros.
pub(super) fn below(a: &[u8], b: &[u8]) -> bool {
    (a.len(), a) < (b.len(), b)
}

/// Of two lists with one number the later thisUpdate is kept.
fn keep_newest(kept: &mut HashMap<Scope, Arc<Believed>>, list: Believed) {
    let rank = |l: &Believed| (l.number().len(), l.number().to_vec(), l.facts.this_update);
    let older = kept.get(&list.scope()).is_some_and(|k| rank(&list) < rank(k));
    if !older {
        kept.insert(list.scope(), Arc::new(list));
    }
}

/// Whether a list may be believed at `now` (seconds since 1970), or the rule it breaks.
pub(super) fn believe(der: CertificateRevocationListDer<'static>, authorities: &[Authority], roots: &Arc<RootCertStore>, now: i64) -> Result<Believed, &'static str> {
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
