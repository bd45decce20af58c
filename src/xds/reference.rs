//! The DocumentReference that the server makes from the metadata of a document.
//! Spec: PDSm 3.1.1 pdsm-comprehensive-document-reference; IHE MHD 4.2 DocumentEntry mapping.

use serde_json::{Map, Value, json};

use super::authors::People;
use super::json::{coding, concept, identifier, put};
use super::{check, confidentiality, uris};
use crate::fhir::{Coding, DocumentEntry, Identifier, RelatedIdentifier};

/// What only the server knows about the document.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceContext<'a> {
    /// `Patient/id`
    pub subject: &'a str,
    /// Where the bytes can be read.
    pub url: &'a str,
    /// Bytes of the document.
    pub size: usize,
    /// SHA-1 of the bytes, base64.
    pub sha1_base64: &'a str,
    /// `urn:uuid:…`
    pub entry_uuid: &'a str,
    /// FHIR instant of the deposit: the creation of the reference.
    pub now: &'a str,
    /// The targets of `relates_to` and, for the known ones, their `DocumentReference/id`.
    pub targets: &'a [(Identifier, Option<String>)],
}

/// The DocumentReference of a document: what the entry does not know is left out, and the profile is claimed only when
/// everything it asks is there.
/// Spec: PDSm 3.1.1 pdsm-comprehensive-document-reference.
pub fn document_reference(entry: &DocumentEntry, context: &ReferenceContext<'_>) -> Value {
    let people = People::of(entry);
    let mut out = Map::new();
    out.insert("resourceType".into(), json!("DocumentReference"));
    put(&mut out, "contained", people.contained.into_value());
    put(&mut out, "masterIdentifier", unique_id(&entry.unique_id));
    put(&mut out, "identifier", entry_uuid(context.entry_uuid));
    put(&mut out, "status", "current");
    put(&mut out, "type", entry.type_code.as_ref().map(concept));
    put(&mut out, "category", concepts(entry.class_code.as_slice()));
    put(&mut out, "subject", reference(context.subject));
    put(&mut out, "date", context.now);
    put(&mut out, "author", people.authors);
    put(&mut out, "authenticator", people.authenticator);
    put(&mut out, "custodian", people.custodian);
    put(&mut out, "relatesTo", relates_to(entry, context.targets));
    put(&mut out, "securityLabel", security_label(&entry.confidentiality));
    put(&mut out, "content", content(entry, context));
    put(&mut out, "context", act(entry, people.patient));
    claimed(Value::Object(out), uris::REFERENCE_PROFILE, check::check_reference)
}

/// The resource with `meta.profile` when nothing of the profile is missing.
pub(super) fn claimed(value: Value, profile: &str, check: fn(&Value, &str, bool) -> Vec<crate::fhir::Issue>) -> Value {
    if !check(&value, "", true).is_empty() {
        return value;
    }
    let Value::Object(members) = value else { return value };
    let mut out = Map::new();
    for (name, member) in members {
        let first = name == "resourceType";
        out.insert(name, member);
        if first {
            out.insert("meta".into(), json!({"profile": [profile]}));
        }
    }
    Value::Object(out)
}

/// A Reference; null without a target.
pub(super) fn reference(target: &str) -> Value {
    if target.is_empty() { Value::Null } else { json!({"reference": target}) }
}

/// An identifier of one of the MHD types. Spec: IHE MHD 4.2 UniqueIdIdentifier, EntryUUIDIdentifier.
pub(super) fn typed(kind: &str, usage: &str, inner: Value) -> Value {
    let Value::Object(inner) = inner else { return Value::Null };
    let mut out = Map::new();
    put(&mut out, "use", usage);
    put(&mut out, "type", json!({"coding": [{"system": uris::IDENTIFIER_TYPE, "code": kind}]}));
    out.extend(inner);
    Value::Object(out)
}

fn unique_id(unique: &Identifier) -> Value {
    let bare = unique.system.is_none() && unique.value.starts_with("urn:");
    let system = if bare { Some(uris::URI.to_owned()) } else { unique.system.clone() };
    typed("uniqueId", "usual", identifier(&Identifier { system, value: unique.value.clone() }))
}

/// `identifier` of one entryUUID, nothing without one.
pub(super) fn entry_uuid(uuid: &str) -> Vec<Value> {
    let one = typed("entryUUID", "official", identifier(&Identifier { system: Some(uris::URI.to_owned()), value: uuid.to_owned() }));
    if one.is_null() { Vec::new() } else { vec![one] }
}

fn concepts(codings: &[Coding]) -> Vec<Value> {
    codings.iter().map(concept).filter(|c| !c.is_null()).collect()
}

fn relates_to(entry: &DocumentEntry, targets: &[(Identifier, Option<String>)]) -> Vec<Value> {
    let one = |code: &str, target: &Identifier| {
        let known = targets.iter().find(|(i, _)| i == target).and_then(|(_, r)| r.as_deref());
        let target = match known {
            Some(known) => reference(known),
            None => {
                let logical = identifier(target);
                if logical.is_null() { logical } else { json!({"type": "DocumentReference", "identifier": logical}) }
            }
        };
        (!target.is_null() && !code.is_empty()).then(|| json!({"code": code, "target": target}))
    };
    entry.relates_to.iter().filter_map(|r| one(&r.code, &r.target)).collect()
}

/// One concept per label of the set; codes that are no label are kept behind them.
fn security_label(given: &[Coding]) -> Vec<Value> {
    if given.is_empty() {
        return Vec::new();
    }
    let set = confidentiality::set(given.iter().map(|c| c.code.as_str()));
    let mut out: Vec<Value> = set.iter().map(|code| concept(&confidentiality::confidentiality_coding(code))).collect();
    out.extend(given.iter().filter(|c| confidentiality::label(&c.code).is_none()).map(concept).filter(|c| !c.is_null()));
    out
}

fn content(entry: &DocumentEntry, context: &ReferenceContext<'_>) -> Vec<Value> {
    let mut attachment = Map::new();
    put(&mut attachment, "contentType", entry.mime.as_str());
    put(&mut attachment, "language", entry.language.as_deref());
    put(&mut attachment, "url", context.url);
    put(&mut attachment, "size", context.size);
    put(&mut attachment, "hash", context.sha1_base64);
    put(&mut attachment, "title", entry.title.as_deref());
    put(&mut attachment, "creation", entry.creation.as_deref());
    let mut out = Map::new();
    put(&mut out, "attachment", attachment);
    put(&mut out, "format", entry.format_code.as_ref().map(coding));
    vec![Value::Object(out)]
}

fn act(entry: &DocumentEntry, patient: Option<Value>) -> Map<String, Value> {
    let mut period = Map::new();
    put(&mut period, "start", entry.service_start.as_deref());
    put(&mut period, "end", entry.service_end.as_deref());
    let mut out = Map::new();
    put(&mut out, "event", concepts(&entry.events));
    put(&mut out, "period", period);
    put(&mut out, "facilityType", entry.facility_type.as_ref().map(concept));
    put(&mut out, "practiceSetting", entry.practice_setting.as_ref().map(concept));
    put(&mut out, "sourcePatientInfo", patient);
    put(&mut out, "related", entry.related.iter().filter_map(related).collect::<Vec<_>>());
    out
}

/// Spec: PDSm 3.1.1 context.related (referenceIdList).
fn related(related: &RelatedIdentifier) -> Option<Value> {
    let Value::Object(inner) = identifier(&related.identifier) else { return None };
    let mut out = Map::new();
    if let Some(kind) = related.kind.as_deref().filter(|k| !k.is_empty()) {
        put(&mut out, "type", json!({"coding": [{"system": uris::URI, "code": kind}]}));
    }
    out.extend(inner);
    Some(json!({"identifier": out}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::entry::entry_of_reference;
    use super::super::json::node;
    use super::super::sample::{coding, entry, reference_of};
    use crate::fhir::DocumentEntry;

    #[test]
    fn complete_metadata_claims_the_profile_and_comes_back_as_it_was() {
        let made = reference_of(&entry(), &[]);
        assert_eq!(super::super::check_reference(&made, "", true), []);
        assert!(made.pointer("/meta/profile/0").is_some());
        let back = entry_of_reference(&made);
        let told = entry();
        assert_eq!((back.unique_id, back.relates_to, back.related, back.events), (told.unique_id, told.relates_to, told.related, told.events));
        assert_eq!((back.patient, back.custodian, back.authors.len()), (told.patient, told.custodian, 2));
        assert_eq!(back.authors[0].len(), 3);
    }

    #[test]
    fn what_is_unknown_is_left_out_and_the_profile_not_claimed() {
        let entry = DocumentEntry { unique_id: entry().unique_id, mime: "application/xml".into(), title: Some(String::new()), ..DocumentEntry::default() };
        let made = reference_of(&entry, &[]);
        assert_eq!(made.get("meta"), None);
        let text = made.to_string();
        assert!(!text.contains("\"\"") && !text.contains("[]") && !text.contains("{}") && !text.contains("null"), "{text}");
    }

    #[test]
    fn labels_are_one_level_and_visibility_under_canonical_systems() {
        let entry = DocumentEntry { confidentiality: vec![coding("urn:oid:1.2.250.1.213.1.1.4.13", "MASQUE_PS"), coding("urn:oid:2.16.840.1.113883.5.25", "N")], ..entry() };
        let labels = reference_of(&entry, &[])["securityLabel"].clone();
        assert_eq!((labels.as_array().map(Vec::len), node(&labels[0], "coding.code"), node(&labels[1], "coding.code")), (Some(2), Some(&json!("N")), Some(&json!("MASQUE_PS"))));
    }

    #[test]
    fn a_known_target_is_referenced_and_an_unknown_one_named_by_its_identifier() {
        let target = entry().relates_to[0].target.clone();
        let known = reference_of(&entry(), &[(target, Some("DocumentReference/d1".into()))]);
        assert_eq!(known.pointer("/relatesTo/0/target"), Some(&json!({"reference": "DocumentReference/d1"})));
        let unknown = reference_of(&entry(), &[]);
        assert_eq!(unknown.pointer("/relatesTo/0/target/identifier/value"), Some(&json!("urn:oid:1.2.3.4.4")));
    }

    #[test]
    fn the_date_of_the_reference_is_that_of_the_deposit() {
        let made = reference_of(&entry(), &[]);
        assert_eq!((&made["date"], &made["content"][0]["attachment"]["creation"]), (&json!("2026-11-25T08:00:00.000Z"), &json!("2026-11-20T10:00:00+01:00")));
    }

    #[test]
    fn the_same_person_as_author_and_authenticator_is_contained_once() {
        let made = reference_of(&entry(), &[]);
        assert_eq!(made["authenticator"]["reference"], made["author"][0]["reference"]);
        assert_eq!(made["contained"].as_array().map(Vec::len), Some(8));
    }
}
