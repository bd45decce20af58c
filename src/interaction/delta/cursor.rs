//! The cursor: a set of documents that was given, sealed for this caller and this record, so that nobody uses another's and nobody makes
//! one up. It holds what the caller was answered, and the number of a commit, which counts for everybody; it does not expire.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fhir::{Fault, FaultKind, Result};
use crate::interaction::{App, Call, sealed};
use crate::store::Given;

/// What a cursor is sealed for, with caller and record.
const PURPOSE: &[u8] = b"documents-delta";

/// A set as text: commit, moment and documents, sealed, base64url.
pub(super) fn seal(app: &App, call: &Call, record: i64, given: &Given) -> Result<String> {
    let bytes = [given.commit.to_be_bytes().as_slice(), &given.at_us.to_be_bytes(), &given.documents_bytes()].concat();
    let (caller, record) = (call.visibility.caller(), record.to_be_bytes());
    Ok(URL_SAFE_NO_PAD.encode(sealed::seal(app, &[PURPOSE, caller.as_bytes(), &record], &bytes)?))
}

/// Reads a cursor of this caller about this record.
///
/// # Errors
/// `BadValue` for any other text.
pub(super) fn open(app: &App, call: &Call, record: i64, text: &str) -> Result<Given> {
    let refuse = || Fault::new(FaultKind::BadValue, 850, "this is no cursor that you were given for this patient; since=none starts again").at("cursor");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
    let (caller, record) = (call.visibility.caller(), record.to_be_bytes());
    sealed::open(app, &[PURPOSE, caller.as_bytes(), &record], &bytes)?.and_then(|content| read(&content)).ok_or_else(refuse)
}

fn read(content: &[u8]) -> Option<Given> {
    let (commit, rest) = content.split_first_chunk::<8>()?;
    let (at_us, documents) = rest.split_first_chunk::<8>()?;
    Given::of(i64::from_be_bytes(*commit), i64::from_be_bytes(*at_us), documents)
}
