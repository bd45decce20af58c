//! PKCS#12 files, as certification authorities deliver them.
//! Spec: RFC 7292.

use openssl::pkcs12::Pkcs12;
use openssl::x509::{X509, X509VerifyResult};

use super::error::{Result, TlsError};

/// Bytes of a PKCS#12 file.
const P12_MAX_BYTES: usize = 1 << 20;

/// A certificate chain and its key.
pub struct Imported {
    /// PEM, leaf first.
    pub chain_pem: Vec<u8>,
    /// PEM, PKCS#8, not encrypted: never to be logged.
    pub key_pem: Vec<u8>,
}

/// Opens a PKCS#12 file. Old files in RC2-40 are refused: convert them to AES first.
///
/// # Errors
/// A wrong password, a file over 1 MiB, one without certificate or key.
pub fn import_p12(bytes: &[u8], password: &str) -> Result<Imported> {
    if bytes.len() > P12_MAX_BYTES {
        return Err(TlsError::new("PKCS#12: over 1 MiB"));
    }
    if password.contains('\0') {
        return Err(TlsError::new("PKCS#12: the password holds a NUL"));
    }
    let step = TlsError::of::<openssl::error::ErrorStack>("PKCS#12 (wrong password, or an RC2-40 file: export it again with AES)");
    let parsed = Pkcs12::from_der(bytes).map_err(&step)?.parse2(password).map_err(&step)?;
    let (Some(leaf), Some(key)) = (parsed.cert, parsed.pkey) else {
        return Err(TlsError::new("PKCS#12: no certificate or no key in it"));
    };
    let mut chain_pem = leaf.to_pem().map_err(&step)?;
    for issuer in issuers(&leaf, parsed.ca.into_iter().flatten().collect()) {
        chain_pem.extend(issuer.to_pem().map_err(&step)?);
    }
    Ok(Imported { chain_pem, key_pem: key.private_key_to_pem_pkcs8().map_err(&step)? })
}

/// The leaf of a chain, as DER, when it is inside its validity at `now_s` (seconds since 1970).
///
/// # Errors
/// A chain that cannot be read, a leaf outside its validity.
pub fn leaf(chain_pem: &[u8], now_s: i64) -> Result<Vec<u8>> {
    let step = TlsError::of::<openssl::error::ErrorStack>("certificate");
    let der = X509::from_pem(chain_pem).and_then(|c| c.to_der()).map_err(step)?;
    let facts = crate::identity::CertificateFacts::read(&der).map_err(TlsError::of("certificate"))?;
    if now_s < facts.not_before || now_s >= facts.not_after {
        return Err(TlsError::new("the certificate is outside its validity: ask its authority for a new one"));
    }
    Ok(der)
}

/// The leaf's issuers upwards, whatever their order in the file; the self-signed one and strangers are left out.
fn issuers(leaf: &X509, mut others: Vec<X509>) -> Vec<X509> {
    let mut out: Vec<X509> = Vec::new();
    loop {
        let last = out.last().unwrap_or(leaf);
        let next = others.iter().position(|o| o.issued(last) == X509VerifyResult::OK && o.issued(o) != X509VerifyResult::OK);
        let Some(index) = next else { return out };
        out.push(others.swap_remove(index));
    }
}
