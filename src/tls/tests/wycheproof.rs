//! Wycheproof's JWS and JWK vectors beside the checkout: ours are RS256, PS256 and ES256, everything else is refused.

use std::path::Path;

use serde_json::{Value, json};

use crate::identity::{Compact, Keys, TokenError};
use crate::tls::prepare;

fn groups(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/security/wycheproof").join(file);
    let Ok(bytes) = std::fs::read(path) else {
        println!("left out: no {file} beside the checkout");
        return Vec::new();
    };
    serde_json::from_slice::<Value>(&bytes).unwrap()["testGroups"].as_array().unwrap().clone()
}

fn judge(keys: &Value, token: &Value) -> Result<(), TokenError> {
    let token = token.as_str().ok_or(TokenError::Form)?;
    let keys = Keys::parse(keys.to_string().as_bytes(), prepare)?;
    keys.check(&Compact::read(token)?)
}

/// A token of an algorithm that is ours.
fn ours(jwk: &Value) -> bool {
    matches!(jwk["alg"].as_str(), Some("RS256" | "PS256" | "ES256"))
}

fn run(file: &str, keys_of: impl Fn(&Value) -> Option<Value>) -> (usize, Vec<String>) {
    let (mut count, mut wrong) = (0, Vec::new());
    for group in groups(file) {
        let Some(keys) = keys_of(&group) else { continue };
        for test in group["tests"].as_array().unwrap() {
            count += 1;
            let outcome = judge(&keys, &test["jws"]);
            let algorithm = keys["keys"].as_array().unwrap().iter().any(ours);
            let expected = test["result"] == "valid" && algorithm;
            if outcome.is_ok() != expected {
                wrong.push(format!("{file} {} {} {}: {outcome:?}", test["tcId"], group["comment"], test["comment"]));
            }
        }
    }
    (count, wrong)
}

#[test]
fn wycheproof_signatures_and_keys_have_their_expected_verdict() {
    let single = |group: &Value| {
        let key = group.get("public").or_else(|| group.get("private"))?;
        Some(if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) })
    };
    let mut wrong = Vec::new();
    for file in ["json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"] {
        let (count, mut bad) = run(file, |group| if group["tests"][0].get("jws").is_some() { single(group) } else { None });
        println!("{file}: {count} vectors, {} otherwise", bad.len());
        wrong.append(&mut bad);
    }
    let unexpected: Vec<&String> = wrong.iter().filter(|w| !EXCEPTIONS.iter().any(|(head, _)| w.starts_with(head))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// Vectors we judge otherwise, each with its reason.
const EXCEPTIONS: &[(&str, &str)] =
    &[("json_web_signature_test.json 346 ", "the token is PS384, the key says PS256"), ("json_web_signature_test.json 350 ", "the token is PS384, the key says PS256")];
