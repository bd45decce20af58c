//! A section: its title with its place on the keyboard, its lines, what more there is, and words when there is nothing.

use serde_json::Value;

use super::line::{Extent, line, link};
use super::links::Links;
use super::value::{count, flag, grouped, list, long, text};
use crate::fhir::html::Html;

/// Titles of the lines that come after the others of their section.
const SECOND: &[(&str, &str)] = &[
    ("medications", "Arrêtés ou terminés"),
    ("results", "Conclusions d'examens"),
    ("plan", "Faits ou non prévus"),
    ("immunizations", "Non faits ou refusés"),
    ("procedures", "Non faits ou refusés"),
];

/// The start of a section: heading with number, counts.
pub(super) fn open(number: usize, title: &str, counts: &str, class: &str, out: &mut Html) {
    let (id, heading) = (format!("s{number}"), format!("h{number}"));
    out.open("section", &[("id", &id), ("class", class), ("aria-labelledby", &heading), ("tabindex", "-1")]);
    out.open("h2", &[("id", &heading)]);
    if number < 10 {
        out.leaf("span", &[("class", "key"), ("aria-hidden", "true")], &number.to_string());
    }
    out.text(title);
    if !counts.is_empty() {
        out.text(" ");
        out.leaf("span", &[("class", "count")], counts);
    }
    out.close("h2");
}

/// A section of the view as a box.
pub(super) fn section(number: usize, of: &Value, links: Links<'_>, class: &str, out: &mut Html) {
    open(number, title(of), &counts(of), class, out);
    said(of, links, out);
    lines(number, of, 0, links, out);
    more(of, list(of, "lines").len(), links, out);
    out.close("section");
}

/// Its title, or its key when the view has none.
pub(super) fn title(of: &Value) -> &str {
    Some(text(of, "title")).filter(|t| !t.is_empty()).unwrap_or(text(of, "key"))
}

/// `5 sur 9`, or `5` when all are shown.
fn counts(of: &Value) -> String {
    let (shown, total) = (long(list(of, "lines").len()), count(of, "total"));
    match (shown, total) {
        (0, _) => String::new(),
        (shown, total) if total > shown => format!("{} sur {}", grouped(shown), grouped(total)),
        (shown, _) => grouped(shown),
    }
}

/// The sentence of the section: no section is silently empty.
pub(super) fn said(of: &Value, links: Links<'_>, out: &mut Html) {
    let state = text(of, "state");
    let words = sentence(of);
    if words.is_empty() {
        return;
    }
    let class = match state {
        "not-permitted" => "absent locked",
        _ if flag(of, "conflict") => "remark disputed",
        _ => "absent",
    };
    out.open("p", &[("class", class)]);
    out.text(words);
    sources(of, links, out);
    if state == "not-permitted" {
        out.text(" ");
        out.leaf("a", &[("href", &links.why(text(of, "key")))], "Pourquoi ?");
    }
    out.close("p");
}

/// The documents of the sentence, with their words where they tell of it in words alone.
pub(super) fn sources(of: &Value, links: Links<'_>, out: &mut Html) {
    for source in list(of, "sources") {
        out.text(" ");
        link(source, links, out);
        let quote = text(source, "quote");
        if !quote.is_empty() && text(of, "state") == "text-only" {
            out.text(" ");
            out.leaf("q", &[], quote);
        }
    }
}

/// What the view says, else what its state means; empty for lines that need no word.
pub(super) fn sentence(of: &Value) -> &str {
    match (text(of, "said"), text(of, "state"), list(of, "lines").is_empty()) {
        ("", "not-permitted", _) => "Vos droits ne permettent pas de voir cette section.",
        ("", "absent", _) => "Absence déclarée.",
        ("", "text-only", _) => "En texte seul.",
        ("", _, true) => "Aucune information dans les documents lisibles.",
        (said, ..) => said,
    }
}

/// The lines, those of second rank under a title of their own. Identifiers go on from the offset.
pub(super) fn lines(number: usize, of: &Value, offset: u64, links: Links<'_>, out: &mut Html) {
    let all = || (offset..).zip(list(of, "lines"));
    let extent = if text(of, "key") == "alerts" { Extent::Brief } else { Extent::Whole };
    let part = |class: &'static str| Part { number, class, extent, links };
    part("lines").told(all().filter(|(_, l)| !flag(l, "second")), out);
    if all().any(|(_, l)| flag(l, "second")) {
        let title = SECOND.iter().find(|(key, _)| *key == text(of, "key")).map_or("Autres", |(_, title)| title);
        out.leaf("h3", &[], title);
        part("lines later").told(all().filter(|(_, l)| flag(l, "second")), out);
    }
}

/// Lines of one list.
struct Part<'a> {
    number: usize,
    class: &'static str,
    extent: Extent,
    links: Links<'a>,
}

impl Part<'_> {
    fn told<'v>(&self, lines: impl Iterator<Item = (u64, &'v Value)>, out: &mut Html) {
        let mut items = lines.peekable();
        if items.peek().is_none() {
            return;
        }
        out.open("ul", &[("class", self.class)]);
        for (at, of) in items {
            line(&line_id(self.number, at), of, self.extent, self.links, out);
        }
        out.close("ul");
    }
}

/// The identifier of a line on the page.
pub(super) fn line_id(section: usize, at: u64) -> String {
    format!("l{section}-{at}")
}

/// The way to what is not shown.
pub(super) fn more(of: &Value, after: usize, links: Links<'_>, out: &mut Html) {
    let more = count(of, "more");
    if more == 0 {
        return;
    }
    let words = if more == 1 { "Voir la ligne suivante".to_owned() } else { format!("Voir les {} lignes suivantes", grouped(more)) };
    out.open("p", &[("class", "rest")]);
    out.open("a", &[("class", "more"), ("href", &links.rest(text(of, "key"), long(after)))]);
    out.text(&words);
    out.leaf("span", &[("class", "unseen")], &format!(" de la section {}", title(of)));
    out.close("a");
    out.close("p");
}
