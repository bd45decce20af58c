//! What every interaction needs, made once at start.

use std::sync::OnceLock;

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::prepared::Prepared;
use super::turns::Turns;
use super::{Desk, Rules, Throttle};
use crate::audit::By;
use crate::config::Config;
use crate::fhir::{Actor, Fault, FaultKind, Result, Role};
use crate::keyinfo::Source;
use crate::pdf;
use crate::store::{Cache, LogState, ReadLog, Store};

/// The application: store, audit log, configuration.
pub struct App {
    pub store: Store,
    pub read_log: ReadLog,
    pub config: Config,
    /// What decides who may see what.
    pub rules: Rules,
    /// Documents as a reader of facts wants them named, by resource number and version.
    pub sources: Cache<(i64, i64), Source>,
    /// What documents state, by their number and the first commit of their facts.
    pub prepared: Cache<(i64, i64), Prepared>,
    /// Summaries take turns.
    pub turns: Turns,
    /// FHIR id of the patient of a record, for the trace.
    pub patients: Cache<i64, String>,
    /// `https://host:port/fhir`, no trailing slash.
    pub base_url: String,
    /// What identities did in numbers.
    pub throttle: Throttle,
    /// Tickets and sessions of the practitioner's page.
    pub desk: Desk,
    /// Reads the text layer of PDF files; `None` when that is switched off.
    pub pdf: Option<pdf::Reader>,
    /// Signs in the server's name what must be shown elsewhere; set once, at start.
    pub signer: OnceLock<Signer>,
    /// The CapabilityStatement, once it was asked for.
    pub statement: OnceLock<Vec<u8>>,
}

/// Signs claims (second) under a `typ` (first) as a compact JWS; none when that cannot be done.
pub type Signer = Box<dyn Fn(&str, &Value) -> Option<String> + Send + Sync>;

/// Sources held at once.
const SOURCES: usize = 20_000;
/// Names of patients held at once.
const PATIENTS: usize = 50_000;

impl App {
    /// Everything opened.
    pub fn new(store: Store, read_log: ReadLog, config: Config, rules: Rules, base_url: String) -> Self {
        Self {
            pdf: pdf_reader(&config),
            prepared: Cache::new(config.limits.facts_bytes),
            turns: Turns::of_the_cores(),
            store,
            read_log,
            config,
            rules,
            sources: Cache::new(SOURCES),
            patients: Cache::new(PATIENTS),
            base_url,
            throttle: Throttle::default(),
            desk: Desk::default(),
            signer: OnceLock::new(),
            statement: OnceLock::new(),
        }
    }

    /// Whether requests can be answered: the log of reads, the writer and the database.
    ///
    /// # Errors
    /// `Busy` naming what does not work.
    pub fn ready(&self) -> Result<()> {
        match self.read_log.state() {
            LogState::Works => self.store.ready(),
            LogState::Full => Err(Fault::new(FaultKind::Busy, 972, "the audit log cannot be written; nothing is disclosed until there is space for it")),
            LogState::Stopped => Err(Fault::new(FaultKind::Busy, 201, "the audit log has stopped; nothing is disclosed until the server is started again")),
        }
    }

    /// Claims, signed in the server's name under a `typ` of their own (JWS compact).
    ///
    /// # Errors
    /// `Bug` when there is no key to sign with.
    pub fn signed(&self, typ: &str, claims: &Value) -> Result<String> {
        self.signer.get().and_then(|sign| sign(typ, claims)).ok_or_else(|| Fault::new(FaultKind::Bug, 976, "the server cannot sign; nothing was done"))
    }

    /// Where both chains of the trail stand, writes first: number and hash of the last event that is on the disk.
    pub fn heads(&self) -> [(i64, String); 2] {
        [self.store.counters().audit(), self.read_log.head()]
    }

    /// The clock: µs since 1970, UTC.
    pub fn now_us(&self) -> i64 {
        chrono::Utc::now().timestamp_micros()
    }

    /// A reference as it is compared and stored: the absolute form of something here becomes `Type/id`, any other stays.
    pub fn local<'a>(&self, reference: &'a str) -> &'a str {
        reference.strip_prefix(&self.base_url).and_then(|r| r.strip_prefix('/')).unwrap_or(reference)
    }

    /// A new random id.
    pub fn new_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// A new random text that nobody can guess: 256 bits, base64url.
    ///
    /// # Errors
    /// See [`App::derived_id`].
    pub fn new_secret(&self) -> Result<String> {
        use base64::Engine;
        // Three times 122 random bits, made into 256.
        let [a, b, c] = std::array::from_fn(|_| *uuid::Uuid::new_v4().as_bytes());
        Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.mac(&[&a, &b, &c])?))
    }

    /// Prefix of ids that only the server gives; client writes to it are 405.
    pub const DERIVED: &'static str = "fx-";

    /// The id of what was derived from entry `path` of document `number`: the same for the same document, whoever asks.
    ///
    /// # Errors
    /// `Bug` when the key has the wrong length, which `Settings` excludes.
    pub fn derived_id(&self, number: i64, path: &str) -> Result<String> {
        let digest = self.mac(&[&number.to_be_bytes(), path.as_bytes()])?;
        Ok(digest.iter().take(16).fold(Self::DERIVED.to_owned(), |out, b| out + &format!("{b:02x}")))
    }

    /// A UUID that the same parts always make, and that nobody else can.
    ///
    /// # Errors
    /// See [`App::derived_id`].
    pub fn uuid_of(&self, parts: &[&[u8]]) -> Result<String> {
        let digest = self.mac(parts)?;
        let mut bytes = [0u8; 16];
        bytes.iter_mut().zip(digest).for_each(|(slot, byte)| *slot = byte);
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }

    /// Who acts, with a name for a patient or representative that is the same at every visit and that nobody else can make: the token's own
    /// may be an INS.
    pub(super) fn named_by(&self, by: By, actor: &Actor) -> By {
        if !matches!(actor.role, Role::Holder | Role::LegalRepresentative) || actor.subject.is_empty() {
            return by;
        }
        let name = self.uuid_of(&[b"subject", actor.issuer.as_bytes(), actor.role.word().as_bytes(), actor.subject.as_bytes()]);
        By { subject: name.unwrap_or_default(), ..by }
    }

    /// HMAC-SHA-256 of the parts, each preceded by its length.
    ///
    /// # Errors
    /// See [`App::derived_id`].
    pub fn mac(&self, parts: &[&[u8]]) -> Result<Vec<u8>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.store.settings().secret)
            .map_err(|e| crate::fhir::Fault::new(crate::fhir::FaultKind::Bug, 200, "the server's key is unusable").because(e))?;
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(0).to_be_bytes());
            mac.update(part);
        }
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

/// This program, even after its file was replaced by a newer one.
const THIS: &str = "/proc/self/exe";

/// Reads PDF files by running this program again, or the one that is configured.
fn pdf_reader(config: &Config) -> Option<pdf::Reader> {
    let documents = &config.documents;
    if !documents.pdf_text {
        return None;
    }
    let program = match documents.pdf_program.as_str() {
        "" if std::path::Path::new(THIS).exists() => THIS.into(),
        "" => std::env::current_exe().ok()?,
        named => named.into(),
    };
    Some(pdf::Reader::new(pdf::ReaderOptions { program, children: documents.pdf_children, memory: documents.pdf_memory_bytes }))
}
