//! Vaccinations → Immunization; recommended ones → ImmunizationRecommendation.
//! Spec: IHE PCC 1.3.6.1.4.1.19376.1.5.3.1.4.12 and .12.2; FHIR R4 Immunization.

use serde_json::{Map, Value, json};

use super::concept::{absent, absent_concept, code_of, concept, placeholder};
use super::datatypes::time_of;
use super::medication::material_of;
use super::path::{first, select};
use super::statement::{Maker, Scope, mood, negated, not_done, status};
use super::when::bounds;
use super::{table, when};
use crate::fhir::xml::Element;

/// A number in `@value` (INT, PQ), else in the text (ST).
fn said(e: &Element) -> Option<String> {
    let text = e.attr("value").map(str::to_owned).unwrap_or_else(|| e.plain());
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

impl<'a> Maker<'a> {
    /// A vaccination done or refused, or the statement that none is known.
    pub fn immunization(&mut self, e: &'a Element, scope: &Scope<'a>) {
        if !matches!(mood(e), "EVN") {
            return self.recommendation(e, scope);
        }
        let material = material_of(e);
        let said: Vec<&Element> = e.child("code").into_iter().chain(material.and_then(|m| m.child("code"))).collect();
        let none = said.iter().find_map(|c| Some((absent(c)?, *c))).or_else(|| said.iter().find(|c| placeholder(c)).map(|c| ("no-known-immunizations", *c)));
        let none = none.map(|(code, c)| (if code.ends_with("-info") { "no-immunization-info" } else { "no-known-immunizations" }, c));
        let product = match none {
            Some((code, said)) => Some(absent_concept(code, Some(said), &self.narrative)),
            None => material.and_then(|m| self.product(m, self.words(e))),
        };
        let Some(product) = product else {
            return self.warn(&scope.path, "a vaccination names no vaccine; it stays in the document only");
        };
        if none.is_none() && !negated(e) && self.disputed(e) {
            return self.dispute(e, product, scope);
        }
        let mut out = self.start("Immunization", e, scope);
        let missed = none.is_some() || not_done(e);
        let state = if missed {
            "not-done"
        } else if status(e) == "nullified" {
            "entered-in-error"
        } else {
            "completed"
        };
        out.insert("status".into(), json!(state));
        out.insert("vaccineCode".into(), product);
        out.insert("patient".into(), self.subject());
        self.occurrence(e, &mut out);
        table::apply("immunization", e, &self.narrative, state, &mut out);
        if out.get("manufacturer").is_some_and(|m| m.get("display").is_none()) {
            out.remove("manufacturer");
        }
        if none.is_none() {
            self.protocol(e, &mut out);
            self.reactions(e, &mut out);
        }
        self.flag(e, scope, &mut out);
        self.push(&scope.path, out);
    }

    fn occurrence(&self, e: &Element, out: &mut Map<String, Value>) {
        let when = when::clinical_time(e).and_then(|t| time_of(t).or_else(|| bounds(t).0));
        match when {
            Some(when) => out.insert("occurrenceDateTime".into(), json!(when)),
            None => out.insert("occurrenceString".into(), json!("inconnue")),
        };
    }

    fn protocol(&self, e: &Element, out: &mut Map<String, Value>) {
        let mut protocol = Map::new();
        let series = e.child("code").filter(|c| matches!(code_of(c), Some("INITIMMUNIZ" | "BOOSTER"))).and_then(|c| concept(c, &self.narrative));
        drop(series.and_then(|s| s.get("text").cloned()).map(|s| protocol.insert("series".into(), s)));
        let diseases: Vec<Value> = select(e, "participant[IND]/participantRole/code")
            .into_iter()
            .chain(select(e, "participant[IND]/participantRole/playingEntity/code"))
            .filter_map(|c| concept(c, &self.narrative))
            .collect();
        if !diseases.is_empty() {
            protocol.insert("targetDisease".into(), json!(diseases));
        }
        let rank = first(e, "entryRelationship/observation[30973-2]/value").or_else(|| first(e, "repeatNumber")).and_then(said);
        let rank = rank.as_deref();
        match rank.map(|r| (r, r.parse::<u32>())) {
            Some((_, Ok(n))) if n > 0 => drop(protocol.insert("doseNumberPositiveInt".into(), json!(n))),
            Some((raw, _)) if raw != "0" => drop(protocol.insert("doseNumberString".into(), json!(raw))),
            // doseNumber[x] is required in protocolApplied.
            _ if !protocol.is_empty() => drop(protocol.insert("doseNumberString".into(), json!("inconnu"))),
            _ => {}
        }
        if !protocol.is_empty() {
            out.insert("protocolApplied".into(), json!([protocol]));
        }
    }

    /// Reactions are observations of their own, contained because nothing else names them.
    fn reactions(&self, e: &Element, out: &mut Map<String, Value>) {
        let mut contained = Vec::new();
        let mut reactions = Vec::new();
        for (index, observation) in select(e, "entryRelationship[CAUS]/observation").into_iter().enumerate() {
            let Some(named) = observation.child("value").and_then(|v| concept(v, &self.narrative)) else { continue };
            let id = format!("reaction-{index}");
            contained.push(json!({"resourceType": "Observation", "id": id, "status": "final", "code": named, "subject": self.subject()}));
            let mut reaction = Map::new();
            let when = observation.child("effectiveTime").and_then(|t| time_of(t).or_else(|| bounds(t).0));
            drop(when.map(|w| reaction.insert("date".into(), json!(w))));
            reaction.insert("detail".into(), json!({"reference": format!("#{id}")}));
            reactions.push(Value::Object(reaction));
        }
        if !contained.is_empty() {
            out.insert("contained".into(), json!(contained));
            out.insert("reaction".into(), json!(reactions));
        }
    }

    /// A vaccine to give; nothing when none is named.
    pub fn recommendation(&mut self, e: &Element, scope: &Scope<'_>) {
        let Some(material) = material_of(e) else { return };
        let said: Vec<&Element> = e.child("code").into_iter().chain(material.child("code")).collect();
        if said.iter().any(|c| absent(c).is_some() || placeholder(c)) || not_done(e) {
            return;
        }
        let words = self.words(e).filter(|w| !super::narrative::folded(w).starts_with("aucun"));
        let (Some(product), Some(created)) = (self.product(material, words), self.created.clone()) else { return };
        let mut out = self.start("ImmunizationRecommendation", e, scope);
        out.insert("patient".into(), self.subject());
        out.insert("date".into(), json!(created));
        let system = "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status";
        let mut one = json!({"vaccineCode": [product], "forecastStatus": {"coding": [{"system": system, "code": "due"}]}});
        let by = when::clinical_time(e).and_then(|t| time_of(t).or_else(|| bounds(t).0));
        if let (Some(by), Some(members)) = (by, one.as_object_mut()) {
            let kind = json!({"coding": [{"system": "http://loinc.org", "code": "30980-7"}]});
            members.insert("dateCriterion".into(), json!([{"code": kind, "value": by}]));
        }
        out.insert("recommendation".into(), json!([one]));
        self.push(&scope.path, out);
    }
}
