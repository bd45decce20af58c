//! What is wrong with a CDA, for who makes it: each finding with its rule, XPath and line.
//!
//! The rules are `fhir-profiles/cda-rules/rules.toml`, what volets and content models ask the other tables beside it; here and
//! in the files below is how each is looked for.
//! Spec: CDA R2; CI-SIS volet structuration minimale, volets of the document models; ANS identifiers.

mod expression;
mod identifiers;
mod narrative;
mod prior;
mod published;
mod structure;
mod tables;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::LazyLock;

use serde::Deserialize;

use super::ClinicalDocument;
use super::header::header_of;
use super::narrative::Narrative;
use crate::fhir::xml::Element;
use expression::Place;
use structure::Volets;

const RULES: &str = include_str!("../../fhir-profiles/cda-rules/rules.toml");
/// Findings of one document.
const MAX_FINDINGS: usize = 500;

const FRENCH_HEADER: &str = "1.2.250.1.213.1.1.1.1";

#[derive(Debug, Deserialize)]
struct RuleFile {
    rule: Vec<CheckRule>,
}

/// One rule of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRule {
    pub id: String,
    /// `error`, `warning`, or `information` for what is right in a trial.
    pub severity: String,
    pub text: String,
    pub spec: String,
}

impl CheckRule {
    /// Whether a document that breaks it cannot be right or cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// Whether a document that breaks it is fine where it is tried.
    pub fn is_remark(&self) -> bool {
        self.severity == "information"
    }
}

static TABLE: LazyLock<HashMap<String, CheckRule>> =
    LazyLock::new(|| toml::from_str::<RuleFile>(RULES).map(|f| f.rule).unwrap_or_default().into_iter().map(|r| (r.id.clone(), r)).collect());

/// A place where a rule is broken; never a value of the document.
#[derive(Debug, Clone)]
pub struct Finding {
    pub rule: &'static CheckRule,
    /// `/ClinicalDocument/recordTarget[1]/patientRole[1]/id[1]`
    pub xpath: String,
    /// From 1.
    pub line: u32,
    /// What is said besides the rule's words, empty for most.
    pub more: String,
}

impl Finding {
    /// The rule's words, and what is said besides.
    pub fn said(&self) -> String {
        if self.more.is_empty() { self.rule.text.clone() } else { format!("{}: {}", self.rule.text, self.more) }
    }
}

/// Everything that is found, in the order of the document; at most 500.
pub fn check(document: &ClinicalDocument) -> Vec<Finding> {
    let root = &document.root;
    let french = root.all("templateId").any(|t| t.attr("root") == Some(FRENCH_HEADER));
    let mut check = Check {
        narrative: Narrative::of(root),
        volets: Volets::of(root, french),
        seen: HashSet::new(),
        homes: HashMap::new(),
        sections: Vec::new(),
        out: Vec::new(),
        path: vec![(root.name.clone(), 0)],
    };
    check.homes(root, &mut Vec::new());
    check.header(root, french);
    check.prior_results(root);
    let steps = Cell::new(0);
    let document = Place { element: root, up: None, steps: &steps };
    check.walk(&document, Inside::Document);
    if document.exhausted() {
        check.find("too-costly", root);
    }
    check.out.sort_by_key(|f| f.line);
    check.out
}

/// How many children of each name there were; an element has few names.
#[derive(Default)]
struct Positions<'a>(Vec<(&'a str, usize)>);

impl<'a> Positions<'a> {
    /// The position of one more child, from 1.
    fn next(&mut self, name: &'a str) -> usize {
        if let Some((_, n)) = self.0.iter_mut().find(|(known, _)| *known == name) {
            *n += 1;
            return *n;
        }
        self.0.push((name, 1));
        1
    }
}

/// Where the walk is: the narrative has rules of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Document,
    Words,
}

struct Check<'a> {
    narrative: Narrative<'a>,
    volets: Volets,
    seen: HashSet<&'a str>,
    /// Identified words → the sections they are in, the innermost last.
    homes: HashMap<&'a str, Rc<[&'a Element]>>,
    /// The sections the walk is in, the innermost last.
    sections: Vec<&'a Element>,
    out: Vec<Finding>,
    /// Name and position of each step; 0 for the root.
    path: Vec<(Rc<str>, usize)>,
}

impl<'a> Check<'a> {
    fn find(&mut self, rule: &str, e: &Element) {
        self.find_more(rule, e, String::new());
    }

    fn find_more(&mut self, rule: &str, e: &Element, more: String) {
        if self.out.len() >= MAX_FINDINGS {
            return;
        }
        let xpath = self.path.iter().map(|(name, at)| if *at == 0 { format!("/{name}") } else { format!("/{name}[{at}]") }).collect();
        self.find_at(rule, e, xpath, more);
    }

    fn find_at(&mut self, rule: &str, e: &Element, xpath: String, more: String) {
        let Some(rule) = TABLE.get(rule).filter(|_| self.out.len() < MAX_FINDINGS) else { return };
        self.out.push(Finding { rule, xpath, line: e.line, more });
    }

    /// Where each identified piece of narrative stands; the first wins when an ID is repeated, as for the reader.
    fn homes(&mut self, e: &'a Element, around: &mut Vec<&'a Element>) {
        if &*e.name != "section" {
            return e.elements().for_each(|child| self.homes(child, around));
        }
        around.push(e);
        if let Some(text) = e.child("text") {
            let (mut words, home) = (vec![text], Rc::<[&Element]>::from(around.as_slice()));
            text.descendants(&mut words);
            for id in words.iter().filter_map(|w| w.attr("ID")) {
                self.homes.entry(id).or_insert_with(|| home.clone());
            }
        }
        e.elements().filter(|c| &*c.name == "component").for_each(|child| self.homes(child, around));
        around.pop();
    }

    /// What the reading of the header noted, at the place it names, and what the document says of its model.
    fn header(&mut self, root: &Element, french: bool) {
        for issue in header_of(root).1 {
            let place = issue.expression.clone().unwrap_or_default();
            let steps: Vec<&str> = place.trim_start_matches("ClinicalDocument").split('/').filter(|s| !s.is_empty() && !s.starts_with('@')).collect();
            let mut at = root;
            for step in &steps {
                at = at.child(step).unwrap_or(at);
            }
            let xpath = std::iter::once("ClinicalDocument").chain(steps).map(|s| format!("/{s}")).collect();
            self.find_at("header", at, xpath, issue.diagnostics);
        }
        if !french {
            self.find("model", root);
        } else if root.child("realmCode").and_then(|r| r.attr("code")) != Some("FR") {
            self.find("realm", root.child("realmCode").unwrap_or(root));
        }
        if let Some(known) = self.volets.unknown_volet() {
            self.find_more("volet-version", root, known);
        }
    }

    fn walk(&mut self, at: &Place<'_, 'a>, inside: Inside) {
        let e = at.element;
        let parent = at.up.map(|up| up.element);
        if inside == Inside::Words || (&*e.name == "text" && parent.is_some_and(|p| &*p.name == "section")) {
            self.words(e);
            return self.below(at, Inside::Words);
        }
        if &*e.name == "section" {
            self.sections.push(e);
        }
        self.element(e, parent);
        if self.out.len() < MAX_FINDINGS {
            for (rule, more) in self.volets.ask(at) {
                self.find_more(rule, e, more);
            }
        }
        self.below(at, Inside::Document);
        if &*e.name == "section" {
            self.sections.pop();
        }
    }

    fn below(&mut self, at: &Place<'_, 'a>, inside: Inside) {
        let mut positions = Positions::default();
        for child in at.element.elements() {
            self.path.push((child.name.clone(), positions.next(&child.name)));
            self.walk(&at.child(child), inside);
            self.path.pop();
        }
    }

    fn element(&mut self, e: &'a Element, parent: Option<&'a Element>) {
        let value = e.attr("value").or_else(|| e.attr("code")).or_else(|| e.attr("extension"));
        if e.attr("nullFlavor").is_some() && value.is_some_and(|v| !v.is_empty()) {
            self.find("null-and-value", e);
        }
        match &*e.name {
            "id" | "templateId" | "setId" => self.identifier(e),
            "section" => self.section(e),
            "reference" => self.reference(e),
            "observation" | "act" | "procedure" | "substanceAdministration" | "supply" => {
                self.negation(e);
                self.quantity(e);
            }
            _ => {}
        }
        self.code(e);
        self.time(e, parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cda::read;

    fn found(body: &str) -> Vec<(&'static str, String, u32)> {
        let text = format!(
            "<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><realmCode code='FR'/><templateId root='{FRENCH_HEADER}'/><recordTarget/>\n{body}</ClinicalDocument>"
        );
        let all = check(&read(text.as_bytes()).unwrap());
        all.into_iter().filter(|f| !matches!(f.rule.id.as_str(), "header" | "grammar") && !f.rule.id.starts_with("volet-")).map(|f| (f.rule.id.as_str(), f.xpath, f.line)).collect()
    }

    fn in_section(text: &str, entry: &str) -> Vec<&'static str> {
        let body = format!("<component><structuredBody><component><section><title>T</title>{text}\n<entry>{entry}</entry></section></component></structuredBody></component>");
        found(&body).into_iter().map(|f| f.0).collect()
    }

    #[test]
    fn every_rule_is_in_the_table_once_and_in_the_code() {
        let files = [
            include_str!("check.rs"),
            include_str!("check/identifiers.rs"),
            include_str!("check/narrative.rs"),
            include_str!("check/prior.rs"),
            include_str!("check/published.rs"),
            include_str!("check/structure.rs"),
            include_str!("check/tables.rs"),
        ];
        let code: String = files.iter().filter_map(|f| f.split("#[cfg(test)]").next()).collect();
        let rules = toml::from_str::<RuleFile>(RULES).unwrap().rule;
        assert_eq!(rules.len(), TABLE.len());
        for rule in &rules {
            assert!(code.contains(&format!("\"{}\"", rule.id)), "{}", rule.id);
            assert!(matches!(rule.severity.as_str(), "error" | "warning" | "information") && !rule.spec.is_empty(), "{}", rule.id);
        }
        for call in ["self.find(\"", "self.find_more(\"", "self.find_at(\""] {
            for part in code.split(call).skip(1).filter_map(|p| p.split('"').next()) {
                assert!(TABLE.contains_key(part), "{part}");
            }
        }
    }

    #[test]
    fn identifiers_are_checked_by_their_root_with_place_and_line() {
        let id = |root: &str, extension: &str| found(&format!("<author>\n<assignedAuthor><id root='{root}' extension='{extension}'/></assignedAuthor></author>"));
        let one = id("1.2.250.1.213.1.4.8", "255069900000034");
        assert_eq!(one, [("ins-key", "/ClinicalDocument/author[1]/assignedAuthor[1]/id[1]".to_owned(), 3)]);
        for (root, extension, rule) in [
            ("1.2.250.1.213.1.4.10", "279035121518989", ""),
            ("1.2.250.1.213.1.4.8", "25506990000003", "ins-form"),
            ("1.2.250.1.213.1.4.77", "279035121518989", "ins-root"),
            ("1.2.250.1.71.4.2.1", "899700218896", ""),
            ("1.2.250.1.71.4.2.1", "8997002188", "person-id"),
            ("1.2.250.1.71.4.2.1", "318751275100020/12", ""),
            ("1.2.250.1.71.4.2.1", "810002422978", "person-key"),
            ("1.2.250.1.71.4.2.1", "801234534765", "demonstration-number"),
            ("1.2.250.1.71.4.2.1", "124789224458877", "published-number"),
            ("1.2.250.1.71.4.2.2", "1750803448", "structure-key"),
            ("1.2.250.1.71.4.2.2", "1120456789", "demonstration-number"),
            ("1.2.250.1.71.4.2.2", "101238887", "published-number"),
            ("1.2.250.1.71.4.2.2", "10B0057881", ""),
            ("1.2.250.1.71.4.2.2", "1750000", "structure-id"),
            ("1..2", "x", "root"),
        ] {
            let rules: Vec<_> = id(root, extension).into_iter().map(|f| f.0).collect();
            assert_eq!(rules, if rule.is_empty() { vec![] } else { vec![rule] }, "{root} {extension}");
        }
    }

    #[test]
    fn codes_times_sections_and_references_are_checked() {
        let text = "<text><content ID='a'>Non</content><content ID='b'>Oui</content></text>";
        let observation = |inner: &str| format!("<observation>{inner}</observation>");
        for (entry, rules) in [
            (observation("<code code='1' codeSystem='2.16.840.1.113883.6.1'/>"), vec![]),
            (observation("<code code='1'/>"), vec!["code-system"]),
            (observation("<code code='1' codeSystem='LOINC'/>"), vec!["code-system-oid"]),
            (observation("<statusCode code='completed'/><effectiveTime value='20240106113623+100'/>"), vec!["time"]),
            (observation("<effectiveTime><low value='2024'/><high nullFlavor='UNK'/></effectiveTime><value xsi:type='IVL_PQ'><low value='3.5' unit='g'/></value>"), vec![]),
            (observation("<code nullFlavor='UNK' code='1' codeSystem='1.2.3'/>"), vec!["null-and-value"]),
            (observation("<text><reference value='#c'/></text>"), vec!["dangling-reference"]),
            (observation("<text><reference value='https://exemple.fr/a'/></text>"), vec![]),
            (observation("<text><reference value='#a'/></text><value xsi:type='CD' code='I10' codeSystem='2.16.840.1.113883.6.3'/>"), vec!["narrative-negation"]),
            ("<observation negationInd='true'><text><reference value='#b'/></text></observation>".to_owned(), vec!["narrative-negation"]),
            ("<observation negationInd='true'><text><reference value='#a'/></text></observation>".to_owned(), vec![]),
            (observation("<text><reference value='#a'/></text><value xsi:type='BL' value='false'/>"), vec![]),
        ] {
            assert_eq!(in_section(text, &entry), rules, "{entry}");
        }
        assert_eq!(in_section("", "<act/>"), ["section-text"]);
        assert_eq!(in_section("<text><content ID='a'/><content ID='a'/></text>", "<act/>"), ["repeated-id"]);
    }

    #[test]
    fn our_documents_are_what_their_volets_ask() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance-tests/corpus");
        let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "xml"));
        let mut read_files = 0;
        for path in files {
            let document = read(&std::fs::read(&path).unwrap()).unwrap();
            let found: Vec<_> = check(&document).into_iter().filter(|f| !f.rule.is_remark()).map(|f| format!("{}: {}", f.line, f.said())).collect();
            assert_eq!(found, Vec::<String>::new(), "{}", path.display());
            read_files += 1;
        }
        assert_eq!(read_files, 9);
    }

    /// One thing wrong in a good document is told at its place.
    #[test]
    fn what_a_volet_asks_is_missed_when_it_is_gone() {
        let text = include_str!("../../conformance-tests/corpus/01-synthese-medicale.xml");
        for (from, to, rule, place) in [
            ("<setId", "<notSetId", "volet-header", "/ClinicalDocument"),
            ("<code code=\"SYNTH\"", "<code code=\"OTHER\"", "volet-module", "/ClinicalDocument"),
            ("<code code=\"SYNTH\"", "<code code=\"OTHER\"", "value-set", "/ClinicalDocument/code[1]"),
        ] {
            assert!(text.contains(from), "{from}");
            let all = check(&read(text.replacen(from, to, 1).as_bytes()).unwrap());
            assert!(all.iter().any(|f| f.rule.id == rule && f.xpath == place), "{rule} {all:?}");
        }
    }
}
