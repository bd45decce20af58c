//! The SubmissionSet that the server makes for a deposit that came without one.
//! Spec: PDSm 3.1.1 pdsm-submissionset-comprehensive; IHE MHD 4.2 SubmissionSet mapping; ITI-105 expected actions.

use serde_json::{Map, Value, json};

use super::contained::Contained;
use super::json::{concept, identifier, put};
use super::reference::{claimed, entry_uuid, reference, typed};
use super::{check, uris};
use crate::fhir::classification::canonical_system;
use crate::fhir::{Coding, DocumentEntry, Identifier};

/// Systems a contentTypeCode may come from. Spec: PDSm 3.1.1 designationType (JDV_J03-XdsContentTypeCode-CISIS).
const CONTENT_TYPES: &[&str] = &[
    "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite",
    "https://mos.esante.gouv.fr/NOS/TRE_A00-ProducteurDocNonPS/FHIR/TRE-A00-ProducteurDocNonPS",
    "urn:oid:1.2.250.1.71.4.2.4",
    "urn:oid:1.2.250.1.213.1.1.4.6",
];

/// What only the server knows about the submission.
#[derive(Debug, Clone, Copy)]
pub struct SubmissionContext<'a> {
    /// `Patient/id`
    pub subject: &'a str,
    /// `DocumentReference/id` …
    pub items: &'a [String],
    /// `urn:oid:…`
    pub unique_id: &'a str,
    /// `urn:uuid:…`
    pub entry_uuid: &'a str,
    /// `urn:oid:…` of the system that submits.
    pub source_id: &'a str,
    /// FHIR instant: the submission time.
    pub now: &'a str,
    /// Struct_IdNat of the caller.
    pub structure: &'a str,
    /// Name of the caller's organisation.
    pub organization: &'a str,
}

/// The SubmissionSet of a deposit. Its source is the structure that deposits, not the author of the document; its
/// designationType is the activity sector of the document's facility, left out when the document gives none.
/// Spec: PDSm 3.1.1 pdsm-submissionset-comprehensive.
pub fn submission_set(entry: &DocumentEntry, context: &SubmissionContext<'_>) -> Value {
    let mut contained = Contained::default();
    let source = source(&mut contained, context);
    let mut out = Map::new();
    out.insert("resourceType".into(), json!("List"));
    put(&mut out, "contained", contained.into_value());
    put(&mut out, "extension", extensions(entry, context));
    put(&mut out, "identifier", identifiers(context));
    put(&mut out, "status", "current");
    put(&mut out, "mode", "working");
    put(&mut out, "code", json!({"coding": [{"system": uris::LIST_TYPES, "code": "submissionset"}]}));
    put(&mut out, "subject", reference(context.subject));
    put(&mut out, "date", context.now);
    put(&mut out, "source", source);
    put(&mut out, "entry", context.items.iter().map(|item| json!({"item": {"reference": item}})).collect::<Vec<_>>());
    claimed(Value::Object(out), uris::SET_PROFILE, check::check_submission_set)
}

fn extensions(entry: &DocumentEntry, context: &SubmissionContext<'_>) -> Vec<Value> {
    let mut out = Vec::new();
    let source_id = identifier(&Identifier { system: Some(uris::URI.to_owned()), value: context.source_id.to_owned() });
    if !source_id.is_null() {
        out.push(json!({"url": uris::SOURCE_ID, "valueIdentifier": source_id}));
    }
    if let Some(sector) = entry.facility_type.as_ref().filter(|c| is_content_type(c)) {
        out.push(json!({"url": uris::DESIGNATION_TYPE, "valueCodeableConcept": concept(sector)}));
    }
    out
}

fn is_content_type(coding: &Coding) -> bool {
    let system = coding.system.as_deref().map(canonical_system);
    !coding.code.is_empty() && system.is_some_and(|s| CONTENT_TYPES.iter().any(|t| canonical_system(t) == s))
}

fn identifiers(context: &SubmissionContext<'_>) -> Vec<Value> {
    let unique = identifier(&Identifier { system: Some(uris::URI.to_owned()), value: context.unique_id.to_owned() });
    let unique = typed("uniqueId", "usual", unique);
    std::iter::once(unique).filter(|u| !u.is_null()).chain(entry_uuid(context.entry_uuid)).collect()
}

/// A PractitionerRole of nobody in particular in the caller's organisation, and that organisation as authorOrg.
fn source(contained: &mut Contained, context: &SubmissionContext<'_>) -> Value {
    let id = identifier(&Identifier { system: Some(uris::STRUCT_IDNAT.to_owned()), value: context.structure.to_owned() });
    let mut organization = Map::new();
    organization.insert("resourceType".into(), json!("Organization"));
    organization.insert("id".into(), json!("o"));
    put(&mut organization, "identifier", if id.is_null() { Vec::new() } else { vec![id] });
    put(&mut organization, "name", context.organization);
    if organization.len() == 2 {
        return Value::Null;
    }
    let role = json!({"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#o"}});
    contained.group("source", &[role, Value::Object(organization)]);
    json!({
        "extension": [{"url": uris::AUTHOR_ORG, "valueReference": {"reference": "#source-2"}}],
        "reference": "#source"
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn made(entry: &DocumentEntry, structure: &str) -> Value {
        let items = ["DocumentReference/d1".to_owned()];
        submission_set(
            entry,
            &SubmissionContext {
                subject: "Patient/p1",
                items: &items,
                unique_id: "urn:oid:2.25.1",
                entry_uuid: "urn:uuid:00000000-0000-4000-8000-000000000002",
                source_id: "urn:oid:2.25.2",
                now: "2026-11-25T08:00:00.000Z",
                structure,
                organization: "",
            },
        )
    }

    #[test]
    fn a_submission_set_with_everything_keeps_its_profile() {
        let list = made(&sample::entry(), "1750000018");
        assert_eq!(check::check_submission_set(&list, "", true), []);
        assert!(list.pointer("/meta/profile/0").is_some());
        assert_eq!(list.pointer("/source/reference"), Some(&json!("#source")));
    }

    #[test]
    fn an_unknown_sector_or_structure_is_not_invented() {
        let list = made(&DocumentEntry { facility_type: None, ..sample::entry() }, "");
        assert_eq!((list.get("meta"), list.get("source"), list.get("contained")), (None, None, None));
        assert_eq!(list["extension"].as_array().map(Vec::len), Some(1));
    }
}
