//! What a CapabilityStatement is made from. Blank texts and empty lists are left out of the statement.

/// What every statement says. Texts are English; urls are absolute.
/// Spec: FHIR R4 capabilitystatement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapabilityInput {
    /// Version of the software and of the statement.
    pub version: String,
    /// Base url of the server, without the final slash; the statement's own url is `[base]/metadata`.
    pub url: String,
    /// dateTime at which what is offered last changed.
    pub date: String,
    /// What the server is, in markdown.
    pub description: String,
    /// How callers are known, in markdown.
    pub security: String,
    /// One row a type; of two rows of one type the first is written (cpb-9).
    pub resources: Vec<ResourceCapability>,
    /// Codes of system-restful-interaction.
    pub system_interactions: Vec<String>,
    /// Operations of the system level.
    pub system_operations: Vec<Operation>,
    /// Mime types or the short codes `json` and `xml`; with none, `application/fhir+json` is written (format is 1..*).
    pub formats: Vec<String>,
}

/// What is offered on one resource type.
/// Spec: FHIR R4 CapabilityStatement.rest.resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceCapability {
    /// Name of the type; a blank one leaves the row out.
    pub kind: String,
    /// Codes of type-restful-interaction; an unknown code is left out.
    pub interactions: Vec<String>,
    /// Of two parameters of one name the first is written (cpb-12).
    pub search_params: Vec<SearchParam>,
    /// Operations of the type and of its instances.
    pub operations: Vec<Operation>,
    /// Canonical urls of profiles.
    pub supported_profiles: Vec<String>,
    /// Code of versioning-policy; an unknown code is left out.
    pub versioning: String,
    /// `_include` values, as `Type:parameter`.
    pub search_includes: Vec<String>,
}

/// One operation.
/// Spec: FHIR R4 CapabilityStatement.rest.resource.operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// Name in the url; a leading `$` is removed, because R4 gives the name without it.
    pub name: String,
    /// Canonical url of its OperationDefinition; an operation without one is left out (1..1).
    pub definition: String,
    /// What it does here, in markdown.
    pub documentation: Option<String>,
}

/// One search parameter.
/// Spec: FHIR R4 CapabilityStatement.rest.resource.searchParam.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchParam {
    /// Name in the url.
    pub name: String,
    /// Code of search-param-type; an unknown code is written as `special`, whose meaning is "see the documentation".
    pub kind: String,
    /// What is supported here, in markdown.
    pub documentation: Option<String>,
}

/// What a good statement says besides; `Default` says none of it.
/// Spec: FHIR R4 capabilitystatement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapabilityExtra {
    /// Who publishes the statement.
    pub publisher: Option<String>,
    /// ISO 3166 code of the country it is meant for.
    pub jurisdiction: Option<String>,
    /// CapabilityStatements of guides that this server fulfils.
    pub instantiates: Vec<String>,
    /// Canonical urls of the guides it follows.
    pub implementation_guides: Vec<String>,
    /// Mime types of PATCH bodies.
    pub patch_formats: Vec<String>,
    /// What holds for every type (limits of body, page and time), in markdown.
    pub documentation: Option<String>,
    /// Codes of restful-security-service besides `Certificates`; another text is written as text.
    pub security_services: Vec<String>,
    /// Additions to the rows of `CapabilityInput::resources`, by type; a type without a row there is ignored.
    pub resources: Vec<ResourceExtra>,
}

/// Additions to one resource type.
/// Spec: FHIR R4 CapabilityStatement.rest.resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceExtra {
    /// Name of the type.
    pub kind: String,
    /// Canonical url of the profile that every instance holds.
    pub profile: Option<String>,
    /// What a client should know, as why an interaction is refused; in markdown.
    pub documentation: Option<String>,
    /// Remarks on interactions: code of the interaction, markdown.
    pub interaction_notes: Vec<(String, String)>,
    /// Canonical urls of SearchParameters: name of the parameter, url.
    pub search_definitions: Vec<(String, String)>,
    /// Whether vread answers past versions; not given: whether `vread` is offered.
    pub read_history: Option<bool>,
    /// Whether PUT to an unknown id creates.
    pub update_create: Option<bool>,
    /// Whether If-None-Exist is supported.
    pub conditional_create: Option<bool>,
    /// Code of conditional-read-status.
    pub conditional_read: Option<String>,
    /// Whether PUT and PATCH with search parameters are supported.
    pub conditional_update: Option<bool>,
    /// Code of conditional-delete-status.
    pub conditional_delete: Option<String>,
    /// Codes of reference-handling-policy.
    pub reference_policy: Vec<String>,
    /// `_revinclude` values, as `Type:parameter`.
    pub search_rev_includes: Vec<String>,
}
