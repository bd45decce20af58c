//! What a patient's documents say, as the tables of `conformance-tests/corpus/key-info` write it down.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A table of the folder.
pub fn table<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-tests/corpus/key-info").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Who writes documents, where, which drugs and analytes there are: what all patients share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    pub person: BTreeMap<String, Person>,
    pub place: BTreeMap<String, Place>,
    pub drug: BTreeMap<String, Drug>,
    pub analyte: BTreeMap<String, Analyte>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub id: String,
    pub prefix: String,
    pub given: String,
    pub family: String,
    #[serde(default)]
    pub suffix: String,
    /// Profession and speciality: code and display.
    pub role: [String; 2],
    pub place: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub id: String,
    pub name: String,
    /// Practice setting: code and display.
    pub setting: [String; 2],
    /// Kind of facility: code and display.
    pub facility: [String; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drug {
    pub name: String,
    /// ATC: code and display.
    pub atc: [String; 2],
    /// Unit of one intake.
    pub unit: String,
    #[serde(default)]
    pub route: Option<[String; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyte {
    pub loinc: String,
    pub display: String,
    /// As the report prints it.
    pub label: String,
    #[serde(default)]
    pub unit: String,
    /// Range of the laboratory.
    #[serde(default)]
    pub low: Option<String>,
    #[serde(default)]
    pub high: Option<String>,
}

/// A patient and the documents about them, oldest first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// French, one line.
    pub title: String,
    pub patient: Identity,
    #[serde(default)]
    pub document: Vec<Document>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub ins: String,
    pub family: String,
    pub given: String,
    /// `M` or `F`.
    pub sex: String,
    /// `1959-05-14`
    pub birth: String,
}

/// The kinds of document that are written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Volet {
    /// VSM 2023.01
    Synthese,
    /// CR-BIO 2024.01
    Biologie,
    /// LDL-SES 2022.01
    Sortie,
    /// VAC 2023.01
    Vaccinations,
    /// EP-MED-DM 2024.01
    Prescription,
    /// eDISP-MED 2024.01
    Dispensation,
    /// A report of its own type, with the sections it has.
    CompteRendu,
}

/// One document; only what it says is written.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub volet: Volet,
    /// `2026-10-05T10:15`, local time.
    pub date: String,
    /// Of a stay or a treatment; the date when absent.
    #[serde(default)]
    pub until: Option<String>,
    /// Key of a person.
    pub by: String,
    /// Of a report: LOINC type and its display.
    #[serde(default)]
    pub kind: Option<[String; 2]>,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub problems: Vec<Problem>,
    #[serde(default)]
    pub history: Vec<Problem>,
    #[serde(default)]
    pub acts: Vec<Act>,
    #[serde(default)]
    pub allergies: Vec<Allergy>,
    /// «Aucune allergie connue».
    #[serde(default)]
    pub no_allergy: bool,
    #[serde(default)]
    pub treatments: Vec<Intake>,
    #[serde(default)]
    pub stopped: Vec<Intake>,
    #[serde(default)]
    pub vaccines: Vec<Vaccine>,
    /// Analyte → value.
    #[serde(default)]
    pub results: BTreeMap<String, String>,
    #[serde(default)]
    pub vitals: BTreeMap<String, String>,
    #[serde(default)]
    pub lifestyle: Vec<Said>,
    #[serde(default)]
    pub family: Vec<Relative>,
    #[serde(default)]
    pub pregnancy: Vec<Said>,
    #[serde(default)]
    pub devices: Vec<Device>,
    #[serde(default)]
    pub directives: Vec<Said>,
    #[serde(default)]
    pub function: Vec<Said>,
    /// What is to be done.
    #[serde(default)]
    pub plan: Vec<Planned>,
    #[serde(default)]
    pub vigilance: Vec<String>,
    /// Words without entries.
    #[serde(default)]
    pub text: Vec<Words>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// CIM-10
    pub code: String,
    /// Of the code; the words of the narrative too when `words` is absent.
    pub name: String,
    #[serde(default)]
    pub words: Option<String>,
    #[serde(default)]
    pub since: Option<String>,
    #[serde(default)]
    pub until: Option<String>,
    #[serde(default)]
    pub denied: bool,
    #[serde(default)]
    pub note: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// CCAM
    pub code: String,
    pub name: String,
    pub date: String,
    #[serde(default)]
    pub words: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Allergy {
    /// Code, code system and words of the agent.
    pub agent: [String; 3],
    /// SNOMED CT kind and words.
    pub kind: [String; 2],
    /// CIM-10 and words of the reaction.
    #[serde(default)]
    pub reaction: Option<[String; 2]>,
    /// `high` or `low`.
    #[serde(default)]
    pub criticality: Option<String>,
    #[serde(default)]
    pub since: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    pub drug: String,
    /// Words of the dosage.
    pub dose: String,
    /// Amount of one intake, and hours between two.
    pub each: String,
    pub hours: u32,
    pub from: String,
    #[serde(default)]
    pub to: Option<String>,
    /// CIM-10 and words.
    #[serde(default)]
    pub why: Option<[String; 2]>,
    #[serde(default)]
    pub note: Option<String>,
    /// Boxes, of a prescription or a dispensation.
    #[serde(default)]
    pub boxes: u32,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Vaccine {
    pub name: String,
    pub atc: [String; 2],
    pub date: String,
    pub disease: String,
    #[serde(default)]
    pub lot: Option<String>,
    #[serde(default)]
    pub rank: Option<u32>,
    /// Why it was not given.
    #[serde(default)]
    pub refused: Option<String>,
}

/// An observation with a coded value, a quantity or a date.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Code, system and display; LOINC when the system is empty.
    pub code: [String; 3],
    /// As the narrative says it.
    pub words: String,
    #[serde(default)]
    pub value: Option<[String; 3]>,
    #[serde(default)]
    pub quantity: Option<[String; 2]>,
    #[serde(default)]
    pub day: Option<String>,
    #[serde(default)]
    pub yes: Option<bool>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Relative {
    /// `FTH` or `MTH`, and the words.
    pub who: [String; 2],
    pub code: String,
    pub name: String,
    pub words: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Code (EMDN) and display.
    pub code: [String; 2],
    pub words: String,
    pub since: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    pub words: String,
    pub date: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// LOINC and display of the section.
    pub code: [String; 2],
    pub title: String,
    pub paragraphs: Vec<String>,
}
