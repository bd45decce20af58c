//! What one document states, read once: a document never changes, and nothing here depends on who reads it or on other documents.

use serde_json::Value;

use super::stated::{self, Stated};
use crate::fhir::SectionText;
use crate::keyinfo::language::concept::{Index, str_of};

/// A resource that says something of the patient.
#[derive(Debug, Clone)]
pub struct Fact<'a> {
    pub resource: &'a Value,
    /// Absolute.
    pub full_url: String,
}

/// The facts of one document, or those that clients wrote themselves, with what they state.
pub struct Contents<'a> {
    pub(in crate::keyinfo) facts: Vec<Fact<'a>>,
    pub(in crate::keyinfo) index: Index,
    pub(in crate::keyinfo) stated: Vec<Stated<'a>>,
    /// Something is named that is not among the facts: it may be elsewhere.
    pub(in crate::keyinfo) open: bool,
    /// What sections of the document say in words alone.
    pub(in crate::keyinfo) texts: &'a [SectionText],
}

/// Contents as one reader finds them.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    pub contents: &'a Contents<'a>,
    /// Index into [`super::Known::sources`]; `None` of what clients wrote themselves.
    pub source: Option<usize>,
}

impl<'a> Contents<'a> {
    /// Reads facts of this server, each under `base_url/Type/id`.
    pub fn of(resources: impl Iterator<Item = &'a Value>, base_url: &str) -> Self {
        let url = |r: &Value| format!("{base_url}/{}/{}", str_of(r, "resourceType").unwrap_or(""), str_of(r, "id").unwrap_or(""));
        Self::read(resources.map(|resource| Fact { resource, full_url: url(resource) }).collect(), base_url, &|_| None)
    }

    /// Reads facts; `elsewhere` finds what they name that is not among them.
    pub(in crate::keyinfo) fn read(facts: Vec<Fact<'a>>, base_url: &str, elsewhere: &dyn Fn(&str) -> Option<&'a Value>) -> Self {
        let index = Index::new(&facts, base_url);
        let (stated, open) = stated::read(&facts, &index, elsewhere);
        Self { facts, index, stated, open, texts: &[] }
    }

    /// With what sections of the document say in words alone.
    #[must_use]
    pub fn with_texts(self, texts: &'a [SectionText]) -> Self {
        Self { texts, ..self }
    }
}

/// All facts that a reader may see, numbered through.
pub(in crate::keyinfo) struct Facts<'a> {
    held: &'a [Held<'a>],
    /// Of each of them the number of its first fact.
    first: Vec<usize>,
}

impl<'a> Facts<'a> {
    pub fn new(held: &'a [Held<'a>]) -> Self {
        let counts = held.iter().scan(0, |next, h| Some(std::mem::replace(next, *next + h.contents.facts.len())));
        Self { held, first: counts.collect() }
    }

    /// Each with the number of its first fact.
    pub fn held(&self) -> impl Iterator<Item = (&'a Held<'a>, usize)> {
        self.held.iter().zip(self.first.iter().copied())
    }

    pub fn get(&self, number: usize) -> Option<&'a Fact<'a>> {
        let (held, first) = self.home(number)?;
        held.contents.facts.get(number - first)
    }

    /// The fact that a reference names: in the same document, else wherever it is.
    pub fn named_by(&self, number: usize, reference: &str) -> Option<usize> {
        let within = |held: &Held<'a>, first: usize| held.contents.index.find(reference).map(|at| first + at);
        self.home(number).and_then(|(held, first)| within(held, first)).or_else(|| self.held().find_map(|(held, first)| within(held, first)))
    }

    fn home(&self, number: usize) -> Option<(&'a Held<'a>, usize)> {
        let at = self.first.partition_point(|first| *first <= number).checked_sub(1)?;
        Some((self.held.get(at)?, *self.first.get(at)?))
    }
}

/// Contents that name something outside are read again among all that this reader may see.
pub(in crate::keyinfo) fn read_again<'a>(held: &'a [Held<'a>], base_url: &str) -> Vec<Option<Contents<'a>>> {
    let elsewhere = |reference: &str| held.iter().find_map(|h| h.contents.facts.get(h.contents.index.find(reference)?)).map(|f| f.resource);
    held.iter().map(|h| h.contents.open.then(|| Contents::read(h.contents.facts.clone(), base_url, &elsewhere).with_texts(h.contents.texts))).collect()
}
