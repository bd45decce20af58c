//! The parent's side: a few children at once, each with a time limit and bounded pipes. It waits no longer than it is told to.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::child::{BY_LIMITS, Ended, MAX_PDF};
use super::text::MAX_TEXT;

/// Bytes of a child's complaints that are looked at.
const MAX_COMPLAINT: u64 = 4096;
/// Between two looks at a child that has written everything.
const LOOK: Duration = Duration::from_millis(1);

/// How children are run.
#[derive(Debug, Clone)]
pub struct ReaderOptions {
    /// This program, or one that runs it in a confinement of its own; its only arguments are `pdf-text --memory BYTES`.
    pub program: PathBuf,
    /// Children at once.
    pub children: usize,
    /// Bytes of address space of a child.
    pub memory: u64,
}

/// Reads PDFs in children.
#[derive(Debug)]
pub struct Reader {
    options: ReaderOptions,
    free: Mutex<usize>,
    freed: Condvar,
    told: AtomicBool,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub state: State,
    /// Pages separated by form feeds; empty unless it was read.
    pub text: String,
}

/// How a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Read,
    /// Its beginning alone.
    Cut,
    /// Images and no text.
    Scan,
    /// Neither.
    Empty,
    /// It does not begin like a PDF.
    NotPdf,
    /// It needs a password.
    Encrypted,
    /// Broken, too long or too costly to read.
    Unread,
    /// No child was free or none could end in time; it may be read later.
    Late,
}

impl State {
    const ALL: &[Self] = &[Self::Read, Self::Cut, Self::Scan, Self::Empty, Self::NotPdf, Self::Encrypted, Self::Unread, Self::Late];

    /// The word of the tables and of the database.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Cut => "cut",
            Self::Scan => "scan",
            Self::Empty => "empty",
            Self::NotPdf => "not-pdf",
            Self::Encrypted => "encrypted",
            Self::Unread => "unread",
            Self::Late => "late",
        }
    }

    /// The state of a word; what is not known was not read.
    pub fn of_code(code: &str) -> Self {
        Self::ALL.iter().copied().find(|s| s.code() == code).unwrap_or(Self::Unread)
    }
}

impl Layer {
    fn without(state: State) -> Self {
        Self { state, text: String::new() }
    }
}

impl Reader {
    pub fn new(options: ReaderOptions) -> Self {
        Self { free: Mutex::new(options.children.max(1)), freed: Condvar::new(), told: AtomicBool::new(false), options }
    }

    /// The text layer of a PDF. Blocking, until `deadline` at the latest.
    pub fn read(&self, pdf: &[u8], deadline: Instant) -> Layer {
        if !super::text::is_pdf(pdf) {
            return Layer::without(State::NotPdf);
        }
        if pdf.len() > MAX_PDF {
            return unread("it is longer than is read");
        }
        if !self.acquire(deadline) {
            return late("no child was free in time");
        }
        let layer = self.in_a_child(pdf, deadline);
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
        layer
    }

    fn acquire(&self, deadline: Instant) -> bool {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let (mut free, _) = self.freed.wait_timeout_while(free, left, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        let taken = *free > 0;
        *free -= usize::from(taken);
        taken
    }

    fn in_a_child(&self, pdf: &[u8], deadline: Instant) -> Layer {
        let child = Command::new(&self.options.program)
            .args(["pdf-text", "--memory", &self.options.memory.to_string()])
            .env_clear()
            // The allocator would reserve more address space than the child may have.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => self.talk(child, pdf, deadline),
            Err(e) => {
                tracing::warn!(cause = %e, "the child that reads PDFs could not be started");
                Layer::without(State::Late)
            }
        }
    }

    /// Gives the child its input, takes its output, and ends it and all it started in time.
    fn talk(&self, mut child: Child, pdf: &[u8], deadline: Instant) -> Layer {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let most = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX) + 1;
        let (status, output, complaint) = std::thread::scope(|scope| {
            let (done, finished) = mpsc::channel();
            scope.spawn(move || stdin.map(|mut pipe| pipe.write_all(pdf)));
            let output = scope.spawn(move || {
                let output = taken(stdout, most);
                let _ = done.send(());
                output
            });
            let complaint = scope.spawn(move || taken(stderr, MAX_COMPLAINT));
            let _ = finished.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let status = ended(&mut child, deadline);
            (status, output.join().unwrap_or_default(), complaint.join().unwrap_or_default())
        });
        self.tell_once(&complaint);
        if status.is_none() && Instant::now() >= deadline { late("the child could not end in time") } else { layer(status, output) }
    }

    /// The kernel's refusal to filter system calls is told to the operator, once.
    fn tell_once(&self, complaint: &[u8]) {
        if complaint.starts_with(BY_LIMITS.as_bytes()) && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("this kernel filters no system calls: PDFs are read under limits of memory, time and files alone");
        }
    }
}

fn taken(pipe: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.take(most).read_to_end(&mut out);
    }
    out
}

/// Waits for the child until the deadline, then ends its process group. Its exit status; `None` when a signal ended it.
fn ended(child: &mut Child, deadline: Instant) -> Option<i32> {
    let group = i32::try_from(child.id()).ok().map(Pid::from_raw);
    while group.is_some_and(still_runs) && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    // What it may have started keeps its pipes open: the whole group ends, and before its number is free for another.
    let _ = group.map(|group| killpg(group, Signal::SIGKILL));
    let _ = child.kill();
    child.wait().ok().and_then(|status| status.code())
}

/// Looks without taking the exit status.
fn still_runs(child: Pid) -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(child), look), Ok(WaitStatus::StillAlive) | Err(Errno::EINTR))
}

fn layer(status: Option<i32>, output: Vec<u8>) -> Layer {
    let ended = status.and_then(|s| Ended::ALL.iter().find(|e| i32::from(e.status()) == s));
    let text = |state: State| match String::from_utf8(output) {
        Ok(text) if text.len() <= MAX_TEXT => Layer { state, text },
        _ => unread("the child wrote something else than a text"),
    };
    match ended {
        Some(Ended::Text) => text(State::Read),
        Some(Ended::Cut) => text(State::Cut),
        Some(Ended::Scan) => Layer::without(State::Scan),
        Some(Ended::Empty) => Layer::without(State::Empty),
        Some(Ended::NotPdf) => Layer::without(State::NotPdf),
        Some(Ended::Encrypted) => Layer::without(State::Encrypted),
        Some(Ended::Damaged) => unread("it is damaged"),
        Some(Ended::TooLong) => unread("it is longer than is read"),
        Some(Ended::Failed) => unread("the child could not confine itself"),
        None => unread("the child was ended by a limit, or failed"),
    }
}

fn late(why: &'static str) -> Layer {
    Layer { state: State::Late, ..unread(why) }
}

fn unread(why: &'static str) -> Layer {
    tracing::info!(why, "the text of a PDF was not read");
    Layer::without(State::Unread)
}
