//! What stands beside the cells in the table of the habilitation matrix: the class that clinical resources of no document are read like,
//! and what a writing action is answered where no cell rules on it. A table without such rows takes those of the program.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};
use super::matrix::{Matrix, MatrixAction};

/// Some types of resources → the class of documents they are read like, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clinical {
    types: Vec<String>,
    pub class: String,
    source: String,
    confidence: Confidence,
}

/// What a writing action is answered where no cell rules on it, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Otherwise {
    action: MatrixAction,
    pub allow: bool,
    pub source: String,
    pub confidence: Confidence,
}

/// Both lists as they are asked.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// By type of resource.
    pub clinical: BTreeMap<String, Clinical>,
    pub otherwise: BTreeMap<MatrixAction, Otherwise>,
}

/// The lists of the program.
#[derive(Deserialize)]
struct Program {
    clinical: Vec<Clinical>,
    otherwise: Vec<Otherwise>,
}

static PROGRAM: LazyLock<Result<Program, String>> = LazyLock::new(|| toml::from_str(Matrix::BUILTIN).map_err(|e| format!("matrix.toml: {e}")));

impl Beside {
    /// Checks the lists of a table; `classes` are those of the nomenclature.
    ///
    /// # Errors
    /// The row and the reason: a class that does not exist, a type or an action given twice or left out, a missing source.
    pub(super) fn read(clinical: Vec<Clinical>, otherwise: Vec<Otherwise>, classes: &HashSet<&'static str>) -> Result<Self, String> {
        let program = embedded(&PROGRAM);
        let clinical = if clinical.is_empty() { program.clinical.clone() } else { clinical };
        let otherwise = if otherwise.is_empty() { program.otherwise.clone() } else { otherwise };
        Ok(Self { clinical: by_type(&clinical, &program.clinical, classes)?, otherwise: by_action(otherwise)? })
    }

    /// The names of the rows that no text settles.
    pub(super) fn assumptions(&self) -> impl Iterator<Item = String> {
        let clinical = self.clinical.iter().filter(|(_, row)| row.confidence == Confidence::Assumption).map(|(kind, _)| format!("clinical {kind}"));
        let otherwise = self.otherwise.values().filter(|row| row.confidence == Confidence::Assumption).map(|row| format!("otherwise {}", row.action.word()));
        clinical.chain(otherwise)
    }
}

/// A type that is left out would be read by everybody, one that nobody writes by nobody: both are the types of the program.
fn by_type(rows: &[Clinical], program: &[Clinical], classes: &HashSet<&'static str>) -> Result<BTreeMap<String, Clinical>, String> {
    let known: HashSet<&String> = program.iter().flat_map(|row| &row.types).collect();
    let mut out = BTreeMap::new();
    for (row, kind) in rows.iter().flat_map(|row| row.types.iter().map(move |kind| (row, kind))) {
        if row.source.trim().is_empty() {
            return Err(format!("clinical {kind:?} names no source"));
        }
        if !classes.contains(row.class.as_str()) {
            return Err(format!("clinical {kind:?}: the class {:?} is not in TRE_A03 (typecode-class.toml)", row.class));
        }
        if !known.contains(kind) {
            return Err(format!("clinical {kind:?} is no type of clinical resource"));
        }
        if out.insert(kind.clone(), row.clone()).is_some() {
            return Err(format!("clinical {kind:?} is given twice"));
        }
    }
    match known.into_iter().find(|kind| !out.contains_key(*kind)) {
        Some(left) => Err(format!("clinical {left:?} has no class")),
        None => Ok(out),
    }
}

fn by_action(rows: Vec<Otherwise>) -> Result<BTreeMap<MatrixAction, Otherwise>, String> {
    let mut out = BTreeMap::new();
    for row in rows {
        let action = row.action;
        if action == MatrixAction::Read {
            return Err("otherwise read: what has no cell is not read".to_owned());
        }
        if row.source.trim().is_empty() {
            return Err(format!("otherwise {} names no source", action.word()));
        }
        if out.insert(action, row).is_some() {
            return Err(format!("otherwise {} is given twice", action.word()));
        }
    }
    match MatrixAction::ALL.iter().find(|action| **action != MatrixAction::Read && !out.contains_key(*action)) {
        Some(left) => Err(format!("otherwise {} is not said", left.word())),
        None => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the program with one text in the place of another.
    fn told(from: &str, to: &str) -> String {
        assert!(Matrix::BUILTIN.contains(from), "{from}");
        Matrix::parse(&Matrix::BUILTIN.replacen(from, to, 1)).err().unwrap_or_default()
    }

    #[test]
    fn a_row_beside_the_cells_that_cannot_be_trusted_refuses_the_table_with_its_reason() {
        let row = "[[clinical]]\ntypes = [\"Condition\", ";
        let said = "[[otherwise]]\naction = \"mask\"";
        let cases = [
            (row, "[[clinical]]\ntypes = [", "clinical \"Condition\" has no class"),
            (row, "[[clinical]]\ntypes = [\"Condition\", \"Condition\", ", "clinical \"Condition\" is given twice"),
            (row, "[[clinical]]\ntypes = [\"Condition\", \"Patient\", ", "clinical \"Patient\" is no type of clinical resource"),
            (row, "[[clinical]]\nkind = 1\ntypes = [\"Condition\", ", "unknown field `kind`"),
            ("class = \"44\"\nsource", "class = \"98\"\nsource", "the class \"98\" is not in TRE_A03"),
            (said, "[[otherwise]]\naction = \"read\"", "otherwise read: what has no cell is not read"),
            (said, "[[otherwise]]\naction = \"add\"", "otherwise add is given twice"),
            (said, "[[otherwise]]\naction = \"print\"", "unknown variant `print`"),
        ];
        for (from, to, reason) in cases {
            let said = told(from, to);
            assert!(said.contains(reason), "{said} ≠ {reason}");
        }
        let without = Matrix::BUILTIN.split("[[otherwise]]").collect::<Vec<_>>();
        let left = [&without[..1], &without[2..]].concat().join("[[otherwise]]");
        assert!(Matrix::parse(&left).unwrap_err().contains("is not said"));
    }

    #[test]
    fn a_table_of_before_takes_the_rows_of_the_program() {
        let (head, rest) = Matrix::BUILTIN.split_once("# ---- what is of no document").unwrap();
        let (_, rest) = rest.split_once("# ---- médecins").unwrap();
        let before = Matrix::parse(&format!("{}# ---- médecins{rest}", head.replace("version =", "action = \"read\"\nversion ="))).unwrap();
        let now = Matrix::builtin().unwrap();
        assert_eq!(format!("{:?}", before.beside), format!("{:?}", now.beside));
        assert_eq!(before.closed_kinds("41"), now.closed_kinds("41"));
    }
}
