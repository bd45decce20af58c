//! Bytes → the ClinicalDocument element, wherever it stands.
//! Spec: CDA R2 §4.1; ANS CI-SIS «documents auto-présentables» (the document inside an `xsl:stylesheet`).

use crate::fhir::xml::{Element, Limits, parse};
use crate::fhir::{Fault, FaultKind, Result};

/// Namespace of CDA R2.
pub(super) const V3: &str = "urn:hl7-org:v3";

/// A CDA document, read and not judged.
#[derive(Debug, Clone)]
pub struct ClinicalDocument {
    pub(super) root: Element,
}

/// Reads a CDA.
///
/// # Errors
/// `Malformed` when the bytes are not XML or carry a DOCTYPE, `RuleBroken` when no ClinicalDocument is inside.
pub fn read(bytes: &[u8]) -> Result<ClinicalDocument> {
    let root = parse(bytes, &Limits { data: true, ..Limits::default() })?;
    let root = take(root).ok_or_else(|| {
        Fault::new(FaultKind::RuleBroken, 600, "the document is not a CDA: no ClinicalDocument element of namespace urn:hl7-org:v3 was found; send a CDA R2 document")
    })?;
    if root.child("recordTarget").is_none() && root.child("component").is_none() {
        return Err(Fault::new(FaultKind::RuleBroken, 601, "the ClinicalDocument has neither recordTarget nor component (CDA R2 §4.2); send the whole document"));
    }
    Ok(ClinicalDocument { root })
}

fn is_document(e: &Element) -> bool {
    &*e.name == "ClinicalDocument" && &*e.ns == V3
}

/// The document itself, or the first one inside a wrapper (never executed).
fn take(root: Element) -> Option<Element> {
    if is_document(&root) {
        return Some(root);
    }
    root.find(&is_document).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_at_the_root_or_inside_a_stylesheet() {
        let cda = "<ClinicalDocument xmlns='urn:hl7-org:v3'><recordTarget/></ClinicalDocument>";
        assert!(read(cda.as_bytes()).is_ok());
        let wrapped = format!("<x:stylesheet xmlns:x='urn:xsl' version='1.0'><d:Contenu xmlns:d='urn:d'>{cda}</d:Contenu></x:stylesheet>");
        assert_eq!(&*read(wrapped.as_bytes()).unwrap().root.name, "ClinicalDocument");
    }

    #[test]
    fn what_is_no_cda_is_refused() {
        for text in
            ["<a/>", "<ClinicalDocument/>", "<ClinicalDocument xmlns='urn:hl7-org:v3'/>", "<!DOCTYPE a><ClinicalDocument xmlns='urn:hl7-org:v3'><recordTarget/></ClinicalDocument>"]
        {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
