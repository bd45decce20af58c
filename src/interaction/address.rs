//! The parts of an address: pairs of a query or a form, and ids.

use crate::fhir::{Fault, FaultKind, Result};

/// Decodes `a=b&c=d`.
pub fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent(name), percent(value))
        })
        .collect()
}

/// Refuses a token among the parameters of an address or a form, whichever way its name is encoded: both are kept in the trail.
/// Spec: RFC 6750 §2.2, §2.3 (not offered).
///
/// # Errors
/// `BadValue`.
pub fn without_token(parameters: &[(String, String)]) -> Result<()> {
    if parameters.iter().any(|(name, _)| name == "access_token") {
        return Err(Fault::new(FaultKind::BadValue, 540, "an access token never goes into the address or a form; send the header Authorization: Bearer"));
    }
    Ok(())
}

fn percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        let hex = bytes.get(i + 1..i + 3).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (b, hex) {
            (b'+', _) => out.push(b' '),
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            _ => out.push(*b),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Spec: FHIR R4 datatypes#id.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}
