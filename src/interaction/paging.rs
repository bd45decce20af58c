//! Page links: {query, commit, last key, caller, end of life} under a persistent MAC key. Rights are decided again per page.
//!
//! A link is signed, not encrypted: whoever reads it reads the query, as in the self link and in the request itself. It holds
//! what the caller sent (the patient asked for, too) and nothing of what was found but a date and an internal number.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{App, Call};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::PageKey;

/// Seconds a page link lives.
const LIFE_S: i64 = 3600;
/// Bytes of a page link, so that it passes every proxy; only a query of dozens of alternatives comes near.
const MAX_LINK: usize = 2048;

/// What a page link holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub query: Vec<(String, String)>,
    /// When the first page was asked for, µs UTC.
    pub now_us: i64,
    pub commit: i64,
    pub mark: Mark,
    /// Type that was searched.
    kind: String,
    /// Short of who calls, so that nobody uses another's link.
    caller: String,
    expires_s: i64,
}

/// Where the page before ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Mark {
    Key(PageKey),
    /// Entries already sent, for searches made in memory.
    Offset(usize),
    /// Events already sent, and the newest line of the log of reads when the first page was asked for.
    Trace {
        log: i64,
        offset: usize,
    },
    /// Where a part of `$export` ended; see there.
    Export {
        stage: u8,
        first: i64,
        second: i64,
    },
}

impl Cursor {
    /// The link after a page of `query`, first asked for at `now_us`.
    pub(super) fn new(call: &Call, query: &[(String, String)], now_us: i64, commit: i64, mark: Mark) -> Self {
        Self { query: query.to_vec(), now_us, commit, mark, kind: searched(call), caller: short(call), expires_s: call.now_us / 1_000_000 + LIFE_S }
    }

    /// The value of `_page`.
    pub(super) fn seal(&self, app: &App) -> Result<String> {
        let json = super::planning::json_bytes(self)?;
        let mac = app.mac(&[b"page", &json])?;
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(&json), URL_SAFE_NO_PAD.encode(mac.get(..16).unwrap_or(&mac)));
        if text.len() > MAX_LINK {
            return Err(Fault::new(FaultKind::TooCostly, 251, "the query is too long for pages; give fewer alternatives, or a _count that holds every match"));
        }
        Ok(text)
    }

    /// Reads a `_page` of this caller.
    pub(super) fn open(app: &App, call: &Call, text: &str) -> Result<Self> {
        let refuse = || Fault::new(FaultKind::BadValue, 250, "the page link is not one of this server, or has expired; search again").at("_page");
        let (json, mac) = text.split_once('.').ok_or_else(refuse)?;
        let json = URL_SAFE_NO_PAD.decode(json).map_err(|_| refuse())?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| refuse())?;
        let expected = app.mac(&[b"page", &json])?;
        if mac.len() != 16 || !expected.get(..16).is_some_and(|e| constant_time(e, &mac)) {
            return Err(refuse());
        }
        let cursor: Self = serde_json::from_slice(&json).map_err(|_| refuse())?;
        if cursor.kind != searched(call) || cursor.caller != short(call) || cursor.expires_s < call.now_us / 1_000_000 {
            return Err(refuse());
        }
        Ok(cursor)
    }
}

/// Eight bytes of the hash of the caller's name: a link names nobody.
fn short(call: &Call) -> String {
    Sha256::digest(call.visibility.caller()).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn searched(call: &Call) -> String {
    call.path.first().cloned().unwrap_or_default()
}

/// Whether two texts are the same, in a time that does not say where they differ.
pub(super) fn constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}
