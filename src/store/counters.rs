//! Numbers given out while planning; gaps are harmless. One process writes a database, so they live in memory.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use diesel::dsl::max;
use diesel::prelude::*;

use super::chain::chained;
use super::conn::{Conn, fault};
use super::schema::{audit_event, commit_log, document, record, version};
use crate::fhir::Result;

/// Next free numbers, and the last published commit.
#[derive(Debug, Default)]
pub struct Counters {
    record: AtomicI64,
    resource: AtomicI64,
    document: AtomicI64,
    published: AtomicI64,
    last_us: AtomicI64,
    /// Not later than the moment of the commit that is being written; 0 between two.
    writing_us: AtomicI64,
    /// Number and hash of the last event of writes, as this process knows it.
    audit: Mutex<(i64, String)>,
}

impl Counters {
    /// Reads the highest numbers in use.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn load(conn: &mut Conn) -> Result<Self> {
        let counters = Self::default();
        counters.read_again(conn)?;
        Ok(counters)
    }

    /// Takes over what is written; no number ever goes back.
    pub(super) fn read_again(&self, conn: &mut Conn) -> Result<()> {
        let set = |cell: &AtomicI64, value: Option<i64>| cell.fetch_max(value.unwrap_or(0), Ordering::AcqRel);
        set(&self.record, record::table.select(max(record::number)).first(conn).map_err(fault)?);
        set(&self.resource, version::table.select(max(version::rid)).first(conn).map_err(fault)?);
        set(&self.document, document::table.select(max(document::number)).first(conn).map_err(fault)?);
        set(&self.published, commit_log::table.select(max(commit_log::number)).first(conn).map_err(fault)?);
        set(&self.last_us, commit_log::table.select(max(commit_log::at_us)).first(conn).map_err(fault)?);
        let rows = audit_event::table.filter(audit_event::number.gt(0)).order(audit_event::number.desc()).select((audit_event::number, audit_event::line));
        let last: Option<(i64, String)> = rows.first(conn).optional().map_err(fault)?;
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner) = last.map(|(number, line)| (number, chained(&line))).unwrap_or_default();
        self.writing_us.store(0, Ordering::Release);
        Ok(())
    }

    /// A new record number.
    pub fn next_record(&self) -> i64 {
        self.record.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// A new resource number.
    pub fn next_resource(&self) -> i64 {
        self.resource.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// A new document number.
    pub fn next_document(&self) -> i64 {
        self.document.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The commit that readers see.
    pub fn published(&self) -> i64 {
        self.published.load(Ordering::Acquire)
    }

    /// The newest moment, up to `now_us`, of which a snapshot taken from now on shows every commit.
    pub fn settled_us(&self, now_us: i64) -> i64 {
        match self.writing_us.load(Ordering::Acquire) {
            0 => now_us,
            writing => now_us.min(writing - 1),
        }
    }

    /// The number and the moment of the commit that begins now. It is told before its moment is read, so that nobody who reads the clock
    /// later takes it for settled.
    pub(super) fn begin(&self, clock: impl Fn() -> i64) -> (i64, i64) {
        let last = self.last_us();
        self.writing_us.store(clock().max(last + 1), Ordering::Release);
        (self.published() + 1, clock().max(last + 1))
    }

    pub(super) fn publish(&self, number: i64, at_us: i64, audit: (i64, String)) {
        self.last_us.store(at_us, Ordering::Release);
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner) = audit;
        self.published.store(number, Ordering::Release);
        self.writing_us.store(0, Ordering::Release);
    }

    pub(super) fn last_us(&self) -> i64 {
        self.last_us.load(Ordering::Acquire)
    }

    /// Where the chain of writes stands: number and hash of its last event, 0 and empty when there is none. It is what this process
    /// wrote, whatever the database says by now.
    pub fn audit(&self) -> (i64, String) {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
