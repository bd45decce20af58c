//! Documents as lines and references name them.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

use super::line::Context;
use crate::keyinfo::Source;
use crate::keyinfo::language::concept::text;
use crate::keyinfo::language::dates;
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::write::document::{Extension, Reference};

/// Documents named in one line; more are counted (`Composition.section.entry` names all).
const MAX_NAMED: usize = 3;

/// On `Composition.section.entry`: the document that the entry was taken from.
const SOURCE: &str = "urn:passerelle:source";

/// A document as lines name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    pub title: String,
    pub author: String,
    /// French date.
    pub date: String,
}

impl Citation {
    /// Of each source.
    pub fn of(source: &Source) -> Self {
        Self { title: first(&[&source.title, &source.type_display]), author: first(&[&source.author, &source.structure]), date: dates::french(&source.date) }
    }

    /// With the dates of other documents of the same title and author: `…, 15/09/2026 et 10/03/2026`.
    pub fn told(&self, others: &[String]) -> String {
        let mut days: Vec<&str> = std::iter::once(&self.date).chain(others).map(String::as_str).filter(|d| !d.is_empty()).collect();
        days.dedup();
        let days = match days.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [all @ .., last] => format!("{} et {last}", all.join(", ")),
        };
        [self.title.as_str(), &self.author, &days].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

fn first(texts: &[&str]) -> String {
    texts.iter().map(|t| t.trim()).find(|t| !t.is_empty()).unwrap_or("").to_owned()
}

pub fn recorded(resource: &Value) -> &str {
    ["/recordedDate", "/dateAsserted", "/authoredOn", "/recorded", "/issued", "/meta/lastUpdated"].iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).unwrap_or("")
}

/// The documents of a group: the newest few named, the others counted; one author's documents of one title share their name.
pub fn sources(context: &Context<'_>, group: &Group) -> String {
    let mut named: Vec<(Cow<'_, Citation>, Vec<String>)> = Vec::new();
    let mut seen: HashSet<Option<usize>> = HashSet::new();
    let (mut documents, mut more) = (0, 0);
    for statement in group.affirming().chain(group.previous).filter_map(|at| context.statement(at)) {
        if statement.source.is_some() && !seen.insert(statement.source) {
            continue;
        }
        documents += 1;
        if documents > MAX_NAMED {
            more += 1;
            continue;
        }
        let citation = context.citation(statement);
        match named.iter_mut().find(|(known, _)| known.title == citation.title && known.author == citation.author) {
            Some((_, days)) => days.push(citation.date.clone()),
            None => named.push((citation, Vec::new())),
        }
    }
    let mut out: Vec<String> = named.iter().map(|(citation, days)| citation.told(days)).collect();
    if more > 0 {
        out.push(format!("et {}", dates::plural(more, "autre")));
    }
    out.join(" ; ")
}

/// The documents as extensions name them: by reference, with a display where each is named first.
pub struct Named<'a> {
    sources: &'a [&'a Source],
    told: Vec<bool>,
}

impl<'a> Named<'a> {
    pub fn new(sources: &'a [&'a Source]) -> Self {
        Self { sources, told: vec![false; sources.len()] }
    }

    /// The document of a statement.
    pub fn source(&mut self, context: &'a Context<'a>, at: usize) -> Option<Extension<'a>> {
        self.one(context, context.statement(at)?.source?)
    }

    /// Every document of a group, once.
    pub fn distinct(&mut self, context: &'a Context<'a>, group: &Group, out: &mut Vec<Extension<'a>>) {
        let mut seen: HashSet<usize> = HashSet::new();
        for source in group.affirming().filter_map(|at| context.statement(at)?.source) {
            if seen.insert(source) {
                out.extend(self.one(context, source));
            }
        }
    }

    fn one(&mut self, context: &'a Context<'a>, source: usize) -> Option<Extension<'a>> {
        Some(Extension::reference(SOURCE, self.document(context, source)?))
    }

    /// A reference to a document.
    pub fn document(&mut self, context: &'a Context<'a>, source: usize) -> Option<Reference<'a>> {
        let mut reference = Reference::to(context.document_urls.get(source)?.as_str());
        if let Some(told) = self.told.get_mut(source).filter(|told| !**told) {
            *told = true;
            reference.display = Cow::Owned(self.sources.get(source).map(|s| display(s)).unwrap_or_default());
        }
        Some(reference)
    }
}

/// `Compte rendu de biologie — Dr Paul Roche — 14/03/2026`.
fn display(source: &Source) -> String {
    let Citation { title, author, date } = Citation::of(source);
    [title, author, date].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" — ")
}
