//! What the proof of an erasure says: how much of which record is gone, when and why. Signed, it can be shown and checked; its hash is in
//! the event of the erasure, hence in the chain.

use serde::{Deserialize, Serialize};

/// The end of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Pseudonym of the record, which names nobody.
    pub record: String,
    /// Day on which the record was closed.
    pub closed: String,
    /// Instant of the erasure.
    pub erased: String,
    /// Why it ended before its retention was over, in the administrator's words; empty when it was over.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub motif: String,
    /// Version of the habilitation matrix in force.
    pub matrix: String,
    pub documents: i64,
    /// Versions of resources.
    pub resources: i64,
    /// Derived resources.
    pub facts: i64,
}

impl Erasure {
    /// `typ` of the signed form (JWS compact); `iss` and `aud` are those of checkpoints.
    pub const TYPE: &'static str = "erasure-proof+jwt";
    /// Under what name its hash (SHA-256, lower-case hex) stands in the event.
    pub const DETAIL: &'static str = "erasure-proof";
}
