//! OID → canonical URI of a code system.
//! The rows are `fhir-profiles/cda-maps/codesystems.toml`; an OID without a row is `urn:oid:…`, anything else has no system.

use crate::fhir::classification::system_of_oid;

/// Longest OID that is read.
const MAX_OID: usize = 128;

/// The system of an OID (or of a UUID: `urn:uuid:…`); `None` when the text is neither.
/// Spec: FHIR R4 terminologies#system.
pub fn system_of(oid: &str) -> Option<String> {
    let oid = oid.trim();
    match system_of_oid(oid) {
        Some(uri) => Some(uri.to_owned()),
        None if is_oid(oid) => Some(format!("urn:oid:{oid}")),
        None if is_uuid(oid) => Some(format!("urn:uuid:{}", oid.to_ascii_lowercase())),
        None => None,
    }
}

/// Whether a text is a dotted OID of at least two arcs, without leading zeros.
pub fn is_oid(text: &str) -> bool {
    let arc = |a: &str| !a.is_empty() && a.bytes().all(|b| b.is_ascii_digit()) && (a.len() == 1 || !a.starts_with('0'));
    let mut arcs = text.split('.');
    text.len() <= MAX_OID && arcs.next().is_some_and(|first| matches!(first, "0" | "1" | "2")) && text.contains('.') && arcs.all(arc)
}

/// Whether a text is a UUID (8-4-4-4-12 hexadecimal digits).
pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_has_its_canonical_or_itself_and_a_word_has_none() {
        assert_eq!(system_of("2.16.840.1.113883.6.1").as_deref(), Some("http://loinc.org"));
        assert_eq!(system_of("1.2.3.4").as_deref(), Some("urn:oid:1.2.3.4"));
        for wrong in ["", "LOINC", "3.1", "1", "1..2", "1.02", "1.2.", "http://loinc.org"] {
            assert_eq!(system_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_oid_gives_the_system_that_was_meant() {
        assert_eq!(system_of("2.16.840.1.113883.6"), system_of("2.16.840.1.113883.6.3"));
        assert_eq!(system_of("1.3.5.1.4.1.19376.1.5.3.2"), system_of("1.3.6.1.4.1.19376.1.5.3.2"));
    }
}
