//! A subject, read attribute by attribute from its RDNs, never from a string form.
//! Spec: RFC 5280 §4.1.2.4; X.520 attribute types.

use x509_parser::asn1_rs::{Tag, oid};
use x509_parser::x509::X509Name;

use super::error::IdentityError;

/// Characters an O or a CN may hold.
const TEXT_MAX_CHARS: usize = 128;
/// Attributes of a subject that are looked at; more is refused.
const ATTRIBUTES_MAX: usize = 16;

/// The attributes of a subject that matter here; each occurs at most once.
#[derive(Debug, Default)]
pub(super) struct Name<'a> {
    pub country: Option<&'a str>,
    pub organization: Option<&'a str>,
    pub unit: Option<&'a str>,
    pub common_name: Option<&'a str>,
    pub surname: Option<&'a str>,
    pub given_name: Option<&'a str>,
    pub title: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// Reads a subject.
    ///
    /// # Errors
    /// `Repeated` for a second value of an attribute, `Grammar` for a value that is not UTF8String or PrintableString or holds
    /// a character this server refuses.
    pub fn read(name: &'a X509Name<'a>) -> Result<Self, IdentityError> {
        let mut out = Self::default();
        for (index, attribute) in name.iter_attributes().enumerate() {
            if index >= ATTRIBUTES_MAX {
                return Err(IdentityError::Grammar("subject of so many attributes"));
            }
            let kind = attribute.attr_type();
            let (slot, label) = if *kind == oid!(2.5.4.6) {
                (&mut out.country, "C")
            } else if *kind == oid!(2.5.4.10) {
                (&mut out.organization, "O")
            } else if *kind == oid!(2.5.4.11) {
                (&mut out.unit, "OU")
            } else if *kind == oid!(2.5.4.3) {
                (&mut out.common_name, "CN")
            } else if *kind == oid!(2.5.4.4) {
                (&mut out.surname, "SN")
            } else if *kind == oid!(2.5.4.42) {
                (&mut out.given_name, "GN")
            } else if *kind == oid!(2.5.4.12) {
                (&mut out.title, "title")
            } else {
                continue;
            };
            if !matches!(attribute.attr_value().tag(), Tag::Utf8String | Tag::PrintableString) {
                return Err(IdentityError::Grammar(label));
            }
            let text = attribute.as_str().map_err(|_| IdentityError::Grammar(label))?;
            if slot.replace(text).is_some() {
                return Err(IdentityError::Repeated(label));
            }
            checked(text, label)?;
        }
        Ok(out)
    }
}

/// Letters of any script, ASCII digits and punctuation, single inner spaces. No control, no invisible or fullwidth character,
/// no other script's digits: two names that look alike must be the same bytes.
fn checked(text: &str, label: &'static str) -> Result<(), IdentityError> {
    let allowed = |c: char| match c {
        ' '..='~' => true,
        '\u{FF00}'..='\u{FFEF}' => false,
        '’' | '–' | '«' | '»' | '°' => true,
        other => other.is_alphabetic(),
    };
    let spaced = text.starts_with(' ') || text.ends_with(' ') || text.contains("  ");
    if text.is_empty() || spaced || text.chars().count() > TEXT_MAX_CHARS || !text.chars().all(allowed) {
        return Err(IdentityError::Grammar(label));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_hidden_or_fullwidth_characters_is_refused() {
        for text in ["a\u{200B}b", "\u{202E}abc", "８９９", "a\0b", " a", "a ", "a  b", "", "٣"] {
            assert!(checked(text, "CN").is_err(), "{text:?}");
        }
        assert!(checked("Cabinet d'Orléans (45), O=FAUX+1", "O").is_ok());
    }
}
