//! Every document of the shared corpus: accepted, or refused with an OperationOutcome that says why; retrieved bytes identical; the
//! process never falls, and stays small. Runs where the corpus lies beside the checkout.

use std::path::{Path, PathBuf};

use crate::support::{On, ServerProcess, TestServer, json, text};

/// Attack documents that must never be accepted.
const ATTACKS: &[&str] = &["XXE", "DTD", "DocType", "xinclude", "Xinclude", "XInclude"];

#[test]
fn on_sqlite() {
    whole_corpus(On::Sqlite);
}

#[test]
fn on_postgres() {
    if crate::support::postgres() {
        whole_corpus(On::Postgres);
    }
}

fn whole_corpus(on: On) {
    let Some(documents) = documents() else {
        println!("skipped: the document corpus is not beside the checkout");
        return;
    };
    let server = TestServer::start(on);
    let (mut accepted, mut refused) = (0, Vec::new());
    for path in &documents {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(path).unwrap();
        let mut session = server.cabinet();
        let answer = session.deposit(&bytes);
        match answer.status {
            200 | 201 => {
                assert!(!(ATTACKS.iter().any(|a| name.contains(a)) && bytes.windows(9).any(|w| w == b"<!DOCTYPE")), "{name}: an attack was accepted");
                let reference = json(&answer);
                let url = reference["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
                let raw = session.call("GET", url.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap(), &[("Accept", "*/*")], b"");
                assert_eq!(raw.status, 200, "{name}");
                assert!(raw.body == bytes, "{name}: the bytes differ");
                accepted += 1;
            }
            status => {
                assert!((400..500).contains(&status), "{name}: {status} {}", text(&answer));
                let outcome = json(&answer);
                assert_eq!(outcome["resourceType"], "OperationOutcome", "{name}");
                let why = outcome["issue"][0]["diagnostics"].as_str().unwrap_or("").to_owned();
                assert!(why.len() > 20, "{name}: says why");
                refused.push(format!("{status} {name}: {why}"));
            }
        }
    }
    println!("{} documents: {accepted} accepted, {} refused", documents.len(), refused.len());
    refused.iter().for_each(|r| println!("  {r}"));
    assert_eq!(server.cabinet().call("GET", "/health", &[], b"").status, 200);
    let resident = passerelle::http::resident_bytes().unwrap_or(0);
    println!("resident set {} MB (tests of this process included)", resident / 1_000_000);
}

/// The published documents, in the order of their names.
pub fn documents() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/cda");
    let mut out = Vec::new();
    for part in ["reference", "more"] {
        for entry in std::fs::read_dir(folder.join(part)).ok()?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "xml") {
                out.push(path);
            }
        }
    }
    out.sort();
    Some(out)
}

/// A server process of its own, so that what is measured is the server's alone.
#[test]
fn the_whole_corpus_leaves_the_server_small() {
    let Some(documents) = documents() else {
        println!("skipped: the document corpus is not beside the checkout");
        return;
    };
    let mut server = ServerProcess::start();
    let target = passerelle::cli::Target::new(&server.dir.join("pki"), "client-cabinet", server.port()).unwrap();
    for path in &documents {
        let answer = target.connect().unwrap().call("POST", "/fhir/$deposit", &[("Content-Type", "application/xml")], &std::fs::read(path).unwrap()).unwrap();
        assert!(answer.status < 500, "{}", path.display());
    }
    let peak = peak_mb(server.pid());
    assert!(server.end());
    println!("peak resident set of the server over {} documents: {peak} MB", documents.len());
    assert!(peak < 300, "{peak} MB");
}

fn peak_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("").to_owned();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1000
}
