//! Observation values and reference ranges.
//! Spec: CDA R2 §4.3.6.1; FHIR R4 Observation.value[x], Observation.referenceRange.

use serde_json::{Map, Value, json};

use super::concept::concept;
use super::datatypes::{attribute, date_time, quantity};
use super::narrative::{Narrative, clean};
use super::when::period_value;
use crate::fhir::xml::Element;

/// The FHIR type and value of a CDA value; `None` when it says nothing (nullFlavor without words).
pub(super) fn value(e: &Element, narrative: &Narrative) -> Option<(&'static str, Value)> {
    match type_of(e) {
        "PQ" | "REAL" | "MO" | "PPD_PQ" => number(e, narrative),
        "INT" => integer(e).or_else(|| number(e, narrative)),
        "BL" => match e.attr("value")?.trim() {
            "true" | "1" => Some(("Boolean", json!(true))),
            "false" | "0" => Some(("Boolean", json!(false))),
            _ => None,
        },
        "TS" | "IVL_TS" => time(e),
        "IVL_PQ" | "IVL_INT" | "IVL_REAL" => interval(e),
        kind if kind.starts_with("RTO") => ratio(e),
        "CD" | "CE" | "CV" | "CO" | "CS" => coded(e, narrative).map(|c| ("CodeableConcept", c)),
        _ => narrative.words(e).map(|t| ("String", json!(t))),
    }
}

/// The local part of `xsi:type`, or the type the content shows (it is sometimes missing).
fn type_of(e: &Element) -> &str {
    let named = e.attributes.iter().find(|a| &*a.name == "type" && !a.ns.is_empty()).map(|a| a.value.rsplit(':').next().unwrap_or_default());
    if let Some(kind) = named.filter(|k| !k.is_empty() && *k != "ANY") {
        return kind;
    }
    let has = |n: &str| e.child(n).is_some();
    match () {
        () if e.attr("code").is_some() || has("originalText") || has("translation") => "CD",
        () if e.attr("value").is_some() => "PQ",
        () if has("numerator") => "RTO",
        () if has("low") || has("high") => "IVL_PQ",
        () => "ST",
    }
}

/// A quantity, with the comparator that some write before its number («<3»); a number that is not one («1,5») is kept as text.
fn number(e: &Element, narrative: &Narrative) -> Option<(&'static str, Value)> {
    if let Some(found) = quantity(e).or_else(|| compared(e)) {
        return Some(("Quantity", found));
    }
    match (attribute(e, "value"), attribute(e, "unit")) {
        (Some(raw), Some(unit)) => Some(("String", json!(format!("{raw} {unit}")))),
        (Some(raw), None) => Some(("String", json!(raw))),
        // A PQ with nullFlavor may still be worded or translated.
        (None, _) => e.child("translation").and_then(quantity).map(|q| ("Quantity", q)).or_else(|| words(e, narrative)),
    }
}

fn compared(e: &Element) -> Option<Value> {
    let raw = attribute(e, "value")?;
    let (sign, rest) = ["<=", ">=", "<", ">"].iter().find_map(|s| Some((*s, raw.strip_prefix(s)?)))?;
    let mut plain = e.clone();
    plain.attributes.iter_mut().filter(|a| &*a.name == "value").for_each(|a| a.value = rest.trim().into());
    let mut found = quantity(&plain)?;
    found.as_object_mut()?.insert("comparator".into(), json!(sign));
    Some(found)
}

fn words(e: &Element, narrative: &Narrative) -> Option<(&'static str, Value)> {
    e.child("originalText").and_then(|t| narrative.words(t)).map(|t| ("String", json!(t)))
}

/// A coded value; «absence» or «inconnu» name no problem but are results.
fn coded(e: &Element, narrative: &Narrative) -> Option<Value> {
    let worded = || e.child("originalText").and_then(|t| narrative.words(t)).map(|t| json!({"text": t}));
    concept(e, narrative).or_else(worded)
}

fn integer(e: &Element) -> Option<(&'static str, Value)> {
    let number: i32 = e.attr("value")?.trim().parse().ok()?;
    Some(("Integer", json!(number)))
}

fn time(e: &Element) -> Option<(&'static str, Value)> {
    if let Some(at) = e.attr("value").and_then(date_time) {
        return Some(("DateTime", json!(at)));
    }
    if let Some(raw) = attribute(e, "value") {
        return clean(raw).map(|t| ("String", json!(t)));
    }
    period_value(e).map(|p| ("Period", p))
}

/// Two bounds are a Range; one bound is a Quantity with a comparator (CMI «<1.0»).
fn interval(e: &Element) -> Option<(&'static str, Value)> {
    if let Some(found) = quantity(e) {
        return Some(("Quantity", found));
    }
    let (low, high) = (e.child("low"), e.child("high"));
    match (low.and_then(quantity), high.and_then(quantity)) {
        (Some(l), Some(h)) if l == h => Some(("Quantity", l)),
        (Some(l), Some(h)) => Some(("Range", json!({"low": l, "high": h}))),
        (Some(q), None) => Some(("Quantity", bounded(q, low, ">", ">="))),
        (None, Some(q)) => Some(("Quantity", bounded(q, high, "<", "<="))),
        (None, None) => e.child("center").and_then(quantity).map(|q| ("Quantity", q)),
    }
}

/// `inclusive` is true unless it says false (XSD default of IVXB).
fn bounded(mut quantity: Value, bound: Option<&Element>, open: &str, closed: &str) -> Value {
    let inclusive = bound.and_then(|b| b.attr("inclusive")).is_none_or(|i| i.trim() != "false");
    if let Some(members) = quantity.as_object_mut() {
        members.insert("comparator".into(), json!(if inclusive { closed } else { open }));
    }
    quantity
}

fn ratio(e: &Element) -> Option<(&'static str, Value)> {
    ratio_value(e).map(|r| ("Ratio", r))
}

/// A Ratio of two quantities.
pub(super) fn ratio_value(e: &Element) -> Option<Value> {
    let (numerator, denominator) = (e.child("numerator").and_then(quantity)?, e.child("denominator").and_then(quantity));
    Some(match denominator {
        Some(denominator) => json!({"numerator": numerator, "denominator": denominator}),
        None => json!({"numerator": numerator, "denominator": {"value": 1}}),
    })
}

/// A Range from low and high of an IVL_PQ; `None` when neither is a number.
pub(super) fn range_value(e: &Element) -> Option<Value> {
    let mut out = Map::new();
    for bound in ["low", "high"] {
        if let Some(found) = e.child(bound).and_then(quantity) {
            out.insert(bound.into(), found);
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// A reference range with at least one of low, high, text (FHIR obs-3).
pub(super) fn reference_range(e: &Element, narrative: &Narrative) -> Option<Value> {
    let mut out = e.child("value").and_then(range_value).and_then(|v| v.as_object().cloned()).unwrap_or_default();
    let worded = e.child("text").and_then(|t| narrative.words(t));
    let stated = e
        .child("value")
        .filter(|_| out.is_empty())
        .and_then(|v| value(v, narrative))
        .and_then(|(kind, v)| if kind == "String" { v.as_str().map(str::to_owned) } else { v.get("text")?.as_str().map(str::to_owned) });
    if let Some(text) = worded.or(stated) {
        out.insert("text".into(), json!(text));
    }
    if out.is_empty() {
        return None;
    }
    if let Some(kind) = e.child("interpretationCode").filter(|c| c.attr("code") != Some("N")).and_then(|c| concept(c, narrative)) {
        out.insert("type".into(), kind);
    } else if e.child("interpretationCode").is_some() {
        out.insert("type".into(), json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/referencerange-meaning", "code": "normal"}]}));
    }
    let conditions: Vec<Value> = e.all("precondition").filter_map(|p| p.at("criterion/code").and_then(|c| concept(c, narrative))).collect();
    if !conditions.is_empty() {
        out.insert("appliesTo".into(), Value::Array(conditions));
    }
    Some(Value::Object(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    fn of(xml: &str) -> Option<(&'static str, Value)> {
        let xml = format!("<d xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><section><text><c ID='w'>trouble</c></text></section>{xml}</d>");
        let root = parse(xml.as_bytes(), &Limits::default()).unwrap();
        value(root.elements().last().unwrap(), &Narrative::of(&root))
    }

    #[test]
    fn a_quantity_keeps_its_digits_and_one_bound_is_a_comparator() {
        assert_eq!(of("<v xsi:type='PQ' value='1.60' unit='m'/>").unwrap().1.to_string(), r#"{"value":1.60,"unit":"m","system":"http://unitsofmeasure.org","code":"m"}"#);
        let (kind, low) = of("<v xsi:type='lab:IVL_PQ'><high value='1.0' unit='mg/L' inclusive='false'/></v>").unwrap();
        assert_eq!((kind, &low["comparator"]), ("Quantity", &json!("<")));
        assert_eq!(of("<v xsi:type='IVL_PQ'><low value='5' unit='g'/></v>").unwrap().1["comparator"], ">=");
        assert_eq!(of("<v xsi:type='IVL_PQ'><low value='5' unit='g'/><high value='6' unit='g'/></v>").unwrap().0, "Range");
    }

    #[test]
    fn a_value_without_type_or_number_is_still_read_and_a_null_one_is_none() {
        assert_eq!(of("<v value='3' unit='g'/>").unwrap().0, "Quantity");
        assert_eq!(of("<v xsi:type='PQ' value='1,5' unit='g'/>"), Some(("String", json!("1,5 g"))));
        assert_eq!(of("<v xsi:type='PQ' value='&lt;0.05' unit='g'/>").unwrap().1["comparator"], "<");
        assert_eq!(of("<v xsi:type='PQ' nullFlavor='NA'/>"), None);
        assert_eq!(of("<v xsi:type='CD'><originalText><reference value='#w'/></originalText></v>").unwrap().1["text"], "trouble");
        assert_eq!(of("<v xsi:type='BL' value='false'/>"), Some(("Boolean", json!(false))));
        assert_eq!(of("<v xsi:type='TS' value='20240102'/>"), Some(("DateTime", json!("2024-01-02"))));
    }
}
