//! What every test of this crate asks of an output.

use serde_json::Value;

/// The output as a value.
pub(crate) fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// No null, empty text, list or object anywhere, and no mark of the model for a required element left unset.
pub(crate) fn assert_clean(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::String(s) => assert!(!s.is_empty() && s != "$invalid", "{s:?}"),
        Value::Array(items) => {
            assert!(!items.is_empty(), "empty array");
            items.iter().for_each(assert_clean);
        }
        Value::Object(members) => {
            assert!(!members.is_empty(), "empty object");
            members.values().for_each(assert_clean);
        }
        Value::Bool(_) | Value::Number(_) => {}
    }
}
