//! `$summary`: the patient's key information as an IPS document.
//! Spec: IPS 2.0.1 OperationDefinition/summary.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::prepared::{self, Prepared};
use super::registry::registry;
use super::throttle::Limit;
use super::{Answer, App, Call, listing, read};
use crate::access::labels;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Identifier, Result, time};
use crate::keyinfo::{self, Asked, Contents, Held, Known, Source, SummaryInput};
use crate::store::{Reader, VersionRow};
use crate::xds;

/// Documents of a record that a summary looks at.
const MAX_DOCUMENTS: i64 = 20_000;
/// Resources that clients wrote themselves and a summary looks at.
const MAX_OWN: i64 = 10_000;

/// GET|POST Patient/[id]/$summary
pub(super) fn of_patient(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("summary", Action::R);
    summary(app, call, |reader| Ok(reader.version("Patient", id, None)?.filter(|r| !r.deleted).map(|r| r.id)))
}

/// GET|POST Patient/$summary?identifier=system|value
pub(super) fn by_identifier(app: &App, call: &Call) -> Result<Answer> {
    call.is("summary", Action::R);
    let find = by_given_identifier(app, call)?;
    summary(app, call, find)
}

/// How the patient is found that the parameter `identifier` names.
///
/// # Errors
/// `MissingElement`, `Throttled`; when it looks: `MultipleMatches`.
pub(super) fn by_given_identifier<'a>(app: &'a App, call: &'a Call) -> Result<impl FnOnce(&mut Reader<'_>) -> Result<Option<String>> + 'a> {
    call.sent_is_readable()?;
    let missing = || Fault::new(FaultKind::MissingElement, 430, "at type level the parameter identifier=system|value is required").at("identifier");
    let identifier = Identifier::asked(call.parameter("identifier").ok_or_else(missing)?);
    app.throttle.check(call, Limit::UnknownPatient)?;
    Ok(move |reader: &mut Reader<'_>| {
        let found = reader.by_identifier("Patient", &identifier)?;
        match found.as_slice() {
            [] => {
                app.throttle.count(call, Limit::UnknownPatient, &identifier.value);
                Ok(None)
            }
            [one] => Ok(Some(one.id.clone())),
            _ => Err(Fault::new(FaultKind::MultipleMatches, 431, "several patients carry this identifier").at("identifier")),
        }
    })
}

fn summary(app: &App, call: &Call, find: impl FnOnce(&mut Reader<'_>) -> Result<Option<String>>) -> Result<Answer> {
    call.sent_is_readable()?;
    let gathered = app.store.read(&call.visibility, |reader| {
        let id = find(reader)?.ok_or_else(read::not_here)?;
        gather(app, reader, &id, false)
    })?;
    call.about(&gathered.id);
    call.touched(format!("Patient/{}", gathered.id));
    call.used(gathered.sources().map(|(number, _)| number));
    let _turn = app.turns.wait();
    let own = Contents::of(gathered.own.iter(), &app.base_url);
    let telling = telling(&gathered, &own);
    let known = Known { held: &telling.held, sources: &telling.sources, base_url: &app.base_url, now: &time::instant(call.now_us), born: gathered.born(), apart: false };
    Ok(Answer::resource(composed(&gathered, &known, None, || app.new_id())))
}

/// What a summary needs from the store, in one snapshot.
pub(super) struct Gathered {
    pub id: String,
    pub record: i64,
    patient: Value,
    /// What documents state, by their number.
    blocks: Vec<(i64, Arc<Prepared>)>,
    /// What clients wrote themselves.
    pub own: Vec<Value>,
    /// What a reader wants to know of each document, by its number; of an earlier day those that were not in force too.
    sources: BTreeMap<i64, Arc<Source>>,
}

impl Gathered {
    /// FHIR date of birth, "" when the record has none.
    pub fn born(&self) -> &str {
        self.patient.get("birthDate").and_then(Value::as_str).unwrap_or_default()
    }

    /// Keeps the facts of some documents alone, by their number; 0 stands for what is of no document.
    pub fn keep(&mut self, kept: impl Fn(i64) -> bool) {
        self.blocks.retain(|(document, _)| kept(*document));
        self.own.retain(|_| kept(0));
        self.sources.retain(|document, _| kept(*document));
    }

    /// Every document that was found, by its number: of an earlier day those that were not in force too.
    pub fn sources(&self) -> impl Iterator<Item = (i64, &Source)> {
        self.sources.iter().map(|(number, source)| (*number, &**source))
    }

    /// The documents that are in force, by their number.
    pub fn documents(&self) -> impl Iterator<Item = (i64, &Source)> {
        self.sources.iter().filter(|(_, source)| source.in_force).map(|(number, source)| (*number, &**source))
    }
}

/// What summaries are made from, of a patient that is here and open to the caller. `past`: the reader went back to an earlier commit.
///
/// # Errors
/// `NotFound`, `Forbidden` with the reason, `TooCostly` for a record with too much besides its documents.
pub(super) fn gather(app: &App, reader: &mut Reader<'_>, id: &str, past: bool) -> Result<Gathered> {
    let found = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
    let record = found.row.record;
    reader.open_to_caller(record)?;
    let live = reader.fact_blocks(record)?.into_iter().filter(|f| past || (!f.superseded && !f.archived));
    let mut blocks: Vec<(i64, Arc<Prepared>)> = live.map(|f| (f.block.document, prepared::of(app, f.block))).collect();
    let kinds: Vec<&str> = registry().statements().collect();
    let all = reader.all_of(record, &kinds, MAX_OWN + 1)?;
    if all.len() as i64 > MAX_OWN {
        return Err(Fault::new(FaultKind::TooCostly, 433, format!("the record holds more than {MAX_OWN} resources besides its documents; a summary would leave some out")));
    }
    let own = all.iter().map(|one| parse(&one.body)).collect::<Result<Vec<_>>>()?;
    let rows = reader.references(record, MAX_DOCUMENTS + 1)?;
    if rows.len() as i64 > MAX_DOCUMENTS {
        return Err(Fault::new(FaultKind::TooCostly, 886, format!("the record holds more than {MAX_DOCUMENTS} documents; a summary would leave some out")));
    }
    let mut sources = BTreeMap::new();
    for row in rows {
        sources.insert(row.document, source_of(app, reader, row)?);
    }
    if past {
        blocks.retain(|(document, _)| sources.get(document).is_some_and(|s| s.in_force));
    }
    Ok(Gathered { id: id.to_owned(), record, patient: parse(&found.body)?, blocks, own, sources })
}

/// The source a DocumentReference stands for; a version never changes, so it is worked out once.
fn source_of(app: &App, reader: &mut Reader<'_>, row: VersionRow) -> Result<Arc<Source>> {
    let key = (row.rid, row.number);
    if let Some(held) = app.sources.get(&key) {
        return Ok(held);
    }
    let came_us = row.at_us;
    let made = Arc::new(source(&parse(&reader.with_body(row)?.body)?, came_us));
    app.sources.put(key, Arc::clone(&made), 1);
    Ok(made)
}

fn parse(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|e| Fault::new(FaultKind::Bug, 432, "a stored resource is damaged").because(e))
}

/// Gathered facts as they are told from: contents with their sources.
pub(super) struct Telling<'a> {
    pub held: Vec<Held<'a>>,
    pub sources: Vec<&'a Source>,
    /// Of each source the number of its document.
    pub documents: Vec<i64>,
}

/// What each block states; last, what clients wrote themselves.
pub(super) fn telling<'a>(gathered: &'a Gathered, own: &'a Contents<'a>) -> Telling<'a> {
    let mut out = Telling { held: Vec::with_capacity(gathered.blocks.len() + 1), sources: Vec::with_capacity(gathered.blocks.len()), documents: Vec::new() };
    for (document, block) in &gathered.blocks {
        let source = gathered.sources.get(document).map(|source| {
            out.sources.push(source);
            out.documents.push(*document);
            out.sources.len() - 1
        });
        out.held.push(Held { contents: block.contents(), source });
    }
    out.held.push(Held { contents: own, source: None });
    out
}

/// The document Bundle of what was gathered; weighed and marked as `asked` says.
pub(super) fn composed(gathered: &Gathered, known: &Known<'_>, asked: Option<&Asked<'_>>, mut new_id: impl FnMut() -> String) -> Vec<u8> {
    keyinfo::summary_bytes(&mut SummaryInput { patient: &gathered.patient, known: *known, asked, new_id: &mut new_id })
}

/// What a reader wants to know of a document beside a fact taken from it.
fn source(reference: &Value, came_us: i64) -> Source {
    let text = |path: &str| reference.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
    let contained = |kind: &str| reference.get("contained").and_then(Value::as_array).into_iter().flatten().find(|c| c.get("resourceType").and_then(Value::as_str) == Some(kind));
    let person = contained("Practitioner").and_then(|p| p.get("name")?.get(0)).map(person_name).unwrap_or_default();
    let structure = contained("Organization").and_then(|o| o.get("name")?.as_str()).unwrap_or("").to_owned();
    Source {
        document_reference: format!("DocumentReference/{}", text("/id")),
        title: text("/content/0/attachment/title"),
        author: person,
        structure,
        date: listing::date(reference).to_owned(),
        written: text("/content/0/attachment/creation"),
        type_display: text("/type/coding/0/display"),
        kind: text("/type/coding/0/code"),
        unique_id: listing::unique_id(reference).to_owned(),
        listed: listing::of(reference, came_us),
        came_us,
        in_force: text("/status") != "superseded" && !xds::is_archived(reference),
        by_patient: by_patient(reference),
        labels: labels::set(xds::label_codes(reference).iter().map(String::as_str)),
    }
}

/// Whether every author of a document is the patient or somebody of the patient's.
fn by_patient(reference: &Value) -> bool {
    let contained = reference.get("contained").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut authors = reference.get("author").and_then(Value::as_array).into_iter().flatten().map(|a| text(a, "reference")).peekable();
    let is = |named: String| match named.strip_prefix('#') {
        Some(id) => contained.iter().any(|c| text(c, "id") == id && matches!(text(c, "resourceType").as_str(), "Patient" | "RelatedPerson")),
        None => named.contains("Patient/") || named.contains("RelatedPerson/"),
    };
    authors.peek().is_some() && authors.all(is)
}

/// A name as a letter would write it: the exercise title (suffix of the French models) in front, else the civility.
pub(super) fn person_name(name: &Value) -> String {
    let list = |k: &str| name.get(k).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>().join(" ");
    let family = name.get("family").and_then(Value::as_str).unwrap_or("").to_owned();
    let title = [list("suffix"), list("prefix")].into_iter().find(|t| !t.is_empty()).map(|t| keyinfo::title(&t)).unwrap_or_default();
    [title, list("given"), family].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
}
