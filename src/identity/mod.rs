//! Who calls: what a certificate says, read by OID from its bytes, and the structure it names.
//!
//! The only room that names x509-parser. No I/O, no clock. A certificate read here is trusted only once the TLS room has
//! verified its chain.
//! Spec: RFC 5280 §4.1.2.6; ANS IGC-Santé, ORG AUTH_CLI certificates.

mod caller;
mod certificate;
mod error;
mod name;
mod revocation;
mod structure;

pub use caller::{Caller, Subject, subject};
pub use certificate::{CertificateFacts, KeyKind};
pub use error::IdentityError;
pub use revocation::RevocationFacts;
pub use structure::{StructIdNat, canonical_structure};
