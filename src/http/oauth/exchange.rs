//! A token request, and the claims that answer it.
//! Spec: RFC 8693 §2.1; ANS transport of sensitive data 1.2; Pro Santé Connect, UserInfo.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Refusal;
use crate::access::regulation_claim;
use crate::fhir::{Mode, Role};
use crate::identity::{Binding, Caller, SKEW_S, Scope, TOKEN_MAX_BYTES, activities, choose_activity, names_certificate, parse_strict};

pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Type of a JWT, and of an access token.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Claims of the actor token that are read.
const ACTOR_CLAIMS: &[&str] = &["lps_id", "lps_nom", "lps_version", "situation_exercice"];
/// Characters of a claim or parameter.
const TEXT_MAX_CHARS: usize = 256;
const REASON_MAX_CHARS: usize = 1000;

/// A token request, read.
pub(super) struct Exchange {
    pub(super) subject_token: String,
    scope: String,
    client_id: Option<String>,
    cnf: Option<String>,
    /// What the client says of itself and of the person's choice: believed as far as the certificate is.
    actor: Map<String, Value>,
    mode: Mode,
    reason: String,
    secret: bool,
}

impl Exchange {
    /// Reads the form.
    pub(super) fn read(form: &[(String, String)]) -> Result<Self, Refusal> {
        let twice = form.iter().enumerate().any(|(i, (name, _))| form.iter().skip(i + 1).any(|(other, _)| other == name));
        if twice {
            return Err(Refusal::of("invalid_request", "a parameter is there twice"));
        }
        let value = |name: &str| form.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.clone());
        match value("grant_type").as_deref() {
            Some(GRANT) => {}
            Some(_) => return Err(Refusal::of("unsupported_grant_type", "grant_type must be urn:ietf:params:oauth:grant-type:token-exchange")),
            None => return Err(Refusal::of("invalid_request", "grant_type is missing")),
        }
        if !matches!(value("subject_token_type").as_deref(), Some(JWT | ACCESS_TOKEN)) {
            return Err(Refusal::of("invalid_request", "subject_token_type must be urn:ietf:params:oauth:token-type:jwt or access_token"));
        }
        Ok(Self {
            subject_token: value("subject_token").filter(|t| t.len() <= TOKEN_MAX_BYTES).ok_or(Refusal::of("invalid_request", "subject_token is missing or over 16 KiB"))?,
            scope: scope(&value("scope").unwrap_or_default())?,
            client_id: value("client_id"),
            cnf: value("cnf"),
            actor: actor(value("actor_token"), value("actor_token_type"))?,
            mode: value("mode").map_or(Some(Mode::Normal), |m| Mode::of(&m)).ok_or(Refusal::of("invalid_request", "mode is normal, bris_de_glace or centre_15"))?,
            reason: value("reason").unwrap_or_default(),
            secret: match value("secret").as_deref() {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return Err(Refusal::of("invalid_request", "secret is true or false")),
            },
        })
        .and_then(|asked| {
            if short(&asked.reason, REASON_MAX_CHARS) { Ok(asked) } else { Err(Refusal::of("invalid_request", "reason is over 1000 characters or holds a control character")) }
        })
    }

    /// Whether what the request says of its client is what the connection says.
    pub(super) fn fits(&self, caller: &Caller, binding: Binding, now_s: i64) -> Result<(), Refusal> {
        let structure = caller.structure.value();
        if self.client_id.as_ref().is_some_and(|id| *id != structure && *id != caller.common_name) {
            return Err(Refusal { status: 401, error: "invalid_client", description: "client_id is not the structure or the common name of the client certificate" });
        }
        let thumbprint = self.cnf.as_ref().map(|text| match parse_strict(text.as_bytes()) {
            Some(Value::Object(o)) => o.get("x5t#S256").and_then(Value::as_str).unwrap_or("").to_owned(),
            _ => text.clone(),
        });
        if thumbprint.is_some_and(|t| !names_certificate(&t, &caller.fingerprint, binding)) {
            return Err(Refusal::of("invalid_request", "cnf does not name the client certificate of this connection"));
        }
        match self.actor.get("exp") {
            Some(end) if end.as_i64().is_none_or(|s| now_s >= s.saturating_add(SKEW_S)) => Err(Refusal::of("invalid_request", "the actor token has expired")),
            _ => Ok(()),
        }
    }

    /// The claims of who acts: the person as the provider knows it, in the activity chosen and in a mode that it may have.
    pub(super) fn claims(&self, person: &Value, number: &str) -> Result<Map<String, Value>, Refusal> {
        if self.mode == Mode::Centre15 && !regulates(person) {
            return Err(Refusal::of("invalid_grant", "the identity provider does not say that this person regulates for centre 15; ask for another mode"));
        }
        let chosen = self.activity(person)?;
        let mut claims: Map<String, Value> = self.actor.iter().filter(|(name, _)| ACTOR_CLAIMS.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect();
        let fixed = [("sub", number), ("role", Role::Practitioner.word()), ("auth_level", "direct"), ("scope", &self.scope), ("mode", self.mode.code())];
        let free = [("profession", chosen.profession.as_str()), ("specialty", &chosen.specialty), ("situation_exercice", &chosen.place), ("reason", &self.reason)];
        claims.extend(fixed.into_iter().chain(free.into_iter().filter(|(_, v)| !v.is_empty())).map(|(n, v)| (n.to_owned(), Value::from(v))));
        if !chosen.place.is_empty() {
            claims.insert("activities".into(), [chosen.place].as_slice().into());
        }
        if self.secret {
            claims.insert("secret".into(), true.into());
        }
        Ok(claims)
    }

    /// The activity chosen, the only one, or that of a person without any.
    fn activity(&self, person: &Value) -> Result<Chosen, Refusal> {
        let named = self.actor.get("situation_exercice").and_then(Value::as_str).unwrap_or("");
        let exercices = person.pointer("/SubjectRefPro/exercices");
        let all = exercices.map_or(Some(Vec::new()), activities).ok_or(Refusal::of("invalid_grant", "the identity provider's answer cannot be read"))?;
        if let Some(found) = choose_activity(&all, named) {
            let place = named.split('|').next().filter(|p| !p.is_empty()).unwrap_or_else(|| found.place());
            return Ok(Chosen { profession: found.profession.clone(), specialty: found.specialty.clone(), place: place.to_owned() });
        }
        match (all.is_empty(), named) {
            (true, "") => Ok(Chosen { profession: profession_alone(person), ..Chosen::default() }),
            (_, "") => Err(Refusal::of("invalid_request", "the person has several activities: the actor token must name one as situation_exercice")),
            _ => Err(Refusal::of(
                "invalid_request",
                "situation_exercice names none of the person's activities, or several of different professions or savoir-faire: name one as place|profession/savoir-faire",
            )),
        }
    }
}

/// What is known of the activity chosen; empty for what is not told.
#[derive(Default)]
struct Chosen {
    profession: String,
    specialty: String,
    /// Its place, as the request named it.
    place: String,
}

/// Whether the provider says that a person acts for the medical regulation of centre 15.
fn regulates(person: &Value) -> bool {
    let claim = regulation_claim();
    person.get(&claim.name).and_then(Value::as_str).is_some_and(|said| claim.values.iter().any(|v| v == said))
}

/// `10^1.2.250.1.213.1.1.5.5` of SubjectRole, when there is one alone.
fn profession_alone(person: &Value) -> String {
    match person.get("SubjectRole").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => only.as_str().and_then(|r| r.split('^').next()).unwrap_or("").to_owned(),
        _ => String::new(),
    }
}

/// The words of the scope that say something here.
fn scope(asked: &str) -> Result<String, Refusal> {
    let ours: Vec<&str> = asked.split(' ').filter(|w| Scope::read(w).is_some_and(|s| s.context == "user")).collect();
    match (asked, ours.as_slice()) {
        ("", _) => Err(Refusal::of("invalid_request", "scope is missing, for instance user/*.rs")),
        (_, []) => Err(Refusal::of("invalid_scope", "no word of scope is one of this server's, for instance user/*.rs")),
        _ => Ok(ours.join(" ")),
    }
}

/// The claims of the actor token. Its signature adds nothing to what the client certificate proves already, so it is not asked for.
fn actor(token: Option<String>, kind: Option<String>) -> Result<Map<String, Value>, Refusal> {
    const WRONG: Refusal =
        Refusal::of("invalid_request", "actor_token must be a JWT of lps_nom, lps_id, lps_version, situation_exercice, and actor_token_type urn:ietf:params:oauth:token-type:jwt");
    let Some(token) = token else {
        return if kind.is_none() { Ok(Map::new()) } else { Err(WRONG) };
    };
    if kind.as_deref() != Some(JWT) || token.len() > TOKEN_MAX_BYTES {
        return Err(WRONG);
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return Err(WRONG) };
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| WRONG)?;
    let Some(Value::Object(claims)) = parse_strict(&payload) else { return Err(WRONG) };
    let plain = |name: &&str| claims.get(*name).is_none_or(|v| v.as_str().is_some_and(|t| short(t, TEXT_MAX_CHARS)));
    if ACTOR_CLAIMS.iter().all(plain) { Ok(claims) } else { Err(WRONG) }
}

fn short(text: &str, max: usize) -> bool {
    text.chars().count() <= max && !text.chars().any(char::is_control)
}

/// The certificate's thumbprint as RFC 8705 writes it.
pub(super) fn thumbprint(caller: &Caller) -> String {
    URL_SAFE_NO_PAD.encode(caller.fingerprint)
}
