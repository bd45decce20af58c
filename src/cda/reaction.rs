//! What an allergy did: its reactions, and how severe it is.
//! Spec: FHIR R4 AllergyIntolerance.reaction; CI-SIS FR-Allergie-ou-hypersensibilite, FR-Severite.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{code_of, concept, denies, void};
use super::datatypes::time_of;
use super::narrative::{Narrative, folded};
use super::path::select;
use super::problem::{Answer, answer};
use super::statement::{Maker, Scope, negated};
use super::table;
use super::when::bounds;
use crate::fhir::xml::Element;

const REACTIONS: &str = "entryRelationship[MFST]/observation";
const SEVERITY: &str = "entryRelationship/observation[SEV]/value";
/// Letters by which a word of the narrative is one of the label: `Nausées`, `Nausea`.
const STEM: usize = 4;

impl Maker<'_> {
    /// Says which reactions the code denies, whether their words affirm them or not.
    pub fn denied_reactions(&mut self, e: &Element, scope: &Scope<'_>, out: &mut Map<String, Value>) {
        for denied in select(e, REACTIONS).into_iter().filter(|r| negated(r)) {
            let Some(label) = manifestation(denied, &self.narrative).and_then(|m| m.get("text")?.as_str().map(str::to_owned)) else { continue };
            let text = if affirmed(denied, &self.narrative) {
                self.warn(&scope.path, "the narrative affirms a reaction that the coded statement denies; it is kept and marked, read the document");
                format!("Énoncé contradictoire : le code du document nie la réaction « {label} », son texte l'affirme. Se reporter au document.")
            } else {
                self.warn(&scope.path, "a reaction is denied; it is noted and not told as one");
                format!("Le code du document nie la réaction « {label} ». Se reporter au document.")
            };
            table::put(out, "note[]", json!({"text": text}));
        }
    }

    /// The severity that is said of the allergy itself: that of its only reaction, else a note.
    pub fn severity(&self, e: &Element, out: &mut Map<String, Value>) {
        let Some(said) = select(e, SEVERITY).into_iter().find(|v| code_of(v).is_some_and(|c| codes::mapped("criticality", c).is_none())) else { return };
        let mapped = code_of(said).and_then(|c| codes::mapped("reaction-severity", c));
        if let (Some(severity), Some(Value::Array(all))) = (mapped, out.get_mut("reaction"))
            && let [Value::Object(only)] = all.as_mut_slice()
        {
            only.entry("severity").or_insert_with(|| json!(severity));
            return;
        }
        let label = concept(said, &self.narrative).and_then(|c| c.get("text")?.as_str().map(str::to_owned));
        let label = label.or_else(|| mapped.and_then(|c| codes::worded("severity", c)).map(str::to_owned));
        if let Some(label) = label {
            table::put(out, "note[]", json!({"text": format!("Sévérité de l'allergie : {label}")}));
        }
    }
}

/// A reaction observation; a denied one only when its words affirm it (French documents set negationInd by error).
pub(super) fn reaction(e: &Element, narrative: &Narrative) -> Option<Value> {
    if negated(e) && !affirmed(e, narrative) {
        return None;
    }
    let mut out = Map::new();
    out.insert("manifestation".into(), json!([manifestation(e, narrative)?]));
    if let Some(onset) = e.child("effectiveTime").and_then(|t| time_of(t).or_else(|| bounds(t).0)) {
        out.insert("onset".into(), json!(onset));
    }
    let severity = select(e, SEVERITY).into_iter().find_map(|v| codes::mapped("reaction-severity", code_of(v)?));
    drop(severity.map(|s| out.insert("severity".into(), json!(s))));
    Some(Value::Object(out))
}

fn manifestation(e: &Element, narrative: &Narrative) -> Option<Value> {
    e.child("value").and_then(|v| concept(v, narrative)).or_else(|| e.child("text").and_then(|t| narrative.words(t)).map(|t| json!({"text": t})))
}

/// Whether the words that a reaction refers to say that there is one: «oui», or a word of its name.
fn affirmed(e: &Element, narrative: &Narrative) -> bool {
    let named = e.child("value").and_then(|v| v.attr("displayName")).map(folded).unwrap_or_default();
    let stem = |word: &str| word.chars().take(STEM).collect::<String>();
    let names = |words: &str| folded(words).split(' ').any(|w| w.chars().count() >= STEM && named.split(' ').any(|n| n.chars().count() >= STEM && stem(n) == stem(w)));
    let texts = [e.child("text"), e.at("value/originalText")].into_iter().flatten().filter_map(|t| narrative.words(t));
    texts.into_iter().any(|words| answer(&words) == Some(Answer::Yes) || (!denies(&words) && !void(&words) && names(&words)))
}
