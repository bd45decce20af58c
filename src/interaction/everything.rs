//! `Patient/[id]/$everything`: what a record holds now, as far as the caller may see it, without the bytes of documents.
//! Spec: FHIR R4 Patient-everything.

use serde_json::Value;

use super::planning::{raw_bundle, to_bytes};
use super::registry::registry;
use super::{Answer, App, Call, read};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Found, Reader};

/// Resources of one answer.
const MAX_ENTRIES: usize = 20_000;

/// GET|POST Patient/[id]/$everything
pub(super) fn everything(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("everything", Action::R);
    let entries = app.store.read(&call.visibility, |reader| Gathered::of(app, call, reader, id).map(|g| g.entries))?;
    Ok(Answer::resource(raw_bundle("searchset", Some(entries.len()), &[], &entries)))
}

/// Entries of the answer.
struct Gathered {
    entries: Vec<String>,
    /// Documents among them, by number.
    documents: Vec<i64>,
    base_url: String,
}

impl Gathered {
    fn of(app: &App, call: &Call, reader: &mut Reader<'_>, id: &str) -> Result<Self> {
        let patient = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
        let record = patient.row.record;
        reader.open_to_caller(record)?;
        call.about(id);
        call.touched(format!("Patient/{id}"));
        let mut out = Self { entries: Vec::new(), documents: Vec::new(), base_url: app.base_url.clone() };
        out.add("Patient", id, &patient.body)?;
        for row in registry().resources.iter().filter(|r| !r.patient.is_empty()) {
            for found in reader.all_of(record, &[&row.kind], i64::try_from(MAX_ENTRIES).unwrap_or(i64::MAX))? {
                out.stored(found)?;
            }
        }
        for facts in reader.fact_blocks(record)? {
            facts.block.provenance.iter().chain(&facts.block.resources).try_for_each(|resource| out.derived(resource))?;
        }
        call.used(out.documents.iter().copied());
        Ok(out)
    }

    fn stored(&mut self, found: Found) -> Result<()> {
        if found.row.kind == "DocumentReference" {
            self.documents.push(found.row.document);
        }
        self.add(&found.row.kind, &found.row.id, &found.body)
    }

    fn derived(&mut self, resource: &Value) -> Result<()> {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        self.add(&text("resourceType"), &text("id"), &to_bytes(resource)?)
    }

    fn add(&mut self, kind: &str, id: &str, bytes: &[u8]) -> Result<()> {
        if self.entries.len() >= MAX_ENTRIES {
            return Err(Fault::new(FaultKind::TooCostly, 655, format!("the record holds more than {MAX_ENTRIES} resources; ask for them by type")));
        }
        self.entries.push(format!("{{\"fullUrl\":\"{}/{kind}/{id}\",\"resource\":{}}}", self.base_url, String::from_utf8_lossy(bytes)));
        Ok(())
    }
}
