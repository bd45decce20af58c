//! Mutual TLS: the acceptor, the policy on client certificates, revocation, and the development PKI.
//!
//! The only room that names rustls, openssl and rcgen. No session resumption, no tickets, no early data: a revoked
//! certificate never comes back. A set of trust is replaced as one whole; what a new one lacks stays as it was, or is refused.
//! Spec: RFC 5280, RFC 8446, RFC 7627; ANS IGC-Santé.

mod authority;
mod client;
mod crl;
mod endings;
mod error;
mod files;
mod folder;
mod https;
mod jws;
mod list_check;
mod numbers;
mod ocsp;
mod p12;
mod pki;
mod pki_crl;
mod policies_path;
mod policy;
mod seal;
mod server;
mod trust;
mod verifier;

#[cfg(test)]
mod tests;

pub use client::{Stream, client_config, connect};
pub use error::{Result, TlsError};
pub use https::{Address, Https};
pub use jws::{SigningKey, leaf_fingerprint, prepare};
pub use list_check::ListCheck;
pub use ocsp::{Responders, noted};
pub use p12::{Imported, import_p12, leaf};
pub use pki::{KeyAlgorithm, PkiOptions, generate};
pub use pki_crl::{renew_crl, revoke};
pub use seal::{RunKey, seals_of};
pub use server::{Pkcs12, TlsPaths, TlsState, load};
pub use trust::TrustSet;

/// The one cryptographic provider, passed explicitly everywhere.
pub(crate) fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::ring::default_provider())
}
