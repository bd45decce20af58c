//! search-type, by GET and POST.
//! Spec: FHIR R4 search; IHE ITI TF-2 3.66, 3.67.

mod memory;
mod parameters;
mod rows;

use serde_json::Value;

use super::paging::Cursor;
use super::planning::{raw_bundle, to_bytes};
use super::registry::ResourceRow;
use super::{Answer, App, Call, read};
use crate::audit::Action;
use crate::fhir::search::{ParamType, SearchValue, values};
use crate::fhir::{Issue, Result};
use crate::store::Reader;

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

/// GET [type]?… and POST [type]/_search
pub(super) fn search(app: &App, call: &Call, row: &ResourceRow, query: &[(String, String)]) -> Result<Answer> {
    use base64::Engine;
    call.is("search-type", Action::E);
    call.event.borrow_mut().query = Some(base64::engine::general_purpose::STANDARD.encode(&call.raw_query));
    match row.kind.as_str() {
        "DocumentReference" => call.is_transaction("ITI-67"),
        "List" => call.is_transaction("ITI-66"),
        _ => {}
    }
    let cursor = query.iter().find(|(n, _)| n == "_page").map(|(_, v)| Cursor::open(app, call, v)).transpose()?;
    let query = cursor.as_ref().map_or(query, |c| &c.query);
    let asked = parameters::read(app, call, row, query)?;
    let (matches, included) = app.store.read(&call.visibility, |reader| {
        let matches = match row.search {
            Some(_) => rows::find(reader, call, row, &asked, cursor.as_ref())?,
            None => memory::find(reader, call, row, &asked, cursor.as_ref())?,
        };
        let included = include(reader, row, &asked, &matches.entries)?;
        Ok((matches, included))
    })?;
    respond(app, call, row, &asked, &matches, &included)
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
    if let Some(patient) = &asked.patient_id {
        call.about(patient);
    }
    let total = (!asked.no_total).then_some(matches.total);
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

/// Resources that the matches point at through `_include=Type:parameter`, as far as the caller may see them.
fn include(reader: &mut Reader<'_>, row: &ResourceRow, asked: &parameters::Asked, matches: &[Entry]) -> Result<Vec<Entry>> {
    let mut out: Vec<Entry> = Vec::new();
    for path in &asked.includes {
        for entry in matches {
            let resource: Value =
                serde_json::from_slice(&entry.bytes).map_err(|e| crate::fhir::Fault::new(crate::fhir::FaultKind::Bug, 260, "a stored resource is damaged").because(e))?;
            for value in values(&resource, ParamType::Reference, path) {
                let SearchValue::Reference(target) = value else { continue };
                let Some((kind, id)) = target.split_once('/') else { continue };
                let known = out.iter().chain(matches).any(|e| e.kind == kind && e.id == id);
                if known || out.len() >= MAX_INCLUDED {
                    continue;
                }
                if let Some(bytes) = included(reader, kind, id)? {
                    out.push(Entry { kind: kind.to_owned(), id: id.to_owned(), bytes });
                }
            }
        }
    }
    let _ = row;
    Ok(out)
}

/// Included resources of one page.
const MAX_INCLUDED: usize = 5000;

fn included(reader: &mut Reader<'_>, kind: &str, id: &str) -> Result<Option<Vec<u8>>> {
    if id.starts_with(App::DERIVED) {
        return super::facts::one(reader, kind, id);
    }
    match read::one(reader, kind, id, None) {
        Ok(read::One::Stored(found)) if !found.row.deleted => Ok(Some(found.body)),
        Ok(_) => Ok(None),
        Err(e) if e.kind == crate::fhir::FaultKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// A resource made in memory, as an entry.
fn entry_of(resource: &Value) -> Result<Entry> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    Ok(Entry { kind: text("resourceType"), id: text("id"), bytes: to_bytes(resource)? })
}

/// Codes and types of the parameters kept as index rows.
pub(super) fn indexed_parameters() -> Vec<(&'static str, &'static str)> {
    rows::codes().into_iter().filter_map(|code| Some((code, rows::kind_of(code)?.code()))).collect()
}

/// Number of an indexed parameter.
pub(super) fn parameter_number(code: &str) -> Option<i16> {
    rows::number(code)
}

/// The resource's own date in µs, by its type's first date parameter.
pub(super) fn own_date(row: &ResourceRow, resource: &Value) -> Option<i64> {
    memory::own_date(row, resource)
}

/// `system|value`, `|value`, `value`.
pub(super) fn identifier_of(text: &str) -> crate::fhir::Identifier {
    parameters::identifier(text)
}
