//! The search over index rows: one boxed query per page, with the visibility condition inside, keyset paging and totals.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::conn::{Db, fault};
use super::read::{Reader, VersionRow};
use super::schema::{date_value, document, identifier, reference_value, string_value, symbol, token_value, version};
use super::visible::visible;
use crate::fhir::{Identifier, Result};

/// What to look for. All conditions hold together; the values inside one are alternatives.
#[derive(Debug, Clone)]
pub struct Query {
    pub kind: String,
    /// The record searched; `None` only with a condition that is found without it.
    pub record: Option<i64>,
    pub conditions: Vec<Condition>,
    pub sort: Sort,
    /// Entries of a page, ≤ 500; 0 = only the total.
    pub count: i64,
    /// Where the page before ended.
    pub after: Option<PageKey>,
    /// The commit to look at; later ones are not seen.
    pub commit: i64,
}

/// One condition. Parameters by their number in the registry.
#[derive(Debug, Clone)]
pub enum Condition {
    /// (system, code) pairs: no system = any, empty system = none.
    Token {
        param: i16,
        any: Vec<(Option<String>, String)>,
        negated: bool,
    },
    /// The resource's range overlaps, or lies in, as the prefix says; [low, high] µs.
    Date {
        param: i16,
        any: Vec<DateTest>,
    },
    /// Folded prefixes.
    Text {
        param: i16,
        any: Vec<String>,
    },
    Reference {
        param: i16,
        any: Vec<String>,
    },
    Identifier {
        any: Vec<Identifier>,
    },
    Ids {
        any: Vec<String>,
    },
    LastUpdated {
        any: Vec<DateTest>,
    },
}

/// A date comparison: the range of the stored value against that of the search value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTest {
    pub prefix: DatePrefix,
    pub low_us: i64,
    pub high_us: i64,
}

/// Spec: FHIR R4 search#prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePrefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
}

/// Order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// By the resource's own date, newest first.
    DateDown,
    DateUp,
    LastUpdatedDown,
    LastUpdatedUp,
}

/// The last entry of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PageKey {
    pub key_us: i64,
    pub rid: i64,
}

/// One page.
#[derive(Debug)]
pub struct Page {
    pub total: i64,
    pub rows: Vec<VersionRow>,
    /// Set when more follow.
    pub next: Option<PageKey>,
}

type Joined = diesel::dsl::InnerJoinOn<version::table, document::table, diesel::dsl::Eq<document::number, version::document>>;
type Boxed<'a> = diesel::dsl::IntoBoxed<'a, Joined, Db>;

impl Reader<'_> {
    /// Runs the query.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn search(&mut self, query: &Query) -> Result<Page> {
        let total = self.filtered(query)?.count().get_result(self.conn).map_err(fault)?;
        if query.count == 0 {
            return Ok(Page { total, rows: Vec::new(), next: None });
        }
        let ordered = after(order(self.filtered(query)?, query.sort), query);
        let mut rows: Vec<VersionRow> = ordered.select(VersionRow::as_select()).limit(query.count + 1).load(self.conn).map_err(fault)?;
        let more = i64::try_from(rows.len()).unwrap_or(0) > query.count;
        rows.truncate(usize::try_from(query.count).unwrap_or(0));
        let next = rows.last().filter(|_| more).map(|row| PageKey { key_us: sort_key(row, query.sort), rid: row.rid });
        Ok(Page { total, rows, next })
    }

    fn filtered(&mut self, query: &Query) -> Result<Boxed<'static>> {
        let v = self.visibility.clone();
        let at = query.commit;
        let mut q: Boxed<'static> = version::table
            .inner_join(document::table.on(document::number.eq(version::document)))
            .into_boxed::<Db>()
            .filter(version::kind.eq(query.kind.clone()))
            .filter(version::from_commit.le(at))
            .filter(version::until_commit.gt(at))
            .filter(version::deleted.eq(false))
            .filter(visible!(v));
        if let Some(record) = query.record {
            q = q.filter(version::record.eq(record));
        }
        for condition in &query.conditions {
            q = self.condition(q, condition, at)?;
        }
        Ok(q)
    }

    fn condition(&mut self, q: Boxed<'static>, condition: &Condition, at: i64) -> Result<Boxed<'static>> {
        Ok(match condition {
            Condition::Token { param, any, negated } => {
                let symbols = self.symbols(any)?;
                let rows = token_value::table
                    .filter(token_value::record.eq(version::record))
                    .filter(token_value::rid.eq(version::rid))
                    .filter(token_value::param.eq(*param))
                    .filter(token_value::symbol.eq_any(symbols))
                    .filter(token_value::from_commit.le(at))
                    .filter(token_value::until_commit.gt(at));
                if *negated { q.filter(diesel::dsl::not(exists(rows))) } else { q.filter(exists(rows)) }
            }
            Condition::Date { param, any } => date(q, *param, any, at),
            Condition::Text { param, any } => text(q, *param, any, at),
            Condition::Reference { param, any } => q.filter(exists(
                reference_value::table
                    .filter(reference_value::record.eq(version::record))
                    .filter(reference_value::rid.eq(version::rid))
                    .filter(reference_value::param.eq(*param))
                    .filter(reference_value::target.eq_any(any.clone()))
                    .filter(reference_value::from_commit.le(at))
                    .filter(reference_value::until_commit.gt(at)),
            )),
            Condition::Identifier { any } => identifiers(q, any),
            Condition::Ids { any } => q.filter(version::id.eq_any(any.clone())),
            Condition::LastUpdated { any } => last_updated(q, any),
        })
    }

    fn symbols(&mut self, any: &[(Option<String>, String)]) -> Result<Vec<i64>> {
        let mut out = Vec::new();
        for (system, code) in any {
            let mut q = symbol::table.select(symbol::number).into_boxed::<Db>();
            if !code.is_empty() {
                q = q.filter(symbol::code.eq(code));
            }
            if let Some(system) = system {
                q = q.filter(symbol::system.eq(system));
            }
            out.extend(q.limit(1000).load::<i64>(self.conn).map_err(fault)?);
        }
        Ok(out)
    }
}

fn date(mut q: Boxed<'static>, param: i16, any: &[DateTest], at: i64) -> Boxed<'static> {
    let base = || {
        date_value::table
            .filter(date_value::record.eq(version::record))
            .filter(date_value::rid.eq(version::rid))
            .filter(date_value::param.eq(param))
            .filter(date_value::from_commit.le(at))
            .filter(date_value::until_commit.gt(at))
    };
    // Several values of one parameter are rare and joined here as alternatives of the widest reading.
    if let [one] = any {
        let (low, high) = (one.low_us, one.high_us);
        q = match one.prefix {
            DatePrefix::Eq => q.filter(exists(base().filter(date_value::low_us.ge(low)).filter(date_value::high_us.le(high)))),
            DatePrefix::Ne => q.filter(exists(base().filter(date_value::low_us.lt(low).or(date_value::high_us.gt(high))))),
            DatePrefix::Gt => q.filter(exists(base().filter(date_value::high_us.gt(high)))),
            DatePrefix::Lt => q.filter(exists(base().filter(date_value::low_us.lt(low)))),
            DatePrefix::Ge => q.filter(exists(base().filter(date_value::high_us.ge(low)))),
            DatePrefix::Le => q.filter(exists(base().filter(date_value::low_us.le(high)))),
            DatePrefix::Sa => q.filter(exists(base().filter(date_value::low_us.gt(high)))),
            DatePrefix::Eb => q.filter(exists(base().filter(date_value::high_us.lt(low)))),
        };
        return q;
    }
    let low = any.iter().map(|t| t.low_us).min().unwrap_or(0);
    let high = any.iter().map(|t| t.high_us).max().unwrap_or(0);
    q.filter(exists(base().filter(date_value::low_us.ge(low)).filter(date_value::high_us.le(high))))
}

fn last_updated(mut q: Boxed<'static>, any: &[DateTest]) -> Boxed<'static> {
    for one in any {
        q = match one.prefix {
            DatePrefix::Eq => q.filter(version::at_us.between(one.low_us, one.high_us)),
            DatePrefix::Ne => q.filter(diesel::dsl::not(version::at_us.between(one.low_us, one.high_us))),
            DatePrefix::Gt | DatePrefix::Sa => q.filter(version::at_us.gt(one.high_us)),
            DatePrefix::Lt | DatePrefix::Eb => q.filter(version::at_us.lt(one.low_us)),
            DatePrefix::Ge => q.filter(version::at_us.ge(one.low_us)),
            DatePrefix::Le => q.filter(version::at_us.le(one.high_us)),
        };
    }
    q
}

/// Prefix match without LIKE, whose case rules differ: value ≥ prefix and < prefix + the highest character.
fn text(q: Boxed<'static>, param: i16, any: &[String], at: i64) -> Boxed<'static> {
    let base = |prefix: &String| {
        string_value::table
            .filter(string_value::record.eq(version::record))
            .filter(string_value::rid.eq(version::rid))
            .filter(string_value::param.eq(param))
            .filter(string_value::from_commit.le(at))
            .filter(string_value::until_commit.gt(at))
            .filter(string_value::value.ge(prefix.clone()))
            .filter(string_value::value.lt(format!("{prefix}\u{10FFFD}")))
    };
    match any {
        [] => q,
        [one] => q.filter(exists(base(one))),
        [one, two] => q.filter(exists(base(one)).or(exists(base(two)))),
        [one, two, three, ..] => q.filter(exists(base(one)).or(exists(base(two))).or(exists(base(three)))),
    }
}

fn identifiers(q: Boxed<'static>, any: &[Identifier]) -> Boxed<'static> {
    let values: Vec<String> = any.iter().map(|i| i.value.clone()).collect();
    let systems: Vec<String> = any.iter().filter_map(|i| i.system.clone()).collect();
    let rows = identifier::table
        .filter(identifier::rid.eq(version::rid))
        .filter(identifier::kind.eq(version::kind))
        .filter(identifier::record.eq(version::record))
        .filter(identifier::value.eq_any(values));
    if systems.is_empty() { q.filter(exists(rows)) } else { q.filter(exists(rows.filter(identifier::system.eq_any(systems)))) }
}

fn order(q: Boxed<'static>, sort: Sort) -> Boxed<'static> {
    match sort {
        Sort::DateDown => q.order((version::date_us.desc(), version::rid.desc())),
        Sort::DateUp => q.order((version::date_us.asc(), version::rid.asc())),
        Sort::LastUpdatedDown => q.order((version::at_us.desc(), version::rid.desc())),
        Sort::LastUpdatedUp => q.order((version::at_us.asc(), version::rid.asc())),
    }
}

fn after(q: Boxed<'static>, query: &Query) -> Boxed<'static> {
    let Some(PageKey { key_us, rid }) = query.after else { return q };
    match query.sort {
        Sort::DateDown => q.filter(version::date_us.lt(key_us).or(version::date_us.eq(key_us).and(version::rid.lt(rid)))),
        Sort::DateUp => q.filter(version::date_us.gt(key_us).or(version::date_us.eq(key_us).and(version::rid.gt(rid)))),
        Sort::LastUpdatedDown => q.filter(version::at_us.lt(key_us).or(version::at_us.eq(key_us).and(version::rid.lt(rid)))),
        Sort::LastUpdatedUp => q.filter(version::at_us.gt(key_us).or(version::at_us.eq(key_us).and(version::rid.gt(rid)))),
    }
}

fn sort_key(row: &VersionRow, sort: Sort) -> i64 {
    match sort {
        Sort::DateDown | Sort::DateUp => row.date_us,
        Sort::LastUpdatedDown | Sort::LastUpdatedUp => row.at_us,
    }
}
