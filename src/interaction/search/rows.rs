//! Search of DocumentReference and List over index rows.
//! Spec: IHE MHD ITI-66, ITI-67; PDSm 3.1.1 flux 05, 06.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::parameters::{Asked, Asks, Test};
use super::{Cursor, Entry, Matches};
use crate::fhir::classification::canonical_system;
use crate::fhir::search::ParamType;
use crate::fhir::{Fault, FaultKind, Result};
use crate::interaction::Call;
use crate::interaction::registry::ResourceRow;
use crate::store::{Condition, Query, Reader, Sort};

static NUMBERS: LazyLock<HashMap<String, i16>> = LazyLock::new(|| {
    let table: toml::Table = include_str!("../../../fhir-profiles/registry/parameters.toml").parse().unwrap_or_default();
    let rows = table.get("number").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    rows.into_iter().filter_map(|(code, n)| Some((code, i16::try_from(n.as_integer()?).ok()?))).collect()
});

/// Number of an indexed parameter.
pub(in crate::interaction) fn number(code: &str) -> Option<i16> {
    NUMBERS.get(code).copied()
}

/// The codes of every indexed parameter, for the CapabilityStatement.
pub(in crate::interaction) fn codes() -> Vec<&'static str> {
    let mut all: Vec<&str> = NUMBERS.keys().map(String::as_str).collect();
    all.sort_unstable();
    all
}

/// The one code of parameters that are spelt in several ways.
pub(super) fn alias(code: &str, modifier: &str) -> String {
    match (code, modifier) {
        ("relatesTo", _) => "relatesto".into(),
        ("related", "identifier") => "related:identifier".into(),
        ("source.Patient.given" | "source.PractitionerRole.given", _) => "source.given".into(),
        ("source.Patient.family" | "source.PractitionerRole.family", _) => "source.family".into(),
        ("source.PractitionerRole.name", _) => "source.name".into(),
        _ => code.to_owned(),
    }
}

/// Type of an indexed parameter.
pub(in crate::interaction) fn kind_of(code: &str) -> Option<ParamType> {
    number(code)?;
    Some(match code {
        "date" | "creation" | "period" | "period-start" | "period-end" => ParamType::Date,
        "author.given" | "author.family" | "author.name" | "source.given" | "source.family" | "source.name" | "title" | "description" => ParamType::String,
        "related" | "relatesto" | "item" | "custodian" => ParamType::Reference,
        _ => ParamType::Token,
    })
}

/// Runs the search.
pub(super) fn find(reader: &mut Reader<'_>, call: &Call, row: &ResourceRow, asked: &Asked, cursor: Option<&Cursor>) -> Result<Matches> {
    let Some(record) = record(reader, row, asked)? else {
        return Ok(Matches { total: 0, entries: Vec::new(), next: None });
    };
    let commit = cursor.map_or_else(|| reader.commit(), |c| c.commit);
    let count = if asked.only_count { 0 } else { asked.count };
    let query = Query {
        kind: row.kind.clone(),
        record,
        conditions: conditions(asked),
        sort: asked.sort.unwrap_or(Sort::DateDown),
        count: i64::try_from(count).unwrap_or(20),
        after: cursor.and_then(|c| c.key),
        commit,
    };
    let page = reader.search(&query)?;
    let next = page.next.map(|key| Cursor::new(call, &asked.used, commit, Some(key), 0));
    let mut entries = Vec::with_capacity(page.rows.len());
    for version in page.rows {
        let found = reader.with_body(version)?;
        entries.push(Entry { kind: found.row.kind, id: found.row.id, bytes: found.body });
    }
    Ok(Matches { total: usize::try_from(page.total).unwrap_or(0), entries, next })
}

/// The record searched. `Some(None)`: found by identifier or id without one; `None`: no such patient, so nothing matches.
#[expect(clippy::option_option, reason = "the two absences mean different things, as the comment says")]
fn record(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked) -> Result<Option<Option<i64>>> {
    if asked.patients.is_empty() && asked.patient_identifiers.is_empty() {
        if asked.identifiers.is_empty() && asked.ids.is_empty() {
            return Err(Fault::new(FaultKind::MissingElement, 280, format!("a search of {} needs patient or patient.identifier (or identifier, or _id)", row.kind)).at("patient"));
        }
        return Ok(Some(None));
    }
    let found = super::memory::records(reader, asked)?;
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(Some(one.0))),
        _ => Err(Fault::new(FaultKind::TooCostly, 281, "search one patient at a time").at("patient")),
    }
}

fn conditions(asked: &Asked) -> Vec<Condition> {
    let mut out: Vec<Condition> = asked.tests.iter().filter_map(condition).collect();
    if !asked.identifiers.is_empty() {
        out.push(Condition::Identifier { any: asked.identifiers.clone() });
    }
    if !asked.ids.is_empty() {
        out.push(Condition::Ids { any: asked.ids.clone() });
    }
    if !asked.last_updated.is_empty() {
        out.push(Condition::LastUpdated { any: asked.last_updated.clone() });
    }
    out
}

fn condition(asks: &Asks) -> Option<Condition> {
    let param = number(&asks.code)?;
    Some(match &asks.test {
        Test::Token(any) => Condition::Token { param, any: any.iter().flat_map(spellings).collect(), negated: asks.negated },
        Test::Date(any) => Condition::Date { param, any: any.clone() },
        Test::Text(any) => Condition::Text { param, any: any.clone() },
        Test::Reference(any) | Test::Uri(any) => Condition::Reference { param, any: any.clone() },
    })
}

/// The French terminologies have three spellings each; index rows hold the canonical one beside the one that was sent.
fn spellings(token: &(Option<String>, String)) -> Vec<(Option<String>, String)> {
    let canonical = token.0.as_deref().filter(|s| !s.is_empty()).map(|s| (Some(canonical_system(s)), token.1.clone()));
    let mut out = vec![token.clone()];
    out.extend(canonical.filter(|c| c != token));
    out
}
