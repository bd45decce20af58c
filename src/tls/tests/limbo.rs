//! x509-limbo beside the checkout, where it is: what we judge otherwise stands in limbo-exceptions.tsv, exactly.
//!
//! A client's case goes through our leaf policy and webpki; a server's through the same rules on authorities and path, its name
//! and its purposes left aside; one with lists through the whole set. Cases without lists are judged without revocation.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use serde_json::Value;

use crate::identity::CertificateFacts;
use crate::tls::authority::sort;
use crate::tls::{TrustSet, policy, provider};

const FILE: &str = "../shared/corpus/security/x509-limbo/limbo-small.json.gz";
/// The clock of cases that name none: 2024-01-01T00:00:00Z.
const NOW: i64 = 1_704_067_200;

#[test]
fn every_limbo_case_has_its_verdict_or_stands_among_the_exceptions() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if !file.exists() {
        println!("left out: no x509-limbo beside the checkout");
        return;
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
    let limbo: Value = serde_json::from_slice(&unpacked.stdout).unwrap();
    let cases = limbo["testcases"].as_array().unwrap();
    let ours: Vec<(String, String)> = cases.iter().filter_map(differs).collect();
    ours.iter().for_each(|(key, reason)| println!("{key}\t{reason}"));
    let expected: BTreeSet<String> = include_str!("limbo-exceptions.tsv").lines().filter_map(|l| l.rsplit_once('\t')).map(|(key, _)| key.to_owned()).collect();
    println!("{} of {} cases as expected", cases.len() - ours.len(), cases.len());
    assert_eq!(ours.into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>(), expected);
}

/// Case, expected and ours, tab between; and why.
fn differs(case: &Value) -> Option<(String, String)> {
    let (id, expected) = (case["id"].as_str().unwrap(), case["expected_result"].as_str().unwrap());
    let outcome = judge(case);
    let ours = if outcome.is_ok() { "SUCCESS" } else { "FAILURE" };
    (ours != expected).then(|| (format!("{id}\t{expected}\t{ours}"), outcome.err().unwrap_or_default()))
}

fn judge(case: &Value) -> Result<(), String> {
    let joined = |key: &str| case[key].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect::<Vec<_>>().join("\n");
    let now = case["validation_time"].as_str().map_or(NOW, |t| chrono::DateTime::parse_from_rfc3339(t).unwrap().timestamp());
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap()));
    let leaf = CertificateDer::from_pem_slice(case["peer_certificate"].as_str().unwrap().as_bytes()).map_err(|e| e.to_string())?;
    policy::size(std::iter::once(leaf.len()))?;
    let (ca, lists) = (joined("trusted_certs") + "\n" + &joined("untrusted_intermediates"), joined("crls"));
    if !lists.is_empty() {
        return TrustSet::build(ca.as_bytes(), lists.as_bytes(), now, None).map_err(|e| e.to_string())?.verify(&leaf, &[], at);
    }
    let authorities = CertificateDer::pem_slice_iter(ca.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let sorted = sort(authorities, now, &mut Vec::new()).map_err(|e| e.to_string())?;
    if case["validation_kind"] == "CLIENT" {
        policy::leaf(&CertificateFacts::read(&leaf).map_err(|e| e.to_string())?)?;
        let webpki = WebPkiClientVerifier::builder_with_provider(Arc::clone(&sorted.roots), provider()).build().map_err(|e| e.to_string())?;
        return webpki.verify_client_cert(&leaf, &sorted.intermediates, at).map(|_| ()).map_err(|e| e.to_string());
    }
    let facts = CertificateFacts::read(&leaf).map_err(|e| e.to_string())?;
    policy::leaf(&CertificateFacts { client_auth: true, digital_signature: true, ..facts })?;
    let parsed = ParsedCertificate::try_from(&leaf).map_err(|e| e.to_string())?;
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, &sorted.roots, &sorted.intermediates, at, algorithms).map_err(|e| e.to_string())
}
