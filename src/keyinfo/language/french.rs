//! The French words of the narrative.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::words::fold;

/// The French words.
pub static FRENCH: LazyLock<French> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/french.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
pub struct French {
    pub nothing: String,
    /// Title over the sections without content.
    pub without: String,
    pub months: Vec<String>,
    /// Folded words by which a document says that it does not know.
    pub unsaid: Vec<String>,
    /// Beginnings of the units by which a product says its strength.
    pub strength: Vec<String>,
    /// Folded beginnings of titles that name a kind of document before the examination.
    pub report_titles: Vec<String>,
    pub report_part: Vec<ReportPart>,
    pub abnormal: Codes,
    pub outside: Outside,
    pub loinc: Loinc,
    pub snomed: Snomed,
    pub course: CourseWords,
    pub period: HashMap<String, (String, String)>,
    status: HashMap<String, Words>,
    pub title: Words,
    pub verification: Words,
    pub criticality: Words,
    pub allergy_type: Words,
    pub severity: Words,
    pub interpretation: Words,
    pub frequency: Words,
    pub when: Words,
    pub day: Words,
    pub unit: Words,
    pub route: Words,
    pub series: Words,
    pub relation: Words,
    pub gender: Words,
    pub boolean: Words,
    pub absent: Words,
}

/// Of a value outside the range of its laboratory that is not flagged so.
#[derive(Debug, Default, Deserialize)]
pub struct Outside {
    pub above: String,
    pub below: String,
    pub though_normal: String,
}

/// Words by code.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Words(HashMap<String, String>);

/// A section of a report of an examination, in the order they are read.
#[derive(Debug, Deserialize)]
pub struct ReportPart {
    pub code: String,
    pub word: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct CourseWords {
    pub planned: String,
    pub current: String,
    pub begun: String,
    pub stopped: String,
    pub over: String,
    /// Folded first words of a note that says a treatment was stopped.
    pub stop_words: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Codes {
    pub codes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Loinc {
    pub scale: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Snomed {
    pub tags: Vec<String>,
}

impl French {
    /// The word for the status of a resource type; `None` when the table does not know it.
    pub fn status(&self, kind: &str, code: &str) -> Option<&str> {
        self.status.get(kind)?.word(code)
    }

    /// Whether a text only says that nothing is known.
    pub fn is_unsaid(&self, text: &str) -> bool {
        text.is_empty() || self.unsaid.contains(&fold(text))
    }
}

impl Words {
    /// The word for a code; `None` when the table does not know it.
    pub fn word(&self, code: &str) -> Option<&str> {
        self.0.get(code).map(String::as_str)
    }

    /// Every word.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}
