//! Our own rules on a client certificate, after webpki's.
//! Spec: RFC 5280 §4.2.1.3 and §4.2.1.12; ANS IGC-Santé ORG AUTH_CLI.

use crate::identity::{CertificateFacts, IdentityError, KeyKind, Subject, subject};

/// Certificates a client may send.
const CHAIN_MAX_CERTIFICATES: usize = 3;
/// Bytes of all of them together.
const CHAIN_MAX_BYTES: usize = 16 * 1024;
/// Bits of an RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Refuses a chain that costs too much, before any cryptography. `lengths` are bytes per certificate, leaf included.
pub(super) fn size(lengths: impl Iterator<Item = usize>) -> Result<(), &'static str> {
    let (count, bytes) = lengths.fold((0_usize, 0_usize), |(n, b), len| (n + 1, b.saturating_add(len)));
    match (count <= CHAIN_MAX_CERTIFICATES, bytes <= CHAIN_MAX_BYTES) {
        (true, true) => Ok(()),
        (false, _) => Err("more than 3 certificates"),
        (_, false) => Err("more than 16 KiB of certificates"),
    }
}

/// The rules on the leaf's extensions and key.
pub(super) fn leaf(facts: &CertificateFacts) -> Result<(), &'static str> {
    if facts.is_ca || facts.key_cert_sign || facts.crl_sign {
        return Err("an authority's certificate");
    }
    if !facts.client_auth {
        return Err("extendedKeyUsage does not name clientAuth");
    }
    if !facts.digital_signature {
        return Err("keyUsage lacks digitalSignature");
    }
    match facts.key {
        KeyKind::P256 | KeyKind::P384 => Ok(()),
        KeyKind::Rsa(bits) if RSA_BITS.contains(&bits) => Ok(()),
        _ => Err("key is neither RSA 2048-8192 nor P-256 nor P-384"),
    }
}

/// Whether the certificate is a person's, by the grammar of its subject. A person's passes here, and the API answers 401 unless it is
/// configured to accept cards.
pub(super) fn is_person(der: &[u8]) -> Result<bool, IdentityError> {
    subject(der).map(|s| matches!(s, Subject::Person(_)))
}
