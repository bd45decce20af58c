//! CDA bytes → header metadata and FHIR resources, driven by the tables of `fhir-profiles/cda-maps`.
//!
//! [`read`] gives the tree, [`header`] the metadata of the document, [`derive`] the statements of its body. Nothing is
//! invented: a statement that names nobody else, is not negated and is coded or worded becomes a resource; the rest stays in
//! the document and is told as a warning.
//! Spec: HL7 CDA R2; ANS CI-SIS Volet Modèles de Contenus CDA; IHE PCC, PaLM XD-LAB; eHDSI; C-CDA R2.1.

mod allergy;
mod check;
mod codes;
mod codesystems;
mod concept;
mod concept_map;
mod coverage;
mod datatypes;
mod dispense;
mod dosage;
mod header;
mod imaging;
mod immunization;
mod laboratory;
mod maps;
mod media;
mod medication;
mod narrative;
mod observation;
mod other;
mod path;
mod problem;
mod procedure;
mod reaction;
mod read;
mod render;
mod report;
mod section_text;
mod statement;
mod table;
mod transform;
mod value;
mod walk;
mod when;

#[cfg(test)]
mod fidelity_tests;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::fhir::Issue;

pub use check::{Finding, check};
pub use concept_map::concept_maps;
pub use coverage::{Coverage, Left, Why, coverage};
pub use header::header;
pub use maps::{add_maps, mapping_version};
pub use media::FILE;
pub use read::{ClinicalDocument, read};
pub use render::{Attachment, File, Heading, MAX_FILES, Rendered, attachment, attachment_within, files, fragment_anchor, path_anchor, render, words, xhtml};
pub use section_text::section_texts;
pub use table::unexercised;

/// A resource made from one statement of the document, without `id`.
#[derive(Debug, Clone)]
pub struct DerivedResource {
    /// Where the statement stands: `component[0]/structuredBody/component[2]/section/entry[1]/act/…`; stable for the document.
    pub path: String,
    /// The resource; its references to other derived resources are `path:<their path>`.
    pub resource: Value,
}

/// What a document says, and what could not be taken from it.
#[derive(Debug, Clone, Default)]
pub struct Derived {
    pub resources: Vec<DerivedResource>,
    pub warnings: Vec<Issue>,
}

/// Derives the resources of a document's body.
///
/// `document_reference` and `patient_reference` (`DocumentReference/…`, `Patient/…`) are written as they are given. Order is
/// that of the document. The same bytes give the same result.
/// Spec: CDA R2 §4.3; ANS CI-SIS Volet Modèles de Contenus CDA.
pub fn derive(document: &ClinicalDocument, document_reference: &str, patient_reference: &str) -> Derived {
    walk::derive(document, document_reference, patient_reference)
}
