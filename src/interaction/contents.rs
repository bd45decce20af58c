//! What the bytes of a document say besides facts: its words for search, the quotation of its title, and what is worth remarking of them.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::layers::{FileLayer, Files};
use super::planning::json_bytes;
use crate::fhir::search::fold;
use crate::fhir::xml::{Limits, parse};
use crate::fhir::{DocumentEntry, Issue, IssueType, Result, classification};
use crate::pdf::{MAX_PDF, State};
use crate::{cda, keyinfo, xds};

/// Bytes of folded words that are kept of a document.
const MAX_WORDS: usize = 1 << 20;
/// Sections inside sections.
const MAX_DEPTH: usize = 16;

static TABLE: LazyLock<Table> = LazyLock::new(|| toml::from_str(include_str!("../../fhir-profiles/key-information/contents.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

/// What is said when the words of a document cannot be given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub state: String,
    pub title: String,
    pub page: String,
    pub issue: String,
    #[expect(dead_code, reason = "read by people")]
    source: String,
}

/// The row of a state; `None` for one of which there is nothing to say.
pub(super) fn row(state: &str) -> Option<&'static Row> {
    TABLE.row.iter().find(|r| r.state == state)
}

/// Whether a part of a title tells why there are no words.
pub(super) fn is_remark(part: &str) -> bool {
    TABLE.row.iter().any(|r| r.title == part)
}

/// A document as it was read.
pub(super) enum Body<'a> {
    Cda(&'a cda::ClinicalDocument),
    Fhir(&'a Value),
    Other,
}

/// What a document says besides facts.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What its title says when no fact does.
    pub title: String,
    pub remarks: Vec<&'static Row>,
    /// Folded, a space before each word; without its metadata.
    pub words: String,
    /// JSON of its [`FileLayer`]s.
    pub layers: Vec<u8>,
    /// Not all of it could be read in time.
    pub is_late: bool,
}

impl Contents {
    /// What the depositor is told.
    pub fn warnings(&self) -> impl Iterator<Item = Issue> {
        self.remarks.iter().map(|r| Issue::warning(IssueType::Incomplete, "DocumentReference.content[0].attachment", r.issue.as_str()))
    }

    /// The values of the extension that remarks it.
    pub fn codings(&self) -> Vec<Value> {
        self.remarks.iter().map(|r| json!({"system": "urn:passerelle:content-state", "code": r.state, "display": r.title})).collect()
    }
}

/// Reads what can be read of a document; `read` gives the text layers of its PDF files, which it asks for when it wants them.
///
/// # Errors
/// `Bug` when the layers cannot be written as JSON.
pub(super) fn of(mime: &str, content: &[u8], body: &Body<'_>, read: impl FnOnce(&dyn Fn() -> Files) -> Vec<FileLayer>) -> Result<Contents> {
    let mut remarks = Vec::new();
    let files = files(mime, content, body);
    let (right, wrong): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| xds::begins_as_declared(&f.mime, &f.head));
    let wrong: Vec<(FileLayer, bool)> = wrong.into_iter().map(|f| (FileLayer { file: f.number, state: mistaken(&f.mime).to_owned(), text: String::new() }, f.is_whole)).collect();
    remarks.extend(wrong.iter().filter_map(|f| row(&f.0.state)));
    remarks.dedup_by_key(|r| r.state.as_str());
    let bytes = |number: usize| match body {
        Body::Cda(document) => cda::attachment_within(document, content, number, MAX_PDF).map(|a| a.bytes).unwrap_or_default(),
        _ => content.to_vec(),
    };
    let mut read = read(&|| right.iter().filter(|f| is_pdf(&f.mime)).map(|f| (f.number, bytes(f.number))).collect());
    let whole = read.iter().find(|l| right.iter().any(|f| f.is_whole && f.number == l.file));
    remarks.extend(whole.and_then(|l| row(&l.state)));
    let quoted = whole.and_then(|l| keyinfo::quoted_conclusion(&l.text)).map(|said| keyinfo::quotation(&said));
    let title = quoted.or_else(|| remarks.first().filter(|_| whole.is_some() || wrong.iter().any(|f| f.1)).map(|r| r.title.clone())).unwrap_or_default();
    read.extend(wrong.into_iter().map(|f| f.0));
    let layers = if read.is_empty() { Vec::new() } else { json_bytes(&read)? };
    let is_late = read.iter().any(|l| l.state == State::Late.code());
    Ok(Contents { title, is_late, remarks, words: words(content, mime, body, &read), layers })
}

/// The state of a file that is not what its type says.
fn mistaken(mime: &str) -> &'static str {
    if is_pdf(mime) { State::NotPdf.code() } else { "other" }
}

fn files(mime: &str, content: &[u8], body: &Body<'_>) -> Vec<cda::File> {
    match body {
        Body::Cda(document) => cda::files(document, content),
        Body::Fhir(_) => Vec::new(),
        Body::Other => {
            vec![cda::File { number: 0, mime: mime.to_owned(), is_whole: true, head: content.get(..content.len().min(xds::SIGNATURE_BYTES)).unwrap_or_default().to_vec() }]
        }
    }
}

fn is_pdf(mime: &str) -> bool {
    mime.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/pdf")
}

/// The words of a document and of its files, folded.
fn words(content: &[u8], mime: &str, body: &Body<'_>, read: &[FileLayer]) -> String {
    let mut all = match body {
        Body::Cda(document) => cda::words(document),
        Body::Fhir(bundle) => bundle.pointer("/entry/0/resource").map(|c| sections(c, 0)).unwrap_or_default(),
        Body::Other if mime.starts_with("text/plain") => String::from_utf8_lossy(content.get(..content.len().min(MAX_WORDS)).unwrap_or_default()).into_owned(),
        Body::Other => String::new(),
    };
    for layer in read {
        all.push(' ');
        all.push_str(&layer.text);
    }
    spaced(&all)
}

/// Folded words, a space before each.
pub(super) fn spaced(text: &str) -> String {
    let folded = fold(text);
    if folded.is_empty() {
        return folded;
    }
    let mut out = String::with_capacity(folded.len() + 1);
    for word in folded.split(' ') {
        if out.len() + word.len() >= MAX_WORDS {
            break;
        }
        out.push(' ');
        out.push_str(word);
    }
    out
}

/// Titles and narratives of a Composition's sections.
fn sections(holder: &Value, depth: usize) -> String {
    let mut out = String::new();
    for section in holder.get("section").and_then(Value::as_array).into_iter().flatten().take(1000) {
        let text = |pointer: &str| section.pointer(pointer).and_then(Value::as_str);
        out.push_str(text("/title").unwrap_or_default());
        out.push(' ');
        out.push_str(&text("/text/div").and_then(|div| parse(div.as_bytes(), &Limits::default()).ok()).map(|div| div.text()).unwrap_or_default());
        out.push(' ');
        if depth < MAX_DEPTH {
            out.push_str(&sections(section, depth + 1));
        }
    }
    out
}

/// The words of a document's metadata: its title, its description, what kind it is.
pub(super) fn of_metadata(entry: &DocumentEntry, reference: &Value) -> String {
    let kind = entry.type_code.as_ref();
    let known = kind.and_then(|k| classification::types().find(|(code, _, name)| *code == k.code && !name.is_empty())).map(|t| t.2);
    let said = [entry.title.as_deref(), reference.get("description").and_then(Value::as_str), kind.and_then(|k| k.display.as_deref()), known];
    spaced(&said.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_without_words_has_a_row() {
        for state in [State::Scan, State::Empty, State::NotPdf, State::Encrypted, State::Unread, State::Late] {
            assert!(row(state.code()).is_some(), "{state:?}");
        }
        assert!(row(State::Read.code()).is_none() && row(State::Cut.code()).is_none() && row("other").is_some());
    }

    #[test]
    fn words_are_folded_with_a_space_before_each() {
        assert_eq!(spaced("  Échographie, l'été"), " echographie l ete");
        assert_eq!(spaced("—"), "");
        assert!(spaced(&"mot ".repeat(400_000)).len() <= MAX_WORDS);
    }
}
