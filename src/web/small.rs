//! Pages of one subject: the further lines of a section, the identifiers of a document to be taken by the local record, a sentence.

use serde_json::Value;

use super::band::name;
use super::links::Links;
use super::page::document;
use super::section::{lines, more as further, title};
use super::value::{bound, list, long, text};
use super::{Frame, section};
use crate::fhir::html::Html;

/// The lines of a view of one section from `offset` (lines) on, as a page: read as it is without the script, or taken out of it by the
/// script and put behind the lines that are shown.
pub fn more(view: &Value, offset: usize, frame: &Frame<'_>) -> String {
    let links = Links::new(frame).since(text(view, "since"));
    let empty = Value::Null;
    let of = list(view, "sections").first().unwrap_or(&empty);
    let heading = format!("{} (suite)", if title(of).is_empty() { "Section" } else { title(of) });
    let mut body = Html::default();
    body.leaf("h1", &[], &name(frame));
    body.leaf("h2", &[], &heading);
    section::said(of, links, &mut body);
    body.own("<div id=\"suite\" class=\"box\">");
    lines(99, of, long(offset), links, &mut body);
    further(of, offset + list(of, "lines").len(), links, &mut body);
    body.own("</div>");
    back(links, &mut body);
    document(&heading, "small", &body)
}

/// The three identifiers of a document (`uniqueId`, `entryUuid`, `logicalId`), for a browser without the script.
pub fn imported(identifiers: &Value, frame: &Frame<'_>) -> String {
    let mut body = Html::default();
    body.own("<h1>Identifiants du document</h1><p>À reprendre dans le dossier local avec le document.</p><dl class=\"identifiers\">");
    for (name, key) in [("uniqueId", "uniqueId"), ("entryUUID", "entryUuid"), ("logicalId", "logicalId")] {
        out_pair(name, text(identifiers, key), &mut body);
    }
    body.own("</dl>");
    back(Links::new(frame), &mut body);
    document("Identifiants du document", "small", &body)
}

/// One sentence under a title; `home` is the address of the record, empty where none is open.
pub fn sentence(title: &str, text: &str, home: &str) -> String {
    failed(title, (text, ""), home)
}

/// What did not go: a sentence for the practitioner, and a detail in English for whoever maintains the software.
pub fn failed(title: &str, (text, detail): (&str, &str), home: &str) -> String {
    let mut body = Html::default();
    body.own("<section class=\"box\" aria-labelledby=\"said\"><h1 id=\"said\">");
    body.text(title);
    body.own("</h1>");
    body.leaf("p", &[("class", "reason")], &bound(text));
    if !detail.is_empty() {
        body.leaf("p", &[("class", "soft"), ("lang", "en")], detail);
    }
    body.own("</section>");
    if !home.is_empty() {
        back(Links::new(&Frame { home, ..Frame::default() }), &mut body);
    }
    document(title, "small", &body)
}

fn out_pair(name: &'static str, value: &str, out: &mut Html) {
    out.leaf("dt", &[], name);
    out.leaf("dd", &[], if value.is_empty() { "non communiqué" } else { value });
}

/// Back to the record as it was asked for.
pub(super) fn back(links: Links<'_>, out: &mut Html) {
    out.own("<p>");
    out.leaf("a", &[("class", "button"), ("href", &links.record())], "Revenir au dossier");
    out.own("</p>");
}
