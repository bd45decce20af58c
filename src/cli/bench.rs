//! `passerelle bench`: measures a server over mutual TLS, the load generator on the same machine, with the machine's own floor
//! (fsync, handshake) beside the figures.

mod documents;
mod floor;
mod load;
mod process;
mod rights;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Target;
use crate::http::resident_bytes_of;
use crate::store::{DatabaseUrl, Store, StoreOptions};
use documents::{BenchPatient, TEMPLATES, patients, provide, transaction};
use load::{f64_of, load, ms, reads, shown};
use process::{Process, program};

const PATIENTS: usize = 100;
/// Connections and reads of the figure of audited reads.
const READING: usize = 64;
const AUDITED: usize = 20_000;
/// Connections of the figures of key information.
const KEY_INFO: usize = 8;
/// Documents of a record that is read for the first time.
const COLD: usize = 40;

/// A running server given on the command line: its PKI folder and its port.
pub(super) struct Running {
    pub pki: PathBuf,
    pub port: u16,
}

/// Runs all measurements and prints them: against a running server, or against one that this starts as a process of its own.
pub(super) fn run(documents: usize, connections: usize, running: Option<Running>) -> Result<(), String> {
    let data = std::env::temp_dir().join(format!("passerelle-bench-{}", std::process::id()));
    std::fs::create_dir_all(&data).map_err(|e| e.to_string())?;
    floor::append(&data)?;
    floor::reading();
    let outcome = match running {
        Some(given) => measure(&Target::new(&given.pki, "client-cabinet", given.port)?, documents, connections, None).map(|_| ()),
        None => own_server(&data, documents, connections),
    };
    std::fs::remove_dir_all(&data).map_err(|e| e.to_string())?;
    outcome
}

/// The same record read without rules and with them: first everything under the policy `open`, then both reads again, enforced.
fn own_server(data: &Path, documents: usize, connections: usize) -> Result<(), String> {
    crate::tls::generate(&data.join("pki"), &crate::tls::PkiOptions::default()).map_err(|e| e.to_string())?;
    let server = Process::start(data, "open")?;
    let target = Target::new(&data.join("pki"), "client-cabinet", server.port)?;
    let open = measure(&target, documents, connections, Some(server.child.id()))?;
    drop(server);
    let server = Process::start(data, "enforced")?;
    rights::token_check(data)?;
    let token = token(data, "client-cabinet", "899700218896")?;
    let target = Target { port: server.port, token: Some(token), ..target };
    for patient in [&open.busy, &open.hundred] {
        authorize(&target, patient)?;
    }
    let (list, summary) = both_reads(&target, &open.busy, &open.hundred)?;
    audited(&target, &open.busy)?;
    key_information(&target, &open, server.child.id())?;
    delta(&target, &open.busy)?;
    rights::hidden(&target, data)?;
    println!(
        "decision and filtering, p50          list x {:.2}   $summary x {:.2}",
        list.as_secs_f64() / open.list.as_secs_f64(),
        summary.as_secs_f64() / open.summary.as_secs_f64()
    );
    drop(server);
    rights::verified(data)?;
    footprint(data)
}

/// The key information of a record of 100 and of 1,000 documents, alone and at 8 connections, its page, and a record that was never read.
fn key_information(target: &Target, open: &Measured, pid: u32) -> Result<(), String> {
    for (patient, times, size) in [(&open.hundred, 200, "100"), (&open.busy, 80, "1,000")] {
        let path = format!("/fhir/Patient/{}/$key-info?_format=keyinfo", patient.id);
        reads(target, &format!("$key-info, {size} documents"), &path, (1, times))?;
        reads(target, &format!("$key-info, {size}, {KEY_INFO} connections"), &path, (KEY_INFO, times * 2))?;
    }
    reads(target, "page, 1,000 documents", &format!("/consult/{}", open.busy.id), (1, 40))?;
    memory("resident set at the end", Some(pid));
    let cold = open.cold.clone();
    let start = Instant::now();
    fill(target, &cold, COLD, 1)?;
    authorize(target, &cold)?;
    let answer = target.connect()?.call("GET", &format!("/consult/{}", cold.id), &[], b"")?;
    println!("{COLD} documents deposited, page shown {:>6.0} ms (HTTP {})", ms(start.elapsed()), answer.status);
    Ok(())
}

fn authorize(target: &Target, patient: &BenchPatient) -> Result<(), String> {
    let answer = target.connect()?.call("POST", &format!("/fhir/Patient/{}/$authorize", patient.id), &[], b"")?;
    if answer.status == 201 { Ok(()) } else { Err(format!("$authorize: HTTP {}", answer.status)) }
}

/// A token of a practitioner, by the command that anybody has.
fn token(data: &Path, client: &str, rpps: &str) -> Result<String, String> {
    let args = ["token", "--client", client, "--rpps", rpps, "--profession", "10", "--specialty", "SM26", "--data"];
    let output = program()?.args(args).arg(data).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().last().filter(|_| output.status.success()).map(str::to_owned).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What was measured, and the records it was measured on.
struct Measured {
    busy: BenchPatient,
    hundred: BenchPatient,
    /// A patient without a document.
    cold: BenchPatient,
    list: Duration,
    summary: Duration,
}

fn measure(target: &Target, documents: usize, connections: usize, pid: Option<u32>) -> Result<Measured, String> {
    memory("idle resident set", pid);
    floor::handshakes(target)?;
    let patients = patients(target)?;
    let cold = patients.last().cloned().ok_or("no patient")?;
    ingest(target, &patients, documents, connections)?;
    let busy = patients.first().cloned().ok_or("no patient")?;
    fill(target, &busy, 1000, connections)?;
    let hundred = patients.get(1).cloned().ok_or("no patient")?;
    fill(target, &hundred, 100, connections)?;
    let (list, summary) = both_reads(target, &busy, &hundred)?;
    memory("resident set at the end", pid);
    Ok(Measured { busy, hundred, cold, list, summary })
}

/// p50 of the list of a record of 1,000 documents and of the summary of one of 100.
fn both_reads(target: &Target, busy: &BenchPatient, hundred: &BenchPatient) -> Result<(Duration, Duration), String> {
    let list = reads(target, "ITI-67 list of 20 of 1,000", &format!("/fhir/DocumentReference?patient={}&status=current&_sort=-date&_count=20", busy.id), (1, 500))?;
    let summary = reads(target, "$summary of 100 documents", &format!("/fhir/Patient/{}/$summary", hundred.id), (1, 200))?;
    Ok((list, summary))
}

/// What changed in a record of 1,000 documents, after everything was shown and three came.
fn delta(target: &Target, busy: &BenchPatient) -> Result<(), String> {
    let path = format!("/fhir/Patient/{}/$documents-delta", busy.id);
    let mut client = target.connect()?;
    let first = client.call("GET", &path, &[("Accept", "application/fhir+json")], b"")?;
    let first: Value = serde_json::from_slice(&first.body).map_err(|e| e.to_string())?;
    let cursor = first.get("parameter").and_then(Value::as_array).into_iter().flatten().find(|p| p.get("name").and_then(Value::as_str) == Some("cursor"));
    let shown = json!({"resourceType": "Parameters", "parameter": [cursor.ok_or("no cursor")?]}).to_string();
    let answer = client.call("POST", &format!("{path}-seen"), &[("Content-Type", "application/fhir+json")], shown.as_bytes())?;
    if answer.status != 204 {
        return Err(format!("$documents-delta-seen: HTTP {}", answer.status));
    }
    fill(target, busy, 3, 1)?;
    reads(target, "$documents-delta, 3 of 1,000", &path, (1, 200))?;
    reads(target, "$documents-delta, first visit", &format!("{path}?since=none"), (1, 10)).map(|_| ())
}

/// Reads of one resource, each with its durable trace, over many connections.
fn audited(target: &Target, busy: &BenchPatient) -> Result<(), String> {
    let found = target.connect()?.call("GET", &format!("/fhir/DocumentReference?patient={}&_count=1", busy.id), &[("Accept", "application/fhir+json")], b"")?;
    let found: Value = serde_json::from_slice(&found.body).map_err(|e| e.to_string())?;
    let path = found.pointer("/entry/0/resource/id").and_then(Value::as_str).map(|id| format!("/fhir/DocumentReference/{id}")).ok_or("no document")?;
    let (mut times, took) = load(target, READING, AUDITED, move |_| ("GET", path.clone(), Vec::new()))?;
    let rate = f64_of(u64::try_from(AUDITED).unwrap_or(0)) / took.as_secs_f64();
    println!("audited read, {READING} connections  {rate:>11.0} reads/s {}", shown(&mut times));
    Ok(())
}

/// Index rows and bytes per resource, and the size of the database.
fn footprint(data: &Path) -> Result<(), String> {
    let file = data.join("passerelle.db");
    let url = DatabaseUrl::parse(&format!("sqlite:{}", file.display()))?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let found = store.footprint().map_err(|e| e.to_string())?;
    let each = |n: i64| f64_of(u64::try_from(n).unwrap_or(0)) / f64_of(u64::try_from(found.resources).unwrap_or(1)).max(1.0);
    println!("index                            {:>8.1} rows {:>8.2} kB per resource ({} resources)", each(found.index_rows), each(found.index_bytes) / 1000.0, found.resources);
    let size = std::fs::metadata(&file).map(|m| m.len()).unwrap_or(0);
    println!("database                         {:>8.1} MB", f64_of(size) / 1e6);
    Ok(())
}

fn memory(what: &str, pid: Option<u32>) {
    if let Some(bytes) = pid.and_then(resident_bytes_of) {
        println!("{what:<32} {:>8.1} MB", f64_of(bytes) / 1e6);
    }
}

fn ingest(target: &Target, patients: &[BenchPatient], documents: usize, connections: usize) -> Result<(), String> {
    let patients = patients.get(2..PATIENTS - 1).map(<[BenchPatient]>::to_vec).unwrap_or_default();
    let (mut times, took) = load(target, connections, documents, move |n| patients.get(n % patients.len().max(1)).map(|p| transaction(provide(p, n, 0))).unwrap_or_default())?;
    let rate = f64_of(u64::try_from(documents).unwrap_or(0)) / took.as_secs_f64();
    println!("ITI-65, {} KB CDA, {connections} connections {rate:>8.0} documents/s {}", TEMPLATES.first().map_or(0, |t| t.len() / 1000), shown(&mut times));
    Ok(())
}

fn fill(target: &Target, patient: &BenchPatient, documents: usize, connections: usize) -> Result<(), String> {
    let patient = patient.clone();
    load(target, connections, documents, move |n| transaction(provide(&patient, n, n))).map(|_| ())
}
