//! Checkpoints of the trail: made while a server runs, read by the verifier.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::audit::{Checkpoint, Head};
use crate::config::Config;
use crate::fhir::Result;
use crate::identity::{Issuer, IssuerKind, Keys, verified_claims};
use crate::interaction::App;
use crate::store::{Anchor, chain_hash};
use crate::tls::{SigningKey, prepare};

/// Seconds a signature is good for; a checkpoint is checked at the moment it names, so that it never ends.
const LIFE_S: i64 = 3600;

/// Where the checkpoints of a data folder lie.
pub(super) fn place(data: &Path, config: &Config) -> PathBuf {
    if config.audit.anchor.is_empty() { data.join("audit-anchor.log") } else { PathBuf::from(&config.audit.anchor) }
}

/// Where the copy of the last checkpoint lies: with the data, whatever happens to the file of all of them.
pub(super) fn head(data: &Path) -> PathBuf {
    data.join("audit-anchor.head")
}

/// The key that signs them; its public half lies beside it.
pub(super) fn key(data: &Path) -> PathBuf {
    data.join("pki/audit-signing.key")
}

/// Makes checkpoints for a server.
pub(super) struct Checkpoints {
    anchor: Anchor,
    key: SigningKey,
    last: Option<(Head, Head)>,
}

impl Checkpoints {
    /// Opens the file of checkpoints and the key, which is made when there is none.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn open(data: &Path, config: &Config) -> std::result::Result<Self, String> {
        let place = place(data, config);
        let anchor = Anchor::open(&place, &head(data)).map_err(|e| format!("{}: {e}", place.display()))?;
        Ok(Self { anchor, key: SigningKey::open_or_make(&key(data)).map_err(|e| e.to_string())?, last: None })
    }

    /// One checkpoint, when something was traced since the one before.
    ///
    /// # Errors
    /// `Busy` or `Bug` when a chain cannot be read or the checkpoint cannot be written.
    pub fn make(&mut self, app: &App) -> Result<()> {
        let head = |(number, hash): (i64, String)| Head { number, hash };
        let heads = (head(app.store.audit_head()?), head(app.read_log.head()));
        if self.last.as_ref() == Some(&heads) {
            return Ok(());
        }
        let at_us = app.now_us();
        let checkpoint = Checkpoint { at_us, previous: self.anchor.last().to_owned(), writes: heads.0.clone(), reads: heads.1.clone() };
        let line = self
            .key
            .sign_as(Checkpoint::TYPE, &claims(&checkpoint))
            .map_err(|e| crate::fhir::Fault::new(crate::fhir::FaultKind::Bug, 198, "a checkpoint could not be signed").because(e))?;
        self.anchor.append(&line)?;
        self.last = Some(heads);
        Ok(())
    }
}

fn claims(checkpoint: &Checkpoint) -> Value {
    let at_s = checkpoint.at_us / 1_000_000;
    json!({"iss": Checkpoint::PARTY, "aud": Checkpoint::PARTY, "iat": at_s, "exp": at_s + LIFE_S, "checkpoint": checkpoint})
}

/// The checkpoints of some lines, each verified by signature and by its place in their chain.
///
/// # Errors
/// A text that names the first line that does not hold.
pub(super) fn verified(lines: &[String], jwks: &[u8]) -> std::result::Result<Vec<Checkpoint>, String> {
    let keys = Keys::parse(jwks, prepare).map_err(|e| format!("the public key of the checkpoints cannot be read: {e}"))?;
    let issuers = [Issuer { name: Checkpoint::PARTY.into(), audience: Checkpoint::PARTY.into(), keys, kind: IssuerKind::Development }];
    let (mut out, mut previous) = (Vec::with_capacity(lines.len()), String::new());
    for (index, line) in lines.iter().enumerate() {
        let wrong = |what: &str| format!("checkpoint {}: {what}", index + 1);
        let checkpoint = said(line).ok_or_else(|| wrong("it cannot be read"))?;
        verified_claims(line, &issuers, &[Checkpoint::TYPE], checkpoint.at_us / 1_000_000)
            .map_err(|_| wrong("its signature does not hold: it was changed, or signed by somebody else"))?;
        if checkpoint.previous != previous {
            return Err(wrong("the one before it was changed or removed"));
        }
        previous = chain_hash(line);
        out.push(checkpoint);
    }
    Ok(out)
}

/// What a signed line says, before its signature is looked at.
fn said(line: &str) -> Option<Checkpoint> {
    use base64::Engine;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(line.split('.').nth(1)?).ok()?;
    let mut claims: Value = serde_json::from_slice(&payload).ok()?;
    serde_json::from_value(claims.get_mut("checkpoint")?.take()).ok()
}
