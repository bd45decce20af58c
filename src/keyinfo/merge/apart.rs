//! What keeps statements of one code apart: the side of the body, the time, the unit, the dosage.
//! Spec: key information §3.4, column «dedupe key»; `fhir-profiles/key-information/identity.toml`.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use serde_json::Value;

use super::moments;
use super::statement::{Statement, settle};
use crate::keyinfo::language::concept::{self, at, get, items, str_of, text};
use crate::keyinfo::language::mark::{Mark, Quick};
use crate::keyinfo::language::words::fold;
use crate::keyinfo::read::analyte;
use crate::keyinfo::read::codes::{self, IDENTITY, system};
use crate::keyinfo::tell::medication;

/// What is known of a fact beside its resource.
pub struct Beside<'a> {
    pub dated: bool,
    pub isolate: Option<&'a Value>,
    pub device: Option<&'a Value>,
    /// Its quantity is compared in the unit of its analyte, whatever its own.
    pub comparable: bool,
}

/// What tells a fact from others of its code, besides the time.
pub fn told(kind: &str, resource: &Value, concept: Option<&Value>, beside: &Beside<'_>) -> String {
    match kind {
        "Observation" => result(resource, concept, beside),
        "AllergyIntolerance" => String::new(),
        "Condition" | "Procedure" => side(resource, concept),
        "Immunization" if beside.dated => String::new(),
        "Immunization" => dose(resource),
        "DiagnosticReport" => fold(text(resource, "/conclusion")),
        "FamilyMemberHistory" => relative(resource),
        "Goal" => aim(resource),
        "DeviceUseStatement" => device_name(beside.device, resource),
        kind if kind.starts_with("Medication") => medication::dosage(resource).map(|d| fold(&d)).unwrap_or_default(),
        _ => fold(text(resource, "/description")),
    }
}

/// The statements of one class, in the groups that are one thing each.
pub fn split(statements: &[Statement<'_>], mut list: Vec<usize>) -> Vec<Vec<usize>> {
    if list.len() < 2 {
        return vec![list];
    }
    let Some(kind) = list.first().and_then(|at| statements.get(*at)).map(|s| s.kind) else { return Vec::new() };
    let told = |at: usize| statements.get(at).map(|s| s.apart_by);
    match kind {
        // What cannot be compared is in no series.
        "Observation" => by(list, |at| (told(at), statements.get(at).and_then(|s| s.doubt))).into_iter().flat_map(|l| questions(statements, l)).collect(),
        "AllergyIntolerance" => vec![list],
        "FamilyMemberHistory" => by(list, told),
        "Condition" => by(list, told).into_iter().flat_map(|l| onsets(statements, l)).collect(),
        _ => {
            // What nothing tells apart is counted within its document, in the order of the document.
            list.sort_by(|a, b| match (statements.get(*a), statements.get(*b)) {
                (Some(a), Some(b)) => settle(a, b),
                _ => Ordering::Equal,
            });
            match kind {
                "Procedure" => by(list, told).into_iter().flat_map(|l| happened(statements, l, IDENTITY.procedure.same_days)).collect(),
                "Immunization" => moments::doses(statements, list, |list| happened(statements, list, 0)),
                kind if kind.starts_with("Medication") => dosages(statements, &list),
                _ => happened(statements, list, 0),
            }
        }
    }
}

/// Observations of one code that a document tells apart by their names (two questions, two sites, two leads) are as many things; what
/// is compared by its analyte is one, whatever it is called.
fn questions(statements: &[Statement<'_>], list: Vec<usize>) -> Vec<Vec<usize>> {
    // What is compared by its analyte is so in all of the list: its unit was told apart before.
    if list.first().and_then(|at| statements.get(*at)).is_some_and(|s| s.conversion.is_some()) {
        return vec![list];
    }
    let name = |at: usize| statements.get(at).and_then(|s| s.reading()).map(|r| r.name);
    let mut named: HashMap<Option<usize>, Option<Mark>, Quick> = HashMap::default();
    let several = list.iter().any(|at| *named.entry(statements.get(*at).and_then(|s| s.source)).or_insert_with(|| name(*at)) != name(*at));
    if several { by(list, name) } else { vec![list] }
}

/// Events of the same words: dated ones by their day, or days so close; undated ones by their rank in their document.
fn happened(statements: &[Statement<'_>], list: Vec<usize>, days: i64) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    for same in by(list, |at| statements.get(at).map(|s| s.apart_by)) {
        let (dated, undated): (Vec<usize>, Vec<usize>) = same.into_iter().partition(|at| statements.get(*at).is_some_and(|s| s.when_us.is_some()));
        out.extend(if days > 0 { moments::near(statements, dated, days) } else { by(dated, |at| statements.get(at).map_or("", |s| s.when.get(..10).unwrap_or(s.when))) });
        let mut met: HashMap<Option<usize>, usize> = HashMap::new();
        out.extend(by(undated, |at| {
            let rank = met.entry(statements.get(at).and_then(|s| s.source)).or_default();
            *rank += 1;
            *rank
        }));
    }
    out
}

/// Statements of two dosages in one document are two lines; the dosages of a document are ranked by their words.
fn dosages(statements: &[Statement<'_>], list: &[usize]) -> Vec<Vec<usize>> {
    let all = || list.iter().filter_map(|at| Some((*at, statements.get(*at)?)));
    let mut of: HashMap<Option<usize>, BTreeSet<&str>> = HashMap::new();
    for (_, s) in all() {
        of.entry(s.source).or_default().insert(&s.apart);
    }
    let rank = |s: &Statement<'_>| of.get(&s.source).map_or(0, |known| known.iter().take_while(|d| **d < s.apart.as_str()).count());
    by_pairs(all().map(|(at, s)| (at, rank(s))))
}

/// Problems of one code and side by their onset: within a year of each other, or lifelong, they are one; without an onset, of the newest.
fn onsets(statements: &[Statement<'_>], list: Vec<usize>) -> Vec<Vec<usize>> {
    let lifelong = list.iter().filter_map(|at| statements.get(*at)).any(|s| s.lifelong);
    let onset = |at: usize| statements.get(at).filter(|s| s.when_us.is_some() && s.doubt.is_none()).and_then(|s| s.when.get(..4)?.parse::<i64>().ok());
    if lifelong || list.iter().all(|at| onset(*at).is_none()) {
        return vec![list];
    }
    moments::years(list, onset, IDENTITY.condition.same_years)
}

/// Whether a problem is one that somebody has once.
pub fn lifelong(concept: &Value) -> bool {
    items(concept, "coding").filter(|c| str_of(c, "system").and_then(system) == Some("cim-10")).filter_map(|c| str_of(c, "code")).any(codes::once)
}

/// Statements by what tells them apart, in the order of the first of each.
pub fn by<K: Eq + Hash>(list: Vec<usize>, mut key: impl FnMut(usize) -> K) -> Vec<Vec<usize>> {
    by_pairs(list.into_iter().map(|at| (at, key(at))))
}

fn by_pairs<K: Eq + Hash>(pairs: impl Iterator<Item = (usize, K)>) -> Vec<Vec<usize>> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut out: Vec<Vec<usize>> = Vec::new();
    for (at, key) in pairs {
        let place = *places.entry(key).or_insert(out.len());
        match out.get_mut(place) {
            Some(list) => list.push(at),
            None => out.push(vec![at]),
        }
    }
    out
}

/// Unit, side and isolate of a result.
fn result(resource: &Value, concept: Option<&Value>, beside: &Beside<'_>) -> String {
    let unit = if beside.comparable { "=" } else { get(resource, "valueQuantity").map_or("", analyte::written) };
    let isolate = beside.isolate.map(|i| format!("{:?}", concept::key(i))).unwrap_or_default();
    format!("{unit}|{}|{isolate}", side(resource, concept))
}

/// The side of the body that a statement names: its site but for the side, and the sides that codes or words of the table say.
fn side(resource: &Value, concept: Option<&Value>) -> String {
    let named = |code: &str| IDENTITY.side.iter().find(|side| side.codes.iter().any(|c| c == code));
    let mut out: Vec<&str> = items(resource, "bodySite").flat_map(concept::codes).map(|c| named(c).map_or(c, |side| side.name.as_str())).collect();
    for name in items(resource, "bodySite").chain(concept).flat_map(concept::names).filter(|n| may_name_a_side(n)) {
        let folded = fold(name);
        out.extend(IDENTITY.side.iter().filter(|side| folded.split(' ').any(|w| side.words.iter().any(|known| known == w))).map(|side| side.name.as_str()));
    }
    out.sort_unstable();
    out.dedup();
    out.join("|")
}

/// Whether folding a name is worth it: it holds the beginning of a word of the table.
fn may_name_a_side(name: &str) -> bool {
    let bytes = name.as_bytes();
    let begins = |at: usize, stem: &[u8]| bytes.get(at..at + stem.len()).is_some_and(|w| w.eq_ignore_ascii_case(stem));
    bytes.iter().enumerate().any(|(at, b)| matches!(b | 0x20, b'd' | b'g' | b'b') && LATERAL.iter().any(|stem| begins(at, stem)))
}

/// Beginnings of the words of the sides.
const LATERAL: &[&[u8]] = &[b"droi", b"gauc", b"bila"];

fn dose(resource: &Value) -> String {
    let number = at(resource, "/protocolApplied/0/doseNumberPositiveInt").map(Value::to_string).unwrap_or_default();
    format!("{number}|{}|{}", text(resource, "/lotNumber"), fold(text(resource, "/occurrenceString")))
}

/// What a goal aims at: two aims of one code are two goals.
fn aim(resource: &Value) -> String {
    let measure = |target: &Value| get(target, "measure").and_then(concept::key).map(|key| format!("{key:?}")).unwrap_or_default();
    let detail =
        |target: &Value| target.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("detail")).map(|(_, value)| fold(&value.to_string())).collect::<String>();
    items(resource, "target").map(|target| format!("{}={};", measure(target), detail(target))).collect()
}

fn relative(resource: &Value) -> String {
    let conditions: Vec<concept::Key<'_>> = items(resource, "condition").filter_map(|c| concept::key(get(c, "code")?)).collect();
    let relation: Vec<&str> = get(resource, "relationship").into_iter().flat_map(concept::codes).collect();
    format!("{relation:?}|{}|{conditions:?}", fold(text(resource, "/name")))
}

/// What tells one device of a type from another.
fn device_name(device: Option<&Value>, resource: &Value) -> String {
    device.map(|d| text(d, "/udiCarrier/0/deviceIdentifier")).filter(|t| !t.is_empty()).unwrap_or_else(|| text(resource, "/device/display")).to_owned()
}

/// Days between two moments, without sign.
pub fn days_between(a_us: i64, b_us: i64) -> i64 {
    const DAY_US: i64 = 86_400_000_000;
    let day = |us: i64| us.saturating_add(DAY_US / 12).div_euclid(DAY_US);
    (day(a_us) - day(b_us)).abs()
}
