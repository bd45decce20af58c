//! Going back: the commit of a moment, and what persons had decided by then.

use diesel::prelude::*;

use super::conn::fault;
use super::read::Reader;
use super::schema::{commit_log, edition};
use crate::fhir::Result;

impl Reader<'_> {
    /// Reads from now on what held at a moment (µs UTC), under the rights of today: [`Reader::version`], [`Reader::found`],
    /// [`Reader::all_of`], [`Reader::references`] and [`Reader::fact_blocks`] alone go back.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn as_of(&mut self, at_us: i64) -> Result<()> {
        self.moment = self.commit_at(at_us)?;
        Ok(())
    }

    /// The last commit of a moment (µs UTC), 0 before the first.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn commit_at(&mut self, at_us: i64) -> Result<i64> {
        let until = commit_log::table.filter(commit_log::at_us.le(at_us)).select(commit_log::number).order(commit_log::number.desc());
        Ok(until.first(self.conn).optional().map_err(fault)?.unwrap_or(0))
    }

    /// The text of a table that was in force at a moment (µs UTC); the first that was kept for an earlier one.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn edition(&mut self, kind: &str, at_us: i64) -> Result<Option<String>> {
        let of_kind = edition::table.filter(edition::kind.eq(kind)).select(edition::text);
        let then = of_kind.filter(edition::from_us.le(at_us)).order(edition::from_us.desc());
        let found: Option<String> = then.first(self.conn).optional().map_err(fault)?;
        match found {
            Some(text) => Ok(Some(text)),
            None => of_kind.order(edition::from_us).first(self.conn).optional().map_err(fault),
        }
    }
}
