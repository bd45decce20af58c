//! Passerelle.
#![recursion_limit = "256"]
pub mod access;
pub mod fhir;
pub mod store;
