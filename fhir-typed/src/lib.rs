//! The fixed R4 shapes that the server itself writes, built with the typed model of `fhirbolt`.
//!
//! This is the one crate that names `fhirbolt`. Its serialisers are generic, and whoever calls them compiles all 146 resource
//! types: so nothing here is generic, input is plain strings and output is JSON bytes. Nothing is read with it (its reader
//! panics on empty arrays) and its XML is never used.
//!
//! What comes out is always a resource that holds the structural rules of R4: absent texts and empty lists are left out, an
//! unknown code is replaced or left out as each function says, and no input makes a function panic.

mod capability;
mod capability_input;
mod outcome;
mod text;
mod write;

pub use capability::{capability_statement, capability_statement_with};
pub use capability_input::{CapabilityExtra, CapabilityInput, Operation, ResourceCapability, ResourceExtra, SearchParam};
pub use outcome::{OutcomeIssue, operation_outcome};

#[cfg(test)]
mod capability_tests;
#[cfg(test)]
mod testing;
