//! `DocumentReference/[id]/$render`: a document as a page to read, or one of its files.
//!
//! Level 3 sections as HTML, level 1 with its PDF in place, images and texts as they are. No script, nothing fetched from elsewhere.
//! Spec: Passerelle; CI-SIS volet structuration minimale; CSP Level 3.

mod page;

use serde_json::Value;

use self::page::Page;
use super::layers::FileLayer;
use super::read::not_here;
use super::{Answer, App, Body, Call, resource};
use crate::audit::Action;
use crate::cda::{self, Rendered};
use crate::fhir::html::Html;
use crate::fhir::xml::{Limits, parse};
use crate::fhir::{Fault, FaultKind, Result, xml_codec};
use crate::xds;

/// Bytes of a text that are shown.
const MAX_TEXT: usize = 4 << 20;

/// GET DocumentReference/[id]/$render
pub(super) fn document(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("render", Action::R);
    call.touched(format!("DocumentReference/{id}"));
    let wanted = call.parameter("attachment").map(|n| n.parse::<usize>()).transpose();
    let wanted = wanted.map_err(|_| Fault::new(FaultKind::BadValue, 660, "the parameter attachment is the number of a file of the document"))?;
    let (reference, row, bytes, layers) = app.store.read(&call.visibility, |reader| {
        let found = reader.found("DocumentReference", id, None)?.ok_or_else(not_here)?;
        let row = reader.document(found.row.document)?.filter(|_| found.row.document != 0).ok_or_else(not_here)?;
        call.in_record(row.record);
        let bytes = reader.blob(&row)?;
        let layers = reader.text_layers(&row)?.unwrap_or_default();
        Ok((found.body, row, bytes, layers))
    })?;
    if let Some(number) = wanted {
        return file(&row.mime, &bytes, number);
    }
    let reference: Value = serde_json::from_slice(&reference).map_err(|e| Fault::new(FaultKind::Bug, 661, "a stored resource cannot be read").because(e))?;
    let entry = xds::entry_of_reference(&reference);
    let body = body(&row.mime, &bytes);
    let layers: Vec<FileLayer> = serde_json::from_slice(&layers).unwrap_or_default();
    let layer = layers.into_iter().find(|l| Some(l.file) == body.whole);
    // In the practitioner's page, which a software may show without buttons of a browser.
    let back = (!call.event.borrow().opening.is_empty()).then_some("../../");
    Ok(shown("text/html; charset=utf-8", Page { entry: &entry, body, layer, back }.html().into_bytes(), page::POLICY.as_str()))
}

/// What a page shows of a document.
fn body(mime: &str, bytes: &[u8]) -> Rendered {
    let rendered = match mime {
        "text/xml" | "application/xml" | "application/hl7-cda+xml" => cda::read(bytes).ok().map(|document| cda::render(&document, &|n| address(n))),
        "application/fhir+json" => of_bundle(bytes),
        "application/fhir+xml" => xml_codec::to_json(bytes).ok().and_then(|json| of_bundle(&json)),
        "text/plain" => std::str::from_utf8(bytes).ok().map(of_text),
        _ => None,
    };
    rendered.unwrap_or_else(|| Rendered { whole: Some(0), ..Rendered::default() })
}

/// Where a page finds a file of its document; relative to the page.
pub(super) fn address(number: usize) -> String {
    format!("$render?attachment={number}")
}

fn of_text(text: &str) -> Rendered {
    let mut html = Html::default();
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_TEXT).last().unwrap_or(0);
    html.leaf("pre", &[], text.get(..end).unwrap_or_default());
    if end < text.len() {
        html.leaf("p", &[("class", "note")], "La suite du texte n'est pas affichée.");
    }
    Rendered { html, ..Rendered::default() }
}

/// The sections of a FHIR document, by the narrative of its Composition.
fn of_bundle(bytes: &[u8]) -> Option<Rendered> {
    let bundle = resource::Sent::read(bytes, "Bundle").ok()?.value;
    let composition = bundle.pointer("/entry/0/resource").filter(|r| r["resourceType"] == "Composition")?;
    let mut out = Rendered::default();
    sections(composition, 0, &mut out);
    Some(out)
}

fn sections(holder: &Value, depth: usize, out: &mut Rendered) {
    for section in holder.get("section").and_then(Value::as_array).into_iter().flatten() {
        let title = section.get("title").and_then(Value::as_str).unwrap_or("Section sans titre").to_owned();
        let anchor = format!("s-{}", out.headings.len() + 1);
        out.html.open("section", &[("id", &anchor)]);
        out.html.leaf(if depth == 0 { "h2" } else { "h3" }, &[], &title);
        out.headings.push(cda::Heading { anchor, title, depth });
        let div = section.pointer("/text/div").and_then(Value::as_str).and_then(|div| parse(div.as_bytes(), &Limits::default()).ok());
        match div {
            Some(div) => out.html.append(&cda::xhtml(&div)),
            None => out.html.leaf("p", &[("class", "note")], "Cette section n'a pas de texte."),
        }
        if depth < 8 {
            sections(section, depth + 1, out);
        }
        out.html.close("section");
    }
}

/// One file: of a CDA by its number, else the document itself.
fn file(mime: &str, bytes: &[u8], number: usize) -> Result<Answer> {
    let document = matches!(mime, "text/xml" | "application/xml" | "application/hl7-cda+xml").then(|| cda::read(bytes).ok()).flatten();
    let file = match document {
        Some(document) => cda::attachment(&document, bytes, number),
        None => (number == 0).then(|| cda::Attachment { mime: mime.to_owned(), bytes: bytes.to_vec() }),
    };
    let file = file.ok_or_else(|| Fault::new(FaultKind::NotFound, 662, "the document has no such file, or it is not base64"))?;
    match recognised(&file.bytes) {
        Some(mime) => Ok(shown(mime, file.bytes, "default-src 'none'; frame-ancestors 'self'")),
        None => Ok(Answer { body: Body::Raw { mime: "application/octet-stream".into(), bytes: file.bytes }, ..Answer::empty(200) }),
    }
}

/// What a browser may show in place, by its first bytes; whatever is declared, anything else is only downloaded.
pub(super) fn recognised(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: &[(&[u8], &str)] =
        &[(b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif")];
    KINDS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, mime)| *mime)
}

fn shown(mime: &'static str, bytes: Vec<u8>, policy: &'static str) -> Answer {
    Answer { body: Body::Shown { mime, bytes, policy }, ..Answer::empty(200) }
}
