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
    /// Who acts when it is no practitioner: the `sub` of an auditor's or administrator's token; of a holder or representative a name
    /// that only this server can give, since the token's own may identify the patient.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Code of TRE_G15.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profession: String,
    /// Code of the savoir-faire, and the situation d'exercice chosen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub specialty: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub situation: String,
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
    /// The token by which somebody acted, as a policy; none without one.
    /// Spec: BALP 1.1 OAUTHaccessTokenUse.Minimal.
    pub fn policy(&self) -> Option<String> {
        (!self.token.is_empty()).then(|| format!("urn:ietf:params:oauth:jti:{}", self.token))
    }

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
            subject: if by_name(actor.role) { actor.subject.clone() } else { String::new() },
            profession: person.map(|p| p.profession.clone()).unwrap_or_default(),
            specialty: person.map(|p| p.specialty.clone()).unwrap_or_default(),
            situation: person.map(|p| p.situation.clone()).unwrap_or_default(),
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

/// Whether the subject of the token may stand in the trail as it is.
fn by_name(role: Role) -> bool {
    matches!(role, Role::Auditor | Role::Administrator)
}

/// `id name version`, as far as they are known.
fn software(software: &Software) -> String {
    let parts = [software.id.as_str(), &software.name, &software.version];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
}
