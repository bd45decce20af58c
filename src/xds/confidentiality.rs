//! The labels of a document: a set of exactly one level (N, R, V) and any of the three visibility codes.
//! Spec: PDSm 3.1.1 securityLabel; TRE_A08-HL7Confidentiality; TRE_A07-StatutVisibiliteDocument.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::fhir::Coding;

/// One row of the table of labels.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub code: String,
    pub system: String,
    pub display: String,
    /// 1 to 3 for N, R, V; 0 for a visibility code.
    #[serde(default)]
    pub level: u8,
}

#[derive(Debug, Deserialize)]
struct Table {
    label: Vec<Label>,
}

static LABELS: LazyLock<Vec<Label>> = LazyLock::new(|| embedded(toml::from_str::<Table>(include_str!("../../fhir-profiles/document-sharing/confidentiality.toml"))).label);

/// A table that is part of the program: a broken one is a defect of the build, which every test shows; no labels at all would be
/// read as "nothing is hidden".
#[expect(clippy::panic, reason = "the table is compiled in")]
fn embedded(table: Result<Table, toml::de::Error>) -> Table {
    table.unwrap_or_else(|e| panic!("confidentiality.toml: {e}"))
}

/// The row of a code.
pub(super) fn label(code: &str) -> Option<&'static Label> {
    LABELS.iter().find(|l| l.code == code)
}

/// The label as a Coding of its canonical system; a code that is no label comes back without a system.
/// Spec: PDSm 3.1.1 securityLabel (JDV_J08-XdsConfidentialityCode-CISIS).
pub fn confidentiality_coding(code: &str) -> Coding {
    match label(code) {
        Some(l) => Coding { system: Some(l.system.clone()), code: l.code.clone(), display: Some(l.display.clone()) },
        None => Coding { system: None, code: code.to_owned(), display: None },
    }
}

/// The set of some codes, in the order of the table: the strictest level given (N when none is) and the visibility codes;
/// what is no label is left out.
pub(super) fn set<'a>(codes: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
    let given: Vec<&'static Label> = codes.into_iter().filter_map(label).collect();
    let level = given.iter().map(|l| l.level).max().filter(|l| *l > 0).unwrap_or(1);
    LABELS.iter().filter(|l| l.level == level || (l.level == 0 && given.iter().any(|g| g.code == l.code))).map(|l| l.code.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_one_level_the_strictest_and_no_repeats() {
        assert_eq!(set([]), ["N"]);
        assert_eq!(set(["MASQUE_PS", "N", "R", "MASQUE_PS", "other"]), ["R", "MASQUE_PS"]);
    }

    #[test]
    fn a_label_is_written_under_its_canonical_system() {
        assert_eq!(confidentiality_coding("R").system.as_deref(), Some("http://terminology.hl7.org/CodeSystem/v3-Confidentiality"));
        assert!(confidentiality_coding("MASQUE_PS").system.unwrap().contains("TRE_A07"));
        assert_eq!(confidentiality_coding("X").system, None);
    }
}
