//! Revocation lists: which of them may be believed.
//!
//! A list is believed when a known authority signed it, now is inside [thisUpdate, nextUpdate), it is numbered and complete.
//! What is left out is told as an alarm; an authority left without any list stops the load.
//! Spec: RFC 5280 §5, §6.3.

use std::collections::HashMap;

use openssl::x509::{X509, X509Crl};
use rustls::pki_types::CertificateRevocationListDer;

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

/// One authority whose lists are accepted.
pub(super) struct Authority {
    pub subject: Vec<u8>,
    pub certificate: X509,
}

/// Chooses the lists to believe; per scope the highest number only.
///
/// # Errors
/// When a list's number is below `seen`, or an authority has no believed list.
pub(super) fn choose(
    lists: Vec<CertificateRevocationListDer<'static>>,
    authorities: &[Authority],
    now: i64,
    seen: &Numbers,
    alarms: &mut Vec<String>,
) -> Result<Vec<Believed>> {
    let mut kept: HashMap<Scope, Believed> = HashMap::new();
    let mut covered = vec![false; authorities.len()];
    for (index, der) in lists.into_iter().enumerate() {
        match believe(der, authorities, now) {
            Ok((list, signer)) => {
                covered.iter_mut().enumerate().filter(|(i, _)| *i == signer).for_each(|(_, c)| *c = true);
                keep_newest(&mut kept, list);
            }
            Err(reason) => alarms.push(format!("revocation list {} of the file is left out: {reason}", index + 1)),
        }
    }
    if covered.iter().any(|c| !c) || authorities.is_empty() {
        let missing = covered.iter().filter(|c| !**c).count();
        return Err(TlsError::new(format!("{missing} certification authorities have no valid revocation list ({})", alarms.join("; "))));
    }
    for (scope, list) in &kept {
        let lower = seen.get(scope).is_some_and(|old| list.facts.number.as_ref().is_none_or(|new| below(new, old)));
        if lower {
            return Err(TlsError::new("a revocation list is older than the one in use: its number went down"));
        }
    }
    Ok(kept.into_values().collect())
}

/// Numbers are compared as integers: both are big endian without leading zeros.
fn below(a: &[u8], b: &[u8]) -> bool {
    (a.len(), a) < (b.len(), b)
}

fn keep_newest(kept: &mut HashMap<Scope, Believed>, list: Believed) {
    let scope = (list.facts.issuer.clone(), list.facts.partition.clone());
    let number = list.facts.number.clone().unwrap_or_default();
    let older = kept.get(&scope).is_some_and(|k| below(&number, k.facts.number.as_deref().unwrap_or_default()));
    if !older {
        kept.insert(scope, list);
    }
}

fn believe(
    der: CertificateRevocationListDer<'static>,
    authorities: &[Authority],
    now: i64,
) -> std::result::Result<(Believed, usize), &'static str> {
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
    let signer = authorities
        .iter()
        .position(|a| {
            a.subject == facts.issuer
                && a.certificate.public_key().is_ok_and(|key| parsed.verify(&key).unwrap_or(false))
        })
        .ok_or("no known authority signed it")?;
    Ok((Believed { der, facts, next_update }, signer))
}
