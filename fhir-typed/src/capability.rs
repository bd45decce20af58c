//! CapabilityStatement of this server, answered by GET [base]/metadata.
//! Spec: FHIR R4 http#capabilities, capabilitystatement.

use std::collections::HashSet;

use fhirbolt::model::r4::resources::{
    CapabilityStatement, CapabilityStatementImplementation, CapabilityStatementRest, CapabilityStatementRestInteraction, CapabilityStatementRestResource,
    CapabilityStatementRestResourceInteraction, CapabilityStatementRestResourceOperation, CapabilityStatementRestResourceSearchParam, CapabilityStatementRestSecurity,
    CapabilityStatementSoftware,
};
use fhirbolt::model::r4::types::{CodeableConcept, Coding, DateTime, Extension, ExtensionValue};

use crate::{CapabilityExtra, CapabilityInput, Operation, ResourceCapability, ResourceExtra, SearchParam, text, write};

/// Name of the software, in the statement too.
const NAME: &str = "Passerelle";
/// Spec: FHIR R4 valueset-type-restful-interaction.
const TYPE_INTERACTIONS: &[&str] = &["read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"];
/// Spec: FHIR R4 valueset-system-restful-interaction.
const SYSTEM_INTERACTIONS: &[&str] = &["transaction", "batch", "search-system", "history-system"];
/// Spec: FHIR R4 valueset-versioning-policy.
const VERSIONING: &[&str] = &["no-version", "versioned", "versioned-update"];
/// Spec: FHIR R4 valueset-search-param-type.
const SEARCH_TYPES: &[&str] = &["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"];
/// Spec: FHIR R4 valueset-conditional-read-status.
const CONDITIONAL_READ: &[&str] = &["not-supported", "modified-since", "not-match", "full-support"];
/// Spec: FHIR R4 valueset-conditional-delete-status.
const CONDITIONAL_DELETE: &[&str] = &["not-supported", "single", "multiple"];
/// Spec: FHIR R4 valueset-reference-handling-policy.
const REFERENCE_POLICY: &[&str] = &["literal", "logical", "resolves", "enforced", "local"];
/// Spec: FHIR R4 codesystem-restful-security-service.
const SECURITY_SERVICES: &[&str] = &["OAuth", "SMART-on-FHIR", "NTLM", "Basic", "Kerberos", "Certificates"];

pub(crate) const FALLBACK: &str = concat!(
    r#"{"resourceType":"CapabilityStatement","name":"Passerelle","status":"unknown","#,
    r#""_date":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},"#,
    r#""description":"The statement of the server could not be written.","kind":"instance","software":{"name":"Passerelle"},"#,
    r#""implementation":{"description":"Passerelle"},"fhirVersion":"4.0.1","format":["application/fhir+json"],"rest":[{"mode":"server"}]}"#
);

/// JSON of the CapabilityStatement of this input: status active, kind instance, FHIR 4.0.1, one `rest` of mode server.
/// Spec: FHIR R4 http#capabilities.
pub fn capability_statement(input: &CapabilityInput) -> Vec<u8> {
    capability_statement_with(input, &CapabilityExtra::default())
}

/// [`capability_statement`] with the optional rest. A required date that is no dateTime is written as unknown
/// (data-absent-reason), so that the statement stays valid.
/// Spec: FHIR R4 http#capabilities; capabilitystatement cpb-1, cpb-2, cpb-9, cpb-12, cpb-14.
pub fn capability_statement_with(input: &CapabilityInput, extra: &CapabilityExtra) -> Vec<u8> {
    write::bytes_or(&statement(input, extra), FALLBACK)
}

fn statement(input: &CapabilityInput, extra: &CapabilityExtra) -> CapabilityStatement {
    let mut formats = text::list(&input.formats, text::code);
    if formats.is_empty() {
        formats.push("application/fhir+json".into());
    }
    CapabilityStatement {
        url: base(input).map(|base| format!("{base}/metadata").into()),
        version: text::string(&input.version).map(Into::into),
        name: Some(NAME.into()),
        title: Some(NAME.into()),
        status: "active".into(),
        date: date(&input.date),
        publisher: optional(&extra.publisher, text::string).map(Into::into),
        description: text::string(&input.description).map(Into::into),
        jurisdiction: optional(&extra.jurisdiction, text::code).map(|country| coded("urn:iso:std:iso:3166", &country)).into_iter().collect(),
        kind: "instance".into(),
        instantiates: text::list(&extra.instantiates, text::uri),
        software: Some(CapabilityStatementSoftware { name: NAME.into(), version: text::string(&input.version).map(Into::into), ..Default::default() }),
        implementation: Some(implementation(input)),
        fhir_version: "4.0.1".into(),
        format: formats,
        patch_format: text::list(&extra.patch_formats, text::code),
        implementation_guide: text::list(&extra.implementation_guides, text::uri),
        rest: vec![rest(input, extra)],
        ..Default::default()
    }
}

fn base(input: &CapabilityInput) -> Option<String> {
    text::uri(input.url.trim_end_matches('/'))
}

fn date(given: &str) -> DateTime {
    if let Some(date) = text::date_time(given) {
        return date.into();
    }
    let absent = Extension { url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason".into(), value: Some(ExtensionValue::Code("unknown".into())), ..Default::default() };
    DateTime { extension: vec![absent], ..Default::default() }
}

fn implementation(input: &CapabilityInput) -> CapabilityStatementImplementation {
    let description = text::string(&input.description).unwrap_or_else(|| NAME.to_owned());
    CapabilityStatementImplementation { description: description.into(), url: base(input).map(Into::into), ..Default::default() }
}

fn rest(input: &CapabilityInput, extra: &CapabilityExtra) -> CapabilityStatementRest {
    let mut types = HashSet::new();
    CapabilityStatementRest {
        mode: "server".into(),
        documentation: optional(&extra.documentation, text::string).map(Into::into),
        security: Some(security(input, extra)),
        resource: input.resources.iter().filter_map(|row| resource(row, extra)).filter(|row| types.insert(row.r#type.value.clone())).collect(),
        interaction: input.system_interactions.iter().filter_map(|code| system_interaction(code)).collect(),
        operation: operations(&input.system_operations),
        ..Default::default()
    }
}

fn security(input: &CapabilityInput, extra: &CapabilityExtra) -> CapabilityStatementRestSecurity {
    let certificates = "Certificates".to_owned();
    let others = extra.security_services.iter().filter(|service| **service != certificates);
    CapabilityStatementRestSecurity {
        cors: Some(false.into()),
        service: std::iter::once(&certificates).chain(others).filter_map(|s| security_service(s)).collect(),
        description: text::string(&input.security).map(Into::into),
        ..Default::default()
    }
}

fn security_service(given: &str) -> Option<CodeableConcept> {
    if let Some(code) = known(given, SECURITY_SERVICES) {
        return Some(coded("http://terminology.hl7.org/CodeSystem/restful-security-service", code));
    }
    text::string(given).map(|text| CodeableConcept { text: Some(text.into()), ..Default::default() })
}

fn resource(row: &ResourceCapability, extra: &CapabilityExtra) -> Option<CapabilityStatementRestResource> {
    let none = ResourceExtra::default();
    let kind = text::code(&row.kind)?;
    let more = extra.resources.iter().find(|e| e.kind.trim() == kind).unwrap_or(&none);
    Some(CapabilityStatementRestResource {
        r#type: kind.into(),
        profile: optional(&more.profile, text::uri).map(Into::into),
        supported_profile: text::list(&row.supported_profiles, text::uri),
        documentation: optional(&more.documentation, text::string).map(Into::into),
        interaction: row.interactions.iter().filter_map(|code| interaction(code, more)).collect(),
        versioning: known(&row.versioning, VERSIONING).map(Into::into),
        read_history: Some(more.read_history.unwrap_or_else(|| row.interactions.iter().any(|i| i == "vread")).into()),
        update_create: more.update_create.map(Into::into),
        conditional_create: more.conditional_create.map(Into::into),
        conditional_read: more.conditional_read.as_deref().and_then(|code| known(code, CONDITIONAL_READ)).map(Into::into),
        conditional_update: more.conditional_update.map(Into::into),
        conditional_delete: more.conditional_delete.as_deref().and_then(|code| known(code, CONDITIONAL_DELETE)).map(Into::into),
        reference_policy: more.reference_policy.iter().filter_map(|code| known(code, REFERENCE_POLICY)).map(Into::into).collect(),
        search_include: text::list(&row.search_includes, text::string),
        search_rev_include: text::list(&more.search_rev_includes, text::string),
        search_param: search_params(&row.search_params, more),
        operation: operations(&row.operations),
        ..Default::default()
    })
}

fn interaction(code: &str, more: &ResourceExtra) -> Option<CapabilityStatementRestResourceInteraction> {
    let code = known(code, TYPE_INTERACTIONS)?;
    let documentation = paired(&more.interaction_notes, code).and_then(text::string).map(Into::into);
    Some(CapabilityStatementRestResourceInteraction { code: code.into(), documentation, ..Default::default() })
}

fn system_interaction(code: &str) -> Option<CapabilityStatementRestInteraction> {
    let code = known(code, SYSTEM_INTERACTIONS)?;
    Some(CapabilityStatementRestInteraction { code: code.into(), ..Default::default() })
}

fn search_params(given: &[SearchParam], more: &ResourceExtra) -> Vec<CapabilityStatementRestResourceSearchParam> {
    let mut names = HashSet::new();
    let named = given.iter().filter_map(|p| Some((text::code(&p.name)?, p)));
    let first = named.filter(|(name, _)| names.insert(name.clone()));
    first
        .map(|(name, p)| CapabilityStatementRestResourceSearchParam {
            definition: paired(&more.search_definitions, &name).and_then(text::uri).map(Into::into),
            name: name.into(),
            r#type: known(&p.kind, SEARCH_TYPES).unwrap_or("special").into(),
            documentation: optional(&p.documentation, text::string).map(Into::into),
            ..Default::default()
        })
        .collect()
}

fn operations(given: &[Operation]) -> Vec<CapabilityStatementRestResourceOperation> {
    given.iter().filter_map(operation).collect()
}

fn operation(given: &Operation) -> Option<CapabilityStatementRestResourceOperation> {
    let name = text::code(&given.name)?;
    Some(CapabilityStatementRestResourceOperation {
        name: text::code(name.trim_start_matches('$'))?.into(),
        definition: text::uri(&given.definition)?.into(),
        documentation: optional(&given.documentation, text::string).map(Into::into),
        ..Default::default()
    })
}

fn coded(system: &str, code: &str) -> CodeableConcept {
    let coding = Coding { system: Some(system.into()), code: Some(code.into()), ..Default::default() };
    CodeableConcept { coding: vec![coding], ..Default::default() }
}

fn known(given: &str, codes: &[&'static str]) -> Option<&'static str> {
    codes.iter().find(|c| **c == given.trim()).copied()
}

fn paired<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
}

fn optional(given: &Option<String>, each: fn(&str) -> Option<String>) -> Option<String> {
    given.as_deref().and_then(each)
}
