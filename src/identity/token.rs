//! Access tokens: which issuer, which key, which person, and bound to which client certificate.
//!
//! A token is read strictly, its issuer only chooses the configured keys, the key chooses the algorithm, and nothing of it is
//! looked at outside this process.
//! Spec: RFC 7515, RFC 7519, RFC 8705 §3, RFC 8725, RFC 9068; ANS transport of sensitive data 1.2.

mod cache;
mod claims;
mod compact;
mod error;
mod keys;
mod roca;
mod scope;
mod strict_json;

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use cache::TokenCache;

pub use claims::{Activity, activities, choose_activity, practitioner_number};
pub use compact::{Algorithm, Compact, TOKEN_MAX_BYTES};
pub use error::TokenError;
pub use keys::{Check, Keys, Prepare, PublicKey};
pub use scope::{SCOPE_ALL_PATIENT, SCOPE_ALL_USER, Scope, granted};
pub use strict_json::parse as parse_strict;

use crate::fhir::Actor;

/// Issuer and audience of the development issuer's tokens.
pub const DEVELOPMENT: &str = "urn:passerelle:development";
/// Seconds that clocks may differ.
pub const SKEW_S: i64 = 30;
/// Seconds a token may live.
pub const LIFETIME_MAX_S: i64 = 4 * 3600;
/// Media type of an access token.
/// Spec: RFC 9068 §2.1.
const ACCESS_TOKEN: &[&str] = &["at+jwt", "application/at+jwt"];

/// Who an issuer may speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerKind {
    /// Practitioners, auditors and administrators.
    Professional,
    /// Holders and legal representatives.
    Patient,
    /// Everybody; never in production.
    Development,
}

/// A configured issuer.
pub struct Issuer {
    /// Exact value of `iss`.
    pub name: String,
    /// What `aud` must be or hold.
    pub audience: String,
    pub keys: Keys,
    pub kind: IssuerKind,
}

/// Spellings of `cnf.x5t#S256` that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// base64url of the 32 bytes, without padding.
    Rfc8705,
    /// Also with padding, and base64 of the 64 hexadecimal digits, as the example of the ANS guide is written.
    AnsHexToo,
}

/// What a token says, once everything about it was checked.
#[derive(Debug, Clone)]
pub struct Verified {
    pub actor: Actor,
    /// Seconds since 1970.
    pub expires_s: i64,
}

/// The issuers in force. Their generation keeps what another set verified from being held under this one.
struct Known {
    issuers: Vec<Issuer>,
    generation: u64,
}

/// The check of every call's token.
pub struct Tokens {
    issuers: ArcSwap<Known>,
    binding: Binding,
    cache: TokenCache,
}

impl Tokens {
    /// A check that accepts the tokens of these issuers.
    pub fn new(issuers: Vec<Issuer>, binding: Binding) -> Self {
        Self { issuers: ArcSwap::from_pointee(Known { issuers, generation: 0 }), binding, cache: TokenCache::default() }
    }

    /// Other issuers or keys from now on, by one thread at a time; what the old ones signed is verified anew.
    pub fn replace(&self, issuers: Vec<Issuer>) {
        let generation = self.issuers.load().generation + 1;
        self.issuers.store(Arc::new(Known { issuers, generation }));
        self.cache.clear();
    }

    /// The actor of a token shown on a connection whose client certificate has this SHA-256; `now_s` is seconds since 1970.
    ///
    /// # Errors
    /// The first rule the token breaks, for the log.
    pub fn check(&self, token: &str, fingerprint: &[u8; 32], now_s: i64) -> Result<Arc<Verified>, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let known = self.issuers.load();
        let key = cache::key(token, fingerprint, known.generation);
        if let Some(verified) = self.cache.find(&key, now_s) {
            return Ok(verified);
        }
        let verified = Arc::new(self.verify(&known.issuers, token, fingerprint, now_s)?);
        self.cache.hold(key, Arc::clone(&verified), now_s);
        Ok(verified)
    }

    fn verify(&self, issuers: &[Issuer], token: &str, fingerprint: &[u8; 32], now_s: i64) -> Result<Verified, TokenError> {
        let (issuer, claims) = verified_claims(token, issuers, ACCESS_TOKEN, now_s)?;
        bound(&claims, fingerprint, self.binding)?;
        let actor = claims::actor(&claims, issuer.kind)?;
        Ok(Verified { actor, expires_s: claims.get("exp").and_then(Value::as_i64).ok_or(TokenError::Claim("exp"))? })
    }
}

/// The claims of a token whose signature, `typ`, issuer, audience and times hold, and its issuer. Not yet bound to anybody.
///
/// # Errors
/// The first rule the token breaks.
pub fn verified_claims<'a>(token: &str, issuers: &'a [Issuer], types: &[&str], now_s: i64) -> Result<(&'a Issuer, Value), TokenError> {
    let compact = Compact::read(token)?;
    if !compact.typ.as_deref().is_some_and(|t| types.iter().any(|wanted| t.eq_ignore_ascii_case(wanted))) {
        return Err(TokenError::Type);
    }
    let claims = parse_strict(&compact.payload).filter(Value::is_object).ok_or(TokenError::Payload)?;
    let name = claims.get("iss").and_then(Value::as_str).ok_or(TokenError::Issuer)?;
    let issuer = issuers.iter().find(|i| i.name == name).ok_or(TokenError::Issuer)?;
    issuer.keys.check(&compact)?;
    audience(&claims, &issuer.audience)?;
    times(&claims, now_s)?;
    Ok((issuer, claims))
}

fn audience(claims: &Value, ours: &str) -> Result<(), TokenError> {
    let holds = match claims.get("aud") {
        Some(Value::String(one)) => one == ours,
        Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.iter().any(|a| a.as_str() == Some(ours)),
        _ => false,
    };
    if holds { Ok(()) } else { Err(TokenError::Audience) }
}

/// `exp` and `iat` are required, whole seconds; `nbf` is optional.
fn times(claims: &Value, now_s: i64) -> Result<(), TokenError> {
    let whole = |name: &'static str| claims.get(name).map(|v| v.as_i64().filter(|s| (0..=253_402_300_799).contains(s)).ok_or(TokenError::Claim(name))).transpose();
    let expires = whole("exp")?.ok_or(TokenError::Claim("exp"))?;
    let issued = whole("iat")?.ok_or(TokenError::Claim("iat"))?;
    let latest = now_s.saturating_add(SKEW_S);
    if now_s >= expires.saturating_add(SKEW_S) {
        return Err(TokenError::Expired);
    }
    if issued > latest || whole("nbf")?.is_some_and(|start| start > latest) {
        return Err(TokenError::NotYet);
    }
    if expires <= issued || expires - issued > LIFETIME_MAX_S {
        return Err(TokenError::Lifetime);
    }
    Ok(())
}

/// `cnf.x5t#S256` names the certificate of this connection.
/// Spec: RFC 8705 §3.1.
fn bound(claims: &Value, fingerprint: &[u8; 32], binding: Binding) -> Result<(), TokenError> {
    let shown = claims.get("cnf").and_then(|c| c.get("x5t#S256")).and_then(Value::as_str).ok_or(TokenError::Binding)?;
    if names_certificate(shown, fingerprint, binding) { Ok(()) } else { Err(TokenError::Binding) }
}

/// Whether a thumbprint, in a spelling that is taken, is this certificate's. The time does not depend on what differs.
pub fn names_certificate(shown: &str, fingerprint: &[u8; 32], binding: Binding) -> bool {
    let mut spellings = vec![URL_SAFE_NO_PAD.encode(fingerprint)];
    if binding == Binding::AnsHexToo {
        let hex: String = fingerprint.iter().map(|b| format!("{b:02x}")).collect();
        spellings.extend([URL_SAFE.encode(fingerprint), STANDARD.encode(&hex), STANDARD_NO_PAD.encode(&hex)]);
    }
    spellings.iter().fold(false, |found, s| found | same(s.as_bytes(), shown.as_bytes()))
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0_u8, |difference, (x, y)| difference | (x ^ y)) == 0
}
