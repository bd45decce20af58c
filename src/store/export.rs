//! Everything of a record in an order that can be gone on with: for the copy that its holder takes away.

use diesel::IntoSql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::among::none_of;
use super::conn::fault;
use super::read::{Found, Reader, VersionRow};
use super::schema::{document, version};
use super::visible::visible;
use crate::fhir::Result;

impl Reader<'_> {
    /// Every version of what a record holds and this caller may see, earlier ones included (no SubmissionSet of which nothing is seen), by resource number and version, after the
    /// pair that was read last; at most `limit`. What was deleted has no body and is left out, and so is a withdrawn document.
    ///
    /// # Errors
    /// `Bug` when stored bytes are damaged, `Busy` from the database.
    pub fn versions_after(&mut self, record: i64, (rid, number): (i64, i64), limit: i64) -> Result<Vec<Found>> {
        let sight = self.sight(&[record])?;
        let hidden = self.hidden_sets(&[record], &sight)?;
        let v = self.visibility;
        let rows: Vec<VersionRow> = version::table
            .inner_join(document::table.on(document::number.eq(version::document)))
            .filter(version::record.eq(record))
            .filter(version::rid.gt(rid).or(version::rid.eq(rid).and(version::number.gt(number))))
            .filter(version::deleted.eq(false))
            .filter(version::document.ne(0).or(sight.holds(record).into_sql::<Bool>()))
            .filter(visible!(v, sight, version::kind))
            .filter(none_of(version::rid, hidden))
            .select(VersionRow::as_select())
            .order((version::rid, version::number))
            .limit(limit)
            .load(self.conn)
            .map_err(fault)?;
        rows.into_iter().map(|row| self.with_body(row)).collect()
    }
}
