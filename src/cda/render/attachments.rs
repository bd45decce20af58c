//! The files inside a CDA: the body of a level 1 document, and the media of its entries.
//! Spec: CDA R2 §4.2.6 nonXMLBody, §4.3.6.4 observationMedia; CI-SIS entrée Document attaché.

use std::io::Read;

use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::read::DecoderReader;

use crate::fhir::xml::{Element, Node};

/// Files of a document that are looked at.
pub const MAX_FILES: usize = 256;
/// Padding is often forgotten.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// A file, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// As the document declares it, `""` when it does not.
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// A file before it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its number as [`super::attachment`] takes it.
    pub number: usize,
    /// As the document declares it, `""` when it does not.
    pub mime: String,
    /// It is the body of the document (level 1).
    pub is_whole: bool,
    /// Its first bytes, none when they are not base64.
    pub head: Vec<u8>,
}

/// First bytes that are looked at.
const HEAD: u64 = 1050;

/// Every element that holds a file in base64, in document order.
pub(in crate::cda) struct Attachments<'a>(Vec<&'a Element>);

impl<'a> Attachments<'a> {
    pub fn of(root: &'a Element) -> Self {
        let mut all = Vec::new();
        root.descendants(&mut all);
        let encoded = |e: &&Element| e.attr("representation").is_some_and(|r| r.eq_ignore_ascii_case("B64"));
        Self(all.into_iter().filter(|e| matches!(&*e.name, "text" | "value")).filter(encoded).take(MAX_FILES).collect())
    }

    /// A document without files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of an element.
    pub fn number(&self, element: &Element) -> Option<usize> {
        self.0.iter().position(|e| std::ptr::eq(*e, element))
    }

    /// Numbers of the elements below another.
    pub fn below(&self, holder: &Element) -> Vec<usize> {
        let mut all = Vec::new();
        holder.descendants(&mut all);
        all.into_iter().filter_map(|e| self.number(e)).collect()
    }

    /// What is known of each without decoding it.
    pub fn files(&self, whole: &[&Element], source: &'a [u8]) -> Vec<File> {
        self.0
            .iter()
            .enumerate()
            .map(|(number, e)| File { number, mime: self.mime(number).to_owned(), is_whole: whole.iter().any(|w| std::ptr::eq(*w, *e)), head: self.head(number, source) })
            .collect()
    }

    pub fn mime(&self, number: usize) -> &'a str {
        self.0.get(number).and_then(|e| e.attr("mediaType")).unwrap_or_default()
    }

    /// The bytes of a file, decoded as they are read. `source` are the bytes of the document.
    pub fn reader(&self, number: usize, source: &'a [u8]) -> Option<impl Read + 'a> {
        Some(DecoderReader::new(Encoded { nodes: self.0.get(number)?.children.iter(), now: &[], source }, &BASE64))
    }

    fn head(&self, number: usize, source: &'a [u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = self.reader(number, source).map(|r| r.take(HEAD).read_to_end(&mut bytes));
        if matches!(read, Some(Ok(_))) { bytes } else { Vec::new() }
    }

    /// Whether a file can have at most so many bytes, by the length of its base64.
    pub fn is_within(&self, number: usize, limit: usize) -> bool {
        let long = |node: &Node| match node {
            Node::Text(text) => text.len(),
            Node::Data(range) => range.len(),
            Node::Element(_) => 0,
        };
        self.0.get(number).is_some_and(|e| e.children.iter().map(long).sum::<usize>() / 4 * 3 <= limit.saturating_add(limit / 20))
    }

    pub fn decoded(&self, number: usize, source: &'a [u8]) -> Option<Attachment> {
        let mut bytes = Vec::new();
        self.reader(number, source)?.read_to_end(&mut bytes).ok()?;
        Some(Attachment { mime: self.mime(number).to_owned(), bytes })
    }
}

/// The text of an element without its white space.
struct Encoded<'a> {
    nodes: std::slice::Iter<'a, Node>,
    now: &'a [u8],
    source: &'a [u8],
}

impl Read for Encoded<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            let Some((first, rest)) = self.now.split_first() else {
                self.now = match self.nodes.next() {
                    Some(Node::Text(text)) => text.as_bytes(),
                    Some(Node::Data(range)) => self.source.get(range.clone()).unwrap_or_default(),
                    Some(Node::Element(_)) => continue,
                    None => break,
                };
                continue;
            };
            self.now = rest;
            if let (Some(place), false) = (out.get_mut(filled), first.is_ascii_whitespace()) {
                *place = *first;
                filled += 1;
            }
        }
        Ok(filled)
    }
}
