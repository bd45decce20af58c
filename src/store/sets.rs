//! SubmissionSets of several documents: one is seen by whoever sees one of its documents.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;

use super::among::among;
use super::conn::fault;
use super::read::Reader;
use super::schema::{document, set_document};
use super::visible::visible;
use crate::access::Sight;
use crate::fhir::Result;

/// Documents asked for at once.
const SOME: usize = 500;

impl Reader<'_> {
    /// Rids of the Lists of some records none of whose documents this caller may see.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub(super) fn hidden_sets(&mut self, records: &[i64], sight: &Sight) -> Result<Vec<i64>> {
        let parts: Vec<(i64, i64)> =
            set_document::table.filter(among(set_document::record, records.to_vec())).select((set_document::rid, set_document::document)).load(self.conn).map_err(fault)?;
        let mut sets: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (rid, number) in parts {
            sets.entry(rid).or_default().push(number);
        }
        let mut numbers: Vec<i64> = sets.values().flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let v = self.visibility;
        let mut seen: HashSet<i64> = HashSet::new();
        for some in numbers.chunks(SOME) {
            let shown = document::table.filter(among(document::number, some.to_vec())).filter(visible!(v, sight)).select(document::number);
            seen.extend(shown.load::<i64>(self.conn).map_err(fault)?);
        }
        Ok(sets.into_iter().filter(|(_, all)| all.iter().all(|n| !seen.contains(n))).map(|(rid, _)| rid).collect())
    }
}
