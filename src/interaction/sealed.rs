//! What a caller carries for the server without reading it: sealed with ChaCha20-Poly1305 under a key of its own, which the store's secret
//! and a random salt make.
//! Spec: RFC 8439.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::App;
use crate::fhir::{Fault, FaultKind, Result};

/// Bytes of the salt in front of a sealed text.
const SALT: usize = 16;

/// A text sealed for a purpose: what is sealed for another does not open.
///
/// # Errors
/// `Bug`, see [`App::mac`].
pub(super) fn seal(app: &App, purpose: &[&[u8]], text: &[u8]) -> Result<Vec<u8>> {
    let salt = uuid::Uuid::new_v4();
    let mut covered = text.to_vec();
    key(app, purpose, salt.as_bytes())?.seal_in_place_append_tag(once(), Aad::empty(), &mut covered).map_err(unusable)?;
    Ok([salt.as_bytes().as_slice(), &covered].concat())
}

/// The text; `None` for what was not sealed here for this purpose.
///
/// # Errors
/// `Bug`, see [`App::mac`].
pub(super) fn open(app: &App, purpose: &[&[u8]], sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some((salt, covered)) = sealed.split_at_checked(SALT) else { return Ok(None) };
    let mut text = covered.to_vec();
    let opened = key(app, purpose, salt)?.open_in_place(once(), Aad::empty(), &mut text);
    Ok(opened.ok().map(|text| text.to_vec()))
}

fn key(app: &App, purpose: &[&[u8]], salt: &[u8]) -> Result<LessSafeKey> {
    let bytes = app.mac(&[&[b"sealed".as_slice(), salt], purpose].concat())?;
    UnboundKey::new(&CHACHA20_POLY1305, &bytes).map(LessSafeKey::new).map_err(unusable)
}

/// A key seals one text: its nonce need not vary.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn unusable(_: ring::error::Unspecified) -> Fault {
    Fault::new(FaultKind::Bug, 894, "the key of links is unusable")
}
