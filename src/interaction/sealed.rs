//! What a caller carries for the server without reading it, under the store's secret.
//!
//! A synthetic initialisation vector over HMAC-SHA-256: the MAC of the whole text is its tag, and the tag starts the key stream. It needs no
//! randomness; the same text is sealed the same, and nothing of it can be read or changed.
//! Spec: RFC 5297 §2 (the construction), RFC 2104.

use super::App;
use super::paging::constant_time;
use crate::fhir::Result;

/// Bytes of the tag in front of a sealed text.
const TAG: usize = 16;

/// A text sealed for a purpose: what is sealed for another does not open.
///
/// # Errors
/// See [`App::mac`].
pub(super) fn seal(app: &App, purpose: &[&[u8]], text: &[u8]) -> Result<Vec<u8>> {
    let tag = tag(app, purpose, text)?;
    let covered = covered(app, &tag, text)?;
    Ok([tag, covered].concat())
}

/// The text; `None` for what was not sealed here for this purpose.
///
/// # Errors
/// See [`App::mac`].
pub(super) fn open(app: &App, purpose: &[&[u8]], sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some((sent, covered_text)) = sealed.split_at_checked(TAG) else { return Ok(None) };
    let text = covered(app, sent, covered_text)?;
    Ok(constant_time(&tag(app, purpose, &text)?, sent).then_some(text))
}

fn tag(app: &App, purpose: &[&[u8]], text: &[u8]) -> Result<Vec<u8>> {
    let mut mac = app.mac(&[&[b"sealed".as_slice()], purpose, &[text]].concat())?;
    mac.truncate(TAG);
    Ok(mac)
}

/// The text with the key stream over it, or the other way round.
fn covered(app: &App, tag: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for (number, block) in (0u64..).zip(text.chunks(32)) {
        let stream = app.mac(&[b"sealed-stream", tag, &number.to_be_bytes()])?;
        out.extend(block.iter().zip(stream).map(|(a, b)| a ^ b));
    }
    Ok(out)
}
