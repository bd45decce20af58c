//! OperationOutcome: what a refusal, or a warning, says to the caller.
//! Spec: FHIR R4 operationoutcome.

use fhirbolt::model::r4::resources::{OperationOutcome, OperationOutcomeIssue};

use crate::{text, write};

/// Spec: FHIR R4 valueset-issue-severity (required binding), gravest first.
const SEVERITIES: &[&str] = &["fatal", "error", "warning", "information"];

/// Spec: FHIR R4 valueset-issue-type (required binding), in its order.
const ISSUE_TYPES: &[&str] = &[
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "unknown",
    "expired",
    "forbidden",
    "suppressed",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "extension",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "lock-error",
    "no-store",
    "exception",
    "timeout",
    "incomplete",
    "throttled",
    "informational",
];

const FALLBACK: &str = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","diagnostics":"The answer of the server could not be written."}]}"#;

/// One issue. A blank text is left out.
/// Spec: FHIR R4 OperationOutcome.issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeIssue<'a> {
    /// Code of issue-severity; anything else is written as `error`.
    pub severity: &'a str,
    /// Code of issue-type; anything else is written as `exception`.
    pub code: &'a str,
    /// What is wrong and which rule says so, for the caller's developer; never a patient's value.
    pub diagnostics: &'a str,
    /// FHIRPath of the element, or name of the parameter.
    pub expression: Option<&'a str>,
}

/// JSON of an OperationOutcome with these issues, in their order. No issue at all is written as one of severity
/// `information`, because a resource without issue would be invalid and an error would be invented.
/// Spec: FHIR R4 operationoutcome; OperationOutcome.issue 1..*.
pub fn operation_outcome(issues: &[OutcomeIssue<'_>]) -> Vec<u8> {
    const NONE: OutcomeIssue<'static> = OutcomeIssue { severity: "information", code: "informational", diagnostics: "No issue was reported.", expression: None };
    let issues = if issues.is_empty() { &[NONE] } else { issues };
    let outcome = OperationOutcome { issue: issues.iter().map(issue).collect(), ..Default::default() };
    write::bytes_or(&outcome, FALLBACK)
}

fn issue(given: &OutcomeIssue<'_>) -> OperationOutcomeIssue {
    OperationOutcomeIssue {
        severity: known(given.severity, SEVERITIES, "error").into(),
        code: known(given.code, ISSUE_TYPES, "exception").into(),
        diagnostics: text::string(given.diagnostics).map(Into::into),
        expression: given.expression.and_then(text::string).map(Into::into).into_iter().collect(),
        ..Default::default()
    }
}

fn known(given: &str, codes: &[&'static str], otherwise: &'static str) -> &'static str {
    codes.iter().find(|c| **c == given).copied().unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_clean, parsed};
    use serde_json::json;

    fn one<'a>(severity: &'a str, code: &'a str, diagnostics: &'a str, expression: Option<&'a str>) -> OutcomeIssue<'a> {
        OutcomeIssue { severity, code, diagnostics, expression }
    }

    #[test]
    fn an_issue_has_its_members_and_nothing_else() {
        let written = operation_outcome(&[one("error", "value", "P-0101: a date has no such form", Some("Patient.birthDate"))]);
        let expected = json!({"resourceType": "OperationOutcome", "issue": [
            {"severity": "error", "code": "value", "diagnostics": "P-0101: a date has no such form", "expression": ["Patient.birthDate"]}]});
        assert_eq!(parsed(&written), expected);
        assert!(written.starts_with(br#"{"resourceType":"OperationOutcome""#));
    }

    #[test]
    fn every_code_of_the_value_sets_is_kept() {
        for severity in SEVERITIES {
            for code in ISSUE_TYPES {
                let value = parsed(&operation_outcome(&[one(severity, code, "x", None)]));
                assert_eq!((value["issue"][0]["severity"].as_str(), value["issue"][0]["code"].as_str()), (Some(*severity), Some(*code)));
            }
        }
    }

    #[test]
    fn unknown_codes_become_error_and_exception() {
        let value = parsed(&operation_outcome(&[one("catastrophe", "", "x", None), one("Warning", "not found", "x", None)]));
        for issue in value["issue"].as_array().unwrap() {
            assert_eq!((&issue["severity"], &issue["code"]), (&json!("error"), &json!("exception")));
        }
    }

    #[test]
    fn blank_texts_are_left_out() {
        let value = parsed(&operation_outcome(&[one("warning", "value", " ", Some("")), one("warning", "value", "", None)]));
        assert_eq!(value["issue"], json!([{"severity": "warning", "code": "value"}, {"severity": "warning", "code": "value"}]));
        assert_clean(&value);
    }

    #[test]
    fn no_issue_is_information_and_still_a_valid_outcome() {
        let value = parsed(&operation_outcome(&[]));
        assert_eq!((&value["issue"][0]["severity"], &value["issue"][0]["code"]), (&json!("information"), &json!("informational")));
    }

    #[test]
    fn special_characters_are_escaped_and_come_back_unchanged() {
        let hostile = "\"}],\"status\":\"x\\\n\r\t</div><script>é 漢 \u{1F600}\u{2028}";
        let value = parsed(&operation_outcome(&[one("error", "invalid", hostile, Some("Bundle.entry[0].where(a='\"b\\')"))]));
        assert_eq!(value["issue"][0]["diagnostics"], json!(hostile));
        assert_eq!(value["issue"][0]["expression"], json!(["Bundle.entry[0].where(a='\"b\\')"]));
        assert_eq!(value.as_object().unwrap().len(), 2);
        let value = parsed(&operation_outcome(&[one("error", "invalid", "a\u{0}b\u{7}", None)]));
        assert_eq!(value["issue"][0]["diagnostics"], json!("a\u{FFFD}b\u{FFFD}"));
    }

    #[test]
    fn a_hundred_issues_keep_their_order() {
        let texts: Vec<String> = (0..100).map(|i| format!("issue {i}")).collect();
        let issues: Vec<_> = texts.iter().map(|t| one("error", "structure", t, Some("Bundle.entry"))).collect();
        let value = parsed(&operation_outcome(&issues));
        let read: Vec<_> = value["issue"].as_array().unwrap().iter().map(|i| i["diagnostics"].as_str().unwrap().to_owned()).collect();
        assert_eq!(read, texts);
        assert_clean(&value);
    }

    #[test]
    fn the_fallback_is_an_outcome() {
        assert_eq!(parsed(FALLBACK.as_bytes())["resourceType"], json!("OperationOutcome"));
        assert_clean(&parsed(FALLBACK.as_bytes()));
    }
}
