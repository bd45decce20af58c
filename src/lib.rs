//! Passerelle.
pub mod fhir;
