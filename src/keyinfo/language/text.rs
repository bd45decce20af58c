//! The summary as plain text for a terminal, made from the Bundle.

use serde_json::Value;

use super::concept::{get, items, text};
use super::dates;
use super::tables::{FRENCH, Need, SECTIONS};
use crate::fhir::xml::{self, Element, Limits, Node};

/// Identifier systems of the INS and how they are named.
/// Spec: ANS référentiel INS, OIDs of the INS-NIR, INS-NIA and their test and demonstration roots.
const INS: &[(&str, &str)] = &[
    ("urn:oid:1.2.250.1.213.1.4.8", "NIR"),
    ("urn:oid:1.2.250.1.213.1.4.9", "NIA"),
    ("urn:oid:1.2.250.1.213.1.4.10", "NIR de test"),
    ("urn:oid:1.2.250.1.213.1.4.11", "NIR de démonstration"),
];

/// A summary Bundle as French text, wrapped at `width` columns (at least 40): who it is, then each section with a line per
/// entry and its source in brackets.
pub fn french_text(bundle: &Value, width: usize) -> String {
    let width = width.max(40);
    let resource = |kind: &str| items(bundle, "entry").filter_map(|e| get(e, "resource")).find(|r| text(r, "/resourceType") == kind);
    let now = text(bundle, "/timestamp");
    let mut out = String::new();
    if let Some(patient) = resource("Patient") {
        heading(patient, now, width, &mut out);
    }
    let Some(composition) = resource("Composition") else { return out };
    blocks(text(composition, "/text/div")).iter().for_each(|b| b.print(width, &mut out));
    let mut nothing = Vec::new();
    for section in items(composition, "section") {
        let (title, blocks) = (text(section, "/title"), blocks(text(section, "/text/div")));
        if may_wait(section) && matches!(blocks.as_slice(), [only] if only.words.trim_end_matches('.') == FRENCH.nothing) {
            nothing.push(super::concept::lower(title));
            continue;
        }
        out.push_str(&format!("\n{}\n", title.to_uppercase()));
        blocks.iter().for_each(|b| b.print(width, &mut out));
    }
    if !nothing.is_empty() {
        out.push_str(&format!("\n{}\n", FRENCH.without.to_uppercase()));
        wrap(&format!("{} : {}.", FRENCH.nothing, nothing.join(", ")), "  ", "  ", width, &mut out);
    }
    out
}

/// Whether a section without content may be told at the end with others: a required one keeps its place.
fn may_wait(section: &Value) -> bool {
    let code = text(section, "/code/coding/0/code");
    !SECTIONS.section.iter().any(|s| s.code == code && s.need == Need::Required)
}

/// An exercise title or civility as it is written in front of a name: `DR` → `Dr`, `MME` → `Mme`; an unknown one as it is.
pub fn title(text: &str) -> String {
    text.split_whitespace().map(|w| known_title(w).unwrap_or(w)).collect::<Vec<_>>().join(" ")
}

/// A civility or an exercise title as it is written in front of a name; `None` for another word.
pub fn known_title(word: &str) -> Option<&'static str> {
    FRENCH.title.word(word.trim_end_matches('.').to_uppercase().as_str())
}

fn heading(patient: &Value, now: &str, width: usize, out: &mut String) {
    let born = text(patient, "/birthDate");
    let female = text(patient, "/gender") == "female";
    let deceased = text(patient, "/deceasedDateTime");
    let until = if deceased.is_empty() { now } else { deceased };
    let agreed = |masculine: &str| if female { format!("{masculine}e") } else { masculine.to_owned() };
    let mut parts = vec![name(patient)];
    parts.extend(FRENCH.gender.word(text(patient, "/gender")).map(str::to_owned));
    if deceased.is_empty() && get(patient, "deceasedBoolean") != Some(&Value::Bool(true)) {
        parts.extend(dates::age(born, until));
    }
    if !born.is_empty() {
        parts.push(format!("{} {}", agreed("né"), dates::on(born)));
    }
    if !deceased.is_empty() {
        parts.push(format!("{} {}", agreed("décédé"), dates::on(deceased)));
    } else if get(patient, "deceasedBoolean") == Some(&Value::Bool(true)) {
        parts.push(agreed("décédé"));
    }
    wrap(&parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", "), "", "", width, out);
    wrap(&ins(patient), "", "", width, out);
}

fn name(patient: &Value) -> String {
    let of = |r#use: &str| items(patient, "name").find(|n| text(n, "/use") == r#use);
    let Some(name) = of("official").or_else(|| of("usual")).or_else(|| items(patient, "name").next()) else { return "Identité non précisée".to_owned() };
    let given: Vec<&str> = items(name, "given").filter_map(Value::as_str).take(1).collect();
    let family = text(name, "/family").to_uppercase();
    let full = [family.as_str(), given.first().copied().unwrap_or("")].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
    if full.is_empty() { text(name, "/text").to_owned() } else { full }
}

fn ins(patient: &Value) -> String {
    for (system, named) in INS {
        let found = items(patient, "identifier").find(|i| text(i, "/system") == *system && text(i, "/use") != "old");
        if let Some(identifier) = found {
            return format!("INS ({named}) : {}", spaced(text(identifier, "/value")));
        }
    }
    "INS non renseignée".to_owned()
}

/// `2 63 03 75 116 123 42`, as a matricule is printed; other lengths unchanged.
fn spaced(matricule: &str) -> String {
    const ENDS: &[usize] = &[1, 3, 5, 7, 10, 13];
    if !matches!(matricule.chars().count(), 13 | 15) {
        return matricule.to_owned();
    }
    let mut out = String::new();
    for (at, c) in matricule.chars().enumerate() {
        if ENDS.contains(&at) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A paragraph or list item of a narrative.
struct Block {
    bullet: bool,
    words: String,
    source: String,
}

impl Block {
    fn print(&self, width: usize, out: &mut String) {
        let all = if self.source.is_empty() { self.words.clone() } else { format!("{} [{}]", self.words, self.source) };
        let (first, next) = if self.bullet { ("  • ", "    ") } else { ("  ", "  ") };
        wrap(&all, first, next, width, out);
    }
}

/// The blocks of a narrative; none when it cannot be read.
fn blocks(div: &str) -> Vec<Block> {
    let Ok(root) = xml::parse(div.as_bytes(), &Limits::default()) else { return Vec::new() };
    let mut out = Vec::new();
    for child in root.elements() {
        match &*child.name {
            "ul" => out.extend(child.all("li").map(|li| block(li, true))),
            _ => out.push(block(child, false)),
        }
    }
    out
}

fn block(element: &Element, bullet: bool) -> Block {
    let (mut words, mut source) = (String::new(), String::new());
    for child in &element.children {
        match child {
            Node::Text(t) => words.push_str(t),
            Node::Data(_) => {}
            Node::Element(e) if &*e.name == "i" => source = e.text(),
            Node::Element(e) => words.push_str(&e.text()),
        }
    }
    let source = source.trim().trim_start_matches('(').trim_start_matches("sources : ").trim_start_matches("source : ");
    Block { bullet, words: words.trim().to_owned(), source: source.strip_suffix(')').unwrap_or(source).to_owned() }
}

/// Words on lines of at most `width` columns; a longer word has a line of its own.
fn wrap(words: &str, first: &str, next: &str, width: usize, out: &mut String) {
    let mut line = first.to_owned();
    let mut used = first.chars().count();
    let mut empty = true;
    for word in words.split(' ').filter(|w| !w.is_empty()) {
        let length = word.chars().count();
        if !empty && used + 1 + length > width {
            out.push_str(line.trim_end());
            out.push('\n');
            next.clone_into(&mut line);
            used = next.chars().count();
            empty = true;
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
