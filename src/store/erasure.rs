//! The end of a record: what it holds, counted, and its rows removed.

use std::collections::HashSet;

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;
use serde::Deserialize;

use super::conn::{Conn, fault};
use super::read::{Reader, VersionRow};
use super::schema::*;
use crate::fhir::Result;

/// Rows of background work looked at at once.
const BLOCK: i64 = 5000;

/// How much a record holds.
#[derive(Debug)]
pub struct Contents {
    pub pseudonym: String,
    pub documents: i64,
    /// Versions of resources.
    pub resources: i64,
    /// Derived resources.
    pub facts: i64,
}

impl Reader<'_> {
    /// The Patients of the records behind one, in their order, whoever may see them, at most `limit`.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn patients_after(&mut self, record: i64, limit: i64) -> Result<Vec<VersionRow>> {
        version::table
            .filter(version::record.gt(record))
            .filter(version::kind.eq("Patient"))
            .filter(version::until_commit.eq(i64::MAX))
            .filter(version::deleted.eq(false))
            .order(version::record)
            .limit(limit)
            .select(VersionRow::as_select())
            .load(self.conn)
            .map_err(fault)
    }

    /// Counts what a record holds, whoever may see it.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn contents_of(&mut self, record: i64) -> Result<Contents> {
        let pseudonym = record::table.find(record).select(record::pseudonym).first(self.conn).map_err(fault)?;
        let documents = document::table.filter(document::record.eq(record)).select(count_star()).first(self.conn).map_err(fault)?;
        let resources = version::table.filter(version::record.eq(record)).select(count_star()).first(self.conn).map_err(fault)?;
        let facts: Option<i64> = fact_block::table.filter(fact_block::record.eq(record)).select(sum(fact_block::facts)).first(self.conn).map_err(fault)?;
        Ok(Contents { pseudonym, documents, resources, facts: facts.unwrap_or(0) })
    }
}

/// The work that names a record or one of its documents, done or not: what it is about says who was treated where, and why.
fn work_of(conn: &mut Conn, record: i64, documents: &HashSet<i64>) -> QueryResult<Vec<i64>> {
    #[derive(Deserialize)]
    struct About {
        record: Option<i64>,
        document: Option<i64>,
    }
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let rows: Vec<(i64, String)> = job::table.filter(job::number.gt(after)).order(job::number).limit(BLOCK).select((job::number, job::argument)).load(conn)?;
        let Some((last, _)) = rows.last() else { return Ok(found) };
        after = *last;
        let about = |argument: &str| serde_json::from_str::<About>(argument).ok();
        let ours = |a: About| a.record == Some(record) || a.document.is_some_and(|d| documents.contains(&d));
        found.extend(rows.iter().filter(|(_, argument)| about(argument).is_some_and(ours)).map(|(number, _)| *number));
    }
}

/// Removes every row of a record but its number, its pseudonym and what the trail says. Deleted pages are overwritten on SQLite
/// (`secure_delete`); PostgreSQL frees them at its next VACUUM.
pub(super) fn erase(conn: &mut Conn, record: i64) -> QueryResult<()> {
    let documents = document::table.filter(document::record.eq(record)).select(document::number);
    let numbers: Vec<i64> = documents.load(conn)?;
    for some in work_of(conn, record, &numbers.iter().copied().collect())?.chunks(500) {
        diesel::delete(job::table.filter(job::number.eq_any(some.to_vec()))).execute(conn)?;
    }
    for some in numbers.chunks(500) {
        diesel::delete(document_author::table.filter(document_author::document.eq_any(some.to_vec()))).execute(conn)?;
    }
    macro_rules! all_of {
        ($($table:ident)*) => {$(
            diesel::delete($table::table.filter($table::record.eq(record))).execute(conn)?;
        )*};
    }
    all_of!(version body token_value date_value string_value reference_value identifier directory document blob blob_rest set_document given fact_block document_text choice);
    Ok(())
}

/// After an erasure is durable: SQLite's log of changes still holds what was written there before, and is emptied into the file.
pub(super) fn settle(conn: &mut Conn) {
    use diesel::connection::SimpleConnection;
    if let Conn::Sqlite(c) = conn
        && let Err(e) = c.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
    {
        tracing::warn!(cause = %e, "the log of changes could not be emptied after an erasure; the next checkpoint does it");
    }
}
