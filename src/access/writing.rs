//! What the habilitation matrix says of actions that write. Feeding needs no authorisation and writing no reading: what a cell does not
//! rule on is answered by the action's own row, which covers unknown professions, types and classes too.
//! Spec: CSP R.1111-46, R.1111-47, R.1111-49; PDSM4DMP TD2, TD3.3.

use super::confidence::Confidence;
use super::matrix::{Cell, Cells, Matrix, MatrixAction, Profession, key};

impl MatrixAction {
    /// Every action.
    pub const ALL: &'static [Self] = &[Self::Read, Self::Add, Self::Replace, Self::Mask, Self::Archive, Self::Withdraw];

    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Mask => "mask",
            Self::Archive => "archive",
            Self::Withdraw => "withdraw",
        }
    }
}

impl Profession {
    /// Where the cells of an action are written.
    pub(super) fn cells(&mut self, action: MatrixAction) -> &mut Cells {
        match action {
            MatrixAction::Read => &mut self.reading,
            writing => self.writing.entry(writing).or_default(),
        }
    }
}

impl Matrix {
    /// May this profession do this with a document of this type and class? The type decides when it has a cell; else the class the
    /// nomenclature gives it and the one it carries, a refusal first; else the row of the action. Reading is [`Matrix::cell`].
    pub fn act(&self, action: MatrixAction, profession: &str, type_code: &str, class_code: &str) -> Cell {
        if action == MatrixAction::Read {
            return self.cell(profession, type_code, class_code);
        }
        let cells = self.professions.get(profession).and_then(|p| p.writing.get(&action));
        let of_type = cells.and_then(|c| c.types.get_key_value(type_code));
        let own = self.class_of.get(type_code).copied().unwrap_or(class_code);
        let of_class = || {
            let both = [own, class_code].map(|class| cells.and_then(|c| c.classes.get_key_value(class)));
            let refused = both.iter().flatten().copied().find(|(_, ruling)| !ruling.allow);
            refused.or_else(|| both.into_iter().flatten().next())
        };
        match of_type.or_else(of_class) {
            Some((code, ruling)) => Cell::of(action_key(profession, code, action), ruling),
            None => self.elsewhere(action, profession, type_code),
        }
    }

    fn elsewhere(&self, action: MatrixAction, profession: &str, type_code: &str) -> Cell {
        let row = self.beside.otherwise.get(&action);
        Cell {
            allowed: row.is_some_and(|r| r.allow),
            key: action_key(profession, type_code, action),
            source: row.map(|r| r.source.clone()).unwrap_or_default(),
            confidence: row.map_or(Confidence::Assumption, |r| r.confidence),
        }
    }

    /// The keys of the cells of writing actions that no text settles.
    pub(super) fn writing_assumptions(&self) -> impl Iterator<Item = String> {
        let all = self.professions.iter().flat_map(|(profession, p)| p.writing.iter().map(move |(action, cells)| (profession, *action, cells)));
        let rows = all.flat_map(|(profession, action, cells)| cells.rows().map(move |(code, ruling)| (action_key(profession, code, action), ruling)));
        rows.filter(|(_, ruling)| ruling.confidence == Confidence::Assumption).map(|(key, _)| key)
    }
}

/// Profession × type or class, and the action when it is not reading: `60 × 42 × add`.
pub(super) fn action_key(profession: &str, code: &str, action: MatrixAction) -> String {
    match action {
        MatrixAction::Read => key(profession, code),
        writing => format!("{} × {}", key(profession, code), writing.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::classification;

    fn writing() -> impl Iterator<Item = MatrixAction> {
        MatrixAction::ALL.iter().copied().filter(|a| *a != MatrixAction::Read)
    }

    fn with(rows: &str) -> Matrix {
        let row = |row: &str| format!("\n[[row]]\n{row}\nsource = \"s\"\nconfidence = \"assumption\"\n");
        Matrix::parse(&(Matrix::BUILTIN.to_owned() + &rows.lines().map(row).collect::<String>().replace(" | ", "\n"))).unwrap()
    }

    #[test]
    fn everybody_feeds_everything_by_the_table_of_the_program() {
        let matrix = Matrix::builtin().unwrap();
        for action in writing() {
            for profession in matrix.professions().chain(["", "10000"]) {
                for (code, class) in classification::types().map(|(code, class, _)| (code, class)).chain([("neu", "neu"), ("", "")]) {
                    let cell = matrix.act(action, profession, code, class);
                    assert!(cell.allowed && !cell.source.is_empty(), "{}", cell.key);
                }
            }
        }
        assert_eq!(matrix.act(MatrixAction::Add, "60", "11488-4", "10").key, "60 × 11488-4 × add");
    }

    #[test]
    fn reading_is_asked_of_the_same_cells() {
        let matrix = Matrix::builtin().unwrap();
        for (code, class, _) in classification::types() {
            assert_eq!(matrix.act(MatrixAction::Read, "40", code, class), matrix.cell("40", code, class));
        }
    }

    #[test]
    fn a_cell_of_an_action_rules_on_it_alone() {
        let matrix = with("professions = [\"60\"] | classes = [\"42\"] | types = [\"11490-0\"] | actions = [\"add\", \"replace\"] | allow = false");
        let refused = |action, profession: &str, code: &str, class: &str| !matrix.act(action, profession, code, class).allowed;
        for action in writing() {
            let ruled = matches!(action, MatrixAction::Add | MatrixAction::Replace);
            assert_eq!(refused(action, "60", "57833-6", "42"), ruled, "the class of its type");
            assert_eq!(refused(action, "60", "57833-6", "10"), ruled, "filed under another class");
            assert_eq!(refused(action, "60", "neu", "42"), ruled, "the class it carries");
            assert_eq!(refused(action, "60", "11490-0", "10"), ruled, "its type");
            assert!(!refused(action, "60", "11488-4", "10") && !refused(action, "21", "57833-6", "42") && !refused(action, "", "57833-6", "42"));
        }
        assert!(matrix.cell("60", "57833-6", "42").allowed, "reading has cells of its own");
        assert_eq!(matrix.act(MatrixAction::Add, "60", "57833-6", "10").key, "60 × 42 × add");
        assert!(matrix.assumptions().contains(&"60 × 42 × replace".to_owned()));
    }

    #[test]
    fn the_cell_of_a_type_is_stronger_than_those_of_its_classes() {
        let matrix = with(
            "professions = [\"60\"] | classes = [\"42\"] | actions = [\"add\"] | allow = false\nprofessions = [\"60\"] | types = [\"PRESC-INF\"] | actions = [\"add\"] | allow = true",
        );
        assert!(matrix.act(MatrixAction::Add, "60", "PRESC-INF", "42").allowed && !matrix.act(MatrixAction::Add, "60", "PRESC-BIO", "42").allowed);
        let one = with("professions = [\"60\"] | classes = [\"10\"] | actions = [\"add\"] | allow = true");
        assert_eq!(one.act(MatrixAction::Add, "60", "11488-4", "42").key, "60 × 10 × add", "what rules is named");
        let both = with(
            "professions = [\"60\"] | classes = [\"10\"] | actions = [\"add\"] | allow = true\nprofessions = [\"60\"] | classes = [\"42\"] | actions = [\"add\"] | allow = false",
        );
        for (code, class) in [("11488-4", "42"), ("57833-6", "10")] {
            let cell = both.act(MatrixAction::Add, "60", code, class);
            assert_eq!((cell.allowed, cell.key.as_str()), (false, "60 × 42 × add"), "of two classes the refusal is stronger");
        }
    }
}
