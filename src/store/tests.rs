//! Contract of the store, compiled once and run against each database.
