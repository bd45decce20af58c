//! What a clinician reads first: facts of many documents made one IPS document, each line with its sources.
//!
//! ```text
//! facts ─ statement (left out? against? absence? doubted?) ─ identity (codes) ─ group (repeats merged) ─ regimen (medicines)
//!       ─ section (table) ─ line (French) ─ Bundle or view
//! ```
//! Everything is worked out per call over what this caller may see; nothing merged is kept. The tables are
//! `fhir-profiles/key-information/sections.toml` and `french.toml`.
//! Spec: IPS 2.0.1 Composition-uv-ips, Bundle-uv-ips.

mod analyte;
mod apart;
mod bundle;
mod citation;
mod codes;
mod concept;
mod course;
mod dates;
mod document;
mod doubt;
mod french;
mod group;
mod headline;
mod identity;
mod line;
mod medication;
#[cfg(test)]
mod merge_tests;
mod moments;
mod narrative;
mod numbers;
mod observation;
mod product;
mod profile;
mod quotation;
mod references;
mod regimen;
#[cfg(test)]
mod regimen_tests;
mod remark;
mod report;
mod score;
mod section;
mod series;
mod statement;
mod supply;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod trend;
mod units;
mod view;
mod words;

use std::borrow::Cow;

use serde_json::Value;

pub use headline::generated_title;
pub use profile::{Profile, profile, profiles};
pub use quotation::{quotation, quoted_conclusion};
pub use score::fed;
pub use text::{french_text, known_title, title};
pub use view::{Asked, is_section, view};

/// A document that facts were taken from, as a reader wants it named.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// `DocumentReference/id`
    pub document_reference: String,
    pub title: String,
    pub author: String,
    pub structure: String,
    /// FHIR dateTime of the act.
    pub date: String,
    pub type_display: String,
    /// Code of its type.
    pub kind: String,
    /// What a list of documents shows of it, for the view model.
    pub listed: std::sync::Arc<Value>,
    /// When its DocumentReference last changed, µs UTC; 0 when that is not known.
    pub came_us: i64,
}

/// A resource that says something of the patient.
#[derive(Debug, Clone)]
pub struct Fact<'a> {
    pub resource: Cow<'a, Value>,
    /// Index into [`SummaryInput::sources`]; `None` when a client wrote the resource itself.
    pub source: Option<usize>,
    /// Absolute.
    pub full_url: String,
}

/// What a summary is made from. Facts and sources hold only what the caller may see.
pub struct SummaryInput<'a> {
    pub patient: &'a Value,
    pub facts: &'a [Fact<'a>],
    pub sources: &'a [Source],
    /// Without a slash at the end.
    pub base_url: &'a str,
    /// FHIR instant.
    pub now: &'a str,
    /// A new UUID at each call.
    pub new_id: &'a mut dyn FnMut() -> String,
}

/// The patient's key information as an IPS document Bundle.
///
/// One entry per merged line: the newest statement; its repeats are named by `urn:passerelle:merged`, the documents by
/// `urn:passerelle:source`, both on `Composition.section.entry`. Of a series of results the newest value and the one before
/// are entries, older ones are named by `urn:passerelle:earlier`. A denial or a contradicted absence is named by
/// `urn:passerelle:disagreement`; what the profile keeps from section.entry by `urn:passerelle:told` on the section.
/// A document has its display where it is first named. [`summary_bytes`] writes the same without copying the facts.
/// Spec: IPS 2.0.1 OperationDefinition/summary.
pub fn summary(input: &mut SummaryInput<'_>) -> Value {
    // Names are unique and every value is JSON: writing cannot fail.
    told(input, |bundle| serde_json::to_value(bundle).unwrap_or_default())
}

/// Usual length of an entry with its line and sources.
const ENTRY_BYTES: usize = 2_000;

/// The same Bundle as JSON, written from the facts without a copy of them: what an answer needs.
pub fn summary_bytes(input: &mut SummaryInput<'_>) -> Vec<u8> {
    told(input, |bundle| {
        let mut out = Vec::with_capacity(bundle.entry.len() * ENTRY_BYTES);
        match serde_json::to_writer(&mut out, bundle) {
            Ok(()) => out,
            Err(_) => Vec::new(),
        }
    })
}

fn told<T>(input: &mut SummaryInput<'_>, write: impl FnOnce(&document::Bundle<'_>) -> T) -> T {
    let (facts, documents, base_url, now) = (input.facts, input.sources, input.base_url, input.now);
    let born = concept::text(input.patient, "/birthDate");
    sections(facts, documents, base_url, (now, born), |context, filled| bundle::compose(input, context, &filled, write))
}

/// The facts of some documents in their sections, each line told. `now` is an instant, `born` a date or "".
fn sections<T>(facts: &[Fact<'_>], sources: &[Source], base_url: &str, (now, born): (&str, &str), then: impl FnOnce(&line::Context<'_>, Vec<section::Filled>) -> T) -> T {
    let index = concept::Index::new(facts, base_url);
    let statements = statement::read(facts, sources, &index, &doubt::Life::new(born, now));
    let mut groups = group::form(facts, sources, &index, &statements);
    let document_urls: Vec<String> = sources.iter().map(|s| format!("{base_url}/{}", s.document_reference)).collect();
    let citations: Vec<citation::Citation> = sources.iter().map(citation::Citation::of).collect();
    let now_us = dates::start_us(now).unwrap_or(i64::MAX);
    let context = line::Context { now, now_us, index: &index, facts, sources, statements: &statements, citations: &citations, document_urls: &document_urls };
    regimen::settle(&context, &mut groups);
    let filled = section::fill(&context, groups);
    then(&context, filled)
}
