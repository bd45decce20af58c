//! The metadata of a document, as the CDA header gives it and as the document-sharing room writes it.
//! Spec: IHE ITI TF-3 §4.2.3.2 DocumentEntry; PDSm 3.1.1 pdsm-comprehensive-document-reference.

use serde_json::Value;

/// A code of a system (`system` is the canonical URI, never a bare OID).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Coding {
    pub system: Option<String>,
    pub code: String,
    pub display: Option<String>,
}

/// An identifier (`system` is a URI: `urn:oid:…`, `urn:ietf:rfc:3986` or a canonical).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Identifier {
    pub system: Option<String>,
    pub value: String,
}

impl Identifier {
    /// What a search or a condition asks for: `system|value`, `|value` (an identifier without a system) or `value` (under any
    /// system: `None`).
    pub fn asked(text: &str) -> Self {
        match text.split_once('|') {
            Some((system, value)) => Self { system: Some(system.to_owned()), value: value.to_owned() },
            None => Self { system: None, value: text.to_owned() },
        }
    }
}

/// An entry of referenceIdList: accession number, order, study instance UID, encounter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelatedIdentifier {
    /// `urn:ihe:iti:xds:2016:studyInstanceUID`, `urn:ihe:iti:xds:2013:order`, `urn:ihe:iti:xds:2013:accession` …
    pub kind: Option<String>,
    pub identifier: Identifier,
}

/// A relation to another document, by its uniqueId.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// FHIR code: `replaces`, `appends`, `transforms`, `signs`.
    pub code: String,
    pub target: Identifier,
}

/// What the registry knows about one document, whatever road it came by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentEntry {
    /// uniqueId → masterIdentifier (`urn:ietf:rfc:3986` + `urn:oid:…`/`urn:uuid:…`, or `urn:oid:root` + extension).
    pub unique_id: Identifier,
    pub type_code: Option<Coding>,
    pub class_code: Option<Coding>,
    pub format_code: Option<Coding>,
    /// Title as the author gave it.
    pub title: Option<String>,
    /// FHIR dateTime of the creation of the document.
    pub creation: Option<String>,
    /// `N`, `R`, `V` and the three visibility codes, without repeats.
    pub confidentiality: Vec<Coding>,
    /// `fr-FR`.
    pub language: Option<String>,
    /// MIME type of the document's bytes.
    pub mime: String,
    /// FHIR dateTimes of the act.
    pub service_start: Option<String>,
    pub service_end: Option<String>,
    pub events: Vec<Coding>,
    pub facility_type: Option<Coding>,
    pub practice_setting: Option<Coding>,
    /// A Patient resource (no `id`): identifiers, names, gender, birthDate …
    pub patient: Option<Value>,
    /// Each a group of contained resources: PractitionerRole (with `practitioner`, `organization` pointing at
    /// `#…` members of the same group), Practitioner, Organization, Device or Patient; the first member is the author.
    pub authors: Vec<Vec<Value>>,
    /// Same shape as one author.
    pub legal_authenticator: Option<Vec<Value>>,
    /// An Organization resource (no `id`).
    pub custodian: Option<Value>,
    pub related: Vec<RelatedIdentifier>,
    pub relates_to: Vec<Replacement>,
    /// setId and versionNumber of the version set, when given.
    pub version_set: Option<(Identifier, Option<String>)>,
}
