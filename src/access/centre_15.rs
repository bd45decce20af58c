//! Who acts for the medical regulation of centre 15: the table centre-15.toml.
//! Spec: CSP L.1111-17 I, L.6311-2; Pro Santé Connect, UserInfo.

use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/centre-15.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Professions {
    codes: Vec<String>,
    source: String,
    confidence: Confidence,
}

/// The claim by which an identity provider says that a person regulates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegulationClaim {
    pub name: String,
    /// Its values that mean yes.
    pub values: Vec<String>,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    profession: Professions,
    claim: RegulationClaim,
}

static ROWS: LazyLock<Result<Table, String>> = LazyLock::new(|| toml::from_str(TABLE).map_err(|e| format!("centre-15.toml: {e}")));

/// Whether a profession (TRE_G15) regulates.
pub(super) fn regulates(profession: &str) -> bool {
    embedded(&ROWS).profession.codes.iter().any(|code| code == profession)
}

/// The claim of the table.
pub fn regulation_claim() -> &'static RegulationClaim {
    &embedded(&ROWS).claim
}

/// Its rows: name, source and confidence.
pub(super) fn rows() -> [(&'static str, &'static str, Confidence); 2] {
    let (who, claim) = (&embedded(&ROWS).profession, regulation_claim());
    [("profession", &who.source, who.confidence), ("claim", &claim.source, claim.confidence)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctors_regulate_and_every_row_has_its_source() {
        assert!(regulates("10"));
        for profession in ["60", "40", "", "1", "100"] {
            assert!(!regulates(profession), "{profession}");
        }
        assert!(rows().iter().all(|(_, source, _)| source.len() > 20) && !regulation_claim().values.is_empty());
    }
}
