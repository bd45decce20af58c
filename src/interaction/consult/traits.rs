//! The identity traits that the software shows, and whether they are those of the record.
//! Spec: RNIV (traits stricts).

use serde_json::Value;

use crate::fhir::search::fold;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::interaction::patient::ins_of;

/// Characters of one trait.
const MAX_CHARS: usize = 200;

/// What the software shows of a patient; empty where it shows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    pub family: String,
    pub given: String,
    /// `1970-03-12`
    pub birth_date: String,
    /// `male`, `female`, `unknown` or `other`.
    pub sex: String,
    /// INS, 15 characters.
    pub ins: String,
}

impl Traits {
    /// Reads the member `traits` of a request; name and birth date are required.
    ///
    /// # Errors
    /// `MissingElement`, or `BadValue` with the place.
    pub fn read(value: Option<&Value>) -> Result<Self> {
        let traits = value.and_then(Value::as_object).ok_or_else(|| missing("traits"))?;
        if traits.keys().any(|k| !["family", "given", "birthDate", "sex", "ins"].contains(&k.as_str())) {
            return Err(Fault::new(FaultKind::BadValue, 780, "traits are family, given, birthDate, sex and ins").at("traits"));
        }
        let text = |name: &str| match traits.get(name) {
            None => Ok(String::new()),
            Some(Value::String(t)) if t.chars().count() <= MAX_CHARS && !t.chars().any(char::is_control) => Ok(t.trim().to_owned()),
            Some(_) => Err(Fault::new(FaultKind::BadValue, 781, "a trait is a text of at most 200 characters").at(format!("traits.{name}"))),
        };
        let read = Self { family: text("family")?, given: text("given")?, birth_date: text("birthDate")?, sex: sex(&text("sex")?)?, ins: text("ins")?.replace(' ', "") };
        if !read.birth_date.is_empty() && time::range(&read.birth_date).is_none() {
            return Err(Fault::new(FaultKind::BadValue, 890, "birthDate is a date as FHIR writes it: 1958-05-17").at("traits.birthDate"));
        }
        match (read.family.is_empty(), read.birth_date.is_empty()) {
            (true, _) => Err(missing("traits.family")),
            (_, true) => Err(missing("traits.birthDate")),
            _ => Ok(read),
        }
    }

    /// Whether any trait that both sides give is another one. Which of them is not said.
    pub(in crate::interaction) fn contradict(&self, patient: &Value) -> bool {
        let names = |member: &str| -> Vec<String> { all(patient, "name").filter_map(|n| n.get(member)).flat_map(texts).map(|t| plain(&t)).collect() };
        let text = |name: &str| patient.get(name).and_then(Value::as_str).unwrap_or_default();
        let differs = |ours: &str, theirs: &str| !ours.is_empty() && !theirs.is_empty() && ours != theirs;
        let other = |ours: &str, theirs: &[String]| !ours.is_empty() && !theirs.is_empty() && !theirs.contains(&plain(ours));
        let firsts: Vec<String> = names("given");
        let given = !self.given.is_empty() && !firsts.is_empty() && !firsts.iter().any(|f| plain(&self.given).starts_with(f.as_str()));
        let known: Vec<String> = ins_of(patient).into_iter().map(|i| i.value).collect();
        let ins = !self.ins.is_empty() && !known.is_empty() && !known.contains(&self.ins);
        let sexes = |s: &str| if matches!(s, "male" | "female") { s.to_owned() } else { String::new() };
        other(&self.family, &names("family")) || given || differs(&self.birth_date, text("birthDate")) || differs(&sexes(&self.sex), &sexes(text("gender"))) || ins
    }
}

fn missing(at: &str) -> Fault {
    Fault::new(FaultKind::MissingElement, 782, "the page shows the traits that the software shows: send family, given, birthDate, sex and, when it is qualified, ins").at(at)
}

fn sex(text: &str) -> Result<String> {
    let code = match text.to_lowercase().as_str() {
        "" => "",
        "m" | "male" | "1" => "male",
        "f" | "female" | "2" => "female",
        "i" | "u" | "unknown" => "unknown",
        "other" => "other",
        _ => return Err(Fault::new(FaultKind::BadValue, 783, "sex is M, F, I, or a code of FHIR's administrative gender").at("traits.sex")),
    };
    Ok(code.to_owned())
}

fn all<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Letters and digits alone, folded: hyphens, apostrophes and blanks are written as one likes.
fn plain(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn traits_contradict_where_both_sides_say_something_else() {
        let patient = json!({"name": [{"use": "official", "family": "L'Élie", "given": ["Marie-Anne", "Zoé"]}, {"use": "usual", "family": "MARTIN"}], "birthDate": "1958-02-01",
            "gender": "female", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "258027511234534"}]});
        let read = |v: Value| Traits::read(Some(&v)).unwrap().contradict(&patient);
        assert!(!read(json!({"family": "L ELIE", "given": "Marie Anne", "birthDate": "1958-02-01", "sex": "F", "ins": "2 58 02 75 112 345 34"})));
        assert!(!read(json!({"family": "Martin", "birthDate": "1958-02-01", "sex": "I"})));
        assert!(read(json!({"family": "Élise", "birthDate": "1958-02-01"})));
        assert!(read(json!({"family": "L'Élie", "given": "Paule", "birthDate": "1958-02-01"})));
        assert!(read(json!({"family": "L'Élie", "birthDate": "1958-02-10"})));
        assert!(read(json!({"family": "L'Élie", "birthDate": "1958-02-01", "sex": "M"})));
        assert!(read(json!({"family": "L'Élie", "birthDate": "1958-02-01", "ins": "258027511234535"})));
    }

    #[test]
    fn a_trait_is_a_short_text_and_name_and_birth_date_are_required() {
        for wrong in [
            json!({}),
            json!({"family": "E"}),
            json!({"family": 3, "birthDate": "1958"}),
            json!({"family": "E\u{0}", "birthDate": "1958"}),
            json!({"family": "E", "birthDate": "1958", "x": 1}),
        ] {
            let fault = Traits::read(Some(&wrong)).unwrap_err();
            assert!(!fault.to_string().contains("1958"), "{fault}");
        }
        assert!(Traits::read(None).is_err());
    }
}
