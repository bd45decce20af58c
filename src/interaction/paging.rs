//! Page links: {query, commit, last key, caller} under a persistent MAC key. Rights are decided again per page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{App, Call};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::PageKey;

/// Seconds a page link lives.
const LIFE_S: i64 = 3600;

/// What a page link holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub query: Vec<(String, String)>,
    pub commit: i64,
    pub key: Option<PageKey>,
    /// Entries already sent, for searches made in memory.
    pub offset: usize,
    structure: String,
    expires_s: i64,
}

impl Cursor {
    pub(super) fn new(call: &Call, query: &[(String, String)], commit: i64, key: Option<PageKey>, offset: usize) -> Self {
        Self { query: query.to_vec(), commit, key, offset, structure: call.visibility.structure().to_owned(), expires_s: call.now_us / 1_000_000 + LIFE_S }
    }

    /// The value of `_page`.
    pub(super) fn seal(&self, app: &App) -> Result<String> {
        let json = super::planning::json_bytes(self)?;
        let mac = app.mac(&[b"page", &json])?;
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(&json), URL_SAFE_NO_PAD.encode(mac.get(..16).unwrap_or(&mac))))
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
        if cursor.structure != call.visibility.structure() || cursor.expires_s < call.now_us / 1_000_000 {
            return Err(refuse());
        }
        Ok(cursor)
    }
}

fn constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}
