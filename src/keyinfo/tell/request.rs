//! What documents ask for: for when, by whom, and whether something done later surely answers it.
//! Spec: FHIR R4 ServiceRequest, DeviceRequest, ImmunizationRecommendation; `fhir-profiles/key-information/requests.toml`.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::line::{Context, sites};
use crate::fhir::classification;
use crate::keyinfo::language::concept::{codes, get, items, label, lower, str_of, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::merge::statement::Statement;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    answered: Vec<System>,
    criterion: Vec<Word>,
    forecast: Vec<Word>,
    priority: Vec<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct System {
    system: String,
    #[expect(dead_code, reason = "for the reader of the table")]
    name: String,
    #[expect(dead_code, reason = "for the reader of the table")]
    spec: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    code: String,
    words: String,
    #[expect(dead_code, reason = "for the reader of the table")]
    spec: String,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/requests.toml")).unwrap_or_default());

/// Types that are done, with the states in which they are.
const DONE: &[(&str, &[&str])] = &[
    ("Procedure", &["completed"]),
    ("Observation", &["final", "amended", "corrected"]),
    ("DiagnosticReport", &["final", "amended", "corrected", "appended"]),
    ("Immunization", &["completed"]),
];

/// Whether a type asks for something.
pub fn asks(kind: &str) -> bool {
    matches!(kind, "ServiceRequest" | "DeviceRequest" | "ImmunizationRecommendation" | "Encounter")
}

/// What was done, by the codes that something asks for.
#[derive(Default)]
pub struct Done<'a>(HashMap<(&'a str, &'a str), Vec<usize>>);

impl<'a> Done<'a> {
    /// Of all statements; of no cost where nothing is asked for.
    pub fn of(statements: &[Statement<'a>]) -> Self {
        let asked: HashSet<(&str, &str)> = statements.iter().filter(|s| asks(s.kind)).filter_map(|s| s.concept).flat_map(exact).collect();
        let mut done: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        if asked.is_empty() {
            return Self(done);
        }
        for (at, s) in statements.iter().enumerate().filter(|(_, s)| is_done(s)) {
            s.concept.into_iter().flat_map(coded).filter(|code| asked.contains(code)).for_each(|code| done.entry(code).or_default().push(at));
        }
        Self(done)
    }

    /// When something that a request surely asks for was done first, as another document tells that is later than the request's.
    fn answer(&self, context: &Context<'a>, request: &Statement<'a>) -> Option<&'a str> {
        let from_us = dates::start_us(for_when(request.resource)).unwrap_or(request.said_us);
        let answers = |s: &&Statement<'a>| s.source != request.source && s.said_us > request.said_us && s.when_us.is_some_and(|us| us >= from_us) && sites(s) == sites(request);
        let all = request.concept.into_iter().flat_map(exact).filter_map(|code| self.0.get(&code)).flatten();
        all.filter_map(|at| context.statement(*at)).filter(answers).min_by_key(|s| s.when_us).map(|s| s.when)
    }
}

fn is_done(s: &Statement<'_>) -> bool {
    let status = text(s.resource, "/status");
    s.against.is_none() && DONE.iter().any(|(kind, states)| *kind == s.kind && states.contains(&status))
}

/// System and code of what names one thing exactly.
fn exact(concept: &Value) -> impl Iterator<Item = (&str, &str)> {
    coded(concept).filter(|(system, code)| TABLE.answered.iter().any(|a| a.system == *system) && !classification::types().any(|t| t.0 == *code))
}

fn coded(concept: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(concept, "coding").filter_map(|c| Some((str_of(c, "system")?, str_of(c, "code")?)))
}

/// When it is to be done, "" when the request does not say.
fn for_when(request: &Value) -> &str {
    ["/occurrenceDateTime", "/occurrencePeriod/start", "/period/start", "/recommendation/0/dateCriterion/0/value"]
        .iter()
        .map(|p| text(request, p))
        .find(|t| !t.is_empty())
        .unwrap_or("")
}

/// Day on which something done later answers the request; `None` where it stays to be done, or where it asks for several things.
pub fn answered<'a>(context: &Context<'a>, request: &Statement<'a>) -> Option<&'a str> {
    let one = items(request.resource, "recommendation").nth(1).is_none();
    if asks(request.kind) && one { context.done.answer(context, request) } else { None }
}

/// What is said of a request behind its name: for when, by whom, whether it is done.
pub fn details(context: &Context<'_>, s: &Statement<'_>) -> Vec<String> {
    let mut out: Vec<String> = if s.kind == "ImmunizationRecommendation" { recommended(s.resource, 0) } else { planned(s.resource).into_iter().collect() };
    out.extend(urgency(s.resource));
    out.extend(asked(context, s));
    if s.kind == "ImmunizationRecommendation" {
        out.extend(further(s.resource));
    }
    out.extend(answered(context, s).map(|day| format!("fait {}", dates::on(day))));
    out
}

fn planned(request: &Value) -> Option<String> {
    let end = ["/occurrencePeriod/end", "/period/end"].iter().map(|p| text(request, p)).find(|t| !t.is_empty()).unwrap_or("");
    let word = if str_of(request, "resourceType") == Some("Encounter") { "prévu" } else { "à faire" };
    match (for_when(request), end) {
        ("", "") => None,
        (start, "") => Some(format!("{word} {}", dates::on(start))),
        (start, end) => dates::span(start, end).map(|span| format!("{word} {span}")),
    }
}

/// How urgent it is; `None` for what is routine or says nothing.
fn urgency(request: &Value) -> Option<String> {
    let said = get(request, "priority")?;
    let coded = said.as_str().into_iter().chain(codes(said)).find_map(|c| TABLE.priority.iter().find(|w| w.code == c));
    match coded {
        Some(word) => Some(word.words.clone()).filter(|w| !w.is_empty()),
        None => label(said).map(|l| lower(&l)),
    }
}

/// Who asked and when, as far as the document that the line names does not say so already.
fn asked(context: &Context<'_>, s: &Statement<'_>) -> Option<String> {
    let citation = context.citation(s);
    let (by, on) = (text(s.resource, "/requester/display"), [text(s.resource, "/authoredOn"), text(s.resource, "/date")].into_iter().find(|t| !t.is_empty()).unwrap_or(""));
    let by = Some(by).filter(|by| !by.is_empty() && !fold(&citation.author).contains(&fold(by)));
    let on = Some(on).filter(|on| !on.is_empty() && dates::french(on) != citation.date);
    match (by, on) {
        (None, None) => None,
        (None, Some(on)) => Some(format!("demande {}", dates::of(on))),
        (Some(by), None) => Some(format!("demandeur : {by}")),
        (Some(by), Some(on)) => Some(format!("demande {} ({by})", dates::of(on))),
    }
}

/// One recommendation of several: its dates, its dose, what it says of itself.
fn recommended(resource: &Value, at: usize) -> Vec<String> {
    let Some(one) = items(resource, "recommendation").nth(at) else { return Vec::new() };
    let word = |rows: &'static [Word], concept: Option<&Value>| concept.into_iter().flat_map(codes).find_map(|c| rows.iter().find(|w| w.code == c)).map(|w| w.words.as_str());
    let dated = items(one, "dateCriterion").filter_map(|c| {
        let value = Some(text(c, "/value")).filter(|v| !v.is_empty())?;
        Some(format!("{} {}", word(&TABLE.criterion, get(c, "code")).unwrap_or("prévu"), dates::on(value)))
    });
    let dose = text(one, "/doseNumberString");
    let dose = get(one, "doseNumberPositiveInt").map(|n| format!("dose n° {n}")).or_else(|| (!dose.is_empty()).then(|| format!("dose {dose}")));
    let status = word(&TABLE.forecast, get(one, "forecastStatus")).map(str::to_owned);
    let against = items(one, "targetDisease").filter_map(label).next().map(|d| format!("contre {d}"));
    let named = items(one, "vaccineCode").next().is_some();
    dated.chain(dose).chain(against.filter(|_| named)).chain(status).collect()
}

/// The other vaccines of one recommendation, each with its own dates.
fn further(resource: &Value) -> Vec<String> {
    let name = |one: &Value| items(one, "vaccineCode").find_map(label).or_else(|| items(one, "targetDisease").find_map(label));
    let others = items(resource, "recommendation").enumerate().skip(1);
    others.filter_map(|(at, one)| Some([vec![name(one)?], recommended(resource, at)].concat().join(" "))).map(|words| format!("et {words}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        assert_eq!((TABLE.answered.len(), TABLE.criterion.len(), TABLE.forecast.len(), TABLE.priority.len()), (5, 4, 4, 9));
    }
}
