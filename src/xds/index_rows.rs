//! Index values while they are collected: each once, tokens under both spellings of their system.
//! Spec: FHIR R4 search (token, date, string, reference); ANS, identification of professionals (PS_IdNat and RPPS).

use std::collections::HashSet;

use serde_json::Value;

use super::json::{items, text};
use super::people::{contained, local, reached};
use super::uris;
use crate::fhir::classification::canonical_system;
use crate::fhir::search::{SearchValue, date, fold};

/// Rows of one resource.
const MAX_ROWS: usize = 2000;

/// The rows of one resource.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) out: Vec<(String, SearchValue)>,
    seen: HashSet<String>,
}

impl Rows {
    fn push(&mut self, param: &str, value: SearchValue) {
        if self.out.len() < MAX_ROWS && self.seen.insert(format!("{param} {value:?}")) {
            self.out.push((param.to_owned(), value));
        }
    }

    fn token(&mut self, param: &str, system: &str, code: &str) {
        if code.is_empty() {
            return;
        }
        self.push(param, SearchValue::Token { system: system.to_owned(), code: code.to_owned() });
        if !system.is_empty() {
            self.push(param, SearchValue::Token { system: canonical_system(system), code: code.to_owned() });
        }
    }

    pub(super) fn code(&mut self, param: &str, value: Option<&Value>) {
        match value {
            Some(Value::String(code)) => self.token(param, "", code),
            Some(Value::Bool(flag)) => self.token(param, "", if *flag { "true" } else { "false" }),
            _ => {}
        }
    }

    /// Every coding of a Coding, a CodeableConcept, or several.
    pub(super) fn concepts(&mut self, param: &str, owner: &Value, name: &str) {
        for value in items(owner, name) {
            let codings = items(value, "coding");
            let codings = if codings.is_empty() { std::slice::from_ref(value) } else { codings };
            for coding in codings {
                self.token(param, text(coding, "system").unwrap_or_default(), text(coding, "code").unwrap_or_default());
            }
        }
    }

    /// An identifier; a PS_IdNat of an RPPS number under the RPPS system too, and the other way round.
    pub(super) fn identifier(&mut self, param: &str, identifier: Option<&Value>) {
        let Some(identifier) = identifier else { return };
        let (system, value) = (text(identifier, "system").unwrap_or_default(), text(identifier, "value").unwrap_or_default());
        self.token(param, system, value);
        match (system, value.strip_prefix('8')) {
            (uris::PS_IDNAT, Some(rpps)) if rpps.len() == 11 => self.token(param, uris::RPPS, rpps),
            (uris::RPPS, _) if value.len() == 11 => self.token(param, uris::PS_IDNAT, &format!("8{value}")),
            _ => {}
        }
    }

    /// The systems of every identifier, for a search of any value in a system.
    pub(super) fn systems(&mut self, resource: &Value) {
        for identifier in resource.get("masterIdentifier").into_iter().chain(items(resource, "identifier")) {
            self.token("identifier:system", "", text(identifier, "system").unwrap_or_default());
        }
    }

    pub(super) fn date(&mut self, param: &str, value: Option<&Value>) {
        if let Some(range) = value.and_then(date) {
            self.push(param, range);
        }
    }

    pub(super) fn text(&mut self, param: &str, value: Option<&Value>) {
        let folded = value.and_then(Value::as_str).map(fold).unwrap_or_default();
        if !folded.is_empty() {
            self.push(param, SearchValue::Text(folded));
        }
    }

    /// The text of a reference, unless it is to a contained resource.
    pub(super) fn target(&mut self, param: &str, reference: &Value) {
        if let Some(target) = text(reference, "reference").filter(|t| !t.starts_with('#')) {
            self.push(param, SearchValue::Reference(target.to_owned()));
        }
    }

    /// Identifiers, names and types behind a reference: of the resource itself and its person; of its organisation the name only.
    pub(super) fn person(&mut self, param: &str, owner: &Value, reference: &Value) {
        let own = |part: &str| format!("{param}.{part}");
        self.identifier(&own("identifier"), reference.get("identifier"));
        let reached = reached(owner, reference);
        if reached.is_empty() {
            self.text(&own("name"), reference.get("display"));
            let named = text(reference, "type").or_else(|| text(reference, "reference")?.rsplit('/').nth(1));
            self.token(&format!("{param}:type"), "", named.unwrap_or_default());
        }
        for (i, resource) in reached.into_iter().enumerate() {
            if i == 0 || text(resource, "resourceType") != Some("Organization") {
                items(resource, "identifier").iter().for_each(|id| self.identifier(&own("identifier"), Some(id)));
            }
            self.token(&format!("{param}:type"), "", text(resource, "resourceType").unwrap_or_default());
            for name in items(resource, "name").iter().chain(items(resource, "deviceName")) {
                self.name(param, name);
            }
        }
    }

    /// Every part of a name by itself, and the whole of it.
    /// Spec: FHIR R4 Practitioner-name ("any of the string fields in the HumanName").
    fn name(&mut self, param: &str, name: &Value) {
        let own = |part: &str| format!("{param}.{part}");
        self.text(&own("name"), Some(name));
        self.text(&own("name"), name.get("name"));
        let mut whole: Vec<&str> = Vec::new();
        for given in items(name, "given") {
            self.text(&own("given"), Some(given));
            self.text(&own("name"), Some(given));
            whole.extend(given.as_str());
        }
        self.text(&own("family"), name.get("family"));
        self.text(&own("name"), name.get("family"));
        for part in items(name, "prefix").iter().chain(items(name, "suffix")) {
            self.text(&own("name"), Some(part));
        }
        whole.extend(text(name, "family"));
        let whole = text(name, "text").map_or_else(|| whole.join(" "), str::to_owned);
        self.text(&own("name"), Some(&Value::String(whole)));
    }

    pub(super) fn organization(&mut self, param: &str, owner: &Value, reference: &Value) {
        self.identifier(param, reference.get("identifier"));
        match local(reference) {
            Some(id) => items(contained(owner, id).unwrap_or(&Value::Null), "identifier").iter().for_each(|i| self.identifier(param, Some(i))),
            None => self.token(param, "", text(reference, "reference").unwrap_or_default()),
        }
    }
}
