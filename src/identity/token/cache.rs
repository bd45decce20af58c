//! Tokens verified before, by the hash of the token and of the certificate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::Verified;

/// Tokens held at once.
const HELD_MAX: usize = 8192;

/// SHA-256 of a token and of the certificate it was shown with.
pub(super) type Key = ([u8; 32], [u8; 32]);

/// The key of a token on a connection.
pub(super) fn key(token: &str, fingerprint: &[u8; 32]) -> Key {
    (Sha256::digest(token.as_bytes()).into(), *fingerprint)
}

/// Verified tokens until they end; the tokens themselves are not kept.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<Key, Arc<Verified>>>);

impl TokenCache {
    /// What was verified under a key and has not ended.
    pub(super) fn find(&self, key: &Key, now_s: i64) -> Option<Arc<Verified>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.get(key)?;
        if now_s < found.expires_s {
            return Some(Arc::clone(found));
        }
        held.remove(key);
        None
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Holds a verified token. When there is no room, those that have ended go, and otherwise all.
    pub(super) fn hold(&self, key: Key, verified: Arc<Verified>, now_s: i64) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_MAX {
            held.retain(|_, v| now_s < v.expires_s);
            if held.len() >= HELD_MAX {
                held.clear();
            }
        }
        held.insert(key, verified);
    }
}
