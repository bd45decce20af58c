//! Documents in a transaction: a DocumentReference with the Binary (or document Bundle) that its attachment names.
//! Spec: IHE MHD 4.2 ITI-65; FHIR R4 documentreference.

use bytes::Bytes;
use serde_json::Value;

use super::super::document::Slots;
use super::super::patient;
use super::super::reference::{self, Added, Incoming, Payload};
use super::super::{Method, binary_create, feeding, resource};
use super::step::Step;
use super::work::{Answered, Bench, Work};
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::Reader;
use crate::xds;

impl Work {
    /// A DocumentReference and its bytes.
    pub(super) fn document(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<()> {
        let sent = step.sent()?;
        let (payload, part) = self.payload(bench, reader, &sent)?;
        let warnings = reference::check(bench.app, &sent.value, &payload)?;
        let subject = sent.value.pointer("/subject/reference").and_then(Value::as_str).map(str::to_owned);
        let subject = subject.ok_or_else(|| Fault::new(FaultKind::MissingElement, 472, "a document needs a subject").at("DocumentReference.subject"))?;
        let hint = reference::patient_hint(&sent.value, &payload);
        self.subject(bench, reader, &subject, hint.as_ref())?;
        let name = self.names.get(&subject).cloned().unwrap_or(subject);
        let record = self.records.get(&name).copied().ok_or_else(|| patient::unknown("DocumentReference.subject"))?;
        identity(bench, &name)?;
        let sent = sent.renamed(&self.names, reader)?;
        let unique = xds::entry_of_reference(&sent.value).unique_id;
        if !unique.value.is_empty() && !self.unique.insert(unique) {
            return Err(Fault::new(FaultKind::RuleBroken, 470, "two documents of the Bundle carry the same uniqueId").at("DocumentReference.masterIdentifier"));
        }
        let mut slots = Slots::new(bench.app);
        slots.id.clone_from(&step.id);
        if let Some(part) = part.and_then(|i| bench.steps.get(i)) {
            slots.binary_id.clone_from(&part.id);
        }
        let number = slots.number;
        let incoming = Incoming { sent, slots, record, patient: name, payload, warnings };
        let added = reference::add(bench.app, bench.call, reader, &mut self.plan, &mut self.superseded, incoming)?;
        self.record = record;
        let mut version = 1;
        if added.known {
            let place = reader.place("DocumentReference", &added.id)?;
            let row = place.map(|p| reader.document(p.document)).transpose()?.flatten();
            self.documents.extend(row.map(|r| r.number));
            version = reader.version("DocumentReference", &added.id, None)?.map_or(1, |v| v.number);
        } else {
            self.documents.push(number);
        }
        self.document_answered(bench, step, part, added, version);
        Ok(())
    }

    fn document_answered(&mut self, bench: &Bench<'_>, step: &Step<'_>, part: Option<usize>, added: Added, version: i64) {
        let written = |kind: &str, id: String, number: i64, created: bool, warnings| Answered::Written { kind: kind.to_owned(), id, number, created, warnings };
        let created = !added.known;
        if let Some(url) = step.full_url {
            self.names.insert(url.to_owned(), format!("DocumentReference/{}", added.id));
        }
        self.answers.insert(step.index, written("DocumentReference", added.id, version, created, added.warnings));
        if let Some(part) = part.and_then(|i| bench.steps.get(i)) {
            self.answers.insert(part.index, written("Binary", added.binary_id, 1, created, Vec::new()));
        }
    }

    /// The bytes an attachment names: inline, an entry of this Bundle, or a Binary sent before.
    fn payload(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, sent: &resource::Sent) -> Result<(Payload, Option<usize>)> {
        let url = sent.value.pointer("/content/0/attachment/url").and_then(Value::as_str);
        let part = url.and_then(|u| bench.steps.iter().find(|s| s.full_url == Some(u) && matches!(s.row.kind.as_str(), "Binary" | "Bundle")));
        let Some(part) = part else { return Ok((reference::payload(bench.app, reader, &sent.value)?, None)) };
        if self.answers.contains_key(&part.index) {
            return Err(Fault::new(FaultKind::RuleBroken, 471, "two DocumentReferences name the same part of the Bundle").at("DocumentReference.content[0].attachment.url"));
        }
        Ok((part_bytes(part)?, Some(part.index)))
    }

    /// A Binary that no DocumentReference of the Bundle names is kept for the one that will.
    pub(super) fn binary(&mut self, bench: &Bench<'_>, step: &Step<'_>) -> Result<()> {
        let value = step.resource.ok_or_else(|| Fault::new(FaultKind::MissingElement, 473, "the entry has no resource"))?;
        let (mime, bytes) = binary_create::content(value)?;
        self.plan.operations.push(binary_create::staged(bench.app, bench.call, &step.id, mime, bytes));
        self.answered(step, 1, true);
        Ok(())
    }

    /// Finds the record of a subject once, and what it is called from now on.
    pub(super) fn subject(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, subject: &str, hint: Option<&Value>) -> Result<()> {
        let name = self.names.get(subject).cloned().unwrap_or_else(|| subject.to_owned());
        if self.records.contains_key(&name) || !patient::is_patient(bench.app, &name) {
            return Ok(());
        }
        let chosen = patient::of_subject(bench.app, bench.call, reader, &name, hint)?;
        if bench.steps.iter().any(|s| s.method == Method::Delete && s.row.kind == "Patient" && s.id == chosen.id) {
            return Err(Fault::new(FaultKind::RuleBroken, 498, "an entry of the Bundle deletes the patient that this one is about"));
        }
        self.names.insert(subject.to_owned(), chosen.reference());
        self.records.insert(chosen.reference(), chosen.record);
        self.plan.operations.extend(chosen.operations);
        self.claim_all(chosen.preconditions)?;
        bench.call.about(&chosen.id);
        Ok(())
    }
}

/// Refuses to feed under the identity of a patient (`Patient/id`) whom this Bundle itself makes, when it is not qualified: it is not stored
/// yet. See [`feeding::open_record`].
pub(super) fn identity(bench: &Bench<'_>, name: &str) -> Result<()> {
    let made = bench.steps.iter().find(|s| s.method == Method::Post && s.row.kind == "Patient" && format!("Patient/{}", s.id) == name);
    made.and_then(|s| s.resource).map_or(Ok(()), |patient| feeding::identity(bench.call, patient))
}

fn part_bytes(part: &Step<'_>) -> Result<Payload> {
    let value = part.resource.ok_or_else(|| Fault::new(FaultKind::MissingElement, 474, "the entry has no resource").at(format!("Bundle.entry[{}]", part.index)))?;
    if part.row.kind == "Bundle" {
        return Ok(Payload { bytes: Bytes::copy_from_slice(part.bytes), mime: Some("application/fhir+json".into()), staged: None });
    }
    let at = |mut fault: Fault| {
        if let Some(first) = fault.issues.first_mut() {
            let name = first.expression.as_deref().and_then(|p| p.rsplit_once('.')).map_or("data", |p| p.1).to_owned();
            first.expression = Some(format!("Bundle.entry[{}].resource.{name}", part.index));
        }
        fault
    };
    let (mime, bytes) = binary_create::content(value).map_err(at)?;
    Ok(Payload { bytes, mime: Some(mime), staged: None })
}
