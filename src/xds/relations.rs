//! relatesTo of a DocumentReference.
//! Spec: FHIR R4 DocumentReference.relatesTo; IHE MHD AssociationTypeVsRelatesTo.

use serde_json::Value;

use super::json::{items, read_identifier, text};
use crate::fhir::Identifier;

/// One relation, as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'a> {
    /// Its place in `relatesTo`.
    pub index: usize,
    /// `replaces`, `appends`, `transforms`, `signs`.
    pub code: &'a str,
    /// `DocumentReference/id`, its absolute form, a conditional reference or the fullUrl of an entry.
    pub reference: Option<&'a str>,
    pub identifier: Option<Identifier>,
}

/// The relations of a DocumentReference that have a code and a target.
pub fn relations(reference: &Value) -> Vec<Relation<'_>> {
    items(reference, "relatesTo")
        .iter()
        .enumerate()
        .filter_map(|(index, relation)| Some((index, text(relation, "code")?, relation.get("target")?)))
        .map(|(index, code, target)| Relation { index, code, reference: text(target, "reference"), identifier: target.get("identifier").and_then(read_identifier) })
        .collect()
}
