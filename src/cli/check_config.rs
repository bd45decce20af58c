//! `passerelle check-config`

use std::path::Path;

use crate::access::assumptions;
use crate::config::Config;
use crate::interaction::Rules;
use crate::store::DatabaseUrl;

/// Reads, checks and prints the effective configuration, secrets as ***, and the rows of the access tables that are assumptions.
pub(super) fn run(file: Option<&Path>, data: &Path) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    DatabaseUrl::parse(&config.database.url)?;
    let rules = Rules::load(&config)?;
    print!("{}", config.shown());
    println!("# habilitation matrix: version {}", rules.matrix().version());
    for profile in rules.profiles().all() {
        println!("# ranking profile: {} {} ({})", profile.id, profile.version, profile.title);
    }
    for assumed in assumptions().into_iter().chain(rules.matrix().assumptions().into_iter().map(|cell| format!("matrix {cell}"))) {
        println!("# assumption: {assumed}");
    }
    println!("# configuration is valid");
    Ok(())
}
