//! The commands, one file each. Wires the rooms together.

mod anchor;
mod audit;
mod backup;
mod bench;
mod cda;
mod check_config;
mod client;
mod demo;
mod issuers;
mod launch;
mod pdf_text;
mod pki;
mod proof;
mod retention;
mod revocation;
mod serve;
mod token;
mod trail;
mod watch;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use client::{Client, Response, Target};
pub use serve::{Server, start};

/// FHIR R4 document repository and key-information hub for practitioner software in France.
#[derive(Debug, Parser)]
#[command(name = "passerelle", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API over mutual TLS; everything lives under the data folder.
    Serve {
        /// Folder of the database, the audit log and, when none is configured, a development PKI.
        #[arg(long)]
        data: PathBuf,
        /// Address and port, instead of server.bind; port 0 picks one.
        #[arg(long)]
        bind: Option<String>,
        /// Configuration file (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Start a server with sample documents and show what a clinician reads.
    Demo {
        /// Keep the data here instead of a new folder among the temporary files, which stays too.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Address and port of the API.
        #[arg(long, default_value = "127.0.0.1:8443")]
        bind: String,
        /// End after the summary instead of serving until Ctrl-C.
        #[arg(long)]
        once: bool,
    },
    /// Make a development PKI: root, intermediate, server and client certificates, CRL.
    Pki(pki::PkiArguments),
    /// Read the configuration, check it and print it.
    CheckConfig {
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long, default_value = "passerelle-data")]
        data: PathBuf,
    },
    /// Copy the database of a data folder while it serves, and verify the copy.
    Backup {
        #[arg(long)]
        data: PathBuf,
        /// Folder to create.
        #[arg(long)]
        to: PathBuf,
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Make a data folder from a verified backup.
    Restore {
        #[arg(long)]
        from: PathBuf,
        /// Data folder; must not hold a database.
        #[arg(long)]
        data: PathBuf,
    },
    /// Revocation lists and OCSP answers.
    #[command(subcommand)]
    Revocation(revocation::RevocationCommand),
    /// What is made of CDA documents.
    #[command(subcommand)]
    Cda(cda::CdaCommand),
    /// List the records whose retention is over, by id and dates alone.
    Retention {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// The audit trail.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Print an access token of the development issuer, bound to a client certificate of the development PKI.
    Token(Box<token::TokenArguments>),
    /// Print a link to the practitioner's page, as a practice's software gets one: it opens once, within a minute.
    Launch(Box<launch::LaunchArguments>),
    /// Read a PDF from standard input and write its text, confined; what the server runs for each PDF.
    #[command(hide = true)]
    PdfText {
        /// Bytes of address space.
        #[arg(long)]
        memory: Option<u64>,
    },
    /// Measure a server: one that this command starts, or a running one (--pki and --port). Ingest, list, summary, and the
    /// machine's floor beside.
    Bench {
        /// PKI folder of a running server.
        #[arg(long, requires = "port")]
        pki: Option<PathBuf>,
        /// Port of a running server on localhost.
        #[arg(long, requires = "pki")]
        port: Option<u16>,
        /// Documents to deposit.
        #[arg(long, default_value_t = 2000)]
        documents: usize,
        /// Connections.
        #[arg(long, default_value_t = 16)]
        connections: usize,
    },
}

/// Runs a command.
///
/// # Errors
/// A text for the terminal.
pub fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::Serve { data, bind, config } => serve::run(&data, bind, config.as_deref()),
        Command::Demo { data, bind, once } => demo::run(data, &bind, once),
        Command::Pki(arguments) => pki::run(&arguments),
        Command::CheckConfig { config, data } => check_config::run(config.as_deref(), &data),
        Command::Backup { data, to, config } => backup::backup(&data, &to, config.as_deref()),
        Command::Restore { from, data } => backup::restore(&from, &data),
        Command::Retention { data, config } => retention::run(&data, config.as_deref()),
        Command::Revocation(command) => revocation::run(&command),
        Command::Cda(command) => cda::run(&command),
        Command::Audit(command) => audit::run(&command),
        Command::Token(arguments) => token::run(&arguments),
        Command::Launch(arguments) => launch::run(&arguments),
        Command::PdfText { memory } => pdf_text::run(memory),
        Command::Bench { documents, connections, pki, port } => bench::run(documents, connections, pki.zip(port).map(|(pki, port)| bench::Running { pki, port })),
    }
}

/// Logs to standard error; never patient data.
fn logs(level: &str, json: bool) {
    let filter = tracing_subscriber::EnvFilter::new(format!("{level},actix_server=warn,rustls=error"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second initialisation (tests start several servers in one process) keeps the first.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}
