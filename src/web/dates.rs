//! FHIR dates in French.

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Europe::Paris;

use crate::fhir::time;

/// First µs of what a FHIR date covers.
pub(super) fn start_us(text: &str) -> Option<i64> {
    time::range(text).map(|r| r.0)
}

/// `12/09/2026`, `09/2026`, `2026`, no more precise than said; other text unchanged.
pub(super) fn day(text: &str) -> String {
    match (text.len(), local(text)) {
        (4, Some(_)) => text.to_owned(),
        (7, Some(at)) => at.format("%m/%Y").to_string(),
        (_, Some(at)) => at.format("%d/%m/%Y").to_string(),
        (_, None) => text.to_owned(),
    }
}

/// `12/09/2026 à 10 h 32`, in Paris; a date alone as its day.
pub(super) fn moment(text: &str) -> String {
    match local(text) {
        Some(at) if text.len() > 10 => at.format("%d/%m/%Y à %H h %M").to_string(),
        _ => day(text),
    }
}

/// What `datetime` of a time element takes: the day, never more.
pub(super) fn machine(text: &str) -> Option<String> {
    let at = local(text)?;
    Some(if text.len() < 10 { text.to_owned() } else { at.format("%Y-%m-%d").to_string() })
}

/// Years, months under two years, days under a month; `None` unless the birth date is whole and past.
pub(super) fn age(birth: &str, now: &str) -> Option<String> {
    let (born, now) = (NaiveDate::parse_from_str(birth, "%Y-%m-%d").ok()?, local(now)?.date_naive());
    let days = (now - born).num_days();
    let months = (now.year() - born.year()) * 12 + i32::try_from(now.month()).ok()? - i32::try_from(born.month()).ok()? - i32::from(now.day() < born.day());
    match months {
        _ if days < 0 => None,
        0 => Some(format!("{days} jour{}", if days > 1 { "s" } else { "" })),
        1..24 => Some(format!("{months} mois")),
        months => Some(format!("{} ans", months / 12)),
    }
}

fn local(text: &str) -> Option<DateTime<chrono_tz::Tz>> {
    Some(DateTime::from_timestamp_micros(start_us(text)?)?.with_timezone(&Paris))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_french_and_no_more_precise_than_said() {
        assert_eq!([day("2026-03-10"), day("2026-03"), day("2026"), day("hier")], ["10/03/2026", "03/2026", "2026", "hier"]);
        assert_eq!(moment("2026-11-25T11:00:00.000Z"), "25/11/2026 à 12 h 00");
        assert_eq!(machine("2026-03-10T23:30:00Z").as_deref(), Some("2026-03-11"));
    }

    #[test]
    fn an_age_is_in_the_unit_of_the_child() {
        let age = |birth| age(birth, "2026-11-25T11:00:00.000Z");
        assert_eq!([age("1963-11-26"), age("2026-10-01"), age("2026-11-24")].map(Option::unwrap), ["62 ans", "1 mois", "1 jour"]);
        assert_eq!([age("1963"), age("2027-01-01"), age("")], [None, None, None]);
    }
}
