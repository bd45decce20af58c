//! The head of the page: who the patient is, what must be read before anything else, what can be done with the page.

use serde_json::Value;

use super::links::Links;
use super::value::{count, counted, text};
use super::{Frame, Traits, dates};
use crate::fhir::html::Html;

/// Identity and state of the record, as the banner of the page. `actions`: print and export.
pub(super) fn band(view: Option<&Value>, frame: &Frame<'_>, out: &mut Html) {
    out.own("<header class=\"band\">");
    identity(frame, out);
    if let Some(view) = view {
        state(view, frame, out);
        arranged(view, frame, out);
        actions(view, frame, out);
    }
    out.own("</header>");
}

/// The name of the patient for the title of the window.
pub(super) fn name(frame: &Frame<'_>) -> String {
    frame.traits.map(|t| full_name(&t)).filter(|n| !n.is_empty()).unwrap_or_else(|| "Patient".to_owned())
}

fn full_name(traits: &Traits<'_>) -> String {
    format!("{} {}", traits.birth_name.trim(), traits.given_names.trim()).trim().to_owned()
}

fn identity(frame: &Frame<'_>, out: &mut Html) {
    out.own("<div class=\"who\">");
    match frame.traits.filter(|t| !full_name(t).is_empty()) {
        None => out.own("<h1 class=\"unknown\">Identité non transmise par le logiciel</h1>"),
        Some(traits) => {
            out.leaf("h1", &[], &name(frame));
            traits_of(&traits, frame.now, out);
        }
    }
    out.own("</div>");
}

fn traits_of(traits: &Traits<'_>, now: &str, out: &mut Html) {
    let (sex, born) = match traits.sex {
        "female" => ("sexe féminin", "née le"),
        "male" => ("sexe masculin", "né le"),
        "unknown" => ("sexe inconnu", "né(e) le"),
        words => (words, "né(e) le"),
    };
    let age = dates::age(traits.birth_date, now).map(|a| format!(" ({a})")).unwrap_or_default();
    let birth = if traits.birth_date.is_empty() { String::new() } else { format!("{born} {}{age}", dates::day(traits.birth_date)) };
    let ins = if traits.ins.is_empty() { String::new() } else { format!("INS {}", spaced(traits.ins)) };
    out.own("<ul class=\"traits\">");
    for words in [birth.as_str(), sex, ins.as_str()].into_iter().filter(|w| !w.is_empty()) {
        out.leaf("li", &[], words);
    }
    out.own("</ul>");
}

/// `2 63 03 75 113 005 82` when it has the 13 or 15 characters of a matricule.
fn spaced(ins: &str) -> String {
    let compact: Vec<char> = ins.chars().filter(|c| !c.is_whitespace()).collect();
    if !matches!(compact.len(), 13 | 15) {
        return ins.to_owned();
    }
    let mut out = String::new();
    for (at, c) in compact.into_iter().enumerate() {
        if matches!(at, 1 | 3 | 5 | 7 | 10 | 13) {
            out.push('\u{a0}');
        }
        out.push(c);
    }
    out
}

/// Counts, since when, in which situation.
fn state(view: &Value, frame: &Frame<'_>, out: &mut Html) {
    let profile = if frame.views.is_empty() { arrangement(view) } else { "" };
    let since = match text(view, "since") {
        "" => "première consultation du dossier".to_owned(),
        since => format!("dernière visite le {}", dates::day(since)),
    };
    let situation = situation(text(view, "situation"));
    out.own("<ul class=\"state\">");
    for (class, words) in [
        ("n-new", counted(count(view, "new"), "aucune", "nouveauté", "nouveautés")),
        ("n-conflict", counted(count(view, "conflicts"), "aucun", "conflit", "conflits")),
        ("n-alert", counted(count(view, "alerts"), "aucune", "alerte", "alertes")),
    ] {
        out.leaf("li", &[("class", if words.starts_with("aucun") { "none" } else { class })], &words);
    }
    for words in [since.as_str(), profile, situation].into_iter().filter(|w| !w.is_empty()) {
        out.leaf("li", &[], words);
    }
    out.own("</ul>");
}

/// The situation of the request, when it is not the usual one.
fn situation(code: &str) -> &str {
    match code {
        "routine" => "",
        "emergency" => "urgence",
        "preop" => "consultation préopératoire",
        "pregnancy" => "grossesse",
        "medication-review" => "bilan de médication",
        "vaccination" => "vaccination",
        "first-visit" => "première consultation",
        other => other,
    }
}

/// The title of the ranking profile.
fn arrangement(view: &Value) -> &str {
    view.get("profile").map_or("", |p| text(p, "title"))
}

/// For whom the page is arranged: the reader's own view, or one that was chosen and is told as such. Its form is that of the filters, so
/// that neither takes the other away.
fn arranged(view: &Value, frame: &Frame<'_>, out: &mut Html) {
    if frame.views.is_empty() {
        return;
    }
    let (own, id) = (frame.asked.of("specialty").is_empty(), view.get("profile").map_or("", |p| text(p, "id")));
    out.own("<p class=\"view\"><label for=\"view\">Vue</label><select id=\"view\" name=\"specialty\" form=\"filters\" autocomplete=\"off\">");
    let mine = if own { format!("Ma vue : {}", arrangement(view)) } else { "Ma vue".to_owned() };
    for (value, title) in [("", mine.as_str())].into_iter().chain(frame.views.iter().map(|(v, t)| (v.as_str(), t.as_str()))) {
        let chosen = if own { value.is_empty() } else { value == id };
        let mut attributes = vec![("value", value)];
        attributes.extend(chosen.then_some(("selected", "")));
        out.leaf("option", &attributes, title);
    }
    out.own("</select>");
    out.leaf("button", &[("type", "submit"), ("id", "view-go"), ("form", "filters"), ("formaction", &Links::new(frame).plain("./"))], "Changer");
    if !own {
        out.open("a", &[("class", "chip keeps"), ("href", &Links::new(frame).asking("./", &frame.asked.without("specialty")))]);
        out.text("Vue choisie");
        out.leaf("span", &[("class", "unseen")], &format!(" : {}", arrangement(view)));
        out.own("<span class=\"unseen keeping\"> : revenir à ma vue</span><span class=\"cross\" aria-hidden=\"true\"> ✕</span></a>");
    }
    out.own("</p>");
}

fn actions(view: &Value, frame: &Frame<'_>, out: &mut Html) {
    let links = Links::new(frame);
    out.own("<ul class=\"actions\"><li>");
    out.leaf("a", &[("class", "button keeps"), ("href", &links.asking("print", frame.asked))], "Imprimer");
    out.own("</li><li>");
    out.leaf("a", &[("class", "button"), ("href", &links.plain("export?format=ips"))], "Exporter l'IPS");
    out.own("</li></ul>");
    printed(view, frame, out);
}

/// On paper, which has no foot: when, by whom, and how it is ranked.
fn printed(view: &Value, frame: &Frame<'_>, out: &mut Html) {
    if !frame.now.is_empty() {
        let who = if frame.who.is_empty() { String::new() } else { format!(" par {}", frame.who) };
        let profile = view.get("profile").map(|p| format!(" · classement {} {}", text(p, "title"), text(p, "version"))).unwrap_or_default();
        out.leaf("p", &[("class", "paper")], &format!("Imprimé le {}{who}{profile}", dates::moment(frame.now)));
    }
}

/// What is said before the contents: other identity, mode of access, another day, notice that access is traced.
pub(super) fn notices(view: Option<&Value>, frame: &Frame<'_>, out: &mut Html) {
    if frame.mismatch {
        out.own("<p class=\"notice danger\" role=\"alert\"><strong>Identité à vérifier.</strong> Les traits transmis par le logiciel diffèrent de ceux du dossier. N'utilisez rien de cette page avant d'avoir contrôlé l'identité du patient.</p>");
    }
    match frame.mode {
        "bris_de_glace" => {
            out.own("<p class=\"notice danger\"><strong>Accès en bris de glace.</strong> Votre motif est enregistré et le patient est informé de cette consultation.</p>");
        }
        "centre_15" => out.own("<p class=\"notice warn\"><strong>Accès du centre 15.</strong> Cet accès est réservé à la régulation de cet appel ; il est enregistré.</p>"),
        _ => {}
    }
    if let Some(day) = view.map(|v| text(v, "asOf")).filter(|d| !d.is_empty()) {
        out.leaf("p", &[("class", "notice warn")], &format!("Page telle qu'elle était le {}. Ce qui est venu depuis n'y figure pas.", dates::moment(day)));
    }
    if frame.notice {
        traced(frame, out);
    }
}

/// Spec: CSP R.1111-53 (traces that the patient reads).
fn traced(frame: &Frame<'_>, out: &mut Html) {
    out.own("<section class=\"notice info\" aria-labelledby=\"trace\"><h2 id=\"trace\">Votre accès est enregistré</h2><p>");
    let who = if frame.who.is_empty() { "à votre nom".to_owned() } else { format!("au nom de {}", frame.who) };
    out.text(&format!("Chaque consultation de ce dossier est enregistrée {who}, avec sa date et ce qui a été lu. Le patient peut en prendre connaissance."));
    out.own("</p>");
    form("notice", frame, out);
    out.own("<button type=\"submit\">J'ai compris</button></form></section>");
}

/// The start of a form to one of our addresses, with its token.
pub(super) fn form(word: &'static str, frame: &Frame<'_>, out: &mut Html) {
    out.open("form", &[("method", "post"), ("action", &Links::new(frame).plain(word))]);
    out.open("input", &[("type", "hidden"), ("name", "token"), ("value", frame.token)]);
}
