//! Repeats across documents, made one.
//!
//! Same code (system and code, else folded words; words join a code that carries them as its name) and, per type: conditions
//! and procedures the side of the body; procedures, vaccinations and reports the day; results the time and the value. Undated
//! repeats inside one document are different events; one product with two dosages in one document is two lines.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::concept::{self, Index, Key, at, get, items, text};
use super::statement::Statement;
use super::tables::FRENCH;
use super::words::fold;
use super::{Fact, medication, series};

/// Statements of one thing. All are indices into the statements.
#[derive(Debug, Default, Clone)]
pub(super) struct Group {
    /// The statement that speaks for the group: the newest.
    pub lead: usize,
    /// Repeats of it.
    pub merged: Vec<usize>,
    /// The value before, of a series.
    pub previous: Option<usize>,
    /// Other values at the same time, from other documents.
    pub discordant: Vec<usize>,
    /// Older values of a series.
    pub earlier: Vec<usize>,
    /// Statements that deny it.
    pub against: Vec<usize>,
}

impl Group {
    /// The lead and its repeats.
    pub fn affirming(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lead).chain(self.merged.iter().copied())
    }

    /// What the Bundle holds of it: the lead, the value before, values at the same time from other documents.
    pub fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lead).chain(self.previous).chain(self.discordant.iter().copied())
    }
}

/// Groups in the order of their first statement; statements of absence and groups of denials alone are not among them.
pub(super) fn form<'a>(facts: &'a [Fact<'a>], index: &Index<'a>, statements: &[Statement<'a>]) -> Vec<Group> {
    let aliases = aliases(statements);
    let mut names = Names::default();
    let mut ordinals = Ordinals::default();
    let mut places: HashMap<(&str, Key<'_>, Cow<'_, str>), usize> = HashMap::with_capacity(statements.len());
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (at, s) in statements.iter().enumerate().filter(|(_, s)| s.absence.is_none()) {
        let family = family(s.kind);
        let key = match &s.key {
            Key::Words(words) => aliases.get(&(family, words.clone())).and_then(Clone::clone).unwrap_or_else(|| s.key.clone()),
            Key::Code(..) => names.canonical(family, s),
        };
        let device = if s.kind == "DeviceUseStatement" { index.device(facts, s.resource) } else { None };
        let extra = extra(device, s, &key, &mut ordinals);
        let place = *places.entry((family, key, extra)).or_insert_with(|| {
            members.push(Vec::new());
            members.len() - 1
        });
        if let Some(list) = members.get_mut(place) {
            list.push(at);
        }
    }
    members.into_iter().flat_map(|list| groups(statements, list)).collect()
}

/// Every statement of the groups as a group of its own, beside what denies it.
pub(super) fn apart(groups: Vec<Group>) -> Vec<Group> {
    let alone = |group: Group| {
        let all: Vec<usize> = group.shown().chain(group.merged.iter().copied()).chain(group.earlier.iter().copied()).collect();
        all.into_iter().map(move |lead| Group { lead, against: group.against.clone(), ..Group::default() })
    };
    groups.into_iter().flat_map(alone).collect()
}

fn family(kind: &str) -> &str {
    if kind.starts_with("Medication") { "Medication" } else { kind }
}

fn groups(statements: &[Statement<'_>], list: Vec<usize>) -> Vec<Group> {
    let is = |at: &usize, test: fn(&Statement<'_>) -> bool| statements.get(*at).is_some_and(test);
    let (against, mut affirming): (Vec<usize>, Vec<usize>) = list.into_iter().partition(|at| is(at, |s| s.against.is_some()));
    if affirming.first().is_some_and(|at| is(at, |s| s.kind == "Observation")) {
        return series::groups(statements, affirming);
    }
    affirming.sort_by_cached_key(|at| statements.get(*at).map(|s| (std::cmp::Reverse(s.said_us), std::cmp::Reverse(s.when_us))));
    let mut rest = affirming.into_iter();
    let Some(lead) = rest.next() else { return Vec::new() };
    vec![Group { lead, merged: rest.collect(), against, ..Group::default() }]
}

/// Names of coded concepts → their key, for words that stand without a code; `None` when a name has several keys.
fn aliases<'a>(statements: &[Statement<'a>]) -> HashMap<(&'a str, String), Option<Key<'a>>> {
    let mut found: HashMap<(&str, String), Option<Key<'a>>> = HashMap::new();
    let uncoded: HashSet<(&str, &str)> = statements
        .iter()
        .filter_map(|s| match &s.key {
            Key::Words(words) => Some((family(s.kind), words.as_str())),
            Key::Code(..) => None,
        })
        .collect();
    if uncoded.is_empty() {
        return found;
    }
    // Most names are written alike each time: one look at each as it is written.
    let mut written: HashMap<(&str, &str), &Key<'a>> = HashMap::new();
    let families: HashSet<&str> = uncoded.iter().map(|(family, _)| *family).collect();
    for s in statements.iter().filter(|s| matches!(s.key, Key::Code(..)) && families.contains(family(s.kind))) {
        for raw in s.concept.into_iter().flat_map(concept::names) {
            if written.insert((family(s.kind), raw), &s.key) == Some(&s.key) {
                continue;
            }
            let name = fold(raw);
            if !uncoded.contains(&(family(s.kind), name.as_str())) {
                continue;
            }
            let entry = found.entry((family(s.kind), name)).or_insert_with(|| Some(s.key.clone()));
            if entry.as_ref() != Some(&s.key) {
                *entry = None;
            }
        }
    }
    found
}

/// Types whose name says all: two codings of one product, vaccine or substance carry the same name.
const NAMED_ALIKE: &[&str] = &["AllergyIntolerance", "Medication", "Immunization"];

/// One key for the codes that carry one name.
#[derive(Default)]
struct Names<'a> {
    by_name: HashMap<(&'a str, String), Key<'a>>,
    by_key: HashMap<(&'a str, Key<'a>), Key<'a>>,
}

impl<'a> Names<'a> {
    fn canonical(&mut self, family: &'a str, s: &Statement<'a>) -> Key<'a> {
        if !NAMED_ALIKE.contains(&family) {
            return s.key.clone();
        }
        if let Some(known) = self.by_key.get(&(family, s.key.clone())) {
            return known.clone();
        }
        let name = s.concept.and_then(concept::spoken).map(|n| fold(&n)).unwrap_or_default();
        let key = if name.is_empty() { s.key.clone() } else { self.by_name.entry((family, name)).or_insert_with(|| s.key.clone()).clone() };
        self.by_key.insert((family, s.key.clone()), key.clone());
        key
    }
}

/// What tells repeats of one kind inside one document apart.
#[derive(Default)]
struct Ordinals<'a> {
    undated: HashMap<(Option<usize>, Key<'a>, String), usize>,
    dosages: HashMap<(Option<usize>, Key<'a>), Vec<String>>,
}

impl<'a> Ordinals<'a> {
    fn next(&mut self, s: &Statement<'_>, key: &Key<'a>, with: &str) -> usize {
        let count = self.undated.entry((s.source, key.clone(), with.to_owned())).or_insert(0);
        *count += 1;
        *count
    }

    fn dosage(&mut self, s: &Statement<'_>, key: &Key<'a>, dosage: String) -> usize {
        let known = self.dosages.entry((s.source, key.clone())).or_default();
        known.iter().position(|d| *d == dosage).unwrap_or_else(|| {
            known.push(dosage);
            known.len() - 1
        })
    }
}

fn extra<'a>(device: Option<&Value>, s: &Statement<'a>, key: &Key<'a>, ordinals: &mut Ordinals<'a>) -> Cow<'a, str> {
    if s.kind == "Observation" && s.isolate.is_none() && get(s.resource, "bodySite").is_none() {
        return Cow::Borrowed(unit(s.resource));
    }
    Cow::Owned(match s.kind {
        "AllergyIntolerance" => String::new(),
        "Condition" => side(s),
        "Observation" if s.isolate.is_some() => format!("{}|{}|{:?}", unit(s.resource), side(s), s.isolate.and_then(concept::key)),
        "Observation" => format!("{}|{}", unit(s.resource), side(s)),
        "Procedure" => happened(s, key, &side(s), ordinals),
        "DiagnosticReport" => happened(s, key, &fold(text(s.resource, "/conclusion")), ordinals),
        "Immunization" if s.when_us.is_none() => happened(s, key, &dose(s.resource), ordinals),
        "Immunization" => happened(s, key, "", ordinals),
        "FamilyMemberHistory" => family_extra(s.resource),
        kind if kind.starts_with("Medication") => ordinals.dosage(s, key, fold(&medication::dosage(s.resource).unwrap_or_default())).to_string(),
        "DeviceUseStatement" => happened(s, key, device_name(device, s), ordinals),
        _ => happened(s, key, &fold(text(s.resource, "/description")), ordinals),
    })
}

/// The day of an event; of an undated one its rank in its document.
fn happened<'a>(s: &Statement<'_>, key: &Key<'a>, with: &str, ordinals: &mut Ordinals<'a>) -> String {
    match s.when_us {
        Some(_) => format!("{}|{with}", s.when.get(..10).unwrap_or(s.when)),
        None => format!("#{}|{with}", ordinals.next(s, key, with)),
    }
}

/// The side of the body that a statement names: the codes of its site, and words of its site and name.
fn side(s: &Statement<'_>) -> String {
    let mut out = items(s.resource, "bodySite").flat_map(concept::codes).collect::<Vec<_>>().join(",");
    let folded: Vec<String> = items(s.resource, "bodySite").chain(s.concept).flat_map(concept::names).filter(|n| may_name_a_side(n)).map(fold).collect();
    let mut words: Vec<&str> = folded.iter().flat_map(|n| n.split(' ')).filter(|w| FRENCH.laterality.iter().any(|l| l == w)).map(stem).collect();
    words.sort_unstable();
    words.dedup();
    for word in words {
        out.push('|');
        out.push_str(word);
    }
    out
}

/// Whether folding a name is worth it: it holds the beginning of a word of the table.
fn may_name_a_side(name: &str) -> bool {
    let bytes = name.as_bytes();
    let begins = |at: usize, stem: &[u8]| bytes.get(at..at + stem.len()).is_some_and(|w| w.eq_ignore_ascii_case(stem));
    bytes.iter().enumerate().any(|(at, b)| matches!(b | 0x20, b'd' | b'g' | b'b') && LATERAL.iter().any(|stem| begins(at, stem)))
}

/// Beginnings of the words of `laterality`.
const LATERAL: &[&[u8]] = &[b"droi", b"gauc", b"bila"];

/// `droite` and `droit` are one side.
fn stem(word: &str) -> &str {
    word.get(..5).unwrap_or(word)
}

fn unit(resource: &Value) -> &str {
    match text(resource, "/valueQuantity/code") {
        "" => text(resource, "/valueQuantity/unit"),
        code => code,
    }
}

fn dose(resource: &Value) -> String {
    let number = at(resource, "/protocolApplied/0/doseNumberPositiveInt").map(Value::to_string).unwrap_or_default();
    format!("{number}|{}|{}", text(resource, "/lotNumber"), fold(text(resource, "/occurrenceString")))
}

fn family_extra(resource: &Value) -> String {
    let conditions: Vec<Key<'_>> = items(resource, "condition").filter_map(|c| concept::key(get(c, "code")?)).collect();
    let relation: Vec<&str> = get(resource, "relationship").into_iter().flat_map(concept::codes).collect();
    format!("{relation:?}|{}|{conditions:?}", fold(text(resource, "/name")))
}

/// What tells one device of a type from another.
fn device_name<'a>(device: Option<&'a Value>, s: &Statement<'a>) -> &'a str {
    device.map(|d| text(d, "/udiCarrier/0/deviceIdentifier")).filter(|t| !t.is_empty()).unwrap_or_else(|| text(s.resource, "/device/display"))
}
