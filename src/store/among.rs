//! `column IN (values)` and its negation, whose statement stays prepared.
//!
//! diesel's own prepares the statement at each call on SQLite, because lists may have any length; those of visibility are short and of few
//! lengths, and preparing them cost as much as running them. A longer list is prepared at each call, so that the statements kept are few.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{Bool, HasSqlType};

/// The longest list whose statement stays prepared, in values.
const SHORT: usize = 128;

/// Whether an expression is, or is not, one of some values.
#[derive(Debug, Clone)]
pub struct Among<E, T> {
    of: E,
    values: Vec<T>,
    not: bool,
}

/// One of these; of none nothing is.
pub fn among<E, T>(of: E, values: Vec<T>) -> Among<E, T> {
    Among { of, values, not: false }
}

/// None of these; everything is none of nothing.
pub fn none_of<E, T>(of: E, values: Vec<T>) -> Among<E, T> {
    Among { of, values, not: true }
}

impl<E: Expression, T> Expression for Among<E, T> {
    type SqlType = Bool;
}

impl<E: AppearsOnTable<Table>, T, Table> AppearsOnTable<Table> for Among<E, T> {}

impl<E: SelectableExpression<Table>, T, Table> SelectableExpression<Table> for Among<E, T> {}

impl<E: ValidGrouping<By>, T, By> ValidGrouping<By> for Among<E, T> {
    type IsAggregate = E::IsAggregate;
}

impl<E, T> QueryId for Among<E, T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<E, T, DB> QueryFragment<DB> for Among<E, T>
where
    DB: Backend + HasSqlType<E::SqlType>,
    E: Expression + QueryFragment<DB>,
    T: ToSql<E::SqlType, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.values.is_empty() {
            out.push_sql(if self.not { "1=1" } else { "1=0" });
            return Ok(());
        }
        if self.values.len() > SHORT {
            out.unsafe_to_cache_prepared();
        }
        self.of.walk_ast(out.reborrow())?;
        out.push_sql(if self.not { " NOT IN (" } else { " IN (" });
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            out.push_bind_param::<E::SqlType, T>(value)?;
        }
        out.push_sql(")");
        Ok(())
    }
}
