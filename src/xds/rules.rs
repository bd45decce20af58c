//! The table of what document sharing resources must hold, read once.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::fhir::classification::canonical_system;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Shape {
    /// DocumentReference of ITI-65 and of an answer.
    Reference,
    /// DocumentReference of ITI-105.
    Simplified,
    SubmissionSet,
    Folder,
}

/// How much a profile asks, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Minimal,
    Uncontained,
    Comprehensive,
    #[default]
    Pdsm,
}

/// One step of a path: a member, or those of its items that a slice names.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub name: String,
    pub slice: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    on: Shape,
    path: String,
    #[serde(default)]
    min: usize,
    max: Option<usize>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    systems: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    contained: bool,
    #[serde(default)]
    level: Level,
    #[serde(default)]
    always: bool,
    spec: String,
}

/// One row, ready to be applied.
#[derive(Debug)]
pub(super) struct Rule {
    pub on: Shape,
    /// The steps to the parents, and the step whose values are counted.
    pub parents: Vec<Step>,
    pub last: Step,
    pub min: usize,
    pub max: Option<usize>,
    pub values: Vec<String>,
    pub prefixes: Vec<String>,
    /// Canonical.
    pub systems: HashSet<String>,
    pub types: Vec<String>,
    pub contained: bool,
    pub level: Level,
    pub always: bool,
    pub spec: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Profiles {
    pub bundle: Vec<String>,
    pub simplified: Vec<String>,
    pub pdsm: Vec<String>,
    pub comprehensive: Vec<String>,
    pub uncontained: Vec<String>,
    pub minimal: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Closed {
    pub roots: Vec<String>,
    pub spec: String,
}

#[derive(Debug, Default, Deserialize)]
struct Table {
    profiles: Profiles,
    extension: BTreeMap<String, String>,
    closed: Closed,
    rule: Vec<Row>,
}

/// The table as the checks use it.
#[derive(Debug)]
pub(super) struct Rules {
    pub profiles: Profiles,
    /// Name in the table → URL.
    pub extensions: BTreeMap<String, String>,
    pub closed: Closed,
    pub rules: Vec<Rule>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let table = toml::from_str::<Table>(include_str!("../../fhir-profiles/document-sharing/rules.toml")).unwrap_or_default();
    let rules = table.rule.into_iter().filter_map(rule).collect();
    Rules { profiles: table.profiles, extensions: table.extension, closed: table.closed, rules }
});

/// The table; a test proves that it parses.
pub(super) fn table() -> &'static Rules {
    &RULES
}

fn rule(row: Row) -> Option<Rule> {
    let mut parents: Vec<Step> = row.path.split('.').map(step).collect();
    let last = parents.pop()?;
    Some(Rule {
        on: row.on,
        parents,
        last,
        min: row.min,
        max: row.max,
        values: row.values,
        prefixes: row.prefixes,
        systems: row.systems.iter().map(|s| canonical_system(s)).collect(),
        types: row.types,
        contained: row.contained,
        level: row.level,
        always: row.always,
        spec: row.spec,
    })
}

fn step(text: &str) -> Step {
    match text.split_once('(') {
        Some((name, rest)) => Step { name: name.to_owned(), slice: Some(rest.trim_end_matches(')').to_owned()) },
        None => Step { name: text.to_owned(), slice: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses_and_each_row_states_something_and_its_source() {
        let table = table();
        assert!(table.rules.len() > 100, "{}", table.rules.len());
        for rule in &table.rules {
            let says =
                rule.min > 0 || rule.max.is_some() || rule.contained || [rule.values.len(), rule.prefixes.len(), rule.systems.len(), rule.types.len()].iter().any(|n| *n > 0);
            assert!(says && !rule.spec.is_empty(), "{rule:?}");
            let extension = rule.parents.iter().chain([&rule.last]).filter(|s| s.name == "extension").all(|s| s.slice.as_ref().is_some_and(|n| table.extensions.contains_key(n)));
            assert!(extension, "{rule:?}");
        }
    }
}
