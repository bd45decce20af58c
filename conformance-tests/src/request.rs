//! From a step to a request: path, headers and body with their placeholders filled.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::http::{Base, Request};
use crate::pointer;
use crate::register::Registers;
use crate::scenario::{Body, Step};

/// What a request says when its step does not.
const FHIR_JSON: &str = "application/fhir+json";

/// The request of a step; `templates` are the files of `scenarios/bodies`.
///
/// # Errors
/// A placeholder, template or document that is unknown; a change that leads nowhere.
pub fn build(step: &Step, base: &Base, templates: &BTreeMap<String, Value>, registers: &Registers) -> Result<Request, String> {
    let body = step.body.as_ref().map(|b| b.bytes(templates, registers)).transpose()?;
    let mut headers = Vec::new();
    for (name, value) in &step.headers {
        let value = registers.text(value)?;
        // A value may come from the server: it must not become another header.
        if value.chars().any(char::is_control) {
            return Err(format!("the header {name} would hold a control character"));
        }
        headers.push((name.clone(), value));
    }
    let said = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let (accept, content_type) = (said("accept"), said("content-type"));
    if !accept {
        headers.push(("Accept".to_owned(), FHIR_JSON.to_owned()));
    }
    if body.is_some() && !content_type {
        headers.push(("Content-Type".to_owned(), FHIR_JSON.to_owned()));
    }
    Ok(Request { method: step.method.clone(), target: base.target(&registers.text(&step.path)?)?, headers, body })
}

impl Body {
    /// Whether exactly one kind of body is given.
    #[must_use]
    pub fn is_one_kind(&self) -> bool {
        let document = self.document.is_some() && self.template.is_none() && self.json.is_none();
        let kinds = [self.json.is_some(), self.template.is_some(), self.text.is_some(), self.base64.is_some(), document];
        kinds.iter().filter(|k| **k).count() == 1
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// As [`build`].
    pub fn bytes(&self, templates: &BTreeMap<String, Value>, registers: &Registers) -> Result<Vec<u8>, String> {
        if let Some(text) = &self.text {
            return registers.text(text).map(String::into_bytes);
        }
        if let Some(base64) = &self.base64 {
            return STANDARD.decode(base64).map_err(|e| format!("`base64`: {e}"));
        }
        let template = match (&self.json, &self.template, &self.document) {
            (Some(json), None, _) => json,
            (None, Some(name), _) => templates.get(name).ok_or_else(|| format!("there is no scenarios/bodies/{name}"))?,
            (None, None, Some(document)) => return registers.document(&registers.text(document)?).map(<[u8]>::to_vec),
            _ => return Err("a body is one of json, template, text, base64, document".to_owned()),
        };
        self.filled(template, registers).map(|json| json.to_string().into_bytes())
    }

    fn filled(&self, template: &Value, registers: &Registers) -> Result<Value, String> {
        let mut own = registers.clone();
        for (name, value) in &self.with {
            own.set(name, registers.value(value)?);
        }
        if let Some(document) = &self.document {
            own.add("document", registers.document(&registers.text(document)?)?.to_vec());
        }
        let mut json = own.value(template)?;
        for change in &self.change {
            let value = change.value.as_ref().map(|v| own.value(v)).transpose()?;
            if value.is_none() != change.remove {
                return Err(format!("the change at `{}` has either `value` or `remove`", change.at));
            }
            pointer::change(&mut json, &change.at, value)?;
        }
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(body: Value) -> Result<String, String> {
        let body: Body = serde_json::from_value(body).unwrap();
        let mut registers = Registers::default();
        registers.set("id", json!("1"));
        registers.add("pdf", b"%PDF".to_vec());
        let templates = [("t.json".to_owned(), json!({"a": "{{a}}", "size": "{{size:document}}"}))].into();
        body.bytes(&templates, &registers).map(|b| String::from_utf8(b).unwrap())
    }

    #[test]
    fn every_kind_of_body_is_made() {
        assert_eq!(bytes(json!({"json": {"id": "{{id}}"}})).unwrap(), r#"{"id":"1"}"#);
        assert_eq!(bytes(json!({"text": "id={{id}}"})).unwrap(), "id=1");
        assert_eq!(bytes(json!({"base64": "YWJj"})).unwrap(), "abc");
        assert_eq!(bytes(json!({"document": "pdf"})).unwrap(), "%PDF");
        let template = json!({"template": "t.json", "document": "pdf", "with": {"a": "x{{id}}"}, "change": [{"at": "/b", "value": "{{a}}"}]});
        assert_eq!(serde_json::from_str::<Value>(&bytes(template).unwrap()).unwrap(), json!({"a": "x1", "size": 4, "b": "x1"}));
        assert!(bytes(json!({"template": "other.json"})).is_err());
        assert!(bytes(json!({"json": {}, "change": [{"at": "/a"}]})).is_err());
    }

    #[test]
    fn json_and_accept_are_the_default() {
        let step: Step = serde_json::from_value(json!({"method": "POST", "path": "Patient", "headers": {"accept": "*/*"}, "body": {"json": {}}})).unwrap();
        let base = Base::parse("https://h/fhir").unwrap();
        let request = build(&step, &base, &BTreeMap::new(), &Registers::default()).unwrap();
        assert_eq!(request.headers, [("accept".to_owned(), "*/*".to_owned()), ("Content-Type".to_owned(), FHIR_JSON.to_owned())]);
    }
}
