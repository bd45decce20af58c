//! Reading the facts of documents. A block never changes once written, so its parsed form is held in memory for a while; who
//! may see it is asked of the database each time.

use std::sync::Arc;

use diesel::prelude::*;
use serde_json::Value;

use super::cache::Cache;
use super::conn::fault;
use super::read::{Reader, unpack};
use super::schema::{document, fact_block};
use super::visible::visible;
use crate::fhir::{Fault, FaultKind, Result, SectionText};

/// The parsed blocks held, by document number and first commit.
pub type FactCache = Cache<(i64, i64), FactBlock>;

/// What one document states.
#[derive(Debug)]
pub struct FactBlock {
    /// Number of the document.
    pub document: i64,
    /// First commit in which it states this.
    pub from: i64,
    pub provenance: Option<Value>,
    /// Derived resources with id and meta.
    pub resources: Vec<Value>,
    /// What sections say in words alone; none of a document that was deposited before they were kept.
    pub texts: Vec<SectionText>,
    /// Bytes of its JSON.
    pub bytes: usize,
}

/// A block as one caller finds it.
#[derive(Debug, Clone)]
pub struct VisibleFacts {
    pub superseded: bool,
    pub archived: bool,
    pub block: Arc<FactBlock>,
}

impl Reader<'_> {
    /// The fact blocks of a record whose documents this caller may see, oldest document first. As of an earlier commit `superseded` and
    /// `archived` are those of today: the DocumentReference of that day says what held then.
    ///
    /// # Errors
    /// `Bug` when a block is damaged.
    pub fn fact_blocks(&mut self, record: i64) -> Result<Vec<VisibleFacts>> {
        let sight = self.sight(&[record])?;
        let v = self.visibility;
        let rows: Vec<(i64, bool, bool, i64)> = fact_block::table
            .inner_join(document::table.on(document::number.eq(fact_block::document)))
            .filter(fact_block::record.eq(record))
            .filter(fact_block::from_commit.le(self.moment))
            .filter(fact_block::until_commit.gt(self.moment))
            .filter(visible!(v, sight))
            .select((document::number, document::superseded, document::archived, fact_block::from_commit))
            .order(document::number)
            .load(self.conn)
            .map_err(fault)?;
        rows.into_iter().map(|(number, superseded, archived, from)| Ok(VisibleFacts { superseded, archived, block: self.block(record, number, from)? })).collect()
    }

    /// The fact block of one document, `None` when it has none or may not be seen.
    ///
    /// # Errors
    /// `Bug` when the block is damaged.
    pub fn fact_block(&mut self, record: i64, number: i64) -> Result<Option<Arc<FactBlock>>> {
        let sight = self.sight(&[record])?;
        let v = self.visibility;
        let from: Option<i64> = fact_block::table
            .inner_join(document::table.on(document::number.eq(fact_block::document)))
            .filter(fact_block::record.eq(record))
            .filter(fact_block::document.eq(number))
            .filter(fact_block::until_commit.eq(i64::MAX))
            .filter(visible!(v, sight))
            .select(fact_block::from_commit)
            .first(self.conn)
            .optional()
            .map_err(fault)?;
        from.map(|from| self.block(record, number, from)).transpose()
    }

    /// Whether a document states facts besides the files it holds, seen by this caller or not; for background work only.
    ///
    /// # Errors
    /// `Bug` when the block is damaged, `Busy` from the database.
    pub fn states_facts(&mut self, row: &super::DocumentRow) -> Result<bool> {
        let block = fact_block::table.filter(fact_block::record.eq(row.record)).filter(fact_block::document.eq(row.number));
        let from: Option<i64> = block.select(fact_block::from_commit).order(fact_block::from_commit.desc()).first(self.conn).optional().map_err(fault)?;
        let Some(from) = from else { return Ok(false) };
        let is_fact = |r: &serde_json::Value| r.get("resourceType").and_then(serde_json::Value::as_str) != Some("Media");
        Ok(self.block(row.record, row.number, from)?.resources.iter().any(is_fact))
    }

    /// A block whose visibility has been asked.
    fn block(&mut self, record: i64, number: i64, from: i64) -> Result<Arc<FactBlock>> {
        if let Some(held) = self.facts.get(&(number, from)) {
            return Ok(held);
        }
        let bytes: Vec<u8> = fact_block::table.find((record, number, from)).select(fact_block::bytes).first(self.conn).map_err(fault)?;
        let json = unpack(&bytes)?;
        let block = Arc::new(parse(number, from, &json)?);
        self.facts.put((number, from), Arc::clone(&block), json.len());
        Ok(block)
    }
}

fn parse(document: i64, from: i64, json: &[u8]) -> Result<FactBlock> {
    let mut value: Value = serde_json::from_slice(json).map_err(|e| Fault::new(FaultKind::Bug, 174, "stored facts are damaged").because(e))?;
    let provenance = value.get_mut("provenance").map(Value::take).filter(|v| !v.is_null());
    let resources = match value.get_mut("resources").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let resources = resources.into_iter().map(compact).collect();
    let texts = value.get_mut("texts").map(Value::take).map(serde_json::from_value).transpose();
    let texts = texts.map_err(|e| Fault::new(FaultKind::Bug, 872, "the stored texts of sections are damaged").because(e))?.unwrap_or_default();
    Ok(FactBlock { document, from, provenance, resources, texts, bytes: json.len() })
}

/// A value without the room that its objects and arrays grew into while they were read: it is held for long.
fn compact(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.into_iter().map(|(name, value)| (name, compact(value))).collect()),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(compact).collect();
            items.shrink_to_fit();
            Value::Array(items)
        }
        plain => plain,
    }
}
