//! A Provide Document Bundle, understood: what it brings, which document belongs to which metadata, what it replaces.
//! Spec: IHE MHD 4.2 ITI-65 (3.65.4.1.3); PDSm 3.1.1 flux 01.

use serde_json::Value;

use super::bundle_parts::{Part, Parts, PatientPart, Superseded};
use super::check::{claimed_level, list_at_level, reference_at_level};
use super::json::text;
use super::rules::{Level, Shape};
use super::submission_rules::Rules;
use crate::fhir::{Fault, FaultKind, Issue, IssueType, Result, Severity};

/// Issues of one answer.
const MAX_ISSUES: usize = 100;

/// The documents of one submission.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The SubmissionSet List.
    pub set: Part<'a>,
    /// In the order of the bundle.
    pub documents: Vec<Document<'a>>,
    pub folders: Vec<Part<'a>>,
    pub patient: Option<PatientPart<'a>>,
    /// DocumentReferences to be marked superseded.
    pub superseded: Vec<Superseded<'a>>,
    /// What the tolerant mode lets pass.
    pub warnings: Vec<Issue>,
}

/// One document: its metadata and its content.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    pub reference: Part<'a>,
    /// A Binary, or a Bundle of type document.
    pub content: Part<'a>,
}

impl Document<'_> {
    /// Whether the content is a FHIR document rather than a Binary.
    pub fn is_fhir_document(&self) -> bool {
        text(self.content.resource, "resourceType") == Some("Bundle")
    }
}

/// Reads a Provide Document Bundle.
///
/// # Errors
/// `RuleBroken` (740) when it is no transaction, (741) with every located issue: in both modes what would lose or misplace a
/// document, in the strict mode every breach of the profiles.
pub fn submission(bundle: &Value, strict: bool) -> Result<Submission<'_>> {
    if text(bundle, "resourceType") != Some("Bundle") || text(bundle, "type") != Some("transaction") {
        return Err(Fault::new(FaultKind::RuleBroken, 740, "a Provide Document Bundle is a Bundle of type transaction: IHE MHD ITI-65").at("Bundle.type"));
    }
    let mut parts = Parts::of(bundle);
    let mut issues = std::mem::take(&mut parts.issues);
    let (documents, found) = Rules::new(&parts, strict).apply();
    issues.extend(found);
    issues.extend(profiles(&parts, strict, claimed_level(bundle).unwrap_or_default()));
    issues.sort_by_key(|i| i.severity != Severity::Error);
    let broken = issues.iter().any(|i| i.severity == Severity::Error);
    let set = parts.sets.first().copied().filter(|_| !broken);
    let Some(set) = set else {
        issues.truncate(MAX_ISSUES);
        return Err(Fault::with_issues(FaultKind::RuleBroken, 741, issues));
    };
    issues.truncate(MAX_ISSUES);
    Ok(Submission { set, documents, folders: parts.folders, patient: parts.patients.first().copied(), superseded: parts.superseded, warnings: issues })
}

/// A resource without a profile of its own is held to that of the bundle.
fn profiles(parts: &Parts<'_>, strict: bool, level: Level) -> Vec<Issue> {
    let mut out = Vec::new();
    for set in &parts.sets {
        out.extend(list_at_level(Shape::SubmissionSet, set.resource, &set.at(), strict, level));
    }
    for part in &parts.references {
        out.extend(located_data(part));
        out.extend(reference_at_level(part.resource, &part.at(), strict, level));
    }
    for folder in &parts.folders {
        out.extend(list_at_level(Shape::Folder, folder.resource, &folder.at(), strict, level));
    }
    out
}

/// In a bundle the content is a Binary, never `data`.
fn located_data(part: &Part<'_>) -> Option<Issue> {
    let data = super::json::node(part.resource, "content.attachment.data").is_some();
    let at = format!("{}.content[0].attachment.data", part.at());
    data.then(|| Issue::error(IssueType::Structure, at, "in ITI-65 the document is a Binary of the bundle; attachment.data is for ITI-105"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::bundle;
    use super::*;

    fn errors(bundle: &Value, strict: bool) -> Vec<(String, String)> {
        let issues = submission(bundle, strict).map_or_else(|e| e.issues, |_| Vec::new());
        issues.into_iter().filter(|i| i.severity == Severity::Error).map(|i| (i.expression.unwrap_or_default(), i.diagnostics)).collect()
    }

    fn refused(bundle: &Value, at: &str) {
        let found = errors(bundle, false);
        assert!(found.iter().any(|(place, _)| place == at), "{at} not in {found:?}");
    }

    #[test]
    fn a_right_bundle_is_understood_in_the_strict_mode() {
        let bundle = bundle();
        let submission = submission(&bundle, true).unwrap();
        assert_eq!((submission.set.index, submission.documents.len(), submission.warnings.len()), (0, 1, 0));
        assert_eq!((submission.documents[0].reference.index, submission.documents[0].content.index), (1, 2));
    }

    #[test]
    fn exactly_one_submission_set() {
        let mut none = bundle();
        none["entry"].as_array_mut().unwrap().remove(0);
        refused(&none, "Bundle.entry");
        let mut two = bundle();
        let mut second = two["entry"][0].clone();
        second["fullUrl"] = json!("urn:uuid:second");
        two["entry"].as_array_mut().unwrap().push(second);
        refused(&two, "Bundle.entry[3].resource");
    }

    #[test]
    fn every_content_has_exactly_one_document_reference() {
        let mut missing = bundle();
        missing["entry"].as_array_mut().unwrap().pop();
        refused(&missing, "Bundle.entry[1].resource.content[0].attachment.url");
        let mut orphan = bundle();
        let mut second = orphan["entry"][2].clone();
        second["fullUrl"] = json!("urn:uuid:second");
        orphan["entry"].as_array_mut().unwrap().push(second);
        refused(&orphan, "Bundle.entry[3]");
        let mut shared = bundle();
        let mut other = shared["entry"][1].clone();
        other["fullUrl"] = json!("urn:uuid:second");
        shared["entry"].as_array_mut().unwrap().push(other);
        refused(&shared, "Bundle.entry[3].resource.content[0].attachment.url");
        refused(&shared, "Bundle.entry[3].resource.masterIdentifier");
    }

    #[test]
    fn methods_and_addresses_are_those_of_the_transaction() {
        let mut put = bundle();
        put["entry"][1]["request"]["method"] = json!("PUT");
        refused(&put, "Bundle.entry[1].request.method");
        let mut elsewhere = bundle();
        elsewhere["entry"][2]["request"]["url"] = json!("Basic");
        refused(&elsewhere, "Bundle.entry[2].request.url");
        let mut foreign = bundle();
        foreign["entry"][2]["resource"] = json!({"resourceType": "Observation"});
        refused(&foreign, "Bundle.entry[2].resource");
    }

    #[test]
    fn one_submission_is_of_one_patient() {
        let mut two = bundle();
        two["entry"][1]["resource"]["subject"] = json!({"reference": "Patient/p2"});
        refused(&two, "Bundle.entry[1].resource.subject");
        let mut entry = bundle();
        entry["entry"].as_array_mut().unwrap().push(json!({"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}));
        refused(&entry, "Bundle.entry[0].resource.subject");
    }

    #[test]
    fn relations_lead_to_another_document() {
        let with = |target: Value| {
            let mut bundle = bundle();
            bundle["entry"][1]["resource"]["relatesTo"] = json!([{"code": "replaces", "target": target}]);
            bundle
        };
        let at = "Bundle.entry[1].resource.relatesTo[0].target";
        refused(&with(json!({"display": "x"})), at);
        refused(&with(json!({"reference": "urn:uuid:00000000-0000-4000-8000-00000000000b"})), at);
        refused(&with(json!({"reference": "urn:uuid:nothing"})), at);
        refused(&with(json!({"reference": "Patient/1"})), at);
        assert_eq!(errors(&with(json!({"reference": "DocumentReference/old"})), true), []);
    }

    #[test]
    fn a_replaced_document_may_be_marked_superseded_and_no_other() {
        let mut bundle = bundle();
        let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"}, {"name": "value", "valueCode": "superseded"}]}]});
        bundle["entry"].as_array_mut().unwrap().push(json!({"resource": patch, "request": {"method": "PATCH", "url": "DocumentReference/old"}}));
        assert_eq!(errors(&bundle, true)[0].0, "Bundle.entry[3].request.url");
        assert_eq!(submission(&bundle, false).unwrap().warnings.len(), 1);
        bundle["entry"][1]["resource"]["relatesTo"] = json!([{"code": "replaces", "target": {"reference": "DocumentReference/old"}}]);
        assert_eq!(submission(&bundle, true).unwrap().superseded, [Superseded { index: 3, id: "old" }]);
        bundle["entry"][3]["resource"]["parameter"][0]["part"][2]["valueCode"] = json!("current");
        refused(&bundle, "Bundle.entry[3].resource");
    }

    #[test]
    fn a_replaced_document_named_by_identifier_may_be_marked_too() {
        let mut bundle = bundle();
        let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"}, {"name": "value", "valueCode": "superseded"}]}]});
        bundle["entry"].as_array_mut().unwrap().push(json!({"resource": patch, "request": {"method": "PATCH", "url": "DocumentReference/old"}}));
        bundle["entry"][1]["resource"]["relatesTo"] = json!([{"code": "replaces", "target": {"identifier": {"value": "urn:oid:1.2.3.4.4"}}}]);
        assert_eq!(errors(&bundle, true), []);
    }

    #[test]
    fn one_wrong_entry_is_told_once() {
        let mut bundle = bundle();
        bundle["entry"][1]["request"]["url"] = json!("Documents");
        bundle["entry"].as_array_mut().unwrap().pop();
        assert_eq!(errors(&bundle, true).len(), 1);
    }

    #[test]
    fn a_resource_without_a_profile_is_held_to_that_of_the_bundle() {
        let mut bundle = bundle();
        bundle["meta"]["profile"] = json!(["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Comprehensive.ProvideBundle"]);
        let document = bundle["entry"][1]["resource"].as_object_mut().unwrap();
        document.shift_remove("meta");
        document.shift_remove("custodian");
        assert_eq!(errors(&bundle, true), []);
        bundle["meta"]["profile"][0] = json!("https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle");
        assert_eq!(errors(&bundle, true)[0].0, "Bundle.entry[1].resource.custodian");
    }

    #[test]
    fn a_document_the_submission_set_does_not_name_is_told() {
        let mut bundle = bundle();
        bundle["entry"][0]["resource"]["entry"][0]["item"]["reference"] = json!("DocumentReference/other");
        assert_eq!(errors(&bundle, true)[0].0, "Bundle.entry[1].resource");
        bundle["entry"][0]["resource"]["entry"][0]["item"]["reference"] = json!("urn:uuid:nothing");
        refused(&bundle, "Bundle.entry[0].resource.entry[0].item");
    }

    #[test]
    fn a_relative_url_is_read_under_the_base_of_its_document_reference() {
        let mut bundle = bundle();
        bundle["entry"][1]["fullUrl"] = json!("http://example.org/fhir/DocumentReference/d");
        bundle["entry"][0]["resource"]["entry"][0]["item"]["reference"] = json!("http://example.org/fhir/DocumentReference/d");
        bundle["entry"][2]["fullUrl"] = json!("http://example.org/fhir/Binary/b");
        bundle["entry"][1]["resource"]["content"][0]["attachment"]["url"] = json!("Binary/b");
        assert_eq!(errors(&bundle, true), []);
    }
}
