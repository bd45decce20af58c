//! Document sharing without I/O: DocumentReference, SubmissionSet and Folder made, understood, checked, indexed and changed.
//!
//! Direction of `DocumentReference.date`: PDSm reads it as the creation of the reference, PDSM4DMP as the creation of the
//! document, MHD leaves it unmapped. What this server makes follows PDSm (the moment of the deposit); the creation of the
//! document is always `content.attachment.creation`, the submission time always `List.date`.
//! Spec: IHE MHD 4.2 (ITI-65, ITI-66, ITI-67, ITI-105), PDSm 3.1.1, PDSM4DMP 0.1.0.

mod apply;
mod authors;
mod bundle_parts;
mod change;
mod check;
mod confidentiality;
mod contained;
mod content;
mod document_bundle;
mod entry;
mod index_rows;
mod json;
mod patch;
mod patch_fhirpath;
mod patch_json;
mod people;
mod provide_bundle;
mod reference;
mod relations;
mod rules;
#[cfg(test)]
mod sample;
mod search_rows;
mod signature;
mod steps;
mod subject;
mod submission;
mod submission_rules;
mod submission_set;
mod uris;

pub use apply::{apply_metadata, is_archived, label_codes};
pub use bundle_parts::{Part, PatientPart, Superseded};
pub use change::{Change, LabelChange};
pub use check::{check_folder, check_reference, check_submission_set};
pub use confidentiality::confidentiality_coding;
pub use content::{binary_content, check_content};
pub use document_bundle::{entry_of_document, statements_of_document};
pub use entry::entry_of_reference;
pub use patch::metadata_patch;
pub use provide_bundle::{is_provide_bundle, is_submission_set};
pub use reference::{ReferenceContext, document_reference};
pub use relations::{Relation, relations};
pub use search_rows::search_values;
pub use signature::{SIGNATURE_BYTES, begins_as_declared};
pub use submission::{Document, Submission, submission};
pub use submission_set::{SubmissionContext, submission_set};
