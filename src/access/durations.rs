//! How long what is decided about a record holds: `fhir-profiles/access-matrix/durations.toml`.

use std::sync::LazyLock;

use chrono::{DateTime, Duration, Months};
use serde::Deserialize;

use super::confidence::Confidence;

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/durations.toml");

/// One row: how long, and who says so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurationRow {
    pub name: String,
    #[serde(default)]
    hours: i64,
    #[serde(default)]
    days: i64,
    #[serde(default)]
    months: u32,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Deserialize, Default)]
struct Table {
    duration: Vec<DurationRow>,
}

// The table is part of the program; a test proves that it parses.
static ROWS: LazyLock<Vec<DurationRow>> = LazyLock::new(|| toml::from_str::<Table>(TABLE).unwrap_or_default().duration);

/// The moments that matter, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// A consent given at a consultation.
    Consultation,
    /// Until the patient is told that a document is kept from him.
    HiddenNotice,
    /// Until a document kept from the patient is shown to him.
    HiddenEnd,
    /// Until a closed record may be erased.
    Retention,
}

impl Span {
    const fn name(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
            Self::HiddenNotice => "hidden-notice",
            Self::HiddenEnd => "hidden-end",
            Self::Retention => "retention",
        }
    }

    /// The moment this long after another, µs UTC.
    pub fn after(self, from_us: i64) -> i64 {
        let row = ROWS.iter().find(|r| r.name == self.name());
        let end = DateTime::from_timestamp_micros(from_us)
            .zip(row)
            .and_then(|(from, row)| from.checked_add_months(Months::new(row.months))?.checked_add_signed(Duration::days(row.days) + Duration::hours(row.hours)));
        end.map_or(from_us, |e| e.timestamp_micros())
    }
}

/// Every row, for the report of assumptions.
pub fn durations() -> &'static [DurationRow] {
    &ROWS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_has_a_row_with_its_source() {
        for span in [Span::Consultation, Span::HiddenNotice, Span::HiddenEnd, Span::Retention] {
            let row = ROWS.iter().find(|r| r.name == span.name()).unwrap();
            assert!(!row.source.is_empty(), "{}", row.name);
        }
        assert_eq!(durations().len(), 4);
    }

    #[test]
    fn a_month_is_a_month_of_the_calendar() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
        assert_eq!(Span::HiddenEnd.after(at("2026-01-31T10:00:00Z")), at("2026-02-28T10:00:00Z"));
        assert_eq!(Span::HiddenNotice.after(at("2026-11-25T00:00:00Z")), at("2026-12-09T00:00:00Z"));
        assert_eq!(Span::Consultation.after(0), 12 * 3_600_000_000);
    }
}
