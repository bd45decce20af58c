//! National identifiers of patients, professionals and structures, typed as FR Core does.
//! Spec: FR Core 2.1 fr-core-patient, fr-core-practitioner, fr-core-organization; ANS annexe identifiants (PS_IdNat, Struct_IdNat).

use serde_json::{Value, json};

use super::super::codesystems::is_uuid;
use super::super::datatypes::{attribute, identifier};
use super::MAX_REPEATS;
use super::notes::Notes;
use crate::fhir::xml::Element;

const TYPES: &str = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203";
const PS_IDNAT: &str = "1.2.250.1.71.4.2.1";
const STRUCT_IDNAT: &str = "1.2.250.1.71.4.2.2";
const RPPS_SYSTEM: &str = "https://rpps.esante.gouv.fr";
const FINESS_SYSTEM: &str = "https://finess.esante.gouv.fr";
const SIRENE_SYSTEM: &str = "https://sirene.fr";
const MATRICULE_LENGTH: usize = 15;

/// Roots of patient identifiers: OID, type code, use.
const PATIENT_ROOTS: &[(&str, &str, Option<&str>)] = &[
    ("1.2.250.1.213.1.4.8", "INS-NIR", Some("official")),
    ("1.2.250.1.213.1.4.9", "INS-NIA", Some("temp")),
    ("1.2.250.1.213.1.4.10", "INS-NIR-TEST", None),
    ("1.2.250.1.213.1.4.11", "INS-NIR-DEMO", None),
    ("1.2.250.1.213.1.4.2", "INS-C", Some("secondary")),
    ("1.2.250.1.176.1.2", "NDP", None),
];

/// The identifiers of a patient; a matricule that is not 15 characters long is kept and noted.
pub(super) fn patient_identifiers(role: &Element, notes: &mut Notes) -> Vec<Value> {
    let mut out = Vec::new();
    for id in role.all("id").take(MAX_REPEATS) {
        let Some(mut value) = identifier(id) else { continue };
        let root = attribute(id, "root").unwrap_or_default();
        // A root that is an OID names who gives identifiers, not a person.
        if attribute(id, "extension").is_none_or(|e| e.trim().is_empty()) && !is_uuid(root) {
            notes.missing("ClinicalDocument/recordTarget/patientRole/id/@extension", "the identifier is left out: it names an authority and no patient");
            continue;
        }
        let known = PATIENT_ROOTS.iter().find(|(oid, _, _)| *oid == root);
        if let Some((_, code, usage)) = known {
            value = typed(value, code, *usage);
            if code.starts_with("INS-N") && attribute(id, "extension").map(str::len) != Some(MATRICULE_LENGTH) {
                notes.value("ClinicalDocument/recordTarget/patientRole/id", "the INS is not 15 characters long");
            }
        }
        push(&mut out, value);
    }
    out
}

/// The identifiers of a professional: each PS_IdNat as it stands, and the RPPS number inside one that begins with 8.
pub(super) fn practitioner_identifiers(entity: &Element) -> Vec<Value> {
    let mut out = Vec::new();
    for id in entity.all("id").take(MAX_REPEATS) {
        let Some(value) = identifier(id) else { continue };
        if attribute(id, "root") != Some(PS_IDNAT) {
            push(&mut out, value);
            continue;
        }
        push(&mut out, typed(value, "IDNPS", None));
        if let Some(rpps) = attribute(id, "extension").and_then(|x| tail(x, '8', 11)) {
            push(&mut out, typed(json!({"system": RPPS_SYSTEM, "value": rpps}), "RPPS", None));
        }
    }
    out
}

/// The identifiers of a structure: each Struct_IdNat as it stands, and the FINESS, SIREN or SIRET number inside.
pub(super) fn organization_identifiers(organization: &Element) -> Vec<Value> {
    let mut out = Vec::new();
    for id in organization.all("id").take(MAX_REPEATS) {
        let Some(value) = identifier(id) else { continue };
        if attribute(id, "root") != Some(STRUCT_IDNAT) {
            push(&mut out, value);
            continue;
        }
        push(&mut out, typed(value, "IDNST", None));
        let Some(extension) = attribute(id, "extension") else { continue };
        if let Some(finess) = tail(extension, '1', 9) {
            // Legal (FINEJ) or geographic (FINEG): the number alone does not tell.
            push(&mut out, json!({"system": FINESS_SYSTEM, "value": finess}));
        } else if let Some(siren) = tail(extension, '2', 9) {
            push(&mut out, typed(json!({"system": SIRENE_SYSTEM, "value": siren}), "SIREN", None));
        } else if let Some(siret) = tail(extension, '3', 14) {
            push(&mut out, typed(json!({"system": SIRENE_SYSTEM, "value": siret}), "SIRET", None));
        }
    }
    out
}

/// What follows a prefix digit, when it has exactly this many characters (digits; a FINESS may hold the letters of Corsica).
fn tail(extension: &str, prefix: char, length: usize) -> Option<&str> {
    let rest = extension.strip_prefix(prefix)?;
    let sound = rest.bytes().enumerate().all(|(i, b)| b.is_ascii_digit() || (i == 1 && length == 9 && matches!(b, b'A' | b'B')));
    (rest.len() == length && sound).then_some(rest)
}

fn typed(identifier: Value, code: &str, usage: Option<&str>) -> Value {
    let mut out = serde_json::Map::new();
    if let Some(usage) = usage {
        out.insert("use".into(), json!(usage));
    }
    out.insert("type".into(), json!({"coding": [{"system": TYPES, "code": code}]}));
    if let Value::Object(members) = identifier {
        out.extend(members);
    }
    Value::Object(out)
}

fn push(out: &mut Vec<Value>, value: Value) {
    if !out.contains(&value) {
        out.push(value);
    }
}
