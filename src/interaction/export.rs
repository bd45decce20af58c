//! `Patient/[id]/$export`: everything that is held of a person, for him to take away: each resource with its earlier versions, what
//! documents state, their bytes, and who accessed the record. In parts, each with a link to the next; what is written meanwhile may be
//! in a later part.
//!
//! Not a document that its author withdrew: it may be another person's, filed here by mistake. The accesses say that there was one.
//! Spec: RGPD art. 15 and 20; CSP L.1111-19; FHIR R4 bundle#collection (several versions of one fullUrl).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::paging::{Cursor, Mark};
use super::planning::{raw_bundle, to_bytes};
use super::{Answer, App, Call, audit_event, document, read};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result};
use crate::store::Reader;

/// Entries of a part.
const MAX_ENTRIES: usize = 5_000;
/// Bytes of a part; one document, or what it states, may go beyond.
const MAX_BYTES: usize = 32 << 20;
/// Versions read at once.
const ROWS: i64 = 500;

/// What is told of, in this order.
const VERSIONS: u8 = 0;
const FACTS: u8 = 1;
const DOCUMENTS: u8 = 2;
const ACCESSES: u8 = 3;
const NOTHING: u8 = 4;

/// POST|GET Patient/[id]/$export
pub(super) fn export(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("export", Action::R);
    let mut part = Part::begin(app, call, id)?;
    app.store.read(&call.visibility, |reader| {
        let patient = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
        reader.open_to_caller(patient.row.record)?;
        call.about(id);
        call.touched(format!("Patient/{id}"));
        part.versions(reader, patient.row.record)?;
        part.facts(reader, patient.row.record)?;
        part.documents(reader, patient.row.record)
    })?;
    part.accesses(id)?;
    let links: Vec<(String, String)> = part.next(id)?.into_iter().collect();
    Ok(Answer::resource(raw_bundle("collection", None, &links, &part.entries)))
}

/// One part, while it is filled.
struct Part<'a> {
    app: &'a App,
    call: &'a Call,
    entries: Vec<String>,
    size: usize,
    /// Entries that it may have.
    most: usize,
    /// What is being told, and what of it was told last: resource number and version; number of a document; of accesses the moment that
    /// they are told from backwards (µs UTC) and how many were told since.
    stage: u8,
    last: (i64, i64),
}

impl<'a> Part<'a> {
    fn begin(app: &'a App, call: &'a Call, id: &str) -> Result<Self> {
        let (stage, last) = match call.parameter("_page") {
            None => (VERSIONS, (0, 0)),
            Some(page) => match Cursor::open(app, call, page)? {
                Cursor { mark: Mark::Export { stage, first, second }, query, .. } if query == of(id) => (stage, (first, second)),
                _ => return Err(Fault::new(FaultKind::BadValue, 986, "the page link is of another record or search; begin again without _page").at("_page")),
            },
        };
        let most = match call.parameter("_count").map(str::parse::<usize>) {
            None => MAX_ENTRIES,
            Some(Ok(count)) if count > 0 => count.min(MAX_ENTRIES),
            Some(_) => return Err(Fault::new(FaultKind::BadValue, 987, "_count is how many entries a part may have, 1 or more").at("_count")),
        };
        Ok(Self { app, call, entries: Vec::new(), size: 0, most, stage, last })
    }

    fn full(&self) -> bool {
        self.entries.len() >= self.most || self.size >= MAX_BYTES
    }

    /// All of a stage was told.
    fn done(&mut self, first: i64) {
        self.stage += 1;
        self.last = (first, 0);
    }

    fn versions(&mut self, reader: &mut Reader<'_>, record: i64) -> Result<()> {
        while self.stage == VERSIONS {
            let found = reader.versions_after(record, self.last, ROWS)?;
            if found.is_empty() {
                self.done(0);
            }
            for one in found {
                if self.full() {
                    return Ok(());
                }
                self.add(&one.row.kind, &one.row.id, &one.body);
                self.call.used([one.row.document]);
                self.last = (one.row.rid, one.row.number);
            }
        }
        Ok(())
    }

    fn facts(&mut self, reader: &mut Reader<'_>, record: i64) -> Result<()> {
        if self.stage != FACTS {
            return Ok(());
        }
        let after = self.last.0;
        for facts in reader.fact_blocks(record)?.into_iter().filter(|f| f.block.document > after) {
            if self.full() {
                return Ok(());
            }
            for resource in facts.block.provenance.iter().chain(&facts.block.resources) {
                let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("");
                self.add(text("resourceType"), text("id"), &to_bytes(resource)?);
            }
            self.last.0 = facts.block.document;
        }
        self.done(0);
        Ok(())
    }

    /// The bytes of every document, as Binary.
    fn documents(&mut self, reader: &mut Reader<'_>, record: i64) -> Result<()> {
        if self.stage != DOCUMENTS {
            return Ok(());
        }
        let mut numbers: Vec<i64> = reader.documents_seen(record)?.into_iter().filter(|n| *n > self.last.0).collect();
        numbers.sort_unstable();
        for number in numbers {
            if self.full() {
                return Ok(());
            }
            if let Some(row) = reader.document(number)?
                && let Some(id) = reader.reference_of(&row)?
            {
                let binary = document::binary_of(self.app, reader, &id)?;
                let resource = json!({"resourceType": "Binary", "id": binary, "contentType": row.mime, "data": STANDARD.encode(reader.blob(&row)?)});
                self.add("Binary", &binary, &to_bytes(&resource)?);
            }
            self.last.0 = number;
        }
        // Not this part's own access, which is traced when it has been told: the next part would count it as told.
        self.done(self.call.now_us - 1);
        Ok(())
    }

    /// Who accessed the record, newest first, up to the moment at which they are begun.
    fn accesses(&mut self, id: &str) -> Result<()> {
        while self.stage == ACCESSES && !self.full() {
            let found = audit_event::accesses(self.app, self.call, id, self.last.0)?;
            let told = usize::try_from(self.last.1).unwrap_or(usize::MAX);
            for event in found.resources.iter().skip(told) {
                if self.full() {
                    return Ok(());
                }
                self.add("AuditEvent", &event.0, &event.1);
                self.last.1 += 1;
            }
            match found.older_us {
                Some(older_us) => self.last = (older_us.min(self.last.0 - 1), 0),
                None => self.done(0),
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: &str, id: &str, bytes: &[u8]) {
        self.size += bytes.len();
        self.entries.push(format!("{{\"fullUrl\":\"{}/{kind}/{id}\",\"resource\":{}}}", self.app.base_url, String::from_utf8_lossy(bytes)));
    }

    /// The link to the next part, while there is one.
    fn next(&self, id: &str) -> Result<Option<(String, String)>> {
        if self.stage == NOTHING {
            return Ok(None);
        }
        let mark = Mark::Export { stage: self.stage, first: self.last.0, second: self.last.1 };
        let page = Cursor::new(self.call, &of(id), self.call.now_us, 0, mark).seal(self.app)?;
        Ok(Some(("next".to_owned(), format!("{}/Patient/{id}/$export?_count={}&_page={page}", self.app.base_url, self.most))))
    }
}

/// Whose parts a link leads to.
fn of(id: &str) -> Vec<(String, String)> {
    vec![("export".to_owned(), id.to_owned())]
}
