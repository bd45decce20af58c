//! Who acted through the structure's software, as the trail keeps it.

use serde::{Deserialize, Serialize};

use crate::fhir::{Actor, Level, Mode, Role, Software};

/// The actor of an event; empty members are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    pub role: Role,
    /// PS_IdNat of a practitioner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// Code of TRE_G15.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profession: String,
    pub mode: Mode,
    /// Why the glass was broken, in the practitioner's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub level: Level,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software: String,
    /// Issuer and jti of the access token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// Connexion secrète: the event is kept from legal representatives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl By {
    /// Whether a user, not a structure's software alone, acted by an access token.
    pub fn user_has_token(&self) -> bool {
        self.role != Role::Structure && !self.token.is_empty()
    }
}

impl From<&Actor> for By {
    fn from(actor: &Actor) -> Self {
        let person = actor.person.as_ref();
        Self {
            role: actor.role,
            person: person.map(|p| p.id.clone()).unwrap_or_default(),
            profession: person.map(|p| p.profession.clone()).unwrap_or_default(),
            mode: actor.mode,
            reason: actor.reason.clone(),
            level: actor.level,
            software: software(&actor.software),
            issuer: actor.issuer.clone(),
            token: actor.token_id.clone(),
            secret: actor.secret,
        }
    }
}

/// `id name version`, as far as they are known.
fn software(software: &Software) -> String {
    let parts = [software.id.as_str(), &software.name, &software.version];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
}
