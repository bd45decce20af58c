//! The values of one analyte over time, and whether the last change says something.
//! Spec: `fhir-profiles/key-information/score.toml` (reference change values).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::score::SCORE;
use crate::fhir::time;
use crate::keyinfo::Source;
use crate::keyinfo::language::concept::get;
use crate::keyinfo::language::{dates, numbers};
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::merge::statement::Statement;
use crate::keyinfo::read::analyte::{half_step, written};
use crate::keyinfo::read::units::ucum;
use crate::keyinfo::tell::line::Context;
use crate::keyinfo::tell::observation::{self, Side};

/// Values of one series that are drawn.
const MAX_POINTS: usize = 60;

/// A value with its time and the bounds that its own laboratory gave.
#[derive(Clone, Copy)]
struct Point<'a> {
    us: i64,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    /// Of a value that was written in another unit: as it was written.
    original: Option<&'a Value>,
    /// Half of its last digit.
    within: f64,
    /// Its document, by the place of its source.
    source: Option<usize>,
    /// Its day as it is written, and whether it is printed again from an older report.
    day: &'a str,
    prior: bool,
}

/// A series of two values or more, in the unit of the newest.
pub struct Trend<'a> {
    unit: String,
    /// As it is written in reports.
    unit_text: String,
    points: Vec<Point<'a>>,
    /// Older values that are not drawn.
    more: usize,
    /// Of each source its DocumentReference.
    sources: &'a [&'a Source],
    pub change: Option<Change>,
}

/// The last change.
pub struct Change {
    /// Percent of the older value.
    percent: f64,
    text: String,
    pub significant: bool,
}

/// The series of a group; `None` without two dated numbers that can be compared. What is doubted is in no series.
pub fn of<'a>(context: &Context<'a>, group: &Group, codes: &[&str]) -> Option<Trend<'a>> {
    let lead = context.statement(group.lead).filter(|s| s.kind == "Observation" && s.doubt.is_none())?;
    let members = std::iter::once(group.lead).chain(group.previous).chain(group.earlier.iter().copied());
    let unit = lead.reading()?.unit;
    let mut points: Vec<Point<'a>> = members.filter_map(|at| context.statement(at)).filter_map(|s| point(s, lead, unit)).collect();
    // What is printed again without its time is drawn where its original is.
    let told: HashSet<(&str, u64)> = points.iter().filter(|p| !p.prior).map(|p| (p.day, p.value.to_bits())).collect();
    points.retain(|p| !p.prior || !told.contains(&(p.day, p.value.to_bits())));
    points.sort_by(|a, b| a.us.cmp(&b.us).then(a.original.is_some().cmp(&b.original.is_some())).then(a.value.total_cmp(&b.value)));
    // A re-print in another unit is drawn once, as it was first written.
    let again = |a: &Point<'_>, b: &Point<'_>| a.value.total_cmp(&b.value).is_eq() || (a.original.is_some() && (a.value - b.value).abs() <= a.within.max(b.within));
    points.dedup_by(|a, b| a.us == b.us && again(a, b));
    if points.len() < 2 {
        return None;
    }
    let extra = points.len().saturating_sub(MAX_POINTS);
    points.drain(..extra);
    let drawn = |at: usize| context.statement(at).and_then(|s| point(s, lead, unit));
    let last = drawn(group.lead);
    let before = group.previous.and_then(drawn).or_else(|| last.as_ref().and_then(|l| points.iter().rev().find(|p| p.us < l.us).copied()));
    let change = before.zip(last).and_then(|(before, last)| change(&before, &last, codes));
    let unit_text = get(lead.resource, "valueQuantity").map(numbers::unit).unwrap_or_default().replace("(s)", "");
    Some(Trend { unit: crate::keyinfo::language::concept::text(lead.resource, "/valueQuantity/unit").to_owned(), unit_text, points, more: extra, sources: context.sources, change })
}

impl Trend<'_> {
    /// For the view model.
    pub fn shown(&self) -> Value {
        let bound = |b: Option<f64>| b.map_or(Value::Null, |b| json!(b));
        let points: Vec<Value> = self
            .points
            .iter()
            .map(|p| {
                let out = p.low.is_some_and(|l| p.value < l) || p.high.is_some_and(|h| p.value > h);
                let mut point = json!({"at": time::instant(p.us), "value": p.value, "low": bound(p.low), "high": bound(p.high), "out": out});
                let document = p.source.and_then(|s| self.sources.get(s)).map(|s| &s.document_reference);
                if let (Some(document), Some(members)) = (document, point.as_object_mut()) {
                    members.insert("document".into(), json!(document));
                }
                if let (Some(original), Some(members)) = (p.original, point.as_object_mut()) {
                    members.insert("original".into(), json!({"value": get(original, "value"), "unit": numbers::unit(original)}));
                }
                point
            })
            .collect();
        let mut shown = json!({"unit": self.unit, "unitText": self.unit_text, "points": points});
        if let (1.., Some(members)) = (self.more, shown.as_object_mut()) {
            members.insert("more".into(), json!(self.more));
        }
        if let (Some(change), Some(members)) = (&self.change, shown.as_object_mut()) {
            let direction = if change.percent.abs() < 0.5 {
                "flat"
            } else if change.percent > 0.0 {
                "up"
            } else {
                "down"
            };
            members.insert("change".into(), json!({"text": change.text, "significant": change.significant, "direction": direction}));
        }
        shown
    }
}

/// A number with the bounds that its laboratory gave, in its own unit.
pub struct Drawn<'a> {
    quantity: &'a Value,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    /// Half of its last digit.
    within: f64,
}

impl<'a> Drawn<'a> {
    /// Of a number without a comparator; a bound in another unit than its value is left out.
    pub fn of(resource: &'a Value) -> Option<Self> {
        let quantity = get(resource, "valueQuantity").filter(|q| get(q, "comparator").is_none())?;
        let value = get(quantity, "value")?.as_f64().filter(|v| v.is_finite())?;
        let mut ranges = observation::normal_ranges(resource);
        // Of several (by age, by sex) nobody says which one holds.
        let normal = ranges.next().filter(|_| ranges.next().is_none());
        let own = |b: &Value| written(b).is_empty() || written(b) == written(quantity) || ucum(written(b)) == ucum(written(quantity));
        let bound = |name: &str| normal.and_then(|r| get(r, name)).filter(|b| own(b)).and_then(|b| get(b, "value")?.as_f64());
        Some(Self { quantity, value, low: bound("low"), high: bound("high"), within: half_step(quantity) })
    }
}

impl Drawn<'_> {
    /// On which side of its bounds it lies; `None` within them, or where they contradict each other.
    pub fn outside(&self) -> Option<Side> {
        let ordered = self.low.zip(self.high).is_none_or(|(low, high)| low <= high);
        let below = self.low.is_some_and(|low| self.value < low).then_some(Side::Below);
        below.or_else(|| self.high.is_some_and(|high| self.value > high).then_some(Side::Above)).filter(|_| ordered)
    }
}

/// A number and its bounds in the unit of the lead.
fn point<'a>(s: &Statement<'a>, lead: &Statement<'_>, unit: &str) -> Option<Point<'a>> {
    let reading = s.reading()?;
    let (drawn, us) = (reading.drawn.as_ref()?, s.when_us?);
    let (day, prior) = (s.when.get(..10).unwrap_or(s.when), s.prior);
    if reading.unit == unit {
        return Some(Point { us, value: drawn.value, low: drawn.low, high: drawn.high, original: None, within: drawn.within, source: s.source, day, prior });
    }
    let (own, theirs) = s.conversion.zip(lead.conversion)?;
    let told = |value: f64| own.told_in(theirs, value);
    let within = drawn.within * own.step() / theirs.step();
    Some(Point { us, value: told(drawn.value), low: drawn.low.map(told), high: drawn.high.map(told), original: Some(drawn.quantity), within, source: s.source, day, prior })
}

/// From the value before to the newest; what was corrected, or contradicts one of them, is drawn and changes nothing.
fn change(before: &Point<'_>, last: &Point<'_>, codes: &[&str]) -> Option<Change> {
    if before.value == 0.0 {
        return None;
    }
    let percent = (last.value - before.value) / before.value.abs() * 100.0;
    let row = SCORE.change.iter().find(|row| row.codes.iter().any(|c| codes.contains(&c.as_str())));
    let sign = if percent < 0.0 { "−" } else { "+" };
    let since = apart(before.us, last.us);
    let told = if percent.abs() < 0.5 { format!("stable en {since}") } else { format!("{sign}{:.0} % en {since}", percent.abs()) };
    Some(Change { percent, text: told, significant: row.is_some_and(|r| percent.abs() >= r.percent) })
}

/// `3 jours`, `6 mois`, `2 ans`.
fn apart(from: i64, to: i64) -> String {
    const DAY_US: i64 = 86_400_000_000;
    let days = (to - from) / DAY_US;
    match days {
        0 => "moins d'un jour".to_owned(),
        1..=60 => dates::plural(days, "jour"),
        61..=730 => format!("{} mois", days / 30),
        _ => dates::plural(days / 365, "an"),
    }
}
