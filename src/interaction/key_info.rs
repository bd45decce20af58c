//! `$key-info`: what this reader wants to know first, and what is new since the last visit.
//! Spec: Passerelle; `fhir-profiles/operations/key-info.json`, `fhir-profiles/keyinfo-profiles`, `fhir-profiles/key-information/score.toml`;
//! arrêté du 26/10/2023 for what a profession may see.

mod counts;
mod documents;
mod seen;
mod then;
mod wanted;

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::planning::json_bytes;
use super::summary::{self, Gathered};
use super::{Answer, App, Body, Call};
use crate::access::person_key;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, Role, time};
use crate::keyinfo::{self, Asked, Source};
use crate::store::Reader;
pub use counts::Counts;
pub(super) use counts::counts;
use documents::Listed;
pub(super) use seen::seen;
use wanted::Wanted;

/// Type of the view model.
const VIEW: &str = "application/vnd.passerelle.keyinfo+json";

/// GET|POST Patient/[id]/$key-info
pub(super) fn of_patient(app: &App, call: &Call, id: &str) -> Result<Answer> {
    answer(app, call, |_| Ok(Some(id.to_owned())))
}

/// GET|POST Patient/$key-info?identifier=system|value
pub(super) fn by_identifier(app: &App, call: &Call) -> Result<Answer> {
    let find = summary::by_given_identifier(app, call)?;
    answer(app, call, find)
}

/// What is answered from: facts and documents as of the moment asked for.
struct Held {
    gathered: Gathered,
    since: Since,
    /// Documents that the caller stands behind.
    own: HashSet<i64>,
}

/// What the reader knows already.
enum Since {
    /// Nothing is told as new: a first visit, an earlier day, a caller who is no practitioner.
    Never,
    /// What came before a moment that the caller said, µs UTC.
    Moment(i64),
    /// The documents that he confirmed to have been shown, by number, and when (µs UTC).
    Shown(i64, HashSet<i64>),
}

impl Since {
    fn read(call: &Call, wanted: &Wanted, reader: &mut Reader<'_>, record: i64) -> Result<Self> {
        if let Some(moment) = wanted.since_us {
            return Ok(Self::Moment(moment));
        }
        let Some(person) = person(call).filter(|_| wanted.as_of_us.is_none()) else { return Ok(Self::Never) };
        Ok(reader.given_documents(record, &person)?.map_or(Self::Never, |(at_us, documents)| Self::Shown(at_us, documents)))
    }

    fn moment(&self) -> Option<i64> {
        match self {
            Self::Never => None,
            Self::Moment(at_us) | Self::Shown(at_us, _) => Some(*at_us),
        }
    }
}

fn answer(app: &App, call: &Call, find: impl FnOnce(&mut Reader<'_>) -> Result<Option<String>>) -> Result<Answer> {
    call.is("key-info", Action::R);
    let wanted = Wanted::read(app, call)?;
    let held = held(app, call, &wanted, find)?;
    let _turn = app.turns.wait();
    if wanted.view { view(app, call, &wanted, &held) } else { bundle(app, call, &wanted, &held) }
}

fn held(app: &App, call: &Call, wanted: &Wanted, find: impl FnOnce(&mut Reader<'_>) -> Result<Option<String>>) -> Result<Held> {
    let mut held = app.store.read(&call.visibility, |reader| {
        let id = find(reader)?.ok_or_else(super::read::not_here)?;
        if let Some(at_us) = wanted.as_of_us {
            reader.as_of(at_us)?;
        }
        let mut gathered = summary::gather(app, reader, &id, wanted.as_of_us.is_some())?;
        let since = Since::read(call, wanted, reader, gathered.record)?;
        let own = reader.own_documents(gathered.record)?;
        if let Some(at_us) = wanted.as_of_us {
            let hidden = then::hidden(call, reader, &gathered, &own, at_us)?;
            gathered.keep(|document| !hidden.contains(&document));
        }
        Ok(Held { gathered, since, own })
    })?;
    if let Some(then) = &wanted.under {
        under_the_matrix_of_then(app, call, then, &mut held)?;
    }
    held.keep(&wanted.channels);
    call.about(&held.gathered.id);
    call.touched(format!("Patient/{}", held.gathered.id));
    call.used(held.gathered.sources().map(|(number, _)| number));
    Ok(held)
}

/// Of a day under another matrix: what that one kept from this reader stays kept from the answer.
fn under_the_matrix_of_then(app: &App, call: &Call, then: &super::rules::Then, held: &mut Held) -> Result<()> {
    let visibility = app.rules.visibility_under(std::sync::Arc::clone(&then.matrix), (&call.caller, &call.actor), call.now_us);
    let seen: HashSet<i64> = app.store.read(&visibility, |reader| {
        let all = reader.documents_seen(held.gathered.record)?;
        Ok(all.into_iter().collect())
    })?;
    held.gathered.keep(|document| seen.contains(&document));
    Ok(())
}

impl Held {
    /// Whether a document is somebody else's, and one that the reader does not know.
    fn is_new(&self, number: i64, source: &Source) -> bool {
        let unknown = match &self.since {
            Since::Never => false,
            Since::Moment(at_us) => source.came_us > *at_us,
            Since::Shown(_, documents) => !documents.contains(&number),
        };
        unknown && !self.own.contains(&number)
    }

    /// Keeps what came by some channels; all without any.
    fn keep(&mut self, channels: &[wanted::Channel]) {
        if channels.is_empty() {
            return;
        }
        let own = &self.own;
        let by_patient: HashSet<i64> = self.gathered.documents().filter(|(_, source)| source.by_patient).map(|(number, _)| number).collect();
        let kept = |number: i64| channels.iter().any(|c| c.brought(own.contains(&number), by_patient.contains(&number)));
        self.gathered.keep(kept);
    }
}

fn view(app: &App, call: &Call, wanted: &Wanted, held: &Held) -> Result<Answer> {
    let mut head = header(wanted, held);
    head.extend(asked(app, call, wanted, held, keyinfo::view));
    let documents = || documents::listed(wanted, held.gathered.documents().map(|(number, source)| Listed { source, new: held.is_new(number, source) }).collect());
    let view = View { head, documents: wanted.section.is_none().then(documents) };
    Ok(Answer { body: Body::Raw { mime: VIEW.to_owned(), bytes: json_bytes(&view)? }, ..Answer::empty(200) })
}

fn bundle(app: &App, call: &Call, wanted: &Wanted, held: &Held) -> Result<Answer> {
    let seed = format!("{}|{}|{}", call.visibility.caller(), held.gathered.id, wanted.profile.id);
    // The same answer has the same ids, so that an earlier day is reproduced to the byte.
    let mut made = 0u32;
    let next_id = || {
        made += 1;
        app.uuid_of(&[b"key-info", seed.as_bytes(), time::instant(wanted.now_us).as_bytes(), &made.to_be_bytes()]).unwrap_or_else(|_| app.new_id())
    };
    Ok(Answer::resource(asked(app, call, wanted, held, |known, asked| summary::composed(&held.gathered, known, Some(asked), next_id))))
}

/// The view model: what is of the patient, and the list of documents unless one section alone was asked for.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    head: Map<String, Value>,
    #[serde(flatten)]
    documents: Option<documents::List<'a>>,
}

fn header(wanted: &Wanted, held: &Held) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("patient".into(), json!({"reference": format!("Patient/{}", held.gathered.id)}));
    out.insert("generated".into(), json!(time::instant(wanted.now_us)));
    out.insert("profile".into(), json!({"id": wanted.profile.id, "version": wanted.profile.version, "title": wanted.profile.title}));
    out.extend(wanted.situation.as_ref().map(|s| ("situation".to_owned(), json!(s))));
    out.extend(held.since.moment().map(|us| ("since".to_owned(), json!(time::instant(us)))));
    if !wanted.channels.is_empty() {
        out.insert("sources".into(), json!(wanted.channels.iter().map(|c| c.code()).collect::<Vec<_>>()));
    }
    out
}

/// Hands facts and what is asked of them on.
fn asked<T>(app: &App, call: &Call, wanted: &Wanted, held: &Held, make: impl FnOnce(&keyinfo::Known<'_>, &Asked<'_>) -> T) -> T {
    let own = keyinfo::Contents::of(held.gathered.own.iter(), &app.base_url);
    let summary::Telling { held: told, sources, documents } = summary::telling(&held.gathered, &own);
    let came: Vec<(i64, bool)> = sources.iter().zip(&documents).map(|(s, d)| (s.came_us, held.is_new(*d, s))).collect();
    let closed = closed(call, wanted);
    let only = wanted.channels.iter().map(|c| c.code()).collect::<Vec<_>>().join(", ");
    let asked = Asked {
        profile: &wanted.profile,
        section: wanted.section.as_deref(),
        offset: wanted.offset,
        most: wanted.most,
        explain: wanted.explain,
        came: &came,
        closed: &closed,
        only: &only,
    };
    make(
        &keyinfo::Known { held: &told, sources: &sources, base_url: &app.base_url, now: &time::instant(wanted.now_us), born: held.gathered.born(), apart: !wanted.reconcile },
        &asked,
    )
}

fn person(call: &Call) -> Option<String> {
    call.visibility.rules().filter(|r| r.actor.role == Role::Practitioner).and_then(|r| r.actor.person.as_ref()).map(|p| person_key(&p.id))
}

/// Sections whose documents the matrix closes to this profession, whether there are any or not; all where it opens none at all.
fn closed(call: &Call, wanted: &Wanted) -> Vec<&'static str> {
    let Some(rules) = call.visibility.rules().filter(|r| r.actor.role == Role::Practitioner) else { return Vec::new() };
    let profession = rules.actor.person.as_ref().map_or("", |p| p.profession.as_str());
    let class = |code: &str| crate::fhir::classification::types().find(|t| t.0 == code).map_or("", |t| t.1);
    let then = wanted.under.as_ref().map(|t| &t.matrix);
    let open = |types: &[String]| types.iter().any(|t| std::iter::once(&rules.matrix).chain(then).all(|m| m.cell(profession, t, class(t)).allowed));
    let all: Vec<String> = crate::fhir::classification::types().map(|t| t.0.to_owned()).collect();
    if !open(&all) {
        return keyinfo::section_keys().collect();
    }
    keyinfo::fed().filter(|(_, types)| !open(types)).map(|(section, _)| section).collect()
}

/// A parameter with a value that it cannot have.
fn bad(name: &str, number: u16, what: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadValue, number, what.into()).at(name)
}
