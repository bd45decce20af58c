//! The file of checkpoints: one signed line each, appended and synced, in a place of its own.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::writer::chained;
use crate::fhir::{Fault, FaultKind, Result};

/// The file, open for appending.
pub struct Anchor {
    file: File,
    /// Hash of the last line, empty when there is none.
    last: String,
}

impl Anchor {
    /// Opens or creates the file, readable by its owner alone.
    ///
    /// # Errors
    /// `Bug` when it cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self> {
        let last = lines(path)?.last().map(|line| chained(line)).unwrap_or_default();
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(fail)?;
        Ok(Self { file, last })
    }

    /// Hash of the last line.
    pub fn last(&self) -> &str {
        &self.last
    }

    /// Appends a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// `Bug` when it cannot be written.
    pub fn append(&mut self, line: &str) -> Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_data()).map_err(fail)?;
        self.last = chained(line);
        Ok(())
    }
}

/// Every whole line of a file of checkpoints; none when there is no file.
///
/// # Errors
/// `Bug` when it cannot be read.
pub fn lines(path: &Path) -> Result<Vec<String>> {
    let Ok(file) = File::open(path) else { return Ok(Vec::new()) };
    let mut reader = BufReader::new(file);
    let (mut out, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).map_err(fail)? > 0 {
        out.extend(line.strip_suffix('\n').map(str::to_owned));
        line.clear();
    }
    Ok(out)
}

fn fail(cause: std::io::Error) -> Fault {
    Fault::new(FaultKind::Bug, 197, "the checkpoints of the trail could not be read or written").because(cause)
}
