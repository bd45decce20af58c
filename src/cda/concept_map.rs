//! Code maps: FHIR ConceptMaps, from the codes of documents to those of R4. Ours are `fhir-profiles/cda-maps/concept-maps`.
//!
//! Documents misname their code systems too often to ask for them: a code is looked up whatever system it is given with, `group.source`
//! says where it belongs. So a code has one target in a map, and a map one target system.
//! Spec: FHIR R4 ConceptMap.

mod check;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::maps;

pub(super) use check::check;

/// The addresses of ours begin so; the rest is the name that rows and rules use. Another address is a name as it is.
const OURS: &str = "urn:passerelle:ConceptMap:";
/// Equivalences that say that there is no target.
const NO_TARGET: &[&str] = &["unmatched", "disjoint"];

macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(include_str!(concat!("../../fhir-profiles/cda-maps/concept-maps/", $name, ".json"))),*] };
}

const FILES: &[&str] = files![
    "absent",
    "administration-status",
    "allergy-category",
    "allergy-clinical",
    "allergy-type",
    "allergy-verification",
    "condition-clinical",
    "condition-severity",
    "condition-verification",
    "criticality",
    "dispense-status",
    "empty-reason",
    "image-link",
    "intent",
    "observation-category",
    "observation-status",
    "period-unit",
    "prescription-status",
    "priority",
    "procedure-status",
    "reaction-severity",
    "report-status",
    "request-status",
    "statement-status",
];

/// CDA code → R4 code, and the system of the latter.
#[derive(Debug, Default, PartialEq)]
pub(super) struct CodeMap {
    pub system: Option<String>,
    codes: HashMap<String, String>,
}

/// The maps in use, by name.
static RESOURCES: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| merged(maps::added_concept_maps()));
/// The same, as they are looked up in.
static MAPS: LazyLock<HashMap<String, CodeMap>> = LazyLock::new(|| RESOURCES.iter().map(|(name, map)| (name.clone(), CodeMap::of(map))).collect());

/// The code maps in use as ConceptMaps, in the order of their ids; those of `documents.cda_maps` are in them.
pub fn concept_maps() -> impl Iterator<Item = &'static Value> {
    RESOURCES.values()
}

/// A code map by name.
pub(super) fn map(name: &str) -> Option<&'static CodeMap> {
    MAPS.get(name)
}

/// What a map makes of a code.
pub(super) fn mapped(name: &str, code: &str) -> Option<&'static str> {
    map(name)?.get(code)
}

/// What a map makes of the longest of its words that a text holds.
pub(super) fn said_in(name: &str, text: &str) -> Option<&'static str> {
    let words = &map(name)?.codes;
    words.iter().filter(|(word, _)| text.contains(word.as_str())).max_by_key(|(word, _)| (word.len(), word.as_str())).map(|(_, code)| code.as_str())
}

/// The names of ours.
pub(super) fn own_names() -> impl Iterator<Item = String> {
    own().into_keys()
}

impl CodeMap {
    /// The R4 code of a CDA code.
    pub fn get(&self, code: &str) -> Option<&str> {
        self.codes.get(code).map(String::as_str)
    }

    fn of(map: &Value) -> Self {
        let mut out = Self { system: target_of(map).map(str::to_owned), codes: HashMap::new() };
        for element in groups(map).flat_map(elements) {
            let target = element.pointer("/target/0");
            let text = |from: Option<&Value>, name: &str| from.and_then(|v| v.get(name)).and_then(Value::as_str).map(str::to_owned);
            let matched = text(target, "equivalence").is_some_and(|e| !NO_TARGET.contains(&e.as_str()));
            if let (true, Some(code), Some(to)) = (matched, text(Some(element), "code"), text(target, "code")) {
                out.codes.insert(code, to);
            }
        }
        out
    }
}

/// The name of a map: what follows our address, else the address.
fn name_of(map: &Value) -> Option<String> {
    map.get("url").and_then(Value::as_str).map(|url| url.strip_prefix(OURS).unwrap_or(url).to_owned())
}

fn groups(map: &Value) -> impl Iterator<Item = &Value> {
    map.get("group").and_then(Value::as_array).into_iter().flatten()
}

fn elements(group: &Value) -> impl Iterator<Item = &Value> {
    group.get("element").and_then(Value::as_array).into_iter().flatten()
}

fn target_of(map: &Value) -> Option<&str> {
    groups(map).find_map(|g| g.get("target").and_then(Value::as_str))
}

fn own() -> BTreeMap<String, Value> {
    let maps = FILES.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    maps.filter_map(|map| Some((name_of(&map)?, map))).collect()
}

/// Ours with those of the operator: a map of the same address gives its codes to ours, another one stands beside.
fn merged<'a>(added: impl Iterator<Item = &'a str>) -> BTreeMap<String, Value> {
    let mut out = own();
    for map in added.filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
        let Some(name) = name_of(&map) else { continue };
        match out.get_mut(&name) {
            Some(ours) => overlay(ours, &map),
            None => drop(out.insert(name, map)),
        }
    }
    out
}

/// Puts the groups of a map before ours, whose elements of the same codes go; the version says so.
fn overlay(ours: &mut Value, added: &Value) {
    let codes: Vec<&Value> = groups(added).flat_map(elements).filter_map(|e| e.get("code")).collect();
    let mut all: Vec<Value> = groups(added).cloned().collect();
    for group in groups(ours) {
        let kept: Vec<Value> = elements(group).filter(|e| e.get("code").is_none_or(|c| !codes.contains(&c))).cloned().collect();
        let mut group = group.clone();
        if let (false, Some(members)) = (kept.is_empty(), group.as_object_mut()) {
            members.insert("element".into(), Value::Array(kept));
            all.push(group);
        }
    }
    let version = |map: &Value| map.get("version").and_then(Value::as_str).unwrap_or("local").to_owned();
    let version = format!("{}+{}", version(ours), version(added));
    if let Some(members) = ours.as_object_mut() {
        members.insert("group".into(), Value::Array(all));
        members.insert("version".into(), json!(version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_of_ours_is_a_sound_concept_map_whose_address_id_and_source_are_told() {
        assert_eq!(own().len(), FILES.len());
        for text in FILES {
            let map: Value = serde_json::from_str(text).unwrap();
            let name = name_of(&map).unwrap();
            assert_eq!(check(text), Ok(name.clone()), "{name}");
            assert_eq!(map["id"], name.as_str());
            assert!(map["description"].as_str().unwrap().starts_with("Source: "), "{name}");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_use() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fhir-profiles/cda-maps/concept-maps");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len());
    }

    #[test]
    fn the_codes_of_an_added_map_come_over_ours_and_unmatched_takes_one_away() {
        let added = r#"{"resourceType": "ConceptMap", "url": "urn:passerelle:ConceptMap:reaction-severity", "version": "7", "status": "active", "group": [
            {"target": "http://hl7.org/fhir/reaction-event-severity", "element": [
              {"code": "grave", "target": [{"code": "severe", "equivalence": "equivalent"}]},
              {"code": "M", "target": [{"code": "severe", "equivalence": "equivalent"}]},
              {"code": "L", "target": [{"equivalence": "unmatched"}]}]}]}"#;
        let all = merged([added].into_iter());
        let map = CodeMap::of(&all["reaction-severity"]);
        assert_eq!((map.get("grave"), map.get("M"), map.get("L"), map.get("H")), (Some("severe"), Some("severe"), None, Some("severe")));
        assert_eq!(all["reaction-severity"]["version"], "1.0.0+7");
        assert_eq!(all.len(), FILES.len());
    }

    #[test]
    fn a_map_of_another_address_stands_beside_ours_under_its_address() {
        let added = r#"{"resourceType": "ConceptMap", "url": "https://example.org/ConceptMap/own", "status": "active", "group": [
            {"target": "urn:a", "element": [{"code": "1", "target": [{"code": "2", "equivalence": "equal"}]}]}]}"#;
        let all = merged([added].into_iter());
        assert_eq!(CodeMap::of(&all["https://example.org/ConceptMap/own"]).get("1"), Some("2"));
    }
}
