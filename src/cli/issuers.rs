//! The issuers a server accepts tokens of, from its configuration.

use std::path::Path;

use crate::config::Config;
use crate::identity::{Binding, DEVELOPMENT, Issuer, IssuerKind, Keys, Tokens};
use crate::tls::{SigningKey, prepare};

/// Bytes of a JWK Set.
const JWKS_MAX_BYTES: u64 = 1 << 20;

/// The check of every call's token. Makes the development issuer's key when it is wanted and not there.
pub(super) fn tokens(data: &Path, config: &Config, base_url: &str) -> Result<Tokens, String> {
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
    Ok(Tokens::new(issuers, if section.cnf_hex { Binding::AnsHexToo } else { Binding::Rfc8705 }))
}

fn issuer(name: &str, audience: &str, jwks: &[u8], kind: IssuerKind) -> Result<Issuer, String> {
    let keys = Keys::parse(jwks, prepare).map_err(|e| format!("keys of {name}: {e}"))?;
    if !keys.usable() {
        return Err(format!("keys of {name}: none can be used; one RSA key of 2048 bits or P-256 key for signatures is needed"));
    }
    Ok(Issuer { name: name.to_owned(), audience: audience.to_owned(), keys, kind })
}

/// A JWK Set of the configuration.
fn file(path: &str) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let mut out = Vec::new();
    let opened = std::fs::File::open(path).and_then(|f| f.take(JWKS_MAX_BYTES + 1).read_to_end(&mut out));
    opened.map_err(|e| format!("{path}: {e}"))?;
    if u64::try_from(out.len()).unwrap_or(u64::MAX) > JWKS_MAX_BYTES { Err(format!("{path}: over 1 MiB")) } else { Ok(out) }
}
