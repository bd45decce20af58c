//! Our own rules on a client certificate, after webpki's.
//! Spec: RFC 5280 §4.2.1.3 and §4.2.1.12; ANS IGC-Santé ORG AUTH_CLI.

use crate::identity::{CertificateFacts, IdentityError, KeyKind, subject};

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

/// The grammar of the subject; a person's certificate passes here and is answered 401 by the API.
pub(super) fn name(der: &[u8]) -> Result<(), IdentityError> {
    subject(der).map(|_| ())
}
