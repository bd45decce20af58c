//! The compact event.

use serde::{Deserialize, Serialize};

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

/// One interaction of one caller with at most one patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// µs UTC.
    pub at_us: i64,
    /// UUID of the event, the id of its AuditEvent.
    pub id: String,
    /// FHIR restful interaction or operation name (`read`, `search-type`, `summary`, `deposit` …).
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
    /// The raw query of a search, base64.
    pub query: Option<String>,
    /// X-Request-Id of the caller or our own.
    pub request_id: String,
}
