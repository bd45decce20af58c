//! From the body to its statements: sections, groups, statements, each handed to the file of its kind.
//! Spec: CDA R2 §4.3.5 Section, §4.3.6 Entry. Recognised by template first, by section and structure second.

use super::allergy::manifested;
use super::concept::code_of;
use super::datatypes::{date_time, time_of};
use super::narrative::Narrative;
use super::problem::{is_condition, stated};
use super::read::ClinicalDocument;
use super::statement::{Child, Group, MAX_DEPTH, Maker, Scope, children, foreign, mood};
use super::{Derived, codes};
use crate::fhir::xml::Element;

/// Every wrapper of nested statements.
pub(super) const WRAPPERS: &[&str] = &["entry", "entryRelationship", "component"];
/// Sections below sections.
const MAX_SECTIONS: usize = 16;

/// Derives the resources of a document; see [`super::derive`].
pub(super) fn derive(document: &ClinicalDocument, reference: &str, patient: &str) -> Derived {
    let root = &document.root;
    let created = root.child("effectiveTime").and_then(|t| time_of(t).or_else(|| t.attr("value").and_then(date_time)));
    let mut maker = Maker { narrative: Narrative::of(root), document: reference, patient, created, resources: Vec::new(), warnings: Vec::new(), full: false };
    for (index, component) in root.all("component").enumerate() {
        let Some(body) = component.child("structuredBody") else { continue };
        let path = format!("component[{index}]/structuredBody");
        maker.sections(body, &Scope { path, ..Scope::top("") }, 0);
    }
    maker.files(root);
    Derived { resources: maker.resources, warnings: maker.warnings }
}

impl<'a> Maker<'a> {
    fn sections(&mut self, holder: &'a Element, scope: &Scope<'a>, depth: usize) {
        if depth > MAX_SECTIONS {
            return self.warn(&scope.path, "sections are nested too deeply; the rest stays in the document only");
        }
        for (index, component) in holder.all("component").enumerate() {
            let Some(section) = component.child("section") else { continue };
            let mut below = scope.clone();
            below.path = format!("{}/component[{index}]/section", scope.path);
            below.section = section.child("code").and_then(code_of).unwrap_or("");
            self.section(section, &below, depth);
        }
    }

    fn section(&mut self, section: &'a Element, scope: &Scope<'a>, depth: usize) {
        if foreign(section) {
            return self.warn(&scope.path, "this section is about somebody else than the patient; its statements stay in the document only");
        }
        let mut scope = scope.clone();
        if is_laboratory(section, scope.section) {
            scope.group = Group::Laboratory;
        }
        self.conclusion(section, &scope);
        for child in children(section, &["entry"]) {
            self.visit(&child, &scope);
        }
        self.sections(section, &scope, depth + 1);
    }

    /// Reads one statement and what is below it.
    pub fn visit(&mut self, child: &Child<'a>, above: &Scope<'a>) {
        let (e, scope) = (child.e, above.below(child.e, &child.step));
        if scope.depth > MAX_DEPTH {
            return self.warn(&scope.path, "statements are nested too deeply; the rest stays in the document only");
        }
        let kind = codes::kind_of(e);
        if kind == "family-history" {
            return self.family(e, &scope);
        }
        if foreign(e) {
            return self.warn(&scope.path, "this statement is about somebody else than the patient; it stays in the document only");
        }
        match &*e.name {
            "act" => self.act(e, kind, &scope),
            "organizer" => self.organizer(e, kind, &scope),
            "observation" => self.observed(e, kind, &scope),
            "procedure" if kind == "specimen" || (kind.is_empty() && scope.group == Group::Laboratory) => {}
            "procedure" if kind == "exposure" => self.below(e, &scope),
            // A definition or a criterion says nothing about this patient (CDA R2 ActMood DEF, CRT).
            "procedure" | "substanceAdministration" | "supply" | "encounter" if matches!(mood(e), "DEF" | "CRT" | "EVN.CRT") => {}
            // A nullFlavor on the act itself says that there is none.
            "procedure" | "supply" if e.attr("nullFlavor").is_some() => {}
            "procedure" => {
                self.procedure(e, &scope);
                self.below(e, &scope);
            }
            "substanceAdministration" => self.substance(e, kind, &scope),
            "supply" => self.supply(e, &scope),
            "encounter" => {
                self.encounter(e, &scope);
                self.below(e, &scope);
            }
            _ => {}
        }
    }

    /// Visits the statements below that are statements of their own: not reasons, reactions, references or modifiers.
    pub fn below(&mut self, e: &'a Element, scope: &Scope<'a>) {
        for child in children(e, WRAPPERS) {
            let about = matches!(child.wrapper.attr("typeCode"), Some("RSON" | "MFST" | "XCRPT" | "GEVL"));
            if about || codes::kind_of(child.e) == "reference" || (child.wrapper.attr("typeCode") == Some("CAUS") && codes::kind_of(child.e) == "problem") {
                continue;
            }
            let group = scope.group == Group::Laboratory && matches!(&*child.e.name, "act" | "organizer");
            let older = group && child.wrapper.attr("typeCode") == Some("REFR");
            self.visit(&child, &Scope { prior: scope.prior || older, ..scope.clone() });
        }
    }

    fn act(&mut self, e: &'a Element, kind: &'static str, scope: &Scope<'a>) {
        match kind {
            "procedure" => {
                self.procedure(e, scope);
                return self.below(e, scope);
            }
            "reference" => return,
            "imaging-study" => return self.study(e, scope),
            _ => {}
        }
        if scope.group == Group::Laboratory {
            return self.laboratory_act(e, scope);
        }
        if matches!(mood(e), "INT" | "RQO" | "PRP" | "ARQ" | "PRMS") && scope.section == "18776-5" && scope.depth == 1 {
            self.requested(e, kind, scope);
        }
        // An act is a concern or a container: what it holds are the statements.
        let mut inside = scope.clone();
        inside.concern = Some(e);
        self.below(e, &inside);
    }

    fn organizer(&mut self, e: &'a Element, kind: &'static str, scope: &Scope<'a>) {
        let code = e.child("code").and_then(code_of).unwrap_or("");
        let mut inside = scope.clone();
        match kind {
            "attachment" => return,
            "isolate" => return self.isolate(e, scope),
            _ if self.is_isolate(e, scope) => return self.isolate(e, scope),
            "vital-signs" => inside.group = Group::Vitals,
            _ if codes::within("vital-panels", code) => inside.group = Group::Vitals,
            _ if codes::within("imaging-panels", code) => inside.group = Group::Imaging,
            _ if is_survey(scope) => inside.group = Group::Survey,
            _ if self.is_battery(e, kind, scope) => return self.battery(e, scope),
            _ => {}
        }
        self.below(e, &inside);
    }

    fn observed(&mut self, e: &'a Element, kind: &'static str, scope: &Scope<'a>) {
        let modifies = e.child("code").and_then(code_of).is_some_and(|c| codes::within("modifier-codes", c));
        match kind {
            "modifier" | "family-observation" => {}
            _ if modifies && scope.depth > 1 => {}
            "adverse-reaction" => self.adverse_reaction(e, scope),
            "allergy" => self.allergy(e, scope),
            "problem" => self.problem(e, scope),
            "procedure" => self.procedure(e, scope),
            _ if scope.in_section("allergy-sections") && e.all("participant").any(|p| p.attr("typeCode") == Some("CSM")) => self.allergy(e, scope),
            "" if scope.in_section("allergy-sections") && manifested(e).is_some() => self.manifested_allergy(e, scope),
            "" if is_problem_by_structure(e, scope) => self.problem(e, scope),
            _ if mood(e) != "EVN" => self.requested(e, kind, scope),
            _ => self.observation(e, kind, scope),
        }
    }
}

/// An observation of class COND; in a problem section, also the observation of a concern act, and one without any template,
/// directly in the section or in an act.
fn is_problem_by_structure(e: &Element, scope: &Scope<'_>) -> bool {
    let coded = stated(e).is_some_and(|v| code_of(v).is_some()) && mood(e) == "EVN";
    let concern = e.child("value").is_some() && scope.concern.is_some_and(|c| c.child("templateId").is_some());
    let bare = e.child("templateId").is_none() && scope.depth == if scope.concern.is_some() { 2 } else { 1 };
    coded && (is_condition(e) || (scope.in_section("problem-sections") && (concern || bare)))
}

fn is_survey(scope: &Scope<'_>) -> bool {
    codes::mapped("observation-category", scope.section) == Some("survey")
}

/// An XD-LAB section (by template) or a laboratory chapter (by code).
fn is_laboratory(section: &Element, code: &str) -> bool {
    let template = |t: &Element| t.attr("root").is_some_and(|r| matches!(r, "1.3.6.1.4.1.19376.1.3.3.2.1" | "1.3.6.1.4.1.19376.1.3.3.2.2"));
    section.all("templateId").any(template) || (codes::within("laboratory-sections", code) && !codes::within("result-sections", code))
}
