//! Whose record something is in, and of which document, whoever may see it: for the trace, never for an answer.

use diesel::prelude::*;

use super::conn::fault;
use super::read::Reader;
use super::schema::directory;
use crate::fhir::Result;

/// Ids of one statement.
const CHUNK: usize = 500;

impl Reader<'_> {
    /// The record that a resource, a fact or the Binary of a document is in; `None` when there never was one. 0 = nobody's.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn record_holding(&mut self, kind: &str, id: &str) -> Result<Option<i64>> {
        Ok(self.home(kind, id)?.map(|home| home.0))
    }

    /// Record and document of a resource; document 0 = of none.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn home(&mut self, kind: &str, id: &str) -> Result<Option<(i64, i64)>> {
        directory::table.find((kind, id)).select((directory::record, directory::document)).first(self.conn).optional().map_err(fault)
    }

    /// Numbers of the documents that some resources of a type are of, or were made from.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn documents_behind(&mut self, kind: &str, ids: &[&str]) -> Result<Vec<i64>> {
        let mut out = Vec::new();
        for some in ids.chunks(CHUNK) {
            let found = directory::table.filter(directory::kind.eq(kind)).filter(directory::id.eq_any(some.to_vec())).filter(directory::document.ne(0));
            out.extend(found.select(directory::document).load::<i64>(self.conn).map_err(fault)?);
        }
        Ok(out)
    }
}
