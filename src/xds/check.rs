//! DocumentReference, SubmissionSet and Folder against the table of rules.
//!
//! Strict: every breach is an error. Tolerant: breaches that the published examples themselves contain are warnings; what
//! the server cannot do without (uniqueId, subject, attachment …) stays an error.
//! Spec: PDSm 3.1.1 profiles; IHE MHD 4.2 profiles; `fhir-profiles/document-sharing/rules.toml`.

use std::collections::HashMap;

use serde_json::Value;

use super::json::{items, read_concept, text};
use super::people::local;
use super::rules::{Level, Rule, Shape, Step, table};
use super::steps::{children, codings, written};
use crate::fhir::classification::{canonical_system, class_of};
use crate::fhir::{Issue, IssueType, Severity};

/// Issues that one resource may give.
const MAX_ISSUES: usize = 100;
/// Levels of JSON that are searched for references.
const MAX_DEPTH: usize = 48;

/// A DocumentReference against its profile: that of ITI-105 when it carries its content as `data` or says so, else the
/// comprehensive one. `at` is the FHIRPath of the resource, empty for `DocumentReference`.
/// Spec: PDSm 3.1.1 pdsm-comprehensive-document-reference, pdsm-simplified-publish.
pub fn check_reference(reference: &Value, at: &str, strict: bool) -> Vec<Issue> {
    reference_at_level(reference, at, strict, Level::Pdsm)
}

/// The same for a resource of a bundle; `default` is for a resource that claims no profile itself.
pub(super) fn reference_at_level(reference: &Value, at: &str, strict: bool, default: Level) -> Vec<Issue> {
    let shape = if is_simplified(reference) { Shape::Simplified } else { Shape::Reference };
    let mut check = Check::new(reference, at, "DocumentReference", strict);
    check.rules(shape, default);
    check.class();
    check.unique_ids();
    check.everywhere();
    check.issues
}

/// A SubmissionSet against its profile. Spec: PDSm 3.1.1 pdsm-submissionset-comprehensive.
pub fn check_submission_set(list: &Value, at: &str, strict: bool) -> Vec<Issue> {
    list_at_level(Shape::SubmissionSet, list, at, strict, Level::Pdsm)
}

/// A Folder against its profile. Spec: PDSm 3.1.1 pdsm-folder-comprehensive.
pub fn check_folder(list: &Value, at: &str, strict: bool) -> Vec<Issue> {
    list_at_level(Shape::Folder, list, at, strict, Level::Pdsm)
}

/// A List of a bundle; `default` is for one that claims no profile itself.
pub(super) fn list_at_level(shape: Shape, list: &Value, at: &str, strict: bool, default: Level) -> Vec<Issue> {
    let mut check = Check::new(list, at, "List", strict);
    check.rules(shape, default);
    check.everywhere();
    check.issues
}

/// Whether a DocumentReference is one of ITI-105.
fn is_simplified(reference: &Value) -> bool {
    let data = items(reference, "content").iter().any(|c| c.get("attachment").is_some_and(|a| a.get("data").is_some()));
    data || profiles(reference).any(|p| table().profiles.simplified.iter().any(|s| s == p))
}

/// The profiles a resource claims, without their versions.
pub(super) fn profiles(resource: &Value) -> impl Iterator<Item = &str> {
    let claimed = resource.get("meta").map(|m| items(m, "profile")).unwrap_or_default();
    claimed.iter().filter_map(Value::as_str).map(|p| p.split('|').next().unwrap_or(p))
}

/// The most that the profiles a resource claims ask of it; `None` when it claims none of ours.
pub(super) fn claimed_level(resource: &Value) -> Option<Level> {
    let p = &table().profiles;
    let claims = |roots: &[String]| profiles(resource).any(|c| roots.iter().any(|r| c.starts_with(r.as_str())));
    let rows = [(&p.pdsm, Level::Pdsm), (&p.comprehensive, Level::Comprehensive), (&p.uncontained, Level::Uncontained), (&p.minimal, Level::Minimal)];
    rows.into_iter().find(|(roots, _)| claims(roots)).map(|(_, level)| level)
}

struct Check<'a> {
    resource: &'a Value,
    /// By id.
    contained: HashMap<&'a str, &'a Value>,
    at: String,
    strict: bool,
    issues: Vec<Issue>,
}

impl<'a> Check<'a> {
    fn new(resource: &'a Value, at: &str, kind: &str, strict: bool) -> Self {
        let at = if at.is_empty() { kind.to_owned() } else { at.to_owned() };
        let contained = items(resource, "contained").iter().filter_map(|r| Some((text(r, "id")?, r))).collect();
        Self { resource, contained, at, strict, issues: Vec::new() }
    }

    fn say(&mut self, always: bool, code: IssueType, at: String, text: String) {
        if self.issues.len() < MAX_ISSUES {
            let severity = if always || self.strict { Severity::Error } else { Severity::Warning };
            self.issues.push(Issue { severity, code, expression: Some(at), diagnostics: text });
        }
    }

    /// The strict mode asks at least for the comprehensive profile.
    fn rules(&mut self, shape: Shape, default: Level) {
        let claimed = claimed_level(self.resource).unwrap_or(default);
        let level = if self.strict { claimed.max(Level::Comprehensive) } else { claimed };
        for rule in table().rules.iter().filter(|r| r.on == shape && r.level <= level) {
            let mut parents = vec![(self.at.clone(), self.resource)];
            for step in &rule.parents {
                parents = parents.iter().flat_map(|(at, node)| children(at, node, step)).collect();
            }
            for (at, parent) in parents {
                self.rule(rule, &at, parent);
            }
        }
    }

    fn rule(&mut self, rule: &Rule, at: &str, parent: &'a Value) {
        let found = children(at, parent, &rule.last);
        let place = || format!("{at}.{}", written(&rule.last));
        if found.len() < rule.min {
            self.say(rule.always, IssueType::Required, place(), format!("{} is required: {}", rule.last.name, rule.spec));
        }
        if rule.max.is_some_and(|max| found.len() > max) {
            self.say(rule.always, IssueType::Structure, place(), format!("{} is here {} times: {}", rule.last.name, found.len(), rule.spec));
        }
        for (at, node) in found {
            if let Some((code, what)) = self.broken(rule, node) {
                self.say(rule.always, code, at, format!("{what}: {}", rule.spec));
            }
        }
    }

    fn broken(&self, rule: &Rule, node: &Value) -> Option<(IssueType, &'static str)> {
        let one_of = |list: &[String], test: fn(&str, &str) -> bool| list.is_empty() || node.as_str().is_some_and(|t| list.iter().any(|v| test(t, v)));
        if !one_of(&rule.values, |t, v| t == v) {
            return Some((IssueType::CodeInvalid, "the value is not one of those allowed"));
        }
        if !one_of(&rule.prefixes, |t, v| t.starts_with(v)) {
            return Some((IssueType::Value, "the value does not begin as it must"));
        }
        if !rule.systems.is_empty() && !codings(node).any(|c| text(c, "system").is_some_and(|s| rule.systems.contains(&canonical_system(s)))) {
            return Some((IssueType::CodeInvalid, "no coding is of a code system allowed here"));
        }
        if rule.contained && local(node).is_none() {
            return Some((IssueType::Invariant, "the reference must be to a contained resource"));
        }
        if !rule.types.is_empty() && self.target_type(node).is_some_and(|t| !rule.types.contains(&t)) {
            return Some((IssueType::Invariant, "the reference is to a type not allowed here"));
        }
        None
    }

    /// The resource type a Reference says it leads to; `None` when it does not say.
    fn target_type(&self, reference: &Value) -> Option<String> {
        if let Some(id) = local(reference) {
            return self.contained.get(id).and_then(|r| text(r, "resourceType")).map(str::to_owned);
        }
        let literal = text(reference, "reference").and_then(|r| {
            let path = r.split(['?', '#']).next()?;
            if r.contains('?') {
                return path.rsplit('/').next().map(str::to_owned);
            }
            let mut parts = path.rsplit('/');
            parts.next()?;
            parts.next().map(str::to_owned)
        });
        literal.filter(|t| t.starts_with(|c: char| c.is_ascii_uppercase())).or_else(|| text(reference, "type").map(str::to_owned))
    }

    /// The class must be that of the type. Spec: ASS_X04-CorrespondanceType-Classe-CISIS.
    fn class(&mut self) {
        let Some(class) = self.resource.get("type").and_then(read_concept).and_then(|t| class_of(&t)) else { return };
        for (i, given) in items(self.resource, "category").iter().enumerate() {
            let codes: Vec<_> = codings(given).filter_map(super::json::read_coding).collect();
            let same_system = |c: &&crate::fhir::Coding| c.system.as_deref().map(canonical_system) == class.system;
            if codes.iter().find(same_system).is_some_and(|c| c.code != class.code) {
                let at = format!("{}.category[{i}]", self.at);
                self.say(false, IssueType::BusinessRule, at, format!("the class of this type is {}: ASS_X04 (typeCode, classCode)", class.code));
            }
        }
    }

    /// identifier:uniqueId repeats masterIdentifier. Spec: PDSm 3.1.1 DocumentReference.identifier.
    fn unique_ids(&mut self) {
        let master = self.resource.get("masterIdentifier").and_then(|m| text(m, "value"));
        let step = Step { name: "identifier".into(), slice: Some("uniqueId".into()) };
        for (at, other) in children(&self.at, self.resource, &step) {
            if master.is_some() && other.get("type").is_some() && text(other, "value") != master {
                self.say(true, IssueType::Invariant, at, "identifier of type uniqueId differs from masterIdentifier: PDSm DocumentReference.identifier:uniqueId".into());
            }
        }
    }

    /// References to contained resources that are not there, and extensions that IHE and ANS do not define.
    fn everywhere(&mut self) {
        let (resource, at) = (self.resource, self.at.clone());
        self.walk(resource, &at, 0);
    }

    fn walk(&mut self, node: &'a Value, at: &str, depth: usize) {
        if depth > MAX_DEPTH || self.issues.len() >= MAX_ISSUES {
            return;
        }
        match node {
            Value::Object(members) => {
                if local(node).is_some_and(|id| !self.contained.contains_key(id)) {
                    self.say(true, IssueType::Invariant, format!("{at}.reference"), "no contained resource has this id: FHIR R4 invariant ref-1".into());
                }
                for (name, value) in members {
                    self.walk(value, &format!("{at}.{name}"), depth + 1);
                }
            }
            Value::Array(items) => {
                for (i, value) in items.iter().enumerate() {
                    if at.ends_with(".extension") {
                        self.extension(value, &format!("{at}[{i}]"));
                    }
                    self.walk(value, &format!("{at}[{i}]"), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn extension(&mut self, extension: &Value, at: &str) {
        let rules = table();
        let Some(url) = text(extension, "url") else { return };
        if rules.closed.roots.iter().any(|r| url.starts_with(r.as_str())) && !rules.extensions.values().any(|u| u == url) {
            self.say(false, IssueType::Extension, format!("{at}.url"), format!("no such extension is defined: {}", rules.closed.spec));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::{bundle, entry, reference_of};
    use super::super::uris;
    use super::*;

    fn without(path: &str) -> Value {
        let mut reference = reference_of(&entry(), &[]);
        let (parent, name) = path.rsplit_once('/').unwrap();
        reference.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(name);
        reference
    }

    #[test]
    fn what_the_server_needs_is_an_error_in_both_modes() {
        for path in ["/masterIdentifier", "/subject", "/status", "/content/0/attachment", "/content/0/attachment/contentType", "/content/0/attachment/url"] {
            assert!(check_reference(&without(path), "", false).iter().any(|i| i.severity == Severity::Error), "{path}");
        }
    }

    #[test]
    fn other_breaches_are_errors_only_in_the_strict_mode() {
        for path in ["/custodian", "/author", "/context/facilityType", "/masterIdentifier/type", "/context/period/start", "/content/0/format", "/securityLabel", "/date"] {
            let strict = check_reference(&without(path), "X", true);
            assert!(strict.iter().all(|i| i.severity == Severity::Error) && !strict.is_empty(), "{path}");
            assert!(strict.iter().any(|i| i.expression.as_deref().is_some_and(|e| e.starts_with("X."))), "{path}");
            let tolerant = check_reference(&without(path), "X", false);
            assert!(tolerant.iter().all(|i| i.severity == Severity::Warning) && !tolerant.is_empty(), "{path}");
        }
    }

    #[test]
    fn an_absent_parent_is_told_once() {
        let issues = check_reference(&without("/context"), "", true);
        assert_eq!(issues.len(), 1, "{issues:?}");
    }

    #[test]
    fn the_minimal_profile_asks_less() {
        let mut reference = json!({
            "resourceType": "DocumentReference", "meta": {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.DocumentReference"]},
            "masterIdentifier": {"type": {"coding": [{"system": uris::IDENTIFIER_TYPE, "code": "uniqueId"}]}, "system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2"},
            "status": "current", "subject": {"reference": "Patient/1"}, "content": [{"attachment": {"contentType": "text/plain", "url": "urn:uuid:1"}}]
        });
        assert_eq!(check_reference(&reference, "", false), []);
        assert!(!check_reference(&reference, "", true).is_empty());
        reference["meta"]["profile"][0] = json!("https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-document-reference");
        assert!(!check_reference(&reference, "", false).is_empty());
    }

    #[test]
    fn a_contained_resource_that_is_not_there_is_an_error_in_both_modes() {
        let mut reference = reference_of(&entry(), &[]);
        reference["author"][0]["reference"] = json!("#nobody");
        let issues = check_reference(&reference, "", false);
        assert_eq!(issues[0].expression.as_deref(), Some("DocumentReference.author[0].reference"));
        assert_eq!(issues[0].severity, Severity::Error);
    }

    #[test]
    fn an_extension_that_ihe_does_not_define_is_told() {
        let mut list = bundle()["entry"][0]["resource"].clone();
        assert_eq!(check_submission_set(&list, "", true), []);
        list["extension"].as_array_mut().unwrap().push(json!({"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-none", "valueString": "x"}));
        assert_eq!(check_submission_set(&list, "", true)[0].expression.as_deref(), Some("List.extension[2].url"));
        list["extension"][2]["url"] = json!("https://example.org/own");
        assert_eq!(check_submission_set(&list, "", true), []);
    }

    #[test]
    fn the_class_is_that_of_the_type() {
        let mut reference = reference_of(&entry(), &[]);
        reference["category"][0]["coding"][0]["code"] = json!("11");
        assert_eq!(check_reference(&reference, "", true)[0].expression.as_deref(), Some("DocumentReference.category[0]"));
    }

    #[test]
    fn a_simplified_publish_carries_its_content_and_no_entry_uuid() {
        let reference = json!({
            "resourceType": "DocumentReference", "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2"}, "status": "current",
            "identifier": [{"type": {"coding": [{"system": uris::IDENTIFIER_TYPE, "code": "entryUUID"}]}, "value": "urn:uuid:1"}],
            "subject": {"reference": "Patient/1"}, "content": [{"attachment": {"contentType": "text/plain", "data": "QQ=="}}]
        });
        let errors: Vec<_> = check_reference(&reference, "", false).into_iter().filter(|i| i.severity == Severity::Error).filter_map(|i| i.expression).collect();
        assert_eq!(errors, ["DocumentReference.identifier.where(type.coding.code='entryUUID')"]);
    }

    #[test]
    fn an_identifier_of_another_kind_is_no_unique_id() {
        let mut reference = reference_of(&entry(), &[]);
        reference["identifier"].as_array_mut().unwrap().push(json!({"use": "usual", "system": "urn:oid:1.2.7", "value": "LOCAL-7"}));
        reference["identifier"].as_array_mut().unwrap().push(json!({"use": "official", "system": "urn:oid:1.2.8", "value": "LOCAL-8"}));
        assert_eq!(check_reference(&reference, "", true), []);
    }

    #[test]
    fn no_text_carries_a_value_of_the_resource() {
        let mut reference = reference_of(&entry(), &[]);
        reference["identifier"] = json!([{"type": {"coding": [{"system": uris::IDENTIFIER_TYPE, "code": "uniqueId"}]}, "value": "SECRET"}]);
        assert!(check_reference(&reference, "", true).iter().all(|i| !i.diagnostics.contains("SECRET")));
    }
}
