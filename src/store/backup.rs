//! Online backup: a consistent copy of the database while it serves, verified before it counts.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::conn::DatabaseUrl;
use crate::fhir::{Fault, FaultKind, Result};

#[derive(QueryableByName)]
struct Check {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

/// Copies the database into `path`, which must not exist.
pub(super) fn backup(url: &DatabaseUrl, path: &Path) -> Result<()> {
    let DatabaseUrl::Sqlite(from) = url else {
        return Err(Fault::new(FaultKind::RuleBroken, 180, "this database is PostgreSQL: back it up with pg_basebackup or pg_dump"));
    };
    if path.exists() {
        return Err(Fault::new(FaultKind::RuleBroken, 181, "the backup file exists already; name another"));
    }
    let fail = |e: String| Fault::new(FaultKind::Bug, 182, "the backup could not be written").because(e);
    let mut conn = SqliteConnection::establish(from).map_err(|e| fail(e.to_string()))?;
    let quoted = path.display().to_string().replace('\'', "''");
    conn.batch_execute(&format!("VACUUM INTO '{quoted}'")).map_err(|e| fail(e.to_string()))?;
    verify(path)
}

/// Checks a backup: the file is whole, and every page and index agrees.
///
/// # Errors
/// `Bug` when it is damaged.
pub fn verify(path: &Path) -> Result<()> {
    let fail = |e: String| Fault::new(FaultKind::Bug, 183, "the backup is damaged").because(e);
    let mut conn = SqliteConnection::establish(&path.display().to_string()).map_err(|e| fail(e.to_string()))?;
    let rows: Vec<Check> = diesel::sql_query("PRAGMA integrity_check").load(&mut conn).map_err(|e| fail(e.to_string()))?;
    match rows.first() {
        Some(row) if row.integrity_check == "ok" => Ok(()),
        _ => Err(Fault::new(FaultKind::Bug, 184, "the backup is damaged")),
    }
}
