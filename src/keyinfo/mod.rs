//! What a clinician reads first: facts of many documents made one IPS document, each line with its sources.
//!
//! ```text
//! read   one document, once: what each fact is of, when, where it belongs, by what it is compared      (Contents)
//! merge  all that a reader may see, at each call: which statements are of one thing, what keeps two apart, how a medicine stands
//! tell   each group a line in French, in its section, with who says otherwise
//! weigh  what a line weighs for this reader, and why
//! write  the IPS document, the view model of a screen, titles and quotations
//! language: the French tables, codes with their names, dates and numbers, for all of them
//! ```
//! Whatever depends on more than one document is worked out per call over what this caller may see; nothing merged is kept. The tables are
//! `fhir-profiles/key-information/sections.toml` and `french.toml`.
//! Spec: IPS 2.0.1 Composition-uv-ips, Bundle-uv-ips.

mod language;
mod merge;
mod read;
mod tell;
#[cfg(test)]
mod tests;
mod weigh;
mod write;

use serde_json::{Map, Value};

pub use language::text::{french_text, known_title, title};
pub use read::codes::concept_maps;
pub use read::contents::{Contents, Held};
pub use weigh::profile::{Boost, Profile, Situation};
pub use weigh::profiles::Profiles;
pub use weigh::rank::Asked;
pub use weigh::score::fed;
pub use write::headline::generated_title;
pub use write::quotation::{quotation, quoted_conclusion};
pub use write::view::{is_section, section_keys, view};

/// A document that facts were taken from, as a reader wants it named.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// `DocumentReference/id`
    pub document_reference: String,
    pub title: String,
    pub author: String,
    pub structure: String,
    /// FHIR dateTime of the act: of a stay its end.
    pub date: String,
    /// FHIR dateTime at which it was written, which decides what is said last; "" where that is not known: then the date.
    pub written: String,
    pub type_display: String,
    /// Code of its type.
    pub kind: String,
    pub unique_id: String,
    /// What a list of documents shows of it, for the view model.
    pub listed: Map<String, Value>,
    /// When its DocumentReference last changed, µs UTC; 0 when that is not known.
    pub came_us: i64,
    /// Neither superseded nor archived, as its DocumentReference says.
    pub in_force: bool,
    /// Its author is the patient or somebody of the patient's.
    pub by_patient: bool,
    /// The confidentiality labels of this version of its DocumentReference, as a set.
    pub labels: i32,
}

/// What is known of a patient. Contents and sources hold only what the caller may see.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub held: &'a [Held<'a>],
    pub sources: &'a [&'a Source],
    /// Without a slash at the end.
    pub base_url: &'a str,
    /// FHIR instant.
    pub now: &'a str,
    /// FHIR date of birth, "" when it is not known.
    pub born: &'a str,
    /// Every statement is a line of its own, as its document has it: nothing is merged.
    pub apart: bool,
}

/// What a document Bundle is made from.
pub struct SummaryInput<'a> {
    pub patient: &'a Value,
    pub known: Known<'a>,
    /// How lines are weighed, which then are marked with what they weigh and stand in that order; `None` for the plain summary.
    pub asked: Option<&'a Asked<'a>>,
    /// A new UUID at each call.
    pub new_id: &'a mut dyn FnMut() -> String,
}

/// The patient's key information as an IPS document Bundle.
///
/// One entry per merged line: the newest statement; its repeats are named by `urn:passerelle:merged`, the documents by
/// `urn:passerelle:source`, both on `Composition.section.entry`. Of a series of results the newest value and the one before
/// are entries, older ones are named by `urn:passerelle:earlier`. A denial or a contradicted absence is named by
/// `urn:passerelle:disagreement`; what the profile keeps from section.entry by `urn:passerelle:told` on the section,
/// documents that tell of it in words alone by `urn:passerelle:text-only`.
/// Where lines are weighed, each carries `urn:passerelle:score`, `reason`, `conflict`, `new` and `first-seen`.
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

fn told<T>(input: &mut SummaryInput<'_>, write: impl FnOnce(&write::document::Bundle<'_>) -> T) -> T {
    let known = input.known;
    sections(&known, |context, mut filled| {
        let marks = input.asked.map(|asked| weigh::rank::marks(context, asked, &mut filled)).unwrap_or_default();
        write::bundle::compose(input, context, (&filled, &marks), write)
    })
}

/// The facts of some documents in their sections, each line told.
fn sections<T>(known: &Known<'_>, then: impl FnOnce(&tell::line::Context<'_>, Vec<tell::section::Filled<'_>>) -> T) -> T {
    let Known { held, sources, base_url, now, born, apart } = *known;
    let again = read::contents::read_again(held, base_url);
    let held: Vec<Held<'_>> = held.iter().zip(&again).map(|(h, again)| Held { contents: again.as_ref().unwrap_or(h.contents), ..*h }).collect();
    let facts = read::contents::Facts::new(&held);
    let statements = merge::statement::read(&facts, sources, &read::doubt::Life::new(born, now));
    let groups = merge::group::form(&statements);
    let mut groups = if apart { merge::group::apart(groups) } else { groups };
    let document_urls: Vec<String> = sources.iter().map(|s| format!("{base_url}/{}", s.document_reference)).collect();
    let citations: Vec<tell::citation::Citation> = sources.iter().map(|s| tell::citation::Citation::of(s)).collect();
    let now_us = language::dates::start_us(now).unwrap_or(i64::MAX);
    let done = tell::request::Done::of(&statements);
    let context = tell::line::Context { done: &done, now, now_us, facts: &facts, sources, statements: &statements, citations: &citations, document_urls: &document_urls };
    merge::regimen::settle(&context, &mut groups);
    let filled = tell::section::fill(&context, groups);
    then(&context, filled)
}
