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

/// What a checkpoint marks in the life of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// A server takes the trail over; it names the key of its seals.
    Start,
    #[default]
    Running,
    /// A server stopped in order, or a copy was made: nothing stands behind it until the next start.
    End,
}

impl Mark {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_running(&self) -> bool {
        *self == Self::Running
    }
}

/// Both chains at a moment, chained to the checkpoint before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// µs UTC.
    pub at_us: i64,
    /// SHA-256 of the line of the checkpoint before, lower-case hex; empty for the first.
    pub previous: String,
    #[serde(default, skip_serializing_if = "Mark::is_running")]
    pub mark: Mark,
    /// With a start: the public key of the seals of this run, base64url of both coordinates.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seals: String,
    pub writes: Head,
    pub reads: Head,
}

impl Checkpoint {
    /// `typ` of the signed form (JWS compact).
    pub const TYPE: &'static str = "audit-checkpoint+jwt";
    /// `iss` and `aud` of the signed form.
    pub const PARTY: &'static str = "urn:passerelle:audit";
}
