//! Coded values: what they are called, and by what two of them are the same.

use std::collections::HashMap;

use serde_json::Value;

use super::tables::FRENCH;
use super::words::fold;
use crate::keyinfo::read::contents::Fact;
use crate::keyinfo::write::references::tail;

/// Longest label of a line, in characters.
const MAX_LABEL: usize = 240;

/// Facts by the references that may name them.
pub struct Index {
    /// By `Type/id` of this server, else by the whole URL.
    by_tail: HashMap<String, usize>,
    base_url: String,
}

impl Index {
    /// Over facts by their places.
    pub fn new(facts: &[Fact<'_>], base_url: &str) -> Self {
        Self { by_tail: facts.iter().enumerate().map(|(i, f)| (tail(&f.full_url, base_url).to_owned(), i)).collect(), base_url: base_url.to_owned() }
    }

    /// The place of the fact that a reference names: absolute, or `Type/id` on this server.
    pub fn find(&self, reference: &str) -> Option<usize> {
        if reference.starts_with('#') { None } else { self.by_tail.get(tail(reference, &self.base_url)).copied() }
    }
}

/// An element of an object. Objects of FHIR are small: comparing names in turn is quicker than hashing one.
pub fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(k, _)| *k == name).map(|(_, v)| v)
}

/// Text of an element, as it stands.
pub fn str_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    get(value, name)?.as_str()
}

/// The items of an element: an array's, or the one value.
pub fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    match get(value, name) {
        Some(Value::Array(list)) => list.iter(),
        Some(one) => std::slice::from_ref(one).iter(),
        None => [].iter(),
    }
}

/// The value at a path of names and array positions, `/a/0/b`; as a JSON pointer without escapes, and without its allocations.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut found = value;
    let mut rest = path.strip_prefix('/');
    while let Some(steps) = rest {
        let end = steps.bytes().position(|b| b == b'/');
        let step = end.map_or(Some(steps), |end| steps.get(..end))?;
        found = match found {
            Value::Object(_) => get(found, step)?,
            Value::Array(list) => list.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
        rest = end.and_then(|end| steps.get(end + 1..));
    }
    Some(found)
}

/// Text at a path, "" when there is none.
pub fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or("").trim()
}

/// The codes of a CodeableConcept.
pub fn codes(concept: &Value) -> impl Iterator<Item = &str> {
    items(concept, "coding").filter_map(|c| str_of(c, "code"))
}

/// What a concept is called: the display of its code with the words of the document when they say more; `None` when it says nothing.
pub fn label(concept: &Value) -> Option<String> {
    let (shown, said) = (display(concept), text(concept, "/text"));
    let both = match (shown, said) {
        (None, "") => return items(concept, "coding").find_map(|c| str_of(c, "code")).map(str::to_owned),
        (None, said) => said.to_owned(),
        (Some(shown), "") => shown.to_owned(),
        (Some(shown), said) if shown == said => shown.to_owned(),
        (Some(shown), said) => {
            let (a, b) = (fold(shown), fold(said));
            if a.contains(&b) {
                shown.to_owned()
            } else if b.contains(&a) {
                said.to_owned()
            } else {
                format!("{shown} (« {said} »)")
            }
        }
    };
    Some(short(untagged(&both), MAX_LABEL))
}

/// What a concept is called by those who wrote it: its text, else the display of its code.
pub fn spoken(concept: &Value) -> Option<String> {
    match text(concept, "/text") {
        "" => label(concept),
        said => Some(short(untagged(said), MAX_LABEL)),
    }
}

/// A name shaped as the French LOINC ones are, without its property and scale: `Cholestérol LDL Sérum/Plasma, résultat calculé`.
pub fn analyte(name: &str) -> String {
    let mut parts = name.split(" ; ");
    let first = parts.next().unwrap_or(name);
    let bare = match (first.find(" ["), first.find(']')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", first.get(..open).unwrap_or(first), first.get(close + 1..).unwrap_or("")),
        _ if !name.contains(" ; ") => return name.to_owned(),
        _ => first.to_owned(),
    };
    let more: String = parts.filter(|p| !FRENCH.loinc.scale.iter().any(|s| s == p.trim())).map(|p| format!(", {}", lower(p.trim()))).collect();
    format!("{bare}{more}")
}

/// What a product is called: the words of the document, or the display of a code when only that gives a strength.
pub fn product(concept: &Value) -> Option<String> {
    let said = text(concept, "/text");
    if said.is_empty() || strength(said) {
        return spoken(concept);
    }
    let shown = items(concept, "coding").filter_map(|c| str_of(c, "display")).map(str::trim).find(|d| strength(d));
    let Some(shown) = shown else { return spoken(concept) };
    let both = if fold(shown).contains(&fold(said)) { shown.to_owned() } else { format!("{shown} (« {said} »)") };
    Some(short(&both, MAX_LABEL))
}

/// Whether a name says how much it holds: `1000 mg`, `0,5%`.
fn strength(name: &str) -> bool {
    let unit = |t: &str| FRENCH.strength.iter().any(|u| t.get(..u.len()).is_some_and(|head| head.eq_ignore_ascii_case(u)));
    name.split(|c: char| c.is_whitespace() || c == '/')
        .scan(false, |number, word| {
            let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.'));
            let begins = word.starts_with(|c: char| c.is_ascii_digit());
            let found = if begins { unit(rest) } else { *number && unit(word) };
            *number = begins && rest.is_empty();
            Some(found)
        })
        .any(|found| found)
}

/// First letter in lower case, unless it begins an abbreviation.
pub fn lower(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.clone().next().is_some_and(|c| c.is_uppercase() || c.is_numeric()) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// A name without the semantic tag that SNOMED CT ends it with.
fn untagged(name: &str) -> &str {
    let tag = |n: &str| FRENCH.snomed.tags.iter().any(|t| t == n);
    match name.strip_suffix(')').and_then(|n| n.rsplit_once(" (")) {
        Some((bare, last)) if tag(last) => bare,
        _ => name,
    }
}

fn display(concept: &Value) -> Option<&str> {
    items(concept, "coding").find_map(|c| str_of(c, "display")).map(str::trim).filter(|d| !d.is_empty())
}

/// Cut at a number of characters, white space collapsed.
pub fn short(text: &str, characters: usize) -> String {
    let mut flat = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !flat.is_empty() {
            flat.push(' ');
        }
        flat.push_str(word);
    }
    if flat.len() <= characters {
        return flat;
    }
    match flat.char_indices().nth(characters) {
        None => flat,
        Some((at, _)) => format!("{}…", flat.get(..at).unwrap_or("").trim_end()),
    }
}

/// By what two concepts are the same: the first coding with a system and a code, else the folded words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    Code(&'a str, &'a str),
    Words(String),
}

/// The key of a concept; `None` when it has neither code nor words.
pub fn key(concept: &Value) -> Option<Key<'_>> {
    let coding = items(concept, "coding").find_map(|c| Some((str_of(c, "system")?, str_of(c, "code")?)));
    if let Some((system, code)) = coding {
        return Some(Key::Code(system, code));
    }
    let words = fold(display(concept).unwrap_or(text(concept, "/text")));
    if !words.is_empty() {
        return Some(Key::Words(words));
    }
    codes(concept).next().map(|code| Key::Words(fold(code)))
}

/// The names of a concept: its displays and its text.
pub fn names(concept: &Value) -> impl Iterator<Item = &str> {
    items(concept, "coding").filter_map(|c| str_of(c, "display")).chain(str_of(concept, "text")).filter(|n| !n.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_keeps_its_strength() {
        let concept = |said: &str| serde_json::json!({"text": said, "coding": [{"code": "B01", "display": "aspirine"}, {"code": "6", "display": "KARDEGIC 75 mg, poudre"}]});
        assert_eq!(product(&concept("Kardegic")).as_deref(), Some("KARDEGIC 75 mg, poudre"));
        assert_eq!(product(&concept("Aspirine du matin")).as_deref(), Some("KARDEGIC 75 mg, poudre (« Aspirine du matin »)"));
        assert_eq!(product(&concept("KARDEGIC 160MG")).as_deref(), Some("KARDEGIC 160MG"));
        assert!(!strength("vaccin contre la covid-19") && !strength("PREVENAR 20, suspension") && strength("chlorure de sodium 0,9 %"));
    }

    #[test]
    fn a_loinc_name_is_told_without_property_and_scale() {
        assert_eq!(analyte("Cholestérol LDL [Masse/Volume] Sérum/Plasma ; Numérique ; Résultat calculé"), "Cholestérol LDL Sérum/Plasma, résultat calculé");
        assert_eq!(analyte("HbA1c"), "HbA1c");
        assert_eq!(analyte("Anticorps [titre]"), "Anticorps");
    }
}
