//! JSON Patch on status, securityLabel and isArchived.
//!
//! Tolerated: the pointer both French guides print, `/extension[url:'…pdsm-ext-is-archived']/valueBoolean`, which RFC 6901 does
//! not allow, and `replace` of an isArchived that is not there yet.
//! Spec: RFC 6902, RFC 6901; PDSm 3.1.1 flux 03.

use serde_json::Value;

use super::change::{Change, LabelChange, archived, broken, code, coding, concept, concepts, not_offered, status};
use super::json::{items, text};
use super::uris;
use crate::fhir::{Fault, FaultKind, Result};

/// What a pointer names.
enum Place {
    Status,
    Labels,
    LabelEnd,
    Label(usize),
    LabelCoding(usize),
    LabelCode(usize),
    /// system or display of a label: they follow from its code.
    LabelDetail,
    Archived,
    Extensions,
    Extension(usize),
    ExtensionValue(usize),
}

/// The changes of the operations of a JSON Patch.
pub(super) fn changes(operations: &[Value]) -> Result<Vec<Change>> {
    let mut out = Vec::new();
    for (i, operation) in operations.iter().enumerate() {
        let missing = |what: &str| Fault::new(FaultKind::MissingElement, 725, format!("operation {i} has no {what}: RFC 6902 §4"));
        let op = text(operation, "op").ok_or_else(|| missing("op"))?;
        let path = operation.get("path").and_then(Value::as_str).ok_or_else(|| missing("path"))?;
        let place = place(path)?;
        match op {
            "remove" => out.push(removed(&place, path)?),
            "add" | "replace" => {
                let value = operation.get("value").ok_or_else(|| missing("value"))?;
                out.extend(written(&place, path, value, op)?);
            }
            "test" | "move" | "copy" => {
                return Err(Fault::new(FaultKind::MethodNotAllowed, 726, "a metadata update takes add, replace and remove; for a condition send If-Match").at(format!("[{i}].op")));
            }
            _ => return Err(Fault::new(FaultKind::BadValue, 727, format!("operation {i} has an op that RFC 6902 does not know"))),
        }
    }
    Ok(out)
}

fn place(path: &str) -> Result<Place> {
    if let Some(rest) = path.strip_prefix("/extension[") {
        return by_url(rest, path);
    }
    let parts: Vec<String> = path.split('/').skip(1).map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().map_err(|_| not_offered(path));
    Ok(match parts.as_slice() {
        ["status"] => Place::Status,
        ["securityLabel"] => Place::Labels,
        ["securityLabel", "-"] => Place::LabelEnd,
        ["securityLabel", i] => Place::Label(number(i)?),
        ["securityLabel", i, "coding", "0"] => Place::LabelCoding(number(i)?),
        ["securityLabel", i, "coding", "0", "code"] => Place::LabelCode(number(i)?),
        ["securityLabel", i, "coding", "0", "system" | "display"] => number(i).map(|_| Place::LabelDetail)?,
        ["extension"] | ["extension", "-"] => Place::Extensions,
        ["extension", i] => Place::Extension(number(i)?),
        ["extension", i, "valueBoolean"] => Place::ExtensionValue(number(i)?),
        _ => return Err(not_offered(path)),
    })
}

/// `url:'…']/valueBoolean`, whatever stands around the URL.
fn by_url(rest: &str, path: &str) -> Result<Place> {
    let (inside, tail) = rest.rsplit_once(']').ok_or_else(|| not_offered(path))?;
    let url = inside.trim().trim_start_matches("url").trim_start_matches([':', '=', ' ']).trim().trim_matches(['\'', '"']);
    if url.contains("/SearchParameter/") {
        return Err(broken(
            728,
            path,
            "this is the URL of a search parameter; the extension is https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived",
        ));
    }
    match (url == uris::IS_ARCHIVED, tail) {
        (true, "/valueBoolean" | "/value" | "") => Ok(Place::Archived),
        _ => Err(not_offered(path)),
    }
}

fn written(place: &Place, path: &str, value: &Value, op: &str) -> Result<Option<Change>> {
    let at = |i: usize| format!("DocumentReference.securityLabel[{i}]");
    let label = |change: LabelChange| Change::SecurityLabel(change);
    let slot = |index: usize, code: String| label(if op == "add" { LabelChange::Add(code) } else { LabelChange::Slot { index, code } });
    Ok(Some(match *place {
        Place::Status => status(value)?,
        Place::Labels => label(LabelChange::All(concepts(value, "DocumentReference.securityLabel")?)),
        Place::LabelEnd => label(LabelChange::Add(concept(value, "DocumentReference.securityLabel")?)),
        Place::Label(i) => slot(i, concept(value, &at(i))?),
        Place::LabelCoding(i) => label(LabelChange::Slot { index: i, code: coding(value, &at(i))? }),
        Place::LabelCode(i) => label(LabelChange::Slot { index: i, code: code(value.as_str().unwrap_or_default(), &at(i))? }),
        Place::LabelDetail => return Ok(None),
        Place::Archived if value.is_object() => Change::Archived(of_extension(value, path)?),
        Place::Archived => Change::Archived(archived(value, path)?),
        Place::Extensions => Change::Archived(of_extensions(value, path)?),
        Place::Extension(_) if op == "add" => Change::Archived(of_extension(value, path)?),
        Place::Extension(i) => Change::ArchivedAt { index: i, value: of_extension(value, path)? },
        Place::ExtensionValue(i) => Change::ArchivedAt { index: i, value: archived(value, path)? },
    }))
}

fn removed(place: &Place, path: &str) -> Result<Change> {
    Ok(match *place {
        Place::Label(i) => Change::SecurityLabel(LabelChange::RemoveSlot(i)),
        Place::Archived => Change::Archived(false),
        Place::Extension(i) => Change::ArchivedAt { index: i, value: false },
        Place::Status | Place::Labels => return Err(broken(729, path, "status and securityLabel are required: PDSm comprehensive DocumentReference")),
        _ => return Err(not_offered(path)),
    })
}

/// An isArchived extension written as a whole.
fn of_extension(value: &Value, path: &str) -> Result<bool> {
    match text(value, "url") {
        Some(uris::IS_ARCHIVED) => archived(value.get("valueBoolean").unwrap_or(&Value::Null), path),
        Some(url) if url.contains("/SearchParameter/") => Err(broken(734, path, "this is the URL of a search parameter, not of the extension pdsm-ext-is-archived")),
        _ => Err(not_offered(path)),
    }
}

/// `add /extension` and `add /extension/-`: one isArchived, alone or in an array.
fn of_extensions(value: &Value, path: &str) -> Result<bool> {
    match value {
        Value::Array(all) if all.len() == 1 => all.first().map_or_else(|| Err(not_offered(path)), |one| of_extension(one, path)),
        Value::Object(_) if items(value, "extension").is_empty() => of_extension(value, path),
        _ => Err(not_offered(path)),
    }
}
