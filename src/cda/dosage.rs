//! How a drug is taken → Dosage.
//! Spec: CDA R2 SubstanceAdministration, IHE PCC 1.3.6.1.4.1.19376.1.5.3.1.4.7 (dosage); FHIR R4 Dosage, Timing.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{code_of, concept};
use super::datatypes::{decimal, quantity};
use super::narrative::{Narrative, joined, tokens};
use super::path::{first, select};
use super::value::{range_value, ratio_value};
use super::when::period_value;
use crate::fhir::xml::Element;

/// Dosage steps of one statement.
const MAX_STEPS: usize = 50;
/// Units of time of FHIR that UCUM writes alike.
const PERIOD_UNITS: &[&str] = &["s", "min", "h", "d", "wk", "mo", "a"];
/// Events of FHIR EventTiming that HL7 TimingEvent writes alike.
const EVENTS: &[&str] = &["HS", "WAKE", "C", "CM", "CD", "CV", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"];

/// The dosages of a statement: one, or one per subordinate step (split, tapered, conditional doses).
pub(super) fn dosages(e: &Element, narrative: &Narrative) -> Vec<Value> {
    let own = dosage(e, narrative);
    let steps: Vec<&Element> = e.all("entryRelationship").filter(|r| r.attr("typeCode") == Some("COMP") && r.child("substanceAdministration").is_some()).take(MAX_STEPS).collect();
    let mut out = Vec::new();
    if let Some(own) = own {
        out.push(Value::Object(own));
    }
    for (index, step) in steps.into_iter().enumerate() {
        let Some(below) = step.child("substanceAdministration") else { continue };
        let Some(mut one) = dosage(below, narrative) else { continue };
        let stated = step.child("sequenceNumber").and_then(|s| s.attr("value")).and_then(|v| v.trim().parse::<i32>().ok());
        one.insert("sequence".into(), json!(stated.unwrap_or(i32::try_from(index).unwrap_or(0) + 1)));
        if let Some(words) = below.child("text").and_then(|t| narrative.words(t)) {
            one.entry("text").or_insert_with(|| json!(words));
        }
        out.push(Value::Object(one));
    }
    out
}

fn dosage(e: &Element, narrative: &Narrative) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    let told: Vec<String> = select(e, "entryRelationship/act[PINSTRUCT]/text").into_iter().take(MAX_STEPS).filter_map(|t| narrative.sentences(t)).collect();
    if !told.is_empty() {
        out.insert("patientInstruction".into(), json!(joined(told)));
    }
    drop(timing(e, narrative).map(|t| out.insert("timing".into(), t)));
    if let Some(criterion) = first(e, "precondition/criterion") {
        precondition(criterion, narrative, &mut out);
    }
    drop(e.child("approachSiteCode").and_then(|c| concept(c, narrative)).map(|c| out.insert("site".into(), c)));
    drop(e.child("routeCode").and_then(|c| concept(c, narrative)).map(|c| out.insert("route".into(), c)));
    let mut amounts = Map::new();
    amount(e.child("doseQuantity"), "dose", &mut amounts);
    amount(e.child("rateQuantity"), "rate", &mut amounts);
    if !amounts.is_empty() {
        out.insert("doseAndRate".into(), json!([amounts]));
    }
    drop(e.child("maxDoseQuantity").and_then(ratio_value).map(|r| out.insert("maxDosePerPeriod".into(), r)));
    (!out.is_empty()).then_some(out)
}

/// A coded condition, or words such as «si douleur», is a need; other words are an instruction (`À suspendre pendant l'hospitalisation`).
fn precondition(criterion: &Element, narrative: &Narrative, out: &mut Map<String, Value>) {
    let words = criterion.child("text").and_then(|t| narrative.words(t));
    let coded = || criterion.child("value").and_then(|v| concept(v, narrative));
    match words {
        Some(words) if says_need(&words) => drop(out.insert("asNeededCodeableConcept".into(), json!({"text": words}))),
        Some(words) => drop(out.insert("additionalInstruction".into(), json!([{"text": words}]))),
        None => drop(coded().map(|c| out.insert("asNeededCodeableConcept".into(), c))),
    }
}

/// Whether words say «when needed», by how they begin or by the word itself.
fn says_need(words: &str) -> bool {
    let words = tokens(words);
    let two = words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ");
    words.first().into_iter().chain([&two]).any(|w| codes::within("need-starts", w)) || words.iter().any(|w| codes::within("need-words", w))
}

/// A quantity, or a range when low and high differ.
fn amount(e: Option<&Element>, name: &str, out: &mut Map<String, Value>) {
    let Some(e) = e else { return };
    if let Some(found) = quantity(e) {
        out.insert(format!("{name}Quantity"), found);
        return;
    }
    let Some(range) = range_value(e) else { return };
    match (range.get("low"), range.get("high")) {
        (Some(low), Some(high)) if low == high => drop(out.insert(format!("{name}Quantity"), low.clone())),
        _ => drop(out.insert(format!("{name}Range"), range)),
    }
}

/// A PIVL period is an interval: 6 h means once every six hours.
fn timing(e: &Element, narrative: &Narrative) -> Option<Value> {
    let mut repeat = Map::new();
    let mut said = None;
    for time in e.all("effectiveTime").flat_map(|t| std::iter::once(t).chain(t.all("comp"))) {
        // A step may say only how long it lasts (IVL_TS width): one choice of bounds[x].
        match (period_value(time), time.child("width").and_then(duration)) {
            _ if repeat.contains_key("boundsPeriod") => {}
            (Some(bounds), _) => {
                repeat.remove("boundsDuration");
                repeat.insert("boundsPeriod".into(), bounds);
            }
            (None, Some(length)) => drop(repeat.entry("boundsDuration").or_insert(length)),
            (None, None) => {}
        }
        if let Some(every) = time.child("period") {
            interval(every, &mut repeat);
            said = said.or_else(|| select(every, "translation/originalText").into_iter().find_map(|t| narrative.words(t)));
        }
        if let Some(code) = time.child("event").and_then(code_of).filter(|c| EVENTS.contains(c)) {
            super::table::put(&mut repeat, "when[]", json!(code));
        }
    }
    let mut out = Map::new();
    if !repeat.is_empty() {
        out.insert("repeat".into(), Value::Object(repeat));
    }
    drop(said.map(|t| out.insert("code".into(), json!({"text": t}))));
    (!out.is_empty()).then_some(Value::Object(out))
}

/// A width in units of time.
fn duration(width: &Element) -> Option<Value> {
    let length = quantity(width)?;
    length.get("code").and_then(Value::as_str).is_some_and(|u| PERIOD_UNITS.contains(&u)).then_some(length)
}

fn interval(every: &Element, repeat: &mut Map<String, Value>) {
    // «Every 4 to 6 hours» is an interval of the period (IVL_PQ).
    let shortest = every.child("low").unwrap_or(every);
    let longest = every.child("high").and_then(|h| h.attr("value")).and_then(decimal);
    let unit = shortest.attr("unit").map(str::trim).and_then(|u| PERIOD_UNITS.iter().copied().find(|p| *p == u).or_else(|| codes::mapped("period-unit", u)));
    let (Some(value), Some(unit)) = (shortest.attr("value").and_then(decimal), unit) else { return };
    if repeat.contains_key("period") {
        return;
    }
    repeat.insert("frequency".into(), json!(1));
    repeat.insert("period".into(), Value::Number(value));
    drop(longest.map(|l| repeat.insert("periodMax".into(), Value::Number(l))));
    repeat.insert("periodUnit".into(), json!(unit));
}

/// The dosage of an administration: R4 wants a dose or a rate with it (mad-1).
pub(super) fn administered(dosage: &Value) -> Option<Value> {
    let amounts = dosage.get("doseAndRate").and_then(|a| a.get(0));
    let dose = amounts.and_then(|a| a.get("doseQuantity").cloned());
    let rate = amounts.and_then(|a| a.get("rateQuantity").cloned());
    let mut out = Map::new();
    for (from, to) in [("text", "text"), ("site", "site"), ("route", "route")] {
        drop(dosage.get(from).map(|v| out.insert(to.into(), v.clone())));
    }
    drop(dose.map(|d| out.insert("dose".into(), d)));
    drop(rate.map(|r| out.insert("rateQuantity".into(), r)));
    let complete = out.contains_key("dose") || out.contains_key("rateQuantity");
    complete.then_some(Value::Object(out))
}
