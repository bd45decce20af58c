//! Quantities, ranges and ratios in French.

use serde_json::Value;

use super::concept::{get, str_of};
use super::tables::FRENCH;

/// The digits of a number with a decimal comma.
pub fn decimal(value: &Value) -> Option<String> {
    let digits = match value {
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.clone(),
        _ => return None,
    };
    Some(grouped(&digits).replace('.', ","))
}

/// `120 000`: from five digits on, thousands are set apart.
fn grouped(digits: &str) -> String {
    let sign = digits.len() - digits.trim_start_matches(['-', '+']).len();
    let (sign, digits) = digits.split_at(sign);
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    if whole.len() < 5 || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return [sign, whole, rest].concat();
    }
    let mut out = String::from(sign);
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out + rest
}

/// `7,2 %`, `< 1,0 mg/L`; `None` without a value.
pub fn quantity(q: &Value) -> Option<String> {
    let value = decimal(get(q, "value")?)?;
    let comparator = str_of(q, "comparator").map_or("", comparator);
    Some(with_unit(&format!("{comparator}{value}"), &unit(q)))
}

fn comparator(code: &str) -> &'static str {
    match code {
        "<" => "< ",
        "<=" => "≤ ",
        ">" => "> ",
        ">=" => "≥ ",
        _ => "",
    }
}

/// The unit as it is written in reports; "" when there is none.
pub fn unit(q: &Value) -> String {
    let part = |k: &str| q.get(k).and_then(Value::as_str).unwrap_or("").trim();
    let (code, unit) = (part("code"), part("unit"));
    if let Some(word) = FRENCH.unit.word(code).or_else(|| FRENCH.unit.word(unit)) {
        return word.to_owned();
    }
    let shown = if unit.is_empty() { code } else { unit };
    shown.replace("[IU]", "UI").replace("[iU]", "UI").replace("mm[Hg]", "mmHg").replace(['{', '}'], "")
}

fn with_unit(value: &str, unit: &str) -> String {
    match unit {
        "" => value.to_owned(),
        _ if unit.starts_with('/') => format!("{value}{unit}"),
        _ => format!("{value} {}", count_noun(value, unit)),
    }
}

/// `comprimé(s)` agrees with its number.
fn count_noun(value: &str, unit: &str) -> String {
    if !unit.contains("(s)") {
        return unit.to_owned();
    }
    let whole = value.trim_start_matches(|c: char| !c.is_ascii_digit()).split(',').next().and_then(|n| n.replace('\u{a0}', "").parse::<u64>().ok());
    unit.replace("(s)", if whole.is_some_and(|n| n >= 2) { "s" } else { "" })
}

/// `4 à 6 %`, `≥ 3,9 mmol/L`, `≤ 5`; `None` without a bound.
pub fn range(r: &Value) -> Option<String> {
    let bound = |k: &str| r.get(k).filter(|q| get(q, "value").is_some());
    match (bound("low"), bound("high")) {
        (Some(low), Some(high)) if unit(low) == unit(high) => Some(with_unit(&format!("{} à {}", decimal(get(low, "value")?)?, decimal(get(high, "value")?)?), &unit(high))),
        (Some(low), Some(high)) => Some(format!("{} à {}", quantity(low)?, quantity(high)?)),
        (Some(low), None) => Some(format!("≥ {}", quantity(low)?)),
        (None, Some(high)) => Some(format!("≤ {}", quantity(high)?)),
        (None, None) => None,
    }
}

/// `500 mg / 5 mL`, or without units as titres are written: `1/80`.
pub fn ratio(r: &Value) -> Option<String> {
    let (top, bottom) = (get(r, "numerator")?, get(r, "denominator")?);
    if unit(top).is_empty() && unit(bottom).is_empty() {
        return Some(format!("{}/{}", quantity(top)?, quantity(bottom)?));
    }
    Some(format!("{} / {}", quantity(top)?, quantity(bottom)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_quantity_has_a_decimal_comma_and_a_readable_unit() {
        assert_eq!(quantity(&json!({"value": 7.2, "unit": "%", "code": "%"})).as_deref(), Some("7,2 %"));
        assert_eq!(quantity(&json!({"value": 6.8, "code": "10*9/L"})).as_deref(), Some("6,8 G/L"));
        assert_eq!(quantity(&json!({"value": 72, "code": "/min"})).as_deref(), Some("72/min"));
        assert_eq!(quantity(&json!({"value": 1.0, "comparator": "<", "unit": "mg/L"})).as_deref(), Some("< 1,0 mg/L"));
        assert_eq!(quantity(&json!({"unit": "mg"})), None);
        assert_eq!(quantity(&json!({"value": 4, "code": "{glass}/d"})).as_deref(), Some("4 verres/jour"));
        assert_eq!(quantity(&json!({"value": -1.5, "code": "[diop]"})).as_deref(), Some("-1,5 dioptrie"));
        assert_eq!(quantity(&json!({"value": 150, "code": "[lb_av]"})).as_deref(), Some("150 lb"));
        assert_eq!(quantity(&json!({"value": 120_000, "code": "/mL"})).as_deref(), Some("120\u{a0}000/mL"));
        assert_eq!(quantity(&json!({"value": 12_500.5, "unit": "UI"})).as_deref(), Some("12\u{a0}500,5 UI"));
        assert_eq!(quantity(&json!({"value": 1234, "unit": "mg"})).as_deref(), Some("1234 mg"));
        assert_eq!(quantity(&json!({"value": 10_000, "code": "{tablet}"})).as_deref(), Some("10\u{a0}000 comprimés"));
        assert_eq!(quantity(&json!({"value": 2, "code": "{tablet}"})).as_deref(), Some("2 comprimés"));
        assert_eq!(quantity(&json!({"value": 1.5, "code": "{tablet}"})).as_deref(), Some("1,5 comprimé"));
    }

    #[test]
    fn a_range_may_have_one_bound() {
        assert_eq!(range(&json!({"low": {"value": 4, "unit": "%"}, "high": {"value": 6, "unit": "%"}})).as_deref(), Some("4 à 6 %"));
        assert_eq!(range(&json!({"high": {"value": 5}})).as_deref(), Some("≤ 5"));
        assert_eq!(range(&json!({"low": {}})), None);
    }
}
