//! How often one identity may do what would harm in numbers: ask for patients nobody knows, break the glass.
//! Spec: `fhir-profiles/access-matrix/limits.toml`.

use std::collections::{HashMap, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;

use super::Call;
use crate::fhir::{Fault, FaultKind, Result};

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/limits.toml");
/// Identities remembered; beyond, those idle longest are forgotten.
const MAX_IDENTITIES: usize = 10_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Limit {
    /// A search by an identifier that nobody carries.
    UnknownPatient,
    /// A record opened by breaking the glass.
    BrisDeGlace,
    /// An identity that contradicts the one of its INS: traits could be guessed.
    OtherPerson,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    count: usize,
    seconds: i64,
    #[cfg_attr(not(test), expect(dead_code, reason = "read by whoever corrects the table"))]
    source: String,
}

#[derive(Deserialize, Default)]
struct Table {
    limit: Vec<Row>,
}

// The table is part of the program; a test proves that it parses.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| toml::from_str::<Table>(TABLE).unwrap_or_default().limit);

impl Limit {
    const fn name(self) -> &'static str {
        match self {
            Self::UnknownPatient => "unknown-patient",
            Self::BrisDeGlace => "bris-de-glace",
            Self::OtherPerson => "other-person",
        }
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|r| r.name == self.name())
    }
}

/// What was counted, by identity; in memory, so that a restart forgets it.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<(Limit, String), Times>>);

/// When (µs UTC) and what, oldest first.
type Times = VecDeque<(i64, String)>;

impl Throttle {
    /// Whether the identity is within its limit.
    ///
    /// # Errors
    /// `Throttled` beyond it.
    pub(super) fn check(&self, call: &Call, limit: Limit) -> Result<()> {
        let Some(row) = limit.row().filter(|_| call.visibility.rules().is_some()) else { return Ok(()) };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = all.get_mut(&(limit, call.visibility.caller())) else { return Ok(()) };
        times.retain(|t| t.0 > call.now_us - row.seconds * 1_000_000);
        if times.len() < row.count {
            return Ok(());
        }
        tracing::warn!(limit = row.name, request.id = call.event.borrow().request_id, "an identity was stopped at its limit");
        Err(Fault::new(FaultKind::Throttled, 641, "too often by this identity in a short time; wait, and check what is asked for").because(&row.name))
    }

    /// Counts one; the same thing within the time counts once.
    pub(super) fn count(&self, call: &Call, limit: Limit, what: &str) {
        if call.visibility.rules().is_none() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_IDENTITIES {
            let seconds = ROWS.iter().map(|r| r.seconds).max().unwrap_or(0);
            all.retain(|_, times| times.back().is_some_and(|t| t.0 > call.now_us - seconds * 1_000_000));
        }
        let times = all.entry((limit, call.visibility.caller())).or_default();
        if !times.iter().any(|t| t.1 == what) {
            times.push_back((call.now_us, what.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_row_with_its_source() {
        for limit in [Limit::UnknownPatient, Limit::BrisDeGlace, Limit::OtherPerson] {
            let row = limit.row().unwrap();
            assert!(row.count > 0 && row.seconds > 0 && !row.source.is_empty());
        }
        assert_eq!(ROWS.len(), 3);
    }
}
