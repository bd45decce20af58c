//! The access token of a request → who acts.
//! Spec: RFC 6750 §2.1, §2.3, §3; RFC 8705 §3.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::fhir::{Actor, Fault, FaultKind, Result};
use crate::identity::{Caller, CertifiedPerson, TokenError, Tokens};
use crate::interaction;

/// Numbers of the faults that are the request's and not the token's.
pub(super) const INVALID_REQUEST: [u16; 2] = [540, 541];

/// Who acts, and until when that may be said.
pub(super) struct Acting {
    pub actor: Actor,
    /// End of the access token, seconds since 1970; none without one.
    pub ends_s: Option<i64>,
}

/// Who acts through the caller's software: the token's actor; without one the professional whose card it is, or the structure alone.
/// No other header says anything about identity.
///
/// # Errors
/// `Unauthenticated` for a token that does not hold on this connection, `BadValue` for a token in the address or two headers.
pub(super) fn actor(req: &HttpRequest, tokens: &Tokens, caller: &Caller, now_s: i64) -> Result<Acting> {
    interaction::without_token(&interaction::form_pairs(req.query_string()))?;
    let mut headers = req.headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else {
        let actor = caller.person.as_ref().map_or_else(Actor::structure, |p| Actor::certified(&p.id, &p.profession));
        return Ok(Acting { actor, ends_s: None });
    };
    if headers.next().is_some() {
        return Err(Fault::new(FaultKind::BadValue, 541, "one Authorization header alone is accepted"));
    }
    let token = value.to_str().ok().and_then(|t| t.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| Fault::new(FaultKind::Unauthenticated, 542, "the only scheme is Authorization: Bearer"))?;
    let verified = tokens.check(token, &caller.fingerprint, now_s).map_err(refused)?;
    let other = |p: &CertifiedPerson| verified.actor.person.as_ref().is_none_or(|acting| acting.id != p.id);
    if caller.person.as_ref().is_some_and(other) {
        return Err(refused(TokenError::Person));
    }
    Ok(Acting { actor: verified.actor.clone(), ends_s: Some(verified.expires_s) })
}

fn refused(error: TokenError) -> Fault {
    tracing::info!(reason = %error, "an access token was refused");
    error.into()
}

/// The `WWW-Authenticate` of a refusal, when it has one.
pub(super) fn challenge(fault: &Fault) -> Option<&'static str> {
    match (fault.kind, fault.number) {
        (_, TokenError::NUMBER) => Some("Bearer error=\"invalid_token\""),
        (_, number) if INVALID_REQUEST.contains(&number) => Some("Bearer error=\"invalid_request\""),
        (FaultKind::Unauthenticated, _) => Some("Bearer"),
        _ => None,
    }
}
