//! What became of each document: the difference between what was given and what stands now.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::fhir::Result;
use crate::interaction::search;
use crate::store::{Given, Reader, Standing};

/// Replacements followed from one document.
const MOST_STEPS: usize = 100;

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    /// Not seen any more: masked, withdrawn, no consent; one word for all.
    Removed,
    /// Not given before, somebody else's, and not held.
    New,
    /// Not given before; the caller says to hold it, or it is of his own structure.
    Held,
    /// By another that the caller may see.
    Replaced,
    /// No longer current, and nothing to see in its place.
    Superseded,
    Archived,
    Unarchived,
    Labels,
    /// Something else of its metadata.
    Metadata,
}

impl Code {
    /// Every code, in the order of an answer's counts.
    pub(super) const ALL: &'static [Self] =
        &[Self::New, Self::Replaced, Self::Superseded, Self::Removed, Self::Archived, Self::Unarchived, Self::Labels, Self::Metadata, Self::Held];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::New => "new",
            Self::Held => "held",
            Self::Replaced => "replaced",
            Self::Superseded => "superseded",
            Self::Archived => "archived",
            Self::Unarchived => "unarchived",
            Self::Labels => "labels",
            Self::Metadata => "metadata",
        }
    }
}

/// One document and what became of it.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub id: Uuid,
    /// As it stands; `None` for one that was removed.
    pub now: Option<&'a Standing>,
    pub codes: Vec<Code>,
    /// The newest version of what replaced it.
    pub replaced_by: Option<Uuid>,
    /// What it stands in place of, of the documents that the caller holds.
    pub replaces: Vec<Uuid>,
}

impl Change<'_> {
    pub(super) fn says(&self, code: Code) -> bool {
        self.codes.contains(&code)
    }
}

/// The differences: first what must be given up, then the others, oldest document first.
pub(super) fn between<'a>(since: Option<&Given>, now: &'a [Standing], holds: impl Fn(&Standing) -> bool) -> Vec<Change<'a>> {
    let empty = BTreeMap::new();
    let before = since.map_or(&empty, |g| &g.documents);
    let change = |id, now, codes| Change { id, now, codes, replaced_by: None, replaces: Vec::new() };
    let here: std::collections::HashSet<Uuid> = now.iter().map(|s| s.id).collect();
    let removed = before.keys().filter(|id| !here.contains(id)).map(|id| change(*id, None, vec![Code::Removed]));
    let others = now.iter().filter_map(|one| {
        let codes = match before.get(&one.id) {
            Some(was) if *was == one.stated => return None,
            Some(was) => changed(was, one),
            None => came(one, holds(one)),
        };
        (!codes.is_empty()).then(|| change(one.id, Some(one), codes))
    });
    removed.chain(others).collect()
}

/// What is said of a document that was not given before. One that is not current is of no interest to who does not hold it.
fn came(one: &Standing, held: bool) -> Vec<Code> {
    match (held, one.stated.superseded) {
        (true, false) => vec![Code::Held],
        (true, true) => vec![Code::Held, Code::Superseded],
        (false, false) => vec![Code::New],
        (false, true) => Vec::new(),
    }
}

fn changed(was: &crate::store::Stated, one: &Standing) -> Vec<Code> {
    let is = one.stated;
    let codes: Vec<Code> = [
        (is.superseded && !was.superseded, Code::Superseded),
        (is.archived && !was.archived, Code::Archived),
        (!is.archived && was.archived, Code::Unarchived),
        (is.labels != was.labels, Code::Labels),
    ]
    .into_iter()
    .filter_map(|(holds, code)| holds.then_some(code))
    .collect();
    if codes.is_empty() { vec![Code::Metadata] } else { codes }
}

/// Follows what replaced the documents that are no longer current to its newest version, and notes it on both sides.
pub(super) fn follow(reader: &mut Reader<'_>, record: i64, now: &[Standing], changes: &mut [Change<'_>]) -> Result<()> {
    if !changes.iter().any(|c| c.says(Code::Superseded)) {
        return Ok(());
    }
    let documents = Documents::of(now);
    let mut replaces: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for change in changes.iter_mut().filter(|c| c.says(Code::Superseded)) {
        let Some(newest) = change.now.map(|old| documents.newest(reader, record, old)).transpose()?.flatten() else { continue };
        change.replaced_by = Some(newest);
        change.codes.iter_mut().filter(|c| **c == Code::Superseded).for_each(|c| *c = Code::Replaced);
        replaces.entry(newest).or_default().push(change.id);
    }
    for change in changes.iter_mut() {
        change.replaces = replaces.remove(&change.id).unwrap_or_default();
    }
    Ok(())
}

/// The documents that the caller may see, by what a replacement is found by.
struct Documents<'a> {
    by_rid: HashMap<i64, &'a Standing>,
    /// The current document of each chain.
    current: HashMap<i64, &'a Standing>,
}

impl<'a> Documents<'a> {
    fn of(now: &'a [Standing]) -> Self {
        // Later ones, in the order of deposit, take the place of earlier ones.
        let current = now.iter().filter(|s| !s.stated.superseded).map(|s| (s.chain, s)).collect();
        Self { by_rid: now.iter().map(|s| (s.row.rid, s)).collect(), current }
    }

    /// The current document in the place of another. A document that replaces several belongs to the chain of the first: from the others
    /// it is reached by its relation.
    fn newest(&self, reader: &mut Reader<'_>, record: i64, old: &'a Standing) -> Result<Option<Uuid>> {
        let Some(relation) = search::parameter_number("relatesto") else { return Ok(None) };
        let mut at = old;
        for _ in 0..MOST_STEPS {
            if let Some(current) = self.current.get(&at.chain) {
                return Ok(Some(current.id));
            }
            let next = reader.referring(record, relation, &format!("DocumentReference/{}", at.row.id))?;
            let next = next.iter().filter_map(|rid| self.by_rid.get(rid)).find(|s| s.chain != at.chain);
            let Some(next) = next else { return Ok(None) };
            at = next;
        }
        Ok(None)
    }
}
