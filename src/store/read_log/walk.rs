//! Walks along a log file, from its beginning and from its end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use crate::fhir::{Fault, FaultKind, Result};
use crate::store::chain::{Break, Chain};

/// Bytes read at once when the log is walked from its end.
pub(super) const BLOCK: u64 = 1 << 20;

/// Checks the chain of a log file, changing nothing; returns the last number and the hash of the last line. A line that is being
/// written is not looked at.
///
/// # Errors
/// `RuleBroken` naming the first event that is not what was written, `Bug` when the file cannot be read.
pub fn verify(path: &Path) -> Result<(i64, String)> {
    whole(path).map(|walked| (walked.chain.number(), walked.chain.hash().to_owned()))
}

pub(super) fn whole(path: &Path) -> Result<Walked> {
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

/// Where a line begins after which all are later, at most a block and a line behind the first of them; the end of the file when none is.
pub(super) fn first_later(file: &mut File, later: impl Fn(&str) -> bool) -> std::io::Result<u64> {
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

/// Shows the lines before `end`, newest first, until `see` breaks.
pub(super) fn backwards(file: &mut File, mut end: u64, mut see: impl FnMut(&str) -> ControlFlow<()>) -> std::io::Result<()> {
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
