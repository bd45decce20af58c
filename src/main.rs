//! Arguments → configuration → command.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = passerelle::cli::Arguments::parse();
    match passerelle::cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("passerelle: {text}");
            ExitCode::FAILURE
        }
    }
}
