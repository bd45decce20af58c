//! Instants as this server writes them, and ranges of partial dates.
//! Spec: FHIR R4 datatypes#instant, search#date.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Europe::Paris;

/// `2026-11-24T15:00:00.000Z`: always 24 bytes, so that it can be stamped over a placeholder.
pub fn instant(at_us: i64) -> String {
    let moment = DateTime::<Utc>::from_timestamp_micros(at_us).unwrap_or_default();
    let text = moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    if text.len() == PLACEHOLDER.len() { text } else { PLACEHOLDER.to_owned() }
}

/// Stands for lastUpdated until the commit gives its time.
pub const PLACEHOLDER: &str = "1970-01-01T00:00:00.000Z";

/// The range [low, high] in µs UTC that a FHIR date, dateTime or instant covers, by its precision. Times without a zone and
/// dates are read as Europe/Paris. `None` when the text is not a FHIR date.
pub fn range(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    match text.len() {
        4 => days(NaiveDate::from_ymd_opt(text.parse().ok()?, 1, 1)?, |d| d.checked_add_months(Months::new(12))),
        7 => days(NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?, |d| d.checked_add_months(Months::new(1))),
        10 => days(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?, |d| d.checked_add_days(Days::new(1))),
        _ => moment(text),
    }
}

fn days(first: NaiveDate, next: impl Fn(NaiveDate) -> Option<NaiveDate>) -> Option<(i64, i64)> {
    if !(1..=9999).contains(&first.year()) {
        return None;
    }
    Some((midnight(first)?, midnight(next(first)?)? - 1))
}

fn midnight(day: NaiveDate) -> Option<i64> {
    Some(Paris.from_local_datetime(&day.and_hms_opt(0, 0, 0)?).earliest()?.timestamp_micros())
}

fn moment(text: &str) -> Option<(i64, i64)> {
    let width = if text.contains('.') {
        1_000
    } else if text.len() <= 17 && text.matches(':').count() == 1 {
        60_000_000
    } else {
        1_000_000
    };
    let low = match DateTime::parse_from_rfc3339(text) {
        Ok(exact) => exact.timestamp_micros(),
        Err(_) => {
            let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M")).ok()?;
            Paris.from_local_datetime(&local).earliest()?.timestamp_micros()
        }
    };
    Some((low, low + width - 1))
}

/// The day that a document is known by, of FHIR dates: when its act ended, as far as it was over when the document was written, else when it
/// began, else when it was written.
pub fn of_the_act<'a>(start: Option<&'a str>, end: Option<&'a str>, written: Option<&'a str>) -> Option<&'a str> {
    // A day without a time ends the day: both are held against each other by their beginning.
    let over = end.filter(|end| written.is_none_or(|written| range(end).map(|r| r.0) <= range(written).map(|r| r.1)));
    over.or(start).or(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_24_bytes() {
        assert_eq!(instant(1_764_000_000_123_456).len(), 24);
        assert_eq!(instant(0), PLACEHOLDER);
    }

    #[test]
    fn a_partial_date_covers_its_whole_period() {
        let (low, high) = range("2025").unwrap();
        assert_eq!((instant(low), instant(high)), ("2024-12-31T23:00:00.000Z".into(), "2025-12-31T22:59:59.999Z".into()));
        assert_eq!(range("2025-13"), None);
        assert_eq!(range("2025-02-03T10:00:00+01:00").map(|r| r.1 - r.0), Some(999_999));
    }

    #[test]
    fn a_stay_is_known_by_its_end_unless_it_was_to_come() {
        let (start, end) = (Some("2026-08-20"), Some("2026-08-27"));
        assert_eq!(of_the_act(start, end, Some("2026-08-27T10:00:00+02:00")), end);
        assert_eq!(of_the_act(start, end, Some("2026-08-21T10:00:00+02:00")), start);
        assert_eq!((of_the_act(start, None, Some("2026-09-01")), of_the_act(None, None, Some("2026-09-01"))), (start, Some("2026-09-01")));
    }
}
