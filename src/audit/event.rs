//! The compact event.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::By;

/// BALP action letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    C,
    R,
    U,
    D,
    E,
}

/// AuditEvent.outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// 0
    Success,
    /// 4: refused, the caller's doing.
    Refused,
    /// 8: failed, the server's doing.
    Failed,
}

impl Action {
    /// The letter as FHIR writes it.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::R => "R",
            Self::U => "U",
            Self::D => "D",
            Self::E => "E",
        }
    }
}

impl Outcome {
    /// From an HTTP status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            0..=399 => Self::Success,
            400..=499 => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// The code as FHIR writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::Refused => "4",
            Self::Failed => "8",
        }
    }
}

/// One interaction of one caller with at most one patient. While it is being collected it may hold several patients and records;
/// [`Event::each`] makes one event per patient of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// µs UTC.
    pub at_us: i64,
    /// UUID of the event, the id of its AuditEvent.
    pub id: String,
    /// FHIR restful interaction, or the name of an operation (`summary`, `deposit` …).
    pub interaction: String,
    /// IHE transaction, when it is one (`ITI-65` …).
    pub transaction: Option<String>,
    pub action: Action,
    pub outcome: Outcome,
    /// Struct_IdNat of the caller.
    pub structure: String,
    /// Organisation name of the certificate.
    pub organization: String,
    /// SHA-256 of the certificate, hex.
    pub fingerprint: String,
    pub serial: String,
    pub issuer: String,
    /// Network address of the caller.
    pub address: String,
    /// FHIR id of the patient, when one is known.
    pub patient: Option<String>,
    /// `Type/id` of what was touched, at most 100.
    pub entities: Vec<String>,
    /// Numbers of the documents that the answer was made from, see [`super::packed`]; empty where `entities` names all there is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub documents: String,
    /// The raw query of a search, base64: type, query of the address, form. May hold what identifies a patient.
    pub query: Option<String>,
    /// X-Request-Id of the caller or our own.
    pub request_id: String,
    /// Who acted through the structure's software; none for what the server does on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// Version of the habilitation matrix in force.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub matrix: String,
    /// Number of the fault of a refusal or failure, 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub fault: u16,
    /// Rule of a refusal by the access tables.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Id of the opening of the practitioner's page that it belongs to, set by the server alone; empty for any other access.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub opening: String,
    /// What more was looked at, by kind (`section`, `list`), or the hash of the proof that was given: never a value of the patient's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<(String, String)>,
    /// Further patients, while the event is collected.
    #[serde(skip)]
    pub also: Vec<String>,
    /// Records touched whose patients are not named yet, while the event is collected.
    #[serde(skip)]
    pub records: BTreeSet<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_none(fault: &u16) -> bool {
    *fault == 0
}

impl Event {
    /// One event per patient, the first under the id of this one; the same event when there is none.
    /// Spec: BALP 1.1 PatientQuery: one AuditEvent per distinct patient in the result.
    pub fn each(&self, patients: &[String], mut new_id: impl FnMut() -> String) -> Vec<Self> {
        let Some((first, others)) = patients.split_first() else { return vec![self.clone()] };
        let about = |id: String, patient: &String| Self { id, patient: Some(patient.clone()), also: Vec::new(), records: BTreeSet::new(), ..self.clone() };
        let mut out = vec![about(self.id.clone(), first)];
        out.extend(others.iter().map(|p| about(new_id(), p)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a caller, a certificate or a token may say: ends of lines, escapes of terminals, quotes, what is not visible.
    const NAUGHTY: &[&str] = &[
        "a\r\nb",
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "\u{0}\u{1}\u{8}\u{7f}\u{85}\u{9b}",
        "\",\"outcome\":\"Success",
        "\\u0000 \\ \\\"",
        "\u{202e}\u{feff}\u{2028}\u{2029}",
        "{\"prev\":\"\",\"number\":1}",
        "' OR 1=1 -- %00%0a",
    ];

    /// Every text of an event, set to the same.
    fn naughty(text: &str) -> Event {
        let by = serde_json::json!({"role": "practitioner", "person": text, "subject": text, "profession": text, "specialty": text, "situation": text, "mode": "bris_de_glace",
            "reason": text, "level": "direct", "software": text, "issuer": text, "token": text});
        serde_json::from_value(serde_json::json!({"at_us": 1, "id": text, "interaction": text, "transaction": text, "action": "R", "outcome": "Refused", "structure": text,
            "organization": text, "fingerprint": text, "serial": text, "issuer": text, "address": text, "patient": text, "entities": [text], "documents": text, "query": text,
            "request_id": text, "by": by, "matrix": text, "rule": text, "opening": text, "looked_at": [[text, text]]}))
        .unwrap()
    }

    #[test]
    fn no_text_of_an_event_breaks_its_line_or_says_another_thing() {
        for text in NAUGHTY {
            let event = naughty(text);
            let line = serde_json::to_string(&event).unwrap();
            assert!(!line.bytes().any(|b| b < 0x20), "{line:?}");
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
            assert!(line.starts_with("{\"at_us\":1,"), "what is read without parsing stands before anything a caller wrote");
        }
    }
}
