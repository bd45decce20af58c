//! `$key-info-seen`: the cursor of a practitioner moves only when what was answered was shown.

use super::super::planning::Planned;
use super::super::{Answer, App, Call, read};
use super::{bad, person};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::store::{Operation, Plan};

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
            let later = reader.last_visit(record, &person)?.is_some_and(|known| known >= at_us);
            let operations = if later { Vec::new() } else { vec![Operation::Visit { record, person: person.clone(), at_us }] };
            Ok(Planned { plan: (!operations.is_empty()).then(|| Plan { operations, ..Plan::default() }), record, value: () })
        })
    })?;
    Ok(Answer::empty(204))
}
