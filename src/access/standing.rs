//! In what way a caller stands behind a document, and what each way lets him do with it; a way is a row of feeding.toml.
//! Spec: DMP EX_2.1-1140 (a person by its number, a structure by its own); PDSM4DMP TD3.3c; CSP R.1111-49.

use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};
use super::feeding::TABLE;

/// A way to stand behind a document; the strongest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// One of its authors, or the structure for which one wrote it.
    Author,
    LegalAuthenticator,
    /// Who deposited it, or keeps it (custodian).
    Depositor,
}

/// What is done with a document by who stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Replace,
    Withdraw,
    /// Status, visibility labels and archiving.
    Metadata,
}

/// The row of a standing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingRow {
    pub code: String,
    pub may: Vec<Act>,
    /// Article and where it was read.
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Deserialize)]
struct Table {
    standing: Vec<StandingRow>,
}

static ROWS: LazyLock<Result<Vec<StandingRow>, String>> = LazyLock::new(|| {
    let rows = toml::from_str::<Table>(TABLE).map_err(|e| format!("feeding.toml: {e}"))?.standing;
    let row = |s: &Standing| rows.iter().find(|r| r.code == s.code()).cloned().ok_or_else(|| format!("feeding.toml: no row for {}", s.code()));
    Standing::ALL.iter().map(row).collect()
});

impl Standing {
    /// Every standing, the strongest first.
    pub const ALL: &'static [Self] = &[Self::Author, Self::LegalAuthenticator, Self::Depositor];

    /// The code in the table.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::LegalAuthenticator => "legal_authenticator",
            Self::Depositor => "depositor",
        }
    }

    /// The row of the standing.
    #[expect(clippy::expect_used, reason = "one row per standing, proven where the table is read")]
    pub fn row(self) -> &'static StandingRow {
        embedded(&ROWS).iter().find(|r| r.code == self.code()).expect("a row per standing")
    }

    /// Whether the table lets this standing do it.
    pub fn may(self, act: Act) -> bool {
        self.row().may.contains(&act)
    }

    /// The name that tells, among those behind a document, that one of them stands there in this way.
    pub fn mark(self, name: &str) -> String {
        format!("{}:{name}", self.code())
    }

    /// How somebody stands behind a document, by the names behind it and his own; `None` for who does not. Where nobody is marked, no
    /// author was named: who deposited it answers for it.
    pub fn of(behind: &[String], own: &[String]) -> Option<Self> {
        let marked = |s: &Self| own.iter().any(|name| behind.contains(&s.mark(name)));
        if let Some(standing) = [Self::Author, Self::LegalAuthenticator].into_iter().find(marked) {
            return Some(standing);
        }
        let unsigned = !behind.iter().any(|name| [Self::Author, Self::LegalAuthenticator].iter().any(|s| name.starts_with(&s.mark(""))));
        own.iter().any(|name| behind.contains(name)).then_some(if unsigned { Self::Author } else { Self::Depositor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings_and_rows_are_the_same_set_each_once_with_a_source() {
        let rows = toml::from_str::<Table>(TABLE).unwrap().standing;
        assert_eq!(rows.iter().map(|r| r.code.as_str()).collect::<Vec<_>>(), Standing::ALL.iter().map(|s| s.code()).collect::<Vec<_>>());
        assert!(rows.iter().all(|r| !r.source.trim().is_empty()));
    }

    /// Issue: replaced and withdrawn by an author or the legal authenticator alone.
    #[test]
    fn who_only_deposited_neither_replaces_nor_withdraws() {
        for act in [Act::Replace, Act::Withdraw] {
            assert_eq!(Standing::ALL.iter().map(|s| s.may(act)).collect::<Vec<_>>(), [true, true, false], "{act:?}");
        }
    }

    #[test]
    fn the_strongest_standing_counts_and_a_document_without_authors_is_its_depositors() {
        let names = |all: &[&str]| all.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let behind = names(&["ps:1", "author:ps:1", "ps:2", "legal_authenticator:ps:2", "1750000000"]);
        let of = |own: &[&str]| Standing::of(&behind, &names(own));
        assert_eq!(of(&["ps:1", "ps:2"]), Some(Standing::Author));
        assert_eq!(of(&["1750000000", "ps:2"]), Some(Standing::LegalAuthenticator));
        assert_eq!(of(&["1750000000"]), Some(Standing::Depositor));
        assert_eq!(of(&["ps:3"]), None);
        assert_eq!(Standing::of(&names(&["1750000000"]), &names(&["1750000000"])), Some(Standing::Author));
        assert_eq!(Standing::of(&[], &names(&["ps:1"])), None);
    }
}
