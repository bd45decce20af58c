//! Identifiers, codes' systems and times: what they must look like wherever they stand.
//! Spec: CDA R2 data types; ANS référentiel INS, PS_IdNat, Struct_IdNat.

use super::Check;
use super::published::{Breaks, Of, is_published};
use crate::cda::codesystems::{is_oid, is_uuid};
use crate::cda::datatypes::date_time;
use crate::fhir::xml::Element;

const INS_ARC: &str = "1.2.250.1.213.1.4.";
/// Last arcs of the INS' roots, those of other identifiers of this arc, and the one of the older INS-C.
const INS_ROOTS: &[&str] = &["8", "9", "10", "11"];
const NOT_INS: &[&str] = &["1", "2", "6", "13"];
const PERSONS: &str = "1.2.250.1.71.4.2.1";
const STRUCTURES: &str = "1.2.250.1.71.4.2.2";
/// Elements of CDA's types CS, which have a fixed code system.
const CS: &[&str] = &["realmCode", "languageCode", "statusCode", "signatureCode", "formatCode", "modeCode"];

impl Check<'_> {
    pub(super) fn identifier(&mut self, e: &Element) {
        let Some(root) = e.attr("root").map(str::trim) else { return };
        if !is_oid(root) && !is_uuid(root) {
            return self.find("root", e);
        }
        let Some(extension) = e.attr("extension").map(str::trim).filter(|x| !x.is_empty()) else { return };
        match root.strip_prefix(INS_ARC) {
            Some(arc) if INS_ROOTS.contains(&arc) => match matricule(extension) {
                None => self.find("ins-form", e),
                Some(false) => self.find("ins-key", e),
                Some(true) => {}
            },
            Some(arc) if !NOT_INS.contains(&arc) => self.find("ins-root", e),
            _ if root == PERSONS => self.number(e, Of::Person, extension),
            _ if root == STRUCTURES => self.number(e, Of::Structure, extension),
            _ => {}
        }
    }

    /// The number of a professional or a structure: what is wrong with it, unless it is known to be nobody's.
    fn number(&mut self, e: &Element, of: Of, number: &str) {
        let (form, key) = match of {
            Of::Person => (is_person(number), person_key(number)),
            Of::Structure => (is_structure(number), structure_key(number)),
        };
        let breaks = match (form, key) {
            (true, true) => return,
            (true, false) => Breaks::Key,
            (false, _) => Breaks::Form,
        };
        let rule = match (breaks, of) {
            (Breaks::Form, _) if is_published(of, breaks, number) => "published-number",
            (Breaks::Key, _) if is_published(of, breaks, number) => "demonstration-number",
            (Breaks::Form, Of::Person) => "person-id",
            (Breaks::Form, Of::Structure) => "structure-id",
            (Breaks::Key, Of::Person) => "person-key",
            (Breaks::Key, Of::Structure) => "structure-key",
        };
        self.find(rule, e);
    }

    pub(super) fn code(&mut self, e: &Element) {
        if let Some(system) = e.attr("codeSystem") {
            if !is_oid(system.trim()) && !is_uuid(system.trim()) {
                self.find("code-system-oid", e);
            }
        } else if e.attr("code").is_some_and(|c| !c.trim().is_empty()) && !CS.contains(&&*e.name) && e.attr("nullFlavor").is_none() {
            self.find("code-system", e);
        }
    }

    pub(super) fn time(&mut self, e: &Element, parent: Option<&Element>) {
        if is_time(e, parent) && e.attr("value").is_some_and(|v| !is_written_well(v)) {
            self.find("time", e);
        }
    }
}

/// Elements of the types TS and IVL_TS.
fn is_time(e: &Element, parent: Option<&Element>) -> bool {
    const TIMES: &[&str] = &["effectiveTime", "time", "birthTime", "deceasedTime", "availabilityTime", "expirationTime"];
    TIMES.contains(&&*e.name) && e.attr("unit").is_none()
        || matches!(&*e.name, "low" | "high" | "center") && parent.is_some_and(|p| TIMES.contains(&&*p.name)) && e.attr("unit").is_none()
}

/// What reading forgives (an offset of three digits, a separator) is wrong all the same.
fn is_written_well(time: &str) -> bool {
    let (digits, offset) = time.find(['+', '-']).map_or((time, None), |at| (time.get(..at).unwrap_or_default(), time.get(at + 1..)));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let form = number(whole)
        && matches!(whole.len(), 4 | 6 | 8 | 10 | 12 | 14)
        && fraction.is_none_or(|f| number(f) && f.len() <= 4 && whole.len() == 14)
        && offset.is_none_or(|o| number(o) && o.len() == 4 && whole.len() > 8);
    form && date_time(time).is_some()
}

/// Whether the key of an INS is right; `None` when it has not the form of one.
/// Spec: NIR; departments 2A and 2B count as 19 and 18.
fn matricule(text: &str) -> Option<bool> {
    let (number, key) = text.split_at_checked(13)?;
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let number = if number.get(5..7) == Some("2A") { number.replacen("2A", "19", 1) } else { number.replacen("2B", "18", 1) };
    if key.len() != 2 || !digits(key) || !digits(&number) {
        return None;
    }
    Some(97 - number.parse::<u64>().ok()? % 97 == key.parse::<u64>().ok()?)
}

fn is_person(text: &str) -> bool {
    let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric());
    match text.split_once('/') {
        Some((place, inside)) => is_structure(place) && !inside.is_empty() || place.len() >= 9 && plain(place) && !inside.is_empty(),
        None => plain(text) && (text.len() == 12 && text.starts_with('8') && text.bytes().all(|b| b.is_ascii_digit()) || text.len() == 10 && text.starts_with('0')),
    }
}

fn is_structure(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    match (text.as_bytes().first(), text.len()) {
        (Some(b'0'), 11..=14) | (Some(b'1'), 10) => plain,
        (Some(b'2'), 10) | (Some(b'3'), 15) | (Some(b'4'), 13..=16) => digits,
        (Some(b'5'..=b'9' | b'A'..=b'Z'), 3..=32) => plain && !digits,
        _ => false,
    }
}

/// Whether the key of an RPPS is right; any other number of a professional has none to be asked.
fn person_key(text: &str) -> bool {
    text.strip_prefix('8').filter(|rpps| rpps.len() == 11).is_none_or(luhn)
}

/// Whether the key of a FINESS, SIREN or SIRET is right; a FINESS with letters, and the establishments of La Poste, are not asked.
fn structure_key(text: &str) -> bool {
    const LA_POSTE: &str = "356000000";
    let known = text.strip_prefix(['1', '2']).filter(|n| n.len() == 9).or_else(|| text.strip_prefix('3').filter(|n| n.len() == 14 && !n.starts_with(LA_POSTE)));
    known.is_none_or(|n| !n.bytes().all(|b| b.is_ascii_digit()) || luhn(n))
}

/// Whether the last digit is the key of the others.
/// Spec: ISO/IEC 7812-1 annex B (Luhn).
fn luhn(digits: &str) -> bool {
    let doubled = |d: u32| if d > 4 { d * 2 - 9 } else { d * 2 };
    let sum: u32 = digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate().map(|(i, d)| if i % 2 == 1 { doubled(d) } else { d }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::{luhn, matricule, person_key, structure_key};

    #[test]
    fn the_key_of_a_number_is_its_last_digit() {
        assert!(luhn("10002422979") && !luhn("10002422978") && luhn("750803447"));
        assert!(person_key("810002422979") && !person_key("810002422970") && person_key("0123456789") && person_key("30B0057881/CPET0002"));
        assert!(structure_key("1750803447") && !structure_key("1750803448") && structure_key("318003502400041") && !structure_key("318003502400042"));
        assert!(structure_key("12A0000001") && structure_key("335600000012345") && structure_key("0123456789012"), "these have other rules");
    }

    #[test]
    fn the_key_of_an_ins_is_computed_with_the_departments_of_corsica() {
        assert_eq!((matricule("1800120001001"), matricule("180012A00100161"), matricule("180012A00100162")), (None, Some(true), Some(false)));
    }
}
