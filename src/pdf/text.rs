//! A PDF → its words, page by page. Pure: no file is opened, nothing is executed.
//! Spec: ISO 32000-1 §7.5 (file structure), §7.7.3 (page tree), §9.10 (extraction of text content).

use lopdf::{Document, Error, LoadOptions};

use super::interpret::{Budget, Page};
use super::lines::Lines;

/// Bytes of text that are kept, UTF-8.
pub const MAX_TEXT: usize = 256 << 10;
/// Pages that are read.
const MAX_PAGES: usize = 2_000;
/// Bytes that one stream may inflate to.
pub(super) const MAX_STREAM: usize = 32 << 20;
/// Where the header may begin, in bytes.
/// Spec: ISO 32000-1 annex H, implementation note 13.
const HEADER_WITHIN: usize = 1024;

/// Why there is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Pages with images and no text.
    Scan,
    /// Neither text nor images.
    Empty,
    /// No `%PDF-` where it must be.
    NotPdf,
    /// A password is needed.
    Encrypted,
    /// Broken beyond reading, or over a limit.
    Damaged,
}

/// The text of a PDF: pages separated by form feeds, lines by line feeds, cut at [`MAX_TEXT`] (the second is true then).
///
/// # Errors
/// Why there is none.
pub fn text(bytes: &[u8]) -> Result<(String, bool), Unread> {
    if !is_pdf(bytes) {
        return Err(Unread::NotPdf);
    }
    let options = LoadOptions { max_decompressed_size: Some(MAX_STREAM), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(|e| why(&e))?;
    if document.is_encrypted() && !document.was_encrypted() {
        return Err(Unread::Encrypted);
    }
    pages(&document)
}

/// Whether the bytes begin like a PDF.
pub(super) fn is_pdf(bytes: &[u8]) -> bool {
    bytes.get(..bytes.len().min(HEADER_WITHIN + 5)).is_some_and(|head| head.windows(5).any(|w| w == b"%PDF-"))
}

fn why(error: &Error) -> Unread {
    match error {
        Error::InvalidPassword | Error::Decryption(_) => Unread::Encrypted,
        _ => Unread::Damaged,
    }
}

fn pages(document: &Document) -> Result<(String, bool), Unread> {
    let mut budget = Budget::default();
    let mut out = String::new();
    let mut cut = false;
    let mut seen = false;
    for (index, id) in document.page_iter().take(MAX_PAGES).enumerate() {
        seen = true;
        if index > 0 {
            out.push('\u{c}');
        }
        let mut lines = Lines::new(MAX_TEXT.saturating_sub(out.len()));
        Page { document, budget: &mut budget, lines: &mut lines }.read(id);
        cut |= lines.is_full();
        out.push_str(&lines.into_text());
        if cut || out.len() >= MAX_TEXT {
            break;
        }
    }
    match (out.chars().any(char::is_alphanumeric), seen, budget.images) {
        (true, ..) => Ok((out, cut)),
        (false, true, true) => Err(Unread::Scan),
        (false, true, false) => Err(Unread::Empty),
        (false, false, _) => Err(Unread::Damaged),
    }
}
