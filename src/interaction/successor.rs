//! A document that comes after the one it was replaced by: the order of deposits decides nothing.
//! Spec: IHE MHD 4.2, AssociationTypeVsRelatesTo; IHE ITI TF-3 4.2.2.2.1 (RPLC: what is replaced is deprecated).

use super::registry::registry;
use super::{Call, document, feeding};
use crate::access::{Situation, labels};
use crate::fhir::splice::{self, Edit};
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result};
use crate::store::{Condition, DocumentRow, Query, Reader, Sort};

/// The document of a record that was deposited as the replacement of this uniqueId before it came, by somebody who may replace it: the caller
/// himself. Of another's a warning tells that both stay current.
///
/// # Errors
/// `Bug` or `Busy` from the database.
pub(super) fn successor(call: &Call, reader: &mut Reader<'_>, record: i64, unique: &Identifier, warnings: &mut Vec<Issue>) -> Result<Option<DocumentRow>> {
    let Some(param) = registry().indexed("DocumentReference", "relatesto:replaces").map(|row| row.number) else { return Ok(None) };
    let named = (unique.system.clone(), unique.value.clone());
    let query = Query {
        kind: "DocumentReference".into(),
        record: Some(record),
        conditions: vec![Condition::Token { param, any: vec![named], negated: false }],
        sort: Sort::LastUpdatedDown,
        count: 1,
        after: None,
        commit: reader.commit(),
    };
    let Some(found) = reader.search(&query)?.rows.into_iter().next() else { return Ok(None) };
    let Some(row) = reader.document(found.document)? else { return Ok(None) };
    if feeding::author(call, reader, row.number, Situation::ReplaceByNonAuthor).is_ok() {
        return Ok(Some(row));
    }
    let why = "a document that somebody else deposited says that it replaces this one; both stay current";
    warnings.push(Issue::warning(IssueType::BusinessRule, "DocumentReference.status", why));
    Ok(None)
}

/// A DocumentReference (its bytes) as it stands behind its successor: superseded, and kept from whom that one is kept from. Everything else
/// stays byte for byte.
///
/// # Errors
/// `Bug` when it has no status.
pub(super) fn behind(bytes: Vec<u8>, successor: Option<&DocumentRow>) -> Result<Vec<u8>> {
    let Some(row) = successor else { return Ok(bytes) };
    let node = crate::fhir::gate::parse(&bytes)?;
    let status = node.get("status").ok_or_else(|| Fault::new(FaultKind::Bug, 892, "a DocumentReference has no status"))?;
    let bytes = splice::apply(&bytes, vec![Edit { start: status.start, end: status.end, text: "\"superseded\"".into() }]);
    document::labelled(bytes, row.labels & labels::VISIBILITY)
}
