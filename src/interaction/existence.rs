//! What is said of a patient beyond the Patient that is stored: to a caller whose right to the record is not given, that there is a record,
//! and its state; to whoever searches, whether it is open, and who the médecin traitant is.
//! Spec: PDSM4DMP TD0.2 (existence and state test).

use serde_json::{Value, json};

use super::patient::is_ins;
use super::planning::to_bytes;
use crate::access::{ChoiceKind, FERMETURE, MEDECIN_TRAITANT, RATTACHEMENT_MES, Rule};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Found, Reader};

/// The Patient as this caller may read it: whole where the record is open to him, else identifiers, state and nothing of the person. A
/// médecin traitant whom the Patient itself does not declare was sent back with the answer of a search: it may be over, and goes.
///
/// # Errors
/// `Bug` for a damaged resource; what the right to the record asks of the database.
pub(super) fn shown(reader: &mut Reader<'_>, mut found: Found) -> Result<Found> {
    let (record, rid) = (found.row.record, found.row.rid);
    if found.row.kind != "Patient" || found.row.deleted {
        return Ok(found);
    }
    let whole = reader.answering(|r| r.whole(record))?;
    if whole && !names_one(&found.body) {
        return Ok(found);
    }
    let mut value = parsed(&found)?;
    if !whole {
        value = existence(&value);
    } else if !reader.decided_by(record, rid)?.iter().any(|c| c.kind == ChoiceKind::MedecinTraitant) {
        declare(&mut value, None);
    }
    found.body = to_bytes(&value)?;
    Ok(found)
}

/// The Patient as a search finds him: with `active`, by which a software is told that the record is open, and with the médecin traitant in
/// force, for whom the record is open to and for himself. A search is the existence test that software makes before anything else: it breaks
/// no glass, and says of a record that an emergency alone opens what it says of any that is not open.
///
/// # Errors
/// As [`shown`].
pub(super) fn state(reader: &mut Reader<'_>, found: Found) -> Result<Found> {
    if found.row.kind != "Patient" || found.row.deleted {
        return Ok(found);
    }
    let right = reader.answering(|r| r.right(found.row.record))?;
    let emergency = right.is_some_and(|r| matches!(r.rule(), Rule::BrisDeGlace | Rule::Centre15));
    let mut found = if emergency { found } else { shown(reader, found)? };
    let mut value = parsed(&found)?;
    if emergency {
        value = existence(&value);
    }
    let open = is_open(&value);
    if let Some(members) = value.as_object_mut() {
        members.entry("active").or_insert(json!(open));
    }
    let treating = reader.answering(|r| r.medecin_traitant(found.row.record))?;
    declare(&mut value, treating.as_deref());
    found.body = to_bytes(&value)?;
    Ok(found)
}

fn parsed(found: &Found) -> Result<Value> {
    serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 635, "a stored resource is damaged").because(e))
}

/// Whether a Patient may name a médecin traitant, by its bytes alone.
fn names_one(body: &[u8]) -> bool {
    body.windows(MEDECIN_TRAITANT.len()).any(|w| w == MEDECIN_TRAITANT.as_bytes())
}

/// Spec: PDSM4DMP TD0.2: `active` false or dmp-fermeture is closed.
fn is_open(patient: &Value) -> bool {
    let mut extensions = patient.get("extension").and_then(Value::as_array).into_iter().flatten();
    patient.get("active").and_then(Value::as_bool).unwrap_or_else(|| !extensions.any(|e| e.get("url").and_then(Value::as_str) == Some(FERMETURE)))
}

/// Makes a Patient name this médecin traitant (PS_IdNat) and no other.
fn declare(patient: &mut Value, number: Option<&str>) {
    let Some(members) = patient.as_object_mut() else { return };
    let mut extensions = match members.shift_remove("extension") {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    extensions.retain(|e| e.get("url").and_then(Value::as_str) != Some(MEDECIN_TRAITANT));
    extensions.extend(number.map(|number| {
        let identifier = json!({"system": "urn:oid:1.2.250.1.71.4.2.1", "value": number});
        json!({"url": MEDECIN_TRAITANT, "valueReference": {"type": "Practitioner", "identifier": identifier}})
    }));
    if !extensions.is_empty() {
        members.insert("extension".into(), Value::Array(extensions));
    }
}

/// Id, INS, whether the record is open, and the extensions that say when it was closed.
fn existence(patient: &Value) -> Value {
    let mut out = json!({"resourceType": "Patient", "id": patient.get("id"), "meta": patient.get("meta")});
    if let Some(meta) = out.get_mut("meta").and_then(Value::as_object_mut) {
        meta.remove("profile");
        meta.insert("tag".into(), json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]));
    }
    let kept =
        |name: &str, keep: &dyn Fn(&Value) -> bool| -> Vec<Value> { patient.get(name).and_then(Value::as_array).into_iter().flatten().filter(|v| keep(v)).cloned().collect() };
    let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let extensions = kept("extension", &|e| [FERMETURE, RATTACHEMENT_MES].contains(&text(e, "url").as_str()));
    let identifiers = kept("identifier", &|i| is_ins(&text(i, "system")));
    if let Some(members) = out.as_object_mut() {
        members.extend((!extensions.is_empty()).then(|| ("extension".to_owned(), Value::Array(extensions))));
        members.extend((!identifiers.is_empty()).then(|| ("identifier".to_owned(), Value::Array(identifiers))));
        members.insert("active".into(), json!(is_open(patient)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_open_unless_it_is_said_to_be_closed() {
        let fermeture = json!([{"url": FERMETURE}]);
        for (patient, open) in [(json!({}), true), (json!({"active": true}), true), (json!({"active": false}), false), (json!({"extension": fermeture}), false)] {
            assert_eq!(is_open(&patient), open, "{patient}");
        }
    }

    #[test]
    fn one_medecin_traitant_is_named_and_the_other_extensions_stay() {
        let mut patient = json!({"extension": [{"url": MEDECIN_TRAITANT, "valueReference": {"display": "avant"}}, {"url": "x"}]});
        declare(&mut patient, Some("899700000001"));
        assert!(patient.to_string().contains("899700000001") && !patient.to_string().contains("avant"));
        declare(&mut patient, None);
        assert_eq!(patient, json!({"extension": [{"url": "x"}]}));
    }

    #[test]
    fn nothing_of_the_person_is_said() {
        let patient = json!({"resourceType": "Patient", "id": "1", "meta": {"versionId": "2"}, "identifier": [
            {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}, {"system": "urn:oid:1.2.3", "value": "IPP-7"}],
            "name": [{"family": "ESSAI"}], "birthDate": "1979-03-12", "gender": "female", "address": [{"city": "Lyon"}], "telecom": [{"value": "06"}],
            "extension": [{"url": FERMETURE, "extension": []}, {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"}]});
        let said = existence(&patient);
        for kept in ["279035121518989", "SUBSETTED", FERMETURE, "\"active\":false"] {
            assert!(said.to_string().contains(kept), "{kept}");
        }
        for gone in ["ESSAI", "1979", "Lyon", "IPP-7", "birthPlace", "female"] {
            assert!(!said.to_string().contains(gone), "{gone}");
        }
    }
}
