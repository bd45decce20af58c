//! What tells one medicine from another of its class: how much it holds, and which way it is given.
//! Spec: key information §3.4 (ATC-5 or substance set, strength, route); `fhir-profiles/key-information/identity.toml`.

use serde_json::Value;

use super::codes::{IDENTITY, system};
use crate::keyinfo::language::concept::{self, items, str_of, text};
use crate::keyinfo::language::words::fold;

/// Extension of a derived medication: an active ingredient, its strength behind its name.
const INGREDIENT: &str = "urn:passerelle:cda-ingredient";

/// A product, as far as its names and codes say.
#[derive(Debug, Default)]
pub struct Product<'a> {
    /// What a line calls it, folded.
    pub name: String,
    /// ATC of the fifth level.
    pub atc: Option<&'a str>,
    /// `1000mg`, `5mg+10mg`; "" when nothing says it.
    pub strength: String,
    /// A route of the table; "" when nothing says it.
    pub route: &'static str,
}

impl<'a> Product<'a> {
    /// Of a medication statement.
    pub fn of(resource: &'a Value, concept: &'a Value) -> Self {
        let name = concept::product(concept).map(|n| fold_strength(&n)).unwrap_or_default();
        let atc = atc(concept);
        let mut strength = strength(&name);
        if strength.is_empty() {
            let parts = items(resource, "extension").filter(|e| str_of(e, "url") == Some(INGREDIENT));
            strength = self::strength(&parts.map(|e| fold_strength(text(e, "/valueCodeableConcept/text"))).collect::<Vec<_>>().join(" "));
        }
        let route = IDENTITY.route.iter().find(|r| name.split(' ').any(|w| r.words.iter().any(|known| known == w))).map_or("", |r| r.name.as_str());
        Self { name, atc, strength, route }
    }
}

/// The ATC class of the fifth level that a concept gives: a substance, or a fixed combination.
pub fn atc(concept: &Value) -> Option<&str> {
    items(concept, "coding").filter(|c| str_of(c, "system").and_then(system) == Some("atc")).filter_map(|c| str_of(c, "code")).find(|c| c.len() == 7)
}

/// Folded, with the decimal mark and the sign of a strength kept: `2.5 mg`, `0.5 %`.
fn fold_strength(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let digits = before.is_ascii_digit() && chars.peek().is_some_and(char::is_ascii_digit);
        match c {
            ',' | '.' if digits => out.push('.'),
            '%' => out.push_str(" % "),
            'µ' | 'μ' => out.push('u'),
            _ => out.push(c),
        }
        before = c;
    }
    out.split_whitespace().map(|w| if w.contains('.') || w == "%" { w.to_lowercase() } else { fold(w) }).collect::<Vec<_>>().join(" ")
}

/// Units by which names say a strength: what they are counted in, and how many of it. A volume is the packaging's as often as not.
const STRENGTHS: &[(&str, &str, f64)] = &[
    ("mg", "mg", 1.0),
    ("milligrammes", "mg", 1.0),
    ("g", "mg", 1000.0),
    ("gramme", "mg", 1000.0),
    ("ug", "mg", 0.001),
    ("mcg", "mg", 0.001),
    ("microgramme", "mg", 0.001),
    ("microgrammes", "mg", 0.001),
    ("ui", "ui", 1.0),
    ("mui", "ui", 1e6),
    ("mmol", "mmol", 1.0),
    ("%", "%", 1.0),
];

/// The strengths of a folded name, in one unit each and in order.
fn strength(name: &str) -> String {
    let mut found = Vec::new();
    let mut number: Option<f64> = None;
    for word in name.split([' ', '/']) {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = word.get(..word.len() - rest.len()).unwrap_or("");
        let own = digits.parse::<f64>().ok();
        let value = if rest.is_empty() { None } else { own.or(number) };
        if let Some((value, (_, unit, factor))) = value.zip(STRENGTHS.iter().find(|(unit, ..)| *unit == rest.trim_end_matches(',')).filter(|_| own.is_some() || digits.is_empty()))
        {
            found.push(format!("{}{unit}", rounded(value * factor)));
        }
        number = if rest.is_empty() { own } else { None };
    }
    found.sort_unstable();
    found.dedup();
    found.join("+")
}

/// Without the noise of a product of decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(name: &str) -> (String, &'static str) {
        let concept = json!({"text": name});
        let resource = json!({});
        let product = Product::of(&resource, &concept);
        (product.strength, product.route)
    }

    #[test]
    fn a_strength_is_read_in_one_unit_however_it_is_written() {
        for name in ["METFORMINE 1000 mg, comprimé pelliculé", "Metformine 1000MG cp", "METFORMINE 1 g, comprimé", "metformine 1,0 g comprimé"] {
            assert_eq!(told(name), ("1000mg".into(), "orale"), "{name}");
        }
        assert_eq!(told("LEVOTHYROX 75 microgrammes, comprimé sécable").0, "0.075mg");
        assert_eq!(told("BISOPROLOL 2,5 mg").0, "2.5mg");
        assert_eq!(told("PERINDOPRIL/INDAPAMIDE 4 mg/1,25 mg").0, "1.25mg+4mg");
        assert_eq!(told("LANTUS 100 UI/mL, solution injectable en stylo, 3 mL"), ("100ui".into(), "injectable"));
        assert_eq!(told("CHLORURE DE SODIUM 0,9 %").0, "0.9%");
        assert_eq!((told("PREVENAR 20, suspension").0, told("Metformine").0), (String::new(), String::new()));
    }
}
