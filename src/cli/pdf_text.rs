//! `passerelle pdf-text`: the confined child that reads the text layer of a PDF; the server runs it. Standard output must be a pipe.

use std::process::exit;

/// Confines this process, reads, and ends with the status that says how it went.
pub(super) fn run(memory: Option<u64>) -> ! {
    exit(i32::from(crate::pdf::run(memory).status()))
}
