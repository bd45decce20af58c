//! The issuers a server accepts tokens of, from its configuration.

use std::path::Path;

use crate::config::Config;
use crate::http::{Authorization, Gate, Provider, ProviderSetting};
use crate::identity::{Binding, DEVELOPMENT, Issuer, IssuerKind, Keys, Tokens};
use crate::tls::{SigningKey, prepare};

/// Bytes of a file of keys.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// The check of every call's token. Makes the development issuer's key when it is wanted and not there.
pub(super) fn gate(data: &Path, config: &Config, base_url: &str) -> Result<Gate, String> {
    let mut issuers = Vec::new();
    let section = &config.tokens;
    section.check(config.database.environment)?;
    if section.development == Some(true) {
        let key = SigningKey::open_or_make(&super::token::development_key(data)).map_err(|e| e.to_string())?;
        issuers.push(issuer(DEVELOPMENT, DEVELOPMENT, &key.jwks(), IssuerKind::Development)?);
    }
    let audience = if section.audience.is_empty() { base_url } else { &section.audience };
    for (name, jwks, kind) in [(&section.issuer, &section.jwks, IssuerKind::Professional), (&section.patient_issuer, &section.patient_jwks, IssuerKind::Patient)] {
        if !name.is_empty() {
            issuers.push(issuer(name, audience, &file(jwks)?, kind)?);
        }
    }
    let binding = if section.cnf_hex { Binding::AnsHexToo } else { Binding::Rfc8705 };
    let authorization = authorization(config, base_url, audience, binding)?;
    if let Some(own) = &authorization {
        issuers.push(issuer(&own.issuer, audience, &own.key.jwks(), IssuerKind::Professional)?);
    }
    Ok(Gate { tokens: Tokens::new(issuers, binding), authorization })
}

/// Our own authorization server, when an identity provider is configured.
fn authorization(config: &Config, base_url: &str, audience: &str, binding: Binding) -> Result<Option<Authorization>, String> {
    let section = &config.exchange;
    section.check()?;
    if section.psc_issuer.is_empty() {
        return Ok(None);
    }
    let origin = base_url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    if config.tokens.issuer == origin || config.tokens.patient_issuer == origin {
        return Err(format!("configuration: {origin} is this server's own issuer; tokens.issuer and tokens.patient_issuer must be others"));
    }
    let secret = String::from_utf8(file(&section.client_secret_file)?).map_err(|_| format!("{}: not UTF-8", section.client_secret_file))?;
    let provider = Provider::new((&section.introspection, &section.userinfo), &file(&section.ca)?, &section.client_id, secret.lines().next().unwrap_or(""))?;
    let subjects = vec![issuer(&section.psc_issuer, &section.psc_audience, &file(&section.psc_jwks)?, IssuerKind::Professional)?];
    let key = SigningKey::open_or_make(Path::new(&section.key)).map_err(|e| e.to_string())?;
    let setting = ProviderSetting { provider, lifetime_s: i64::from(section.minutes) * 60, binding, recheck_s: i64::from(section.recheck_minutes) * 60 };
    Ok(Some(Authorization::new(origin, audience.to_owned(), key, subjects, setting)))
}

fn issuer(name: &str, audience: &str, jwks: &[u8], kind: IssuerKind) -> Result<Issuer, String> {
    let keys = Keys::parse(jwks, prepare).map_err(|e| format!("keys of {name}: {e}"))?;
    if !keys.usable() {
        return Err(format!("keys of {name}: none can be used; one RSA key of 2048 bits or P-256 key for signatures is needed"));
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
