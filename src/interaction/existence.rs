//! What is said of a patient to a caller whose right to the record is not given: that there is a record, and its state.
//! Spec: PDSM4DMP TD0.2 (existence and state test).

use serde_json::{Value, json};

use super::patient::is_ins;
use super::planning::to_bytes;
use crate::access::{FERMETURE, RATTACHEMENT_MES, Rule};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Found, Reader};

/// The Patient as this caller may read it: whole where the record is open to him, else identifiers, state and nothing of the person.
///
/// # Errors
/// `Bug` for a damaged resource; what the right to the record asks of the database.
pub(super) fn shown(reader: &mut Reader<'_>, found: Found) -> Result<Found> {
    let record = found.row.record;
    if found.row.kind != "Patient" || found.row.deleted || reader.answering(|r| r.whole(record))? {
        return Ok(found);
    }
    reduced(found)
}

/// The Patient as a search finds him. A search is the existence test that software makes before anything else: it breaks no glass, and
/// says of a record that an emergency alone opens what it says of any that is not open.
///
/// # Errors
/// See [`shown`].
pub(super) fn tested(reader: &mut Reader<'_>, found: Found) -> Result<Found> {
    let record = found.row.record;
    let right = if found.row.kind == "Patient" && !found.row.deleted { reader.answering(|r| r.right(record))? } else { None };
    if right.is_some_and(|r| matches!(r.rule(), Rule::BrisDeGlace | Rule::Centre15)) {
        return reduced(found);
    }
    shown(reader, found)
}

fn reduced(mut found: Found) -> Result<Found> {
    let value: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 635, "a stored resource is damaged").because(e))?;
    found.body = to_bytes(&existence(&value))?;
    Ok(found)
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
        members.insert("active".into(), json!(patient.get("active").and_then(Value::as_bool).unwrap_or(true)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_person_is_said() {
        let patient = json!({"resourceType": "Patient", "id": "1", "meta": {"versionId": "2"}, "identifier": [
            {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}, {"system": "urn:oid:1.2.3", "value": "IPP-7"}],
            "name": [{"family": "ESSAI"}], "birthDate": "1979-03-12", "gender": "female", "address": [{"city": "Lyon"}], "telecom": [{"value": "06"}],
            "extension": [{"url": FERMETURE, "extension": []}, {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"}]});
        let said = existence(&patient);
        for kept in ["279035121518989", "SUBSETTED", FERMETURE, "\"active\":true"] {
            assert!(said.to_string().contains(kept), "{kept}");
        }
        for gone in ["ESSAI", "1979", "Lyon", "IPP-7", "birthPlace", "female"] {
            assert!(!said.to_string().contains(gone), "{gone}");
        }
    }
}
