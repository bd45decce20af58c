//! For how many days a dispensing lasts.
//! Spec: FHIR R4 MedicationDispense.daysSupply, quantity, Dosage; `fhir-profiles/key-information/medications.toml`.

use serde_json::Value;

use super::analyte::written;
use crate::keyinfo::language::concept::{at, get, items, text};

/// Most days that are believed.
const MAX_DAYS: f64 = 400.0;

/// Days of a dispensing: as it says, by the duration of its dosage, else its quantity by the daily dose that it or another statement of
/// the same medicine gives; `None` when nothing says it. A number of boxes says nothing.
pub fn days(dispense: &Value, others: &[&Value]) -> Option<f64> {
    let said = get(dispense, "daysSupply").and_then(in_days);
    let bounded = || items(dispense, "dosageInstruction").find_map(|d| at(d, "/timing/repeat/boundsDuration")).and_then(in_days);
    let counted = || {
        let quantity = get(dispense, "quantity")?;
        let (dose, unit) = std::iter::once(dispense).chain(others.iter().copied()).find_map(per_day)?;
        (written(quantity) == unit).then(|| Some(get(quantity, "value")?.as_f64()? / dose)).flatten()
    };
    said.or_else(bounded).or_else(counted).filter(|d| (1.0..=MAX_DAYS).contains(d)).map(f64::floor)
}

/// A duration in days.
fn in_days(duration: &Value) -> Option<f64> {
    let value = get(duration, "value")?.as_f64()?;
    let factor = match written(duration) {
        "" | "d" => 1.0,
        "wk" => 7.0,
        "mo" => 30.0,
        _ => return None,
    };
    Some(value * factor)
}

/// Dose of a day and its unit; of steps that follow each other, none.
pub fn per_day(resource: &Value) -> Option<(f64, &str)> {
    let mut all = items(resource, "dosageInstruction").chain(items(resource, "dosage"));
    let (dosage, None) = (all.next()?, all.next()) else { return None };
    let dose = at(dosage, "/doseAndRate/0/doseQuantity")?;
    let repeat = at(dosage, "/timing/repeat")?;
    let number = |name: &str| get(repeat, name).and_then(Value::as_f64);
    let days = match text(repeat, "/periodUnit") {
        "h" => 1.0 / 24.0,
        "d" => 1.0,
        "wk" => 7.0,
        _ => return None,
    };
    let a_day = get(dose, "value")?.as_f64()? * number("frequency").unwrap_or(1.0) / (number("period")? * days);
    (a_day > 0.0 && a_day.is_finite()).then_some((a_day, written(dose)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn days_are_said_or_counted_and_boxes_are_not() {
        assert_eq!(days(&json!({"daysSupply": {"value": 30, "code": "d"}}), &[]), Some(30.0));
        assert_eq!(days(&json!({"dosageInstruction": [{"timing": {"repeat": {"boundsDuration": {"value": 2, "code": "wk"}}}}]}), &[]), Some(14.0));
        let twice = json!({"dosageInstruction": [{"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "doseAndRate": [{"doseQuantity": {"value": 1, "code": "{tablet}"}}]}]});
        assert_eq!(days(&json!({"quantity": {"value": 60, "code": "{tablet}"}}), &[&twice]), Some(30.0));
        assert_eq!(days(&json!({"quantity": {"value": 2, "code": "30009000"}}), &[&twice]), None);
        assert_eq!((days(&json!({}), &[&twice]), days(&json!({"daysSupply": {"value": 0}}), &[])), (None, None));
    }
}
