//! References of the resources that a summary copies.
//! Spec: FHIR R4 bundle#references.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Deepest nesting walked; a resource that was stored is shallower.
const MAX_DEPTH: usize = 100;

/// Every `reference` of a resource.
pub(super) fn named_by(resource: &Value, found: &mut dyn FnMut(&str)) {
    walk(resource, 0, found);
}

fn walk(value: &Value, depth: usize, found: &mut dyn FnMut(&str)) {
    match value {
        _ if depth > MAX_DEPTH => {}
        Value::Array(items) => items.iter().for_each(|v| walk(v, depth + 1, found)),
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get("reference") {
                found(text);
            }
            map.values().filter(|v| v.is_object() || v.is_array()).for_each(|v| walk(v, depth + 1, found));
        }
        _ => {}
    }
}

/// A copy whose references resolve: inside the Bundle as they stand, outside it as absolute URLs; what names nothing is dropped
/// with only its display kept.
pub(super) fn settled(resource: &Value, inside: &HashSet<&str>, base_url: &str) -> Value {
    let mut copy = resource.clone();
    settle(&mut copy, 0, inside, base_url);
    copy
}

fn settle(value: &mut Value, depth: usize, inside: &HashSet<&str>, base_url: &str) {
    match value {
        _ if depth > MAX_DEPTH => {}
        Value::Array(items) => {
            items.iter_mut().for_each(|v| settle(v, depth + 1, inside, base_url));
            items.retain(|v| v.as_object().is_none_or(|m| !m.is_empty()));
        }
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get("reference") {
                match place(text, inside, base_url) {
                    Place::Stays => {}
                    Place::Absolute(url) => {
                        map.insert("reference".into(), url.into());
                    }
                    Place::Nowhere => {
                        map.retain(|k, _| k != "reference");
                    }
                }
            }
            map.values_mut().filter(|v| v.is_object() || v.is_array()).for_each(|v| settle(v, depth + 1, inside, base_url));
            map.retain(|_, v| !(v.as_object().is_some_and(Map::is_empty) || v.as_array().is_some_and(Vec::is_empty)));
        }
        _ => {}
    }
}

enum Place {
    Stays,
    Absolute(String),
    Nowhere,
}

fn place(reference: &str, inside: &HashSet<&str>, base_url: &str) -> Place {
    if reference.starts_with('#') || reference.starts_with("http://") || reference.starts_with("https://") || inside.contains(reference) {
        return Place::Stays;
    }
    if reference.contains(':') {
        return if reference.starts_with("urn:oid:") { Place::Stays } else { Place::Nowhere };
    }
    let url = format!("{base_url}/{reference}");
    if inside.contains(url.as_str()) { Place::Stays } else { Place::Absolute(url) }
}
