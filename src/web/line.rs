//! One line of a section: what is known, how sure it is, where it is written, why it stands here.

use serde_json::Value;

use super::links::Links;
use super::trend::trend;
use super::value::{bound, capital, count, counted, flag, list, long, number, text, texts};
use super::{dates, value};
use crate::fhir::html::Html;

/// Remarks on a line; those after are behind its reasons.
const REMARKS: usize = 3;
/// Characters of an answer that stands out.
const ANSWER: usize = 90;
/// Sources of a conflict beside it.
const SIDES: usize = 3;

/// How much of a line is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// Without its course, and without remarks that contradict nothing: the line stands in whole in a section of its own.
    Brief,
}

/// A line as a list item with this identifier.
pub(super) fn line(id: &str, line: &Value, extent: Extent, links: Links<'_>, out: &mut Html) {
    out.open("li", &[("id", id), ("class", &classes(line))]);
    out.own("<p class=\"said\">");
    said(line, out);
    badges(line, out);
    out.own("</p>");
    let because = text(line, "stateReason");
    if !because.is_empty() && !runs(line) {
        out.leaf("p", &[("class", "because")], &bound(&capital(because)));
    }
    if extent == Extent::Whole || flag(line, "conflict") {
        for remark in texts(line, "remarks").take(REMARKS) {
            let class = if remark.ends_with("à vérifier") { "remark check" } else { "remark" };
            out.leaf("p", &[("class", class)], &bound(&capital(remark)));
        }
        let unsaid = texts(line, "remarks").skip(REMARKS).count();
        if unsaid > 0 {
            out.leaf("p", &[("class", "remark")], &format!("Et {}.", counted(long(unsaid), "", "autre mention", "autres mentions")));
        }
    }
    if let Some(of) = line.get("trend").filter(|_| extent == Extent::Whole) {
        trend(of, &capital(text(line, "label")), out);
    }
    from(line, links, out);
    out.close("li");
}

/// A treatment that goes on: what is usual is told in a word, what is not with its reason.
fn runs(line: &Value) -> bool {
    text(line, "state") == "active"
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
    let (label, body) = (capital(text(line, "label")), body(line));
    match Words::of(&label, body) {
        Words::Answer(answer, rest) => {
            out.text(&bound(&format!("{label} : ")));
            out.leaf("strong", &[], &bound(answer));
            out.text(&bound(&format!(" ({rest}")));
        }
        Words::Measure(value, rest) => {
            out.leaf("strong", &[], &bound(&label));
            out.text(" ");
            out.leaf("b", &[("class", "value")], &bound(value));
            out.text(&bound(&format!(" ({rest}")));
        }
        Words::Plain => {
            // Of a medicine the product and its strength, before its form.
            let form = label.find(", ").filter(|_| line.get("state").is_some()).unwrap_or(label.len());
            let (name, form) = label.split_at(form);
            out.leaf("strong", &[], &bound(name));
            out.text(&bound(&format!("{form}{body}")));
        }
    }
    sentences(line, body, out);
}

/// What stands out in a line beside its label.
enum Words<'a> {
    /// `Statut tabagique : n'a jamais fumé (02/03/2026)`: a short answer, and what follows its bracket.
    Answer(&'a str, &'a str),
    /// `Potassium 5,6 mmol/L (04/09/2026), élevé`: the value, and what follows its bracket.
    Measure(&'a str, &'a str),
    Plain,
}

impl<'a> Words<'a> {
    fn of(label: &str, body: &'a str) -> Self {
        let number = |b: &&str| b.starts_with(|c: char| c.is_ascii_digit() || "<>≤≥".contains(c));
        let answer = body.strip_prefix(" : ").and_then(|b| b.split_once(" (")).filter(|(answer, _)| answer.chars().count() <= ANSWER && !label.is_empty());
        let measure = body.strip_prefix(' ').filter(number).and_then(|b| b.split_once(" ("));
        match (answer, measure) {
            (Some((answer, rest)), _) => Self::Answer(answer, rest),
            (_, Some((value, rest))) => Self::Measure(value, rest),
            _ => Self::Plain,
        }
    }
}

fn sentences(line: &Value, body: &str, out: &mut Html) {
    let mut stop = body.ends_with(['.', '!', '?', '…']);
    for sentence in texts(line, "sentences") {
        out.text(if stop { " " } else { ". " });
        out.text(&bound(&capital(sentence)));
        stop = sentence.ends_with(['.', '!', '?', '…']);
    }
}

/// What is unusual about a line, in words, and how a treatment stands.
fn badges(line: &Value, out: &mut Html) {
    let state = match text(line, "state") {
        "stopped" => "arrêté",
        "uncertain" => "à vérifier",
        "active" if !body(line).contains("en cours") => "en cours",
        _ => "",
    };
    let kind = if state == "à vérifier" { "doubt" } else { "state" };
    let shown = [("conflict", "conflit"), ("abnormal", "anormal"), ("new", "nouveau")].into_iter().filter(|(key, _)| flag(line, key));
    for (key, word) in shown.chain([(kind, state)].into_iter().filter(|(_, word)| !word.is_empty())) {
        out.text(" ");
        badge(key, word, out);
    }
}

/// A word in a frame.
pub(super) fn badge(kind: &str, word: &str, out: &mut Html) {
    out.leaf("span", &[("class", &format!("badge {kind}"))], word);
}

/// The link to the exact words, of a conflict those of each side; the other sources are behind the reasons.
fn from(line: &Value, links: Links<'_>, out: &mut Html) {
    let (shown, more) = sides(line);
    out.own("<div class=\"from\">");
    if !shown.is_empty() {
        out.own("<span class=\"unseen\">Source : </span>");
    }
    shown.iter().for_each(|source| link(source, links, out));
    reasons(line, &more, links, out);
    out.own("</div>");
}

/// The sources beside a line, and the others. Of a conflict the first of each author whom a remark names, else of another author.
fn sides(line: &Value) -> (Vec<&Value>, Vec<&Value>) {
    let remarks: Vec<&str> = texts(line, "remarks").chain([text(line, "stateReason")]).collect();
    let mut shown: Vec<&Value> = Vec::new();
    let mut more: Vec<&Value> = Vec::new();
    for source in list(line, "sources") {
        let (known, named) = (shown.iter().any(|s| signed(s) == signed(source)), remarks.iter().any(|r| r.contains(&signed(source))));
        let other = shown.len() == 1 && shown.iter().all(|s| text(s, "author") != text(source, "author"));
        let beside = flag(line, "conflict") && shown.len() < SIDES && !known && (named || other);
        if shown.is_empty() || beside { shown.push(source) } else { more.push(source) }
    }
    (shown, more)
}

/// Author and day.
fn signed(source: &Value) -> String {
    let parts = [text(source, "author").to_owned(), dates::day(text(source, "date"))];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Author and day as the link, the whole title when the pointer rests on it.
pub(super) fn link(source: &Value, links: Links<'_>, out: &mut Html) {
    let id = text(source, "document");
    let title = text(source, "title");
    let words = match (signed(source), title) {
        (signed, _) if !signed.is_empty() => signed,
        (_, "") => "Document".to_owned(),
        (_, title) => title.to_owned(),
    };
    if id.is_empty() {
        out.leaf("span", &[("class", "source"), ("title", title)], &words);
    } else {
        out.leaf("a", &[("class", "source"), ("href", &links.document(id, text(source, "anchor"))), ("title", title)], &words);
    }
}

/// Why the line stands where it stands, and what else says so; closed.
fn reasons(line: &Value, more: &[&Value], links: Links<'_>, out: &mut Html) {
    let (reasons, state) = (list(line, "reasons"), text(line, "stateReason"));
    let unsaid: Vec<&str> = texts(line, "remarks").skip(REMARKS).collect();
    if reasons.is_empty() && more.is_empty() && unsaid.is_empty() {
        return;
    }
    let untold = count(line, "moreSources");
    let others = counted(long(more.len()).saturating_add(untold), "", "source", "sources");
    let (words, asked) =
        if more.is_empty() { ("?".to_owned(), "Pourquoi cette ligne est ici".to_owned()) } else { (format!("+ {others}"), format!("+ {others}, et pourquoi cette ligne est ici")) };
    out.own("<details class=\"why\">");
    out.leaf("summary", &[("aria-label", &asked)], &words);
    out.own("<div>");
    if !state.is_empty() && runs(line) {
        out.leaf("p", &[], &bound(&capital(state)));
    }
    items(&unsaid, out, |remark, out| out.text(&bound(&capital(remark))));
    items(more, out, |source, out| link(source, links, out));
    if untold > 0 {
        out.leaf("p", &[], &format!("Et {}.", counted(untold, "", "autre document, plus ancien ou qui répète", "autres documents, plus anciens ou qui répètent")));
    }
    if let Some(score) = number(line, "score") {
        out.leaf("p", &[], &format!("Rang : {score:.0} points sur 100"));
    }
    items(reasons, out, |reason, out| out.text(&reason_text(reason)));
    out.own("</div></details>");
}

/// A list, unless there is nothing in it.
fn items<T>(all: &[T], out: &mut Html, told: impl Fn(&T, &mut Html)) {
    if all.is_empty() {
        return;
    }
    out.own("<ul>");
    for one in all {
        out.own("<li>");
        told(one, out);
        out.own("</li>");
    }
    out.own("</ul>");
}

/// `Résultat hors des bornes : +8`.
fn reason_text(reason: &Value) -> String {
    let words = value::capital(text(reason, "text"));
    let points = number(reason, "points").map(|p| format!("{p:+.0}").replace('-', "−"));
    points.map_or_else(|| words.clone(), |p| format!("{words} : {p}"))
}
