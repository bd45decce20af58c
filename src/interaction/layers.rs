//! The text layers of the PDF files that a request brings.
//!
//! Planning asks for them; what it does not find yet is read after it, outside any snapshot of the database, and the request is planned
//! once more. All files of one request share one time limit, so that no deposit waits longer than that.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{App, Call};
use crate::pdf::{Layer, MAX_PDF, State};

/// The text layer of one file, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileLayer {
    /// Number of the file in its document.
    pub file: usize,
    /// Code of a [`State`].
    pub state: String,
    pub text: String,
}

/// What was read and what is still wanted, by the hash of the document.
#[derive(Debug, Default)]
pub struct Layers {
    read: HashMap<[u8; 32], Vec<FileLayer>>,
    wanted: Vec<([u8; 32], Files)>,
}

/// Files with their numbers.
pub(super) type Files = Vec<(usize, Vec<u8>)>;

/// The layers of the files of a document; none while they are not read yet, or when PDF files are not read here.
pub(super) fn of(app: &App, call: &Call, document: &[u8; 32], files: &dyn Fn() -> Files) -> Vec<FileLayer> {
    if app.pdf.is_none() {
        return Vec::new();
    }
    let mut layers = call.layers.borrow_mut();
    if let Some(read) = layers.read.get(document) {
        return read.clone();
    }
    let mut files = files();
    // What is too long to be read is not carried along.
    files.iter_mut().filter(|f| f.1.len() > MAX_PDF).for_each(|f| f.1 = Vec::new());
    if !files.is_empty() && layers.wanted.iter().all(|w| w.0 != *document) {
        layers.wanted.push((*document, files));
    }
    Vec::new()
}

impl App {
    /// Reads what planning wanted; whether there was anything.
    pub(super) fn read_layers(&self, call: &Call) -> bool {
        let wanted = std::mem::take(&mut call.layers.borrow_mut().wanted);
        if wanted.is_empty() || self.pdf.is_none() {
            return false;
        }
        let deadline = Instant::now() + Duration::from_millis(self.config.documents.pdf_milliseconds);
        for (document, files) in wanted {
            let layers = self.layers(files, deadline);
            call.layers.borrow_mut().read.insert(document, layers);
        }
        true
    }

    /// Reads files until a moment; none when PDF files are not read here.
    pub(super) fn layers(&self, files: Files, deadline: Instant) -> Vec<FileLayer> {
        let Some(reader) = &self.pdf else { return Vec::new() };
        let read = |(file, bytes): (usize, Vec<u8>)| {
            let Layer { state, text } = if bytes.is_empty() { Layer { state: State::Unread, text: String::new() } } else { reader.read(&bytes, deadline) };
            FileLayer { file, state: state.code().to_owned(), text }
        };
        files.into_iter().map(read).collect()
    }
}
