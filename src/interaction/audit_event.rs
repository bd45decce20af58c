//! Reading the trace as BALP AuditEvents: writes from the database, reads from the log, its tail included. What an event would
//! betray of a hidden document, or of another structure's query, stays behind: see [`disclosure`]. The holder reads accesses: one
//! opening of the practitioner's page is one entry, its parts inside.
//! Spec: IHE ITI TF-2 3.81; FHIR R4 AuditEvent.

mod asked;
mod disclosure;
mod readings;
mod trail;

use self::asked::{Asked, What};
pub(super) use self::readings::told as readings;
use self::trail::{Bounds, Trail};
use super::paging::{Cursor, Mark};
use super::planning::{outcome, raw_bundle, to_bytes};
use super::search::{encode, unknown};
use super::throttle::Limit;
use super::{Answer, App, Call};
use crate::audit::{Action, Entry};
use crate::fhir::time::instant;
use crate::fhir::{Issue, IssueType, Result, Role};

/// GET AuditEvent?… and POST AuditEvent/_search: newest first.
pub(super) fn search(app: &App, call: &Call, query: &[(String, String)]) -> Result<Answer> {
    call.is("search-type", Action::E);
    call.is_transaction("ITI-81");
    call.queried();
    let cursor = query.iter().find(|(n, _)| n == "_page").map(|(_, v)| Cursor::open(app, call, v)).transpose()?;
    let mut asked = asked::read(app, call, cursor.as_ref().map_or(query, |c| &c.query))?;
    patients(app, call, &mut asked)?;
    documents(app, call, &mut asked)?;
    let place = cursor.as_ref().and_then(|c| if let Mark::Trace { log, offset } = c.mark { Some((Bounds { commit: c.commit, log }, offset)) } else { None });
    let trail = trail::gather(app, call, &asked, place.map(|p| p.0))?;
    respond(app, call, &asked, &trail, place.map_or(0, |p| p.1))
}

/// Accesses to a record as its holder reads them, and where to go on.
pub(super) struct Accesses {
    /// Id and JSON of each AuditEvent, newest first.
    pub resources: Vec<(String, Vec<u8>)>,
    /// Those of this moment (µs UTC) and before were not looked at; none when all were.
    pub older_us: Option<i64>,
}

/// The accesses to a patient's record up to a moment (µs UTC) that the caller may read.
///
/// # Errors
/// `Bug` or `Busy` from the trail.
pub(super) fn accesses(app: &App, call: &Call, patient: &str, until_us: i64) -> Result<Accesses> {
    let mut asked = Asked::until(until_us);
    asked.require(What::Patient, vec![patient.to_owned()]);
    let mut trail = trail::gather(app, call, &asked, None)?;
    trail::whole(app, call, &mut trail.entries)?;
    let resources = trail.entries.iter().map(|e| Ok((e.event.id.clone(), to_bytes(&e.to_fhir())?))).collect::<Result<_>>()?;
    Ok(Accesses { resources, older_us: trail.cut_us })
}

/// GET AuditEvent/[id]
pub(super) fn read(app: &App, call: &Call, id: &str) -> Result<Answer> {
    let found = trail::one(app, call, id)?.ok_or_else(super::read::not_here)?;
    if let Some(patient) = &found.patient {
        call.about(patient);
    }
    let mut shown = [Entry::alone(found)];
    trail::whole(app, call, &mut shown)?;
    let [entry] = &shown;
    Ok(Answer::resource(to_bytes(&entry.to_fhir())?).versioned(entry.version(), entry.end_us()))
}

/// Turns the patients asked for by identifier into ids, and names in the event those that exist.
fn patients(app: &App, call: &Call, asked: &mut Asked) -> Result<()> {
    if asked.patient_identifiers.is_empty() && !asked.tests.iter().any(|t| t.what == What::Patient) {
        return Ok(());
    }
    if !asked.patient_identifiers.is_empty() {
        app.throttle.check(call, Limit::UnknownPatient)?;
    }
    let unknown = app.store.read(&call.visibility, |reader| {
        let mut nobody = Vec::new();
        for any in std::mem::take(&mut asked.patient_identifiers) {
            nobody.extend(unknown(reader, &any)?);
            let mut ids = Vec::new();
            for identifier in &any {
                ids.extend(reader.by_identifier("Patient", identifier)?.into_iter().map(|row| row.id));
            }
            asked.require(What::Patient, ids);
        }
        for id in asked.tests.iter().filter(|t| t.what == What::Patient).flat_map(|t| &t.any) {
            if reader.place("Patient", &id.1)?.is_some() {
                call.about(&id.1);
            }
        }
        Ok(nobody)
    })?;
    app.throttle.count_all(call, Limit::UnknownPatient, &unknown)
}

/// The numbers of the documents asked for: who read one is on the list, by whichever way. Of a document that the caller may not know of
/// nothing more is found than its name in the events that he may read.
fn documents(app: &App, call: &Call, asked: &mut Asked) -> Result<()> {
    let named = asked.tests.iter().filter(|t| t.what == What::Entity).flat_map(|t| &t.any);
    let ids: Vec<String> = named.filter_map(|(_, value)| value.strip_prefix("DocumentReference/")).map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let reads_all = matches!(call.visibility.rules().map(|r| r.actor.role), Some(Role::Auditor | Role::Administrator));
    asked.documents = app.store.read(&call.visibility, |reader| {
        let known = if reads_all { ids } else { reader.traceable("DocumentReference", &ids)? };
        let each = known.into_iter().map(|id| Ok(reader.home("DocumentReference", &id)?.map(|(_, document)| (format!("DocumentReference/{id}"), document))));
        Ok(each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })?;
    Ok(())
}

fn respond(app: &App, call: &Call, asked: &Asked, trail: &Trail, offset: usize) -> Result<Answer> {
    let total = trail.entries.len();
    let count = if asked.only_count { 0 } else { asked.count };
    let mut shown: Vec<Entry> = trail.entries.iter().skip(offset).take(count).cloned().collect();
    trail::whole(app, call, &mut shown)?;
    let mut entries = shown.iter().map(|e| entry(app, asked, e)).collect::<Result<Vec<_>>>()?;
    let shown = offset + entries.len();
    let mut links = vec![("self".to_owned(), format!("{}/AuditEvent?{}", app.base_url, encode(&asked.used)))];
    if shown < total && count > 0 {
        let next = Cursor::new(call, &asked.used, call.now_us, trail.bounds.commit, Mark::Trace { log: trail.bounds.log, offset: shown });
        links.push(("next".to_owned(), format!("{}/AuditEvent?_page={}", app.base_url, next.seal(app)?)));
    }
    let mut remarks = asked.warnings.clone();
    if let Some(cut_us) = trail.cut_us {
        let bounds = format!("{} matches, {} lines", trail::MAX_EVENTS, trail::MAX_LINES);
        let what = format!("only the newest events were looked at ({bounds}); for those before, search again with date=le{}", instant(cut_us));
        remarks.push(Issue::warning(IssueType::Incomplete, "date", what));
    }
    if !remarks.is_empty() {
        entries.push(format!("{{\"resource\":{},\"search\":{{\"mode\":\"outcome\"}}}}", String::from_utf8_lossy(&outcome(&remarks))));
    }
    // A total that the bound has cut is none; a count is then a lower bound, and the remark says so.
    let told = asked.only_count || !asked.no_total && trail.cut_us.is_none();
    Ok(Answer::resource(raw_bundle("searchset", told.then_some(total), &links, &entries)))
}

fn entry(app: &App, asked: &Asked, entry: &Entry) -> Result<String> {
    let bytes = to_bytes(&if asked.tde { entry.to_tde() } else { entry.to_fhir() })?;
    Ok(format!("{{\"fullUrl\":\"{}/AuditEvent/{}\",\"resource\":{},\"search\":{{\"mode\":\"match\"}}}}", app.base_url, entry.event.id, String::from_utf8_lossy(&bytes)))
}
