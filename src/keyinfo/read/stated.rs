//! One fact as its document states it: what it is about, when it happened, where it belongs and what it is compared by.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::analyte::{self, Analyte, Conversion};
use super::contents::Fact;
use super::course::Taken;
use super::doubt;
use crate::keyinfo::language::concept::{self, Index, Key, at, get, items, str_of, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::mark::Mark;
use crate::keyinfo::language::tables::{ABSENCES, Absence, BY_TYPE, SECTIONS, TypeRules};
use crate::keyinfo::language::words::fold;
use crate::keyinfo::merge::apart;
use crate::keyinfo::merge::identity::Identity;
use crate::keyinfo::merge::series::Reading;
use crate::keyinfo::tell::remark::{self, Variant};

/// One fact that a summary looks at.
pub struct Stated<'a> {
    /// Index into the facts of its document.
    pub fact: usize,
    pub resource: &'a Value,
    /// Resource type.
    pub kind: &'static str,
    /// The element that says what it is about.
    pub concept: Option<&'a Value>,
    pub key: Key<'a>,
    /// FHIR date of the thing itself, "" when unknown.
    pub when: &'a str,
    pub when_us: Option<i64>,
    /// When it was stated, by itself.
    pub own_us: Option<i64>,
    /// It denies: how that is told.
    pub against: Option<&'static str>,
    /// A result that its document prints again from an older one.
    pub prior: bool,
    /// It says "there is none" or "nothing is known".
    pub absence: Option<&'static Absence>,
    /// Of a result of one isolate: the organism, which tells it from the same test of another isolate.
    pub isolate: Option<&'a Value>,
    /// Of a quantity that is compared with others of its analyte: how.
    pub conversion: Option<Conversion>,
    /// Why its value cannot be so, as a reader is told it.
    pub odd: Option<&'static str>,
    /// The Device of a DeviceUseStatement.
    pub device: Option<&'a Value>,
    /// The section that takes it.
    pub section: Option<usize>,
    /// Whether a problem or an allergy still goes on, as far as it says.
    pub goes_on: bool,
    /// Of a problem that somebody has once: whatever its onset, it is the same.
    pub lifelong: bool,
    pub identity: Identity<'a>,
    /// What tells it from others of its code, besides the time: see `apart.rs`.
    pub apart: String,
    /// The mark of `apart`.
    pub apart_by: Mark,
    /// Where in its document it stands, in the order of the document.
    pub place: Vec<u8>,
    /// Of an observation: its value, as it is compared.
    pub reading: Option<Box<Reading<'a>>>,
    /// Of a medicine: how it goes on.
    pub taken: Option<Taken>,
    /// See [`Stated::variants`].
    variants: OnceLock<Vec<Variant>>,
}

impl Stated<'_> {
    /// What another document may say differently of it, in words; worked out when something is merged with it.
    pub fn variants(&self) -> &[Variant] {
        self.variants.get_or_init(|| remark::variants(self))
    }
}

/// Where each type keeps what a statement is about, tried in turn.
const ABOUT: &[(&str, &[&str])] = &[
    ("Immunization", &["/vaccineCode"]),
    ("AdverseEvent", &["/event", "/resultingCondition"]),
    ("Goal", &["/description"]),
    ("Encounter", &["/reasonCode/0", "/type/0", "/serviceType"]),
    ("CarePlan", &["/category/0", "/activity/0/detail/code"]),
    ("Consent", &["/provision/code/0", "/category/0"]),
    ("FamilyMemberHistory", &["/condition/0/code", "/relationship"]),
    ("DeviceRequest", &["/codeCodeableConcept"]),
    ("ImmunizationRecommendation", &["/recommendation/0/vaccineCode/0", "/recommendation/0/targetDisease"]),
    ("AllergyIntolerance", &["/code", "/reaction/0/substance"]),
];

/// Where each type keeps the date of the thing itself, tried in turn.
const WHEN: &[(&str, &[&str])] = &[
    ("AllergyIntolerance", &["/onsetDateTime", "/onsetPeriod/start"]),
    ("Condition", &["/onsetDateTime", "/onsetPeriod/start"]),
    ("Observation", EFFECTIVE),
    ("DiagnosticReport", EFFECTIVE),
    ("Immunization", &["/occurrenceDateTime"]),
    ("Procedure", &["/performedDateTime", "/performedPeriod/start"]),
    ("MedicationStatement", EFFECTIVE),
    ("MedicationAdministration", EFFECTIVE),
    ("MedicationRequest", &["/authoredOn"]),
    ("MedicationDispense", &["/whenHandedOver", "/whenPrepared"]),
    ("DeviceUseStatement", &["/timingDateTime", "/timingPeriod/start", "/recordedOn"]),
    ("ServiceRequest", &["/occurrenceDateTime", "/occurrencePeriod/start", "/authoredOn"]),
    ("DeviceRequest", &["/occurrenceDateTime", "/occurrencePeriod/start", "/authoredOn"]),
    ("Goal", &["/startDate"]),
    ("CarePlan", &["/period/start"]),
    ("Flag", &["/period/start"]),
    ("Consent", &["/dateTime"]),
    ("Encounter", &["/period/start"]),
];

const EFFECTIVE: &[&str] = &["/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/issued"];

/// Of every other type.
const WHEN_ELSE: &[&str] = &["/effectiveDateTime", "/effectivePeriod/start", "/occurrenceDateTime", "/date"];

/// Where a resource says when it was written, tried in turn.
const SAID: &[&str] = &["/recordedDate", "/dateAsserted", "/authoredOn", "/recorded", "/recordedOn", "/issued", "/dateTime", "/meta/lastUpdated"];

/// What is known while the facts of a document are read.
struct Reader<'a, 'r> {
    facts: &'r [Fact<'a>],
    index: &'r Index,
    elsewhere: &'r dyn Fn(&str) -> Option<&'a Value>,
    isolates: HashMap<usize, &'a Value>,
    /// Something was named that is not among the facts.
    open: bool,
}

/// The statements among the facts of a document, and whether it names something that is not among them; withdrawn ones, copies of older
/// results and empty batteries are left out.
pub fn read<'a>(facts: &[Fact<'a>], index: &Index, elsewhere: &dyn Fn(&str) -> Option<&'a Value>) -> (Vec<Stated<'a>>, bool) {
    let mut reader = Reader { facts, index, elsewhere, isolates: isolates(facts, index), open: false };
    let all = facts.iter().enumerate().filter_map(|(at, fact)| reader.stated(at, fact)).collect();
    (all, reader.open)
}

impl<'a> Reader<'a, '_> {
    fn stated(&mut self, at: usize, fact: &Fact<'a>) -> Option<Stated<'a>> {
        let resource = fact.resource;
        let (kind, rules) = BY_TYPE.get_key_value(str_of(resource, "resourceType")?).map(|(kind, rules)| (*kind, rules))?;
        if rules.leave_out.iter().any(|r| r.takes(kind, resource)) || self.told_by_its_parts(kind, resource) {
            return None;
        }
        let (when, when_us, own_us) = moments(kind, resource);
        let prior = rules.printed_again.iter().any(|r| r.takes(kind, resource));
        // Of no day, nobody knows which result it repeats.
        if prior && when_us.is_none() {
            return None;
        }
        let device = if kind == "DeviceUseStatement" { get(resource, "device").and_then(|r| self.resolve(resource, r)) } else { None };
        let concept = self.about(kind, resource, device);
        let key = concept.and_then(|c| by_words(kind, c).or_else(|| concept::key(c))).or_else(|| named(resource)).unwrap_or_else(|| Key::Words(format!("#{}", fact.full_url)));
        let isolate = self.isolates.get(&at).copied();
        let (conversion, odd) = measured(kind, resource, concept);
        let apart = apart::told(kind, resource, concept, &apart::Beside { dated: when_us.is_some(), isolate, device, comparable: conversion.is_some() });
        let odd = odd.or_else(|| part(resource, "unreadable-time").map(|_| doubt::unreadable()));
        Some(Stated {
            fact: at,
            resource,
            kind,
            concept,
            identity: Identity::of(kind, resource, concept, &key),
            key,
            when,
            when_us,
            own_us,
            against: rules.against.iter().find(|r| r.takes(kind, resource)).map(|r| r.word.as_str()),
            prior,
            absence: concept.and_then(absence),
            isolate,
            conversion,
            odd,
            device,
            section: section(kind, resource, rules),
            goes_on: goes_on(resource),
            lifelong: kind == "Condition" && concept.is_some_and(apart::lifelong),
            apart_by: Mark::of(&apart),
            apart,
            place: ordered(place(resource)),
            reading: (kind == "Observation").then(|| Box::new(Reading::of(resource, conversion))),
            taken: kind.starts_with("Medication").then(|| Taken::of(resource)),
            variants: OnceLock::new(),
        })
    }

    /// The resource that a reference inside `holder` names: contained in it, among the facts, or elsewhere.
    fn resolve(&mut self, holder: &'a Value, reference: &'a Value) -> Option<&'a Value> {
        let text = str_of(reference, "reference")?;
        match text.strip_prefix('#') {
            Some(id) => items(holder, "contained").find(|c| str_of(c, "id") == Some(id)),
            None => self.find(text),
        }
    }

    fn find(&mut self, reference: &str) -> Option<&'a Value> {
        let here = self.index.find(reference).and_then(|at| self.facts.get(at)).map(|f| f.resource);
        self.open |= here.is_none();
        here.or_else(|| (self.elsewhere)(reference))
    }

    /// A battery or a report without words of its own is told by the results it groups.
    fn told_by_its_parts(&mut self, kind: &str, resource: &'a Value) -> bool {
        let parts = match kind {
            "Observation" => "hasMember",
            "DiagnosticReport" => "result",
            _ => return false,
        };
        let speaks = match resource.as_object() {
            Some(map) => map.iter().any(|(k, v)| (k.starts_with("value") && !v.is_null()) || matches!(k.as_str(), "component" | "conclusion" | "conclusionCode" | "presentedForm")),
            None => false,
        };
        !speaks && items(resource, parts).any(|r| str_of(r, "reference").is_some_and(|t| self.find(t).is_some()))
    }

    fn about(&mut self, kind: &str, resource: &'a Value, device: Option<&'a Value>) -> Option<&'a Value> {
        if kind.starts_with("Medication") {
            return get(resource, "medicationCodeableConcept").or_else(|| self.resolve(resource, get(resource, "medicationReference")?).and_then(|m| get(m, "code")));
        }
        if kind == "DeviceUseStatement" {
            return device.and_then(|d| get(d, "type"));
        }
        match ABOUT.iter().find(|(k, _)| *k == kind) {
            Some((_, pointers)) => pointers.iter().find_map(|p| at(resource, p).filter(|c| c.is_object())),
            None => get(resource, "code"),
        }
    }
}

/// When the thing happened, as it is written and in µs, and when the resource says it was stated, else when it happened.
fn moments<'a>(kind: &str, resource: &'a Value) -> (&'a str, Option<i64>, Option<i64>) {
    let when = WHEN.iter().find(|(k, _)| *k == kind).map_or(WHEN_ELSE, |(_, p)| p).iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).unwrap_or("");
    let when_us = if when.is_empty() { None } else { dates::start_us(when) };
    let said = SAID.iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).and_then(dates::start_us);
    (when, when_us, said.or(when_us))
}

/// How the quantity of a result is compared with others of its analyte, and why it cannot be so.
fn measured(kind: &str, resource: &Value, concept: Option<&Value>) -> (Option<Conversion>, Option<&'static str>) {
    let quantity = get(resource, "valueQuantity").filter(|_| kind == "Observation");
    let Some((quantity, analyte)) = quantity.zip(concept.and_then(analyte::of)) else { return (None, None) };
    let conversion = Analyte::conversion(analyte, analyte::written(quantity));
    (conversion, doubt::of_value(quantity, conversion.is_some()))
}

/// The first section whose rows take it, else the first whose fallback does.
fn section(kind: &str, resource: &Value, rules: &TypeRules) -> Option<usize> {
    rules.picks.iter().find(|(_, rule)| rule.takes(kind, resource)).map(|(at, _)| *at)
}

fn goes_on(resource: &Value) -> bool {
    let over = get(resource, "clinicalStatus").into_iter().flat_map(concept::codes).any(|c| matches!(c, "inactive" | "resolved" | "remission"));
    !over && get(resource, "abatementDateTime").is_none() && get(resource, "abatementPeriod").is_none()
}

/// Deepest battery inside an isolate.
const MAX_BATTERIES: usize = 3;

/// Results that belong to an isolate → the organism: an observation with a coded value and members.
fn isolates<'a>(facts: &[Fact<'a>], index: &Index) -> HashMap<usize, &'a Value> {
    let mut out = HashMap::new();
    for fact in facts.iter().filter(|f| get(f.resource, "hasMember").is_some()) {
        let Some(organism) = get(fact.resource, "valueCodeableConcept") else { continue };
        let mut level: Vec<&Value> = vec![fact.resource];
        for _ in 0..MAX_BATTERIES {
            let members: Vec<usize> = level.iter().flat_map(|r| items(r, "hasMember")).filter_map(|r| index.find(str_of(r, "reference")?)).collect();
            let inside = members.iter().filter(|m| out.insert(**m, organism).is_none());
            level = inside.filter_map(|m| facts.get(*m)).map(|f| f.resource).collect();
        }
    }
    out
}

/// What a resource is about when no concept says it: its title or description.
fn named(resource: &Value) -> Option<Key<'static>> {
    let words = ["/title", "/description"].iter().map(|p| text(resource, p)).find(|t| !t.is_empty())?;
    Some(Key::Words(fold(words)))
}

/// The key of an allergy whose code only names a kind of allergy: its words.
fn by_words<'a>(kind: &str, concept: &'a Value) -> Option<Key<'a>> {
    let words = (kind == "AllergyIntolerance" && only_a_kind(concept)).then(|| text(concept, "/text"))?;
    (!words.is_empty()).then(|| Key::Words(fold(words)))
}

/// Whether the codes of an allergy only name a kind of allergy.
pub fn only_a_kind(concept: &Value) -> bool {
    let mut codes = concept::codes(concept).peekable();
    codes.peek().is_some() && codes.all(|c| SECTIONS.kinds_of_allergy.iter().any(|k| k == c))
}

/// Extension of a derived resource: where in its document it stands.
const PLACE: &str = "urn:passerelle:cda-source";

/// Where in its document a statement stands, "" for one that is of none.
fn place(resource: &Value) -> &str {
    part(resource, "path").unwrap_or("")
}

/// A part of what a derived resource says of its place.
fn part<'a>(resource: &'a Value, name: &str) -> Option<&'a str> {
    let place = items(resource, "extension").find(|e| str_of(e, "url") == Some(PLACE))?;
    items(place, "extension").find(|e| str_of(e, "url") == Some(name)).map(|e| text(e, "/valueString"))
}

/// A path in a form whose bytes are in the order of the document: `entry[2]` before `entry[10]`, by the length of a number before it.
fn ordered(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + 8);
    let mut rest = path.as_bytes();
    while let Some(first) = rest.first() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (head, tail) = rest.split_at(digits.max(1));
        if digits > 0 {
            out.push(b'0'.saturating_add(u8::try_from(digits).unwrap_or(u8::MAX)));
            out.extend(head);
        } else {
            out.push(*first);
        }
        rest = tail;
    }
    out
}

fn absence(concept: &Value) -> Option<&'static Absence> {
    concept::codes(concept).find_map(|code| ABSENCES.get(code).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_the_document() {
        let mut found = ["section[1]/entry[10]", "section[1]/entry[2]/act", "section[10]", "section[1]/entry[2]", "section[2]"];
        found.sort_by_key(|path| ordered(path));
        assert_eq!(found, ["section[1]/entry[2]", "section[1]/entry[2]/act", "section[1]/entry[10]", "section[2]", "section[10]"]);
    }
}
