//! Derived resources found in the blocks of their documents.

use serde_json::Value;

use crate::fhir::Result;
use crate::store::{Place, Reader};

/// One derived resource (or Provenance) by its id.
pub(super) fn one(reader: &mut Reader<'_>, kind: &str, id: &str) -> Result<Option<Vec<u8>>> {
    Ok(located(reader, kind, id)?.map(|found| found.1))
}

/// [`one`] with the place of its document.
pub(super) fn located(reader: &mut Reader<'_>, kind: &str, id: &str) -> Result<Option<(Place, Vec<u8>)>> {
    let Some(place) = reader.place(kind, id)? else { return Ok(None) };
    let Some(block) = reader.fact_block(place.record, place.document)? else { return Ok(None) };
    let found = block.provenance.iter().chain(&block.resources).find(|r| is(r, kind, id));
    Ok(found.map(super::planning::to_bytes).transpose()?.map(|bytes| (place, bytes)))
}

/// The derived resources of a type in a record, with the Provenances when the type is Provenance. What a replaced document stated
/// is found through its Provenance and by its id, no longer by a search of the record.
pub(super) fn of_kind(reader: &mut Reader<'_>, record: i64, kind: &str) -> Result<Vec<Value>> {
    let mut out = Vec::new();
    for found in reader.fact_blocks(record)? {
        if kind == "Provenance" {
            out.extend(found.block.provenance.clone());
        } else if !found.superseded {
            out.extend(found.block.resources.iter().filter(|r| r.get("resourceType").and_then(Value::as_str) == Some(kind)).cloned());
        }
    }
    Ok(out)
}

fn is(resource: &Value, kind: &str, id: &str) -> bool {
    resource.get("resourceType").and_then(Value::as_str) == Some(kind) && resource.get("id").and_then(Value::as_str) == Some(id)
}
