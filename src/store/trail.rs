//! Reading the trail of writes, and whose entities a caller may find there.

use diesel::prelude::*;

use super::Store;
use super::chain::{Break, Chain};
use super::conn::fault;
use super::read::Reader;
use super::schema::{audit_event, directory, document};
use super::visible::visible;
use crate::access::Visibility;
use crate::fhir::Result;

/// Events that one read of the verifier takes.
const BLOCK: i64 = 2000;

/// A row of the trail of writes: its number, when and in which commit it was written, to whose record it belongs, and its line.
type Row = (i64, i64, i64, i64, String);

impl Store {
    /// Walks the chain of writes behind the line where `chain` stands (its beginning: `Chain::default()`), changing nothing, and
    /// shows each line with the chain up to it; what is broken ends the walk.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn walk_audit(&self, mut chain: Chain, mut see: impl FnMut(&Chain, &str)) -> Result<(Chain, Option<Break>)> {
        let visibility = Visibility::open("", i64::MAX);
        if let Some(number) = self.read(&visibility, |reader| reader.audit_before_first())? {
            let what = format!("has a row of number {number} before it, which was inserted");
            return Ok((chain, Some(Break::at(1, what))));
        }
        loop {
            let rows = self.read(&visibility, |reader| reader.audit_rows(chain.number(), BLOCK))?;
            if rows.is_empty() {
                let broken = chain.end().err();
                return Ok((chain, broken));
            }
            for row in &rows {
                if let Err(broken) = chain.follow(&row.4).and_then(|()| columns(chain.number(), row)) {
                    return Ok((chain, Some(broken)));
                }
                see(&chain, &row.4);
            }
        }
    }

    /// The line of an event of writes; none when there is no such row.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn audit_line(&self, number: i64) -> Result<Option<String>> {
        let found = self.read(&Visibility::open("", i64::MAX), |reader| reader.audit_after(number - 1, 1))?;
        Ok(found.into_iter().find(|(found, _)| *found == number).map(|(_, line)| line))
    }
}

/// A row says of its event what the line says, by which searches find it. Lines of before name the commit alone.
fn columns(event: i64, (number, at_us, record, commit, line): &Row) -> std::result::Result<(), Break> {
    let (head, _) = line.split_once(",\"event\":").unwrap_or((line, ""));
    let says = |name: &str, value: i64| head.split_once(name).is_none_or(|(_, rest)| rest.split(',').next().and_then(|n| n.parse().ok()) == Some(value));
    let whole = says("\"number\":", *number) && says("\"commit\":", *commit) && says("\"written_us\":", *at_us) && says("\"record\":", *record);
    if whole { Ok(()) } else { Err(Break::at(event, "was moved: its row names another number, commit, time or record than its line")) }
}

impl Reader<'_> {
    /// Of some ids of a type, those whose place this caller may know: what it may see, and the deleted documents it stands behind.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn traceable(&mut self, kind: &str, ids: &[String]) -> Result<Vec<String>> {
        use super::schema::document_author;
        let mut out = Vec::new();
        for some in ids.chunks(500) {
            let records: Vec<i64> = directory::table
                .filter(directory::kind.eq(kind))
                .filter(directory::id.eq_any(some.to_vec()))
                .select(directory::record)
                .distinct()
                .load(self.conn)
                .map_err(fault)?;
            let sight = self.sight(&records)?;
            let v = self.visibility;
            let stands_behind = document_author::table.filter(document_author::document.eq(document::number)).filter(document_author::structure.eq_any(v.mine().to_vec()));
            let rows: Vec<String> = directory::table
                .inner_join(document::table.on(document::number.eq(directory::document)))
                .filter(directory::kind.eq(kind))
                .filter(directory::id.eq_any(some.to_vec()))
                .filter(visible!(v, sight, directory::kind).or(diesel::dsl::exists(stands_behind)))
                .select(directory::id)
                .load(self.conn)
                .map_err(fault)?;
            out.extend(rows);
        }
        Ok(out)
    }

    /// Audit lines of writes whose commit is in [low, high] µs and not after `until_commit`, newest first, at most `limit`; only
    /// those with `needle` in them (letters, digits and JSON's own signs; empty = all).
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn audit_lines(&mut self, (low_us, high_us): (i64, i64), until_commit: i64, needle: &str, limit: i64) -> Result<Vec<String>> {
        let mut query = audit_event::table
            .filter(audit_event::number.gt(0))
            .filter(audit_event::at_us.ge(low_us))
            .filter(audit_event::at_us.le(high_us))
            .filter(audit_event::commit_number.le(until_commit))
            .order(audit_event::number.desc())
            .limit(limit)
            .select(audit_event::line)
            .into_boxed();
        if !needle.is_empty() {
            query = query.filter(audit_event::line.like(format!("%{needle}%")));
        }
        query.load(self.conn).map_err(fault)
    }

    /// The number of a row that stands before the first event: no server writes one.
    fn audit_before_first(&mut self) -> Result<Option<i64>> {
        audit_event::table.filter(audit_event::number.le(0)).order(audit_event::number).select(audit_event::number).first(self.conn).optional().map_err(fault)
    }

    /// Audit lines in order from `after`.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn audit_after(&mut self, after: i64, limit: i64) -> Result<Vec<(i64, String)>> {
        Ok(self.audit_rows(after, limit)?.into_iter().map(|row| (row.0, row.4)).collect())
    }

    fn audit_rows(&mut self, after: i64, limit: i64) -> Result<Vec<Row>> {
        audit_event::table
            .filter(audit_event::number.gt(after))
            .order(audit_event::number)
            .limit(limit)
            .select((audit_event::number, audit_event::at_us, audit_event::record, audit_event::commit_number, audit_event::line))
            .load(self.conn)
            .map_err(fault)
    }
}
