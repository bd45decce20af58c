//! The one writer: a thread with a bounded queue and group commit without a timer. Whatever waits when one commit returns
//! is the next batch; each plan has a savepoint of its own, so that one refused plan harms no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use diesel::connection::TransactionManager;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::conn::{Conn, fault};
use super::counters::Counters;
use super::lock::Lock;
use super::plan::Plan;
use super::schema::{audit_event, commit_log, symbol};
use crate::fhir::{Fault, FaultKind, Result};

mod apply;
mod check;

/// At most this many plans share a commit; with more, the first would wait too long.
const BATCH: usize = 64;

/// The commit a plan landed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub commit: i64,
    /// µs UTC; what `meta.lastUpdated` of every version in it says.
    pub at_us: i64,
}

struct Job {
    plan: Plan,
    answer: SyncSender<Result<Written>>,
}

/// Handle to the writer thread; dropping it lets the thread finish what is queued and end.
pub struct Writer {
    queue: SyncSender<Job>,
}

impl Writer {
    pub(super) fn start(conn: Conn, lock: Lock, counters: Arc<Counters>, queue: usize) -> Result<Self> {
        let (send, receive) = sync_channel(queue.max(1));
        let mut state = State::load(conn, counters)?;
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                let _lock = lock;
                state.run(&receive);
            })
            .map_err(|e| Fault::new(FaultKind::Bug, 140, "the writer could not start").because(e))?;
        Ok(Self { queue: send })
    }

    pub(super) fn submit(&self, plan: Plan) -> Result<Written> {
        let (answer, wait) = sync_channel(1);
        self.queue.try_send(Job { plan, answer }).map_err(|e| match e {
            TrySendError::Full(_) => Fault::new(FaultKind::Busy, 141, "too many writes are waiting; try again"),
            TrySendError::Disconnected(_) => Fault::new(FaultKind::Bug, 142, "the writer has stopped"),
        })?;
        wait.recv().unwrap_or_else(|_| Err(Fault::new(FaultKind::CommitUnknown, 143, "the write may or may not have happened; send the same request again")))
    }
}

struct State {
    conn: Conn,
    counters: Arc<Counters>,
    symbols: HashMap<(String, String), i64>,
    next_symbol: i64,
    /// Hash of the last audit line.
    chain: String,
}

impl State {
    fn load(mut conn: Conn, counters: Arc<Counters>) -> Result<Self> {
        let rows: Vec<(i64, String, String)> = symbol::table.select((symbol::number, symbol::system, symbol::code)).load(&mut conn).map_err(fault)?;
        let next_symbol = rows.iter().map(|r| r.0).max().unwrap_or(0) + 1;
        let symbols = rows.into_iter().map(|(number, system, code)| ((system, code), number)).collect();
        let last: Option<String> = audit_event::table.select(audit_event::line).order(audit_event::number.desc()).first(&mut conn).optional().map_err(fault)?;
        let chain = last.map(|line| chained(&line)).unwrap_or_default();
        Ok(Self { conn, counters, symbols, next_symbol, chain })
    }

    fn run(&mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH {
                match queue.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
            self.commit(batch);
        }
    }

    /// One durable commit for the batch; answers are released after it.
    fn commit(&mut self, batch: Vec<Job>) {
        let written = Written { commit: self.counters.published() + 1, at_us: now_us().max(self.counters.last_us() + 1) };
        let before = (self.chain.clone(), self.counters.audit());
        let mut audit = before.1;
        let mut results = Vec::with_capacity(batch.len());
        let outcome = self.begin().and_then(|()| {
            for job in &batch {
                results.push(self.apply_one(&job.plan, written, &mut audit));
            }
            self.finish(written)
        });
        match outcome {
            Ok(()) => self.counters.publish(written.commit, written.at_us, audit),
            Err(error) => {
                tracing::error!(fault.number = error.number, cause = error.cause.as_deref().unwrap_or(""), "a commit failed");
                self.recover(before.0);
                results = batch.iter().map(|_| Err(error.clone())).collect();
            }
        }
        for (job, result) in batch.into_iter().zip(results) {
            // A caller that gave up waiting is not an error of the writer.
            let _ = job.answer.send(result.map(|()| written));
        }
    }

    fn begin(&mut self) -> Result<()> {
        <Conn as Connection>::TransactionManager::begin_transaction(&mut self.conn).map_err(|e| Fault::new(FaultKind::Busy, 144, "the database is busy; try again").because(e))
    }

    fn finish(&mut self, written: Written) -> Result<()> {
        diesel::insert_into(commit_log::table).values((commit_log::number.eq(written.commit), commit_log::at_us.eq(written.at_us))).execute(&mut self.conn).map_err(fault)?;
        <Conn as Connection>::TransactionManager::commit_transaction(&mut self.conn)
            .map_err(|e| Fault::new(FaultKind::CommitUnknown, 145, "the write may or may not have happened; send the same request again").because(e))
    }

    /// After a failed commit the caches may name rows that do not exist.
    fn recover(&mut self, chain: String) {
        let _ = <Conn as Connection>::TransactionManager::rollback_transaction(&mut self.conn);
        self.chain = chain;
        let rows: std::result::Result<Vec<(i64, String, String)>, _> = symbol::table.select((symbol::number, symbol::system, symbol::code)).load(&mut self.conn);
        if let Ok(rows) = rows {
            self.symbols = rows.into_iter().map(|(number, system, code)| ((system, code), number)).collect();
        }
    }

    fn apply_one(&mut self, plan: &Plan, written: Written, audit: &mut i64) -> Result<()> {
        self.intern(plan)?;
        let symbols = &self.symbols;
        let chain = self.chain.clone();
        let start = *audit;
        let applied = self.conn.transaction::<_, Rollback, _>(|conn| {
            check::preconditions(conn, &plan.preconditions)?;
            apply::operations(conn, &plan.operations, symbols, written)?;
            apply::receipt(conn, plan.receipt.as_ref(), written)?;
            apply::audit(conn, &plan.audit, start, chain, written)
        });
        match applied {
            Ok((chain, number)) => {
                self.chain = chain;
                *audit = number;
                Ok(())
            }
            Err(Rollback(f)) => Err(*f),
        }
    }

    /// Symbols are written outside the plan's savepoint: a refused plan leaves at most an unused pair behind.
    fn intern(&mut self, plan: &Plan) -> Result<()> {
        for (system, code) in apply::symbols_of(plan) {
            let key = (system, code);
            if self.symbols.contains_key(&key) {
                continue;
            }
            let number = self.next_symbol;
            diesel::insert_into(symbol::table).values((symbol::number.eq(number), symbol::system.eq(&key.0), symbol::code.eq(&key.1))).execute(&mut self.conn).map_err(fault)?;
            self.next_symbol += 1;
            self.symbols.insert(key, number);
        }
        Ok(())
    }
}

/// The error of a savepoint: diesel wants one that its own errors convert to.
struct Rollback(Box<Fault>);

impl From<diesel::result::Error> for Rollback {
    fn from(error: diesel::result::Error) -> Self {
        Self(Box::new(fault(error)))
    }
}

impl From<Fault> for Rollback {
    fn from(error: Fault) -> Self {
        Self(Box::new(error))
    }
}

/// µs since 1970, UTC.
fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_micros()).ok()).unwrap_or(0)
}

/// Hash that the next audit line carries as `prev`.
pub fn chained(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
