//! `passerelle audit-verify`

use std::path::Path;

use crate::access::Visibility;
use crate::config::Config;
use crate::store::{DatabaseUrl, Store, StoreOptions, chain_hash, verify_read_log};

/// Walks both chains and says how many events each holds.
pub(super) fn verify(data: &Path, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0 }).map_err(|e| e.to_string())?;
    let log = data.join("audit-reads.log");
    if !log.is_file() {
        return Err(format!("{}: there is no log of reads", log.display()));
    }
    let (reads, _) = verify_read_log(&log).map_err(|e| e.to_string())?;
    let writes = writes(&store)?;
    println!("audit trail verified: {writes} events of writes, {reads} events of reads");
    Ok(())
}

fn writes(store: &Store) -> Result<i64, String> {
    let (mut number, mut chain) = (0i64, String::new());
    loop {
        let visibility = Visibility::open("", i64::MAX);
        let some = store.read(&visibility, |r| r.audit_after(number, 1000)).map_err(|e| e.to_string())?;
        if some.is_empty() {
            return Ok(number);
        }
        for (n, line) in some {
            let commit_free = line.starts_with(&format!("{{\"prev\":\"{chain}\",\"number\":{n},"));
            if n != number + 1 || !commit_free {
                return Err(format!("the trail of writes is broken at event {n}"));
            }
            chain = chain_hash(&line);
            number = n;
        }
    }
}
