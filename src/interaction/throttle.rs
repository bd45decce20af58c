//! How often one identity may do what would harm in numbers: ask for patients nobody knows, break the glass.
//! Spec: `fhir-profiles/access-matrix/limits.toml`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;

use super::Call;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Operation, Plan};

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/limits.toml");
/// Identities remembered; beyond, those idle longest are forgotten.
const MAX_IDENTITIES: usize = 10_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Limit {
    /// A patient's number that nobody carries, on whatever road.
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

/// Patients' numbers that a write asked for and nobody carries: they count when it ends without a patient who carries them.
#[derive(Debug, Default)]
pub struct Missed {
    asked: BTreeSet<String>,
    /// Of a document's patient, who may be known by another number: they count when the document is refused.
    of_documents: BTreeSet<String>,
}

impl Missed {
    /// One that a condition or a Patient names.
    pub(super) fn asked(&mut self, value: &str) {
        self.asked.insert(value.to_owned());
    }

    /// One of a document's patient.
    pub(super) fn of_document(&mut self, value: &str) {
        self.of_documents.insert(value.to_owned());
    }

    /// Those that the Patients of a plan carry, once it is written, are somebody's.
    pub(super) fn made(&mut self, carried: &[String]) {
        self.asked.retain(|value| !carried.contains(value));
    }
}

/// Values of the identifiers of the Patients that a plan writes.
pub(super) fn carried(plan: &Plan) -> Vec<String> {
    let patients = plan.operations.iter().filter_map(|o| if let Operation::Put(put) = o { Some(put) } else { None }).filter(|put| put.kind == "Patient");
    patients.flat_map(|put| put.identifiers.iter().map(|i| i.value.clone())).collect()
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
        Err(stopped(call, row))
    }

    /// Counts several, each by its value, and stops the identity when they bring it beyond its limit.
    ///
    /// # Errors
    /// `Throttled`.
    pub(super) fn count_all(&self, call: &Call, limit: Limit, all: &[String]) -> Result<()> {
        all.iter().for_each(|what| self.count(call, limit, what));
        let Some(row) = limit.row().filter(|_| !all.is_empty()) else { return Ok(()) };
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(limit, call.visibility.caller())).map_or(0, VecDeque::len);
        if counted > row.count { Err(stopped(call, row)) } else { Ok(()) }
    }

    /// At the end of a request: what it asked for and nobody carries counts. Where the server itself failed nothing was learnt.
    pub(super) fn settle(&self, call: &Call, fault: Option<&Fault>) {
        let missed = call.missed.take();
        if fault.is_some_and(|f| matches!(f.kind, FaultKind::Busy | FaultKind::Timeout | FaultKind::CommitUnknown)) {
            return;
        }
        let of_documents = missed.of_documents.iter().filter(|_| fault.is_some());
        missed.asked.iter().chain(of_documents).for_each(|value| self.count(call, Limit::UnknownPatient, value));
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

/// The alarm, and the refusal.
fn stopped(call: &Call, row: &Row) -> Fault {
    tracing::warn!(limit = row.name, request.id = call.event.borrow().request_id, "an identity was stopped at its limit");
    Fault::new(FaultKind::Throttled, 641, "too often by this identity in a short time; wait, and check what is asked for").because(&row.name)
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
