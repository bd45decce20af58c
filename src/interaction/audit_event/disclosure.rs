//! What of an event may leave the server. An event must not betray a document that its reader may not see: entities that name
//! one, or something made from one, go; an event that is about nothing else is absent, as unknown as the document itself. Queries
//! of other structures may hold identifiers and are withheld.
//! Spec: PDSM4DMP MASQUE_PS; decision: an AuditEvent is no way around a label.

use std::collections::{HashMap, HashSet};

use crate::audit::{Event, Outcome};
use crate::fhir::{Result, Role};
use crate::identity::canonical_structure;
use crate::interaction::Call;
use crate::store::Reader;

/// The events as the caller may read them, in the order given: all of them for the auditor, those of his own record for its holder,
/// else as far as the caller may know of what they are about.
pub(super) fn disclosed(reader: &mut Reader<'_>, call: &Call, events: Vec<Event>) -> Result<Vec<Event>> {
    let role = call.visibility.rules().map(|r| r.actor.role);
    match role {
        Some(Role::Auditor | Role::Administrator) => Ok(events),
        Some(role @ (Role::Holder | Role::LegalRepresentative)) => of_the_holder(reader, role, events),
        _ => {
            let known = known(reader, &events)?;
            Ok(events.into_iter().filter_map(|e| reduced(call, &known, e)).collect())
        }
    }
}

/// Who looked at the holder's record, when, and at what of it he may see; raw queries are the callers' own.
/// Spec: CSP L.1111-19.
fn of_the_holder(reader: &mut Reader<'_>, role: Role, events: Vec<Event>) -> Result<Vec<Event>> {
    let known = known(reader, &events)?;
    let mut out = Vec::new();
    for mut event in events {
        let own = event.patient.as_ref().map(|id| reader.knows("Patient", id)).transpose()?.unwrap_or(false);
        // Connexion secrète: the trace is kept from who represents a minor.
        let secret = role == Role::LegalRepresentative && event.by.as_ref().is_some_and(|by| by.secret);
        if !own || secret {
            continue;
        }
        event.query = None;
        let shown = shown(&mut event, |entity| known.contains(entity));
        out.extend(shown.then_some(event));
    }
    Ok(out)
}

/// Leaves what the reader may know of; false for an event that is about nothing else.
fn shown(event: &mut Event, may: impl Fn(&String) -> bool) -> bool {
    let (shown, hidden): (Vec<String>, Vec<String>) = std::mem::take(&mut event.entities).into_iter().partition(may);
    // A SubmissionSet or the patient beside a hidden document says that there is one.
    let about_another = shown.iter().any(|e| !e.starts_with("List/") && !e.starts_with("Patient/"));
    event.entities = shown;
    hidden.is_empty() || about_another
}

/// Of everything the events name, what the caller may know of.
fn known(reader: &mut Reader<'_>, events: &[Event]) -> Result<HashSet<String>> {
    let mut by_kind: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (kind, id) in events.iter().flat_map(|e| &e.entities).filter_map(|e| e.split_once('/')) {
        by_kind.entry(kind).or_default().insert(id);
    }
    let mut out = HashSet::new();
    for (kind, ids) in by_kind {
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        out.extend(reader.traceable(kind, &ids)?.into_iter().map(|id| format!("{kind}/{id}")));
    }
    Ok(out)
}

fn reduced(call: &Call, known: &HashSet<String>, mut event: Event) -> Option<Event> {
    let own = call.visibility.is_structure(&canonical_structure(&event.structure));
    if !own {
        event.query = None;
    }
    // What a structure asked for in vain it named itself: hidden and unknown look alike here.
    if own && event.outcome != Outcome::Success {
        return Some(event);
    }
    let kept = shown(&mut event, |entity| known.contains(entity) || own && entity.starts_with("AuditEvent/"));
    kept.then_some(event)
}
