//! The one writer: a thread with a bounded queue and group commit without a timer. Whatever waits when one commit returns
//! is the next batch; each plan has a savepoint of its own, so that one refused plan harms no other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diesel::connection::TransactionManager;
use diesel::prelude::*;

use diesel::r2d2::R2D2Connection;

use super::chain::{Sealer, Trail, chained, sealed};
use super::conn::{Conn, DatabaseUrl, fault};
use super::counters::Counters;
use super::lock::{self, Lock};
use super::plan::{Operation, Plan};
use super::schema::{audit_event, commit_log, symbol};
use crate::fhir::{Fault, FaultKind, Result};

mod apply;
mod change;
mod check;

/// At most this many plans share a commit; with more, the first would wait too long.
const BATCH: usize = 64;
/// How often a writer that lost its database looks for it when no write asks.
const RETRY: Duration = Duration::from_secs(1);

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

enum Message {
    Write(Job),
    /// Nothing is written after this; told, when everything before it is, whether it is known what is written.
    End(SyncSender<bool>),
}

/// Handle to the writer thread; dropping it lets the thread finish what is queued and end.
pub struct Writer {
    queue: SyncSender<Message>,
    works: Arc<AtomicBool>,
    sealer: Arc<OnceLock<Sealer>>,
}

impl Writer {
    pub(super) fn start(mut conn: Conn, url: DatabaseUrl, lock: Lock, counters: Arc<Counters>, queue: usize) -> Result<Self> {
        let (send, receive) = sync_channel(queue.max(1));
        let works = Arc::new(AtomicBool::new(true));
        let held = Held::load(&mut conn)?;
        let sealer = Arc::new(OnceLock::new());
        let mut state = State { conn, url, lock, counters, before: held.chain.clone(), held, works: Arc::clone(&works), sealer: Arc::clone(&sealer) };
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || state.run(&receive))
            .map_err(|e| Fault::new(FaultKind::Bug, 140, "the writer could not start").because(e))?;
        Ok(Self { queue: send, works, sealer })
    }

    /// See [`super::Store::sealed_by`].
    pub(super) fn sealed_by(&self, sealer: Sealer) {
        let _ = self.sealer.set(sealer);
    }

    /// See [`super::Store::end`].
    pub(super) fn end(&self) -> bool {
        let (ended, wait) = sync_channel(1);
        self.queue.send(Message::End(ended)).is_ok() && wait.recv() == Ok(true)
    }

    /// Whether the last commit went through, or the database was found again since.
    pub(super) fn works(&self) -> bool {
        self.works.load(Ordering::Acquire)
    }

    pub(super) fn submit(&self, plan: Plan) -> Result<Written> {
        let (answer, wait) = sync_channel(1);
        self.queue.try_send(Message::Write(Job { plan, answer })).map_err(|e| match e {
            TrySendError::Full(_) => Fault::new(FaultKind::Busy, 141, "too many writes are waiting; try again"),
            TrySendError::Disconnected(_) => ended(),
        })?;
        wait.recv().unwrap_or_else(|_| Err(Fault::new(FaultKind::CommitUnknown, 143, "the write may or may not have happened; send the same request again")))
    }
}

/// After the end nothing is written; the database stays this process's own until nobody holds the writer any more.
fn late(queue: &Receiver<Message>) {
    while let Ok(message) = queue.recv() {
        // Only writes come late: a store is ended once.
        if let Message::Write(job) = message {
            let _ = job.answer.send(Err(ended()));
        }
    }
}

fn ended() -> Fault {
    Fault::new(FaultKind::Busy, 142, "the server ends and takes no more writes; try again")
}

/// What the writer holds of the database, read again whenever a commit failed.
struct Held {
    symbols: HashMap<(String, String), i64>,
    next_symbol: i64,
    /// Hash of the last audit line.
    chain: String,
}

impl Held {
    fn load(conn: &mut Conn) -> Result<Self> {
        let rows: Vec<(i64, String, String)> = symbol::table.select((symbol::number, symbol::system, symbol::code)).load(conn).map_err(fault)?;
        let next_symbol = rows.iter().map(|r| r.0).max().unwrap_or(0) + 1;
        let symbols = rows.into_iter().map(|(number, system, code)| ((system, code), number)).collect();
        let lines = audit_event::table.filter(audit_event::number.gt(0)).select(audit_event::line).order(audit_event::number.desc());
        let last: Option<String> = lines.first(conn).optional().map_err(fault)?;
        let chain = last.map(|line| chained(&line)).unwrap_or_default();
        Ok(Self { symbols, next_symbol, chain })
    }
}

struct State {
    conn: Conn,
    url: DatabaseUrl,
    lock: Lock,
    counters: Arc<Counters>,
    held: Held,
    /// Hash of the last audit line before the commit that is being written, or failed.
    before: String,
    sealer: Arc<OnceLock<Sealer>>,
    /// False from a failed commit until the database was read again.
    works: Arc<AtomicBool>,
}

impl State {
    fn run(&mut self, queue: &Receiver<Message>) {
        loop {
            let mut next = match queue.recv_timeout(RETRY) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => {
                    if !self.works.load(Ordering::Acquire) {
                        let _ = self.reopen();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let (mut batch, mut ended) = (Vec::new(), None);
            while let Some(message) = next.take() {
                match message {
                    Message::Write(job) => batch.push(job),
                    Message::End(told) => ended = Some(told),
                }
                next = if ended.is_none() && batch.len() < BATCH { queue.try_recv().ok() } else { None };
            }
            if !batch.is_empty() {
                self.commit(batch);
            }
            if let Some(told) = ended {
                let _ = told.send(self.works.load(Ordering::Acquire) || self.reopen().is_ok());
                return late(queue);
            }
        }
    }

    /// One durable commit for the batch; answers are released after it.
    fn commit(&mut self, batch: Vec<Job>) {
        if !self.works.load(Ordering::Acquire)
            && let Err(error) = self.reopen()
        {
            for job in batch {
                let _ = job.answer.send(Err(error.clone()));
            }
            return;
        }
        let (commit, at_us) = self.counters.begin(now_us);
        let written = Written { commit, at_us };
        let (mut audit, before) = self.counters.audit();
        self.before = before;
        let mut results = Vec::with_capacity(batch.len());
        let outcome = self.begin().and_then(|()| {
            for job in &batch {
                results.push(self.apply_one(&job.plan, written, &mut audit));
            }
            self.finish(written)
        });
        match outcome {
            Ok(()) => self.counters.publish(written.commit, written.at_us, (audit, self.held.chain.clone())),
            Err(error) => {
                tracing::error!(fault.number = error.number, cause = error.cause.as_deref().unwrap_or(""), "a commit failed");
                self.works.store(false, Ordering::Release);
                results = batch.iter().map(|_| Err(error.clone())).collect();
            }
        }
        if batch.iter().flat_map(|job| &job.plan.operations).any(|o| matches!(o, Operation::Erase { .. })) {
            super::erasure::settle(&mut self.conn);
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

    /// After a failed commit nobody knows what is written: the counters, the chain and the symbols are read again, over a new
    /// connection (and a new lock, which is the session's own) when the old one is gone.
    fn reopen(&mut self) -> Result<()> {
        let _ = <Conn as Connection>::TransactionManager::rollback_transaction(&mut self.conn);
        let lost = |error: Fault| Fault::new(FaultKind::Busy, 146, "the database is not reachable; try again").because(error);
        if self.conn.ping().is_err() || self.conn.is_broken() {
            let mut conn = self.url.open()?;
            if matches!(conn, Conn::Postgres(_)) {
                self.lock = lock::take(&mut conn, &self.url).map_err(lost)?;
            }
            self.conn = conn;
        }
        let found = Held::load(&mut self.conn).map_err(lost)?;
        if found.chain != self.before && found.chain != self.held.chain {
            tracing::error!("the trail of writes does not end as this server left it; nothing is written");
            return Err(Fault::new(FaultKind::Busy, 970, "the trail of writes was changed; nothing is written"));
        }
        self.counters.read_again(&mut self.conn).map_err(lost)?;
        self.held = found;
        self.works.store(true, Ordering::Release);
        tracing::info!("the database is reachable again");
        Ok(())
    }

    fn apply_one(&mut self, plan: &Plan, written: Written, audit: &mut i64) -> Result<()> {
        let new = self.unknown(plan);
        self.held.symbols.extend(new.iter().cloned());
        let symbols = &self.held.symbols;
        let chain = self.held.chain.clone();
        let sealer = self.sealer.get();
        let start = *audit;
        let applied = self.conn.transaction::<_, Rollback, _>(|conn| {
            check::preconditions(conn, &plan.preconditions)?;
            apply::symbols(conn, &new)?;
            apply::operations(conn, &plan.operations, symbols, written)?;
            apply::receipt(conn, plan.receipt.as_ref(), written)?;
            apply::audit(conn, &plan.audit, (start, chain), written, sealer)
        });
        match applied {
            Ok((chain, number)) => {
                self.held.chain = chain;
                *audit = number;
                Ok(())
            }
            Err(Rollback(f)) => {
                for (key, _) in &new {
                    self.held.symbols.remove(key);
                }
                Err(*f)
            }
        }
    }

    /// The symbols that a plan brings, numbered; written with it, forgotten with it.
    fn unknown(&mut self, plan: &Plan) -> Vec<((String, String), i64)> {
        let mut keys: Vec<(String, String)> = apply::symbols_of(plan).into_iter().filter(|key| !self.held.symbols.contains_key(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let first = self.held.next_symbol;
        let new: Vec<_> = keys.into_iter().zip(first..).collect();
        self.held.next_symbol += i64::try_from(new.len()).unwrap_or(0);
        new
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
