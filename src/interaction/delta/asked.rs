//! What a delta is asked with: query parameters, and those of a Parameters resource for what is long.

use std::collections::HashSet;

use serde_json::Value;

use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::interaction::Call;

/// Documents of one answer, and uniqueIds that a caller may say it holds.
const MOST: usize = 5_000;

/// From where to compare.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// What the server keeps of this person.
    Kept,
    /// `none`: as at a first visit.
    Nothing,
    Cursor(String),
}

/// The parameters.
#[derive(Debug)]
pub(super) struct Asked {
    pub since: Since,
    pub cursor: Option<String>,
    pub identifier: Option<String>,
    pub count: usize,
    known: HashSet<String>,
}

impl Asked {
    /// Reads them.
    ///
    /// # Errors
    /// `BadValue` for a body that is no Parameters or a `_count` out of its bounds, `TooCostly` for too many uniqueIds.
    pub(super) fn of(call: &Call) -> Result<Self> {
        let mut all = call.query.clone();
        all.extend(of_body(&call.body)?);
        let last = |name: &str| all.iter().rev().find(|(n, _)| n == name).map(|(_, text)| text.clone());
        let known: HashSet<String> = all.iter().filter(|(n, _)| n == "known").map(|(_, text)| canonical(&Identifier::asked(text))).collect();
        if known.len() > MOST {
            return Err(Fault::new(FaultKind::TooCostly, 847, format!("known may name {MOST} documents; ask again with the others and since=<cursor>")).at("known"));
        }
        let since = match last("since").as_deref() {
            None => Since::Kept,
            Some("none") => Since::Nothing,
            Some(text) => Since::Cursor(text.to_owned()),
        };
        Ok(Self { since, cursor: last("cursor"), identifier: last("identifier"), count: count(last("_count").as_deref())?, known })
    }

    /// Whether the caller says to hold the document of a uniqueId.
    pub(super) fn knows(&self, unique: &Identifier) -> bool {
        !self.known.is_empty() && self.known.contains(&canonical(unique))
    }
}

fn count(text: Option<&str>) -> Result<usize> {
    let Some(text) = text else { return Ok(MOST) };
    let given = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    given.ok_or_else(|| Fault::new(FaultKind::BadValue, 848, format!("_count is a number from 1 to {MOST}")).at("_count"))
}

/// Names and texts of the parameters of a Parameters resource.
fn of_body(body: &[u8]) -> Result<Vec<(String, String)>> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return Err(Fault::new(FaultKind::BadValue, 849, "the body is a Parameters resource: since, cursor, identifier, known, _count"));
    }
    let all = value.get("parameter").and_then(Value::as_array).into_iter().flatten();
    Ok(all.filter_map(|p| Some((p.get("name")?.as_str()?.to_owned(), text_of(p)?))).collect())
}

/// The value of a parameter as a query would say it.
fn text_of(parameter: &Value) -> Option<String> {
    let (name, value) = parameter.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    if name == "valueIdentifier" {
        let part = |name: &str| value.get(name).and_then(Value::as_str);
        return Some(part("system").map_or(String::new(), |s| format!("{s}|")) + part("value")?);
    }
    value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|n| n.to_string()))
}

/// One form of a uniqueId for all its spellings: URI or bare OID or UUID, `root^extension` or two members.
/// Spec: IHE ITI TF-3 4.2.3.2.26 (uniqueId); IHE MHD 4.2 masterIdentifier.
fn canonical(identifier: &Identifier) -> String {
    let bare = |text: &str| {
        let text = text.trim();
        let text = text.strip_prefix("urn:oid:").or_else(|| text.strip_prefix("urn:uuid:")).unwrap_or(text);
        if uuid::Uuid::try_parse(text).is_ok() { text.to_ascii_lowercase() } else { text.to_owned() }
    };
    match identifier.system.as_deref() {
        None | Some("" | "urn:ietf:rfc:3986") => bare(&identifier.value),
        Some(system) => format!("{}^{}", bare(system), bare(&identifier.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_id_is_one_in_every_spelling() {
        let same = |a: &str, b: &str| canonical(&Identifier::asked(a)) == canonical(&Identifier::asked(b));
        assert!(same("urn:ietf:rfc:3986|urn:oid:1.2.3", "1.2.3") && same("urn:oid:1.2.3", "1.2.3"));
        assert!(same("urn:oid:1.2|7", "1.2^7") && !same("urn:oid:1.2|7", "1.2.7"));
        assert!(same("urn:uuid:6F1A2B3C-0000-4000-8000-000000000001", "6f1a2b3c-0000-4000-8000-000000000001"));
    }

    #[test]
    fn a_parameter_is_read_whatever_its_type() {
        let body = br#"{"resourceType": "Parameters", "parameter": [{"name": "known", "valueIdentifier": {"system": "urn:oid:1.2", "value": "7"}},
            {"name": "known", "valueUri": "urn:oid:1.2.3"}, {"name": "_count", "valueInteger": 5}, {"name": "since"}]}"#;
        let read = of_body(body).unwrap();
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(read, [pair("known", "urn:oid:1.2|7"), pair("known", "urn:oid:1.2.3"), pair("_count", "5")]);
        assert!(of_body(b"[]").is_err() && of_body(b"{\"resourceType\":\"Bundle\"}").is_err() && of_body(b"\xff").is_err());
    }
}
