//! The course of a measure as a small drawing on a real time axis, and in words beside it.
//! Spec: SVG 2 §5.8 (title and desc); WCAG 2.2 1.1.1, 1.4.1.

use serde_json::Value;

use super::value::{counted, flag, list, long, number, text};
use super::{dates, value};
use crate::fhir::html::Html;

const WIDTH: f64 = 112.0;
const HEIGHT: f64 = 32.0;
const MARGIN: f64 = 4.0;

/// The newest points that are drawn.
const MOST: usize = 120;

/// Points beyond which only the last is marked, lest the marks hide the course.
const MARKED: usize = 16;

/// The newest values that are told to who cannot see the drawing.
const TOLD: usize = 12;

struct Point<'a> {
    at: &'a str,
    us: f64,
    value: f64,
    written: String,
    low: Option<f64>,
    high: Option<f64>,
    out: bool,
}

/// Drawing and words; nothing without a point that can be placed.
pub(super) fn trend(of: &Value, label: &str, out: &mut Html) {
    let points = points(of);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let unit = [text(of, "unitText"), text(of, "unit")].into_iter().find(|u| !u.is_empty()).unwrap_or_default();
    out.own("<div class=\"trend\">");
    if points.len() > 1 {
        drawing(&points, label, unit, out);
    }
    out.own("<p>");
    change(of, out);
    if points.len() > 1 {
        let blank = if unit.is_empty() || unit.starts_with('/') { "" } else { "\u{a0}" };
        let words = format!("{} → {}{blank}{unit}, {} – {}", first.written, last.written, month(first.at), month(last.at));
        out.leaf("span", &[("class", "course")], &words);
    }
    out.own("</p></div>");
}

/// Points with a date and a value, oldest first whatever the view says.
fn points(of: &Value) -> Vec<Point<'_>> {
    let mut points: Vec<Point<'_>> = list(of, "points").iter().filter_map(point).collect();
    points.sort_by(|a, b| a.us.total_cmp(&b.us));
    let old = points.len().saturating_sub(MOST);
    points.drain(..old);
    points
}

fn point(of: &Value) -> Option<Point<'_>> {
    let (at, value) = (text(of, "at"), number(of, "value")?);
    let us = dates::start_us(at)? as f64;
    let told = of.get("value").map(ToString::to_string).unwrap_or_default();
    let written = told.strip_suffix(".0").unwrap_or(&told).replace('.', ",");
    Some(Point { at, us, value, written, low: number(of, "low"), high: number(of, "high"), out: flag(of, "out") })
}

/// The mapping of time and values to the drawing.
struct Scale {
    from: f64,
    span: f64,
    low: f64,
    range: f64,
}

impl Scale {
    fn new(points: &[Point<'_>]) -> Self {
        let values = || points.iter().flat_map(|p| [Some(p.value), p.low, p.high]).flatten();
        let (from, to) = (points.first().map_or(0.0, |p| p.us), points.last().map_or(0.0, |p| p.us));
        let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
        Self { from, span: to - from, low, range: high - low }
    }

    fn x(&self, us: f64) -> f64 {
        let share = if self.span > 0.0 { (us - self.from) / self.span } else { 0.5 };
        MARGIN + share * (WIDTH - 2.0 * MARGIN)
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.range > 0.0 { (value - self.low) / self.range } else { 0.5 };
        HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN)
    }
}

fn drawing(points: &[Point<'_>], label: &str, unit: &str, out: &mut Html) {
    let scale = Scale::new(points);
    let size = format!("0 0 {WIDTH} {HEIGHT}");
    out.open("svg", &[("class", "spark"), ("role", "img"), ("viewBox", &size), ("width", &WIDTH.to_string()), ("height", &HEIGHT.to_string())]);
    described(points, label, unit, out);
    band(points.last(), &scale, out);
    let path: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", scale.x(p.us), scale.y(p.value))).collect();
    out.open("polyline", &[("class", "course"), ("points", &path.join(" "))]);
    out.close("polyline");
    let unmarked = if points.len() > MARKED { points.len() - 1 } else { 0 };
    for (at, point) in points.iter().enumerate().skip(unmarked) {
        mark(point, at + 1 == points.len(), &scale, out);
    }
    out.close("svg");
}

/// A value outside its bounds is a square, the last one is large.
fn mark(point: &Point<'_>, last: bool, scale: &Scale, out: &mut Html) {
    let (x, y, half) = (scale.x(point.us), scale.y(point.value), if last { 3.5 } else { 2.0 });
    let class = if point.out { "out" } else { "in" };
    if point.out {
        let (left, top, side) = (format!("{:.1}", x - half), format!("{:.1}", y - half), (2.0 * half).to_string());
        out.open("rect", &[("class", class), ("x", &left), ("y", &top), ("width", &side), ("height", &side)]);
        out.close("rect");
    } else if last {
        out.open("circle", &[("class", class), ("cx", &format!("{x:.1}")), ("cy", &format!("{y:.1}")), ("r", &half.to_string())]);
        out.close("circle");
    }
}

/// The bounds of the last value, open on a side that has none.
fn band(last: Option<&Point<'_>>, scale: &Scale, out: &mut Html) {
    let Some(last) = last.filter(|p| p.low.is_some() || p.high.is_some()) else { return };
    let (top, bottom) = (last.high.map_or(0.0, |h| scale.y(h)), last.low.map_or(HEIGHT, |l| scale.y(l)));
    let height = format!("{:.1}", (bottom - top).max(0.5));
    out.open("rect", &[("class", "bounds"), ("x", "0"), ("y", &format!("{top:.1}")), ("width", &WIDTH.to_string()), ("height", &height)]);
    out.close("rect");
}

fn described(points: &[Point<'_>], label: &str, unit: &str, out: &mut Html) {
    let told = points.iter().skip(points.len().saturating_sub(TOLD));
    let values: Vec<String> = told.map(|p| format!("{} {unit} le {}{}", p.written, dates::day(p.at), if p.out { " (hors bornes)" } else { "" })).collect();
    out.leaf("title", &[], &format!("{label} : {} dans le temps", counted(long(points.len()), "aucune", "valeur", "valeurs")));
    out.leaf("desc", &[], &values.join(" ; "));
}

fn change(of: &Value, out: &mut Html) {
    let Some(change) = of.get("change").filter(|c| !text(c, "text").is_empty()) else { return };
    let significant = flag(change, "significant");
    let arrow = match text(change, "direction") {
        "up" => "↗ ",
        "down" => "↘ ",
        "flat" => "→ ",
        _ => "",
    };
    out.open("span", &[("class", if significant { "change significant" } else { "change" })]);
    out.leaf("span", &[("aria-hidden", "true")], arrow);
    out.text(&value::capital(text(change, "text")));
    out.text(if significant { ", significatif" } else { "" });
    out.close("span");
}

/// The month of a date, for the ends of the axis.
fn month(at: &str) -> String {
    dates::day(at.get(..7).unwrap_or(at))
}
