//! The tables of this room, parsed once.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::concept::{get, str_of};
pub use super::french::FRENCH;

/// Which sections there are and what they take.
pub static SECTIONS: LazyLock<Sections> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/sections.toml")).unwrap_or_default());

/// The rows that concern one resource type, so that a fact is only held against those.
#[derive(Default)]
pub struct TypeRules {
    pub leave_out: Vec<&'static Rule>,
    pub against: Vec<&'static Rule>,
    pub printed_again: Vec<&'static Rule>,
    /// Sections that may take it with their rule, in the order they are tried.
    pub picks: Vec<(usize, &'static Rule)>,
}

/// The absence that a code states.
pub static ABSENCES: LazyLock<HashMap<&'static str, &'static Absence>> =
    LazyLock::new(|| SECTIONS.absence.iter().flat_map(|a| a.codes.iter().map(move |code| (code.as_str(), a))).collect());

/// The rows by resource type; a type that is not here is told by no section.
pub static BY_TYPE: LazyLock<HashMap<&'static str, TypeRules>> = LazyLock::new(|| {
    let mut out: HashMap<&str, TypeRules> = HashMap::new();
    for pick in SECTIONS.section.iter().flat_map(|s| &s.pick) {
        out.entry(&pick.kind).or_default();
    }
    for (kind, rules) in &mut out {
        let concerns = |r: &Rule| r.kind == "*" || r.kind == *kind;
        rules.leave_out = SECTIONS.leave_out.iter().filter(|r| concerns(r)).collect();
        let picks = |fallback: bool| {
            let own = move |(at, section): (usize, &'static Section)| section.pick.iter().map(move |rule| (at, rule)).filter(move |(_, rule)| rule.fallback == fallback);
            SECTIONS.section.iter().enumerate().flat_map(own)
        };
        rules.picks = picks(false).chain(picks(true)).filter(|(_, rule)| concerns(rule)).collect();
        rules.printed_again = SECTIONS.printed_again.iter().filter(|r| concerns(r)).collect();
        rules.against = SECTIONS.against.iter().filter(|r| concerns(r)).collect();
    }
    out
});

/// Whether a resource never enters a summary: withdrawn, a copy, no result.
pub fn left_out(resource: &Value) -> bool {
    let kind = str_of(resource, "resourceType").unwrap_or("");
    SECTIONS.leave_out.iter().any(|rule| rule.takes(kind, resource))
}

#[derive(Debug, Default, Deserialize)]
pub struct Sections {
    pub kinds_of_allergy: Vec<String>,
    pub section: Vec<Section>,
    pub leave_out: Vec<Rule>,
    pub against: Vec<Rule>,
    pub printed_again: Vec<Rule>,
    pub absence: Vec<Absence>,
}

#[derive(Debug, Deserialize)]
pub struct Section {
    pub key: String,
    pub code: String,
    pub display: String,
    pub title: String,
    pub need: Need,
    /// Lines that the narrative shows of a series section; abnormal ones are always shown.
    pub first_view: Option<usize>,
    /// Title of the lines that come after the others: treatments that are over, conclusions of examinations.
    #[serde(default)]
    pub second: String,
    pub entry_types: Vec<String>,
    /// Codes of which the profile lets one statement be an entry.
    #[serde(default)]
    pub single: Vec<String>,
    pub pick: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    Required,
    Recommended,
    Optional,
}

/// A resource type and what must hold of it.
#[derive(Debug, Deserialize)]
pub struct Rule {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub when: Vec<When>,
    #[serde(default)]
    pub fallback: bool,
    /// How a statement against is told.
    #[serde(default)]
    pub word: String,
    /// A statement against that is told though nothing is there which it denies.
    #[serde(default)]
    alone: bool,
}

impl Sections {
    /// Whether a statement against is told of itself.
    pub fn tells_alone(&self, kind: &str, resource: &Value) -> bool {
        self.against.iter().any(|rule| rule.alone && rule.takes(kind, resource))
    }
}

#[derive(Debug, Deserialize)]
pub struct When {
    pub path: String,
    #[serde(default)]
    pub any: Vec<String>,
    #[serde(default)]
    pub none: Vec<String>,
    #[serde(default)]
    pub missing: bool,
    #[serde(default)]
    pub or_missing: bool,
}

/// A code that says "there is none" or "nothing is known".
#[derive(Debug, Deserialize)]
pub struct Absence {
    pub codes: Vec<String>,
    /// What an absence of its section means in a history of reimbursements.
    #[serde(default)]
    pub reimbursed: bool,
    pub section: String,
    pub known: bool,
    pub scope: Option<String>,
    pub sentence: String,
}

impl Rule {
    /// Whether a resource is what this rule takes.
    pub fn takes(&self, kind: &str, resource: &Value) -> bool {
        (self.kind == "*" || self.kind == kind) && self.when.iter().all(|w| w.holds(resource))
    }
}

impl When {
    fn holds(&self, resource: &Value) -> bool {
        let mut present = false;
        let mut any = false;
        let mut none = true;
        codes(resource, &self.path, &mut |code| {
            present = true;
            any |= self.any.iter().any(|c| c == code);
            none &= !self.none.iter().any(|c| c == code);
        });
        if self.missing {
            return !present;
        }
        none && (self.any.is_empty() || any || (self.or_missing && !present))
    }
}

/// Every code at a dotted path: of a coding, a CodeableConcept, a primitive; arrays are walked.
fn codes(value: &Value, path: &str, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|v| codes(v, path, found)),
        _ if path.is_empty() => leaf(value, found),
        Value::Object(_) => {
            let (head, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(next) = get(value, head) {
                codes(next, rest, found);
            }
        }
        _ => {}
    }
}

fn leaf(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Bool(true) => found("true"),
        Value::Bool(false) => found("false"),
        Value::Number(n) => found(&n.to_string()),
        Value::Object(_) => {
            let codings = get(value, "coding").and_then(Value::as_array);
            match (codings, str_of(value, "code")) {
                (Some(codings), _) => codings.iter().filter_map(|c| str_of(c, "code")).for_each(found),
                (None, Some(code)) => found(code),
                // An element that is there without a code: present, and equal to nothing listed.
                _ => found(""),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_tables_load() {
        assert_eq!(SECTIONS.section.len(), 19);
        assert_eq!(SECTIONS.section.iter().filter(|s| s.need == Need::Required).map(|s| s.code.as_str()).collect::<Vec<_>>(), ["48765-2", "11450-4", "10160-0"]);
        assert_eq!(FRENCH.months.len(), 12);
        assert_eq!(FRENCH.interpretation.word("HH"), Some("très élevé"));
        assert_eq!(FRENCH.period.get("wk").map(|p| p.1.as_str()), Some("semaines"));
    }

    #[test]
    fn a_rule_walks_arrays_and_codings() {
        let rule: Rule = toml::from_str("type = \"Condition\"\nwhen = [{ path = \"category\", any = [\"b\"] }, { path = \"abatementString\", missing = true }]").unwrap();
        let resource = json!({"category": [{"coding": [{"code": "a"}]}, {"coding": [{"code": "b"}]}]});
        assert!(rule.takes("Condition", &resource));
        assert!(!rule.takes("Procedure", &resource));
        assert!(!rule.takes("Condition", &json!({"category": [{"coding": [{"code": "b"}]}], "abatementString": "x"})));
    }
}
