//! How sure a row of a rule table is.

use serde::{Deserialize, Serialize};

/// Whether a row was read in a text or assumed for want of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Written in the source the row names.
    Sourced,
    /// Not found in a text: somebody must accept or correct it before production.
    Assumption,
}

/// A table that is part of the program: a broken one is a defect of the build, which every test shows.
#[expect(clippy::panic, reason = "the tables are compiled in and each is read by a test")]
pub(super) fn embedded<T>(table: &'static Result<T, String>) -> &'static T {
    match table {
        Ok(table) => table,
        Err(e) => panic!("{e}"),
    }
}
