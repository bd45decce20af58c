//! search-type, by GET and POST.
//! Spec: FHIR R4 search; IHE ITI TF-2 3.66, 3.67.

mod include;
mod memory;
mod name;
mod order;
mod parameters;
mod rows;
mod value;

use std::collections::BTreeMap;

use serde_json::Value;

pub(super) use self::name::spelt;
use super::paging::Cursor;
use super::planning::{raw_bundle, to_bytes};
use super::registry::{ResourceRow, registry};
use super::throttle::Limit;
use super::{Answer, App, Call};
use crate::audit::Action;
use crate::fhir::{Identifier, Issue, Result};
use crate::store::Reader;

/// Unknown numbers of one query that are counted: beyond every limit.
const MAX_UNKNOWN: usize = 100;

/// One match or included resource.
pub(super) struct Entry {
    pub kind: String,
    pub id: String,
    pub bytes: Vec<u8>,
}

/// What a search found.
pub(super) struct Matches {
    pub total: usize,
    pub entries: Vec<Entry>,
    pub next: Option<Cursor>,
}

impl Matches {
    fn none() -> Self {
        Self { total: 0, entries: Vec::new(), next: None }
    }
}

/// GET [type]?… and POST [type]/_search
pub(super) fn search(app: &App, call: &Call, row: &ResourceRow, query: &[(String, String)]) -> Result<Answer> {
    call.is("search-type", Action::E);
    call.queried();
    match row.kind.as_str() {
        "DocumentReference" => call.is_transaction("ITI-67"),
        "List" => call.is_transaction("ITI-66"),
        _ => {}
    }
    let cursor = query.iter().find(|(n, _)| n == "_page").map(|(_, v)| Cursor::open(app, call, v)).transpose()?;
    let query = cursor.as_ref().map_or(query, |c| &c.query);
    let now_us = cursor.as_ref().map_or(call.now_us, |c| c.now_us);
    let mut asked = parameters::read(app, call, row, query, now_us)?;
    let numbers = asked.numbers(row);
    if !numbers.is_empty() {
        app.throttle.check(call, Limit::UnknownPatient)?;
    }
    let (found, unknown) = app.store.read(&call.visibility, |reader| {
        let found = find(reader, call, row, &mut asked, cursor.as_ref());
        // The usual question is for one number, which is somebody's.
        let known = numbers.len() == 1 && (found.as_ref().is_ok_and(|f| f.0.total > 0) || call.event.borrow().patient.is_some());
        let unknown = if known { Vec::new() } else { unknown(reader, &numbers)? };
        Ok((found, unknown))
    })?;
    // Whatever the search itself is answered.
    app.throttle.count_all(call, Limit::UnknownPatient, &unknown)?;
    let (matches, included) = found?;
    respond(app, call, row, &asked, &matches, &included)
}

/// The matches, and what they include.
fn find(reader: &mut Reader<'_>, call: &Call, row: &ResourceRow, asked: &mut parameters::Asked, cursor: Option<&Cursor>) -> Result<(Matches, Vec<Entry>)> {
    hide(reader, asked)?;
    let matches = match row.search {
        Some(_) => rows::find(reader, call, row, asked, cursor)?,
        None => memory::find(reader, call, row, asked, cursor)?,
    };
    let included = include::run(call, reader, &asked.includes, &matches.entries)?;
    call.used(behind(reader, matches.entries.iter().chain(&included))?);
    Ok((matches, included))
}

/// Which of some numbers nobody carries, as far as this caller may know: each counts, whatever else was found.
pub(super) fn unknown(reader: &mut Reader<'_>, numbers: &[Identifier]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for number in numbers {
        if out.len() < MAX_UNKNOWN && reader.by_identifier("Patient", number)?.is_empty() {
            out.push(number.value.clone());
        }
    }
    Ok(out)
}

/// Numbers of the documents that entries are, or were taken from.
fn behind<'a>(reader: &mut Reader<'_>, entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<i64>> {
    let mut by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in entries.filter(|e| e.kind == "DocumentReference" || e.id.starts_with(App::DERIVED)) {
        by_kind.entry(&entry.kind).or_default().push(&entry.id);
    }
    let each = by_kind.into_iter().map(|(kind, ids)| reader.documents_behind(kind, &ids)).collect::<Result<Vec<_>>>()?;
    Ok(each.concat())
}

/// Takes out of the query every reference to what this caller may not see, so that the answer is that of an unknown id.
fn hide(reader: &mut Reader<'_>, asked: &mut parameters::Asked) -> Result<()> {
    for asks in &mut asked.tests {
        let parameters::Test::Reference(any) = &mut asks.test else { continue };
        let mut left = Vec::with_capacity(any.len());
        for reference in any.drain(..) {
            if is_here(reader, &reference)? {
                left.push(reference);
            }
        }
        *any = left;
    }
    Ok(())
}

/// False for a document, its bytes or a fact derived from one that is unknown or hidden.
fn is_here(reader: &mut Reader<'_>, reference: &str) -> Result<bool> {
    let mut parts = reference.split('/');
    let (Some(kind), Some(id)) = (parts.next(), parts.next()) else { return Ok(true) };
    let hideable = matches!(kind, "DocumentReference" | "Binary") || id.starts_with(App::DERIVED);
    Ok(!hideable || reader.knows(kind, id)?)
}

fn respond(app: &App, call: &Call, row: &ResourceRow, asked: &parameters::Asked, matches: &Matches, included: &[Entry]) -> Result<Answer> {
    let mut entries = Vec::with_capacity(matches.entries.len() + included.len() + 1);
    for (some, mode) in [(matches.entries.as_slice(), "match"), (included, "include")] {
        for e in some {
            call.touched(format!("{}/{}", e.kind, e.id));
            entries.push(format!("{{\"fullUrl\":\"{}/{}/{}\",\"resource\":{},\"search\":{{\"mode\":\"{mode}\"}}}}", app.base_url, e.kind, e.id, String::from_utf8_lossy(&e.bytes)));
        }
    }
    if !asked.warnings.is_empty() {
        entries.push(outcome_entry(&asked.warnings));
    }
    let mut links = vec![("self".to_owned(), format!("{}/{}?{}", app.base_url, row.kind, encode(&asked.used)))];
    if let Some(next) = &matches.next {
        links.push(("next".to_owned(), format!("{}/{}?_page={}", app.base_url, row.kind, next.seal(app)?)));
    }
    let total = (!asked.no_total || asked.only_count).then_some(matches.total);
    Ok(Answer::resource(raw_bundle("searchset", total, &links, &entries)))
}

fn outcome_entry(warnings: &[Issue]) -> String {
    let outcome = super::planning::outcome(warnings);
    format!("{{\"resource\":{},\"search\":{{\"mode\":\"outcome\"}}}}", String::from_utf8_lossy(&outcome))
}

/// `a=b&c=d` with everything but unreserved characters escaped.
pub(super) fn encode(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        for (text, end) in [(name, "="), (value, "")] {
            for b in text.bytes() {
                if b.is_ascii_alphanumeric() || b"-._~:".contains(&b) {
                    out.push(char::from(b));
                } else {
                    out.push_str(&format!("%{b:02X}"));
                }
            }
            out.push_str(end);
        }
    }
    out
}

/// A resource made in memory, as an entry.
fn entry_of(resource: &Value) -> Result<Entry> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    Ok(Entry { kind: text("resourceType"), id: text("id"), bytes: to_bytes(resource)? })
}

/// The values of `_include` that a type offers.
pub(super) fn includes(row: &ResourceRow) -> Vec<String> {
    include::offered(row)
}

/// Number of an indexed parameter, of whichever type.
pub(super) fn parameter_number(code: &str) -> Option<i16> {
    registry().indexed.iter().find(|p| p.code == code).map(|p| p.number)
}

/// The resource's own date in µs, by its type's first date parameter.
pub(super) fn own_date(row: &ResourceRow, resource: &Value) -> Option<i64> {
    memory::own_date(row, resource)
}
