//! The facts of a certificate that a policy decides on.
//! Spec: RFC 5280 §4.1, §4.2.1.

use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::error::IdentityError;

/// The public key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with its modulus' size in bits.
    Rsa(usize),
    P256,
    P384,
    Other,
}

/// What a certificate says of itself; nothing here is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// DER of the subject and of the issuer.
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    /// Serial number, big endian, without leading zeros.
    pub serial: Vec<u8>,
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    pub is_ca: bool,
    /// keyUsage bits; all false when the extension is absent.
    pub digital_signature: bool,
    pub key_cert_sign: bool,
    pub crl_sign: bool,
    /// extendedKeyUsage names clientAuth itself; anyExtendedKeyUsage does not count.
    pub client_auth: bool,
    /// certificatePolicies is present and critical.
    pub critical_policies: bool,
    /// cRLDistributionPoints is present.
    pub distribution_points: bool,
    pub key: KeyKind,
}

impl CertificateFacts {
    /// Reads one certificate; trailing bytes are refused.
    ///
    /// # Errors
    /// [`IdentityError::Unreadable`].
    pub fn read(der: &[u8]) -> Result<Self, IdentityError> {
        let wrong = IdentityError::Unreadable;
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| wrong)?;
        if !rest.is_empty() {
            return Err(wrong);
        }
        let usage = certificate.key_usage().map_err(|_| wrong)?.map(|u| u.value);
        let purposes = certificate.extended_key_usage().map_err(|_| wrong)?.map(|e| e.value);
        let basic = certificate.basic_constraints().map_err(|_| wrong)?.map(|b| b.value.ca);
        let points = certificate.get_extension_unique(&oid!(2.5.29.31)).map_err(|_| wrong)?;
        let policies = certificate.get_extension_unique(&oid!(2.5.29.32)).map_err(|_| wrong)?;
        Ok(Self {
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            serial: plain_serial(certificate.raw_serial()),
            fingerprint: Sha256::digest(der).into(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            is_ca: basic.unwrap_or(false),
            digital_signature: usage.is_some_and(|u| u.digital_signature()),
            key_cert_sign: usage.is_some_and(|u| u.key_cert_sign()),
            crl_sign: usage.is_some_and(|u| u.crl_sign()),
            client_auth: purposes.is_some_and(|p| p.client_auth),
            critical_policies: policies.is_some_and(|p| p.critical),
            distribution_points: points.is_some(),
            key: key_kind(&certificate),
        })
    }
}

/// The content of a certificate's subjectPublicKey.
///
/// # Errors
/// [`IdentityError::Unreadable`].
pub fn public_key(der: &[u8]) -> Result<Vec<u8>, IdentityError> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Unreadable)?;
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}

/// A serial number without leading zeros, so that two encodings compare equal.
pub(super) fn plain_serial(raw: &[u8]) -> Vec<u8> {
    raw.iter().copied().skip_while(|b| *b == 0).collect()
}

fn key_kind(certificate: &X509Certificate<'_>) -> KeyKind {
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => KeyKind::Rsa(rsa.key_size()),
        Ok(PublicKey::EC(_)) => {
            let curve = key.algorithm.parameters.as_ref().and_then(|p| Oid::try_from(p).ok());
            match curve {
                Some(c) if c == oid!(1.2.840.10045.3.1.7) => KeyKind::P256,
                Some(c) if c == oid!(1.3.132.0.34) => KeyKind::P384,
                _ => KeyKind::Other,
            }
        }
        _ => KeyKind::Other,
    }
}
