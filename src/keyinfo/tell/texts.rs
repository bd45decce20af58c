//! What documents say of a section in words alone: named with its place, never made a fact; some of it quoted.
//! Spec: `fhir-profiles/key-information/texts.toml`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::citation;
use super::line::Context;
use crate::fhir::SectionText;
use crate::keyinfo::language::dates;
use crate::keyinfo::language::words::fold;

static TABLE: LazyLock<Table> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/texts.toml")).unwrap_or_default());

/// Documents named in a sentence; more are counted.
const MAX_NAMED: usize = 3;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    silent: Vec<String>,
    text: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    #[serde(default)]
    titles: Vec<String>,
    codes: Vec<String>,
    sections: Vec<String>,
    #[serde(default)]
    quoted: bool,
    #[expect(dead_code, reason = "for the reader of the table")]
    spec: String,
}

/// Words of a section of one or more documents.
pub struct Told<'a> {
    /// What is told is the words themselves.
    pub quoted: bool,
    pub text: &'a SectionText,
    /// The places of its documents among the sources, with the text of each; the newest first.
    pub sources: Vec<(usize, &'a SectionText)>,
}

/// Words of a section of a document, with its row.
pub struct Found<'a> {
    source: usize,
    text: &'a SectionText,
    row: &'static Row,
}

/// Everything that the documents say in words alone and that some section is told by, the newest document first.
pub fn read<'a>(context: &Context<'a>) -> Vec<Found<'a>> {
    let held = context.facts.held().filter_map(|(held, _)| Some((held.source?, held.contents.texts)));
    let mut out: Vec<Found<'a>> = held.flat_map(|(source, texts)| texts.iter().filter_map(move |text| Some(Found { source, text, row: row(text)? }))).collect();
    out.sort_by_cached_key(|found| {
        let named = context.sources.get(found.source).map(|s| (Reverse(dates::start_us(&s.date)), s.title.clone(), s.author.clone(), s.unique_id.clone()));
        // The same on every server: never by an address.
        (named, found.text.words.clone(), found.text.anchor.clone())
    });
    out
}

/// What of it is told by a section; of a document once, but for what is quoted: the same words are told once for all their documents.
pub fn of<'a>(found: &[Found<'a>], key: &str) -> Vec<Told<'a>> {
    let mut out: Vec<Told<'a>> = Vec::new();
    let mut places: HashMap<(Option<usize>, String), usize> = HashMap::new();
    for Found { source, text, row } in found.iter().filter(|f| f.row.sections.iter().any(|k| k == key)) {
        let same = if row.quoted { (None, fold(&text.words)) } else { (Some(*source), String::new()) };
        let place = *places.entry(same).or_insert(out.len());
        match out.get_mut(place) {
            Some(known) if !known.names(*source) => known.sources.push((*source, text)),
            Some(_) => {}
            None => out.push(Told { quoted: row.quoted, text, sources: vec![(*source, text)] }),
        }
    }
    out
}

/// The row of a text; `None` for one of a section that the summary has none for, and for words that say nothing.
fn row(text: &SectionText) -> Option<&'static Row> {
    let words = fold(&text.words);
    if TABLE.silent.contains(&words) {
        return None;
    }
    let title = fold(&text.title);
    let titled = TABLE.text.iter().find(|r| r.titles.iter().any(|t| title.starts_with(t.as_str())));
    titled.or_else(|| TABLE.text.iter().find(|r| r.codes.contains(&text.code)))
}

impl Told<'_> {
    fn names(&self, source: usize) -> bool {
        self.sources.iter().any(|(at, _)| *at == source)
    }

    /// ` : « … »`
    pub fn quotation(&self) -> String {
        format!(" : « {} »", self.text.words)
    }

    /// Its title, else what its kind is called.
    pub fn label(&self) -> &str {
        if self.text.title.is_empty() { "Points de vigilance" } else { &self.text.title }
    }

    /// Its documents, as lines name them.
    pub fn named(&self, context: &Context<'_>) -> String {
        named(context, self.sources.iter().map(|(at, _)| *at))
    }
}

/// `En texte seul dans : Synthèse médicale, Dr Claire Martin, 12/09/2026`; "" when nothing is, but for what is quoted. `beside`: lines
/// stand in the section, or an absence.
pub fn sentence(context: &Context<'_>, texts: &[Told<'_>], beside: bool) -> String {
    let documents: Vec<usize> = texts.iter().filter(|t| !t.quoted).flat_map(|t| &t.sources).map(|(at, _)| *at).collect();
    match (documents.is_empty(), beside) {
        (true, _) => String::new(),
        (false, true) => format!("Aussi en texte seul dans : {}.", named(context, documents.into_iter())),
        (false, false) => format!("En texte seul dans : {}.", named(context, documents.into_iter())),
    }
}

fn named(context: &Context<'_>, documents: impl Iterator<Item = usize>) -> String {
    let mut all: Vec<String> = documents.filter_map(|at| context.citations.get(at)).map(|c: &citation::Citation| c.told(&[])).collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    all.truncate(MAX_NAMED);
    if more > 0 {
        all.push(format!("et {}", dates::plural(i64::try_from(more).unwrap_or(i64::MAX), "autre")));
    }
    all.join(" ; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyinfo::language::tables::SECTIONS;

    #[test]
    fn every_row_names_sections_that_there_are_in_folded_words() {
        assert!(TABLE.text.len() > 15);
        for row in &TABLE.text {
            assert!(row.sections.iter().all(|key| SECTIONS.section.iter().any(|s| s.key == *key)), "{row:?}");
            assert!(row.titles.iter().all(|t| *t == fold(t)), "{row:?}");
        }
        assert!(TABLE.silent.iter().all(|w| *w == fold(w)));
    }
}
