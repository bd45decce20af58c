//! The conditions of a search as SQL: which versions each one holds for.
//! Each asks one table of index rows for resources, apart from the query around it, so that it is read once and as a range.

use diesel::dsl::not;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text};

use super::{DatePrefix, DateTest, Look};
use crate::fhir::search::ParamType;
use crate::store::conn::Db;
use crate::store::schema::{date_value, document, document_text, reference_value, string_value, symbol, token_value, version};

type JoinedSource = diesel::dsl::InnerJoinQuerySource<version::table, document::table, diesel::dsl::Eq<document::number, version::document>>;
/// A condition on the versions searched.
pub(super) type Holds = Box<dyn BoxableExpression<JoinedSource, Db, SqlType = Bool>>;

define_sql_function! {
    /// The `length` characters of `text` from `start` (1 = the first); the same in both databases, whatever the collation.
    fn substr(text: Text, start: Integer, length: Integer) -> Text;
}
define_sql_function! {
    /// `text` with every `part` replaced; tells whether there is one without LIKE, whose case rules differ between the databases.
    fn replace(text: Text, part: Text, by: Text) -> Text;
}

/// Whether the resource has a row of the parameter, in the records searched and as it was at the commit, for which `$holds`.
macro_rules! has {
    ($table:ident, $look:expr, $param:expr, $holds:expr) => {
        Box::new(version::rid.eq_any(has!(rows $table, $look, $param).filter($holds).select($table::rid)))
    };
    (rows $table:ident, $look:expr, $param:expr) => {
        $table::table
            .filter($table::record.eq_any($look.records.clone()))
            .filter($table::param.eq($param))
            .filter($table::from_commit.le($look.at))
            .filter($table::until_commit.gt($look.at))
    };
}

/// Any of the alternatives; none of them holds nothing.
pub(super) fn either(alternatives: impl Iterator<Item = Holds>) -> Holds {
    alternatives.reduce(|any, one| Box::new(any.or(one))).unwrap_or_else(|| Box::new(version::rid.eq_any(Vec::<i64>::new())))
}

/// Any of the references.
pub(super) fn reference(look: &Look, param: i16, any: Vec<String>) -> Holds {
    has!(reference_value, look, param, reference_value::target.eq_any(any))
}

pub(super) fn token(look: &Look, param: i16, any: &[(Option<String>, String)], symbols: Vec<i64>, negated: bool) -> Holds {
    let systems: Vec<String> = any.iter().filter(|t| t.1.is_empty()).filter_map(|t| t.0.clone()).collect();
    let whole = symbol::table.filter(symbol::system.eq_any(systems.clone())).select(symbol::number);
    match (systems.is_empty(), negated) {
        (true, false) => has!(token_value, look, param, token_value::symbol.eq_any(symbols)),
        (true, true) => Box::new(not(has!(token_value, look, param, token_value::symbol.eq_any(symbols)))),
        (false, false) => has!(token_value, look, param, token_value::symbol.eq_any(symbols).or(token_value::symbol.eq_any(whole))),
        (false, true) => Box::new(not(has!(token_value, look, param, token_value::symbol.eq_any(symbols).or(token_value::symbol.eq_any(whole))))),
    }
}

pub(super) fn missing(look: &Look, param: i16, kind: ParamType, absent: bool) -> Holds {
    let there: Holds = match kind {
        ParamType::Token => has!(token_value, look, param, token_value::rid.ge(0)),
        ParamType::Date => has!(date_value, look, param, date_value::rid.ge(0)),
        ParamType::String => has!(string_value, look, param, string_value::rid.ge(0)),
        ParamType::Reference | ParamType::Uri => has!(reference_value, look, param, reference_value::rid.ge(0)),
    };
    if absent { Box::new(not(there)) } else { there }
}

/// Spec: FHIR R4 search#date.
pub(super) fn date(look: &Look, param: i16, test: &DateTest) -> Holds {
    let (low, high) = (test.low_us, test.high_us);
    match test.prefix {
        DatePrefix::Eq => has!(date_value, look, param, date_value::low_us.ge(low).and(date_value::high_us.le(high))),
        DatePrefix::Ne => has!(date_value, look, param, date_value::low_us.lt(low).or(date_value::high_us.gt(high))),
        DatePrefix::Gt => has!(date_value, look, param, date_value::high_us.gt(high)),
        DatePrefix::Lt => has!(date_value, look, param, date_value::low_us.lt(low)),
        DatePrefix::Ge => has!(date_value, look, param, date_value::high_us.ge(low)),
        DatePrefix::Le => has!(date_value, look, param, date_value::low_us.le(high)),
        DatePrefix::Sa => has!(date_value, look, param, date_value::low_us.gt(high)),
        DatePrefix::Eb => has!(date_value, look, param, date_value::high_us.lt(low)),
        DatePrefix::Ap => has!(date_value, look, param, date_value::high_us.ge(low).and(date_value::low_us.le(high))),
    }
}

pub(super) fn last_updated(test: &DateTest) -> Holds {
    let (low, high) = (test.low_us, test.high_us);
    match test.prefix {
        DatePrefix::Eq | DatePrefix::Ap => Box::new(version::at_us.between(low, high)),
        DatePrefix::Ne => Box::new(version::at_us.lt(low).or(version::at_us.gt(high))),
        DatePrefix::Gt | DatePrefix::Sa => Box::new(version::at_us.gt(high)),
        DatePrefix::Lt | DatePrefix::Eb => Box::new(version::at_us.lt(low)),
        DatePrefix::Ge => Box::new(version::at_us.ge(low)),
        DatePrefix::Le => Box::new(version::at_us.le(high)),
    }
}

pub(super) fn text(look: &Look, param: i16, part: &str, contains: bool) -> Holds {
    if contains {
        return has!(string_value, look, param, replace(string_value::value, part.to_owned(), "").ne(string_value::value));
    }
    let length = i32::try_from(part.chars().count()).unwrap_or(i32::MAX);
    has!(string_value, look, param, substr(string_value::value, 1, length).eq(part.to_owned()))
}

/// Every word begins one of the document's; no word holds nothing.
pub(super) fn content(look: &Look, words: &[String]) -> Holds {
    let one = |word: &String| -> Holds {
        let texts = document_text::table.filter(document_text::record.eq_any(look.records.clone()));
        let with = texts.filter(replace(document_text::words, format!(" {word}"), "").ne(document_text::words));
        Box::new(version::document.eq_any(with.select(document_text::document)))
    };
    words.iter().map(one).reduce(|all, one| Box::new(all.and(one))).unwrap_or_else(|| either(std::iter::empty()))
}
