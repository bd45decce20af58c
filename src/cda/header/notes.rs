//! What the reading of a header left out: never a value, only the place and the rule.

use super::super::datatypes::{attribute, date_time, has_zone};
use crate::fhir::xml::Element;
use crate::fhir::{Issue, IssueType, Severity};

/// Issues of one document.
const MAX_ISSUES: usize = 200;

/// Collects warnings and informations.
#[derive(Default)]
pub(super) struct Notes {
    issues: Vec<Issue>,
}

impl Notes {
    /// The issues in the order found.
    pub(super) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }

    /// A required part is absent.
    pub(super) fn missing(&mut self, path: &str, what: &str) {
        self.push(Issue::warning(IssueType::Required, path, what));
    }

    /// A part has a value that cannot be used.
    pub(super) fn value(&mut self, path: &str, what: &str) {
        self.push(Issue::warning(IssueType::Value, path, what));
    }

    /// The time of a TS: one that is malformed is left out and noted, one without offset is noted.
    pub(super) fn moment(&mut self, element: Option<&Element>, path: &str) -> Option<String> {
        let raw = attribute(element?, "value")?;
        let at = date_time(raw);
        if at.is_none() {
            self.value(path, "the time is not a valid HL7 time: left out");
        } else if !has_zone(raw) {
            let mut issue = Issue::warning(IssueType::Informational, path, "the time has no offset: read as Europe/Paris wall time");
            issue.severity = Severity::Information;
            self.push(issue);
        }
        at
    }

    /// Start and end of an IVL_TS; a value alone is both.
    pub(super) fn interval(&mut self, element: &Element, path: &str) -> (Option<String>, Option<String>) {
        let low = self.moment(element.child("low"), &format!("{path}/low"));
        let high = self.moment(element.child("high"), &format!("{path}/high"));
        if low.is_some() || high.is_some() {
            return (low, high);
        }
        let point = self.moment(Some(element), path);
        (point.clone(), point)
    }

    fn push(&mut self, issue: Issue) {
        if self.issues.len() < MAX_ISSUES && !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }
}
