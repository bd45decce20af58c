//! Notices that the law owes to persons, as background work: each is decided again when it is due and written once.
//!
//! Bris de glace and centre 15: the holder and the médecin traitant are told afterwards (CSP R.1111-48). A document kept from the
//! patient: he is told after two weeks (R.1111-53). A notice is a Communication in the record; its id follows from what it is about, so
//! that work done twice writes it once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::planning::{json_bytes, to_bytes};
use super::throttle::Limit;
use super::{App, Call, resource};
use crate::access::{ChoiceKind, RecordRight, Span, Visibility, labels};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Mode, Result, time};
use crate::store::{AuditLine, DueJob, Job, Operation, Plan, Precondition, Reader};
use crate::xds;

/// Kinds of work.
const EMERGENCY: &str = "emergency-notice";
const HIDDEN: &str = "hidden-notice";
/// Jobs of one round.
const BATCH: i64 = 100;

/// An access in an emergency, as its notice tells it.
#[derive(Debug, Serialize, Deserialize)]
struct Emergency {
    record: i64,
    mode: Mode,
    organization: String,
    /// PS_IdNat of who read.
    person: String,
    /// Day of the access, UTC: one notice per day, person and record.
    day: String,
    reason: String,
    /// Connexion secrète: kept from legal representatives, like its trace.
    #[serde(default)]
    secret: bool,
}

/// A document kept from the patient.
#[derive(Debug, Serialize, Deserialize)]
struct Hidden {
    document: i64,
    /// When the patient will see it, µs UTC.
    visible_from_us: i64,
    /// When it was hidden, µs UTC: hidden again, it is told again. 0 of what was queued before this was kept.
    #[serde(default)]
    hidden_us: i64,
}

/// Work to be written with a document that is kept from its patient: the notice after two weeks of the month that ends at
/// `visible_from_us`, at once when they are over.
pub(super) fn hidden(call: &Call, document: i64, visible_from_us: i64) -> Result<Operation> {
    let argument = text(&Hidden { document, visible_from_us, hidden_us: call.now_us })?;
    let before_end_us = Span::HiddenEnd.after(call.now_us) - Span::HiddenNotice.after(call.now_us);
    Ok(Operation::Job(Job { kind: HIDDEN.into(), due_us: call.now_us.max(visible_from_us - before_end_us), argument }))
}

/// Refuses to break the glass too often.
///
/// # Errors
/// `Throttled`.
pub(super) fn within_limit(app: &App, call: &Call) -> Result<()> {
    if breaks_the_glass(call) { app.throttle.check(call, Limit::BrisDeGlace) } else { Ok(()) }
}

fn breaks_the_glass(call: &Call) -> bool {
    call.visibility.rules().is_some_and(|r| r.actor.mode == Mode::BrisDeGlace)
}

/// After whatever may have shown something in an emergency mode and before its answer leaves: the notices to come are durable.
///
/// # Errors
/// What writing answers.
pub(super) fn announce(app: &App, call: &Call) -> Result<()> {
    let Some(rules) = call.visibility.rules().filter(|r| r.actor.mode != Mode::Normal && looks(call)) else { return Ok(()) };
    let mut new = Vec::new();
    for record in opened(app, call)? {
        if breaks_the_glass(call) {
            app.throttle.count(call, Limit::BrisDeGlace, &record.to_string());
        }
        let day = time::instant(call.now_us).get(..10).unwrap_or_default().to_owned();
        let person = rules.actor.person.as_ref().map(|p| p.id.clone()).unwrap_or_default();
        let argument = text(&Emergency {
            record,
            mode: rules.actor.mode,
            organization: call.caller.organization.clone(),
            person,
            day,
            reason: rules.actor.reason.clone(),
            secret: rules.actor.secret,
        })?;
        if !app.store.read(&call.visibility, |r| r.job_known(EMERGENCY, &argument))? {
            new.push(Operation::Job(Job { kind: EMERGENCY.into(), due_us: call.now_us, argument }));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    app.store.write(Plan { operations: new, ..Plan::default() }).map(|_| ())
}

/// Whether what was carried out shows something of a record: not what only adds to it, not the existence test, not why a document cannot
/// be read.
fn looks(call: &Call) -> bool {
    let event = call.event.borrow();
    let tests = event.interaction == "search-type" && call.path.first().is_some_and(|kind| kind == "Patient") && event.entities.iter().all(|e| e.starts_with("Patient/"));
    event.action != Action::C && event.interaction != "explain-access" && !tests
}

/// The records that an event names and that the mode opened: where the patient opposed, or closed the record, nothing was consulted.
fn opened(app: &App, call: &Call) -> Result<BTreeSet<i64>> {
    let (named, mut records): (Vec<String>, BTreeSet<i64>) = {
        let event = call.event.borrow();
        (event.patient.iter().chain(&event.also).cloned().collect(), event.records.clone())
    };
    app.store.read(&call.visibility, |reader| {
        for id in named {
            records.extend(reader.place("Patient", &id)?.map(|place| place.record));
        }
        let mut out = BTreeSet::new();
        for record in records {
            let right = reader.right(record)?;
            out.extend(right.is_some_and(|r| matches!(r, RecordRight::Whole { .. })).then_some(record));
        }
        Ok(out)
    })
}

impl App {
    /// Does the background work that is due at `now_us`; how much was done. What fails stays for the next round.
    ///
    /// # Errors
    /// `Busy` or `Bug` when the work cannot be read.
    pub fn work(&self, now_us: i64) -> Result<usize> {
        let nobody = Visibility::open("", now_us);
        let due = self.store.read(&nobody, |reader| reader.due(&[EMERGENCY, HIDDEN], now_us, BATCH))?;
        let mut done = self.read_later(&nobody, now_us)?;
        for job in &due {
            match self.notice(&nobody, job, now_us) {
                Ok(()) => done += 1,
                Err(e) => {
                    tracing::error!(job.kind, job.number, fault.number = e.number, cause = e.cause.as_deref().unwrap_or(""), "background work failed and waits for the next round")
                }
            }
        }
        Ok(done)
    }

    /// Writes the notice of a job, unless it is written already or there is nothing left to tell.
    pub(super) fn notice(&self, nobody: &Visibility, job: &DueJob, now_us: i64) -> Result<()> {
        let written = self.store.read(nobody, |reader| {
            let draft = match job.kind.as_str() {
                EMERGENCY => emergency(reader, &job.argument)?,
                HIDDEN => kept(reader, &job.argument)?,
                _ => return Err(Fault::new(FaultKind::Bug, 642, "background work of an unknown kind")),
            };
            draft.map(|draft| self.written(reader, job, draft, now_us)).transpose()
        })?;
        let mut plan = written.flatten().unwrap_or_default();
        plan.operations.push(Operation::JobDone { number: job.number });
        self.store.write(plan).map(|_| ())
    }

    /// The notice as a plan; `None` when it is written already.
    fn written(&self, reader: &mut Reader<'_>, job: &DueJob, draft: Draft, now_us: i64) -> Result<Option<Plan>> {
        let digest = self.mac(&[b"notice", job.kind.as_bytes(), draft.about.as_bytes()])?;
        let id = digest.iter().take(16).fold("nt-".to_owned(), |out, b| out + &format!("{b:02x}"));
        let patient = reader.patient_of(draft.record)?;
        let Some(patient) = patient else { return Ok(None) };
        if reader.is_taken("Communication", &id)? {
            return Ok(None);
        }
        let value = communication(&patient, &draft, now_us);
        let rid = self.store.counters().next_resource();
        let slot = resource::Slot { kind: "Communication", id: &id, record: draft.record, rid, number: 1, document: draft.document };
        let put = resource::put(slot, to_bytes(&resource::stamped(value, &id, 1))?)?;
        let mut event = Call::event_of_the_server(now_us, self.new_id(), &format!("Communication/{id}"));
        event.patient = Some(patient);
        let audit = vec![AuditLine { record: draft.record, line: text(&event)? }];
        let preconditions = vec![Precondition::IdUnused { kind: "Communication".into(), id }];
        Ok(Some(Plan { operations: vec![Operation::Put(Box::new(put))], preconditions, audit, receipt: None }))
    }
}

/// What a notice says, and to whom besides the patient.
struct Draft {
    record: i64,
    /// What is told once: its id follows from it.
    about: String,
    /// The document whose visibility holds for the notice too, 0 for none.
    document: i64,
    text: String,
    /// Persons told beside the patient, by number.
    also: Vec<String>,
    /// Kept from legal representatives by its own label.
    secret: bool,
    /// Kept from professionals: it tells of a document that they may not know of.
    private: bool,
}

fn emergency(reader: &mut Reader<'_>, argument: &str) -> Result<Option<Draft>> {
    let about: Emergency = of_text(argument)?;
    let treating = reader.choices(about.record, ChoiceKind::MedecinTraitant)?;
    let also: Vec<String> = treating.into_iter().filter_map(|(_, holder)| holder.strip_prefix("ps:").map(str::to_owned)).filter(|id| *id != about.person).collect();
    let how = match about.mode {
        Mode::Centre15 => "dans le cadre de la régulation médicale du centre 15",
        _ => "en mode « bris de glace », parce qu'il a estimé que votre état le demandait et que vous ne pouviez pas exprimer votre volonté",
    };
    let reason = if about.reason.trim().is_empty() { String::new() } else { format!(" Motif indiqué : {}.", about.reason.trim().trim_end_matches('.')) };
    let text = format!("Le {}, un professionnel de {} a consulté votre dossier {how}.{reason}", french_day(&about.day), about.organization);
    Ok(Some(Draft { record: about.record, about: argument.to_owned(), document: 0, text, also, secret: about.secret, private: false }))
}

/// Told only while the document, or what it replaced or was replaced by, is still there and still kept from the patient: once for all of
/// them and for one month.
fn kept(reader: &mut Reader<'_>, argument: &str) -> Result<Option<Draft>> {
    let about: Hidden = of_text(argument)?;
    let Some(row) = reader.newest_of_chain(about.document)? else { return Ok(None) };
    if row.labels & labels::INVISIBLE_PATIENT == 0 {
        return Ok(None);
    }
    let day = french_day(time::instant(about.visible_from_us).get(..10).unwrap_or_default());
    let text = format!(
        "Un document vous concernant a été déposé dans votre dossier. Le professionnel qui l'a établi souhaite vous en parler d'abord lors d'une consultation. Il vous sera visible le {day}."
    );
    // What is kept from legal representatives is kept from them in its notice too.
    let document = if row.labels & labels::INVISIBLE_REPRESENTANTS_LEGAUX != 0 { row.number } else { 0 };
    let once = self::text(&Hidden { document: row.chain, hidden_us: 0, ..about })?;
    Ok(Some(Draft { record: row.record, about: once, document, text, also: Vec::new(), secret: false, private: true }))
}

fn communication(patient: &str, draft: &Draft, now_us: i64) -> Value {
    let subject = json!({"reference": format!("Patient/{patient}")});
    let also = draft.also.iter().map(|id| json!({"type": "Practitioner", "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": id}}));
    let recipients: Vec<Value> = [subject.clone()].into_iter().chain(also).collect();
    let mut out = json!({
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "notification"}]}],
        "subject": subject,
        "recipient": recipients,
        "sent": time::instant(now_us),
        "payload": [{"contentString": draft.text}]
    });
    if draft.private
        && let Some(members) = out.as_object_mut()
    {
        members.insert("meta".into(), json!({"tag": [{"system": "urn:passerelle:tag", "code": labels::PRIVATE_NOTICE, "display": "Pour le patient"}]}));
    }
    if draft.secret
        && let Some(members) = out.as_object_mut()
    {
        let label = xds::confidentiality_coding(labels::code_of(labels::INVISIBLE_REPRESENTANTS_LEGAUX));
        members.insert("meta".into(), json!({"security": [{"system": label.system, "code": label.code}]}));
    }
    out
}

/// `2026-11-25` → `25/11/2026`.
fn french_day(iso: &str) -> String {
    let parts: Vec<&str> = iso.split('-').rev().collect();
    parts.join("/")
}

fn text(value: &impl Serialize) -> Result<String> {
    Ok(String::from_utf8(json_bytes(value)?).unwrap_or_default())
}

fn of_text<'a, T: Deserialize<'a>>(argument: &'a str) -> Result<T> {
    serde_json::from_str(argument).map_err(|e| Fault::new(FaultKind::Bug, 643, "background work is damaged").because(e))
}
