//! One row per type and per element.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::codes::{self, Terminology};
use crate::{Result, items, text};

const HEAD: &str = "\
# FHIR R4 (4.0.1) types and elements, generated: cargo run -p fhir-profiles-generator -- PACKAGE_DIR OUT_DIR
# PACKAGE_DIR: the package hl7.fhir.r4.examples 4.0.1 unpacked (npm pack hl7.fhir.r4.examples@4.0.1), CC0.
# A type row is `name <tab> kind`; an element row is `path <tab> min <tab> max <tab> types <tab> notes`, in the order of the definition.
# types: choices joined by `|`; `#path` stands for the content of another element; notes: `attr` = an attribute in XML, `=key` = codes.tsv row.
";

/// The text of `elements.tsv`; fills `bindings` with value set URL by key.
pub fn table(definitions: &BTreeMap<String, Value>, terminology: &Terminology, bindings: &mut BTreeMap<String, String>) -> Result<String> {
    let mut out = HEAD.to_owned();
    for (id, definition) in definitions {
        if !is_base_type(id, definition) {
            continue;
        }
        let kind = match text(definition, "kind").unwrap_or_default() {
            "primitive-type" => "primitive",
            _ if definition.get("abstract") == Some(&Value::Bool(true)) => "abstract",
            "resource" => "resource",
            _ => "complex",
        };
        out.push_str(&format!("{id}\t{kind}\n"));
        if kind == "primitive" {
            continue;
        }
        let elements = definition.get("snapshot").ok_or_else(|| format!("{id}: no snapshot"))?;
        for element in items(elements, "element") {
            if text(element, "path").is_some_and(|p| p.contains('.')) {
                out.push_str(&row(element, kind == "resource", terminology, bindings)?);
            }
        }
    }
    Ok(out)
}

/// The types of the base specification: no profiles, no logical models.
fn is_base_type(id: &str, definition: &Value) -> bool {
    let logical = text(definition, "kind") == Some("logical");
    let profile = text(definition, "derivation") == Some("constraint");
    !logical && !profile && text(definition, "type") == Some(id)
}

fn row(element: &Value, of_resource: bool, terminology: &Terminology, bindings: &mut BTreeMap<String, String>) -> Result<String> {
    let path = text(element, "path").unwrap_or_default();
    let min = element.get("min").and_then(Value::as_u64).ok_or_else(|| format!("{path}: no min"))?;
    let max = text(element, "max").ok_or_else(|| format!("{path}: no max"))?;
    let types = types(element, of_resource);
    if types.is_empty() {
        return Err(format!("{path}: no type").into());
    }
    let mut notes = Vec::new();
    if items(element, "representation").any(|r| r == "xmlAttr") {
        notes.push("attr".to_owned());
    }
    if types == "code"
        && let Some(url) = required_value_set(element)
        && terminology.expand(url).is_ok()
    {
        let key = codes::key(url, bindings)?;
        notes.push(format!("={key}"));
    }
    let row = format!("{path}\t{min}\t{max}\t{types}\t{}", notes.join(" "));
    Ok(format!("{}\n", row.trim_end_matches('\t')))
}

/// The types of an element joined by `|`. FHIRPath system types are written as the FHIR type they stand for; the logical id of
/// a resource is an `id`, which the published snapshots give as string.
/// Spec: FHIR R4 resource#id.
fn types(element: &Value, of_resource: bool) -> String {
    if let Some(reference) = text(element, "contentReference") {
        return reference.to_owned();
    }
    let path = text(element, "path").unwrap_or_default();
    if of_resource && path.ends_with(".id") && path.matches('.').count() == 1 {
        return "id".to_owned();
    }
    let mut found: Vec<&str> = Vec::new();
    for kind in items(element, "type") {
        let code = text(kind, "code").unwrap_or_default();
        let code = if code.starts_with("http://hl7.org/fhirpath/") { system_type(kind) } else { code };
        if !found.contains(&code) {
            found.push(code);
        }
    }
    found.join("|")
}

fn system_type(kind: &Value) -> &str {
    let named = items(kind, "extension").find(|e| text(e, "url").is_some_and(|u| u.ends_with("structuredefinition-fhir-type")));
    named.and_then(|e| text(e, "valueUrl").or_else(|| text(e, "valueUri"))).unwrap_or("string")
}

fn required_value_set(element: &Value) -> Option<&str> {
    let binding = element.get("binding")?;
    let url = text(binding, "valueSet").filter(|_| text(binding, "strength") == Some("required"))?;
    url.split('|').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_keep_order_choices_references_attributes_and_required_codes() {
        let code = |system: &str| json!({"compose": {"include": [{"system": system}]}});
        let terminology = Terminology {
            value_sets: BTreeMap::from([("http://x/ValueSet/s".to_owned(), code("http://x/s")), ("http://x/ValueSet/open".to_owned(), code("urn:open"))]),
            code_systems: BTreeMap::from([("http://x/s".to_owned(), json!({"content": "complete", "concept": [{"code": "b", "concept": [{"code": "c"}]}, {"code": "a"}]}))]),
        };
        let bound = |path: &str, set: &str| json!({"path": path, "min": 1, "max": "1", "type": [{"code": "code"}], "binding": {"strength": "required", "valueSet": format!("http://x/ValueSet/{set}|4.0.1")}});
        let thing = json!({"type": "Thing", "kind": "resource", "snapshot": {"element": [
            {"path": "Thing", "min": 0, "max": "*"},
            {"path": "Thing.id", "min": 0, "max": "1", "type": [{"code": "http://hl7.org/fhirpath/System.String"}]},
            bound("Thing.status", "s"), bound("Thing.language", "open"),
            {"path": "Thing.value[x]", "min": 0, "max": "1", "type": [{"code": "Quantity"}, {"code": "string"}]},
            {"path": "Thing.part", "min": 0, "max": "*", "type": [{"code": "BackboneElement"}]},
            {"path": "Thing.part.id", "representation": ["xmlAttr"], "min": 0, "max": "1", "type": [{"code": "http://hl7.org/fhirpath/System.String"}]},
            {"path": "Thing.part.part", "min": 0, "max": "*", "contentReference": "#Thing.part"},
        ]}});
        let profile = json!({"type": "Thing", "kind": "resource", "derivation": "constraint"});
        let mut bindings = BTreeMap::new();
        let table = table(&BTreeMap::from([("Thing".to_owned(), thing), ("thing-profile".to_owned(), profile)]), &terminology, &mut bindings).unwrap();
        let rows: Vec<&str> = table.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(
            rows,
            [
                "Thing\tresource",
                "Thing.id\t0\t1\tid",
                "Thing.status\t1\t1\tcode\t=s",
                "Thing.language\t1\t1\tcode",
                "Thing.value[x]\t0\t1\tQuantity|string",
                "Thing.part\t0\t*\tBackboneElement",
                "Thing.part.id\t0\t1\tstring\tattr",
                "Thing.part.part\t0\t*\t#Thing.part",
            ]
        );
        assert!(codes::table(&bindings, &terminology).unwrap().ends_with("s\thttp://x/ValueSet/s\tb c a\n"));
    }
}
