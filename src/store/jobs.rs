//! Reading the background work that is due, and what persons were told.

use diesel::prelude::*;

use super::conn::fault;
use super::read::Reader;
use super::schema::{job, notice_read};
use crate::fhir::Result;

/// Work that is due.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct DueJob {
    pub number: i64,
    pub kind: String,
    /// What it is about; with the kind, its idempotency key.
    pub argument: String,
}

impl Reader<'_> {
    /// Waiting work of some kinds whose moment has come (µs UTC), oldest first, at most `limit`.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn due(&mut self, kinds: &[&str], now_us: i64, limit: i64) -> Result<Vec<DueJob>> {
        job::table
            .filter(job::state.eq("waiting"))
            .filter(job::due_us.le(now_us))
            .filter(job::kind.eq_any(kinds))
            .order((job::due_us, job::number))
            .limit(limit)
            .select((job::number, job::kind, job::argument))
            .load(self.conn)
            .map_err(fault)
    }

    /// When a person last said to have understood that access is traced under his name, µs UTC.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn notice_read(&mut self, person: &str) -> Result<Option<i64>> {
        notice_read::table.find(person).select(notice_read::at_us).first(self.conn).optional().map_err(fault)
    }

    /// Whether work of this kind about this was asked before, done or not.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn job_known(&mut self, kind: &str, argument: &str) -> Result<bool> {
        diesel::select(diesel::dsl::exists(job::table.filter(job::kind.eq(kind)).filter(job::argument.eq(argument)))).get_result(self.conn).map_err(fault)
    }
}
