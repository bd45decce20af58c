//! The filters of the document list, and those in force: always visible, each taken away by one click. A form that the server answers;
//! the script answers it sooner.
//! Spec: guide d'intégration DMP (PDSM4DMP): a filter in force is always visible and can be removed; WCAG 2.2 1.3.1, 3.3.2, 4.1.3.

use super::Frame;
use super::asked::{Asked, FILTERS};
use super::chosen::{Choices, PERIODS, Values, told};
use super::links::Links;
use super::value::{counted, grouped};
use crate::fhir::html::Html;

/// The bound that the list has by itself.
const USUAL: &str = "P2Y";

/// How many documents there are: within the bound in time, and of those the ones that the filters leave.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub within: u64,
    pub left: u64,
}

/// The form: `page` is our address that answers it.
pub(super) fn filters(choices: Option<&Choices<'_>>, window: &str, page: &'static str, frame: &Frame<'_>, out: &mut Html) {
    let action = format!("{}#documents-box", Links::new(frame).plain(page));
    out.open("form", &[("id", "filters"), ("class", "filters"), ("method", "get"), ("action", &action), ("role", "search"), ("aria-label", "Filtrer les documents")]);
    kept(frame.asked, page, out);
    if let Some(choices) = choices {
        out.own("<p class=\"field wide\"><label for=\"f-text\">Mots du titre, de l'auteur ou de la structure <kbd aria-hidden=\"true\">/</kbd></label>");
        out.open(
            "input",
            &[("id", "f-text"), ("name", "text"), ("type", "search"), ("maxlength", "200"), ("autocomplete", "off"), ("spellcheck", "false"), ("value", frame.asked.of("text"))],
        );
        out.own("</p>");
        select(("f-type", "type", "Type", "Tous les types"), &choices.kind, frame.asked, out);
        select(("f-practice", "practice", "Spécialité", "Toutes les spécialités"), &choices.practice, frame.asked, out);
        periods(window, frame.asked, out);
        select(("f-author", "author", "Auteur", "Tous les auteurs"), &choices.author, frame.asked, out);
        out.own("<p class=\"go\"><button type=\"submit\" id=\"f-go\">Filtrer</button></p>");
    }
    out.own("</form>");
}

/// What the form carries on beside its own fields. On the page itself the view is a field of it.
fn kept(asked: &Asked, page: &str, out: &mut Html) {
    for name in ["window", "specialty"] {
        let value = asked.of(name);
        if !value.is_empty() && (name == "window" || !page.is_empty()) {
            out.open("input", &[("type", "hidden"), ("name", name), ("value", value)]);
        }
    }
}

fn select((id, name, label, all): (&str, &str, &str, &str), values: &Values<'_>, asked: &Asked, out: &mut Html) {
    start(id, name, label, all, out);
    let wanted = asked.of(name);
    for (value, (rank, count)) in &values.all {
        option(value, &rank.to_string(), &format!("{value} ({count})"), *value == wanted, out);
    }
    if !wanted.is_empty() && !values.all.contains_key(wanted) {
        option(wanted, "none", &format!("{wanted} (0)"), true, out);
    }
    out.own("</select></p>");
}

/// The periods that the bound in force leaves something of.
fn periods(window: &str, asked: &Asked, out: &mut Html) {
    start("f-period", "period", "Période", "Toutes les dates", out);
    let bound = PERIODS.iter().find(|p| p.0 == window).map_or(u64::MAX, |p| p.1);
    for (value, days, words) in PERIODS {
        let wanted = asked.of("period") == *value;
        if *days < bound || wanted {
            option(value, &days.to_string(), words, wanted, out);
        }
    }
    out.own("</select></p>");
}

fn start(id: &str, name: &str, label: &str, all: &str, out: &mut Html) {
    out.open("p", &[("class", "field")]);
    out.leaf("label", &[("for", id)], label);
    out.open("select", &[("id", id), ("name", name), ("autocomplete", "off")]);
    out.leaf("option", &[("value", "")], all);
}

/// `data-n` is what the script compares rows with.
fn option(value: &str, number: &str, words: &str, chosen: bool, out: &mut Html) {
    let mut attributes = vec![("value", value), ("data-n", number)];
    attributes.extend(chosen.then_some(("selected", "")));
    out.leaf("option", &attributes, words);
}

/// What is in force, each a link to the same without it; and how many documents that leaves.
pub(super) fn in_force(window: &str, page: &'static str, counts: Counts, frame: &Frame<'_>, out: &mut Html) {
    out.own("<div class=\"chips\"><span class=\"soft\">En vigueur :</span>");
    bound(window, page, frame, out);
    let shown: Vec<(&str, &str, String)> = FILTERS.iter().map(|(name, word)| (*name, *word, told(frame.asked, name))).filter(|(.., words)| !words.is_empty()).collect();
    out.own(if shown.is_empty() { "<ul id=\"chips\" aria-label=\"Filtres en vigueur\" hidden>" } else { "<ul id=\"chips\" aria-label=\"Filtres en vigueur\">" });
    for (name, word, words) in &shown {
        out.own("<li>");
        chip(&format!("{word} : {words}"), "retirer ce filtre", &address(page, &frame.asked.without(name), frame), out);
        out.own("</li>");
    }
    out.own("</ul>");
    out.own(if shown.is_empty() { "<span id=\"unfiltered\" class=\"soft\">aucun filtre</span>" } else { "<span id=\"unfiltered\" class=\"soft\" hidden>aucun filtre</span>" });
    out.leaf("p", &[("id", "found"), ("role", "status"), ("data-total", &counts.within.to_string())], &found(counts, !shown.is_empty()));
    out.own("</div>");
}

fn found(counts: Counts, filtered: bool) -> String {
    let left = counted(counts.left, "aucun", "document", "documents");
    if filtered { format!("{left} sur {}", grouped(counts.within)) } else { left }
}

/// The bound in time: taken away by one click, and put back by one.
fn bound(window: &str, page: &'static str, frame: &Frame<'_>, out: &mut Html) {
    if window.is_empty() {
        out.leaf("a", &[("class", "back keeps"), ("href", &address(page, &frame.asked.without("window"), frame))], &format!("Remettre la limite aux {}", period(USUAL)));
    } else {
        chip(&format!("Limite : {}", period(window)), "retirer cette limite", &address(page, &frame.asked.with("window", "all"), frame), out);
    }
}

/// `keeps`: the script adds to the address what it has in force when it is followed.
fn chip(words: &str, action: &str, to: &str, out: &mut Html) {
    out.open("a", &[("class", "chip keeps"), ("href", to)]);
    out.text(words);
    out.leaf("span", &[("class", "unseen")], &format!(" : {action}"));
    out.own("<span class=\"cross\" aria-hidden=\"true\"> ✕</span></a>");
}

fn address(page: &'static str, asked: &Asked, frame: &Frame<'_>) -> String {
    format!("{}#documents-box", Links::new(frame).asking(page, asked))
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
        Some('W') if one => "dernière semaine".to_owned(),
        Some('W') => format!("{amount} dernières semaines"),
        Some('D') => format!("{amount} derniers jours"),
        _ => duration.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_told_in_words() {
        let told = ["P2Y", "P1Y", "P6M", "P1M", "P2W", "P90D", "x"].map(period);
        assert_eq!(told, ["2 dernières années", "dernière année", "6 derniers mois", "dernier mois", "2 dernières semaines", "90 derniers jours", "x"]);
    }
}
