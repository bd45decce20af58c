//! The file of checkpoints: one signed line each, appended and synced, in a place of its own. A copy of the last one lies with the
//! data, so that an end cut off this file shows as well.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::chain::chained;
use crate::fhir::{Fault, FaultKind, Result};

/// The file, open for appending.
pub struct Anchor {
    file: File,
    path: PathBuf,
    /// Where the copy of the last checkpoint lies.
    copy: PathBuf,
    /// Bytes of the whole lines.
    length: u64,
    /// Hash of the last line, empty when there is none.
    last: String,
}

impl Anchor {
    /// Opens or creates the file, readable by its owner alone. A last line without its end (power loss while writing) is cut off.
    ///
    /// # Errors
    /// `Bug` when it cannot be opened or read, `RuleBroken` when it does not hold the checkpoint of `copy`.
    pub fn open(path: &Path, copy: &Path) -> Result<Self> {
        let all = lines(path)?;
        if last_kept(copy)?.is_some_and(|kept| !all.contains(&kept)) {
            let what = "the file of checkpoints was removed or its end cut off: put it back, or, to begin a new one, move audit-anchor.head out of the data folder";
            return Err(Fault::new(FaultKind::RuleBroken, 199, what));
        }
        let length = all.iter().map(|line| u64::try_from(line.len()).unwrap_or(0) + 1).sum();
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.len() > length {
            file.set_len(length).map_err(fail)?;
        }
        file.sync_all().map_err(fail)?;
        Ok(Self { file, path: path.to_owned(), copy: copy.to_owned(), length, last: all.last().map(|line| chained(line)).unwrap_or_default() })
    }

    /// Hash of the last line.
    pub fn last(&self) -> &str {
        &self.last
    }

    /// Appends a line; it is on the disk when this returns, and its copy too.
    ///
    /// # Errors
    /// `Bug` when it cannot be written, `RuleBroken` when the file is not as this server left it.
    pub fn append(&mut self, line: &str) -> Result<()> {
        self.undisturbed()?;
        if let Err(e) = self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_data()) {
            // What was written in part must not begin the next line.
            let _ = self.file.set_len(self.length);
            return Err(fail(e));
        }
        self.length += u64::try_from(line.len()).unwrap_or(0) + 1;
        self.last = chained(line);
        keep(&self.copy, line).map_err(fail)
    }

    fn undisturbed(&self) -> Result<()> {
        let (open, named) = (self.file.metadata().map_err(fail)?, std::fs::metadata(&self.path).ok());
        let same = named.is_some_and(|n| (n.dev(), n.ino(), n.len()) == (open.dev(), open.ino(), self.length));
        if same { Ok(()) } else { Err(Fault::new(FaultKind::RuleBroken, 501, "the file of checkpoints was changed, moved or removed while the server runs: put it back")) }
    }
}

/// The copy of the last checkpoint; none when there is no such file.
///
/// # Errors
/// `Bug` when it cannot be read.
pub fn last_kept(copy: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(copy) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(fail(e)),
    }
}

/// Writes beside, then renames: a power loss leaves the old copy or the new one.
fn keep(copy: &Path, line: &str) -> std::io::Result<()> {
    let beside = copy.with_extension("head.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, copy)
}

/// Every whole line of a file of checkpoints; none when there is no file.
///
/// # Errors
/// `Bug` when it cannot be read.
pub fn lines(path: &Path) -> Result<Vec<String>> {
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fail(e)),
    };
    let (mut out, mut line) = (Vec::new(), Vec::new());
    while reader.read_until(b'\n', &mut line).map_err(fail)? > 0 {
        out.extend(line.strip_suffix(b"\n").map(|whole| String::from_utf8_lossy(whole).into_owned()));
        line.clear();
    }
    Ok(out)
}

fn fail(cause: std::io::Error) -> Fault {
    Fault::new(FaultKind::Bug, 197, "the checkpoints of the trail could not be read or written").because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let dir = std::env::temp_dir().join(format!("passerelle-checkpoints-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&dir).unwrap();
            Self(dir)
        }

        fn path(&self) -> PathBuf {
            self.0.join("anchor")
        }

        fn open(&self) -> Result<Anchor> {
            Anchor::open(&self.path(), &self.0.join("head"))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_line_torn_by_a_power_loss_does_not_begin_the_next() {
        let folder = Folder::new();
        folder.open().unwrap().append("one").unwrap();
        std::fs::write(folder.path(), "one\ntw").unwrap();
        let mut again = folder.open().unwrap();
        assert_eq!(again.last(), chained("one"));
        again.append("two").unwrap();
        assert_eq!(lines(&folder.path()).unwrap(), ["one", "two"]);
    }

    #[test]
    fn an_end_cut_off_is_not_built_upon() {
        let folder = Folder::new();
        let mut anchor = folder.open().unwrap();
        anchor.append("one").unwrap();
        anchor.append("two").unwrap();
        std::fs::write(folder.path(), "one\n").unwrap();
        assert_eq!(anchor.append("three").unwrap_err().number, 501);
        assert_eq!(folder.open().map(|_| ()).unwrap_err().number, 199);
        std::fs::remove_file(folder.path()).unwrap();
        assert_eq!(anchor.append("three").unwrap_err().number, 501);
        assert_eq!(folder.open().map(|_| ()).unwrap_err().number, 199);
        std::fs::remove_file(folder.0.join("head")).unwrap();
        assert!(folder.open().is_ok(), "begun anew on purpose");
    }

    #[test]
    fn a_checkpoint_newer_than_its_copy_is_taken() {
        let folder = Folder::new();
        folder.open().unwrap().append("one").unwrap();
        std::fs::write(folder.path(), "one\ntwo\n").unwrap();
        assert_eq!(folder.open().unwrap().last(), chained("two"));
    }
}
