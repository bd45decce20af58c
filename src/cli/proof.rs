//! `passerelle audit proof`: whether the proof of an erasure is this server's, and stands in its trail.

use std::path::Path;

use serde_json::Value;

use super::anchor::{self, said, signed_by};
use crate::audit::Erasure;
use crate::config::Config;
use crate::identity::verified_claims;
use crate::store::{Chain, DatabaseUrl, Store, StoreOptions, chain_hash};

/// Bytes of a file with a proof.
const MAX_BYTES: u64 = 64 << 10;

/// Verifies signature and event; prints what the proof says.
///
/// # Errors
/// A text that says what does not hold.
pub(super) fn run(proof: &Path, data: &Path, file: Option<&Path>) -> Result<(), String> {
    let signed = signed(proof)?;
    let public = anchor::key(data).with_extension("jwks");
    let jwks = std::fs::read(&public).map_err(|e| format!("{}: {e}", public.display()))?;
    let at_s = said(&signed, "iat").ok_or("the proof cannot be read")?;
    verified_claims(&signed, &[signed_by(&jwks)?], &[Erasure::TYPE], at_s).map_err(|_| "the signature of the proof does not hold: it was changed, or signed by another server")?;
    let erasure: Erasure = said(&signed, "erasure").ok_or("the proof does not say what was erased")?;
    let Some(number) = event_of(&chain_hash(&signed), data, file)? else {
        return Err("the signature of the proof holds, but no event of the trail names it".into());
    };
    let why = if erasure.motif.is_empty() { "its retention was over".to_owned() } else { format!("for a reason: {}", erasure.motif) };
    println!(
        "the proof holds: record {}, closed on {}, erased on {}, {why}; {} documents, {} versions of resources, {} facts; habilitation matrix {}; event {number} of the trail of writes names it",
        erasure.record, erasure.closed, erasure.erased, erasure.documents, erasure.resources, erasure.facts, erasure.matrix
    );
    Ok(())
}

/// The signed text of a file: alone, or in the Parameters that `$erase` answered.
fn signed(proof: &Path) -> Result<String, String> {
    use std::io::Read;
    let named = |e: String| format!("{}: {e}", proof.display());
    let mut text = String::new();
    std::fs::File::open(proof).and_then(|f| f.take(MAX_BYTES).read_to_string(&mut text)).map_err(|e| named(e.to_string()))?;
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(text.trim().to_owned()) };
    let all = value.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found = all.iter().find(|p| p.get("name").and_then(Value::as_str) == Some("proof")).and_then(|p| p.get("valueString")?.as_str());
    found.map(str::to_owned).ok_or_else(|| named("no parameter `proof` is in it".into()))
}

/// The number of the event that names a proof by its hash, in a chain that is whole.
fn event_of(hash: &str, data: &Path, file: Option<&Path>) -> Result<Option<i64>, String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let needle = format!("[\"{}\",\"{hash}\"]", Erasure::DETAIL);
    let mut found = None;
    let (_, broken) = store
        .walk_audit(Chain::default(), |chain, line| {
            if line.contains(&needle) {
                found = Some(chain.number());
            }
        })
        .map_err(|e| e.to_string())?;
    match broken {
        Some(broken) => Err(format!("the trail of writes is broken: {broken}")),
        None => Ok(found),
    }
}
