//! The documents: one row each with a title that can be read without opening, under filters that are always visible.
//! Spec: guide d'intégration DMP (PDSM4DMP), first search limited in time, limit shown and removable.

use serde_json::Value;

use super::band::form;
use super::filters::{Choices, filters};
use super::line::badge;
use super::links::Links;
use super::section::open;
use super::value::{bound, count, flag, grouped, list, long, text};
use super::{Frame, dates};
use crate::fhir::html::Html;

/// Rows on paper; the style sheet hides those after.
const PRINTED: usize = 8;

/// The box of all documents that the view lists.
pub(super) fn documents(number: usize, view: &Value, frame: &Frame<'_>, out: &mut Html) {
    let all = list(view, "documents");
    let total = count(view, "documentsTotal").max(long(all.len()));
    open(number, "Documents", &counts(long(all.len()), total), "box documents", out);
    window(text(view, "documentsWindow"), frame, out);
    if all.is_empty() {
        out.leaf("p", &[("class", "absent")], nothing(text(view, "documentsWindow")));
    } else {
        rows(all, frame, out);
    }
    unseen(frame, out);
    out.close("section");
}

fn counts(shown: u64, total: u64) -> String {
    match (shown, total) {
        (0, 0) => String::new(),
        (shown, total) if total > shown => format!("{} sur {}", grouped(shown), grouped(total)),
        (shown, _) => grouped(shown),
    }
}

fn nothing(window: &str) -> &'static str {
    match window {
        "" => "Aucun document lisible dans ce dossier.",
        _ => "Aucun document lisible sur cette période.",
    }
}

/// The bound in time that is in force, and the way to remove it.
fn window(window: &str, frame: &Frame<'_>, out: &mut Html) {
    if window.is_empty() {
        return;
    }
    out.own("<p class=\"chips\"><span class=\"soft\">Limite en vigueur :</span> ");
    let home = Links::new(frame.home).plain("?window=all");
    out.open("a", &[("class", "chip"), ("href", &home)]);
    out.text(&period(window));
    out.own("<span class=\"unseen\"> : retirer cette limite</span> <span aria-hidden=\"true\">✕</span></a></p>");
}

/// `P2Y` → `2 dernières années`.
/// Spec: ISO 8601-1 §5.5.2 (durations with one unit).
fn period(duration: &str) -> String {
    let amount: String = duration.chars().filter(char::is_ascii_digit).collect();
    let one = amount == "1";
    match duration.chars().last() {
        Some('Y') if one => "dernière année".to_owned(),
        Some('Y') => format!("{amount} dernières années"),
        Some('M') if one => "dernier mois".to_owned(),
        Some('M') => format!("{amount} derniers mois"),
        Some('D') => format!("{amount} derniers jours"),
        _ => duration.to_owned(),
    }
}

fn rows(all: &[Value], frame: &Frame<'_>, out: &mut Html) {
    let choices = Choices::new(all);
    filters(&choices, all.len(), out);
    form("import", frame, out);
    out.open("ol", &[("id", "documents"), ("class", "rows"), ("data-now", &dates::machine(frame.now).unwrap_or_default())]);
    for (at, document) in all.iter().enumerate() {
        row(at, document, &choices, Links::new(frame.home), out);
    }
    out.own("</ol></form>");
    out.own("<p id=\"none\" class=\"absent\" hidden>Aucun document ne répond à ces filtres.</p>");
    if all.len() > PRINTED {
        let rest = long(all.len() - PRINTED);
        out.leaf("p", &[("class", "paper")], &format!("Et {} autres documents, non imprimés.", grouped(rest)));
    }
}

fn row(at: usize, of: &Value, choices: &Choices<'_>, links: Links<'_>, out: &mut Html) {
    let (kind, speciality, author) = (choices.kind.rank(of), choices.speciality.rank(of), choices.author.rank(of));
    out.open("li", &[("data-t", &kind), ("data-s", &speciality), ("data-a", &author)]);
    date(text(of, "date"), out);
    out.own("<div>");
    title(at, of, links, out);
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

fn title(at: usize, of: &Value, links: Links<'_>, out: &mut Html) {
    let (id, name) = (text(of, "id"), format!("d{at}"));
    let title = [text(of, "title"), text(of, "given"), text(of, "type"), "Document sans titre"].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    out.leaf("a", &[("id", &name), ("href", &links.document(id, ""))], &bound(title));
    if flag(of, "new") {
        out.text(" ");
        badge("new", "nouveau", out);
    }
    if flag(of, "pdf") {
        out.text(" ");
        out.leaf("a", &[("class", "file"), ("href", &links.of("file", id)), ("aria-describedby", &name)], "PDF");
    }
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
    out.open("form", &[("method", "get"), ("action", &Links::new(frame.home).plain("why"))]);
    out.own("<p class=\"field\"><label for=\"w-id\">Identifiant du document</label><input id=\"w-id\" name=\"id\" required autocomplete=\"off\"></p>");
    out.own("<button type=\"submit\">Pourquoi ne puis-je pas le voir ?</button></form></details>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_told_in_words() {
        assert_eq!(["P2Y", "P1Y", "P6M", "P1M", "P90D", "x"].map(period), ["2 dernières années", "dernière année", "6 derniers mois", "dernier mois", "90 derniers jours", "x"]);
    }
}
