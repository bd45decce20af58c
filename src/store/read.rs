//! Reading over one snapshot, with the caller's visibility inside every query.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use diesel::IntoSql;
use diesel::prelude::*;

use super::among::among;
use super::conn::{Conn, fault};
use super::counters::Counters;
use super::facts::FactCache;
use super::plan::{Cut, Precondition};
use super::schema::{body, directory, document, identifier, receipt, version};
use super::visible::visible;
use crate::access::{Purpose, RecordRight, Rule, Sight, Visibility, labels};
use crate::fhir::{Fault, FaultKind, Identifier, Result, Role};

/// One snapshot of the database for one caller.
pub struct Reader<'a> {
    pub(super) conn: &'a mut Conn,
    pub(super) visibility: &'a Visibility,
    pub(super) facts: &'a FactCache,
    /// Rights worked out so far, by record.
    pub(super) rights: HashMap<i64, RecordRight>,
    pub(super) purpose: Purpose,
    commit: i64,
    /// The rule that kept back a document which was asked for by its address: the answer is that of an unknown one, the trace names it.
    withheld: Option<Rule>,
    /// The commit that [`Reader::as_of`] goes back to.
    pub(super) moment: i64,
}

/// The moment of a reader that goes back to none: what holds now holds until a later commit.
pub(super) const NOW: i64 = i64::MAX - 1;

/// Runs `f` inside a read transaction.
pub(super) fn snapshot<T>(conn: &mut Conn, counters: &Counters, facts: &FactCache, visibility: &Visibility, f: impl FnOnce(&mut Reader<'_>) -> Result<T>) -> Result<T> {
    let mut answer = None;
    let outcome = conn.transaction::<(), diesel::result::Error, _>(|conn| {
        one_snapshot(conn)?;
        let mut reader = Reader { conn, visibility, facts, rights: HashMap::new(), purpose: visibility.purpose(), commit: counters.published(), withheld: None, moment: NOW };
        let found = f(&mut reader);
        answer = Some(match reader.withheld {
            Some(rule) => found.map_err(|e| if e.kind == FaultKind::NotFound { e.because(rule.code()) } else { e }),
            None => found,
        });
        Ok(())
    });
    outcome.map_err(fault)?;
    answer.unwrap_or_else(|| Err(Fault::new(FaultKind::Bug, 170, "a read gave no answer")))
}

/// PostgreSQL's default shows each statement the newest commit; a read must see one moment. SQLite always does.
fn one_snapshot(conn: &mut Conn) -> QueryResult<()> {
    use diesel::connection::SimpleConnection;
    match conn {
        Conn::Postgres(c) => c.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Conn::Sqlite(_) => Ok(()),
    }
}

/// A version without its body.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = version)]
pub struct VersionRow {
    pub record: i64,
    pub kind: String,
    pub rid: i64,
    pub number: i64,
    pub id: String,
    pub document: i64,
    pub deleted: bool,
    pub at_us: i64,
    pub date_us: i64,
}

/// A version with the bytes this caller may see.
#[derive(Debug, Clone)]
pub struct Found {
    pub row: VersionRow,
    /// JSON; lastUpdated stamped, references to what the caller may not see cut out. Empty when deleted.
    pub body: Vec<u8>,
}

/// What a look for a resource finds.
enum Look {
    Absent,
    Here(Place),
    /// It is there, in a record that is not open to the caller.
    Refused {
        rule: Rule,
        of_document: bool,
    },
}

/// Where a (type, id) lives.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub record: i64,
    /// 0 for a fact or the Binary of a document.
    pub rid: i64,
    pub document: i64,
}

impl Reader<'_> {
    /// A commit that this snapshot shows: the last one that was published when it began. It may show one more, which is written and not
    /// published yet; only what pages and cursors promise is measured by it, never whether something is here.
    pub fn commit(&self) -> i64 {
        self.commit
    }

    /// Where the resource lives, `None` when there is none that this caller may see. A document, and what is of one, is absent wherever
    /// the caller may not see it: in a record that is not open to him too, where nothing but its address was asked for.
    ///
    /// # Errors
    /// `Forbidden` when the record of anything else is not open to the caller, with the reason; `Bug` or `Busy` from the database.
    pub fn place(&mut self, kind: &str, id: &str) -> Result<Option<Place>> {
        match self.look(kind, id)? {
            Look::Absent => Ok(None),
            Look::Here(place) => Ok(Some(place)),
            Look::Refused { rule, of_document: true } => {
                self.withheld = Some(rule);
                Ok(None)
            }
            Look::Refused { rule, .. } => Err(refused(rule)),
        }
    }

    /// Whether this caller may know of the resource; never refused.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn knows(&mut self, kind: &str, id: &str) -> Result<bool> {
        Ok(matches!(self.look(kind, id)?, Look::Here(_)))
    }

    fn look(&mut self, kind: &str, id: &str) -> Result<Look> {
        let found: Option<(i64, i64, i64)> =
            directory::table.find((kind, id)).select((directory::record, directory::rid, directory::document)).first(self.conn).optional().map_err(fault)?;
        let Some((record, rid, number)) = found else { return Ok(Look::Absent) };
        let place = Place { record, rid, document: number };
        let right = self.right(record)?;
        if right.is_some_and(|r| matches!(r, RecordRight::Nothing(rule) if rule.equals_absence())) {
            return Ok(Look::Absent);
        }
        if let Some(told) = self.told_consents(&[kind], &[record])? {
            return Ok(if told.contains(&rid) { Look::Here(place) } else { Look::Absent });
        }
        if number == 0 && self.visibility.closed_kinds().iter().any(|closed| closed == kind) {
            return Ok(Look::Absent);
        }
        // The identity of the record, which says that there is one, is no content of it.
        let rule = right.filter(|r| kind != "Patient" && !matches!(r, RecordRight::Whole { .. })).map(|r| r.rule());
        if number == 0 && kind == "List" {
            let sight = if rule.is_none() { self.sight(&[record])? } else { Sight { whole: vec![record], ..Sight::default() } };
            if self.hidden_sets(&[record], &sight)?.contains(&rid) {
                return Ok(Look::Absent);
            }
        }
        if number == 0 {
            return Ok(rule.map_or(Look::Here(place), |rule| Look::Refused { rule, of_document: kind == "List" }));
        }
        let sight = self.sight(&[record])?;
        if self.shows(number, &sight)? {
            return Ok(Look::Here(place));
        }
        let Some(rule) = rule else { return Ok(Look::Absent) };
        // Were the record open to the caller: what would be hidden then stays unknown now.
        let open = Sight { whole: vec![record], ..Sight::default() };
        Ok(if self.shows(number, &open)? { Look::Refused { rule, of_document: true } } else { Look::Absent })
    }

    /// What [`Reader::consents_about_caller`] leaves of the Consents of some records; `None` where they go with the record, or none is asked for.
    fn told_consents(&mut self, kinds: &[&str], records: &[i64]) -> Result<Option<HashSet<i64>>> {
        if kinds.contains(&"Consent") { self.consents_about_caller(records) } else { Ok(None) }
    }

    /// Whether a document fulfils the condition.
    fn shows(&mut self, number: i64, sight: &Sight) -> Result<bool> {
        let v = self.visibility;
        diesel::select(diesel::dsl::exists(document::table.filter(document::number.eq(number)).filter(visible!(v, sight)))).get_result(self.conn).map_err(fault)
    }

    /// Whether the (type, id) exists at all, visible or not; for deciding about new ids only, never for answers.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn is_taken(&mut self, kind: &str, id: &str) -> Result<bool> {
        diesel::select(diesel::dsl::exists(directory::table.find((kind, id)))).get_result(self.conn).map_err(fault)
    }

    /// A version's row: the current one, or number `number`.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn version(&mut self, kind: &str, id: &str, number: Option<i64>) -> Result<Option<VersionRow>> {
        let Some(place) = self.place(kind, id)? else { return Ok(None) };
        let mut query = version::table
            .filter(version::record.eq(place.record))
            .filter(version::kind.eq(kind))
            .filter(version::rid.eq(place.rid))
            .filter(version::from_commit.le(self.moment))
            .select(VersionRow::as_select())
            .order(version::number.desc())
            .into_boxed();
        if let Some(number) = number {
            query = query.filter(version::number.eq(number));
        }
        query.first(self.conn).optional().map_err(fault)
    }

    /// A version with its body; see [`Reader::version`].
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn found(&mut self, kind: &str, id: &str, number: Option<i64>) -> Result<Option<Found>> {
        match self.version(kind, id, number)? {
            Some(row) => Ok(Some(self.with_body(row)?).filter(|found| !self.kept_back(found))),
            None => Ok(None),
        }
    }

    /// A notice of a connexion secrète: its own label keeps it from legal representatives. A notice of a document that is kept from its
    /// patient: its tag keeps it from professionals, who may not know of the document either. A Communication is of no document, whose
    /// label would.
    fn kept_back(&self, found: &Found) -> bool {
        let label = match self.visibility.rules().map(|r| r.actor.role) {
            Some(Role::LegalRepresentative) => labels::code_of(labels::INVISIBLE_REPRESENTANTS_LEGAUX),
            Some(Role::Practitioner) => labels::PRIVATE_NOTICE,
            _ => return false,
        };
        found.row.kind == "Communication" && found.body.windows(label.len()).any(|w| w == label.as_bytes())
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn history(&mut self, kind: &str, id: &str) -> Result<Vec<Found>> {
        let Some(place) = self.place(kind, id)? else { return Ok(Vec::new()) };
        let rows: Vec<VersionRow> = version::table
            .filter(version::record.eq(place.record))
            .filter(version::kind.eq(kind))
            .filter(version::rid.eq(place.rid))
            .select(VersionRow::as_select())
            .order(version::number.desc())
            .limit(1000)
            .load(self.conn)
            .map_err(fault)?;
        let all = rows.into_iter().map(|row| self.with_body(row)).collect::<Result<Vec<_>>>()?;
        Ok(all.into_iter().filter(|found| !self.kept_back(found)).collect())
    }

    /// Current resources of a type that carry the identifier (any system when `system` is `None`).
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn by_identifier(&mut self, kind: &str, wanted: &Identifier) -> Result<Vec<VersionRow>> {
        let named = self.named(kind, wanted)?;
        let sight = self.sight(&named)?;
        let v = self.visibility;
        let mut query = identifier::table
            .inner_join(version::table.on(version::rid.eq(identifier::rid).and(version::record.eq(identifier::record)).and(version::kind.eq(identifier::kind))))
            .inner_join(document::table.on(document::number.eq(version::document)))
            .filter(identifier::value.eq(&wanted.value))
            .filter(identifier::kind.eq(kind))
            .filter(version::until_commit.eq(i64::MAX))
            .filter(version::deleted.eq(false))
            .filter(visible!(v, sight, version::kind))
            .select(VersionRow::as_select())
            .limit(20)
            .into_boxed();
        if let Some(system) = &wanted.system {
            query = query.filter(identifier::system.eq(system));
        }
        let mut found: Vec<VersionRow> = query.load(self.conn).map_err(fault)?;
        if kind == "List" {
            let hidden = self.hidden_sets(&named, &sight)?;
            found.retain(|row| !hidden.contains(&row.rid));
        }
        if let Some(told) = self.told_consents(&[kind], &named)? {
            found.retain(|row| told.contains(&row.rid));
            return Ok(found);
        }
        Ok(found.into_iter().filter(|row| row.document != 0 || sight.holds(row.record) || kind == "Patient" && !sight.unknown.contains(&row.record)).collect())
    }

    /// What a conditional create asks of the moment of writing: nothing that this caller sees carries the identifier.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn unseen(&mut self, kind: &str, wanted: &Identifier) -> Result<Precondition> {
        let records = self.named(kind, wanted)?;
        // Of Consents that are kept from the caller nothing may be told: none is looked at again.
        let sight = if self.told_consents(&[kind], &[])?.is_some() { Sight::default() } else { self.sight(&records)? };
        Ok(Precondition::IdentifierUnseen { kind: kind.to_owned(), identifier: wanted.clone(), visibility: self.visibility.clone(), sight: Sight { strange: Vec::new(), ..sight } })
    }

    /// Records that hold something of a type under an identifier, whoever may see it: never for an answer.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn named(&mut self, kind: &str, wanted: &Identifier) -> Result<Vec<i64>> {
        let mut query =
            identifier::table.filter(identifier::value.eq(&wanted.value)).filter(identifier::kind.eq(kind)).select(identifier::record).distinct().limit(20).into_boxed();
        if let Some(system) = &wanted.system {
            query = query.filter(identifier::system.eq(system));
        }
        query.load(self.conn).map_err(fault)
    }

    /// Every current resource of some types in a record (at most `limit`), for types that are searched in memory.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn all_of(&mut self, record: i64, kinds: &[&str], limit: i64) -> Result<Vec<Found>> {
        let sight = self.sight(&[record])?;
        let v = self.visibility;
        let told = self.told_consents(kinds, &[record])?;
        let holds = sight.holds(record) || told.is_some();
        let mut rows: Vec<VersionRow> = version::table
            .inner_join(document::table.on(document::number.eq(version::document)))
            .filter(version::record.eq(record))
            .filter(among(version::kind, kinds.to_vec()))
            .filter(version::from_commit.le(self.moment))
            .filter(version::until_commit.gt(self.moment))
            .filter(version::deleted.eq(false))
            .filter(version::document.ne(0).or(holds.into_sql::<diesel::sql_types::Bool>()))
            .filter(visible!(v, sight, version::kind))
            .select(VersionRow::as_select())
            .limit(limit)
            .load(self.conn)
            .map_err(fault)?;
        if let Some(told) = told {
            rows.retain(|row| if row.kind == "Consent" { told.contains(&row.rid) } else { row.document != 0 || sight.holds(record) });
        }
        let all = rows.into_iter().map(|row| self.with_body(row)).collect::<Result<Vec<_>>>()?;
        Ok(all.into_iter().filter(|found| !self.kept_back(found)).collect())
    }

    /// Reads the body of a version, stamped and cut.
    ///
    /// # Errors
    /// `Bug` when the stored bytes are damaged.
    pub fn with_body(&mut self, row: VersionRow) -> Result<Found> {
        self.body_of(row, true)
    }

    /// The body of a version with all it refers to, for writing the next version: never for an answer.
    ///
    /// # Errors
    /// `Bug` when the stored bytes are damaged.
    pub fn uncut(&mut self, row: VersionRow) -> Result<Vec<u8>> {
        Ok(self.body_of(row, false)?.body)
    }

    fn body_of(&mut self, row: VersionRow, cutting: bool) -> Result<Found> {
        if row.deleted {
            return Ok(Found { row, body: Vec::new() });
        }
        let (stamp, cuts, bytes): (i32, Option<Vec<u8>>, Vec<u8>) =
            body::table.find((row.record, row.rid, row.number)).select((body::stamp, body::cuts, body::bytes)).first(self.conn).map_err(fault)?;
        let mut bytes = unpack(&bytes)?;
        super::read::stamp(&mut bytes, stamp, row.at_us);
        if let Some(cuts) = cuts.filter(|_| cutting) {
            let cuts: Vec<Cut> = serde_json::from_slice(&cuts).map_err(|e| damaged(171, e))?;
            bytes = self.cut(bytes, cuts)?;
        }
        Ok(Found { row, body: bytes })
    }

    /// Cuts the references to what this caller may not see.
    fn cut(&mut self, bytes: Vec<u8>, cuts: Vec<Cut>) -> Result<Vec<u8>> {
        let mut hidden = Vec::new();
        for cut in &cuts {
            let (kind, id) = cut.target.split_once('/').unwrap_or((cut.target.as_str(), ""));
            if !self.knows(kind, id)? {
                hidden.push(cut.clone());
            }
        }
        Ok(without(&bytes, &cuts, &hidden))
    }

    /// Whether a record holds anything besides one resource, visible to this caller or not.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn holds_more(&mut self, record: i64, rid: i64) -> Result<bool> {
        diesel::select(diesel::dsl::exists(
            version::table.filter(version::record.eq(record)).filter(version::rid.ne(rid)).filter(version::until_commit.eq(i64::MAX)).filter(version::deleted.eq(false)),
        ))
        .get_result(self.conn)
        .map_err(fault)
    }

    /// The stored answer of a request sent before, by its key.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn receipt(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        receipt::table.find(key).select(receipt::answer).first(self.conn).optional().map_err(fault)
    }

    /// FHIR id of the Patient of a record, deleted or not; `None` for the shared record.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn patient_of(&mut self, record: i64) -> Result<Option<String>> {
        if record == 0 {
            return Ok(None);
        }
        version::table.filter(version::record.eq(record)).filter(version::kind.eq("Patient")).select(version::id).first(self.conn).optional().map_err(fault)
    }
}

/// The refusal of a record, in the words of its rule; a record that the caller may not know of is unknown.
pub(super) fn refused(rule: Rule) -> Fault {
    if rule.equals_absence() {
        return Fault::new(FaultKind::NotFound, 231, "no such resource");
    }
    Fault::new(FaultKind::Forbidden, 177, rule.caller()).for_a_reader().because(rule.code())
}

/// Largest size a stored block may unpack to: a document of 128 MiB and its frame.
const UNPACK_LIMIT: usize = 192 << 20;

pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten().and_then(|n| usize::try_from(n).ok()).unwrap_or(UNPACK_LIMIT);
    UNPACKER.with_borrow_mut(|unpacker| match unpacker {
        Ok(unpacker) => unpacker.decompress(bytes, size.min(UNPACK_LIMIT)).map_err(|e| damaged(173, e)),
        Err(e) => Err(damaged(173, e)),
    })
}

thread_local! {
    /// Making one costs more than unpacking a resource.
    static UNPACKER: RefCell<std::io::Result<zstd::bulk::Decompressor<'static>>> = RefCell::new(zstd::bulk::Decompressor::new());
}

fn damaged(number: u16, cause: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Bug, number, "stored bytes are damaged and are not sent").because(cause)
}

/// Writes lastUpdated over its placeholder.
fn stamp(bytes: &mut [u8], offset: i32, at_us: i64) {
    let Ok(start) = usize::try_from(offset) else { return };
    let text = crate::fhir::time::instant(at_us);
    if let Some(slot) = bytes.get_mut(start..start + text.len()) {
        slot.copy_from_slice(text.as_bytes());
    }
}

/// Removes the hidden spans; an array that would become empty goes with its member.
fn without(bytes: &[u8], all: &[Cut], hidden: &[Cut]) -> Vec<u8> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let whole = |c: &Cut| all.iter().filter(|o| o.member_start == c.member_start).all(|o| hidden.contains(o));
    for cut in hidden {
        let (start, end) = if whole(cut) { (cut.member_start, cut.member_end) } else { (cut.start, cut.end) };
        spans.push((usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0)));
    }
    spans.sort_unstable();
    spans.dedup();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for (start, end) in spans {
        if start >= at {
            out.extend_from_slice(bytes.get(at..start).unwrap_or_default());
        }
        at = at.max(end);
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    out
}
