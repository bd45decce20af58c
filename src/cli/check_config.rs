//! `passerelle check-config`

use std::path::Path;

use crate::config::Config;
use crate::store::DatabaseUrl;

/// Reads, checks and prints the effective configuration, secrets as ***.
pub(super) fn run(file: Option<&Path>, data: &Path) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    DatabaseUrl::parse(&config.database.url)?;
    print!("{}", config.shown());
    println!("# configuration is valid");
    Ok(())
}
