//! Words that are read later than their document was stored: background work for files that no child could read in time, and for
//! documents that were stored before words were kept. Decided again when it is due: what was withdrawn meanwhile is left alone.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::contents::{self, Body, Contents};
use super::document::{CONTENT_REMARK, GENERATED_TITLE};
use super::planning::{json_bytes, to_bytes};
use super::{App, Call, resource};
use crate::access::Visibility;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{AuditLine, DocumentRow, DocumentText, DueJob, Job, Operation, Plan, Precondition, VersionRow};
use crate::{cda, xds};

/// Kind of the work; the migration that made the table of words asks for it too.
const KIND: &str = "document-text";
/// Minutes before each attempt.
const WAITS: &[i64] = &[1, 10, 60];
/// Work looked at in one round, and how long a round may take.
const BATCH: i64 = 50;
const ROUND: Duration = Duration::from_secs(5);
/// How long one document may take.
const ONE: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
struct About {
    document: i64,
    #[serde(default)]
    attempt: usize,
}

/// A document to be read, and its DocumentReference.
struct Stored {
    row: DocumentRow,
    bytes: Vec<u8>,
    version: VersionRow,
    reference: Value,
    has_facts: bool,
}

/// Work to be written: the words of a document are read once more.
pub(super) fn job(document: i64, attempt: usize, now_us: i64) -> Result<Operation> {
    let argument = String::from_utf8(json_bytes(&About { document, attempt })?).unwrap_or_default();
    let wait = WAITS.get(attempt).copied().unwrap_or_default();
    Ok(Operation::Job(Job { kind: KIND.into(), due_us: now_us.saturating_add(wait * 60_000_000), argument }))
}

impl App {
    /// Reads what is due, as long as a round may take; how many documents were read. What fails stays for the next round.
    ///
    /// # Errors
    /// `Busy` or `Bug` when the work cannot be read.
    pub(super) fn read_later(&self, nobody: &Visibility, now_us: i64) -> Result<usize> {
        let until = Instant::now() + ROUND;
        let mut done = 0;
        for job in self.store.read(nobody, |reader| reader.due(&[KIND], now_us, BATCH))? {
            if Instant::now() >= until {
                break;
            }
            match self.read_again(nobody, &job, now_us) {
                Ok(()) => done += 1,
                Err(e) => {
                    tracing::error!(job.number, fault.number = e.number, cause = e.cause.as_deref().unwrap_or(""), "words of a document were not read and wait for the next round")
                }
            }
        }
        Ok(done)
    }

    fn read_again(&self, nobody: &Visibility, job: &DueJob, now_us: i64) -> Result<()> {
        let about: About = serde_json::from_str(&job.argument).map_err(|e| Fault::new(FaultKind::Bug, 664, "the words to be read later are damaged").because(e))?;
        let mut plan = match self.stored(nobody, about.document)? {
            Some(stored) => self.words_of(&about, &stored, now_us)?,
            None => Plan::default(),
        };
        plan.operations.push(Operation::JobDone { number: job.number });
        self.store.write(plan).map(|_| ())
    }

    fn stored(&self, nobody: &Visibility, number: i64) -> Result<Option<Stored>> {
        self.store.read(nobody, |reader| {
            // A Binary that waits for its DocumentReference is read with it.
            let Some(row) = reader.any_document(number)?.filter(|row| row.record != 0) else { return Ok(None) };
            let Some((version, reference)) = reader.any_reference(&row)? else { return Ok(None) };
            let reference = serde_json::from_slice(&reference).map_err(|e| Fault::new(FaultKind::Bug, 665, "a stored resource is damaged").because(e))?;
            Ok(Some(Stored { bytes: reader.blob(&row)?, has_facts: reader.states_facts(&row)?, row, version, reference }))
        })
    }

    /// The words of a document, and its DocumentReference when they change what it says of itself.
    fn words_of(&self, about: &About, stored: &Stored, now_us: i64) -> Result<Plan> {
        let Stored { row, bytes, version, reference, .. } = stored;
        let deadline = Instant::now() + ONE;
        let contents = read(&row.mime, bytes, |body| contents::of(&row.mime, bytes, body, |files| self.layers(files(), deadline)))?;
        let words = contents::of_metadata(&xds::entry_of_reference(reference), reference) + &contents.words;
        let mut plan = Plan::default();
        if contents.is_late && about.attempt + 1 < WAITS.len() {
            plan.operations.push(job(row.number, about.attempt + 1, now_us)?);
        }
        if let Some(changed) = changed(stored, &contents) {
            let put = resource::Slot { kind: "DocumentReference", id: &version.id, record: row.record, rid: row.rid, number: version.number + 1, document: row.number };
            plan.preconditions.push(Precondition::VersionIs { kind: "DocumentReference".into(), id: version.id.clone(), number: version.number });
            let bytes = to_bytes(&resource::stamped(changed, &version.id, version.number + 1))?;
            plan.operations.push(Operation::Put(Box::new(resource::put(put, bytes)?)));
            let mut event = Call::event_of_the_server(now_us, self.new_id(), &format!("DocumentReference/{}", version.id));
            "update".clone_into(&mut event.interaction);
            event.action = Action::U;
            event.records.insert(row.record);
            plan.audit.push(AuditLine { record: row.record, line: String::from_utf8(json_bytes(&event)?).unwrap_or_default() });
        }
        plan.operations.push(Operation::Text(Box::new(DocumentText { record: row.record, document: row.number, words, layers: contents.layers })));
        Ok(plan)
    }
}

/// Reads the bytes as what they are, and what can be read of them.
fn read(mime: &str, bytes: &[u8], contents: impl FnOnce(&Body<'_>) -> Result<Contents>) -> Result<Contents> {
    if let Some(document) = mime.contains("xml").then(|| cda::read(bytes).ok()).flatten() {
        return contents(&Body::Cda(&document));
    }
    let bundle = match mime {
        "application/fhir+json" => resource::Sent::read(bytes, "Bundle").ok(),
        "application/fhir+xml" => crate::fhir::xml_codec::to_json(bytes).ok().and_then(|json| resource::Sent::read(&json, "Bundle").ok()),
        _ => None,
    };
    match bundle {
        Some(bundle) => contents(&Body::Fhir(&bundle.value)),
        None => contents(&Body::Other),
    }
}

/// The DocumentReference with the title and the remarks that its words give; `None` when it says so already.
fn changed(stored: &Stored, contents: &Contents) -> Option<Value> {
    let mut changed = stored.reference.clone();
    let extensions = changed.get("extension").and_then(Value::as_array).cloned().unwrap_or_default();
    let is = |e: &Value, url: &str| e.get("url").and_then(Value::as_str) == Some(url);
    let mut kept: Vec<Value> = extensions.iter().filter(|e| !is(e, CONTENT_REMARK)).cloned().collect();
    if !stored.has_facts
        && let Some(title) = kept.iter_mut().find(|e| is(e, GENERATED_TITLE)).and_then(|e| e.get_mut("valueString"))
    {
        *title = json!(retitled(title.as_str().unwrap_or_default(), &contents.title));
    }
    kept.extend(contents.codings().into_iter().map(|coding| json!({"url": CONTENT_REMARK, "valueCoding": coding})));
    if kept == extensions {
        return None;
    }
    let members = changed.as_object_mut()?;
    if kept.is_empty() {
        members.shift_remove("extension")
    } else {
        members.insert("extension".into(), Value::Array(kept))
    };
    Some(changed)
}

/// A title whose last part, where it told why there were no words, is what the words say.
fn retitled(title: &str, said: &str) -> String {
    let parts: Vec<&str> = title.split(" · ").filter(|part| !contents::is_remark(part)).filter(|part| *part != said).chain([said].into_iter().filter(|s| !s.is_empty())).collect();
    parts.join(" · ")
}
