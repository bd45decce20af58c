//! One connection type over both databases, and the pragmas and settings each connection starts with.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, Pool, R2D2Connection};

use crate::fhir::{Fault, FaultKind};

/// A connection to whichever database `database.url` names.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The backend of [`Conn`], for boxed queries.
pub type Db = <Conn as Connection>::Backend;

/// Which database a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// Path of the database file.
    Sqlite(String),
    /// `postgres://…` as libpq reads it.
    Postgres(String),
}

impl DatabaseUrl {
    /// Parses `sqlite:PATH` or `postgres://…`.
    ///
    /// # Errors
    /// A text that names the two accepted forms.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(path.trim_start_matches("//").to_owned()).keep_absolute(url));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err("database.url must be sqlite:PATH or postgres://USER@HOST:PORT/NAME".to_owned())
    }

    /// `sqlite:///abs` and `sqlite:/abs` both mean the absolute path.
    fn keep_absolute(self, url: &str) -> Self {
        match self {
            Self::Sqlite(path) if url.starts_with("sqlite:/") && !path.starts_with('/') => Self::Sqlite(format!("/{path}")),
            other => other,
        }
    }

    /// Opens a connection ready for use.
    ///
    /// # Errors
    /// `Busy` when the database cannot be reached.
    pub fn open(&self) -> Result<Conn, Fault> {
        let fail = |cause: String| Fault::new(FaultKind::Busy, 101, "the database is not reachable; try again").because(cause);
        match self {
            Self::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(path).map_err(|e| fail(e.to_string()))?;
                for pragma in SQLITE_PRAGMAS {
                    conn.batch_execute(pragma).map_err(|e| fail(e.to_string()))?;
                }
                Ok(Conn::Sqlite(conn))
            }
            Self::Postgres(url) => {
                let mut conn = PgConnection::establish(url).map_err(|e| fail(e.to_string()))?;
                conn.batch_execute(POSTGRES_SETTINGS).map_err(|e| fail(e.to_string()))?;
                Ok(Conn::Postgres(conn))
            }
        }
    }
}

/// Each its own statement, on every connection. FULL: NORMAL loses acknowledged documents on power loss.
const SQLITE_PRAGMAS: &[&str] = &[
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -8000",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
];

const POSTGRES_SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '60s'; \
     SET synchronous_commit = on; SET client_min_messages = warning";

/// Makes connections for the pool of readers.
#[derive(Debug)]
pub struct Readers(pub DatabaseUrl);

impl ManageConnection for Readers {
    type Connection = Conn;
    type Error = Fault;

    fn connect(&self) -> Result<Conn, Fault> {
        self.0.open()
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), Fault> {
        conn.ping().map_err(|e| Fault::new(FaultKind::Busy, 102, "the database is not reachable; try again").because(e))
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_broken()
    }
}

/// The pool of readers.
pub type ReaderPool = Pool<Readers>;

/// Opens the pool: at most `size` connections, opened when first needed.
///
/// # Errors
/// `Busy` when no connection can be made.
pub fn pool(url: &DatabaseUrl, size: u32) -> Result<ReaderPool, Fault> {
    Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(1))
        .test_on_check_out(false)
        .connection_timeout(std::time::Duration::from_secs(5))
        .build(Readers(url.clone()))
        .map_err(|e| Fault::new(FaultKind::Busy, 103, "the database is not reachable; try again").because(e))
}

/// What the databases say when a statement waited too long, or when the server goes.
const BUSY: &[&str] = &["database is locked", "statement timeout", "lock timeout", "terminating connection"];

/// Turns a database error into a fault: what the caller may know, and the cause for the log.
pub fn fault(error: diesel::result::Error) -> Fault {
    use diesel::result::{DatabaseErrorKind as Kind, Error};
    match &error {
        Error::DatabaseError(Kind::UniqueViolation, _) => {
            Fault::new(FaultKind::WriteConflict, 110, "another request wrote the same thing at the same moment; send it again").because(error)
        }
        Error::DatabaseError(_, info) if BUSY.iter().any(|text| info.message().contains(text)) => {
            Fault::new(FaultKind::Busy, 113, "the database is busy; try again").because(error)
        }
        Error::DatabaseError(Kind::SerializationFailure | Kind::ReadOnlyTransaction | Kind::ClosedConnection, _) => {
            Fault::new(FaultKind::Busy, 111, "the database is busy; try again").because(error)
        }
        _ => Fault::new(FaultKind::Bug, 112, "the database refused a statement").because(error),
    }
}

/// Migrations of both databases, embedded.
pub mod migrations {
    use diesel_migrations::{EmbeddedMigrations, embed_migrations};

    /// For SQLite.
    pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
    /// For PostgreSQL.
    pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
}

/// Runs what is missing of the migrations; refuses a schema that is newer than this program.
///
/// # Errors
/// `Bug` with the cause when a migration fails, `RuleBroken` when the schema is newer.
pub fn migrate(conn: &mut Conn) -> Result<(), Fault> {
    use diesel_migrations::MigrationHarness;
    let fail = |e: Box<dyn std::error::Error + Send + Sync>| Fault::new(FaultKind::Bug, 120, "the schema could not be brought up to date").because(e);
    macro_rules! run {
        ($conn:expr, $backend:ty, $source:expr) => {{
            let known = diesel::migration::MigrationSource::<$backend>::migrations(&$source).map_err(fail)?.len();
            refuse_newer($conn.applied_migrations().map_err(fail)?.len(), known)?;
            $conn.run_pending_migrations($source).map_err(fail)?;
        }};
    }
    match conn {
        Conn::Sqlite(c) => run!(c, diesel::sqlite::Sqlite, migrations::SQLITE),
        Conn::Postgres(c) => run!(c, diesel::pg::Pg, migrations::POSTGRES),
    }
    Ok(())
}

/// Opens a database that is there and of this program's schema, changing nothing.
///
/// # Errors
/// `RuleBroken` when there is none, or when its schema is another one.
pub fn open_existing(url: &DatabaseUrl) -> Result<Conn, Fault> {
    use diesel_migrations::MigrationHarness;
    let none = || Fault::new(FaultKind::RuleBroken, 122, "there is no database of this version here; name the data folder of a server that was started once");
    if let DatabaseUrl::Sqlite(path) = url
        && !std::path::Path::new(path).is_file()
    {
        return Err(none());
    }
    let mut conn = url.open()?;
    let pending = match &mut conn {
        Conn::Sqlite(c) => c.has_pending_migration(migrations::SQLITE),
        Conn::Postgres(c) => c.has_pending_migration(migrations::POSTGRES),
    };
    if pending.map_err(|e| none().because(e))? { Err(none()) } else { Ok(conn) }
}

fn refuse_newer(applied: usize, known: usize) -> Result<(), Fault> {
    if applied > known {
        return Err(Fault::new(FaultKind::RuleBroken, 121, "the database was written by a newer version of this program; start that one, or restore a backup"));
    }
    Ok(())
}
