//! A FHIR document (Bundle of type document) as a document of the registry: its metadata from the Composition, and the
//! clinical resources it holds.
//! Spec: FHIR R4 documents; IPS 2.0.1 Bundle-uv-ips; IHE MHD 4.2 FHIR Document Publish option.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::confidentiality_coding;
use crate::fhir::classification::{class_of, format_of_mime};
use crate::fhir::{Coding, DocumentEntry, Fault, FaultKind, Identifier, Replacement, Result};

/// Resources of one document that become facts.
const MAX_STATEMENTS: usize = 5000;

/// The metadata of a document Bundle; `mime` is the type of the bytes as they came.
///
/// # Errors
/// `RuleBroken` when it is no document (type, Composition first, Patient), `MissingElement` without `Bundle.identifier`.
pub fn entry_of_document(bundle: &Value, mime: &str) -> Result<DocumentEntry> {
    if bundle.get("type").and_then(Value::as_str) != Some("document") {
        return Err(Fault::new(FaultKind::RuleBroken, 745, "a FHIR document is a Bundle of type document; a transaction goes to the base URL").at("Bundle.type"));
    }
    let composition = bundle.pointer("/entry/0/resource").filter(|r| kind(r) == "Composition");
    let composition = composition.ok_or_else(|| Fault::new(FaultKind::RuleBroken, 746, "the first entry of a document is its Composition").at("Bundle.entry[0].resource"))?;
    let unique_id = bundle
        .get("identifier")
        .and_then(identifier)
        .ok_or_else(|| Fault::new(FaultKind::MissingElement, 747, "a document needs an identifier of its own, with system and value").at("Bundle.identifier"))?;
    let names = names(bundle);
    let subject = composition.pointer("/subject/reference").and_then(Value::as_str).and_then(|r| names.get(r)).filter(|r| kind(r) == "Patient");
    let subject =
        subject.ok_or_else(|| Fault::new(FaultKind::RuleBroken, 748, "Composition.subject must be a Patient inside the document").at("Bundle.entry[0].resource.subject"))?;
    let type_code = composition.pointer("/type/coding/0").and_then(coding);
    let text = |path: &str| composition.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let level = text("/confidentiality").filter(|c| ["N", "R", "V"].contains(&c.as_str())).unwrap_or_else(|| "N".to_owned());
    Ok(DocumentEntry {
        unique_id,
        class_code: type_code.as_ref().and_then(class_of),
        type_code,
        format_code: format_of_mime(mime).or_else(|| format_of_mime("application/fhir+json")),
        title: text("/title"),
        creation: bundle.get("timestamp").and_then(Value::as_str).map(str::to_owned).or_else(|| text("/date")),
        confidentiality: vec![confidentiality_coding(&level)],
        language: text("/language").or_else(|| bundle.get("language").and_then(Value::as_str).map(str::to_owned)),
        mime: mime.to_owned(),
        service_start: text("/event/0/period/start").or_else(|| text("/date")),
        service_end: text("/event/0/period/end"),
        events: composition.pointer("/event/0/code").and_then(Value::as_array).into_iter().flatten().filter_map(|c| coding(c.pointer("/coding/0")?)).collect(),
        patient: Some(without_id(subject)),
        authors: composition.get("author").and_then(Value::as_array).into_iter().flatten().enumerate().filter_map(|(i, a)| author(a, &names, i)).collect(),
        custodian: composition.pointer("/custodian/reference").and_then(Value::as_str).and_then(|r| names.get(r)).filter(|r| kind(r) == "Organization").map(|r| without_id(r)),
        relates_to: relations(composition),
        ..DocumentEntry::default()
    })
}

/// The resources of a document that state something (`states` of their type) with a stable path each; references inside the document become `path:…`, those to its
/// patient `patient`.
pub fn statements_of_document(bundle: &Value, patient: &str, states: impl Fn(&str) -> bool) -> Vec<(String, Value)> {
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut targets: HashMap<&str, String> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let (Some(url), Some(resource)) = (entry.get("fullUrl").and_then(Value::as_str), entry.get("resource")) else { continue };
        let target = match kind(resource) {
            "Patient" => patient.to_owned(),
            k if states(k) => format!("path:{}", path(index)),
            _ => continue,
        };
        for name in spellings(url, resource) {
            targets.entry(name).or_insert_with(|| target.clone());
        }
    }
    let clinical = entries.iter().enumerate().filter_map(|(i, e)| Some((i, e.get("resource").filter(|r| states(kind(r)))?)));
    clinical
        .take(MAX_STATEMENTS)
        .map(|(index, resource)| {
            let mut value = without_id(resource);
            rewrite(&mut value, &targets, 0);
            (path(index), value)
        })
        .collect()
}

fn path(index: usize) -> String {
    format!("Bundle.entry[{index}]")
}

fn kind(resource: &Value) -> &str {
    resource.get("resourceType").and_then(Value::as_str).unwrap_or("")
}

/// A resource without the sender's id; narrative and meta stay.
fn without_id(resource: &Value) -> Value {
    let mut value = resource.clone();
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("id");
    }
    value
}

/// The full URL, and its last two parts when it is a REST address.
fn spellings<'a>(url: &'a str, resource: &Value) -> Vec<&'a str> {
    let mut out = vec![url];
    let tail = url.rmatch_indices('/').nth(1).and_then(|(at, _)| url.get(at + 1..));
    out.extend(tail.filter(|t| t.split('/').next() == Some(kind(resource))));
    out
}

fn names(bundle: &Value) -> HashMap<&str, &Value> {
    let entries = bundle.get("entry").and_then(Value::as_array).into_iter().flatten();
    let mut out = HashMap::new();
    for entry in entries {
        let (Some(url), Some(resource)) = (entry.get("fullUrl").and_then(Value::as_str), entry.get("resource")) else { continue };
        for name in spellings(url, resource) {
            out.entry(name).or_insert(resource);
        }
    }
    out
}

/// References are replaced where they name an entry; one that names nothing inside and is relative loses its target.
fn rewrite(value: &mut Value, targets: &HashMap<&str, String>, depth: usize) {
    if depth > 64 {
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("reference") {
                match targets.get(text.as_str()) {
                    Some(target) => text.clone_from(target),
                    None if text.starts_with('#') || text.contains("://") => {}
                    None => {
                        members.shift_remove("reference");
                        members.entry("display").or_insert_with(|| json!("non repris du document"));
                    }
                }
            }
            members.values_mut().for_each(|v| rewrite(v, targets, depth + 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| rewrite(v, targets, depth + 1)),
        _ => {}
    }
}

fn coding(value: &Value) -> Option<Coding> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Coding { system: text("system"), code: text("code")?, display: text("display") })
}

fn identifier(value: &Value) -> Option<Identifier> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Identifier { system: text("system"), value: text("value")? })
}

/// An author with what it refers to, as one group of contained resources.
fn author(reference: &Value, names: &HashMap<&str, &Value>, index: usize) -> Option<Vec<Value>> {
    let first = names.get(reference.get("reference")?.as_str()?)?;
    let mut group = vec![with_id(first, &format!("author-{}", index + 1))];
    for member in ["practitioner", "organization"] {
        let target = first.get(member).and_then(|r| r.get("reference")).and_then(Value::as_str).and_then(|r| names.get(r));
        let Some(target) = target else { continue };
        let id = format!("author-{}-{member}", index + 1);
        group.push(with_id(target, &id));
        if let Some(slot) = group.first_mut().and_then(|f| f.get_mut(member)) {
            *slot = json!({"reference": format!("#{id}")});
        }
    }
    Some(group)
}

fn with_id(resource: &Value, id: &str) -> Value {
    let mut value = resource.clone();
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("text");
        members.shift_remove("meta");
        members.insert("id".into(), json!(id));
    }
    value
}

fn relations(composition: &Value) -> Vec<Replacement> {
    let all = composition.get("relatesTo").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|r| Some(Replacement { code: r.get("code")?.as_str()?.to_owned(), target: identifier(r.get("targetIdentifier")?)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({"resourceType": "Bundle", "type": "document", "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}, "timestamp": "2026-05-01T10:00:00+02:00", "entry": [
            {"fullUrl": "urn:uuid:c", "resource": {"resourceType": "Composition", "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]}, "title": "Synthèse", "date": "2026-05-01",
                "subject": {"reference": "urn:uuid:p"}, "author": [{"reference": "urn:uuid:a"}]}},
            {"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient", "id": "p", "identifier": [{"system": "s", "value": "v"}]}},
            {"fullUrl": "urn:uuid:a", "resource": {"resourceType": "Practitioner", "name": [{"family": "MARTIN"}]}},
            {"fullUrl": "https://example.org/fhir/Condition/9", "resource": {"resourceType": "Condition", "id": "9", "subject": {"reference": "urn:uuid:p"}, "asserter": {"reference": "Practitioner/7"}}},
            {"fullUrl": "urn:uuid:o", "resource": {"resourceType": "Observation", "focus": [{"reference": "Condition/9"}]}}
        ]})
    }

    #[test]
    fn the_metadata_of_a_document_come_from_its_composition() {
        let entry = entry_of_document(&document(), "application/fhir+json").unwrap();
        assert_eq!(entry.title.as_deref(), Some("Synthèse"));
        assert_eq!(entry.authors.len(), 1);
        assert!(entry.patient.unwrap().get("id").is_none());
        assert!(entry_of_document(&json!({"type": "collection"}), "x").is_err());
    }

    #[test]
    fn references_inside_a_document_follow_its_resources_and_foreign_ones_do_not_dangle() {
        let found = statements_of_document(&document(), "Patient/1", |kind| !["Composition", "Patient", "Practitioner", "Organization"].contains(&kind));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1["subject"]["reference"], "Patient/1");
        assert!(found[0].1["asserter"].get("reference").is_none());
        assert_eq!(found[1].1["focus"][0]["reference"], "path:Bundle.entry[3]");
    }
}
