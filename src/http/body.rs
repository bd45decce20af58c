//! Receiving a body: its length is taken from a global budget before it is read (chunk by chunk when it is not known), and it
//! has a deadline.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web;
use actix_web::{HttpRequest, web::Payload};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::fhir::{Fault, FaultKind, Result};

/// MIME type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
/// Bytes of one unit of the budget: semaphores count in 32 bits.
const UNIT: usize = 4096;
/// What is taken at once for a body of unknown length.
const FIRST: usize = 1 << 20;

/// The global budget of bodies that are received or worked.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(units).map_err(|_| Fault::new(FaultKind::Busy, 302, "too many bodies are being received; try again"))
    }
}

/// A body and its share of the budget, given back when dropped.
pub struct Received {
    pub bytes: Vec<u8>,
    pub share: Option<OwnedSemaphorePermit>,
}

/// Reads the body of a request, at most `limit` bytes.
///
/// # Errors
/// `UnsupportedFormat` for an encoded body, `TooLarge` from Content-Length before reading, `Busy` when the budget is spent,
/// `Timeout` past the deadline, `Malformed` for a body on GET or DELETE.
pub async fn receive(req: &HttpRequest, payload: Payload, limits: &Limits, limit: usize, budget: &Budget) -> Result<Received> {
    let encoding = req.headers().get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        return Err(Fault::new(FaultKind::UnsupportedFormat, 300, "compressed bodies are not accepted; send the body without Content-Encoding"));
    }
    let length = declared(req)?;
    let chunked = req.headers().contains_key(header::TRANSFER_ENCODING);
    let carries = length.unwrap_or(0) > 0 || chunked;
    if matches!(req.method().as_str(), "GET" | "HEAD" | "DELETE") && carries {
        return Err(Fault::new(FaultKind::Malformed, 301, "this method takes no body"));
    }
    if length.is_some_and(|n| n > limit) {
        return Err(too_large(limit));
    }
    if !carries {
        return Ok(Received { bytes: Vec::new(), share: None });
    }
    let mut share = budget.take(length.unwrap_or(FIRST.min(limit)))?;
    let seconds = limits.body_seconds + u64::try_from(length.unwrap_or(limit) / 16_384).unwrap_or(0).min(600);
    let bytes = tokio::time::timeout(Duration::from_secs(seconds), collect(payload, length.unwrap_or(0), limit, budget, &mut share))
        .await
        .map_err(|_| Fault::new(FaultKind::Timeout, 303, "the body did not arrive in time"))??;
    Ok(Received { bytes, share: Some(share) })
}

fn declared(req: &HttpRequest) -> Result<Option<usize>> {
    match req.headers().get(header::CONTENT_LENGTH) {
        None => Ok(None),
        Some(value) => value.to_str().ok().and_then(|t| t.parse().ok()).map(Some).ok_or_else(|| Fault::new(FaultKind::Malformed, 304, "Content-Length is not a number")),
    }
}

async fn collect(mut payload: web::Payload, expected: usize, limit: usize, budget: &Budget, share: &mut OwnedSemaphorePermit) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(expected.min(limit));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|e| Fault::new(FaultKind::Malformed, 305, "the body broke off").because(e))?;
        if out.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        let missing = (out.len() + chunk.len()).saturating_sub(share.num_permits() * UNIT);
        if missing > 0 {
            share.merge(budget.take(missing.max(FIRST))?);
        }
        out.extend_from_slice(&chunk);
    }
    Ok(out)
}

fn too_large(limit: usize) -> Fault {
    Fault::new(FaultKind::TooLarge, 306, format!("the body is over the limit of {limit} bytes for this route"))
}
