//! The facts of a document: one block of JSON with the Provenance and every derived resource.

use serde_json::Value;

use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{FactBlock, Reader};

/// A block, read.
pub(super) struct Block {
    pub document: i64,
    pub provenance: Option<Value>,
    /// Derived resources with id and meta.
    pub resources: Vec<Value>,
}

/// Parses the JSON of a block.
pub(super) fn parse(document: i64, json: &[u8]) -> Result<Block> {
    let mut value: Value =
        serde_json::from_slice(json).map_err(|e| Fault::new(FaultKind::Bug, 240, "stored facts are damaged").because(e))?;
    let provenance = value.get_mut("provenance").map(Value::take).filter(|v| !v.is_null());
    let resources = match value.get_mut("resources").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    Ok(Block { document, provenance, resources })
}

/// One derived resource (or Provenance) by its id.
pub(super) fn one(reader: &mut Reader<'_>, kind: &str, id: &str) -> Result<Option<Vec<u8>>> {
    let Some(place) = reader.place(kind, id)? else { return Ok(None) };
    let Some(json) = reader.fact_block(place.record, place.document)? else { return Ok(None) };
    let block = parse(place.document, &json)?;
    let found = block.provenance.into_iter().chain(block.resources).find(|r| is(r, kind, id));
    found.map(|r| super::planning::to_bytes(&r)).transpose()
}

/// The derived resources of a type in a record, with the Provenances when the type is Provenance.
pub(super) fn of_kind(reader: &mut Reader<'_>, record: i64, kind: &str) -> Result<Vec<Value>> {
    let mut out = Vec::new();
    for FactBlock { document, json, .. } in reader.fact_blocks(record)? {
        let block = parse(document, &json)?;
        if kind == "Provenance" {
            out.extend(block.provenance);
        } else {
            out.extend(block.resources.into_iter().filter(|r| r.get("resourceType").and_then(Value::as_str) == Some(kind)));
        }
    }
    Ok(out)
}

fn is(resource: &Value, kind: &str, id: &str) -> bool {
    resource.get("resourceType").and_then(Value::as_str) == Some(kind) && resource.get("id").and_then(Value::as_str) == Some(id)
}
