//! Code systems, and which of their codes are of one thing.
//! Spec: `fhir-profiles/key-information/identity.toml`; FHIR R4 ConceptMap (`fhir-profiles/key-information/concept-maps`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub static IDENTITY: LazyLock<Identity> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/identity.toml")).unwrap_or_default());

const MAPS: &[&str] =
    &[include_str!("../../../fhir-profiles/key-information/concept-maps/cim10-snomed.json"), include_str!("../../../fhir-profiles/key-information/concept-maps/cim10-cisp2.json")];

const CIM10: &str = "cim-10";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    system: Vec<System>,
    identity: Vec<OfType>,
    nothing: HashMap<String, Vec<String>>,
    cim10: Cim10,
    pub side: Vec<Side>,
    pub route: Vec<Words>,
    pub immunization: Immunizations,
    pub procedure: Procedures,
    pub condition: Conditions,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct System {
    name: String,
    uris: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfType {
    /// Resource type; `Medication` for all that begin so.
    r#type: String,
    systems: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cim10 {
    joined: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "what the concept maps may do, held by a test"))]
    one_disease: Vec<Vec<String>>,
    once: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    pub name: String,
    pub codes: Vec<String>,
    pub words: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub name: String,
    pub words: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Immunizations {
    pub duplicate_days: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Procedures {
    pub same_days: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    pub same_years: i64,
}

static PUBLISHED: LazyLock<Vec<serde_json::Value>> = LazyLock::new(|| MAPS.iter().filter_map(|text| serde_json::from_str(text).ok()).collect());

/// The ConceptMaps by which codes of several systems are told as one line, as they are published.
pub fn concept_maps() -> &'static [serde_json::Value] {
    &PUBLISHED
}

/// A ConceptMap, as far as it is read.
#[derive(Debug, Deserialize)]
struct ConceptMap {
    group: Vec<MapGroup>,
}

#[derive(Debug, Deserialize)]
struct MapGroup {
    source: String,
    target: String,
    element: Vec<Element>,
}

#[derive(Debug, Deserialize)]
struct Element {
    code: String,
    target: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    code: String,
    equivalence: String,
}

/// Equivalences by which two codes are told as one line; of the others a map only says that they are near.
const JOINING: &[&str] = &["equal", "equivalent", "wider", "narrower"];

/// A code that may stand for many: of a system of the table, shortened and mapped as far as the tables say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Meant<'a> {
    Code(&'static str, Cow<'a, str>),
    /// Number of a class of codes that the concept maps join.
    Mapped(usize),
}

static SYSTEMS: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| IDENTITY.system.iter().flat_map(|s| s.uris.iter().map(|u| (u.as_str(), s.name.as_str()))).collect());

static MAPPED: LazyLock<HashMap<(&'static str, String), usize>> = LazyLock::new(|| classes(&links()));

/// The name of a system by its URI.
pub fn system(uri: &str) -> Option<&'static str> {
    SYSTEMS.get(uri).copied()
}

/// The names of the systems that identify a type; `None` when the first coding does.
pub fn identifying(family: &str) -> Option<&'static [String]> {
    IDENTITY.identity.iter().find(|i| i.r#type == family).map(|i| i.systems.as_slice())
}

/// Whether a code names no thing of its own.
pub fn names_nothing(system: &str, code: &str) -> bool {
    IDENTITY.nothing.get(system).is_some_and(|codes| codes.iter().any(|c| c == code))
}

/// What a code of a system means.
pub fn meant<'a>(system: &'static str, code: &'a str) -> Meant<'a> {
    let code = if system == CIM10 { shortened(code) } else { Cow::Borrowed(code) };
    if !matches!(system, "cim-10" | "snomed-ct" | "cisp-2") {
        return Meant::Code(system, code);
    }
    match MAPPED.get(&(system, code.to_string())) {
        Some(class) => Meant::Mapped(*class),
        None => Meant::Code(system, code),
    }
}

/// Whether a problem of this CIM-10 code is one that somebody has once.
pub fn once(code: &str) -> bool {
    code.get(..3).is_some_and(|category| IDENTITY.cim10.once.iter().any(|c| c.eq_ignore_ascii_case(category)))
}

/// `E11` of `E11.9`, where the category is one problem; `I25.1` of `I251`.
fn shortened(code: &str) -> Cow<'_, str> {
    let category = code.get(..3).unwrap_or(code);
    if IDENTITY.cim10.joined.iter().any(|c| c == category) {
        return Cow::Borrowed(category);
    }
    let undotted = code.len() > 3 && !code.contains('.') && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if undotted { Cow::Owned(format!("{category}.{}", code.get(3..).unwrap_or(""))) } else { Cow::Borrowed(code) }
}

type Code = (&'static str, String);

/// Pairs of codes that the maps join.
fn links() -> Vec<(Code, Code)> {
    let maps = MAPS.iter().filter_map(|text| serde_json::from_str::<ConceptMap>(text).ok());
    let mut out = Vec::new();
    for group in maps.flat_map(|m| m.group) {
        let (Some(source), Some(target)) = (system(&group.source), system(&group.target)) else { continue };
        for element in &group.element {
            let from = (source, shortened(&element.code).into_owned());
            out.extend(element.target.iter().filter(|t| JOINING.contains(&t.equivalence.as_str())).map(|t| (from.clone(), (target, t.code.clone()))));
        }
    }
    out
}

/// Codes → the number of their class: those that a chain of links joins.
fn classes(links: &[(Code, Code)]) -> HashMap<Code, usize> {
    let mut out: HashMap<Code, usize> = HashMap::new();
    for (number, (a, b)) in links.iter().enumerate() {
        match (out.get(a).copied(), out.get(b).copied()) {
            (Some(x), Some(y)) => out.values_mut().filter(|c| **c == y).for_each(|c| *c = x),
            (known, other) => {
                let class = known.or(other).unwrap_or(number);
                out.insert(a.clone(), class);
                out.insert(b.clone(), class);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn same(a: (&'static str, &str), b: (&'static str, &str)) -> bool {
        meant(a.0, a.1) == meant(b.0, b.1)
    }

    #[test]
    fn the_tables_are_read() {
        assert!(IDENTITY.system.len() >= 8 && IDENTITY.cim10.joined.len() > 50 && IDENTITY.side.len() == 3);
        assert!(IDENTITY.identity.iter().flat_map(|i| &i.systems).all(|name| IDENTITY.system.iter().any(|s| s.name == *name)));
        assert!(IDENTITY.nothing.keys().all(|name| IDENTITY.system.iter().any(|s| s.name == *name)));
        assert!(links().len() > 190, "{}", links().len());
    }

    #[test]
    fn every_map_is_an_r4_conceptmap_with_honest_equivalences_and_its_source() {
        for text in MAPS {
            let map: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!((map["resourceType"].as_str(), map["status"].as_str()), (Some("ConceptMap"), Some("draft")));
            assert!(map["url"].is_string() && map["purpose"].as_str().is_some_and(|p| p.contains("Source")));
            for element in map["group"][0]["element"].as_array().unwrap() {
                assert!(element["display"].is_string() && element["target"].as_array().is_some_and(|t| !t.is_empty()), "{element}");
                for target in element["target"].as_array().unwrap() {
                    assert!(target["display"].is_string() && JOINING.contains(&target["equivalence"].as_str().unwrap()), "{target}");
                }
            }
        }
    }

    #[test]
    fn no_class_of_the_maps_holds_two_categories_that_are_kept_apart() {
        let mut categories: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for ((system, code), class) in MAPPED.iter().filter(|((system, _), _)| *system == CIM10) {
            assert_eq!(*system, CIM10);
            categories.entry(*class).or_default().insert(code.chars().take(3).collect());
        }
        for found in categories.values().filter(|c| c.len() > 1) {
            let told = IDENTITY.cim10.one_disease.iter().any(|row| found.iter().all(|c| row.contains(c)));
            assert!(told, "{found:?}");
        }
    }

    #[test]
    fn one_disease_has_one_meaning_in_three_systems_and_two_have_two() {
        assert!(same((CIM10, "E11.9"), ("snomed-ct", "44054006")) && same((CIM10, "E112"), ("cisp-2", "T90")));
        assert!(same((CIM10, "I48.0"), ("snomed-ct", "49436004")) && same(("snomed-ct", "59621000"), ("cisp-2", "K86")));
        assert!(!same((CIM10, "E10.9"), (CIM10, "E11.9")) && !same((CIM10, "E78.0"), (CIM10, "E78.1")) && !same((CIM10, "I20.0"), (CIM10, "I20.9")));
        assert!(!same((CIM10, "C18.0"), (CIM10, "C20")) && !same((CIM10, "I63"), (CIM10, "I64")) && !same((CIM10, "R10.1"), (CIM10, "R10.4")));
        assert!(names_nothing(CIM10, "R69") && once("E11.9") && !once("J18.9"));
    }
}
