//! Why a token is refused: in the log, never to the caller.

use std::fmt;

use crate::fhir::{Fault, FaultKind};

/// The rule a token, or a set of keys, breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Over 16 KiB.
    TooLong,
    /// Not three parts in base64url without padding.
    Form,
    /// The header is no JSON object of known members.
    Header,
    /// The algorithm is none of RS256, PS256, ES256, or not the key's.
    Algorithm,
    /// The payload is no JSON object without repeated members.
    Payload,
    /// `typ` is not that of an access token.
    Type,
    /// `iss` is no configured issuer.
    Issuer,
    /// `aud` does not name this server.
    Audience,
    /// `kid` names no key of the issuer, or is absent where there are several.
    UnknownKey,
    /// The key is too weak, not for signatures or malformed.
    UnusableKey,
    Signature,
    Expired,
    NotYet,
    /// Longer than four hours, or none.
    Lifetime,
    /// `cnf.x5t#S256` does not name the certificate of this connection.
    Binding,
    /// A claim is missing or has a value it may not have.
    Claim(&'static str),
    /// No word of `scope` says anything here.
    Scope,
    /// The issuer may not speak for this role.
    Role,
    /// Several activities and none chosen, one that is not or cannot be known to be the person's, or a profession that is not its own.
    Activity,
    /// The certificate is another person's.
    Person,
    /// The session at the identity provider has ended.
    Session,
    /// The set of keys cannot be read, or names a key twice.
    KeySet,
}

impl TokenError {
    /// Number of the one fault that callers see.
    pub const NUMBER: u16 = 3110;
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "over 16 KiB",
            Self::Form => "not three parts in base64url without padding",
            Self::Header => "the header is not a JSON object of alg, typ and kid",
            Self::Algorithm => "the algorithm is not one of the key's (RS256, PS256, ES256)",
            Self::Payload => "the payload is not a JSON object without repeated members",
            Self::Type => "typ is not at+jwt",
            Self::Issuer => "iss is no configured issuer",
            Self::Audience => "aud does not name this server",
            Self::UnknownKey => "kid names no key of the issuer",
            Self::UnusableKey => "the key is too weak, malformed or not for signatures",
            Self::Signature => "the signature does not verify",
            Self::Expired => "exp has passed",
            Self::NotYet => "iat or nbf lies ahead",
            Self::Lifetime => "the lifetime is over four hours",
            Self::Binding => "cnf.x5t#S256 does not name the certificate of this connection",
            Self::Claim(name) => return write!(f, "the claim {name} is missing or has a value it may not have"),
            Self::Scope => "no word of scope is one of this server's",
            Self::Role => "the issuer may not speak for this role",
            Self::Activity => "several activities and none of them chosen, or the choice, the profession or the savoir-faire is not that of an activity listed",
            Self::Person => "the client certificate is another person's",
            Self::Session => "the session at the identity provider has ended",
            Self::KeySet => "the set of keys cannot be read or names a key twice",
        })
    }
}

impl std::error::Error for TokenError {}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        Fault::new(FaultKind::Unauthenticated, TokenError::NUMBER, "the access token does not hold for this call; get a new one bound to this client certificate").because(error)
    }
}
