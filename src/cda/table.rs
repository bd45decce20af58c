//! Row tables: CDA path → FHIR path, by a named transform.
//!
//! A row writes its target once: `a.b` keeps what is there already, `a[]` appends. `a[x]` takes the type the transform found.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::codes::{self, CodeMap};
use super::maps;
use super::narrative::Narrative;
use super::path::select;
use super::transform::{Input, Output, Transform, transform};
use crate::fhir::xml::Element;

const FILES: &[(&str, &str)] = &[
    ("condition", include_str!("../../fhir-profiles/cda-maps/condition.toml")),
    ("allergy-intolerance", include_str!("../../fhir-profiles/cda-maps/allergy-intolerance.toml")),
    ("medication", include_str!("../../fhir-profiles/cda-maps/medication.toml")),
    ("immunization", include_str!("../../fhir-profiles/cda-maps/immunization.toml")),
    ("observation", include_str!("../../fhir-profiles/cda-maps/observation.toml")),
    ("procedure", include_str!("../../fhir-profiles/cda-maps/procedure.toml")),
];
/// Values one row may append.
const MAX_REPEATS: usize = 100;

#[derive(Deserialize)]
struct File {
    row: Vec<RawRow>,
}

/// A row as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRow {
    pub from: String,
    pub to: String,
    #[serde(rename = "as")]
    pub transform: String,
    pub map: Option<String>,
    pub only: Option<String>,
    /// Where it comes from.
    #[serde(default)]
    pub spec: String,
}

/// The rows of a text, each with its place.
pub(super) fn raw(text: &str) -> Result<Vec<toml::Spanned<RawRow>>, toml::de::Error> {
    #[derive(Deserialize)]
    struct Spanned {
        #[serde(default)]
        row: Vec<toml::Spanned<RawRow>>,
    }
    toml::from_str::<Spanned>(text).map(|file| file.row)
}

/// File names of the row tables.
pub(super) fn file_names() -> Vec<String> {
    FILES.iter().map(|(name, _)| format!("{name}.toml")).chain([codes::CODES_NAME.to_owned(), codes::TEMPLATES_NAME.to_owned()]).collect()
}

/// Whether a file name is one of a row table.
pub(super) fn is_file(name: &str) -> bool {
    FILES.iter().any(|(known, _)| name.strip_suffix(".toml") == Some(known))
}

struct Row {
    from: String,
    to: String,
    transform: Transform,
    map: Option<&'static CodeMap>,
    only: Option<String>,
    /// It wrote something since the program started.
    used: AtomicBool,
}

static TABLES: LazyLock<HashMap<&'static str, Vec<Row>>> = LazyLock::new(|| FILES.iter().map(|(name, text)| (*name, merged(rows(text), name))).collect());

/// The operator's rows come first, in the place of ours of the same from, to and only.
fn merged(own: Vec<Row>, name: &str) -> Vec<Row> {
    let mut out = maps::added(&format!("{name}.toml")).map(rows).unwrap_or_default();
    let ours: Vec<Row> = own.into_iter().filter(|row| !out.iter().any(|o| o.from == row.from && o.to == row.to && o.only == row.only)).collect();
    out.extend(ours);
    out
}

fn rows(text: &str) -> Vec<Row> {
    let raw = toml::from_str::<File>(text).map(|f| f.row).unwrap_or_default();
    raw.into_iter()
        .filter_map(|r| {
            Some(Row { transform: transform(&r.transform)?, map: r.map.as_deref().and_then(codes::map), from: r.from, to: r.to, only: r.only, used: AtomicBool::new(false) })
        })
        .collect()
}

/// Applies a table to a statement. `variant` is compared with `only` of the rows.
pub(super) fn apply(table: &str, e: &Element, narrative: &Narrative, variant: &str, out: &mut Map<String, Value>) {
    let Some(rows) = TABLES.get(table) else { return };
    for row in rows.iter().filter(|r| r.only.as_deref().is_none_or(|o| o == variant)) {
        for found in select(e, &row.from).into_iter().take(MAX_REPEATS) {
            if let Some(value) = (row.transform)(&Input { e: found, narrative, map: row.map }) {
                row.used.store(true, Ordering::Relaxed);
                write(out, &row.to, value);
            }
        }
    }
}

/// The rows that wrote nothing since the program started: table, from, to.
pub fn unexercised() -> Vec<(&'static str, &'static str, &'static str)> {
    let all = FILES.iter().flat_map(|(name, _)| TABLES.get(name).into_iter().flatten().map(move |row| (*name, row)));
    all.filter(|(_, row)| !row.used.load(Ordering::Relaxed)).map(|(name, row)| (name, row.from.as_str(), row.to.as_str())).collect()
}

fn write(out: &mut Map<String, Value>, to: &str, value: Output) {
    match value {
        Output::Plain(value) => put(out, to, value),
        // One choice element holds one type (FHIR R4 §2.24.0.5.1): the first one said.
        Output::Typed(kind, value) => {
            let name = to.strip_suffix("[x]").unwrap_or(to);
            let chosen = out.keys().any(|k| k.strip_prefix(name).is_some_and(|t| t.starts_with(char::is_uppercase)));
            if !chosen {
                put(out, &to.replace("[x]", kind), value);
            }
        }
    }
}

/// Writes at `a.b`, `a[]` or `a[].b`; what is there already stays.
pub(super) fn put(out: &mut Map<String, Value>, to: &str, value: Value) {
    let (head, rest) = to.split_once('.').map_or((to, None), |(h, r)| (h, Some(r)));
    let (name, repeats) = head.strip_suffix("[]").map_or((head, false), |n| (n, true));
    let inner = match rest {
        Some(rest) => {
            let mut members = Map::new();
            put(&mut members, rest, value);
            Value::Object(members)
        }
        None => value,
    };
    match out.get_mut(name) {
        Some(Value::Array(items)) if repeats => {
            if !items.contains(&inner) {
                items.push(inner);
            }
        }
        Some(_) => {}
        None if repeats => drop(out.insert(name.to_owned(), Value::Array(vec![inner]))),
        None => drop(out.insert(name.to_owned(), inner)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cda::path::well_formed;
    use serde_json::json;

    #[test]
    fn every_row_parses_and_names_a_transform_and_a_map_that_exist() {
        for (name, text) in FILES {
            let file: File = toml::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(rows(text).len(), file.row.len(), "{name}: an unknown transform");
            for row in file.row {
                assert!(well_formed(&row.from), "{name}: {}", row.from);
                assert!(row.map.as_deref().is_none_or(|m| codes::map(m).is_some()), "{name}: {:?}", row.map);
                assert_eq!(row.map.is_some(), row.transform.starts_with("mapped_"), "{name}: {}", row.transform);
            }
        }
    }

    #[test]
    fn every_row_says_where_it_comes_from() {
        for (name, text) in FILES {
            assert_eq!(text.matches("[[row]]").count(), text.matches("\nspec = ").count(), "{name}");
        }
    }

    #[test]
    fn a_target_is_written_once_and_a_list_appended_without_repeats() {
        let mut out = Map::new();
        for v in [1, 2, 2] {
            put(&mut out, "a.b", json!(v));
            put(&mut out, "c[]", json!(v));
        }
        assert_eq!(Value::Object(out), json!({"a": {"b": 1}, "c": [1, 2]}));
    }
}
