//! What the CapabilityStatement says, and what it never says.

use serde_json::{Value, json};

use crate::capability::FALLBACK;
use crate::testing::{assert_clean, parsed};
use crate::{CapabilityExtra, CapabilityInput, Operation, ResourceCapability, ResourceExtra, SearchParam, capability_statement, capability_statement_with};

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|t| (*t).to_owned()).collect()
}

fn param(name: &str, kind: &str) -> SearchParam {
    SearchParam { name: name.to_owned(), kind: kind.to_owned(), documentation: None }
}

fn input() -> CapabilityInput {
    let list = ResourceCapability {
        kind: "List".to_owned(),
        interactions: texts(&["read", "vread", "search-type"]),
        search_params: vec![param("patient", "reference"), param("date", "date")],
        operations: vec![Operation { name: "find".to_owned(), definition: "urn:example:find".to_owned(), documentation: Some("Finds".to_owned()) }],
        supported_profiles: texts(&["http://example.org/profile/a"]),
        versioning: "versioned".to_owned(),
        search_includes: texts(&["List:item"]),
    };
    CapabilityInput {
        version: "1.2.3".to_owned(),
        url: "https://example.org/fhir/".to_owned(),
        date: "2026-11-24".to_owned(),
        description: "Documents".to_owned(),
        security: "Mutual TLS".to_owned(),
        resources: vec![list],
        system_interactions: texts(&["transaction", "batch"]),
        system_operations: vec![Operation { name: "$deposit".to_owned(), definition: "urn:example:deposit".to_owned(), documentation: None }],
        formats: texts(&["application/fhir+json", "application/fhir+xml"]),
    }
}

fn written(input: &CapabilityInput) -> Value {
    let value = parsed(&capability_statement(input));
    assert_clean(&value);
    value
}

#[test]
fn a_statement_has_exactly_what_was_given() {
    let expected = json!({
        "resourceType": "CapabilityStatement", "url": "https://example.org/fhir/metadata", "version": "1.2.3", "name": "Passerelle", "title": "Passerelle",
        "status": "active", "date": "2026-11-24", "description": "Documents", "kind": "instance",
        "software": {"name": "Passerelle", "version": "1.2.3"},
        "implementation": {"description": "Documents", "url": "https://example.org/fhir"},
        "fhirVersion": "4.0.1", "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [{
            "mode": "server",
            "security": {
                "cors": false,
                "service": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "Certificates"}]}],
                "description": "Mutual TLS"
            },
            "resource": [{
                "type": "List", "supportedProfile": ["http://example.org/profile/a"],
                "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
                "versioning": "versioned", "readHistory": true, "searchInclude": ["List:item"],
                "searchParam": [{"name": "patient", "type": "reference"}, {"name": "date", "type": "date"}],
                "operation": [{"name": "find", "definition": "urn:example:find", "documentation": "Finds"}]
            }],
            "interaction": [{"code": "transaction"}, {"code": "batch"}],
            "operation": [{"name": "deposit", "definition": "urn:example:deposit"}]
        }]
    });
    assert_eq!(written(&input()), expected);
}

#[test]
fn an_empty_input_still_gives_every_required_element() {
    let value = written(&CapabilityInput::default());
    for name in ["status", "kind", "fhirVersion", "format", "implementation", "rest"] {
        assert!(value.get(name).is_some(), "{name}");
    }
    assert_eq!(value["format"], json!(["application/fhir+json"]));
    assert_eq!(value["_date"]["extension"][0]["valueCode"], json!("unknown"));
    assert!(value.get("date").is_none() && value.get("url").is_none());
    assert!(value["rest"][0].get("resource").is_none() && value["rest"][0].get("operation").is_none());
}

#[test]
fn unknown_codes_are_left_out_and_unknown_search_types_are_special() {
    let mut input = input();
    input.date = "yesterday".to_owned();
    input.system_interactions = texts(&["transaction", "destroy"]);
    input.formats = texts(&["", " "]);
    let row = &mut input.resources[0];
    row.interactions = texts(&["read", "Read", "search"]);
    row.versioning = "sometimes".to_owned();
    row.search_params = vec![param("x", "fuzzy"), param("", "token")];
    row.operations = vec![
        Operation { name: "$".to_owned(), definition: "urn:a".to_owned(), documentation: None },
        Operation { name: "a".to_owned(), definition: " ".to_owned(), documentation: None },
    ];
    row.supported_profiles = texts(&["", "not a url"]);
    row.search_includes = texts(&[""]);
    let value = written(&input);
    assert_eq!(value["rest"][0]["interaction"], json!([{"code": "transaction"}]));
    let expected = json!([{"type": "List", "interaction": [{"code": "read"}], "readHistory": false, "searchParam": [{"name": "x", "type": "special"}]}]);
    assert_eq!(value["rest"][0]["resource"], expected);
}

#[test]
fn a_type_and_a_parameter_are_described_once() {
    let mut input = input();
    input.resources[0].search_params.push(param("patient", "token"));
    input.resources.push(ResourceCapability { kind: " List ".to_owned(), ..Default::default() });
    input.resources.push(ResourceCapability::default());
    let value = written(&input);
    assert_eq!(value["rest"][0]["resource"].as_array().unwrap().len(), 1);
    assert_eq!(value["rest"][0]["resource"][0]["searchParam"], json!([{"name": "patient", "type": "reference"}, {"name": "date", "type": "date"}]));
}

#[test]
fn the_extra_adds_to_the_statement_and_to_its_row() {
    let row = ResourceExtra {
        kind: "List".to_owned(),
        profile: Some("http://example.org/profile/list".to_owned()),
        documentation: Some("Written by deposits".to_owned()),
        interaction_notes: vec![("vread".to_owned(), "30 days".to_owned())],
        search_definitions: vec![("date".to_owned(), "http://hl7.org/fhir/SearchParameter/clinical-date".to_owned())],
        read_history: Some(false),
        update_create: Some(true),
        conditional_create: Some(true),
        conditional_read: Some("not-match".to_owned()),
        conditional_update: Some(false),
        conditional_delete: Some("perhaps".to_owned()),
        reference_policy: texts(&["literal", "enforced", "x"]),
        search_rev_includes: texts(&["DocumentReference:related"]),
    };
    let extra = CapabilityExtra {
        publisher: Some("Publisher".to_owned()),
        jurisdiction: Some("FR".to_owned()),
        instantiates: texts(&["http://example.org/CapabilityStatement/a"]),
        implementation_guides: texts(&["http://example.org/ImplementationGuide/a|1.0"]),
        patch_formats: texts(&["application/json-patch+json"]),
        documentation: Some("Body: 25 MB".to_owned()),
        security_services: texts(&["OAuth", "Certificates", "Pro Santé Connect", ""]),
        resources: vec![row, ResourceExtra { kind: "Patient".to_owned(), ..Default::default() }],
    };
    let value = parsed(&capability_statement_with(&input(), &extra));
    assert_clean(&value);
    assert_eq!(value["patchFormat"], json!(["application/json-patch+json"]));
    assert_eq!(value["implementationGuide"], json!(["http://example.org/ImplementationGuide/a|1.0"]));
    assert_eq!(value["instantiates"], json!(["http://example.org/CapabilityStatement/a"]));
    assert_eq!(value["jurisdiction"], json!([{"coding": [{"system": "urn:iso:std:iso:3166", "code": "FR"}]}]));
    let rest = &value["rest"][0];
    assert_eq!(rest["documentation"], json!("Body: 25 MB"));
    assert_eq!(rest["security"]["service"].as_array().unwrap().len(), 3);
    assert_eq!(rest["security"]["service"][2], json!({"text": "Pro Santé Connect"}));
    let list = &rest["resource"][0];
    assert_eq!(rest["resource"].as_array().unwrap().len(), 1);
    assert_eq!(list["interaction"][1], json!({"code": "vread", "documentation": "30 days"}));
    assert_eq!(list["searchParam"][1]["definition"], json!("http://hl7.org/fhir/SearchParameter/clinical-date"));
    assert_eq!((&list["readHistory"], &list["updateCreate"], &list["conditionalCreate"]), (&json!(false), &json!(true), &json!(true)));
    assert_eq!((&list["conditionalRead"], list.get("conditionalDelete")), (&json!("not-match"), None));
    assert_eq!(list["referencePolicy"], json!(["literal", "enforced"]));
    assert_eq!(list["searchRevInclude"], json!(["DocumentReference:related"]));
}

#[test]
fn texts_are_escaped_and_never_open_another_member() {
    let mut input = input();
    let hostile = "\"}],\"status\":\"retired\\\n\u{0}é";
    input.description = hostile.to_owned();
    input.resources[0].search_params[0].documentation = Some(hostile.to_owned());
    let value = written(&input);
    assert_eq!(value["description"], json!(hostile.replace('\0', "\u{FFFD}")));
    assert_eq!(value["status"], json!("active"));
    assert_eq!(value["rest"][0]["resource"][0]["searchParam"][0]["documentation"], value["description"]);
}

#[test]
fn the_fallback_is_a_statement() {
    let value = parsed(FALLBACK.as_bytes());
    assert_clean(&value);
    assert_eq!((&value["resourceType"], &value["kind"], &value["fhirVersion"]), (&json!("CapabilityStatement"), &json!("instance"), &json!("4.0.1")));
}
