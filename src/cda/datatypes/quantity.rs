//! Physical quantities with their digits as written.
//! Spec: HL7 V3 Data Types R1 PQ; FHIR R4 datatypes#Quantity; UCUM.

use serde_json::{Map, Number, Value, json};

use super::super::codesystems::system_of;
use super::collapse;
use crate::fhir::ucum;
use crate::fhir::xml::Element;

const UCUM: &str = "http://unitsofmeasure.org";
const EDQM_OID: &str = "0.4.0.127.0.16.1.1.2.1";
/// Characters of one number.
const MAX_NUMBER: usize = 40;

/// A FHIR Quantity from a PQ, REAL or INT; `None` when the number is not one. Without unit nothing is said about it.
pub fn quantity(element: &Element) -> Option<Value> {
    let mut out = Map::new();
    out.insert("value".into(), Value::Number(decimal(element.attr("value")?)?));
    if let Some(unit) = element.attr("unit").and_then(collapse) {
        write_unit(&unit, &mut out);
    } else if let Some(translation) = element.child("translation") {
        // A PQR without a standard unit names it by a code of its own.
        let _ = translation.attr("displayName").and_then(collapse).map(|unit| out.insert("unit".into(), json!(unit)));
    }
    Some(Value::Object(out))
}

fn write_unit(unit: &str, out: &mut Map<String, Value>) {
    // French prescriptions put an EDQM standard term (8 digits) where the unit of a dose form is meant.
    if unit.len() == 8 && unit.bytes().all(|b| b.is_ascii_digit()) {
        if let Some(system) = system_of(EDQM_OID) {
            out.insert("system".into(), json!(system));
            out.insert("code".into(), json!(unit));
        }
        return;
    }
    out.insert("unit".into(), json!(unit));
    // What calls itself UCUM and is not would be read as another measure, or refused.
    if ucum::is_unit(unit) {
        out.insert("system".into(), json!(UCUM));
        out.insert("code".into(), json!(unit));
    }
}

/// A decimal with its digits as written (trailing zeros kept; a plus sign, leading zeros and a bare point are put right).
pub fn decimal(raw: &str) -> Option<Number> {
    let raw = raw.trim();
    if raw.is_empty() || raw.len() > MAX_NUMBER {
        return None;
    }
    let (sign, rest) = match raw.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", raw.strip_prefix('+').unwrap_or(raw)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut text = format!("{sign}{}", if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        let size = exponent.trim_start_matches(['+', '-']);
        if size.is_empty() || size.len() > 2 || exponent.len() > size.len() + 1 || !digits(size) {
            return None;
        }
        text.push('e');
        text.push_str(exponent);
    }
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    fn of(text: &str) -> Option<Value> {
        quantity(&parse(text.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn digits_stay_as_written() {
        for (raw, kept) in [("1.50", "1.50"), ("007", "7"), ("+2", "2"), (".5", "0.5"), ("-0.10", "-0.10"), ("5.", "5"), ("1e3", "1e+3")] {
            assert_eq!(decimal(raw).map(|n| n.to_string()).as_deref(), Some(kept), "{raw}");
        }
        for raw in ["", "1,5", "abc", ".", "1.2.3", "--1", "1e", "1e999", "NaN", "<5", "1e--5"] {
            assert_eq!(decimal(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_unit_is_ucum_when_it_is_one() {
        assert_eq!(of("<value value='5.0' unit='mmol/L'/>").unwrap().to_string(), r#"{"value":5.0,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}"#);
        assert_eq!(of("<value value='5' unit='gouttes par jour'/>"), Some(json!({"value": 5, "unit": "gouttes par jour"})));
        assert_eq!(of("<value value='5' unit='mm[hg]'/>"), Some(json!({"value": 5, "unit": "mm[hg]"})));
        assert_eq!(of("<value value='1'/>"), Some(json!({"value": 1})));
        assert_eq!(of("<value value='1' unit='1'/>").unwrap()["code"], "1");
        assert!(of("<value value='1' unit='15054000'/>").unwrap().get("unit").is_none());
        assert_eq!(of("<value nullFlavor='UNK' unit='g'/>"), None);
    }
}
