//! ITI-68: the bytes of a document, or its Binary resource.
//! Spec: IHE ITI TF-2 3.68; FHIR R4 binary#rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Answer, App, Body, Call, read, render, statements};
use crate::cda::{self, Attachment};
use crate::fhir::{Fault, FaultKind, Result};

/// GET Binary/[id]
pub(super) fn binary(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is_transaction("ITI-68");
    let found = app.store.read(&call.visibility, |reader| {
        let place = reader.place("Binary", id)?.ok_or_else(read::not_here)?;
        let row = reader.document(place.document)?.filter(|_| place.document != 0).ok_or_else(read::not_here)?;
        call.in_record(row.record);
        call.used([row.number]);
        if let Some(reference) = reader.reference_of(&row)? {
            call.touched(format!("DocumentReference/{reference}"));
        }
        let bytes = reader.blob(&row)?;
        Ok((row, bytes))
    })?;
    let (mut row, mut bytes) = found;
    if id.starts_with(App::DERIVED) {
        let file = file_of(app, row.number, id, &bytes)?;
        let declared = |mime: String| if mime.contains('/') && mime.bytes().all(|b| b.is_ascii_graphic()) { mime } else { "application/octet-stream".to_owned() };
        row.mime = render::recognised(&file.bytes).map_or_else(|| declared(file.mime), str::to_owned);
        bytes = file.bytes;
    }
    let wants_resource =
        call.parameter("_format").is_some_and(|f| f.contains("fhir") || f == "json" || f == "xml") || call.accept.first().is_some_and(|m| m.starts_with("application/fhir+"));
    if wants_resource && !row.mime.starts_with("application/fhir+") {
        let json = format!(
            "{{\"resourceType\":\"Binary\",\"id\":\"{id}\",\"meta\":{{\"versionId\":\"1\"}},\"contentType\":{},\"data\":\"{}\"}}",
            serde_json::Value::String(row.mime),
            STANDARD.encode(&bytes)
        );
        return Ok(Answer::resource(json.into_bytes()));
    }
    let acceptable = call.accept.is_empty()
        || call.accept.iter().any(|m| m == "*/*" || *m == row.mime || (m.ends_with("/*") && row.mime.starts_with(m.trim_end_matches('*'))) || is_xml(m) && is_xml(&row.mime));
    if !acceptable && !wants_resource {
        return Err(Fault::new(
            FaultKind::NotAcceptable,
            350,
            "the document has another type than the Accept header allows; ask for its contentType, or application/fhir+json for the Binary",
        ));
    }
    Ok(Answer { status: 200, body: Body::Raw { mime: row.mime, bytes }, location: None, version: Some(1), modified_us: None, warnings: Vec::new() })
}

/// The file of a document that has this id.
fn file_of(app: &App, document: i64, id: &str, bytes: &[u8]) -> Result<Attachment> {
    let tree = cda::read(bytes)?;
    for number in 0..cda::MAX_FILES {
        if statements::file_id(app, document, number)? == id {
            return cda::attachment(&tree, bytes, number)
                .ok_or_else(|| Fault::new(FaultKind::RuleBroken, 351, "the file inside the document is not base64; the document itself can be fetched as it was deposited"));
        }
    }
    Err(read::not_here())
}

fn is_xml(mime: &str) -> bool {
    mime == "text/xml" || mime == "application/xml"
}
