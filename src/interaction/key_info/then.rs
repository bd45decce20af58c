//! What the labels of an earlier day kept from this reader: it was not shown then, so it is not shown as of then.

use std::collections::HashSet;

use super::super::Call;
use super::super::summary::Gathered;
use crate::access::{DocumentFacts, document_right, labels};
use crate::fhir::Result;
use crate::store::Reader;

/// Numbers of the documents whose labels at a moment (µs UTC) hid them from this caller.
pub(super) fn hidden(call: &Call, reader: &mut Reader<'_>, gathered: &Gathered, own: &HashSet<i64>, at_us: i64) -> Result<HashSet<i64>> {
    let mut out = HashSet::new();
    for (number, source) in gathered.sources().filter(|(_, s)| s.labels & labels::VISIBILITY != 0) {
        let id = source.document_reference.rsplit('/').next().unwrap_or_default();
        let seen = match call.visibility.rules() {
            None => source.labels & labels::MASQUE_PS == 0 || own.contains(&number),
            Some(rules) => match (reader.decided_facts("DocumentReference", id)?, reader.right(gathered.record)?) {
                (Some((_, facts)), Some(right)) => {
                    let document = DocumentFacts {
                        labels: source.labels,
                        mine: facts.mine,
                        type_code: &facts.type_code,
                        class_code: &facts.class_code,
                        visible_from_us: facts.visible_from_us,
                        deleted: facts.deleted,
                    };
                    document_right(&rules.actor, &rules.matrix, &right, &document, at_us).allowed
                }
                _ => false,
            },
        };
        if !seen {
            out.insert(number);
        }
    }
    Ok(out)
}
