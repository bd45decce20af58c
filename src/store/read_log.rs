//! The log of reads: append-only, hash-chained, with an fsync thread of its own and no timer. Whatever waits when one fsync
//! returns is the next batch; an answer is released once its event is on disk.
//!
//! The file holds the raw query of every search, as BALP asks, hence whatever a caller put into an address or a form: identifiers
//! and names of patients among it. It is created for its owner alone (0600) and deserves the protection of the database, its
//! copies included.

use std::fs::File;
use std::fs::{OpenOptions, Permissions};
use std::ops::ControlFlow;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::chain::Sealer;
use crate::fhir::{Fault, FaultKind, Result};

mod append;
mod walk;

use append::{Appender, Entry, Message};
pub use walk::{Walked, verify, walk};

/// Events that may wait for the fsync thread.
const QUEUE: usize = 4096;

/// Proof that an event is on its way to the disk; wait before the answer leaves.
pub struct Pending(Receiver<bool>);

impl Pending {
    /// Blocks until the event is durable.
    ///
    /// # Errors
    /// `Busy` when it could not be written: nothing may be disclosed then.
    pub fn wait(self) -> Result<()> {
        match self.0.recv() {
            Ok(true) => Ok(()),
            _ => Err(Fault::new(FaultKind::Busy, 190, "the audit log cannot be written, so nothing is disclosed; try again")),
        }
    }
}

/// Whether the log takes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    Works,
    /// There is no space; it goes on by itself when there is.
    Full,
    /// A line may or may not be on the disk: it stops until the server is started again.
    Stopped,
}

/// The log, open for appending.
pub struct ReadLog {
    queue: SyncSender<Message>,
    thread: std::thread::JoinHandle<()>,
    path: PathBuf,
    /// Number and hash of the last line that is on the disk.
    head: Arc<Mutex<(i64, String)>>,
    full: Arc<AtomicBool>,
    sealer: Arc<OnceLock<Sealer>>,
}

impl ReadLog {
    /// Opens `path`, checks the chain of what it holds, and starts the thread.
    ///
    /// # Errors
    /// `Bug` when the file cannot be opened, `RuleBroken` when its chain is broken.
    pub fn open(path: &Path) -> Result<Self> {
        Self::resume(path, &walk::whole(path)?)
    }

    /// Opens `path`, which was walked, and starts the thread; what stands behind the lines that were walked is cut off.
    ///
    /// # Errors
    /// `Bug` when the file cannot be opened.
    pub fn resume(path: &Path, walked: &Walked) -> Result<Self> {
        let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 191, "the audit log could not be opened").because(e);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(fail)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(fail)?;
        if file.metadata().map_err(fail)?.len() > walked.good {
            // Lines without their end or their seal (power loss while writing) were never acknowledged.
            file.set_len(walked.good).map_err(fail)?;
        }
        file.sync_all().map_err(fail)?;
        let head = Arc::new(Mutex::new((walked.chain.number(), walked.chain.hash().to_owned())));
        let (full, sealer) = (Arc::new(AtomicBool::new(false)), Arc::new(OnceLock::new()));
        let (queue, receive) = sync_channel(QUEUE);
        let mut appender = Appender { disk: file, length: walked.good, head: Arc::clone(&head), full: Arc::clone(&full), sealer: Arc::clone(&sealer) };
        let thread = std::thread::Builder::new().name("read-log".into()).spawn(move || appender.run(&receive)).map_err(fail)?;
        Ok(Self { queue, thread, path: path.to_owned(), head, full, sealer })
    }

    /// From now on the last line of each batch is sealed; once for each log.
    pub fn sealed_by(&self, sealer: Sealer) {
        let _ = self.sealer.set(sealer);
    }

    /// Waits for the events that wait, and takes no more. Whether the file ends at [`ReadLog::head`]: after a failed fsync nobody knows.
    pub fn end(&self) -> bool {
        let (ended, wait) = sync_channel(1);
        self.queue.send(Message::End(ended)).is_ok() && wait.recv() == Ok(true)
    }

    /// Whether the log takes events now.
    pub fn state(&self) -> LogState {
        match (self.thread.is_finished(), self.full.load(Ordering::Acquire)) {
            (true, _) => LogState::Stopped,
            (false, true) => LogState::Full,
            (false, false) => LogState::Works,
        }
    }

    /// Hands the events of one interaction (JSON objects) to the thread; one fsync makes all of them durable.
    ///
    /// # Errors
    /// `Busy` when too many wait.
    pub fn append(&self, lines: Vec<String>) -> Result<Pending> {
        let (done, wait) = sync_channel(1);
        self.queue.try_send(Message::Append(Entry { lines, done })).map_err(|e| match e {
            TrySendError::Full(_) => Fault::new(FaultKind::Busy, 192, "too many reads are waiting for the audit log; try again"),
            TrySendError::Disconnected(_) => Fault::new(FaultKind::Busy, 193, "the audit log has stopped; nothing is disclosed"),
        })?;
        Ok(Pending(wait))
    }

    /// Where the chain of the log stands: number and hash of the last line that is on the disk. What is written and not yet synced is
    /// not in it: a power loss may still take it.
    pub fn head(&self) -> (i64, String) {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the lines of the log, newest first, until `see` breaks. A line that is being written is not looked at.
    ///
    /// # Errors
    /// `Bug` when the file cannot be read.
    pub fn newest(&self, see: impl FnMut(&str) -> ControlFlow<()>) -> Result<()> {
        self.from(|file| Ok(file.metadata()?.len()), see)
    }

    /// [`ReadLog::newest`] without the lines at the end of the log that are `later` than what is looked for: they are jumped over, in as
    /// many steps as their number has bits. After a line that is later none may follow that is looked for.
    ///
    /// # Errors
    /// `Bug` when the file cannot be read.
    pub fn newest_but(&self, later: impl Fn(&str) -> bool, see: impl FnMut(&str) -> ControlFlow<()>) -> Result<()> {
        self.from(|file| walk::first_later(file, later), see)
    }

    fn from(&self, end: impl FnOnce(&mut File) -> std::io::Result<u64>, see: impl FnMut(&str) -> ControlFlow<()>) -> Result<()> {
        let walked = || {
            let mut file = File::open(&self.path)?;
            let end = end(&mut file)?;
            walk::backwards(&mut file, end, see)
        };
        walked().map_err(|e| Fault::new(FaultKind::Bug, 194, "the audit log could not be read").because(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walk::BLOCK;

    fn fresh(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("passerelle-{name}-{}", uuid::Uuid::new_v4()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_changed_line_breaks_the_chain_and_a_torn_tail_does_not() {
        let path = fresh("chain");
        let log = ReadLog::open(&path).unwrap();
        for n in 0..3 {
            log.append(vec![format!("{{\"n\":{n}}}")]).unwrap().wait().unwrap();
        }
        assert_eq!(verify(&path).unwrap().0, 3);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"prev\":\"torn")).unwrap();
        assert_eq!(verify(&path).unwrap().0, 3);
        assert_ne!(std::fs::read_to_string(&path).unwrap(), text, "looking changes nothing");
        drop(log);
        let _again = ReadLog::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "opening cuts the torn line off");
        std::fs::write(&path, text.replace("{\"n\":1}", "{\"n\":7}")).unwrap();
        assert!(verify(&path).unwrap_err().to_string().contains("event 2 was changed"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_log_is_its_owners_alone() {
        let path = fresh("mode");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let _log = ReadLog::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn later_lines_are_jumped_over_and_none_that_is_looked_for() {
        let path = fresh("jump");
        let log = ReadLog::open(&path).unwrap();
        let long = "x".repeat(usize::try_from(BLOCK).unwrap() / 7);
        log.append((0..60).map(|n| format!("{{\"n\":{n},\"t\":\"{long}\"}}")).collect()).unwrap().wait().unwrap();
        let number = |line: &str| line.split("\"n\":").nth(1).unwrap().split(',').next().unwrap().parse::<i64>().unwrap();
        for last in [0, 1, 29, 30, 58, 59] {
            let mut seen = Vec::new();
            let see = |line: &str| {
                seen.push(number(line));
                ControlFlow::Continue(())
            };
            log.newest_but(|line| number(line) > last, see).unwrap();
            let later = seen.iter().filter(|n| **n > last).count();
            assert!(later <= 9, "{later} lines after {last} were walked");
            assert!(seen.into_iter().filter(|n| *n <= last).eq((0..=last).rev()), "up to {last}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_log_is_walked_from_its_end_across_blocks_and_past_a_torn_tail() {
        let path = fresh("walk");
        let log = ReadLog::open(&path).unwrap();
        let long = "x".repeat(usize::try_from(BLOCK).unwrap() / 3);
        log.append((0..10).map(|n| format!("{{\"n\":{n},\"t\":\"{long}\"}}")).collect()).unwrap().wait().unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"prev\":\"torn")).unwrap();
        let mut seen = Vec::new();
        log.newest(|line| {
            seen.push(line.to_owned());
            if seen.len() == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        let mut expected: Vec<String> = whole.lines().map(str::to_owned).collect();
        expected.reverse();
        assert!(seen == expected);
        std::fs::remove_file(&path).unwrap();
    }
}
