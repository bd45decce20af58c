//! Finite value sets of required bindings, one row each.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Result, items, text};

/// Codes in one value set; larger ones are not listed.
const MAX_CODES: usize = 1_000;
/// Value sets that include one another.
const MAX_NESTING: usize = 8;

const HEAD: &str = "\
# FHIR R4 (4.0.1) required bindings of code elements, generated: cargo run -p fhir-profiles-generator -- PACKAGE_DIR OUT_DIR
# One value set a row: `key <tab> url <tab> codes joined by a blank`. Open or unbounded sets (media types, languages, currencies) are not listed.
";

/// Value sets and code systems by URL.
pub struct Terminology {
    pub value_sets: BTreeMap<String, Value>,
    pub code_systems: BTreeMap<String, Value>,
}

impl Terminology {
    /// The codes of a value set, in the order of its definition.
    ///
    /// # Errors
    /// When it is unknown, too large, or made by rules that are not a list.
    pub fn expand(&self, url: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.expand_into(url, 0, &mut found)?;
        match found.len() {
            0 => Err(format!("{url}: no code").into()),
            n if n > MAX_CODES => Err(format!("{url}: {n} codes").into()),
            _ => Ok(found),
        }
    }

    fn expand_into(&self, url: &str, level: usize, found: &mut Vec<String>) -> Result<()> {
        let url = url.split('|').next().unwrap_or_default();
        let compose = self.value_sets.get(url).and_then(|v| v.get("compose")).ok_or_else(|| format!("{url}: not defined here"))?;
        if level > MAX_NESTING || items(compose, "exclude").next().is_some() {
            return Err(format!("{url}: not a plain list").into());
        }
        for include in items(compose, "include") {
            self.include(url, include, level, found)?;
        }
        Ok(())
    }

    fn include(&self, url: &str, include: &Value, level: usize, found: &mut Vec<String>) -> Result<()> {
        let (listed, imported) = (items(include, "concept").next().is_some(), items(include, "valueSet").next().is_some());
        if items(include, "filter").next().is_some() || (imported && text(include, "system").is_some()) {
            return Err(format!("{url}: not a plain list").into());
        }
        for value_set in items(include, "valueSet").filter_map(Value::as_str) {
            self.expand_into(value_set, level + 1, found)?;
        }
        if listed {
            collect(include, 0, found);
        } else if let Some(system) = text(include, "system") {
            let complete = self.code_systems.get(system).filter(|s| text(s, "content") == Some("complete"));
            collect(complete.ok_or_else(|| format!("{system}: not a complete code system"))?, 0, found);
        }
        Ok(())
    }
}

/// The codes of a concept list and of its children.
fn collect(holder: &Value, level: usize, found: &mut Vec<String>) {
    for concept in items(holder, "concept") {
        if let Some(code) = text(concept, "code").filter(|c| !found.iter().any(|f| f == c)) {
            found.push(code.to_owned());
        }
        if level < MAX_NESTING {
            collect(concept, level + 1, found);
        }
    }
}

/// The key of a value set, which is the end of its URL, remembered in `bindings`.
///
/// # Errors
/// When two value sets would have the same key.
pub fn key(url: &str, bindings: &mut BTreeMap<String, String>) -> Result<String> {
    let key = url.rsplit('/').next().unwrap_or_default().to_owned();
    match bindings.insert(key.clone(), url.to_owned()) {
        Some(other) if other != url => Err(format!("{url} and {other} have the same key").into()),
        _ => Ok(key),
    }
}

/// The text of `codes.tsv`.
pub fn table(bindings: &BTreeMap<String, String>, terminology: &Terminology) -> Result<String> {
    let mut out = HEAD.to_owned();
    for (key, url) in bindings {
        let codes = terminology.expand(url)?;
        if codes.iter().any(|c| c.contains(char::is_whitespace)) {
            return Err(format!("{url}: a code holds white space").into());
        }
        out.push_str(&format!("{key}\t{url}\t{}\n", codes.join(" ")));
    }
    Ok(out)
}
