//! Tokens verified before, by the hash of the token and of the certificate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::Verified;

/// Tokens held at once.
const HELD_MAX: usize = 8192;

/// SHA-256 of a token and of the certificate it was shown with, and the generation of issuers that verified it: a check that was
/// under way when the issuers changed holds its outcome under the old one, where nobody looks any more.
pub(super) type Key = ([u8; 32], [u8; 32], u64);

/// The key of a token on a connection, under a generation of issuers.
pub(super) fn key(token: &str, fingerprint: &[u8; 32], generation: u64) -> Key {
    (Sha256::digest(token.as_bytes()).into(), *fingerprint, generation)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Actor;

    #[test]
    fn what_another_generation_of_issuers_verified_is_not_found() {
        let cache = TokenCache::default();
        let late = key("t", &[1; 32], 0);
        cache.clear();
        cache.hold(late, Arc::new(Verified { actor: Actor::structure(), expires_s: 2000 }), 1000);
        assert!(cache.find(&key("t", &[1; 32], 1), 1000).is_none());
        assert!(cache.find(&late, 1000).is_some());
    }
}
