//! Who read a document, for its author who withdraws it: as much as the table lets him be told, and that in numbers.
//! Spec: `fhir-profiles/access-matrix/withdrawal.toml`; RNIV (a document filed under the wrong patient).

use std::collections::{BTreeMap, BTreeSet};

use super::asked::{Asked, What};
use super::trail;
use crate::access::Told;
use crate::audit::{Action, Event, Outcome};
use crate::fhir::{Issue, IssueType, Result, Severity};
use crate::interaction::{App, Call};

/// What is said of a document (id of its DocumentReference) that the caller stood behind: the successful readings of everybody else.
///
/// # Errors
/// `Bug` or `Busy` from the trail.
pub(in crate::interaction) fn told(app: &App, call: &Call, id: &str) -> Result<Vec<Issue>> {
    let (mut asked, patient) = (Asked::default(), patient(app, call, id)?);
    asked.require(What::Entity, vec![format!("DocumentReference/{id}")]);
    asked.require(What::Patient, patient.iter().map(|(patient, _)| patient.clone()).collect());
    asked.documents.extend(patient.map(|(_, document)| (format!("DocumentReference/{id}"), document)));
    let found = trail::undisclosed(app, call, &asked)?;
    let readings: Vec<&Event> = found.events.iter().filter(|e| reads(call, e)).collect();
    Ok(issues(&readings, found.cut_us.is_some()))
}

/// The patient of a document, and its number.
fn patient(app: &App, call: &Call, id: &str) -> Result<Option<(String, i64)>> {
    app.store.read(&call.visibility, |reader| {
        let Some((record, document)) = reader.home("DocumentReference", id)? else { return Ok(None) };
        Ok(reader.patient_of(record)?.map(|patient| (patient, document)))
    })
}

/// Whether an event showed something, to somebody else than the caller.
fn reads(call: &Call, event: &Event) -> bool {
    let own = event.by.as_ref().map_or("", |by| by.person.as_str());
    let caller = call.actor.person.as_ref().map_or("", |p| p.id.as_str());
    let self_read = own == caller && event.structure == call.caller.structure.to_string();
    event.outcome == Outcome::Success && matches!(event.action, Action::R | Action::E) && !self_read
}

fn issues(readings: &[&Event], cut: bool) -> Vec<Issue> {
    let mut out = Vec::new();
    let who = |e: &&Event| e.by.as_ref().map_or_else(|| e.structure.clone(), |by| format!("{}{}{}", by.role.word(), by.person, by.subject));
    let persons: BTreeSet<String> = readings.iter().map(who).collect();
    if Told::Readings.allowed() {
        out.push(said(match readings.len() {
            0 => "Ce document n'a été lu par personne d'autre depuis son dépôt.".to_owned(),
            n => format!("Ce document a été lu {n} fois par {} personne(s) depuis son dépôt ; le patient et l'auditeur savent par qui.", persons.len()),
        }));
    }
    out.extend(Told::Professions.allowed().then(|| counted(readings, "Par profession et mode d'accès", profession)).flatten());
    out.extend(Told::Structures.allowed().then(|| counted(readings, "Par structure", |e| e.structure.clone())).flatten());
    out.extend(Told::Persons.allowed().then(|| counted(readings, "Par personne", |e| e.by.as_ref().map(|by| by.person.clone()).unwrap_or_default())).flatten());
    out.extend(cut.then(|| said("Seules les lectures les plus récentes ont été comptées ; l'auditeur trouve les autres.".to_owned())));
    out
}

/// `profession 10, normal`; another caller by his role.
fn profession(event: &Event) -> String {
    let Some(by) = &event.by else { return "structure".to_owned() };
    let kind = if by.profession.is_empty() { by.role.word().to_owned() } else { format!("profession {}", by.profession) };
    format!("{kind}, {}", by.mode.code())
}

fn counted(readings: &[&Event], title: &str, of: impl Fn(&Event) -> String) -> Option<Issue> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in readings {
        *counts.entry(of(event)).or_default() += 1;
    }
    let parts: Vec<String> = counts.into_iter().map(|(what, n)| format!("{what} : {n}")).collect();
    (!parts.is_empty()).then(|| said(format!("{title} : {}.", parts.join(" ; "))))
}

fn said(text: String) -> Issue {
    Issue { severity: Severity::Information, ..Issue::warning(IssueType::Informational, "", text) }
}
