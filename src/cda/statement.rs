//! What is known while a statement is read, and the hand that writes its resource.

use serde_json::{Map, Value, json};

use super::DerivedResource;
use super::concept::code_of;
use super::datatypes::{attribute, date_time, has_zone, identifier, time_of};
use super::narrative::Narrative;
use super::{codes, when};
use crate::fhir::xml::Element;
use crate::fhir::{Issue, IssueType};

/// Extension that says where in the document a resource was taken from.
const SOURCE: &str = "urn:passerelle:cda-source";
/// Part of it: a time as it is written that is no day of the calendar, so that the resource has none from it.
const UNREADABLE: &str = "unreadable-time";
/// Characters of such a time that are kept.
const MAX_RAW: usize = 40;
/// Nested statements that are followed.
pub(super) const MAX_DEPTH: usize = 24;
/// Resources of one document.
const MAX_RESOURCES: usize = 20_000;
/// Warnings of one document.
const MAX_WARNINGS: usize = 100;

/// What surrounds a statement.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    /// Where it stands.
    pub path: String,
    /// Code of the nearest section, `""` without.
    pub section: &'a str,
    pub group: Group,
    /// The concern act above a problem or an allergy.
    pub concern: Option<&'a Element>,
    /// The nearest statement above that says when.
    pub timed: Option<&'a Element>,
    /// Below a reference to an older group of results.
    pub prior: bool,
    /// Path of the one specimen of the report.
    pub specimen: Option<String>,
    pub depth: usize,
}

/// The kind of group above a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    None,
    Laboratory,
    Vitals,
    Imaging,
    Survey,
}

impl<'a> Scope<'a> {
    /// Above everything; the path is still to be given.
    pub fn top(section: &'a str) -> Self {
        Self { path: String::new(), section, group: Group::None, concern: None, timed: None, prior: false, specimen: None, depth: 0 }
    }

    /// The scope of a statement below.
    pub fn below(&self, e: &'a Element, step: &str) -> Self {
        let timed = when::clinical_time(e).map(|_| e).or(self.timed);
        Self { path: format!("{}/{step}", self.path), timed, depth: self.depth + 1, ..self.clone() }
    }

    /// Whether the section's code is in a set.
    pub fn in_section(&self, set: &str) -> bool {
        codes::within(set, self.section)
    }
}

/// A statement below another, its wrapper (entryRelationship, component, entry) and the step that leads to it.
pub(super) struct Child<'a> {
    pub wrapper: &'a Element,
    pub e: &'a Element,
    pub step: String,
}

/// The statements directly below an element, with steps such as `entryRelationship[1]/observation`.
pub(super) fn children<'a>(e: &'a Element, wrappers: &[&'static str]) -> Vec<Child<'a>> {
    let mut out = Vec::new();
    for name in wrappers {
        for (index, wrapper) in e.all(name).enumerate() {
            // One is the rule (CDA R2 schema); some wrappers hold several.
            for (place, below) in wrapper.elements().filter(|x| is_statement(x)).enumerate() {
                let step = if place == 0 { format!("{name}[{index}]/{}", below.name) } else { format!("{name}[{index}]/{}[{place}]", below.name) };
                out.push(Child { wrapper, e: below, step });
            }
        }
    }
    out
}

fn is_statement(e: &Element) -> bool {
    matches!(&*e.name, "act" | "observation" | "procedure" | "substanceAdministration" | "supply" | "organizer" | "encounter")
}

/// Collects the resources of one document.
pub(super) struct Maker<'a> {
    pub narrative: Narrative<'a>,
    /// References as they are written.
    pub document: &'a str,
    pub patient: &'a str,
    /// FHIR dateTime of the document.
    pub created: Option<String>,
    pub resources: Vec<DerivedResource>,
    pub warnings: Vec<Issue>,
    /// Whether the limit of resources was met and said.
    pub full: bool,
}

impl<'a> Maker<'a> {
    /// A resource of a type with its provenance extension.
    pub fn start(&self, kind: &str, e: &Element, scope: &Scope<'_>) -> Map<String, Value> {
        let mut parts = vec![json!({"url": "document", "valueReference": {"reference": self.document}}), json!({"url": "path", "valueString": scope.path})];
        if !scope.section.is_empty() {
            parts.push(json!({"url": "section", "valueString": scope.section}));
        }
        if let Some(fragment) = self.narrative.anchor(e) {
            parts.push(json!({"url": "fragment", "valueString": fragment}));
        }
        if let Some(id) = e.all("id").find_map(identifier) {
            parts.push(json!({"url": "id", "valueIdentifier": id}));
        }
        if let Some(raw) = unzoned(e) {
            parts.push(json!({"url": "unzoned-time", "valueString": raw}));
        }
        if let Some(raw) = unreadable(e) {
            parts.push(json!({"url": UNREADABLE, "valueString": raw}));
        }
        let mut out = Map::new();
        out.insert("resourceType".into(), json!(kind));
        out.insert("extension".into(), json!([{"url": SOURCE, "extension": parts}]));
        out
    }

    /// The patient as a Reference.
    pub fn subject(&self) -> Value {
        json!({"reference": self.patient})
    }

    /// Keeps a resource; beyond the limit it is dropped and said once.
    pub fn push(&mut self, path: &str, resource: Map<String, Value>) {
        if self.resources.len() < MAX_RESOURCES {
            self.resources.push(DerivedResource { path: path.to_owned(), resource: Value::Object(resource) });
        } else if !std::mem::replace(&mut self.full, true) {
            self.warn("", "the document holds more statements than are derived; the rest stays in the document only");
        }
    }

    /// A warning about a place of the document; never a patient's value.
    pub fn warn(&mut self, path: &str, text: &str) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Issue::warning(IssueType::Informational, path, text));
        }
    }

    /// The words a statement's `text` gives.
    pub fn words(&self, e: &Element) -> Option<String> {
        e.child("text").and_then(|t| self.narrative.words(t))
    }

    /// When a statement took place: its own time, else that of the nearest statement above.
    pub fn moment(&self, e: &Element, scope: &Scope<'_>) -> Option<(&'static str, Value)> {
        when::moment(e).or_else(|| {
            let above = scope.timed?;
            match codes::kind_of(above) {
                "specimen" => taken(above).map(|t| ("DateTime", json!(t))),
                _ => when::moment(above),
            }
        })
    }
}

/// The raw text of a time of day without offset, which was read as Europe/Paris (kept and flagged).
/// A time of a statement that is no time.
fn unreadable(e: &Element) -> Option<String> {
    let of = |t: &Element| attribute(t, "value").filter(|v| !v.trim().is_empty() && date_time(v).is_none()).map(|v| v.trim().chars().take(MAX_RAW).collect());
    e.all("effectiveTime").find_map(|t| of(t).or_else(|| ["low", "high", "center"].iter().find_map(|name| t.child(name).and_then(of))))
}

fn unzoned(e: &Element) -> Option<&str> {
    let time = when::clinical_time(e)?;
    let raws = std::iter::once(time).chain(time.elements()).filter_map(|t| attribute(t, "value"));
    raws.filter(|raw| date_time(raw).is_some()).find(|raw| !has_zone(raw))
}

/// When a specimen was taken: the end of its collection.
pub(super) fn taken(specimen: &Element) -> Option<String> {
    let time = specimen.child("effectiveTime")?;
    let (start, end) = when::bounds(time);
    time_of(time).or(end).or(start)
}

/// `@negationInd` is true.
pub(super) fn negated(e: &Element) -> bool {
    e.attr("negationInd").is_some_and(|n| matches!(n.trim(), "true" | "1"))
}

/// `statusCode/@code`, `completed` without.
pub(super) fn status(e: &Element) -> &str {
    e.child("statusCode").and_then(code_of).unwrap_or("completed")
}

/// Not done: cancelled or aborted.
pub(super) fn not_done(e: &Element) -> bool {
    negated(e) || matches!(status(e), "cancelled" | "aborted")
}

/// The mood of an act, EVN without.
pub(super) fn mood(e: &Element) -> &str {
    e.attr("moodCode").map(str::trim).filter(|m| !m.is_empty()).unwrap_or("EVN")
}

/// Whether a statement is about somebody else than the patient.
pub(super) fn foreign(e: &Element) -> bool {
    e.all("subject").any(|s| s.child("relatedSubject").is_some())
}
