//! The narrative: references that lead nowhere or elsewhere, and words that contradict what is coded.
//!
//! Silence is preferred to a false alarm: words are compared only where they are nothing but a number, a date, a code in
//! brackets, a yes or a no.
//! Spec: CDA R2 §4.3.5 Section Narrative Block, §4.3.6 (entries must not contradict the narrative).

use super::Check;
use crate::cda::narrative::folded;
use crate::fhir::xml::Element;

impl<'a> Check<'a> {
    /// An element of the narrative.
    pub(super) fn words(&mut self, e: &'a Element) {
        if let Some(id) = e.attr("ID")
            && !self.seen.insert(id)
        {
            self.find("repeated-id", e);
        }
    }

    pub(super) fn section(&mut self, e: &Element) {
        if e.child("text").is_none() && e.child("entry").is_some() {
            self.find("section-text", e);
        }
        let named = e.child("title").is_some_and(|t| !t.plain().is_empty()) || e.child("code").is_some_and(|c| c.attr("displayName").is_some());
        if !named {
            self.find("section-title", e);
        }
    }

    /// A reference of a text or an original text; one to something outside is not followed.
    pub(super) fn reference(&mut self, e: &Element) {
        let Some(value) = e.attr("value").map(str::trim) else { return };
        let outside = value.contains("://") || value.starts_with("urn:");
        match self.narrative.fragment(value) {
            None if !outside => self.find("dangling-reference", e),
            Some(id) if self.leads_elsewhere(id) => self.find("reference-elsewhere", e),
            _ => {}
        }
    }

    /// Whether an identified element stands neither in the text of the sections around nor in one of a section below.
    fn leads_elsewhere(&self, id: &str) -> bool {
        let (Some(home), Some(here)) = (self.homes.get(id), self.sections.last()) else { return false };
        let shared = |a: &[&Element], b: &Element| a.iter().any(|s| std::ptr::eq(*s, b));
        !shared(home, here) && home.last().is_some_and(|h| !shared(&self.sections, h))
    }

    pub(super) fn negation(&mut self, e: &Element) {
        let Some(words) = e.child("text").filter(|t| t.child("reference").is_some()).and_then(|t| self.narrative.words(t)) else { return };
        let denied = e.attr("negationInd").is_some_and(|n| matches!(n.trim(), "true" | "1"));
        let false_value = e.child("value").and_then(|v| v.attr("value")).is_some_and(|v| v.trim() == "false");
        match folded(&words).as_str() {
            "non" if !denied && !false_value && e.child("value").is_none_or(|v| v.attr("nullFlavor").is_none()) && says_yes_or_no(e) => self.find("narrative-negation", e),
            "oui" if denied => self.find("narrative-negation", e),
            _ => {}
        }
    }

    /// A number, a date or a code in brackets that is not the coded one.
    pub(super) fn quantity(&mut self, e: &Element) {
        let Some(value) = e.child("value").filter(|v| v.attr("nullFlavor").is_none()) else { return };
        let holders = [value.child("originalText"), e.child("text")];
        let Some(words) = holders.into_iter().flatten().filter(|h| h.child("reference").is_some()).find_map(|h| self.narrative.written(h)) else { return };
        let kind = value.attr("type").and_then(|t| t.rsplit(':').next()).unwrap_or_default();
        let other = match (kind, value.attr("value")) {
            ("PQ" | "INT" | "REAL", Some(coded)) => other_number(&words, coded.trim(), value.attr("unit").unwrap_or_default()),
            ("TS", Some(coded)) => other_day(&words, coded.trim()),
            ("CD" | "CE", _) => other_code(&words, value),
            _ => false,
        };
        if other {
            self.find("narrative-value", value);
        }
    }
}

/// A statement whose value is not itself the answer no: a coded finding, a substance, an act.
fn says_yes_or_no(e: &Element) -> bool {
    let shown = e.child("value").and_then(|v| v.attr("displayName")).map(folded);
    shown.is_none_or(|v| !matches!(v.as_str(), "non" | "no" | "absence" | "negatif"))
}

/// Whether the words are one number, alone or with the coded unit, and another than the coded one even when it is rounded.
fn other_number(words: &str, coded: &str, unit: &str) -> bool {
    let (number, rest) = leading_number(words);
    let decimals = number.split_once('.').map_or(0, |(_, d)| d.len());
    let (Ok(said), Ok(meant)) = (number.parse::<f64>(), coded.parse::<f64>()) else { return false };
    let rest = plain_unit(&rest);
    let same_unit = rest.is_empty() || rest == plain_unit(unit);
    let rounding = 0.5 * 10f64.powi(-i32::try_from(decimals).unwrap_or(0));
    same_unit && (said - meant).abs() > rounding + 1e-9
}

/// The number words begin with, with a decimal point and without spaces between thousands, and what follows it.
fn leading_number(words: &str) -> (String, String) {
    let mut number = String::new();
    let mut rest = words.trim().char_indices().peekable();
    let mut end = 0;
    while let Some((at, c)) = rest.next() {
        let digit_follows = rest.peek().is_some_and(|(_, n)| n.is_ascii_digit());
        match c {
            '0'..='9' => number.push(c),
            '-' if number.is_empty() && digit_follows => number.push(c),
            ',' | '.' if digit_follows && !number.contains('.') => number.push('.'),
            '\u{a0}' | '\u{202f}' | '\u{2009}' | ' ' if digit_follows && !number.is_empty() => {}
            _ => break,
        }
        end = at + c.len_utf8();
    }
    (number, words.trim().split_at(end).1.to_owned())
}

/// A unit without case, brackets and spaces, so that `mm[Hg]` and `mmHg` are one.
fn plain_unit(unit: &str) -> String {
    unit.chars().filter(|c| !c.is_whitespace() && !matches!(c, '[' | ']' | '{' | '}')).flat_map(char::to_lowercase).collect()
}

/// Whether the words are one French date, `31/12/2024`, and another day than the coded one.
fn other_day(words: &str, coded: &str) -> bool {
    let parts: Vec<&str> = words.trim().split('/').collect();
    let digits = |t: &&str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        [day, month, year] if digits(day, 2) && digits(month, 2) && digits(year, 4) && coded.len() >= 8 => !coded.starts_with(&format!("{year}{month}{day}")),
        _ => false,
    }
}

/// Whether the words begin with a code in brackets, `[CIM-10 : I10]`, that is neither the coded one nor a translation of it.
fn other_code(words: &str, value: &Element) -> bool {
    let Some((system, code)) = words.trim().strip_prefix('[').and_then(|w| w.split_once(']')).and_then(|(w, _)| w.split_once(':')) else { return false };
    let (system, code) = (folded(system), code.trim());
    let named = |e: &Element| e.attr("codeSystemName").is_some_and(|n| folded(n) == system);
    let codes: Vec<&Element> = std::iter::once(value).chain(value.all("translation")).filter(|c| named(c)).collect();
    !code.is_empty() && !codes.is_empty() && codes.iter().all(|c| c.attr("code").is_some_and(|c| !c.eq_ignore_ascii_case(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_they_are_written_in_french() {
        for (words, coded, unit, other) in [
            ("97 kg", "70", "kg", true),
            ("97", "97.0", "kg", false),
            ("1,75 m", "1.75", "m", false),
            ("12\u{202f}000", "12000", "10*3", false),
            ("12 000,50 /mm3", "12000.5", "/mm3", false),
            ("37", "36.95", "Cel", false),
            ("37,0", "36.8", "Cel", true),
            ("0,75 g/L", "4.2", "mmol/L", false),
            ("120 mmHg", "130", "mm[Hg]", true),
            ("A1c 7", "8", "%", false),
            ("2 à 3", "4", "", false),
            ("", "4", "", false),
        ] {
            assert_eq!(other_number(words, coded, unit), other, "{words} {coded}");
        }
    }

    #[test]
    fn dates_are_compared_when_the_words_are_nothing_else() {
        assert!(other_day("31/12/2024", "20241230"));
        assert!(!other_day("31/12/2024", "202412311530+0100") && !other_day("le 31/12/2024", "20241230") && !other_day("31/12/2024", "2023"));
    }
}
