//! Answers and faults → HTTP.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::accept::Format;
use crate::fhir::{Fault, time};
use crate::interaction::{Answer, Body};

/// An answer in the format the caller asked for.
///
/// # Errors
/// `Bug` when a stored resource cannot be written as XML.
pub fn answer(answer: Answer, format: Format, base_url: &str) -> Result<HttpResponse, Fault> {
    let mut out = builder(answer.status);
    if let Some(location) = &answer.location {
        out.insert_header((header::LOCATION, format!("{base_url}/{location}")));
    }
    if let Some(version) = answer.version {
        out.insert_header((header::ETAG, format!("W/\"{version}\"")));
    }
    if let Some(at_us) = answer.modified_us {
        out.insert_header((header::LAST_MODIFIED, http_date(at_us)));
    }
    for warning in answer.warnings.iter().take(20) {
        let text: String = warning.diagnostics.chars().filter(|c| *c != '"' && *c != '\\' && (' '..='~').contains(c)).take(300).collect();
        out.append_header((header::WARNING, format!("199 passerelle \"{text}\"")));
    }
    Ok(match answer.body {
        Body::Empty => out.finish(),
        Body::Resource(json) => match format {
            Format::Json => out.content_type(format.mime()).body(json),
            Format::Xml => out.content_type(format.mime()).body(crate::fhir::xml_codec::to_xml(&json)?),
        },
        Body::Raw { mime, bytes } => {
            out.insert_header((header::CONTENT_DISPOSITION, "attachment"));
            out.content_type(mime).body(bytes)
        }
        Body::Shown { mime, bytes, policy } => {
            out.insert_header((header::CONTENT_SECURITY_POLICY, policy)).insert_header((header::REFERRER_POLICY, "no-referrer"));
            out.content_type(mime).body(bytes)
        }
    })
}

/// A fault as OperationOutcome.
pub fn fault(fault: &Fault, format: Format) -> HttpResponse {
    let row = fault.kind.row();
    if row.status >= 500 {
        tracing::error!(fault.number = fault.number, fault.kind = ?fault.kind, cause = fault.cause.as_deref().unwrap_or(""), "a request failed");
    } else {
        tracing::debug!(fault.number = fault.number, fault.kind = ?fault.kind, "a request was refused");
    }
    let json = crate::interaction::outcome_of(fault);
    let mut out = builder(row.status);
    if row.retry_after_s > 0 {
        out.insert_header((header::RETRY_AFTER, row.retry_after_s.to_string()));
    }
    if let Some(challenge) = super::bearer::challenge(fault) {
        out.insert_header((header::WWW_AUTHENTICATE, challenge));
    }
    match (format, crate::fhir::xml_codec::to_xml(&json)) {
        (Format::Xml, Ok(xml)) => out.content_type(Format::Xml.mime()).body(xml),
        _ => out.content_type(Format::Json.mime()).body(json),
    }
}

/// Headers of every answer.
pub fn builder(status: u16) -> HttpResponseBuilder {
    let mut out = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    out.insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    out
}

fn http_date(at_us: i64) -> String {
    let text = time::instant(at_us);
    chrono::DateTime::parse_from_rfc3339(&text).map(|d| d.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).unwrap_or_default()
}
