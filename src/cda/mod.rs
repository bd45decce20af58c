//! CDA bytes → header metadata and FHIR resources, by tables.
use crate::fhir::{DocumentEntry, Issue, Result};
use serde_json::Value;
#[derive(Debug, Clone)]
pub struct DerivedResource { pub path: String, pub resource: Value }
pub struct Derived { pub resources: Vec<DerivedResource>, pub warnings: Vec<Issue> }
pub struct ClinicalDocument;
pub fn read(_: &[u8]) -> Result<ClinicalDocument> { unimplemented!() }
pub fn header(_: &ClinicalDocument) -> (DocumentEntry, Vec<Issue>) { unimplemented!() }
pub fn derive(_: &ClinicalDocument, _: &str, _: &str) -> Derived { unimplemented!() }
