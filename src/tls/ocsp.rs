//! OCSP answers about clients' certificates, beside the revocation lists: they can only add a revocation.
//!
//! They live in a folder. The server notes there the certificates it met (`FINGERPRINT.cer`), a process of its own asks about them and
//! puts the answers beside (`FINGERPRINT.ocsp`), the server reads these. No handshake ever waits for a responder. What a client staples
//! is not seen: rustls does not hand it on.
//! Spec: RFC 6960; RFC 5280 §6.3.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use openssl::asn1::Asn1GeneralizedTimeRef;
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspCertId, OcspCertStatus, OcspFlag, OcspRequest, OcspResponse, OcspResponseStatus};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509NameRef};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::crl::AnsweredRevocations;
use super::error::{Result, TlsError};
use super::files::read;
use super::folder::{self, Content};
use crate::identity::CertificateFacts;

/// Certificates that are noted.
const NOTED_MAX: usize = 1024;
/// Seconds that two clocks may differ.
const SKEW_S: u32 = 300;

/// Who issues the certificates that are asked about.
pub struct Responders {
    authorities: Vec<X509>,
}

impl Responders {
    /// The authorities of these paths, each a PEM file or a folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Self> {
        let mut authorities = Vec::new();
        for path in paths {
            let pem = folder::pem(path, Content::Certificates)?;
            for der in CertificateDer::pem_slice_iter(&pem) {
                authorities.push(X509::from_der(&der.map_err(TlsError::of("CA file"))?).map_err(TlsError::of("CA file"))?);
            }
        }
        Ok(Self { authorities })
    }

    pub(super) fn known(authorities: impl Iterator<Item = X509>) -> Self {
        Self { authorities: authorities.collect() }
    }

    /// The question about a certificate, DER.
    ///
    /// # Errors
    /// A certificate that cannot be read, or of an unknown authority.
    pub fn question(&self, certificate: &[u8]) -> Result<Vec<u8>> {
        let step = TlsError::of("OCSP request");
        let certificate = X509::from_der(certificate).map_err(&step)?;
        let mut request = OcspRequest::new().map_err(&step)?;
        request.add_id(id(&certificate, self.issuer(certificate.issuer_name())?)?).map_err(&step)?;
        request.to_der().map_err(&step)
    }

    /// Whether an answer says that a certificate is revoked, and its thisUpdate, seconds since 1970. A revocation holds after the
    /// answer's nextUpdate too.
    ///
    /// # Errors
    /// An answer that is none, is not signed by the certificate's authority or its delegate, says nothing of the certificate, or is
    /// outdated.
    pub fn revoked(&self, certificate: &[u8], answer: &[u8]) -> Result<(bool, i64)> {
        let step = TlsError::of("OCSP answer");
        let certificate = X509::from_der(certificate).map_err(&step)?;
        let issuer = self.issuer(certificate.issuer_name())?;
        let response = OcspResponse::from_der(answer).map_err(&step)?;
        if response.status() != OcspResponseStatus::SUCCESSFUL {
            return Err(TlsError::new("OCSP answer: the responder refused"));
        }
        let basic = response.basic().map_err(&step)?;
        let mut store = X509StoreBuilder::new().map_err(&step)?;
        let mut others = Stack::new().map_err(&step)?;
        for authority in &self.authorities {
            let alone = authority.subject_name().try_cmp(authority.issuer_name()).map_err(&step)?.is_eq();
            if alone { store.add_cert(authority.clone()) } else { others.push(authority.clone()) }.map_err(&step)?;
        }
        basic.verify(&others, &store.build(), OcspFlag::empty()).map_err(|_| TlsError::new("OCSP answer: not signed by the certificate's authority or its delegate"))?;
        let status = basic.find_status(&*id(&certificate, issuer)?).ok_or_else(|| TlsError::new("OCSP answer: it is about another certificate"))?;
        let this_update = moment(status.this_update)?;
        match status.status {
            OcspCertStatus::REVOKED => Ok((true, this_update)),
            OcspCertStatus::GOOD => status.check_validity(SKEW_S, None).map(|()| (false, this_update)).map_err(|_| TlsError::new("OCSP answer: outdated, or from the future")),
            _ => Err(TlsError::new("OCSP answer: the responder does not know the certificate")),
        }
    }

    fn issuer(&self, name: &X509NameRef) -> Result<&X509> {
        let found = self.authorities.iter().find(|a| a.subject_name().try_cmp(name).is_ok_and(std::cmp::Ordering::is_eq));
        found.ok_or_else(|| TlsError::new("OCSP: the certificate is of an unknown authority"))
    }
}

/// Seconds since 1970; the openssl crate tells a GeneralizedTime as text only.
fn moment(time: &Asn1GeneralizedTimeRef) -> Result<i64> {
    chrono::NaiveDateTime::parse_from_str(&time.to_string(), "%b %e %H:%M:%S %Y GMT").map(|t| t.and_utc().timestamp()).map_err(TlsError::of("OCSP answer: thisUpdate"))
}

/// SHA-1 names the issuer here, it protects nothing; responders know no other.
/// Spec: RFC 6960 §4.3, RFC 5019 §2.1.1.
fn id(certificate: &X509, issuer: &X509) -> Result<OcspCertId> {
    OcspCertId::from_cert(MessageDigest::sha1(), certificate, issuer).map_err(TlsError::of("OCSP certificate id"))
}

/// An answer can revoke, and clear what an answer before it revoked; never what a list revokes. An answer as old as the one that
/// revoked, or older, clears nobody: it may be an earlier one put back.
///
/// # Errors
/// As [`Responders::revoked`].
pub(super) fn believe(one: &Answered, responders: &Responders, answered: &mut AnsweredRevocations) -> Result<()> {
    let facts = CertificateFacts::read(&one.certificate).map_err(TlsError::of("certificate beside an OCSP answer"))?;
    let (revoked, at_s) = responders.revoked(&one.certificate, &one.answer)?;
    said(answered, (facts.issuer, facts.serial), revoked, at_s)
}

fn said(answered: &mut AnsweredRevocations, named: (Vec<u8>, Vec<u8>), revoked: bool, at_s: i64) -> Result<()> {
    match (revoked, answered.get(&named)) {
        (true, Some(since)) if *since >= at_s => {}
        (true, _) => {
            answered.insert(named, at_s);
        }
        (false, Some(since)) if *since >= at_s => return Err(TlsError::new("OCSP answer: it clears a certificate and is not later than the answer that revoked it")),
        (false, _) => {
            answered.remove(&named);
        }
    }
    Ok(())
}

/// A noted certificate and the answer about it, DER.
#[derive(Debug)]
pub(super) struct Answered {
    pub certificate: Vec<u8>,
    pub answer: Vec<u8>,
}

/// The certificates of a folder, each with its file and that of its answer, which may not be there yet.
///
/// # Errors
/// A folder that cannot be read.
pub fn noted(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let entries = std::fs::read_dir(folder).map_err(|e| TlsError::new(format!("{}: {e}", folder.display())))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "cer")).collect();
    files.sort();
    files.truncate(NOTED_MAX);
    Ok(files.into_iter().map(|cer| (cer.clone(), cer.with_extension("ocsp"))).collect())
}

/// The answers of a folder, or why one cannot be read.
///
/// # Errors
/// As [`noted`].
pub(super) fn answers(folder: &Path) -> Result<Vec<Result<Answered>>> {
    let pairs = noted(folder)?.into_iter().filter(|(_, answer)| answer.is_file());
    Ok(pairs.map(|(cer, answer)| Ok(Answered { certificate: read(&cer)?, answer: read(&answer)? })).collect())
}

/// Certificates met since they were last written down.
#[derive(Debug, Default)]
pub(super) struct Met(Mutex<HashMap<[u8; 32], Vec<u8>>>);

impl Met {
    pub fn note(&self, leaf: &[u8]) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = CertificateFacts::read(leaf).ok().filter(|_| met.len() < NOTED_MAX) {
            met.entry(facts.fingerprint).or_insert_with(|| leaf.to_vec());
        }
    }

    /// Writes down those that are not in the folder yet.
    ///
    /// # Errors
    /// A file that cannot be written, a folder that is full.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let met = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let wrong = |e: std::io::Error| TlsError::new(format!("{}: {e}", folder.display()));
        for (fingerprint, leaf) in met {
            let name: String = fingerprint.iter().map(|b| format!("{b:02x}")).collect();
            let file = folder.join(format!("{name}.cer"));
            if file.exists() {
                continue;
            }
            if noted(folder)?.len() >= NOTED_MAX {
                return Err(TlsError::new(format!("{}: {NOTED_MAX} certificates are noted; remove those that have expired", folder.display())));
            }
            let beside = folder.join(format!(".{name}.new"));
            std::fs::write(&beside, leaf).and_then(|()| std::fs::rename(&beside, &file)).map_err(wrong)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_later_answer_clears_what_an_answer_revoked() {
        let mut answered = AnsweredRevocations::new();
        let named = || (vec![1], vec![2]);
        said(&mut answered, named(), true, 100).unwrap();
        for older in [99, 100] {
            assert!(said(&mut answered, named(), false, older).unwrap_err().to_string().contains("not later"));
            assert!(answered.contains_key(&named()), "{older}");
        }
        said(&mut answered, named(), true, 50).unwrap();
        assert!(said(&mut answered, named(), false, 75).is_err(), "an older revocation put back does not make room for an old all-clear");
        said(&mut answered, named(), false, 101).unwrap();
        assert!(answered.is_empty());
    }

    #[test]
    fn a_generalized_time_is_seconds_since_1970() {
        let time = openssl::asn1::Asn1GeneralizedTime::from_str("20270115080000Z").unwrap();
        assert_eq!(moment(&time), Ok(1_800_000_000));
        let early = openssl::asn1::Asn1GeneralizedTime::from_str("20260105000001Z").unwrap();
        assert_eq!(moment(&early).unwrap() % 86_400, 1);
    }
}
