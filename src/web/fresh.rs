//! What is new since the last visit: documents first, then the lines that they brought or changed.

use serde_json::Value;

use super::dates;
use super::line::short;
use super::links::Links;
use super::section::{line_id, open, title};
use super::value::{bound, flag, grouped, list, long, text};
use crate::fhir::html::Html;

/// Documents, and lines, that are named here; the others bear their badge where they stand.
const MOST: usize = 7;

/// A line of the view and its place on the page.
pub(super) struct Placed<'a> {
    pub section: usize,
    pub at: u64,
    pub of: &'a Value,
    pub title: &'a str,
}

/// The lines of a section that stands at this number.
pub(super) fn placed(section: usize, of: &Value) -> impl Iterator<Item = Placed<'_>> {
    (0..).zip(list(of, "lines")).map(move |(at, line)| Placed { section, at, of: line, title: title(of) })
}

/// The box of what is new.
pub(super) fn fresh(number: usize, view: &Value, lines: &[Placed<'_>], links: Links<'_>, out: &mut Html) {
    let lines: Vec<&Placed<'_>> = lines.iter().filter(|l| flag(l.of, "new")).collect();
    let documents: Vec<&Value> = list(view, "documents").iter().filter(|d| flag(d, "new")).collect();
    let total = long(lines.len() + documents.len());
    let since = text(view, "since");
    let heading = if since.is_empty() { "Nouveau".to_owned() } else { format!("Nouveau depuis le {}", dates::day(since)) };
    open(number, &heading, &if total == 0 { String::new() } else { grouped(total) }, "box fresh", out);
    if let Some(words) = nothing(total, since) {
        out.leaf("p", &[("class", "absent")], &words);
    }
    if total > 0 {
        out.own("<ul class=\"lines\">");
        documents.iter().take(MOST).for_each(|d| document(d, links, out));
        lines.iter().take(MOST).for_each(|l| line(l, out));
        out.own("</ul>");
    }
    rest(documents.len().saturating_sub(MOST), lines.len().saturating_sub(MOST), out);
    out.close("section");
}

fn nothing(total: u64, since: &str) -> Option<String> {
    match (total, since) {
        (_, "") => Some("Première consultation de ce dossier : aucune visite à laquelle comparer.".to_owned()),
        (0, since) => Some(format!("Rien de nouveau depuis la visite du {}.", dates::moment(since))),
        _ => None,
    }
}

fn document(of: &Value, links: Links<'_>, out: &mut Html) {
    out.own("<li class=\"line\"><p class=\"said\">");
    let title = [text(of, "title"), text(of, "given"), "Document"].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    out.leaf("a", &[("href", &links.document(text(of, "id"), ""))], &bound(title));
    out.own("</p></li>");
}

fn line(of: &Placed<'_>, out: &mut Html) {
    out.own("<li class=\"line\"><p class=\"said\">");
    out.leaf("a", &[("href", &format!("#{}", line_id(of.section, of.at)))], &short(of.of));
    out.text(" ");
    out.leaf("span", &[("class", "soft")], &format!("· {}", of.title));
    out.own("</p></li>");
}

fn rest(documents: usize, lines: usize, out: &mut Html) {
    let one = |n: usize, word: &str| (n > 0).then(|| format!("{} {word}{}", grouped(long(n)), if n > 1 { "s" } else { "" }));
    let parts: Vec<String> = [one(documents, "document"), one(lines, "ligne")].into_iter().flatten().collect();
    if !parts.is_empty() {
        out.leaf("p", &[("class", "absent")], &format!("Et {} de plus, signalés « nouveau » à leur place.", parts.join(" et ")));
    }
}
