//! Devices, relatives' illnesses and encounters.
//! Spec: IHE PCC 4.14, 4.15, CCD Supply Activity; FHIR R4 DeviceUseStatement, FamilyMemberHistory, Encounter.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{absent, code_of, concept, labelled, placeholder};
use super::datatypes::{coding_value, identifier, time_of};
use super::narrative::clean;
use super::path::{first, select};
use super::statement::{Maker, Scope, children, mood, negated, not_done, status};
use super::when;
use super::when::bounds;
use crate::fhir::xml::Element;

const DEVICE: &str = "participant/participantRole/playingDevice";

impl<'a> Maker<'a> {
    /// A supply: a device worn or asked for, or a drug dispensed.
    pub fn supply(&mut self, e: &'a Element, scope: &Scope<'a>) {
        if first(e, DEVICE).is_some() {
            self.device(e, scope);
            self.below(e, scope);
            self.settings(e, scope);
        } else if mood(e) == "EVN" && e.child("product").is_some() {
            self.dispense(e, scope);
        }
    }

    /// French documents put what was measured on a device (settings, controls) under RSON: these simple observations are no reasons.
    /// Spec: CI-SIS FR-Dispositif-medical, FR-Simple-observation.
    fn settings(&mut self, e: &'a Element, scope: &Scope<'a>) {
        for child in children(e, &["entryRelationship"]) {
            if child.wrapper.attr("typeCode") == Some("RSON") && codes::kind_of(child.e) == "simple" && child.e.child("value").is_some() {
                self.visit(&child, scope);
            }
        }
    }

    fn device(&mut self, e: &Element, scope: &Scope<'_>) {
        let Some(device) = first(e, DEVICE) else { return };
        let code = device.child("code");
        if code.is_some_and(|c| absent(c).is_some() || placeholder(c)) || not_done(e) {
            return;
        }
        let name = device.child("manufacturerModelName").and_then(|n| clean(&n.plain()));
        let Some(named) = code.and_then(|c| labelled(c, &self.narrative, name.clone(), self.words(e))).or_else(|| name.map(|n| json!({"text": n}))) else { return };
        if mood(e) != "EVN" {
            return self.device_request(e, named, scope);
        }
        let mut thing = Map::new();
        thing.insert("resourceType".into(), json!("Device"));
        thing.insert("id".into(), json!("device"));
        let ids: Vec<Value> = select(e, "participant/participantRole/id").into_iter().filter_map(identifier).collect();
        if !ids.is_empty() {
            thing.insert("identifier".into(), json!(ids));
        }
        thing.insert("type".into(), named);
        thing.insert("patient".into(), self.subject());
        let mut out = self.start("DeviceUseStatement", e, scope);
        out.insert("contained".into(), json!([thing]));
        let (start, end) = when::clinical_time(e).map(bounds).unwrap_or_default();
        let end = end.filter(|end| start.as_ref() != Some(end));
        out.insert("status".into(), json!(if end.is_some() { "completed" } else { "active" }));
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = when::moment(e) {
            out.insert(format!("timing{kind}"), when);
        }
        out.insert("device".into(), json!({"reference": "#device"}));
        drop(e.child("targetSiteCode").and_then(|c| concept(c, &self.narrative)).map(|c| out.insert("bodySite".into(), c)));
        self.comments(e, &mut out);
        self.push(&scope.path, out);
    }

    fn device_request(&mut self, e: &Element, named: Value, scope: &Scope<'_>) {
        let mut out = self.start("DeviceRequest", e, scope);
        out.insert("status".into(), json!("active"));
        out.insert("intent".into(), json!(codes::mapped("intent", mood(e)).unwrap_or("order")));
        out.insert("codeCodeableConcept".into(), named);
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = when::moment(e) {
            out.insert(format!("occurrence{kind}"), when);
        }
        self.comments(e, &mut out);
        self.push(&scope.path, out);
    }

    fn comments(&self, e: &Element, out: &mut Map<String, Value>) {
        let notes: Vec<Value> = select(e, "entryRelationship/act[48767-8]/text").into_iter().filter_map(|t| self.narrative.words(t)).map(|t| json!({"text": t})).collect();
        if !notes.is_empty() {
            out.insert("note".into(), json!(notes));
        }
    }

    /// What a relative has or had.
    pub fn family(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let relative = first(e, "subject/relatedSubject");
        let conditions: Vec<Value> = children(e, &["component"]).into_iter().filter_map(|c| self.relative_condition(c.e, scope)).collect();
        if conditions.is_empty() {
            return;
        }
        let mut out = self.start("FamilyMemberHistory", e, scope);
        out.insert("status".into(), json!("completed"));
        out.insert("patient".into(), self.subject());
        let relation = relative.and_then(|r| r.child("code")).and_then(|c| {
            let spare = code_of(c).and_then(|k| codes::worded("relationship", k)).map(str::to_owned);
            labelled(c, &self.narrative, None, spare)
        });
        out.insert("relationship".into(), relation.unwrap_or_else(|| json!({"text": "lien de parenté non précisé"})));
        let sex = first(e, "subject/relatedSubject/subject/administrativeGenderCode").and_then(code_of).and_then(|c| match c {
            "M" => Some("male"),
            "F" => Some("female"),
            _ => None,
        });
        drop(sex.map(|s| out.insert("sex".into(), json!({"coding": [{"system": "http://hl7.org/fhir/administrative-gender", "code": s}]}))));
        out.insert("condition".into(), json!(conditions));
        self.push(&scope.path, out);
    }

    fn relative_condition(&mut self, e: &Element, scope: &Scope<'_>) -> Option<Value> {
        let value = e.child("value")?;
        if not_done(e) || negated(e) || absent(value).is_some() || placeholder(value) {
            return None;
        }
        let many = self.relatives(e);
        if many == Some(0) {
            self.warn(&scope.path, "a disease that no relative has (a count of 0) is no family history; it stays in the document only");
            return None;
        }
        let mut out = Map::new();
        out.insert("code".into(), concept(value, &self.narrative)?);
        let when = e.child("effectiveTime").and_then(|t| time_of(t).or_else(|| bounds(t).0));
        drop(when.map(|w| out.insert("onsetString".into(), json!(w))));
        drop(many.map(|n| out.insert("note".into(), json!([{"text": format!("Nombre de personnes : {n}")}]))));
        Some(Value::Object(out))
    }

    /// How many relatives have it: some documents count them in the words of the interpretation.
    /// Spec: CI-SIS FR-Antecedent-familial-observe in CANCER-D2LM-FIN.
    fn relatives(&self, e: &Element) -> Option<u32> {
        self.narrative.words(e.at("interpretationCode/originalText")?)?.parse().ok()
    }

    /// A visit or a stay, past or planned.
    pub fn encounter(&mut self, e: &Element, scope: &Scope<'_>) {
        let code = e.child("code");
        if e.attr("nullFlavor").is_some() || not_done(e) || code.is_some_and(|c| absent(c).is_some() || placeholder(c)) {
            return;
        }
        let named = code.and_then(|c| concept(c, &self.narrative)).or_else(|| self.words(e).map(|w| json!({"text": w})));
        let Some(named) = named else { return };
        if self.disputed(e) {
            return self.dispute(e, named, scope);
        }
        let class = code.and_then(coding_value).filter(|c| c.get("system").and_then(Value::as_str) == Some("http://terminology.hl7.org/CodeSystem/v3-ActCode"));
        let mut out = self.start("Encounter", e, scope);
        let planned = mood(e) != "EVN";
        out.insert(
            "status".into(),
            json!(if planned {
                "planned"
            } else if status(e) == "active" {
                "in-progress"
            } else {
                "finished"
            }),
        );
        out.insert("class".into(), class.unwrap_or_else(|| json!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"})));
        // What the visit is for stands in its words: its code is often no more than «ambulatory».
        let words = self.words(e).filter(|w| named.get("text").and_then(Value::as_str) != Some(w));
        out.insert("type".into(), json!([named]));
        out.insert("subject".into(), self.subject());
        out.extend(words.map(|w| ("reasonCode".to_owned(), json!([{"text": w}]))));
        out.extend(e.child("priorityCode").and_then(|c| concept(c, &self.narrative)).map(|c| ("priority".to_owned(), c)));
        match when::moment(e) {
            Some(("DateTime", when)) => drop(out.insert("period".into(), json!({"start": when}))),
            Some((_, when)) => drop(out.insert("period".into(), when)),
            None => {}
        }
        self.push(&scope.path, out);
    }
}
