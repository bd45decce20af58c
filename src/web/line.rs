//! One line of a section: what is known, how sure it is, where it is written, why it stands here.

use serde_json::Value;

use super::links::Links;
use super::trend::trend;
use super::value::{bound, capital, counted, flag, list, long, number, text, texts};
use super::{dates, value};
use crate::fhir::html::Html;

/// The sources beside a line; the others are behind its reasons.
const SOURCES: usize = 2;

/// A line as a list item with this identifier.
pub(super) fn line(id: &str, line: &Value, links: Links<'_>, out: &mut Html) {
    out.open("li", &[("id", id), ("class", &classes(line))]);
    out.own("<p class=\"said\">");
    said(line, out);
    badges(line, out);
    out.own("</p>");
    let because = text(line, "stateReason");
    if !because.is_empty() {
        out.leaf("p", &[("class", "because")], &bound(&capital(because)));
    }
    for remark in texts(line, "remarks") {
        out.leaf("p", &[("class", "remark")], &bound(&capital(remark)));
    }
    if let Some(of) = line.get("trend") {
        trend(of, &capital(text(line, "label")), out);
    }
    out.own("<div class=\"from\">");
    sources(list(line, "sources"), links, out);
    out.own("</div>");
    reasons(line, links, out);
    out.close("li");
}

/// The words of a line without what surrounds them, for lists that refer to it.
pub(super) fn short(line: &Value) -> String {
    bound(&format!("{}{}", capital(text(line, "label")), body(line)))
}

fn classes(line: &Value) -> String {
    let mut classes = String::from("line");
    for key in ["conflict", "abnormal", "second", "new"] {
        if flag(line, key) {
            classes.push_str(" is-");
            classes.push_str(key);
        }
    }
    if text(line, "state") == "stopped" {
        classes.push_str(" is-stopped");
    }
    classes
}

/// The body goes on where the label ends, with its own blanks and punctuation.
fn body(line: &Value) -> &str {
    line.get("body").and_then(Value::as_str).map_or("", str::trim_end)
}

fn said(line: &Value, out: &mut Html) {
    out.leaf("strong", &[], &bound(&capital(text(line, "label"))));
    let body = body(line);
    out.text(&bound(body));
    let mut stop = body.ends_with(['.', '!', '?', '…']);
    for sentence in texts(line, "sentences") {
        out.text(if stop { " " } else { ". " });
        out.text(&bound(&capital(sentence)));
        stop = sentence.ends_with(['.', '!', '?', '…']);
    }
}

/// What is unusual about a line, in words.
fn badges(line: &Value, out: &mut Html) {
    let state = match text(line, "state") {
        "stopped" => "arrêté",
        "uncertain" => "incertain",
        _ => "",
    };
    let shown = [("conflict", "conflit"), ("abnormal", "anormal"), ("new", "nouveau")].into_iter().filter(|(key, _)| flag(line, key));
    for (key, word) in shown.chain([("state", state)].into_iter().filter(|(_, word)| !word.is_empty())) {
        out.text(" ");
        badge(key, word, out);
    }
}

/// A word in a frame.
pub(super) fn badge(kind: &str, word: &str, out: &mut Html) {
    out.leaf("span", &[("class", &format!("badge {kind}"))], word);
}

/// Links to the exact words; the rest is found behind the reasons.
fn sources(sources: &[Value], links: Links<'_>, out: &mut Html) {
    if sources.is_empty() {
        return;
    }
    out.own("<span class=\"unseen\">Source : </span>");
    for source in sources.iter().take(SOURCES) {
        link(source, links, out);
    }
    if let Some(more) = sources.get(SOURCES..).filter(|m| !m.is_empty()) {
        out.leaf("span", &[], &format!("et {}", counted(long(more.len()), "", "autre", "autres")));
    }
}

/// Author and day as the link, the whole title when the pointer rests on it.
fn link(source: &Value, links: Links<'_>, out: &mut Html) {
    let id = text(source, "document");
    let title = text(source, "title");
    let parts: Vec<String> = [text(source, "author").to_owned(), dates::day(text(source, "date"))].into_iter().filter(|p| !p.is_empty()).collect();
    let words = match (parts.is_empty(), title) {
        (false, _) => parts.join(", "),
        (true, "") => "Document".to_owned(),
        (true, title) => title.to_owned(),
    };
    if id.is_empty() {
        out.leaf("span", &[("class", "source"), ("title", title)], &words);
    } else {
        out.leaf("a", &[("class", "source"), ("href", &links.document(id, text(source, "anchor"))), ("title", title)], &words);
    }
}

/// Why the line stands where it stands, closed.
fn reasons(line: &Value, links: Links<'_>, out: &mut Html) {
    let more = list(line, "sources").get(SOURCES..).unwrap_or_default();
    let reasons = list(line, "reasons");
    if reasons.is_empty() && more.is_empty() {
        return;
    }
    let asked = if more.is_empty() { "Pourquoi cette ligne est ici" } else { "Pourquoi cette ligne est ici, autres sources" };
    out.own("<details class=\"why\">");
    out.leaf("summary", &[("aria-label", asked)], "?");
    out.own("<div>");
    if let Some(score) = number(line, "score") {
        out.leaf("p", &[], &format!("Score {score:.0} sur 100"));
    }
    out.own("<ul>");
    for reason in reasons {
        out.leaf("li", &[], &reason_text(reason));
    }
    for source in more {
        out.own("<li>");
        link(source, links, out);
        out.own("</li>");
    }
    out.own("</ul></div></details>");
}

/// `Résultat hors des bornes : +8`.
fn reason_text(reason: &Value) -> String {
    let words = value::capital(text(reason, "text"));
    let points = number(reason, "points").map(|p| format!("{p:+.0}").replace('-', "−"));
    points.map_or_else(|| words.clone(), |p| format!("{words} : {p}"))
}
