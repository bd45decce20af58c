//! The list of documents beside the sections: newest first, as far back as the window goes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::{App, summary};
use super::wanted::Wanted;
use crate::fhir::{Result, time};
use crate::keyinfo::Source;
use crate::store::Reader;

/// Documents of a record that are listed.
const MAX_DOCUMENTS: i64 = 5_000;

/// A document of the list.
pub(super) struct Listed<'a> {
    pub source: &'a Source,
    pub new: bool,
}

/// The documents of a record that are in force, as of the moment that the reader went back to.
pub(super) fn of_record(app: &App, reader: &mut Reader<'_>, record: i64) -> Result<Vec<(i64, Arc<Source>)>> {
    let mut out = Vec::new();
    for row in reader.references(record, MAX_DOCUMENTS)? {
        let number = row.document;
        let source = summary::source_of(app, reader, row)?;
        if source.in_force {
            out.push((number, source));
        }
    }
    Ok(out)
}

/// The members of the view: those that are new are never left out.
pub(super) fn listed(wanted: &Wanted, mut documents: Vec<Listed<'_>>) -> Map<String, Value> {
    let total = documents.len();
    if let Some((_, back_us)) = &wanted.window {
        let from_us = wanted.now_us.saturating_sub(*back_us);
        documents.retain(|d| d.new || time::range(&d.source.date).is_none_or(|r| r.1 >= from_us));
    }
    let name = |s: &Source, path: &str| s.listed.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    documents.sort_by_cached_key(|d| (std::cmp::Reverse(d.source.date.clone()), name(d.source, "/title"), name(d.source, "/identifiers/uniqueId")));
    let all: Vec<Value> = documents.into_iter().map(shown).collect();
    let mut out = Map::new();
    out.insert("documents".into(), Value::Array(all));
    out.insert("documentsTotal".into(), json!(total));
    out.extend(wanted.window.as_ref().map(|(text, _)| ("documentsWindow".to_owned(), json!(text))));
    out
}

fn shown(document: Listed<'_>) -> Value {
    let mut one = Value::clone(&document.source.listed);
    if let Some(members) = one.as_object_mut() {
        members.insert("deposited".into(), json!(time::instant(document.source.came_us)));
        if document.new {
            members.insert("new".into(), json!(true));
        }
    }
    one
}
