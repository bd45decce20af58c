//! Observations: laboratory results, vital signs, and everything else a section observes.
//! Spec: CDA R2 §4.3.6.1; FHIR R4 Observation.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{code_of, coded, concept, system_within};
use super::datatypes::attribute;
use super::narrative::clean;
use super::problem::{Answer, answer};
use super::statement::{Child, Group, Maker, Scope, children, negated, status};
use super::table;
use super::walk::WRAPPERS;
use crate::fhir::xml::Element;

/// Values of one observation.
const MAX_VALUES: usize = 20;
const UNRELATED: &str = "Le document nie le lien de cet énoncé avec celui dont il dépend. Se reporter au document.";
const LOINC: &str = "2.16.840.1.113883.6.1";

/// What an observation is, which decides its category.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Laboratory,
    Vital,
    Other,
}

impl<'a> Maker<'a> {
    /// One observation and what is below it.
    pub fn observation(&mut self, e: &'a Element, kind: &str, scope: &Scope<'a>) {
        let class = class_of(e, kind, scope);
        if let Some(mut out) = self.observed_resource(e, class, scope, None) {
            if scope.prior {
                older(&mut out);
            }
            self.push(&scope.path, out);
        }
        for child in children(e, WRAPPERS) {
            let reason = matches!(child.wrapper.attr("typeCode"), Some("RSON" | "MFST" | "CAUS" | "XCRPT"));
            let bare = child.e.child("templateId").is_none() && &*child.e.name == "observation";
            if class == Class::Laboratory && bare && !scope.prior && child.wrapper.attr("typeCode") == Some("REFR") {
                self.prior(child.e, e, &scope.below(child.e, &child.step));
            } else if is_detail(&child) {
                self.detail(&child, scope);
            } else if !reason && codes::kind_of(child.e) != "reference" {
                self.visit(&child, scope);
            }
        }
    }

    /// What an observation consists of (the complications that there are, one by one); a relation that is denied is said.
    fn detail(&mut self, child: &Child<'a>, scope: &Scope<'a>) {
        let before = self.resources.len();
        self.visit(child, scope);
        if negated(child.wrapper) && self.resources.len() > before {
            self.warn(&scope.path, "the relation of a statement to the one above is negated; it is kept and marked, read the document");
            for made in self.resources.iter_mut().skip(before).filter_map(|r| r.resource.as_object_mut()) {
                table::put(made, "note[]", json!({"text": UNRELATED}));
            }
        }
    }

    /// The resource of an observation; `None` when it says nothing, is pending, negated in a way R4 cannot say, or not done.
    fn observed_resource(&mut self, e: &Element, class: Class, scope: &Scope<'_>, spare: Option<Value>) -> Option<Map<String, Value>> {
        let code = e.child("code").and_then(|c| concept(c, &self.narrative)).or(spare).or_else(|| self.words(e).map(|w| json!({"text": w})))?;
        let mut out = self.start("Observation", e, scope);
        out.insert("status".into(), json!(codes::mapped("observation-status", status(e)).unwrap_or("unknown")));
        if let Some(category) = self.category(class, scope) {
            out.insert("category".into(), category);
        }
        out.insert("code".into(), code);
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = self.moment(e, scope) {
            out.insert(format!("effective{kind}"), when);
        }
        table::apply("observation", e, &self.narrative, "", &mut out);
        for other in e.all("value").skip(1).take(MAX_VALUES).filter_map(|v| said(&super::value::value(v, &self.narrative)?.1)) {
            table::put(&mut out, "note[]", json!({"text": format!("Autre valeur du document : {other}")}));
        }
        for other in e.all("value").flat_map(|v| v.all("translation")).take(MAX_VALUES).filter_map(translated) {
            table::put(&mut out, "note[]", json!({"text": format!("Autre valeur du document : {other}")}));
        }
        if let (Some(specimen), Class::Laboratory) = (&scope.specimen, class) {
            out.insert("specimen".into(), json!({"reference": format!("path:{specimen}")}));
        }
        if e.child("code").and_then(code_of) == Some("ASSERTION")
            && let Some(asserted) = out.remove("valueCodeableConcept")
        {
            // ActCode ASSERTION: the value is what is observed.
            out.insert("code".into(), asserted);
            out.insert("valueBoolean".into(), json!(true));
        }
        let files = files_of(e, scope);
        if !files.is_empty() {
            out.insert("derivedFrom".into(), json!(files));
        }
        if let Some((coded, said)) = self.contradiction(e) {
            self.warn(&scope.path, "the narrative says the contrary of the coded result; it is kept as preliminary and marked, read the document");
            out.insert("status".into(), json!("preliminary"));
            let text = format!("Énoncé contradictoire : le code du document dit « {coded} », son texte « {said} ». Se reporter au document.");
            table::put(&mut out, "note[]", json!({"text": text}));
        }
        self.judged(e, class, scope, out)
    }

    /// What a coded result answers and what its words do, where one affirms and the other denies.
    fn contradiction(&self, e: &Element) -> Option<(String, String)> {
        let value = e.child("value")?;
        let coded = value.attr("displayName").and_then(clean)?;
        let said = [value.child("originalText"), e.child("text")].into_iter().flatten().find_map(|t| self.narrative.words(t).filter(|w| answer(w).is_some()))?;
        let opposed = matches!((answer(&coded), answer(&said)), (Some(Answer::Yes), Some(Answer::No)) | (Some(Answer::No), Some(Answer::Yes)));
        opposed.then_some((coded, said))
    }

    fn judged(&mut self, e: &Element, class: Class, scope: &Scope<'_>, mut out: Map<String, Value>) -> Option<Map<String, Value>> {
        let valued = out.keys().any(|k| k.starts_with("value"));
        if matches!(status(e), "cancelled" | "aborted") {
            return None;
        }
        if negated(e) {
            if class != Class::Other || !denies(&out) {
                self.warn(&scope.path, "a negated observation is not derived; it stays in the document only");
                return None;
            }
            out.retain(|k, _| !k.starts_with("value"));
            out.insert("valueBoolean".into(), json!(false));
            return Some(out);
        }
        if valued || (class == Class::Laboratory && out.contains_key("interpretation")) {
            return Some(out);
        }
        if class != Class::Other {
            self.warn(&scope.path, "a result without value is pending or unknown; it is not derived");
            return None;
        }
        let words = self.words(e);
        if words.is_none() && out.contains_key("derivedFrom") {
            return Some(out);
        }
        if words.is_none() && is_bare_finding(e) {
            out.insert("valueBoolean".into(), json!(true));
            return Some(out);
        }
        let words = words?;
        let label = out.get("code").and_then(|c| c.get("text")).and_then(Value::as_str).unwrap_or_default();
        if super::narrative::folded(&words) == super::narrative::folded(label) {
            return None;
        }
        out.insert("valueString".into(), json!(words));
        Some(out)
    }

    /// An older result printed again below a newer one.
    fn prior(&mut self, e: &Element, newer: &Element, scope: &Scope<'_>) {
        let test = newer.child("code").and_then(|c| concept(c, &self.narrative));
        let Some(mut out) = self.observed_resource(e, Class::Laboratory, scope, test) else { return };
        older(&mut out);
        self.push(&scope.path, out);
    }

    /// The category of an observation: by its class, else by its section.
    pub fn category(&self, class: Class, scope: &Scope<'_>) -> Option<Value> {
        let code = match class {
            Class::Laboratory => "laboratory",
            Class::Vital => "vital-signs",
            Class::Other => codes::mapped("observation-category", scope.section).filter(|c| *c != "vital-signs")?,
        };
        Some(json!([coded("observation-category", code)]))
    }
}

/// French documents put the parts of an observation under RSON: a simple observation with a value of its own is no reason.
/// Spec: CI-SIS FR-Simple-observation.
fn is_detail(child: &Child<'_>) -> bool {
    child.wrapper.attr("typeCode") == Some("RSON") && codes::kind_of(child.e) == "simple" && child.e.child("value").is_some()
}

/// The files that an observation holds: what it says can stand in them alone.
fn files_of(e: &Element, scope: &Scope<'_>) -> Vec<Value> {
    let wrappers = e.all("entryRelationship").enumerate().filter(|(_, w)| w.child("observationMedia").is_some_and(|m| m.child("value").is_some()));
    wrappers.map(|(index, _)| json!({"reference": format!("path:{}/entryRelationship[{index}]/observationMedia", scope.path)})).collect()
}

/// The same quantity in another unit (PQR): its number and the name of the unit.
fn translated(e: &Element) -> Option<String> {
    let number = attribute(e, "value")?;
    let unit = ["unit", "displayName", "code"].iter().find_map(|n| attribute(e, n));
    Some(unit.map_or_else(|| number.to_owned(), |u| format!("{number} {u}")))
}

/// A value in words.
fn said(value: &Value) -> Option<String> {
    let field = |name: &str| value.get(name).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let number = field("value").map(|n| [field("comparator").unwrap_or_default(), n, field("unit").map(|u| format!(" {u}")).unwrap_or_default()].concat());
    let code = || value.get("coding")?.get(0)?.get("code")?.as_str().map(str::to_owned);
    number.or_else(|| field("text")).or_else(code).or_else(|| value.as_str().map(str::to_owned))
}

/// Marks an older result printed again in a newer report.
pub(super) fn older(out: &mut Map<String, Value>) {
    out.insert("meta".into(), json!({"tag": [{"system": "urn:passerelle:tag", "code": "prior-result", "display": "Résultat antérieur"}]}));
}

/// «Present» (a boolean, or no value at all) can be denied; a measure cannot.
fn denies(out: &Map<String, Value>) -> bool {
    match out.get("valueBoolean") {
        Some(value) => value == &json!(true),
        None => !out.keys().any(|k| k.starts_with("value")),
    }
}

fn class_of(e: &Element, kind: &str, scope: &Scope<'_>) -> Class {
    let survey = codes::mapped("observation-category", scope.section) == Some("survey") || scope.group == Group::Survey;
    match kind {
        "laboratory-observation" => Class::Laboratory,
        "vital-sign" => Class::Vital,
        "result-observation" if !survey && scope.group != Group::Imaging => Class::Laboratory,
        "social-history" => Class::Other,
        _ => match scope.group {
            Group::Laboratory => Class::Laboratory,
            Group::Vitals => Class::Vital,
            Group::None if scope.section == "8716-3" && measured(e) => Class::Vital,
            Group::None if scope.in_section("result-sections") && is_result(e) => Class::Laboratory,
            _ => Class::Other,
        },
    }
}

/// A finding named by its code alone: no template, no value, nothing below that would make it a heading.
fn is_bare_finding(e: &Element) -> bool {
    let clinical = e.child("code").is_some_and(|c| system_within(c, "clinical-terms") || system_within(c, "icd"));
    clinical && ["templateId", "value", "entryRelationship", "component"].iter().all(|n| e.child(n).is_none())
}

/// A LOINC test with a measured value, or a blood group; not a score or a conclusion.
fn is_result(e: &Element) -> bool {
    let Some(code) = e.child("code") else { return false };
    let Some(test) = code_of(code) else { return false };
    let loinc = attribute(code, "codeSystem") == Some(LOINC);
    loinc && !codes::within("survey-results", test) && (measured(e) || codes::within("blood-groups", test))
}

/// Whether the value is a number, an interval of numbers or a ratio.
fn measured(e: &Element) -> bool {
    e.all("value").any(|v| {
        let bounds = ["low", "high"].iter().any(|b| v.child(b).is_some_and(|x| x.attr("value").is_some()));
        let kind = v.attr("type").map(|t| t.rsplit(':').next().unwrap_or(t)).unwrap_or("PQ");
        let ratio = v.child("numerator").is_some_and(|n| n.attr("value").is_some());
        matches!(kind, "PQ" | "REAL" | "INT" | "IVL_PQ") && (v.attr("value").is_some() || bounds) || ratio
    })
}
