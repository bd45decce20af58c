//! What the rules cost: the check of a token, documents that a reader may not see, and verifying the trail.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::documents::{BenchPatient, provide, transaction};
use super::load::{f64_of, load, ms, reads};
use super::{authorize, token};
use crate::cli::client::Target;
use crate::cli::issuers;
use crate::config::Config;
use crate::identity::{Binding, Tokens};
use crate::store::{Chain, DatabaseUrl, Store, StoreOptions, walk_read_log};

/// Documents of each record that the reader sees.
const SEEN: usize = 100;
/// Hidden documents of the three records that are compared: one more, and ten times as many.
const HIDDEN: [usize; 3] = [20, 21, 200];
const NORMAL: &str = r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}"#;
const MASKED: &str = r#"{"coding":[{"system":"https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument","code":"MASQUE_PS"}]}"#;

/// The check of one token, verified anew and held: asked ≤ 150 µs and ≤ 5 µs.
pub(super) fn token_check(data: &Path) -> Result<(), String> {
    let config = Config::load(None, std::iter::empty())?.under(data);
    let text = token(data, "client-cabinet", "899700218896")?;
    let fingerprint = bound(&text).ok_or("the token names no certificate")?;
    let now_s = chrono::Utc::now().timestamp();
    let all = || issuers::issuers(data, &config, "", None);
    let tokens = Tokens::new(all()?, Binding::Rfc8705);
    let (mut cold, mut held) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        tokens.replace(all()?);
        for times in [&mut cold, &mut held] {
            let start = Instant::now();
            tokens.check(&text, &fingerprint, now_s).map_err(|e| e.to_string())?;
            times.push(start.elapsed());
        }
    }
    println!("token check, verified | held     {:>8.1} µs p50 | {:>6.1} µs p50", middle(&mut cold), middle(&mut held));
    Ok(())
}

/// The certificate that a token is bound to.
fn bound(token: &str) -> Option<[u8; 32]> {
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()?;
    URL_SAFE_NO_PAD.decode(claims.pointer("/cnf/x5t#S256")?.as_str()?).ok()?.try_into().ok()
}

/// µs.
fn middle(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |t| ms(*t) * 1000.0)
}

/// The list and the summary of three records that differ by what a reader may not see: asked < 1 ms for one document more, and ≤ 1.2 ×
/// for ten times as many.
pub(super) fn hidden(target: &Target, data: &Path) -> Result<(), String> {
    let reader = Target { token: Some(token(data, "client-imagerie", "899700000001")?), ..Target::new(&data.join("pki"), "client-imagerie", target.port)? };
    let records = HIDDEN.iter().enumerate().map(|(index, hidden)| record(target, index, *hidden)).collect::<Result<Vec<_>, _>>()?;
    records.iter().try_for_each(|patient| authorize(&reader, patient))?;
    for (what, path) in [("ITI-67 list", "/fhir/DocumentReference?patient={}&status=current&_sort=-date&_count=20"), ("$summary", "/fhir/Patient/{}/$summary")] {
        let times = records
            .iter()
            .zip(HIDDEN)
            .map(|(patient, hidden)| reads(&reader, &format!("{what}, {SEEN} seen, {hidden} hidden"), &path.replace("{}", &patient.id), (1, 200)))
            .collect::<Result<Vec<_>, _>>()?;
        if let [few, one_more, many] = times.as_slice() {
            println!("{what}: one hidden more {:>+6.2} ms   ten times as many x {:.2}", ms(*one_more) - ms(*few), many.as_secs_f64() / few.as_secs_f64());
        }
    }
    Ok(())
}

/// A record with what the reader sees, and so many documents besides that he does not.
fn record(target: &Target, index: usize, hidden: usize) -> Result<BenchPatient, String> {
    let ins = format!("2551{:03}{index:08}", std::process::id() % 1000);
    let body = json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins}],
        "name": [{"use": "official", "family": format!("SECRET{index}"), "given": ["Claire"]}], "gender": "female", "birthDate": "1959-04-12"});
    let answer = target.connect()?.call("POST", "/fhir/Patient", &[("Content-Type", "application/fhir+json")], body.to_string().as_bytes())?;
    let value: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
    let id = value.get("id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("patient: HTTP {}", answer.status))?;
    let patient = BenchPatient { id, ins };
    let of = patient.clone();
    load(target, 4, SEEN + hidden, move |n| {
        let sent = provide(&of, n, n);
        transaction(if n < SEEN { sent } else { String::from_utf8_lossy(&sent).replace(NORMAL, &format!("{NORMAL},{MASKED}")).into_bytes() })
    })?;
    Ok(patient)
}

/// Events of both chains a second; asked ≥ 100,000.
pub(super) fn verified(data: &Path) -> Result<(), String> {
    let url = DatabaseUrl::parse(&format!("sqlite:{}", data.join("passerelle.db").display()))?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let mut events = 0_u64;
    let start = Instant::now();
    let (_, writes) = store.walk_audit(Chain::default(), |_, _| events += 1).map_err(|e| e.to_string())?;
    let reads = walk_read_log(&data.join("audit-reads.log"), |_, _| events += 1).map_err(|e| e.to_string())?.broken;
    let took = start.elapsed();
    if writes.is_some() || reads.is_some() {
        return Err("the trail of the bench is not whole".into());
    }
    println!("trail verified                   {:>8.0} events/s ({events} events)", f64_of(events) / took.as_secs_f64());
    Ok(())
}
