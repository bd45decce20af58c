//! Coded values: what they are called, and by what two of them are the same.

use std::collections::HashMap;

use serde_json::Value;

use super::Fact;
use super::tables::FRENCH;
use crate::fhir::search::fold;

/// Longest label of a line, in characters.
const MAX_LABEL: usize = 240;

/// Facts by the references that may name them.
pub(super) struct Index<'a> {
    by_url: HashMap<&'a str, usize>,
    base_url: &'a str,
}

impl<'a> Index<'a> {
    /// Over all facts.
    pub fn new(facts: &'a [Fact], base_url: &'a str) -> Self {
        Self { by_url: facts.iter().enumerate().map(|(i, f)| (f.full_url.as_str(), i)).collect(), base_url }
    }

    /// The fact that a reference names: absolute, or `Type/id` on this server.
    pub fn find(&self, reference: &str) -> Option<usize> {
        if let Some(found) = self.by_url.get(reference) {
            return Some(*found);
        }
        if reference.contains(':') || reference.starts_with('#') {
            return None;
        }
        self.by_url.get(format!("{}/{reference}", self.base_url).as_str()).copied()
    }

    /// The resource that a reference inside `holder` names: contained in it, or another fact.
    pub fn resolve(&self, facts: &'a [Fact], holder: &'a Value, reference: &'a Value) -> Option<&'a Value> {
        let text = reference.get("reference")?.as_str()?;
        match text.strip_prefix('#') {
            Some(id) => items(holder, "contained").find(|c| c.get("id").and_then(Value::as_str) == Some(id)),
            None => facts.get(self.find(text)?).map(|f| &f.resource),
        }
    }

    /// The Device that a DeviceUseStatement names.
    pub fn device(&self, facts: &'a [Fact], holder: &'a Value) -> Option<&'a Value> {
        self.resolve(facts, holder, holder.get("device")?)
    }
}

/// The items of an element: an array's, or the one value.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    match value.get(name) {
        Some(Value::Array(list)) => list.iter(),
        Some(one) => std::slice::from_ref(one).iter(),
        None => [].iter(),
    }
}

/// The value at a path of names and array positions, `/a/0/b`; as a JSON pointer without escapes, and without its allocations.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').skip(1).try_fold(value, |v, step| match v {
        Value::Object(map) => map.get(step),
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Text at a path, "" when there is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or("").trim()
}

/// The codes of a CodeableConcept.
pub(super) fn codes(concept: &Value) -> impl Iterator<Item = &str> {
    items(concept, "coding").filter_map(|c| c.get("code")?.as_str())
}

/// What a concept is called: the display of its code with the words of the document when they say more; `None` when it says nothing.
pub(super) fn label(concept: &Value) -> Option<String> {
    let (shown, said) = (display(concept), text(concept, "/text"));
    let both = match (shown, said) {
        (None, "") => return items(concept, "coding").find_map(|c| c.get("code")?.as_str()).map(str::to_owned),
        (None, said) => said.to_owned(),
        (Some(shown), "") => shown.to_owned(),
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
pub(super) fn spoken(concept: &Value) -> Option<String> {
    match text(concept, "/text") {
        "" => label(concept),
        said => Some(short(untagged(said), MAX_LABEL)),
    }
}

/// A name shaped as the French LOINC ones are, without its property and scale: `Cholestérol LDL Sérum/Plasma, résultat calculé`.
pub(super) fn analyte(name: &str) -> String {
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

/// First letter in lower case, unless it begins an abbreviation.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.clone().next().is_some_and(char::is_uppercase) => first.to_lowercase().chain(chars).collect(),
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
    items(concept, "coding").find_map(|c| c.get("display")?.as_str()).map(str::trim).filter(|d| !d.is_empty())
}

/// Cut at a number of characters, white space collapsed.
pub(super) fn short(text: &str, characters: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(characters) {
        None => flat,
        Some((at, _)) => format!("{}…", flat.get(..at).unwrap_or("").trim_end()),
    }
}

/// By what two concepts are the same: the first coding with a system and a code, else the folded words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    Code(&'a str, &'a str),
    Words(String),
}

/// The key of a concept; `None` when it has neither code nor words.
pub(super) fn key(concept: &Value) -> Option<Key<'_>> {
    let coding = items(concept, "coding").find_map(|c| Some((c.get("system")?.as_str()?, c.get("code")?.as_str()?)));
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
pub(super) fn names(concept: &Value) -> impl Iterator<Item = &str> {
    items(concept, "coding").filter_map(|c| c.get("display")?.as_str()).chain(concept.get("text").and_then(Value::as_str)).filter(|n| !n.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loinc_name_is_told_without_property_and_scale() {
        assert_eq!(analyte("Cholestérol LDL [Masse/Volume] Sérum/Plasma ; Numérique ; Résultat calculé"), "Cholestérol LDL Sérum/Plasma, résultat calculé");
        assert_eq!(analyte("HbA1c"), "HbA1c");
        assert_eq!(analyte("Anticorps [titre]"), "Anticorps");
    }
}
