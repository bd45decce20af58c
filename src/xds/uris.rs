//! Names of systems, types and extensions that the room writes and reads.

/// Identifiers that are URIs. Spec: FHIR R4 identifier registry.
pub(super) const URI: &str = "urn:ietf:rfc:3986";
/// Spec: IHE MHD 4.2 CodeSystem IHE.MHD.MHDIdentifierType.
pub(super) const IDENTIFIER_TYPE: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType";
/// Spec: IHE MHD 4.2 CodeSystem MHDlistTypes.
pub(super) const LIST_TYPES: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes";
/// Spec: IHE MHD 4.2 ihe-sourceId.
pub(super) const SOURCE_ID: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId";
/// Spec: IHE MHD 4.2 ihe-designationType.
pub(super) const DESIGNATION_TYPE: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType";
/// Spec: IHE MHD 4.2 ihe-authorOrg.
pub(super) const AUTHOR_ORG: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-authorOrg";
/// Spec: PDSm 3.1.1 pdsm-ext-is-archived.
pub(super) const IS_ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
/// Spec: PDSm 3.1.1 pdsm-comprehensive-document-reference.
pub(super) const REFERENCE_PROFILE: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-document-reference";
/// Spec: PDSm 3.1.1 pdsm-submissionset-comprehensive.
pub(super) const SET_PROFILE: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-submissionset-comprehensive";
/// PS_IdNat. Spec: ANS, identification of professionals.
pub(super) const PS_IDNAT: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// RPPS number, 11 digits: PS_IdNat without its leading 8. Spec: ANS annuaire, AsPractitioner.
pub(super) const RPPS: &str = "https://rpps.esante.gouv.fr";
/// Struct_IdNat. Spec: ANS, identification of structures.
pub(super) const STRUCT_IDNAT: &str = "urn:oid:1.2.250.1.71.4.2.2";
