//! The identity provider: introspection and UserInfo, with a circuit breaker. Whatever is not a clear yes is a no.
//! Spec: RFC 7662 §2; OpenID Connect Core §5.3.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::identity::{Binding, parse_strict};
use crate::tls::{Address, Https};

/// Failures in a row that open the breaker, and seconds until one call may try again.
const FAILURES: u32 = 3;
const OPEN_S: i64 = 30;
/// Calls at once: a slow provider must not take the threads of callers who do not need it.
const CALLS_MAX: usize = 8;

/// The provider did not answer, or not as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// What the authorization server is set up with, besides its name and keys.
pub struct ProviderSetting {
    pub provider: Provider,
    /// Seconds an access token lives.
    pub lifetime_s: i64,
    pub binding: Binding,
    /// Clients (`azp`) whose subject tokens are taken; empty: every client's.
    pub clients: Vec<String>,
    /// Seconds after which the session behind a token is asked for again.
    pub recheck_s: i64,
}

/// Where to ask, and as whom.
pub struct Provider {
    introspection: (Https, String),
    person: (Https, String),
    basic: String,
    breaker: Mutex<Breaker>,
    calls: AtomicUsize,
}

impl Provider {
    /// A provider at two addresses, known by the CA file; the client's id and secret go to introspection.
    ///
    /// # Errors
    /// An address that is not https, a CA file that cannot be used.
    pub fn new(addresses: (&str, &str), ca_pem: &[u8], client_id: &str, secret: &str) -> Result<Self, String> {
        let one = |url: &str| {
            let address = Address::parse(url).ok_or("exchange.introspection and exchange.userinfo must be https://host[:port]/path")?;
            Https::new(&address, ca_pem).map(|client| (client, address.path)).map_err(|e| e.to_string())
        };
        let encoded = |text: &str| percent(text);
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))));
        Ok(Self { introspection: one(addresses.0)?, person: one(addresses.1)?, basic, breaker: Mutex::default(), calls: AtomicUsize::new(0) })
    }

    /// Whether a subject token's session is alive.
    pub(super) fn active(&self, subject_token: &str, now_s: i64) -> Result<bool, Unavailable> {
        let form = format!("token={}&token_type_hint=access_token", percent(subject_token));
        let (client, path) = &self.introspection;
        let (status, body) = self.guarded(now_s, || client.call(path, &self.basic, Some(&form)))?;
        match (status, parse_strict(&body).and_then(|answer| answer.get("active")?.as_bool())) {
            (200, Some(active)) => Ok(self.understood(active)),
            _ => Err(self.failed(now_s, "introspection", status)),
        }
    }

    /// What the provider knows of the person; none when it no longer knows the token.
    pub(super) fn person(&self, subject_token: &str, now_s: i64) -> Result<Option<Value>, Unavailable> {
        let (client, path) = &self.person;
        let (status, body) = self.guarded(now_s, || client.call(path, &format!("Bearer {subject_token}"), None))?;
        match (status, parse_strict(&body)) {
            (200, Some(answer)) => Ok(Some(self.understood(answer))),
            (401 | 403, _) => Ok(self.understood(None)),
            _ => Err(self.failed(now_s, "userinfo", status)),
        }
    }

    fn guarded(&self, now_s: i64, call: impl FnOnce() -> std::io::Result<(u16, Vec<u8>)>) -> Result<(u16, Vec<u8>), Unavailable> {
        let free = self.calls.fetch_add(1, Ordering::AcqRel) < CALLS_MAX;
        let outcome = if free && self.breaker().lets(now_s) { self.carry_out(now_s, call) } else { Err(Unavailable) };
        self.calls.fetch_sub(1, Ordering::AcqRel);
        outcome
    }

    fn carry_out(&self, now_s: i64, call: impl FnOnce() -> std::io::Result<(u16, Vec<u8>)>) -> Result<(u16, Vec<u8>), Unavailable> {
        call().map_err(|cause| {
            tracing::warn!(%cause, "the identity provider does not answer");
            self.breaker().failed(now_s);
            Unavailable
        })
    }

    /// Only an answer that says what was asked closes the breaker: a proxy's error page is one of status 200 as well.
    fn understood<T>(&self, answer: T) -> T {
        self.breaker().succeeded();
        answer
    }

    fn failed(&self, now_s: i64, what: &str, status: u16) -> Unavailable {
        tracing::warn!(what, status, "the identity provider answers otherwise than agreed");
        self.breaker().failed(now_s);
        Unavailable
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts failures; open after three, then one call in thirty seconds tries.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    tried_s: i64,
}

impl Breaker {
    fn lets(&mut self, now_s: i64) -> bool {
        let open = self.failures >= FAILURES;
        let probe = open && now_s.saturating_sub(self.tried_s) >= OPEN_S;
        if probe {
            self.tried_s = now_s;
        }
        !open || probe
    }

    fn succeeded(&mut self) {
        self.failures = 0;
    }

    fn failed(&mut self, now_s: i64) {
        self.failures = self.failures.saturating_add(1);
        self.tried_s = now_s;
    }
}

/// A value as a form holds it.
fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_open_the_breaker_and_one_call_tries_after_thirty_seconds() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert!(breaker.lets(100));
            breaker.failed(100);
        }
        assert!(!breaker.lets(100) && !breaker.lets(129));
        assert!(breaker.lets(130) && !breaker.lets(131), "one probe alone");
        breaker.failed(131);
        assert!(!breaker.lets(160) && breaker.lets(161));
        breaker.succeeded();
        assert!(breaker.lets(162) && breaker.lets(162));
    }
}
