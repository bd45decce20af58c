//! What is wrong with a CDA, for who makes it: each finding with its rule, XPath and line.
//!
//! The rules are `fhir-profiles/cda-rules/rules.toml`; here is how each is looked for.
//! Spec: CDA R2; CI-SIS volet structuration minimale; ANS identifiers.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::ClinicalDocument;
use super::codesystems::{is_oid, is_uuid};
use super::datatypes::date_time;
use super::header::header_of;
use super::narrative::{Narrative, folded};
use crate::fhir::xml::Element;

const RULES: &str = include_str!("../../fhir-profiles/cda-rules/rules.toml");
/// Findings of one document.
const MAX_FINDINGS: usize = 500;

const INS_ARC: &str = "1.2.250.1.213.1.4.";
/// Last arcs of the INS' roots, those of other identifiers of this arc, and the one of the older INS-C.
const INS_ROOTS: &[&str] = &["8", "9", "10", "11"];
const NOT_INS: &[&str] = &["1", "2", "6", "13"];
const PERSONS: &str = "1.2.250.1.71.4.2.1";
const STRUCTURES: &str = "1.2.250.1.71.4.2.2";
const FRENCH_HEADER: &str = "1.2.250.1.213.1.1.1.1";
/// Elements of CDA's types CS, which have a fixed code system.
const CS: &[&str] = &["realmCode", "languageCode", "statusCode", "signatureCode", "formatCode", "modeCode"];

#[derive(Debug, Deserialize)]
struct RuleFile {
    rule: Vec<CheckRule>,
}

/// One rule of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRule {
    pub id: String,
    /// `error` or `warning`.
    pub severity: String,
    pub text: String,
    pub spec: String,
}

static TABLE: LazyLock<Vec<CheckRule>> = LazyLock::new(|| toml::from_str::<RuleFile>(RULES).map(|f| f.rule).unwrap_or_default());

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
    let mut check = Check { narrative: Narrative::of(root), seen: HashSet::new(), out: Vec::new(), path: vec![("ClinicalDocument".to_owned(), 0)] };
    check.header(root);
    check.walk(root, None, false);
    check.out.sort_by_key(|f| f.line);
    check.out
}

struct Check<'a> {
    narrative: Narrative<'a>,
    seen: HashSet<&'a str>,
    out: Vec<Finding>,
    /// Name and position of each step; 0 for the root.
    path: Vec<(String, usize)>,
}

impl<'a> Check<'a> {
    fn find(&mut self, rule: &str, e: &Element) {
        self.find_more(rule, e, String::new());
    }

    fn find_more(&mut self, rule: &str, e: &Element, more: String) {
        let Some(rule) = TABLE.iter().find(|r| r.id == rule).filter(|_| self.out.len() < MAX_FINDINGS) else { return };
        let xpath = self.path.iter().map(|(name, at)| if *at == 0 { format!("/{name}") } else { format!("/{name}[{at}]") }).collect();
        self.out.push(Finding { rule, xpath, line: e.line, more });
    }

    /// What the reading of the header noted, at the place it names.
    fn header(&mut self, root: &Element) {
        for issue in header_of(root).1 {
            let place = issue.expression.clone().unwrap_or_default();
            let steps: Vec<&str> = place.trim_start_matches("ClinicalDocument").split('/').filter(|s| !s.is_empty() && !s.starts_with('@')).collect();
            let mut at = root;
            for step in &steps {
                at = at.child(step).unwrap_or(at);
            }
            let before = std::mem::replace(&mut self.path, std::iter::once("ClinicalDocument").chain(steps).map(|s| (s.to_owned(), 0)).collect());
            self.find_more("header", at, issue.diagnostics);
            self.path = before;
        }
        let templates: Vec<&str> = root.all("templateId").filter_map(|t| t.attr("root")).collect();
        let french = templates.contains(&FRENCH_HEADER);
        if !french {
            self.find("model", root);
        } else if root.child("realmCode").and_then(|r| r.attr("code")) != Some("FR") {
            self.find("realm", root.child("realmCode").unwrap_or(root));
        }
    }

    fn walk(&mut self, e: &'a Element, parent: Option<&'a Element>, in_text: bool) {
        if in_text || (&*e.name == "text" && parent.is_some_and(|p| &*p.name == "section")) {
            self.words(e);
            return self.below(e, true);
        }
        self.element(e, parent);
        self.below(e, false);
    }

    fn below(&mut self, e: &'a Element, in_text: bool) {
        let mut positions: HashMap<&str, usize> = HashMap::new();
        for child in e.elements() {
            let position = positions.entry(&child.name).and_modify(|n| *n += 1).or_insert(1);
            self.path.push((child.name.to_string(), *position));
            self.walk(child, Some(e), in_text);
            self.path.pop();
        }
    }

    /// An element of the narrative.
    fn words(&mut self, e: &'a Element) {
        if let Some(id) = e.attr("ID")
            && !self.seen.insert(id)
        {
            self.find("repeated-id", e);
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
            _ => {}
        }
        if let Some(system) = e.attr("codeSystem") {
            if !is_oid(system.trim()) && !is_uuid(system.trim()) {
                self.find("code-system-oid", e);
            }
        } else if e.attr("code").is_some_and(|c| !c.trim().is_empty()) && !CS.contains(&&*e.name) && e.attr("nullFlavor").is_none() {
            self.find("code-system", e);
        }
        if is_time(e, parent) && e.attr("value").is_some_and(|v| !is_written_well(v)) {
            self.find("time", e);
        }
        if matches!(&*e.name, "observation" | "act" | "procedure" | "substanceAdministration" | "supply") {
            self.negation(e);
        }
    }

    fn identifier(&mut self, e: &Element) {
        let Some(root) = e.attr("root").map(str::trim) else { return };
        if !is_oid(root) && !is_uuid(root) {
            return self.find("root", e);
        }
        let Some(extension) = e.attr("extension").map(str::trim).filter(|x| !x.is_empty()) else { return };
        match root.strip_prefix(INS_ARC) {
            Some(arc) if INS_ROOTS.contains(&arc) => match matricule(extension) {
                None => self.find("ins-form", e),
                Some(false) => self.find("ins-key", e),
                Some(true) => {}
            },
            Some(arc) if !NOT_INS.contains(&arc) => self.find("ins-root", e),
            _ if root == PERSONS && !is_person(extension) => self.find("person-id", e),
            _ if root == STRUCTURES && !is_structure(extension) => self.find("structure-id", e),
            _ => {}
        }
    }

    fn section(&mut self, e: &Element) {
        if e.child("text").is_none() && e.child("entry").is_some() {
            self.find("section-text", e);
        }
        let named = e.child("title").is_some_and(|t| !t.plain().is_empty()) || e.child("code").is_some_and(|c| c.attr("displayName").is_some());
        if !named {
            self.find("section-title", e);
        }
    }

    /// A reference of a text or an original text; one to something outside is not followed.
    fn reference(&mut self, e: &Element) {
        let Some(value) = e.attr("value").map(str::trim) else { return };
        let outside = value.contains("://") || value.starts_with("urn:");
        if !outside && self.narrative.fragment(value).is_none() {
            self.find("dangling-reference", e);
        }
    }

    fn negation(&mut self, e: &Element) {
        let Some(words) = e.child("text").filter(|t| t.child("reference").is_some()).and_then(|t| self.narrative.words(t)) else { return };
        let denied = e.attr("negationInd").is_some_and(|n| matches!(n.trim(), "true" | "1"));
        let false_value = e.child("value").and_then(|v| v.attr("value")).is_some_and(|v| v.trim() == "false");
        match folded(&words).as_str() {
            "non" if !denied && !false_value && e.child("value").is_none_or(|v| v.attr("nullFlavor").is_none()) && says_yes_or_no(e) => self.find("narrative-negation", e),
            "oui" if denied => self.find("narrative-negation", e),
            _ => {}
        }
    }
}

/// A statement whose value is not itself the answer no: a coded finding, a substance, an act.
fn says_yes_or_no(e: &Element) -> bool {
    let shown = e.child("value").and_then(|v| v.attr("displayName")).map(folded);
    shown.is_none_or(|v| !matches!(v.as_str(), "non" | "no" | "absence" | "negatif"))
}

/// Elements of the types TS and IVL_TS.
fn is_time(e: &Element, parent: Option<&Element>) -> bool {
    const TIMES: &[&str] = &["effectiveTime", "time", "birthTime", "deceasedTime", "availabilityTime", "expirationTime"];
    TIMES.contains(&&*e.name) && e.attr("unit").is_none()
        || matches!(&*e.name, "low" | "high" | "center") && parent.is_some_and(|p| TIMES.contains(&&*p.name)) && e.attr("unit").is_none()
}

/// What reading forgives (an offset of three digits, a separator) is wrong all the same.
fn is_written_well(time: &str) -> bool {
    let (digits, offset) = time.find(['+', '-']).map_or((time, None), |at| (time.get(..at).unwrap_or_default(), time.get(at + 1..)));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let form = number(whole)
        && matches!(whole.len(), 4 | 6 | 8 | 10 | 12 | 14)
        && fraction.is_none_or(|f| number(f) && f.len() <= 4 && whole.len() == 14)
        && offset.is_none_or(|o| number(o) && o.len() == 4 && whole.len() > 8);
    form && date_time(time).is_some()
}

/// Whether the key of an INS is right; `None` when it has not the form of one.
/// Spec: NIR; departments 2A and 2B count as 19 and 18.
fn matricule(text: &str) -> Option<bool> {
    let (number, key) = text.split_at_checked(13)?;
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let number = if number.get(5..7) == Some("2A") { number.replacen("2A", "19", 1) } else { number.replacen("2B", "18", 1) };
    if key.len() != 2 || !digits(key) || !digits(&number) {
        return None;
    }
    Some(97 - number.parse::<u64>().ok()? % 97 == key.parse::<u64>().ok()?)
}

fn is_person(text: &str) -> bool {
    let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric());
    match text.split_once('/') {
        Some((place, inside)) => is_structure(place) && !inside.is_empty() || place.len() >= 9 && plain(place) && !inside.is_empty(),
        None => plain(text) && (text.len() == 12 && text.starts_with('8') && text.bytes().all(|b| b.is_ascii_digit()) || text.len() == 10 && text.starts_with('0')),
    }
}

fn is_structure(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    match (text.as_bytes().first(), text.len()) {
        (Some(b'0'), 11..=14) | (Some(b'1'), 10) => plain,
        (Some(b'2'), 10) | (Some(b'3'), 15) | (Some(b'4'), 13..=16) => digits,
        (Some(b'5'..=b'9' | b'A'..=b'Z'), 3..=32) => plain && !digits,
        _ => false,
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
        all.into_iter().filter(|f| f.rule.id != "header").map(|f| (f.rule.id.as_str(), f.xpath, f.line)).collect()
    }

    fn in_section(text: &str, entry: &str) -> Vec<&'static str> {
        let body = format!("<component><structuredBody><component><section><title>T</title>{text}\n<entry>{entry}</entry></section></component></structuredBody></component>");
        found(&body).into_iter().map(|f| f.0).collect()
    }

    #[test]
    fn every_rule_is_in_the_table_once_and_in_the_code() {
        let code = include_str!("check.rs").split("#[cfg(test)]").next().unwrap();
        let mut ids = HashSet::new();
        for rule in &*TABLE {
            assert!(ids.insert(&rule.id) && code.contains(&format!("\"{}\"", rule.id)), "{}", rule.id);
            assert!(matches!(rule.severity.as_str(), "error" | "warning") && !rule.spec.is_empty(), "{}", rule.id);
        }
        for part in code.split("self.find").skip(1).filter_map(|p| p.split('"').nth(1)).filter(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')) {
            assert!(TABLE.iter().any(|r| r.id == part), "{part}");
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
            ("1.2.250.1.71.4.2.2", "10B0057881", ""),
            ("1.2.250.1.71.4.2.2", "1750000", "structure-id"),
            ("1..2", "x", "root"),
        ] {
            let rules: Vec<_> = id(root, extension).into_iter().map(|f| f.0).collect();
            assert_eq!(rules, if rule.is_empty() { vec![] } else { vec![rule] }, "{root} {extension}");
        }
        assert_eq!((matricule("1800120001001"), matricule("180012A00100161"), matricule("180012A00100162")), (None, Some(true), Some(false)));
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
}
