//! The query of a search, understood: which patient, which conditions, how many, in which order.

use crate::fhir::search::{ParamType, fold};
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result, time};
use crate::interaction::registry::{ResourceRow, registry};
use crate::interaction::{App, Call};
use crate::store::{DatePrefix, DateTest, Sort};

/// What a test of one parameter looks like, before it is turned into index conditions or compared in memory.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// No system = any, empty = none.
    Token(Vec<(Option<String>, String)>),
    Date(Vec<DateTest>),
    Text(Vec<String>),
    Reference(Vec<String>),
    Uri(Vec<String>),
}

/// One parameter of the query.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    pub code: String,
    pub test: Test,
    /// `:not`
    pub negated: bool,
}

/// The whole query.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub tests: Vec<Asks>,
    pub ids: Vec<String>,
    pub identifiers: Vec<Identifier>,
    pub last_updated: Vec<DateTest>,
    /// `Patient` ids asked for by `patient`, `subject`.
    pub patients: Vec<String>,
    /// Asked for by `patient.identifier`.
    pub patient_identifiers: Vec<Identifier>,
    pub patient_id: Option<String>,
    pub count: usize,
    pub sort: Option<Sort>,
    /// Element paths whose references are included.
    pub includes: Vec<Vec<String>>,
    pub no_total: bool,
    /// `_summary=count`
    pub only_count: bool,
    /// The parameters that were used, for the self link.
    pub used: Vec<(String, String)>,
    pub warnings: Vec<Issue>,
}

/// Reads the query; unknown parameters are refused (strict handling) or ignored and reported.
pub(super) fn read(app: &App, call: &Call, row: &ResourceRow, query: &[(String, String)]) -> Result<Asked> {
    let mut asked = Asked { count: app.config.limits.page, ..Asked::default() };
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
fn safe(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).take(64).collect()
}

fn one(app: &App, row: &ResourceRow, asked: &mut Asked, name: &str, value: &str) -> Result<bool> {
    match name {
        "_id" => asked.ids.extend(value.split(',').map(str::to_owned)),
        "_lastUpdated" => asked.last_updated.push(date(value, name)?),
        "identifier" => asked.identifiers.extend(value.split(',').map(identifier)),
        "patient" | "subject" | "patient._id" => asked.patients.extend(value.split(',').map(|v| local(app, v))),
        "patient.identifier" | "subject.identifier" => asked.patient_identifiers.extend(value.split(',').map(identifier)),
        "patient:identifier" | "subject:identifier" => asked.patient_identifiers.extend(value.split(',').map(identifier)),
        "_count" => {
            let n: usize = value.parse().map_err(|_| bad("_count"))?;
            asked.count = n.min(app.config.limits.page_max);
        }
        "_summary" if value == "count" => asked.only_count = true,
        "_total" => asked.no_total = value == "none",
        "_sort" => asked.sort = Some(sort(value).ok_or_else(|| bad("_sort"))?),
        "_include" => match include(value) {
            Some(path) => asked.includes.push(path),
            None => return Ok(false),
        },
        _ => return typed(row, asked, name, value),
    }
    Ok(true)
}

/// A parameter of the registry, or of the document-sharing table.
fn typed(row: &ResourceRow, asked: &mut Asked, name: &str, value: &str) -> Result<bool> {
    let (base, modifier) = name.split_once(':').unwrap_or((name, ""));
    let code = super::rows::alias(base, modifier);
    let kind = match &row.search {
        Some(_) => super::rows::kind_of(&code),
        None => row.parameter(&code).map(|p| p.kind),
    };
    let Some(kind) = kind else { return Ok(false) };
    let negated = modifier == "not" && kind == ParamType::Token;
    if !(modifier.is_empty() || negated || modifier == "exact" || modifier == "contains" || modifier == "identifier") {
        return Ok(false);
    }
    let test = test(kind, value, name)?;
    asked.tests.push(Asks { code, test, negated });
    Ok(true)
}

fn test(kind: ParamType, value: &str, name: &str) -> Result<Test> {
    let parts = value.split(',').take(100);
    Ok(match kind {
        ParamType::Token => Test::Token(parts.map(token).collect()),
        ParamType::Date => Test::Date(parts.map(|v| date(v, name)).collect::<Result<_>>()?),
        ParamType::String => Test::Text(parts.map(fold).collect()),
        ParamType::Reference => Test::Reference(parts.map(str::to_owned).collect()),
        ParamType::Uri => Test::Uri(parts.map(str::to_owned).collect()),
    })
}

/// `system|code`, `|code`, `system|`, `code`.
fn token(text: &str) -> (Option<String>, String) {
    match text.split_once('|') {
        Some((system, code)) => (Some(system.to_owned()), code.to_owned()),
        None => (None, text.to_owned()),
    }
}

pub(super) fn identifier(text: &str) -> Identifier {
    let (system, value) = token(text);
    Identifier { system, value }
}

/// A date with its prefix.
fn date(text: &str, name: &str) -> Result<DateTest> {
    let (prefix, rest) = match text.get(..2) {
        Some("eq") => (DatePrefix::Eq, text.get(2..)),
        Some("ne") => (DatePrefix::Ne, text.get(2..)),
        Some("gt") => (DatePrefix::Gt, text.get(2..)),
        Some("lt") => (DatePrefix::Lt, text.get(2..)),
        Some("ge") => (DatePrefix::Ge, text.get(2..)),
        Some("le") => (DatePrefix::Le, text.get(2..)),
        Some("sa") => (DatePrefix::Sa, text.get(2..)),
        Some("eb") => (DatePrefix::Eb, text.get(2..)),
        _ => (DatePrefix::Eq, Some(text)),
    };
    let (low_us, high_us) = rest.and_then(time::range).ok_or_else(|| bad(name))?;
    Ok(DateTest { prefix, low_us, high_us })
}

fn sort(text: &str) -> Option<Sort> {
    Some(match text {
        "-date" | "-creation" | "-recorded" | "-authored" | "-authoredon" | "-period" => Sort::DateDown,
        "date" | "creation" | "recorded" | "authored" | "authoredon" | "period" => Sort::DateUp,
        "-_lastUpdated" => Sort::LastUpdatedDown,
        "_lastUpdated" => Sort::LastUpdatedUp,
        _ => return None,
    })
}

/// `Type:parameter` → the element paths of the parameter.
fn include(text: &str) -> Option<Vec<String>> {
    let mut parts = text.split(':');
    let (kind, code) = (parts.next()?, parts.next()?);
    match (kind, code) {
        ("List", "item") => Some(vec!["entry.item".into()]),
        ("DocumentReference", "relatesto") => Some(vec!["relatesTo.target".into()]),
        ("DocumentReference" | "List", "patient" | "subject") => Some(vec!["subject".into()]),
        _ => registry().resource(kind)?.parameter(code).filter(|p| p.kind == ParamType::Reference).map(|p| p.path.clone()),
    }
}

/// A reference to a patient as `id`, whichever of `id`, `Patient/id` and the absolute form was given.
fn local(app: &App, text: &str) -> String {
    let text = text.strip_prefix(&app.base_url).map_or(text, |t| t.trim_start_matches('/'));
    text.strip_prefix("Patient/").unwrap_or(text).to_owned()
}

fn bad(name: &str) -> Fault {
    Fault::new(FaultKind::BadValue, 271, "the value does not fit the parameter's type; see metadata").at(safe(name))
}
