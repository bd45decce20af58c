//! The end of a record: what it holds, counted, and its rows removed.

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;

use super::conn::{Conn, fault};
use super::read::Reader;
use super::schema::*;
use crate::fhir::Result;

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

/// Removes every row of a record but its number, its pseudonym and what the trail says. Deleted pages are overwritten on SQLite
/// (`secure_delete`); PostgreSQL frees them at its next VACUUM.
pub(super) fn erase(conn: &mut Conn, record: i64) -> QueryResult<()> {
    let documents = document::table.filter(document::record.eq(record)).select(document::number);
    let numbers: Vec<i64> = documents.load(conn)?;
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
