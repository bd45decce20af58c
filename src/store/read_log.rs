//! The log of reads: append-only, hash-chained, with an fsync thread of its own and no timer. Whatever waits when one fsync
//! returns is the next batch; an answer is released once its event is on disk.
//!
//! The file holds the raw query of every search, as BALP asks, hence whatever a caller put into an address or a form: identifiers
//! and names of patients among it. It is created for its owner alone (0600) and deserves the protection of the database, its
//! copies included.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::chain::{Break, Chain, chained};
use crate::fhir::{Fault, FaultKind, Result};

/// Events that may wait for the fsync thread.
const QUEUE: usize = 4096;
/// Events of one fsync.
const BATCH: usize = 512;
/// Bytes read at once when the log is walked from its end.
const BLOCK: u64 = 1 << 20;

/// The events of one interaction.
struct Entry {
    lines: Vec<String>,
    done: SyncSender<bool>,
}

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

/// The log, open for appending.
pub struct ReadLog {
    queue: SyncSender<Entry>,
    thread: std::thread::JoinHandle<()>,
    path: PathBuf,
    /// Number and hash of the last line that is on the disk.
    head: Arc<Mutex<(i64, String)>>,
}

impl ReadLog {
    /// Opens `path`, checks the chain of what it holds, and starts the thread.
    ///
    /// # Errors
    /// `Bug` when the file cannot be opened, `RuleBroken` when its chain is broken.
    pub fn open(path: &Path) -> Result<Self> {
        let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 191, "the audit log could not be opened").because(e);
        let walked = whole(path)?;
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(fail)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(fail)?;
        if file.metadata().map_err(fail)?.len() > walked.good {
            // A last line without its end (power loss while writing) was never acknowledged.
            file.set_len(walked.good).map_err(fail)?;
        }
        file.sync_all().map_err(fail)?;
        let head = Arc::new(Mutex::new((walked.chain.number(), walked.chain.hash().to_owned())));
        let (queue, receive) = sync_channel::<Entry>(QUEUE);
        let durable = Arc::clone(&head);
        let thread = std::thread::Builder::new()
            .name("read-log".into())
            .spawn(move || {
                while let Ok(first) = receive.recv() {
                    let mut batch = vec![first];
                    while batch.len() < BATCH {
                        match receive.try_recv() {
                            Ok(entry) => batch.push(entry),
                            Err(_) => break,
                        }
                    }
                    if !append(&mut file, batch, &durable) {
                        break;
                    }
                }
            })
            .map_err(fail)?;
        Ok(Self { queue, thread, path: path.to_owned(), head })
    }

    /// Whether the log takes events: it stops for good when one could not be written.
    pub fn works(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Hands the events of one interaction (JSON objects) to the thread; one fsync makes all of them durable.
    ///
    /// # Errors
    /// `Busy` when too many wait.
    pub fn append(&self, lines: Vec<String>) -> Result<Pending> {
        let (done, wait) = sync_channel(1);
        self.queue.try_send(Entry { lines, done }).map_err(|e| match e {
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
        self.from(|file| first_later(file, later), see)
    }

    fn from(&self, end: impl FnOnce(&mut File) -> std::io::Result<u64>, see: impl FnMut(&str) -> ControlFlow<()>) -> Result<()> {
        let walk = || {
            let mut file = File::open(&self.path)?;
            let end = end(&mut file)?;
            backwards(&mut file, end, see)
        };
        walk().map_err(|e| Fault::new(FaultKind::Bug, 194, "the audit log could not be read").because(e))
    }
}

/// Where a line begins after which all are later, at most a block and a line behind the first of them; the end of the file when none is.
fn first_later(file: &mut File, later: impl Fn(&str) -> bool) -> std::io::Result<u64> {
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > BLOCK {
        let middle = low + (high - low) / 2;
        match line_after(file, middle)? {
            Some((start, line)) if start < high && later(&line) => high = start,
            Some((start, _)) if start < high => low = middle,
            // No line begins between the middle and what is known to be later.
            _ => break,
        }
    }
    Ok(high)
}

/// The first whole line that begins after a place, and where it begins; `None` when there is none within a block.
fn line_after(file: &mut File, place: u64) -> std::io::Result<Option<(u64, String)>> {
    file.seek(SeekFrom::Start(place))?;
    let mut block = Vec::new();
    file.take(BLOCK).read_to_end(&mut block)?;
    let mut lines = block.split(|b| *b == b'\n');
    let (Some(rest), Some(line), Some(_)) = (lines.next(), lines.next(), lines.next()) else { return Ok(None) };
    let start = place + u64::try_from(rest.len()).unwrap_or(0) + 1;
    Ok(Some((start, String::from_utf8_lossy(line).into_owned())))
}

fn backwards(file: &mut File, mut end: u64, mut see: impl FnMut(&str) -> ControlFlow<()>) -> std::io::Result<()> {
    // The beginning of a line whose rest is in the block behind; unfinished until the first end of a line is found.
    let (mut rest, mut unfinished) = (Vec::new(), true);
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block)?;
        block.append(&mut rest);
        let mut lines: Vec<&[u8]> = block.split(|b| *b == b'\n').collect();
        if unfinished && lines.len() > 1 {
            lines.pop();
            unfinished = false;
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let whole = (start == 0 && !unfinished).then_some(first);
        for line in lines.rev().chain(whole) {
            if std::str::from_utf8(line).is_ok_and(|line| see(line).is_break()) {
                return Ok(());
            }
        }
        rest = first.to_vec();
        end = start;
    }
    Ok(())
}

/// Writes a batch; `false` when it may not be on the disk, after which nothing more is written.
fn append(file: &mut File, batch: Vec<Entry>, durable: &Mutex<(i64, String)>) -> bool {
    let mut text = String::new();
    let (mut number, mut head) = durable.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for event in batch.iter().flat_map(|entry| &entry.lines) {
        number += 1;
        let line = format!("{{\"prev\":\"{head}\",\"number\":{number},\"event\":{event}}}");
        head = chained(&line);
        text.push_str(&line);
        text.push('\n');
    }
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_ok();
    if written {
        *durable.lock().unwrap_or_else(PoisonError::into_inner) = (number, head);
    } else {
        // A failed fsync must never be retried as if nothing had happened: the log stops, and with it every disclosure.
        tracing::error!("the audit log could not be written; nothing is disclosed until the server is started again");
    }
    for entry in batch {
        let _ = entry.done.send(written);
    }
    written
}

/// Checks the chain of a log file, changing nothing; returns the last number and the hash of the last line. A line that is being
/// written is not looked at.
///
/// # Errors
/// `RuleBroken` naming the first event that is not what was written, `Bug` when the file cannot be read.
pub fn verify(path: &Path) -> Result<(i64, String)> {
    whole(path).map(|walked| (walked.chain.number(), walked.chain.hash().to_owned()))
}

fn whole(path: &Path) -> Result<Walked> {
    let walked = walk(path, |_, _| ())?;
    match &walked.broken {
        Some(broken) => {
            Err(Fault::new(FaultKind::RuleBroken, 196, format!("the audit log is broken: {broken}; put the log of a backup in its place, or keep it as evidence and move it away")))
        }
        None => Ok(walked),
    }
}

/// A walk through a log file.
#[derive(Debug)]
pub struct Walked {
    pub chain: Chain,
    /// Bytes of the whole lines that were walked.
    pub good: u64,
    /// Where the walk ended before the end of the log.
    pub broken: Option<Break>,
}

/// Walks a log file, changing nothing, and shows each line with the chain up to it.
///
/// # Errors
/// `Bug` when the file cannot be read.
pub fn walk(path: &Path, mut see: impl FnMut(&Chain, &str)) -> Result<Walked> {
    let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 195, "the audit log could not be read").because(e);
    let mut walked = Walked { chain: Chain::default(), good: 0, broken: None };
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::with_capacity(1 << 16, file),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(walked),
        Err(e) => return Err(fail(e)),
    };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes).map_err(fail)?;
        let Some(line) = bytes.strip_suffix(b"\n") else {
            walked.broken = walked.chain.end().err();
            return Ok(walked);
        };
        let line = std::str::from_utf8(line).unwrap_or_default();
        if let Err(broken) = walked.chain.follow(line) {
            walked.broken = Some(broken);
            return Ok(walked);
        }
        see(&walked.chain, line);
        walked.good += u64::try_from(read).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
