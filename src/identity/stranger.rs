//! A certificate that passed the handshake and names no caller this server answers: what the trace may say of it.

use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::plain_serial;
use super::error::IdentityError;

/// Never its subject, which may name a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub reason: IdentityError,
    /// SHA-256 of the certificate, lower-case hex.
    pub fingerprint: String,
    /// As in [`super::Caller`]; empty when the certificate cannot be read.
    pub issuer: String,
    pub serial: String,
}

impl Stranger {
    /// What is known of a leaf that was refused for this reason.
    pub fn of(der: &[u8], reason: IdentityError) -> Self {
        let fingerprint = hex(&Sha256::digest(der));
        match X509Certificate::from_der(der) {
            Ok((_, leaf)) => Self { reason, fingerprint, issuer: leaf.issuer().to_string(), serial: hex(&plain_serial(leaf.raw_serial())) },
            Err(_) => Self { reason, fingerprint, issuer: String::new(), serial: String::new() },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
