//! A DocumentReference that a client wrote, with its document: the road that ITI-65, ITI-105 and plain creates share.
//! Spec: IHE MHD 4.2 ITI-65, ITI-105; PDSm 3.1.1 pdsm-comprehensive-document-reference.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::contents::{self, Body, Contents};
use super::document::{self, Known, Ready, Slots};
use super::patient::Chosen;
use super::statements::{self, Statements};
use super::{App, Call, feeding, layers, resource, succession};
use crate::config::Validation;
use crate::fhir::gate::Node;
use crate::fhir::splice::{self, Edit};
use crate::fhir::{DocumentEntry, Fault, FaultKind, Identifier, Issue, IssueType, Result, gate, time};
use crate::store::{Operation, Plan, Precondition, Reader};
use crate::{cda, xds};

/// The bytes of a document on their way in.
pub(super) struct Payload {
    pub bytes: Bytes,
    /// Type that came with the bytes, when it did.
    pub mime: Option<String>,
    /// Number of the staged Binary they come from, and its id.
    pub staged: Option<(i64, String)>,
}

/// A DocumentReference whose references are final, and what belongs to it.
pub(super) struct Incoming {
    pub sent: resource::Sent,
    pub slots: Slots,
    pub record: i64,
    /// `Patient/id`
    pub patient: String,
    pub payload: Payload,
    /// What [`check`] found worth a look.
    pub warnings: Vec<Issue>,
}

/// What became of it.
pub(super) struct Added {
    pub id: String,
    pub binary_id: String,
    /// The same document was here already, visible to this caller.
    pub known: bool,
    pub warnings: Vec<Issue>,
    /// The DocumentReference as stored; empty when it was known.
    pub bytes: Vec<u8>,
}

/// The bytes an attachment holds itself.
///
/// # Errors
/// `BadValue` for broken base64.
pub(super) fn inline(reference: &Value) -> Result<Option<Payload>> {
    let Some(attachment) = reference.pointer("/content/0/attachment").filter(|a| a.get("data").is_some()) else { return Ok(None) };
    let bytes = xds::binary_content(attachment).map_err(|e| e.at("DocumentReference.content[0].attachment.data"))?.into();
    let mime = attachment.get("contentType").and_then(Value::as_str).map(str::to_owned);
    Ok(Some(Payload { bytes, mime, staged: None }))
}

/// A DocumentReference whose data is decoded already: without it, so that a large document is not carried along twice.
///
/// # Errors
/// `Malformed` never, as the bytes passed the gate.
pub(super) fn without_data(sent: resource::Sent) -> Result<resource::Sent> {
    let node = gate::parse(&sent.bytes)?;
    let attachment = node.get("content").and_then(|c| c.items().first()).and_then(|c| c.get("attachment"));
    let Some(attachment) = attachment.filter(|a| a.get("url").is_none()) else { return Ok(sent) };
    let Some(data) = attachment.members().iter().find(|m| m.key == "data") else { return Ok(sent) };
    let edit = Edit { start: data.key_start, end: data.value.end, text: "\"url\":\"urn:passerelle:data\"".into() };
    let bytes = splice::apply(&sent.bytes, vec![edit]);
    let value = serde_json::from_slice(&bytes).map_err(|e| Fault::new(FaultKind::Bug, 488, "an edit broke a resource").because(e))?;
    Ok(resource::Sent { bytes, value })
}

/// The bytes an attachment holds itself, or those of a Binary sent before.
///
/// # Errors
/// `MissingElement` when it has neither, `BadValue` for broken base64, `RuleBroken` for a Binary that is not this caller's to use.
pub(super) fn payload(app: &App, reader: &mut Reader<'_>, reference: &Value) -> Result<Payload> {
    if let Some(payload) = inline(reference)? {
        return Ok(payload);
    }
    let attachment = reference.pointer("/content/0/attachment");
    let text = |name: &str| attachment.and_then(|a| a.get(name)).and_then(Value::as_str);
    let at = "DocumentReference.content[0].attachment.url";
    let url = text("url").ok_or_else(|| {
        Fault::new(FaultKind::MissingElement, 476, "a document comes with its bytes: attachment.data (ITI-105), a Binary in the same transaction (ITI-65), or a Binary sent before")
            .at(at)
    })?;
    let local = app.local(url);
    let missing = || Fault::new(FaultKind::RuleBroken, 477, "the attachment names no part of this Bundle and no Binary waiting for its DocumentReference").at(at);
    let id = local.strip_prefix("Binary/").ok_or_else(missing)?;
    let place = reader.place("Binary", id)?.filter(|p| p.record == 0 && p.document != 0).ok_or_else(missing)?;
    let row = reader.document(place.document)?.ok_or_else(missing)?;
    let bytes = reader.blob(&row)?.into();
    Ok(Payload { bytes, mime: Some(row.mime), staged: Some((row.number, id.to_owned())) })
}

/// A Patient that the metadata or the document itself carries, for a subject that is not known yet.
pub(super) fn patient_hint(reference: &Value, payload: &Payload) -> Option<Value> {
    let of_document = || {
        let mime = reference.pointer("/content/0/attachment/contentType").and_then(Value::as_str).or(payload.mime.as_deref())?;
        let document = is_xml(mime).then(|| cda::read(&payload.bytes).ok()).flatten()?;
        cda::header(&document).0.patient
    };
    of_document().or_else(|| source_patient(reference).cloned())
}

/// The Patient that the metadata contain (sourcePatientInfo).
fn source_patient(reference: &Value) -> Option<&Value> {
    let id = reference.pointer("/context/sourcePatientInfo/reference").and_then(Value::as_str)?.strip_prefix('#')?;
    let all = reference.get("contained")?.as_array()?;
    all.iter().find(|c| c.get("id").and_then(Value::as_str) == Some(id))
}

/// `type/subtype` of token characters, parameters allowed. Spec: RFC 6838 §4.2.
fn is_mime(text: &str) -> bool {
    let token = |t: &str| !t.is_empty() && t.len() <= 127 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let (essence, rest) = text.split_once(';').unwrap_or((text, ""));
    essence.trim().split_once('/').is_some_and(|(a, b)| token(a) && token(b)) && rest.len() <= 127 && rest.bytes().all(|b| (0x20..0x7f).contains(&b))
}

fn is_xml(mime: &str) -> bool {
    matches!(mime, "text/xml" | "application/xml" | "application/hl7-cda+xml" | "application/hl7-sda+xml")
}

/// Checks the metadata against the document and adds both to the plan.
///
/// # Errors
/// `RuleBroken` with located issues (hash, size, profile under strict validation, patient of the document), `WriteConflict` for a
/// uniqueId under which other bytes are stored.
pub(super) fn add(app: &App, call: &Call, reader: &mut Reader<'_>, plan: &mut Plan, superseded: &mut HashSet<i64>, incoming: Incoming) -> Result<Added> {
    let Incoming { sent, mut slots, record, patient, payload, mut warnings } = incoming;
    let entry = entry(&sent.value, &payload, &slots);
    let sha256: [u8; 32] = Sha256::digest(&payload.bytes).into();
    if let Known::Same { id } = document::known(reader, &entry.unique_id, &sha256)? {
        let binary_id = document::binary_of(app, reader, &id)?;
        return Ok(Added { id, binary_id, known: true, warnings, bytes: Vec::new() });
    }
    let chosen = Chosen { record, id: patient.trim_start_matches("Patient/").to_owned(), operations: Vec::new(), preconditions: Vec::new() };
    source_patient(&sent.value).map_or(Ok(()), |patient| feeding::identity(call, patient))?;
    feeding::open_record(call, reader, record)?;
    let (stated, contents) = stated(&Reading { app, call, entry: &entry, bytes: &payload.bytes, sha256: &sha256 }, reader, &slots, &chosen)?;
    statements::accept(app, &stated)?;
    warnings.extend(stated.warnings.iter().cloned().chain(contents.warnings()).chain(document::from_the_future(call, &entry)));
    let targets: Vec<Identifier> = entry.relates_to.iter().filter(|r| r.code == "replaces").map(|r| r.target.clone()).collect();
    let mut replaced = succession::replaced(call, reader, &targets, &mut warnings)?;
    replaced.extend(succession::replaced_by_reference(app, call, reader, &sent.value, &mut warnings)?);
    if app.config.documents.validation == Validation::Strict
        && let Some(dangling) = warnings.iter().find(|w| w.code == IssueType::NotFound)
    {
        return Err(Fault::with_issues(
            FaultKind::RuleBroken,
            478,
            vec![Issue::error(
                IssueType::NotFound,
                dangling.expression.clone().unwrap_or_default(),
                "the document to be replaced is not known here; nothing was stored: send that document first, or leave the relation out",
            )],
        ));
    }
    replaced.retain(|r| superseded.insert(r.row.number));
    let successor = succession::successor(call, reader, record, &entry.unique_id, &mut warnings)?;
    super::deposit::same_record(&replaced, &chosen)?;
    if let Some((number, id)) = &payload.staged {
        slots.binary_id = String::new();
        plan.preconditions.push(Precondition::Waiting { document: *number });
        plan.operations.push(Operation::AdoptBinary { id: id.clone(), from: *number, record, document: slots.number });
        slots.binary_id.clone_from(id);
    }
    let bytes = document::labelled(own_bytes(app, &sent, &slots, &payload)?, succession::inherited(&replaced))?;
    let bytes = succession::behind(bytes, successor.as_ref())?;
    let bytes = document::described(bytes, &document::title(call, &entry, &stated, &contents), &stated, &contents)?;
    let binary_id = slots.binary_id.clone();
    let adopted = payload.staged.is_some();
    let ready = Ready {
        slots: &slots,
        chosen: &chosen,
        entry: &entry,
        content: payload.bytes,
        reference: bytes.clone(),
        statements: stated,
        contents,
        replaced: &replaced,
        successor: successor.as_ref(),
        adopted,
        sight: reader.sight(&[chosen.record])?,
    };
    document::add(app, call, plan, ready)?;
    Ok(Added { id: slots.id, binary_id, known: false, warnings, bytes })
}

/// What the registry keeps of the metadata.
fn entry(reference: &Value, payload: &Payload, slots: &Slots) -> DocumentEntry {
    let mut entry = xds::entry_of_reference(reference);
    if entry.unique_id.value.is_empty() {
        entry.unique_id = Identifier { system: Some("urn:ietf:rfc:3986".into()), value: format!("urn:uuid:{}", slots.id) };
    }
    if entry.mime.is_empty() {
        entry.mime = payload.mime.clone().unwrap_or_else(|| "application/octet-stream".into());
    }
    entry
}

/// Hash, size and type against the bytes; then the profile. Comes before anything is looked up.
///
/// # Errors
/// `RuleBroken` with every located issue.
pub(super) fn check(app: &App, reference: &Value, payload: &Payload) -> Result<Vec<Issue>> {
    let attachment = reference.pointer("/content/0/attachment");
    let at = |name: &str| format!("DocumentReference.content[0].attachment.{name}");
    let mut issues = xds::check_content(reference, &payload.bytes, "DocumentReference");
    let strict = app.config.documents.validation == Validation::Strict;
    let profile = xds::check_reference(reference, "DocumentReference", strict);
    let (errors, mut warnings): (Vec<_>, Vec<_>) = profile.into_iter().partition(|i| i.severity == crate::fhir::Severity::Error);
    issues.extend(errors);
    if !issues.is_empty() {
        return Err(Fault::with_issues(FaultKind::RuleBroken, 479, issues));
    }
    if attachment.and_then(|a| a.get("contentType")).and_then(Value::as_str).is_some_and(|m| !is_mime(m)) {
        return Err(Fault::new(FaultKind::BadValue, 446, "contentType is not a media type (type/subtype)").at(at("contentType")));
    }
    let given = attachment.and_then(|a| a.get("contentType")).and_then(Value::as_str);
    if let (Some(given), Some(came)) = (given, &payload.mime)
        && given != came
        && !(is_xml(given) && is_xml(came))
    {
        warnings.push(Issue::warning(IssueType::Value, at("contentType"), "contentType differs from the Binary's; the DocumentReference's is kept"));
    }
    Ok(warnings)
}

/// A document about to be read.
struct Reading<'a> {
    app: &'a App,
    call: &'a Call,
    entry: &'a DocumentEntry,
    bytes: &'a [u8],
    sha256: &'a [u8; 32],
}

impl Reading<'_> {
    fn contents(&self, body: &Body<'_>) -> Result<Contents> {
        contents::of(&self.entry.mime, self.bytes, body, |files| layers::of(self.app, self.call, self.sha256, files))
    }
}

/// The facts and the words of a document that can be read: a CDA, or a FHIR document. Of others, the words of a PDF or a text.
fn stated(reading: &Reading<'_>, reader: &mut Reader<'_>, slots: &Slots, chosen: &Chosen) -> Result<(Statements, Contents)> {
    let Reading { entry, bytes, .. } = reading;
    // Bytes that are no XML at all are kept as they were declared, and flagged.
    if is_xml(&entry.mime) && xds::begins_as_declared(&entry.mime, bytes) {
        let document = match cda::read(bytes) {
            Ok(document) => document,
            Err(e) if e.kind == FaultKind::RuleBroken => {
                let warnings =
                    vec![Issue::warning(IssueType::Incomplete, "DocumentReference.content[0]", "the XML is not a CDA R2 document: it is kept as it is, no fact is read from it")];
                return Ok((Statements { warnings, ..Statements::default() }, reading.contents(&Body::Other)?));
            }
            Err(e) => return Err(e.at("DocumentReference.content[0].attachment")),
        };
        let (header, _) = cda::header(&document);
        document::same_patient(reader, header.patient.as_ref(), chosen)?;
        return Ok((statements::of_cda(&document, slots, chosen), reading.contents(&Body::Cda(&document))?));
    }
    if entry.mime == "application/fhir+json" {
        let bundle = resource::Sent::read(bytes, "Bundle")?;
        let header = xds::entry_of_document(&bundle.value, &entry.mime)?;
        header.patient.as_ref().map_or(Ok(()), |patient| feeding::identity(reading.call, patient))?;
        document::same_patient(reader, header.patient.as_ref(), chosen)?;
        return Ok((statements::of_bundle(&bundle.value, chosen), reading.contents(&Body::Fhir(&bundle.value))?));
    }
    Ok((Statements::default(), reading.contents(&Body::Other)?))
}

/// The client's bytes with what the server owns spliced in: id, version, where the document is, its size and hash.
fn own_bytes(app: &App, sent: &resource::Sent, slots: &Slots, payload: &Payload) -> Result<Vec<u8>> {
    let node = gate::parse(&sent.bytes)?;
    let mut edits = splice::identity(&sent.bytes, &node, &slots.id, 1, time::PLACEHOLDER);
    edits.extend(resource::local_references(app, &sent.bytes, &node));
    edits.extend(entry_uuid(app, &sent.value, &node));
    let content = node.get("content").map(Node::items).unwrap_or_default();
    if let Some(attachment) = content.first().and_then(|c| c.get("attachment")) {
        edits.extend(attachment_edits(app, attachment, slots, payload));
    }
    Ok(splice::apply(&sent.bytes, edits))
}

/// Gives the reference an entryUUID when the client gave none (ITI-105 leaves it to the recipient).
fn entry_uuid(app: &App, reference: &Value, node: &Node<'_>) -> Option<Edit> {
    let all = reference.get("identifier").and_then(Value::as_array).into_iter().flatten();
    if all.clone().any(|i| i.get("value").and_then(Value::as_str).is_some_and(|v| v.starts_with("urn:uuid:"))) {
        return None;
    }
    let made = serde_json::json!({
        "type": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "code": "entryUUID"}]},
        "use": "official", "system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", app.new_id())
    });
    Some(match node.get("identifier").and_then(|i| i.items().last()) {
        Some(last) => Edit { start: last.end, end: last.end, text: format!(",{made}") },
        None => Edit { start: node.end - 1, end: node.end - 1, text: format!(",\"identifier\":[{made}]") },
    })
}

fn attachment_edits(app: &App, attachment: &Node<'_>, slots: &Slots, payload: &Payload) -> Vec<Edit> {
    let own = [
        ("url", format!("\"{}/Binary/{}\"", app.base_url, slots.binary_id)),
        ("size", payload.bytes.len().to_string()),
        ("hash", format!("\"{}\"", document::sha1_base64(&payload.bytes))),
    ];
    let mut edits = Vec::new();
    let mut missing = Vec::new();
    for (name, text) in own {
        match attachment.get(name) {
            Some(old) => edits.push(Edit { start: old.start, end: old.end, text }),
            None => missing.push(format!("\"{name}\":{text}")),
        }
    }
    let added = missing.join(",");
    match attachment.members().iter().find(|m| m.key == "data") {
        Some(data) if !added.is_empty() => edits.push(Edit { start: data.key_start, end: data.value.end, text: added }),
        // url is never beside data, so that something is always missing then.
        _ if !added.is_empty() => edits.push(Edit { start: attachment.start + 1, end: attachment.start + 1, text: format!("{added},") }),
        _ => {}
    }
    edits
}
