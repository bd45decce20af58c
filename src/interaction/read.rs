//! read and vread.
//! Spec: FHIR R4 http#read, http#vread.

use super::registry::ResourceRow;
use super::{Answer, App, Call, existence, facts, retrieve};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Found, Place, Reader};

/// GET [type]/[id]
pub(super) fn read(app: &App, call: &Call, row: &ResourceRow, id: &str) -> Result<Answer> {
    call.is("read", Action::R);
    call.touched(format!("{}/{id}", row.kind));
    if row.kind == "Binary" {
        return retrieve::binary(app, call, id);
    }
    if row.kind == "AuditEvent" {
        return super::audit_event::read(app, call, id);
    }
    if row.embedded {
        return super::embedded::one(&row.kind, id);
    }
    let found = app.store.read(&call.visibility, |r| one(r, &row.kind, id, None))?;
    answer(call, found)
}

/// GET [type]/[id]/_history/[version]
pub(super) fn vread(app: &App, call: &Call, row: &ResourceRow, id: &str, version: &str) -> Result<Answer> {
    call.is("vread", Action::R);
    call.touched(format!("{}/{id}", row.kind));
    let number: i64 = version.parse().map_err(|_| not_here())?;
    let found = app.store.read(&call.visibility, |r| one(r, &row.kind, id, Some(number)))?;
    answer(call, found)
}

/// A resource as this caller may see it, from its own versions or from the facts of a document.
pub(super) fn one(reader: &mut Reader<'_>, kind: &str, id: &str, version: Option<i64>) -> Result<One> {
    if id.starts_with(App::DERIVED) {
        return match facts::located(reader, kind, id)? {
            Some((place, bytes)) if version.unwrap_or(1) == 1 => Ok(One::Fact(place, bytes)),
            _ => Err(not_here()),
        };
    }
    let found = reader.found(kind, id, version)?.ok_or_else(not_here)?;
    let found = existence::shown(reader, found)?;
    Ok(One::Stored(Box::new(found)))
}

/// What [`one`] found.
pub(super) enum One {
    Stored(Box<Found>),
    /// The place of the document and the bytes of a derived resource; it has one version.
    Fact(Place, Vec<u8>),
}

impl One {
    /// Whose it is; 0 = nobody's.
    pub(super) fn record(&self) -> i64 {
        match self {
            Self::Stored(found) => found.row.record,
            Self::Fact(place, _) => place.record,
        }
    }
}

fn answer(call: &Call, found: One) -> Result<Answer> {
    call.in_record(found.record());
    match found {
        One::Fact(place, bytes) => {
            call.used([place.document]);
            Ok(Answer::resource(bytes))
        }
        One::Stored(found) if found.row.deleted => Err(gone()),
        One::Stored(found) => {
            if call.if_none_match.as_deref() == Some(&format!("W/\"{}\"", found.row.number)) && found.row.document == 0 {
                return Ok(Answer::empty(304).versioned(found.row.number, found.row.at_us));
            }
            Ok(Answer::resource(found.body).versioned(found.row.number, found.row.at_us))
        }
    }
}

/// Unknown and hidden are one.
pub(super) fn not_here() -> Fault {
    Fault::new(FaultKind::NotFound, 231, "no such resource")
}

/// It was here once, and this caller could have seen it.
pub(super) fn gone() -> Fault {
    Fault::new(FaultKind::Gone, 230, "the resource was deleted")
}
