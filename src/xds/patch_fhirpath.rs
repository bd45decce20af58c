//! FHIRPath Patch (Parameters) on status, securityLabel and isArchived.
//! Spec: FHIR R4 fhirpatch; IHE MHD 4.2 IHE.MHD.Patch.Parameters.

use serde_json::Value;

use super::change::{Change, LabelChange, archived, broken, code, coding, concept, not_offered, status};
use super::confidentiality::label;
use super::json::{items, text};
use super::patch::bounded;
use super::uris;
use crate::fhir::{Fault, FaultKind, Result};

/// One operation, its parts by name.
struct Operation<'a> {
    kind: &'a str,
    /// Without the leading `DocumentReference`.
    path: &'a str,
    name: &'a str,
    /// The part `value` (with its value\[x\] or its parts).
    value: Option<&'a Value>,
}

/// The changes of the operations of a FHIRPath Patch.
pub(super) fn changes(parameters: &Value) -> Result<Vec<Change>> {
    if text(parameters, "resourceType") != Some("Parameters") {
        return Err(Fault::new(FaultKind::RuleBroken, 730, "a FHIRPath Patch is a Parameters resource; a resource as a whole is not a metadata update").at("resourceType"));
    }
    let all = items(parameters, "parameter");
    bounded(all.len())?;
    all.iter()
        .enumerate()
        .map(|(i, parameter)| {
            let at = format!("Parameters.parameter[{i}]");
            if text(parameter, "name") != Some("operation") {
                return Err(broken(731, at, "a parameter of a FHIRPath Patch is named operation"));
            }
            change(&operation(parameter, &at)?, &at)
        })
        .collect()
}

fn operation<'a>(parameter: &'a Value, at: &str) -> Result<Operation<'a>> {
    let part = |name: &str| items(parameter, "part").iter().find(|p| text(p, "name") == Some(name));
    let text_of = |name: &str| part(name).and_then(|p| ["valueCode", "valueString", "valueUri"].iter().find_map(|v| text(p, v)));
    let missing = |what: &str| Fault::new(FaultKind::MissingElement, 732, format!("the operation has no part {what}: FHIR R4 fhirpatch")).at(at);
    let path = text_of("path").ok_or_else(|| missing("path"))?;
    let path = path.strip_prefix("DocumentReference").map_or(path, |rest| rest.trim_start_matches('.'));
    Ok(Operation { kind: text_of("type").ok_or_else(|| missing("type"))?, path, name: text_of("name").unwrap_or_default(), value: part("value") })
}

fn change(operation: &Operation<'_>, at: &str) -> Result<Change> {
    let full = if operation.name.is_empty() { operation.path.to_owned() } else { format!("{}.{}", operation.path, operation.name) };
    let full = full.trim_start_matches('.');
    if !matches!(operation.kind, "add" | "insert" | "delete" | "replace") {
        return Err(not_offered(at));
    }
    if full == "status" {
        return if operation.kind == "delete" { Err(not_offered(at)) } else { status(value_of(operation)) };
    }
    if let Some(rest) = full.strip_prefix("extension") {
        return archive(operation, rest, at);
    }
    match full.strip_prefix("securityLabel") {
        Some(rest) => labels(operation, rest, at).map(Change::SecurityLabel),
        None => Err(not_offered(at)),
    }
}

/// value\[x\] of the part `value`.
fn value_of<'a>(operation: &Operation<'a>) -> &'a Value {
    let members = operation.value.and_then(Value::as_object);
    members.and_then(|m| m.iter().find(|(k, _)| k.starts_with("value")).map(|(_, v)| v)).unwrap_or(&Value::Null)
}

/// `extension('url').value`, `extension.where(url='url').value`, `extension[0].valueBoolean`, or `extension` with its parts.
fn archive(operation: &Operation<'_>, rest: &str, at: &str) -> Result<Change> {
    let value = || archived(value_of(operation), at);
    if let Some(index) = slot(rest) {
        let value = if operation.kind == "delete" { false } else { value()? };
        return Ok(Change::ArchivedAt { index, value });
    }
    if rest.is_empty() {
        let part = |name: &str| operation.value.and_then(|v| items(v, "part").iter().find(|p| text(p, "name") == Some(name)));
        let url = part("url").and_then(|p| text(p, "valueUri").or_else(|| text(p, "valueString")));
        let flag = part("value").or_else(|| part("valueBoolean")).and_then(|p| p.as_object()?.iter().find(|(k, _)| k.starts_with("value")).map(|(_, v)| v));
        return match url {
            Some(uris::IS_ARCHIVED) => archived(flag.unwrap_or(&Value::Null), at).map(Change::Archived),
            _ => Err(not_offered(at)),
        };
    }
    let quoted = quoted(rest);
    if quoted.iter().any(|q| q.contains("/SearchParameter/")) {
        return Err(broken(733, at, "this is the URL of a search parameter, not of the extension pdsm-ext-is-archived"));
    }
    match (quoted.as_slice(), operation.kind) {
        ([uris::IS_ARCHIVED], "delete") => Ok(Change::Archived(false)),
        ([uris::IS_ARCHIVED], _) => value().map(Change::Archived),
        _ => Err(not_offered(at)),
    }
}

/// What follows `securityLabel` in the path says which label is meant.
fn labels(operation: &Operation<'_>, rest: &str, at: &str) -> Result<LabelChange> {
    let value = value_of(operation);
    let one = || match value {
        Value::String(text) => code(text, at),
        _ if value.get("coding").is_some() => concept(value, at),
        _ => coding(value, at),
    };
    let named: Vec<&str> = quoted(rest).into_iter().filter(|q| label(q).is_some()).collect();
    match (operation.kind, slot(rest), named.as_slice()) {
        ("add" | "insert", None, []) if rest.is_empty() => Ok(LabelChange::Add(one()?)),
        ("replace", None, []) if rest.is_empty() => Ok(LabelChange::All(vec![one()?])),
        ("replace", Some(index), []) if is_whole(rest) => Ok(LabelChange::Slot { index, code: one()? }),
        ("delete", Some(index), []) if !rest.contains('.') => Ok(LabelChange::RemoveSlot(index)),
        ("delete", None, [code]) => Ok(LabelChange::Remove((*code).to_owned())),
        _ => Err(not_offered(at)),
    }
}

/// `[3]` at the start.
fn slot(rest: &str) -> Option<usize> {
    rest.strip_prefix('[')?.split(']').next()?.trim().parse().ok()
}

/// Whether a path below a slot names the label as such: the concept, its only coding, or the code of it.
fn is_whole(rest: &str) -> bool {
    matches!(rest.split_once(']'), Some((_, "" | ".coding" | ".coding[0]" | ".coding[0].code" | ".coding.code")))
}

/// The texts between single quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).collect()
}
