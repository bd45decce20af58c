//! What only the narrative of a section says: the conclusion of an imaging report.
//! Spec: DICOM PS3.20 §9.5, §10; FHIR R4 DiagnosticReport.

use serde_json::json;

use super::concept::concept;
use super::statement::{Maker, Scope};
use crate::fhir::xml::Element;

/// Longest conclusion kept, in characters.
const CONCLUSION_MAX: usize = 20_000;

impl<'a> Maker<'a> {
    /// The text of a conclusion or result section as a report.
    pub fn conclusion(&mut self, section: &'a Element, scope: &Scope<'a>) {
        if !scope.in_section("conclusion-sections") {
            return;
        }
        let Some(text) = section.child("text").map(Element::plain).filter(|t| t.chars().any(char::is_alphanumeric)) else { return };
        let Some(code) = section.child("code").and_then(|c| concept(c, &self.narrative)) else { return };
        let mut out = self.start("DiagnosticReport", section, scope);
        out.insert("status".into(), json!("final"));
        out.insert("category".into(), json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}]));
        out.insert("code".into(), code);
        out.insert("subject".into(), self.subject());
        out.insert("conclusion".into(), json!(text.chars().take(CONCLUSION_MAX).collect::<String>()));
        self.push(&scope.path, out);
    }
}
