//! Allergy observation → AllergyIntolerance.
//! Spec: IHE PCC 1.3.6.1.4.1.19376.1.5.3.1.4.6; FHIR R4 AllergyIntolerance (ait-1, ait-2).

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{absent, absent_concept, code_of, codes_of, concept, denies, is_answer, mapped_concept, placeholder, void};
use super::datatypes::time_of;
use super::narrative::{Narrative, folded};
use super::path::{first, select};
use super::statement::{Maker, Scope, mood, negated, not_done, status};
use super::table;
use super::when::{bounds, span};
use crate::fhir::xml::Element;

impl<'a> Maker<'a> {
    /// An allergy, or the statement that none is known.
    pub fn allergy(&mut self, e: &'a Element, scope: &Scope<'a>) {
        if mood(e) != "EVN" {
            return;
        }
        let value = e.child("value");
        let agent = first(e, "participant/participantRole/playingEntity/code");
        // C-CDA No Known Allergies: «substance» in general is denied, which names no agent.
        let at_large = negated(e) && agent.is_some_and(|a| codes_of(a).any(|c| codes::within("agents-at-large", c)));
        let named_agent = !at_large && agent.is_some_and(|a| codes_of(a).any(|c| !void(c)) && absent(a).is_none() && !placeholder(a));
        let none = [value, e.child("code"), agent].into_iter().flatten().find_map(|c| Some((absent(c)?, c)));
        if let (Some((code, said)), false) = (none, named_agent) {
            return self.no_allergy(e, scope, code, said);
        }
        if negated(e) && !named_agent && (at_large || !self.words_an_agent(e)) && (value.is_some() || e.child("code").is_some()) {
            return self.no_allergy_of(e, scope, denied_kind([value, e.child("code")]));
        }
        if [value, agent].into_iter().flatten().any(placeholder) {
            return self.no_allergy(e, scope, "no-known-allergies", value.or(agent).unwrap_or(e));
        }
        let mut out = self.start("AllergyIntolerance", e, scope);
        table::apply("allergy-intolerance", e, &self.narrative, "", &mut out);
        if !named_agent {
            let words = out.remove("code").and_then(|c| c.get("text")?.as_str().map(str::to_owned));
            let Some(named) = self.uncoded_agent(e, words) else {
                return self.warn(&scope.path, "an allergy statement names no agent; it stays in the document only");
            };
            out.insert("code".into(), named);
        }
        let named = out.get("code").cloned().unwrap_or_default();
        if self.disputed(e) {
            return self.dispute(e, named, scope);
        }
        if let Some(reaction) = value.filter(|_| none.is_none()).and_then(|v| old_style_reaction(v, &self.narrative)) {
            table::put(&mut out, "reaction[]", reaction);
        }
        out.insert("patient".into(), self.subject());
        self.denied_reactions(e, scope, &mut out);
        self.severity(e, &mut out);
        life(e, scope, &mut out);
        if none.is_some() {
            self.unconfirmed(scope, &mut out);
        }
        self.push(&scope.path, out);
    }

    /// Whether words name the agent: to deny one agent denies no other. The kind of allergy, an answer or a denial name none.
    fn words_an_agent(&self, e: &Element) -> bool {
        let entity = first(e, "participant/participantRole/playingEntity");
        let words = entity.and_then(|p| p.child("name").and_then(|n| self.narrative.words(n)).or_else(|| self.narrative.words(p.at("code/originalText")?)));
        let kinds = [e.child("value"), e.child("code")].into_iter().flatten().filter_map(|k| k.attr("displayName").map(folded));
        words.is_some_and(|w| !void(&w) && !denies(&w) && !is_answer(&w) && kinds.into_iter().all(|k| k != folded(&w)))
    }

    /// An agent named together with «no known allergy»: kept, for safety, but never as confirmed or active.
    fn unconfirmed(&mut self, scope: &Scope<'_>, out: &mut Map<String, Value>) {
        self.warn(&scope.path, "the statement names an agent and says that no allergy is known; it is kept as unconfirmed, read the document");
        drop(mapped_concept("allergy-verification", "unconfirmed", None).map(|c| out.insert("verificationStatus".into(), c)));
        let note = json!({"text": "Énoncé contradictoire : le document nomme un agent et dit qu'aucune allergie n'est connue. Se reporter au document."});
        table::put(out, "note[]", note);
    }

    /// Without coded agent: a coded value that is the allergy itself, else the type of allergy with the words of the narrative.
    /// A type nobody worded, or words that deny, are no allergy.
    fn uncoded_agent(&self, e: &Element, words: Option<String>) -> Option<Value> {
        let value = e.child("value");
        if let (None, Some(value)) = (&words, value.filter(|v| code_of(v).is_some_and(|c| codes::mapped("allergy-type", c).is_none() && c != "420134006" && !void(c)))) {
            return concept(value, &self.narrative);
        }
        let words = words.or_else(|| value.and_then(|v| v.child("originalText")).and_then(|t| self.narrative.words(t))).or_else(|| self.words(e))?;
        let kind = [value, e.child("code")].into_iter().flatten().find(|c| code_of(c).is_some_and(|k| k != "ASSERTION"));
        let kind = kind.and_then(|c| concept(c, &self.narrative));
        let label = kind.as_ref().and_then(|k| k.get("text")).and_then(Value::as_str).map(folded).unwrap_or_default();
        let said = without_code(&words);
        let affirmed = codes::within("answers-yes", &folded(said));
        if denies(said) || void(said) || (!affirmed && folded(said) == label) || (affirmed && kind.is_none()) {
            return None;
        }
        let Some(Value::Object(mut named)) = kind else { return Some(json!({"text": said})) };
        if !affirmed {
            named.insert("text".into(), json!(said));
        }
        Some(Value::Object(named))
    }

    /// A reaction and the allergy it manifests, in that order: CDA R2 before templates.
    /// Spec: CDA R2 ActRelationshipManifestation.
    pub fn manifested_allergy(&mut self, e: &Element, scope: &Scope<'_>) {
        let agent = manifested(e).map(|code| select(code, "qualifier/value").into_iter().find(|v| code_of(v).is_some()).unwrap_or(code));
        let named = agent.filter(|a| absent(a).is_none() && !placeholder(a)).and_then(|a| concept(a, &self.narrative)).filter(|c| c.get("text").is_some());
        let (Some(named), "EVN") = (named, mood(e)) else {
            return self.warn(&scope.path, "an allergy statement names no agent; it stays in the document only");
        };
        let mut out = self.start("AllergyIntolerance", e, scope);
        out.insert("code".into(), named);
        out.insert("patient".into(), self.subject());
        if let Some(seen) = e.child("code").and_then(|c| concept(c, &self.narrative)) {
            out.insert("reaction".into(), json!([{"manifestation": [seen]}]));
        }
        life(e, scope, &mut out);
        self.push(&scope.path, out);
    }

    fn no_allergy(&mut self, e: &Element, scope: &Scope<'_>, code: &str, said: &Element) {
        let mut out = self.start("AllergyIntolerance", e, scope);
        // ait-1 wants a clinical status even here; IPS writes active with its absent-unknown codes.
        drop(mapped_concept("allergy-clinical", "active", None).map(|c| out.insert("clinicalStatus".into(), c)));
        out.insert("code".into(), absent_concept(code, Some(said), &self.narrative));
        out.insert("patient".into(), self.subject());
        self.push(&scope.path, out);
    }

    /// The same, in words of this server: those of the document name the kind of allergy and would read as if there were one.
    fn no_allergy_of(&mut self, e: &Element, scope: &Scope<'_>, code: &str) {
        self.no_allergy(e, scope, code, e);
        let words = codes::worded("absent-words", code);
        let made = self.resources.last_mut().and_then(|r| r.resource.get_mut("code")).and_then(Value::as_object_mut);
        drop(words.zip(made).map(|(words, made)| made.insert("text".into(), json!(words))));
    }

    /// An adverse drug reaction: an event of the past, not an allergy.
    /// Spec: ANS FRAdverseDrugReactionLM → AdverseEvent.
    pub fn adverse_reaction(&mut self, e: &Element, scope: &Scope<'_>) {
        let drug = first(e, "entryRelationship/substanceAdministration/consumable/manufacturedProduct/manufacturedMaterial");
        let event = first(e, "entryRelationship[MFST]/observation/value").and_then(|v| concept(v, &self.narrative));
        let mut out = self.start("AdverseEvent", e, scope);
        out.insert("actuality".into(), json!("actual"));
        drop(event.map(|c| out.insert("event".into(), c)));
        out.insert("subject".into(), self.subject());
        drop(e.child("effectiveTime").and_then(|t| bounds(t).0.or_else(|| time_of(t))).map(|d| out.insert("date".into(), json!(d))));
        if let Some(name) = drug.and_then(|d| self.product_name(d)) {
            out.insert("suspectEntity".into(), json!([{"instance": {"display": name}}]));
        }
        if out.contains_key("event") || out.contains_key("suspectEntity") {
            self.push(&scope.path, out);
        }
    }
}

/// The code of the observation that this one, without template, is a manifestation of (MFST not inverted).
pub(super) fn manifested(e: &Element) -> Option<&Element> {
    let bare = e.child("templateId").is_none();
    let target = e.all("entryRelationship").find(|r| r.attr("typeCode") == Some("MFST") && r.attr("inversionInd") != Some("true"));
    target.filter(|_| bare)?.at("observation/code").filter(|c| code_of(c).is_some())
}

/// What negationInd denies when no agent is named: allergies of the kind that the value or the code says.
fn denied_kind(said: [Option<&Element>; 2]) -> &'static str {
    match said.into_iter().flatten().filter_map(code_of).find_map(|c| codes::mapped("allergy-category", c)) {
        Some("medication") => "no-known-medication-allergies",
        Some("food") => "no-known-food-allergies",
        Some("environment") => "no-known-environmental-allergies",
        _ => "no-known-allergies",
    }
}

/// The words without a code the narrative printed before them.
fn without_code(words: &str) -> &str {
    words.split_once(' ').filter(|(first, _)| first.len() > 5 && first.bytes().all(|b| b.is_ascii_digit())).map_or(words, |(_, rest)| rest)
}

/// Status, certainty and onset.
fn life(e: &Element, scope: &Scope<'_>, out: &mut Map<String, Value>) {
    let stated = |path: &str| first(e, path).and_then(code_of);
    let concern = scope.concern.map(status).filter(|s| *s != "completed");
    let clinical = stated("entryRelationship/observation[33999-4]/value").and_then(|c| codes::mapped("allergy-clinical", c));
    let (start, end) = e.child("effectiveTime").map(span).unwrap_or_default();
    let clinical = clinical.or_else(|| end.as_ref().map(|_| "resolved")).or_else(|| concern.and_then(|c| codes::mapped("allergy-clinical", c))).unwrap_or("active");
    let refuted = not_done(e);
    let certainty = if refuted { Some("refuted") } else { stated("entryRelationship/observation[66455-7]/value").and_then(|c| codes::mapped("allergy-verification", c)) };
    // ait-1 wants a clinical status whatever the certainty; what was denied is inactive.
    let clinical = if refuted { "inactive" } else { clinical };
    drop(mapped_concept("allergy-clinical", clinical, None).map(|c| out.insert("clinicalStatus".into(), c)));
    drop(certainty.and_then(|c| mapped_concept("allergy-verification", c, None)).map(|c| out.insert("verificationStatus".into(), c)));
    match (start, end) {
        (Some(start), Some(end)) => drop(out.insert("onsetPeriod".into(), json!({"start": start, "end": end}))),
        (Some(start), None) => drop(out.insert("onsetDateTime".into(), json!(start))),
        _ => {}
    }
}

/// In older documents the value of the allergy observation is its reaction; in C-CDA it is the type.
fn old_style_reaction(value: &Element, narrative: &Narrative) -> Option<Value> {
    let code = code_of(value)?;
    if ["allergy-type", "allergy-category"].iter().any(|kind| codes::mapped(kind, code).is_some()) {
        return None;
    }
    concept(value, narrative).map(|c| json!({"manifestation": [c]}))
}
