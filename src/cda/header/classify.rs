//! Class, format and confidentiality of a document.
//! Spec: NOS ASS_X04, ASS_A11, ASS_A12; JDV_J08-XdsConfidentialityCode-CISIS.

use super::super::datatypes::{attribute, coding};
use super::notes::Notes;
use crate::fhir::Coding;
use crate::fhir::classification::{self, canonical_system};
use crate::fhir::xml::Element;

const LEVEL_OID: &str = "2.16.840.1.113883.5.25";
const VISIBILITY_OID: &str = "1.2.250.1.213.1.1.4.13";
const SNOMED: &str = "http://snomed.info/sct";
/// "Normally accessible", which some documents write for N.
const SNOMED_NORMAL: &str = "17621005";
const FRENCH_MODELS: &str = "1.2.250.1.";

/// The labels and their French names; the flag says N, R, V from the three of visibility.
const LABELS: &[(&str, &str, bool)] = &[
    ("N", "Normal", true),
    ("R", "Restreint", true),
    ("V", "Très restreint", true),
    ("MASQUE_PS", "Masqué aux professionnels de santé", false),
    ("INVISIBLE_PATIENT", "Non visible par le patient", false),
    ("INVISIBLE_REPRESENTANTS_LEGAUX", "Non visible par les représentants légaux du patient", false),
];
/// Levels of v3-Confidentiality below N, which the French value set does not have.
const BELOW_NORMAL: &[&str] = &["U", "L", "M"];

/// The class of a document type.
pub fn class_of(type_code: &Coding) -> Option<Coding> {
    classification::class_of(type_code)
}

/// The format of a document: by the media type of an unstructured body, else by its models, a French one first.
pub fn format_of(document: &Element) -> Option<Coding> {
    if let Some(text) = document.at("component/nonXMLBody/text") {
        return attribute(text, "mediaType").and_then(classification::format_of_mime);
    }
    let formats = |french: bool| {
        let models = document.all("templateId").filter_map(|e| attribute(e, "root"));
        models.filter(|m| m.starts_with(FRENCH_MODELS) == french).find_map(classification::format_of_template)
    };
    formats(true).or_else(|| formats(false))
}

/// Confidentiality labels, without repeats. A code that is none of them is read as restricted, never as normal; a translation into a
/// national system changes nothing.
pub(super) fn confidentiality(document: &Element, notes: &mut Notes) -> Vec<Coding> {
    let mut labels: Vec<Coding> = Vec::new();
    for element in document.all("confidentialityCode").take(super::MAX_REPEATS) {
        let mut found: Vec<Coding> = coding(element).iter().filter_map(label_of).collect();
        found.extend(element.all("translation").take(super::MAX_REPEATS).filter_map(coding).filter_map(|code| label_of(&code)));
        if found.is_empty() && coding(element).is_some() {
            notes.value("ClinicalDocument/confidentialityCode", "the confidentiality is none of N, R, V and the visibility codes: read as R");
            found.extend(label("R"));
        }
        for one in found {
            if !labels.contains(&one) {
                labels.push(one);
            }
        }
    }
    if labels.is_empty() {
        notes.missing("ClinicalDocument/confidentialityCode", "the document has no confidentiality code");
    }
    labels
}

/// The label that a code means, when it is of a system of labels (or of none).
fn label_of(code: &Coding) -> Option<Coding> {
    let system = code.system.as_deref();
    if system == Some(SNOMED) {
        return (code.code == SNOMED_NORMAL).then(|| label("N")).flatten();
    }
    let known = |oid: &str| system.is_none_or(|s| s == canonical_system(oid));
    if BELOW_NORMAL.contains(&code.code.as_str()) && known(LEVEL_OID) {
        return label("N");
    }
    label(&code.code).filter(|found| system.is_none() || found.system.as_deref() == system)
}

fn label(code: &str) -> Option<Coding> {
    let (code, display, level) = LABELS.iter().find(|(c, _, _)| *c == code)?;
    let system = canonical_system(if *level { LEVEL_OID } else { VISIBILITY_OID });
    Some(Coding { system: Some(system), code: (*code).into(), display: Some((*display).into()) })
}
