//! What can go wrong with certificates, keys and lists.

use std::fmt;

/// Result of this room.
pub type Result<T> = std::result::Result<T, TlsError>;

/// A text for the operator: which file or certificate, and which rule. Never key material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError(String);

impl TlsError {
    /// An error with its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Makes an error of a failed step.
    pub(crate) fn of<E: fmt::Display>(step: &'static str) -> impl Fn(E) -> Self {
        move |e| Self(format!("{step}: {e}"))
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}
