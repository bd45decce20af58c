//! What feeding a record is answered in each situation: deposits need no authorisation, changes belong to authors.
//! Spec: CSP R.1111-46, R.1111-47; PDSM4DMP TD0.2, TD2.1, TD3.3; the table feeding.toml gives the source of each row.

use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};
use super::standing::{Act, StandingRow};

pub(super) const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/feeding.toml");

/// A situation of feeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Situation {
    /// Nobody has a record under this identity, and what is sent says no more of the person.
    NoRecord,
    /// Nobody has a record under the identity that a document carries.
    RecordCreatedByDeposit,
    ClosedRecord,
    /// The identity is not qualified (RNIV): its INS may not circulate.
    IdentityNotQualified,
    /// The patient blocked the practitioner, who deposits.
    BlockedPractitioner,
    /// A deposit without authorisation to consult.
    NoAuthorisation,
    /// A replacement by somebody who is neither author nor legal authenticator.
    ReplaceByNonAuthor,
    /// A withdrawal by somebody who is not an author.
    WithdrawByNonAuthor,
    /// A change of metadata by somebody who is neither author nor legal authenticator.
    MetadataByNonAuthor,
    /// A change of the visibility labels by the holder or his legal representative.
    VisibilityByHolder,
    /// A change of status or archiving by the holder or his legal representative.
    OtherMetadataByHolder,
    /// A change of metadata by the médecin traitant, who is not an author.
    MetadataByMedecinTraitant,
    /// A document that the holder masked, shown again by somebody else.
    UnmaskAgainstHolder,
    /// What the habilitation matrix does not let the profession do with documents of this type.
    NotHabilitated,
}

/// The answer to a situation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedingRow {
    pub code: String,
    pub allowed: bool,
    /// Name of the fault kind of a refusal (its HTTP status is in the table of faults); empty when allowed.
    #[serde(default)]
    pub kind: String,
    /// For the software, in English; a refusal says the way out.
    pub text: String,
    /// For the person at the screen, in French.
    pub french: String,
    /// Article and where it was read.
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    situation: Vec<FeedingRow>,
    /// Read by [`super::standing`].
    #[serde(rename = "standing")]
    _standing: Vec<StandingRow>,
}

static ROWS: LazyLock<Result<Vec<FeedingRow>, String>> = LazyLock::new(|| {
    let rows = toml::from_str::<Table>(TABLE).map_err(|e| format!("feeding.toml: {e}"))?.situation;
    let row = |s: &Situation| rows.iter().find(|r| r.code == s.code()).cloned().ok_or_else(|| format!("feeding.toml: no row for {}", s.code()));
    Situation::ALL.iter().map(row).collect()
});

/// The answer to a situation of feeding.
#[expect(clippy::expect_used, reason = "one row per situation, proven where the table is read")]
pub fn feeding(situation: Situation) -> &'static FeedingRow {
    embedded(&ROWS).iter().find(|r| r.code == situation.code()).expect("a row per situation")
}

impl Situation {
    /// Every situation.
    pub const ALL: &'static [Self] = &[
        Self::NoRecord,
        Self::RecordCreatedByDeposit,
        Self::ClosedRecord,
        Self::IdentityNotQualified,
        Self::BlockedPractitioner,
        Self::NoAuthorisation,
        Self::ReplaceByNonAuthor,
        Self::WithdrawByNonAuthor,
        Self::MetadataByNonAuthor,
        Self::VisibilityByHolder,
        Self::OtherMetadataByHolder,
        Self::MetadataByMedecinTraitant,
        Self::UnmaskAgainstHolder,
        Self::NotHabilitated,
    ];

    /// What of a document is refused to who does not stand behind it, in the situations that are about that.
    pub const fn act(self) -> Option<Act> {
        match self {
            Self::ReplaceByNonAuthor => Some(Act::Replace),
            Self::WithdrawByNonAuthor => Some(Act::Withdraw),
            Self::MetadataByNonAuthor | Self::MetadataByMedecinTraitant => Some(Act::Metadata),
            _ => None,
        }
    }

    /// The code in the table and the trail.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::RecordCreatedByDeposit => "record_created_by_deposit",
            Self::ClosedRecord => "closed_record",
            Self::IdentityNotQualified => "identity_not_qualified",
            Self::BlockedPractitioner => "blocked_practitioner",
            Self::NoAuthorisation => "no_authorisation",
            Self::ReplaceByNonAuthor => "replace_by_non_author",
            Self::WithdrawByNonAuthor => "withdraw_by_non_author",
            Self::MetadataByNonAuthor => "metadata_by_non_author",
            Self::VisibilityByHolder => "visibility_by_holder",
            Self::OtherMetadataByHolder => "other_metadata_by_holder",
            Self::MetadataByMedecinTraitant => "metadata_by_medecin_traitant",
            Self::UnmaskAgainstHolder => "unmask_against_holder",
            Self::NotHabilitated => "not_habilitated",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::fhir::fault::FAULT_TABLE;

    #[test]
    fn situations_and_rows_are_the_same_set_each_once() {
        let written: Vec<String> = toml::from_str::<Table>(TABLE).unwrap().situation.into_iter().map(|r| r.code).collect();
        assert_eq!(written, Situation::ALL.iter().map(|s| s.code()).collect::<Vec<_>>());
    }

    #[test]
    fn a_refusal_names_a_fault_kind_and_every_answer_is_distinct() {
        let (mut texts, mut french) = (HashSet::new(), HashSet::new());
        for situation in Situation::ALL {
            let row = feeding(*situation);
            let kind = FAULT_TABLE.iter().any(|f| format!("{:?}", f.kind) == row.kind);
            assert_eq!((kind, row.kind.is_empty()), (!row.allowed, row.allowed), "{}", row.code);
            assert!(!row.source.trim().is_empty() && !row.text.is_empty() && row.french.ends_with('.'), "{}", row.code);
            assert!(texts.insert(&row.text) && french.insert(&row.french), "{}", row.code);
        }
    }

    #[test]
    fn feeding_needs_no_authorisation_and_changes_belong_to_authors() {
        let allowed = [Situation::RecordCreatedByDeposit, Situation::BlockedPractitioner, Situation::NoAuthorisation, Situation::VisibilityByHolder];
        for situation in Situation::ALL {
            assert_eq!(feeding(*situation).allowed, allowed.contains(situation), "{situation:?}");
        }
        assert_eq!(feeding(Situation::MetadataByMedecinTraitant).confidence, Confidence::Assumption);
    }
}
