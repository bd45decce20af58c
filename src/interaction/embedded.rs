//! Resources that come with the program: how it reads codes, and its own operations.
//! Spec: FHIR R4 ConceptMap, OperationDefinition.

use std::sync::LazyLock;

use serde_json::Value;

use super::planning::to_bytes;
use super::{Answer, read};
use crate::cda;
use crate::fhir::Result;
use crate::keyinfo;

/// The definitions of our operations that take more than a line.
static OPERATIONS: LazyLock<Vec<Value>> =
    LazyLock::new(|| [include_str!("../../fhir-profiles/operations/key-info.json")].iter().filter_map(|text| serde_json::from_str(text).ok()).collect());

/// Every resource of a type, in the order of their ids.
pub(super) fn of_kind(kind: &str) -> impl Iterator<Item = &'static Value> {
    let (maps, operations): (&[Value], &[Value]) = match kind {
        "ConceptMap" => (keyinfo::concept_maps(), &[]),
        "OperationDefinition" => (&[], &OPERATIONS),
        _ => (&[], &[]),
    };
    let of_documents = (kind == "ConceptMap").then(cda::concept_maps);
    of_documents.into_iter().flatten().chain(maps).chain(operations)
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
