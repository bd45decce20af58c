//! Configuration: one TOML file, then `PASSERELLE__SECTION__KEY` from the environment. Unknown keys are refused.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod access;
mod consult;

pub use access::{Access, AccessPolicy, Exchange, Tokens};
pub use consult::Consult;

/// Everything that can be set. Each field says unit, bound and default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub tls: Tls,
    pub database: Database,
    pub access: Access,
    pub tokens: Tokens,
    pub exchange: Exchange,
    pub consult: Consult,
    pub documents: Documents,
    pub keyinfo: KeyInfo,
    pub audit: Audit,
    pub limits: Limits,
    pub admin: Admin,
    pub log: Log,
}

/// Where and how the API listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port of the API, mutual TLS only. Default `127.0.0.1:8443`.
    pub bind: String,
    /// Base URL that clients see, without a trailing slash; empty = `https://localhost:PORT/fhir`. Links are built from it, never
    /// from the Host header.
    pub base_url: String,
    /// Threads that accept and parse, 1–64. Default 2.
    pub workers: usize,
    /// Threads that run interactions, 2–512. Default 32.
    pub threads: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self { bind: "127.0.0.1:8443".into(), base_url: String::new(), workers: 2, threads: 32 }
    }
}

/// Certificates. Empty paths mean the development PKI under the data folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Server certificate chain, PEM, leaf first. Default: `DIR/pki/server.pem`.
    pub certificate: String,
    /// Its private key, PEM. Default: `DIR/pki/server.key`.
    pub key: String,
    /// PKCS#12 file with the server's chain and key, instead of `certificate` and `key`. Default: none.
    pub pkcs12: String,
    /// File whose first line is the password of `pkcs12`. Default: none.
    pub pkcs12_password_file: String,
    /// Trust anchors and intermediates of the clients, PEM. Default: `DIR/pki/ca.pem`.
    pub ca: String,
    /// Authorities that issue persons' certificates, PEM file or folder; those of `ca` then issue structures' alone. Default: none.
    pub ca_persons: String,
    /// Whether a professional's card is accepted as client certificate. Default: no.
    pub persons: bool,
    /// Revocation lists of every issuer of a client chain, PEM. Default: `DIR/pki/crl.pem`.
    pub crl: String,
    /// Folder of OCSP answers about the certificates that were met. Default: none.
    pub ocsp: String,
    /// Addresses (http) of lists that `passerelle revocation fetch` brings into the folder `crl`. Default: none.
    pub crl_urls: Vec<String>,
    /// Address (http) of the OCSP responder that it asks. Default: none.
    pub ocsp_url: String,
    /// Seconds between two fetches, 60–86400. Default 3600.
    pub fetch_seconds: u64,
}

impl Default for Tls {
    fn default() -> Self {
        let none = String::new;
        Self {
            certificate: none(),
            key: none(),
            pkcs12: none(),
            pkcs12_password_file: none(),
            ca: none(),
            ca_persons: none(),
            persons: false,
            crl: none(),
            ocsp: none(),
            crl_urls: Vec::new(),
            ocsp_url: none(),
            fetch_seconds: 3600,
        }
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://USER@HOST:PORT/NAME`; empty = `sqlite:DIR/passerelle.db`. It alone chooses the database.
    pub url: String,
    /// What the database is for, fixed at its first start. `production`: test and demonstration INS roots are refused. `trial`: every
    /// root is taken. Default `trial`.
    pub environment: Environment,
    /// Connections for reading, 1–64. Default 4.
    pub readers: u32,
    /// Writes that may wait for the writer, 1–4096; more are answered 503. Default 256.
    pub queue: usize,
}

/// See [`Database::environment`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    #[default]
    Trial,
    Production,
}

impl Environment {
    /// The word of the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Production => "production",
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: String::new(), environment: Environment::Trial, readers: 4, queue: 256 }
    }
}

/// The trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// File of the signed checkpoints: best on another machine or on a medium that cannot be rewritten, in production outside the
    /// data folder. Default `DIR/audit-anchor.log`.
    pub anchor: String,
    /// Seconds between checkpoints, 1–3600. Default 60.
    pub checkpoint_seconds: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Self { anchor: String::new(), checkpoint_seconds: 60 }
    }
}

/// What is read first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyInfo {
    /// Folder of ranking profiles (TOML), put over those of the program; read again when they change. Default: none.
    pub profiles: String,
}

/// How deposits are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Documents {
    /// `strict`: a deposit must fulfil the PDSm profiles. `tolerant`: breaches become warnings. Default `tolerant`.
    pub validation: Validation,
    /// Folder of mapping tables (TOML) added to those of the program. Default: none.
    pub cda_maps: String,
    /// Whether a deposit of a CDA that breaks rules of severity error is refused. Default false: it is stored and told.
    pub refuse_invalid_cda: bool,
    /// Whether the text layer of PDF files is read, in a confined child process. Default yes.
    pub pdf_text: bool,
    /// Milliseconds that the PDF files of one request may take together, 100–30000. Default 2000.
    pub pdf_milliseconds: u64,
    /// Children that read at once, 1–16. Default 2.
    pub pdf_children: usize,
    /// Bytes of address space of a child, 64 MiB–4 GiB. Default 536870912.
    pub pdf_memory_bytes: u64,
    /// Program run as `PROGRAM pdf-text --memory BYTES` instead of this one, for instance one that confines further. Default: none.
    pub pdf_program: String,
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            validation: Validation::Tolerant,
            cda_maps: String::new(),
            refuse_invalid_cda: false,
            pdf_text: true,
            pdf_milliseconds: 2000,
            pdf_children: 2,
            pdf_memory_bytes: 512 << 20,
            pdf_program: String::new(),
        }
    }
}

/// See [`Documents::validation`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validation {
    Strict,
    #[default]
    Tolerant,
}

/// Limits; each is answered by a fault that names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a deposit (`$deposit`, Binary, ITI-65, ITI-105), 1 KiB–192 MiB. Default 201326592.
    pub deposit_bytes: usize,
    /// Bytes of any other body, 1 KiB–64 MiB. Default 67108864.
    pub body_bytes: usize,
    /// Bytes of all bodies being received at once. Default 268435456.
    pub bodies_bytes: usize,
    /// Seconds a body may take, plus one per 16 KiB. Default 10.
    pub body_seconds: u64,
    /// Entries of a page when `_count` is absent, 1–500. Default 20.
    pub page: usize,
    /// Largest `_count`, 1–500. Default 500.
    pub page_max: usize,
    /// Entries of a transaction or batch, 1–10000. Default 1000.
    pub bundle_entries: usize,
    /// Bytes that the answers of a transaction or batch may hold together, 1 MiB–1 GiB; entries beyond are refused. Default 67108864.
    pub answer_bytes: usize,
    /// Bytes of stored facts whose parsed form is held in memory, 1 MiB–4 GiB; it takes about seven times as much. Default 67108864.
    pub facts_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deposit_bytes: 192 << 20,
            body_bytes: 64 << 20,
            bodies_bytes: 256 << 20,
            body_seconds: 10,
            page: 20,
            page_max: 500,
            bundle_entries: 1000,
            answer_bytes: 64 << 20,
            facts_bytes: 64 << 20,
        }
    }
}

/// The listener for the operator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Loopback address and port of `/live` and `/metrics`, plain HTTP; empty = none. Default empty.
    pub bind: String,
}

/// Logs go to standard error and never hold patient data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`. Default `info`.
    pub level: String,
    /// `text` or `json`. Default `text`.
    pub format: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: "text".into() }
    }
}

/// Prefix of the environment's overrides.
const PREFIX: &str = "PASSERELLE__";

impl Config {
    /// Reads the file (when given), then the environment, then checks bounds.
    ///
    /// # Errors
    /// A text that names the file, the key and the rule.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut table = match file {
            Some(path) => std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?.parse::<toml::Table>().map_err(|e| format!("{}: {e}", path.display()))?,
            None => toml::Table::new(),
        };
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix(PREFIX) {
                override_one(&mut table, path, &value)?;
            }
        }
        let config: Self = table.try_into().map_err(|e: toml::de::Error| format!("configuration: {e}"))?;
        config.checked()
    }

    fn checked(self) -> Result<Self, String> {
        let within = |name: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(format!("configuration: {name} must be between {low} and {high}")) }
        };
        within("server.workers", self.server.workers, 1, 64)?;
        within("server.threads", self.server.threads, 2, 512)?;
        within("database.readers", usize::try_from(self.database.readers).unwrap_or(usize::MAX), 1, 64)?;
        within("database.queue", self.database.queue, 1, 4096)?;
        within("limits.deposit_bytes", self.limits.deposit_bytes, 1024, 192 << 20)?;
        within("limits.body_bytes", self.limits.body_bytes, 1024, 64 << 20)?;
        within("limits.bodies_bytes", self.limits.bodies_bytes, self.limits.deposit_bytes, 4 << 30)?;
        within("limits.page", self.limits.page, 1, 500)?;
        within("limits.page_max", self.limits.page_max, self.limits.page, 500)?;
        within("limits.bundle_entries", self.limits.bundle_entries, 1, 10_000)?;
        within("limits.answer_bytes", self.limits.answer_bytes, 1 << 20, 1 << 30)?;
        within("limits.facts_bytes", self.limits.facts_bytes, 1 << 20, 4 << 30)?;
        within("limits.body_seconds", usize::try_from(self.limits.body_seconds).unwrap_or(usize::MAX), 1, 3600)?;
        within("documents.pdf_milliseconds", usize::try_from(self.documents.pdf_milliseconds).unwrap_or(usize::MAX), 100, 30_000)?;
        within("documents.pdf_children", self.documents.pdf_children, 1, 16)?;
        within("documents.pdf_memory_bytes", usize::try_from(self.documents.pdf_memory_bytes).unwrap_or(usize::MAX), 64 << 20, 4 << 30)?;
        let day = &self.access.assumptions_accepted_on;
        if !day.is_empty() && chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").is_err() {
            return Err("configuration: access.assumptions_accepted_on must be a day, for instance 2026-11-25".into());
        }
        within("tls.fetch_seconds", usize::try_from(self.tls.fetch_seconds).unwrap_or(usize::MAX), 60, 86_400)?;
        within("audit.checkpoint_seconds", usize::try_from(self.audit.checkpoint_seconds).unwrap_or(usize::MAX), 1, 3600)?;
        let one_of = |name: &str, value: &str, all: &[&str]| {
            if all.contains(&value) { Ok(()) } else { Err(format!("configuration: {name} must be one of {}", all.join(", "))) }
        };
        one_of("log.level", &self.log.level, &["error", "warn", "info", "debug"])?;
        one_of("log.format", &self.log.format, &["text", "json"])?;
        if self.server.bind.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
            return Err("configuration: server.bind must be an address and a port, for instance 127.0.0.1:8443".into());
        }
        let base = &self.server.base_url;
        if !base.is_empty() && (!base.starts_with("https://") || base.ends_with('/')) {
            return Err("configuration: server.base_url must begin with https:// and end without a slash, for instance https://documents.example/fhir".into());
        }
        if !self.admin.bind.is_empty() && !self.admin.bind.parse::<std::net::SocketAddr>().is_ok_and(|a| a.ip().is_loopback()) {
            return Err("configuration: admin.bind must be a loopback address and port, for instance 127.0.0.1:9443".into());
        }
        self.tokens.check(self.database.environment)?;
        self.exchange.check(self.database.environment)?;
        self.consult.check()?;
        Ok(self)
    }

    /// The same configuration with every empty path filled in under the data folder.
    pub fn under(mut self, data: &Path) -> Self {
        let fill = |slot: &mut String, path: PathBuf| {
            if slot.is_empty() {
                *slot = path.display().to_string();
            }
        };
        fill(&mut self.tls.certificate, data.join("pki/server.pem"));
        fill(&mut self.tls.key, data.join("pki/server.key"));
        fill(&mut self.tls.ca, data.join("pki/ca.pem"));
        fill(&mut self.tls.crl, data.join("pki/crl.pem"));
        fill(&mut self.exchange.key, data.join("pki/token-signing.key"));
        self.tokens.development.get_or_insert(self.database.environment == Environment::Trial);
        if self.database.url.is_empty() {
            self.database.url = format!("sqlite:{}", data.join("passerelle.db").display());
        }
        self
    }

    /// The configuration as TOML, without what is secret.
    pub fn shown(&self) -> String {
        let mut copy = self.clone();
        copy.database.url = without_password(&copy.database.url);
        toml::to_string_pretty(&copy).unwrap_or_default()
    }
}

fn override_one(table: &mut toml::Table, path: &str, text: &str) -> Result<(), String> {
    let lower = path.to_lowercase();
    let Some((section, key)) = lower.split_once("__") else {
        return Err(format!("environment: {PREFIX}{path} must be {PREFIX}SECTION__KEY"));
    };
    let value = text.parse::<i64>().map(toml::Value::Integer).or_else(|_| text.parse::<bool>().map(toml::Value::Boolean)).unwrap_or_else(|_| toml::Value::String(text.to_owned()));
    let entry = table.entry(section.to_owned()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    let Some(inner) = entry.as_table_mut() else {
        return Err(format!("configuration: {section} must be a section"));
    };
    inner.insert(key.to_owned(), value);
    Ok(())
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((user, rest))) => {
            let name = user.rsplit('/').next().unwrap_or("").split(':').next().unwrap_or("");
            format!("{scheme}://{name}:***@{rest}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_overrides_the_file_and_unknown_keys_are_refused() {
        let env = |k: &str, v: &str| vec![(k.to_owned(), v.to_owned())];
        let config = Config::load(None, env("PASSERELLE__LIMITS__PAGE", "50")).unwrap();
        assert_eq!(config.limits.page, 50);
        assert!(Config::load(None, env("PASSERELLE__LIMITS__PAGES", "50")).unwrap_err().contains("pages"));
        assert!(Config::load(None, env("PASSERELLE__LIMITS__PAGE", "0")).unwrap_err().contains("between"));
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(without_password("postgres://me:secret@host:1/db"), "postgres://me:***@host:1/db");
    }

    #[test]
    fn the_readme_documents_every_key() {
        let readme = include_str!("../README.md");
        let defaults: toml::Table = toml::to_string(&Config::default()).unwrap().parse().unwrap();
        for (section, keys) in &defaults {
            for key in keys.as_table().unwrap().keys() {
                assert!(readme.contains(&format!("`{section}.{key}`")), "README lacks {section}.{key}");
            }
        }
    }
}
