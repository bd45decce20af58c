//! The issuers a server accepts tokens of, from its configuration, and their keys while it runs.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::http::{Authorization, Gate, Provider, ProviderSetting};
use crate::identity::{Binding, DEVELOPMENT, Issuer, IssuerKind, Keys, Tokens};
use crate::tls::{SigningKey, prepare};

/// Bytes of a file of keys.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// The check of every call's token, and our authorization server when an identity provider is configured. Makes the keys of the
/// development issuer and of that server when they are wanted and not there.
pub(super) fn gate(data: &Path, config: &Config, base_url: &str) -> Result<Gate, String> {
    config.tokens.check(config.database.environment)?;
    let authorization = authorization(config, base_url)?;
    let issuers = issuers(data, config, base_url, authorization.as_ref())?;
    Ok(Gate { tokens: Tokens::new(issuers, binding(config)), authorization })
}

/// The issuers alone.
pub(super) fn issuers(data: &Path, config: &Config, base_url: &str, own: Option<&Authorization>) -> Result<Vec<Issuer>, String> {
    let mut out = Vec::new();
    let section = &config.tokens;
    if section.development == Some(true) {
        let key = SigningKey::open_or_make(&super::token::development_key(data)).map_err(|e| e.to_string())?;
        out.push(issuer(DEVELOPMENT, DEVELOPMENT, &key.jwks(), IssuerKind::Development)?);
    }
    let audience = audience(config, base_url);
    for (name, jwks, kind) in [(&section.issuer, &section.jwks, IssuerKind::Professional), (&section.patient_issuer, &section.patient_jwks, IssuerKind::Patient)] {
        if !name.is_empty() {
            out.push(issuer(name, audience, &file(jwks)?, kind)?);
        }
    }
    if let Some(own) = own {
        out.push(issuer(&own.issuer, audience, &own.key.jwks(), IssuerKind::Professional)?);
    }
    let twice = out.iter().enumerate().find(|(i, one)| out.iter().skip(i + 1).any(|other| other.name == one.name));
    match twice {
        Some((_, issuer)) => Err(format!("configuration: {} is an issuer twice: each kind of caller needs an issuer of its own", issuer.name)),
        None => Ok(out),
    }
}

fn authorization(config: &Config, base_url: &str) -> Result<Option<Authorization>, String> {
    let section = &config.exchange;
    section.check(config.database.environment)?;
    if section.psc_issuer.is_empty() {
        return Ok(None);
    }
    let origin = base_url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let secret = String::from_utf8(file(&section.client_secret_file)?).map_err(|_| format!("{}: not UTF-8", section.client_secret_file))?;
    let provider = Provider::new((&section.introspection, &section.userinfo), &file(&section.ca)?, &section.client_id, secret.lines().next().unwrap_or(""))?;
    let key = SigningKey::open_or_make(Path::new(&section.key)).map_err(|e| e.to_string())?;
    let minutes = |m: u16| i64::from(m) * 60;
    let setting = ProviderSetting {
        provider,
        lifetime_s: minutes(section.minutes),
        binding: binding(config),
        clients: section.psc_clients.clone(),
        recheck_s: minutes(section.recheck_minutes),
    };
    Ok(Some(Authorization::new(origin, audience(config, base_url).to_owned(), key, subjects(config)?, setting)))
}

/// The identity provider as an issuer of subject tokens.
fn subjects(config: &Config) -> Result<Vec<Issuer>, String> {
    let section = &config.exchange;
    Ok(vec![issuer(&section.psc_issuer, &section.psc_audience, &file(&section.psc_jwks)?, IssuerKind::Professional)?])
}

fn audience<'a>(config: &'a Config, base_url: &'a str) -> &'a str {
    if config.tokens.audience.is_empty() { base_url } else { &config.tokens.audience }
}

fn binding(config: &Config) -> Binding {
    if config.tokens.cnf_hex { Binding::AnsHexToo } else { Binding::Rfc8705 }
}

fn issuer(name: &str, audience: &str, jwks: &[u8], kind: IssuerKind) -> Result<Issuer, String> {
    let keys = Keys::parse(jwks, prepare).map_err(|e| format!("keys of {name}: {e}"))?;
    if !keys.usable() {
        return Err(format!("keys of {name}: none can be used; an RSA key of 2048 bits or a P-256 key for signatures is needed"));
    }
    Ok(Issuer { name: name.to_owned(), audience: audience.to_owned(), keys, kind })
}

/// A file of the configuration.
fn file(path: &str) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let mut out = Vec::new();
    let opened = std::fs::File::open(path).and_then(|f| f.take(FILE_MAX_BYTES + 1).read_to_end(&mut out));
    opened.map_err(|e| format!("{path}: {e}"))?;
    if u64::try_from(out.len()).unwrap_or(u64::MAX) > FILE_MAX_BYTES { Err(format!("{path}: over 1 MiB")) } else { Ok(out) }
}

/// The files of public keys, looked at while the server runs: an issuer that changes its keys asks for no restart.
pub(super) struct KeyFiles {
    data: PathBuf,
    stamp: Vec<Option<(u64, i64, i64)>>,
}

impl KeyFiles {
    /// As the files are now.
    pub(super) fn new(data: &Path, config: &Config) -> Self {
        Self { data: data.to_owned(), stamp: stamp(config) }
    }

    /// Reads the keys again when a file changed; true when it did. A set that is not whole leaves all as it was.
    pub(super) fn reload_if_changed(&mut self, gate: &Gate, config: &Config, base_url: &str) -> Result<bool, String> {
        let now = stamp(config);
        if now == self.stamp {
            return Ok(false);
        }
        self.stamp = now;
        let renewed = issuers(&self.data, config, base_url, gate.authorization.as_ref())?;
        if let Some(own) = &gate.authorization {
            own.replace(subjects(config)?);
        }
        gate.tokens.replace(renewed);
        Ok(true)
    }
}

fn stamp(config: &Config) -> Vec<Option<(u64, i64, i64)>> {
    let files = [&config.tokens.jwks, &config.tokens.patient_jwks, &config.exchange.psc_jwks];
    files.into_iter().map(|f| std::fs::metadata(f).ok().map(|m| (m.ino(), m.ctime(), m.ctime_nsec()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_again_and_a_broken_file_leaves_the_old_ones_in_force() {
        let dir = std::env::temp_dir().join(format!("passerelle-issuers-{}", uuid::Uuid::new_v4()));
        let make = |name: &str| SigningKey::open_or_make(&dir.join(name)).unwrap();
        let (old, new) = (make("old.key"), make("new.key"));
        let jwks = dir.join("jwks.json");
        std::fs::write(&jwks, old.jwks()).unwrap();
        let mut config = Config::default();
        config.tokens.issuer = "https://as.test".into();
        config.tokens.jwks = jwks.display().to_string();
        let gate = gate(&dir, &config, "https://here/fhir").unwrap();
        let token = |key: &SigningKey| {
            let claims = serde_json::json!({"iss": "https://as.test", "aud": "https://here/fhir", "sub": "899700218896", "iat": 1000, "exp": 2000, "jti": "j",
                "scope": "user/*.r", "cnf": {"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}});
            key.sign(&claims).unwrap()
        };
        let holds = |key: &SigningKey| gate.tokens.check(&token(key), &[0; 32], 1000).is_ok();
        assert!(holds(&old) && !holds(&new));
        let mut files = KeyFiles::new(&dir, &config);
        assert_eq!(files.reload_if_changed(&gate, &config, "https://here/fhir"), Ok(false));
        let replace = |bytes: &[u8]| {
            std::fs::write(dir.join("beside"), bytes).unwrap();
            std::fs::rename(dir.join("beside"), &jwks).unwrap();
        };
        replace(b"{");
        assert!(files.reload_if_changed(&gate, &config, "https://here/fhir").is_err() && holds(&old));
        replace(&new.jwks());
        assert_eq!(files.reload_if_changed(&gate, &config, "https://here/fhir"), Ok(true));
        assert!(holds(&new) && !holds(&old));
        config.tokens.patient_issuer = "https://as.test".into();
        config.tokens.patient_jwks = config.tokens.jwks.clone();
        assert!(super::gate(&dir, &config, "https://here/fhir").is_err(), "one issuer speaks for one kind of caller");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
