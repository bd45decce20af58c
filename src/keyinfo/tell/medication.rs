//! Treatments: dosage, period and origin as a prescriber says them.

use serde_json::Value;

use crate::keyinfo::language::concept::{at, get, items, label, lower, spoken, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::numbers;
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::read::course;

/// Longest advice told in a line, in characters.
const MAX_ADVICE: usize = 400;
/// Before a dose that has no unit.
const BARE_DOSE: &str = "dose ";

/// The dosage of a medication resource; `None` when it gives none.
pub fn dosage(resource: &Value) -> Option<String> {
    dosage_of(resource, "")
}

/// The same; `product` is what the line calls it, where the resource does not say so itself.
fn dosage_of(resource: &Value, product: &str) -> Option<String> {
    let all = || items(resource, "dosage").chain(items(resource, "dosageInstruction"));
    let (several, numbered) = (all().count() > 1, all().any(|d| get(d, "sequence").is_some()));
    // A first step without dose and time says what holds for those after it.
    let holds_for_all =
        |d: &&Value| several && dose(d).is_none() && timing(get(d, "timing")).is_none() && (text(d, "/text").is_empty() || (numbered && get(d, "sequence").is_none()));
    let (common, steps): (Vec<&Value>, Vec<&Value>) = all().partition(holds_for_all);
    let names: Vec<&str> =
        get(resource, "medicationCodeableConcept").into_iter().flat_map(crate::keyinfo::language::concept::names).chain([product]).filter(|n| !n.is_empty()).collect();
    let steps: Vec<String> = steps.into_iter().filter_map(|d| step(d, &names)).collect();
    let common = common.into_iter().filter_map(|d| step(d, &names));
    let parts: Vec<String> = (!steps.is_empty()).then(|| steps.join(" ; puis ").replace("puis puis", "puis")).into_iter().chain(common).collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// One step: its own words where they say what its structure does, else the structure and the words after it. Words that only name
/// the product, as the text of a CDA statement often does, are no dosage.
fn step(dosage: &Value, names: &[&str]) -> Option<String> {
    let said = Some(text(dosage, "/text")).filter(|t| !t.is_empty() && !is_class(t) && !names.iter().any(|n| repeats(t, n)));
    let said = said.map(|t| crate::keyinfo::language::concept::short(t, 400).trim_end_matches('.').to_owned());
    match (structured(dosage), said) {
        (Some(told), Some(said)) if !covers(&said, dosage, names) => Some(format!("{told}, « {said} »")),
        (_, Some(said)) => {
            let most = maximum(dosage).filter(|_| !fold(&said).contains("max"));
            let more = additional(dosage).filter(|more| !fold(&said).contains(&fold(more)));
            Some([Some(said), most, more].into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
        (told, None) => told,
    }
}

/// What the structure of a step says.
fn structured(dosage: &Value) -> Option<String> {
    let (dose, timing) = (dose(dosage), timing(get(dosage, "timing")));
    // A number without unit would read as one with that of the frequency.
    let join = if dose.as_ref().is_some_and(|d| d.starts_with(BARE_DOSE)) { ", " } else { " " };
    let taken = [dose, timing].into_iter().flatten().collect::<Vec<_>>().join(join);
    let parts: Vec<String> =
        [Some(taken), step_period(dosage), route(dosage), as_needed(dosage), maximum(dosage), additional(dosage)].into_iter().flatten().filter(|p| !p.is_empty()).collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// From when to when a step of several lasts; the period of a single dosage is that of the treatment, which is told as its course.
fn step_period(dosage: &Value) -> Option<String> {
    let period = get(dosage, "sequence").and_then(|_| at(dosage, "/timing/repeat/boundsPeriod"))?;
    dates::span(text(period, "/start"), text(period, "/end"))
}

/// Instructions beside dose and rhythm: `traitement à suspendre pendant l'hospitalisation`.
fn additional(dosage: &Value) -> Option<String> {
    let all: Vec<String> = items(dosage, "additionalInstruction").filter_map(spoken).map(|i| lower(i.trim_end_matches('.'))).collect();
    if all.is_empty() { None } else { Some(all.join(", ")) }
}

/// Whether the words of a step say its dose and that it is repeated: its number, or for want of one a rhythm, stands in them, and they
/// do not begin by naming the product, whose strength would pass for a dose.
fn covers(said: &str, step: &Value, names: &[&str]) -> bool {
    let first = |t: &str| fold(t).split(' ').next().map(str::to_owned);
    if names.iter().any(|n| first(n) == first(said)) {
        return false;
    }
    let words = parted(said);
    let rate = at(step, "/doseAndRate/0").unwrap_or(step);
    let doses = ["/doseQuantity/value", "/doseRange/low/value", "/doseRange/high/value", "/dose/value"].iter().filter_map(|p| at(rate, p).and_then(numbers::decimal));
    let whole = |d: &str| d.split_once(',').filter(|(_, rest)| rest.bytes().all(|b| b == b'0')).map_or(d.to_owned(), |(whole, _)| whole.to_owned());
    let mut doses = doses.map(|d| format!(" {} ", fold(&whole(&d)))).peekable();
    match doses.peek() {
        Some(_) => doses.all(|d| words.contains(&d)),
        None => timing(get(step, "timing")).is_none() || says_rhythm(&words),
    }
}

/// Folded words between spaces, numbers parted from letters: ` 75 mg 2 x `.
fn parted(text: &str) -> String {
    let mut out = String::from(" ");
    let mut before = ' ';
    for c in fold(text).chars() {
        if c != ' ' && before != ' ' && c.is_ascii_digit() != before.is_ascii_digit() {
            out.push(' ');
        }
        out.push(c);
        before = c;
    }
    out.push(' ');
    out
}

/// Whether parted words say when or how often, in the words by which times of day and periods are told.
fn says_rhythm(words: &str) -> bool {
    let nouns = FRENCH.period.values().flat_map(|(one, many)| [one.as_str(), many.as_str()]);
    nouns.chain(FRENCH.when.all()).any(|w| words.contains(&format!(" {} ", fold(w))))
}

/// Whether a word is a class of the ATC, which some documents write in place of a dosage: `R03AK04`, `A10AE`.
fn is_class(word: &str) -> bool {
    let shape = |(at, b): (usize, u8)| if matches!(at, 1 | 2 | 5 | 6) { b.is_ascii_digit() } else { b.is_ascii_uppercase() };
    (4..=7).contains(&word.len()) && word.bytes().enumerate().all(shape)
}

/// Whether the words of a dosage only say the product again, with or without its class. A number in them must stand where it does in
/// the name: `500 mg` of a product of 500 mg is a dose.
fn repeats(dosage: &str, product: &str) -> bool {
    let bare = |t: &str| fold(t).replace(' ', "");
    let rest = dosage.split_once(' ').filter(|(class, _)| is_class(class) || class.eq_ignore_ascii_case("null")).map_or(dosage, |(_, rest)| rest);
    let (name, rest) = (bare(product), bare(rest));
    if rest.contains(|c: char| c.is_ascii_digit()) { name.starts_with(&rest) } else { name.contains(&rest) }
}

fn dose(dosage: &Value) -> Option<String> {
    let rate = at(dosage, "/doseAndRate/0").unwrap_or(dosage);
    let quantity = |k: &str| rate.get(k).and_then(numbers::quantity);
    let range = |k: &str| rate.get(k).and_then(numbers::range);
    // Without a unit the number alone would read as part of the name before it.
    let bare = |unit: Option<&Value>, said: String| if unit.is_some_and(|q| numbers::unit(q).is_empty()) { format!("{BARE_DOSE}{said}") } else { said };
    let one = |k: &str| quantity(k).map(|said| bare(rate.get(k), said));
    let dose =
        one("doseQuantity").or_else(|| range("doseRange").map(|said| bare(at(rate, "/doseRange/low").or_else(|| at(rate, "/doseRange/high")), said))).or_else(|| one("dose"));
    let speed = quantity("rateQuantity").or_else(|| range("rateRange")).or_else(|| get(rate, "rateRatio").and_then(numbers::ratio));
    match (dose, speed) {
        (Some(dose), Some(speed)) => Some(format!("{dose} (débit {speed})")),
        (Some(dose), None) => Some(dose),
        (None, Some(speed)) => Some(format!("débit {speed}")),
        (None, None) => None,
    }
}

fn timing(timing: Option<&Value>) -> Option<String> {
    let timing = timing?;
    let repeat = get(timing, "repeat").unwrap_or(&Value::Null);
    let frequency = frequency(repeat).or_else(|| get(timing, "code").and_then(coded));
    let parts: Vec<String> = [frequency, when(repeat), weekdays(repeat), bounds(repeat)].into_iter().flatten().collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn coded(code: &Value) -> Option<String> {
    crate::keyinfo::language::concept::codes(code).find_map(|c| FRENCH.frequency.word(c)).map(str::to_owned).or_else(|| spoken(code))
}

/// `2 fois par jour`, `toutes les 8 heures`, `1 fois tous les 3 jours`.
fn frequency(repeat: &Value) -> Option<String> {
    let period = numbers::decimal(get(repeat, "period")?)?;
    let (one, many) = FRENCH.period.get(text(repeat, "/periodUnit"))?;
    let times = get(repeat, "frequency").and_then(numbers::decimal);
    let upto = get(repeat, "frequencyMax").and_then(numbers::decimal).map(|m| format!(" à {m}")).unwrap_or_default();
    let every = if one.ends_with("ure") || one.ends_with("nde") || one.ends_with("ute") || one.ends_with("ine") { "toutes les" } else { "tous les" };
    let times = times.unwrap_or_else(|| "1".to_owned());
    Some(match (times.as_str(), period.as_str(), upto.is_empty()) {
        (_, "1", _) => format!("{times}{upto} fois par {one}"),
        ("1", _, true) => format!("{every} {period} {many}"),
        _ => format!("{times}{upto} fois {every} {period} {many}"),
    })
}

fn when(repeat: &Value) -> Option<String> {
    let moments: Vec<&str> = items(repeat, "when").filter_map(Value::as_str).map(|c| FRENCH.when.word(c).unwrap_or(c)).collect();
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
    let days: Vec<&str> = items(repeat, "dayOfWeek").filter_map(Value::as_str).map(|d| FRENCH.day.word(d).unwrap_or(d)).collect();
    if days.is_empty() { None } else { Some(format!("le {}", days.join(", "))) }
}

/// `pendant 7 jours`.
fn bounds(repeat: &Value) -> Option<String> {
    let duration = get(repeat, "boundsDuration")?;
    let value = numbers::decimal(get(duration, "value")?)?;
    let code = match text(duration, "/code") {
        "" => text(duration, "/unit"),
        code => code,
    };
    let noun = FRENCH.period.get(code).map_or(code, |(one, many)| if value == "1" { one } else { many });
    Some(format!("pendant {value} {noun}"))
}

fn route(dosage: &Value) -> Option<String> {
    let route = get(dosage, "route")?;
    crate::keyinfo::language::concept::codes(route).find_map(|c| FRENCH.route.word(c)).map(str::to_owned).or_else(|| spoken(route))
}

fn as_needed(dosage: &Value) -> Option<String> {
    if let Some(reason) = get(dosage, "asNeededCodeableConcept").and_then(spoken) {
        return Some(format!("si besoin ({reason})"));
    }
    (get(dosage, "asNeededBoolean") == Some(&Value::Bool(true))).then(|| "si besoin".to_owned())
}

fn maximum(dosage: &Value) -> Option<String> {
    let ratio = get(dosage, "maxDosePerPeriod")?;
    let period = at(ratio, "/denominator/value").and_then(numbers::decimal);
    let noun = FRENCH.period.get(text(ratio, "/denominator/code")).or_else(|| FRENCH.period.get(text(ratio, "/denominator/unit")));
    match (period.as_deref(), noun) {
        (Some("1"), Some((one, _))) => Some(format!("maximum {} par {one}", numbers::quantity(get(ratio, "numerator")?)?)),
        (Some(period), Some((_, many))) => Some(format!("maximum {} par {period} {many}", numbers::quantity(get(ratio, "numerator")?)?)),
        _ => Some(format!("maximum {}", numbers::ratio(ratio)?)),
    }
}

/// What follows the product's name; a dosage text that only repeats the name is not told twice.
pub fn details(kind: &str, resource: &Value, product: &str, now_us: i64) -> Vec<String> {
    let mut out: Vec<String> = dosage_of(resource, product).into_iter().collect();
    out.extend(reasons(resource));
    out.extend(course::told(kind, resource, now_us));
    out.extend(renewals(resource));
    if at(resource, "/substitution/allowedBoolean") == Some(&Value::Bool(false)) {
        out.push("non substituable".to_owned());
    }
    out
}

/// `renouvelable 3 fois`.
fn renewals(resource: &Value) -> Option<String> {
    let times = at(resource, "/dispenseRequest/numberOfRepeatsAllowed")?.as_u64().filter(|n| *n > 0)?;
    Some(format!("renouvelable {times} fois"))
}

/// `pour fibrillation auriculaire`.
pub fn reasons(resource: &Value) -> Option<String> {
    let all: Vec<String> = items(resource, "reasonCode").filter_map(label).map(|l| lower(&l)).collect();
    if all.is_empty() { None } else { Some(format!("pour {}", all.join(", "))) }
}

/// What the prescriber tells the patient, once each, as sentences.
pub fn advice(resource: &Value) -> Vec<String> {
    let all = items(resource, "dosage").chain(items(resource, "dosageInstruction"));
    let mut out: Vec<String> = all.map(|d| text(d, "/patientInstruction")).filter(|t| !t.is_empty()).map(|t| crate::keyinfo::language::concept::short(t, MAX_ADVICE)).collect();
    out.dedup();
    out
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
    fn a_dosage_that_says_the_product_again_is_left_out() {
        assert!(repeats("A10AB01 Actrapid", "ACTRAPID") && repeats("null OMEPRAZOLE 20MG", "Omeprazole 20mg") && !repeats("Theodur 200mg BID", "Theophylline"));
        assert_eq!(dosage(&json!({"dosage": [{"text": "R03AK04"}]})), None);
    }

    #[test]
    fn structure_comes_before_words_that_name_the_product_and_nothing_is_lost() {
        let once = json!({"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}});
        let told = |said: &str, value: f64, product: &str| {
            dosage(
                &json!({"medicationCodeableConcept": {"text": product}, "dosage": [{"text": said, "timing": once, "doseAndRate": [{"doseQuantity": {"value": value, "code": "{tablet}"}}]}]}),
            )
        };
        assert_eq!(told("PLAVIX 75mg", 2.0, "PLAVIX 75 mg, comprimé pelliculé").as_deref(), Some("2,0 comprimés 1 fois par jour"));
        assert_eq!(told("Theodur 200mg BID", 200.0, "THEODUR").as_deref(), Some("200,0 comprimés 1 fois par jour, « Theodur 200mg BID »"));
        assert_eq!(told("à jeun", 2.0, "X").as_deref(), Some("2,0 comprimés 1 fois par jour, « à jeun »"));
        assert_eq!(told("2 comprimés le matin à jeun", 2.0, "X").as_deref(), Some("2 comprimés le matin à jeun"));
        assert_eq!(told("1 comprimé le matin", 10.0, "X").as_deref(), Some("10,0 comprimés 1 fois par jour, « 1 comprimé le matin »"));
    }

    #[test]
    fn a_dose_that_is_the_strength_of_the_product_is_told_and_so_is_a_maximum() {
        let resource = |text: &str| {
            json!({"medicationCodeableConcept": {"text": "PLAVIX 75 mg"}, "dosage": [{"text": text, "doseAndRate": [{"doseQuantity": {"value": 75, "unit": "mg"}}],
                "maxDosePerPeriod": {"numerator": {"value": 75, "unit": "mg"}, "denominator": {"value": 1, "unit": "d"}}}]})
        };
        assert_eq!(details("MedicationStatement", &resource(""), "PLAVIX 75 mg", 0)[0], "75 mg, maximum 75 mg par jour");
        assert_eq!(dosage(&resource("75 mg le soir")).as_deref(), Some("75 mg le soir, maximum 75 mg par jour"));
    }

    #[test]
    fn steps_say_how_long_and_instructions_and_renewals_are_told() {
        let step = |sequence: u8, start: &str, end: &str| json!({"sequence": sequence, "timing": {"repeat": {"period": 8, "periodUnit": "h", "boundsPeriod": {"start": start, "end": end}}}, "doseAndRate": [{"doseQuantity": {"value": 1, "code": "{tablet}"}}]});
        let resource = json!({"resourceType": "MedicationRequest", "dispenseRequest": {"numberOfRepeatsAllowed": 3},
            "dosageInstruction": [{"additionalInstruction": [{"text": "À suspendre la veille."}]}, step(1, "2026-12-01", "2026-12-03"), step(2, "2026-12-03", "2026-12-07")]});
        assert_eq!(
            dosage(&resource).as_deref(),
            Some("1 comprimé toutes les 8 heures, du 01/12/2026 au 03/12/2026 ; puis 1 comprimé toutes les 8 heures, du 03/12/2026 au 07/12/2026, à suspendre la veille")
        );
        assert!(details("MedicationRequest", &resource, "X", 0).contains(&"renouvelable 3 fois".to_owned()));
        assert_eq!((course::start(&resource), course::end(&resource)), ("2026-12-01", "2026-12-07"));
    }

    #[test]
    fn a_dose_without_unit_stands_apart_from_its_rhythm() {
        let of = |dose: Value| dosage(&json!({"dosage": [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "doseAndRate": [dose]}]}));
        assert_eq!(of(json!({"doseQuantity": {"value": 1, "unit": "1"}})).as_deref(), Some("dose 1, 1 fois par jour"));
        assert_eq!(of(json!({"doseRange": {"low": {"value": 2}, "high": {"value": 4}}})).as_deref(), Some("dose 2 à 4, 1 fois par jour"));
    }

    #[test]
    fn a_structured_dosage_is_put_into_words() {
        let daily = json!({"dosageInstruction": [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "doseAndRate": [{"doseQuantity": {"value": 75, "unit": "mg"}}]}]});
        assert_eq!(dosage(&daily).as_deref(), Some("75 mg 1 fois par jour"));
        let eight = json!({"dosage": [{"timing": {"repeat": {"period": 8, "periodUnit": "h", "boundsDuration": {"value": 7, "code": "d"}}}, "route": {"coding": [{"code": "20053000"}]}, "asNeededBoolean": true}]});
        assert_eq!(dosage(&eight).as_deref(), Some("toutes les 8 heures, pendant 7 jours, voie orale, si besoin"));
        let meals = json!({"dosage": [{"timing": {"repeat": {"when": ["MORN", "EVE"]}}}]});
        assert_eq!(dosage(&meals).as_deref(), Some("matin et soir"));
    }
}
