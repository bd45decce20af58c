//! Search of the other types: the candidates of one record are a short range read, compared in memory by the same value
//! readers that the registry names.

use std::cmp::Reverse;

use serde_json::Value;

use super::parameters::{Asked, Asks, Test};
use super::{Cursor, Entry, Matches, entry_of};
use crate::fhir::search::{ParamType, SearchValue, fold, values};
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::interaction::registry::ResourceRow;
use crate::interaction::{App, Call, facts};
use crate::store::{DatePrefix, DateTest, Reader, Sort};

/// Resources of one type in one record that a search looks at; more is answered too-costly.
const MAX_CANDIDATES: i64 = 20_000;

/// Runs the search.
pub(super) fn find(reader: &mut Reader<'_>, call: &Call, row: &ResourceRow, asked: &Asked, cursor: Option<&Cursor>) -> Result<Matches> {
    let mut hits: Vec<(i64, Value)> = candidates(reader, row, asked)?.into_iter().filter(|v| matches(row, asked, v)).map(|v| (sort_key(row, asked, &v), v)).collect();
    match asked.sort.unwrap_or(Sort::DateDown) {
        Sort::DateDown | Sort::LastUpdatedDown => hits.sort_by_key(|(key, _)| Reverse(*key)),
        Sort::DateUp | Sort::LastUpdatedUp => hits.sort_by_key(|(key, _)| *key),
    }
    let total = hits.len();
    let offset = cursor.map_or(0, |c| c.offset);
    let count = if asked.only_count { 0 } else { asked.count };
    let entries: Vec<Entry> = hits.iter().skip(offset).take(count).map(|(_, v)| entry_of(v)).collect::<Result<_>>()?;
    let shown = offset + entries.len();
    let next = (shown < total && count > 0).then(|| Cursor::new(call, &asked.used, reader.commit(), None, shown));
    Ok(Matches { total, entries, next })
}

/// The records of the patients asked for, with the ids of the patients; unknown and hidden ones give none.
pub(super) fn records(reader: &mut Reader<'_>, asked: &Asked) -> Result<Vec<(i64, String)>> {
    let mut out = Vec::new();
    for id in &asked.patients {
        if let Some(place) = reader.place("Patient", id)? {
            out.push((place.record, id.clone()));
        }
    }
    for identifier in &asked.patient_identifiers {
        out.extend(reader.by_identifier("Patient", identifier)?.into_iter().map(|r| (r.record, r.id)));
    }
    out.sort_unstable();
    out.dedup_by_key(|r| r.0);
    Ok(out)
}

fn candidates(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked) -> Result<Vec<Value>> {
    if let Some(found) = by_id(reader, row, asked)? {
        return Ok(found);
    }
    if let Some(found) = by_document(reader, row, asked)? {
        return Ok(found);
    }
    let mut out = Vec::new();
    for (record, _) in searched(reader, row, asked)? {
        for found in reader.all_of(record, &row.kind, MAX_CANDIDATES)? {
            out.push(parse(&found.body)?);
        }
        out.extend(facts::of_kind(reader, record, &row.kind)?);
    }
    if i64::try_from(out.len()).unwrap_or(i64::MAX) > MAX_CANDIDATES {
        return Err(Fault::new(FaultKind::TooCostly, 290, "the record holds too many resources of this type for one search"));
    }
    Ok(out)
}

fn searched(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked) -> Result<Vec<(i64, String)>> {
    let by_patient = !asked.patients.is_empty() || !asked.patient_identifiers.is_empty();
    if by_patient {
        return records(reader, asked);
    }
    if row.patient.is_empty() && row.kind != "Provenance" && row.kind != "Patient" {
        return Ok(vec![(0, String::new())]);
    }
    Err(Fault::new(FaultKind::TooCostly, 291, format!("a search of {} needs patient, identifier or _id", row.kind)))
}

/// By `_id` or `identifier`, without knowing the record.
fn by_id(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked) -> Result<Option<Vec<Value>>> {
    if asked.ids.is_empty() && asked.identifiers.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::new();
    for id in &asked.ids {
        if id.starts_with(App::DERIVED) {
            if let Some(bytes) = facts::one(reader, &row.kind, id)? {
                out.push(parse(&bytes)?);
            }
        } else if let Some(found) = reader.found(&row.kind, id, None)?.filter(|f| !f.row.deleted) {
            out.push(parse(&found.body)?);
        }
    }
    if asked.ids.is_empty() {
        for identifier in &asked.identifiers {
            for version in reader.by_identifier(&row.kind, identifier)? {
                out.push(parse(&reader.with_body(version)?.body)?);
            }
        }
    }
    Ok(Some(out))
}

/// `Provenance?entity=DocumentReference/x`: the block of that document alone.
fn by_document(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked) -> Result<Option<Vec<Value>>> {
    if row.kind != "Provenance" {
        return Ok(None);
    }
    let Some(Test::Reference(targets)) = asked.tests.iter().find(|t| t.code == "entity").map(|t| &t.test) else { return Ok(None) };
    let mut out = Vec::new();
    for target in targets {
        let Some(id) = target.rsplit_once("DocumentReference/").map(|t| t.1) else { continue };
        let Some(place) = reader.place("DocumentReference", id)? else { continue };
        if let Some(block) = reader.fact_block(place.record, place.document)? {
            out.extend(block.provenance.clone());
        }
    }
    Ok(Some(out))
}

fn parse(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|e| Fault::new(FaultKind::Bug, 292, "a stored resource is damaged").because(e))
}

fn matches(row: &ResourceRow, asked: &Asked, resource: &Value) -> bool {
    let updated = || resource.pointer("/meta/lastUpdated").and_then(Value::as_str).and_then(time::range);
    asked.last_updated.iter().all(|t| updated().is_some_and(|(low, high)| date_matches(t, low, high)))
        && (asked.identifiers.is_empty() || asked.ids.is_empty() || has_identifier(resource, asked))
        && asked.tests.iter().all(|t| holds(row, t, resource))
}

fn has_identifier(resource: &Value, asked: &Asked) -> bool {
    values(resource, ParamType::Token, &["identifier".to_owned()]).iter().any(|v| match v {
        SearchValue::Token { system, code } => asked.identifiers.iter().any(|i| &i.value == code && i.system.as_ref().is_none_or(|s| s == system)),
        _ => false,
    })
}

fn holds(row: &ResourceRow, asks: &Asks, resource: &Value) -> bool {
    let Some(parameter) = row.parameter(&asks.code) else { return false };
    let found = values(resource, parameter.kind, &parameter.path);
    let any = found.iter().any(|v| value_matches(&asks.test, v));
    any != asks.negated
}

fn value_matches(test: &Test, value: &SearchValue) -> bool {
    match (test, value) {
        (Test::Token(any), SearchValue::Token { system, code }) => any.iter().any(|(s, c)| (c.is_empty() || c == code) && s.as_ref().is_none_or(|s| s == system)),
        (Test::Date(any), SearchValue::Date { low_us, high_us }) => any.iter().any(|t| date_matches(t, *low_us, *high_us)),
        (Test::Text(any), SearchValue::Text(text)) => any.iter().any(|t| text.starts_with(t.as_str())),
        (Test::Text(any), SearchValue::Uri(text)) => any.iter().any(|t| fold(text).starts_with(t.as_str())),
        (Test::Reference(any), SearchValue::Reference(text)) => any.iter().any(|t| same_reference(t, text)),
        (Test::Uri(any), SearchValue::Uri(text)) => any.contains(text),
        _ => false,
    }
}

fn same_reference(asked: &str, stored: &str) -> bool {
    asked == stored || stored.rsplit_once('/').is_some_and(|(_, id)| id == asked) || asked.ends_with(&format!("/{stored}"))
}

/// Spec: FHIR R4 search#date.
fn date_matches(test: &DateTest, low: i64, high: i64) -> bool {
    match test.prefix {
        DatePrefix::Eq => low >= test.low_us && high <= test.high_us,
        DatePrefix::Ne => low < test.low_us || high > test.high_us,
        DatePrefix::Gt => high > test.high_us,
        DatePrefix::Lt => low < test.low_us,
        DatePrefix::Ge => high >= test.low_us,
        DatePrefix::Le => low <= test.high_us,
        DatePrefix::Sa => low > test.high_us,
        DatePrefix::Eb => high < test.low_us,
    }
}

fn sort_key(row: &ResourceRow, asked: &Asked, resource: &Value) -> i64 {
    let updated = resource.pointer("/meta/lastUpdated").and_then(Value::as_str).and_then(time::range).map_or(0, |r| r.0);
    if matches!(asked.sort, Some(Sort::LastUpdatedDown | Sort::LastUpdatedUp)) {
        return updated;
    }
    own_date(row, resource).unwrap_or(updated)
}

/// The first value of the type's first date parameter.
pub(in crate::interaction) fn own_date(row: &ResourceRow, resource: &Value) -> Option<i64> {
    let parameter = row.parameter.iter().find(|p| p.kind == ParamType::Date)?;
    values(resource, ParamType::Date, &parameter.path).into_iter().find_map(|v| match v {
        SearchValue::Date { low_us, high_us } => Some(if low_us == i64::MIN { high_us } else { low_us }),
        _ => None,
    })
}
