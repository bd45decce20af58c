//! Our own authorization server: a Pro Santé Connect session becomes an access token bound to the client's certificate.
//!
//! The subject token is verified by signature, then by introspection, and again every thirty minutes while our token lives. No token of
//! ours outlives what can be confirmed: Pro Santé Connect's live two minutes and are not active afterwards, so that ours ends where
//! the next confirmation would be due, and a fresh session of the same person carries on. Subject tokens are kept in memory only:
//! after a restart clients exchange anew.
//! Spec: RFC 8693; RFC 8705; RFC 7662; ANS transport of sensitive data 1.2 (API Pro Santé Connectée).

mod endpoint;
mod exchange;
mod provider;
mod sessions;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};

pub(super) use self::endpoint::{authorization_server, jwks, smart_configuration, token};
use self::exchange::Exchange;
use self::provider::Unavailable;
pub use self::provider::{Provider, ProviderSetting};
use self::sessions::{Session, Sessions};
use crate::fhir::{Actor, Fault, FaultKind};
use crate::identity::{Binding, Caller, Issuer, TokenError, Tokens, names_certificate, practitioner_number, verified_claims};
use crate::tls::SigningKey;

/// `typ` of a subject token.
const SUBJECT_TYPES: &[&str] = &["JWT", "at+jwt", "application/at+jwt"];

/// What every call's token goes through.
pub struct Gate {
    pub tokens: Tokens,
    pub authorization: Option<Authorization>,
}

/// The authorization server.
pub struct Authorization {
    /// Our issuer: scheme and host of the base URL.
    pub issuer: String,
    pub audience: String,
    pub key: SigningKey,
    /// The identity provider's name, audience and keys.
    subjects: ArcSwap<Vec<Issuer>>,
    pub provider: Provider,
    /// Seconds an access token lives at most; four hours at most.
    pub lifetime_s: i64,
    pub binding: Binding,
    clients: Vec<String>,
    /// Seconds after which the session behind a token is asked for again, at most thirty minutes.
    pub recheck_s: i64,
    sessions: Sessions,
}

/// Why no token is given.
/// Spec: RFC 6749 §5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub error: &'static str,
    /// What to do; never who.
    pub description: &'static str,
}

impl Refusal {
    /// A refusal of status 400.
    const fn of(error: &'static str, description: &'static str) -> Self {
        Self { status: 400, error, description }
    }
}

impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self { status: 503, error: "temporarily_unavailable", description: "the identity provider does not answer; try again" }
    }
}

const REFUSED_SUBJECT: Refusal = Refusal::of("invalid_grant", "the subject token does not hold; log in again");

impl Authorization {
    /// A server that has given no token yet.
    pub fn new(issuer: String, audience: String, key: SigningKey, subjects: Vec<Issuer>, setting: ProviderSetting) -> Self {
        let ProviderSetting { provider, lifetime_s, binding, clients, recheck_s } = setting;
        Self { issuer, audience, key, subjects: ArcSwap::from_pointee(subjects), provider, lifetime_s, binding, clients, recheck_s, sessions: Sessions::default() }
    }

    /// Other keys of the identity provider from now on.
    pub fn replace(&self, subjects: Vec<Issuer>) {
        self.subjects.store(Arc::new(subjects));
    }

    /// Answers a token request: the members of the JSON object of success.
    fn exchange(&self, caller: &Caller, form: &[(String, String)], now_s: i64, token_id: String) -> Result<Value, Refusal> {
        let asked = Exchange::read(form)?;
        asked.fits(caller, self.binding, now_s)?;
        let (_, subject) = verified_claims(&asked.subject_token, &self.subjects.load(), SUBJECT_TYPES, now_s).map_err(|reason| {
            tracing::info!(%reason, "a subject token was refused");
            REFUSED_SUBJECT
        })?;
        let name = subject.get("sub").and_then(Value::as_str).ok_or(REFUSED_SUBJECT)?;
        if !self.is_for(caller, &subject) {
            tracing::info!("a subject token was given to another client or bound to another certificate");
            return Err(REFUSED_SUBJECT);
        }
        let number = practitioner_number(name).ok_or(REFUSED_SUBJECT)?;
        let subject_ends_s = subject.get("exp").and_then(Value::as_i64).ok_or(REFUSED_SUBJECT)?;
        let lives_s = self.lives_s(subject_ends_s, now_s).ok_or(REFUSED_SUBJECT)?;
        if !self.provider.active(&asked.subject_token, now_s)? {
            return Err(REFUSED_SUBJECT);
        }
        let person = self.provider.person(&asked.subject_token, now_s)?.filter(|p| p.get("sub").and_then(Value::as_str) == Some(name)).ok_or(REFUSED_SUBJECT)?;
        let mut claims = asked.claims(&person, number)?;
        let expires_s = now_s.saturating_add(lives_s);
        let own = json!({
            "iss": self.issuer, "aud": self.audience, "iat": now_s, "nbf": now_s, "exp": expires_s, "jti": token_id,
            "client_id": caller.structure.value(), "cnf": {"x5t#S256": exchange::thumbprint(caller)},
        });
        claims.extend(own.as_object().cloned().unwrap_or_default());
        let scope = claims.get("scope").cloned().unwrap_or_default();
        let token = self.key.sign(&Value::Object(claims)).map_err(|cause| {
            tracing::error!(%cause, "an access token could not be signed");
            Refusal { status: 500, error: "server_error", description: "a defect of this server" }
        })?;
        let owner = (number.to_owned(), caller.fingerprint);
        self.sessions.begin(token_id, Session { subject_token: asked.subject_token, subject_ends_s, owner, confirmed_s: now_s, expires_s });
        Ok(json!({"access_token": token, "issued_token_type": exchange::ACCESS_TOKEN, "token_type": "Bearer", "expires_in": lives_s, "scope": scope}))
    }

    /// Seconds for which the session behind a token can be confirmed: until the subject token ends, and at least until the first
    /// confirmation is due; none when that is now.
    fn lives_s(&self, subject_ends_s: i64, now_s: i64) -> Option<i64> {
        Some(self.lifetime_s.min(subject_ends_s.saturating_sub(now_s).max(self.recheck_s))).filter(|s| *s > 0)
    }

    /// Whether a subject token was given to a client that is taken, and is bound, if at all, to this connection's certificate.
    fn is_for(&self, caller: &Caller, subject: &Value) -> bool {
        let client = ["azp", "client_id"].iter().find_map(|name| subject.get(*name)?.as_str());
        let known = self.clients.is_empty() || client.is_some_and(|c| self.clients.iter().any(|k| k == c));
        let bound = subject.get("cnf").is_none_or(|cnf| cnf.get("x5t#S256").and_then(Value::as_str).is_some_and(|t| names_certificate(t, &caller.fingerprint, self.binding)));
        known && bound
    }

    /// When the session behind an actor's token ends unless it is renewed, seconds since 1970; none when it is not known here.
    pub(super) fn ends_s(&self, actor: &Actor) -> Option<i64> {
        (actor.issuer == self.issuer).then(|| self.sessions.ends_s(&actor.token_id)).flatten()
    }

    /// Whether the session behind an actor's token must be asked for before it is answered.
    pub(super) fn due(&self, actor: &Actor, now_s: i64) -> bool {
        actor.issuer == self.issuer && self.sessions.due(&actor.token_id, now_s.saturating_sub(self.recheck_s))
    }

    /// Asks for the session behind an actor's token.
    ///
    /// # Errors
    /// `Unauthenticated` when it has ended or is not known, `Busy` when the provider does not answer.
    pub(super) fn recheck(&self, actor: &Actor, now_s: i64) -> Result<(), Fault> {
        let ended = |reason: TokenError| {
            tracing::info!(%reason, "an access token was refused");
            Fault::from(reason)
        };
        let subject = self.sessions.subject(&actor.token_id, now_s).ok_or_else(|| ended(TokenError::Session))?;
        match self.provider.active(&subject, now_s) {
            Ok(true) => {
                self.sessions.confirmed(&actor.token_id, now_s);
                Ok(())
            }
            Ok(false) => {
                self.sessions.end(&actor.token_id);
                Err(ended(TokenError::Session))
            }
            Err(Unavailable) => Err(Fault::new(FaultKind::Busy, 543, "the identity provider does not answer, and the session behind this token must be confirmed; try again")),
        }
    }
}
