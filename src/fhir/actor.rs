//! Who acts through a structure's software, and in which way: shared by the rooms that say who calls and what may be seen.
//! Spec: ANS transport of sensitive data 1.2 (API Pro Santé Connectée); VIHF 3.0; CSP L.1111-17.

use serde::{Deserialize, Serialize};

use super::Identifier;

/// In what capacity somebody calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person known by an RPPS or ADELI number.
    Practitioner,
    /// A structure's software on its own: indirect authentication, which feeds and never reads.
    Structure,
    /// The person whose record it is.
    Holder,
    /// Who acts for a minor or a protected adult.
    LegalRepresentative,
    /// Reads the trail.
    Auditor,
    /// Runs the server: state of records, retention.
    Administrator,
}

impl Role {
    /// Every role, in order.
    pub const ALL: &'static [Self] = &[Self::Practitioner, Self::Structure, Self::Holder, Self::LegalRepresentative, Self::Auditor, Self::Administrator];

    /// The word used in tokens, tables and the trail.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Practitioner => "practitioner",
            Self::Structure => "structure",
            Self::Holder => "holder",
            Self::LegalRepresentative => "legal_representative",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// The role of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.word() == word)
    }
}

/// Access mode.
/// Spec: NOS TRE_R248-ModeAcces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Normal,
    BrisDeGlace,
    #[serde(rename = "centre_15")]
    Centre15,
}

impl Mode {
    /// Every mode, in the order of TRE_R248.
    pub const ALL: &'static [Self] = &[Self::Normal, Self::BrisDeGlace, Self::Centre15];

    /// The code of TRE_R248.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::BrisDeGlace => "bris_de_glace",
            Self::Centre15 => "centre_15",
        }
    }

    /// The mode of a code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.code() == code)
    }
}

/// How the person was authenticated.
/// Spec: VIHF 3.0 Authentification_mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// CPS or Pro Santé Connect.
    Direct,
    /// AIR: two factors of the structure's own.
    Air,
    /// The structure answers for it: feeds, never reads.
    Indirect,
}

impl Level {
    /// Every level.
    pub const ALL: &'static [Self] = &[Self::Direct, Self::Air, Self::Indirect];

    /// The word used in tokens and the trail.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Air => "air",
            Self::Indirect => "indirect",
        }
    }

    /// The level of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|l| l.word() == word)
    }
}

/// A practitioner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// PS_IdNat: 8 + RPPS (12 digits) or 0 + ADELI (10 characters).
    pub id: String,
    /// Code of TRE_G15 (`10` médecin …), or of the tables beside it in JDV_J65.
    pub profession: String,
    /// Code of the savoir-faire (`SM26` …), empty when there is none.
    pub specialty: String,
    /// The situation d'exercice chosen, empty when the person has one activity alone.
    pub situation: String,
}

/// The software that calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Software {
    pub id: String,
    pub name: String,
    pub version: String,
}

/// Who acts, beside the structure that the client certificate names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    pub role: Role,
    /// Of a practitioner.
    pub person: Option<Person>,
    /// INS of the patient a holder or legal representative acts for.
    pub patient: Option<Identifier>,
    pub software: Software,
    pub mode: Mode,
    /// Why the glass is broken, in the practitioner's words.
    pub reason: String,
    pub level: Level,
    /// Connexion secrète: the trace itself is kept from legal representatives.
    pub secret: bool,
    pub scopes: Vec<String>,
    /// `sub` of the access token of who is no practitioner; empty without one. Of a patient's token it may identify the patient.
    pub subject: String,
    /// Issuer and jti of the access token; empty without one.
    pub issuer: String,
    pub token_id: String,
}

impl Actor {
    /// A structure's software without a token.
    pub fn structure() -> Self {
        Self {
            role: Role::Structure,
            person: None,
            patient: None,
            software: Software::default(),
            mode: Mode::Normal,
            reason: String::new(),
            level: Level::Indirect,
            secret: false,
            scopes: Vec::new(),
            subject: String::new(),
            issuer: String::new(),
            token_id: String::new(),
        }
    }

    /// A professional known by the card alone: direct authentication, in the normal mode.
    pub fn certified(id: &str, profession: &str) -> Self {
        let person = Person { id: id.to_owned(), profession: profession.to_owned(), specialty: String::new(), situation: String::new() };
        Self { role: Role::Practitioner, person: Some(person), level: Level::Direct, scopes: vec!["user/*.cruds".to_owned()], ..Self::structure() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_read_back() {
        assert!(Role::ALL.iter().all(|r| Role::of(r.word()) == Some(*r)));
        assert!(Mode::ALL.iter().all(|m| Mode::of(m.code()) == Some(*m)));
        assert!(Level::ALL.iter().all(|l| Level::of(l.word()) == Some(*l)));
        assert_eq!((Role::of("médecin"), Mode::of("NORMAL"), Level::of("")), (None, None, None));
        for mode in Mode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.code());
        }
    }
}
