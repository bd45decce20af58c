//! FHIR dates as French text, and as points to sort by.

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Europe::Paris;

use super::tables::FRENCH;
use crate::fhir::time;

/// First µs that a FHIR date covers.
pub fn start_us(text: &str) -> Option<i64> {
    time::range(text).map(|r| r.0)
}

/// `12/09/2026`, `septembre 2026`, `2026`; other text unchanged. A time is told as its day in Paris.
pub fn french(text: &str) -> String {
    let text = text.trim();
    match text.len() {
        7 => month(text).unwrap_or_else(|| text.to_owned()),
        10.. => day(text).map_or_else(|| text.to_owned(), |d| format!("{:02}/{:02}/{:04}", d.day(), d.month(), d.year())),
        _ => text.to_owned(),
    }
}

/// `12/09/2026 à 10 h 32`.
pub fn french_moment(text: &str) -> String {
    match start_us(text).and_then(paris) {
        Some(at) if text.len() > 10 => at.format("%d/%m/%Y à %H h %M").to_string(),
        _ => french(text),
    }
}

/// `le 12/09/2026`, `en septembre 2026`, `en 2026`.
pub fn on(text: &str) -> String {
    let article = if text.trim().len() >= 10 { "le" } else { "en" };
    format!("{article} {}", french(text))
}

/// `depuis le 12/09/2026`, `depuis septembre 2026`, `depuis 2019`.
pub fn since(text: &str) -> String {
    let article = if text.trim().len() >= 10 { "depuis le" } else { "depuis" };
    format!("{article} {}", french(text))
}

/// `du 12/09/2026`, `de septembre 2026`, `d'avril 2026`, `de 2026`.
pub fn of(text: &str) -> String {
    let shown = french(text);
    match text.trim().len() {
        10.. => format!("du {shown}"),
        7 if shown.starts_with(['a', 'o']) => format!("d'{shown}"),
        _ => format!("de {shown}"),
    }
}

/// `du 05/10/2026 au 04/01/2027`, `de mars 2013 au 09/06/2026`, `depuis 2019`, `jusqu'en 2026`; `None` without a date.
pub fn span(start: &str, end: &str) -> Option<String> {
    match (start, end) {
        ("", "") => None,
        (start, "") => Some(since(start)),
        ("", end) => Some(until(end)),
        (start, end) if french(start) == french(end) => Some(on(start)),
        (start, end) => {
            let article = if end.trim().len() >= 10 { "au" } else { "à" };
            Some(format!("{} {article} {}", of(start), french(end)))
        }
    }
}

/// `jusqu'au 12/09/2026`, `jusqu'en 2026`.
pub fn until(text: &str) -> String {
    let article = if text.trim().len() >= 10 { "jusqu'au" } else { "jusqu'en" };
    format!("{article} {}", french(text))
}

/// Age at a moment, as it is said: days under a month, months under two years.
pub fn age(birth: &str, at: &str) -> Option<String> {
    let (born, now) = (time::range(birth)?, day(at)?);
    let born = match birth.len() {
        10 => NaiveDate::parse_from_str(birth, "%Y-%m-%d").ok()?,
        _ => return Some(about(paris(born.0)?.year(), now.year())),
    };
    let months = (now.year() - born.year()) * 12 + i32::try_from(now.month()).ok()? - i32::try_from(born.month()).ok()? - i32::from(now.day() < born.day());
    match months {
        i32::MIN..0 => None,
        0 => Some(plural((now - born).num_days(), "jour")),
        1..24 => Some(format!("{months} mois")),
        _ => Some(format!("{} ans", months / 12)),
    }
}

fn about(born: i32, now: i32) -> String {
    format!("environ {}", plural(i64::from(now - born), "an"))
}

/// `1 jour`, `2 jours`.
pub fn plural(count: i64, noun: &str) -> String {
    format!("{count} {noun}{}", if count.abs() > 1 { "s" } else { "" })
}

fn month(text: &str) -> Option<String> {
    let (year, month) = text.split_once('-')?;
    let name = FRENCH.months.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    year.parse::<u16>().ok()?;
    Some(format!("{name} {year}"))
}

fn day(text: &str) -> Option<NaiveDate> {
    if text.len() == 10 {
        return ymd(text);
    }
    Some(paris(start_us(text)?)?.date_naive())
}

/// `2026-09-12`
fn ymd(text: &str) -> Option<NaiveDate> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if dashes { NaiveDate::from_ymd_opt(i32::try_from(part(0, 4)?).ok()?, part(5, 7)?, part(8, 10)?) } else { None }
}

fn paris(at_us: i64) -> Option<DateTime<chrono_tz::Tz>> {
    Some(DateTime::from_timestamp_micros(at_us)?.with_timezone(&Paris))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_dates_are_told_as_they_are_known() {
        assert_eq!(french("2026-09-12"), "12/09/2026");
        assert_eq!(french("2026-09"), "septembre 2026");
        assert_eq!(french("2026"), "2026");
        assert_eq!(french("inconnue"), "inconnue");
        assert_eq!(french("2026-13"), "2026-13");
        assert_eq!((of("2026-04"), of("2013"), of("2026-09-12")), ("d'avril 2026".into(), "de 2013".into(), "du 12/09/2026".into()));
        assert_eq!(span("2013-03", "2026-06-09").as_deref(), Some("de mars 2013 au 09/06/2026"));
        assert_eq!(span("2013", "2014-02").as_deref(), Some("de 2013 à février 2014"));
        assert_eq!(span("2013", "2013").as_deref(), Some("en 2013"));
        assert_eq!((since("2019"), on("2019-03-01"), until("2020-05")), ("depuis 2019".into(), "le 01/03/2019".into(), "jusqu'en mai 2020".into()));
    }

    #[test]
    fn a_utc_evening_is_the_next_day_in_paris() {
        assert_eq!(french("2026-07-01T22:30:00Z"), "02/07/2026");
        assert_eq!(french_moment("2026-07-01T08:05:00Z"), "01/07/2026 à 10 h 05");
    }

    #[test]
    fn an_age_is_said_in_the_unit_of_its_time_of_life() {
        let at = "2026-11-25T10:00:00Z";
        assert_eq!(age("1963-03-12", at).as_deref(), Some("63 ans"));
        assert_eq!(age("1963-11-26", at).as_deref(), Some("62 ans"));
        assert_eq!(age("2025-10-01", at).as_deref(), Some("13 mois"));
        assert_eq!(age("2026-11-24", at).as_deref(), Some("1 jour"));
        assert_eq!(age("1963", at).as_deref(), Some("environ 63 ans"));
        assert_eq!(age("2027-01-01", at), None);
    }
}
