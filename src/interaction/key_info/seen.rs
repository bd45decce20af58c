//! `$key-info-seen`: the cursor of a practitioner moves only when what was answered was shown.

use super::super::planning::Planned;
use super::super::{Answer, App, Call, read};
use super::{bad, person};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::store::{Given, Operation, Plan, Reader};

/// Documents of a record that a cursor may hold.
const MOST: i64 = 20_000;

/// POST Patient/[id]/$key-info-seen: the answer of that moment was shown.
pub(in super::super) fn seen(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("key-info-seen", Action::U);
    let person = person(call).ok_or_else(|| Fault::new(FaultKind::Forbidden, 681, "a visit is a practitioner's own: send a token of the person"))?;
    let at = call.parameter("at").ok_or_else(|| Fault::new(FaultKind::MissingElement, 682, "at is the member generated of the answer that was shown").at("at"))?;
    let at_us = time::range(at).map(|r| r.0).filter(|us| *us <= call.now_us);
    let at_us = at_us.ok_or_else(|| bad("at", 683, "at is an instant that is not in the future: the member generated of the answer that was shown"))?;
    app.plan_and_commit(call, || {
        app.store.read(&call.visibility, |reader| {
            let record = reader.version("Patient", id, None)?.filter(|p| !p.deleted).ok_or_else(read::not_here)?.record;
            reader.open_to_caller(record)?;
            call.about(id);
            let before = reader.given(record, &person)?;
            // A confirmation that comes late does not bring back what was shown since.
            let plan = if before.as_ref().is_some_and(|known| known.at_us >= at_us) {
                None
            } else {
                let given = shown(reader, record, before.unwrap_or_default(), at_us)?;
                Some(Plan { operations: vec![Operation::Given { record, person: person.clone(), given }], ..Plan::default() })
            };
            Ok(Planned { plan, record, value: () })
        })
    })?;
    Ok(Answer::empty(204))
}

/// What was given before, and the documents that the answer of that moment showed: those in force which this reader may see and which
/// nobody changed since. One that was changed may have been hidden then: it is told as new once more.
fn shown(reader: &mut Reader<'_>, record: i64, before: Given, at_us: i64) -> Result<Given> {
    let now = reader.standing(record, MOST)?;
    let mut given = Given { commit: reader.commit_at(at_us)?.max(before.commit), at_us, ..before };
    for one in now.into_iter().filter(|one| one.row.at_us <= at_us && !one.stated.superseded && !one.stated.archived) {
        given.documents.insert(one.id, one.stated);
    }
    Ok(given)
}
