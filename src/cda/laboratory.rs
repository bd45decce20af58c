//! Groups of laboratory results: report, battery, isolate, specimen.
//! Spec: IHE PaLM XD-LAB; FHIR R4 DiagnosticReport, Observation.hasMember, Specimen.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{code_of, concept, labelled};
use super::observation::Class;
use super::path::first;
use super::statement::{Group, Maker, Scope, children, status, taken};
use super::walk::WRAPPERS;
use crate::fhir::xml::Element;

const ORGANISM: &str = "specimen/specimenRole/specimenPlayingEntity";

impl<'a> Maker<'a> {
    /// The act of a laboratory chapter: one report with its results and specimens.
    pub fn laboratory_act(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let mut inside = scope.clone();
        inside.group = Group::Laboratory;
        let specimens = self.specimens(e, scope);
        if inside.timed.is_none() {
            inside.timed = children(e, WRAPPERS).into_iter().map(|c| c.e).find(|s| codes::kind_of(s) == "specimen");
        }
        if let [only] = specimens.as_slice() {
            inside.specimen = Some(only.clone());
        }
        let from = self.resources.len();
        self.below(e, &inside);
        self.report(e, scope, from, &specimens);
    }

    /// A battery: a report of its own, or a panel inside a report.
    pub fn battery(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let mut inside = scope.clone();
        inside.group = Group::Laboratory;
        let from = self.resources.len();
        self.below(e, &inside);
        if scope.group == Group::Laboratory { self.panel(e, scope, from) } else { self.report(e, scope, from, &[]) }
    }

    /// Whether an organizer groups laboratory results.
    pub fn is_battery(&self, e: &Element, kind: &str, scope: &Scope<'_>) -> bool {
        let code = e.child("code").and_then(code_of).unwrap_or("");
        let grouped = matches!(e.attr("classCode"), Some("BATTERY" | "CLUSTER"));
        kind == "battery" || scope.group == Group::Laboratory || (grouped && (scope.in_section("result-sections") || codes::within("laboratory-sections", code)))
    }

    /// An organism and the lines (count, antibiogram) that belong to it.
    pub fn isolate(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let mut inside = scope.clone();
        inside.group = Group::Laboratory;
        let from = self.resources.len();
        self.below(e, &inside);
        if codes::kind_of(e) != "isolate" && self.results(from, true).is_empty() {
            return;
        }
        let entity = first(e, ORGANISM);
        let name = entity.and_then(|p| p.child("name")).and_then(|n| super::narrative::clean(&n.plain()));
        let Some(organism) = entity.and_then(|p| p.child("code")).and_then(|c| labelled(c, &self.narrative, name.clone(), None)).or_else(|| name.map(|n| json!({"text": n})))
        else {
            return self.panel(e, scope, from);
        };
        let mut out = self.start("Observation", e, scope);
        out.insert("status".into(), json!(codes::mapped("observation-status", status(e)).unwrap_or("unknown")));
        drop(self.category(Class::Laboratory, scope).map(|c| out.insert("category".into(), c)));
        out.insert("code".into(), json!({"text": "Micro-organisme isolé"}));
        self.group(e, scope, from, &mut out);
        out.insert("valueCodeableConcept".into(), organism);
        if scope.prior {
            super::observation::older(&mut out);
        }
        self.push(&scope.path, out);
    }

    /// A cluster about an organism, whatever its template.
    pub fn is_isolate(&self, e: &Element, scope: &Scope<'_>) -> bool {
        scope.group == Group::Laboratory && e.attr("classCode") == Some("CLUSTER") && first(e, ORGANISM).is_some()
    }

    fn panel(&mut self, e: &Element, scope: &Scope<'_>, from: usize) {
        let Some(code) = e.child("code").and_then(|c| concept(c, &self.narrative)) else { return };
        if self.results(from, scope.prior).is_empty() {
            return;
        }
        let mut out = self.start("Observation", e, scope);
        out.insert("status".into(), json!(codes::mapped("observation-status", status(e)).unwrap_or("unknown")));
        drop(self.category(Class::Laboratory, scope).map(|c| out.insert("category".into(), c)));
        out.insert("code".into(), code);
        self.group(e, scope, from, &mut out);
        if scope.prior {
            super::observation::older(&mut out);
        }
        self.push(&scope.path, out);
    }

    fn group(&self, e: &Element, scope: &Scope<'_>, from: usize, out: &mut Map<String, Value>) {
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = self.moment(e, scope) {
            out.insert(format!("effective{kind}"), when);
        }
        let notes: Vec<Value> = super::path::select(e, "component/act[48767-8]/text").into_iter().filter_map(|t| self.narrative.words(t)).map(|t| json!({"text": t})).collect();
        if !notes.is_empty() {
            out.insert("note".into(), json!(notes));
        }
        let members = self.results(from, scope.prior);
        if !members.is_empty() {
            out.insert("hasMember".into(), json!(members));
        }
    }

    fn report(&mut self, e: &Element, scope: &Scope<'_>, from: usize, specimens: &[String]) {
        if scope.prior {
            return;
        }
        let results = self.results(from, false);
        let comments: Vec<String> =
            ["entryRelationship/act[48767-8]/text", "component/act[48767-8]/text"].iter().flat_map(|p| super::path::select(e, p)).filter_map(|t| self.narrative.words(t)).collect();
        if results.is_empty() && comments.is_empty() {
            return;
        }
        let code = e.child("code").and_then(|c| concept(c, &self.narrative)).unwrap_or_else(|| json!({"coding": [{"system": "http://loinc.org", "code": scope.section}]}));
        let mut out = self.start("DiagnosticReport", e, scope);
        out.insert("status".into(), json!(codes::mapped("report-status", status(e)).unwrap_or("unknown")));
        out.insert("category".into(), json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}]));
        out.insert("code".into(), code);
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = self.moment(e, scope) {
            out.insert(format!("effective{kind}"), when);
        }
        if !specimens.is_empty() {
            out.insert("specimen".into(), specimens.iter().map(|p| json!({"reference": format!("path:{p}")})).collect());
        }
        if !results.is_empty() {
            out.insert("result".into(), json!(results));
        }
        if !comments.is_empty() {
            out.insert("conclusion".into(), json!(comments.join("\n")));
        }
        self.push(&scope.path, out);
    }

    /// References to the laboratory observations made since, without those a group below already names and without older results.
    fn results(&self, from: usize, all: bool) -> Vec<Value> {
        let made = || self.resources.iter().skip(from).filter(|r| r.resource.get("resourceType").and_then(Value::as_str) == Some("Observation"));
        let named: HashSet<&str> =
            made().filter_map(|r| r.resource.get("hasMember")?.as_array()).flatten().filter_map(|m| m.get("reference")?.as_str()?.strip_prefix("path:")).collect();
        made().filter(|r| (all || r.resource.get("meta").is_none()) && !named.contains(r.path.as_str())).map(|r| json!({"reference": format!("path:{}", r.path)})).collect()
    }

    /// The specimens of an act, each a resource; their paths.
    fn specimens(&mut self, e: &'a Element, scope: &Scope<'a>) -> Vec<String> {
        let mut paths = Vec::new();
        for child in children(e, WRAPPERS) {
            if codes::kind_of(child.e) != "specimen" {
                continue;
            }
            let below = scope.below(child.e, &child.step);
            let mut out = self.start("Specimen", child.e, &below);
            let kind = first(child.e, "participant[PRD]/participantRole/playingEntity/code").and_then(|c| concept(c, &self.narrative));
            drop(kind.map(|k| out.insert("type".into(), k)));
            out.insert("subject".into(), self.subject());
            drop(taken(child.e).map(|t| out.insert("collection".into(), json!({"collectedDateTime": t}))));
            self.push(&below.path, out);
            paths.push(below.path);
        }
        paths
    }
}
