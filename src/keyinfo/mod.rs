use serde_json::Value;
pub struct Source { pub document_reference: String, pub title: String, pub author: String, pub structure: String, pub date: String, pub type_display: String }
pub struct Fact { pub resource: Value, pub source: Option<usize>, pub full_url: String }
pub struct SummaryInput<'a> { pub patient: &'a Value, pub facts: &'a [Fact], pub sources: &'a [Source], pub base_url: &'a str, pub now: &'a str, pub new_id: &'a mut dyn FnMut() -> String }
pub fn summary(_: &mut SummaryInput<'_>) -> Value { unimplemented!() }
pub fn french_text(_: &Value, _: usize) -> String { unimplemented!() }
