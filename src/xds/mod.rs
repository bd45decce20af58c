use crate::fhir::search::SearchValue;
use crate::fhir::{Coding, DocumentEntry, Identifier};
use serde_json::Value;
pub struct ReferenceContext<'a> { pub subject: &'a str, pub url: &'a str, pub size: usize, pub sha1_base64: &'a str, pub entry_uuid: &'a str, pub now: &'a str, pub targets: &'a [(Identifier, Option<String>)] }
pub struct SubmissionContext<'a> { pub subject: &'a str, pub items: &'a [String], pub unique_id: &'a str, pub entry_uuid: &'a str, pub source_id: &'a str, pub now: &'a str, pub structure: &'a str, pub organization: &'a str }
pub fn document_reference(_: &DocumentEntry, _: &ReferenceContext<'_>) -> Value { unimplemented!() }
pub fn submission_set(_: &DocumentEntry, _: &SubmissionContext<'_>) -> Value { unimplemented!() }
pub fn confidentiality_coding(_: &str) -> Coding { unimplemented!() }
pub fn search_values(_: &Value) -> Vec<(String, SearchValue)> { unimplemented!() }
pub fn is_provide_bundle(_: &Value) -> bool { unimplemented!() }
