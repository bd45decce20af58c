//! What a checkpoint of the trail says: where both chains stood at a moment. Signed and kept in a second place, it shows later that
//! nothing before it was changed, removed or cut off.

use serde::{Deserialize, Serialize};

/// Where a chain stands: number and hash of its last event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub number: i64,
    /// SHA-256 of the last line, lower-case hex; empty when there is none.
    pub hash: String,
}

/// Both chains at a moment, chained to the checkpoint before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// µs UTC.
    pub at_us: i64,
    /// SHA-256 of the line of the checkpoint before, lower-case hex; empty for the first.
    pub previous: String,
    pub writes: Head,
    pub reads: Head,
}

impl Checkpoint {
    /// `typ` of the signed form (JWS compact).
    pub const TYPE: &'static str = "audit-checkpoint+jwt";
    /// `iss` and `aud` of the signed form.
    pub const PARTY: &'static str = "urn:passerelle:audit";
}
