//! Points in time.
//! Spec: HL7 V3 Data Types R1 TS and IVL_TS; FHIR R4 datatypes#dateTime.

use chrono::offset::LocalResult;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Europe::Paris;

use super::attribute;
use crate::fhir::xml::Element;

/// Digits of a fraction of a second.
const MAX_FRACTION: usize = 9;

/// A CDA time (`YYYY[MM[DD[HH[MM[SS[.f]]]]]][+-ZZzz]`) as a FHIR date or dateTime of the same precision; hours without minutes are
/// written with zeros, because FHIR knows no such precision.
///
/// A time of day without offset is Europe/Paris wall time, the earlier one where clocks repeat an hour; one that clocks skip keeps
/// its date only. `None` for anything that is not a day of the calendar.
pub fn date_time(raw: &str) -> Option<String> {
    let stamp = Stamp::read(raw)?;
    let (year, month, day) = (stamp.number(0, 4)?, stamp.number(4, 2), stamp.number(6, 2));
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok().filter(|y| *y > 0)?, month.unwrap_or(1), day.unwrap_or(1))?;
    match stamp.digits.len() {
        4 | 6 if stamp.offset.is_some() => None,
        4 => Some(date.format("%Y").to_string()),
        6 => Some(date.format("%Y-%m").to_string()),
        8 => Some(date.format("%Y-%m-%d").to_string()),
        _ => {
            let time = NaiveTime::from_hms_opt(stamp.number(8, 2)?, stamp.number(10, 2).unwrap_or(0), stamp.number(12, 2).unwrap_or(0))?;
            Some(moment(date.and_time(time), &stamp))
        }
    }
}

/// Whether a CDA time with a time of day carries its own offset (dates carry none and answer true).
pub fn has_zone(raw: &str) -> bool {
    Stamp::read(raw).is_none_or(|stamp| stamp.digits.len() <= 8 || stamp.offset.is_some())
}

/// The time of a TS, or of an IVL_TS taken as one point: `value`, else `low`, else `center`.
pub fn time_of(element: &Element) -> Option<String> {
    let of = |e: &Element| attribute(e, "value").and_then(date_time);
    of(element).or_else(|| element.child("low").and_then(of)).or_else(|| element.child("center").and_then(of))
}

/// Start and end of an IVL_TS; a `value` alone is both.
pub fn period(element: &Element) -> (Option<String>, Option<String>) {
    let of = |name| element.child(name).and_then(|e| attribute(e, "value")).and_then(date_time);
    match (of("low"), of("high")) {
        (None, None) => {
            let point = attribute(element, "value").and_then(date_time);
            (point.clone(), point)
        }
        bounds => bounds,
    }
}

fn moment(local: NaiveDateTime, stamp: &Stamp<'_>) -> String {
    let fraction = stamp.fraction.map(|f| format!(".{f}")).unwrap_or_default();
    let text = local.format("%Y-%m-%dT%H:%M:%S");
    match stamp.offset {
        Some(minutes) => format!("{text}{fraction}{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60),
        None => match paris(local) {
            Some(at) => format!("{text}{fraction}{}", at.format("%:z")),
            None => local.format("%Y-%m-%d").to_string(),
        },
    }
}

fn paris(local: NaiveDateTime) -> Option<DateTime<FixedOffset>> {
    match Paris.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.fixed_offset()),
        LocalResult::None => None,
    }
}

struct Stamp<'a> {
    /// 4, 6, 8, 10, 12 or 14 digits.
    digits: &'a str,
    fraction: Option<&'a str>,
    /// Minutes east of UTC.
    offset: Option<i32>,
}

impl<'a> Stamp<'a> {
    fn read(raw: &'a str) -> Option<Self> {
        let raw = raw.trim();
        let (clock, offset) = match raw.find(['+', '-', 'Z']) {
            Some(at) => (raw.get(..at)?, Some(offset(raw.get(at..)?)?)),
            None => (raw, None),
        };
        let (digits, fraction) = match clock.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (clock, None),
        };
        let sound = matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14) && all_digits(digits);
        let whole = fraction.is_none_or(|f| digits.len() == 14 && (1..=MAX_FRACTION).contains(&f.len()) && all_digits(f));
        (sound && whole).then_some(Self { digits, fraction, offset })
    }

    fn number(&self, from: usize, width: usize) -> Option<u32> {
        self.digits.get(from..from + width)?.parse().ok()
    }
}

/// `Z`, `+hh`, `+hhmm`, `+hh:mm` and the three digits `+hmm` that some software writes.
fn offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?;
    let digits = match digits.split_once(':') {
        Some((hours, minutes)) if hours.len() == 2 && minutes.len() == 2 => format!("{hours}{minutes}"),
        Some(_) => return None,
        None => digits.to_owned(),
    };
    if !all_digits(&digits) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = match digits.len() {
        2 => (number, 0),
        3 | 4 => (number / 100, number % 100),
        _ => return None,
    };
    (minutes < 60 && hours * 60 + minutes <= 14 * 60).then_some(sign * (hours * 60 + minutes))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn a_time_keeps_its_precision() {
        for (raw, fhir) in [
            ("2019", "2019"),
            ("201902", "2019-02"),
            ("20190228", "2019-02-28"),
            ("2019022810+0100", "2019-02-28T10:00:00+01:00"),
            ("201902281015-0330", "2019-02-28T10:15:00-03:30"),
            ("20190228101530.250+01", "2019-02-28T10:15:30.250+01:00"),
            ("20190228101530Z", "2019-02-28T10:15:30+00:00"),
            ("20190228101530+100", "2019-02-28T10:15:30+01:00"),
            ("20190228+0100", "2019-02-28"),
        ] {
            assert_eq!(date_time(raw).as_deref(), Some(fhir), "{raw}");
        }
    }

    #[test]
    fn a_time_without_offset_is_wall_time_of_paris() {
        assert_eq!(date_time("201901151000").as_deref(), Some("2019-01-15T10:00:00+01:00"));
        assert_eq!(date_time("20190715100000").as_deref(), Some("2019-07-15T10:00:00+02:00"));
        assert_eq!(date_time("20191027023000").as_deref(), Some("2019-10-27T02:30:00+02:00"), "the repeated hour");
        assert_eq!(date_time("20190331023000").as_deref(), Some("2019-03-31"), "the skipped hour");
        assert!(!has_zone("201901151000") && has_zone("201901151000+01") && has_zone("20190115"));
    }

    #[test]
    fn what_is_not_a_time_is_nothing() {
        let wrong = ["", "19", "20191", "20191301", "20190229", "0000", "20092012081500+0100", "2019022824", "20190228101561", "2019-02-28", "201902281015+9999"];
        for raw in wrong.iter().chain(&["20190228101530.", "201902281015.5", "2019022é", "20190228101530+1", "20190228101530+01:0", "UNK", "2019+0100", "20190228+-10"]) {
            assert_eq!(date_time(raw), None, "{raw}");
        }
    }

    #[test]
    fn an_interval_gives_its_bounds_and_a_point_gives_both() {
        let of = |text: &str| period(&parse(text.as_bytes(), &Limits::default()).unwrap());
        assert_eq!(of("<effectiveTime><low value='2019'/><high nullFlavor='UNK'/></effectiveTime>"), (Some("2019".into()), None));
        assert_eq!(of("<effectiveTime value='2019'/>"), (Some("2019".into()), Some("2019".into())));
        assert_eq!(of("<effectiveTime nullFlavor='UNK'/>"), (None, None));
    }
}
