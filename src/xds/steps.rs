//! Steps of the paths of the table of rules, walked through a resource.
//! Spec: `fhir-profiles/document-sharing/rules.toml`, path.

use serde_json::Value;

use super::json::{items, text};
use super::rules::{Step, table};
use super::uris;

/// The values a step leads to, with their places.
pub(super) fn children<'a>(at: &str, node: &'a Value, step: &Step) -> Vec<(String, &'a Value)> {
    let listed = matches!(node.get(&step.name), Some(Value::Array(_)));
    let place = |i: usize| if listed { format!("{at}.{}[{i}]", step.name) } else { format!("{at}.{}", step.name) };
    items(node, &step.name).iter().enumerate().filter(|(_, v)| is_slice(v, step)).map(|(i, v)| (place(i), v)).collect()
}

fn is_slice(value: &Value, step: &Step) -> bool {
    let Some(slice) = step.slice.as_deref() else { return true };
    if step.name == "extension" {
        return text(value, "url").is_some_and(|u| table().extensions.get(slice).is_some_and(|known| known == u));
    }
    let typed = value.get("type").map(|t| items(t, "coding")).unwrap_or_default();
    if !typed.is_empty() {
        return typed.iter().any(|c| text(c, "code") == Some(slice) && text(c, "system") == Some(uris::IDENTIFIER_TYPE));
    }
    // MHD before 4.2 told the two apart by `use`; identifiers of other kinds have a use as well, so the value must fit too.
    let begins = |root: &str| text(value, "value").is_some_and(|v| v.starts_with(root));
    match (slice, text(value, "use")) {
        ("uniqueId", Some("usual")) => begins("urn:oid:"),
        ("entryUUID", Some("official")) => begins("urn:uuid:"),
        _ => false,
    }
}

/// The step as FHIRPath.
pub(super) fn written(step: &Step) -> String {
    match (step.name.as_str(), step.slice.as_deref()) {
        ("extension", Some(slice)) => format!("extension('{}')", table().extensions.get(slice).map_or(slice, String::as_str)),
        (name, Some(slice)) => format!("{name}.where(type.coding.code='{slice}')"),
        (name, None) => name.to_owned(),
    }
}

/// The codings of a CodeableConcept, or a Coding itself.
pub(super) fn codings(node: &Value) -> impl Iterator<Item = &Value> {
    let inner = items(node, "coding");
    let own = if inner.is_empty() && node.get("code").is_some() { std::slice::from_ref(node) } else { &[] };
    inner.iter().chain(own)
}
