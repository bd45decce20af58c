//! Treatments: dosage, period and origin as a prescriber says them.

use serde_json::Value;

use super::concept::{at, items, label, spoken, text};
use super::dates;
use super::numbers;
use super::tables::FRENCH;
use crate::fhir::search::fold;

/// The dosage of a medication resource; `None` when it gives none.
pub(super) fn dosage(resource: &Value) -> Option<String> {
    let steps: Vec<String> = items(resource, "dosage").chain(items(resource, "dosageInstruction")).filter_map(step).collect();
    match steps.as_slice() {
        [] => None,
        _ => Some(steps.join(" ; puis ").replace("puis puis", "puis")),
    }
}

/// One step: its own words, else what its structure says.
fn step(dosage: &Value) -> Option<String> {
    let said = text(dosage, "/text");
    if !said.is_empty() {
        return Some(super::concept::short(said, 400));
    }
    let parts: Vec<String> = [dose(dosage), timing(dosage.get("timing")), route(dosage), as_needed(dosage), maximum(dosage), patient_words(dosage)].into_iter().flatten().collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn dose(dosage: &Value) -> Option<String> {
    let rate = at(dosage, "/doseAndRate/0").unwrap_or(dosage);
    // Without a unit the number alone would read as part of the name before it.
    let quantity = |k: &str| {
        let q = rate.get(k)?;
        let said = numbers::quantity(q)?;
        Some(if numbers::unit(q).is_empty() { format!("dose {said}") } else { said })
    };
    let range = |k: &str| rate.get(k).and_then(numbers::range);
    let dose = quantity("doseQuantity").or_else(|| range("doseRange")).or_else(|| quantity("dose"));
    let speed = quantity("rateQuantity").or_else(|| range("rateRange")).or_else(|| rate.get("rateRatio").and_then(numbers::ratio));
    match (dose, speed) {
        (Some(dose), Some(speed)) => Some(format!("{dose} (débit {speed})")),
        (Some(dose), None) => Some(dose),
        (None, Some(speed)) => Some(format!("débit {speed}")),
        (None, None) => None,
    }
}

fn timing(timing: Option<&Value>) -> Option<String> {
    let timing = timing?;
    let repeat = timing.get("repeat").unwrap_or(&Value::Null);
    let frequency = frequency(repeat).or_else(|| timing.get("code").and_then(coded));
    let parts: Vec<String> = [frequency, when(repeat), weekdays(repeat), bounds(repeat)].into_iter().flatten().collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn coded(code: &Value) -> Option<String> {
    super::concept::codes(code).find_map(|c| FRENCH.word("frequency", c)).map(str::to_owned).or_else(|| spoken(code))
}

/// `2 fois par jour`, `toutes les 8 heures`, `1 fois tous les 3 jours`.
fn frequency(repeat: &Value) -> Option<String> {
    let period = numbers::decimal(repeat.get("period")?)?;
    let (one, many) = FRENCH.period.get(text(repeat, "/periodUnit"))?;
    let times = repeat.get("frequency").and_then(numbers::decimal);
    let upto = repeat.get("frequencyMax").and_then(numbers::decimal).map(|m| format!(" à {m}")).unwrap_or_default();
    let every = if one.ends_with("ure") || one.ends_with("nde") || one.ends_with("ute") || one.ends_with("ine") { "toutes les" } else { "tous les" };
    let times = times.unwrap_or_else(|| "1".to_owned());
    Some(match (times.as_str(), period.as_str(), upto.is_empty()) {
        (_, "1", _) => format!("{times}{upto} fois par {one}"),
        ("1", _, true) => format!("{every} {period} {many}"),
        _ => format!("{times}{upto} fois {every} {period} {many}"),
    })
}

fn when(repeat: &Value) -> Option<String> {
    let moments: Vec<&str> = items(repeat, "when").filter_map(Value::as_str).map(|c| FRENCH.word("when", c).unwrap_or(c)).collect();
    let hours: Vec<String> = items(repeat, "timeOfDay").filter_map(Value::as_str).map(|t| t.get(..5).unwrap_or(t).replace(':', " h ")).collect();
    let named = match moments.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        [all @ .., last] => Some(format!("{} et {last}", all.join(", "))),
    };
    let hours = if hours.is_empty() { None } else { Some(format!("à {}", hours.join(", "))) };
    match (named, hours) {
        (Some(a), Some(b)) => Some(format!("{a}, {b}")),
        (a, b) => a.or(b),
    }
}

fn weekdays(repeat: &Value) -> Option<String> {
    let days: Vec<&str> = items(repeat, "dayOfWeek").filter_map(Value::as_str).map(|d| FRENCH.word("day", d).unwrap_or(d)).collect();
    if days.is_empty() { None } else { Some(format!("le {}", days.join(", "))) }
}

/// `pendant 7 jours`.
fn bounds(repeat: &Value) -> Option<String> {
    let duration = repeat.get("boundsDuration")?;
    let value = numbers::decimal(duration.get("value")?)?;
    let code = match text(duration, "/code") {
        "" => text(duration, "/unit"),
        code => code,
    };
    let noun = FRENCH.period.get(code).map_or(code, |(one, many)| if value == "1" { one } else { many });
    Some(format!("pendant {value} {noun}"))
}

fn route(dosage: &Value) -> Option<String> {
    let route = dosage.get("route")?;
    super::concept::codes(route).find_map(|c| FRENCH.word("route", c)).map(str::to_owned).or_else(|| spoken(route))
}

fn as_needed(dosage: &Value) -> Option<String> {
    if let Some(reason) = dosage.get("asNeededCodeableConcept").and_then(spoken) {
        return Some(format!("si besoin ({reason})"));
    }
    (dosage.get("asNeededBoolean") == Some(&Value::Bool(true))).then(|| "si besoin".to_owned())
}

fn maximum(dosage: &Value) -> Option<String> {
    let ratio = dosage.get("maxDosePerPeriod")?;
    let period = at(ratio, "/denominator/value").and_then(numbers::decimal);
    let noun = FRENCH.period.get(text(ratio, "/denominator/code")).or_else(|| FRENCH.period.get(text(ratio, "/denominator/unit")));
    match (period.as_deref(), noun) {
        (Some("1"), Some((one, _))) => Some(format!("maximum {} par {one}", numbers::quantity(ratio.get("numerator")?)?)),
        (Some(period), Some((_, many))) => Some(format!("maximum {} par {period} {many}", numbers::quantity(ratio.get("numerator")?)?)),
        _ => Some(format!("maximum {}", numbers::ratio(ratio)?)),
    }
}

fn patient_words(dosage: &Value) -> Option<String> {
    Some(text(dosage, "/patientInstruction")).filter(|t| !t.is_empty()).map(|t| super::concept::short(t, 200))
}

/// What follows the product's name; a dosage text that only repeats the name is not told twice.
pub(super) fn details(kind: &str, resource: &Value, product: &str, now_us: i64) -> Vec<String> {
    let bare = |t: &str| fold(t).replace(' ', "");
    let mut out: Vec<String> = dosage(resource).filter(|d| !bare(product).contains(&bare(d))).into_iter().collect();
    let reasons: Vec<String> = items(resource, "reasonCode").filter_map(label).collect();
    if !reasons.is_empty() {
        out.push(format!("pour {}", reasons.join(", ")));
    }
    out.extend(origin(kind, resource));
    let status = text(resource, "/status");
    let over = ended(resource, now_us);
    let word = FRENCH.word("status", &format!("{kind}.{status}")).unwrap_or("");
    let past = over && status == "active";
    if !word.is_empty() && !past {
        out.push(word.to_owned());
    }
    out.extend(period(resource));
    if at(resource, "/substitution/allowedBoolean") == Some(&Value::Bool(false)) {
        out.push("non substituable".to_owned());
    }
    out
}

/// `prescrit le …`, `délivré le …`, `administré le …`.
fn origin(kind: &str, resource: &Value) -> Option<String> {
    let (word, pointers): (&str, &[&str]) = match kind {
        "MedicationRequest" => ("prescrit", &["/authoredOn"]),
        "MedicationDispense" => ("délivré", &["/whenHandedOver", "/whenPrepared"]),
        // A period is told by itself.
        "MedicationAdministration" => ("administré", &["/effectiveDateTime"]),
        _ => return None,
    };
    let date = pointers.iter().map(|p| text(resource, p)).find(|t| !t.is_empty());
    let quantity = resource.get("quantity").and_then(numbers::quantity).map(|q| format!(" ({q})")).unwrap_or_default();
    Some(format!("{word}{}{quantity}", date.map(|d| format!(" {}", dates::on(d))).unwrap_or_default()))
}

fn period(resource: &Value) -> Option<String> {
    let bounds = "/dosageInstruction/0/timing/repeat/boundsPeriod";
    let period = resource.get("effectivePeriod").or_else(|| at(resource, bounds)).or_else(|| at(resource, "/dosage/0/timing/repeat/boundsPeriod"));
    let (start, end) = match period {
        Some(p) => (text(p, "/start"), text(p, "/end")),
        None if text(resource, "/resourceType") == "MedicationStatement" => (text(resource, "/effectiveDateTime"), ""),
        None => ("", ""),
    };
    match (start, end) {
        ("", "") => None,
        (start, "") => Some(dates::since(start)),
        ("", end) => Some(dates::until(end)),
        (start, end) => Some(format!("du {} au {}", dates::french(start), dates::french(end))),
    }
}

/// Whether the treatment is over: it says so, or the end of its period is past.
pub(super) fn ended(resource: &Value, now_us: i64) -> bool {
    if matches!(text(resource, "/status"), "stopped") || (text(resource, "/resourceType") == "MedicationStatement" && text(resource, "/status") == "completed") {
        return true;
    }
    let ends = ["/effectivePeriod/end", "/dosageInstruction/0/timing/repeat/boundsPeriod/end", "/dosage/0/timing/repeat/boundsPeriod/end"];
    ends.iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).and_then(crate::fhir::time::range).is_some_and(|r| r.1 < now_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dosage_text_is_told_as_it_is_written() {
        assert_eq!(
            dosage(&json!({"dosage": [{"text": "1 comprimé matin et soir", "doseAndRate": [{"doseQuantity": {"value": 1}}]}]})).as_deref(),
            Some("1 comprimé matin et soir")
        );
    }

    #[test]
    fn a_structured_dosage_is_put_into_words() {
        let daily = json!({"dosageInstruction": [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "doseAndRate": [{"doseQuantity": {"value": 75, "unit": "mg"}}]}]});
        assert_eq!(dosage(&daily).as_deref(), Some("75 mg, 1 fois par jour"));
        let eight = json!({"dosage": [{"timing": {"repeat": {"period": 8, "periodUnit": "h", "boundsDuration": {"value": 7, "code": "d"}}}, "route": {"coding": [{"code": "20053000"}]}, "asNeededBoolean": true}]});
        assert_eq!(dosage(&eight).as_deref(), Some("toutes les 8 heures, pendant 7 jours, voie orale, si besoin"));
        let meals = json!({"dosage": [{"timing": {"repeat": {"when": ["MORN", "EVE"]}}}]});
        assert_eq!(dosage(&meals).as_deref(), Some("matin et soir"));
    }

    #[test]
    fn an_active_statement_whose_period_is_over_is_not_called_current() {
        let statement = json!({"resourceType": "MedicationStatement", "status": "active", "effectivePeriod": {"start": "2020-01-01", "end": "2020-02-01"}});
        let now = dates::start_us("2026-11-25").unwrap();
        assert_eq!(details("MedicationStatement", &statement, "PRODUIT", now), ["du 01/01/2020 au 01/02/2020"]);
        assert!(ended(&statement, now));
    }
}
