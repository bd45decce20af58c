//! Applies the operations of a plan. The bulk inserts stand once per database: cached single rows on SQLite, many rows a
//! statement on PostgreSQL (measured four to five times apart).

use std::borrow::Cow;
use std::collections::HashMap;

use diesel::dsl::{exists, max};
use diesel::prelude::*;

use super::super::conn::Conn;
use super::super::erasure::erase;
use super::super::given::Given;
use super::super::plan::{AuditLine, DocumentText, Facts, Job, NewDocument, Operation, PIECE, Plan, Put};
use super::super::schema::*;
use super::{Sealer, Trail, Written, chained, change, sealed};
use crate::access::Choice;
use crate::fhir::{Fault, FaultKind};

/// `until_commit` of a row that holds now.
pub const OPEN: i64 = i64::MAX;

/// zstd level of bodies and blobs: 3 costs a tenth of the fsync it saves bytes for.
const ZSTD_LEVEL: i32 = 3;

pub(super) type Done = std::result::Result<(), super::Rollback>;

macro_rules! insert_rows {
    ($conn:expr, $table:expr, $rows:expr) => {{
        let rows = $rows;
        if !rows.is_empty() {
            match $conn {
                Conn::Sqlite(c) => {
                    for row in &rows {
                        diesel::insert_into($table).values(row).execute(c)?;
                    }
                }
                Conn::Postgres(c) => {
                    for some in rows.chunks(1000) {
                        diesel::insert_into($table).values(some).execute(c)?;
                    }
                }
            }
        }
    }};
}

/// Every (system, code) pair the plan's index rows need.
pub(super) fn symbols_of(plan: &Plan) -> Vec<(String, String)> {
    plan.operations
        .iter()
        .filter_map(|o| match o {
            Operation::Put(put) => Some(put.index.tokens.iter().map(|(_, system, code)| (system.clone(), code.clone()))),
            _ => None,
        })
        .flatten()
        .collect()
}

/// The numbers of (system, code) pairs that were not known.
pub(super) fn symbols(conn: &mut Conn, new: &[((String, String), i64)]) -> Done {
    for ((system, code), number) in new {
        diesel::insert_into(symbol::table).values((symbol::number.eq(number), symbol::system.eq(system), symbol::code.eq(code))).execute(conn)?;
    }
    Ok(())
}

pub(super) fn operations(conn: &mut Conn, all: &[Operation], symbols: &HashMap<(String, String), i64>, at: Written) -> Done {
    for one in all {
        match one {
            Operation::NewRecord { number, pseudonym } => {
                diesel::insert_into(record::table).values((record::number.eq(number), record::from_commit.eq(at.commit), record::pseudonym.eq(pseudonym))).execute(conn)?;
            }
            Operation::Put(p) => put(conn, p, symbols, at)?,
            Operation::NewDocument(d) => new_document(conn, d, at)?,
            Operation::ChangeDocument(c) => change::document(conn, c)?,
            Operation::Facts(f) => facts(conn, f, at)?,
            Operation::Text(t) => text(conn, t)?,
            Operation::AdoptBinary { id, from, record, document } => {
                diesel::update(directory::table.filter(directory::kind.eq("Binary")).filter(directory::id.eq(id)))
                    .set((directory::record.eq(record), directory::document.eq(document)))
                    .execute(conn)?;
                diesel::update(document::table.filter(document::number.eq(from))).set(document::deleted.eq(true)).execute(conn)?;
                diesel::delete(blob::table.filter(blob::record.eq(0)).filter(blob::document.eq(from))).execute(conn)?;
                diesel::delete(blob_rest::table.filter(blob_rest::record.eq(0)).filter(blob_rest::document.eq(from))).execute(conn)?;
            }
            Operation::Given { record, person, given } => given_set(conn, *record, person, given)?,
            Operation::SetOf { record, rid, documents } => insert_rows!(
                conn,
                set_document::table,
                documents.iter().map(|d| (set_document::record.eq(record), set_document::rid.eq(rid), set_document::document.eq(d))).collect::<Vec<_>>()
            ),
            Operation::Decide { record, rid, choices } => decide(conn, *record, *rid, choices)?,
            Operation::Erase { record } => erase(conn, *record)?,
            Operation::Job(job) => new_job(conn, job)?,
            Operation::JobDone { number } => {
                diesel::update(job::table.find(number)).set(job::state.eq("done")).execute(conn)?;
            }
            Operation::NoticeRead { person, at_us } => {
                diesel::delete(notice_read::table.find(person)).execute(conn)?;
                diesel::insert_into(notice_read::table).values((notice_read::person.eq(person), notice_read::at_us.eq(at_us))).execute(conn)?;
            }
            Operation::Edition { kind, text } => {
                diesel::insert_into(edition::table).values((edition::kind.eq(kind), edition::from_us.eq(at.at_us), edition::text.eq(text))).execute(conn)?;
            }
            Operation::EndFacts { record, document } => {
                diesel::update(fact_block::table.filter(fact_block::record.eq(record)).filter(fact_block::document.eq(document)))
                    .set(fact_block::until_commit.eq(at.commit))
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

fn put(conn: &mut Conn, p: &Put, symbols: &HashMap<(String, String), i64>, at: Written) -> Done {
    if p.number == 1 {
        diesel::insert_into(directory::table)
            .values((directory::kind.eq(&p.kind), directory::id.eq(&p.id), directory::record.eq(p.record), directory::rid.eq(p.rid), directory::document.eq(p.document)))
            .execute(conn)?;
    } else {
        end_previous(conn, p, at)?;
    }
    diesel::insert_into(version::table)
        .values((
            version::record.eq(p.record),
            version::kind.eq(&p.kind),
            version::rid.eq(p.rid),
            version::number.eq(p.number),
            version::id.eq(&p.id),
            version::document.eq(p.document),
            version::from_commit.eq(at.commit),
            version::until_commit.eq(OPEN),
            version::deleted.eq(p.deleted),
            version::at_us.eq(at.at_us),
            version::date_us.eq(if p.date_us == 0 { at.at_us } else { p.date_us }),
        ))
        .execute(conn)?;
    if !p.deleted {
        body_row(conn, p)?;
        index_rows(conn, p, symbols, at)?;
    }
    Ok(())
}

fn end_previous(conn: &mut Conn, p: &Put, at: Written) -> Done {
    diesel::update(version::table.filter(version::record.eq(p.record)).filter(version::kind.eq(&p.kind)).filter(version::rid.eq(p.rid)).filter(version::until_commit.eq(OPEN)))
        .set(version::until_commit.eq(at.commit))
        .execute(conn)?;
    macro_rules! end {
        ($table:ident) => {
            diesel::update($table::table.filter($table::record.eq(p.record)).filter($table::rid.eq(p.rid)).filter($table::until_commit.eq(OPEN)))
                .set($table::until_commit.eq(at.commit))
                .execute(conn)?
        };
    }
    end!(token_value);
    end!(date_value);
    end!(string_value);
    end!(reference_value);
    diesel::delete(identifier::table.filter(identifier::rid.eq(p.rid)).filter(identifier::kind.eq(&p.kind)).filter(identifier::record.eq(p.record))).execute(conn)?;
    Ok(())
}

fn body_row(conn: &mut Conn, p: &Put) -> Done {
    let cuts = if p.cuts.is_empty() { None } else { Some(serde_json::to_vec(&p.cuts).map_err(|e| bug(160, e))?) };
    let bytes = zstd::bulk::compress(&p.body, ZSTD_LEVEL).map_err(|e| bug(161, e))?;
    diesel::insert_into(body::table)
        .values((body::record.eq(p.record), body::rid.eq(p.rid), body::number.eq(p.number), body::stamp.eq(p.stamp), body::cuts.eq(cuts), body::bytes.eq(bytes)))
        .execute(conn)?;
    Ok(())
}

fn index_rows(conn: &mut Conn, p: &Put, symbols: &HashMap<(String, String), i64>, at: Written) -> Done {
    let mut tokens: Vec<(i16, i64)> = p.index.tokens.iter().filter_map(|(param, system, code)| symbols.get(&(system.clone(), code.clone())).map(|n| (*param, *n))).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut dates = p.index.dates.clone();
    dates.sort_unstable();
    dates.dedup_by_key(|d| (d.0, d.1));
    let mut strings = p.index.strings.clone();
    strings.sort_unstable();
    strings.dedup();
    let mut references = p.index.references.clone();
    references.sort_unstable();
    references.dedup();
    insert_rows!(
        conn,
        token_value::table,
        tokens
            .into_iter()
            .map(|(param, symbol)| (
                token_value::record.eq(p.record),
                token_value::param.eq(param),
                token_value::symbol.eq(symbol),
                token_value::rid.eq(p.rid),
                token_value::from_commit.eq(at.commit),
                token_value::until_commit.eq(OPEN)
            ))
            .collect::<Vec<_>>()
    );
    insert_rows!(
        conn,
        date_value::table,
        dates
            .into_iter()
            .map(|(param, low, high)| (
                date_value::record.eq(p.record),
                date_value::param.eq(param),
                date_value::low_us.eq(low),
                date_value::high_us.eq(high),
                date_value::rid.eq(p.rid),
                date_value::from_commit.eq(at.commit),
                date_value::until_commit.eq(OPEN)
            ))
            .collect::<Vec<_>>()
    );
    insert_rows!(
        conn,
        string_value::table,
        strings
            .into_iter()
            .map(|(param, value)| (
                string_value::record.eq(p.record),
                string_value::param.eq(param),
                string_value::value.eq(value),
                string_value::rid.eq(p.rid),
                string_value::from_commit.eq(at.commit),
                string_value::until_commit.eq(OPEN)
            ))
            .collect::<Vec<_>>()
    );
    insert_rows!(
        conn,
        reference_value::table,
        references
            .into_iter()
            .map(|(param, target)| (
                reference_value::record.eq(p.record),
                reference_value::param.eq(param),
                reference_value::target.eq(target),
                reference_value::rid.eq(p.rid),
                reference_value::from_commit.eq(at.commit),
                reference_value::until_commit.eq(OPEN)
            ))
            .collect::<Vec<_>>()
    );
    let mut identifiers: Vec<(&str, &str)> = p.identifiers.iter().map(|i| (i.value.as_str(), i.system.as_deref().unwrap_or(""))).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    insert_rows!(
        conn,
        identifier::table,
        identifiers
            .into_iter()
            .map(|(value, system)| (
                identifier::value.eq(value),
                identifier::system.eq(system),
                identifier::kind.eq(&p.kind),
                identifier::rid.eq(p.rid),
                identifier::record.eq(p.record)
            ))
            .collect::<Vec<_>>()
    );
    Ok(())
}

fn new_document(conn: &mut Conn, d: &NewDocument, at: Written) -> Done {
    diesel::insert_into(document::table)
        .values((
            (document::number.eq(d.number), document::record.eq(d.record), document::rid.eq(d.rid), document::chain.eq(d.chain)),
            (document::unique_value.eq(&d.unique.value), document::unique_system.eq(d.unique.system.as_deref().unwrap_or(""))),
            (document::sha256.eq(d.sha256.to_vec()), document::mime.eq(&d.mime)),
            (document::labels.eq(d.labels), document::superseded.eq(d.superseded)),
            (document::archived.eq(d.archived), document::deleted.eq(false), document::visible_from_us.eq(d.visible_from_us)),
            (document::from_commit.eq(at.commit), document::type_code.eq(&d.type_code), document::class_code.eq(&d.class_code)),
        ))
        .execute(conn)?;
    let mut behind: Vec<&String> = d.behind.iter().collect();
    behind.sort_unstable();
    behind.dedup();
    let author = |s: &String| (document_author::document.eq(d.number), document_author::structure.eq(s.clone()), document_author::record.eq(d.record));
    insert_rows!(conn, document_author::table, behind.into_iter().map(author).collect::<Vec<_>>());
    if !d.binary_id.is_empty() {
        diesel::insert_into(directory::table)
            .values((directory::kind.eq("Binary"), directory::id.eq(&d.binary_id), directory::record.eq(d.record), directory::rid.eq(0), directory::document.eq(d.number)))
            .execute(conn)?;
    }
    content(conn, d)
}

/// The bytes of a document, piece by piece: however large it is, little more than a piece is held besides it.
fn content(conn: &mut Conn, d: &NewDocument) -> Done {
    let (first, rest) = d.content.split_at(d.content.len().min(PIECE));
    let (codec, bytes) = packed(first)?;
    diesel::insert_into(blob::table).values((blob::record.eq(d.record), blob::document.eq(d.number), blob::codec.eq(codec), blob::bytes.eq(&*bytes))).execute(conn)?;
    for (part, piece) in (1i32..).zip(rest.chunks(PIECE)) {
        let (codec, bytes) = packed(piece)?;
        diesel::insert_into(blob_rest::table)
            .values((blob_rest::record.eq(d.record), blob_rest::document.eq(d.number), blob_rest::part.eq(part), blob_rest::codec.eq(codec), blob_rest::bytes.eq(&*bytes)))
            .execute(conn)?;
    }
    Ok(())
}

/// With its codec: 1 is zstd, 0 as it is.
fn packed(piece: &[u8]) -> Result<(i16, Cow<'_, [u8]>), super::Rollback> {
    let packed = zstd::bulk::compress(piece, ZSTD_LEVEL).map_err(|e| bug(162, e))?;
    Ok(if packed.len() < piece.len() { (1, Cow::Owned(packed)) } else { (0, Cow::Borrowed(piece)) })
}

fn given_set(conn: &mut Conn, record: i64, person: &str, set: &Given) -> Done {
    diesel::delete(given::table.find((record, person))).execute(conn)?;
    diesel::insert_into(given::table)
        .values((given::record.eq(record), given::person.eq(person), given::commit_number.eq(set.commit), given::at_us.eq(set.at_us), given::documents.eq(set.documents_bytes())))
        .execute(conn)?;
    Ok(())
}

fn decide(conn: &mut Conn, record: i64, rid: i64, choices: &[Choice]) -> Done {
    diesel::delete(choice::table.filter(choice::record.eq(record)).filter(choice::rid.eq(rid))).execute(conn)?;
    let mut rows: Vec<(&str, i16, i64)> = choices.iter().map(|c| (c.holder.as_str(), c.kind.number(), c.until_us)).collect();
    // Of the same thing said twice, what lasts longer holds.
    rows.sort_unstable_by(|a, b| (a.0, a.1, -a.2).cmp(&(b.0, b.1, -b.2)));
    rows.dedup_by_key(|r| (r.0, r.1));
    insert_rows!(
        conn,
        choice::table,
        rows.into_iter()
            .map(|(holder, kind, until)| (choice::record.eq(record), choice::holder.eq(holder), choice::kind.eq(kind), choice::rid.eq(rid), choice::until_us.eq(until)))
            .collect::<Vec<_>>()
    );
    Ok(())
}

/// Queues work unless the same was asked before.
fn new_job(conn: &mut Conn, new: &Job) -> Done {
    let known: bool = diesel::select(exists(job::table.filter(job::kind.eq(&new.kind)).filter(job::argument.eq(&new.argument)))).get_result(conn)?;
    if known {
        return Ok(());
    }
    let last: Option<i64> = job::table.select(max(job::number)).first(conn)?;
    diesel::insert_into(job::table)
        .values((job::number.eq(last.unwrap_or(0) + 1), job::kind.eq(&new.kind), job::state.eq("waiting"), job::due_us.eq(new.due_us), job::argument.eq(&new.argument)))
        .execute(conn)?;
    Ok(())
}

fn facts(conn: &mut Conn, f: &Facts, at: Written) -> Done {
    insert_rows!(
        conn,
        directory::table,
        f.ids
            .iter()
            .map(|(kind, id)| (
                directory::kind.eq(kind.as_str()),
                directory::id.eq(id.as_str()),
                directory::record.eq(f.record),
                directory::rid.eq(0i64),
                directory::document.eq(f.document)
            ))
            .collect::<Vec<_>>()
    );
    let bytes = zstd::bulk::compress(&f.block, ZSTD_LEVEL).map_err(|e| bug(163, e))?;
    diesel::insert_into(fact_block::table)
        .values((
            fact_block::record.eq(f.record),
            fact_block::document.eq(f.document),
            fact_block::mapping.eq(&f.mapping),
            fact_block::facts.eq(i32::try_from(f.ids.len()).unwrap_or(i32::MAX)),
            fact_block::from_commit.eq(at.commit),
            fact_block::until_commit.eq(OPEN),
            fact_block::bytes.eq(bytes),
        ))
        .execute(conn)?;
    Ok(())
}

fn text(conn: &mut Conn, t: &DocumentText) -> Done {
    let layers = zstd::bulk::compress(&t.layers, ZSTD_LEVEL).map_err(|e| bug(164, e))?;
    // Read later than it was stored: in the place of what was known before.
    diesel::delete(document_text::table.find((t.record, t.document))).execute(conn)?;
    diesel::insert_into(document_text::table)
        .values((document_text::record.eq(t.record), document_text::document.eq(t.document), document_text::words.eq(&t.words), document_text::layers.eq(layers)))
        .execute(conn)?;
    Ok(())
}

pub(super) fn receipt(conn: &mut Conn, receipt: Option<&(String, Vec<u8>)>, at: Written) -> Done {
    if let Some((key, answer)) = receipt {
        diesel::insert_into(super::super::schema::receipt::table)
            .values((super::super::schema::receipt::key.eq(key), super::super::schema::receipt::at_us.eq(at.at_us), super::super::schema::receipt::answer.eq(answer)))
            .execute(conn)?;
    }
    Ok(())
}

/// Writes the audit lines, each carrying the hash of the one before `(number, hash)`, the last of them sealed; returns the last number
/// and hash.
pub(super) fn audit(
    conn: &mut Conn,
    lines: &[AuditLine],
    (mut number, mut chain): (i64, String),
    at: Written,
    sealer: Option<&Sealer>,
) -> std::result::Result<(String, i64), super::Rollback> {
    for (index, one) in lines.iter().enumerate() {
        number += 1;
        // What its row says stands in the line as well: a row moved in time or out of sight shows.
        let mut line =
            format!("{{\"prev\":\"{chain}\",\"number\":{number},\"commit\":{},\"written_us\":{},\"record\":{},\"event\":{}}}", at.commit, at.at_us, one.record, one.line);
        if let Some(sealer) = sealer.filter(|_| index + 1 == lines.len()) {
            line = sealed(Trail::Writes, &line, sealer).ok_or_else(|| Fault::new(FaultKind::Busy, 971, "the trail cannot be sealed, so nothing is written; try again"))?;
        }
        chain = chained(&line);
        diesel::insert_into(audit_event::table)
            .values((
                audit_event::number.eq(number),
                audit_event::at_us.eq(at.at_us),
                audit_event::record.eq(one.record),
                audit_event::commit_number.eq(at.commit),
                audit_event::line.eq(line),
            ))
            .execute(conn)?;
    }
    Ok((chain, number))
}

fn bug(number: u16, cause: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Bug, number, "a resource could not be packed for storage").because(cause)
}
