//! Writes the synthetic patients as software would deposit them: `cargo run --example patients -- DIR` makes a folder for each table
//! of `conformance-tests/corpus/key-info`, with `patient.json` (the traits that a software shows) and one CDA for each document.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "the patients are those of the tests, which may panic on a wrong table"
)]

#[path = "../src/tests/patients/mod.rs"]
mod patients;

use std::path::Path;

use patients::{PATIENTS, Record};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let to = std::env::args().nth(1).ok_or("patients DIR")?;
    for (name, record) in PATIENTS.iter().map(|name| (*name, patients::record(name))).chain([("mille", patients::many())]) {
        written(&Path::new(&to).join(name), &record)?;
        println!("{name}: {} documents", record.documents.len());
    }
    Ok(())
}

fn written(folder: &Path, record: &Record) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let p = &record.patient;
    let traits = json!({"family": p.family, "given": p.given, "birthDate": p.birth, "sex": p.sex, "ins": p.ins});
    std::fs::write(folder.join("patient.json"), traits.to_string())?;
    for (n, document) in record.documents.iter().enumerate() {
        std::fs::write(folder.join(format!("{:04}.xml", n + 1)), &document.cda)?;
    }
    Ok(())
}
