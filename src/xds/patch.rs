//! The body of a metadata PATCH as changes.
//! Spec: FHIR R4 http#patch; PDSm 3.1.1 flux 03; RFC 6902; FHIR R4 fhirpatch.

use serde_json::Value;

use super::change::Change;
use super::{patch_fhirpath, patch_json};
use crate::fhir::{Fault, FaultKind, Result, gate};

/// Operations of one patch.
pub(super) const MAX_OPERATIONS: usize = 50;

/// Reads a JSON Patch (`application/json-patch+json`, or a JSON array) or a FHIRPath Patch (Parameters as FHIR JSON; XML
/// is converted before).
///
/// # Errors
/// `Malformed` for broken bytes, `UnsupportedFormat` (720) for another kind of patch, `MethodNotAllowed` (710) for an element
/// that may not change, `RuleBroken` (711–715, 724, 728–734) for a value against its rule, `TooCostly` (722) over 50 operations.
pub fn metadata_patch(body: &[u8], content_type: &str) -> Result<Vec<Change>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = matches!(kind.as_str(), "application/json-patch+json" | "application/json" | "application/fhir+json" | "application/fhir+xml");
    if !json {
        return Err(Fault::new(
            FaultKind::UnsupportedFormat,
            720,
            "a metadata update is a JSON Patch (application/json-patch+json) or a FHIRPath Patch (Parameters as application/fhir+json)",
        ));
    }
    gate::parse(body)?;
    let value: Value = serde_json::from_slice(body).map_err(|e| Fault::new(FaultKind::Malformed, 721, "the body is not JSON").because(e))?;
    let changes = match &value {
        Value::Array(operations) => bounded(operations.len()).and_then(|()| patch_json::changes(operations))?,
        Value::Object(_) if kind != "application/json-patch+json" => patch_fhirpath::changes(&value)?,
        _ => return Err(Fault::new(FaultKind::Malformed, 723, "a JSON Patch is an array of operations: RFC 6902 §3")),
    };
    if changes.is_empty() {
        return Err(Fault::new(FaultKind::RuleBroken, 724, "the patch changes nothing"));
    }
    Ok(changes)
}

pub(super) fn bounded(operations: usize) -> Result<()> {
    if operations > MAX_OPERATIONS {
        return Err(Fault::new(FaultKind::TooCostly, 722, format!("a patch holds at most {MAX_OPERATIONS} operations")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::change::LabelChange;
    use super::*;

    const ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";

    fn json_patch(operation: Value) -> Result<Vec<Change>> {
        metadata_patch(json!([operation]).to_string().as_bytes(), "application/json-patch+json; charset=utf-8")
    }

    fn fhirpath(parts: Value) -> Result<Vec<Change>> {
        let body = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]});
        metadata_patch(body.to_string().as_bytes(), "application/fhir+json")
    }

    fn path(path: &str, kind: &str, value: Value) -> Result<Vec<Change>> {
        let mut parts = json!([{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]);
        if !value.is_null() {
            parts.as_array_mut().unwrap().push(value);
        }
        fhirpath(parts)
    }

    fn masked() -> Value {
        json!({"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument", "code": "MASQUE_PS"}]})
    }

    #[test]
    fn the_three_elements_are_changed_by_json_patch() {
        assert_eq!(json_patch(json!({"op": "replace", "path": "/status", "value": "superseded"})).unwrap(), [Change::Status("superseded".into())]);
        let slot = LabelChange::Slot { index: 0, code: "MASQUE_PS".into() };
        assert_eq!(json_patch(json!({"op": "replace", "path": "/securityLabel/0", "value": masked()})).unwrap(), [Change::SecurityLabel(slot)]);
        assert_eq!(json_patch(json!({"op": "add", "path": "/securityLabel/-", "value": masked()})).unwrap(), [Change::SecurityLabel(LabelChange::Add("MASQUE_PS".into()))]);
        assert_eq!(
            json_patch(json!({"op": "replace", "path": "/securityLabel", "value": [masked()]})).unwrap(),
            [Change::SecurityLabel(LabelChange::All(vec!["MASQUE_PS".into()]))]
        );
        assert_eq!(json_patch(json!({"op": "remove", "path": "/securityLabel/1"})).unwrap(), [Change::SecurityLabel(LabelChange::RemoveSlot(1))]);
        assert_eq!(json_patch(json!({"op": "add", "path": "/extension/-", "value": {"url": ARCHIVED, "valueBoolean": true}})).unwrap(), [Change::Archived(true)]);
        assert_eq!(json_patch(json!({"op": "replace", "path": "/extension/2/valueBoolean", "value": true})).unwrap(), [Change::ArchivedAt { index: 2, value: true }]);
    }

    #[test]
    fn the_pointer_both_guides_print_is_tolerated() {
        for quote in ["'", "\""] {
            let pointer = format!("/extension[url:{quote}{ARCHIVED}{quote}]/valueBoolean");
            assert_eq!(json_patch(json!({"op": "replace", "path": pointer, "value": true})).unwrap(), [Change::Archived(true)]);
        }
    }

    #[test]
    fn values_against_their_rule_are_422_and_located() {
        let search = "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived";
        for operation in [
            json!({"op": "replace", "path": "/status", "value": "current "}),
            json!({"op": "replace", "path": "/securityLabel/0", "value": "restricted"}),
            json!({"op": "replace", "path": "/securityLabel", "value": "R"}),
            json!({"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"system": "urn:x", "code": "N"}]}}),
            json!({"op": "replace", "path": format!("/extension[url:'{ARCHIVED}']/valueBoolean"), "value": "true"}),
            json!({"op": "replace", "path": format!("/extension[url:'{search}']/valueBoolean"), "value": true}),
            json!({"op": "remove", "path": "/securityLabel"}),
        ] {
            let fault = json_patch(operation.clone()).unwrap_err();
            assert_eq!(fault.kind, FaultKind::RuleBroken, "{operation}");
            assert!(fault.issues[0].expression.is_some(), "{operation}");
        }
    }

    #[test]
    fn every_other_element_and_operation_is_405() {
        for operation in [
            json!({"op": "replace", "path": "/type", "value": {"text": "x"}}),
            json!({"op": "replace", "path": "/status/x", "value": "current"}),
            json!({"op": "replace", "path": "/securityLabel/0/text", "value": "x"}),
            json!({"op": "add", "path": "/extension/-", "value": {"url": "urn:other", "valueBoolean": true}}),
            json!({"op": "replace", "path": "/extension[url:'urn:other']/valueBoolean", "value": true}),
            json!({"op": "test", "path": "/status", "value": "current"}),
        ] {
            assert_eq!(json_patch(operation.clone()).unwrap_err().kind, FaultKind::MethodNotAllowed, "{operation}");
        }
        assert_eq!(path("DocumentReference.subject", "replace", json!({"name": "value", "valueString": "x"})).unwrap_err().kind, FaultKind::MethodNotAllowed);
        assert_eq!(path("DocumentReference.securityLabel[0].text", "replace", json!({"name": "value", "valueString": "N"})).unwrap_err().kind, FaultKind::MethodNotAllowed);
    }

    #[test]
    fn the_three_elements_are_changed_by_fhirpath_patch() {
        let status = path("DocumentReference.status", "replace", json!({"name": "value", "valueCode": "superseded"}));
        assert_eq!(status.unwrap(), [Change::Status("superseded".into())]);
        let slot = path("DocumentReference.securityLabel[0]", "replace", json!({"name": "value", "valueCodeableConcept": masked()}));
        assert_eq!(slot.unwrap(), [Change::SecurityLabel(LabelChange::Slot { index: 0, code: "MASQUE_PS".into() })]);
        let gone = path("DocumentReference.securityLabel.where(coding.code='MASQUE_PS')", "delete", Value::Null);
        assert_eq!(gone.unwrap(), [Change::SecurityLabel(LabelChange::Remove("MASQUE_PS".into()))]);
        let archived = path(&format!("DocumentReference.extension('{ARCHIVED}').value"), "replace", json!({"name": "value", "valueBoolean": true}));
        assert_eq!(archived.unwrap(), [Change::Archived(true)]);
        let added = fhirpath(json!([
            {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "DocumentReference"}, {"name": "name", "valueString": "extension"},
            {"name": "value", "part": [{"name": "url", "valueUri": ARCHIVED}, {"name": "value", "valueBoolean": true}]}]));
        assert_eq!(added.unwrap(), [Change::Archived(true)]);
        let added = fhirpath(json!([
            {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "DocumentReference"}, {"name": "name", "valueString": "securityLabel"},
            {"name": "value", "valueCodeableConcept": masked()}]));
        assert_eq!(added.unwrap(), [Change::SecurityLabel(LabelChange::Add("MASQUE_PS".into()))]);
    }

    #[test]
    fn other_bodies_are_refused() {
        assert_eq!(metadata_patch(b"<diff/>", "application/xml-patch+xml").unwrap_err().kind, FaultKind::UnsupportedFormat);
        assert_eq!(metadata_patch(b"[", "application/json-patch+json").unwrap_err().kind, FaultKind::Malformed);
        assert_eq!(metadata_patch(br#"{"resourceType":"DocumentReference"}"#, "application/fhir+json").unwrap_err().kind, FaultKind::RuleBroken);
        let many = Value::Array((0..60).map(|_| json!({"op": "remove", "path": "/securityLabel/0"})).collect());
        assert_eq!(metadata_patch(many.to_string().as_bytes(), "application/json-patch+json").unwrap_err().kind, FaultKind::TooCostly);
    }
}
