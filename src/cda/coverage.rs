//! What of a document became resources: each statement of its body is mapped, part of a mapped one, a container of mapped ones, or
//! stays as text in the document only.
//! Spec: CDA R2 §4.3.6 Entry.

use std::collections::BTreeSet;

use super::concept::{absent, code_of, placeholder, void};
use super::statement::{Child, children, foreign, mood, negated};
use super::walk::WRAPPERS;
use super::{ClinicalDocument, codes, derive};
use crate::fhir::xml::Element;

/// Sections and statements that are followed down.
const MAX_DEPTH: usize = 40;

/// Why a statement became nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// About a relative, a newborn, a donor: not the patient's.
    SomebodyElse,
    /// A comment, a reference, the document's own status or attachments, insurance: no clinical statement of its own.
    NotClinical,
    /// Its code or its value says that nothing is known, not applicable, or none.
    NoInformation,
    /// Denied in a way that R4 has no word for.
    Denied,
    /// A definition, a criterion, a promise: nothing that is or was so.
    NotAFact,
    /// None of these: a statement that this server does not understand.
    NotUnderstood,
}

impl Why {
    /// In words.
    pub fn said(self) -> &'static str {
        match self {
            Self::SomebodyElse => "about somebody else than the patient",
            Self::NotClinical => "comment, reference, attachment, insurance or status of the document",
            Self::NoInformation => "says that there is none or that nothing is known",
            Self::Denied => "denied in a way that R4 cannot say",
            Self::NotAFact => "definition, criterion or promise",
            Self::NotUnderstood => "not understood",
        }
    }
}

/// One statement that became nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub path: String,
    /// `observation`, `act` …
    pub name: String,
    pub code: Option<String>,
    /// The first templateId.
    pub template: Option<String>,
    pub why: Why,
}

/// The statements of a document, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    pub statements: usize,
    /// Statements that gave a resource of their own.
    pub mapped: usize,
    /// Below a mapped one: severity, reaction, dosage step …
    pub within: usize,
    /// Above mapped ones: concerns, panels.
    pub around: usize,
    pub resources: usize,
    pub left: Vec<Left>,
    /// What was told while reading, each text once.
    pub warnings: Vec<String>,
}

/// The coverage of a document.
pub fn coverage(document: &ClinicalDocument) -> Coverage {
    let derived = derive(document, "DocumentReference/d", "Patient/p");
    let paths: BTreeSet<String> = derived.resources.iter().map(|r| r.path.clone()).collect();
    let warnings: BTreeSet<String> = derived.warnings.iter().map(|w| w.diagnostics.clone()).collect();
    let mut out = Coverage { resources: derived.resources.len(), warnings: warnings.into_iter().collect(), ..Coverage::default() };
    for (index, component) in document.root.all("component").enumerate() {
        if let Some(body) = component.child("structuredBody") {
            sections(body, &format!("component[{index}]/structuredBody"), &Around { paths: &paths, inside: false, aside: None }, 0, &mut out);
        }
    }
    out
}

/// What surrounds a statement.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// Of what became resources.
    paths: &'a BTreeSet<String>,
    /// Below a mapped statement.
    inside: bool,
    /// What was left aside above sets aside what is below.
    aside: Option<Why>,
}

fn sections(holder: &Element, path: &str, around: &Around<'_>, depth: usize, out: &mut Coverage) {
    for (index, component) in holder.all("component").enumerate() {
        let Some(section) = component.child("section").filter(|_| depth < MAX_DEPTH) else { continue };
        let path = format!("{path}/component[{index}]/section");
        let around = Around { aside: around.aside.or(foreign(section).then_some(Why::SomebodyElse)), ..*around };
        for child in children(section, &["entry"]) {
            statement(&child, &path, &around, 0, out);
        }
        sections(section, &path, &around, depth + 1, out);
    }
}

fn statement(child: &Child<'_>, above: &str, around: &Around<'_>, depth: usize, out: &mut Coverage) {
    let path = format!("{above}/{}", child.step);
    let paths = around.paths;
    let own = paths.iter().any(|p| *p == path || p.strip_prefix(&path).is_some_and(|rest| rest.starts_with('#')));
    let holds = || paths.range(format!("{path}/")..).next().is_some_and(|p| p.starts_with(&format!("{path}/")));
    out.statements += 1;
    let mut below = Around { inside: around.inside || own, ..*around };
    if own {
        out.mapped += 1;
    } else if holds() {
        out.around += 1;
    } else if around.inside {
        out.within += 1;
    } else {
        let template = child.e.all("templateId").find_map(|t| t.attr("root")).map(str::to_owned);
        let why = around.aside.unwrap_or_else(|| why(child.e));
        below.aside = Some(why).filter(|w| *w != Why::NotUnderstood);
        out.left.push(Left { path: path.clone(), name: child.e.name.to_string(), code: child.e.child("code").and_then(code_of).map(str::to_owned), template, why });
    }
    if depth < MAX_DEPTH {
        for one in children(child.e, WRAPPERS) {
            statement(&one, &path, &below, depth + 1, out);
        }
    }
}

fn why(e: &Element) -> Why {
    let modifies = || e.child("code").and_then(code_of).is_some_and(|c| codes::within("modifier-codes", c));
    if foreign(e) {
        Why::SomebodyElse
    } else if matches!(codes::kind_of(e), "reference" | "attachment" | "modifier") || modifies() {
        Why::NotClinical
    } else if matches!(mood(e), "DEF" | "CRT" | "EVN.CRT" | "PRMS") {
        Why::NotAFact
    } else if says_nothing(e) {
        Why::NoInformation
    } else if negated(e) {
        Why::Denied
    } else {
        Why::NotUnderstood
    }
}

/// The statement, its code, its value, its agent or its device is null, a placeholder or an absent-or-unknown code; of an act that
/// only holds others, all of them.
fn says_nothing(e: &Element) -> bool {
    let nothing = |c: &Element| c.attr("nullFlavor").is_some() && code_of(c).is_none_or(void) || absent(c).is_some() || placeholder(c);
    let named = |name: &str| e.all(name).any(nothing);
    let agent = |path: &str| super::path::first(e, path).is_some_and(nothing);
    let held = children(e, WRAPPERS);
    let holds = !held.is_empty() && matches!(&*e.name, "act" | "organizer");
    e.attr("nullFlavor").is_some()
        || (holds && held.iter().all(|c| says_nothing(c.e)))
        || (!holds && (named("code") || named("value") || empty_value(e)))
        || agent("participant/participantRole/playingEntity/code")
        || agent("participant/participantRole/playingDevice/code")
        || agent("consumable/manufacturedProduct/manufacturedMaterial/code")
}

/// A value that holds nothing: no attribute besides its type, no words, nothing below.
fn empty_value(e: &Element) -> bool {
    let empty = |v: &Element| {
        ["value", "code", "displayName"].iter().all(|a| v.attr(a).is_none())
            && v.plain().trim().is_empty()
            && v.elements().all(|c| c.attr("nullFlavor").is_some() || &*c.name == "originalText")
    };
    e.child("value").is_some_and(empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cda::read;

    #[test]
    fn what_stays_text_says_why() {
        let entries = "<entry><observation><subject><relatedSubject/></subject><code code='8339-4'/><value value='3200' unit='g'/></observation></entry>\
            <entry><act><templateId root='2.16.840.1.113883.10.20.1.40'/><code code='48767-8'/><text>x</text></act></entry>\
            <entry><procedure nullFlavor='NI'><code nullFlavor='NI'/></procedure></entry>\
            <entry><observation negationInd='true'><code code='1' codeSystem='1.2.3'/><value type='PQ' value='1' unit='g'/></observation></entry>\
            <entry><supply moodCode='DEF'/></entry>\
            <entry><act><code code='x' codeSystem='1.2.3'/></act></entry>\
            <entry><observation><code code='1' codeSystem='1.2.3' displayName='a'/><value type='PQ' value='1' unit='g'/></observation></entry>";
        let cda = format!(
            "<ClinicalDocument xmlns='urn:hl7-org:v3'><recordTarget/><component><structuredBody><component><section>{entries}</section></component></structuredBody></component></ClinicalDocument>"
        );
        let found = coverage(&read(cda.as_bytes()).unwrap());
        let why: Vec<Why> = found.left.iter().map(|l| l.why).collect();
        assert_eq!(why, [Why::SomebodyElse, Why::NotClinical, Why::NoInformation, Why::Denied, Why::NotAFact, Why::NotUnderstood]);
        assert_eq!((found.statements, found.mapped), (7, 1));
    }
}
