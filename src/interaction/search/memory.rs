//! Search of the other types: the candidates of one record are a short range read, compared in memory by the same value
//! readers that the registry names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::order::{By, Order};
use super::parameters::{Asked, Asks, How, PatientBy, Test};
use super::value::Token;
use super::{Cursor, Entry, Matches, entry_of};
use crate::fhir::search::{ParamType, SearchValue, values};
use crate::fhir::{Fault, FaultKind, Identifier, Result, time};
use crate::interaction::paging::Mark;
use crate::interaction::registry::ResourceRow;
use crate::interaction::{App, Call, embedded, existence, facts};
use crate::store::{DatePrefix, DateTest, Reader};

/// Resources of one type in one record that a search looks at; more is answered too-costly.
const MAX_CANDIDATES: i64 = 20_000;
/// Resources of one identifier that the store gives.
const MAX_SAME_IDENTIFIER: usize = 20;

/// A resource to be compared, and the record it is in.
struct Candidate {
    record: i64,
    value: Value,
}

/// Runs the search.
pub(super) fn find(reader: &mut Reader<'_>, call: &Call, row: &ResourceRow, asked: &Asked, cursor: Option<&Cursor>) -> Result<Matches> {
    let records = records(reader, call, asked)?;
    // A practitioner asks for the state of his authorisation before it is given.
    let asks_state = row.kind == "Consent" && reader.consents_about_caller(&[])?.is_some();
    if row.kind != "Patient" && !asks_state {
        records.iter().flatten().try_for_each(|record| reader.open_to_caller(*record))?;
    }
    let found = candidates(reader, row, asked, records.as_ref())?.into_iter();
    let found = found.filter(|c| records.as_ref().is_none_or(|r| r.contains(&c.record)) && matches(row, asked, &c.value));
    let hits = ordered(row, asked.sort.as_ref(), found.collect());
    let total = hits.len();
    let offset = cursor.map_or(0, |c| if let Mark::Offset(n) = c.mark { n } else { 0 });
    let count = if asked.only_count { 0 } else { asked.count };
    let shown = hits.iter().skip(offset).take(count).inspect(|c| call.in_record(c.record));
    let entries: Vec<Entry> = shown.map(|c| entry_of(&c.value)).collect::<Result<_>>()?;
    let shown = offset + entries.len();
    let next = (shown < total && count > 0).then(|| Cursor::new(call, &asked.used, asked.now_us, reader.commit(), Mark::Offset(shown)));
    Ok(Matches { total, entries, next })
}

/// The records of the patients asked for: alternatives inside one parameter, what all parameters name when there are several;
/// none for an unknown patient. `None` when no patient was asked for. Each patient found is named in the trace.
pub(super) fn records(reader: &mut Reader<'_>, call: &Call, asked: &Asked) -> Result<Option<BTreeSet<i64>>> {
    let mut out: Option<BTreeMap<i64, String>> = None;
    for any in &asked.patients {
        let mut found = BTreeMap::new();
        for by in any {
            match by {
                PatientBy::Id(id) => found.extend(reader.place("Patient", id)?.map(|place| (place.record, id.clone()))),
                PatientBy::Identifier(identifier) => found.extend(reader.by_identifier("Patient", identifier)?.into_iter().map(|r| (r.record, r.id))),
            }
        }
        if let Some(before) = &out {
            found.retain(|record, _| before.contains_key(record));
        }
        out = Some(found);
    }
    out.iter().flatten().for_each(|(_, id)| call.about(id));
    Ok(out.map(|found| found.into_keys().collect()))
}

fn candidates(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked, records: Option<&BTreeSet<i64>>) -> Result<Vec<Candidate>> {
    if row.embedded {
        let asked_for = |map: &Value| asked.ids.iter().all(|any| embedded::id_of(map).is_some_and(|id| any.iter().any(|asked| asked == id)));
        return Ok(embedded::of_kind(&row.kind).filter(|map| asked_for(map)).map(|map| Candidate { record: 0, value: map.clone() }).collect());
    }
    if let Some(any) = asked.ids.first() {
        let ids: BTreeSet<&String> = any.iter().filter(|id| asked.ids.iter().all(|other| other.contains(id))).collect();
        return by_ids(reader, row, &ids);
    }
    if let Some(found) = by_document(reader, row, asked)? {
        return Ok(found);
    }
    if let Some(records) = records {
        let each: Vec<Vec<Candidate>> = records.iter().map(|r| of_record(reader, row, *r)).collect::<Result<_>>()?;
        return Ok(each.into_iter().flatten().collect());
    }
    if let Some(any) = asked.identifiers.iter().find(|any| any.iter().all(|t| !t.1.is_empty())) {
        return by_identifiers(reader, row, any);
    }
    if row.patient.is_empty() && row.kind != "Provenance" && row.kind != "Patient" {
        return of_record(reader, row, 0);
    }
    let needs = if row.kind == "Patient" { "identifier (the INS) or _id" } else { "patient, identifier or _id" };
    Err(Fault::new(FaultKind::TooCostly, 291, format!("a search of {} needs {needs}", row.kind)))
}

fn of_record(reader: &mut Reader<'_>, row: &ResourceRow, record: i64) -> Result<Vec<Candidate>> {
    let mut out = Vec::new();
    for found in reader.all_of(record, &[&row.kind], MAX_CANDIDATES + 1)? {
        out.push(Candidate { record, value: parse(&found.body)? });
    }
    out.extend(facts::of_kind(reader, record, &row.kind)?.into_iter().map(|value| Candidate { record, value }));
    if i64::try_from(out.len()).unwrap_or(i64::MAX) > MAX_CANDIDATES {
        return Err(Fault::new(FaultKind::TooCostly, 290, "the record holds too many resources of this type for one search"));
    }
    Ok(out)
}

/// By `_id`, without knowing the record.
fn by_ids(reader: &mut Reader<'_>, row: &ResourceRow, ids: &BTreeSet<&String>) -> Result<Vec<Candidate>> {
    let mut out = Vec::new();
    for id in ids {
        let Some(place) = reader.place(&row.kind, id)? else { continue };
        let bytes = if id.starts_with(App::DERIVED) {
            facts::one(reader, &row.kind, id)?
        } else {
            reader.found(&row.kind, id, None)?.filter(|f| !f.row.deleted).map(|f| existence::state(reader, f)).transpose()?.map(|f| f.body)
        };
        if let Some(bytes) = bytes {
            out.push(Candidate { record: place.record, value: parse(&bytes)? });
        }
    }
    Ok(out)
}

/// By the values of identifiers, without knowing the record.
fn by_identifiers(reader: &mut Reader<'_>, row: &ResourceRow, any: &[Token]) -> Result<Vec<Candidate>> {
    let mut out: BTreeMap<String, Candidate> = BTreeMap::new();
    for (system, value) in any {
        let found = reader.by_identifier(&row.kind, &Identifier { system: system.clone(), value: value.clone() })?;
        if found.len() >= MAX_SAME_IDENTIFIER {
            return Err(Fault::new(FaultKind::TooCostly, 293, "too many resources have this identifier; give its system, or the patient").at("identifier"));
        }
        for version in found {
            let (record, id) = (version.record, version.id.clone());
            let found = reader.with_body(version)?;
            out.insert(id, Candidate { record, value: parse(&existence::state(reader, found)?.body)? });
        }
    }
    Ok(out.into_values().collect())
}

/// `Provenance?entity=DocumentReference/x`, `Provenance?target=Condition/x`: the block of that document alone.
fn by_document(reader: &mut Reader<'_>, row: &ResourceRow, asked: &Asked) -> Result<Option<Vec<Candidate>>> {
    if row.kind != "Provenance" {
        return Ok(None);
    }
    let named = |t: &Asks| matches!(t.test, Test::Reference(_)) && matches!(t.code.as_str(), "entity" | "target");
    let Some(Test::Reference(targets)) = asked.tests.iter().find(|t| named(t)).map(|t| &t.test) else { return Ok(None) };
    let mut blocks = BTreeSet::new();
    // Something that stands for itself (a Patient) may be a target too: the record is looked through then.
    let mut own = false;
    for target in targets {
        let (kind, id) = target.split_once('/').unwrap_or(("DocumentReference", target));
        let id = id.split('/').next().unwrap_or(id);
        let place = reader.place(kind, id)?;
        own |= place.as_ref().is_some_and(|p| p.document == 0);
        blocks.extend(place.map(|place| (place.record, place.document)));
    }
    if own {
        return Ok(None);
    }
    let mut out = Vec::new();
    for (record, document) in blocks {
        if let Some(block) = reader.fact_block(record, document)? {
            out.extend(block.provenance.iter().cloned().map(|value| Candidate { record, value }));
        }
    }
    Ok(Some(out))
}

fn parse(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|e| Fault::new(FaultKind::Bug, 292, "a stored resource is damaged").because(e))
}

fn matches(row: &ResourceRow, asked: &Asked, resource: &Value) -> bool {
    let updated = || resource.pointer("/meta/lastUpdated").and_then(Value::as_str).and_then(time::range);
    asked.last_updated.iter().all(|any| updated().is_some_and(|(low, high)| any.iter().any(|t| date_matches(t, low, high))))
        && asked.identifiers.iter().all(|any| has_identifier(resource, any))
        && asked.tests.iter().all(|t| holds(row, t, resource))
}

fn has_identifier(resource: &Value, any: &[Token]) -> bool {
    let found = values(resource, ParamType::Token, &["identifier".to_owned()]);
    found.iter().any(|v| matches!(v, SearchValue::Token { system, code } if any.iter().any(|t| token_matches(t, system, code))))
}

fn token_matches(asked: &Token, system: &str, code: &str) -> bool {
    (asked.1.is_empty() || asked.1 == code) && asked.0.as_ref().is_none_or(|s| s == system)
}

fn holds(row: &ResourceRow, asks: &Asks, resource: &Value) -> bool {
    let Some(parameter) = row.parameter(&asks.code) else { return false };
    if let Test::Text(any, How::Exact) = &asks.test {
        return texts(resource, &parameter.path).iter().any(|t| any.contains(t));
    }
    let found = values(resource, parameter.kind, &parameter.path);
    if let Test::Missing(missing) = asks.test {
        return found.is_empty() == missing;
    }
    found.iter().any(|v| value_matches(&asks.test, v)) != asks.negated
}

fn value_matches(test: &Test, value: &SearchValue) -> bool {
    match (test, value) {
        (Test::Token(any), SearchValue::Token { system, code }) => any.iter().any(|t| token_matches(t, system, code)),
        (Test::Date(any), SearchValue::Date { low_us, high_us }) => any.iter().any(|t| date_matches(t, *low_us, *high_us)),
        (Test::Text(any, How::Contains), SearchValue::Text(text)) => any.iter().any(|t| text.contains(t.as_str())),
        (Test::Text(any, _), SearchValue::Text(text)) => any.iter().any(|t| text.starts_with(t.as_str())),
        (Test::Reference(any), SearchValue::Reference(text)) => any.iter().any(|t| same_reference(t, text)),
        (Test::Uri(any), SearchValue::Uri(text)) => any.contains(text),
        _ => false,
    }
}

/// The strings of a string parameter as they are written, for `:exact`.
fn texts(resource: &Value, paths: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for path in paths {
        let mut nodes = vec![resource];
        for step in path.split('.') {
            nodes = nodes.into_iter().filter_map(|n| n.get(step)).flat_map(each).collect();
        }
        for node in nodes {
            out.extend(node.as_str().map(str::to_owned));
            let parts = node.as_object().into_iter().flatten().filter(|(name, _)| STRING_PARTS.contains(&name.as_str()));
            out.extend(parts.flat_map(|(_, v)| each(v)).filter_map(Value::as_str).map(str::to_owned));
        }
    }
    out
}

/// Elements of HumanName and Address that their string parameters look into.
const STRING_PARTS: [&str; 9] = ["text", "family", "given", "prefix", "suffix", "line", "city", "postalCode", "country"];

fn each(node: &Value) -> Vec<&Value> {
    node.as_array().map_or_else(|| vec![node], |items| items.iter().collect())
}

fn same_reference(asked: &str, stored: &str) -> bool {
    asked == stored || stored.rsplit_once('/').is_some_and(|(_, id)| id == asked)
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
        DatePrefix::Ap => high >= test.low_us && low <= test.high_us,
    }
}

/// In the order asked for, equal ones by id; those without the date come last.
fn ordered(row: &ResourceRow, order: Option<&Order>, found: Vec<Candidate>) -> Vec<Candidate> {
    let down = order.is_none_or(|o| o.down);
    let mut keyed: Vec<(bool, i64, String, Candidate)> = Vec::with_capacity(found.len());
    for candidate in found {
        let value = &candidate.value;
        let updated = || value.pointer("/meta/lastUpdated").and_then(Value::as_str).and_then(time::range).map(|r| r.0);
        let at = match order.map(|o| &o.by) {
            None => own_date(row, value).or_else(updated),
            Some(By::LastUpdated) => updated(),
            Some(By::Date(code)) => row.parameter(code).and_then(|p| first_date(value, &p.path)),
        };
        let at = at.map(|at| if down { at.saturating_neg() } else { at });
        let id = value.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
        keyed.push((at.is_none(), at.unwrap_or(0), id, candidate));
    }
    keyed.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    keyed.into_iter().map(|k| k.3).collect()
}

/// The first value of the type's first date parameter.
pub(in crate::interaction) fn own_date(row: &ResourceRow, resource: &Value) -> Option<i64> {
    let parameter = row.parameter.iter().find(|p| p.kind == ParamType::Date)?;
    first_date(resource, &parameter.path)
}

fn first_date(resource: &Value, paths: &[String]) -> Option<i64> {
    values(resource, ParamType::Date, paths).into_iter().find_map(|v| match v {
        SearchValue::Date { low_us, high_us } => Some(if low_us == i64::MIN { high_us } else { low_us }),
        _ => None,
    })
}
