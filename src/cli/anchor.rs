//! Checkpoints of the trail: made while a server runs, read by the verifier.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::audit::{Checkpoint, Head, Mark};
use crate::config::{Config, Environment};
use crate::fhir::{Fault, FaultKind, Result};
use crate::identity::{Issuer, IssuerKind, Keys, verified_claims};
use crate::interaction::{App, Signer};
use crate::store::{Anchor, anchor_lines, chain_hash};
use crate::tls::{RunKey, SigningKey, prepare};

/// Seconds a signature is good for; a checkpoint is checked at the moment it names, so that it never ends.
const LIFE_S: i64 = 3600;
/// Events after which a checkpoint is due, whatever the time.
const EVENTS: i64 = 1000;

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

/// Whether a file of checkpoints lies in the data folder, as far as folders and links say: no second place.
pub(super) fn is_inside(data: &Path, place: &Path) -> bool {
    let parent = place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A link is where it leads to; a file that is not there yet will be where its folder is.
    let real = place.canonicalize().or_else(|_| parent.canonicalize());
    match (real, data.canonicalize()) {
        (Ok(real), Ok(data)) => real.starts_with(data),
        _ => false,
    }
}

/// Production keeps its checkpoints in a second place.
///
/// # Errors
/// A text that says what to do.
pub(super) fn second_place(data: &Path, config: &Config) -> std::result::Result<(), String> {
    if !is_inside(data, &place(data, config)) {
        return Ok(());
    }
    if config.database.environment == Environment::Production {
        return Err(
            "configuration: audit.anchor must name a file outside the data folder when database.environment = production: best on another machine's disk, where nothing can be rewritten; who can rewrite the data folder can otherwise rewrite the trail".into(),
        );
    }
    tracing::warn!("audit.anchor lies in the data folder: who can rewrite that can rewrite the trail; name a file in another place");
    Ok(())
}

/// Makes checkpoints for a server.
pub(super) struct Checkpoints {
    anchor: Anchor,
    key: Arc<SigningKey>,
    /// As they were found, those of the last run; then the last that was made.
    known: Vec<Checkpoint>,
    made: Instant,
}

impl Checkpoints {
    /// Opens the file of checkpoints and the key, which is made when there is none.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn open(data: &Path, place: &Path) -> std::result::Result<Self, String> {
        let named = |e: String| format!("{}: {e}", place.display());
        let anchor = Anchor::open(place, &head(data)).map_err(|e| named(e.to_string()))?;
        let key = Arc::new(SigningKey::open_or_make(&key(data)).map_err(|e| e.to_string())?);
        let known = last_run(&anchor_lines(place).map_err(|e| named(e.to_string()))?, &key.jwks()).map_err(named)?;
        Ok(Self { anchor, key, known, made: Instant::now() })
    }

    /// Signs other things of the trail with the same key, each under a `typ` of its own.
    pub fn signer(&self) -> Signer {
        let key = Arc::clone(&self.key);
        Box::new(move |typ, claims| key.sign_as(typ, claims).ok())
    }

    /// The checkpoints of the run before this one, the newest last.
    pub fn known(&self) -> &[Checkpoint] {
        &self.known
    }

    /// The server takes the trail over: from now on what it writes is sealed, by a key that this checkpoint names and nothing keeps.
    ///
    /// # Errors
    /// See [`Checkpoints::make`].
    pub fn begin(&mut self, app: &App) -> Result<()> {
        let run = RunKey::new().map_err(|e| Fault::new(FaultKind::Bug, 973, "the key of the trail could not be made").because(e))?;
        self.write(heads(app), Mark::Start, run.public(), app.now_us())?;
        let run = Arc::new(run);
        let writes = Arc::clone(&run);
        app.store.sealed_by(Arc::new(move |text| writes.seal(text)));
        app.read_log.sealed_by(Arc::new(move |text| run.seal(text)));
        Ok(())
    }

    /// Whether one is to be made: enough happened since the one before, or something and enough time went by.
    pub fn is_due(&self, app: &App, after: Duration) -> bool {
        let newer: i64 = match self.known.last() {
            Some(last) => app.heads().iter().zip([&last.writes, &last.reads]).map(|(now, then)| now.0 - then.number).sum(),
            None => EVENTS,
        };
        newer >= EVENTS || (newer > 0 && self.made.elapsed() >= after)
    }

    /// One checkpoint, when something was traced since the one before.
    ///
    /// # Errors
    /// `Bug` when the checkpoint cannot be signed or written, `RuleBroken` when their file was changed.
    pub fn make(&mut self, app: &App) -> Result<()> {
        let now = heads(app);
        if self.known.last().is_some_and(|last| (&last.writes, &last.reads) == (&now.0, &now.1)) {
            return Ok(());
        }
        self.write(now, Mark::Running, "", app.now_us())
    }

    /// The server stops: nothing is traced after this. When nobody knows what is on the disk, it is no end, and the next start takes
    /// over what is there.
    ///
    /// # Errors
    /// See [`Checkpoints::make`].
    pub fn end(&mut self, app: &App) -> Result<()> {
        let known = [app.store.end(), app.read_log.end()];
        if known.contains(&false) {
            tracing::error!("the trail has no end: a write or a read may or may not be on the disk; the next start takes over what is there");
            return self.make(app);
        }
        self.write(heads(app), Mark::End, "", app.now_us())
    }

    /// Ends a copy of the trail, of which these are the heads; nothing is to be said when it ends so already.
    ///
    /// # Errors
    /// See [`Checkpoints::make`].
    pub fn end_of_copy(&mut self, heads: (Head, Head)) -> Result<()> {
        let last = self.known.last();
        if last.is_some_and(|c| c.mark == Mark::End && (&c.writes, &c.reads) == (&heads.0, &heads.1)) {
            return Ok(());
        }
        self.write(heads, Mark::End, "", chrono::Utc::now().timestamp_micros())
    }

    fn write(&mut self, (writes, reads): (Head, Head), mark: Mark, seals: &str, at_us: i64) -> Result<()> {
        let checkpoint = Checkpoint { at_us, previous: self.anchor.last().to_owned(), mark, seals: seals.to_owned(), writes, reads };
        let line = self.key.sign_as(Checkpoint::TYPE, &claims(&checkpoint)).map_err(|e| Fault::new(FaultKind::Bug, 198, "a checkpoint could not be signed").because(e))?;
        self.anchor.append(&line)?;
        self.known = vec![checkpoint];
        self.made = Instant::now();
        Ok(())
    }
}

/// Where both chains stand.
fn heads(app: &App) -> (Head, Head) {
    let [writes, reads] = app.heads().map(|(number, hash)| Head { number, hash });
    (writes, reads)
}

fn claims(checkpoint: &Checkpoint) -> Value {
    let at_s = checkpoint.at_us / 1_000_000;
    json!({"iss": Checkpoint::PARTY, "aud": Checkpoint::PARTY, "iat": at_s, "exp": at_s + LIFE_S, "checkpoint": checkpoint})
}

/// The checkpoints of all lines, each verified by signature and by its place in their chain.
///
/// # Errors
/// A text that names the first line that does not hold.
pub(super) fn verified(lines: &[String], jwks: &[u8]) -> std::result::Result<Vec<Checkpoint>, String> {
    verified_behind(lines, 0, jwks)
}

/// Those from the last start on; of a file without one, the last alone.
fn last_run(lines: &[String], jwks: &[u8]) -> std::result::Result<Vec<Checkpoint>, String> {
    let start = lines.iter().rposition(|line| said::<Checkpoint>(line, "checkpoint").is_some_and(|c| c.mark == Mark::Start));
    verified_behind(lines, start.unwrap_or(lines.len().saturating_sub(1)), jwks)
}

fn verified_behind(lines: &[String], skip: usize, jwks: &[u8]) -> std::result::Result<Vec<Checkpoint>, String> {
    let issuers = [signed_by(jwks)?];
    let mut previous = skip.checked_sub(1).and_then(|before| lines.get(before)).map(|line| chain_hash(line)).unwrap_or_default();
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate().skip(skip) {
        let wrong = |what: &str| format!("checkpoint {}: {what}", index + 1);
        let checkpoint: Checkpoint = said(line, "checkpoint").ok_or_else(|| wrong("it cannot be read"))?;
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

/// Who signs checkpoints and proofs: the server, by its public key.
///
/// # Errors
/// A key that cannot be read.
pub(super) fn signed_by(jwks: &[u8]) -> std::result::Result<Issuer, String> {
    let keys = Keys::parse(jwks, prepare).map_err(|e| format!("the public key of the checkpoints cannot be read: {e}"))?;
    Ok(Issuer { name: Checkpoint::PARTY.into(), audience: Checkpoint::PARTY.into(), keys, kind: IssuerKind::Development })
}

/// One claim of a signed line, before its signature is looked at.
pub(super) fn said<T: DeserializeOwned>(line: &str, claim: &str) -> Option<T> {
    use base64::Engine;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(line.split('.').nth(1)?).ok()?;
    let mut claims: Value = serde_json::from_slice(&payload).ok()?;
    serde_json::from_value(claims.get_mut(claim)?.take()).ok()
}
