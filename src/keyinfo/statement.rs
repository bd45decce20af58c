//! Facts as statements: what each is about, when it happened, when it was said, and whether it speaks for or against.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;

use super::analyte::{self, Analyte, Conversion};
use super::concept::{self, Index, Key, at, get, items, str_of, text};
use super::doubt::{self, Life};
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
    /// Of a quantity that is compared with others of its analyte: how.
    pub conversion: Option<Conversion>,
    /// Why it cannot be so, as a reader is told it.
    pub doubt: Option<&'static str>,
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
pub(super) fn read<'a>(facts: &'a [Fact<'a>], sources: &[Source], index: &Index<'a>, life: &Life) -> Vec<Statement<'a>> {
    let dated: Vec<Option<i64>> = sources.iter().map(|s| dates::start_us(&s.date)).collect();
    let mut days = HashMap::new();
    let isolates = isolates(facts, index);
    let mut out: Vec<Statement<'a>> = (0..facts.len()).filter_map(|at| statement(facts, at, index, &dated, &mut days)).collect();
    let mut conversions = HashMap::new();
    for s in &mut out {
        s.isolate = isolates.get(&s.fact).copied();
        s.doubt = life.doubts(s.kind, s.when, s.when_us);
        measured(s, &mut conversions);
    }
    out
}

/// How the quantity of a result is compared with others of its analyte; a value that it cannot have is doubted.
fn measured<'a>(s: &mut Statement<'a>, known: &mut HashMap<(&'static str, &'a str), Option<Conversion>>) {
    let Some((quantity, analyte)) = get(s.resource, "valueQuantity").filter(|_| s.kind == "Observation").zip(s.concept.and_then(analyte::of)) else { return };
    let unit = analyte::written(quantity);
    let code: &'static str = analyte.code();
    s.conversion = *known.entry((code, unit)).or_insert_with(|| Analyte::conversion(analyte, unit));
    s.doubt = s.doubt.or_else(|| doubt::of_value(quantity, s.conversion.is_some()));
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
        conversion: None,
        doubt: None,
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

/// Extension of a derived resource: where in its document it stands.
const PLACE: &str = "urn:passerelle:cda-source";

/// Where in its document a statement stands, "" for one that is of none.
fn place(resource: &Value) -> &str {
    let place = items(resource, "extension").find(|e| str_of(e, "url") == Some(PLACE));
    place.into_iter().flat_map(|p| items(p, "extension")).find(|e| str_of(e, "url") == Some("path")).map_or("", |e| text(e, "/valueString"))
}

/// What decides between two statements that nothing else does: who says it in which document, the place in it, the address. So the
/// order in which they come from the store never shows.
pub(super) fn settle(facts: &[Fact<'_>], sources: &[Source], a: &Statement<'_>, b: &Statement<'_>) -> Ordering {
    let document = |s: &Statement<'_>| s.source.and_then(|at| sources.get(at)).map(|d| (d.title.as_str(), d.author.as_str()));
    let address = |s: &Statement<'_>| facts.get(s.fact).map_or("", |f| f.full_url.as_str());
    document(a).cmp(&document(b)).then_with(|| natural(place(a.resource), place(b.resource))).then_with(|| address(a).cmp(address(b)))
}

/// `entry[2]` before `entry[10]`.
fn natural(a: &str, b: &str) -> Ordering {
    let number = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    // A number that has begun already is compared as a whole.
    let begun = a.bytes().take(same).collect::<Vec<_>>().iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let rest = |text: &str| text.bytes().skip(same - begun).map(char::from).collect::<String>();
    let (a, b) = (rest(a), rest(b));
    match (number(&a), number(&b)) {
        (0, _) | (_, 0) => a.cmp(&b),
        (x, y) => x.cmp(&y).then_with(|| a.cmp(&b)),
    }
}

fn absence(concept: &Value) -> Option<&'static Absence> {
    concept::codes(concept).find_map(|code| ABSENCES.get(code).copied())
}
