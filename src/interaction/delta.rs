//! `Patient/$documents-delta`: in one round trip, what became of a patient's documents since this caller was last given them; and
//! `$documents-delta-seen`, by which a practitioner confirms that it was shown.
//!
//! What was given is a set of documents with the state each had (`store::Given`). A delta is the difference between that set and what the
//! caller may see now: whatever the reason, a document that left his sight is removed, one that came into it is new, and no date is
//! compared. The set itself is the cursor: the server keeps the confirmed one per practitioner and patient, a client may keep its own.
//! Spec: Passerelle; PDSM4DMP, détection des nouveaux documents (Ségur vague 2).

mod answer;
mod asked;
mod changes;
mod cursor;

use self::asked::{Asked, Since};
use self::changes::{Change, Code};
use super::planning::Planned;
use super::throttle::Limit;
use super::{Answer, App, Call, read};
use crate::access::{RecordRight, Rule, person_key};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Identifier, Result, Role};
use crate::store::{Given, Operation, Plan, Reader, Standing};

/// Documents of a record that can be compared.
const MOST: usize = 20_000;

/// GET|POST Patient/[id]/$documents-delta
pub(super) fn of_patient(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("documents-delta", Action::R);
    let asked = Asked::of(call)?;
    delta(app, call, &asked, |_| Ok(Some(id.to_owned())))
}

/// GET|POST Patient/$documents-delta with `identifier`
pub(super) fn by_identifier(app: &App, call: &Call) -> Result<Answer> {
    call.is("documents-delta", Action::R);
    let asked = Asked::of(call)?;
    let text = asked.identifier.as_deref();
    let text = text.ok_or_else(|| Fault::new(FaultKind::MissingElement, 842, "at type level, identifier=system|value says whose documents").at("identifier"))?;
    app.throttle.check(call, Limit::UnknownPatient)?;
    let identifier = Identifier::asked(text);
    delta(app, call, &asked, |reader| match reader.by_identifier("Patient", &identifier)?.as_slice() {
        [] => {
            app.throttle.count(call, Limit::UnknownPatient, &identifier.value);
            Ok(None)
        }
        [one] => Ok(Some(one.id.clone())),
        _ => Err(Fault::new(FaultKind::MultipleMatches, 843, "several patients carry this identifier; name one by its id").at("identifier")),
    })
}

fn delta(app: &App, call: &Call, asked: &Asked, find: impl FnOnce(&mut Reader<'_>) -> Result<Option<String>>) -> Result<Answer> {
    let bytes = app.store.read(&call.visibility, |reader| {
        let id = find(reader)?.ok_or_else(read::not_here)?;
        let record = record_of(reader, &id)?;
        let since = since(app, call, reader, record, asked)?;
        let now = standing(reader, record)?;
        let own = reader.own_documents(record)?;
        let mut changes = changes::between(since.as_ref(), &now, |s| own.contains(&s.row.document) || asked.knows(&s.unique));
        let refusal = refusal(reader, record, &changes)?;
        changes.retain(|c| refusal.is_none() || c.says(Code::Removed));
        call.about(&id);
        call.touched(format!("Patient/{id}"));
        changes::follow(reader, record, &now, &mut changes)?;
        answer::Parts { app, call, patient: &id, record, since, changes, count: asked.count, refusal }.written(reader)
    })?;
    Ok(Answer::resource(bytes))
}

fn record_of(reader: &mut Reader<'_>, id: &str) -> Result<i64> {
    Ok(reader.version("Patient", id, None)?.filter(|p| !p.deleted).ok_or_else(read::not_here)?.record)
}

/// From where to compare: what the caller sent, else what the server keeps of this person; `None` at a first visit.
fn since(app: &App, call: &Call, reader: &mut Reader<'_>, record: i64, asked: &Asked) -> Result<Option<Given>> {
    match &asked.since {
        Since::Nothing => Ok(None),
        Since::Cursor(text) => cursor::open(app, call, record, text).map(Some),
        Since::Kept => person(call).map_or(Ok(None), |person| reader.given(record, &person)),
    }
}

fn standing(reader: &mut Reader<'_>, record: i64) -> Result<Vec<Standing>> {
    let now = reader.standing(record, i64::try_from(MOST + 1).unwrap_or(i64::MAX))?;
    if now.len() > MOST {
        return Err(Fault::new(FaultKind::TooCostly, 844, format!("the record holds more than {MOST} documents; search DocumentReference with _lastUpdated instead")));
    }
    Ok(now)
}

/// Why a record of which documents were taken away from the caller is not open to him any more: he is told what he has to give up, and the
/// reason, and nothing else. Without anything to give up he is refused; so he is where the way in is his to open: an expired consent, an
/// emergency.
///
/// # Errors
/// `Forbidden` with the reason.
fn refusal(reader: &mut Reader<'_>, record: i64, changes: &[Change<'_>]) -> Result<Option<Rule>> {
    let taken_away =
        |rule: Rule| matches!(rule, Rule::NoAuthorisation | Rule::Blocked | Rule::RecordClosed | Rule::ProfessionClosed) && changes.iter().any(|c| c.says(Code::Removed));
    match reader.right(record)? {
        Some(RecordRight::OwnDocuments(rule) | RecordRight::Nothing(rule)) if taken_away(rule) => Ok(Some(rule)),
        _ => reader.open_to_caller(record).map(|()| None),
    }
}

/// POST Patient/[id]/$documents-delta-seen: the answer that carried the cursor was shown. Nobody's right to the record is asked: what is
/// noted is what the person was answered before.
pub(super) fn seen(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("documents-delta-seen", Action::U);
    let person = person(call)
        .ok_or_else(|| Fault::new(FaultKind::Forbidden, 845, "what was shown is noted for a practitioner: send a token of the person, or keep the cursor and send it as since"))?;
    let asked = Asked::of(call)?;
    let text = asked.cursor.as_deref().ok_or_else(|| Fault::new(FaultKind::MissingElement, 846, "cursor is that of the answer that was shown").at("cursor"))?;
    app.plan_and_commit(call, || {
        app.store.read(&call.visibility, |reader| {
            let record = record_of(reader, id)?;
            let given = cursor::open(app, call, record, text)?;
            call.about(id);
            // A confirmation that comes late does not bring back what was shown since.
            let later = reader.given(record, &person)?.is_some_and(|kept| (kept.commit, kept.at_us) > (given.commit, given.at_us));
            let operations = if later { Vec::new() } else { vec![Operation::Given { record, person: person.clone(), given }] };
            Ok(Planned { plan: (!later).then(|| Plan { operations, ..Plan::default() }), record, value: () })
        })
    })?;
    Ok(Answer::empty(204))
}

/// Under which name what was given is kept: a practitioner's alone.
fn person(call: &Call) -> Option<String> {
    call.visibility.rules().filter(|r| r.actor.role == Role::Practitioner).and_then(|r| r.actor.person.as_ref()).map(|p| person_key(&p.id))
}
