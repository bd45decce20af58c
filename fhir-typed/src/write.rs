//! From a typed resource to bytes, whatever happens.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fhirbolt::serde::SerializeResource;

/// JSON of a resource; `fallback` when the serialiser refuses or panics, which no value we build makes it do.
pub(crate) fn bytes_or<T: SerializeResource>(resource: &T, fallback: &'static str) -> Vec<u8> {
    let written = catch_unwind(AssertUnwindSafe(|| fhirbolt::json::to_vec(resource, None)));
    match written {
        Ok(Ok(bytes)) => bytes,
        _ => fallback.as_bytes().to_vec(),
    }
}
