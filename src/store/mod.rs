//! The only room that names diesel. `Store::read` gives a reader over one snapshot that carries the caller's visibility;
//! `Store::write` hands a [`Plan`] to the one writer and waits for its durable commit.
//!
//! Keys begin with the record number; every commit has a number; version and index rows say from which commit until
//! which they hold. Waiting writes share one durable commit.

mod among;
mod anchor;
mod backup;
mod cache;
mod chain;
mod conn;
mod counters;
mod documents;
mod editions;
mod erasure;
mod export;
mod facts;
mod footprint;
mod given;
mod jobs;
mod lock;
mod plan;
mod read;
mod read_log;
mod rights;
mod schema;
mod search;
mod sets;
mod settings;
mod trail;
mod visible;
mod visits;
mod whose;
mod writer;

use std::sync::Arc;

pub use anchor::{Anchor, last_kept as last_checkpoint, lines as anchor_lines};
pub use backup::verify as verify_backup;
pub use cache::Cache;
pub use chain::{Break, Chain, Sealer, Trail, chained as chain_hash, seal_of};
pub use conn::DatabaseUrl;
pub use counters::Counters;
pub use documents::DocumentRow;
pub use facts::{FactBlock, VisibleFacts};
pub use footprint::Footprint;
pub use given::{Given, Standing, Stated};
pub use jobs::DueJob;
pub use plan::{AuditLine, ChangeDocument, Cut, DocumentText, Facts, Index, Job, NewDocument, Operation, Plan, Precondition, Put};
pub use read::{Found, Place, Reader, VersionRow};
pub use read_log::{LogState, Pending, ReadLog, Walked, verify as verify_read_log, walk as walk_read_log};
pub use rights::DecidedFacts;
pub use search::{Condition, DatePrefix, DateTest, Page, PageKey, Query, Sort};
pub use settings::Settings;
pub use writer::Written;

use crate::access::Visibility;
use crate::fhir::Result;

/// Which database, and how many may wait for it.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub url: DatabaseUrl,
    /// Connections for reading.
    pub readers: u32,
    /// Writes that may wait for the writer; more are answered 503. 0 = this process only reads.
    pub queue: usize,
    /// Bytes of JSON of facts whose parsed form is held; it takes several times as much.
    pub facts_bytes: usize,
}

/// Creates an empty PostgreSQL database of a random name on the server of a URL, for trials and tests; returns its URL.
///
/// # Errors
/// `Busy` when the server is not reachable or refuses.
pub fn create_database(server: &str) -> Result<String> {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    let fail = |cause: String| crate::fhir::Fault::new(crate::fhir::FaultKind::Busy, 108, "the database could not be created").because(cause);
    let name = format!("passerelle_{}", uuid::Uuid::new_v4().simple());
    let mut conn = diesel::PgConnection::establish(server).map_err(|e| fail(e.to_string()))?;
    conn.batch_execute(&format!("CREATE DATABASE {name}")).map_err(|e| fail(e.to_string()))?;
    let base = server.rsplit_once('/').map_or(server, |s| s.0);
    Ok(format!("{base}/{name}"))
}

/// What a database was made for (`trial`, `production`); none when there is none at this address, or no server has used it yet.
/// Changes nothing.
pub fn environment_of(url: &str) -> Option<String> {
    let mut conn = conn::open_existing(&DatabaseUrl::parse(url).ok()?).ok()?;
    settings::environment(&mut conn).ok().flatten()
}

/// The database, open.
pub struct Store {
    pool: conn::ReaderPool,
    writer: Option<writer::Writer>,
    counters: Arc<Counters>,
    settings: Settings,
    facts: facts::FactCache,
    url: DatabaseUrl,
}

impl Store {
    /// Opens the database; for writing, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// `Busy` when it is not reachable, `RuleBroken` when a newer program wrote it, when another process writes it now, or, for
    /// reading only, when there is no database of this version.
    pub fn open(options: &StoreOptions) -> Result<Self> {
        let lock;
        let mut conn;
        if options.queue > 0 {
            conn = options.url.open()?;
            lock = Some(lock::take(&mut conn, &options.url)?);
            conn::migrate(&mut conn)?;
        } else {
            conn = conn::open_existing(&options.url)?;
            lock = None;
        }
        let settings = Settings::load_or_create(&mut conn)?;
        let counters = Arc::new(Counters::load(&mut conn)?);
        let writer = lock.map(|lock| writer::Writer::start(conn, options.url.clone(), lock, Arc::clone(&counters), options.queue)).transpose()?;
        let pool = conn::pool(&options.url, options.readers)?;
        Ok(Self { pool, writer, counters, settings, facts: Cache::new(options.facts_bytes), url: options.url.clone() })
    }

    /// Fixes what the database is for (`trial`, `production`) at its first start.
    ///
    /// # Errors
    /// `RuleBroken` when it was created for another environment.
    pub fn pin_environment(&self, wanted: &str) -> Result<()> {
        settings::pin_environment(&mut self.url.open()?, wanted)
    }

    /// Runs `f` over one snapshot. Blocking: call it from a blocking thread.
    ///
    /// # Errors
    /// `Busy` when no connection is free within 5 s; whatever `f` returns.
    pub fn read<T>(&self, visibility: &Visibility, f: impl FnOnce(&mut Reader<'_>) -> Result<T>) -> Result<T> {
        let mut conn = self.pool.get().map_err(|e| crate::fhir::Fault::new(crate::fhir::FaultKind::Busy, 104, "no database connection is free; try again").because(e))?;
        read::snapshot(&mut conn, &self.counters, &self.facts, visibility, f)
    }

    /// Waits until the plan is durable. Blocking.
    ///
    /// # Errors
    /// `Busy` when the queue is full, `WriteConflict`, `VersionMismatch` … from the preconditions, `CommitUnknown` when the
    /// commit itself failed.
    pub fn write(&self, plan: Plan) -> Result<Written> {
        match &self.writer {
            Some(writer) => writer.submit(plan),
            None => Err(crate::fhir::Fault::new(crate::fhir::FaultKind::Bug, 105, "this process opened the database for reading only")),
        }
    }

    /// Whether the database answers and takes writes.
    ///
    /// # Errors
    /// `Busy` when it does not.
    pub fn ready(&self) -> Result<()> {
        if self.writer.as_ref().is_some_and(|writer| !writer.works()) {
            return Err(crate::fhir::Fault::new(crate::fhir::FaultKind::Busy, 109, "the last write failed and the database was not found again yet"));
        }
        self.read(&Visibility::open("", 0), |reader| reader.place("Patient", "").map(|_| ()))
    }

    /// From now on what is written is sealed; once for each process.
    pub fn sealed_by(&self, sealer: Sealer) {
        if let Some(writer) = &self.writer {
            writer.sealed_by(sealer);
        }
    }

    /// Waits for the writes that wait, and takes no more. Whether the chain of writes ends where [`Counters::audit`] says: after a
    /// failed commit, and without the database, nobody knows.
    pub fn end(&self) -> bool {
        self.writer.as_ref().is_none_or(writer::Writer::end)
    }

    /// Whether another process writes this database now.
    ///
    /// # Errors
    /// `Bug` or `Busy` when that cannot be seen.
    pub fn is_written(&self) -> Result<bool> {
        lock::is_taken(&mut self.url.open()?, &self.url)
    }

    /// Numbers for planning.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What is fixed at creation.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Copies the whole database into `path` while it is in use (SQLite only) and checks the copy.
    ///
    /// # Errors
    /// `RuleBroken` on PostgreSQL (use its own tools), `Bug` when the copy fails its check.
    pub fn backup(&self, path: &std::path::Path) -> Result<()> {
        backup::backup(&self.url, path)
    }
}

#[cfg(test)]
mod rights_tests;
#[cfg(test)]
mod tests;
