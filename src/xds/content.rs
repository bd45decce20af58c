//! The bytes of a document against what its DocumentReference says of them.
//! Spec: IHE MHD 4.2 attachment.hash, attachment.size; IHE ITI TF-3 §4.2.3.2.10 (hash).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::json::{node, text};
use crate::fhir::{Fault, FaultKind, Issue, IssueType, Result};

/// The bytes of base64 `data`, whitespace ignored, none for an empty Binary.
///
/// # Errors
/// `BadValue` (700) when it is not base64.
pub fn binary_content(binary: &Value) -> Result<Vec<u8>> {
    let data = binary.get("data").and_then(Value::as_str).unwrap_or_default();
    let decoded =
        if data.bytes().any(|b| b.is_ascii_whitespace()) { STANDARD.decode(data.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>()) } else { STANDARD.decode(data) };
    decoded.map_err(|e| Fault::new(FaultKind::BadValue, 700, "data is not base64: FHIR R4 base64Binary").at("data").because(e))
}

/// Size and hash of the attachment, where given, against the bytes. A contradiction is an error in every mode.
/// `at` is the FHIRPath of the DocumentReference.
pub fn check_content(reference: &Value, content: &[u8], at: &str) -> Vec<Issue> {
    let at = if at.is_empty() { "DocumentReference" } else { at };
    let place = |name: &str| format!("{at}.content[0].attachment.{name}");
    let mut issues = Vec::new();
    let Some(attachment) = node(reference, "content.attachment") else { return issues };
    if let Some(size) = attachment.get("size")
        && size.as_u64() != u64::try_from(content.len()).ok()
    {
        issues.push(Issue::error(IssueType::Value, place("size"), "size is not the number of bytes of the document: IHE MHD attachment.size"));
    }
    if let Some(hash) = text(attachment, "hash")
        && hash != STANDARD.encode(Sha1::digest(content))
    {
        issues.push(Issue::error(IssueType::Value, place("hash"), "hash is not the base64 of the SHA-1 of the document: IHE MHD attachment.hash"));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_size_or_hash_is_an_error_and_absent_ones_are_not() {
        let reference = |attachment: Value| json!({"content": [{"attachment": attachment}]});
        let right = json!({"size": 11, "hash": "Ck1VqNd45QIvq3AZd8XYQLvEhtA="});
        assert!(check_content(&reference(right), b"Hello World", "").is_empty());
        assert!(check_content(&reference(json!({"url": "x"})), b"Hello World", "").is_empty());
        let wrong = check_content(&reference(json!({"size": 12, "hash": "AAAA"})), b"Hello World", "Bundle.entry[1].resource");
        assert_eq!(wrong.len(), 2);
        assert_eq!(wrong[0].expression.as_deref(), Some("Bundle.entry[1].resource.content[0].attachment.size"));
    }

    #[test]
    fn data_may_be_broken_into_lines() {
        assert_eq!(binary_content(&json!({"data": "SGVs\nbG8="})).unwrap(), b"Hello");
        assert!(binary_content(&json!({"data": "*"})).is_err());
        assert!(binary_content(&json!({})).unwrap().is_empty());
    }
}
