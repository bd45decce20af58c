//! What keeps statements of one code apart: the side of the body, the time, the unit, the dosage.
//! Spec: key information §3.4, column «dedupe key»; `fhir-profiles/key-information/identity.toml`.

use std::cmp::Ordering;

use serde_json::Value;

use super::analyte;
use super::codes::{self, IDENTITY, system};
use super::concept::{self, Index, at, get, items, str_of, text};
use super::statement::{Statement, settle};
use super::words::fold;
use super::{Fact, Source, medication, moments};

/// What statements are told apart with.
pub(super) struct Apart<'a> {
    pub facts: &'a [Fact<'a>],
    pub sources: &'a [Source],
    pub index: &'a Index<'a>,
    pub statements: &'a [Statement<'a>],
}

impl<'a> Apart<'a> {
    /// The statements of one class, in the groups that are one thing each.
    pub fn split(&self, mut list: Vec<usize>) -> Vec<Vec<usize>> {
        if list.len() < 2 {
            return vec![list];
        }
        let Some(kind) = list.first().and_then(|at| self.statements.get(*at)).map(|s| s.kind) else { return Vec::new() };
        match kind {
            "Observation" => by(list, |at| self.of(at).map(result).unwrap_or_default()),
            "AllergyIntolerance" => vec![list],
            "Condition" => by(list, |at| self.of(at).map(side).unwrap_or_default()).into_iter().flat_map(|l| self.onsets(l)).collect(),
            _ => {
                // What nothing tells apart is counted within its document, in the order of the document.
                list.sort_by(|a, b| self.order(*a, *b));
                self.events(kind, list)
            }
        }
    }

    fn events(&self, kind: &str, list: Vec<usize>) -> Vec<Vec<usize>> {
        match kind {
            "Procedure" => {
                by(list, |at| self.of(at).map(side).unwrap_or_default()).into_iter().flat_map(|l| self.happened(l, IDENTITY.procedure.same_days, |_| String::new())).collect()
            }
            "Immunization" => moments::doses(self.statements, list, |list| self.happened(list, 0, |s| if s.when_us.is_none() { dose(s.resource) } else { String::new() })),
            "DiagnosticReport" => self.happened(list, 0, |s| fold(text(s.resource, "/conclusion"))),
            "FamilyMemberHistory" => by(list, |at| self.of(at).map(|s| relative(s.resource)).unwrap_or_default()),
            "DeviceUseStatement" => self.happened(list, 0, |s| device_name(self.index.device(self.facts, s.resource), s)),
            kind if kind.starts_with("Medication") => self.dosages(list),
            _ => self.happened(list, 0, |s| fold(text(s.resource, "/description"))),
        }
    }

    fn of(&self, at: usize) -> Option<&'a Statement<'a>> {
        self.statements.get(at)
    }

    fn order(&self, a: usize, b: usize) -> Ordering {
        match (self.of(a), self.of(b)) {
            (Some(a), Some(b)) => settle(self.facts, self.sources, a, b),
            _ => Ordering::Equal,
        }
    }

    /// Dated events by their day, or days so close; undated ones by their rank in their document.
    fn happened(&self, list: Vec<usize>, days: i64, with: impl Fn(&Statement<'a>) -> String) -> Vec<Vec<usize>> {
        let mut ranks: Vec<(Option<usize>, String, usize)> = Vec::new();
        let mut out = Vec::new();
        for same in by(list, |at| self.of(at).map(&with).unwrap_or_default()) {
            let (dated, undated): (Vec<usize>, Vec<usize>) = same.into_iter().partition(|at| self.of(*at).is_some_and(|s| s.when_us.is_some()));
            out.extend(if days > 0 {
                moments::near(self.statements, dated, days)
            } else {
                by(dated, |at| self.of(at).map(|s| s.when.get(..10).unwrap_or(s.when)).unwrap_or_default())
            });
            out.extend(by(undated, |at| {
                let Some(s) = self.of(at) else { return 0 };
                let said = with(s);
                let rank = ranks.iter().filter(|(source, words, _)| *source == s.source && *words == said).count();
                ranks.push((s.source, said, rank));
                rank
            }));
        }
        out
    }

    /// Statements of two dosages in one document are two lines; the dosages of a document are ranked by their words.
    fn dosages(&self, list: Vec<usize>) -> Vec<Vec<usize>> {
        let dosage = |at: usize| self.of(at).and_then(|s| medication::dosage(s.resource)).map(|d| fold(&d)).unwrap_or_default();
        let said: Vec<(Option<usize>, String)> = list.iter().map(|at| (self.of(*at).and_then(|s| s.source), dosage(*at))).collect();
        let rank = |one: &(Option<usize>, String)| {
            let mut below: Vec<&str> = said.iter().filter(|(source, d)| *source == one.0 && *d < one.1).map(|(_, d)| d.as_str()).collect();
            below.sort_unstable();
            below.dedup();
            below.len()
        };
        let mut ranked = list.iter().zip(&said).map(|(at, one)| (*at, rank(one)));
        by_pairs(&mut ranked)
    }

    /// Problems of one code and side by their onset: within a year of each other, or lifelong, they are one; without an onset, of the newest.
    fn onsets(&self, list: Vec<usize>) -> Vec<Vec<usize>> {
        let lifelong = list.iter().filter_map(|at| self.of(*at)?.concept).any(|c| cim10(c).any(codes::once));
        let onset = |at: usize| self.of(at).filter(|s| s.when_us.is_some() && s.doubt.is_none()).and_then(|s| s.when.get(..4)?.parse::<i64>().ok());
        if lifelong || list.iter().all(|at| onset(*at).is_none()) {
            return vec![list];
        }
        moments::years(list, onset, IDENTITY.condition.same_years)
    }
}

fn cim10(concept: &Value) -> impl Iterator<Item = &str> {
    items(concept, "coding").filter(|c| str_of(c, "system").and_then(system) == Some("cim-10")).filter_map(|c| str_of(c, "code"))
}

/// Statements by what tells them apart, in the order of the first of each.
pub(super) fn by<K: PartialEq>(list: Vec<usize>, key: impl FnMut(usize) -> K) -> Vec<Vec<usize>> {
    let mut key = key;
    by_pairs(&mut list.into_iter().map(|at| (at, key(at))))
}

fn by_pairs<K: PartialEq>(pairs: &mut dyn Iterator<Item = (usize, K)>) -> Vec<Vec<usize>> {
    let mut out: Vec<(K, Vec<usize>)> = Vec::new();
    for (at, key) in pairs {
        match out.iter_mut().find(|(known, _)| *known == key) {
            Some((_, list)) => list.push(at),
            None => out.push((key, vec![at])),
        }
    }
    out.into_iter().map(|(_, list)| list).collect()
}

/// Unit, side and isolate of a result, and why it is doubted: what cannot be compared is in no series.
fn result<'a>(s: &Statement<'a>) -> (&'a str, String, Option<&'static str>) {
    let unit = match s.conversion {
        Some(_) => "=",
        None => get(s.resource, "valueQuantity").map_or("", analyte::written),
    };
    let isolate = s.isolate.map(|i| format!("{:?}", concept::key(i))).unwrap_or_default();
    let side = if s.isolate.is_none() && get(s.resource, "bodySite").is_none() { String::new() } else { side(s) };
    (unit, format!("{side}{isolate}"), s.doubt)
}

/// The side of the body that a statement names: its site but for the side, and the sides that codes or words of the table say.
fn side(s: &Statement<'_>) -> String {
    let named = |code: &str| IDENTITY.side.iter().find(|side| side.codes.iter().any(|c| c == code));
    let mut out: Vec<&str> = items(s.resource, "bodySite").flat_map(concept::codes).map(|c| named(c).map_or(c, |side| side.name.as_str())).collect();
    for name in items(s.resource, "bodySite").chain(s.concept).flat_map(concept::names).filter(|n| may_name_a_side(n)) {
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

fn relative(resource: &Value) -> String {
    let conditions: Vec<concept::Key<'_>> = items(resource, "condition").filter_map(|c| concept::key(get(c, "code")?)).collect();
    let relation: Vec<&str> = get(resource, "relationship").into_iter().flat_map(concept::codes).collect();
    format!("{relation:?}|{}|{conditions:?}", fold(text(resource, "/name")))
}

/// What tells one device of a type from another.
fn device_name(device: Option<&Value>, s: &Statement<'_>) -> String {
    device.map(|d| text(d, "/udiCarrier/0/deviceIdentifier")).filter(|t| !t.is_empty()).unwrap_or_else(|| text(s.resource, "/device/display")).to_owned()
}

/// Days between two moments, without sign.
pub(super) fn days_between(a_us: i64, b_us: i64) -> i64 {
    const DAY_US: i64 = 86_400_000_000;
    let day = |us: i64| us.saturating_add(DAY_US / 12).div_euclid(DAY_US);
    (day(a_us) - day(b_us)).abs()
}
