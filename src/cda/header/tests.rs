//! Rules of the header on small documents.

use serde_json::Value;

use super::*;
use crate::fhir::xml::{Limits, parse};

fn read(inside: &str) -> (DocumentEntry, Vec<Issue>) {
    let text = format!("<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:sdtc='urn:hl7-org:sdtc' xmlns:ps3-20='urn:dicom-org:ps3-20'>{inside}</ClinicalDocument>");
    header_of(&parse(text.as_bytes(), &Limits::default()).unwrap())
}

fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

#[test]
fn an_empty_document_gives_warnings_and_no_invention() {
    let (entry, issues) = read("");
    assert_eq!(entry, DocumentEntry { mime: MIME.into(), ..DocumentEntry::default() });
    let places: Vec<&str> = issues.iter().filter_map(|i| i.expression.as_deref()).collect();
    for place in ["id", "code", "effectiveTime", "recordTarget", "author"] {
        assert!(places.contains(&format!("ClinicalDocument/{place}").as_str()), "{place}");
    }
}

#[test]
fn identity_type_class_and_format_are_read() {
    let (entry, _) = read(concat!(
        "<templateId root='1.3.6.1.4.1.19376.1.3.3'/><templateId root='1.2.250.1.213.1.1.1.13'/><id root='1.2.3' extension='9'/>",
        "<code code='SYNTH' codeSystem='1.2.250.1.213.1.1.4.12' displayName='Synthèse'/><title>Un  titre</title><effectiveTime value='20240102030405+100'/>",
        "<confidentialityCode code='N' codeSystem='2.16.840.1.113883.5.25'/><languageCode code='fr-FR'/><setId root='1.2.4'/><versionNumber value='2'/>"
    ));
    assert_eq!(entry.unique_id, Identifier { system: Some("urn:oid:1.2.3".into()), value: "9".into() });
    assert_eq!(entry.class_code.unwrap().code, "11");
    assert_eq!(entry.format_code.unwrap().code, "urn:asip:ci-sis:vsm:2012");
    assert_eq!((entry.title.as_deref(), entry.creation.as_deref()), (Some("Un titre"), Some("2024-01-02T03:04:05+01:00")));
    assert_eq!(entry.version_set.unwrap().1.as_deref(), Some("2"));
    assert_eq!(entry.confidentiality.len(), 1);
}

#[test]
fn an_unstructured_document_has_the_format_of_its_media_type() {
    let (entry, _) = read("<templateId root='1.2.250.1.213.1.1.1.13'/><component><nonXMLBody><text mediaType='application/pdf'/></nonXMLBody></component>");
    assert_eq!(entry.format_code.unwrap().code, "urn:ihe:iti:xds-sd:pdf:2008");
}

#[test]
fn an_unknown_confidentiality_is_restricted() {
    let codes = |code: &str| read(&format!("<confidentialityCode code='{code}'/>")).0.confidentiality.into_iter().map(|c| c.code).collect::<Vec<_>>();
    assert_eq!((codes("D"), codes("L"), codes("MASQUE_PS")), (vec!["R".into()], vec!["N".into()], vec!["MASQUE_PS".into()]));
}

#[test]
fn a_national_translation_does_not_restrict_a_normal_document() {
    let (entry, issues) = read("<confidentialityCode code='N' codeSystem='2.16.840.1.113883.5.25'><translation code='5' codeSystem='1.2.3'/></confidentialityCode>");
    assert_eq!(entry.confidentiality.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(), ["N"]);
    assert!(!issues.iter().any(|i| i.expression.as_deref() == Some("ClinicalDocument/confidentialityCode")));
    let foreign = read("<confidentialityCode code='N' codeSystem='1.2.3'/>").0.confidentiality;
    assert_eq!(foreign[0].code, "R", "an N of another system is not our N");
}

#[test]
fn a_malformed_time_is_dropped_and_its_place_named() {
    let (entry, issues) = read(concat!(
        "<effectiveTime value='20092012081500+0100'/><legalAuthenticator><time value='99999'/><assignedEntity/></legalAuthenticator>",
        "<documentationOf><serviceEvent><effectiveTime><low value='202401011200'/><high value='20231231'/></effectiveTime></serviceEvent></documentationOf>"
    ));
    assert_eq!((entry.creation, entry.service_end), (None, None));
    assert_eq!(entry.service_start.as_deref(), Some("2024-01-01T12:00:00+01:00"));
    let places: Vec<&str> = issues.iter().filter_map(|i| i.expression.as_deref()).collect();
    assert!(places.contains(&"ClinicalDocument/effectiveTime") && places.contains(&"ClinicalDocument/legalAuthenticator/time"));
    assert!(places.contains(&"ClinicalDocument/documentationOf/serviceEvent/effectiveTime/low"), "no offset is noted");
    assert!(issues.iter().all(|i| !i.diagnostics.contains("2009") && !i.diagnostics.contains("99999")));
}

const PATIENT: &str = concat!(
    "<recordTarget><patientRole><id root='1.2.250.1.213.1.4.8' extension='100000000000000'/><id root='1.2.3.4' extension='IPP1'/><telecom nullFlavor='UNK'/>",
    "<patient><name><family qualifier='BR'>NAISSANCE</family><given>ALIX MARIE</given><given qualifier='BR'>ALIX</given><family qualifier='SP'>EPOUX</family></name>",
    "<administrativeGenderCode code='F'/><birthTime value='19700203'/><sdtc:deceasedInd value='false'/><guardian/>",
    "<birthplace><place><addr><county>75056</county><city>PARIS</city></addr></place></birthplace></patient></patientRole></recordTarget>"
);

#[test]
fn a_patient_has_birth_name_used_name_and_typed_identifiers() {
    let patient = read(PATIENT).0.patient.unwrap();
    assert_eq!((at(&patient, "/identifier/0/type/coding/0/code"), at(&patient, "/identifier/0/system")), ("INS-NIR", "urn:oid:1.2.250.1.213.1.4.8"));
    assert!(patient.pointer("/identifier/1/type").is_none());
    assert_eq!((at(&patient, "/name/0/use"), at(&patient, "/name/0/family"), at(&patient, "/name/0/given/0")), ("official", "NAISSANCE", "ALIX"));
    assert_eq!(at(&patient, "/name/0/extension/0/valueString"), "ALIX MARIE");
    assert_eq!((at(&patient, "/name/1/use"), at(&patient, "/name/1/family"), at(&patient, "/name/1/given/0")), ("usual", "EPOUX", "ALIX"));
    assert_eq!((at(&patient, "/gender"), at(&patient, "/birthDate"), at(&patient, "/extension/0/valueAddress/district")), ("female", "1970-02-03", "75056"));
    assert_eq!(patient["deceasedBoolean"], false);
    assert!(patient.get("contact").is_none(), "an empty guardian is nobody");
}

#[test]
fn a_name_without_birth_part_has_no_use_and_a_partner_name_is_kept() {
    let names = |parts: &str| read(&format!("<recordTarget><patientRole><patient><name>{parts}</name></patient></patientRole></recordTarget>")).0.patient.unwrap()["name"].clone();
    assert_eq!(names("<family>F</family><given>A</given><given>B</given>"), serde_json::json!([{"family": "F", "given": ["A", "B"]}]));
    let called = names("<family>F</family><given>A</given><given qualifier='CL'>Z</given>");
    assert_eq!((at(&called, "/1/use"), at(&called, "/1/family"), at(&called, "/1/given/0")), ("usual", "F", "Z"));
    let married = names("<family qualifier='BR'>N</family><family qualifier='CL'>U</family><family qualifier='SP'>S</family><given>A</given>");
    assert_eq!((at(&married, "/1/family"), at(&married, "/1/_family/extension/0/valueString")), ("U", "S"));
    assert_eq!(names("Sans Parties"), serde_json::json!([{"text": "Sans Parties"}]));
}

#[test]
fn a_professional_author_is_a_group_with_references_of_its_own() {
    let (entry, _) = read(concat!(
        "<author><functionCode code='PCP' codeSystem='2.16.840.1.113883.5.88'/><assignedAuthor><id root='1.2.250.1.71.4.2.1' extension='810000000000'/>",
        "<code code='G15_10/SM26' codeSystem='1.2.250.1.213.1.1.4.5'/><assignedPerson><name><family>AUTEUR</family></name></assignedPerson>",
        "<representedOrganization><id root='1.2.250.1.71.4.2.2' extension='1750000000'/><name>Cabinet</name></representedOrganization></assignedAuthor></author>"
    ));
    let [role, person, organization] = entry.authors[0].as_slice() else { panic!("three members") };
    assert_eq!((at(role, "/resourceType"), at(role, "/id")), ("PractitionerRole", "author-1"));
    assert_eq!(at(role, "/practitioner/reference"), format!("#{}", at(person, "/id")));
    assert_eq!(at(role, "/organization/reference"), format!("#{}", at(organization, "/id")));
    assert_eq!((at(role, "/specialty/0/coding/0/code"), at(role, "/code/0/coding/0/code")), ("G15_10/SM26", "PCP"));
    assert_eq!((at(person, "/identifier/0/value"), at(person, "/identifier/1/value")), ("810000000000", "10000000000"));
    assert_eq!((at(person, "/identifier/0/type/coding/0/code"), at(person, "/identifier/1/system")), ("IDNPS", "https://rpps.esante.gouv.fr"));
    assert_eq!(at(organization, "/identifier/1/value"), "750000000");
}

#[test]
fn an_identifier_of_another_length_is_not_taken_for_an_rpps() {
    let (entry, _) = read("<author><assignedAuthor><id root='1.2.250.1.71.4.2.1' extension='81000000000'/></assignedAuthor></author>");
    assert_eq!(entry.authors[0][1]["identifier"].as_array().unwrap().len(), 1);
}

#[test]
fn a_device_and_the_patient_can_be_authors() {
    let device = "<author><assignedAuthor><id root='1.2.9'/><assignedAuthoringDevice><softwareName>Logiciel</softwareName></assignedAuthoringDevice></assignedAuthor></author>";
    let own = "<author><assignedAuthor><id root='1.2.250.1.213.1.4.8' extension='100000000000000'/><assignedPerson/></assignedAuthor></author>";
    let (entry, _) = read(&format!("{PATIENT}{device}{own}"));
    assert_eq!((at(&entry.authors[0][0], "/resourceType"), at(&entry.authors[0][0], "/deviceName/0/name")), ("Device", "Logiciel"));
    assert_eq!((at(&entry.authors[1][0], "/resourceType"), at(&entry.authors[1][0], "/id")), ("Patient", "author-2"));
}

#[test]
fn context_orders_and_relations_are_read() {
    let (entry, issues) = read(concat!(
        "<code code='18748-4' codeSystem='2.16.840.1.113883.6.1'/><inFulfillmentOf><order><id root='1.2.5' extension='P1'/><ps3-20:accessionNumber root='1.2.6' extension='A1'/></order></inFulfillmentOf>",
        "<documentationOf><serviceEvent><id root='1.2.840.7'/><code code='A' codeSystem='1.2.3'><translation code='CT' codeSystem='1.2.840.10008.2.16.4'/></code>",
        "<effectiveTime value='20240101'/><performer><assignedEntity><representedOrganization><standardIndustryClassCode code='ETABLISSEMENT' codeSystem='1.2.250.1.213.1.1.4.9'/></representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>",
        "<relatedDocument typeCode='RPLC'><parentDocument><id root='90E1C8EC-F951-4B26-A305-A34848818DD6'/></parentDocument></relatedDocument><relatedDocument typeCode='ZZZ'/>",
        "<componentOf><encompassingEncounter><location><healthCareFacility><code code='SA01' codeSystem='1.2.250.1.71.4.2.4'/></healthCareFacility></location></encompassingEncounter></componentOf>"
    ));
    let kinds: Vec<_> = entry.related.iter().map(|r| (r.kind.as_deref().unwrap().rsplit(':').next().unwrap(), r.identifier.value.as_str())).collect();
    assert_eq!(kinds, [("order", "P1"), ("accession", "A1"), ("studyInstanceUID", "urn:oid:1.2.840.7")]);
    assert_eq!(entry.events.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["A", "CT"]);
    assert_eq!((entry.service_start.as_deref(), entry.service_end.as_deref()), (Some("2024-01-01"), Some("2024-01-01")));
    assert_eq!((entry.practice_setting.unwrap().code, entry.facility_type.unwrap().code), ("ETABLISSEMENT".into(), "SA01".into()));
    assert_eq!(entry.relates_to.len(), 1);
    assert_eq!(entry.relates_to[0].target.value, "urn:uuid:90e1c8ec-f951-4b26-a305-a34848818dd6");
    assert!(issues.iter().any(|i| i.expression.as_deref() == Some("ClinicalDocument/relatedDocument")));
}
