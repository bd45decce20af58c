//! Caller × the patient's choices × document → what may be seen. One condition, one place: every read, search, include,
//! total, summary and Binary goes through the [`Visibility`] made here, applied inside the query by `store`.
//!
//! The rules it holds now are few and fail closed; the policy is `open`: any valid certificate reads and writes.
//! A document labelled MASQUE_PS is absent for every structure but its authors'; deleted documents are absent for all.
//!
//! The decision of the enforced policy is [`record_right`] and [`document_right`]; what it knows of professions, rules, roles,
//! feeding and structures are the tables of fhir-profiles/access-matrix, each row with its source and confidence.

mod confidence;
mod decision;
mod explain;
mod feeding;
pub mod labels;
mod matrix;
mod matrix_table;
pub mod roles;
mod rule;
mod scope;
mod structures;
#[cfg(test)]
mod tests;
mod visibility;

pub use confidence::Confidence;
pub use decision::{Decision, DocumentFacts, RecordFacts, RecordRight, document_right, record_right};
pub use explain::explain;
pub use feeding::{FeedingRow, Situation, feeding};
pub use matrix::{Cell, Matrix, Readable};
pub use roles::may;
pub use rule::{Rule, RuleRow};
pub use structures::Structures;
pub use visibility::Visibility;
