//! The condition every query carries.

/// What one caller may see, as data: the store turns it into a condition inside each query.
/// A value of this type can only be made from a known caller, so that no query is without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visibility {
    /// Canonical structure identifier of the caller, compared with the structures behind a document.
    structure: String,
    /// µs UTC; a document with a later `visible_from` is absent.
    now_us: i64,
}

impl Visibility {
    /// The visibility of a caller's structure at a moment (µs UTC).
    pub fn of(structure: impl Into<String>, now_us: i64) -> Self {
        Self { structure: structure.into(), now_us }
    }

    /// Canonical structure identifier.
    pub fn structure(&self) -> &str {
        &self.structure
    }

    /// µs UTC.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }
}
