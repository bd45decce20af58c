//! The whole page: identity, safety, three columns of what counts most, what is new and to be done, the rest, the documents.

use serde_json::Value;

use super::band::{band, form, name, notices};
use super::documents::documents;
use super::fresh::{Placed, fresh, placed};
use super::links::Links;
use super::policy::{SCRIPT, STYLE};
use super::section::{section, sentence, sources, title};
use super::value::{list, text};
use super::{Frame, dates};
use crate::fhir::html::Html;

const SAFETY: &[&str] = &["alerts", "allergies"];
const COLUMNS: &[&str] = &["problems", "medications", "results"];
/// What is to be done, the first that the view has.
const DUE: &[&str] = &["todo", "to-do", "care-gaps", "plan"];
/// What stands below them, beside the columns.
const PAST: &str = "past-problems";
/// Sections that the page makes itself.
const OWN: &[&str] = &["new", "documents"];

/// The page of a view model of key information. Any JSON is a view: what it lacks is not shown.
pub fn page(view: &Value, frame: &Frame<'_>) -> String {
    let plan = Plan::new(view);
    let mut body = Html::default();
    band(Some(view), frame, &mut body);
    plan.contents(&mut body);
    body.own("<main id=\"main\" tabindex=\"-1\">");
    notices(Some(view), frame, &mut body);
    plan.sections(frame, &mut body);
    body.own("</main>");
    foot(view, frame, &mut body);
    seen(view, frame, &mut body);
    document(&format!("{} · Informations clés", name(frame)), "whole", &body)
}

/// A document of this room: its own style sheet and script around a body.
pub(super) fn document(window: &str, class: &'static str, body: &Html) -> String {
    let mut out = Html::default();
    out.own("<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">");
    out.leaf("title", &[], window);
    out.own("<style>");
    out.own(STYLE);
    out.own("</style></head>");
    out.open("body", &[("class", class)]);
    if class.starts_with("small") {
        out.own("<main id=\"main\" tabindex=\"-1\">");
    } else {
        out.own("<a class=\"skip\" href=\"#main\">Aller au contenu</a>");
    }
    out.append(body);
    out.own(if class.starts_with("small") { "</main>" } else { "" });
    out.own("<script>");
    out.own(SCRIPT);
    out.own("</script></body></html>\n");
    out.as_str().to_owned()
}

/// Which section stands where, numbered in the order of the page.
struct Plan<'a> {
    view: &'a Value,
    safety: Vec<(usize, &'a Value)>,
    columns: Vec<(usize, &'a Value)>,
    fresh: usize,
    due: Option<(usize, &'a Value)>,
    past: Option<(usize, &'a Value)>,
    others: Vec<(usize, &'a Value)>,
    empty: Vec<&'a Value>,
    documents: usize,
}

impl<'a> Plan<'a> {
    fn new(view: &'a Value) -> Self {
        let all: Vec<&Value> = list(view, "sections").iter().filter(|s| !OWN.contains(&text(s, "key"))).collect();
        let named = |key: &&str| all.iter().copied().find(|s| text(s, "key") == *key);
        let mut last = 0;
        let mut number = |of: &'a Value| {
            last += 1;
            (last, of)
        };
        let safety = SAFETY.iter().filter_map(named).map(&mut number).collect();
        let columns = COLUMNS.iter().filter_map(named).map(&mut number).collect();
        let (fresh, _) = number(view);
        let due = DUE.iter().find_map(named).map(&mut number);
        let past = Some(&PAST).and_then(named).filter(|s| !list(s, "lines").is_empty()).map(&mut number);
        let apart = |s: &Value| due.into_iter().chain(past).any(|(_, of)| std::ptr::eq(of, s));
        let taken = |s: &Value| SAFETY.iter().chain(COLUMNS).any(|k| *k == text(s, "key")) || apart(s);
        let (others, mut empty): (Vec<&Value>, Vec<&Value>) = all.iter().copied().filter(|s| !taken(s)).partition(|s| !list(s, "lines").is_empty());
        empty.sort_by_key(|s| sentence(s));
        let others = others.into_iter().map(&mut number).collect();
        let (documents, _) = number(view);
        Self { view, safety, columns, fresh, due, past, others, empty, documents }
    }

    /// Every numbered box with its title, in the order of the page.
    fn titles(&self) -> Vec<(usize, &'a str)> {
        let of = |(number, s): &(usize, &'a Value)| (*number, title(s));
        let mut titles: Vec<(usize, &str)> = self.safety.iter().chain(&self.columns).chain(self.beside()).chain(&self.others).map(of).collect();
        titles.extend([(self.fresh, "Nouveau"), (self.documents, "Documents")]);
        titles.sort_unstable_by_key(|t| t.0);
        titles
    }

    /// Links to the boxes, with their keys.
    fn contents(&self, out: &mut Html) {
        out.own("<nav class=\"contents\" aria-label=\"Sections\"><ol>");
        for (number, title) in self.titles() {
            out.own("<li>");
            out.open("a", &[("href", &format!("#s{number}"))]);
            if number < 10 {
                out.leaf("kbd", &[("aria-hidden", "true")], &number.to_string());
            }
            out.text(title);
            out.own("</a></li>");
        }
        out.own("</ol></nav>");
    }

    fn sections(&self, frame: &Frame<'_>, out: &mut Html) {
        let links = Links::new(frame).since(text(self.view, "since"));
        row("safety", &self.safety, links, out);
        out.own("<div class=\"row columns\">");
        boxes(&self.columns, links, out);
        fresh(self.fresh, self.view, &self.placed(), links, out);
        for (number, of) in self.beside() {
            section(*number, of, links, "box", out);
        }
        out.own("</div>");
        row("others", &self.others, links, out);
        absences(&self.empty, links, out);
        documents(self.documents, self.view, frame, out);
    }

    /// What is to be done, and what is over: below what is new.
    fn beside(&self) -> impl Iterator<Item = &(usize, &'a Value)> {
        self.due.iter().chain(&self.past)
    }

    /// Every line with its place.
    fn placed(&self) -> Vec<Placed<'a>> {
        let all = self.safety.iter().chain(&self.columns).chain(self.beside()).chain(&self.others);
        all.flat_map(|(number, of)| placed(*number, of)).collect()
    }
}

fn row(class: &'static str, sections: &[(usize, &Value)], links: Links<'_>, out: &mut Html) {
    if sections.is_empty() {
        return;
    }
    out.open("div", &[("class", &format!("row {class}"))]);
    boxes(sections, links, out);
    out.close("div");
}

fn boxes(sections: &[(usize, &Value)], links: Links<'_>, out: &mut Html) {
    for (number, of) in sections {
        let class = match text(of, "key") {
            "alerts" if !list(of, "lines").is_empty() => "box alerts",
            "medications" => "box treatments",
            "results" => "box results",
            _ => "box",
        };
        section(*number, of, links, class, out);
    }
}

/// Sections without a line, in one box: each says why, those that say the same together.
fn absences(sections: &[&Value], links: Links<'_>, out: &mut Html) {
    if sections.is_empty() {
        return;
    }
    out.own("<section class=\"box absences\" aria-labelledby=\"absences\"><h2 id=\"absences\">Rien à montrer dans</h2><dl>");
    let locked = |of: &Value| text(of, "state") == "not-permitted";
    let alone = |of: &Value| locked(of) || !list(of, "sources").is_empty();
    for group in sections.chunk_by(|a, b| sentence(a) == sentence(b) && !alone(a) && !alone(b)) {
        let titles: Vec<&str> = group.iter().map(|of| title(of)).collect();
        out.leaf("dt", &[], &titles.join(", "));
        out.open("dd", &[]);
        let Some(of) = group.first() else { continue };
        out.text(sentence(of));
        sources(of, links, out);
        if locked(of) {
            out.text(" ");
            out.leaf("a", &[("href", &links.why(text(of, "key")))], "Pourquoi ?");
        }
        out.close("dd");
    }
    out.own("</dl></section>");
}

fn foot(view: &Value, frame: &Frame<'_>, out: &mut Html) {
    out.own("<footer><p id=\"keys\" class=\"keys\" hidden>Clavier : <kbd>1</kbd> à <kbd>9</kbd> va à une section, <kbd>/</kbd> cherche un document. ");
    out.own("<button type=\"button\" id=\"keys-off\" aria-pressed=\"true\">Raccourcis actifs</button></p><p>");
    let profile = view.get("profile").map(|p| format!("{} {}", text(p, "title"), text(p, "version"))).unwrap_or_default();
    let made = match text(view, "generated") {
        "" => String::new(),
        at => format!("Établi automatiquement le {}.", dates::moment(at)),
    };
    let ranked = if profile.trim().is_empty() { String::new() } else { format!("Classement : {}.", profile.trim()) };
    let who = if frame.who.is_empty() { String::new() } else { format!("Consultation enregistrée au nom de {}.", frame.who) };
    let parts: Vec<String> = [made, ranked, "Chaque ligne renvoie au document dont elle est tirée.".to_owned(), who].into_iter().filter(|p| !p.is_empty()).collect();
    out.text(&parts.join(" "));
    out.own("</p></footer>");
}

/// Confirms that the answer was shown, up to the moment it was made: by the script once it is, by hand without it. A page of another
/// day confirms nothing, nor one of a patient whose identity is in doubt.
fn seen(view: &Value, frame: &Frame<'_>, out: &mut Html) {
    if !text(view, "asOf").is_empty() || frame.mismatch {
        return;
    }
    out.own("<div id=\"seen\">");
    form("seen", frame, out);
    out.open("input", &[("type", "hidden"), ("name", "generated"), ("value", text(view, "generated"))]);
    out.own("<button type=\"submit\">Marquer ces nouveautés comme vues</button></form></div>");
}
