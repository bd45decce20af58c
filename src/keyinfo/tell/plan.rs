//! What is planned: the activities of a plan and what a goal aims at, each with how it stands.
//! Spec: FHIR R4 CarePlan, Goal.

use serde_json::Value;

use super::line::Line;
use crate::keyinfo::language::concept::{get, items, label, lower, short, spoken, text};
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::language::{dates, numbers};

/// Longest words of an activity, in characters.
const MAX_WORDS: usize = 700;

/// What a plan holds: each activity in its own words with its date and how it stands; the plan's own name is not told again. A plan whose
/// activities are all over stands behind the others.
pub fn line(plan: &Value, name: String, details: impl Iterator<Item = String>) -> Line {
    let all = || items(plan, "activity").filter_map(|a| get(a, "detail"));
    let activities: Vec<String> = all().filter_map(|d| activity(d, &name)).collect();
    let more: String = details.map(|d| format!(", {d}")).collect();
    let colon = if activities.is_empty() { "" } else { " : " };
    let over = matches!(text(plan, "/status"), "completed" | "revoked") || (all().next().is_some() && all().all(is_over));
    Line { label: name, body: format!("{colon}{}{more}", activities.join(" ; ")), second: over, ..Line::default() }
}

fn is_over(detail: &Value) -> bool {
    matches!(text(detail, "/status"), "completed" | "cancelled" | "stopped")
}

fn activity(detail: &Value, plan: &str) -> Option<String> {
    let named = get(detail, "code").and_then(label).filter(|n| n != plan);
    let said = Some(text(detail, "/description")).filter(|t| !t.is_empty()).map(|t| short(t, MAX_WORDS));
    let words = match (named, said) {
        (Some(name), Some(said)) if !fold(&said).contains(&fold(&name)) => Some(format!("{} : {said}", lower(&name))),
        (_, Some(said)) => Some(said),
        (Some(name), None) => Some(lower(&name)),
        (None, None) => None,
    };
    let besides: Vec<String> = [scheduled(detail), standing(detail)].into_iter().flatten().collect();
    match (words, besides.is_empty()) {
        (Some(words), true) => Some(words),
        (Some(words), false) => Some(format!("{words} ({})", besides.join(", "))),
        (None, true) => None,
        (None, false) => Some(besides.join(", ")),
    }
}

fn scheduled(detail: &Value) -> Option<String> {
    match (text(detail, "/scheduledPeriod/start"), text(detail, "/scheduledPeriod/end")) {
        ("", "") => Some(text(detail, "/scheduledString").to_owned()).filter(|t| !t.is_empty()),
        (start, "") => Some(format!("à partir {}", dates::of(start))),
        (start, end) => dates::span(start, end),
    }
}

fn standing(detail: &Value) -> Option<String> {
    if get(detail, "doNotPerform").and_then(Value::as_bool) == Some(true) {
        return Some("à ne pas faire".to_owned());
    }
    FRENCH.status("CarePlan.activity", text(detail, "/status")).filter(|w| !w.is_empty()).map(str::to_owned)
}

/// What a goal aims at, how it stands: `Poids : objectif 65 kg, pour le 01/12/2026`.
pub fn goal(goal: &Value, name: String) -> Line {
    let targets: Vec<String> = items(goal, "target").filter_map(target).collect();
    let start = Some(text(goal, "/startDate")).filter(|d| !d.is_empty()).map(dates::since);
    let status = FRENCH.status("Goal", text(goal, "/lifecycleStatus")).filter(|w| !w.is_empty()).map(str::to_owned);
    let more: String = start.into_iter().chain(status).map(|d| format!(", {d}")).collect();
    let colon = if targets.is_empty() { "" } else { " : " };
    Line { label: name, body: format!("{colon}{}{more}", targets.join(" ; ")), ..Line::default() }
}

fn target(target: &Value) -> Option<String> {
    let due = match text(target, "/dueDate") {
        "" => get(target, "dueDuration").and_then(numbers::quantity).map(|d| format!("sous {d}")),
        day => Some(format!("pour {}", dates::on(day).trim_start_matches("en "))),
    };
    let aim = aim(target);
    let parts: Vec<String> = aim.into_iter().chain(due).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn aim(target: &Value) -> Option<String> {
    let (name, value) = target.as_object()?.iter().find(|(name, _)| name.starts_with("detail"))?;
    match name.as_str() {
        "detailQuantity" => numbers::quantity(value),
        "detailRange" => numbers::range(value),
        "detailRatio" => numbers::ratio(value),
        "detailInteger" => numbers::decimal(value),
        "detailString" => value.as_str().map(|t| short(t, MAX_WORDS)),
        "detailCodeableConcept" => return spoken(value),
        "detailBoolean" => return FRENCH.boolean.word(&value.to_string()).map(str::to_owned),
        _ => None,
    }
    .map(|aim| format!("objectif {aim}"))
}
