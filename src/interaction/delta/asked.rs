//! What a delta is asked with: query parameters, and those of a Parameters resource for what is long.

use std::collections::HashSet;

use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::interaction::Call;

/// Documents of one answer, and uniqueIds that a caller may say it holds.
const MOST: usize = 5_000;

/// From where to compare.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// What the server keeps of this person.
    Kept,
    /// `none`: as at a first visit.
    Nothing,
    Cursor(String),
}

/// The parameters.
#[derive(Debug)]
pub(super) struct Asked {
    pub since: Since,
    pub cursor: Option<String>,
    pub identifier: Option<String>,
    pub count: usize,
    known: HashSet<String>,
}

impl Asked {
    /// Reads them.
    ///
    /// # Errors
    /// `Malformed` for a body that is no Parameters, `BadValue` for a `_count` out of its bounds, `TooCostly` for too many uniqueIds.
    pub(super) fn of(call: &Call) -> Result<Self> {
        call.sent_is_readable()?;
        let last = |name: &str| call.parameter(name).map(str::to_owned);
        let known: HashSet<String> = call.parameters("known").map(|text| canonical(&Identifier::asked(text))).collect();
        if known.len() > MOST {
            return Err(Fault::new(FaultKind::TooCostly, 847, format!("known may name {MOST} documents; ask again with the others and since=<cursor>")).at("known"));
        }
        let since = match last("since").as_deref() {
            None => Since::Kept,
            Some("none") => Since::Nothing,
            Some(text) => Since::Cursor(text.to_owned()),
        };
        Ok(Self { since, cursor: last("cursor"), identifier: last("identifier"), count: count(last("_count").as_deref())?, known })
    }

    /// Whether the caller says to hold the document of a uniqueId.
    pub(super) fn knows(&self, unique: &Identifier) -> bool {
        !self.known.is_empty() && self.known.contains(&canonical(unique))
    }
}

fn count(text: Option<&str>) -> Result<usize> {
    let Some(text) = text else { return Ok(MOST) };
    let given = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    given.ok_or_else(|| Fault::new(FaultKind::BadValue, 848, format!("_count is a number from 1 to {MOST}")).at("_count"))
}

/// One form of a uniqueId for all its spellings: URI or bare OID or UUID, `root^extension` or two members.
/// Spec: IHE ITI TF-3 4.2.3.2.26 (uniqueId); IHE MHD 4.2 masterIdentifier.
fn canonical(identifier: &Identifier) -> String {
    let bare = |text: &str| {
        let text = text.trim();
        let text = text.strip_prefix("urn:oid:").or_else(|| text.strip_prefix("urn:uuid:")).unwrap_or(text);
        if uuid::Uuid::try_parse(text).is_ok() { text.to_ascii_lowercase() } else { text.to_owned() }
    };
    match identifier.system.as_deref() {
        None | Some("" | "urn:ietf:rfc:3986") => bare(&identifier.value),
        Some(system) => format!("{}^{}", bare(system), bare(&identifier.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_id_is_one_in_every_spelling() {
        let same = |a: &str, b: &str| canonical(&Identifier::asked(a)) == canonical(&Identifier::asked(b));
        assert!(same("urn:ietf:rfc:3986|urn:oid:1.2.3", "1.2.3") && same("urn:oid:1.2.3", "1.2.3"));
        assert!(same("urn:oid:1.2|7", "1.2^7") && !same("urn:oid:1.2|7", "1.2.7"));
        assert!(same("urn:uuid:6F1A2B3C-0000-4000-8000-000000000001", "6f1a2b3c-0000-4000-8000-000000000001"));
    }
}
