//! The index values of a DocumentReference and of a List.
//!
//! A token whose system has several spellings is given twice when it was not sent in the canonical one: as sent, and
//! canonical. `isArchived` is given as `false` for a resource without the extension, as a document never archived is found.
//! Spec: IHE MHD 4.2 ITI-66, ITI-67; PDSm 3.1.1 search parameters; FHIR R4 search.

use serde_json::Value;

use super::apply::is_archived;
use super::index_rows::Rows;
use super::json::{extensions, items, node, text};
use super::uris;
use crate::fhir::search::SearchValue;

/// Authors of one document that are indexed.
const MAX_AUTHORS: usize = 64;

/// The values of every indexed parameter, each once; nothing for another type of resource.
/// Codes are those of `fhir-profiles/registry/parameters.toml`.
pub fn search_values(resource: &Value) -> Vec<(String, SearchValue)> {
    let mut rows = Rows::default();
    match text(resource, "resourceType") {
        Some("DocumentReference") => reference(&mut rows, resource),
        Some("List") => list(&mut rows, resource),
        _ => {}
    }
    rows.out
}

fn reference(rows: &mut Rows, resource: &Value) {
    rows.systems(resource);
    rows.code("status", resource.get("status"));
    rows.concepts("type", resource, "type");
    rows.concepts("category", resource, "category");
    rows.concepts("security-label", resource, "securityLabel");
    rows.date("date", resource.get("date"));
    rows.text("description", resource.get("description"));
    rows.code("isArchived", Some(&Value::Bool(is_archived(resource))));
    for content in items(resource, "content") {
        rows.date("creation", node(content, "attachment.creation"));
        rows.code("contenttype", node(content, "attachment.contentType"));
        rows.code("language", node(content, "attachment.language"));
        rows.concepts("format", content, "format");
    }
    if let Some(context) = resource.get("context") {
        rows.concepts("event", context, "event");
        rows.concepts("facility", context, "facilityType");
        rows.concepts("setting", context, "practiceSetting");
        rows.date("period", context.get("period"));
        rows.date("period-start", node(context, "period.start"));
        rows.date("period-end", node(context, "period.end"));
        for related in items(context, "related") {
            rows.target("related", related);
            // Of a document, the relation may be hidden: its identifier would find it all the same.
            if !names_document(related) {
                rows.identifier("related:identifier", related.get("identifier"));
            }
        }
    }
    for relation in items(resource, "relatesTo") {
        let target = relation.get("target").unwrap_or(&Value::Null);
        rows.target("relatesto", target);
        if text(relation, "code") == Some("replaces") && text(target, "reference").is_none() {
            rows.identifier("relatesto:replaces", target.get("identifier"));
        }
    }
    rows.target("custodian", resource.get("custodian").unwrap_or(&Value::Null));
    for author in items(resource, "author").iter().take(MAX_AUTHORS) {
        rows.person("author", resource, author);
    }
}

/// Whether a reference names a document or its bytes here, whatever identifier it has besides.
fn names_document(reference: &Value) -> bool {
    text(reference, "reference").is_some_and(|r| r.starts_with("DocumentReference/") || r.starts_with("Binary/"))
}

fn list(rows: &mut Rows, resource: &Value) {
    rows.systems(resource);
    rows.code("status", resource.get("status"));
    rows.concepts("code", resource, "code");
    rows.date("date", resource.get("date"));
    rows.text("title", resource.get("title"));
    rows.code("isArchived", Some(&Value::Bool(is_archived(resource))));
    for designation in extensions(resource, uris::DESIGNATION_TYPE) {
        rows.concepts("designationType", designation, "valueCodeableConcept");
    }
    for source in extensions(resource, uris::SOURCE_ID) {
        rows.identifier("sourceId", source.get("valueIdentifier"));
    }
    let source = resource.get("source").unwrap_or(&Value::Null);
    rows.person("source", resource, source);
    // PDSm looks for authorOrg on the List, MHD puts it on List.source.
    for organization in extensions(resource, uris::AUTHOR_ORG).chain(extensions(source, uris::AUTHOR_ORG)) {
        rows.organization("authorOrg", resource, organization.get("valueReference").unwrap_or(&Value::Null));
    }
    for entry in items(resource, "entry") {
        rows.target("item", entry.get("item").unwrap_or(&Value::Null));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::{bundle, entry, reference_of};
    use super::*;

    fn tokens<'a>(rows: &'a [(String, SearchValue)], param: &str) -> Vec<(&'a str, &'a str)> {
        let token = |v: &'a SearchValue| match v {
            SearchValue::Token { system, code } => Some((system.as_str(), code.as_str())),
            _ => None,
        };
        rows.iter().filter(|(p, _)| p == param).filter_map(|(_, v)| token(v)).collect()
    }

    #[test]
    fn every_code_is_one_of_the_registry_and_no_row_comes_twice() {
        let registry: toml::Table = include_str!("../../fhir-profiles/registry/parameters.toml").parse().unwrap();
        let mut all = search_values(&reference_of(&entry(), &[]));
        all.extend(search_values(&bundle()["entry"][0]["resource"]));
        for (i, (code, value)) in all.iter().enumerate() {
            let row = registry["parameter"].as_array().unwrap().iter().find(|p| p["code"].as_str() == Some(code));
            assert!(row.is_some(), "{code}");
            let same_list = all.iter().take(i).any(|(c, v)| c == code && v == value);
            assert!(!same_list || matches!(code.as_str(), "status" | "isArchived" | "identifier:system"), "{code} {value:?}");
        }
    }

    #[test]
    fn a_system_sent_under_its_oid_is_found_under_its_canonical_too() {
        let resource = json!({"resourceType": "DocumentReference", "category": [{"coding": [{"system": "urn:oid:1.2.250.1.213.1.1.4.1", "code": "10"}]}]});
        let rows = search_values(&resource);
        let canonical = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument";
        assert_eq!(tokens(&rows, "category"), [("urn:oid:1.2.250.1.213.1.1.4.1", "10"), (canonical, "10")]);
    }

    #[test]
    fn authors_are_found_through_their_role_by_both_numbers_and_folded_names() {
        let rows = search_values(&reference_of(&entry(), &[]));
        assert_eq!(tokens(&rows, "author.identifier"), [(uris::PS_IDNAT, "810000000019"), (uris::RPPS, "10000000019")]);
        let texts: Vec<_> =
            rows.iter().filter(|(p, _)| p.starts_with("author.")).filter_map(|(p, v)| if let SearchValue::Text(t) = v { Some((p.as_str(), t.as_str())) } else { None }).collect();
        assert!(texts.contains(&("author.given", "zoe")) && texts.contains(&("author.family", "martin")) && texts.contains(&("author.name", "maison de sante")), "{texts:?}");
    }

    #[test]
    fn a_name_is_found_by_each_of_its_parts_and_a_typed_chain_by_the_types_reached() {
        let resource = json!({"resourceType": "DocumentReference", "author": [{"reference": "#r"}], "contained": [
            {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}},
            {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Le Goff", "given": ["Zoé", "Anne"], "prefix": ["Dr"]}]}]});
        let rows = search_values(&resource);
        for part in ["le goff", "zoe", "anne", "dr"] {
            assert!(rows.contains(&("author.name".into(), SearchValue::Text(part.into()))), "{part}");
        }
        assert_eq!(tokens(&rows, "author:type"), [("", "PractitionerRole"), ("", "Practitioner")]);
    }

    #[test]
    fn a_period_without_end_is_open_and_its_start_is_a_moment() {
        let rows = search_values(&reference_of(&entry(), &[]));
        let date = |param: &str| rows.iter().find(|(p, _)| p == param).map(|(_, v)| v.clone());
        assert!(matches!(date("period"), Some(SearchValue::Date { high_us: i64::MAX, .. })));
        assert!(matches!(date("period-start"), Some(SearchValue::Date { low_us, high_us }) if high_us - low_us < 1_000_000));
        assert_eq!(date("period-end"), None);
    }

    #[test]
    fn related_is_found_by_identifier_and_by_reference() {
        let resource =
            json!({"resourceType": "DocumentReference", "context": {"related": [{"identifier": {"system": "urn:oid:1.2.9", "value": "A1"}}, {"reference": "ServiceRequest/9"}]}});
        let rows = search_values(&resource);
        assert_eq!(tokens(&rows, "related:identifier"), [("urn:oid:1.2.9", "A1")]);
        assert!(rows.contains(&("related".into(), SearchValue::Reference("ServiceRequest/9".into()))));
    }

    #[test]
    fn a_related_document_is_found_by_reference_alone() {
        let related = json!({"reference": "DocumentReference/7", "identifier": {"system": "urn:oid:1.2.9", "value": "A1"}});
        let rows = search_values(&json!({"resourceType": "DocumentReference", "context": {"related": [related]}}));
        assert!(tokens(&rows, "related:identifier").is_empty());
        assert!(rows.contains(&("related".into(), SearchValue::Reference("DocumentReference/7".into()))));
    }

    #[test]
    fn the_organisation_of_a_source_is_found_on_the_list_and_on_its_source() {
        let list = |place: &str| {
            let extension = json!([{"url": uris::AUTHOR_ORG, "valueReference": {"reference": "#o"}}]);
            let mut list = json!({"resourceType": "List", "contained": [{"resourceType": "Organization", "id": "o", "identifier": [{"system": "urn:x", "value": "1"}]}], "source": {"reference": "#o"}});
            if place == "list" {
                list["extension"] = extension
            } else {
                list["source"]["extension"] = extension
            }
            search_values(&list)
        };
        assert_eq!(tokens(&list("list"), "authorOrg"), [("urn:x", "1")]);
        assert_eq!(tokens(&list("source"), "authorOrg"), [("urn:x", "1")]);
    }

    #[test]
    fn a_document_never_archived_is_found_as_not_archived() {
        let rows = search_values(&json!({"resourceType": "DocumentReference"}));
        assert_eq!(tokens(&rows, "isArchived"), [("", "false")]);
        let rows = search_values(&json!({"resourceType": "DocumentReference", "extension": [{"url": uris::IS_ARCHIVED, "valueBoolean": true}]}));
        assert_eq!(tokens(&rows, "isArchived"), [("", "true")]);
    }
}
