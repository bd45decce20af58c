//! The cursor: a set of documents that was given, signed for this caller and this record, so that nobody uses another's and nobody makes
//! one up. It holds what the caller was answered and nothing else; it does not expire.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fhir::{Fault, FaultKind, Result};
use crate::interaction::paging::constant_time;
use crate::interaction::{App, Call};
use crate::store::Given;

/// Bytes of the signature.
const MAC: usize = 16;

/// A set as text: commit, moment, documents and signature, base64url.
pub(super) fn seal(app: &App, call: &Call, record: i64, given: &Given) -> Result<String> {
    let mut bytes = [given.commit.to_be_bytes().as_slice(), &given.at_us.to_be_bytes(), &given.documents_bytes()].concat();
    bytes.extend(signature(app, call, record, &bytes)?);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a cursor of this caller about this record.
///
/// # Errors
/// `BadValue` for any other text.
pub(super) fn open(app: &App, call: &Call, record: i64, text: &str) -> Result<Given> {
    let refuse = || Fault::new(FaultKind::BadValue, 850, "this is no cursor that you were given for this patient; since=none starts again").at("cursor");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
    let (content, mac) = bytes.len().checked_sub(MAC).and_then(|at| bytes.split_at_checked(at)).ok_or_else(refuse)?;
    if !constant_time(&signature(app, call, record, content)?, mac) {
        return Err(refuse());
    }
    read(content).ok_or_else(refuse)
}

fn read(content: &[u8]) -> Option<Given> {
    let (commit, rest) = content.split_first_chunk::<8>()?;
    let (at_us, documents) = rest.split_first_chunk::<8>()?;
    Given::of(i64::from_be_bytes(*commit), i64::from_be_bytes(*at_us), documents)
}

fn signature(app: &App, call: &Call, record: i64, content: &[u8]) -> Result<Vec<u8>> {
    let mut mac = app.mac(&[b"documents-delta", call.visibility.caller().as_bytes(), &record.to_be_bytes(), content])?;
    mac.truncate(MAC);
    Ok(mac)
}
