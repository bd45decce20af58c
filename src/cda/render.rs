//! The body of a CDA as HTML: its sections in order, its attachments, and an anchor at everything that can be cited.
//!
//! `n-…` is an element of the narrative, by its ID; `p-…` is a section or an entry, by its path. The document's own stylesheet is never
//! executed, nothing is fetched, and what is not understood keeps its words.
//! Spec: CDA R2 §4.3.5 Section Narrative Block, §4.2.6 nonXMLBody; CI-SIS volet structuration minimale.

mod attachments;
mod narrative;

pub(super) use attachments::Attachments;
pub use attachments::{Attachment, File, MAX_FILES};
pub use narrative::xhtml;

use self::narrative::Block;
use super::ClinicalDocument;
use super::concept::code_of;
pub use crate::fhir::anchor::{fragment_anchor, path_anchor};
use crate::fhir::html::Html;
use crate::fhir::xml::Element;

/// Sections below sections.
const MAX_SECTIONS: usize = 16;

/// A section, for the table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Identifier of its element.
    pub anchor: String,
    pub title: String,
    /// 0 for a section of the body.
    pub depth: usize,
}

/// What is shown of a body.
#[derive(Debug, Default)]
pub struct Rendered {
    pub html: Html,
    pub headings: Vec<Heading>,
    /// The one attachment that is the whole document (level 1).
    pub whole: Option<usize>,
}

/// The body of a document. Attachment `n` is at the address `attachment(n)`.
pub fn render(document: &ClinicalDocument, attachment: &dyn Fn(usize) -> String) -> Rendered {
    let attachments = Attachments::of(&document.root);
    let mut page = Page { out: Rendered::default(), block: Block::new(&document.root, &attachments, attachment) };
    for (index, component) in document.root.all("component").enumerate() {
        if let Some(body) = component.child("structuredBody") {
            page.sections(body, &format!("component[{index}]/structuredBody"), 0);
        }
        if let Some(text) = component.at("nonXMLBody/text") {
            match attachments.number(text) {
                Some(number) => page.out.whole = Some(number),
                None => page.out.html.leaf("pre", &[], &text.text()),
            }
        }
    }
    page.out
}

/// An attachment of a document by its number; `None` when there is none or its base64 is broken.
/// `bytes` are those that the document was read from.
pub fn attachment(document: &ClinicalDocument, bytes: &[u8], number: usize) -> Option<Attachment> {
    Attachments::of(&document.root).decoded(number, bytes)
}

/// [`attachment`], `None` for one of more than so many bytes, which is not decoded.
pub fn attachment_within(document: &ClinicalDocument, bytes: &[u8], number: usize, limit: usize) -> Option<Attachment> {
    let all = Attachments::of(&document.root);
    if all.is_within(number, limit) { all.decoded(number, bytes) } else { None }
}

/// The files inside a document, in its order.
pub fn files(document: &ClinicalDocument, bytes: &[u8]) -> Vec<File> {
    let whole: Vec<&Element> = document.root.all("component").filter_map(|c| c.at("nonXMLBody/text")).collect();
    Attachments::of(&document.root).files(&whole, bytes)
}

/// What a document says in words: titles and texts of its sections, and a body that is plain text.
pub fn words(document: &ClinicalDocument) -> String {
    let mut all = Vec::new();
    document.root.descendants(&mut all);
    let section = |e: &Element| &*e.name == "section";
    let told = all.iter().filter(|e| section(e)).flat_map(|e| [e.child("title"), e.child("text")]).flatten();
    let body = document.root.all("component").filter_map(|c| c.at("nonXMLBody/text")).filter(|t| t.attr("representation").is_none_or(|r| !r.eq_ignore_ascii_case("B64")));
    told.chain(body).map(Element::text).collect::<Vec<_>>().join("\n")
}

struct Page<'a> {
    out: Rendered,
    block: Block<'a>,
}

impl<'a> Page<'a> {
    fn sections(&mut self, holder: &'a Element, path: &str, depth: usize) {
        for (index, component) in holder.all("component").enumerate() {
            if let Some(section) = component.child("section") {
                self.section(section, &format!("{path}/component[{index}]/section"), depth);
            }
        }
    }

    fn section(&mut self, section: &'a Element, path: &str, depth: usize) {
        if depth > MAX_SECTIONS {
            return self.out.html.leaf("p", &[("class", "note")], "Des sections imbriquées au-delà de seize niveaux ne sont pas affichées.");
        }
        let anchor = path_anchor(path);
        let title = title_of(section);
        self.out.headings.push(Heading { anchor: anchor.clone(), title: title.clone(), depth });
        self.out.html.open("section", &[("id", &anchor)]);
        self.out.html.leaf(heading(depth), &[], &title);
        for (index, _) in section.all("entry").enumerate() {
            self.out.html.leaf("span", &[("class", "anchor"), ("id", &path_anchor(&format!("{path}/entry[{index}]")))], "");
        }
        match section.child("text") {
            Some(text) => self.block.section(text, &mut self.out.html),
            None if section.child("component").is_none() => self.out.html.leaf("p", &[("class", "note")], "Cette section n'a pas de texte."),
            None => {}
        }
        self.block.left_over(section, &mut self.out.html);
        self.sections(section, path, depth + 1);
        self.out.html.close("section");
    }
}

/// Its title, else what its code says.
fn title_of(section: &Element) -> String {
    let said = |e: &Element| Some(e.plain()).filter(|t| !t.is_empty());
    let coded = |e: &Element| e.attr("displayName").map(str::to_owned).or_else(|| code_of(e).map(|c| format!("Section {c}")));
    section.child("title").and_then(said).or_else(|| section.child("code").and_then(coded)).unwrap_or_else(|| "Section sans titre".to_owned())
}

fn heading(depth: usize) -> &'static str {
    match depth {
        0 => "h2",
        1 => "h3",
        2 => "h4",
        3 => "h5",
        _ => "h6",
    }
}

#[cfg(test)]
mod tests;
