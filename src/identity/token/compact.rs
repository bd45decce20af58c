//! The compact form of a signed token, read strictly.
//! Spec: RFC 7515 §3.1, §4.1, §7.1.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error::TokenError;
use super::strict_json;

/// Bytes of a token.
pub const TOKEN_MAX_BYTES: usize = 16 << 10;
/// Characters of a key's name.
const KID_MAX_CHARS: usize = 256;
/// Header members that are taken, and two that only repeat a thumbprint and are not looked at. All others are refused, above all
/// those that bring a key, name an address, compress or change what is signed (jwk, jku, x5c, x5u, zip, b64, crit).
const HEADER: &[&str] = &["alg", "typ", "kid", "x5t", "x5t#S256"];

/// Algorithms there are keys for here: never HMAC, never none.
/// Spec: RFC 7518 §3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Ps256,
    Es256,
}

impl Algorithm {
    /// The algorithm of a name, in its exact spelling.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A token taken apart; nothing of it is verified.
#[derive(Debug)]
pub struct Compact<'a> {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    pub typ: Option<String>,
    /// What the signature covers: header, dot, payload, as they came.
    pub signed: &'a str,
    pub payload: Vec<u8>,
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart: three parts, base64url without padding, a header of known members alone.
    ///
    /// # Errors
    /// `TooLong`, `Form`, `Header` or `Algorithm`.
    pub fn read(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Form)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form);
        let header = strict_json::parse(&decoded(header)?).ok_or(TokenError::Header)?;
        let members = header.as_object().ok_or(TokenError::Header)?;
        if !members.keys().all(|k| HEADER.contains(&k.as_str())) {
            return Err(TokenError::Header);
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(t)) if t.chars().count() <= KID_MAX_CHARS => Ok(Some(t.clone())),
            Some(_) => Err(TokenError::Header),
        };
        let algorithm = text("alg")?.and_then(|name| Algorithm::of(&name)).ok_or(TokenError::Algorithm)?;
        Ok(Self { algorithm, kid: text("kid")?, typ: text("typ")?, signed, payload: decoded(payload)?, signature: decoded(signature)? })
    }
}
