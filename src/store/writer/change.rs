//! Changes of a document's row. Who may see it at all, and from when its patient does, holds for its whole replacement chain.

use diesel::prelude::*;

use super::super::conn::Conn;
use super::super::plan::ChangeDocument;
use super::super::schema::document;
use super::apply::Done;
use crate::access::labels;

pub(super) fn document(conn: &mut Conn, c: &ChangeDocument) -> Done {
    let one = document::table.filter(document::number.eq(c.number));
    if let Some(superseded) = c.superseded {
        diesel::update(one).set(document::superseded.eq(superseded)).execute(conn)?;
    }
    if let Some(archived) = c.archived {
        diesel::update(one).set(document::archived.eq(archived)).execute(conn)?;
    }
    if let Some(deleted) = c.deleted {
        diesel::update(one).set(document::deleted.eq(deleted)).execute(conn)?;
    }
    if let Some(set) = c.labels {
        label_chain(conn, c.number, set)?;
    }
    if let Some(at_us) = c.visible_from_us {
        hide_chain(conn, c.number, at_us)?;
    }
    Ok(())
}

/// The level (N, R, V) is the document's own.
fn label_chain(conn: &mut Conn, number: i64, set: i32) -> Done {
    let chain = chain_of(conn, number)?;
    let all: Vec<(i64, i32)> = document::table.filter(document::chain.eq(chain)).select((document::number, document::labels)).load(conn)?;
    for (other, labels) in all {
        let level = if other == number { set } else { labels } & !labels::VISIBILITY;
        let new = level | (set & labels::VISIBILITY);
        diesel::update(document::table.filter(document::number.eq(other))).set(document::labels.eq(new)).execute(conn)?;
    }
    Ok(())
}

/// The moment never moves back: what was once kept from its patient is shown when it was first to be, whoever replaces it and however
/// often its label goes and comes.
fn hide_chain(conn: &mut Conn, number: i64, at_us: i64) -> Done {
    let chain = chain_of(conn, number)?;
    let earlier = document::table.filter(document::chain.eq(chain)).filter(document::visible_from_us.gt(0)).filter(document::visible_from_us.lt(at_us));
    let earliest: Option<i64> = earlier.select(diesel::dsl::min(document::visible_from_us)).first(conn)?;
    diesel::update(document::table.filter(document::chain.eq(chain))).set(document::visible_from_us.eq(earliest.unwrap_or(at_us))).execute(conn)?;
    Ok(())
}

fn chain_of(conn: &mut Conn, number: i64) -> QueryResult<i64> {
    document::table.filter(document::number.eq(number)).select(document::chain).first(conn)
}
