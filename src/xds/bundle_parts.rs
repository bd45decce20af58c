//! The entries of a Provide Document Bundle by what they are.
//! Spec: IHE MHD 4.2 IHE.MHD.Comprehensive.ProvideBundle (closed slicing of entry by resource and request.method).

use std::collections::HashSet;

use serde_json::Value;

use super::change::Change;
use super::json::{items, node, text};
use super::patch_fhirpath;
use super::provide_bundle::is_list;
use crate::fhir::{Issue, IssueType};

/// An entry that brings a resource.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Its place in `Bundle.entry`.
    pub index: usize,
    pub full_url: Option<&'a str>,
    pub resource: &'a Value,
    /// `POST`; for a Folder also `PUT`.
    pub method: &'a str,
    /// `request.url`: the type; for the PUT of a Folder `List/id` or `List?condition`.
    pub url: &'a str,
}

impl Part<'_> {
    /// FHIRPath of the resource.
    pub fn at(&self) -> String {
        format!("Bundle.entry[{}].resource", self.index)
    }
}

/// The entry of the patient.
#[derive(Debug, Clone, Copy)]
pub struct PatientPart<'a> {
    pub index: usize,
    pub full_url: Option<&'a str>,
    /// None for a GET.
    pub resource: Option<&'a Value>,
    /// `GET`, `POST` or `PUT`.
    pub method: &'a str,
    /// `Patient`, `Patient/id` or `Patient?identifier=…`
    pub url: &'a str,
}

/// An entry that marks a document superseded (UpdateDocumentRefs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded<'a> {
    pub index: usize,
    /// id of the DocumentReference.
    pub id: &'a str,
}

/// The entries, and what is wrong with those that are none of these.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub sets: Vec<Part<'a>>,
    pub references: Vec<Part<'a>>,
    pub contents: Vec<Part<'a>>,
    pub folders: Vec<Part<'a>>,
    pub patients: Vec<PatientPart<'a>>,
    pub superseded: Vec<Superseded<'a>>,
    /// fullUrls of all entries, wrong ones too, so that one mistake is told once.
    pub urls: HashSet<&'a str>,
    pub issues: Vec<Issue>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(bundle: &'a Value) -> Self {
        let mut parts = Self::default();
        for (index, entry) in items(bundle, "entry").iter().enumerate() {
            parts.sort(index, entry);
        }
        parts
    }

    fn sort(&mut self, index: usize, entry: &'a Value) {
        let full_url = text(entry, "fullUrl");
        self.urls.extend(full_url);
        let request = |name: &str| node(entry, "request").and_then(|r| text(r, name));
        let (Some(method), Some(url)) = (request("method"), request("url")) else {
            return self.wrong(index, "request", IssueType::Required, "the entry needs request.method and request.url: FHIR R4 invariant bdl-3");
        };
        let resource = entry.get("resource");
        if url.split(['/', '?']).next() == Some("Patient") {
            return self.patient(PatientPart { index, full_url, resource, method, url });
        }
        if method == "PATCH" {
            return self.patch(index, url, resource);
        }
        match resource {
            Some(resource) => self.written(Part { index, full_url, resource, method, url }),
            None => self.wrong(index, "resource", IssueType::Required, "the entry has no resource: IHE MHD Provide Document Bundle"),
        }
    }

    fn written(&mut self, part: Part<'a>) {
        let kind = text(part.resource, "resourceType").unwrap_or_default();
        let folder = is_list(part.resource, "folder");
        let known = matches!(kind, "DocumentReference" | "Binary" | "Bundle") || folder || is_list(part.resource, "submissionset");
        if !known {
            let what = match kind {
                "List" => "a List here is a SubmissionSet or a Folder: IHE MHD List.code (MHDlistTypes submissionset | folder)",
                _ => {
                    "an entry here is a SubmissionSet, DocumentReference, Binary, document Bundle, Folder, Patient or the PATCH of a DocumentReference: IHE MHD Provide Document Bundle (closed)"
                }
            };
            return self.wrong(part.index, "resource", IssueType::Structure, what);
        }
        if part.method != "POST" && !(folder && part.method == "PUT") {
            return self.wrong(part.index, "request.method", IssueType::Value, "the method is POST (POST or PUT for a Folder): IHE MHD Provide Document Bundle");
        }
        let address = if part.method == "PUT" { part.url.strip_prefix("List/").is_some_and(is_id) || part.url.starts_with("List?") } else { part.url == kind };
        if !address {
            return self.wrong(part.index, "request.url", IssueType::Value, "request.url is the type of the resource (for PUT, List/id or a condition): FHIR R4 http#transaction");
        }
        match kind {
            "DocumentReference" => self.references.push(part),
            "Binary" => self.contents.push(part),
            "Bundle" if text(part.resource, "type") == Some("document") => self.contents.push(part),
            "Bundle" => self.wrong(part.index, "resource.type", IssueType::Value, "a Bundle here is a FHIR document: IHE MHD ITI-65 FHIR Document Publish"),
            _ if folder => self.folders.push(part),
            _ => self.sets.push(part),
        }
    }

    fn patient(&mut self, part: PatientPart<'a>) {
        let kind = part.resource.and_then(|r| text(r, "resourceType"));
        let right = match part.method {
            "GET" => kind.is_none_or(|k| k == "Patient"),
            "POST" => kind == Some("Patient") && part.url == "Patient",
            "PUT" => kind == Some("Patient") && part.url != "Patient",
            _ => return self.wrong(part.index, "request.method", IssueType::Value, "a Patient comes by GET, POST or PUT: IHE MHD Provide Document Bundle"),
        };
        if right {
            self.patients.push(part);
        } else {
            self.wrong(part.index, "request.url", IssueType::Value, "a Patient is read or written at its own address: FHIR R4 http#transaction");
        }
    }

    fn patch(&mut self, index: usize, url: &'a str, resource: Option<&Value>) {
        let Some(id) = url.strip_prefix("DocumentReference/").filter(|id| is_id(id)) else {
            return self.wrong(index, "request.url", IssueType::Value, "a PATCH here is of DocumentReference/id: IHE MHD UpdateDocumentRefs");
        };
        let superseded = vec![Change::Status("superseded".to_owned())];
        if resource.and_then(|r| patch_fhirpath::changes(r).ok()) == Some(superseded) {
            self.superseded.push(Superseded { index, id });
        } else {
            self.wrong(
                index,
                "resource",
                IssueType::BusinessRule,
                "the PATCH is Parameters with one operation that replaces DocumentReference.status by superseded: IHE.MHD.Patch.Parameters",
            );
        }
    }

    fn wrong(&mut self, index: usize, at: &str, code: IssueType, text: &str) {
        self.issues.push(Issue::error(code, format!("Bundle.entry[{index}].{at}"), text));
    }
}

/// Spec: FHIR R4 datatypes#id.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}
