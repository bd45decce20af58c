//! CDA data types → FHIR data types: pure, total, each answering `None` rather than a guess.
//! Spec: HL7 V3 Data Types R1 (CD, TS, PQ, II, EN, AD, TEL); FHIR R4 datatypes.

mod name;
mod quantity;
mod time;

pub use name::{address, family, human_name, telecom};
pub use quantity::{decimal, quantity};
pub use time::{date_time, has_zone, period, time_of};

use serde_json::{Map, Value, json};

use super::codesystems::{is_oid, is_uuid, system_of};
use crate::fhir::Coding;
use crate::fhir::xml::Element;

/// Levels of nested `translation` that are read.
const TRANSLATION_DEPTH: usize = 4;
/// Codings of one concept.
const MAX_CODINGS: usize = 32;
/// Identifiers that are URIs themselves.
pub const URI_SYSTEM: &str = "urn:ietf:rfc:3986";

/// An attribute, trimmed, `None` when blank.
pub fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.attr(name).map(str::trim).filter(|v| !v.is_empty())
}

/// The collapsed text of an element, `None` when blank.
pub fn plain(element: &Element) -> Option<String> {
    Some(element.plain()).filter(|text| !text.is_empty())
}

/// The code of a CD, CE, CV or CS itself, without its translations.
pub fn coding(element: &Element) -> Option<Coding> {
    let code = collapse(element.attr("code")?)?;
    let system = attribute(element, "codeSystem").and_then(system_of);
    let display = element.attr("displayName").and_then(collapse);
    Some(Coding { system, code, display })
}

/// [`coding`] as a FHIR Coding.
pub fn coding_value(element: &Element) -> Option<Value> {
    coding(element).map(|c| coding_json(&c))
}

/// A FHIR Coding from its parts.
pub fn coding_json(coding: &Coding) -> Value {
    let mut out = Map::new();
    if let Some(system) = &coding.system {
        out.insert("system".into(), json!(system));
    }
    out.insert("code".into(), json!(coding.code));
    if let Some(display) = &coding.display {
        out.insert("display".into(), json!(display));
    }
    Value::Object(out)
}

/// A FHIR CodeableConcept: the code, its translations, and `text` as given, else the `originalText`, else a display name.
pub fn codeable(element: &Element, text: Option<String>) -> Option<Value> {
    let mut codings = Vec::new();
    collect(element, 0, &mut codings);
    let text = text
        .and_then(|t| collapse(&t))
        .or_else(|| element.child("originalText").and_then(plain))
        .or_else(|| element.attr("displayName").and_then(collapse))
        .or_else(|| codings.iter().find_map(|c| c.display.clone()));
    let mut out = Map::new();
    if !codings.is_empty() {
        out.insert("coding".into(), codings.iter().map(coding_json).collect());
    }
    if let Some(text) = text {
        out.insert("text".into(), json!(text));
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn collect(element: &Element, depth: usize, out: &mut Vec<Coding>) {
    if depth > TRANSLATION_DEPTH || out.len() >= MAX_CODINGS {
        return;
    }
    if let Some(found) = coding(element)
        && !out.iter().any(|c| c.system == found.system && c.code == found.code)
    {
        out.push(found);
    }
    for translation in element.all("translation") {
        collect(translation, depth + 1, out);
    }
}

/// A FHIR Identifier from an II: `urn:oid:root` and the extension, or the root as a URI when it stands alone.
pub fn identifier(element: &Element) -> Option<Value> {
    let (system, value) = instance(element)?;
    let mut out = Map::new();
    if let Some(system) = system {
        out.insert("system".into(), json!(system));
    }
    out.insert("value".into(), json!(value));
    if let Some(assigner) = element.attr("assigningAuthorityName").and_then(collapse) {
        out.insert("assigner".into(), json!({ "display": assigner }));
    }
    Some(Value::Object(out))
}

/// System and value of an II. A root that is neither an OID nor a UUID gives no system.
pub fn instance(element: &Element) -> Option<(Option<String>, String)> {
    let root = attribute(element, "root");
    match (root, element.attr("extension").and_then(collapse)) {
        (None, None) => None,
        (root, Some(extension)) => Some((root.and_then(urn), extension)),
        (Some(root), None) => match urn(root) {
            Some(urn) => Some((Some(URI_SYSTEM.into()), urn)),
            None => Some((None, collapse(root)?)),
        },
    }
}

/// `urn:oid:…` or `urn:uuid:…` (lower case) of an OID or a UUID.
pub fn urn(root: &str) -> Option<String> {
    let root = root.trim();
    if is_oid(root) {
        Some(format!("urn:oid:{root}"))
    } else if is_uuid(root) {
        Some(format!("urn:uuid:{}", root.to_ascii_lowercase()))
    } else {
        None
    }
}

/// White space collapsed, `None` when nothing is left.
pub fn collapse(text: &str) -> Option<String> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!joined.is_empty()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    fn element(text: &str) -> Element {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_concept_keeps_its_translations_once_and_prefers_the_original_text() {
        let e = element(concat!(
            "<code code='A' codeSystem='2.16.840.1.113883.6.1' displayName='un  nom'><originalText> du <b>texte</b> </originalText>",
            "<translation code='B' codeSystem='1.2.3'><translation code='A' codeSystem='2.16.840.1.113883.6.1'/></translation></code>"
        ));
        let expected = json!({"coding": [{"system": "http://loinc.org", "code": "A", "display": "un nom"}, {"system": "urn:oid:1.2.3", "code": "B"}], "text": "du texte"});
        assert_eq!(codeable(&e, None), Some(expected));
        assert_eq!(codeable(&e, Some("donné".into())).unwrap()["text"], "donné");
    }

    #[test]
    fn a_null_code_keeps_a_translation_and_nothing_gives_nothing() {
        let e = element("<value nullFlavor='UNK'><translation code='B' codeSystem='pas un oid' displayName='b'/></value>");
        assert_eq!(codeable(&e, None), Some(json!({"coding": [{"code": "B", "display": "b"}], "text": "b"})));
        assert_eq!(codeable(&element("<value nullFlavor='UNK'/>"), None), None);
        assert_eq!(coding_value(&element("<value code=' '/>")), None);
    }

    #[test]
    fn nesting_of_translations_is_bounded() {
        let deep = format!("<code code='0'>{}{}</code>", (1..60).map(|n| format!("<translation code='{n}'>")).collect::<String>(), "</translation>".repeat(59));
        assert_eq!(codeable(&element(&deep), None).unwrap()["coding"].as_array().unwrap().len(), TRANSLATION_DEPTH + 1);
    }

    #[test]
    fn an_identifier_is_a_pair_or_a_uri() {
        assert_eq!(identifier(&element("<id root='1.2.3' extension='x'/>")), Some(json!({"system": "urn:oid:1.2.3", "value": "x"})));
        assert_eq!(identifier(&element("<id root='1.2.3'/>")), Some(json!({"system": URI_SYSTEM, "value": "urn:oid:1.2.3"})));
        let uuid = element("<id root='7F3A1C2E-0000-4000-8000-ABCDEF012345'/>");
        assert_eq!(identifier(&uuid).unwrap()["value"], "urn:uuid:7f3a1c2e-0000-4000-8000-abcdef012345");
        assert_eq!(identifier(&element("<id root='local' extension='x'/>")), Some(json!({"value": "x"})));
        assert_eq!(identifier(&element("<id nullFlavor='UNK'/>")), None);
    }
}
