//! `passerelle bench`: measures a server over mutual TLS, the load generator on the same machine, with the machine's own floor
//! (fsync, handshake) beside the figures.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};
use sha1::Digest;

use super::client::{Client, Target};
use crate::http::resident_bytes_of;
use crate::store::{DatabaseUrl, Store, StoreOptions};

/// Our own documents: the first is the one of the ingest figure (about 30 KB), all of them fill the records that are read.
const TEMPLATES: &[&str] = &[
    include_str!("../../conformance-tests/corpus/06-vaccinations.xml"),
    include_str!("../../conformance-tests/corpus/01-synthese-medicale.xml"),
    include_str!("../../conformance-tests/corpus/02-biologie-2026-03.xml"),
    include_str!("../../conformance-tests/corpus/03-biologie-2026-09.xml"),
    include_str!("../../conformance-tests/corpus/05-lettre-de-liaison-sortie.xml"),
    include_str!("../../conformance-tests/corpus/07-prescription.xml"),
];
const PATIENTS: usize = 100;
/// Connections and reads of the figure of audited reads.
const READING: usize = 64;
const AUDITED: usize = 20_000;

/// A running server given on the command line: its PKI folder and its port.
pub(super) struct Running {
    pub pki: PathBuf,
    pub port: u16,
}

/// Runs all measurements and prints them: against a running server, or against one that this starts as a process of its own.
pub(super) fn run(documents: usize, connections: usize, running: Option<Running>) -> Result<(), String> {
    let data = std::env::temp_dir().join(format!("passerelle-bench-{}", std::process::id()));
    std::fs::create_dir_all(&data).map_err(|e| e.to_string())?;
    floor(&data)?;
    reading();
    let outcome = match running {
        Some(given) => measure(&Target::new(&given.pki, "client-cabinet", given.port)?, documents, connections, None).map(|_| ()),
        None => own_server(&data, documents, connections),
    };
    std::fs::remove_dir_all(&data).map_err(|e| e.to_string())?;
    outcome
}

/// A server process under `data`, so that its memory is its own; ended when dropped.
struct Process {
    child: std::process::Child,
    port: u16,
}

impl Process {
    fn start(data: &Path, policy: &str) -> Result<Self, String> {
        let start = Instant::now();
        let mut child = program()?
            .args(["serve", "--bind", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("PASSERELLE__ACCESS__POLICY", policy)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("no output")?;
        BufReader::new(out).read_line(&mut line).map_err(|e| e.to_string())?;
        println!("ready to serve after             {:>8.0} ms ({policy})", ms(start.elapsed()));
        let port = line.trim().rsplit(':').next().and_then(|p| p.parse().ok()).ok_or("the server did not start")?;
        Ok(Self { child, port })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn program() -> Result<Command, String> {
    std::env::current_exe().map(Command::new).map_err(|e| e.to_string())
}

/// The same record read without rules and with them: first everything under the policy `open`, then both reads again, enforced.
fn own_server(data: &Path, documents: usize, connections: usize) -> Result<(), String> {
    crate::tls::generate(&data.join("pki"), &crate::tls::PkiOptions::default()).map_err(|e| e.to_string())?;
    let server = Process::start(data, "open")?;
    let target = Target::new(&data.join("pki"), "client-cabinet", server.port)?;
    let open = measure(&target, documents, connections, Some(server.child.id()))?;
    drop(server);
    let server = Process::start(data, "enforced")?;
    let token = token(data)?;
    let target = Target { port: server.port, token: Some(token), ..target };
    for patient in [&open.busy, &open.hundred] {
        let answer = target.connect()?.call("POST", &format!("/fhir/Patient/{}/$authorize", patient.id), &[], b"")?;
        if answer.status != 201 {
            return Err(format!("$authorize: HTTP {}", answer.status));
        }
    }
    let (list, summary) = both_reads(&target, &open.busy, &open.hundred)?;
    audited(&target, &open.busy)?;
    for (patient, count, what) in [(&open.hundred, 200, "$key-info of 100 documents"), (&open.busy, 50, "$key-info of 1,000 documents")] {
        reads(&target, what, &format!("/fhir/Patient/{}/$key-info?_format=keyinfo", patient.id), count)?;
    }
    delta(&target, &open.busy)?;
    println!(
        "decision and filtering, p50          list x {:.2}   $summary x {:.2}",
        list.as_secs_f64() / open.list.as_secs_f64(),
        summary.as_secs_f64() / open.summary.as_secs_f64()
    );
    drop(server);
    footprint(data)
}

/// A token of a practitioner, by the command that anybody has.
fn token(data: &Path) -> Result<String, String> {
    let args = ["token", "--client", "client-cabinet", "--rpps", "899700218896", "--profession", "10", "--specialty", "SM26", "--data"];
    let output = program()?.args(args).arg(data).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().last().filter(|_| output.status.success()).map(str::to_owned).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What was measured, and the records it was measured on.
struct Measured {
    busy: BenchPatient,
    hundred: BenchPatient,
    list: Duration,
    summary: Duration,
}

fn measure(target: &Target, documents: usize, connections: usize, pid: Option<u32>) -> Result<Measured, String> {
    memory("idle resident set", pid);
    handshakes(target)?;
    let patients = patients(target)?;
    ingest(target, &patients, documents, connections)?;
    let busy = patients.first().cloned().ok_or("no patient")?;
    fill(target, &busy, 1000, connections)?;
    let hundred = patients.get(1).cloned().ok_or("no patient")?;
    fill(target, &hundred, 100, connections)?;
    let (list, summary) = both_reads(target, &busy, &hundred)?;
    memory("resident set at the end", pid);
    Ok(Measured { busy, hundred, list, summary })
}

/// p50 of the list of a record of 1,000 documents and of the summary of one of 100.
fn both_reads(target: &Target, busy: &BenchPatient, hundred: &BenchPatient) -> Result<(Duration, Duration), String> {
    let list = reads(target, "ITI-67 list of 20 of 1,000", &format!("/fhir/DocumentReference?patient={}&status=current&_sort=-date&_count=20", busy.id), 500)?;
    let summary = reads(target, "$summary of 100 documents", &format!("/fhir/Patient/{}/$summary", hundred.id), 200)?;
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
    reads(target, "$documents-delta, 3 of 1,000", &path, 200)?;
    reads(target, "$documents-delta, first visit", &format!("{path}?since=none"), 10).map(|_| ())
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
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0 }).map_err(|e| e.to_string())?;
    let found = store.footprint().map_err(|e| e.to_string())?;
    let each = |n: i64| f64_of(u64::try_from(n).unwrap_or(0)) / f64_of(u64::try_from(found.resources).unwrap_or(1)).max(1.0);
    println!("index                            {:>8.1} rows {:>8.2} kB per resource ({} resources)", each(found.index_rows), each(found.index_bytes) / 1000.0, found.resources);
    let size = std::fs::metadata(&file).map(|m| m.len()).unwrap_or(0);
    println!("database                         {:>8.1} MB", f64_of(size) / 1e6);
    Ok(())
}

/// How long the documents are read in this process: parsed, header, statements, each resource checked.
const READING_TIME: Duration = Duration::from_secs(2);

/// XML bytes a second on one core, and the time of one document.
fn reading() {
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

fn memory(what: &str, pid: Option<u32>) {
    if let Some(bytes) = pid.and_then(resident_bytes_of) {
        println!("{what:<32} {:>8.1} MB", f64_of(bytes) / 1e6);
    }
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

/// Exact to 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures for a person to read")]
fn f64_of(n: u64) -> f64 {
    n as f64
}

/// p50 and p99 of an 8 KiB append with fdatasync: what one durable commit costs on this disk now.
fn floor(data: &Path) -> Result<(), String> {
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

fn shown(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    format!("{:>8.2} ms p50 {:>8.2} ms p99", ms(at(50)), ms(at(99)))
}

fn handshakes(target: &Target) -> Result<(), String> {
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        target.connect()?.call("GET", "/health", &[], b"")?;
        times.push(start.elapsed());
    }
    println!("floor: full handshake + /health {}", shown(&mut times));
    Ok(())
}

/// A patient of the bench: FHIR id and INS.
#[derive(Clone)]
struct BenchPatient {
    id: String,
    ins: String,
}

fn patients(target: &Target) -> Result<Vec<BenchPatient>, String> {
    let run = std::process::id() % 1000;
    let mut client = target.connect()?;
    (0..PATIENTS)
        .map(|i| {
            let ins = format!("2550{run:03}{i:08}");
            let body = json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins}],
                "name": [{"use": "official", "family": format!("BANC{i}"), "given": ["Claire"]}], "gender": "female", "birthDate": "1959-04-12"});
            let answer = client.call("POST", "/fhir/Patient", &[("Content-Type", "application/fhir+json")], body.to_string().as_bytes())?;
            let value: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
            let id = value.get("id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("patient: HTTP {}", answer.status))?;
            Ok(BenchPatient { id, ins })
        })
        .collect()
}

/// One of our documents under a new uniqueId and for another patient.
fn document(template: usize, ins: &str) -> (String, String) {
    let text = TEMPLATES.get(template % TEMPLATES.len()).copied().unwrap_or("");
    let unique = format!("2.25.{}", uuid::Uuid::new_v4().as_u128());
    let mut out = text.to_owned();
    // The document's own id is the first `id` child, in front of `code`.
    if let Some((head, rest)) = text.split_once("<id ")
        && let Some((_, tail)) = rest.split_once("/>")
    {
        out = format!("{head}<id root=\"{unique}\"/>{tail}");
    }
    let known = out.split_once("1.2.250.1.213.1.4.10\"").and_then(|(_, r)| r.split_once("extension=\"")).and_then(|(_, r)| r.split_once('"')).map(|(v, _)| v.to_owned());
    (unique, known.map_or(out.clone(), |k| out.replace(&k, ins)))
}

/// An ITI-65 Bundle with one CDA.
fn provide(patient: &BenchPatient, n: usize, template: usize) -> Vec<u8> {
    let (unique, cda) = document(template, &patient.ins);
    let patient = &patient.id;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(cda.as_bytes()));
    let (reference, binary) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let author = json!([
        {"resourceType": "Practitioner", "id": "ps", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700218896"}], "name": [{"family": "BANC", "given": ["Paul"]}]},
        {"resourceType": "Organization", "id": "org", "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750000001"}], "name": "Cabinet du banc"},
        {"resourceType": "PractitionerRole", "id": "auteur", "practitioner": {"reference": "#ps"}, "organization": {"reference": "#org"}},
        {"resourceType": "Patient", "id": "source", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "255069900000000"}]}
    ]);
    let day = format!("2026-{:02}-{:02}", n % 11 + 1, n % 27 + 1);
    let document_reference = json!({
        "resourceType": "DocumentReference", "contained": author,
        "masterIdentifier": {"type": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "code": "uniqueId"}]}, "system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{unique}")},
        "status": "current", "type": coding("http://loinc.org", "60591-5"), "category": [coding("https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "11")],
        "subject": {"reference": format!("Patient/{patient}")}, "date": format!("{day}T10:00:00+01:00"), "author": [{"reference": "#auteur"}], "custodian": {"reference": "#org"},
        "securityLabel": [coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
        "content": [{"attachment": {"contentType": "text/xml", "language": "fr-FR", "url": format!("urn:uuid:{binary}"), "size": cda.len(), "hash": hash, "title": "Synthèse médicale", "creation": format!("{day}T10:00:00+01:00")},
            "format": {"system": "https://mos.esante.gouv.fr/NOS/TRE_A06-FormatCodeComplementaire/FHIR/TRE-A06-FormatCodeComplementaire", "code": "urn:asip:ci-sis:vsm:2012"}}],
        "context": {"period": {"start": format!("{day}T09:30:00+01:00")}, "facilityType": coding("https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA07"),
            "practiceSetting": coding("https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "AMBULATOIRE"), "sourcePatientInfo": {"reference": "#source"}}
    });
    let list = json!({
        "resourceType": "List", "contained": [{"resourceType": "PractitionerRole", "id": "source", "practitioner": {"display": "Dr BANC"}}],
        "extension": [
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.1"}},
            {"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType", "valueCodeableConcept": coding("urn:oid:1.2.250.1.213.2.2", "07")}],
        "identifier": [{"type": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType", "code": "uniqueId"}]}, "use": "usual", "system": "urn:ietf:rfc:3986", "value": format!("urn:oid:2.25.{}", uuid::Uuid::new_v4().as_u128())}],
        "status": "current", "mode": "working", "code": coding("https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "submissionset"),
        "subject": {"reference": format!("Patient/{patient}")}, "date": format!("{day}T10:00:00+01:00"), "source": {"reference": "#source"},
        "entry": [{"item": {"reference": format!("urn:uuid:{reference}")}}]
    });
    let bundle = json!({
        "resourceType": "Bundle", "meta": {"profile": ["https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle"]}, "type": "transaction",
        "entry": [
            {"fullUrl": format!("urn:uuid:{}", uuid::Uuid::new_v4()), "resource": list, "request": {"method": "POST", "url": "List"}},
            {"fullUrl": format!("urn:uuid:{reference}"), "resource": document_reference, "request": {"method": "POST", "url": "DocumentReference"}},
            {"fullUrl": format!("urn:uuid:{binary}"), "resource": {"resourceType": "Binary", "contentType": "text/xml", "data": base64::engine::general_purpose::STANDARD.encode(cda.as_bytes())}, "request": {"method": "POST", "url": "Binary"}}
        ]
    });
    bundle.to_string().into_bytes()
}

/// Method, path and body.
type Request = (&'static str, String, Vec<u8>);

fn transaction(body: Vec<u8>) -> Request {
    ("POST", "/fhir".to_owned(), body)
}

/// Sends `total` requests over `connections`; returns the time of each.
fn load(target: &Target, connections: usize, total: usize, request: impl Fn(usize) -> Request + Send + Sync + 'static) -> Result<(Vec<Duration>, Duration), String> {
    let next = Arc::new(AtomicUsize::new(0));
    let request = Arc::new(request);
    let start = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (target, next, request) = (target.clone(), Arc::clone(&next), Arc::clone(&request));
            std::thread::spawn(move || -> Result<Vec<Duration>, String> {
                let mut client = target.connect()?;
                let mut times = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return Ok(times);
                    }
                    let (method, path, bytes) = request(n);
                    let start = Instant::now();
                    let answer = client.call(method, &path, &[("Content-Type", "application/fhir+json"), ("Prefer", "return=minimal")], &bytes)?;
                    times.push(start.elapsed());
                    if answer.status != 200 {
                        return Err(format!("HTTP {} {}", answer.status, String::from_utf8_lossy(answer.body.get(..400).unwrap_or(&answer.body))));
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a client stopped")??);
    }
    Ok((all, start.elapsed()))
}

fn ingest(target: &Target, patients: &[BenchPatient], documents: usize, connections: usize) -> Result<(), String> {
    let patients = patients.get(2..).map(<[BenchPatient]>::to_vec).unwrap_or_default();
    let (mut times, took) = load(target, connections, documents, move |n| patients.get(n % patients.len().max(1)).map(|p| transaction(provide(p, n, 0))).unwrap_or_default())?;
    let rate = f64_of(u64::try_from(documents).unwrap_or(0)) / took.as_secs_f64();
    println!("ITI-65, {} KB CDA, {connections} connections {rate:>8.0} documents/s {}", TEMPLATES.first().map_or(0, |t| t.len() / 1000), shown(&mut times));
    Ok(())
}

fn fill(target: &Target, patient: &BenchPatient, documents: usize, connections: usize) -> Result<(), String> {
    let patient = patient.clone();
    load(target, connections, documents, move |n| transaction(provide(&patient, n, n))).map(|_| ())
}

/// Prints p50 and p99 and gives p50 back.
fn reads(target: &Target, what: &str, path: &str, times: usize) -> Result<Duration, String> {
    let mut client: Client = target.connect()?;
    let mut all = Vec::new();
    for n in 0..times + 20 {
        let start = Instant::now();
        let answer = client.call("GET", path, &[("Accept", "application/fhir+json")], b"")?;
        if answer.status != 200 {
            return Err(format!("{what}: HTTP {}", answer.status));
        }
        if n >= 20 {
            all.push(start.elapsed());
        }
    }
    println!("{what:<31} {}", shown(&mut all));
    Ok(all.get(all.len() / 2).copied().unwrap_or_default())
}
