//! Results of one analyte, newest first; values in different units are compared in that of the analyte.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

use serde_json::Value;

use super::group::Group;
use super::statement::Statement;
use crate::keyinfo::language::concept::{self, get, items, text};
use crate::keyinfo::language::mark::{Mark, Quick};
use crate::keyinfo::language::words::fold;
use crate::keyinfo::read::analyte::{Conversion, half_step, written};
use crate::keyinfo::weigh::trend::Drawn;

/// µs of a minute: collection times are compared to the minute.
const MINUTE_US: i64 = 60_000_000;

/// The value of an observation, as it is compared.
pub struct Reading<'a> {
    /// What its document calls it, folded.
    pub name: Mark,
    /// In a form that two equal ones share: with flags and components.
    value: Mark,
    pub unit: &'a str,
    comparator: &'a str,
    flags: Mark,
    /// Corrected before amended before final before preliminary.
    pub rank: u8,
    /// Value and precision in the unit of the analyte.
    compared: Option<(f64, f64)>,
    /// Of a number without a comparator (`< 4` is no value to draw).
    pub drawn: Option<Drawn<'a>>,
}

impl<'a> Reading<'a> {
    pub fn of(resource: &'a Value, conversion: Option<Conversion>) -> Self {
        let quantity = get(resource, "valueQuantity");
        let value = quantity.and_then(|q| get(q, "value")).and_then(Value::as_f64);
        let compared = conversion.zip(quantity).zip(value).map(|((c, q), v)| (c.apply(v), half_step(q) * c.step() * (1.0 + 1e-9)));
        Self {
            name: Mark::of(&get(resource, "code").and_then(concept::spoken).map(|n| fold(&n))),
            value: Mark::of(&value_of(resource)),
            unit: quantity.map_or("", written),
            comparator: text(resource, "/valueQuantity/comparator"),
            flags: Mark::of(&flags(resource)),
            rank: rank(resource),
            compared,
            drawn: Drawn::of(resource),
        }
    }
}

/// One value at one time, with its repeats.
struct Point {
    minute: i64,
    lead: usize,
    merged: Vec<usize>,
}

/// The groups of one analyte: usually one; more when one document gives several values of the same minute. `order` decides between
/// statements that nothing else does.
pub fn groups(statements: &[Statement<'_>], members: Vec<usize>, order: &impl Fn(&usize, &usize) -> Ordering) -> Vec<Group> {
    let mut points = points(statements, members, order).into_iter();
    let Some(newest) = points.next() else { return Vec::new() };
    let source = |at: usize| statements.get(at).and_then(|s| s.source);
    let mut first = Group { lead: newest.lead, merged: newest.merged, ..Group::default() };
    let mut same_document = Vec::new();
    for point in points {
        if point.minute == newest.minute && source(point.lead) == source(newest.lead) {
            same_document.push(Group { lead: point.lead, merged: point.merged, ..Group::default() });
        } else if point.minute == newest.minute {
            first.discordant.push(point.lead);
            first.earlier.extend(point.merged);
        } else if first.previous.is_none() && same_document.is_empty() {
            first.previous = Some(point.lead);
            first.earlier.extend(point.merged);
        } else {
            first.earlier.push(point.lead);
            first.earlier.extend(point.merged);
        }
    }
    let mut out = vec![first];
    out.extend(same_document);
    out
}

/// Values by time, newest first; of one minute a corrected value comes first, then the one of the newest document.
fn points(statements: &[Statement<'_>], members: Vec<usize>, order: &impl Fn(&usize, &usize) -> Ordering) -> Vec<Point> {
    // What is printed again comes last: it is a repeat where its original is here.
    let place = |at: usize| statements.get(at).map(|s| (s.prior, Reverse(minute(s)), s.reading.as_ref().map(|r| r.rank), Reverse(s.said_us)));
    let mut placed: Vec<_> = members.into_iter().map(|at| (place(at), at)).collect();
    placed.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| order(x, y)));
    let mut places: HashMap<(i64, Mark), usize, Quick> = HashMap::default();
    let mut out: Vec<Point> = Vec::new();
    for (_, at) in placed {
        let Some((s, reading)) = statements.get(at).and_then(|s| Some((s, s.reading.as_deref()?))) else { continue };
        // One undated value said again is a repeat, whenever it is said.
        let when = if s.when_us.is_some() { minute(s) } else { i64::MIN };
        let new = out.len();
        let repeats = || match (s.prior, s.when_us) {
            (true, _) => original(statements, &out, s, reading),
            (false, Some(_)) => reprinted(statements, &out, minute(s), reading),
            (false, None) => None,
        };
        let place = *places.entry((when, reading.value)).or_insert_with(|| repeats().unwrap_or(new));
        match out.get_mut(place) {
            Some(point) => point.merged.push(at),
            None => out.push(Point { minute: minute(s), lead: at, merged: Vec::new() }),
        }
    }
    out.sort_by_key(|p| Reverse(p.minute));
    out
}

/// The value that a result printed again repeats: of the same minute, or of the same day where it gives no time.
fn original(statements: &[Statement<'_>], points: &[Point], s: &Statement<'_>, own: &Reading<'_>) -> Option<usize> {
    let day = |s: &Statement<'_>| s.when.get(..10).unwrap_or(s.when).to_owned();
    let same = |p: &Point| {
        let Some((other, reading)) = statements.get(p.lead).and_then(|o| Some((o, o.reading()?))) else { return false };
        let when = p.minute == minute(s) || (s.when.len() <= 10 && day(other) == day(s));
        when && (reading.value == own.value || alike(reading, own))
    };
    points.iter().position(same)
}

/// The value of the same minute that this one is in another unit: equal within half of the last digit of the coarser.
fn reprinted(statements: &[Statement<'_>], points: &[Point], minute: i64, own: &Reading<'_>) -> Option<usize> {
    let same = |p: &Point| statements.get(p.lead).and_then(|s| s.reading.as_deref()).is_some_and(|other| alike(other, own) && other.flags == own.flags);
    points.iter().enumerate().rev().take_while(|(_, p)| p.minute == minute).find(|(_, p)| same(p)).map(|(place, _)| place)
}

/// Whether one value is the other in another unit.
fn alike(a: &Reading<'_>, b: &Reading<'_>) -> bool {
    let near = a.compared.zip(b.compared).is_some_and(|((one, step), (other, within))| (one - other).abs() <= within.max(step));
    near && a.unit != b.unit && a.comparator == b.comparator
}

fn minute(s: &Statement<'_>) -> i64 {
    s.when_us.unwrap_or(s.said_us).div_euclid(MINUTE_US)
}

/// Corrected before amended before final before preliminary.
fn rank(resource: &Value) -> u8 {
    match text(resource, "/status") {
        "corrected" => 0,
        "amended" => 1,
        "final" => 2,
        _ => 3,
    }
}

/// What the laboratory flagged, but for normal.
fn flags(resource: &Value) -> String {
    let mut out = String::new();
    for flag in items(resource, "interpretation").flat_map(concept::codes).filter(|c| *c != "N") {
        out.push('!');
        out.push_str(flag);
    }
    out
}

/// A value in a form that two equal ones share.
fn value_of(resource: &Value) -> String {
    let mut out = one(resource);
    out.push_str(&flags(resource));
    for component in items(resource, "component") {
        let key = get(component, "code").and_then(concept::key);
        out.push_str(&format!(";{key:?}={}", one(component)));
    }
    out
}

fn one(holder: &Value) -> String {
    let Some(map) = holder.as_object() else { return String::new() };
    let Some((name, value)) = map.iter().find(|(k, _)| k.starts_with("value")) else { return String::new() };
    match name.as_str() {
        "valueQuantity" => format!("{}{} {}", text(value, "/comparator"), number(value), written(value)),
        "valueCodeableConcept" => format!("{:?}", concept::key(value)),
        "valueString" => fold(value.as_str().unwrap_or("")),
        _ => value.to_string(),
    }
}

/// `7.20` and `7.2` are one value.
fn number(quantity: &Value) -> String {
    let digits = get(quantity, "value").map(Value::to_string).unwrap_or_default();
    if digits.contains('.') && !digits.contains(['e', 'E']) { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits }
}
