//! What the bench sends: patients of its own, and our documents under new identifiers.

use base64::Engine;
use serde_json::{Value, json};
use sha1::Digest;

use super::PATIENTS;
use super::load::Request;
use crate::cli::client::Target;

/// Our own documents: the first is the one of the ingest figure (about 30 KB), all of them fill the records that are read.
pub(super) const TEMPLATES: &[&str] = &[
    include_str!("../../../conformance-tests/corpus/06-vaccinations.xml"),
    include_str!("../../../conformance-tests/corpus/01-synthese-medicale.xml"),
    include_str!("../../../conformance-tests/corpus/02-biologie-2026-03.xml"),
    include_str!("../../../conformance-tests/corpus/03-biologie-2026-09.xml"),
    include_str!("../../../conformance-tests/corpus/05-lettre-de-liaison-sortie.xml"),
    include_str!("../../../conformance-tests/corpus/07-prescription.xml"),
];

/// A patient of the bench: FHIR id and INS.
#[derive(Clone)]
pub(super) struct BenchPatient {
    pub id: String,
    pub ins: String,
}

pub(super) fn patients(target: &Target) -> Result<Vec<BenchPatient>, String> {
    let run = std::process::id() % 1000;
    let mut client = target.connect()?;
    (0..PATIENTS)
        .map(|i| {
            let ins = format!("2550{run:03}{i:08}");
            let body = json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins}],
                "name": [{"use": "official", "family": format!("BANC{i}"), "given": ["Claire"]}], "gender": "female", "birthDate": "1959-04-12"});
            let answer = client.call("POST", "/fhir/Patient", &[("Content-Type", "application/fhir+json")], body.to_string().as_bytes())?;
            let value: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
            let id = value.get("id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("patient: HTTP {}", answer.status))?;
            Ok(BenchPatient { id, ins })
        })
        .collect()
}

/// One of our documents under a new uniqueId and for another patient.
fn document(template: usize, ins: &str) -> (String, String) {
    let text = TEMPLATES.get(template % TEMPLATES.len()).copied().unwrap_or("");
    let unique = format!("2.25.{}", uuid::Uuid::new_v4().as_u128());
    let mut out = text.to_owned();
    // The document's own id is the first `id` child, in front of `code`.
    if let Some((head, rest)) = text.split_once("<id ")
        && let Some((_, tail)) = rest.split_once("/>")
    {
        out = format!("{head}<id root=\"{unique}\"/>{tail}");
    }
    let known = out.split_once("1.2.250.1.213.1.4.10\"").and_then(|(_, r)| r.split_once("extension=\"")).and_then(|(_, r)| r.split_once('"')).map(|(v, _)| v.to_owned());
    (unique, known.map_or(out.clone(), |k| out.replace(&k, ins)))
}

/// An ITI-65 Bundle with one CDA.
pub(super) fn provide(patient: &BenchPatient, n: usize, template: usize) -> Vec<u8> {
    let (unique, cda) = document(template, &patient.ins);
    let patient = &patient.id;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(cda.as_bytes()));
    let (reference, binary) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let author = json!([
        {"resourceType": "Practitioner", "id": "ps", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700218896"}], "name": [{"family": "BANC", "given": ["Paul"]}]},
        {"resourceType": "Organization", "id": "org", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750000001"}], "name": "Cabinet du banc"},
        {"resourceType": "PractitionerRole", "id": "auteur", "practitioner": {"reference": "#ps"}, "organization": {"reference": "#org"}},
        {"resourceType": "Patient", "id": "source", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "255069900000000"}]}
    ]);
    let day = format!("2026-{:02}-{:02}", n % 11 + 1, n % 27 + 1);
    let document_reference = json!({
        "resourceType": "DocumentReference", "contained": author,
        "masterIdentifier": {"type": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "code": "uniqueId"}]}, "system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{unique}")},
        "status": "current", "type": coding("http://loinc.org", "60591-5"), "category": [coding("https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "11")],
        "subject": {"reference": format!("Patient/{patient}")}, "date": format!("{day}T10:00:00+01:00"), "author": [{"reference": "#auteur"}], "custodian": {"reference": "#org"},
        "securityLabel": [coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
        "content": [{"attachment": {"contentType": "text/xml", "language": "fr-FR", "url": format!("urn:uuid:{binary}"), "size": cda.len(), "hash": hash, "title": "Synthèse médicale", "creation": format!("{day}T10:00:00+01:00")},
            "format": {"system": "https://mos.esante.gouv.fr/NOS/TRE_A06-FormatCodeComplementaire/FHIR/TRE-A06-FormatCodeComplementaire", "code": "urn:asip:ci-sis:vsm:2012"}}],
        "context": {"period": {"start": format!("{day}T09:30:00+01:00")}, "facilityType": coding("https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA07"),
            "practiceSetting": coding("https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "AMBULATOIRE"), "sourcePatientInfo": {"reference": "#source"}}
    });
    let list = json!({
        "resourceType": "List", "contained": [{"resourceType": "PractitionerRole", "id": "source", "practitioner": {"display": "Dr BANC"}}],
        "extension": [
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.1"}},
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType", "valueCodeableConcept": coding("urn:oid:1.2.250.1.213.2.2", "07")}],
        "identifier": [{"type": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "code": "uniqueId"}]}, "use": "usual", "system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.{}", uuid::Uuid::new_v4().as_u128())}],
        "status": "current", "mode": "working", "code": coding("https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "submissionset"),
        "subject": {"reference": format!("Patient/{patient}")}, "date": format!("{day}T10:00:00+01:00"), "source": {"reference": "#source"},
        "entry": [{"item": {"reference": format!("urn:uuid:{reference}")}}]
    });
    let bundle = json!({
        "resourceType": "Bundle", "meta": {"profile": ["https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle"]}, "type": "transaction",
        "entry": [
            {"fullUrl": format!("urn:uuid:{}", uuid::Uuid::new_v4()), "resource": list, "request": {"method": "POST", "url": "List"}},
            {"fullUrl": format!("urn:uuid:{reference}"), "resource": document_reference, "request": {"method": "POST", "url": "DocumentReference"}},
            {"fullUrl": format!("urn:uuid:{binary}"), "resource": {"resourceType": "Binary", "contentType": "text/xml", "data": base64::engine::general_purpose::STANDARD.encode(cda.as_bytes())}, "request": {"method": "POST", "url": "Binary"}}
        ]
    });
    bundle.to_string().into_bytes()
}

pub(super) fn transaction(body: Vec<u8>) -> Request {
    ("POST", "/fhir".to_owned(), body)
}
