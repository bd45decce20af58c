//! The named transforms of the tables: one CDA element → one FHIR value, or nothing.
//! Spec: FHIR R4 datatypes; CDA R2 data types.

use serde_json::{Map, Value, json};

use super::codes::CodeMap;
use super::concept::{code_of, concept};
use super::datatypes::{attribute, identifier, quantity, time_of};
use super::narrative::{Narrative, clean};
use super::value;
use crate::fhir::xml::Element;

/// What a transform sees.
pub(super) struct Input<'a, 'b> {
    pub e: &'a Element,
    pub narrative: &'a Narrative<'b>,
    pub map: Option<&'static CodeMap>,
}

/// What it gives: a value, or a value with the type that completes `[x]`.
pub(super) enum Output {
    Plain(Value),
    Typed(&'static str, Value),
}

/// A transform.
pub(super) type Transform = fn(&Input) -> Option<Output>;

const TRANSFORMS: &[(&str, Transform)] = &[
    ("concept", |i| concept(i.e, i.narrative).map(Output::Plain)),
    ("mapped_code", |i| i.map?.get(code_of(i.e)?).map(|c| Output::Plain(json!(c)))),
    ("mapped_concept", mapped_concept),
    ("date_time", |i| time_of(i.e).map(|t| Output::Plain(json!(t)))),
    ("date", |i| time_of(i.e).and_then(|t| t.get(..t.len().min(10)).map(|d| Output::Plain(json!(d))))),
    ("quantity", |i| quantity(i.e).map(Output::Plain)),
    ("text", |i| i.narrative.words(i.e).map(|t| Output::Plain(json!(t)))),
    ("note", |i| i.narrative.words(i.e).map(|t| Output::Plain(json!({"text": t})))),
    ("value", |i| value::value(i.e, i.narrative).map(|(kind, v)| Output::Typed(kind, v))),
    ("reference_range", |i| value::reference_range(i.e, i.narrative).map(Output::Plain)),
    ("actor", |i| actor(i.e).map(Output::Plain)),
    ("performer", |i| actor(i.e).map(|a| Output::Plain(json!({"actor": a})))),
    ("agent_name", |i| i.e.child("name").and_then(|n| clean(&n.plain())).map(|t| Output::Plain(json!({"text": t})))),
    ("reaction", |i| super::reaction::reaction(i.e, i.narrative).map(Output::Plain)),
];

/// A transform by its name.
pub(super) fn transform(name: &str) -> Option<Transform> {
    TRANSFORMS.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
}

/// Every name.
pub(super) fn names() -> Vec<&'static str> {
    TRANSFORMS.iter().map(|(name, _)| *name).collect()
}

/// The R4 code, the document's own after it.
fn mapped_concept(i: &Input) -> Option<Output> {
    let table = i.map?;
    let own = concept(i.e, i.narrative)?;
    let Some(code) = code_of(i.e).and_then(|c| table.get(c)) else { return Some(Output::Plain(own)) };
    let display = i.e.attr("displayName").and_then(clean);
    let mut coding = Map::new();
    if let Some(system) = &table.system {
        coding.insert("system".into(), json!(system));
    }
    coding.insert("code".into(), json!(code));
    let same = code_of(i.e) == Some(code);
    if let (Some(display), true) = (&display, same) {
        coding.insert("display".into(), json!(display));
    }
    let mut out = Map::new();
    out.insert("coding".into(), json!([coding]));
    if let Some(text) = own.get("text") {
        out.insert("text".into(), text.clone());
    }
    Some(Output::Plain(Value::Object(out)))
}

/// A person or organisation as a logical reference: name and identifier, whatever the document gives.
pub(super) fn actor(e: &Element) -> Option<Value> {
    let person = ["assignedPerson", "assignedAuthoringDevice", "representedOrganization"].iter().find_map(|p| e.child(p).and_then(name_in));
    let known = e.all("id").find_map(identifier);
    let mut out = Map::new();
    if let Some(identifier) = known {
        out.insert("identifier".into(), identifier);
    }
    if let Some(name) = person {
        out.insert("display".into(), json!(name));
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn name_in(e: &Element) -> Option<String> {
    let name = e.child("name").or_else(|| e.child("softwareName"))?;
    if attribute(name, "nullFlavor").is_some() {
        return None;
    }
    let parts: Vec<String> = name.elements().filter(|p| matches!(&*p.name, "prefix" | "given" | "family")).filter_map(|p| clean(&p.plain())).collect();
    if parts.is_empty() { clean(&name.plain()) } else { Some(parts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn there_are_at_most_twenty_transforms() {
        assert!(TRANSFORMS.len() <= 20);
    }

    #[test]
    fn an_actor_has_a_name_and_an_identifier_or_is_none() {
        let e = |t: &str| parse(t.as_bytes(), &Limits::default()).unwrap();
        let known = e("<a><id root='1.2' extension='8'/><assignedPerson><name><prefix>M</prefix><given>A</given><family>B</family></name></assignedPerson></a>");
        assert_eq!(actor(&known), Some(json!({"identifier": {"system": "urn:oid:1.2", "value": "8"}, "display": "M A B"})));
        assert_eq!(actor(&e("<a><id nullFlavor='UNK'/></a>")), None);
    }
}
