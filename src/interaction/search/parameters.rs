//! The query of a search, understood: which patient, which conditions, how many, in which order.
//! A parameter given twice must hold twice; the commas inside one are alternatives.
//! Spec: FHIR R4 search (combining, modifiers, chaining, sort, count, total, summary).

use super::name::{Name, spelt};
use super::value::{Token, alternatives, bad, date, folded, reference, relative, token, unescape};
use super::{include, order};
use crate::fhir::search::ParamType;
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result};
use crate::interaction::registry::{ResourceRow, registry};
use crate::interaction::{App, Call};
use crate::store::DateTest;

/// Parameters of one query.
const MAX_PARAMETERS: usize = 64;

/// Words of one alternative of `_content`.
const MAX_WORDS: usize = 16;

/// What a test of one parameter looks like, before it is turned into index conditions or compared in memory.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Token(Vec<Token>),
    Date(Vec<DateTest>),
    Text(Vec<String>, How),
    /// Relative references; none of them left matches nothing.
    Reference(Vec<String>),
    Uri(Vec<String>),
    /// `_content`: folded words, all of one list.
    Content(Vec<Vec<String>>),
    /// `:missing`
    Missing(bool),
}

/// How a string is compared; all but `Exact` on folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Starts,
    Contains,
    Exact,
}

/// One parameter of the query.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    pub code: String,
    pub test: Test,
    /// `:not`
    pub negated: bool,
}

/// A patient asked for.
#[derive(Debug, Clone)]
pub(super) enum PatientBy {
    Id(String),
    Identifier(Identifier),
}

/// The whole query. Outer lists hold together, inner ones are alternatives.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub tests: Vec<Asks>,
    pub ids: Vec<Vec<String>>,
    pub identifiers: Vec<Vec<Token>>,
    pub last_updated: Vec<Vec<DateTest>>,
    pub patients: Vec<Vec<PatientBy>>,
    pub count: usize,
    pub sort: Option<order::Order>,
    pub includes: Vec<include::Include>,
    pub no_total: bool,
    /// `_summary=count`
    pub only_count: bool,
    /// The moment `ap` is measured from, µs UTC: the same on every page.
    pub now_us: i64,
    /// The parameters that were used, for the self link.
    pub used: Vec<(String, String)>,
    pub warnings: Vec<Issue>,
}

impl Asked {
    /// The numbers by which persons are asked for: they could be walked through.
    pub(super) fn numbers(&self, row: &ResourceRow) -> Vec<Identifier> {
        let own = self.identifiers.iter().flatten().filter(|t| row.kind == "Patient" && !t.1.is_empty());
        let own = own.map(|(system, value)| Identifier { system: system.clone(), value: value.clone() });
        own.chain(self.patients.iter().flatten().filter_map(|p| if let PatientBy::Identifier(number) = p { Some(number.clone()) } else { None })).collect()
    }
}

/// Reads the query; unknown parameters are refused (strict handling) or ignored and reported.
pub(super) fn read(app: &App, call: &Call, row: &ResourceRow, query: &[(String, String)], now_us: i64) -> Result<Asked> {
    let mut asked = Asked { count: app.config.limits.page, now_us, ..Asked::default() };
    if query.len() > MAX_PARAMETERS {
        return Err(Fault::new(FaultKind::TooCostly, 274, format!("a search takes at most {MAX_PARAMETERS} parameters")));
    }
    for (name, value) in query {
        if name == "_page" || name == "_format" || name == "_pretty" || value.is_empty() {
            continue;
        }
        if one(app, row, &mut asked, name, value)? {
            asked.used.push((name.clone(), value.clone()));
        } else if call.prefer.strict {
            return Err(Fault::new(FaultKind::UnknownParameter, 270, format!("the search parameter is not supported on {}; see metadata", row.kind)).at(safe(name)));
        } else {
            asked.warnings.push(Issue::warning(IssueType::NotSupported, safe(name), "this search parameter is not supported and was ignored"));
        }
    }
    Ok(asked)
}

/// Parameter names are shown to the caller only when they look like one.
pub(super) fn safe(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).take(64).collect()
}

/// Takes one parameter; `false` when it is unknown here.
fn one(app: &App, row: &ResourceRow, asked: &mut Asked, name: &str, value: &str) -> Result<bool> {
    match name {
        "_id" => asked.ids.push(alternatives(value, name)?),
        "_lastUpdated" => asked.last_updated.push(dates(value, name, asked.now_us)?),
        "identifier" if row.search.is_some() || row.parameter(name).is_some() => {
            asked.identifiers.push(alternatives(value, name)?.iter().map(|v| token(v, name)).collect::<Result<_>>()?);
        }
        "_count" => asked.count = value.parse::<usize>().map_err(|_| bad(name))?.min(app.config.limits.page_max),
        "_summary" => match value {
            "count" => asked.only_count = true,
            "false" => {}
            _ => return Ok(false),
        },
        "_total" => match value {
            "none" => asked.no_total = true,
            "estimate" | "accurate" => {}
            _ => return Err(bad(name)),
        },
        "_sort" => match order::read(row, value) {
            Some(order) => asked.sort = Some(order),
            None => return Ok(false),
        },
        "_include" => match include::read(row, value) {
            Some(include) => asked.includes.push(include),
            None => return Ok(false),
        },
        _ => return typed(app, row, asked, name, value),
    }
    Ok(true)
}

fn dates(value: &str, name: &str, now_us: i64) -> Result<Vec<DateTest>> {
    alternatives(value, name)?.iter().map(|v| date(v, name, now_us)).collect()
}

/// A patient, or a parameter of one of the registry's tables.
fn typed(app: &App, row: &ResourceRow, asked: &mut Asked, name: &str, value: &str) -> Result<bool> {
    let Some(spelt) = spelt(name) else { return Ok(false) };
    if let Some(by) = patients(app, row, &spelt, value)? {
        asked.patients.push(by);
        return Ok(true);
    }
    let Some(kind) = row.searched(&spelt.code) else {
        return if spelt.code == "identifier" { Err(unsupported(name)) } else { Ok(false) };
    };
    let mut test = match spelt.modifier.as_str() {
        "" if is_content(row, &spelt.code) => Test::Content(alternatives(value, name)?.iter().map(|v| words(v, name)).collect::<Result<_>>()?),
        _ if is_content(row, &spelt.code) => return Err(unsupported(name)),
        "missing" => missing(row, kind, &spelt, value)?,
        _ => test(app, row, &spelt, value, asked.now_us)?,
    };
    if let Some(target) = &spelt.target {
        match &mut test {
            Test::Reference(any) => any.retain(|r| r.contains(':') || r.split('/').next() == Some(target)),
            _ => asked.tests.push(reaches(row, &spelt, target).ok_or_else(|| unsupported(name))?),
        }
    }
    asked.tests.push(Asks { negated: spelt.modifier == "not", code: spelt.code, test });
    Ok(true)
}

fn is_content(row: &ResourceRow, code: &str) -> bool {
    registry().indexed(&row.kind, code).is_some_and(|p| p.content)
}

/// The folded words of an alternative.
fn words(value: &str, name: &str) -> Result<Vec<String>> {
    let words: Vec<String> = folded(value, name)?.split(' ').map(str::to_owned).collect();
    if words.len() > MAX_WORDS {
        return Err(Fault::new(FaultKind::TooCostly, 275, format!("a search of words takes at most {MAX_WORDS}")).at(safe(name)));
    }
    Ok(words)
}

/// The companion test of a typed chain: the parameter leads to a resource of that type.
fn reaches(row: &ResourceRow, spelt: &Name, target: &str) -> Option<Asks> {
    let code = format!("{}:type", spelt.code.split_once('.')?.0);
    registry().indexed(&row.kind, &code)?;
    Some(Asks { code, test: Test::Token(vec![(None, target.to_owned())]), negated: false })
}

/// `patient`, `subject` and what is chained to them, on types that have them.
fn patients(app: &App, row: &ResourceRow, spelt: &Name, value: &str) -> Result<Option<Vec<PatientBy>>> {
    let (base, part) = spelt.code.split_once(['.', ':']).unwrap_or((&spelt.code, ""));
    let here = matches!(base, "patient" | "subject") && (row.search.is_some() || row.parameter(base).is_some());
    if !here || !matches!(part, "" | "_id" | "identifier") {
        return Ok(None);
    }
    if !spelt.modifier.is_empty() || spelt.target.as_deref().is_some_and(|t| t != "Patient") {
        return Err(unsupported(&spelt.whole));
    }
    let name = &spelt.whole;
    alternatives(value, name)?
        .iter()
        .map(|v| match part {
            "identifier" => match token(v, name)? {
                (_, value) if value.is_empty() => Err(bad(name)),
                (system, value) => Ok(PatientBy::Identifier(Identifier { system, value })),
            },
            _ => {
                let text = relative(app, &unescape(v));
                Ok(PatientBy::Id(text.strip_prefix("Patient/").unwrap_or(&text).to_owned()))
            }
        })
        .collect::<Result<_>>()
        .map(Some)
}

/// `:missing`. Not on references that may name a document: the answer would tell of one that is hidden.
fn missing(row: &ResourceRow, kind: ParamType, spelt: &Name, value: &str) -> Result<Test> {
    let hides = kind == ParamType::Reference && row.search.is_some() && spelt.code != "custodian";
    match value {
        _ if hides => Err(unsupported(&spelt.whole)),
        "true" => Ok(Test::Missing(true)),
        "false" => Ok(Test::Missing(false)),
        _ => Err(bad(&spelt.whole)),
    }
}

fn test(app: &App, row: &ResourceRow, spelt: &Name, value: &str, now_us: i64) -> Result<Test> {
    let name = spelt.whole.as_str();
    let kind = row.searched(&spelt.code).ok_or_else(|| unsupported(name))?;
    let any = alternatives(value, name)?;
    Ok(match (kind, spelt.modifier.as_str()) {
        (ParamType::Token, "" | "not") => Test::Token(any.iter().map(|v| token(v, name)).collect::<Result<_>>()?),
        (ParamType::Date, "") => Test::Date(any.iter().map(|v| date(v, name, now_us)).collect::<Result<_>>()?),
        (ParamType::String, "") => Test::Text(any.iter().map(|v| folded(v, name)).collect::<Result<_>>()?, How::Starts),
        (ParamType::String, "contains") => Test::Text(any.iter().map(|v| folded(v, name)).collect::<Result<_>>()?, How::Contains),
        // Index rows hold folded text alone.
        (ParamType::String, "exact") if row.search.is_none() => Test::Text(any.iter().map(|v| unescape(v)).collect(), How::Exact),
        (ParamType::Reference, "") => {
            let own = registry().indexed(&row.kind, &spelt.code).map(|p| p.targets.clone()).unwrap_or_default();
            let targets = spelt.target.as_ref().map_or(own, |t| vec![t.clone()]);
            Test::Reference(any.iter().flat_map(|v| reference(app, v, &targets)).collect())
        }
        (ParamType::Uri, "") => Test::Uri(any.iter().map(|v| unescape(v)).collect()),
        _ => return Err(unsupported(name)),
    })
}

/// Spec: FHIR R4 search#modifiers: a modifier that is not supported is rejected, whatever the handling.
fn unsupported(name: &str) -> Fault {
    Fault::new(FaultKind::UnknownParameter, 272, "this modifier or target type is not supported on this search parameter; see metadata").at(safe(name))
}
