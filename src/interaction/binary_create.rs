//! POST Binary, as a resource or in its own type: the bytes of a document whose DocumentReference follows. Until then only the
//! depositor sees them.
//! Spec: FHIR R4 binary; IHE MHD 4.2 (ITI-65 and ITI-105 send both at once).

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::planning::Planned;
use super::{Answer, App, Call, resource};
use crate::access::labels;
use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::store::{NewDocument, Operation, Plan};
use crate::xds;

/// POST Binary
pub(super) fn create(app: &App, call: &Call) -> Result<Answer> {
    let id = app.new_id();
    let (_, written) = app.plan_and_commit(call, || {
        let (mime, bytes) = sent(call)?;
        call.touched(format!("Binary/{id}"));
        let operations = vec![staged(app, call, &id, mime, bytes)];
        Ok(Planned { plan: Some(Plan { operations, ..Plan::default() }), record: 0, value: () })
    })?;
    let at_us = written.map_or(call.now_us, |w| w.at_us);
    Ok(Answer::empty(201).versioned(1, at_us).created(format!("Binary/{id}/_history/1")))
}

/// Type and bytes of what was sent, as a resource or in its own type.
fn sent(call: &Call) -> Result<(String, Bytes)> {
    if call.content_type.contains("fhir") || call.content_type.is_empty() {
        return content(&resource::Sent::read(&call.body, "Binary")?.value);
    }
    Ok((call.content_type.clone(), call.body.clone()))
}

/// Type and bytes of a Binary.
///
/// # Errors
/// `MissingElement` without contentType, `BadValue` for broken base64.
pub(super) fn content(binary: &Value) -> Result<(String, Bytes)> {
    let text = |name: &str| binary.get(name).and_then(Value::as_str);
    let mime = text("contentType").ok_or_else(|| Fault::new(FaultKind::MissingElement, 483, "a Binary needs contentType").at("Binary.contentType"))?;
    Ok((mime.to_owned(), xds::binary_content(binary).map_err(|e| e.at("Binary.data"))?.into()))
}

/// The write of a Binary that waits for its DocumentReference: in the shared record, masked for everybody but the depositor.
pub(super) fn staged(app: &App, call: &Call, id: &str, mime: String, bytes: Bytes) -> Operation {
    let number = app.store.counters().next_document();
    Operation::NewDocument(Box::new(NewDocument {
        number,
        record: 0,
        rid: 0,
        chain: number,
        unique: Identifier { system: Some("urn:ietf:rfc:3986".into()), value: format!("urn:uuid:{id}") },
        sha256: Sha256::digest(&bytes).into(),
        mime,
        labels: labels::N | labels::MASQUE_PS,
        archived: false,
        superseded: false,
        visible_from_us: 0,
        type_code: String::new(),
        class_code: String::new(),
        behind: call.visibility.depositors(false),
        binary_id: id.to_owned(),
        content: bytes,
    }))
}
