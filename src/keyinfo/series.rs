//! Results of one analyte, newest first; values in different units are compared in that of the analyte.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

use serde_json::Value;

use super::analyte::{half_step, written};
use super::concept::{self, get, items, text};
use super::group::Group;
use super::statement::Statement;
use super::words::fold;

/// µs of a minute: collection times are compared to the minute.
const MINUTE_US: i64 = 60_000_000;

/// One value at one time, with its repeats.
struct Point {
    minute: i64,
    lead: usize,
    merged: Vec<usize>,
}

/// The groups of one analyte: usually one; more when one document gives several values of the same minute. `order` decides between
/// statements that nothing else does.
pub(super) fn groups(statements: &[Statement<'_>], members: Vec<usize>, order: &impl Fn(&usize, &usize) -> Ordering) -> Vec<Group> {
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
fn points(statements: &[Statement<'_>], mut members: Vec<usize>, order: &impl Fn(&usize, &usize) -> Ordering) -> Vec<Point> {
    let place = |at: &usize| statements.get(*at).map(|s| (Reverse(minute(s)), rank(s.resource), Reverse(s.said_us)));
    members.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| order(a, b)));
    let mut places: HashMap<(i64, String), usize> = HashMap::new();
    let mut out: Vec<Point> = Vec::new();
    for at in members {
        let Some(s) = statements.get(at) else { continue };
        // One undated value said again is a repeat, whenever it is said.
        let when = if s.when_us.is_some() { minute(s) } else { i64::MIN };
        let new = out.len();
        let place = *places.entry((when, value(s.resource))).or_insert_with(|| if s.when_us.is_some() { reprinted(statements, &out, s).unwrap_or(new) } else { new });
        match out.get_mut(place) {
            Some(point) => point.merged.push(at),
            None => out.push(Point { minute: minute(s), lead: at, merged: Vec::new() }),
        }
    }
    out
}

/// The value of the same minute that this one is in another unit: equal within half of the last digit of the coarser.
fn reprinted(statements: &[Statement<'_>], points: &[Point], s: &Statement<'_>) -> Option<usize> {
    let own = compared(s)?;
    let same = |p: &Point| {
        let other = statements.get(p.lead)?;
        let theirs = compared(other)?;
        let alike = unit(other) != unit(s) && flags(other.resource) == flags(s.resource) && comparator(other) == comparator(s);
        Some(alike && (own.0 - theirs.0).abs() <= own.1.max(theirs.1))
    };
    points.iter().enumerate().rev().take_while(|(_, p)| p.minute == minute(s)).find(|(_, p)| same(p) == Some(true)).map(|(place, _)| place)
}

/// Value and precision in the unit of the analyte.
fn compared(s: &Statement<'_>) -> Option<(f64, f64)> {
    let (conversion, quantity) = s.conversion.zip(get(s.resource, "valueQuantity"))?;
    let value = get(quantity, "value").and_then(Value::as_f64)?;
    Some((conversion.apply(value), half_step(quantity) * conversion.step() * (1.0 + 1e-9)))
}

fn unit<'a>(s: &Statement<'a>) -> &'a str {
    get(s.resource, "valueQuantity").map_or("", written)
}

fn comparator<'a>(s: &Statement<'a>) -> &'a str {
    text(s.resource, "/valueQuantity/comparator")
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
fn value(resource: &Value) -> String {
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
