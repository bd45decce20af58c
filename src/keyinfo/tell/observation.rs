//! Observations and reports: value, flag, reference range.

use serde_json::Value;

use crate::keyinfo::language::concept::{codes, get, items, short, spoken, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::numbers;
use crate::keyinfo::language::tables::FRENCH;

/// On which side of its range a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Below,
    Above,
}

/// Longest text told as a value, in characters.
const MAX_TEXT: usize = 700;

/// The value of an observation or component with its unit; `None` when it has none.
pub fn value(holder: &Value) -> Option<String> {
    let (name, value) = holder.as_object()?.iter().find(|(k, _)| k.starts_with("value"))?;
    match name.as_str() {
        "valueQuantity" => numbers::quantity(value),
        "valueCodeableConcept" => spoken(value),
        "valueString" => value.as_str().map(|t| short(t, MAX_TEXT)),
        "valueBoolean" => FRENCH.boolean.word(&value.to_string()).map(str::to_owned),
        "valueInteger" => numbers::decimal(value),
        "valueRange" => numbers::range(value),
        "valueRatio" => numbers::ratio(value),
        "valueDateTime" | "valueTime" => value.as_str().map(dates::french),
        "valuePeriod" => dates::span(text(value, "/start"), text(value, "/end")),
        _ => None,
    }
}

/// Value, or value of each component, or why there is none.
pub fn said(resource: &Value) -> String {
    let own = value(resource);
    let parts: Vec<String> = items(resource, "component").filter_map(component).collect();
    if let Some(pressure) = blood_pressure(resource) {
        return pressure;
    }
    let both: Vec<String> = own.into_iter().chain(parts).collect();
    if !both.is_empty() {
        return both.join(" ; ");
    }
    get(resource, "dataAbsentReason").and_then(absent).or_else(|| notes(resource)).unwrap_or_else(|| "résultat non précisé".to_owned())
}

fn component(component: &Value) -> Option<String> {
    let value = value(component).or_else(|| get(component, "dataAbsentReason").and_then(absent))?;
    let flag = flag(component).map(|f| format!(" ({f})")).unwrap_or_default();
    Some(format!("{} {value}{flag}", get(component, "code").and_then(spoken)?))
}

/// `135/80 mmHg`, as blood pressure is written.
fn blood_pressure(resource: &Value) -> Option<String> {
    let of = |loinc: &str| items(resource, "component").find(|c| get(c, "code").is_some_and(|k| codes(k).any(|x| x == loinc)))?.get("valueQuantity");
    let (systolic, diastolic) = (of("8480-6")?, of("8462-4")?);
    if items(resource, "component").count() != 2 || numbers::unit(systolic) != numbers::unit(diastolic) {
        return None;
    }
    Some(format!("{}/{}", numbers::decimal(get(systolic, "value")?)?, numbers::quantity(diastolic)?))
}

fn absent(reason: &Value) -> Option<String> {
    codes(reason).find_map(|c| FRENCH.absent.word(c)).map(str::to_owned).or_else(|| spoken(reason))
}

/// `élevé`; `None` for a normal or unknown code, or without one.
pub fn flag(holder: &Value) -> Option<&'static str> {
    items(holder, "interpretation").flat_map(codes).find_map(|c| FRENCH.interpretation.word(c))
}

/// What is said of a value that lies outside the range of its laboratory without being flagged so.
pub fn outside(resource: &Value, side: Side) -> String {
    let words = &FRENCH.outside;
    let said = if side == Side::Above { &words.above } else { &words.below };
    let normal = items(resource, "interpretation").flat_map(codes).any(|c| c == "N");
    if normal { format!("{said}, {}", words.though_normal) } else { said.clone() }
}

/// Whether the laboratory flagged it abnormal, itself or a component.
pub fn abnormal(resource: &Value) -> bool {
    let bad = |holder: &Value| items(holder, "interpretation").flat_map(codes).any(|c| FRENCH.abnormal.codes.iter().any(|a| a == c));
    bad(resource) || items(resource, "component").any(bad)
}

/// The normal range, when one is given: not a critical or therapeutic one.
pub fn normal_ranges(resource: &Value) -> impl Iterator<Item = &Value> {
    items(resource, "referenceRange").filter(|r| get(r, "type").is_none_or(|t| codes(t).all(|c| c == "normal")))
}

/// `valeurs de référence 4 à 6 %`: the normal range, when one is given.
pub fn reference_range(resource: &Value) -> Option<String> {
    let normal = normal_ranges(resource).next()?;
    let range = numbers::range(normal).or_else(|| Some(text(normal, "/text")).filter(|t| !t.is_empty()).map(str::to_owned))?;
    Some(format!("valeurs de référence {range}"))
}

pub fn notes(resource: &Value) -> Option<String> {
    let all: Vec<&str> = items(resource, "note").map(|n| text(n, "/text")).filter(|t| !t.is_empty()).collect();
    if all.is_empty() { None } else { Some(short(&all.join(" "), 300)) }
}

/// `7,2 % (12/09/2026)`.
pub fn dated(resource: &Value, when: &str) -> String {
    let said = said(resource);
    if when.is_empty() { said } else { format!("{said} ({})", dates::french(when)) }
}

/// Whether the value is a measure, told without a colon before it.
pub fn is_measure(resource: &Value) -> bool {
    get(resource, "valueQuantity").is_some() || blood_pressure(resource).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blood_pressure_is_one_fraction() {
        let part = |code: &str, v: i32| json!({"code": {"coding": [{"code": code}], "text": code}, "valueQuantity": {"value": v, "code": "mm[Hg]"}});
        assert_eq!(said(&json!({"component": [part("8480-6", 135), part("8462-4", 80)]})), "135/80 mmHg");
        assert_eq!(said(&json!({"component": [part("8480-6", 135)]})), "8480-6 135 mmHg");
    }

    #[test]
    fn a_missing_value_says_why() {
        assert_eq!(said(&json!({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}})), "non réalisé");
        assert_eq!(said(&json!({})), "résultat non précisé");
        assert_eq!(said(&json!({"valueBoolean": false})), "non");
    }

    #[test]
    fn a_flag_is_what_the_laboratory_gave() {
        assert_eq!(flag(&json!({"interpretation": [{"coding": [{"code": "H"}]}]})), Some("élevé"));
        assert_eq!(flag(&json!({"interpretation": [{"coding": [{"code": "N"}]}]})), None);
        assert!(!abnormal(&json!({"valueQuantity": {"value": 9}, "referenceRange": [{"high": {"value": 5}}]})));
        assert!(abnormal(&json!({"component": [{"interpretation": [{"coding": [{"code": "LL"}]}]}]})));
    }

    #[test]
    fn a_critical_range_is_not_the_normal_one() {
        let critical = json!({"referenceRange": [{"type": {"coding": [{"code": "critical"}]}, "high": {"value": 9}}]});
        assert_eq!(reference_range(&critical), None);
    }
}
