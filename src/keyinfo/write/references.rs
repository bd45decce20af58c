//! References of the resources that a summary takes over, written so that each resolves.
//! Spec: FHIR R4 bundle#references.

use std::collections::HashSet;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use super::required;

/// Deepest nesting walked; a resource that was stored is shallower.
const MAX_DEPTH: usize = 100;

/// Elements of a resource that hold no reference to what comes along with it: codes, measures, the patient, where it was read.
const WITHOUT: &[&str] = &["category", "code", "extension", "identifier", "interpretation", "meta", "patient", "referenceRange", "subject", "text", "valueQuantity", "vaccineCode"];

/// Every `reference` by which a resource may name what comes along with it.
pub fn named_by(resource: &Value, found: &mut dyn FnMut(&str)) {
    let members = resource.as_object().into_iter().flatten().filter(|(_, v)| v.is_object() || v.is_array());
    members.filter(|(name, _)| !WITHOUT.contains(&name.as_str())).for_each(|(_, v)| walk(v, 1, found));
}

fn walk(value: &Value, depth: usize, found: &mut dyn FnMut(&str)) {
    match value {
        _ if depth > MAX_DEPTH => {}
        Value::Array(items) => items.iter().for_each(|v| walk(v, depth + 1, found)),
        Value::Object(map) => map.iter().for_each(|(name, v)| match v {
            Value::String(text) if name == "reference" => found(text),
            v => walk(v, depth + 1, found),
        }),
        _ => {}
    }
}

/// What the Bundle holds, by the references that may name it.
pub struct Inside<'a> {
    /// `Type/id` of this server, else the whole URL.
    known: HashSet<&'a str>,
    base_url: &'a str,
}

enum Place {
    Stays,
    /// Outside the Bundle: named from the base of this server.
    Outside,
    Nowhere,
}

impl<'a> Inside<'a> {
    /// Of these URLs.
    pub fn new(urls: impl Iterator<Item = &'a str>, base_url: &'a str) -> Self {
        Self { known: urls.map(|url| tail(url, base_url)).collect(), base_url }
    }

    fn place(&self, reference: &str) -> Place {
        if reference.starts_with('#') || reference.starts_with("http://") || reference.starts_with("https://") {
            return Place::Stays;
        }
        match (self.known.contains(reference), reference.contains(':')) {
            (true, _) => Place::Stays,
            (false, true) if reference.starts_with("urn:oid:") => Place::Stays,
            (false, true) => Place::Nowhere,
            (false, false) => Place::Outside,
        }
    }
}

/// A URL without the base of this server.
pub fn tail<'a>(url: &'a str, base_url: &str) -> &'a str {
    url.strip_prefix(base_url).and_then(|rest| rest.strip_prefix('/')).unwrap_or(url)
}

/// A stored value, written with references that resolve: inside the Bundle as they stand, outside it as absolute URLs; what names
/// nothing is dropped with only its display kept. What a profile requires and the resource lacks is said to be absent. Nothing is copied.
#[derive(Clone, Copy)]
pub struct Settled<'a> {
    pub value: &'a Value,
    pub inside: &'a Inside<'a>,
    pub depth: usize,
}

impl<'a> Settled<'a> {
    /// A whole resource.
    pub fn resource(value: &'a Value, inside: &'a Inside<'a>) -> Self {
        Self { value, inside, depth: 0 }
    }

    fn part(&self, value: &'a Value) -> Self {
        Self { value, inside: self.inside, depth: self.depth + 1 }
    }

    /// Whether anything is left of it: FHIR knows no empty object or array.
    fn stays(&self) -> bool {
        match self.value {
            _ if self.depth > MAX_DEPTH => true,
            Value::Array(items) => items.iter().any(|v| self.part(v).stays()),
            Value::Object(map) => map.iter().any(|(name, v)| self.keeps(name, v)),
            _ => true,
        }
    }

    fn keeps(&self, name: &str, value: &'a Value) -> bool {
        match value {
            Value::String(text) if name == "reference" => !matches!(self.inside.place(text), Place::Nowhere),
            Value::Array(_) | Value::Object(_) => self.part(value).stays(),
            _ => true,
        }
    }

    fn write<S: Serializer>(&self, map: &'a Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        for (name, value) in map {
            match value {
                Value::String(text) if name == "reference" => match self.inside.place(text) {
                    Place::Stays => out.serialize_entry(name, text)?,
                    Place::Outside => out.serialize_entry(name, &format_args!("{}/{text}", self.inside.base_url))?,
                    Place::Nowhere => {}
                },
                Value::Array(_) | Value::Object(_) if self.part(value).stays() => out.serialize_entry(name, &self.part(value))?,
                Value::Array(_) | Value::Object(_) => {}
                _ => out.serialize_entry(name, value)?,
            }
        }
        if self.depth == 0 {
            required::absent(map).try_for_each(|(name, value)| out.serialize_entry(name, value))?;
        }
        out.end()
    }
}

impl Serialize for Settled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            value if self.depth > MAX_DEPTH => value.serialize(serializer),
            Value::Object(map) => self.write(map, serializer),
            Value::Array(items) => {
                let mut out = serializer.serialize_seq(None)?;
                for item in items.iter().map(|v| self.part(v)).filter(Settled::stays) {
                    out.serialize_element(&item)?;
                }
                out.end()
            }
            value => value.serialize(serializer),
        }
    }
}
