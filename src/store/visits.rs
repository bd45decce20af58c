//! The documents of a record that a reader may see, and which of them are his own.

use std::collections::HashSet;

use diesel::IntoSql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::among::among;
use super::conn::fault;
use super::read::{NOW, Reader, VersionRow};
use super::schema::{document, document_author, version};
use super::visible::visible;
use crate::fhir::{Result, Role};

impl Reader<'_> {
    /// The current DocumentReferences of a record that this caller may see, without their bodies; as of an earlier commit those of
    /// superseded and archived documents too.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn references(&mut self, record: i64, limit: i64) -> Result<Vec<VersionRow>> {
        let sight = self.sight(&[record])?;
        let v = self.visibility;
        let past = self.moment != NOW;
        version::table
            .inner_join(document::table.on(document::number.eq(version::document)))
            .filter(version::record.eq(record))
            .filter(version::kind.eq("DocumentReference"))
            .filter(version::from_commit.le(self.moment))
            .filter(version::until_commit.gt(self.moment))
            .filter(version::deleted.eq(false))
            .filter(past.into_sql::<Bool>().or(document::superseded.eq(false).and(document::archived.eq(false))))
            .filter(visible!(v, sight))
            .select(VersionRow::as_select())
            .order(version::document)
            .limit(limit)
            .load(self.conn)
            .map_err(fault)
    }

    /// Numbers of the documents of a record that this caller may see.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn documents_seen(&mut self, record: i64) -> Result<Vec<i64>> {
        let sight = self.sight(&[record])?;
        let v = self.visibility;
        document::table.filter(document::record.eq(record)).filter(visible!(v, sight)).select(document::number).load(self.conn).map_err(fault)
    }

    /// Numbers of the documents of a record that this caller, or a practitioner's structure, stands behind: the software has them.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn own_documents(&mut self, record: i64) -> Result<HashSet<i64>> {
        let structures = self.visibility.rules().filter(|r| r.actor.role == Role::Practitioner).map(|r| r.holders()).unwrap_or_default();
        let names = self.visibility.mine().iter().chain(structures).filter(|name| !name.is_empty()).cloned().collect();
        let own = document_author::table
            .inner_join(document::table.on(document::number.eq(document_author::document)))
            .filter(document::record.eq(record))
            .filter(among(document_author::structure, names))
            .select(document_author::document);
        Ok(own.load::<i64>(self.conn).map_err(fault)?.into_iter().collect())
    }
}
