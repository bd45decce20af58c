//! Signatures of tokens: the checks behind `identity`'s key sets, and the ES256 key that signs our own.
//! Spec: RFC 7518 §3.3, §3.4, §3.5; RFC 7638.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Verifier};
use openssl::x509::X509;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::{Result, TlsError};
use super::files::read;
use crate::identity::{Algorithm, Check, PublicKey};

/// Bytes of one half of an ES256 signature.
const HALF: usize = 32;

/// The check of a key with one algorithm; none when the key does not fit it or is no point of its curve.
pub fn prepare(key: &PublicKey, algorithm: Algorithm) -> Option<Check> {
    match (key, algorithm) {
        (PublicKey::Rsa { n, e }, Algorithm::Rs256 | Algorithm::Ps256) => {
            let rsa = Rsa::from_public_components(BigNum::from_slice(n).ok()?, BigNum::from_slice(e).ok()?).ok()?;
            let key = PKey::from_rsa(rsa).ok()?;
            Some(Box::new(move |message, signature| signature.len() == key.size() && rsa_holds(&key, algorithm, message, signature).unwrap_or(false)))
        }
        (PublicKey::P256 { x, y }, Algorithm::Es256) => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).ok()?;
            let (x, y) = (BigNum::from_slice(x).ok()?, BigNum::from_slice(y).ok()?);
            let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y).ok()?;
            Some(Box::new(move |message, signature| ecdsa_holds(&key, message, signature).unwrap_or(false)))
        }
        _ => None,
    }
}

fn rsa_holds(key: &PKey<Public>, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> std::result::Result<bool, ErrorStack> {
    let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
    if algorithm == Algorithm::Ps256 {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
    }
    verifier.verify_oneshot(signature, message)
}

/// r and s as 32 bytes each, never DER.
fn ecdsa_holds(key: &EcKey<Public>, message: &[u8], signature: &[u8]) -> std::result::Result<bool, ErrorStack> {
    let Some((r, s)) = signature.split_at_checked(HALF).filter(|(_, s)| s.len() == HALF) else {
        return Ok(false);
    };
    let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    signature.verify(&Sha256::digest(message), key)
}

/// An ES256 key that signs access tokens.
pub struct SigningKey {
    key: EcKey<Private>,
    kid: String,
    jwk: Value,
}

impl SigningKey {
    /// Opens the key in `file`, or makes it there (mode 0600) when nothing is; `.jwks` beside it holds the public half.
    ///
    /// # Errors
    /// A file that cannot be read or written, that others than its owner may read, or holds another kind of key.
    pub fn open_or_make(file: &Path) -> Result<Self> {
        if !file.exists() {
            make(file)?;
        }
        let mode = std::fs::metadata(file).map_err(|e| TlsError::new(format!("{}: {e}", file.display())))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(TlsError::new(format!("{}: others may read this key; chmod 600 it, and make a new one if they may have", file.display())));
        }
        let step = TlsError::of::<ErrorStack>("token key");
        let key = PKey::private_key_from_pem(&read(file)?).and_then(|k| k.ec_key()).map_err(&step)?;
        if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Err(TlsError::new(format!("{}: the key is not P-256", file.display())));
        }
        let (kid, jwk) = public_half(&key).map_err(&step)?;
        Ok(Self { key, kid, jwk })
    }

    /// The public half as a JWK Set.
    pub fn jwks(&self) -> Vec<u8> {
        json!({ "keys": [self.jwk] }).to_string().into_bytes()
    }

    /// An access token of these claims.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_as("at+jwt", claims)
    }

    /// Some claims signed under a `typ` of their own (JWS compact).
    ///
    /// # Errors
    /// When the library cannot sign.
    pub fn sign_as(&self, typ: &str, claims: &Value) -> Result<String> {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "typ": typ, "kid": self.kid})), part(claims));
        let signature = es256(&self.key, signed.as_bytes()).map_err(TlsError::of::<ErrorStack>("token signature"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// r and s of a signature, 32 bytes each.
pub(super) fn es256(key: &EcKey<Private>, message: &[u8]) -> std::result::Result<Vec<u8>, ErrorStack> {
    let signature = EcdsaSig::sign(&Sha256::digest(message), key)?;
    let size = i32::try_from(HALF).unwrap_or(i32::MAX);
    let mut bytes = signature.r().to_vec_padded(size)?;
    bytes.extend(signature.s().to_vec_padded(size)?);
    Ok(bytes)
}

fn public_half(key: &EcKey<Private>) -> std::result::Result<(String, Value), ErrorStack> {
    let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut *BigNumContext::new()?)?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x.to_vec_padded(32)?), URL_SAFE_NO_PAD.encode(y.to_vec_padded(32)?));
    let thumbprint = Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
    let kid = URL_SAFE_NO_PAD.encode(thumbprint);
    let jwk = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y});
    Ok((kid, jwk))
}

/// Writes beside and links: of two that make the key at once, one wins and both then read it.
fn make(file: &Path) -> Result<()> {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name().and_then(|n| n.to_str())) else {
        return Err(TlsError::new(format!("{}: not a file's name", file.display())));
    };
    let step = TlsError::of::<ErrorStack>("token key");
    super::pki::make_folder(dir)?;
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).map_err(&step)?;
    let key = EcKey::generate(&group).map_err(&step)?;
    let pem = PKey::from_ec_key(key).and_then(|k| k.private_key_to_pem_pkcs8()).map_err(&step)?;
    let mut salt = [0_u8; 8];
    openssl::rand::rand_bytes(&mut salt).map_err(&step)?;
    let beside = format!(".{name}.{:016x}", u64::from_be_bytes(salt));
    super::pki::write(dir, &beside, &pem, 0o600)?;
    let linked = std::fs::hard_link(dir.join(&beside), file);
    let _ = std::fs::remove_file(dir.join(&beside));
    match linked {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(TlsError::new(format!("{}: {e}", file.display()))),
        _ => {}
    }
    let made = SigningKey::open_or_make(file)?;
    let public = file.with_extension("jwks");
    let public = public.file_name().and_then(|n| n.to_str()).unwrap_or("token.jwks").to_owned();
    super::pki::write(dir, &public, &made.jwks(), 0o644)
}

/// SHA-256 of the first certificate of a PEM file: what a token is bound to.
///
/// # Errors
/// PEM that cannot be read.
pub fn leaf_fingerprint(pem: &[u8]) -> Result<[u8; 32]> {
    let step = TlsError::of::<ErrorStack>("certificate");
    let der = X509::from_pem(pem).and_then(|c| c.to_der()).map_err(step)?;
    Ok(Sha256::digest(der).into())
}
