//! The door of every call: a body in FHIR XML becomes JSON once, here.
//! Spec: FHIR R4 xml, json.

use super::{Call, Method, takes_document};
use crate::fhir::{Fault, FaultKind, Result, xml_codec};

const JSON: &[&str] = &["application/fhir+json", "application/json", "text/json", "application/json+fhir"];
const XML: &[&str] = &["application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir"];

/// Converts and checks the type of the body. What takes documents, `_search` and a Binary in its own type look themselves.
///
/// # Errors
/// `UnsupportedFormat` for a body that is neither FHIR JSON nor FHIR XML, `Malformed` from the XML reader.
pub fn admit(call: &mut Call) -> Result<()> {
    let own = takes_document(&call.path) || call.path.last().is_some_and(|p| p == "_search");
    let raw = call.method == Method::Post && call.path == ["Binary"] && !call.content_type.is_empty() && !call.content_type.contains("fhir");
    if call.body.is_empty() || own || raw {
        return Ok(());
    }
    let kind = call.content_type.as_str();
    let patch = kind == "application/json-patch+json";
    if JSON.contains(&kind) || patch {
        return Ok(());
    }
    if XML.contains(&kind) {
        call.body = xml_codec::to_json(&call.body)?.into();
        call.content_type = "application/fhir+json".into();
        return Ok(());
    }
    Err(Fault::new(FaultKind::UnsupportedFormat, 480, "the body must be application/fhir+json or application/fhir+xml"))
}
