//! `passerelle backup` and `passerelle restore`

use std::path::Path;

use crate::config::Config;
use crate::store::{DatabaseUrl, Store, StoreOptions, verify_backup, verify_read_log};

const DATABASE: &str = "passerelle.db";
const READ_LOG: &str = "audit-reads.log";

/// Copies database, audit log and PKI of a data folder into a new folder, while it serves, and verifies the copy.
pub(super) fn backup(data: &Path, to: &Path, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    std::fs::create_dir(to).map_err(|e| format!("{}: {e}", to.display()))?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0 }).map_err(|e| e.to_string())?;
    store.backup(&to.join(DATABASE)).map_err(|e| e.to_string())?;
    copy(&data.join(READ_LOG), &to.join(READ_LOG))?;
    let (lines, _) = verify_read_log(&to.join(READ_LOG)).map_err(|e| e.to_string())?;
    println!("backup verified: {} ({lines} audited reads)", to.display());
    Ok(())
}

/// Verifies a backup and makes a data folder from it.
pub(super) fn restore(from: &Path, data: &Path) -> Result<(), String> {
    if data.join(DATABASE).exists() {
        return Err(format!("{} holds a database already; name an empty folder", data.display()));
    }
    verify_backup(&from.join(DATABASE)).map_err(|e| e.to_string())?;
    verify_read_log(&from.join(READ_LOG)).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(data).map_err(|e| format!("{}: {e}", data.display()))?;
    copy(&from.join(DATABASE), &data.join(DATABASE))?;
    copy(&from.join(READ_LOG), &data.join(READ_LOG))?;
    println!("restored into {}", data.display());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    if !from.exists() {
        return Ok(());
    }
    std::fs::copy(from, to).map(|_| ()).map_err(|e| format!("{}: {e}", to.display()))?;
    std::fs::File::open(to).and_then(|f| f.sync_all()).map_err(|e| format!("{}: {e}", to.display()))
}
