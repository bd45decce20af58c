//! What the database holds, counted: for the benchmark and the operator.

use diesel::prelude::*;

use super::Store;
use super::conn::{Conn, fault};
use super::schema::{date_value, directory, identifier, reference_value, string_value, token_value, version};
use crate::fhir::Result;

/// Rows and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// Current and past versions, and the resources derived from documents.
    pub resources: i64,
    /// Rows of the four index tables and of the identifiers.
    pub index_rows: i64,
    /// Bytes of the same tables on disk; 0 where the database does not tell.
    pub index_bytes: i64,
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    bytes: i64,
}

const INDEX_TABLES: &str = "'token_value','date_value','string_value','reference_value','identifier'";

impl Store {
    /// Counts. Slow on a large database: every index row is visited.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn footprint(&self) -> Result<Footprint> {
        let mut conn = self.url.open()?;
        let conn = &mut conn;
        let mut index_rows = 0i64;
        macro_rules! count {
            ($($table:ident)*) => { $(index_rows += $table::table.count().get_result::<i64>(conn).map_err(fault)?;)* };
        }
        count!(token_value date_value string_value reference_value identifier);
        let versions: i64 = version::table.count().get_result(conn).map_err(fault)?;
        let derived: i64 = directory::table.filter(directory::rid.eq(0)).filter(directory::kind.ne("Binary")).count().get_result(conn).map_err(fault)?;
        Ok(Footprint { resources: versions + derived, index_rows, index_bytes: index_bytes(conn)? })
    }
}

fn index_bytes(conn: &mut Conn) -> Result<i64> {
    let size: Size = match conn {
        Conn::Sqlite(c) => diesel::sql_query(format!("SELECT COALESCE(SUM(pgsize), 0) AS bytes FROM dbstat WHERE name IN ({INDEX_TABLES})")).get_result(c).map_err(fault)?,
        Conn::Postgres(c) => {
            diesel::sql_query(format!("SELECT COALESCE(SUM(pg_total_relation_size(oid)), 0)::bigint AS bytes FROM pg_class WHERE relkind = 'r' AND relname IN ({INDEX_TABLES})"))
                .get_result(c)
                .map_err(fault)?
        }
    };
    Ok(size.bytes)
}
