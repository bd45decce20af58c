//! `passerelle retention`: the records that may be erased, by their ids and dates alone.

use std::path::Path;

use crate::config::Config;
use crate::fhir::time;
use crate::interaction::due;
use crate::store::{DatabaseUrl, Store, StoreOptions};

/// Prints a line for each record that was closed for as long as it is kept; changes nothing.
///
/// # Errors
/// A database that cannot be read.
pub(super) fn run(data: &Path, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let all = due(&store, chrono::Utc::now().timestamp_micros()).map_err(|e| e.to_string())?;
    for record in &all {
        println!("Patient/{} closed {} retention over since {}", record.id, record.closed, time::instant(record.over_us));
    }
    println!("{} records may be erased (POST Patient/[id]/$erase)", all.len());
    Ok(())
}
