//! The rules between the entries of a Provide Document Bundle.
//! Spec: IHE MHD 4.2 ITI-65; IHE ITI TF-3 §4.2.1 (submission, associations); PDSm 3.1.1 flux 01, 02.

use std::collections::{HashMap, HashSet};

use super::bundle_parts::{Part, Parts};
use super::json::{items, node, text};
use super::relations::relations;
use super::subject::Known;
use super::submission::Document;
use crate::fhir::{Issue, IssueType, Severity};

/// The rules while they are applied.
pub(super) struct Rules<'p, 'a> {
    parts: &'p Parts<'a>,
    strict: bool,
    issues: Vec<Issue>,
}

impl<'p, 'a> Rules<'p, 'a> {
    pub(super) fn new(parts: &'p Parts<'a>, strict: bool) -> Self {
        Self { parts, strict, issues: Vec::new() }
    }

    /// The documents that are whole, and every issue.
    pub(super) fn apply(mut self) -> (Vec<Document<'a>>, Vec<Issue>) {
        self.counts();
        self.names();
        let documents = self.contents();
        self.one_patient();
        self.relations();
        self.members();
        (documents, self.issues)
    }

    fn error(&mut self, code: IssueType, at: String, text: &str) {
        self.issues.push(Issue::error(code, at, text));
    }

    /// An error in the strict mode, a warning in the tolerant one.
    fn breach(&mut self, code: IssueType, at: String, text: &str) {
        let severity = if self.strict { Severity::Error } else { Severity::Warning };
        self.issues.push(Issue { severity, code, expression: Some(at), diagnostics: text.to_owned() });
    }

    fn counts(&mut self) {
        let parts = self.parts;
        if parts.sets.is_empty() {
            self.error(IssueType::Required, "Bundle.entry".into(), "the bundle has no SubmissionSet: IHE MHD Provide Document Bundle entry:SubmissionSet 1..1");
        }
        for extra in parts.sets.iter().skip(1) {
            self.error(IssueType::Structure, extra.at(), "the bundle has a second SubmissionSet: IHE MHD Provide Document Bundle entry:SubmissionSet 1..1");
        }
        for extra in parts.patients.iter().skip(1) {
            self.error(IssueType::Structure, format!("Bundle.entry[{}]", extra.index), "the bundle has a second Patient: IHE MHD Provide Document Bundle entry:Patient 0..1");
        }
    }

    /// fullUrl and uniqueId name one thing each.
    fn names(&mut self) {
        let parts = self.parts;
        let all = parts.sets.iter().chain(&parts.references).chain(&parts.contents).chain(&parts.folders).map(|p| (p.index, p.full_url));
        let mut urls = HashSet::new();
        for (index, url) in all.chain(parts.patients.iter().map(|p| (p.index, p.full_url))) {
            if url.is_some_and(|u| !urls.insert(u)) {
                self.error(IssueType::Duplicate, format!("Bundle.entry[{index}].fullUrl"), "two entries have the same fullUrl: FHIR R4 invariant bdl-7");
            }
        }
        let mut uniques = HashSet::new();
        for part in &parts.references {
            let unique = part.resource.get("masterIdentifier").and_then(|m| Some((text(m, "system"), text(m, "value")?)));
            if unique.is_some_and(|u| !uniques.insert(u)) {
                self.error(IssueType::Duplicate, format!("{}.masterIdentifier", part.at()), "two documents have the same uniqueId: IHE ITI TF-3 DocumentEntry.uniqueId");
            }
        }
    }

    /// Each document with the entry of its content; each content with exactly one document.
    fn contents(&mut self) -> Vec<Document<'a>> {
        let parts = self.parts;
        let by_url: HashMap<&str, &Part<'a>> = parts.contents.iter().filter_map(|c| Some((c.full_url?, c))).collect();
        let mut used = HashSet::new();
        let mut out = Vec::new();
        for reference in &parts.references {
            let at = format!("{}.content[0].attachment.url", reference.at());
            let Some(url) = node(reference.resource, "content.attachment").and_then(|a| text(a, "url")) else { continue };
            let Some(content) = resolve(url, reference, &by_url) else {
                self.error(IssueType::NotFound, at, "no Binary or document Bundle of the bundle has this fullUrl; the content must come with its metadata: IHE MHD ITI-65");
                continue;
            };
            if !used.insert(content.index) {
                self.error(IssueType::Duplicate, at, "another DocumentReference names the same content; each document comes once: IHE MHD ITI-65");
                continue;
            }
            self.media_type(reference, content);
            out.push(Document { reference: *reference, content: *content });
        }
        for content in parts.contents.iter().filter(|c| !used.contains(&c.index)) {
            self.error(
                IssueType::Structure,
                format!("Bundle.entry[{}]", content.index),
                "no DocumentReference of the bundle names this content, so it has no metadata: IHE MHD ITI-65",
            );
        }
        out
    }

    fn media_type(&mut self, reference: &Part<'a>, content: &Part<'a>) {
        let bare = |t: &str| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let said = node(reference.resource, "content.attachment").and_then(|a| text(a, "contentType")).map(bare);
        let is = text(content.resource, "contentType").map(bare);
        if is.is_some() && said.is_some() && is != said {
            let at = format!("{}.contentType", content.at());
            self.breach(IssueType::Value, at, "the Binary has another contentType than its DocumentReference: IHE MHD attachment.contentType");
        }
    }

    fn one_patient(&mut self) {
        let parts = self.parts;
        let entry = parts.patients.first();
        let all = parts.sets.iter().chain(&parts.references).chain(&parts.folders);
        let mut known: Vec<(String, Known)> = entry.map(|p| (format!("Bundle.entry[{}]", p.index), Known::entry(p))).into_iter().collect();
        known.extend(all.map(|p| (format!("{}.subject", p.at()), Known::of(p.resource, entry))));
        let mut stated = known.into_iter().filter(|(_, k)| k.is_known());
        let Some((_, first)) = stated.next() else { return };
        for (at, other) in stated {
            if first.contradicts(&other) {
                self.error(IssueType::BusinessRule, at, "the subject is another patient than that of the other entries; one submission is of one patient: IHE ITI TF-3 §4.2.1.4");
            }
        }
    }

    fn relations(&mut self) {
        let parts = self.parts;
        let mut replaced = HashSet::new();
        // A target named by identifier or by a condition may be any document.
        let mut open = false;
        for part in &parts.references {
            for relation in relations(part.resource) {
                let at = format!("{}.relatesTo[{}].target", part.at(), relation.index);
                match relation.reference {
                    None if relation.identifier.is_none() => {
                        self.error(IssueType::Required, at, "the target needs a reference or an identifier: FHIR R4 DocumentReference.relatesTo.target")
                    }
                    Some(target) if target.starts_with('#') => self.error(IssueType::Structure, at, "the target is another document, never a contained resource"),
                    Some(target) if part.full_url == Some(target) => self.error(IssueType::BusinessRule, at, "a document has no relation to itself"),
                    Some(target) if target.starts_with("urn:uuid:") && !parts.urls.contains(target) => {
                        self.error(IssueType::NotFound, at, "no DocumentReference of the bundle has this fullUrl");
                    }
                    Some(target) if relation.code == "replaces" && !target.contains('?') => {
                        replaced.extend(target.split("/_history/").next().and_then(|t| t.rsplit('/').next()).map(str::to_owned));
                    }
                    _ => open |= relation.code == "replaces",
                }
            }
        }
        for patch in parts.superseded.iter().filter(|s| !open && !replaced.contains(s.id)) {
            let text = "the document to be marked superseded is replaced by none of this bundle (relatesTo, replaces): IHE MHD UpdateDocumentRefs";
            self.breach(IssueType::BusinessRule, format!("Bundle.entry[{}].request.url", patch.index), text);
        }
    }

    /// The SubmissionSet names every document and folder of the bundle, and nothing that is not there.
    fn members(&mut self) {
        let parts = self.parts;
        let Some(set) = parts.sets.first() else { return };
        let named: Vec<(usize, &str)> = items(set.resource, "entry").iter().enumerate().filter_map(|(i, e)| Some((i, text(e.get("item")?, "reference")?))).collect();
        for (i, item) in &named {
            if item.starts_with("urn:uuid:") && !parts.urls.contains(item) {
                self.error(IssueType::NotFound, format!("{}.entry[{i}].item", set.at()), "no DocumentReference or Folder of the bundle has this fullUrl");
            }
        }
        let named: HashSet<&str> = named.into_iter().map(|(_, item)| item).collect();
        for part in parts.references.iter().chain(&parts.folders) {
            if !part.full_url.is_some_and(|u| named.contains(u)) {
                self.breach(IssueType::BusinessRule, part.at(), "the SubmissionSet does not name this entry: IHE ITI TF-3 §4.2.2 (HasMember)");
            }
        }
    }
}

/// The content an attachment names: by fullUrl, or by a relative URL under the base of its DocumentReference.
/// Spec: FHIR R4 bundle#references.
fn resolve<'p, 'a>(url: &str, reference: &Part<'a>, by_url: &HashMap<&str, &'p Part<'a>>) -> Option<&'p Part<'a>> {
    by_url.get(url).copied().or_else(|| {
        let own = reference.full_url?;
        let (base, _) = own.split_once("/DocumentReference/")?;
        by_url.get(format!("{base}/{}", url.trim_start_matches('/')).as_str()).copied()
    })
}
