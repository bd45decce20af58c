//! `$key-info`: what this reader wants to know first, and what is new since the last visit.
//! Spec: Passerelle; `fhir-profiles/keyinfo-profiles`, `fhir-profiles/key-information/score.toml`; arrêté du 26/10/2023 for what a
//! profession may see.

use serde_json::{Map, Value, json};

use super::planning::{Planned, to_bytes};
use super::summary::{self, Gathered};
use super::{Answer, App, Body, Call, read};
use crate::access::person_key;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, Role, time};
use crate::keyinfo::{self, Asked, Profile, Source};
use crate::store::{Operation, Plan, Reader};

/// Type of the view model.
const VIEW: &str = "application/vnd.passerelle.keyinfo+json";
/// Documents of a record that are listed.
const MAX_DOCUMENTS: i64 = 5_000;
/// Lines of a section when `maxPerSection` is not given.
const MOST: usize = 7;
/// The automatic list of documents goes back so far when `window` is not given.
const WINDOW: &str = "P2Y";
const DAY_US: i64 = 86_400_000_000;

/// What is asked, beside the patient.
struct Wanted<'a> {
    profile: &'static Profile,
    since_us: Option<i64>,
    window: Option<&'a str>,
    section: Option<&'a str>,
    offset: usize,
    most: usize,
    explain: bool,
}

/// GET|POST Patient/[id]/$key-info
pub(super) fn of_patient(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("key-info", Action::R);
    let wanted = wanted(call)?;
    if call.parameter("_format") != Some("keyinfo") {
        return summary::bundle(app, call, id);
    }
    let (gathered, documents, since_us, own) = app.store.read(&call.visibility, |reader| {
        let gathered = summary::gather(app, reader, id)?;
        let rows = reader.references(gathered.record, MAX_DOCUMENTS)?;
        let documents = rows.into_iter().map(|row| Ok((row.document, summary::source_of(app, reader, row)?))).collect::<Result<Vec<_>>>()?;
        let since_us = wanted.since_us.map_or_else(|| last_visit(call, reader, gathered.record), |s| Ok(Some(s)))?;
        let own = reader.own_documents(gathered.record)?;
        Ok((gathered, documents, since_us, own))
    })?;
    call.about(id);
    call.touched(format!("Patient/{id}"));
    let mut view = header(call, id, &wanted, since_us);
    let new = |at: i64, document: i64| since_us.is_some_and(|since| at > since) && !own.contains(&document);
    view.extend(sections(app, call, &gathered, &wanted, since_us, &own));
    if wanted.section.is_none() {
        let documents: Vec<(&Source, bool)> = documents.iter().map(|(number, source)| (&**source, new(source.came_us, *number))).collect();
        view.extend(listed(call, &wanted, documents)?);
    }
    Ok(Answer { body: Body::Raw { mime: VIEW.to_owned(), bytes: to_bytes(&Value::Object(view))? }, ..Answer::empty(200) })
}

fn header(call: &Call, id: &str, wanted: &Wanted<'_>, since_us: Option<i64>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("patient".into(), json!({"reference": format!("Patient/{id}")}));
    out.insert("generated".into(), json!(time::instant(call.now_us)));
    out.insert("profile".into(), json!({"id": wanted.profile.id, "version": wanted.profile.version, "title": wanted.profile.title}));
    out.extend(since_us.map(|us| ("since".to_owned(), json!(time::instant(us)))));
    out
}

fn sections(app: &App, call: &Call, gathered: &Gathered, wanted: &Wanted<'_>, since_us: Option<i64>, own: &std::collections::HashSet<i64>) -> Map<String, Value> {
    let (facts, sources, documents) = summary::facts(app, gathered);
    let came: Vec<(i64, bool)> = sources.iter().zip(&documents).map(|(s, d)| (s.came_us, own.contains(d))).collect();
    let closed = closed(call);
    let born = gathered.patient.get("birthDate").and_then(Value::as_str).unwrap_or_default();
    let asked =
        Asked { profile: wanted.profile, since_us, section: wanted.section, offset: wanted.offset, most: wanted.most, explain: wanted.explain, came: &came, closed: &closed, born };
    keyinfo::view(&facts, &sources, &app.base_url, &time::instant(call.now_us), &asked)
}

/// The documents, newest first, as far back as the window goes; those that are new are never left out.
fn listed(call: &Call, wanted: &Wanted<'_>, mut documents: Vec<(&Source, bool)>) -> Result<Map<String, Value>> {
    let total = documents.len();
    if let Some(window) = wanted.window {
        let from_us = call.now_us.saturating_sub(days(window)?.saturating_mul(DAY_US));
        documents.retain(|(s, new)| *new || time::range(&s.date).is_none_or(|r| r.1 >= from_us));
    }
    let name = |s: &Source, path: &str| s.listed.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    documents.sort_by_cached_key(|(s, _)| (std::cmp::Reverse(s.date.clone()), name(s, "/title"), name(s, "/identifiers/uniqueId")));
    let all: Vec<Value> = documents
        .into_iter()
        .map(|(source, new)| {
            let mut one = Value::clone(&source.listed);
            if let Some(members) = one.as_object_mut() {
                members.insert("deposited".into(), json!(time::instant(source.came_us)));
                if new {
                    members.insert("new".into(), json!(true));
                }
            }
            one
        })
        .collect();
    let mut out = Map::new();
    out.insert("documents".into(), Value::Array(all));
    out.insert("documentsTotal".into(), json!(total));
    out.extend(wanted.window.map(|w| ("documentsWindow".to_owned(), json!(w))));
    Ok(out)
}

/// POST Patient/[id]/$key-info-seen: the answer of that moment was shown.
pub(super) fn seen(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("key-info-seen", Action::U);
    let person = person(call).ok_or_else(|| Fault::new(FaultKind::Forbidden, 681, "a visit is a practitioner's own: send a token of the person"))?;
    let at = call.parameter("at").ok_or_else(|| Fault::new(FaultKind::MissingElement, 682, "at is the member generated of the answer that was shown").at("at"))?;
    let at_us = time::range(at).map(|r| r.0).filter(|us| *us <= call.now_us);
    let at_us =
        at_us.ok_or_else(|| Fault::new(FaultKind::BadValue, 683, "at is an instant that is not in the future: the member generated of the answer that was shown").at("at"))?;
    app.plan_and_commit(call, || {
        app.store.read(&call.visibility, |reader| {
            let record = reader.version("Patient", id, None)?.filter(|p| !p.deleted).ok_or_else(read::not_here)?.record;
            reader.open_to_caller(record)?;
            call.about(id);
            let later = reader.last_visit(record, &person)?.is_some_and(|known| known >= at_us);
            let operations = if later { Vec::new() } else { vec![Operation::Visit { record, person: person.clone(), at_us }] };
            Ok(Planned { plan: (!operations.is_empty()).then(|| Plan { operations, ..Plan::default() }), record, value: () })
        })
    })?;
    Ok(Answer::empty(204))
}

fn person(call: &Call) -> Option<String> {
    call.visibility.rules().filter(|r| r.actor.role == Role::Practitioner).and_then(|r| r.actor.person.as_ref()).map(|p| person_key(&p.id))
}

fn last_visit(call: &Call, reader: &mut Reader<'_>, record: i64) -> Result<Option<i64>> {
    person(call).map_or(Ok(None), |person| reader.last_visit(record, &person))
}

/// Sections whose documents the matrix closes to this profession, whether there are any or not.
fn closed(call: &Call) -> Vec<&'static str> {
    let Some(rules) = call.visibility.rules().filter(|r| r.actor.role == Role::Practitioner) else { return Vec::new() };
    let profession = rules.actor.person.as_ref().map_or("", |p| p.profession.as_str());
    let class = |code: &str| crate::fhir::classification::types().find(|t| t.0 == code).map_or("", |t| t.1);
    let open = |types: &[String]| types.iter().any(|t| rules.matrix.cell(profession, t, class(t)).allowed);
    keyinfo::fed().filter(|(_, types)| !open(types)).map(|(section, _)| section).collect()
}

/// Reads and checks the parameters.
fn wanted(call: &Call) -> Result<Wanted<'_>> {
    let bad = |name: &str, what: String| Fault::new(FaultKind::BadValue, 684, what).at(name);
    let number = |name: &str, most: usize| match call.parameter(name) {
        None => Ok(None),
        Some(text) => text.parse::<usize>().ok().filter(|n| *n <= most).map(Some).ok_or_else(|| bad(name, format!("{name} is a number up to {most}"))),
    };
    let section = call.parameter("section");
    if section.is_some_and(|key| !keyinfo::is_section(key)) {
        return Err(bad("section", "section is none of the sections of the answer (sections[].key)".to_owned()));
    }
    let window = match call.parameter("window").unwrap_or(WINDOW) {
        "all" => None,
        text => days(text).map(|_| Some(text))?,
    };
    let since_us = call.parameter("since").map(|text| time::range(text).map(|r| r.0).ok_or_else(|| bad("since", "since is an instant".to_owned()))).transpose()?;
    Ok(Wanted {
        profile: profile(call)?,
        since_us,
        window,
        section,
        offset: number("offset", 100_000)?.unwrap_or(0),
        most: number("maxPerSection", 500)?.unwrap_or(MOST).max(1),
        explain: call.parameter("explain") != Some("false"),
    })
}

/// The profile asked for, else that of the caller's speciality or profession, else the neutral one.
fn profile(call: &Call) -> Result<&'static Profile> {
    if let Some(asked) = call.parameter("specialty") {
        return keyinfo::profile(asked).ok_or_else(|| {
            let known: Vec<&str> =
                keyinfo::profiles().iter().flat_map(|p| std::iter::once(p.id.as_str()).chain(p.specialities.iter().chain(&p.professions).map(String::as_str))).collect();
            Fault::new(FaultKind::BadValue, 685, format!("no ranking profile is for this speciality; there are {}", known.join(", "))).at("specialty")
        });
    }
    let own = call.visibility.rules().and_then(|r| r.actor.person.as_ref());
    let found = own.and_then(|p| keyinfo::profile(&p.specialty).or_else(|| keyinfo::profile(&p.profession)));
    let neutral = || keyinfo::profiles().first().ok_or_else(|| Fault::new(FaultKind::Bug, 686, "the ranking profiles are not read"));
    found.map_or_else(neutral, Ok)
}

/// Days of an ISO 8601 duration of years, months, weeks or days.
fn days(text: &str) -> Result<i64> {
    let wrong = || Fault::new(FaultKind::BadValue, 687, "window is a duration such as P2Y, P6M, P90D, or all").at("window");
    let (number, unit) = text.strip_prefix('P').and_then(|t| t.split_at_checked(t.len().checked_sub(1)?)).ok_or_else(wrong)?;
    let number: i64 = number.parse().ok().filter(|n| (1..=200).contains(n) || unit == "D" && (1..=36_500).contains(n)).ok_or_else(wrong)?;
    match unit {
        "Y" => Ok(number * 366),
        "M" => Ok(number * 31),
        "W" => Ok(number * 7),
        "D" => Ok(number),
        _ => Err(wrong()),
    }
}
