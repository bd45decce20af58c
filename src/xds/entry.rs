//! The DocumentEntry of a DocumentReference that a client made: what ITI-65 and ITI-105 store beside the client's own bytes.
//! Spec: IHE MHD 4.2 DocumentEntry mapping.

use serde_json::Value;

use super::confidentiality::{confidentiality_coding, label};
use super::json::{items, node, read_coding, read_concept, read_identifier, text};
use super::people::reached;
use super::relations::relations;
use super::uris;
use crate::fhir::{Coding, DocumentEntry, Identifier, RelatedIdentifier, Replacement};

/// Authors of one document that are read.
const MAX_AUTHORS: usize = 64;

/// The metadata of a client's DocumentReference. People come from its contained resources; relations are those whose target
/// is named by identifier (see [`super::relations()`] for those by reference).
pub fn entry_of_reference(reference: &Value) -> DocumentEntry {
    let own = |path: &str| text(reference, path).map(str::to_owned);
    DocumentEntry {
        unique_id: unique_id(reference),
        type_code: reference.get("type").and_then(read_concept),
        class_code: items(reference, "category").iter().find_map(read_concept),
        format_code: node(reference, "content.format").and_then(read_coding),
        title: own("content.attachment.title"),
        creation: own("content.attachment.creation"),
        confidentiality: confidentiality(reference),
        language: own("content.attachment.language"),
        mime: own("content.attachment.contentType").unwrap_or_default(),
        service_start: own("context.period.start"),
        service_end: own("context.period.end"),
        events: node(reference, "context").map(|c| items(c, "event").iter().filter_map(read_concept).collect()).unwrap_or_default(),
        facility_type: node(reference, "context.facilityType").and_then(read_concept),
        practice_setting: node(reference, "context.practiceSetting").and_then(read_concept),
        patient: node(reference, "context.sourcePatientInfo").and_then(|p| alone(reference, p, "Patient")),
        authors: items(reference, "author").iter().take(MAX_AUTHORS).map(|a| group(reference, a)).filter(|g| !g.is_empty()).collect(),
        legal_authenticator: reference.get("authenticator").map(|a| group(reference, a)).filter(|g| !g.is_empty()),
        custodian: reference.get("custodian").and_then(|c| alone(reference, c, "Organization")),
        related: related(reference),
        relates_to: relations(reference).into_iter().filter_map(|r| Some(Replacement { code: r.code.to_owned(), target: r.identifier? })).collect(),
        version_set: None,
    }
}

/// masterIdentifier; a URN without system is of `urn:ietf:rfc:3986`.
fn unique_id(reference: &Value) -> Identifier {
    let mut unique = reference.get("masterIdentifier").and_then(read_identifier).unwrap_or_default();
    if unique.system.is_none() && unique.value.starts_with("urn:") {
        unique.system = Some(uris::URI.to_owned());
    }
    unique
}

/// Every coding of the labels, ours under their canonical system, without repeats.
fn confidentiality(reference: &Value) -> Vec<Coding> {
    let mut out: Vec<Coding> = Vec::new();
    for coding in items(reference, "securityLabel").iter().flat_map(|l| items(l, "coding")).filter_map(read_coding) {
        let coding = if label(&coding.code).is_some() { confidentiality_coding(&coding.code) } else { coding };
        if out.len() < 16 && !out.iter().any(|c| c.code == coding.code && c.system == coding.system) {
            out.push(coding);
        }
    }
    out
}

/// The contained resources a reference leads to; a reference that only names an identifier stands for a resource of its type.
fn group(owner: &Value, reference: &Value) -> Vec<Value> {
    let found: Vec<Value> = reached(owner, reference).into_iter().cloned().collect();
    if !found.is_empty() {
        return found;
    }
    let (Some(kind), Some(identifier)) = (text(reference, "type"), reference.get("identifier")) else { return Vec::new() };
    vec![serde_json::json!({"resourceType": kind, "identifier": [identifier]})]
}

/// The contained resource a reference leads to, without its id.
fn alone(owner: &Value, reference: &Value, kind: &str) -> Option<Value> {
    let mut one = group(owner, reference).into_iter().next().filter(|r| text(r, "resourceType") == Some(kind))?;
    one.as_object_mut()?.shift_remove("id");
    Some(one)
}

fn related(reference: &Value) -> Vec<RelatedIdentifier> {
    let all = node(reference, "context").map(|c| items(c, "related")).unwrap_or_default();
    let one = |r: &Value| {
        let identifier = r.get("identifier")?;
        let kind = node(identifier, "type").and_then(read_concept).map(|c| c.code);
        Some(RelatedIdentifier { kind, identifier: read_identifier(identifier)? })
    };
    all.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_that_are_only_named_or_elsewhere_are_not_invented() {
        let reference = json!({"masterIdentifier": {"value": "urn:oid:1.2"}, "author": [
            {"reference": "Practitioner/1"}, {"display": "Dr X"}, {"reference": "#none"},
            {"type": "Practitioner", "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810000000019"}}]});
        let entry = entry_of_reference(&reference);
        assert_eq!(entry.authors, [[json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810000000019"}]})]]);
        assert_eq!(entry.unique_id.system.as_deref(), Some(uris::URI));
        assert_eq!((entry.patient, entry.custodian, entry.legal_authenticator), (None, None, None));
    }

    #[test]
    fn labels_of_another_spelling_are_canonical_and_come_once() {
        let reference = json!({"securityLabel": [
            {"coding": [{"system": "urn:oid:2.16.840.1.113883.5.25", "code": "N"}, {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]},
            {"coding": [{"system": "urn:x", "code": "LOCAL"}]}]});
        let codes: Vec<String> = entry_of_reference(&reference).confidentiality.into_iter().map(|c| c.code).collect();
        assert_eq!(codes, ["N", "LOCAL"]);
    }
}
