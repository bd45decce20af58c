//! The query of a search of the trace, understood, and compared with compact events.
//! Spec: IHE ITI TF-2 3.81.4.1.2; FHIR R4 auditevent#search.

use std::collections::HashMap;

use crate::audit::{By, Event, STRUCTURE, TDE, TYPE, known_by, subtypes, unpacked};
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result, time};
use crate::identity::canonical_structure;
use crate::interaction::{App, Call};
use crate::store::{DatePrefix, DateTest};

/// Alternatives of one parameter; more are refused, never dropped.
const MAX_ALTERNATIVES: usize = 100;

/// What a parameter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Id,
    Patient,
    Agent,
    /// SHA-256 of the certificate that was shown, or the issuer of the token.
    AltId,
    /// The token that was shown, as `urn:ietf:params:oauth:jti:…`.
    Policy,
    Address,
    Type,
    Subtype,
    Action,
    Outcome,
    Entity,
    /// Request id: of a page that was opened, the id of that opening.
    Request,
    /// The opening it belongs to; no parameter, since nobody but the server says so.
    Opening,
}

/// Parameter → what it looks at.
const PARAMETERS: &[(&str, What)] = &[
    ("_id", What::Id),
    ("patient", What::Patient),
    ("agent", What::Agent),
    ("agent.identifier", What::Agent),
    ("agent:identifier", What::Agent),
    ("altid", What::AltId),
    ("policy", What::Policy),
    ("address", What::Address),
    ("type", What::Type),
    ("subtype", What::Subtype),
    ("action", What::Action),
    ("outcome", What::Outcome),
    ("entity", What::Entity),
    ("entity:identifier", What::Request),
];

/// One parameter: any of its values must be there.
#[derive(Debug)]
pub(super) struct Test {
    pub what: What,
    /// System (`None` = any) and value.
    pub any: Vec<(Option<String>, String)>,
}

/// The whole query.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub dates: Vec<Vec<DateTest>>,
    pub tests: Vec<Test>,
    pub patient_identifiers: Vec<Vec<Identifier>>,
    pub count: usize,
    pub only_count: bool,
    pub no_total: bool,
    /// `_profile` of the ANS traceability volume: its form instead of BALP's.
    pub tde: bool,
    /// `_sort=date`; else newest first.
    pub oldest_first: bool,
    /// The parameters that were used, for the self link.
    pub used: Vec<(String, String)>,
    pub warnings: Vec<Issue>,
    /// Numbers of the documents asked for by `entity` that the caller may know of, by their reference.
    pub documents: HashMap<String, i64>,
}

/// Reads the query; unknown parameters are refused (strict handling) or ignored and reported.
pub(super) fn read(app: &App, call: &Call, query: &[(String, String)]) -> Result<Asked> {
    let mut asked = Asked { count: app.config.limits.page, ..Asked::default() };
    for (name, value) in query {
        if matches!(name.as_str(), "_page" | "_format" | "_pretty") || value.is_empty() {
            continue;
        }
        let shown: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).take(64).collect();
        if asked.one(app, name, value).map_err(|e| e.at(shown.clone()))? {
            asked.used.push((name.clone(), value.clone()));
        } else if call.prefer.strict {
            return Err(Fault::new(FaultKind::UnknownParameter, 331, "the search parameter is not supported on AuditEvent; see metadata").at(shown));
        } else {
            asked.warnings.push(Issue::warning(IssueType::NotSupported, shown, "this search parameter is not supported and was ignored"));
        }
    }
    Ok(asked)
}

impl Asked {
    fn one(&mut self, app: &App, name: &str, value: &str) -> Result<bool> {
        match name {
            "date" | "period-start" | "period-end" | "_lastUpdated" => self.dates.push(alternatives(value)?.into_iter().map(date).collect::<Result<_>>()?),
            "patient.identifier" | "patient:identifier" => self.patient_identifiers.push(alternatives(value)?.into_iter().map(Identifier::asked).collect()),
            "_count" => {
                self.count = value.parse::<usize>().map_err(|_| bad())?.min(app.config.limits.page_max);
                self.only_count |= self.count == 0;
            }
            "_profile" if value == TDE => self.tde = true,
            "_summary" if value == "count" => self.only_count = true,
            "_summary" => return Ok(value == "false"),
            "_total" => self.no_total = value == "none",
            "_sort" => match value {
                "-date" | "-_lastUpdated" => self.oldest_first = false,
                "date" | "period-start" | "_lastUpdated" => self.oldest_first = true,
                _ => return Ok(false),
            },
            _ => {
                let Some((_, what)) = PARAMETERS.iter().find(|(code, _)| *code == name) else { return unknown(name) };
                let any = alternatives(value)?.into_iter().map(|v| wanted(app, *what, v)).collect();
                self.tests.push(Test { what: *what, any });
            }
        }
        Ok(true)
    }

    /// Adds a test of values without a system.
    pub(super) fn require(&mut self, what: What, values: Vec<String>) {
        self.tests.push(Test { what, any: values.into_iter().map(|v| (None, v)).collect() });
    }

    /// The widest range of µs in which an event can match.
    pub(super) fn range(&self) -> (i64, i64) {
        self.dates.iter().fold((i64::MIN, i64::MAX), |(low, high), any| {
            let ranges = any.iter().map(range_of);
            let (l, h) = ranges.fold((i64::MAX, i64::MIN), |(l, h), (a, b)| (l.min(a), h.max(b)));
            (low.max(l), high.min(h))
        })
    }

    /// What the line of every matching event holds, for leaving lines out before they are parsed.
    pub(super) fn needle(&self) -> String {
        let single = |what: What, member: &str| {
            let test = self.tests.iter().find(|t| t.what == what)?;
            let [(_, value)] = test.any.as_slice() else { return None };
            crate::interaction::address::is_id(value).then(|| format!("\"{member}\":\"{value}\""))
        };
        single(What::Id, "id").or_else(|| single(What::Opening, "opening")).or_else(|| single(What::Patient, "patient")).unwrap_or_default()
    }

    /// Whether an event matches, its time aside, as far as what does not depend on the reader.
    pub(super) fn fits(&self, event: &Event) -> bool {
        self.tests.iter().filter(|t| t.what != What::Entity).all(|t| t.fits(event))
    }

    /// Whether it is of the time asked for.
    pub(super) fn fits_dates(&self, event: &Event) -> bool {
        self.dates.iter().all(|any| any.iter().any(|t| holds(t, event.at_us)))
    }

    /// Whether accesses are asked for, by what all events of one have in common; else events themselves are.
    pub(super) fn of_accesses(&self) -> bool {
        self.tests.iter().all(|t| matches!(t.what, What::Patient | What::Agent | What::Type))
    }

    /// The events up to a moment, µs UTC.
    pub(super) fn until(at_us: i64) -> Self {
        Self { dates: vec![vec![DateTest { prefix: DatePrefix::Le, low_us: at_us, high_us: at_us }]], ..Self::default() }
    }

    /// The events of these openings.
    pub(super) fn openings(ids: Vec<String>) -> Self {
        let mut asked = Self::default();
        asked.require(What::Opening, ids);
        asked
    }

    /// Whether it matches with the entities that are left for the reader, or was made from a document asked for.
    pub(super) fn fits_entities(&self, event: &Event) -> bool {
        self.tests.iter().filter(|t| t.what == What::Entity).all(|t| t.fits(event) || self.uses(t, event))
    }

    fn uses(&self, test: &Test, event: &Event) -> bool {
        let numbers: Vec<i64> = test.any.iter().filter_map(|(_, reference)| self.documents.get(reference).copied()).collect();
        !numbers.is_empty() && unpacked(&event.documents).any(|used| numbers.contains(&used))
    }
}

impl Test {
    fn fits(&self, event: &Event) -> bool {
        let values = values(self.what, event);
        let same = |found: &str, wanted: &str| if self.what == What::Address { found.starts_with(wanted) } else { found == wanted };
        self.any.iter().any(|(system, code)| values.iter().any(|(s, c)| system.as_ref().is_none_or(|w| w == s) && (same(c, code) || code.is_empty() && system.is_some())))
    }
}

/// System and code of what an event says.
fn values(what: What, event: &Event) -> Vec<(&str, String)> {
    match what {
        What::Id => vec![("", event.id.clone())],
        What::Patient => event.patient.iter().map(|p| ("", p.clone())).collect(),
        What::Agent => {
            let person = event.by.iter().filter_map(known_by).map(|(system, value)| (system, value.to_owned()));
            [(STRUCTURE, event.structure.clone()), (STRUCTURE, canonical_structure(&event.structure))].into_iter().chain(person).collect()
        }
        What::AltId => [event.fingerprint.clone()].into_iter().chain(event.by.iter().map(|by| by.issuer.clone())).filter(|id| !id.is_empty()).map(|id| ("", id)).collect(),
        What::Policy => event.by.iter().filter_map(By::policy).map(|policy| ("", policy)).collect(),
        What::Address => vec![("", event.address.clone())],
        What::Type => vec![(TYPE.0, TYPE.1.to_owned())],
        What::Subtype => subtypes(event),
        What::Action => vec![("http://hl7.org/fhir/audit-event-action", event.action.letter().to_owned())],
        What::Outcome => vec![("http://hl7.org/fhir/audit-event-outcome", event.outcome.code().to_owned())],
        What::Request => vec![("", event.request_id.clone())],
        What::Opening => vec![("", event.opening.clone())],
        What::Entity => event.entities.iter().flat_map(|e| [e.as_str()].into_iter().chain(e.split_once('/').map(|p| p.1))).map(|e| ("", e.to_owned())).collect(),
    }
}

fn wanted(app: &App, what: What, text: &str) -> (Option<String>, String) {
    match what {
        What::Patient => (None, app.local(text).trim_start_matches("Patient/").to_owned()),
        What::Entity => (None, app.local(text).to_owned()),
        What::Id | What::AltId | What::Policy | What::Address | What::Request | What::Opening => (None, text.trim_start_matches('|').to_owned()),
        _ => match text.split_once('|') {
            Some((system, code)) => (Some(system.to_owned()), code.to_owned()),
            None => (None, text.to_owned()),
        },
    }
}

/// A parameter that is not there is reported, or refused under strict handling; a modifier or a chain on one that is there is refused always.
/// Spec: FHIR R4 search#modifiers.
fn unknown(name: &str) -> Result<bool> {
    let base = name.split([':', '.']).next().unwrap_or_default();
    if base != name && (PARAMETERS.iter().any(|(code, _)| *code == base) || matches!(base, "date" | "period-start" | "period-end" | "_lastUpdated")) {
        return Err(Fault::new(FaultKind::UnknownParameter, 985, "this modifier or chain is not supported on this search parameter; see metadata"));
    }
    Ok(false)
}

/// No parameter of the trace has a value with a comma in it, so none is escaped.
fn alternatives(text: &str) -> Result<Vec<&str>> {
    let parts: Vec<&str> = text.split(',').filter(|p| !p.is_empty()).collect();
    match parts.len() {
        0 => Err(bad()),
        n if n > MAX_ALTERNATIVES => Err(Fault::new(FaultKind::TooCostly, 332, format!("a parameter takes at most {MAX_ALTERNATIVES} alternatives; ask in several searches"))),
        _ => Ok(parts),
    }
}

fn date(text: &str) -> Result<DateTest> {
    let (prefix, rest) = match text.get(..2) {
        Some("eq") => (DatePrefix::Eq, text.get(2..)),
        Some("ne") => (DatePrefix::Ne, text.get(2..)),
        Some("gt") => (DatePrefix::Gt, text.get(2..)),
        Some("lt") => (DatePrefix::Lt, text.get(2..)),
        Some("ge") => (DatePrefix::Ge, text.get(2..)),
        Some("le") => (DatePrefix::Le, text.get(2..)),
        Some("sa") => (DatePrefix::Sa, text.get(2..)),
        Some("eb") => (DatePrefix::Eb, text.get(2..)),
        Some("ap") => (DatePrefix::Ap, text.get(2..)),
        _ => (DatePrefix::Eq, Some(text)),
    };
    // A `+` that came unescaped is a space by now.
    let (low_us, high_us) = rest.and_then(|r| time::range(&r.trim().replace(' ', "+"))).ok_or_else(bad)?;
    Ok(DateTest { prefix, low_us, high_us })
}

fn bad() -> Fault {
    Fault::new(FaultKind::BadValue, 330, "the value does not fit the parameter's type; see metadata")
}

/// Spec: FHIR R4 search#date, for a moment.
fn range_of(test: &DateTest) -> (i64, i64) {
    match test.prefix {
        DatePrefix::Eq | DatePrefix::Ap => (test.low_us, test.high_us),
        DatePrefix::Ne => (i64::MIN, i64::MAX),
        DatePrefix::Gt | DatePrefix::Sa => (test.high_us.saturating_add(1), i64::MAX),
        DatePrefix::Lt | DatePrefix::Eb => (i64::MIN, test.low_us.saturating_sub(1)),
        DatePrefix::Ge => (test.low_us, i64::MAX),
        DatePrefix::Le => (i64::MIN, test.high_us),
    }
}

fn holds(test: &DateTest, at_us: i64) -> bool {
    let (low, high) = range_of(test);
    let inside = (low..=high).contains(&at_us);
    if test.prefix == DatePrefix::Ne { !(test.low_us..=test.high_us).contains(&at_us) } else { inside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_compares_a_moment_with_the_whole_of_the_date() {
        let (low, high) = time::range("2026-03").unwrap();
        let all = [
            ("2026-03", [false, true, true, false]),
            ("ne2026-03", [true, false, false, true]),
            ("gt2026-03", [false, false, false, true]),
            ("lt2026-03", [true, false, false, false]),
        ];
        let more = [
            ("ge2026-03", [false, true, true, true]),
            ("le2026-03", [true, true, true, false]),
            ("sa2026-03", [false, false, false, true]),
            ("eb2026-03", [true, false, false, false]),
        ];
        for (text, expected) in all.into_iter().chain(more) {
            let test = date(text).unwrap();
            assert_eq!([low - 1, low, high, high + 1].map(|at| holds(&test, at)), expected, "{text}");
        }
        assert!(date("demain").is_err());
    }
}
