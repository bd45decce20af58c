//! Small resources that the tests of this room share.

use serde_json::{Value, json};

use super::reference::{ReferenceContext, document_reference};
use crate::fhir::{Coding, DocumentEntry, Identifier, RelatedIdentifier, Replacement};

pub(super) fn coding(system: &str, code: &str) -> Coding {
    Coding { system: Some(system.into()), code: code.into(), display: None }
}

fn author(family: &str) -> Vec<Value> {
    vec![
        json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}, "organization": {"reference": "#o"}}),
        json!({"resourceType": "Practitioner", "id": "p", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810000000019"}], "name": [{"family": family, "given": ["Zoé"]}]}),
        json!({"resourceType": "Organization", "id": "o", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750000018"}], "name": "Maison de santé"}),
    ]
}

/// Metadata with everything the comprehensive profile asks.
pub(super) fn entry() -> DocumentEntry {
    DocumentEntry {
        unique_id: Identifier { system: Some("urn:ietf:rfc:3986".into()), value: "urn:oid:1.2.3.4.5".into() },
        type_code: Some(coding("http://loinc.org", "11488-4")),
        class_code: Some(coding("https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "10")),
        format_code: Some(coding("https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode", "urn:ihe:iti:xds-sd:pdf:2008")),
        title: Some("Consultation".into()),
        creation: Some("2026-11-20T10:00:00+01:00".into()),
        confidentiality: vec![coding("urn:oid:2.16.840.1.113883.5.25", "N")],
        language: Some("fr-FR".into()),
        mime: "application/pdf".into(),
        service_start: Some("2026-11-20T09:30:00+01:00".into()),
        service_end: None,
        events: vec![coding("urn:oid:1.2.250.1.213.2.5", "ABCD001")],
        facility_type: Some(coding("https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA07")),
        practice_setting: Some(coding("https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "AMBULATOIRE")),
        patient: Some(json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "1"}]})),
        authors: vec![author("Martin"), author("Nguyên")],
        legal_authenticator: Some(author("Martin")),
        custodian: Some(json!({"resourceType": "Organization", "name": "Maison de santé"})),
        related: vec![RelatedIdentifier {
            kind: Some("urn:ihe:iti:xds:2013:accession".into()),
            identifier: Identifier { system: Some("urn:oid:1.2.9".into()), value: "A1".into() },
        }],
        relates_to: vec![Replacement { code: "replaces".into(), target: Identifier { system: Some("urn:ietf:rfc:3986".into()), value: "urn:oid:1.2.3.4.4".into() } }],
        version_set: None,
    }
}

/// The DocumentReference of an entry.
pub(super) fn reference_of(entry: &DocumentEntry, targets: &[(Identifier, Option<String>)]) -> Value {
    let context = ReferenceContext {
        subject: "Patient/p1",
        url: "https://example.org/fhir/Binary/b1",
        size: 11,
        sha1_base64: "Ck1VqNd45QIvq3AZd8XYQLvEhtA=",
        entry_uuid: "urn:uuid:00000000-0000-4000-8000-000000000001",
        now: "2026-11-25T08:00:00.000Z",
        targets,
    };
    document_reference(entry, &context)
}

/// A Provide Document Bundle of one document that keeps every rule.
pub(super) fn bundle() -> Value {
    let mut document = reference_of(&DocumentEntry { relates_to: Vec::new(), ..entry() }, &[]);
    document["content"][0]["attachment"]["url"] = json!("urn:uuid:00000000-0000-4000-8000-00000000000c");
    document["content"][0]["attachment"]["contentType"] = json!("text/plain");
    let list = json!({
        "resourceType": "List",
        "meta": {"profile": ["https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-submissionset-comprehensive"]},
        "contained": [{"resourceType": "PractitionerRole", "id": "s"}],
        "extension": [
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}},
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType", "valueCodeableConcept": {"coding": [{"system": "urn:oid:1.2.250.1.71.4.2.4", "code": "SA07"}]}}
        ],
        "identifier": [{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4.6"}],
        "status": "current", "mode": "working",
        "code": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}]},
        "subject": {"reference": "Patient/p1"}, "date": "2026-11-25T08:00:00Z", "source": {"reference": "#s"},
        "entry": [{"item": {"reference": "urn:uuid:00000000-0000-4000-8000-00000000000b"}}]
    });
    json!({
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-00000000000a", "resource": list, "request": {"method": "POST", "url": "List"}},
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-00000000000b", "resource": document, "request": {"method": "POST", "url": "DocumentReference"}},
            {"fullUrl": "urn:uuid:00000000-0000-4000-8000-00000000000c", "resource": {"resourceType": "Binary", "contentType": "text/plain", "data": "SGVsbG8gV29ybGQ="}, "request": {"method": "POST", "url": "Binary"}}
        ]
    })
}
