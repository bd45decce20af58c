//! What cannot be so: a day to come of what has happened, a value or unit that the measure does not have. It is told, and warned of.
//! Spec: `fhir-profiles/key-information/doubts.toml`.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::fhir::time;
use crate::keyinfo::language::concept::get;
use crate::keyinfo::language::dates;

static DOUBTS: LazyLock<Doubts> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/doubts.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doubts {
    dates: Dates,
    words: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dates {
    past: Vec<String>,
    tolerance_hours: i64,
    earliest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    unreadable: String,
    future: String,
    ancient: String,
    before_birth: String,
    unit: String,
    negative: String,
}

/// The days between which a statement of this patient can lie, µs UTC.
pub struct Life {
    born_us: i64,
    until_us: i64,
}

impl Life {
    /// `born` is a FHIR date, "" when it is not known; `now` a FHIR instant.
    pub fn new(born: &str, now: &str) -> Self {
        const HOUR_US: i64 = 3_600_000_000;
        let until_us = dates::start_us(now).map_or(i64::MAX, |us| us.saturating_add(DOUBTS.dates.tolerance_hours.saturating_mul(HOUR_US)));
        Self { born_us: dates::start_us(born).unwrap_or(i64::MIN), until_us }
    }

    /// Why the date of a statement cannot be, as a reader is told it.
    pub fn doubts(&self, kind: &str, when: &str, when_us: Option<i64>) -> Option<&'static str> {
        if when.is_empty() {
            return None;
        }
        let words = &DOUBTS.words;
        let Some(from_us) = when_us else { return Some(&words.unreadable) };
        if from_us > self.until_us && DOUBTS.dates.past.iter().any(|k| k == kind) {
            return Some(&words.future);
        }
        static EARLIEST_US: LazyLock<i64> = LazyLock::new(|| dates::start_us(&DOUBTS.dates.earliest).unwrap_or(i64::MIN));
        if from_us < *EARLIEST_US {
            return Some(&words.ancient);
        }
        let before = from_us < self.born_us && time::range(when).is_some_and(|r| r.1 < self.born_us);
        before.then_some(words.before_birth.as_str())
    }
}

/// Why a statement has no date, where its document writes one that cannot be read.
pub fn unreadable() -> &'static str {
    &DOUBTS.words.unreadable
}

/// Why a quantity of an analyte of the table cannot be: below zero, or in a unit that is not comparable.
pub fn of_value(quantity: &Value, comparable: bool) -> Option<&'static str> {
    let value = get(quantity, "value").and_then(Value::as_f64)?;
    match (value < 0.0, comparable) {
        (true, _) => Some(&DOUBTS.words.negative),
        (false, false) => Some(&DOUBTS.words.unit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_to_come_or_before_birth_is_doubted_and_a_plan_is_not() {
        let life = Life::new("1963-03-12", "2026-11-25T09:30:00Z");
        let doubts = |kind: &str, when: &str| life.doubts(kind, when, dates::start_us(when)).map(|w| w.split(' ').take(4).collect::<Vec<_>>().join(" "));
        assert_eq!(doubts("Observation", "2062-01-01").as_deref(), Some("date dans l'avenir, impossible"));
        assert_eq!(doubts("Observation", "2026-11-26"), None, "a day of tolerance");
        assert_eq!(doubts("CarePlan", "2027-01-01"), None);
        assert_eq!(doubts("Condition", "0026-01-01").as_deref(), Some("date antérieure à 1900,"));
        assert_eq!(doubts("Condition", "1950").as_deref(), Some("date antérieure à la"));
        assert_eq!((doubts("Condition", "1963"), doubts("Condition", "")), (None, None), "the year of birth is not before birth");
        assert_eq!(doubts("Observation", "2026-13-45").as_deref(), Some("date illisible dans le"));
        assert_eq!(Life::new("", "2026-11-25T09:30:00Z").doubts("Condition", "1950", dates::start_us("1950")), None);
    }
}
