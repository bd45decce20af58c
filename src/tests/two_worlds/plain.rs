//! What of an answer is the same in both worlds: everything but ids, moments, and what is sealed, of which the length must be the same.

use serde_json::Value;

use crate::support::{Response, text};

/// Addresses of one world's server.
pub struct Addresses {
    pub base: String,
    /// Port of the page's listener.
    pub page: u16,
}

/// Status, the headers that say something, and the body with ids and moments taken out. `ordered`: the entries of a Bundle stand in an
/// order that says something; where ids, which are random, decide between equals they are put in one.
pub fn normalised(answer: &Response, at: &Addresses, ordered: bool) -> String {
    let headers: Vec<String> = ["etag", "location", "content-type", "retry-after", "allow", "www-authenticate", "warning", "content-disposition"]
        .iter()
        .filter_map(|n| answer.header(n).map(|v| format!("{n}: {}", scrubbed(v, at))))
        .collect();
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(mut value) => {
            plain(&mut value, at, ordered);
            without_moments(&value.to_string())
        }
        Err(_) => scrubbed(&without_moments(&text(answer)), at),
    };
    format!("{} {headers:?} {body}", answer.status)
}

fn plain(value: &mut Value, at: &Addresses, ordered: bool) {
    match value {
        Value::String(text) => *text = scrubbed(text, at),
        Value::Array(items) => items.iter_mut().for_each(|i| plain(i, at, ordered)),
        Value::Object(members) => {
            members.values_mut().for_each(|v| plain(v, at, ordered));
            if let Some(Value::Array(entries)) = members.get_mut("entry")
                && !ordered
            {
                entries.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

/// Without what is random or of the moment: ids, derived ids, instants, tickets; of page links and cursors the length stays.
fn scrubbed(text: &str, at: &Addresses) -> String {
    let host = at.base.trim_end_matches("/fhir");
    let text = text.replace(&at.base, "BASE").replace(host, "HOST").replace(&format!("localhost:{}", at.page), "PAGE").replace("%2F", "/").replace("%2C", ",").replace("%7C", "|");
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-.:_".contains(c))) {
        let (word, end) = part.char_indices().next_back().filter(|(_, c)| !(c.is_ascii_alphanumeric() || "-.:_".contains(*c))).map_or((part, ""), |(i, _)| part.split_at(i));
        let sealed = format!("SEALED {}", word.len());
        out.push_str(match word {
            _ if is_id(word) => "ID",
            _ if is_instant(word) => "TIME",
            _ if is_ticket(word) => "TICKET",
            _ if word.len() > 80 => &sealed,
            _ => word,
        });
        out.push_str(end);
    }
    out
}

/// Without the minutes that a page or a summary names: `à 14 h 07`.
fn without_moments(page: &str) -> String {
    let mut parts = page.split(" à ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let moment = part.get(2..5) == Some(" h ") && part.get(5..7).is_some_and(|m| m.bytes().all(|b| b.is_ascii_digit()));
        out.push_str(" à ");
        out.push_str(if moment { part.get(7..).unwrap_or_default() } else { part });
    }
    out
}

/// 256 bits, base64url.
fn is_ticket(word: &str) -> bool {
    word.len() == 43 && word.bytes().filter(u8::is_ascii_uppercase).count() > 2 && !word.contains([':', '.'])
}

fn is_id(word: &str) -> bool {
    let word = ["urn:uuid:", "urn:ietf:params:oauth:jti:"].iter().find_map(|p| word.strip_prefix(p)).unwrap_or(word);
    let uuid = uuid::Uuid::try_parse(word).is_ok();
    let derived = ["fx-", "nt-"].iter().any(|p| word.strip_prefix(p).is_some_and(|rest| rest.len() == 32));
    // Fingerprints of certificates: each world has its own.
    let hash = word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    uuid || derived || hash || word.starts_with("urn:oid:2.25.") && word.len() > 25
}

fn is_instant(word: &str) -> bool {
    word.len() >= 20 && word.contains('T') && (chrono::DateTime::parse_from_rfc3339(word).is_ok() || word.starts_with("2026-11-"))
}
