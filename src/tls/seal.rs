//! The key of one run of a server, which seals its trail: made at start, in memory alone, gone with the process. Whoever comes later,
//! with whatever is on the disk, cannot seal in its name.
//! Spec: RFC 7518 §3.4 (ES256).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::Private;

use super::error::{Result, TlsError};
use super::jws::{es256, prepare};
use crate::identity::{Algorithm, Check, PublicKey};

/// Bytes of one coordinate of a public key.
const HALF: usize = 32;

/// A P-256 key that is never written anywhere.
pub struct RunKey {
    key: EcKey<Private>,
    public: String,
}

impl RunKey {
    /// A new key.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn new() -> Result<Self> {
        Self::made().map_err(TlsError::of::<ErrorStack>("key of the trail"))
    }

    fn made() -> std::result::Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = EcKey::generate(&group)?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        key.public_key().affine_coordinates(&group, &mut x, &mut y, &mut *BigNumContext::new()?)?;
        let size = i32::try_from(HALF).unwrap_or(i32::MAX);
        let both = [x.to_vec_padded(size)?, y.to_vec_padded(size)?].concat();
        Ok(Self { key, public: URL_SAFE_NO_PAD.encode(both) })
    }

    /// The public half: both coordinates, 64 bytes, base64url.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Signs a text: ES256, base64url; none when the library cannot.
    pub fn seal(&self, text: &str) -> Option<String> {
        es256(&self.key, text.as_bytes()).ok().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The check of the seals of a run by its public half; none when it is no key.
pub fn seals_of(public: &str) -> Option<Check> {
    let both = URL_SAFE_NO_PAD.decode(public).ok()?;
    let (x, y) = both.split_at_checked(HALF).filter(|(_, y)| y.len() == HALF)?;
    let check = prepare(&PublicKey::P256 { x: x.to_vec(), y: y.to_vec() }, Algorithm::Es256)?;
    Some(Box::new(move |text, seal| URL_SAFE_NO_PAD.decode(seal).is_ok_and(|bytes| check(text, &bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_text_and_its_run_alone() {
        let (one, other) = (RunKey::new().unwrap(), RunKey::new().unwrap());
        let seal = one.seal("what was done").unwrap();
        let holds = |key: &RunKey, text: &str| seals_of(key.public()).unwrap()(text.as_bytes(), seal.as_bytes());
        assert!(holds(&one, "what was done"));
        assert!(!holds(&one, "what was not done") && !holds(&other, "what was done"));
        assert!(seals_of("").is_none() && seals_of("AAAA").is_none());
    }
}
