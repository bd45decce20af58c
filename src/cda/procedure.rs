//! Acts done or asked for → Procedure, ServiceRequest, CarePlan, Goal.
//! Spec: IHE PCC 1.3.6.1.4.1.19376.1.5.3.1.4.19; FHIR R4 Procedure, ServiceRequest.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{absent, absent_concept, code_of, concept, denies, is_answer, placeholder, system_within, void};
use super::narrative::folded;
use super::path::select;
use super::statement::{Maker, Scope, mood, negated, not_done, status};
use super::{table, value, when};
use crate::fhir::xml::Element;

/// Diagnoses of one act's code.
const MAX_CAUSES: usize = 32;
/// Where the reasons of an act stand.
const REASONS: [&str; 2] = ["entryRelationship[RSON]/observation/value", "entryRelationship[RSON]/act/code"];

impl<'a> Maker<'a> {
    /// An act done (EVN) or asked for (any other mood).
    pub fn procedure(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let Some(code) = e.child("code") else { return };
        if let Some(none) = absent(code) {
            return self.no_procedure(e, scope, none, code);
        }
        if placeholder(code) || code_of(code).is_some_and(|c| c == scope.section || c == "30954-2") {
            return;
        }
        if code_of(code).is_some_and(void) && code.attr("displayName").is_none() {
            return self.warn(&scope.path, "an act names nothing but a nullFlavor as its code; it stays in the document only");
        }
        let (named, heading) = self.act_code(code);
        let Some(mut named) = named.or_else(|| self.worded_act(e, code)) else { return };
        if let Some(members) = named.as_object_mut().filter(|m| !m.contains_key("text")) {
            drop(self.words_of_bare_act(e, code).map(|w| members.insert("text".into(), json!(w))));
        }
        if !negated(e) && self.disputed(e) {
            return self.dispute(e, named, scope);
        }
        let resource = if mood(e) == "EVN" { "Procedure" } else { "ServiceRequest" };
        let mut out = self.start(resource, e, scope);
        out.insert("status".into(), json!(act_status(e, resource)));
        if resource == "ServiceRequest" {
            out.insert("intent".into(), json!(codes::mapped("intent", mood(e)).unwrap_or("order")));
            if negated(e) {
                out.insert("doNotPerform".into(), json!(true));
            }
        }
        if let Some(heading) = heading {
            let one = resource == "Procedure";
            out.insert("category".into(), if one { heading } else { json!([heading]) });
        }
        out.insert("code".into(), named);
        out.insert("subject".into(), self.subject());
        let field = if resource == "Procedure" { "performed" } else { "occurrence" };
        if let Some((kind, when)) = when::moment(e) {
            out.insert(format!("{field}{kind}"), when);
        }
        for cause in code.all("qualifier").take(MAX_CAUSES).filter_map(|q| q.child("value")).filter(|v| system_within(v, "icd")).filter_map(|v| concept(v, &self.narrative)) {
            table::put(&mut out, "reasonCode[]", cause);
        }
        table::apply("procedure", e, &self.narrative, resource, &mut out);
        self.flag(e, scope, &mut out);
        self.push(&scope.path, out);
    }

    /// The act and its heading: the act can stand in the qualifier of a generic code.
    fn act_code(&self, code: &Element) -> (Option<Value>, Option<Value>) {
        let own = concept(code, &self.narrative);
        let qualified = code.all("qualifier").find(|q| !is_modifier(q)).and_then(|q| q.child("value")).filter(|v| code_of(v).is_some() && !system_within(v, "icd"));
        match qualified.and_then(|v| concept(v, &self.narrative)) {
            Some(act) => (Some(act), own),
            None => (own, None),
        }
    }

    /// An act that only the narrative names: without code, but not «not applicable», and not a denial.
    fn worded_act(&self, e: &Element, code: &Element) -> Option<Value> {
        let open = code_of(code).is_none() && code.attr("nullFlavor") != Some("NA");
        let words = self.words(e).filter(|w| open && !void(w) && !denies(w) && !is_answer(w))?;
        Some(json!({"text": words}))
    }

    /// What an act is called whose code has no name: the words of the statement, unless they are those of its reason, else the kind of
    /// act (HL7 v3 ActCode SURG).
    fn words_of_bare_act(&self, e: &Element, code: &Element) -> Option<String> {
        let reasons: Vec<String> = REASONS.iter().flat_map(|p| select(e, p)).filter_map(|r| concept(r, &self.narrative)?.get("text")?.as_str().map(folded)).collect();
        let says_act = |w: &String| !void(w) && !denies(w) && !is_answer(w) && !reasons.iter().any(|r| r.starts_with(&folded(w)) || folded(w).starts_with(r));
        self.words(e).filter(says_act).or_else(|| code_of(code).and_then(|c| codes::worded("act-kind", c)).map(str::to_owned))
    }

    fn no_procedure(&mut self, e: &Element, scope: &Scope<'_>, code: &str, said: &Element) {
        let mut out = self.start("Procedure", e, scope);
        out.insert("status".into(), json!("unknown"));
        out.insert("code".into(), absent_concept(code, Some(said), &self.narrative));
        out.insert("subject".into(), self.subject());
        self.push(&scope.path, out);
    }

    /// An observation that was not made: an imaging request, another exam to do, a goal.
    pub fn requested(&mut self, e: &'a Element, kind: &str, scope: &Scope<'a>) {
        let modality = e.child("code").is_some_and(|c| system_within(c, "modality"));
        match mood(e) {
            "INT" | "RQO" | "PRP" if kind == "imaging-request" || modality => self.procedure(e, scope),
            "GOL" => self.goal(e, scope),
            "INT" | "RQO" | "PRP" | "ARQ" | "PRMS" => self.planned_exam(e, scope),
            _ => {}
        }
    }

    fn goal(&mut self, e: &Element, scope: &Scope<'_>) {
        let Some(code) = e.child("code").and_then(|c| concept(c, &self.narrative)) else { return };
        let mut out = self.start("Goal", e, scope);
        out.insert("lifecycleStatus".into(), json!(if not_done(e) { "cancelled" } else { "proposed" }));
        out.insert("description".into(), code.clone());
        out.insert("subject".into(), self.subject());
        let mut target = Map::new();
        if let Some((kind, aim)) = e
            .child("value")
            .and_then(|v| value::value(v, &self.narrative))
            .filter(|(k, _)| matches!(*k, "Quantity" | "Range" | "CodeableConcept" | "String" | "Boolean" | "Integer" | "Ratio"))
        {
            target.insert("measure".into(), code);
            target.insert(format!("detail{kind}"), aim);
        }
        if let Some(("DateTime", Value::String(when))) = when::moment(e) {
            drop(when.get(..when.len().min(10)).map(|d| target.insert("dueDate".into(), json!(d))));
        }
        if !target.is_empty() {
            out.insert("target".into(), json!([target]));
        }
        self.push(&scope.path, out);
    }

    /// An exam or follow-up to do: an activity of a plan.
    fn planned_exam(&mut self, e: &Element, scope: &Scope<'_>) {
        let Some(code) = e.child("code").and_then(|c| concept(c, &self.narrative)) else { return };
        let mut detail = Map::new();
        detail.insert("kind".into(), json!("ServiceRequest"));
        detail.insert("code".into(), code);
        detail.insert("status".into(), json!(if not_done(e) { "cancelled" } else { "not-started" }));
        match when::moment(e) {
            Some(("DateTime", when)) => drop(detail.insert("scheduledPeriod".into(), json!({"start": when}))),
            Some((_, when)) => drop(detail.insert("scheduledPeriod".into(), when)),
            None => {}
        }
        drop(self.words(e).map(|w| detail.insert("description".into(), json!(w))));
        let mut out = self.start("CarePlan", e, scope);
        out.insert("status".into(), json!(act_status(e, "CarePlan")));
        out.insert("intent".into(), json!("plan"));
        out.insert("subject".into(), self.subject());
        out.insert("activity".into(), json!([{"detail": detail}]));
        self.push(&scope.path, out);
    }
}

fn act_status(e: &Element, resource: &str) -> &'static str {
    match resource {
        "Procedure" if not_done(e) => "not-done",
        "Procedure" => codes::mapped("procedure-status", status(e)).unwrap_or("unknown"),
        // A request whose text was completed is still to be carried out.
        _ if status(e) == "completed" => "active",
        _ => codes::mapped("request-status", status(e)).unwrap_or("unknown"),
    }
}

/// Laterality, approach or topography say how or where, not what.
fn is_modifier(qualifier: &Element) -> bool {
    qualifier.child("name").is_some_and(|n| n.attr("code").is_some())
}
