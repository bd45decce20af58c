//! Whose record something is in, whoever may see it: for the trace, never for an answer.

use diesel::prelude::*;

use super::conn::fault;
use super::read::Reader;
use super::schema::directory;
use crate::fhir::Result;

impl Reader<'_> {
    /// The record that a resource, a fact or the Binary of a document is in; `None` when there never was one. 0 = nobody's.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn record_holding(&mut self, kind: &str, id: &str) -> Result<Option<i64>> {
        directory::table.find((kind, id)).select(directory::record).first(self.conn).optional().map_err(fault)
    }
}
