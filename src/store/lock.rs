//! One process writes a database. The lock lives as long as the writer.

use std::fs::File;

use diesel::prelude::*;

use super::conn::{Conn, DatabaseUrl, fault};
use crate::fhir::{Fault, FaultKind, Result};

/// Key of the advisory lock on PostgreSQL: ASCII of "passerel".
const ADVISORY_KEY: i64 = 0x7061_7373_6572_656c;
/// Number of the fault of a lock that another process holds.
const HELD: u16 = 106;

/// Held by the writer; on PostgreSQL the lock is the session's own.
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read: dropping it frees the lock")] Option<File>);

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    taken: bool,
}

/// Takes the lock.
///
/// # Errors
/// `RuleBroken` when another process holds it.
pub(super) fn take(conn: &mut Conn, url: &DatabaseUrl) -> Result<Lock> {
    let held = || Fault::new(FaultKind::RuleBroken, HELD, "another process writes this database; stop it first, or name another data folder");
    match (conn, url) {
        (Conn::Postgres(conn), _) => {
            let row: Taken = diesel::sql_query(format!("SELECT pg_try_advisory_lock({ADVISORY_KEY}) AS taken")).get_result(conn).map_err(fault)?;
            if row.taken { Ok(Lock(None)) } else { Err(held()) }
        }
        (_, DatabaseUrl::Sqlite(path)) => {
            let fail = |e: std::io::Error| Fault::new(FaultKind::Bug, 107, "the lock beside the database could not be made").because(e);
            let file = File::options().create(true).append(true).open(format!("{path}.lock")).map_err(fail)?;
            match file.try_lock() {
                Ok(()) => Ok(Lock(Some(file))),
                Err(std::fs::TryLockError::WouldBlock) => Err(held()),
                Err(std::fs::TryLockError::Error(e)) => Err(fail(e)),
            }
        }
        _ => Ok(Lock(None)),
    }
}

/// Whether some process holds the lock; it is not kept, and nothing is made.
///
/// # Errors
/// `Bug` or `Busy` when it cannot be seen.
pub(super) fn is_taken(conn: &mut Conn, url: &DatabaseUrl) -> Result<bool> {
    if let DatabaseUrl::Sqlite(path) = url
        && !std::path::Path::new(&format!("{path}.lock")).exists()
    {
        return Ok(false);
    }
    match take(conn, url) {
        Ok(_lock) => Ok(false),
        Err(error) if error.number == HELD => Ok(true),
        Err(error) => Err(error),
    }
}
