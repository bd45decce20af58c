//! Revocation lists of the development PKI: renewed at each start, and on a revocation.
//! Spec: RFC 5280 §5.

use std::path::Path;

use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::error::{Result, TlsError};
use super::files::read;
use super::pki::write;
use super::server::now_s;
use crate::identity::{CertificateFacts, RevocationFacts};

const DAY_S: i64 = 86_400;
/// Days until nextUpdate.
const CRL_DAYS: i64 = 30;
/// Seconds the clocks of two machines may differ.
const SKEW_S: i64 = 300;

/// Signs both authorities' lists again, numbers one higher, the same serials revoked.
///
/// # Errors
/// A folder that [`super::generate`] did not make, or whose `crl.pem` is gone: what was revoked would come back.
pub fn renew_crl(dir: &Path) -> Result<()> {
    let lists = facts(&read(&dir.join("crl.pem"))?)?;
    sign(dir, &read(&dir.join("ca.pem"))?, &lists, None)
}

/// Revokes a certificate of the intermediate authority by its file name without `.pem` (`client-cabinet`).
///
/// # Errors
/// A name that is not a plain file name, a certificate of another authority, or as [`renew_crl`].
pub fn revoke(dir: &Path, name: &str) -> Result<()> {
    let lists = facts(&read(&dir.join("crl.pem"))?)?;
    sign(dir, &read(&dir.join("ca.pem"))?, &lists, Some(&leaf(dir, name)?))
}

/// The first lists of a new PKI, with one certificate revoked.
pub(super) fn first(dir: &Path, authorities: &[u8], revoked: &str) -> Result<()> {
    sign(dir, authorities, &[], Some(&leaf(dir, revoked)?))
}

fn leaf(dir: &Path, name: &str) -> Result<CertificateFacts> {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !plain {
        return Err(TlsError::new("a client's name holds only letters, digits, - and _"));
    }
    let pem = read(&dir.join(format!("{name}.pem")))?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(TlsError::of("certificate to revoke"))?;
    let facts = CertificateFacts::read(&der).map_err(TlsError::of("certificate to revoke"))?;
    if facts.is_ca {
        return Err(TlsError::new("certificate to revoke: it is an authority's"));
    }
    Ok(facts)
}

/// Sets a field of rcgen's to seconds since 1970; the type of the field is not ours to name.
macro_rules! moment {
    ($at_s:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + $crate::tls::pki::seconds($at_s)
    };
}
pub(super) use moment;

fn sign(dir: &Path, authorities: &[u8], lists: &[RevocationFacts], revoked: Option<&CertificateFacts>) -> Result<()> {
    let mut out = String::new();
    let mut issuers = Vec::new();
    for (certificate, key) in CertificateDer::pem_slice_iter(authorities).zip(["ca-root.key", "ca-intermediate.key"]) {
        let certificate = certificate.map_err(TlsError::of("ca.pem"))?;
        let key = String::from_utf8(read(&dir.join(key))?).map_err(TlsError::of("authority's key"))?;
        issuers.push(CertificateFacts::read(&certificate).map_err(TlsError::of("ca.pem"))?.subject);
        out.push_str(&one(&certificate, &key, lists, revoked)?);
    }
    if revoked.is_some_and(|r| !issuers.contains(&r.issuer)) {
        return Err(TlsError::new("certificate to revoke: another authority issued it"));
    }
    write(dir, "crl.pem", out.as_bytes(), 0o644)
}

fn facts(pem: &[u8]) -> Result<Vec<RevocationFacts>> {
    CertificateRevocationListDer::pem_slice_iter(pem).map(|list| RevocationFacts::read(&list.map_err(TlsError::of("crl.pem"))?).map_err(TlsError::of("crl.pem"))).collect()
}

fn one(certificate: &CertificateDer<'_>, key: &str, lists: &[RevocationFacts], revoked: Option<&CertificateFacts>) -> Result<String> {
    let step = TlsError::of::<rcgen::Error>("revocation list");
    let subject = CertificateFacts::read(certificate).map_err(TlsError::of("ca.pem"))?.subject;
    let old = lists.iter().find(|l| l.issuer == subject);
    let mut serials: Vec<Vec<u8>> = old.map(|l| l.revoked.iter().cloned().collect()).unwrap_or_default();
    serials.extend(revoked.filter(|r| r.issuer == subject).map(|r| r.serial.clone()));
    serials.sort();
    serials.dedup();
    let issuer = Issuer::from_ca_cert_der(certificate, KeyPair::from_pem(key).map_err(&step)?).map_err(&step)?;
    let now = now_s();
    let params = CertificateRevocationListParams {
        this_update: moment!(now - SKEW_S),
        next_update: moment!(now + CRL_DAYS * DAY_S),
        crl_number: SerialNumber::from(number(old) + 1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(|s| entry(s, now)).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer).and_then(|list| list.pem()).map_err(&step)
}

fn number(list: Option<&RevocationFacts>) -> u64 {
    let bytes = list.and_then(|l| l.number.as_deref()).unwrap_or_default();
    bytes.iter().take(7).fold(0, |n, b| (n << 8) | u64::from(*b))
}

fn entry(serial: &[u8], now: i64) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: moment!(now - SKEW_S),
        reason_code: Some(RevocationReason::CessationOfOperation),
        invalidity_date: None,
    }
}
