//! The rules a decision can rest on, and what each may say to the caller.
//! Spec: CSP L.1111-17 and R.1111-40 to R.1111-53; the table rules.toml gives article, source and confidence of each.

use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/rules.toml");

/// Why something is allowed or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// A structure's software, or a person it answers for: feeds, never reads.
    Indirect,
    /// Auditor and administrator: no documents.
    RoleWithoutDocuments,
    /// The record of the caller.
    Holder,
    /// The record of the person the caller represents.
    LegalRepresentative,
    /// The record of somebody else than the token names.
    OtherRecord,
    /// The record is closed.
    RecordClosed,
    /// The patient blocked this practitioner.
    Blocked,
    /// The habilitation matrix opens nothing to the profession, or does not know it.
    ProfessionClosed,
    /// Bris de glace without a reason in words.
    BrisDeGlaceWithoutReason,
    /// The patient opposed to bris de glace beforehand.
    BrisDeGlaceOpposed,
    /// Bris de glace.
    BrisDeGlace,
    /// The profession does not regulate for centre 15.
    Centre15Profession,
    /// The patient opposed to the access of centre 15 beforehand.
    Centre15Opposed,
    /// Medical regulation of centre 15.
    Centre15,
    /// The declared médecin traitant.
    MedecinTraitant,
    /// A member of the équipe de soins.
    CareTeam,
    /// The patient's consent for this consultation.
    Consent,
    /// That consent is over.
    ConsentExpired,
    /// Neither médecin traitant, nor équipe de soins, nor consent.
    NoAuthorisation,
    /// The author keeps access to what he deposited.
    Author,
    /// No such document.
    Absent,
    /// Without authorisation on the record, and not the author.
    NotAuthor,
    /// The habilitation matrix refuses the document type to the profession.
    Profession,
    /// Masked to practitioners.
    MasquePs,
    /// Not yet visible to the patient.
    InvisiblePatient,
    /// Not visible to the legal representatives.
    InvisibleRepresentantsLegaux,
    /// Withdrawn by its author.
    Deleted,
    /// The interaction is not in the table of roles.
    NotOffered,
    /// The interaction is not for this role.
    RoleRefused,
    /// The access token has no scope for it.
    ScopeMissing,
}

/// One row of the table of rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRow {
    pub code: String,
    /// Article of law or section of a specification; said to the caller.
    pub article: String,
    /// Where it was read.
    pub source: String,
    pub confidence: Confidence,
    /// A refusal that nobody may tell from a document that does not exist. Such a row has no words of its own.
    #[serde(default)]
    pub equals_absence: bool,
    /// What the caller may be told, in French, with the way out.
    #[serde(default)]
    pub caller: String,
    /// Of a rule that asks for words: how many letters they have at least.
    #[serde(default)]
    pub letters: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule: Vec<RuleRow>,
}

static ROWS: LazyLock<Result<Vec<RuleRow>, String>> = LazyLock::new(|| {
    let rows = toml::from_str::<Table>(TABLE).map_err(|e| format!("rules.toml: {e}"))?.rule;
    let row = |rule: &Rule| rows.iter().find(|r| r.code == rule.code()).cloned().ok_or_else(|| format!("rules.toml: no row for {}", rule.code()));
    Rule::ALL.iter().map(row).collect()
});

impl Rule {
    /// Every rule.
    pub const ALL: &'static [Self] = &[
        Self::Indirect,
        Self::RoleWithoutDocuments,
        Self::Holder,
        Self::LegalRepresentative,
        Self::OtherRecord,
        Self::RecordClosed,
        Self::Blocked,
        Self::ProfessionClosed,
        Self::BrisDeGlaceWithoutReason,
        Self::BrisDeGlaceOpposed,
        Self::BrisDeGlace,
        Self::Centre15Profession,
        Self::Centre15Opposed,
        Self::Centre15,
        Self::MedecinTraitant,
        Self::CareTeam,
        Self::Consent,
        Self::ConsentExpired,
        Self::NoAuthorisation,
        Self::Author,
        Self::Absent,
        Self::NotAuthor,
        Self::Profession,
        Self::MasquePs,
        Self::InvisiblePatient,
        Self::InvisibleRepresentantsLegaux,
        Self::Deleted,
        Self::NotOffered,
        Self::RoleRefused,
        Self::ScopeMissing,
    ];

    /// The code in the table, the trail and the answers of `$explain-access`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Indirect => "indirect",
            Self::RoleWithoutDocuments => "role_without_documents",
            Self::Holder => "holder",
            Self::LegalRepresentative => "legal_representative",
            Self::OtherRecord => "other_record",
            Self::RecordClosed => "record_closed",
            Self::Blocked => "blocked",
            Self::ProfessionClosed => "profession_closed",
            Self::BrisDeGlaceWithoutReason => "bris_de_glace_without_reason",
            Self::BrisDeGlaceOpposed => "bris_de_glace_opposed",
            Self::BrisDeGlace => "bris_de_glace",
            Self::Centre15Profession => "centre_15_profession",
            Self::Centre15Opposed => "centre_15_opposed",
            Self::Centre15 => "centre_15",
            Self::MedecinTraitant => "medecin_traitant",
            Self::CareTeam => "care_team",
            Self::Consent => "consent",
            Self::ConsentExpired => "consent_expired",
            Self::NoAuthorisation => "no_authorisation",
            Self::Author => "author",
            Self::Absent => "absent",
            Self::NotAuthor => "not_author",
            Self::Profession => "profession",
            Self::MasquePs => "masque_ps",
            Self::InvisiblePatient => "invisible_patient",
            Self::InvisibleRepresentantsLegaux => "invisible_representants_legaux",
            Self::Deleted => "deleted",
            Self::NotOffered => "not_offered",
            Self::RoleRefused => "role_refused",
            Self::ScopeMissing => "scope_missing",
        }
    }

    /// The rule of a code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.code() == code)
    }

    /// The row of the rule.
    #[expect(clippy::expect_used, reason = "one row per rule, proven where the table is read")]
    pub fn row(self) -> &'static RuleRow {
        embedded(&ROWS).iter().find(|r| r.code == self.code()).expect("a row per rule")
    }

    /// Whether a refusal by this rule must look like a document that does not exist.
    pub fn equals_absence(self) -> bool {
        self.row().equals_absence
    }

    /// What the caller may be told, in French; for a refusal that equals absence, the words of [`Rule::Absent`].
    pub fn caller(self) -> &'static str {
        let told = if self.equals_absence() { Self::Absent } else { self };
        &told.row().caller
    }
}

/// Whether a reason for bris de glace is given in words: enough letters to be one, as the row of the rule says.
/// Spec: CSP L.1111-17 I.
pub fn in_words(reason: &str) -> bool {
    let least = Rule::BrisDeGlaceWithoutReason.row().letters.max(1);
    reason.chars().filter(|c| c.is_alphabetic()).take(least).count() == least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_rows_are_the_same_set_each_once() {
        let table = toml::from_str::<Table>(TABLE).unwrap().rule;
        let written: Vec<&str> = table.iter().map(|r| r.code.as_str()).collect();
        assert_eq!(written, Rule::ALL.iter().map(|r| r.code()).collect::<Vec<_>>());
        assert!(Rule::ALL.iter().all(|r| Rule::of(r.code()) == Some(*r)));
        assert_eq!(Rule::of("else"), None);
    }

    #[test]
    fn a_reason_in_words_has_letters_enough() {
        assert_eq!(Rule::BrisDeGlaceWithoutReason.row().letters, 3);
        for words in ["AVC", "coma", "à l'eau", "É t é", "état de choc, 3e degré"] {
            assert!(in_words(words), "{words}");
        }
        for none in ["", " \t", "-", "...", "x", "AV", "15", "12345", "a 1 b 2", "\u{200b}\u{200b}\u{200b}"] {
            assert!(!in_words(none), "{none:?}");
        }
    }

    #[test]
    fn every_row_has_article_source_and_words_and_absence_has_one_text() {
        for rule in Rule::ALL {
            let row = rule.row();
            assert!(!row.article.trim().is_empty() && !row.source.trim().is_empty(), "{}", row.code);
            assert_eq!(row.caller.is_empty(), row.equals_absence && *rule != Rule::Absent, "{}", row.code);
            assert!(rule.caller().ends_with('.'), "{}", row.code);
            assert_eq!(rule.caller() == Rule::Absent.caller(), rule.equals_absence(), "{}", row.code);
        }
    }

    #[test]
    fn what_a_document_hides_equals_absence_and_what_a_record_refuses_is_told() {
        let hidden =
            [Rule::OtherRecord, Rule::Absent, Rule::NotAuthor, Rule::Profession, Rule::MasquePs, Rule::InvisiblePatient, Rule::InvisibleRepresentantsLegaux, Rule::Deleted];
        for rule in Rule::ALL {
            assert_eq!(rule.equals_absence(), hidden.contains(rule), "{}", rule.code());
        }
    }
}
