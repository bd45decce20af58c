//! `Patient/[id]/$everything` and `$export`: what a record holds, as far as the caller may see it; for the holder with the documents'
//! bytes, so that nothing that is held of him stays behind.
//! Spec: FHIR R4 Patient-everything; RGPD art. 15 and 20.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::planning::{raw_bundle, to_bytes};
use super::registry::registry;
use super::{Answer, App, Call, document, read};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::{Found, Reader};

/// Resources of one answer.
const MAX_ENTRIES: usize = 20_000;
/// Bytes of the documents in one answer.
const MAX_BYTES: usize = 192 << 20;

/// GET|POST Patient/[id]/$everything
pub(super) fn everything(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("everything", Action::R);
    let entries = app.store.read(&call.visibility, |reader| Gathered::of(app, call, reader, id).map(|g| g.entries))?;
    Ok(Answer::resource(raw_bundle("searchset", Some(entries.len()), &[], &entries)))
}

/// POST Patient/[id]/$export
pub(super) fn export(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("export", Action::R);
    let entries = app.store.read(&call.visibility, |reader| {
        let mut all = Gathered::of(app, call, reader, id)?;
        all.documents(app, reader)?;
        Ok(all.entries)
    })?;
    Ok(Answer::resource(raw_bundle("collection", None, &[], &entries)))
}

/// Entries of the answer, and the DocumentReferences among them.
struct Gathered {
    entries: Vec<String>,
    references: Vec<(i64, String)>,
    base_url: String,
}

impl Gathered {
    fn of(app: &App, call: &Call, reader: &mut Reader<'_>, id: &str) -> Result<Self> {
        let patient = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
        let record = patient.row.record;
        reader.open_to_caller(record)?;
        call.about(id);
        call.touched(format!("Patient/{id}"));
        let mut out = Self { entries: Vec::new(), references: Vec::new(), base_url: app.base_url.clone() };
        out.add("Patient", id, &patient.body)?;
        for row in registry().resources.iter().filter(|r| !r.patient.is_empty()) {
            for found in reader.all_of(record, &[&row.kind], i64::try_from(MAX_ENTRIES).unwrap_or(i64::MAX))? {
                out.stored(found)?;
            }
        }
        for facts in reader.fact_blocks(record)? {
            facts.block.provenance.iter().chain(&facts.block.resources).try_for_each(|resource| out.derived(resource))?;
        }
        call.used(out.references.iter().map(|(document, _)| *document));
        Ok(out)
    }

    fn stored(&mut self, found: Found) -> Result<()> {
        if found.row.kind == "DocumentReference" {
            self.references.push((found.row.document, found.row.id.clone()));
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

    /// The bytes of every document, as Binary.
    fn documents(&mut self, app: &App, reader: &mut Reader<'_>) -> Result<()> {
        let mut size = 0;
        for (number, id) in std::mem::take(&mut self.references) {
            let Some(row) = reader.document(number)? else { continue };
            let bytes = reader.blob(&row)?;
            size += bytes.len();
            if size > MAX_BYTES {
                return Err(Fault::new(FaultKind::TooCostly, 656, "the documents of the record are over 192 MiB; retrieve them one by one (ITI-68)"));
            }
            let binary = document::binary_of(app, reader, &id)?;
            let resource = json!({"resourceType": "Binary", "id": binary, "contentType": row.mime, "data": STANDARD.encode(&bytes)});
            self.add("Binary", &binary, &to_bytes(&resource)?)?;
        }
        Ok(())
    }
}
