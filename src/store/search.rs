//! The search over index rows: one boxed query per page, with the visibility condition inside, keyset paging and totals.

mod holds;

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::among::none_of;
use super::conn::{Db, fault};
use super::read::{Reader, VersionRow};
use super::schema::{directory, document, identifier, symbol, version};
use super::visible::visible;
use crate::access::Sight;
use crate::fhir::search::ParamType;
use crate::fhir::{Fault, FaultKind, Identifier, Result};

/// What to look for. All conditions hold together; the values inside one are alternatives.
#[derive(Debug, Clone)]
pub struct Query {
    pub kind: String,
    /// The record searched; `None` only with `Records`, `Identifier` or `Ids`, which say where to look.
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
    /// (system, code) pairs: no system = any, empty system = none, empty code = any.
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
    /// Folded beginnings, or folded parts with `contains`; none of them empty.
    Text {
        param: i16,
        any: Vec<String>,
        contains: bool,
    },
    Reference {
        param: i16,
        any: Vec<String>,
    },
    /// Several records searched at once.
    Records {
        any: Vec<i64>,
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
    /// Folded words of the document: all of one list, of any of the lists; a word is found by its beginning.
    Content {
        any: Vec<Vec<String>>,
    },
    /// Whether there is no value at all.
    Missing {
        param: i16,
        kind: ParamType,
        missing: bool,
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
    /// The ranges overlap.
    Ap,
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

/// Symbols or identified resources that one condition may stand for; more are refused, never dropped.
const MAX_FOUND: usize = 1000;

type Joined = diesel::dsl::InnerJoinOn<version::table, document::table, diesel::dsl::Eq<document::number, version::document>>;
type Boxed<'a> = diesel::dsl::IntoBoxed<'a, Joined, Db>;
/// A query after its identifiers, ids and codes have been looked up.
struct Look {
    records: Vec<i64>,
    sight: Sight,
    /// SubmissionSets of which nothing is seen.
    hidden: Vec<i64>,
    /// Resources that the identifiers and ids leave, when there are such conditions.
    rids: Option<BTreeSet<i64>>,
    /// Symbols of each token condition, in order.
    symbols: Vec<Vec<i64>>,
    at: i64,
}

impl Reader<'_> {
    /// Runs the query.
    ///
    /// # Errors
    /// `TooCostly` when an identifier or a code stands for too many, `Bug` or `Busy` from the database.
    pub fn search(&mut self, query: &Query) -> Result<Page> {
        let look = self.look_up(query)?;
        let total = self.filtered(query, &look).count().get_result(self.conn).map_err(fault)?;
        if query.count == 0 || total == 0 {
            return Ok(Page { total, rows: Vec::new(), next: None });
        }
        let ordered = after(order(self.filtered(query, &look), query.sort), query);
        let mut rows: Vec<VersionRow> = ordered.select(VersionRow::as_select()).limit(query.count + 1).load(self.conn).map_err(fault)?;
        let more = i64::try_from(rows.len()).unwrap_or(0) > query.count;
        rows.truncate(usize::try_from(query.count).unwrap_or(0));
        let next = rows.last().filter(|_| more).map(|row| PageKey { key_us: sort_key(row, query.sort), rid: row.rid });
        Ok(Page { total, rows, next })
    }

    /// Looks up what stands for what: the record first, so that every later read is a range of it.
    fn look_up(&mut self, query: &Query) -> Result<Look> {
        let mut found: Option<BTreeSet<(i64, i64)>> = None;
        let mut symbols = Vec::new();
        for condition in &query.conditions {
            let one: BTreeSet<(i64, i64)> = match condition {
                Condition::Ids { any } => self.of_ids(&query.kind, any)?,
                Condition::Identifier { any } => self.of_identifiers(query, any)?,
                Condition::Token { any, .. } => {
                    symbols.push(self.symbols(any)?);
                    continue;
                }
                _ => continue,
            };
            found = Some(found.map_or_else(|| one.clone(), |before| before.intersection(&one).copied().collect()));
        }
        let named = query.conditions.iter().find_map(|c| if let Condition::Records { any } = c { Some(any.clone()) } else { None });
        let records = match (query.record, named, &found) {
            (Some(record), ..) => vec![record],
            (None, Some(any), _) => any,
            (None, None, Some(found)) => found.iter().map(|f| f.0).collect::<BTreeSet<_>>().into_iter().collect(),
            (None, None, None) => Vec::new(),
        };
        let sight = self.sight(&records)?;
        let hidden = if query.kind == "List" { self.hidden_sets(&records, &sight)? } else { Vec::new() };
        Ok(Look { records, sight, hidden, rids: found.map(|f| f.into_iter().map(|f| f.1).collect()), symbols, at: query.commit })
    }

    fn of_ids(&mut self, kind: &str, any: &[String]) -> Result<BTreeSet<(i64, i64)>> {
        let rows = directory::table.filter(directory::kind.eq(kind)).filter(directory::id.eq_any(any)).select((directory::record, directory::rid));
        Ok(rows.load::<(i64, i64)>(self.conn).map_err(fault)?.into_iter().collect())
    }

    fn of_identifiers(&mut self, query: &Query, any: &[Identifier]) -> Result<BTreeSet<(i64, i64)>> {
        let mut out = BTreeSet::new();
        for one in any {
            let mut q = identifier::table
                .filter(identifier::value.eq(&one.value))
                .filter(identifier::kind.eq(&query.kind))
                .select((identifier::record, identifier::rid))
                .limit(limit())
                .into_boxed::<Db>();
            if let Some(system) = &one.system {
                q = q.filter(identifier::system.eq(system));
            }
            if let Some(record) = query.record {
                q = q.filter(identifier::record.eq(record));
            }
            let found = q.load::<(i64, i64)>(self.conn).map_err(fault)?;
            few(found.len())?;
            out.extend(found);
        }
        Ok(out)
    }

    /// Symbols of the pairs that name a code; whole systems are joined instead.
    fn symbols(&mut self, any: &[(Option<String>, String)]) -> Result<Vec<i64>> {
        let mut out = Vec::new();
        for (system, code) in any.iter().filter(|t| !t.1.is_empty()) {
            let mut q = symbol::table.filter(symbol::code.eq(code)).select(symbol::number).into_boxed::<Db>();
            if let Some(system) = system {
                q = q.filter(symbol::system.eq(system));
            }
            let found = q.limit(limit()).load::<i64>(self.conn).map_err(fault)?;
            few(found.len())?;
            out.extend(found);
        }
        Ok(out)
    }

    fn filtered(&self, query: &Query, look: &Look) -> Boxed<'static> {
        let v = self.visibility.clone();
        let closed: Vec<i64> = look.records.iter().copied().filter(|r| !look.sight.holds(*r)).collect();
        let mut q: Boxed<'static> = version::table
            .inner_join(document::table.on(document::number.eq(version::document)))
            .into_boxed::<Db>()
            .filter(version::kind.eq(query.kind.clone()))
            .filter(version::from_commit.le(look.at))
            .filter(version::until_commit.gt(look.at))
            .filter(version::deleted.eq(false))
            .filter(version::document.ne(0).or(version::record.ne_all(closed)))
            .filter(visible!(v, look.sight, version::kind))
            .filter(none_of(version::rid, look.hidden.clone()));
        q = match look.records.as_slice() {
            [one] => q.filter(version::record.eq(*one)),
            several => q.filter(version::record.eq_any(several.to_vec())),
        };
        if let Some(rids) = &look.rids {
            q = q.filter(version::rid.eq_any(rids.iter().copied().collect::<Vec<_>>()));
        }
        let mut symbols = look.symbols.iter();
        for condition in &query.conditions {
            let holds = match condition {
                Condition::Token { param, any, negated } => holds::token(look, *param, any, symbols.next().cloned().unwrap_or_default(), *negated),
                Condition::Date { param, any } => holds::either(any.iter().map(|t| holds::date(look, *param, t))),
                Condition::Text { param, any, contains } => holds::either(any.iter().map(|t| holds::text(look, *param, t, *contains))),
                Condition::Reference { param, any } => holds::reference(look, *param, any.clone()),
                Condition::LastUpdated { any } => holds::either(any.iter().map(holds::last_updated)),
                Condition::Content { any } => holds::either(any.iter().map(|words| holds::content(look, words))),
                Condition::Missing { param, kind, missing } => holds::missing(look, *param, *kind, *missing),
                Condition::Records { .. } | Condition::Identifier { .. } | Condition::Ids { .. } => continue,
            };
            q = q.filter(holds);
        }
        q
    }
}

fn limit() -> i64 {
    i64::try_from(MAX_FOUND + 1).unwrap_or(i64::MAX)
}

fn few(found: usize) -> Result<()> {
    if found > MAX_FOUND {
        return Err(Fault::new(FaultKind::TooCostly, 175, "a value of the search stands for too many codes or resources; give its system, or the patient"));
    }
    Ok(())
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
