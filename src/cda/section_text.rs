//! Sections that say something in words alone: what no fact was taken from, by their code and title, with the beginning of their words.
//! Spec: CDA R2 §4.3.5 Section, §4.3.5.11 Narrative Block.

use super::concept::code_of;
use super::read::ClinicalDocument;
use super::statement::foreign;
use super::{DerivedResource, path_anchor};
use crate::fhir::SectionText;
use crate::fhir::xml::Element;

/// Sections of a document.
const MAX_TEXTS: usize = 60;
/// Sections below sections.
const MAX_DEPTH: usize = 16;

/// The sections of a document whose words no resource was taken from, in its order.
pub fn section_texts(document: &ClinicalDocument, resources: &[DerivedResource]) -> Vec<SectionText> {
    let mut out = Vec::new();
    for (index, component) in document.root.all("component").enumerate() {
        if let Some(body) = component.child("structuredBody") {
            sections(body, &format!("component[{index}]/structuredBody"), resources, 0, &mut out);
        }
    }
    out.truncate(MAX_TEXTS);
    out
}

fn sections(holder: &Element, above: &str, resources: &[DerivedResource], depth: usize, out: &mut Vec<SectionText>) {
    for (index, component) in holder.all("component").enumerate() {
        let Some(section) = component.child("section").filter(|s| !foreign(s)) else { continue };
        let path = format!("{above}/component[{index}]/section");
        let coded = resources.iter().any(|r| r.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        if let Some(text) = section.child("text").filter(|_| !coded) {
            let code = section.child("code").and_then(code_of).unwrap_or("");
            let title = section.child("title").map(Element::plain).unwrap_or_default();
            out.extend(SectionText::of(path_anchor(&path), code, title, text));
        }
        if depth < MAX_DEPTH && out.len() < MAX_TEXTS {
            sections(section, &path, resources, depth + 1, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{derive, read};
    use super::*;

    #[test]
    fn a_section_whose_words_gave_no_fact_is_told_with_its_place() {
        let allergy = "<section><code code='48765-2'/><title>Allergies</title><text><table><tr><td>pénicilline</td><td>(choc en 2003)</td></tr><tr><td>latex</td></tr></table></text></section>";
        let problem = "<section><code code='11450-4'/><text>HTA</text><entry><observation classCode='COND' moodCode='EVN'><code code='282291009'/><value code='I10' codeSystem='2.16.840.1.113883.6.3' displayName='HTA'/></observation></entry></section>";
        let empty = "<section><code code='11348-0'/><text> - </text></section>";
        let relative = "<section><code code='10157-6'/><subject><relatedSubject/></subject><text>Mère : diabète</text></section>";
        let body: String = [allergy, problem, empty, relative].map(|s| format!("<component>{s}</component>")).concat();
        let cda = format!("<ClinicalDocument xmlns='urn:hl7-org:v3'><component><structuredBody>{body}</structuredBody></component></ClinicalDocument>");
        let document = read(cda.as_bytes()).unwrap();
        let derived = derive(&document, "DocumentReference/d", "Patient/p");
        let found = section_texts(&document, &derived.resources);
        assert_eq!(found.len(), 1, "{found:?}");
        let one = &found[0];
        assert_eq!((one.code.as_str(), one.title.as_str(), one.words.as_str()), ("48765-2", "Allergies", "pénicilline (choc en 2003) ; latex"));
        assert_eq!(one.anchor, path_anchor("component[0]/structuredBody/component[0]/section"));
    }
}
