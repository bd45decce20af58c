//! The rows of `fhir-profiles/cda-rules`, read once and indexed by the templateId or the name of the element they apply to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::expression::{Clause, Path, Place};

const GRAMMAR: &str = include_str!("../../../fhir-profiles/cda-rules/grammar.toml");
const HEADER: &str = include_str!("../../../fhir-profiles/cda-rules/header.toml");
const SECTIONS: &str = include_str!("../../../fhir-profiles/cda-rules/sections.toml");
const ENTRIES: &str = include_str!("../../../fhir-profiles/cda-rules/entries.toml");
const MODULES: &str = include_str!("../../../fhir-profiles/cda-rules/modules.toml");
const VALUE_SETS: &str = include_str!("../../../fhir-profiles/cda-rules/value-sets.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowFile {
    at: Vec<RowText>,
}

/// One row as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    element: String,
    spec: String,
    #[serde(default)]
    need: Vec<String>,
    set: Option<String>,
    #[serde(default)]
    null: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleFile {
    module: Vec<ModuleText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleText {
    template: String,
    version: Option<String>,
    name: String,
    title: String,
    spec: String,
    #[serde(default)]
    at: Vec<RowText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFile {
    set: Vec<SetText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetText {
    name: String,
    spec: String,
    /// Code system → its codes, separated by spaces.
    codes: BTreeMap<String, String>,
}

/// The codes of a value set.
#[derive(Debug)]
pub(super) struct ValueSet {
    pub name: String,
    /// By code system.
    codes: HashMap<String, HashSet<String>>,
}

impl ValueSet {
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.codes.get(system).is_some_and(|codes| codes.contains(code))
    }
}

/// A row, ready to be asked.
#[derive(Debug)]
pub(super) struct Row {
    at: Path,
    pub rule: &'static str,
    pub spec: String,
    pub clauses: Vec<Clause>,
    pub set: Option<&'static ValueSet>,
    /// Whether a nullFlavor may stand instead of a code.
    pub null: bool,
}

/// Templates of one element that are asked.
const MAX_TEMPLATES: usize = 30;

/// Rows by what they apply to.
#[derive(Debug, Default)]
pub(super) struct Rows {
    by_template: HashMap<String, Vec<Row>>,
    by_name: HashMap<String, Vec<Row>>,
    any: Vec<Row>,
}

impl Rows {
    fn take(&mut self, rule: &'static str, text: RowText) -> Option<()> {
        let at = Path::read(&text.element)?;
        let clauses = text.need.iter().map(|n| Clause::read(n)).collect::<Option<Vec<_>>>()?;
        let set = match &text.set {
            Some(name) => Some(SETS.get(name)?),
            None => None,
        };
        let list = match (at.template(), at.steps.last().and_then(|s| s.name.as_ref())) {
            (Some(template), _) => self.by_template.entry(template.to_owned()).or_default(),
            (None, Some(name)) => self.by_name.entry(name.clone()).or_default(),
            (None, None) => &mut self.any,
        };
        list.push(Row { at, rule, spec: text.spec, clauses, set, null: text.null });
        Some(())
    }

    /// The rows that apply to an element.
    pub fn of<'r>(&'r self, at: &'r Place<'r, '_>) -> impl Iterator<Item = &'r Row> {
        let templates = at.element.all("templateId").take(MAX_TEMPLATES).filter_map(|t| self.by_template.get(t.attr("root")?));
        let named = self.by_name.get(&*at.element.name);
        templates.chain(named).chain(std::iter::once(&self.any)).flatten().filter(|row| row.at.matches(at))
    }
}

/// A volet in one of its versions.
#[derive(Debug)]
pub(super) struct Module {
    pub template: String,
    /// `None` for the version whose documents write none.
    pub version: Option<String>,
    /// `VSM 2023.01`
    pub name: String,
    /// In French.
    pub title: String,
    pub rows: Rows,
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Of every CDA.
    pub grammar: Rows,
    /// Of documents with the French header.
    pub common: Rows,
    pub modules: Vec<Module>,
}

static SETS: LazyLock<HashMap<String, ValueSet>> = LazyLock::new(|| {
    let sets = toml::from_str::<SetFile>(VALUE_SETS).map(|f| f.set).unwrap_or_default();
    sets.into_iter().filter(|s| !s.spec.is_empty()).map(|s| (s.name.clone(), value_set(s))).collect()
});

fn value_set(text: SetText) -> ValueSet {
    let codes = text.codes.into_iter().map(|(system, codes)| (system, codes.split(' ').map(str::to_owned).collect())).collect();
    ValueSet { name: text.name, codes }
}

/// The tables of the program; a row that cannot be read is left out (a test reads them all).
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| read().0);

/// The tables, and the rows that are wrong.
fn read() -> (Tables, Vec<String>) {
    let mut tables = Tables::default();
    let mut wrong = Vec::new();
    let mut take = |rows: &mut Rows, rule, text: RowText| {
        let name = format!("{} {}", text.spec, text.element);
        if rows.take(rule, text).is_none() {
            wrong.push(name);
        }
    };
    let rows = |file| toml::from_str::<RowFile>(file).map(|f| f.at).unwrap_or_default();
    rows(GRAMMAR).into_iter().for_each(|text| take(&mut tables.grammar, "grammar", text));
    for (file, rule) in [(HEADER, "volet-header"), (SECTIONS, "volet-section"), (ENTRIES, "volet-entry")] {
        rows(file).into_iter().for_each(|text| take(&mut tables.common, rule, text));
    }
    for module in toml::from_str::<ModuleFile>(MODULES).map(|f| f.module).unwrap_or_default().into_iter().filter(|m| !m.spec.is_empty()) {
        let mut rows = Rows::default();
        for text in module.at {
            take(&mut rows, "volet-module", text);
        }
        tables.modules.push(Module { template: module.template, version: module.version, name: module.name, title: module.title, rows });
    }
    (tables, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<(&'static str, Vec<RowText>)> {
        let mut all: Vec<_> = [("grammar", GRAMMAR), ("header", HEADER), ("sections", SECTIONS), ("entries", ENTRIES)]
            .map(|(name, text)| (name, toml::from_str::<RowFile>(text).unwrap_or_else(|e| panic!("{name}: {e}")).at))
            .into_iter()
            .collect();
        all.extend(toml::from_str::<ModuleFile>(MODULES).unwrap().module.into_iter().map(|m| ("modules", m.at)));
        all
    }

    #[test]
    fn every_row_can_be_read_names_its_source_and_stands_once() {
        assert_eq!(read().1, Vec::<String>::new());
        for (name, rows) in files() {
            let mut seen = HashSet::new();
            for row in rows {
                let asks = !row.need.is_empty() || row.set.is_some();
                assert!(!row.spec.is_empty() && asks, "{name} {}", row.element);
                for need in row.need.iter().chain(&row.set) {
                    assert!(seen.insert((row.element.clone(), need.clone(), row.spec.clone())), "{name} {} {need} twice", row.element);
                }
            }
        }
    }

    #[test]
    fn modules_are_named_once_per_version() {
        let mut seen = HashSet::new();
        for module in toml::from_str::<ModuleFile>(MODULES).unwrap().module {
            assert!(seen.insert((module.template.clone(), module.version.clone())), "{}", module.name);
            assert!(module.template.starts_with("1.2.250.1.213.1.1.1.") && !module.title.is_empty() && !module.spec.is_empty() && !module.at.is_empty(), "{}", module.name);
        }
    }

    #[test]
    fn value_sets_are_used_and_have_codes_of_known_systems() {
        let used: HashSet<String> = files().into_iter().flat_map(|(_, rows)| rows.into_iter().filter_map(|r| r.set)).collect();
        for (name, set) in &*SETS {
            assert!(used.contains(name) && !set.codes.is_empty(), "{name}");
            assert!(set.codes.iter().all(|(system, codes)| crate::cda::codesystems::is_oid(system) && codes.iter().all(|c| !c.is_empty())), "{name}");
        }
        assert_eq!(toml::from_str::<SetFile>(VALUE_SETS).unwrap().set.len(), SETS.len());
    }
}
