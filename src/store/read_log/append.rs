//! The thread that writes the log: a batch at a time, each ended by a seal and made durable by one fsync.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::store::chain::{Sealer, Trail, chained, sealed};

/// Entries of one fsync.
const BATCH: usize = 512;
/// How often a log without space looks for some when no read asks.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes that must find their place before a log without space goes on.
const PROBE: usize = 4096;

/// The events of one interaction.
pub(super) struct Entry {
    pub lines: Vec<String>,
    /// Told whether they are durable.
    pub done: SyncSender<bool>,
}

pub(super) enum Message {
    Append(Entry),
    /// Nothing is written after this; told, when everything before it is, whether it is known what is written.
    End(SyncSender<bool>),
}

/// What the lines are written to: a file, in tests one that fails.
pub(super) trait Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()>;
    fn sync(&mut self) -> std::io::Result<()>;
    /// Cuts off what stands behind this many bytes.
    fn cut(&mut self, length: u64) -> std::io::Result<()>;
}

impl Disk for File {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.set_len(length)
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Durable,
    /// Nothing of it is in the file, and the next may be tried.
    Refused,
    /// It may or may not be on the disk: a failed fsync must never be tried again as if nothing had happened.
    Unknown,
}

pub(super) struct Appender<D> {
    pub disk: D,
    /// Bytes of the whole lines.
    pub length: u64,
    /// Number and hash of the last line that is on the disk.
    pub head: Arc<Mutex<(i64, String)>>,
    pub full: Arc<AtomicBool>,
    pub sealer: Arc<OnceLock<Sealer>>,
}

impl<D: Disk> Appender<D> {
    /// Writes what comes until it is told to end, nobody asks any more, or nobody knows what is on the disk.
    pub fn run(&mut self, queue: &Receiver<Message>) {
        loop {
            let mut next = match queue.recv_timeout(RETRY) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => {
                    self.probe();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let (mut batch, mut ended) = (Vec::new(), None);
            while let Some(message) = next.take() {
                match message {
                    Message::Append(entry) => batch.push(entry),
                    Message::End(told) => ended = Some(told),
                }
                next = if ended.is_none() && batch.len() < BATCH { queue.try_recv().ok() } else { None };
            }
            let fate = self.append(batch);
            if let Some(told) = ended {
                let _ = told.send(fate != Fate::Unknown);
                return;
            }
            if fate == Fate::Unknown {
                tracing::error!("the audit log could not be synced; nothing is disclosed until the server is started again");
                return;
            }
        }
    }

    fn append(&mut self, batch: Vec<Entry>) -> Fate {
        let fate = match self.lines(&batch) {
            _ if batch.is_empty() => Fate::Durable,
            Some((text, head)) => self.write(&text, head),
            None => Fate::Refused,
        };
        for entry in batch {
            let _ = entry.done.send(fate == Fate::Durable);
        }
        fate
    }

    /// The lines of a batch, the last of them sealed, and number and hash of the last; none when it cannot be sealed.
    fn lines(&self, batch: &[Entry]) -> Option<(String, (i64, String))> {
        let events: Vec<&String> = batch.iter().flat_map(|entry| &entry.lines).collect();
        let (mut number, mut hash) = self.head.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut text = String::new();
        for (index, event) in events.iter().enumerate() {
            number += 1;
            let mut line = format!("{{\"prev\":\"{hash}\",\"number\":{number},\"event\":{event}}}");
            if let Some(sealer) = self.sealer.get().filter(|_| index + 1 == events.len()) {
                line = sealed(Trail::Reads, &line, sealer)?;
            }
            hash = chained(&line);
            text.push_str(&line);
            text.push('\n');
        }
        Some((text, (number, hash)))
    }

    fn write(&mut self, text: &str, head: (i64, String)) -> Fate {
        if let Err(e) = self.disk.write(text.as_bytes()) {
            if !self.full.swap(true, Ordering::AcqRel) {
                tracing::error!(cause = %e, "the audit log cannot be written; nothing is disclosed until it can");
            }
            // What was written in part must not begin the next line.
            return if self.disk.cut(self.length).is_ok() { Fate::Refused } else { Fate::Unknown };
        }
        if self.disk.sync().is_err() {
            return Fate::Unknown;
        }
        self.length += u64::try_from(text.len()).unwrap_or(0);
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        if self.full.swap(false, Ordering::AcqRel) {
            tracing::info!("the audit log can be written again");
        }
        Fate::Durable
    }

    /// Without space, looks whether there is some again: who asks the health of this server learns it without a read.
    fn probe(&mut self) {
        if self.full.load(Ordering::Acquire) && self.disk.write(&[b' '; PROBE]).is_ok() && self.disk.cut(self.length).is_ok() {
            self.full.store(false, Ordering::Release);
            tracing::info!("the audit log can be written again");
        } else if self.full.load(Ordering::Acquire) {
            let _ = self.disk.cut(self.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk in memory: bytes, space, and whether it syncs.
    struct Small {
        bytes: Vec<u8>,
        space: usize,
        syncs: bool,
    }

    impl Disk for Small {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
            let fits = bytes.len().min(self.space - self.bytes.len());
            self.bytes.extend(&bytes[..fits]);
            if fits == bytes.len() { Ok(()) } else { Err(std::io::ErrorKind::StorageFull.into()) }
        }

        fn sync(&mut self) -> std::io::Result<()> {
            if self.syncs { Ok(()) } else { Err(std::io::ErrorKind::Other.into()) }
        }

        fn cut(&mut self, length: u64) -> std::io::Result<()> {
            self.bytes.truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    fn appender(space: usize) -> Appender<Small> {
        Appender { disk: Small { bytes: Vec::new(), space, syncs: true }, length: 0, head: Arc::default(), full: Arc::default(), sealer: Arc::default() }
    }

    fn one(appender: &mut Appender<Small>) -> (Fate, bool) {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let fate = appender.append(vec![Entry { lines: vec![format!("{{\"t\":\"{}\"}}", "x".repeat(100))], done }]);
        (fate, wait.recv().unwrap())
    }

    #[test]
    fn a_log_without_space_goes_on_when_there_is_some() {
        let mut log = appender(200);
        assert_eq!(one(&mut log), (Fate::Durable, true));
        let whole = log.disk.bytes.clone();
        assert_eq!(one(&mut log), (Fate::Refused, false));
        assert_eq!((log.disk.bytes == whole, log.full.load(Ordering::Acquire), log.head.lock().unwrap().0), (true, true, 1), "nothing of it is left");
        log.probe();
        assert!(log.full.load(Ordering::Acquire) && log.disk.bytes == whole, "still no space");
        log.disk.space = 100_000;
        log.probe();
        assert!(!log.full.load(Ordering::Acquire) && log.disk.bytes == whole);
        assert_eq!(one(&mut log), (Fate::Durable, true));
        let text = String::from_utf8(log.disk.bytes).unwrap();
        let first = text.lines().next().unwrap();
        assert!(text.lines().nth(1).unwrap().starts_with(&format!("{{\"prev\":\"{}\",\"number\":2,", chained(first))), "{text}");
    }

    #[test]
    fn a_failed_fsync_is_never_tried_again() {
        let mut log = appender(100_000);
        log.disk.syncs = false;
        assert_eq!(one(&mut log), (Fate::Unknown, false));
        log.disk.syncs = true;
        let (send, receive) = std::sync::mpsc::sync_channel(4);
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        log.disk.syncs = false;
        send.send(Message::Append(Entry { lines: vec!["{}".into()], done })).unwrap();
        log.run(&receive);
        assert!(!wait.recv().unwrap(), "the thread ended with it");
    }

    #[test]
    fn what_cannot_be_sealed_is_not_written() {
        let mut log = appender(100_000);
        let _ = log.sealer.set(Arc::new(|_: &str| None));
        assert_eq!(one(&mut log), (Fate::Refused, false));
        assert!(log.disk.bytes.is_empty());
    }

    #[test]
    fn the_last_line_of_a_batch_is_sealed() {
        let mut log = appender(100_000);
        let _ = log.sealer.set(Arc::new(|_: &str| Some("S".into())));
        let (done, _wait) = std::sync::mpsc::sync_channel(1);
        assert_eq!(log.append(vec![Entry { lines: vec!["{}".into(), "{}".into()], done }]), Fate::Durable);
        let text = String::from_utf8(log.disk.bytes).unwrap();
        assert_eq!(text.lines().map(|l| l.ends_with(",\"seal\":\"S\"}")).collect::<Vec<_>>(), [false, true]);
    }
}
