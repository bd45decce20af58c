//! The R4 definitions at work: the element table, and the structural check of a resource against it.
//!
//! Tables: `fhir-profiles/r4/elements.tsv` and `codes.tsv`, made by `fhir-profiles/generator` from the published definitions.
//! Spec: FHIR R4 (4.0.1) structuredefinition, datatypes, json.

mod check;
mod grammar;
mod narrative;
mod path;
mod primitive;
mod table;

pub use check::check;
pub use path::Path;
pub use primitive::{JsonKind, Primitive};
pub use table::{Content, Element, Shape, Table, element, resource_types, table};
