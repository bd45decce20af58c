//! What of a document became resources: each statement of its body is mapped, part of a mapped one, a container of mapped ones, or
//! stays as text in the document only.
//! Spec: CDA R2 §4.3.6 Entry.

use std::collections::BTreeSet;

use super::concept::code_of;
use super::statement::{Child, children};
use super::walk::WRAPPERS;
use super::{ClinicalDocument, derive};
use crate::fhir::xml::Element;

/// Sections and statements that are followed down.
const MAX_DEPTH: usize = 40;

/// One statement that became nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub path: String,
    /// `observation`, `act` …
    pub name: String,
    pub code: Option<String>,
    /// The first templateId.
    pub template: Option<String>,
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
            sections(body, &format!("component[{index}]/structuredBody"), &paths, 0, &mut out);
        }
    }
    out
}

fn sections(holder: &Element, path: &str, paths: &BTreeSet<String>, depth: usize, out: &mut Coverage) {
    for (index, component) in holder.all("component").enumerate() {
        let Some(section) = component.child("section").filter(|_| depth < MAX_DEPTH) else { continue };
        let path = format!("{path}/component[{index}]/section");
        for child in children(section, &["entry"]) {
            statement(&child, &path, false, paths, 0, out);
        }
        sections(section, &path, paths, depth + 1, out);
    }
}

fn statement(child: &Child<'_>, above: &str, inside: bool, paths: &BTreeSet<String>, depth: usize, out: &mut Coverage) {
    let path = format!("{above}/{}", child.step);
    let own = paths.iter().any(|p| *p == path || p.strip_prefix(&path).is_some_and(|rest| rest.starts_with('#')));
    let holds = || paths.range(format!("{path}/")..).next().is_some_and(|p| p.starts_with(&format!("{path}/")));
    out.statements += 1;
    if own {
        out.mapped += 1;
    } else if holds() {
        out.around += 1;
    } else if inside {
        out.within += 1;
    } else {
        let template = child.e.all("templateId").find_map(|t| t.attr("root")).map(str::to_owned);
        out.left.push(Left { path: path.clone(), name: child.e.name.to_string(), code: child.e.child("code").and_then(code_of).map(str::to_owned), template });
    }
    if depth < MAX_DEPTH {
        for below in children(child.e, WRAPPERS) {
            statement(&below, &path, inside || own, paths, depth + 1, out);
        }
    }
}
