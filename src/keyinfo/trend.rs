//! The values of one analyte over time, and whether the last change says something.
//! Spec: `fhir-profiles/key-information/score.toml` (reference change values).

use serde_json::{Value, json};

use super::concept::{at, get, items, text};
use super::dates;
use super::group::Group;
use super::line::Context;
use super::score::SCORE;
use crate::fhir::time;

/// Values of one series that are drawn.
const MAX_POINTS: usize = 60;

/// A value with its time and the bounds that its own laboratory gave.
struct Point {
    us: i64,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

/// A series of two values or more in one unit.
pub(super) struct Trend {
    unit: String,
    points: Vec<Point>,
    pub change: Option<Change>,
}

/// The last change.
pub(super) struct Change {
    /// Percent of the older value.
    percent: f64,
    text: String,
    pub significant: bool,
}

/// The series of a group; `None` without two dated numbers of one unit.
pub(super) fn of(context: &Context<'_>, group: &Group, codes: &[&str]) -> Option<Trend> {
    let lead = context.statement(group.lead).filter(|s| s.kind == "Observation")?;
    let unit = unit(lead.resource);
    let members = std::iter::once(group.lead).chain(group.previous).chain(group.earlier.iter().copied());
    let mut points: Vec<Point> = members.filter_map(|at| context.statement(at)).filter(|s| self::unit(s.resource) == unit).filter_map(|s| point(s.resource, s.when_us?)).collect();
    points.sort_by_key(|p| p.us);
    points.dedup_by(|a, b| a.us == b.us && a.value.total_cmp(&b.value).is_eq());
    if points.len() < 2 {
        return None;
    }
    let extra = points.len().saturating_sub(MAX_POINTS);
    points.drain(..extra);
    let change = change(&points, codes);
    Some(Trend { unit: text(lead.resource, "/valueQuantity/unit").to_owned(), points, change })
}

impl Trend {
    /// For the view model.
    pub fn shown(&self) -> Value {
        let bound = |b: Option<f64>| b.map_or(Value::Null, |b| json!(b));
        let points: Vec<Value> = self
            .points
            .iter()
            .map(|p| {
                let out = p.low.is_some_and(|l| p.value < l) || p.high.is_some_and(|h| p.value > h);
                json!({"at": time::instant(p.us), "value": p.value, "low": bound(p.low), "high": bound(p.high), "out": out})
            })
            .collect();
        let mut shown = json!({"unit": self.unit, "points": points});
        if let (Some(change), Some(members)) = (&self.change, shown.as_object_mut()) {
            let direction = if change.percent.abs() < 0.05 {
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

/// A number without a comparator: `< 4` is no value to draw.
fn point(resource: &Value, us: i64) -> Option<Point> {
    let quantity = get(resource, "valueQuantity").filter(|q| get(q, "comparator").is_none())?;
    let value = get(quantity, "value")?.as_f64().filter(|v| v.is_finite())?;
    let normal = items(resource, "referenceRange").next();
    let bound = |name: &str| normal.and_then(|r| at(r, &format!("/{name}/value"))).and_then(Value::as_f64);
    Some(Point { us, value, low: bound("low"), high: bound("high") })
}

fn unit(resource: &Value) -> &str {
    match text(resource, "/valueQuantity/code") {
        "" => text(resource, "/valueQuantity/unit"),
        code => code,
    }
}

fn change(points: &[Point], codes: &[&str]) -> Option<Change> {
    let [.., before, last] = points else { return None };
    if before.value == 0.0 {
        return None;
    }
    let percent = (last.value - before.value) / before.value.abs() * 100.0;
    let row = SCORE.change.iter().find(|row| row.codes.iter().any(|c| codes.contains(&c.as_str())));
    let sign = if percent < 0.0 { "−" } else { "+" };
    let told = format!("{sign}{:.0} % en {}", percent.abs(), apart(before.us, last.us));
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
