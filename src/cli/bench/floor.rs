//! What the machine itself costs: a durable append, a handshake; and what reading documents costs without a server.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::documents::TEMPLATES;
use super::load::{f64_of, ms, shown};
use crate::cli::client::Target;

/// p50 and p99 of an 8 KiB append with fdatasync: what one durable commit costs on this disk now.
pub(super) fn append(data: &Path) -> Result<(), String> {
    let path = data.join("floor");
    let mut file = std::fs::File::create(&path).map_err(|e| e.to_string())?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        file.write_all(&[7u8; 8192]).and_then(|()| file.sync_data()).map_err(|e| e.to_string())?;
        times.push(start.elapsed());
    }
    println!("floor: append 8 KiB + fdatasync {}", shown(&mut times));
    std::fs::remove_file(path).map_err(|e| e.to_string())
}

/// p50 and p99 of a connection with its handshake and the smallest answer.
pub(super) fn handshakes(target: &Target) -> Result<(), String> {
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        target.connect()?.call("GET", "/health", &[], b"")?;
        times.push(start.elapsed());
    }
    println!("floor: full handshake + /health {}", shown(&mut times));
    Ok(())
}

/// How long the documents are read in this process: parsed, header, statements, each resource checked.
const READING_TIME: Duration = Duration::from_secs(2);

/// XML bytes a second on one core, and the time of one document.
pub(super) fn reading() {
    let (mut bytes, mut documents) = (0_u64, 0_u64);
    let start = Instant::now();
    while start.elapsed() < READING_TIME {
        for text in TEMPLATES {
            let Ok(document) = crate::cda::read(text.as_bytes()) else { continue };
            let header = crate::cda::header(&document);
            let derived = crate::cda::derive(&document, "DocumentReference/d", "Patient/p");
            let valid = derived.resources.iter().filter(|r| crate::interaction::is_valid(&r.resource)).count();
            std::hint::black_box((header, valid));
            bytes += u64::try_from(text.len()).unwrap_or(0);
            documents += 1;
        }
    }
    let took = start.elapsed();
    println!(
        "CDA read, mapped and checked     {:>8.1} MB/s {:>8.2} ms per document of {:.0} kB",
        f64_of(bytes) / 1e6 / took.as_secs_f64(),
        ms(took) / f64_of(documents.max(1)),
        f64_of(bytes) / f64_of(documents.max(1)) / 1e3
    );
    checking();
}

/// The time of looking for what is wrong with one document that was read.
fn checking() {
    let documents: Vec<_> = TEMPLATES.iter().filter_map(|text| crate::cda::read(text.as_bytes()).ok()).collect();
    let (mut checked, mut findings) = (0_u64, 0);
    let start = Instant::now();
    while start.elapsed() < READING_TIME / 4 {
        for document in &documents {
            findings += crate::cda::check(document).len();
            checked += 1;
        }
    }
    std::hint::black_box(findings);
    println!("CDA validated                             {:>8.2} ms per document", ms(start.elapsed()) / f64_of(checked.max(1)));
}
