//! What a person was given of a record: each document with the state it had then, beside the documents as they stand now.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;
use uuid::Uuid;

use super::conn::{Db, fault};
use super::read::{Reader, VersionRow};
use super::schema::{directory, document, given, reference_value, version};
use super::visible::visible;
use crate::fhir::{Fault, FaultKind, Identifier, Result};

/// Bytes of one document in a set: the id of its DocumentReference, then its state.
const ENTRY: usize = 20;

/// The state of a document that a set remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// Version of its DocumentReference.
    pub version: i64,
    /// See [`crate::access::labels`].
    pub labels: i32,
    pub superseded: bool,
    pub archived: bool,
}

/// The documents that somebody was given of a record, as of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    pub commit: i64,
    /// µs UTC of the answer.
    pub at_us: i64,
    /// By the id of the DocumentReference.
    pub documents: BTreeMap<Uuid, Stated>,
}

impl Given {
    /// The documents in the form they are stored in: 16 bytes of id and 4 of state each, by id.
    pub fn documents_bytes(&self) -> Vec<u8> {
        self.documents.iter().flat_map(|(id, stated)| [id.as_bytes().as_slice(), &stated.packed().to_be_bytes()].concat()).collect()
    }

    /// Reads that form; `None` for bytes that are none.
    pub fn of(commit: i64, at_us: i64, bytes: &[u8]) -> Option<Self> {
        let entries = bytes.chunks_exact(ENTRY);
        if !entries.remainder().is_empty() {
            return None;
        }
        let documents = entries.map(|one| {
            let (id, stated) = one.split_at_checked(16)?;
            Some((Uuid::from_slice(id).ok()?, Stated::unpacked(u32::from_be_bytes(stated.try_into().ok()?))))
        });
        Some(Self { commit, at_us, documents: documents.collect::<Option<_>>()? })
    }
}

impl Stated {
    /// From the lowest bit: superseded, archived, six labels, the version.
    fn packed(self) -> u32 {
        let version = u32::try_from(self.version).unwrap_or(u32::MAX >> 8).min(u32::MAX >> 8);
        let labels = u32::try_from(self.labels).unwrap_or(0) & 0x3f;
        version << 8 | labels << 2 | u32::from(self.archived) << 1 | u32::from(self.superseded)
    }

    fn unpacked(bits: u32) -> Self {
        Self { version: i64::from(bits >> 8), labels: i32::try_from(bits >> 2 & 0x3f).unwrap_or(0), archived: bits & 2 != 0, superseded: bits & 1 != 0 }
    }
}

/// A document as it stands now.
#[derive(Debug, Clone)]
pub struct Standing {
    pub id: Uuid,
    /// Current version of its DocumentReference.
    pub row: VersionRow,
    /// See [`super::DocumentRow`].
    pub chain: i64,
    pub unique: Identifier,
    pub stated: Stated,
}

impl Reader<'_> {
    /// What a person last confirmed to have been shown of a record.
    ///
    /// # Errors
    /// `Bug` when it is damaged, or from the database; `Busy`.
    pub fn given(&mut self, record: i64, person: &str) -> Result<Option<Given>> {
        let row = given::table.find((record, person)).select((given::commit_number, given::at_us, given::documents));
        let Some((commit, at_us, bytes)) = row.first::<(i64, i64, Vec<u8>)>(self.conn).optional().map_err(fault)? else { return Ok(None) };
        let damaged = || Fault::new(FaultKind::Bug, 840, "what was given before is damaged; ask with since=none");
        Given::of(commit, at_us, &bytes).map(Some).ok_or_else(damaged)
    }

    /// When a person last confirmed what he was given of a record (µs UTC), with the numbers of those documents; `None` when he never did.
    ///
    /// # Errors
    /// See [`Reader::given`].
    pub fn given_documents(&mut self, record: i64, person: &str) -> Result<Option<(i64, HashSet<i64>)>> {
        let Some(given) = self.given(record, person)? else { return Ok(None) };
        let all = version::table
            .filter(version::record.eq(record))
            .filter(version::kind.eq("DocumentReference"))
            .filter(version::until_commit.eq(i64::MAX))
            .select((version::id, version::document));
        let all: Vec<(String, i64)> = all.load(self.conn).map_err(fault)?;
        let was = |id: &str| Uuid::try_parse(id).is_ok_and(|id| given.documents.contains_key(&id));
        Ok(Some((given.at_us, all.into_iter().filter(|(id, _)| was(id)).map(|(_, number)| number).collect())))
    }

    /// Every document of a record that this caller may see, superseded and archived ones too, oldest first; at most `limit`.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn standing(&mut self, record: i64, limit: i64) -> Result<Vec<Standing>> {
        let sight = self.sight(&[record])?;
        let v = self.visibility;
        let rows = version::table
            .inner_join(document::table.on(document::number.eq(version::document)))
            .filter(version::record.eq(record))
            .filter(version::kind.eq("DocumentReference"))
            .filter(version::until_commit.eq(i64::MAX))
            .filter(version::deleted.eq(false))
            .filter(visible!(v, sight))
            .select((VersionRow::as_select(), (document::chain, document::unique_system, document::unique_value), (document::labels, document::superseded, document::archived)))
            .order(document::number)
            .limit(limit);
        rows.load::<(VersionRow, (i64, String, String), (i32, bool, bool))>(self.conn).map_err(fault)?.into_iter().map(standing).collect()
    }

    /// The uniqueIds of some DocumentReferences of a record, whoever may see them now; for naming to a caller what he was given before,
    /// never for anything else. One that is no more is left out.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn named_before(&mut self, record: i64, ids: &[String]) -> Result<BTreeMap<String, Identifier>> {
        let mut out = BTreeMap::new();
        for some in ids.chunks(500) {
            let rows = directory::table
                .inner_join(document::table.on(document::number.eq(directory::document)))
                .filter(directory::kind.eq("DocumentReference"))
                .filter(directory::id.eq_any(some))
                .filter(directory::record.eq(record))
                .select((directory::id, document::unique_system, document::unique_value));
            let rows: Vec<(String, String, String)> = rows.load(self.conn).map_err(fault)?;
            out.extend(rows.into_iter().map(|(id, system, value)| (id, identifier(system, value))));
        }
        Ok(out)
    }

    /// Resources of a record that refer to a target by a parameter (its number in the registry), visible to this caller or not.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn referring(&mut self, record: i64, param: i16, target: &str) -> Result<Vec<i64>> {
        reference_value::table
            .filter(reference_value::record.eq(record))
            .filter(reference_value::param.eq(param))
            .filter(reference_value::target.eq(target))
            .filter(reference_value::until_commit.eq(i64::MAX))
            .select(reference_value::rid)
            .into_boxed::<Db>()
            .load(self.conn)
            .map_err(fault)
    }
}

fn standing((row, (chain, system, value), (labels, superseded, archived)): (VersionRow, (i64, String, String), (i32, bool, bool))) -> Result<Standing> {
    let id = Uuid::try_parse(&row.id).map_err(|e| Fault::new(FaultKind::Bug, 841, "a DocumentReference has an id that this server does not give").because(e))?;
    let stated = Stated { version: row.number, labels, superseded, archived };
    Ok(Standing { id, row, chain, unique: identifier(system, value), stated })
}

fn identifier(system: String, value: String) -> Identifier {
    Identifier { system: Some(system).filter(|s| !s.is_empty()), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_back_as_it_was_written() {
        let stated = |version, labels, superseded, archived| Stated { version, labels, superseded, archived };
        let documents = [stated(1, 1, false, false), stated(16_777_215, 63, true, true), stated(300, 9, false, true)];
        let set = Given { commit: 7, at_us: 9, documents: (1u128..).map(Uuid::from_u128).zip(documents).collect() };
        let bytes = set.documents_bytes();
        assert_eq!((bytes.len(), Given::of(7, 9, &bytes)), (60, Some(set)));
        assert_eq!(Given::of(0, 0, &bytes[1..]), None);
    }
}
