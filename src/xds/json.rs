//! Small readings of JSON trees and members that are written only when known.

use serde_json::{Map, Value, json};

use crate::fhir::{Coding, Identifier};

/// The text at a dotted path of objects, none when empty.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    node(value, path)?.as_str().filter(|t| !t.is_empty())
}

/// The value at a dotted path of objects; an array on the way stands for its first item.
pub(super) fn node<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |at, step| first(at)?.get(step))
}

fn first(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(items) => items.first(),
        other => Some(other),
    }
}

/// The items of a member: those of an array, the value itself when it is none, nothing when it is absent.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value.get(name) {
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// The extensions of a URL.
pub(super) fn extensions<'a>(value: &'a Value, url: &'a str) -> impl Iterator<Item = &'a Value> {
    items(value, "extension").iter().filter(move |e| text(e, "url") == Some(url))
}

/// Writes a member unless it says nothing: no nulls, empty strings, arrays or objects.
pub(super) fn put(members: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    let value = value.into();
    let empty = match &value {
        Value::Null => true,
        Value::String(t) => t.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(inner) => inner.is_empty(),
        _ => false,
    };
    if !empty {
        members.insert(name.to_owned(), value);
    }
}

/// A Coding; null when it has no code.
pub(super) fn coding(coding: &Coding) -> Value {
    let mut out = Map::new();
    if !coding.code.is_empty() {
        put(&mut out, "system", coding.system.as_deref());
        put(&mut out, "code", coding.code.as_str());
        put(&mut out, "display", coding.display.as_deref());
    }
    if out.is_empty() { Value::Null } else { Value::Object(out) }
}

/// A CodeableConcept of one Coding; null when it has no code.
pub(super) fn concept(one: &Coding) -> Value {
    let inner = coding(one);
    if inner.is_null() { inner } else { json!({"coding": [inner]}) }
}

/// An Identifier; null when it has no value.
pub(super) fn identifier(identifier: &Identifier) -> Value {
    let mut out = Map::new();
    if !identifier.value.is_empty() {
        put(&mut out, "system", identifier.system.as_deref());
        put(&mut out, "value", identifier.value.as_str());
    }
    if out.is_empty() { Value::Null } else { Value::Object(out) }
}

/// The Coding of a JSON Coding, none without a code.
pub(super) fn read_coding(value: &Value) -> Option<Coding> {
    let own = |name: &str| text(value, name).map(str::to_owned);
    Some(Coding { system: own("system"), code: own("code")?, display: own("display") })
}

/// The Coding of a CodeableConcept that says most: the first with a code.
pub(super) fn read_concept(value: &Value) -> Option<Coding> {
    items(value, "coding").iter().find_map(read_coding)
}

/// The Identifier of a JSON Identifier, none without a value.
pub(super) fn read_identifier(value: &Value) -> Option<Identifier> {
    Some(Identifier { system: text(value, "system").map(str::to_owned), value: text(value, "value")?.to_owned() })
}
