//! What the volets ask of a document: the rows of the tables, asked of each element.

use super::expression::{Clause, Literal, Place};
use super::tables::{Module, Row, Rows, TABLES};
use crate::fhir::xml::Element;

/// The tables that apply to one document.
pub(super) struct Volets {
    rows: Vec<&'static Rows>,
    /// A volet the document names in a version that no table knows.
    unknown_version: Option<&'static Module>,
    /// A structured document whose volet is in no table.
    unknown: bool,
}

/// Tables of a document without a known volet: the grammar, and what all French documents share.
const WITHOUT_VOLET: usize = 2;

impl Volets {
    /// Those of a document that claims the French header; none for others.
    pub fn of(root: &Element, french: bool) -> Self {
        let mut volets = Self { rows: vec![&TABLES.grammar], unknown_version: None, unknown: false };
        if !french {
            return volets;
        }
        volets.rows.push(&TABLES.common);
        for template in root.all("templateId") {
            let (id, version) = (template.attr("root"), template.attr("extension"));
            let mut named = TABLES.modules.iter().filter(|m| Some(m.template.as_str()) == id).peekable();
            let first = named.peek().copied();
            match named.find(|m| m.version.as_deref() == version) {
                Some(module) => volets.rows.push(&module.rows),
                None => volets.unknown_version = volets.unknown_version.or(first),
            }
        }
        volets.unknown = volets.rows.len() == WITHOUT_VOLET && root.at("component/structuredBody").is_some();
        volets
    }

    /// What is said of a document whose volet no table knows: its title and known versions, if only the version is unknown.
    pub fn unknown_volet(&self) -> Option<String> {
        let Some(unknown) = self.unknown_version else { return self.unknown.then(String::new) };
        let known: Vec<&str> = TABLES.modules.iter().filter(|m| m.template == unknown.template).map(|m| m.name.as_str()).collect();
        Some(format!("{}, known: {}", unknown.title, known.join(", ")))
    }

    /// What is wrong with an element: the rule and what is said of it.
    pub fn ask(&self, at: &Place) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for row in self.rows.iter().flat_map(|rows| rows.of(at)) {
            if at.exhausted() {
                return Vec::new();
            }
            found.extend(row.clauses.iter().filter(|c| !c.holds(at)).map(|c| (row.rule, format!("{} ({})", words(c), row.spec))));
            found.extend(coded(row, at.element).map(|words| ("value-set", format!("{words} ({})", row.spec))));
        }
        if at.exhausted() { Vec::new() } else { found }
    }
}

/// Whether a coded element is of the value set it has to be of.
fn coded(row: &Row, e: &Element) -> Option<String> {
    let set = row.set?;
    if e.attr("nullFlavor").is_some() {
        return (!row.null).then(|| format!("{} has no nullFlavor", set.name));
    }
    if e.attr("type").is_some_and(|t| !matches!(t.rsplit(':').next(), Some("CD" | "CE"))) {
        return None;
    }
    match (e.attr("codeSystem"), e.attr("code")) {
        (Some(system), Some(code)) if set.has(system, code) => None,
        (Some(_), Some(_)) => Some(set.name.clone()),
        _ => Some(format!("{}: code and codeSystem are needed", set.name)),
    }
}

/// A clause in words.
fn words(clause: &Clause) -> String {
    let (denied, asked): (Vec<_>, Vec<_>) = clause.literals.iter().partition(|l| l.most == Some(0));
    let list = |literals: &[&Literal], with: fn(&Literal) -> String, between: &str| literals.iter().map(|l| with(l)).collect::<Vec<_>>().join(between);
    let plain: fn(&Literal) -> String = spoken;
    match (asked.is_empty(), denied.is_empty()) {
        (false, true) => format!("needs {}", list(&asked, often, " or ")),
        (false, false) => format!("needs {} when there is {}", list(&asked, often, " or "), list(&denied, plain, " and ")),
        (true, _) => format!("may not have {}", list(&denied, plain, " together with ")),
    }
}

/// A path as it is said: that an element carries a templateId is said in words.
fn spoken(literal: &Literal) -> String {
    match literal.text.strip_prefix(".{").and_then(|t| t.strip_suffix('}')) {
        Some(root) => format!("templateId {root}"),
        None => literal.text.clone(),
    }
}

fn often(literal: &Literal) -> String {
    let path = spoken(literal);
    match (literal.least, literal.most) {
        (1, None) => path,
        (1, Some(1)) => format!("exactly one {path}"),
        (0, Some(most)) => format!("no more than {most} {path}"),
        (least, None) => format!("at least {least} {path}"),
        (least, Some(most)) => format!("{least} to {most} {path}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn demands_are_said_in_words() {
        for (clause, expected) in [
            ("code@code=A|B", "needs code@code=A|B"),
            (".{1.2.3}", "needs templateId 1.2.3"),
            ("text 1..1", "needs exactly one text"),
            ("text 0..1", "needs no more than 1 text"),
            ("id 2..*", "needs at least 2 id"),
            ("!entry/act or code", "needs code when there is entry/act"),
            ("!entry/act", "may not have entry/act"),
        ] {
            assert_eq!(words(&Clause::read(clause).unwrap()), expected);
        }
    }

    #[test]
    fn a_document_is_asked_what_its_own_volet_and_version_ask() {
        let volets = |template: &str| {
            let text = format!("<ClinicalDocument xmlns='urn:hl7-org:v3'><templateId root='1.2.250.1.213.1.1.1.13' {template}/></ClinicalDocument>");
            let root = parse(text.as_bytes(), &Limits::default()).unwrap();
            let volets = Volets::of(&root, true);
            let asked = volets.ask(&Place { element: &root, up: None, steps: &Cell::new(0) });
            (volets.rows.len(), volets.unknown_volet().is_some(), asked.iter().any(|(rule, more)| *rule == "volet-module" && more.contains("SYNTH")))
        };
        assert_eq!(volets("extension='2023.01'"), (3, false, true));
        assert_eq!(volets("extension='1900.01'"), (2, true, false));
    }

    #[test]
    fn codes_are_asked_to_be_of_their_value_set() {
        let found = |code: &str| {
            let text = format!("<ClinicalDocument xmlns='urn:hl7-org:v3'>{code}</ClinicalDocument>");
            let root = parse(text.as_bytes(), &Limits::default()).unwrap();
            let steps = Cell::new(0);
            let at = Place { element: &root, up: None, steps: &steps };
            let place = at.child(root.child("confidentialityCode").unwrap());
            Volets::of(&root, true).ask(&place).into_iter().filter(|(rule, _)| *rule == "value-set").count()
        };
        assert_eq!(found("<confidentialityCode code='N' codeSystem='2.16.840.1.113883.5.25'/>"), 0);
        assert_eq!(found("<confidentialityCode code='Q' codeSystem='2.16.840.1.113883.5.25'/>"), 1);
        assert_eq!(found("<confidentialityCode nullFlavor='UNK'/>"), 1);
    }
}
