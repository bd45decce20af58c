//! How much there is, without what it is.

use serde_json::Value;

use super::super::{App, Call};
use super::wanted::Wanted;
use super::{asked, held};
use crate::fhir::Result;
use crate::keyinfo;

/// What `$key-info` would show, counted.
#[derive(Debug, Default)]
pub struct Counts {
    pub alerts: u64,
    pub conflicts: u64,
    /// Lines and documents that came from others since the last visit.
    pub new_lines: u64,
    pub new_documents: u64,
    /// Documents that this reader may see.
    pub documents: u64,
    /// This reader was here before.
    pub visited: bool,
}

/// The counts of what `$key-info` would show this caller; nothing is marked as seen.
///
/// # Errors
/// Those of `$key-info`.
pub(in super::super) fn counts(app: &App, call: &Call, id: &str) -> Result<Counts> {
    let wanted = Wanted::of_the_reader(app, call)?;
    let held = held(app, call, &wanted, |_| Ok(Some(id.to_owned())))?;
    let _turn = app.turns.wait();
    let counted = asked(app, call, &wanted, &held, keyinfo::view);
    let of = |name: &str| counted.get(name).and_then(Value::as_u64).unwrap_or(0);
    let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let new_documents = size(held.gathered.documents().filter(|(number, source)| held.is_new(*number, source)).count());
    Ok(Counts {
        alerts: of("alerts"),
        conflicts: of("conflicts"),
        new_lines: of("new"),
        new_documents,
        documents: size(held.gathered.documents().count()),
        visited: held.since.moment().is_some(),
    })
}
