//! FHIR XML ⇄ FHIR JSON, both from the element table; nothing is added and nothing dropped but comments, processing
//! instructions and `xsi:schemaLocation`.
//!
//! Numbers keep their digits, the narrative its text, attributes and white space. What the table does not know is refused with
//! its path: the codec says nothing of cardinality or values, that is `r4::check`.
//! Spec: FHIR R4 xml, json, narrative.

mod read;
mod write;
mod xhtml;

use super::r4::Path;
use super::xml::Limits;
use super::{Fault, FaultKind, Result, gate, xml};

/// The namespace of every FHIR element.
pub const FHIR_NS: &str = "http://hl7.org/fhir";
/// The namespace of the narrative.
pub const XHTML_NS: &str = "http://www.w3.org/1999/xhtml";
/// Twice the depth of the JSON gate, since XML adds a level around each resource and the narrative has its own.
const LIMITS: Limits = Limits { depth: 128, attributes: 64, name_bytes: 256, nodes: 2_000_000 };

/// A JSON resource as an XML document in UTF-8, elements in the order of the definition.
///
/// # Errors
/// What the gate refuses; `Malformed` for unknown or misplaced elements; `BadValue` for what XML cannot carry.
/// Spec: FHIR R4 xml.
pub fn to_xml(json: &[u8]) -> Result<Vec<u8>> {
    let node = gate::parse(json)?;
    let mut out = String::with_capacity(json.len() + json.len() / 4);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    write::resource(&node, &mut out)?;
    Ok(out.into_bytes())
}

/// An XML document as a JSON resource, `resourceType` first, then as in the document.
///
/// # Errors
/// `Malformed` for what is no well-formed XML or no FHIR, with its path; `BadValue` for what JSON cannot carry.
/// Spec: FHIR R4 json.
pub fn to_json(document: &[u8]) -> Result<Vec<u8>> {
    let root = xml::parse(document, &LIMITS)?;
    let mut out = String::with_capacity(document.len());
    read::resource(&root, &mut out)?;
    Ok(out.into_bytes())
}

fn refuse(number: u16, path: &Path<'_>, what: &str) -> Fault {
    Fault::new(FaultKind::Malformed, number, what).at(path.spell())
}

fn bad_value(number: u16, path: &Path<'_>, what: &str) -> Fault {
    Fault::new(FaultKind::BadValue, number, what).at(path.spell())
}
