//! Runs the scenarios against a server and says, check by check, what holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use conformance_tests::http::Base;
use conformance_tests::kit::Kit;
use conformance_tests::run::{Outcome, Runner};
use conformance_tests::tls::Pki;

/// Black-box conformance checks of a document repository (IHE MHD, PDSm, IPS, FHIR R4) over mutual TLS.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Base URL of the server, as the server names itself in its links.
    #[arg(long, default_value = "https://localhost:8443/fhir")]
    base: String,
    /// Folder with ca.pem, and NAME.pem and NAME.key of each client.
    #[arg(long, default_value = "pki")]
    pki: PathBuf,
    /// The client that deposits.
    #[arg(long, default_value = "client-cabinet")]
    client: String,
    /// A client of another organisation, for what it may not see.
    #[arg(long, default_value = "client-imagerie")]
    second_client: String,
    /// Runs the scenarios only in which this text occurs (file, subject, name or check).
    #[arg(long, default_value = "")]
    only: String,
    /// An access token, NAME=VALUE, repeated; with tokens the scenarios that need them are played, without them the others.
    #[arg(long)]
    token: Vec<String>,
    /// Lists the scenarios and their sources, and runs nothing.
    #[arg(long)]
    list: bool,
    /// Folder of the kit: scenarios and corpus.
    #[arg(long)]
    kit: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// How many checks failed.
fn run(arguments: &Arguments) -> Result<usize, String> {
    let kit = Kit::load(&folder(arguments))?;
    if arguments.list {
        list(&kit, &arguments.only);
        return Ok(0);
    }
    let pki = Pki::new(&arguments.pki, &arguments.client, &arguments.second_client);
    let mut runner = Runner { kit: &kit, base: Base::parse(&arguments.base)?, pki, tokens: tokens(&arguments.token)? };
    runner.reach().map_err(|e| format!("no server to check: {e}"))?;
    let (mut passed, mut failed, mut left) = (0, 0, 0);
    for (file, scenario) in kit.chosen(&arguments.only) {
        if !runner.can_play(scenario) {
            left += 1;
            continue;
        }
        runner.play(scenario, &mut |outcome| {
            print(file, &scenario.name, &outcome);
            if outcome.failures.is_empty() { passed += 1 } else { failed += 1 }
        });
    }
    let which = if arguments.token.is_empty() { "that need tokens" } else { "that need none" };
    println!("{passed} passed, {failed} failed ({left} scenarios {which} not played)");
    if passed + failed == 0 {
        return Err(format!("no scenario holds `{}`", arguments.only));
    }
    Ok(failed)
}

fn tokens(given: &[String]) -> Result<BTreeMap<String, String>, String> {
    let read = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    given.iter().map(|text| read(text).ok_or_else(|| "a token is given as NAME=VALUE".to_owned())).collect()
}

/// The folder given, the crate's when cargo runs it, or the one of the checkout.
fn folder(arguments: &Arguments) -> PathBuf {
    let cargo = || std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    arguments.kit.clone().or_else(cargo).unwrap_or_else(|| PathBuf::from("conformance-tests"))
}

fn print(file: &str, scenario: &str, outcome: &Outcome) {
    let word = if outcome.failures.is_empty() { "ok    " } else { "FAILED" };
    println!("{word}  {file} · {scenario}: {}", outcome.check);
    for failure in &outcome.failures {
        println!("          {failure}");
    }
    if !outcome.failures.is_empty() {
        println!("          rule: {}", outcome.spec);
    }
}

fn list(kit: &Kit, only: &str) {
    for (file, scenario) in kit.chosen(only) {
        println!("{file} · {} — {}", scenario.name, scenario.spec);
        scenario.steps.iter().filter_map(|s| s.check.as_ref()).for_each(|check| println!("    {check}"));
    }
}
