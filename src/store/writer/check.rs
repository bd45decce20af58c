//! Preconditions, re-checked by index probe at the moment of writing.

use diesel::IntoSql;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::super::among::among;
use super::super::conn::{Conn, fault};
use super::super::plan::Precondition;
use super::super::schema::{directory, document, identifier, version};
use super::super::visible::visible;
use super::apply::OPEN;
use crate::fhir::{Fault, FaultKind, Result};

pub(super) fn preconditions(conn: &mut Conn, all: &[Precondition]) -> Result<()> {
    all.iter().try_for_each(|one| check(conn, one))
}

fn check(conn: &mut Conn, one: &Precondition) -> Result<()> {
    match one {
        Precondition::IdUnused { kind, id } => {
            let taken = diesel::select(exists(directory::table.find((kind, id)))).get_result(conn).map_err(fault)?;
            refuse(taken, 150, "the id is in use")
        }
        Precondition::VersionIs { kind, id, number } => {
            let current: Option<i64> = directory::table
                .inner_join(version::table.on(version::rid.eq(directory::rid).and(version::record.eq(directory::record)).and(version::kind.eq(directory::kind))))
                .filter(directory::kind.eq(kind))
                .filter(directory::id.eq(id))
                .select(version::number)
                .order(version::number.desc())
                .first(conn)
                .optional()
                .map_err(fault)?;
            refuse(current != Some(*number), 151, "the resource changed meanwhile")
        }
        Precondition::Alive { kind, id } => {
            let alive = diesel::select(exists(
                directory::table
                    .inner_join(version::table.on(version::rid.eq(directory::rid).and(version::record.eq(directory::record)).and(version::kind.eq(directory::kind))))
                    .filter(directory::kind.eq(kind))
                    .filter(directory::id.eq(id))
                    .filter(version::until_commit.eq(OPEN))
                    .filter(version::deleted.eq(false)),
            ));
            let alive: bool = alive.get_result(conn).map_err(fault)?;
            refuse(!alive, 154, "the patient was deleted meanwhile")
        }
        Precondition::RecordEmpty { record, but } => {
            let of_record = version::table.filter(version::record.eq(record)).filter(version::rid.ne(but));
            let holds = diesel::select(exists(of_record.filter(version::until_commit.eq(OPEN)).filter(version::deleted.eq(false)))).get_result(conn).map_err(fault)?;
            refuse(holds, 155, "the patient's record received something meanwhile")
        }
        Precondition::Waiting { document: number } => {
            let waits: bool = diesel::select(exists(document::table.filter(document::number.eq(number)).filter(document::deleted.eq(false)))).get_result(conn).map_err(fault)?;
            refuse(!waits, 156, "another DocumentReference took the Binary meanwhile")
        }
        Precondition::IdentifierUnused { kind, identifier: wanted, but } => {
            let taken = diesel::select(exists(
                identifier::table
                    .filter(identifier::value.eq(&wanted.value))
                    .filter(identifier::system.eq(wanted.system.as_deref().unwrap_or("")))
                    .filter(identifier::kind.eq(kind))
                    .filter(identifier::rid.ne(but.unwrap_or(-1))),
            ))
            .get_result(conn)
            .map_err(fault)?;
            refuse(taken, 152, "another request registered the same identifier meanwhile")
        }
        Precondition::IdentifierUnseen { kind, identifier: wanted, visibility, sight } => {
            let whole = version::record.eq(0).or(sight.everywhere.into_sql::<Bool>()).or(among(version::record, sight.whole.clone()));
            let taken = diesel::select(exists(
                identifier::table
                    .inner_join(version::table.on(version::rid.eq(identifier::rid).and(version::record.eq(identifier::record)).and(version::kind.eq(identifier::kind))))
                    .inner_join(document::table.on(document::number.eq(version::document)))
                    .filter(identifier::value.eq(&wanted.value))
                    .filter(identifier::system.eq(wanted.system.as_deref().unwrap_or("")))
                    .filter(identifier::kind.eq(kind))
                    .filter(version::until_commit.eq(OPEN))
                    .filter(version::deleted.eq(false))
                    .filter(version::document.ne(0).or(whole))
                    .filter(visible!(visibility, sight, version::kind)),
            ))
            .get_result(conn)
            .map_err(fault)?;
            refuse(taken, 152, "another request registered the same identifier meanwhile")
        }
        Precondition::UniqueIdUnused { unique, visibility, sight } => {
            let taken = diesel::select(exists(
                document::table
                    .filter(document::unique_value.eq(&unique.value))
                    .filter(document::unique_system.eq(unique.system.as_deref().unwrap_or("")))
                    .filter(visible!(visibility, sight)),
            ))
            .get_result(conn)
            .map_err(fault)?;
            refuse(taken, 153, "another request deposited the same document meanwhile")
        }
    }
}

fn refuse(broken: bool, number: u16, why: &str) -> Result<()> {
    if broken { Err(Fault::new(FaultKind::WriteConflict, number, format!("{why}; send the request again"))) } else { Ok(()) }
}
