//! Facts as statements: what each is about, when it happened, when it was said, and whether it speaks for or against.

use std::collections::HashMap;

use serde_json::Value;

use super::concept::{self, Index, Key, at, get, items, str_of, text};
use super::tables::{ABSENCES, Absence, BY_TYPE, SECTIONS};
use super::{Fact, Source, dates};

/// One fact that a summary looks at.
pub(super) struct Statement<'a> {
    /// Index into the facts.
    pub fact: usize,
    pub resource: &'a Value,
    /// Resource type.
    pub kind: &'a str,
    /// The element that says what it is about.
    pub concept: Option<&'a Value>,
    pub key: Key<'a>,
    /// FHIR date of the thing itself, "" when unknown.
    pub when: &'a str,
    pub when_us: Option<i64>,
    /// When it was stated: the date of its document, else the resource's own.
    pub said_us: i64,
    /// It denies: how that is told.
    pub against: Option<&'static str>,
    /// It says "there is none" or "nothing is known".
    pub absence: Option<&'static Absence>,
    pub source: Option<usize>,
    /// Of a result of one isolate: the organism, which tells it from the same test of another isolate.
    pub isolate: Option<&'a Value>,
}

/// Where each type keeps what a statement is about, tried in turn.
const ABOUT: &[(&str, &[&str])] = &[
    ("Immunization", &["/vaccineCode"]),
    ("AdverseEvent", &["/event", "/resultingCondition"]),
    ("Goal", &["/description"]),
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
];

const EFFECTIVE: &[&str] = &["/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/issued"];

/// Of every other type.
const WHEN_ELSE: &[&str] = &["/effectiveDateTime", "/effectivePeriod/start", "/occurrenceDateTime", "/date"];

/// Where a resource says when it was written, tried in turn.
const SAID: &[&str] = &["/recordedDate", "/dateAsserted", "/authoredOn", "/recorded", "/recordedOn", "/issued", "/dateTime", "/meta/lastUpdated"];

/// The statements among facts; withdrawn ones, copies of older results and empty batteries are left out.
pub(super) fn read<'a>(facts: &'a [Fact<'a>], sources: &[Source], index: &Index<'a>) -> Vec<Statement<'a>> {
    let dated: Vec<Option<i64>> = sources.iter().map(|s| dates::start_us(&s.date)).collect();
    let mut days = HashMap::new();
    let isolates = isolates(facts, index);
    let mut out: Vec<Statement<'a>> = (0..facts.len()).filter_map(|at| statement(facts, at, index, &dated, &mut days)).collect();
    for s in &mut out {
        s.isolate = isolates.get(&s.fact).copied();
    }
    out
}

fn statement<'a>(facts: &'a [Fact<'a>], at: usize, index: &Index<'a>, dated: &[Option<i64>], days: &mut HashMap<&'a str, Option<i64>>) -> Option<Statement<'a>> {
    let fact = facts.get(at)?;
    let resource = &fact.resource;
    let kind = str_of(resource, "resourceType")?;
    let rules = BY_TYPE.get(kind)?;
    if rules.leave_out.iter().any(|r| r.takes(kind, resource)) || told_by_its_parts(kind, resource, index) {
        return None;
    }
    let concept = about(facts, kind, resource, index);
    let when = WHEN.iter().find(|(k, _)| *k == kind).map_or(WHEN_ELSE, |(_, p)| p).iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).unwrap_or("");
    let own = || SAID.iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).and_then(dates::start_us);
    let when_us = if when.is_empty() { None } else { *days.entry(when).or_insert_with(|| dates::start_us(when)) };
    Some(Statement {
        fact: at,
        resource,
        kind,
        concept,
        key: concept.and_then(|c| by_words(kind, c).or_else(|| concept::key(c))).or_else(|| named(resource)).unwrap_or_else(|| Key::Words(format!("#{at}"))),
        when,
        when_us,
        said_us: fact.source.and_then(|s| dated.get(s).copied().flatten()).or_else(own).or(when_us).unwrap_or(i64::MIN),
        against: rules.against.iter().find(|r| r.takes(kind, resource)).map(|r| r.word.as_str()),
        absence: concept.and_then(absence),
        source: fact.source,
        isolate: None,
    })
}

/// Deepest battery inside an isolate.
const MAX_BATTERIES: usize = 3;

/// Results that belong to an isolate → the organism: an observation with a coded value and members.
fn isolates<'a>(facts: &'a [Fact<'a>], index: &Index<'a>) -> HashMap<usize, &'a Value> {
    let mut out = HashMap::new();
    for fact in facts.iter().filter(|f| get(&f.resource, "hasMember").is_some()) {
        let Some(organism) = get(&fact.resource, "valueCodeableConcept") else { continue };
        let mut level: Vec<&Value> = vec![&fact.resource];
        for _ in 0..MAX_BATTERIES {
            let members: Vec<usize> = level.iter().flat_map(|r| items(r, "hasMember")).filter_map(|r| index.find(str_of(r, "reference")?)).collect();
            let inside = members.iter().filter(|m| out.insert(**m, organism).is_none());
            level = inside.filter_map(|m| facts.get(*m)).map(|f| &*f.resource).collect();
        }
    }
    out
}

/// What a resource is about when no concept says it: its title or description.
fn named(resource: &Value) -> Option<Key<'static>> {
    let words = ["/title", "/description"].iter().map(|p| text(resource, p)).find(|t| !t.is_empty())?;
    Some(Key::Words(super::words::fold(words)))
}

/// A battery or a report without words of its own is told by the results it groups.
fn told_by_its_parts(kind: &str, resource: &Value, index: &Index<'_>) -> bool {
    let parts = match kind {
        "Observation" => "hasMember",
        "DiagnosticReport" => "result",
        _ => return false,
    };
    let speaks = match resource.as_object() {
        Some(map) => map.iter().any(|(k, v)| (k.starts_with("value") && !v.is_null()) || matches!(k.as_str(), "component" | "conclusion" | "conclusionCode" | "presentedForm")),
        None => false,
    };
    !speaks && items(resource, parts).any(|r| str_of(r, "reference").is_some_and(|t| index.find(t).is_some()))
}

fn about<'a>(facts: &'a [Fact<'a>], kind: &str, resource: &'a Value, index: &Index<'a>) -> Option<&'a Value> {
    if kind.starts_with("Medication") {
        return get(resource, "medicationCodeableConcept").or_else(|| index.resolve(facts, resource, get(resource, "medicationReference")?).and_then(|m| get(m, "code")));
    }
    if kind == "DeviceUseStatement" {
        return get(resource, "device").and_then(|r| index.resolve(facts, resource, r)).and_then(|d| get(d, "type"));
    }
    match ABOUT.iter().find(|(k, _)| *k == kind) {
        Some((_, pointers)) => pointers.iter().find_map(|p| at(resource, p).filter(|c| c.is_object())),
        None => get(resource, "code"),
    }
}

/// The key of an allergy whose code only names a kind of allergy: its words.
fn by_words<'a>(kind: &str, concept: &'a Value) -> Option<Key<'a>> {
    let words = (kind == "AllergyIntolerance" && only_a_kind(concept)).then(|| text(concept, "/text"))?;
    (!words.is_empty()).then(|| Key::Words(super::words::fold(words)))
}

/// Whether the codes of an allergy only name a kind of allergy.
pub(super) fn only_a_kind(concept: &Value) -> bool {
    let mut codes = concept::codes(concept).peekable();
    codes.peek().is_some() && codes.all(|c| SECTIONS.kinds_of_allergy.iter().any(|k| k == c))
}

fn absence(concept: &Value) -> Option<&'static Absence> {
    concept::codes(concept).find_map(|code| ABSENCES.get(code).copied())
}
