//! Who answers for what no text settles: production asks for a person, a day and the versions of the matrix that were looked at.

use super::{App, Call};
use crate::access::{Matrix, assumptions};
use crate::audit::Action;
use crate::config::{Config, Environment};
use crate::fhir::{Result as Answered, time};

/// What the configuration says about the rows that are assumptions.
pub(super) struct Acceptance {
    by: String,
    on: String,
    versions: Vec<String>,
}

/// An acceptance that covers the tables in force.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The person's name.
    pub by: String,
    /// FHIR date.
    pub on: String,
    /// Version of the matrix.
    pub version: String,
    /// How many rows of all tables are assumptions.
    pub rows: usize,
}

impl Acceptance {
    /// `None` where nobody has to answer.
    pub(super) fn asked(config: &Config) -> Option<Self> {
        let access = &config.access;
        let versions = access.assumptions_accepted_versions.iter().map(|v| v.trim().to_owned()).collect();
        let said = Self { by: access.assumptions_accepted_by.trim().to_owned(), on: access.assumptions_accepted_on.clone(), versions };
        (config.database.environment == Environment::Production).then_some(said)
    }

    /// Whether it covers a matrix and the other tables, at a moment (µs UTC); `None` when nothing is assumed.
    ///
    /// # Errors
    /// What is missing, lies ahead, or is said of other versions.
    pub(super) fn of(&self, matrix: &Matrix, now_us: i64) -> Result<Option<Accepted>, String> {
        let rows = matrix.assumptions().len() + assumptions().len();
        let (Self { by, on, versions }, version) = (self, matrix.version());
        let missing = if rows == 0 {
            return Ok(None);
        } else if !by.chars().any(char::is_alphabetic) {
            "access.assumptions_accepted_by names the person who accepted them"
        } else if time::range(on).is_none_or(|(begins_us, _)| begins_us > now_us) {
            "access.assumptions_accepted_on names the day, which does not lie ahead"
        } else if !versions.iter().any(|v| v == version) {
            "access.assumptions_accepted_versions lists the versions of the matrix that were accepted, this one among them"
        } else {
            return Ok(Some(Accepted { by: by.clone(), on: on.clone(), version: version.to_owned(), rows }));
        };
        Err(format!("{rows} rows of the access tables, matrix version {version:?}, are assumptions (passerelle check-config lists them): in production {missing}"))
    }
}

impl App {
    /// Leaves in the log and in the trail who accepted the assumptions that this server decides by. The log names no person.
    ///
    /// # Errors
    /// `Busy` when the trail cannot be written.
    pub fn note_acceptance(&self) -> Answered<()> {
        let Ok(Some(accepted)) = self.rules.accepted(&self.rules.matrix()) else { return Ok(()) };
        tracing::info!(matrix.version = accepted.version, rows = accepted.rows, accepted_on = accepted.on, "the assumptions of the access tables were accepted");
        let mut event = Call::event_of_the_server(self.now_us(), self.new_id(), "");
        event.interaction = "accept-assumptions".into();
        event.action = Action::E;
        event.entities.clear();
        event.matrix = accepted.version;
        event.looked_at = vec![("accepted-by".into(), accepted.by), ("accepted-on".into(), accepted.on), ("rows".into(), accepted.rows.to_string())];
        self.trace(&event)?.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-25T12:00:00+01:00";

    fn said(by: &str, on: &str, versions: &[&str]) -> Result<Option<Accepted>, String> {
        let mut config = Config::default();
        config.database.environment = Environment::Production;
        config.access.assumptions_accepted_by = by.into();
        config.access.assumptions_accepted_on = on.into();
        config.access.assumptions_accepted_versions = versions.iter().map(|v| (*v).to_owned()).collect();
        Acceptance::asked(&config).unwrap().of(&Matrix::builtin().unwrap(), time::range(NOW).unwrap().0)
    }

    #[test]
    fn a_person_a_day_that_has_come_and_the_version_are_needed() {
        let version = Matrix::builtin().unwrap().version().to_owned();
        let accepted = said(" Dr Claire Martin ", "2026-11-25", &["2027.1", &version]).unwrap().unwrap();
        assert_eq!((accepted.by.as_str(), accepted.version.as_str()), ("Dr Claire Martin", version.as_str()));
        assert_eq!(accepted.rows, Matrix::builtin().unwrap().assumptions().len() + assumptions().len());
        let refused = |by, on, versions: &[&str]| said(by, on, versions).unwrap_err();
        for by in ["", " ", "--", "1"] {
            assert!(refused(by, "2026-11-25", &[&version]).contains("assumptions_accepted_by"), "{by:?}");
        }
        for on in ["", "2026-11-26", "2035-01-01", "tomorrow"] {
            assert!(refused("Dr Claire Martin", on, &[&version]).contains("assumptions_accepted_on"), "{on:?}");
        }
        for versions in [&[][..], &["2026.11"], &[""]] {
            assert!(refused("Dr Claire Martin", "2026-11-25", versions).contains(&version), "{versions:?}");
        }
    }

    #[test]
    fn nobody_is_asked_outside_production() {
        assert!(Acceptance::asked(&Config::default()).is_none());
    }

    #[test]
    fn the_rows_of_every_table_are_counted() {
        let all = assumptions();
        for table in ["rule ", "feeding ", "duration ", "role "] {
            assert!(all.iter().any(|name| name.starts_with(table)), "{table}");
        }
    }
}
