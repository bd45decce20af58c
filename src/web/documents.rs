//! The documents: one row each with a title that can be read without opening, under filters that are always visible. The page shows the
//! newest; a page of their own shows all.
//! Spec: guide d'intégration DMP (PDSM4DMP), first search limited in time, limit shown and removable.

use serde_json::Value;

use super::band::{form, name};
use super::chosen::{Choices, Filter, title};
use super::filters::{Counts, filters, in_force};
use super::line::badge;
use super::links::Links;
use super::page::document;
use super::section::open;
use super::small::back;
use super::value::{bound, count, flag, grouped, list, long, text};
use super::{Frame, dates};
use crate::fhir::html::Html;

/// Rows on the page of the record; those after are one click away.
const SHOWN: usize = 50;
/// Rows on paper when no filter has chosen them; the style sheet hides those after.
const PRINTED: usize = 8;

/// The address of the page of the record, and that of the page of all documents.
const RECORD: &str = "";
const ALL: &str = "documents";

/// The documents that the bound and the filters leave, and which of them are shown.
struct Listed<'a> {
    window: &'a str,
    choices: Choices<'a>,
    /// With the place of each in the whole list.
    left: Vec<(usize, &'a Value)>,
    shown: usize,
    counts: Counts,
}

impl<'a> Listed<'a> {
    fn new(view: &'a Value, most: usize, frame: &Frame<'_>) -> Self {
        let (all, filter) = (list(view, "documents"), Filter::new(frame));
        let left: Vec<(usize, &Value)> = all.iter().enumerate().filter(|(_, d)| filter.takes(d)).collect();
        let counts = Counts { within: long(all.len()), left: long(left.len()) };
        Self { window: text(view, "documentsWindow"), choices: Choices::new(all), shown: left.len().min(most), left, counts }
    }

    fn filtered(&self, frame: &Frame<'_>) -> bool {
        *frame.asked != frame.asked.unfiltered()
    }
}

/// The box of the documents on the page of the record.
pub(super) fn documents(number: usize, view: &Value, frame: &Frame<'_>, out: &mut Html) {
    let listed = Listed::new(view, SHOWN, frame);
    let total = count(view, "documentsTotal").max(listed.counts.within);
    open(number, "Documents", &counts(listed.counts.within, total), "box documents", out);
    out.own("<div id=\"documents-box\">");
    list_of(&listed, RECORD, frame, out);
    out.own("</div>");
    unseen(frame, out);
    out.close("section");
}

/// All documents that the bound and the filters leave, as a page of its own: read as it is, or taken by the script for its filters.
pub fn all(view: &Value, frame: &Frame<'_>) -> String {
    let listed = Listed::new(view, usize::MAX, frame);
    let mut body = Html::default();
    body.leaf("h1", &[], &name(frame));
    back(Links::new(frame), &mut body);
    body.own("<h2>Documents</h2><div id=\"documents-box\" class=\"box\">");
    list_of(&listed, ALL, frame, &mut body);
    body.own("</div>");
    document("Documents", "small wide", &body)
}

fn list_of(listed: &Listed<'_>, page: &'static str, frame: &Frame<'_>, out: &mut Html) {
    let any = listed.counts.within > 0;
    filters(any.then_some(&listed.choices), listed.window, page, frame, out);
    in_force(listed.window, page, listed.counts, frame, out);
    if any {
        rows(listed, page, frame, out);
    } else {
        out.leaf("p", &[("class", "absent")], nothing(listed.window));
    }
}

fn counts(within: u64, total: u64) -> String {
    match (within, total) {
        (0, 0) => String::new(),
        (within, total) if total > within => format!("{} sur {}", grouped(within), grouped(total)),
        (within, _) => grouped(within),
    }
}

fn nothing(window: &str) -> &'static str {
    match window {
        "" => "Aucun document lisible dans ce dossier.",
        _ => "Aucun document lisible sur cette période.",
    }
}

fn rows(listed: &Listed<'_>, page: &'static str, frame: &Frame<'_>, out: &mut Html) {
    let links = Links::new(frame);
    let (filtered, whole) = (listed.filtered(frame), links.asking(ALL, &frame.asked.unfiltered()));
    form("import", frame, out);
    let now = dates::machine(frame.now).unwrap_or_default();
    let mut attributes = vec![("id", "documents"), ("class", if filtered { "rows filtered" } else { "rows" }), ("data-now", now.as_str())];
    // Where the script finds the rows that are not here.
    attributes.extend((long(listed.shown) < listed.counts.within).then_some(("data-all", whole.as_str())));
    out.open("ol", &attributes);
    for (at, document) in listed.left.iter().take(listed.shown) {
        row(*at, document, &listed.choices, links, out);
    }
    out.own("</ol></form>");
    out.own(if listed.left.is_empty() {
        "<p id=\"none\" class=\"absent\">Aucun document ne répond à ces filtres.</p>"
    } else {
        "<p id=\"none\" class=\"absent\" hidden>Aucun document ne répond à ces filtres.</p>"
    });
    others(listed, page, frame, out);
    unprinted(listed, filtered, out);
}

/// The way to the rows that are not shown.
fn others(listed: &Listed<'_>, page: &'static str, frame: &Frame<'_>, out: &mut Html) {
    let rest = listed.left.len() - listed.shown;
    if rest == 0 || page == ALL {
        return;
    }
    let words = if rest == 1 { "Afficher le dernier document".to_owned() } else { format!("Afficher les {} autres documents", grouped(long(rest))) };
    out.own("<p class=\"rest\" id=\"others\">");
    out.leaf("a", &[("class", "more all"), ("href", &Links::new(frame).asking(ALL, frame.asked))], &words);
    out.own("</p>");
}

/// Says on paper what it leaves out.
fn unprinted(listed: &Listed<'_>, filtered: bool, out: &mut Html) {
    let printed = if filtered { listed.shown } else { listed.shown.min(PRINTED) };
    let words = match listed.left.len() - printed {
        0 => String::new(),
        1 => "Et 1 autre document, non imprimé.".to_owned(),
        rest => format!("Et {} autres documents, non imprimés.", grouped(long(rest))),
    };
    out.leaf("p", &[("class", "paper"), ("id", "unprinted")], &words);
}

fn row(at: usize, of: &Value, choices: &Choices<'_>, links: Links<'_>, out: &mut Html) {
    let (kind, practice, author) = (choices.kind.rank(of), choices.practice.rank(of), choices.author.rank(of));
    out.open("li", &[("data-t", &kind), ("data-s", &practice), ("data-a", &author)]);
    date(text(of, "date"), out);
    out.own("<div>");
    called(at, of, links, out);
    who(of, out);
    out.own("</div>");
    take(at, text(of, "id"), links, out);
    out.close("li");
}

fn date(date: &str, out: &mut Html) {
    match dates::machine(date) {
        Some(day) => out.leaf("time", &[("datetime", &day)], &dates::day(date)),
        None => out.leaf("span", &[("class", "day")], if date.is_empty() { "sans date" } else { date }),
    }
}

fn called(at: usize, of: &Value, links: Links<'_>, out: &mut Html) {
    let (id, name) = (text(of, "id"), format!("d{at}"));
    out.leaf("a", &[("id", &name), ("href", &links.document(id, ""))], &bound(&undated(of)));
    if flag(of, "new") {
        out.text(" ");
        badge("new", "nouveau", out);
    }
    if flag(of, "pdf") {
        out.text(" ");
        out.leaf("a", &[("class", "file"), ("href", &links.of("file", id)), ("aria-describedby", &name)], "PDF");
    }
}

/// The title without the day that stands beside it.
fn undated(of: &Value) -> String {
    title(of).replacen(&format!(" · {}", dates::day(text(of, "date"))), "", 1)
}

/// The author's own title when it says something else, the author and the structure.
fn who(of: &Value, out: &mut Html) {
    let (given, title) = (text(of, "given"), text(of, "title"));
    let given = if given.is_empty() || title.is_empty() || title.contains(given) { String::new() } else { format!("« {given} »") };
    let parts: Vec<&str> = [given.as_str(), text(of, "author"), text(of, "structure")].into_iter().filter(|p| !p.is_empty()).collect();
    out.leaf("small", &[], &parts.join(" · "));
}

/// Hands the identifiers of the document to the local record.
fn take(at: usize, id: &str, links: Links<'_>, out: &mut Html) {
    out.leaf("button", &[("formaction", &links.of("import", id)), ("aria-describedby", &format!("d{at}"))], "Reprendre");
}

/// Asks about a document that is not listed.
fn unseen(frame: &Frame<'_>, out: &mut Html) {
    out.own("<details class=\"missing\"><summary>Un document attendu n'apparaît pas ?</summary>");
    out.open("form", &[("method", "get"), ("action", &Links::new(frame).plain("why"))]);
    out.own("<p class=\"field\"><label for=\"w-id\">Identifiant du document</label><input id=\"w-id\" name=\"id\" required autocomplete=\"off\"></p>");
    out.own("<button type=\"submit\">Pourquoi ne puis-je pas le voir ?</button></form></details>");
}
