//! The text layer of a PDF, read in a confined child process: whatever a file does, the server stays.
//!
//! ```text
//! Reader (parent: pool, time limit, bounded pipes) ─▶ `passerelle pdf-text` ─▶ confine (limits, seccomp) ─▶ text (lopdf, fonts, lines)
//! ```
//! The text is for titles, quotation and search, and is never taken for a coded fact.
//! Spec: ISO 32000-1 §9 Text.

mod child;
mod cmap;
mod confine;
mod encoding;
mod font;
mod glyphs;
mod interpret;
mod lines;
mod reader;
mod text;

pub use child::{MAX_PDF, run};
pub use reader::{Layer, Reader, ReaderOptions, State};
pub use text::{Unread, text};
