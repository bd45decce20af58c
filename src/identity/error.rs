//! Why a certificate names nobody this server can answer.

use std::fmt;

use crate::fhir::{Fault, FaultKind};

/// Why no structure could be read from a certificate. Texts name the field and the rule, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityError {
    /// The bytes are no X.509 certificate, or an extension of it cannot be read.
    Unreadable,
    /// A required attribute of the subject is absent.
    Missing(&'static str),
    /// An attribute that must be single is repeated.
    Repeated(&'static str),
    /// An attribute breaks its grammar.
    Grammar(&'static str),
    /// The certificate is a person's (card or software), not a structure's.
    Person,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the certificate cannot be read"),
            Self::Missing(field) => write!(f, "the certificate's subject has no {field}"),
            Self::Repeated(field) => write!(f, "the certificate's subject has more than one {field}"),
            Self::Grammar(field) => write!(f, "the certificate's subject has a {field} against the grammar of ORG AUTH_CLI"),
            Self::Person => f.write_str("a person's certificate was presented; a structure's (ORG AUTH_CLI) is needed"),
        }
    }
}

impl std::error::Error for IdentityError {}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        let number = match error {
            IdentityError::Unreadable => 3101,
            IdentityError::Missing(_) => 3102,
            IdentityError::Repeated(_) => 3103,
            IdentityError::Grammar(_) => 3104,
            IdentityError::Person => 3105,
        };
        Fault::new(FaultKind::Unauthenticated, number, error.to_string())
    }
}
