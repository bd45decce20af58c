//! The CDA header → document metadata.
//! Spec: CDA R2 §4.2; CI-SIS volet structuration minimale; PDSm ConceptMap documentReferenceToPDSM.

mod actor;
mod classify;
mod context;
mod idnat;
mod notes;
mod patient;

pub use classify::{class_of, format_of};

use self::notes::Notes;
use super::ClinicalDocument;
use super::datatypes::{attribute, coding, instance, plain};
use crate::fhir::xml::Element;
use crate::fhir::{Coding, DocumentEntry, Identifier, Issue};

/// MIME type of a CDA document.
const MIME: &str = "text/xml";
/// Repeated elements that are read of one kind.
const MAX_REPEATS: usize = 64;

/// The metadata of a document, see [`header_of`].
pub fn header(document: &ClinicalDocument) -> (DocumentEntry, Vec<Issue>) {
    header_of(&document.root)
}

/// The metadata of a document from its root (`ClinicalDocument`, or an element that holds one), and what was missing or dropped:
/// every issue is a warning or an information; the caller decides what is fatal.
pub fn header_of(root: &Element) -> (DocumentEntry, Vec<Issue>) {
    let document = root.find(&|e: &Element| &*e.name == "ClinicalDocument").unwrap_or(root);
    let mut notes = Notes::default();
    let mut entry = DocumentEntry { mime: MIME.into(), ..DocumentEntry::default() };
    identity(document, &mut entry, &mut notes);
    people(document, &mut entry, &mut notes);
    context::fill(document, &mut entry, &mut notes);
    (entry, notes.into_issues())
}

fn identity(document: &Element, entry: &mut DocumentEntry, notes: &mut Notes) {
    match document.child("id").and_then(identifier) {
        Some(id) => entry.unique_id = id,
        None => notes.missing("ClinicalDocument/id", "the document has no identifier"),
    }
    entry.type_code = document.child("code").and_then(code);
    if entry.type_code.is_none() {
        notes.missing("ClinicalDocument/code", "the document has no type code");
    }
    entry.class_code = entry.type_code.as_ref().and_then(class_of);
    entry.format_code = format_of(document);
    entry.title = document.child("title").and_then(plain);
    entry.creation = notes.moment(document.child("effectiveTime"), "ClinicalDocument/effectiveTime");
    if entry.creation.is_none() {
        notes.missing("ClinicalDocument/effectiveTime", "the document has no usable time of creation");
    }
    entry.confidentiality = classify::confidentiality(document, notes);
    entry.language = document.child("languageCode").and_then(|e| attribute(e, "code")).map(str::to_owned);
    let version = document.child("versionNumber").and_then(|e| attribute(e, "value")).map(str::to_owned);
    entry.version_set = document.child("setId").and_then(identifier).map(|set| (set, version));
}

fn people(document: &Element, entry: &mut DocumentEntry, notes: &mut Notes) {
    entry.patient = patient::patient(document, notes);
    entry.authors = actor::authors(document, notes);
    if entry.authors.is_empty() {
        notes.missing("ClinicalDocument/author", "the document names no author");
    }
    entry.legal_authenticator = actor::legal_authenticator(document, notes);
    entry.custodian = actor::custodian(document);
}

/// The code of an element, or its first translation when the code itself is null.
fn code(element: &Element) -> Option<Coding> {
    coding(element).or_else(|| element.all("translation").find_map(coding))
}

fn identifier(element: &Element) -> Option<Identifier> {
    instance(element).map(|(system, value)| Identifier { system, value })
}

#[cfg(test)]
mod tests;
