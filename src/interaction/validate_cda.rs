//! `$validate-cda`: what is wrong with a CDA, for who makes it. Nothing is stored.
//! Spec: Passerelle; rules in `fhir-profiles/cda-rules`.

use serde_json::{Value, json};

use super::planning::to_bytes;
use super::read::not_here;
use super::{Answer, App, Call};
use crate::audit::Action;
use crate::cda::{self, Finding};
use crate::fhir::{Fault, FaultKind, Result};

/// System of the rules' codes.
const RULES: &str = "urn:passerelle:cda-rules";

/// POST $validate-cda with the CDA as body
pub(super) fn body(call: &Call) -> Result<Answer> {
    call.is("validate-cda", Action::E);
    if !cda_type(&call.content_type) {
        return Err(Fault::new(FaultKind::UnsupportedFormat, 670, "$validate-cda takes a CDA (application/xml, text/xml)"));
    }
    outcome(&call.body)
}

/// GET|POST DocumentReference/[id]/$validate-cda
pub(super) fn document(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("validate-cda", Action::R);
    call.touched(format!("DocumentReference/{id}"));
    let (mime, bytes) = app.store.read(&call.visibility, |reader| {
        let found = reader.found("DocumentReference", id, None)?.ok_or_else(not_here)?;
        let row = reader.document(found.row.document)?.filter(|_| found.row.document != 0).ok_or_else(not_here)?;
        call.in_record(row.record);
        let bytes = reader.blob(&row)?;
        Ok((row.mime, bytes))
    })?;
    if !cda_type(&mime) {
        return Err(Fault::new(FaultKind::RuleBroken, 671, "the document is no CDA; there is nothing to validate"));
    }
    outcome(&bytes)
}

fn cda_type(mime: &str) -> bool {
    matches!(mime, "text/xml" | "application/xml" | "application/hl7-cda+xml")
}

fn outcome(bytes: &[u8]) -> Result<Answer> {
    let findings = cda::check(&cda::read(bytes)?);
    let mut issues: Vec<Value> = findings.iter().map(issue).collect();
    if issues.is_empty() {
        issues.push(json!({"severity": "information", "code": "informational", "diagnostics": "nothing was found"}));
    }
    Ok(Answer::resource(to_bytes(&json!({"resourceType": "OperationOutcome", "issue": issues}))?))
}

fn issue(finding: &Finding) -> Value {
    let rule = finding.rule;
    json!({
        "severity": rule.severity,
        "code": "invalid",
        "details": {"coding": [{"system": RULES, "code": rule.id}], "text": rule.text},
        "diagnostics": format!("line {}: {} ({})", finding.line, finding.said(), rule.spec),
        "location": [finding.xpath]
    })
}
