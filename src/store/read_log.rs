//! The log of reads: append-only, hash-chained, with an fsync thread of its own and no timer. Whatever waits when one fsync
//! returns is the next batch; an answer is released once its event is on disk.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::writer::chained;
use crate::fhir::{Fault, FaultKind, Result};

/// Events that may wait for the fsync thread.
const QUEUE: usize = 4096;
/// Events of one fsync.
const BATCH: usize = 512;

struct Entry {
    line: String,
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
    path: PathBuf,
}

impl ReadLog {
    /// Opens `path`, checks the chain of what it holds, and starts the thread.
    ///
    /// # Errors
    /// `Bug` when the file cannot be opened, `RuleBroken` when its chain is broken.
    pub fn open(path: &Path) -> Result<Self> {
        let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 191, "the audit log could not be opened").because(e);
        let (mut number, mut chain) = verify(path)?;
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        let (queue, receive) = sync_channel::<Entry>(QUEUE);
        std::thread::Builder::new()
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
                    append(&mut file, batch, &mut number, &mut chain);
                }
            })
            .map_err(fail)?;
        Ok(Self { queue, path: path.to_owned() })
    }

    /// Hands an event (a JSON object) to the thread.
    ///
    /// # Errors
    /// `Busy` when too many wait.
    pub fn append(&self, line: String) -> Result<Pending> {
        let (done, wait) = sync_channel(1);
        self.queue.try_send(Entry { line, done }).map_err(|e| match e {
            TrySendError::Full(_) => Fault::new(FaultKind::Busy, 192, "too many reads are waiting for the audit log; try again"),
            TrySendError::Disconnected(_) => Fault::new(FaultKind::Busy, 193, "the audit log has stopped; nothing is disclosed"),
        })?;
        Ok(Pending(wait))
    }

    /// The events in the log, oldest first, for which `keep` holds; at most `limit` of the newest.
    ///
    /// # Errors
    /// `Bug` when the file cannot be read.
    pub fn lines(&self, limit: usize, mut keep: impl FnMut(&str) -> bool) -> Result<Vec<String>> {
        let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 194, "the audit log could not be read").because(e);
        let mut out = std::collections::VecDeque::new();
        for line in BufReader::new(File::open(&self.path).map_err(fail)?).lines() {
            let line = line.map_err(fail)?;
            if keep(&line) {
                out.push_back(line);
                if out.len() > limit {
                    out.pop_front();
                }
            }
        }
        Ok(out.into())
    }
}

fn append(file: &mut File, batch: Vec<Entry>, number: &mut i64, chain: &mut String) {
    let mut text = String::new();
    let (mut n, mut head) = (*number, chain.clone());
    for entry in &batch {
        n += 1;
        let line = format!("{{\"prev\":\"{head}\",\"number\":{n},\"event\":{}}}", entry.line);
        head = chained(&line);
        text.push_str(&line);
        text.push('\n');
    }
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_ok();
    if written {
        (*number, *chain) = (n, head);
    } else {
        // A failed fsync must never be retried as if nothing had happened: stop disclosing.
        tracing::error!("the audit log could not be written");
    }
    for entry in batch {
        let _ = entry.done.send(written);
    }
}

/// Walks the chain of a log file; returns the last number and the hash of the last line.
/// A last line without its end (power loss while writing) was never acknowledged and is cut off by name.
///
/// # Errors
/// `RuleBroken` naming the first line whose hash does not follow.
pub fn verify(path: &Path) -> Result<(i64, String)> {
    let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 195, "the audit log could not be read").because(e);
    let Ok(file) = File::open(path) else { return Ok((0, String::new())) };
    let (mut number, mut chain, mut good) = (0i64, String::new(), 0u64);
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    loop {
        line.clear();
        let read = reader.read_line(&mut line).map_err(fail)?;
        if read == 0 {
            return Ok((number, chain));
        }
        let Some(whole) = line.strip_suffix('\n') else {
            OpenOptions::new().write(true).open(path).and_then(|f| f.set_len(good)).map_err(fail)?;
            return Ok((number, chain));
        };
        number += 1;
        if !whole.starts_with(&format!("{{\"prev\":\"{chain}\",\"number\":{number},")) {
            return Err(Fault::new(FaultKind::RuleBroken, 196, format!("the audit log is broken at line {number}")));
        }
        chain = chained(whole);
        good += u64::try_from(read).unwrap_or(0);
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
            log.append(format!("{{\"n\":{n}}}")).unwrap().wait().unwrap();
        }
        assert_eq!(verify(&path).unwrap().0, 3);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"prev\":\"torn")).unwrap();
        assert_eq!(verify(&path).unwrap().0, 3);
        std::fs::write(&path, text.replace("{\"n\":1}", "{\"n\":7}")).unwrap();
        assert!(verify(&path).unwrap_err().to_string().contains("line 3"));
        std::fs::remove_file(&path).unwrap();
    }
}
