//! The files inside a CDA: the body of a level 1 document, and the media of its entries.
//! Spec: CDA R2 §4.2.6 nonXMLBody, §4.3.6.4 observationMedia; CI-SIS entrée Document attaché.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::fhir::xml::Element;

/// Files of a document that are looked at.
const MAX_FILES: usize = 256;
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

/// Characters of base64 that are decoded for the first bytes.
const HEAD: usize = 1400;

/// Every element that holds a file in base64, in document order.
pub(super) struct Attachments<'a>(Vec<&'a Element>);

impl<'a> Attachments<'a> {
    pub fn of(root: &'a Element) -> Self {
        let mut all = Vec::new();
        root.descendants(&mut all);
        let encoded = |e: &&Element| e.attr("representation").is_some_and(|r| r.eq_ignore_ascii_case("B64"));
        Self(all.into_iter().filter(|e| matches!(&*e.name, "text" | "value")).filter(encoded).take(MAX_FILES).collect())
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
    pub fn files(&self, whole: &[&Element]) -> Vec<File> {
        self.0
            .iter()
            .enumerate()
            .map(|(number, e)| File { number, mime: self.mime(number).to_owned(), is_whole: whole.iter().any(|w| std::ptr::eq(*w, *e)), head: head(e) })
            .collect()
    }

    pub fn mime(&self, number: usize) -> &'a str {
        self.0.get(number).and_then(|e| e.attr("mediaType")).unwrap_or_default()
    }

    pub fn decoded(&self, number: usize) -> Option<Attachment> {
        let element = self.0.get(number)?;
        let packed: Vec<u8> = element.text().bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        Some(Attachment { mime: self.mime(number).to_owned(), bytes: BASE64.decode(packed).ok()? })
    }
}

fn head(element: &Element) -> Vec<u8> {
    let packed: Vec<u8> = element.text().bytes().filter(|b| !b.is_ascii_whitespace()).take(HEAD).collect();
    BASE64.decode(packed).unwrap_or_default()
}
