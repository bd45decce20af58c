//! The elements and attributes that a narrative may hold, out of the invariant that lists them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Result, items, text};

const HEAD: &str = "\
# FHIR R4 (4.0.1) narrative: what invariant txt-1 allows, generated: cargo run -p fhir-profiles-generator -- PACKAGE_DIR OUT_DIR
# `elements <tab> names` and `attributes <tab> names`, joined by a blank.
";

/// The text of `narrative.tsv`.
///
/// # Errors
/// When the invariant is not found or not made of its two lists.
pub fn table(definitions: &BTreeMap<String, Value>) -> Result<String> {
    let snapshot = definitions.get("Narrative").and_then(|d| d.get("snapshot")).ok_or("Narrative: no snapshot")?;
    let mut constraints = items(snapshot, "element").flat_map(|e| items(e, "constraint"));
    let rule = constraints.find(|c| text(c, "key") == Some("txt-1")).and_then(|c| text(c, "xpath")).ok_or("Narrative: no txt-1")?;
    let (elements, attributes) = rule.split_once("/@*").ok_or("txt-1: not two lists")?;
    let (elements, attributes) = (quoted(elements), quoted(attributes));
    if elements.is_empty() || attributes.is_empty() {
        return Err("txt-1: an empty list".into());
    }
    Ok(format!("{HEAD}elements\t{}\nattributes\t{}\n", elements.join(" "), attributes.join(" ")))
}

/// The names between apostrophes.
fn quoted(rule: &str) -> Vec<&str> {
    rule.split('\'').skip(1).step_by(2).collect()
}
