//! Problem observation → Condition (in a concern or a problem section), Observation (a finding anywhere else).
//! Spec: IHE PCC 1.3.6.1.4.1.19376.1.5.3.1.4.5; FHIR R4 Condition (con-3, con-4, con-5).

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{absent, code_of, concept, mapped_concept, placeholder, system_within, void};
use super::narrative::folded;
use super::path::first;
use super::statement::{Maker, Scope, mood, negated, status};
use super::table;
use super::when::span;
use crate::fhir::xml::Element;

const STATUS: &str = "entryRelationship/observation[33999-4]/value";

const CONFLICT: &str = "Énoncé contradictoire : le texte et le code du document ne disent pas la même chose. Se reporter au document.";

/// What the words of a narrative cell answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    Open,
}

impl<'a> Maker<'a> {
    /// A problem, an absence of problems or a finding.
    pub fn problem(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let inside = Scope { concern: None, ..scope.clone() };
        self.below(e, &inside);
        let Some(value) = stated(e) else { return };
        if let Some(code) = absent(value) {
            return self.empty_list(e, scope, code);
        }
        // C-CDA: negationInd on «problem» in general says that none is known.
        if negated(e) && code_of(value).is_some_and(|c| codes::within("problems-at-large", c)) {
            return self.empty_list(e, scope, "no-known-problems");
        }
        if placeholder(value) || code_of(value).is_some_and(|c| c == scope.section || void(c)) || mood(e) != "EVN" {
            return;
        }
        // Without code, only the words the value itself gives are a problem; a nullFlavor asserts nothing.
        let Some(named) = concept(value, &self.narrative) else { return };
        let coded = named.get("coding").is_some();
        if !coded && value.attr("nullFlavor").is_some_and(|n| n != "OTH" && n != "UNK") {
            return;
        }
        if self.disputed(e) {
            return self.dispute(e, named, scope);
        }
        let direct = scope.concern.is_none() && !scope.in_section("problem-sections");
        if direct && !is_condition(e) && !system_within(value, "icd") {
            return self.finding(e, named, scope);
        }
        let mut out = self.start("Condition", e, scope);
        table::apply("condition", e, &self.narrative, "", &mut out);
        if e.child("value").is_none() {
            out.remove("category");
            out.insert("code".into(), named);
        }
        out.insert("subject".into(), self.subject());
        self.life(e, direct, scope, &mut out);
        self.push(&scope.path, out);
    }

    /// Status, certainty, category and dates.
    fn life(&self, e: &Element, direct: bool, scope: &Scope<'_>, out: &mut Map<String, Value>) {
        let (start, end) = e.child("effectiveTime").map(span).unwrap_or_default();
        let stated = first(e, STATUS).or_else(|| first(scope.concern?, STATUS)).and_then(code_of).and_then(|c| codes::mapped("condition-clinical", c));
        // Low and high of one day say when the problem was seen, not that it is over.
        let end = end.filter(|e| start.as_ref().is_none_or(|s| e.get(..10) != s.get(..10) || e.len() < 10));
        let clinical = stated.unwrap_or_else(|| implied(scope, end.is_some()));
        let certainty = first(e, "entryRelationship/observation[66455-7]/value").and_then(code_of).and_then(|c| codes::mapped("condition-verification", c));
        let refuted = negated(e);
        let verification = if refuted { Some("refuted") } else { certainty };
        if let Some(found) = verification.and_then(|c| mapped_concept("condition-verification", c, None)) {
            out.insert("verificationStatus".into(), found);
        }
        let listed = scope.in_section("problem-sections") || scope.concern.is_some_and(|c| codes::kind_of(c) == "concern");
        let category = if listed { "problem-list-item" } else { "encounter-diagnosis" };
        let category = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": category}]});
        match out.get_mut("category") {
            // A refuted problem is on no problem list (con-3 would want it a clinical status there).
            _ if refuted => {}
            Some(Value::Array(all)) => all.insert(0, category),
            _ => drop(out.insert("category".into(), json!([category]))),
        }
        if !refuted && !direct {
            drop(mapped_concept("condition-clinical", clinical, None).map(|c| out.insert("clinicalStatus".into(), c)));
        }
        let ended = matches!(clinical, "inactive" | "resolved" | "remission") || direct || refuted;
        match (start, end) {
            (start, Some(end)) if ended => {
                drop(start.map(|s| out.insert("onsetDateTime".into(), json!(s))));
                out.insert("abatementDateTime".into(), json!(end));
            }
            // con-4: an abated condition is not active, so the end of the stated period stays with the onset.
            (Some(start), Some(end)) => drop(out.insert("onsetPeriod".into(), json!({"start": start, "end": end}))),
            (Some(start), None) => drop(out.insert("onsetDateTime".into(), json!(start))),
            _ => {}
        }
    }

    /// A finding outside the problem list: present or absent.
    fn finding(&mut self, e: &Element, named: Value, scope: &Scope<'_>) {
        let mut out = self.start("Observation", e, scope);
        out.insert("status".into(), json!("final"));
        if let Some(category) = self.category(super::observation::Class::Other, scope) {
            out.insert("category".into(), category);
        }
        out.insert("code".into(), named);
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = self.moment(e, scope) {
            out.insert(format!("effective{kind}"), when);
        }
        out.insert("valueBoolean".into(), json!(!negated(e)));
        self.push(&scope.path, out);
    }

    /// Whether the narrative cell says the contrary of the coded statement.
    pub fn disputed(&self, e: &Element) -> bool {
        match self.words(e).and_then(|w| answer(&w)) {
            Some(Answer::Yes) => negated(e),
            Some(Answer::No) => !negated(e),
            Some(Answer::Open) => true,
            None => false,
        }
    }

    /// Marks a denied act that the narrative affirms: the coded form stays (it shows nothing as done), with the conflict said.
    pub fn flag(&mut self, e: &Element, scope: &Scope<'_>, out: &mut Map<String, Value>) {
        if negated(e) && self.disputed(e) {
            self.warn(&scope.path, "the narrative affirms what the coded statement denies; read the document");
            table::put(out, "note[]", json!({"text": CONFLICT}));
        }
    }

    /// Keeps a disputed statement as what was written, never as a fact of its kind.
    pub fn dispute(&mut self, e: &Element, named: Value, scope: &Scope<'_>) {
        self.warn(&scope.path, "the narrative and the coded statement contradict each other; it is kept as an unconfirmed observation, read the document");
        let mut out = self.start("Observation", e, scope);
        out.insert("status".into(), json!("preliminary"));
        out.insert("code".into(), named);
        out.insert("subject".into(), self.subject());
        if let Some(words) = self.words(e) {
            out.insert("valueString".into(), json!(words));
        }
        out.insert("note".into(), json!([{"text": CONFLICT}]));
        self.push(&scope.path, out);
    }

    /// «No known problems» and «no information»: an empty list with its reason.
    fn empty_list(&mut self, e: &Element, scope: &Scope<'_>, code: &str) {
        let Some(reason) = codes::mapped("empty-reason", code).and_then(|r| list_reason(code, r, &self.words(e))) else { return };
        let mut out = self.start("List", e, scope);
        out.insert("status".into(), json!("current"));
        out.insert("mode".into(), json!("snapshot"));
        if !scope.section.is_empty() {
            out.insert("code".into(), json!({"coding": [{"system": "http://loinc.org", "code": scope.section}]}));
        }
        out.insert("subject".into(), self.subject());
        if let Some(created) = &self.created {
            out.insert("date".into(), json!(created));
        }
        out.insert("emptyReason".into(), reason);
        self.push(&scope.path, out);
    }
}

/// The concept that is the problem: the value, or the code of an observation that carries none.
pub(super) fn stated(e: &Element) -> Option<&Element> {
    let own = |c: &&Element| code_of(c).is_some_and(|k| !codes::within("problem-kinds", k)) && (system_within(c, "icd") || system_within(c, "clinical-terms"));
    e.child("value").or_else(|| e.child("code").filter(own))
}

/// An observation of the act class COND is a condition whatever its section and template.
/// Spec: CDA R2 ActClassObservation COND.
pub(super) fn is_condition(e: &Element) -> bool {
    e.attr("classCode").map(str::trim) == Some("COND")
}

fn list_reason(code: &str, reason: &str, words: &Option<String>) -> Option<Value> {
    let system = codes::map("empty-reason")?.system.clone()?;
    let ips = codes::map("absent")?.system.clone()?;
    let mut out = json!({"coding": [{"system": system, "code": reason}, {"system": ips, "code": code}]});
    if let (Some(words), Some(members)) = (words, out.as_object_mut()) {
        members.insert("text".into(), json!(words));
    }
    Some(out)
}

/// The clinical status nobody stated. The active problem list stays active although its concern acts are often `completed`.
fn implied(scope: &Scope<'_>, ended: bool) -> &'static str {
    let concern = scope.concern.map_or("", status);
    match () {
        () if ended => "resolved",
        () if scope.in_section("history-sections") => "inactive",
        () if scope.in_section("active-sections") || matches!(concern, "active" | "") => "active",
        () if concern == "completed" => "resolved",
        () => "inactive",
    }
}

/// What a cell answers, when it is nothing but an answer.
pub(super) fn answer(words: &str) -> Option<Answer> {
    let word = folded(words);
    let is = |set| codes::within(set, &word);
    match () {
        () if is("answers-yes") => Some(Answer::Yes),
        () if is("answers-no") => Some(Answer::No),
        () if is("answers-unknown") => Some(Answer::Open),
        () => None,
    }
}
