//! The keys of an issuer, from its JWK Set.
//! Spec: RFC 7517; RFC 7518 §6.2, §6.3; RFC 8725 §3.1, §3.5.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::compact::{Algorithm, Compact};
use super::error::TokenError;
use super::{roca, strict_json};

/// Keys of a set.
const KEYS_MAX: usize = 64;
/// Bits of an RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a JWK says of a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Big endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// 32 bytes each; whether it lies on the curve is for the room that knows curves.
    P256 { x: Vec<u8>, y: Vec<u8> },
}

/// Whether a signature (second) over a message (first) is this key's, by one algorithm.
pub type Check = Box<dyn Fn(&[u8], &[u8]) -> bool + Send + Sync>;

/// Makes the check of a key and an algorithm; none for a key that cannot be used. The cryptography lives in another room.
pub type Prepare = fn(&PublicKey, Algorithm) -> Option<Check>;

struct Entry {
    kid: Option<String>,
    /// Empty for a key that must not verify anything.
    checks: Vec<(Algorithm, Check)>,
}

/// A set of keys, looked up by `kid` and nothing else.
pub struct Keys(Vec<Entry>);

impl Keys {
    /// Reads a JWK Set. A key that is weak, not for signatures or of another kind stays in it and verifies nothing.
    ///
    /// # Errors
    /// `KeySet` for what is no set of 1–64 keys, or names one twice.
    pub fn parse(bytes: &[u8], prepare: Prepare) -> Result<Self, TokenError> {
        let set = strict_json::parse(bytes).ok_or(TokenError::KeySet)?;
        let keys = set.get("keys").and_then(Value::as_array).filter(|k| (1..=KEYS_MAX).contains(&k.len())).ok_or(TokenError::KeySet)?;
        let mut out: Vec<Entry> = Vec::new();
        for jwk in keys {
            let kid = match jwk.get("kid") {
                None => None,
                Some(name) => Some(name.as_str().ok_or(TokenError::KeySet)?.to_owned()),
            };
            if out.iter().any(|other| other.kid == kid) {
                return Err(TokenError::KeySet);
            }
            out.push(Entry { checks: checks(jwk, prepare).unwrap_or_default(), kid });
        }
        Ok(Self(out))
    }

    /// Whether there is a key that can verify something.
    pub fn usable(&self) -> bool {
        self.0.iter().any(|k| !k.checks.is_empty())
    }

    /// Verifies a token's signature with the key its `kid` names; the key decides which algorithms there are.
    ///
    /// # Errors
    /// `UnknownKey`, `UnusableKey`, `Algorithm` or `Signature`.
    pub fn check(&self, token: &Compact<'_>) -> Result<(), TokenError> {
        let key = match (&token.kid, self.0.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|k| k.kid.as_ref() == Some(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let key = key.ok_or(TokenError::UnknownKey)?;
        if key.checks.is_empty() {
            return Err(TokenError::UnusableKey);
        }
        let (_, check) = key.checks.iter().find(|(a, _)| *a == token.algorithm).ok_or(TokenError::Algorithm)?;
        if check(token.signed.as_bytes(), &token.signature) { Ok(()) } else { Err(TokenError::Signature) }
    }
}

fn checks(jwk: &Value, prepare: Prepare) -> Option<Vec<(Algorithm, Check)>> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if jwk.get("use").is_some_and(|u| u.as_str() != Some("sig")) {
        return None;
    }
    if jwk.get("key_ops").is_some_and(|ops| !ops.as_array().is_some_and(|all| all.iter().any(|o| o.as_str() == Some("verify")))) {
        return None;
    }
    let (key, possible): (PublicKey, &[Algorithm]) = match text("kty")? {
        "RSA" => (rsa(jwk)?, &[Algorithm::Rs256, Algorithm::Ps256]),
        "EC" if text("crv") == Some("P-256") => {
            let coordinate = |name| bytes(jwk, name).filter(|b| b.len() == 32);
            (PublicKey::P256 { x: coordinate("x")?, y: coordinate("y")? }, &[Algorithm::Es256])
        }
        _ => return None,
    };
    let allowed: Vec<Algorithm> = match jwk.get("alg") {
        None => possible.to_vec(),
        Some(name) => vec![name.as_str().and_then(Algorithm::of).filter(|a| possible.contains(a))?],
    };
    allowed.into_iter().map(|a| prepare(&key, a).map(|check| (a, check))).collect()
}

fn rsa(jwk: &Value) -> Option<PublicKey> {
    let plain = |name| bytes(jwk, name).map(|b| b.into_iter().skip_while(|x| *x == 0).collect::<Vec<u8>>());
    let (n, e) = (plain("n")?, plain("e")?);
    let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).unwrap_or(0);
    let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
    let exponent = e.len() <= 8 && odd(&e) && e != [1];
    (RSA_BITS.contains(&bits) && odd(&n) && exponent && !roca::suspect(&n)).then_some(PublicKey::Rsa { n, e })
}

fn bytes(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}
