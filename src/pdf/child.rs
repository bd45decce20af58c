//! The child's side: `passerelle pdf-text`, a PDF on standard input, its text on standard output.

use std::io::{Read, Write};

use super::confine::{self, Confined};
use super::text::{Unread, text};

/// Bytes of a PDF that are read.
pub const MAX_PDF: usize = 64 << 20;
/// Address space when none is named, in bytes.
const MEMORY: u64 = 512 << 20;
/// What the child writes on standard error when only limits hold it.
pub(super) const BY_LIMITS: &str = "confined by limits alone";

/// How the child ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Text on standard output.
    Text,
    /// The beginning of a longer text on standard output.
    Cut,
    Scan,
    Empty,
    NotPdf,
    Encrypted,
    Damaged,
    /// More than is read.
    TooLong,
    /// It could not confine itself or read its input.
    Failed,
}

impl Ended {
    /// Every way.
    pub const ALL: &[Self] = &[Self::Text, Self::Cut, Self::Scan, Self::Empty, Self::NotPdf, Self::Encrypted, Self::Damaged, Self::TooLong, Self::Failed];

    /// Its exit status.
    pub const fn status(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Cut => 3,
            Self::Scan => 4,
            Self::Empty => 5,
            Self::NotPdf => 6,
            Self::Encrypted => 7,
            Self::Damaged => 8,
            Self::TooLong => 9,
            Self::Failed => 10,
        }
    }
}

impl From<Unread> for Ended {
    fn from(why: Unread) -> Self {
        match why {
            Unread::Scan => Self::Scan,
            Unread::Empty => Self::Empty,
            Unread::NotPdf => Self::NotPdf,
            Unread::Encrypted => Self::Encrypted,
            Unread::Damaged => Self::Damaged,
        }
    }
}

/// Confines this process, reads a PDF from standard input and writes its text. `memory`: bytes of address space.
pub fn run(memory: Option<u64>) -> Ended {
    if let Err(e) = confine::limit(memory.unwrap_or(MEMORY)) {
        eprintln!("{e}");
        return Ended::Failed;
    }
    if confine::lock() == Confined::ByLimits {
        eprintln!("{BY_LIMITS}");
    }
    let mut bytes = Vec::new();
    match std::io::stdin().lock().take(u64::try_from(MAX_PDF).unwrap_or(u64::MAX) + 1).read_to_end(&mut bytes) {
        Ok(length) if length > MAX_PDF => return Ended::TooLong,
        Ok(_) => {}
        Err(_) => return Ended::Failed,
    }
    match text(&bytes) {
        Ok((text, cut)) => match std::io::stdout().lock().write_all(text.as_bytes()) {
            Ok(()) if cut => Ended::Cut,
            Ok(()) => Ended::Text,
            Err(_) => Ended::Failed,
        },
        Err(why) => why.into(),
    }
}
