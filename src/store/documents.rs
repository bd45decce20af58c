//! Reading documents: their rows, their chains, the structures behind them, and their bytes.

use diesel::prelude::*;

use super::among::among;
use super::conn::fault;
use super::plan::PIECE;
use super::read::{Reader, VersionRow, unpack};
use super::schema::{blob, blob_rest, body, document, document_text, version};
use super::visible::visible;
use crate::access::Standing;
use crate::fhir::{Fault, FaultKind, Identifier, Result};

/// What the registry knows of a document besides its DocumentReference.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = document)]
pub struct DocumentRow {
    pub number: i64,
    pub record: i64,
    pub rid: i64,
    pub chain: i64,
    pub unique_value: String,
    pub unique_system: String,
    pub sha256: Vec<u8>,
    pub mime: String,
    pub labels: i32,
    pub superseded: bool,
    pub archived: bool,
    /// µs UTC from which its patient sees what of its chain was ever kept from him; 0 when nothing was.
    pub visible_from_us: i64,
}

impl Reader<'_> {
    /// Documents of this uniqueId that the caller may see.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn documents_by_unique(&mut self, unique: &Identifier) -> Result<Vec<DocumentRow>> {
        let system = unique.system.as_deref().unwrap_or("");
        let records: Vec<i64> = document::table
            .filter(document::unique_value.eq(&unique.value))
            .filter(document::unique_system.eq(system))
            .select(document::record)
            .distinct()
            .limit(20)
            .load(self.conn)
            .map_err(fault)?;
        let sight = self.sight(&records)?;
        let v = self.visibility;
        document::table
            .filter(document::unique_value.eq(&unique.value))
            .filter(document::unique_system.eq(system))
            .filter(visible!(v, sight))
            .select(DocumentRow::as_select())
            .order(document::number)
            .limit(20)
            .load(self.conn)
            .map_err(fault)
    }

    /// A document this caller may see.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn document(&mut self, number: i64) -> Result<Option<DocumentRow>> {
        let record: Option<i64> = document::table.find(number).select(document::record).first(self.conn).optional().map_err(fault)?;
        let sight = self.sight(record.as_slice())?;
        let v = self.visibility;
        document::table.filter(document::number.eq(number)).filter(visible!(v, sight)).select(DocumentRow::as_select()).first(self.conn).optional().map_err(fault)
    }

    /// Whether the caller stands behind a document: as its author, its legal authenticator or its depositor.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn is_own(&mut self, number: i64) -> Result<bool> {
        use super::schema::document_author;
        let own = document_author::table.filter(document_author::document.eq(number)).filter(among(document_author::structure, self.visibility.mine().to_vec()));
        diesel::select(diesel::dsl::exists(own)).get_result(self.conn).map_err(fault)
    }

    /// Type and class of a document, visible to this caller or not; for decisions, never for answers.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn type_and_class(&mut self, number: i64) -> Result<(String, String)> {
        document::table.find(number).select((document::type_code, document::class_code)).first(self.conn).map_err(fault)
    }

    /// In what way the caller stands behind a document; `None` when he does not.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn stands_as(&mut self, number: i64) -> Result<Option<Standing>> {
        use super::schema::document_author;
        let behind: Vec<String> = document_author::table.filter(document_author::document.eq(number)).select(document_author::structure).load(self.conn).map_err(fault)?;
        Ok(Standing::of(&behind, self.visibility.mine()))
    }

    /// The other documents of a replacement chain, seen by this caller or not: labels hold for all of it.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn rest_of_chain(&mut self, row: &DocumentRow) -> Result<Vec<DocumentRow>> {
        document::table
            .filter(document::chain.eq(row.chain))
            .filter(document::number.ne(row.number))
            .filter(document::deleted.eq(false))
            .select(DocumentRow::as_select())
            .load(self.conn)
            .map_err(fault)
    }

    /// The newest document that is left of a replacement chain, by the number of any of it, visible to this caller or not; for background
    /// work only, never for answers.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn newest_of_chain(&mut self, number: i64) -> Result<Option<DocumentRow>> {
        let chain: Option<i64> = document::table.find(number).select(document::chain).first(self.conn).optional().map_err(fault)?;
        let Some(chain) = chain else { return Ok(None) };
        let left = document::table.filter(document::chain.eq(chain)).filter(document::deleted.eq(false));
        left.select(DocumentRow::as_select()).order(document::number.desc()).first(self.conn).optional().map_err(fault)
    }

    /// A document that is there, visible to this caller or not; for background work only, never for answers.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn any_document(&mut self, number: i64) -> Result<Option<DocumentRow>> {
        document::table.filter(document::number.eq(number)).filter(document::deleted.eq(false)).select(DocumentRow::as_select()).first(self.conn).optional().map_err(fault)
    }

    /// FHIR id of the DocumentReference of a document.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn reference_of(&mut self, row: &DocumentRow) -> Result<Option<String>> {
        version::table
            .filter(version::record.eq(row.record))
            .filter(version::kind.eq("DocumentReference"))
            .filter(version::rid.eq(row.rid))
            .select(version::id)
            .first(self.conn)
            .optional()
            .map_err(fault)
    }

    /// The bytes of a document, exactly as they came.
    ///
    /// # Errors
    /// `Bug` when the stored bytes are damaged.
    pub fn blob(&mut self, row: &DocumentRow) -> Result<Vec<u8>> {
        let first: (i16, Vec<u8>) = blob::table.find((row.record, row.number)).select((blob::codec, blob::bytes)).first(self.conn).map_err(fault)?;
        let mut bytes = plain(first)?;
        let more = if bytes.len() >= PIECE { i32::MAX } else { 0 };
        for part in 1..more {
            let piece = blob_rest::table.find((row.record, row.number, part)).select((blob_rest::codec, blob_rest::bytes));
            let Some(piece) = piece.first(self.conn).optional().map_err(fault)? else { break };
            bytes.append(&mut plain(piece)?);
        }
        use sha2::Digest;
        if sha2::Sha256::digest(&bytes).as_slice() != row.sha256.as_slice() {
            return Err(Fault::new(FaultKind::Bug, 172, "the stored document does not match its hash and is not sent"));
        }
        Ok(bytes)
    }

    /// The current DocumentReference of a document as it is stored, no reference cut; for background work only, never for answers. `None`
    /// when it was deleted.
    ///
    /// # Errors
    /// `Bug` when the stored bytes are damaged.
    pub fn any_reference(&mut self, row: &DocumentRow) -> Result<Option<(VersionRow, Vec<u8>)>> {
        let found: Option<VersionRow> = version::table
            .filter(version::record.eq(row.record))
            .filter(version::kind.eq("DocumentReference"))
            .filter(version::rid.eq(row.rid))
            .filter(version::until_commit.eq(i64::MAX))
            .filter(version::deleted.eq(false))
            .select(VersionRow::as_select())
            .first(self.conn)
            .optional()
            .map_err(fault)?;
        let Some(found) = found else { return Ok(None) };
        let bytes: Vec<u8> = body::table.find((found.record, found.rid, found.number)).select(body::bytes).first(self.conn).map_err(fault)?;
        Ok(Some((found, unpack(&bytes)?)))
    }

    /// The text layers of a document's files as they were written; `None` for a document deposited before there were any.
    ///
    /// # Errors
    /// `Bug` when they are damaged.
    pub fn text_layers(&mut self, row: &DocumentRow) -> Result<Option<Vec<u8>>> {
        let found: Option<Vec<u8>> = document_text::table.find((row.record, row.number)).select(document_text::layers).first(self.conn).optional().map_err(fault)?;
        found.map(|bytes| unpack(&bytes)).transpose()
    }
}

/// A stored piece of bytes as it came.
fn plain((codec, bytes): (i16, Vec<u8>)) -> Result<Vec<u8>> {
    if codec == 1 { unpack(&bytes) } else { Ok(bytes) }
}
