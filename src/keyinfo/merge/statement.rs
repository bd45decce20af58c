//! Statements as one reader finds them: among others, in documents with an author and a date.

use std::cmp::Ordering;
use std::ops::Deref;

use super::series::Reading;
use crate::keyinfo::Source;
use crate::keyinfo::language::dates;
use crate::keyinfo::read::contents::Facts;
use crate::keyinfo::read::doubt::Life;
use crate::keyinfo::read::stated::Stated;

/// One statement among those that a reader may see.
pub struct Statement<'a> {
    stated: &'a Stated<'a>,
    /// Number among all facts.
    pub fact: usize,
    /// Place of its contents among all that the reader may see.
    pub home: usize,
    /// Absolute URL of the resource.
    pub address: &'a str,
    pub source: Option<usize>,
    /// When it was stated: the date of its document, else the resource's own.
    pub said_us: i64,
    /// Why it cannot be so, as a reader is told it.
    pub doubt: Option<&'static str>,
    /// Place of its source by title and author.
    by: usize,
}

impl<'a> Deref for Statement<'a> {
    type Target = Stated<'a>;

    fn deref(&self) -> &Stated<'a> {
        self.stated
    }
}

impl<'a> Statement<'a> {
    pub fn stated(&self) -> &'a Stated<'a> {
        self.stated
    }

    /// Of an observation: its value, as it is compared.
    pub fn reading(&self) -> Option<&'a Reading<'a>> {
        self.stated.reading.as_deref()
    }
}

/// All statements, document after document.
pub fn read<'a>(facts: &Facts<'a>, sources: &[&Source], life: &Life) -> Vec<Statement<'a>> {
    let dated: Vec<Option<i64>> = sources.iter().map(|s| dates::start_us(&s.written).or_else(|| dates::start_us(&s.date))).collect();
    let ranks = ranks(sources);
    let mut out = Vec::with_capacity(facts.held().map(|(held, _)| held.contents.stated.len()).sum());
    for (home, (held, first)) in facts.held().enumerate() {
        let said_us = held.source.and_then(|s| dated.get(s).copied().flatten());
        let by = held.source.and_then(|s| ranks.get(s)).map_or(0, |rank| rank + 1);
        out.extend(held.contents.stated.iter().map(|stated| Statement {
            stated,
            fact: first + stated.fact,
            home,
            address: held.contents.facts.get(stated.fact).map_or("", |f| f.full_url.as_str()),
            source: held.source,
            said_us: said_us.or(stated.own_us).unwrap_or(i64::MIN),
            doubt: life.doubts(stated.kind, stated.when, stated.when_us).or(stated.odd),
            by,
        }));
    }
    out
}

/// Of each source its place among all by title, author and uniqueId: the same on every server.
fn ranks(sources: &[&Source]) -> Vec<usize> {
    let mut names: Vec<_> = sources.iter().map(|s| name(s)).collect();
    names.sort_unstable();
    names.dedup();
    sources.iter().map(|s| names.partition_point(|known| *known < name(s))).collect()
}

fn name(source: &Source) -> (&str, &str, &str) {
    (&source.title, &source.author, &source.unique_id)
}

/// What decides between two statements that nothing else does: who says it in which document, the place in it, the address. So the
/// order in which they come from the store never shows.
pub fn settle(a: &Statement<'_>, b: &Statement<'_>) -> Ordering {
    a.by.cmp(&b.by).then_with(|| a.place.cmp(&b.place)).then_with(|| a.address.cmp(b.address))
}
