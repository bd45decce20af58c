//! Which transactions are a Provide Document Bundle.
//! Spec: IHE MHD 4.2 ITI-65; PDSm 3.1.1 flux 01.

use serde_json::Value;

use super::check::profiles;
use super::json::{items, node, text};
use super::rules::table;
use super::uris;

/// Whether a Bundle of type transaction is one of ITI-65: it claims such a profile, or holds a SubmissionSet together with
/// a DocumentReference or a document.
pub fn is_provide_bundle(bundle: &Value) -> bool {
    if text(bundle, "resourceType") != Some("Bundle") || text(bundle, "type") != Some("transaction") {
        return false;
    }
    if profiles(bundle).any(|p| table().profiles.bundle.iter().any(|known| known == p)) {
        return true;
    }
    let resources = || items(bundle, "entry").iter().filter(|e| node(e, "request.method").and_then(Value::as_str) == Some("POST")).filter_map(|e| e.get("resource"));
    let is = |kinds: &[&str], r: &Value| text(r, "resourceType").is_some_and(|t| kinds.contains(&t));
    resources().any(|r| is_list(r, "submissionset")) && resources().any(|r| is(&["DocumentReference", "Binary"], r))
}

/// Whether a resource is a SubmissionSet. Spec: IHE MHD 4.2 MHDlistTypes.
pub fn is_submission_set(resource: &Value) -> bool {
    is_list(resource, "submissionset")
}

/// Whether a resource is a List of this kind (MHDlistTypes).
pub(super) fn is_list(resource: &Value, kind: &str) -> bool {
    let codings = resource.get("code").map(|c| items(c, "coding")).unwrap_or_default();
    text(resource, "resourceType") == Some("List") && codings.iter().any(|c| text(c, "system") == Some(uris::LIST_TYPES) && text(c, "code") == Some(kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::bundle;
    use super::*;

    #[test]
    fn a_provide_bundle_is_known_by_its_profile_or_by_what_it_holds() {
        assert!(is_provide_bundle(&bundle()));
        let profile = json!({"resourceType": "Bundle", "type": "transaction", "meta": {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle|4.2.3"]}});
        assert!(is_provide_bundle(&profile));
        let mut batch = bundle();
        batch["type"] = json!("batch");
        assert!(!is_provide_bundle(&batch));
        let other = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {"resourceType": "Binary"}, "request": {"method": "POST", "url": "Binary"}}]});
        assert!(!is_provide_bundle(&other));
    }
}
