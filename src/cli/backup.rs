//! `passerelle backup` and `passerelle restore`

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::anchor::{self, Checkpoints};
use super::trail::before_start;
use crate::audit::Head;
use crate::config::Config;
use crate::store::{DatabaseUrl, Store, StoreOptions, anchor_lines, verify_backup, verify_read_log};

const DATABASE: &str = "passerelle.db";
const READ_LOG: &str = "audit-reads.log";
/// Checkpoints of the trail, where they lie in a backup.
const ANCHOR: &str = "audit-anchor.log";
/// Certificates and keys of a trial server; those of a production server lie where its configuration says.
const PKI: &str = "pki";

/// Copies database, audit log and PKI of a data folder into a new folder, while it serves, and verifies the copy.
pub(super) fn backup(data: &Path, to: &Path, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    std::fs::DirBuilder::new().mode(0o700).create(to).map_err(|e| format!("{}: {e}; name a folder that does not exist yet, in one that does", to.display()))?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    // Before what they name: a checkpoint never speaks of more than the copy holds.
    copy(&anchor::head(data), &anchor::head(to))?;
    copy(&anchor::place(data, &config), &to.join(ANCHOR))?;
    first_head(to)?;
    store.backup(&to.join(DATABASE)).map_err(|e| e.to_string())?;
    own(&to.join(DATABASE))?;
    copy(&data.join(READ_LOG), &to.join(READ_LOG))?;
    copy_all(&data.join(PKI), &to.join(PKI))?;
    let lines = end_of_copy(to)?;
    println!("backup verified: {} ({lines} audited reads)", to.display());
    Ok(())
}

/// Verifies the trail of the copy, cuts off what was being written, and marks its end, behind which nothing belongs; events of the
/// log of reads.
fn end_of_copy(to: &Path) -> Result<i64, String> {
    let url = DatabaseUrl::parse(&format!("sqlite:{}", to.join(DATABASE).display()))?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let mut checkpoints = Checkpoints::open(to, &to.join(ANCHOR))?;
    let log = to.join(READ_LOG);
    let walked = before_start(checkpoints.known(), &store, &log)?;
    std::fs::File::options().append(true).open(&log).and_then(|file| file.set_len(walked.good).and_then(|()| file.sync_all())).map_err(|e| format!("{}: {e}", log.display()))?;
    let (number, hash) = store.counters().audit();
    let reads = Head { number: walked.chain.number(), hash: walked.chain.hash().to_owned() };
    checkpoints.end_of_copy((Head { number, hash }, reads)).map_err(|e| e.to_string())?;
    Ok(walked.chain.number())
}

/// A server that made its first checkpoint between the two copies had no copy of it yet to be taken.
fn first_head(to: &Path) -> Result<(), String> {
    let head = anchor::head(to);
    let lines = anchor_lines(&to.join(ANCHOR)).map_err(|e| e.to_string())?;
    let Some(line) = lines.last().filter(|_| !head.exists()) else { return Ok(()) };
    std::fs::write(&head, line).map_err(|e| format!("{}: {e}", head.display()))?;
    own(&head)
}

/// Verifies a backup and makes a data folder from it.
pub(super) fn restore(from: &Path, data: &Path) -> Result<(), String> {
    if [DATABASE, READ_LOG, PKI].iter().any(|name| data.join(name).exists()) {
        return Err(format!("{} holds a server's data already; name an empty folder", data.display()));
    }
    if !from.join(DATABASE).is_file() {
        return Err(format!("{}: no backup is here; name the folder that `passerelle backup --to` made", from.display()));
    }
    verify_backup(&from.join(DATABASE)).map_err(|e| e.to_string())?;
    verify_read_log(&from.join(READ_LOG)).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(data).map_err(|e| format!("{}: {e}", data.display()))?;
    copy(&from.join(DATABASE), &data.join(DATABASE))?;
    copy(&from.join(READ_LOG), &data.join(READ_LOG))?;
    copy(&anchor::head(from), &anchor::head(data))?;
    copy(&from.join(ANCHOR), &data.join(ANCHOR))?;
    copy_all(&from.join(PKI), &data.join(PKI))?;
    println!("restored into {}", data.display());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    if !from.exists() {
        return Ok(());
    }
    std::fs::copy(from, to).map(|_| ()).map_err(|e| format!("{}: {e}", to.display()))?;
    own(to)
}

/// A folder and what is in it; nothing when there is none.
fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    let Ok(all) = std::fs::read_dir(from) else { return Ok(()) };
    std::fs::DirBuilder::new().mode(0o700).create(to).map_err(|e| format!("{}: {e}", to.display()))?;
    for entry in all {
        let entry = entry.map_err(|e| format!("{}: {e}", from.display()))?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Readable for its owner alone, and on the disk.
fn own(path: &Path) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    std::fs::File::open(path).and_then(|f| f.sync_all()).map_err(fail)
}
