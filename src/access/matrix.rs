//! The habilitation matrix: profession × document type (by default its class) × action → allowed or not, as data with sources. What
//! the writing actions ask is in [`super::writing`].
//! Spec: arrêté du 26 octobre 2023 (matrice d'habilitation du DMP); professions JDV_J65, classes TRE_A03, types LOINC and TRE_A05.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::beside::Beside;
use super::confidence::Confidence;
use super::matrix_table::read;
use crate::fhir::classification;

/// Longest code written in the key of a cell; what is longer is no code of a nomenclature.
const KEY_CODE_CHARS: usize = 32;
const NO_CELL: &str = "aucune cellule : ce que la matrice ne connaît pas est refusé";

/// The matrix of one version. It is pure data: another one can be read while the server runs.
#[derive(Debug, Clone)]
pub struct Matrix {
    pub(super) version: String,
    pub(super) professions: BTreeMap<String, Profession>,
    /// Class of each known type.
    pub(super) class_of: BTreeMap<&'static str, &'static str>,
    pub(super) beside: Beside,
    pub(super) choices: Choices,
}

/// What somebody does with a document, in the order of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatrixAction {
    /// Finds and reads it, and what it states.
    Read,
    /// Deposits it.
    Add,
    /// Deposits it in the place of another one.
    Replace,
    /// Changes who sees it.
    Mask,
    /// Changes its state or its archiving.
    Archive,
    /// Withdraws it.
    Withdraw,
}

/// One profession: its name and its cells.
#[derive(Debug, Clone, Default)]
pub(super) struct Profession {
    pub name: String,
    pub reading: Cells,
    pub writing: BTreeMap<MatrixAction, Cells>,
}

/// The cells of one profession and action.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    pub classes: BTreeMap<String, Arc<Ruling>>,
    pub types: BTreeMap<String, Arc<Ruling>>,
}

/// What a row of the table rules, and on what ground.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ruling {
    pub allow: bool,
    pub source: String,
    pub confidence: Confidence,
}

/// Rules of the decision that no text settles, kept with the matrix so that a person can correct them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choices {
    pub bris_de_glace_sees_masked: Ruling,
    pub centre_15_sees_masked: Ruling,
    pub author_exempt: Ruling,
}

/// The cell a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub allowed: bool,
    /// Profession × type or class, as in `40 × 80788-3`.
    pub key: String,
    pub source: String,
    pub confidence: Confidence,
}

/// What a profession reads, as three lists: a document is readable when its type is in `types`, or when its class is in
/// `classes` and its type is not in `except`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readable {
    /// Codes of TRE_A03.
    pub classes: Vec<String>,
    /// Types allowed whatever their class.
    pub types: Vec<String>,
    /// Types refused though the class is allowed.
    pub except: Vec<String>,
}

impl Cell {
    pub(super) fn of(key: String, ruling: &Ruling) -> Self {
        Self { allowed: ruling.allow, key, source: ruling.source.clone(), confidence: ruling.confidence }
    }
}

impl Readable {
    /// Whether a document of this type and class is readable.
    pub fn allows(&self, type_code: &str, class_code: &str) -> bool {
        let among = |list: &[String], code: &str| list.iter().any(|c| c == code);
        among(&self.types, type_code) || (among(&self.classes, class_code) && !among(&self.except, type_code))
    }
}

impl Matrix {
    /// Reads a table (TOML, at most 1 MiB).
    ///
    /// # Errors
    /// The row and the reason: a key, profession, class or type that does not exist, a cell given twice, a missing source.
    pub fn parse(text: &str) -> Result<Self, String> {
        read(text)
    }

    /// The text of the matrix that is part of the program.
    pub const BUILTIN: &str = include_str!("../../fhir-profiles/access-matrix/matrix.toml");

    /// The matrix that is part of the program.
    ///
    /// # Errors
    /// As [`Matrix::parse`]; a test proves that it is readable.
    pub fn builtin() -> Result<Self, String> {
        Self::parse(Self::BUILTIN)
    }

    /// The version every decision records.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The codes of the professions that the matrix knows (JDV_J65).
    pub fn professions(&self) -> impl Iterator<Item = &str> {
        self.professions.keys().map(String::as_str)
    }

    /// The French name of a profession, `None` when the matrix does not know it.
    pub fn profession_name(&self, code: &str) -> Option<&str> {
        self.professions.get(code).map(|p| p.name.as_str())
    }

    /// May this profession read a document of this type and class? The type decides when it has a cell; else the class does,
    /// both the one the document carries and the one the nomenclature gives its type. What is unknown is refused.
    pub fn cell(&self, profession: &str, type_code: &str, class_code: &str) -> Cell {
        let Some(Profession { reading, .. }) = self.professions.get(profession) else {
            return cell(profession, type_code, None);
        };
        if let Some(ruling) = reading.types.get(type_code) {
            return cell(profession, type_code, Some(ruling));
        }
        let own = self.class_of.get(type_code).copied().filter(|own| !reading.allows_class(own));
        let class = own.unwrap_or(class_code);
        cell(profession, class, reading.classes.get(class))
    }

    /// Whether there is anything that this profession may read.
    pub fn opens(&self, profession: &str) -> bool {
        self.professions.get(profession).is_some_and(|p| p.reading.classes.values().chain(p.reading.types.values()).any(|r| r.allow))
    }

    /// What this profession reads, as lists; empty for a profession that the matrix does not know.
    pub fn readable(&self, profession: &str) -> Readable {
        let Some(Profession { reading, .. }) = self.professions.get(profession) else {
            return Readable::default();
        };
        let types = |allow: bool| reading.types.iter().filter(move |(_, r)| r.allow == allow).map(|(code, _)| code.clone());
        let misfiled = self.class_of.iter().filter(|(code, class)| !reading.types.contains_key(**code) && !reading.allows_class(class)).map(|(code, _)| (*code).to_owned());
        Readable {
            classes: reading.classes.iter().filter(|(_, r)| r.allow).map(|(code, _)| code.clone()).collect(),
            types: types(true).collect(),
            except: types(false).chain(misfiled).collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }

    /// The types of clinical resources which this profession may not read where they come from no document: what somebody wrote without
    /// one is read like a document of the class that the table names for it.
    pub fn closed_kinds(&self, profession: &str) -> Vec<String> {
        let open = |class: &str| self.professions.get(profession).is_some_and(|p| p.reading.allows_class(class));
        self.beside.clinical.iter().filter(|(_, row)| !open(&row.class)).map(|(kind, _)| kind.clone()).collect()
    }

    /// The class that a clinical resource of no document is read like; `None` for a type that says nothing clinical.
    pub fn class_of_kind(&self, kind: &str) -> Option<&str> {
        self.beside.clinical.get(kind).map(|row| row.class.as_str())
    }

    /// The keys of the cells, and the names of other rows and of the choices, that no text settles: somebody must accept them before
    /// production.
    pub fn assumptions(&self) -> Vec<String> {
        let reading = self.professions.iter().flat_map(|(profession, p)| p.reading.rows().map(move |(code, ruling)| (key(profession, code), ruling.confidence)));
        let choices = self.choices.rows().map(|(name, ruling)| (name.to_owned(), ruling.confidence));
        let sure = reading.chain(choices).filter(|(_, confidence)| *confidence == Confidence::Assumption).map(|(key, _)| key);
        sure.chain(self.writing_assumptions()).chain(self.beside.assumptions()).collect()
    }

    /// Documents masked to practitioners are seen through bris de glace.
    pub fn bris_de_glace_sees_masked(&self) -> bool {
        self.choices.bris_de_glace_sees_masked.allow
    }

    /// Documents masked to practitioners are seen by the medical regulation of centre 15.
    pub fn centre_15_sees_masked(&self) -> bool {
        self.choices.centre_15_sees_masked.allow
    }

    /// The matrix does not apply to what the caller deposited himself.
    pub fn author_exempt(&self) -> bool {
        self.choices.author_exempt.allow
    }

    /// The French names of the classes closed to a profession, in the order of the nomenclature: derived from its cells alone.
    pub fn closed_classes(&self, profession: &str) -> Vec<&'static str> {
        let reads = |class: &str| self.professions.get(profession).is_some_and(|p| p.reading.allows_class(class));
        classification::classes().filter(|(code, _)| !reads(code)).map(|(_, name)| name).collect()
    }

    /// The French names (or codes) of the types closed to a profession though their class is open: derived from its cells alone.
    pub fn closed_types(&self, profession: &str) -> Vec<&'static str> {
        let closed =
            |code: &str, class: &str| self.professions.get(profession).is_some_and(|p| p.reading.allows_class(class) && p.reading.types.get(code).is_some_and(|r| !r.allow));
        classification::types().filter(|(code, class, _)| closed(code, class)).map(|(code, _, name)| if name.is_empty() { code } else { name }).collect()
    }
}

impl Cells {
    fn allows_class(&self, class: &str) -> bool {
        self.classes.get(class).is_some_and(|r| r.allow)
    }

    /// Code of class or type, and its ruling.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&String, &Arc<Ruling>)> {
        self.classes.iter().chain(&self.types)
    }
}

impl Choices {
    pub(super) fn rows(&self) -> impl Iterator<Item = (&'static str, &Ruling)> {
        [("bris_de_glace_sees_masked", &self.bris_de_glace_sees_masked), ("centre_15_sees_masked", &self.centre_15_sees_masked), ("author_exempt", &self.author_exempt)].into_iter()
    }
}

fn cell(profession: &str, code: &str, ruling: Option<&Arc<Ruling>>) -> Cell {
    let key = key(profession, code);
    match ruling {
        Some(ruling) => Cell::of(key, ruling),
        None => Cell { allowed: false, key, source: NO_CELL.to_owned(), confidence: Confidence::Assumption },
    }
}

pub(super) fn key(profession: &str, code: &str) -> String {
    let clipped = |text: &str| text.chars().take(KEY_CODE_CHARS).collect::<String>();
    format!("{} × {}", clipped(profession), clipped(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFESSIONS: [&str; 3] = ["10", "40", "60"];

    fn builtin() -> Matrix {
        Matrix::builtin().unwrap()
    }

    #[test]
    fn the_cells_that_are_written_are_there() {
        let matrix = builtin();
        let read = |profession: &str, code: &str| {
            let class = classification::types().find(|(c, ..)| *c == code).unwrap().1;
            let cell = matrix.cell(profession, code, class);
            (cell.allowed, cell.confidence)
        };
        for (code, class, _) in classification::types() {
            let sourced = if class == "99" { Confidence::Assumption } else { Confidence::Sourced };
            assert_eq!(read("10", code), (code != "ATTEST-RESID", sourced), "{code}");
        }
        for code in ["80788-3", "75496-0", "83981-1", "83901-9", "68599-0"] {
            assert_eq!(read("40", code), (false, Confidence::Sourced), "{code}");
            assert_eq!(matrix.cell("40", code, "10").key, format!("40 × {code}"));
        }
        assert_eq!(read("40", "11488-4"), (true, Confidence::Assumption));
        assert_eq!(matrix.cell("40", "11488-4", "10").key, "40 × 10");
        assert_eq!(matrix.cell("40", "51851-4", "95").key, "40 × 95");
        assert_eq!(read("41", "60591-5"), (false, Confidence::Sourced));
        assert_eq!(read("99", "60591-5"), (false, Confidence::Sourced));
    }

    #[test]
    fn every_profession_has_a_cell_for_every_class_and_every_cell_its_source() {
        let matrix = builtin();
        assert!(matrix.professions().count() >= 52);
        for profession in matrix.professions() {
            for (class, _) in classification::classes() {
                let cell = matrix.cell(profession, "", class);
                assert!(cell.source != NO_CELL && !cell.source.is_empty(), "{}", cell.key);
            }
        }
    }

    #[test]
    fn a_profession_is_opened_something_by_one_cell_of_any_kind() {
        let matrix = builtin();
        for profession in matrix.professions().chain(["", "11", " 10"]) {
            let readable = matrix.readable(profession);
            assert_eq!(matrix.opens(profession), !(readable.classes.is_empty() && readable.types.is_empty()), "{profession}");
        }
        assert!(matrix.opens("10") && matrix.opens("70") && !matrix.opens("41") && !matrix.opens("10000"));
        let row = "\n[[row]]\nprofessions = [\"41\"]\ntypes = [\"EXPPAT_3\"]\nallow = true\nsource = \"s\"\nconfidence = \"sourced\"\n";
        assert!(Matrix::parse(&format!("{}{row}", Matrix::BUILTIN)).unwrap().opens("41"), "one type is something");
    }

    #[test]
    fn a_clinical_resource_of_no_document_is_closed_with_its_class() {
        let matrix = builtin();
        assert_eq!((matrix.class_of_kind("MedicationRequest"), matrix.class_of_kind("Patient")), (Some("42"), None));
        for profession in matrix.professions().chain(["", "11"]) {
            let closed = matrix.closed_kinds(profession);
            for (kind, row) in &matrix.beside.clinical {
                assert_eq!(closed.contains(kind), !matrix.cell(profession, "", &row.class).allowed, "{profession} {kind}");
            }
        }
        let text = Matrix::BUILTIN.replace("classes = [\"10\", \"11\", \"31\", \"42\", \"43\", \"44\", \"45\", \"52\"]", "classes = [\"10\", \"11\", \"31\"]");
        assert_eq!(
            Matrix::parse(&text).unwrap().closed_kinds("21"),
            [
                "CarePlan",
                "DeviceRequest",
                "Goal",
                "Immunization",
                "ImmunizationRecommendation",
                "MedicationAdministration",
                "MedicationDispense",
                "MedicationRequest",
                "MedicationStatement",
                "ServiceRequest"
            ]
        );
        assert!(matrix.closed_kinds("10").is_empty() && matrix.closed_kinds("41").len() == matrix.beside.clinical.len());
    }

    #[test]
    fn the_lists_and_the_cells_agree_for_everything_known_and_unknown() {
        let matrix = builtin();
        let types: Vec<&str> = classification::types().map(|(code, ..)| code).chain(["", "00000-0", "10"]).collect();
        let classes: Vec<&str> = classification::classes().map(|(code, _)| code).chain(["", "98", "11488-4", "010"]).collect();
        for profession in matrix.professions().chain(["", "11", "médecin", " 10"]) {
            let readable = matrix.readable(profession);
            for type_code in &types {
                for class in &classes {
                    assert_eq!(readable.allows(type_code, class), matrix.cell(profession, type_code, class).allowed, "{profession} {type_code} {class}");
                }
            }
        }
    }

    #[test]
    fn a_type_allowed_by_its_own_cell_is_read_in_a_class_that_is_not() {
        let text = include_str!("../../fhir-profiles/access-matrix/matrix.toml");
        let row = "\n[[row]]\nprofessions = [\"60\"]\ntypes = [\"EXPPAT_3\"]\nallow = true\nsource = \"s\"\nconfidence = \"sourced\"\n";
        let matrix = Matrix::parse(&format!("{text}{row}")).unwrap();
        assert!(matrix.cell("60", "EXPPAT_3", "90").allowed && !matrix.cell("60", "EXPPAT_2", "90").allowed && !builtin().cell("60", "EXPPAT_3", "90").allowed);
        assert_eq!(matrix.readable("60").types, ["EXPPAT_3"]);
        assert!(matrix.readable("60").allows("EXPPAT_3", "90") && !matrix.readable("60").except.contains(&"EXPPAT_3".to_owned()));
    }

    #[test]
    fn a_document_filed_under_an_open_class_keeps_the_refusal_of_its_type() {
        let matrix = builtin();
        assert_eq!(matrix.cell("60", "51851-4", "10").key, "60 × 95");
        assert!(!matrix.cell("60", "51851-4", "10").allowed, "the class of its type is closed");
        assert!(!matrix.cell("60", "11488-4", "95").allowed, "the class it carries is closed");
        assert!(matrix.cell("60", "11488-4", "11").allowed, "both classes are open");
    }

    #[test]
    fn what_is_unknown_is_denied_and_an_unknown_type_falls_to_its_class() {
        let matrix = builtin();
        for profession in PROFESSIONS {
            assert!(matrix.cell(profession, "00000-0", "10").allowed);
            assert!(!matrix.cell(profession, "00000-0", "98").allowed);
            assert!(!matrix.cell(profession, "00000-0", "").allowed);
        }
        let unknown = matrix.cell(&"9".repeat(5000), "11488-4", "10");
        assert!(!unknown.allowed && unknown.key.chars().count() < 80 && unknown.confidence == Confidence::Assumption);
        assert_eq!(matrix.readable("médecin"), Readable::default());
        assert_eq!((matrix.profession_name("10"), matrix.profession_name("11")), (Some("Médecin"), None));
    }

    #[test]
    fn assumptions_name_cells_and_choices_and_nothing_sourced() {
        let matrix = builtin();
        let all = matrix.assumptions();
        for key in ["40 × 10", "10 × 99", "26 × 95", "bris_de_glace_sees_masked", "centre_15_sees_masked", "author_exempt", "clinical Condition", "otherwise archive"] {
            assert!(all.iter().any(|a| a == key), "{key}");
        }
        for key in ["10 × 10", "40 × 80788-3", "41 × 10", "otherwise add"] {
            assert!(!all.iter().any(|a| a == key), "{key}");
        }
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(matrix.author_exempt() && !matrix.bris_de_glace_sees_masked() && !matrix.centre_15_sees_masked());
    }

    #[test]
    fn what_is_closed_to_a_profession_is_named_in_words() {
        let matrix = builtin();
        assert_eq!(matrix.closed_classes("10"), Vec::<&str>::new());
        assert_eq!(matrix.closed_types("10"), ["Attestation de résidence"]);
        assert_eq!(matrix.closed_classes("40"), ["Données de remboursement", "Autres documents déposés par le patient", "Document de gestion", "Document technique"]);
        assert_eq!(matrix.closed_types("40").len(), 5);
        assert_eq!(matrix.closed_classes("unknown").len(), classification::classes().count());
        assert!(matrix.closed_types("unknown").is_empty());
    }
}
