//! Whose record a refused request was about, by what it names itself: its address, its parameters, the form of a search. An attempt is
//! an access too: the holder reads who tried, in which mode, and by which rule it was refused.
//!
//! The caller learns nothing by it: who is refused reads no trail of that record, and what is hidden from a holder goes from the events
//! that he reads (`audit_event::disclosure`). Under the policy `open`, where everybody reads the trail, nobody is named here.
//! Spec: CSP L.1111-19, R.1111-43.

use std::collections::BTreeSet;

use super::address::is_id;
use super::dispatch::MAX_FORM;
use super::search::spelt;
use super::{App, Call, Method, form_pairs};
use crate::fhir::{Identifier, Result};
use crate::store::Reader;

/// Names of one request that are looked up; more alternatives than these are no refusal of one record.
const MAX_NAMES: usize = 100;

/// Notes in the event the records that a refused request named, whoever may see them.
///
/// # Errors
/// `Bug` or `Busy` from the database: a refusal that cannot be traced is not answered.
pub(super) fn name(app: &App, call: &Call) -> Result<()> {
    if call.visibility.rules().is_none() {
        return Ok(());
    }
    let named = Named::of(app, call);
    if named.places.is_empty() && named.patients.is_empty() {
        return Ok(());
    }
    let records = app.store.read(&call.visibility, |reader| named.records(reader))?;
    records.into_iter().for_each(|record| call.in_record(record));
    Ok(())
}

/// What a request names.
#[derive(Default)]
struct Named {
    /// Type and id.
    places: Vec<(String, String)>,
    /// Identifiers of patients.
    patients: Vec<Identifier>,
}

impl Named {
    fn of(app: &App, call: &Call) -> Self {
        let mut out = Self::default();
        out.places.extend(call.addressed().map(|(kind, id)| (kind.to_owned(), id.to_owned())));
        let kind = call.path.first().map_or("", String::as_str);
        let form = form(call);
        let pairs = call.asked().chain(form.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        pairs.for_each(|(name, value)| value.split(',').for_each(|one| out.parameter(app, kind, name, one)));
        out.places.truncate(MAX_NAMES);
        out.patients.truncate(MAX_NAMES);
        out
    }

    /// A value of a parameter of a search or an operation on a type: a patient by id or identifier, or any reference.
    fn parameter(&mut self, app: &App, kind: &str, name: &str, value: &str) {
        let code = spelt(name).map(|name| name.code).unwrap_or_default();
        let text = app.local(value);
        if value.chars().any(char::is_control) {
            return;
        }
        match code.as_str() {
            "patient.identifier" | "patient:identifier" | "subject.identifier" | "subject:identifier" => self.patients.push(Identifier::asked(value)),
            "identifier" if kind == "Patient" => self.patients.push(Identifier::asked(value)),
            "_id" => self.places.push((kind.to_owned(), text.to_owned())),
            _ => match text.split_once('/') {
                Some((kind, id)) => self.places.push((kind.to_owned(), id.to_owned())),
                None if matches!(code.as_str(), "patient" | "subject" | "patient._id" | "subject._id") => self.places.push(("Patient".to_owned(), text.to_owned())),
                None => {}
            },
        }
    }

    fn records(&self, reader: &mut Reader<'_>) -> Result<BTreeSet<i64>> {
        let mut out = BTreeSet::new();
        for (kind, id) in self.places.iter().filter(|(_, id)| is_id(id)) {
            out.extend(reader.record_holding(kind, id)?);
        }
        for identifier in &self.patients {
            out.extend(reader.named("Patient", identifier)?);
        }
        Ok(out)
    }
}

/// The pairs of the form of a search by POST.
fn form(call: &Call) -> Vec<(String, String)> {
    let searches = call.method == Method::Post && call.path.last().is_some_and(|p| p == "_search") && call.body.len() <= MAX_FORM;
    let text = if searches { std::str::from_utf8(&call.body).unwrap_or_default() } else { "" };
    form_pairs(text)
}
