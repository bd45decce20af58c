//! A drug handed over → MedicationDispense.
//! Spec: IHE PHARM DIS 1.3.6.1.4.1.19376.1.9.1.3.4; FHIR R4 MedicationDispense.

use serde_json::{Value, json};

use super::codes;
use super::concept::{code_of, concept};
use super::datatypes::{quantity, time_of};
use super::dosage;
use super::medication::material_of;
use super::path::{first, select};
use super::statement::{Maker, Scope, not_done, status};
use super::transform::actor;
use crate::fhir::xml::Element;

/// HL7 substanceAdminSubstitution.
const SUBSTITUTION: &str = "2.16.840.1.113883.5.1070";

impl<'a> Maker<'a> {
    /// A drug handed over.
    pub fn dispense(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let Some(material) = material_of(e) else { return };
        let Some(product) = self.product(material, self.words(e)) else {
            return self.warn(&scope.path, "a dispense names no product; it stays in the document only");
        };
        let mut out = self.start("MedicationDispense", e, scope);
        self.extend(Some(material), &mut out);
        let state = if not_done(e) { "cancelled" } else { codes::mapped("dispense-status", status(e)).unwrap_or("unknown") };
        out.insert("status".into(), json!(state));
        out.insert("medicationCodeableConcept".into(), product);
        out.insert("subject".into(), self.subject());
        if let Some(who) = first(e, "performer/assignedEntity").or_else(|| first(e, "author/assignedAuthor")).and_then(actor) {
            out.insert("performer".into(), json!([{"actor": who}]));
        }
        drop(e.child("quantity").and_then(quantity).map(|q| out.insert("quantity".into(), q)));
        let handed = e.child("effectiveTime").and_then(time_of).or_else(|| first(e, "performer/time").and_then(time_of));
        drop(handed.map(|t| out.insert("whenHandedOver".into(), json!(t))));
        let notes: Vec<Value> = select(e, "entryRelationship/act/text").into_iter().filter_map(|t| self.narrative.words(t)).map(|t| json!({"text": t})).collect();
        if !notes.is_empty() {
            out.insert("note".into(), json!(notes));
        }
        let directions: Vec<Value> = select(e, "entryRelationship[COMP]/substanceAdministration").into_iter().flat_map(|s| dosage::dosages(s, &self.narrative)).collect();
        if !directions.is_empty() {
            out.insert("dosageInstruction".into(), json!(directions));
        }
        let swapped = select(e, "entryRelationship[COMP]/act/code").into_iter().find(|c| c.attr("codeSystem") == Some(SUBSTITUTION));
        if let Some(kind) = swapped.and_then(|c| concept(c, &self.narrative)) {
            let was = swapped.and_then(code_of) != Some("N");
            out.insert("substitution".into(), json!({"wasSubstituted": was, "type": kind}));
        }
        self.push(&scope.path, out);
    }
}
