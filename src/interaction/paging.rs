//! Page links: {query, commit, last key, caller, end of life}, sealed. Rights are decided again per page.
//!
//! A link holds numbers that count for everybody (commits, resources, events): two of them would tell how much happened in between. It is
//! sealed, and as long as its query whatever the numbers are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{App, Call, sealed};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::PageKey;

/// Seconds a page link lives.
const LIFE_S: i64 = 3600;
/// Bytes of a page link, so that it passes every proxy; only a query of dozens of alternatives comes near.
const MAX_LINK: usize = 2048;

/// What a page link is sealed for.
const PURPOSE: &[&[u8]] = &[b"page"];
/// Numbers in front of it, eight bytes each.
const NUMBERS: usize = 6;

/// Kind of a mark whose part of `$export` is added to it.
const EXPORT: i64 = 3;

/// What a page link holds.
#[derive(Debug)]
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

/// The words of a page link: query, type searched, caller.
#[derive(Serialize, Deserialize)]
struct Words(Vec<(String, String)>, String, String);

/// Where the page before ended.
#[derive(Debug, Clone, Copy)]
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
        let mut bytes: Vec<u8> = self.numbers().iter().flat_map(|n| n.to_be_bytes()).collect();
        bytes.extend(super::planning::json_bytes(&Words(self.query.clone(), self.kind.clone(), self.caller.clone()))?);
        let text = URL_SAFE_NO_PAD.encode(sealed::seal(app, PURPOSE, &bytes)?);
        if text.len() > MAX_LINK {
            return Err(Fault::new(FaultKind::TooCostly, 251, "the query is too long for pages; give fewer alternatives, or a _count that holds every match"));
        }
        Ok(text)
    }

    /// Reads a `_page` of this caller.
    pub(super) fn open(app: &App, call: &Call, text: &str) -> Result<Self> {
        let refuse = || Fault::new(FaultKind::BadValue, 250, "the page link is not one of this server, or has expired; search again").at("_page");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let cursor = sealed::open(app, PURPOSE, &bytes)?.and_then(|text| Self::read(&text)).ok_or_else(refuse)?;
        if cursor.kind != searched(call) || cursor.caller != short(call) || cursor.expires_s < call.now_us / 1_000_000 {
            return Err(refuse());
        }
        Ok(cursor)
    }

    fn numbers(&self) -> [i64; NUMBERS] {
        let (kind, a, b) = match self.mark {
            Mark::Key(PageKey { key_us, rid }) => (0, key_us, rid),
            Mark::Offset(offset) => (1, whole(offset), 0),
            Mark::Trace { log, offset } => (2, log, whole(offset)),
            Mark::Export { stage, first, second } => (EXPORT + i64::from(stage), first, second),
        };
        [self.now_us, self.commit, self.expires_s, kind, a, b]
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (numbers, words) = text.split_at_checked(NUMBERS * 8)?;
        let numbers: Vec<i64> = numbers.chunks_exact(8).filter_map(|n| Some(i64::from_be_bytes(n.try_into().ok()?))).collect();
        let [now_us, commit, expires_s, mark, a, b] = numbers.try_into().ok()?;
        let mark = match mark {
            0 => Mark::Key(PageKey { key_us: a, rid: b }),
            1 => Mark::Offset(usize::try_from(a).ok()?),
            2 => Mark::Trace { log: a, offset: usize::try_from(b).ok()? },
            part => Mark::Export { stage: part.checked_sub(EXPORT).and_then(|stage| u8::try_from(stage).ok())?, first: a, second: b },
        };
        let Words(query, kind, caller) = serde_json::from_slice(words).ok()?;
        Some(Self { query, now_us, commit, mark, kind, caller, expires_s })
    }
}

fn whole(offset: usize) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// Eight bytes of the hash of the caller's name: a link names nobody.
fn short(call: &Call) -> String {
    Sha256::digest(call.visibility.caller()).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn searched(call: &Call) -> String {
    call.path.first().cloned().unwrap_or_default()
}
