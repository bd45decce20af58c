//! `$deposit`: a bare document in, everything else derived. Feeding must cost nobody a click.
//! Spec: Passerelle operation; what results is PDSm 3.1.1 (DocumentReference, SubmissionSet).

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::document::{self, Known, Ready, Slots};
use super::patient::Chosen;
use super::planning::{Planned, outcome, to_bytes};
use super::succession::Replaced;
use super::{Answer, App, Call, contents, feeding, layers, resource, statements, succession};
use crate::access::labels;
use crate::audit::Action;
use crate::cda;
use crate::fhir::{Coding, DocumentEntry, Fault, FaultKind, Identifier, Issue, IssueType, RelatedIdentifier, Replacement, Result, time, xml_codec};
use crate::store::{Operation, Plan};
use crate::xds;

/// What is answered once the document is stored.
struct Done {
    id: String,
    /// The DocumentReference; empty when the document was here already.
    reference: Vec<u8>,
    new: bool,
    warnings: Vec<Issue>,
}

/// POST $deposit
pub(super) fn deposit(app: &App, call: &Call) -> Result<Answer> {
    document(app, call, &call.content_type, &call.body)
}

/// A bare document on its way in: what it says of itself, and what it states.
struct Bare<'a> {
    entry: DocumentEntry,
    content: &'a Bytes,
    reading: Reading,
    warnings: Vec<Issue>,
}

/// How the facts of a document are read.
enum Reading {
    Cda(cda::ClinicalDocument),
    Fhir(Value),
}

/// Stores a bare document of a type.
///
/// # Errors
/// `UnsupportedFormat` for a type whose metadata cannot be derived; what reading, planning and writing answer.
pub(super) fn document(app: &App, call: &Call, mime: &str, content: &Bytes) -> Result<Answer> {
    call.is("deposit", Action::C);
    let mut bare = read(mime, content)?;
    if bare.entry.unique_id.value.trim().is_empty() {
        return Err(Fault::new(FaultKind::MissingElement, 444, "the document has no identifier of its own (ClinicalDocument/id), so it cannot be filed").at("ClinicalDocument/id"));
    }
    parameters(call, &mut bare.entry)?;
    let (mut done, written) = app.plan_and_commit(call, || plan(app, call, &bare))?;
    if !done.new && call.query.iter().any(|(name, _)| PARAMETERS.contains(&name.as_str())) {
        done.warnings.push(Issue::warning(IssueType::Informational, "", "the document was stored before: what the parameters say was not applied; change labels by PATCH"));
    }
    respond(app, call, done, written.map_or(call.now_us, |w| w.at_us))
}

fn read<'a>(mime: &str, content: &'a Bytes) -> Result<Bare<'a>> {
    match mime {
        "application/xml" | "text/xml" | "application/hl7-cda+xml" => {
            let document = cda::read(content)?;
            let (mut entry, warnings) = cda::header(&document);
            mime.clone_into(&mut entry.mime);
            Ok(Bare { entry, content, reading: Reading::Cda(document), warnings })
        }
        "application/fhir+json" => fhir_document(mime, resource::Sent::read(content, "Bundle")?.value, content),
        "application/fhir+xml" => fhir_document(mime, resource::Sent::read(&xml_codec::to_json(content)?, "Bundle")?.value, content),
        _ => Err(Fault::new(
            FaultKind::UnsupportedFormat,
            440,
            "$deposit takes a CDA (application/xml, text/xml) or a FHIR document (application/fhir+json, application/fhir+xml); other documents come by ITI-65 or ITI-105 with their metadata",
        )),
    }
}

fn fhir_document<'a>(mime: &str, bundle: Value, content: &'a Bytes) -> Result<Bare<'a>> {
    let entry = xds::entry_of_document(&bundle, mime)?;
    Ok(Bare { entry, content, reading: Reading::Fhir(bundle), warnings: Vec::new() })
}

fn respond(app: &App, call: &Call, done: Done, at_us: i64) -> Result<Answer> {
    let location = format!("DocumentReference/{}", done.id);
    let mut answer = if done.new {
        let mut body = done.reference;
        resource::stamp(&mut body, at_us)?;
        Answer::resource(body).versioned(1, at_us).created(location)
    } else {
        let found = app.store.read(&call.visibility.feeding(), |r| r.found("DocumentReference", &done.id, None))?.ok_or_else(super::read::not_here)?;
        call.in_record(found.row.record);
        call.touched(location.clone());
        let mut answer = Answer::resource(found.body).versioned(found.row.number, found.row.at_us).created(location);
        answer.status = 200;
        answer
    };
    match call.prefer.returns.as_deref() {
        Some("OperationOutcome") => answer.body = super::Body::Resource(outcome(&informed(&done.warnings))),
        Some("minimal") => answer.body = super::Body::Empty,
        _ => {}
    }
    answer.warnings = done.warnings;
    Ok(answer)
}

/// An outcome needs at least one issue.
fn informed(warnings: &[Issue]) -> Vec<Issue> {
    if warnings.is_empty() {
        let mut one = Issue::warning(IssueType::Informational, "", "the document is stored and was read without remark");
        one.severity = crate::fhir::Severity::Information;
        return vec![one];
    }
    warnings.to_vec()
}

/// What a caller may say beside the document.
const PARAMETERS: &[&str] = &["security-label", "event", "related", "replaces"];

/// What the header cannot say.
fn parameters(call: &Call, entry: &mut DocumentEntry) -> Result<()> {
    for (name, value) in &call.query {
        match name.as_str() {
            "security-label" => label(entry, value)?,
            "event" => entry.events.push(coded(value)),
            "related" => entry.related.push(RelatedIdentifier { kind: None, identifier: identified(value, "related")? }),
            "replaces" => entry.relates_to.push(Replacement { code: "replaces".into(), target: identified(value, "replaces")? }),
            "_format" | "_pretty" => {}
            // Even under lenient handling: a misspelt label must not publish what was to be masked.
            _ => return Err(Fault::new(FaultKind::UnknownParameter, 441, "$deposit takes security-label, event, related and replaces")),
        }
    }
    Ok(())
}

fn label(entry: &mut DocumentEntry, code: &str) -> Result<()> {
    let bit = labels::bit(code).ok_or_else(|| {
        Fault::new(FaultKind::BadValue, 442, "security-label is one of N, R, V, MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX").at("security-label")
    })?;
    if bit & labels::VISIBILITY == 0 {
        entry.confidentiality.retain(|c| labels::bit(&c.code).is_some_and(|b| b & labels::VISIBILITY != 0));
    }
    if !entry.confidentiality.iter().any(|c| c.code == code) {
        entry.confidentiality.push(xds::confidentiality_coding(code));
    }
    Ok(())
}

fn coded(text: &str) -> Coding {
    let (system, code) = text.split_once('|').map_or((None, text), |(s, c)| (Some(s.to_owned()), c));
    Coding { system, code: code.to_owned(), display: None }
}

/// `system|value`; a bare OID, UUID or URN means `urn:ietf:rfc:3986`.
fn identified(text: &str, name: &str) -> Result<Identifier> {
    let wrong = || Fault::new(FaultKind::BadValue, 445, "the identifier is system|value, an OID, a UUID or a URN").at(name);
    if let Some((system, value)) = text.split_once('|') {
        return if value.is_empty() { Err(wrong()) } else { Ok(Identifier { system: Some(system.to_owned()), value: value.to_owned() }) };
    }
    let oid = text.contains('.') && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()));
    let value = if text.starts_with("urn:") {
        text.to_owned()
    } else if oid {
        format!("urn:oid:{text}")
    } else if uuid::Uuid::try_parse(text).is_ok() {
        format!("urn:uuid:{}", text.to_lowercase())
    } else {
        return Err(wrong());
    };
    Ok(Identifier { system: Some("urn:ietf:rfc:3986".into()), value })
}

fn plan(app: &App, call: &Call, bare: &Bare<'_>) -> Result<Planned<Done>> {
    let entry = &bare.entry;
    let sha256: [u8; 32] = Sha256::digest(bare.content).into();
    let mut remarks = bare.warnings.clone();
    let targets: Vec<Identifier> = entry.relates_to.iter().filter(|r| r.code == "replaces").map(|r| r.target.clone()).collect();
    let resolved = app.store.read(&call.visibility.feeding(), |reader| {
        if let Known::Same { id } = document::known(reader, &entry.unique_id, &sha256)? {
            return Ok(Err(id));
        }
        let chosen = document::choose(app, call, reader, entry)?;
        feeding::open_record(call, reader, chosen.record)?;
        let replaced = succession::replaced(call, reader, &targets, &mut remarks)?;
        let successor = succession::successor(call, reader, chosen.record, &entry.unique_id, &mut remarks)?;
        let sight = reader.sight(&[chosen.record])?;
        Ok(Ok((chosen, replaced, successor, sight)))
    })?;
    let (mut chosen, replaced, successor, sight) = match resolved {
        Ok(found) => found,
        Err(id) => return Ok(Planned { plan: None, record: 0, value: Done { id, reference: Vec::new(), new: false, warnings: remarks } }),
    };
    same_record(&replaced, &chosen)?;
    let slots = Slots::new(app);
    let stated = match &bare.reading {
        Reading::Cda(document) => statements::of_cda(document, &slots, &chosen),
        Reading::Fhir(bundle) => statements::of_bundle(bundle, &chosen),
    };
    statements::accept(app, &stated)?;
    remarks.extend(stated.warnings.iter().cloned());
    remarks.extend(document::from_the_future(call, entry));
    let reference = document::labelled(reference(app, call, &slots, &chosen, bare, &replaced)?, succession::inherited(&replaced))?;
    let reference = succession::behind(reference, successor.as_ref())?;
    let body = match &bare.reading {
        Reading::Cda(document) => contents::Body::Cda(document),
        Reading::Fhir(bundle) => contents::Body::Fhir(bundle),
    };
    let contents = contents::of(&entry.mime, bare.content, &body, |files| layers::of(app, call, &sha256, files))?;
    remarks.extend(contents.warnings());
    let reference = document::described(reference, &document::title(call, entry, &stated, &contents), &stated, &contents)?;
    let mut plan = Plan { operations: std::mem::take(&mut chosen.operations), preconditions: std::mem::take(&mut chosen.preconditions), ..Plan::default() };
    let ready = Ready {
        slots: &slots,
        chosen: &chosen,
        entry,
        content: bare.content.clone(),
        reference: reference.clone(),
        statements: stated,
        contents,
        replaced: &replaced,
        successor: successor.as_ref(),
        adopted: false,
        sight,
    };
    document::add(app, call, &mut plan, ready)?;
    submission_set(app, call, &mut plan, &[&slots], &chosen, entry)?;
    let value = Done { id: slots.id, reference, new: true, warnings: remarks };
    Ok(Planned { plan: Some(plan), record: chosen.record, value })
}

/// A document replaces only one of the same patient.
pub(super) fn same_record(replaced: &[Replaced], chosen: &Chosen) -> Result<()> {
    if replaced.iter().any(|r| r.row.record != chosen.record) {
        return Err(Fault::new(FaultKind::RuleBroken, 443, "the document to be replaced belongs to another patient").at("DocumentReference.relatesTo"));
    }
    Ok(())
}

/// The DocumentReference that the server makes from a DocumentEntry.
fn reference(app: &App, call: &Call, slots: &Slots, chosen: &Chosen, bare: &Bare<'_>, replaced: &[Replaced]) -> Result<Vec<u8>> {
    let entry = &bare.entry;
    let targets: Vec<(Identifier, Option<String>)> = entry
        .relates_to
        .iter()
        .map(|r| {
            let known = replaced.iter().find(|old| old.row.unique_value == r.target.value && old.row.unique_system == r.target.system.as_deref().unwrap_or(""));
            (r.target.clone(), known.map(|old| format!("DocumentReference/{}", old.id)))
        })
        .collect();
    let url = format!("{}/Binary/{}", app.base_url, slots.binary_id);
    let value = xds::document_reference(
        entry,
        &xds::ReferenceContext {
            subject: &chosen.reference(),
            url: &url,
            size: bare.content.len(),
            sha1_base64: &document::sha1_base64(bare.content),
            entry_uuid: &format!("urn:uuid:{}", app.new_id()),
            now: &time::instant(call.now_us),
            targets: &targets,
        },
    );
    to_bytes(&resource::stamped(value, &slots.id, 1))
}

/// The SubmissionSet that the server makes for a deposit without one.
pub(super) fn submission_set(app: &App, call: &Call, plan: &mut Plan, documents: &[&Slots], chosen: &Chosen, entry: &DocumentEntry) -> Result<()> {
    let id = app.new_id();
    let items: Vec<String> = documents.iter().map(|s| s.reference()).collect();
    let value = xds::submission_set(
        entry,
        &xds::SubmissionContext {
            subject: &chosen.reference(),
            items: &items,
            unique_id: &format!("urn:oid:2.25.{}", uuid::Uuid::new_v4().as_u128()),
            entry_uuid: &format!("urn:uuid:{}", app.new_id()),
            source_id: &format!("urn:oid:2.25.{}", app.store.settings().instance.as_u128()),
            now: &time::instant(call.now_us),
            structure: call.visibility.structure(),
            organization: &call.caller.organization,
        },
    );
    // The set of one document is seen by whoever may see that document.
    let document = if let [only] = documents { only.number } else { 0 };
    let slot = resource::Slot { kind: "List", id: &id, record: chosen.record, rid: app.store.counters().next_resource(), number: 1, document };
    plan.operations.push(Operation::Put(Box::new(resource::put(slot, to_bytes(&resource::stamped(value, &id, 1))?)?)));
    call.touched(format!("List/{id}"));
    Ok(())
}
