//! Resources that come with the program: how it reads codes.
//! Spec: FHIR R4 ConceptMap.

use serde_json::Value;

use super::planning::to_bytes;
use super::{Answer, read};
use crate::cda;
use crate::fhir::Result;

/// Every resource of a type, in the order of their ids.
pub(super) fn of_kind(kind: &str) -> impl Iterator<Item = &'static Value> {
    let maps = (kind == "ConceptMap").then(cda::concept_maps);
    maps.into_iter().flatten()
}

/// GET [type]/[id]
pub(super) fn one(kind: &str, id: &str) -> Result<Answer> {
    let found = of_kind(kind).find(|map| id_of(map) == Some(id)).ok_or_else(read::not_here)?;
    Ok(Answer::resource(to_bytes(found)?))
}

/// The id of a resource.
pub(super) fn id_of(resource: &Value) -> Option<&str> {
    resource.get("id").and_then(Value::as_str)
}
