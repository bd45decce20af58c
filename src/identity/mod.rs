//! Who calls: what a certificate says, read by OID from its bytes, and the structure it names; and who acts through that
//! structure's software, from an access token bound to that certificate.
//!
//! The only room that names x509-parser. No I/O, no clock. A certificate read here is trusted only once the TLS room has
//! verified its chain.
//! Spec: RFC 5280 §4.1.2.6; ANS IGC-Santé, ORG AUTH_CLI certificates; RFC 8705 §3, RFC 9068.

mod caller;
mod certificate;
mod error;
mod name;
mod revocation;
mod stranger;
mod structure;
mod token;

pub use caller::{Caller, CertifiedPerson, Subject, is_person_number, subject};
pub use certificate::{CertificateFacts, KeyKind, public_key};
pub use error::IdentityError;
pub use revocation::RevocationFacts;
pub use stranger::Stranger;
pub use structure::{StructIdNat, canonical_structure, structure_number};
pub use token::{
    Activity, Algorithm, Binding, Check, Compact, DEVELOPMENT, Issuer, IssuerKind, Keys, LIFETIME_MAX_S, Prepare, PublicKey, SCOPE_ALL_PATIENT, SCOPE_ALL_USER, SKEW_S, Scope,
    TOKEN_MAX_BYTES, TokenError, Tokens, Verified, activities, choose_activity, granted, names_certificate, parse_strict, practitioner_number, verified_claims,
};
