//! What the author who withdraws a document is told of who read it: `fhir-profiles/access-matrix/withdrawal.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/withdrawal.toml");

/// Something that may be told of the readers of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// How often it was read, by how many persons.
    Readings,
    /// By which professions, in which modes.
    Professions,
    /// In which structures, by number.
    Structures,
    /// By whom, by number.
    Persons,
}

/// One row: whether it is told, and who says so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRow {
    pub what: String,
    pub allowed: bool,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    told: Vec<ToldRow>,
}

static ROWS: LazyLock<Result<Vec<ToldRow>, String>> = LazyLock::new(|| {
    let rows = toml::from_str::<Table>(TABLE).map_err(|e| format!("withdrawal.toml: {e}"))?.told;
    let row = |told: &Told| rows.iter().find(|r| r.what == told.word()).cloned().ok_or_else(|| format!("withdrawal.toml: no row for {}", told.word()));
    Told::ALL.iter().map(row).collect()
});

impl Told {
    /// Everything that may be told, in the order of the table.
    pub const ALL: &'static [Self] = &[Self::Readings, Self::Professions, Self::Structures, Self::Persons];

    const fn word(self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Professions => "professions",
            Self::Structures => "structures",
            Self::Persons => "persons",
        }
    }

    /// Whether the table lets it be told.
    pub fn allowed(self) -> bool {
        told().iter().any(|row| row.what == self.word() && row.allowed)
    }
}

/// Every row, for the report of assumptions.
pub fn told() -> &'static [ToldRow] {
    embedded(&ROWS).as_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_told_and_the_rows_are_the_same_set_and_nobody_is_named_without_a_text() {
        let written: Vec<String> = toml::from_str::<Table>(TABLE).unwrap().told.into_iter().map(|r| r.what).collect();
        assert_eq!(written, Told::ALL.iter().map(|t| t.word()).collect::<Vec<_>>());
        assert!(told().iter().all(|r| !r.source.is_empty()));
        assert!(told().iter().all(|r| !matches!(r.what.as_str(), "persons" | "structures") || !r.allowed || r.confidence == Confidence::Sourced));
    }
}
