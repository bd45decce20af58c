//! When a statement took place.
//! Spec: HL7 V3 Data Types R1 TS, IVL_TS; FHIR R4 dateTime, Period.

use serde_json::{Map, Value, json};

use super::datatypes::{attribute, date_time, period, time_of};
use crate::fhir::xml::Element;

/// Low and high; an end before its start is an error of the document and is left there (FHIR per-1).
pub(super) fn bounds(e: &Element) -> (Option<String>, Option<String>) {
    let (start, end) = period(e);
    let end = end.or_else(|| until(start.as_deref()?, e.child("width")?));
    let reversed = match (&start, &end) {
        (Some(s), Some(e)) => s.get(..s.len().min(e.len()).min(10)) > e.get(..s.len().min(e.len()).min(10)),
        _ => false,
    };
    (start, end.filter(|_| !reversed))
}

/// The last day of an interval given by its first day and its width in days or weeks: two days from the 1st end with the 2nd, for the
/// last day of a FHIR Period is within it. From a time of day on, the width ends on the day it is full.
fn until(start: &str, width: &Element) -> Option<String> {
    let days = match attribute(width, "unit")? {
        "d" => 1,
        "wk" => 7,
        _ => return None,
    };
    let count: u64 = attribute(width, "value")?.parse().ok()?;
    let first = chrono::NaiveDate::parse_from_str(start.get(..10)?, "%Y-%m-%d").ok()?;
    let whole = u64::from(start.len() == 10);
    let last = first.checked_add_days(chrono::Days::new(count.checked_mul(days)?.checked_sub(whole)?))?;
    Some(last.format("%Y-%m-%d").to_string())
}

/// Low and high of a state: a point says when it began or was seen, never that it is over.
pub(super) fn span(e: &Element) -> (Option<String>, Option<String>) {
    let (start, end) = bounds(e);
    (start.or_else(|| time_of(e)), end.filter(|_| e.child("high").is_some()))
}

/// A Period from low and high; `None` when neither is a time.
pub(super) fn period_value(e: &Element) -> Option<Value> {
    let (start, end) = bounds(e);
    let mut out = Map::new();
    if let Some(start) = start {
        out.insert("start".into(), json!(start));
    }
    if let Some(end) = end {
        out.insert("end".into(), json!(end));
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// When a statement took place: `("DateTime", …)` for a point, `("Period", …)` for an interval, open or not.
pub(super) fn moment(e: &Element) -> Option<(&'static str, Value)> {
    let when = clinical_time(e)?;
    if let Some(at) = attribute(when, "value").and_then(date_time) {
        return Some(("DateTime", json!(at)));
    }
    let (start, end) = bounds(when);
    match (start, end) {
        (Some(start), Some(end)) if start == end => Some(("DateTime", json!(start))),
        (None, None) => when.child("center").and_then(time_of).map(|t| ("DateTime", json!(t))),
        _ => period_value(when).map(|p| ("Period", p)),
    }
}

/// The effectiveTime that says when (not how often), if it says a time: the first one, else one that intersects with it
/// (`operator='A'`) and is a point or an interval itself.
pub(super) fn clinical_time(e: &Element) -> Option<&Element> {
    let own = |t: &&Element| !matches!(t.attr("operator"), Some("A"));
    e.all("effectiveTime").filter(own).find(|t| says_time(t)).or_else(|| e.all("effectiveTime").find(|t| says_time(t)))
}

fn says_time(t: &Element) -> bool {
    let timed = |e: &Element| attribute(e, "value").is_some_and(|v| date_time(v).is_some());
    timed(t) || ["low", "high", "center"].iter().any(|n| t.child(n).is_some_and(timed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn a_time_that_intersects_says_when_if_nothing_else_does() {
        let when = |xml: &str| moment(&parse(format!("<s>{xml}</s>").as_bytes(), &Limits::default()).unwrap());
        assert_eq!(when("<effectiveTime><low nullFlavor='NA'/></effectiveTime><effectiveTime operator='A' value='20210503'/>").unwrap().1, "2021-05-03");
        assert_eq!(when("<effectiveTime operator='A' value='20210503'/><effectiveTime value='2020'/>").unwrap().1, "2020");
        assert_eq!(when("<effectiveTime operator='A'><period value='1' unit='d'/></effectiveTime>"), None);
    }

    #[test]
    fn a_width_of_days_counts_the_first() {
        let end = |xml: &str| bounds(&parse(format!("<t>{xml}</t>").as_bytes(), &Limits::default()).unwrap()).1;
        assert_eq!(end("<low value='20231201'/><width value='2' unit='d'/>").as_deref(), Some("2023-12-02"));
        assert_eq!(end("<low value='20231201'/><width value='1' unit='wk'/>").as_deref(), Some("2023-12-07"));
        assert_eq!(end("<low value='20231201'/><width value='0' unit='d'/>"), None);
        assert_eq!(end("<low value='20231201080000+0100'/><width value='1' unit='d'/>").as_deref(), Some("2023-12-02"));
    }
}
