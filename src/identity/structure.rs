//! The national identifier of a structure.
//! Spec: ANS, Struct_IdNat (prefix by registry); NOS system 1.2.250.1.71.4.2.2.

use super::error::IdentityError;
use crate::fhir::Identifier;

/// Struct_IdNat by its registry. The fields hold the identifier without its prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StructIdNat {
    /// Prefix 0: ADELI number (9 characters) and rank of the practice (1–4 digits).
    AdeliRang(String),
    /// Prefix 1: FINESS, 9 characters (legal or geographic entity).
    Finess(String),
    /// Prefix 2: SIREN, 9 digits.
    Siren(String),
    /// Prefix 3: SIRET, 14 digits.
    Siret(String),
    /// Prefix 4: RPPS number (11 digits) and rank of the practice (1–4 digits).
    RppsRang(String),
    /// No prefix: technical identifier, 3–32 upper-case letters and digits, at least one letter, not starting with 0–4. Digits
    /// alone are refused: they are a FINESS, SIREN, SIRET or RPPS without its prefix, or a person's number.
    Technical(String),
}

impl StructIdNat {
    /// FHIR system of every form.
    pub const SYSTEM: &'static str = "urn:oid:1.2.250.1.71.4.2.2";

    /// Reads the prefixed form, as an OU or an identifier holds it. ASCII only: no space, no other script's digits.
    ///
    /// # Errors
    /// [`IdentityError::Grammar`].
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let wrong = IdentityError::Grammar("OU (Struct_IdNat)");
        let upper = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        let mut rest = text.chars();
        let prefix = rest.next().ok_or(wrong)?;
        let body = rest.as_str();
        let own = body.to_owned();
        match (prefix, body.len()) {
            ('0', 10..=13) if upper(body) => Ok(Self::AdeliRang(own)),
            ('1', 9) if upper(body) => Ok(Self::Finess(own)),
            ('2', 9) if digits(body) => Ok(Self::Siren(own)),
            ('3', 14) if digits(body) => Ok(Self::Siret(own)),
            ('4', 12..=15) if digits(body) => Ok(Self::RppsRang(own)),
            ('5'..='9' | 'A'..='Z', 2..=31) if upper(body) && !digits(text) => Ok(Self::Technical(text.to_owned())),
            _ => Err(wrong),
        }
    }

    /// The identifier with its prefix.
    pub fn value(&self) -> String {
        match self {
            Self::AdeliRang(t) => format!("0{t}"),
            Self::Finess(t) => format!("1{t}"),
            Self::Siren(t) => format!("2{t}"),
            Self::Siret(t) => format!("3{t}"),
            Self::RppsRang(t) => format!("4{t}"),
            Self::Technical(t) => t.clone(),
        }
    }

    /// The form that structures are compared in: the prefixed identifier.
    pub fn canonical(&self) -> String {
        self.value()
    }

    /// The identifier as FHIR and the audit write it.
    pub fn as_identifier(&self) -> Identifier {
        Identifier { system: Some(Self::SYSTEM.to_owned()), value: self.value() }
    }
}

impl std::fmt::Display for StructIdNat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.value())
    }
}

/// A structure's number as it is compared, `None` for what is none.
pub fn structure_number(text: &str) -> Option<String> {
    StructIdNat::parse(text.trim()).ok().map(|s| s.canonical())
}

/// The compared form of a structure identifier found in a document; one outside the grammar is compared as it stands.
pub fn canonical_structure(text: &str) -> String {
    StructIdNat::parse(text.trim()).map_or_else(|_| text.trim().to_owned(), |s| s.canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_its_registry_and_round_trips() {
        for text in ["0012345678901", "10B0057881", "2123456789", "312345678900011", "499999000000001", "R10000000123"] {
            assert_eq!(StructIdNat::parse(text).unwrap().value(), text);
        }
        assert!(matches!(StructIdNat::parse("10B0057881"), Ok(StructIdNat::Finess(_))));
    }

    #[test]
    fn every_form_has_its_exact_length() {
        let forms: [(&str, char, std::ops::RangeInclusive<usize>); 5] = [("0", '9', 10..=13), ("1", '9', 9..=9), ("2", '9', 9..=9), ("3", '9', 14..=14), ("4", '9', 12..=15)];
        for (prefix, digit, lengths) in forms {
            for length in 0..40 {
                let text = format!("{prefix}{}", digit.to_string().repeat(length));
                assert_eq!(StructIdNat::parse(&text).is_ok(), lengths.contains(&length), "{text}");
            }
        }
    }

    #[test]
    fn a_registry_number_without_its_prefix_is_no_technical_identifier() {
        for text in ["750803447", "552100554", "80003400241000", "99970000001", "899700000001"] {
            assert!(StructIdNat::parse(text).is_err(), "{text}");
            assert_eq!(canonical_structure(text), text);
        }
        assert!(matches!(StructIdNat::parse("F750803447"), Ok(StructIdNat::Technical(_))));
    }

    #[test]
    fn spaces_other_scripts_and_wrong_lengths_are_refused() {
        let spaced = ["1 10B0057881", "10B0057881\u{a0}", "10b0057881", "10B0057881\n", "OU=10B0057881", "10B0057881,OU=1"];
        for text in spaced.into_iter().chain(["", "1", "1 12345678", "1012345678 ", "３12345678900011", "31234567890001", "3123456789000112", "r100", "é123"]) {
            assert!(StructIdNat::parse(text).is_err(), "{text:?}");
        }
    }
}
