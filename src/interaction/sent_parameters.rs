//! The parameters of an operation that came as a Parameters resource, as a query would have them.
//! Spec: FHIR R4 operations#request.

use serde_json::Value;

use super::registry::registry;

/// Bytes of a body that can be such a resource without a document in it.
const MAX_BYTES: usize = 4 << 20;
/// Parameters that are read.
const MAX: usize = 10_000;

/// What is wrong with a body that is no Parameters resource whose parameters can be read; `None` for an empty one.
pub(super) fn unreadable(body: &[u8]) -> Option<&'static str> {
    if body.is_empty() {
        return None;
    }
    if body.len() > MAX_BYTES {
        return Some("the body is over 4 MiB");
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Some("the body is no JSON") };
    if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return Some("the body is no Parameters resource");
    }
    let mut all = value.get("parameter").and_then(Value::as_array).into_iter().flatten();
    let whole = |p: &Value| p.get("name").is_some_and(Value::is_string) && value_of(p).is_some();
    (!all.all(whole)).then_some("a parameter has no name, or no value of a simple type")
}

/// Name and value of each parameter of a simple type; an Identifier is `system|value`, a Coding its code behind its system. None of what
/// is no operation, or takes a document in its own type.
pub(super) fn read(path: &[String], body: &[u8]) -> Vec<(String, String)> {
    let operation = path.last().and_then(|p| p.strip_prefix('$'));
    let simple = |name: &str| registry().operations.iter().any(|o| o.name == name && !o.takes_document);
    if body.is_empty() || body.len() > MAX_BYTES || !operation.is_some_and(simple) {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return Vec::new();
    }
    let all = value.get("parameter").and_then(Value::as_array).into_iter().flatten().take(MAX);
    all.filter_map(|p| Some((p.get("name")?.as_str()?.to_owned(), value_of(p)?))).collect()
}

fn value_of(parameter: &Value) -> Option<String> {
    let (_, value) = parameter.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Object(_) => {
            let part = |name: &str| value.get(name).and_then(Value::as_str);
            let code = part("value").or_else(|| part("code"))?;
            Some(part("system").map_or_else(|| code.to_owned(), |system| format!("{system}|{code}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(operation: &str, body: &Value) -> Vec<(String, String)> {
        read(&["Patient".to_owned(), operation.to_owned()], body.to_string().as_bytes())
    }

    #[test]
    fn parameters_of_a_body_read_like_those_of_a_query() {
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "identifier", "valueIdentifier": {"system": "urn:oid:1.2", "value": "7"}},
            {"name": "explain", "valueBoolean": false},
            {"name": "maxPerSection", "valueInteger": 3},
            {"name": "specialty", "valueCoding": {"system": "s", "code": "SM26"}},
            {"name": "situation", "valueCode": "preop"},
            {"name": "nothing"}, {"valueString": "nameless"}
        ]});
        let pairs: Vec<String> = of("$key-info", &body).into_iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(pairs, ["identifier=urn:oid:1.2|7", "explain=false", "maxPerSection=3", "specialty=s|SM26", "situation=preop"]);
    }

    #[test]
    fn a_body_that_is_no_parameters_or_no_operation_gives_none() {
        let body = json!({"resourceType": "Parameters", "parameter": [{"name": "a", "valueString": "b"}]});
        assert!(of("$nobody", &body).is_empty() && of("123", &body).is_empty() && of("$deposit", &body).is_empty());
        assert!(of("$key-info", &json!({"resourceType": "Bundle"})).is_empty() && read(&["$key-info".to_owned()], b"<x/>").is_empty());
    }

    #[test]
    fn a_body_that_cannot_be_read_is_said_to_be_so() {
        assert_eq!(unreadable(b""), None);
        assert_eq!(unreadable(br#"{"resourceType": "Parameters", "parameter": [{"name": "a", "valueBoolean": true}]}"#), None);
        for wrong in [&b"{"[..], b"[]", b"null", br#"{"resourceType": "Patient"}"#, br#"{"resourceType": "Parameters", "parameter": [{"name": "a"}]}"#, &vec![b' '; MAX_BYTES + 1]]
        {
            assert!(unreadable(wrong).is_some(), "{}", wrong.len());
        }
    }
}
