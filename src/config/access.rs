//! Who may do what, whose tokens are accepted, and our own authorization server.

use serde::{Deserialize, Serialize};

use super::Environment;

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// `enforced`: persons by their token, the patient's choices and the habilitation matrix decide. `open`: any valid certificate reads
    /// and writes, labels hold; never in production. Default `enforced`; announced at start and in `metadata`.
    pub policy: AccessPolicy,
    /// Habilitation matrix, TOML, instead of the one of the program; read again when it changes. Default: none.
    pub matrix: String,
    /// Legal entities and their establishments, TOML. Default: none.
    pub structures: String,
    /// Who accepted the cells and rows marked as assumptions, and on which day (`2026-11-25`): required in production. Default: none.
    pub assumptions_accepted_by: String,
    pub assumptions_accepted_on: String,
    /// Versions of the habilitation matrix whose assumptions they accepted: in production no other one is loaded. Default: none.
    pub assumptions_accepted_versions: Vec<String>,
}

/// See [`Access::policy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessPolicy {
    Open,
    #[default]
    Enforced,
}

/// Access tokens that are accepted, bound to the client certificate of their connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Whether tokens of `passerelle token` are accepted; refused when `database.environment = production`. Default: true, in
    /// production false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub development: Option<bool>,
    /// Issuer (`iss`) of practitioners', auditors' and administrators' tokens; empty = none. Default: empty.
    pub issuer: String,
    /// File of that issuer's public keys (JWK Set); read again when it changes. Default: none.
    pub jwks: String,
    /// Audience (`aud`) that tokens must name. Default: the base URL.
    pub audience: String,
    /// Issuer of holders' and legal representatives' tokens; empty = none. Default: empty.
    pub patient_issuer: String,
    /// File of that issuer's public keys (JWK Set); read again when it changes. Default: none.
    pub patient_jwks: String,
    /// Whether `cnf.x5t#S256` may also be written as base64 of the hexadecimal digest, as in the example of the ANS guide, or with
    /// padding. Default false.
    pub cnf_hex: bool,
}

/// Our own authorization server (`POST /token`): exchanges a Pro Santé Connect token for one of ours. All but `psc_audience`,
/// `minutes` and `key` are needed once `psc_issuer` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exchange {
    /// Issuer (`iss`) of the subject tokens; empty = no authorization server. Default: empty.
    pub psc_issuer: String,
    /// Audience (`aud`) that a subject token must name. Default `account`.
    pub psc_audience: String,
    /// Clients (`azp`) of the identity provider whose tokens are taken. Default: none, which takes every client's; production asks for them.
    pub psc_clients: Vec<String>,
    /// File of the identity provider's public keys (JWK Set); read again when it changes. Default: none.
    pub psc_jwks: String,
    /// Address of its introspection, https only. Default: none.
    pub introspection: String,
    /// Address of its UserInfo, https only. Default: none.
    pub userinfo: String,
    /// Trust anchors of those two addresses, PEM. Default: none.
    pub ca: String,
    /// Our client id at the identity provider. Default: none.
    pub client_id: String,
    /// File whose first line is our secret there. Default: none.
    pub client_secret_file: String,
    /// Minutes an access token lives, 1–240. Default 60.
    pub minutes: u16,
    /// Minutes after which the session behind a token is asked for again before it is answered, 0 (each call) – 30. Default 30.
    pub recheck_minutes: u16,
    /// P-256 key that signs access tokens, mode 0600; made when absent. Default: `DIR/pki/token-signing.key`.
    pub key: String,
}

impl Default for Exchange {
    fn default() -> Self {
        let none = String::new;
        Self {
            psc_issuer: none(),
            psc_audience: "account".into(),
            psc_clients: Vec::new(),
            psc_jwks: none(),
            introspection: none(),
            userinfo: none(),
            ca: none(),
            client_id: none(),
            client_secret_file: none(),
            minutes: 60,
            recheck_minutes: 30,
            key: none(),
        }
    }
}

impl Tokens {
    pub(crate) fn check(&self, environment: Environment) -> Result<(), String> {
        if self.development == Some(true) && environment == Environment::Production {
            return Err("configuration: tokens.development must be false when database.environment = production".into());
        }
        for (issuer, jwks, names) in
            [(&self.issuer, &self.jwks, "tokens.issuer and tokens.jwks"), (&self.patient_issuer, &self.patient_jwks, "tokens.patient_issuer and tokens.patient_jwks")]
        {
            if issuer.is_empty() != jwks.is_empty() {
                return Err(format!("configuration: {names} go together: the issuer's name and the file of its public keys"));
            }
        }
        if !self.issuer.is_empty() && self.issuer == self.patient_issuer {
            return Err("configuration: tokens.issuer and tokens.patient_issuer must be two issuers: one speaks for professionals, one for patients".into());
        }
        Ok(())
    }
}

impl Exchange {
    pub(crate) fn check(&self, environment: Environment) -> Result<(), String> {
        if environment == Environment::Production && !self.psc_issuer.is_empty() && self.psc_clients.is_empty() {
            return Err("configuration: exchange.psc_clients is needed when database.environment = production: the clients (azp) whose tokens are taken".into());
        }
        if !(1..=240).contains(&self.minutes) {
            return Err("configuration: exchange.minutes must be between 1 and 240".into());
        }
        if self.recheck_minutes > 30 {
            return Err("configuration: exchange.recheck_minutes must be between 0 and 30".into());
        }
        let needed = [
            ("psc_audience", &self.psc_audience),
            ("psc_jwks", &self.psc_jwks),
            ("introspection", &self.introspection),
            ("userinfo", &self.userinfo),
            ("ca", &self.ca),
            ("client_id", &self.client_id),
            ("client_secret_file", &self.client_secret_file),
        ];
        match needed.into_iter().find(|(_, value)| !self.psc_issuer.is_empty() && value.is_empty()) {
            Some((name, _)) => Err(format!("configuration: exchange.{name} is needed when exchange.psc_issuer is given")),
            None => Ok(()),
        }
    }
}
