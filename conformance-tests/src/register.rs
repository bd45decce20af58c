//! Registers and placeholders: `{{name}}`, `{{name|filter}}`, `{{sha1:document}}`, `{{uuid}}` …

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha1::Digest;

use crate::generate::generated;

/// Repetitions of `{{repeat:N:TEXT}}`.
const MOST_REPEATED: usize = 1_000_000;

/// What a scenario knows: values under names, and its documents.
#[derive(Debug, Clone, Default)]
pub struct Registers {
    values: BTreeMap<String, Value>,
    documents: BTreeMap<String, Vec<u8>>,
}

impl Registers {
    /// Sets a register.
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Adds a document.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) {
        self.documents.insert(name.to_owned(), bytes);
    }

    /// The bytes of a document.
    ///
    /// # Errors
    /// The scenario has no such document.
    pub fn document(&self, name: &str) -> Result<&[u8], String> {
        self.documents.get(name).map(Vec::as_slice).ok_or_else(|| format!("the scenario has no document `{name}`"))
    }

    /// A JSON value with every text filled. A text that is one placeholder alone becomes the register's value (a number stays one).
    ///
    /// # Errors
    /// A register that is not set, an unknown document or filter.
    pub fn value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => match alone(text) {
                Some(name) => self.placeholder(name)?,
                None => Value::String(self.text(text)?),
            },
            Value::Array(elements) => Value::Array(elements.iter().map(|e| self.value(e)).collect::<Result<_, _>>()?),
            Value::Object(members) => Value::Object(members.iter().map(|(n, v)| Ok((self.text(n)?, self.value(v)?))).collect::<Result<_, String>>()?),
            other => other.clone(),
        })
    }

    /// A text with its placeholders filled.
    ///
    /// # Errors
    /// As [`Registers::value`].
    pub fn text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or_else(|| format!("`{{{{` without `}}}}` in `{text}`"))?;
            filled.push_str(before);
            filled.push_str(&plain(&self.placeholder(name)?));
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn placeholder(&self, name: &str) -> Result<Value, String> {
        if name.contains("{{") {
            return Err(format!("a placeholder within a placeholder: `{name}`"));
        }
        if let Some((kind, of)) = name.split_once(':') {
            return self.of_document(kind, of);
        }
        if let Some((name, filter)) = name.split_once('|') {
            return filtered(&plain(&self.register(name)?), filter).map(Value::String);
        }
        self.register(name)
    }

    fn register(&self, name: &str) -> Result<Value, String> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        generated(name)?.map(Value::String).ok_or_else(|| format!("the register `{name}` is not set (an earlier step did not give it)"))
    }

    fn of_document(&self, kind: &str, of: &str) -> Result<Value, String> {
        Ok(match kind {
            "sha1" => STANDARD.encode(sha1::Sha1::digest(self.document(of)?)).into(),
            "base64" => STANDARD.encode(self.document(of)?).into(),
            "size" => self.document(of)?.len().into(),
            "repeat" => {
                let (times, text) = of.split_once(':').ok_or("`repeat` needs a number and a text")?;
                let times: usize = times.parse().map_err(|_| "`repeat` needs a number")?;
                text.repeat(times.min(MOST_REPEATED)).into()
            }
            _ => return Err(format!("`{kind}:` is none of sha1, base64, size, repeat")),
        })
    }
}

/// The name in a text that is one placeholder and nothing else.
fn alone(text: &str) -> Option<&str> {
    text.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).filter(|t| !t.contains("{{"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn filtered(text: &str, filter: &str) -> Result<String, String> {
    let reference = || -> Option<(&str, &str)> {
        let (above, id) = text.split("/_history").next()?.trim_end_matches('/').rsplit_once('/')?;
        Some((above.rsplit('/').next()?, id))
    };
    match filter {
        "reference" => reference().map(|(kind, id)| format!("{kind}/{id}")).ok_or_else(|| format!("`{text}` is no reference")),
        "id" => reference().map(|(_, id)| id.to_owned()).ok_or_else(|| format!("`{text}` is no reference")),
        "query" => Ok(text.bytes().map(|b| if b.is_ascii_alphanumeric() || b"-._~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()),
        _ => Err(format!("`{filter}` is none of reference, id, query")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registers() -> Registers {
        let mut registers = Registers::default();
        registers.set("id", json!("7"));
        registers.set("n", json!(5));
        registers.set("at", json!("https://h/fhir/Patient/12/_history/3"));
        registers.add("doc", b"abc".to_vec());
        registers
    }

    #[test]
    fn texts_and_values_are_filled() {
        let registers = registers();
        assert_eq!(registers.text("Patient/{{id}}?n={{n}}").unwrap(), "Patient/7?n=5");
        assert_eq!(registers.value(&json!({"a": ["{{n}}", "x{{n}}"], "{{id}}": 1})).unwrap(), json!({"a": [5, "x5"], "7": 1}));
    }

    #[test]
    fn filters_take_the_reference_out_of_a_location() {
        let registers = registers();
        assert_eq!(registers.text("{{at|reference}} {{at|id}}").unwrap(), "Patient/12 12");
        assert_eq!(registers.text("{{at|query}}").unwrap(), "https%3A%2F%2Fh%2Ffhir%2FPatient%2F12%2F_history%2F3");
    }

    #[test]
    fn a_document_has_a_hash_a_size_and_base64() {
        let registers = registers();
        assert_eq!(registers.value(&json!(["{{sha1:doc}}", "{{size:doc}}", "{{base64:doc}}"])).unwrap(), json!(["qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", 3, "YWJj"]));
        assert_eq!(registers.text("{{repeat:3:ab}}").unwrap(), "ababab");
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for text in ["{{other}}", "{{sha1:other}}", "{{id|other}}", "{{md5:doc}}", "{{id"] {
            assert!(registers().text(text).is_err(), "{text}");
        }
    }
}
