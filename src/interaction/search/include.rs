//! `_include`.
//! Spec: FHIR R4 search#include.

use std::collections::HashSet;

use serde_json::Value;

use super::Entry;
use crate::fhir::search::{ParamType, SearchValue, values};
use crate::fhir::{Fault, FaultKind, Result};
use crate::interaction::registry::ResourceRow;
use crate::interaction::{App, Call, facts, read as reads};
use crate::store::Reader;

/// Included resources of one page.
const MAX_INCLUDED: usize = 5000;

/// One `_include`: the elements whose references are followed, to one type of target or to all.
#[derive(Debug)]
pub(super) struct Include {
    paths: Vec<String>,
    /// Elements of what was included that are followed in their turn.
    further: Vec<String>,
    target: Option<String>,
}

/// `Type:parameter` and `Type:parameter:Target` of the type searched; `None` when there is no such include.
pub(super) fn read(row: &ResourceRow, text: &str) -> Option<Include> {
    let mut parts = text.split(':');
    let (kind, code, target) = (parts.next()?, parts.next()?, parts.next().map(str::to_owned));
    if kind != row.kind {
        return None;
    }
    let paths = match (kind, code) {
        ("List", "item") => vec!["entry.item".into()],
        ("DocumentReference", "relatesto") => vec!["relatesTo.target".into()],
        ("DocumentReference" | "List", "patient" | "subject") => vec!["subject".into()],
        _ => row.parameter(code).filter(|p| p.kind == ParamType::Reference).map(|p| p.path.clone())?,
    };
    // A submission is understood with what its documents replace, whenever that came: one round trip tells both.
    // Spec: FHIR R4 search#include (relevant further resources); PDSM4DMP, détection des nouveaux documents.
    let further = if (kind, code) == ("List", "item") { vec!["relatesTo.target".into()] } else { Vec::new() };
    Some(Include { paths, further, target })
}

/// The values of `_include` that a type offers, for the CapabilityStatement.
pub(super) fn offered(row: &ResourceRow) -> Vec<String> {
    let own = row.parameter.iter().filter(|p| p.kind == ParamType::Reference).map(|p| p.code.as_str());
    let codes = ["item", "relatesto", "patient", "subject"].into_iter().filter(|_| row.search.is_some()).chain(own);
    codes.map(|code| format!("{}:{code}", row.kind)).filter(|text| read(row, text).is_some()).collect()
}

/// Resources that the matches point at, as far as the caller may see them.
pub(super) fn run(call: &Call, reader: &mut Reader<'_>, includes: &[Include], matches: &[Entry]) -> Result<Vec<Entry>> {
    let mut found = Included { entries: Vec::new(), seen: matches.iter().map(|e| (e.kind.clone(), e.id.clone())).collect() };
    for include in includes {
        let from = found.entries.len();
        for entry in matches {
            found.add(call, reader, &targets(entry, &include.paths, include.target.as_deref())?)?;
        }
        if !include.further.is_empty() {
            let next = found.entries.get(from..).unwrap_or_default().iter().map(|e| targets(e, &include.further, include.target.as_deref())).collect::<Result<Vec<_>>>()?;
            found.add(call, reader, &next.concat())?;
        }
    }
    Ok(found.entries)
}

/// Type and id of what a resource refers to in some elements.
fn targets(entry: &Entry, paths: &[String], kind: Option<&str>) -> Result<Vec<(String, String)>> {
    let resource: Value = serde_json::from_slice(&entry.bytes).map_err(|e| Fault::new(FaultKind::Bug, 260, "a stored resource is damaged").because(e))?;
    let references = values(&resource, ParamType::Reference, paths).into_iter().filter_map(|value| match value {
        SearchValue::Reference(target) => target.split_once('/').map(|(kind, id)| (kind.to_owned(), id.to_owned())),
        _ => None,
    });
    Ok(references.filter(|(k, _)| kind.is_none_or(|kind| kind == k)).collect())
}

/// What is included so far.
struct Included {
    entries: Vec<Entry>,
    /// The matches, and what was looked for already.
    seen: HashSet<(String, String)>,
}

impl Included {
    fn add(&mut self, call: &Call, reader: &mut Reader<'_>, targets: &[(String, String)]) -> Result<()> {
        for (kind, id) in targets {
            if !self.seen.insert((kind.clone(), id.clone())) {
                continue;
            }
            if self.entries.len() >= MAX_INCLUDED {
                return Err(Fault::new(FaultKind::TooCostly, 262, format!("the page would include more than {MAX_INCLUDED} resources; ask for fewer per page")).at("_include"));
            }
            if let Some((record, bytes)) = included(reader, kind, id)? {
                // Of whomever it is: their trail and their notices too.
                call.in_record(record);
                self.entries.push(Entry { kind: kind.clone(), id: id.clone(), bytes });
            }
        }
        Ok(())
    }
}

fn included(reader: &mut Reader<'_>, kind: &str, id: &str) -> Result<Option<(i64, Vec<u8>)>> {
    let found = if id.starts_with(App::DERIVED) {
        facts::located(reader, kind, id).map(|found| found.map(|(place, bytes)| (place.record, bytes)))
    } else {
        reads::one(reader, kind, id, None).map(|one| match one {
            reads::One::Stored(found) if !found.row.deleted => Some((found.row.record, found.body)),
            _ => None,
        })
    };
    match found {
        // What a page refers to in a record that is not open to the caller is left out like what is hidden.
        Err(e) if matches!(e.kind, FaultKind::NotFound | FaultKind::Forbidden) => Ok(None),
        other => other,
    }
}
