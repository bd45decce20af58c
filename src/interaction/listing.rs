//! A document as a list shows it, from its DocumentReference.

use serde_json::{Map, Value, json};

use super::document::GENERATED_TITLE;
use super::summary::person_name;
use crate::fhir::{classification, time};

/// Members of the view model of key information for one document that came at `came_us`; what moves with the reader (`new`) is added by
/// who lists it.
pub(super) fn of(reference: &Value, came_us: i64) -> Map<String, Value> {
    let text = |path: &str| reference.pointer(path).and_then(Value::as_str).unwrap_or("");
    let contained = |kind: &str| reference.get("contained").and_then(Value::as_array).into_iter().flatten().find(|c| c.get("resourceType").and_then(Value::as_str) == Some(kind));
    let given = text("/content/0/attachment/title");
    let code = text("/type/coding/0/code");
    let known = classification::types().find(|(c, ..)| *c == code).map(|t| t.2).filter(|name| !name.is_empty());
    let speciality =
        contained("PractitionerRole").and_then(|r| ["/specialty/0/coding/0/display", "/code/0/coding/0/display"].iter().find_map(|p| r.pointer(p)?.as_str())).unwrap_or("");
    let author = contained("Practitioner").and_then(|p| p.get("name")?.get(0)).map(person_name).unwrap_or_default();
    let structure = contained("Organization").and_then(|o| o.get("name")?.as_str()).unwrap_or("");
    let date = date(reference);
    let mut out = Map::new();
    out.insert("id".into(), json!(format!("DocumentReference/{}", text("/id"))));
    out.insert("title".into(), json!(generated(reference).unwrap_or(if given.is_empty() { "Document sans titre" } else { given })));
    let more = [
        ("given", given),
        ("type", known.unwrap_or(text("/type/coding/0/display"))),
        ("class", text("/category/0/coding/0/display")),
        ("speciality", speciality),
        ("author", &author),
        ("structure", structure),
        ("date", date),
    ];
    out.extend(more.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), json!(v))));
    if text("/content/0/attachment/contentType") == "application/pdf" {
        out.insert("pdf".into(), json!(true));
    }
    out.insert("identifiers".into(), identifiers(reference));
    out.insert("deposited".into(), json!(time::instant(came_us)));
    out
}

/// The date that a list shows of a document.
pub(super) fn date(reference: &Value) -> &str {
    let text = |path: &str| reference.pointer(path).and_then(Value::as_str).filter(|t| !t.is_empty());
    let act = time::of_the_act(text("/context/period/start"), text("/context/period/end"), text("/content/0/attachment/creation"));
    act.or_else(|| text("/date")).unwrap_or("")
}

fn generated(reference: &Value) -> Option<&str> {
    let all = reference.get("extension")?.as_array()?;
    all.iter().find(|e| e.get("url").and_then(Value::as_str) == Some(GENERATED_TITLE))?.get("valueString")?.as_str()
}

/// The uniqueId of a DocumentReference, "" without one.
pub(super) fn unique_id(reference: &Value) -> &str {
    reference.pointer("/masterIdentifier/value").and_then(Value::as_str).unwrap_or_default()
}

/// The entryUUID of a DocumentReference.
pub(super) fn entry_uuid(reference: &Value) -> Option<&str> {
    reference.get("identifier").and_then(Value::as_array).into_iter().flatten().filter_map(|i| i.get("value")?.as_str()).find(|v| v.starts_with("urn:uuid:"))
}

/// The three that a local record keeps: uniqueId, entryUUID, and the id here.
fn identifiers(reference: &Value) -> Value {
    let text = |path: &str| reference.pointer(path).and_then(Value::as_str);
    let mut out = Map::new();
    out.extend(text("/masterIdentifier/value").map(|v| ("uniqueId".to_owned(), json!(v))));
    out.extend(entry_uuid(reference).map(|v| ("entryUuid".to_owned(), json!(v))));
    out.extend(text("/id").map(|v| ("logicalId".to_owned(), json!(v))));
    Value::Object(out)
}
