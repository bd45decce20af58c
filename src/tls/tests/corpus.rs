//! The sixty client certificate vectors beside the checkout, where they are: verdict of our policy against theirs.

use std::path::Path;
use std::process::Command;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde_json::Value;

use crate::identity::subject;
use crate::tls::TrustSet;

const FILE: &str = "../shared/corpus/security/mtls-vectors/mtls-vectors.json.gz";

/// Vectors we judge otherwise, each with its reason.
const EXCEPTIONS: &[(&str, &str)] =
    &[("dn-empty-subject", "the certificate in the file has a full subject, C, O, OU and CN, and is rightly accepted; an empty one is a vector of ours")];

#[test]
fn every_vector_beside_the_checkout_has_its_expected_verdict() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if !file.exists() {
        println!("left out: no vectors beside the checkout");
        return;
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
    let vectors: Value = serde_json::from_slice(&unpacked.stdout).unwrap();
    let now = chrono::DateTime::parse_from_rfc3339(vectors["now"].as_str().unwrap()).unwrap().timestamp();
    let cases = vectors["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let outcome = judge(case, now);
        let excepted = EXCEPTIONS.iter().any(|(name, _)| *name == id);
        if (outcome.is_ok() == (case["expect"] == "accept")) == excepted {
            wrong.push(format!("{id}: {outcome:?}"));
        }
        println!("{id}: {outcome:?}");
    }
    println!("{} of {} vectors as expected, excepted: {EXCEPTIONS:?}", cases.len() - wrong.len() - EXCEPTIONS.len(), cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(cases.len(), 60);
}

/// The operator's file holds the roots and the chain; the client sends its chain.
fn judge(case: &Value, now: i64) -> Result<(), String> {
    let joined = |key: &str| case[key].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect::<String>();
    let set = TrustSet::build((joined("roots") + &joined("chain")).as_bytes(), joined("crls").as_bytes(), now, None).map_err(|e| e.to_string())?;
    let leaf = CertificateDer::from_pem_slice(case["leaf"].as_str().unwrap().as_bytes()).unwrap();
    let chain = joined("chain");
    let sent: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(now).unwrap()));
    set.verify(&leaf, &sent, at)?;
    subject(&leaf).map(|_| ()).map_err(|e| e.to_string())
}
