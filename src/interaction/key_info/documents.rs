//! The list of documents beside the sections: newest first, as far back as the window goes.

use std::cmp::Reverse;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::wanted::Wanted;
use crate::fhir::time;
use crate::keyinfo::Source;

/// A document of the list.
pub(super) struct Listed<'a> {
    pub source: &'a Source,
    pub new: bool,
}

/// The members of the view.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<'a> {
    documents: Vec<Listed<'a>>,
    /// Of those that the reader may see, whatever the window.
    documents_total: usize,
    /// How far back the list goes, as it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents_window: Option<&'a str>,
}

/// The list; documents that are new are never left out.
pub(super) fn listed<'a>(wanted: &'a Wanted, mut documents: Vec<Listed<'a>>) -> List<'a> {
    let documents_total = documents.len();
    if let Some((_, back_us)) = &wanted.window {
        let from_us = wanted.now_us.saturating_sub(*back_us);
        documents.retain(|d| d.new || time::range(&d.source.date).is_none_or(|r| r.1 >= from_us));
    }
    documents.sort_by_cached_key(|d| order(d.source));
    List { documents, documents_total, documents_window: wanted.window.as_ref().map(|(text, _)| text.as_str()) }
}

/// Newest first, then by title, then by uniqueId: the same on every server.
fn order(source: &Source) -> (Reverse<&str>, &str, &str) {
    (Reverse(&source.date), source.listed.get("title").and_then(Value::as_str).unwrap_or_default(), &source.unique_id)
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.source.listed {
            map.serialize_entry(name, value)?;
        }
        if self.new {
            map.serialize_entry("new", &true)?;
        }
        map.end()
    }
}
