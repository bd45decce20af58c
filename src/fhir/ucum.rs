//! Whether a text is a unit of UCUM.
//! Spec: UCUM §§2–12 (terms, exponents, annotations), case-sensitive form; the atoms are `fhir-profiles/r4/ucum.toml`.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::Deserialize;

/// Longest unit looked at, in bytes.
const MAX_UNIT: usize = 120;
/// Parentheses inside each other.
const MAX_DEPTH: usize = 8;

static ATOMS: LazyLock<Atoms> = LazyLock::new(|| toml::from_str(include_str!("../../fhir-profiles/r4/ucum.toml")).unwrap_or_default());

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Atoms {
    prefixes: Vec<String>,
    metric: HashSet<String>,
    other: HashSet<String>,
}

/// Whether every part of a unit is one of UCUM: `mm[Hg]`, `10*3/uL`, `{tablet}`, `/min`; not `mm[hg]`, `10+3/ul`, `tablet`.
pub fn is_unit(text: &str) -> bool {
    let fits = !text.is_empty() && text.len() <= MAX_UNIT && text.bytes().all(|b| b.is_ascii_graphic());
    fits && term(text.strip_prefix('/').unwrap_or(text), 0) == Some("")
}

/// Reads `component (('.' | '/') component)*`; what follows it.
fn term(text: &str, depth: usize) -> Option<&str> {
    let mut rest = component(text, depth)?;
    while let Some(next) = rest.strip_prefix(['.', '/']) {
        rest = component(next, depth)?;
    }
    Some(rest)
}

/// A term in parentheses, a number or an atom with its exponent, each with what it is of in braces; or braces alone.
fn component(text: &str, depth: usize) -> Option<&str> {
    if let Some(inner) = text.strip_prefix('(') {
        return if depth < MAX_DEPTH { annotated(term(inner, depth + 1)?.strip_prefix(')')?) } else { None };
    }
    if text.starts_with('{') {
        return annotated(text);
    }
    let (own, rest) = text.split_at_checked(end(text))?;
    (is_number(own) || is_raised(own)).then_some(())?;
    annotated(rest)
}

fn annotated(text: &str) -> Option<&str> {
    let Some(inner) = text.strip_prefix('{') else { return Some(text) };
    let (said, rest) = inner.split_once('}')?;
    (!said.contains('{')).then_some(rest)
}

/// Where an atom with its exponent ends: points and slashes inside brackets are its own.
fn end(text: &str) -> usize {
    let mut inside = false;
    let ends = |b: u8| {
        inside = (inside || b == b'[') && b != b']';
        !inside && matches!(b, b'.' | b'/' | b'(' | b')' | b'{' | b'}')
    };
    text.bytes().position(ends).unwrap_or(text.len())
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.bytes().any(|b| b != b'0')
}

/// `m`, `m2`, `s-1`, `10*9`.
fn is_raised(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let base = if digits.len() < text.len() { digits.strip_suffix(['+', '-']).unwrap_or(digits) } else { digits };
    is_atom(text) || is_atom(base)
}

fn is_atom(text: &str) -> bool {
    let prefixed = |prefix: &String| text.strip_prefix(prefix.as_str()).is_some_and(|rest| ATOMS.metric.contains(rest));
    ATOMS.metric.contains(text) || ATOMS.other.contains(text) || ATOMS.prefixes.iter().any(prefixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_made_of_atoms_of_the_table() {
        for unit in [
            "mm[Hg]",
            "10*3/uL",
            "10*-6",
            "{tablet}",
            "/min",
            "/mm3",
            "1",
            "kg/m2",
            "mL/min/{1.73_m2}",
            "m[IU]/L",
            "[IU]",
            "%",
            "Cel",
            "{pack}/d",
            "g/(kg.d)",
            "s-1",
            "mmol/mol{HbA1c}",
            "%{HbA1c}",
            "B[10.nV]",
            "[in_i'H2O]",
            "[TCID_50]",
            "mg/2.5.mL",
            "meq/L",
            "ug/dL",
            "fL",
            "[diop]",
            "mo",
            "cal_[15]/h",
        ] {
            assert!(is_unit(unit), "{unit}");
        }
        for text in [
            "",
            "0",
            "mm[hg]",
            "10+3/ul",
            "mcg",
            "TABLET",
            "tablet",
            "mg/actuat",
            "UI/L",
            "hr",
            "mg/",
            "mg//L",
            "//L",
            "{a",
            "a}",
            "{a{b}}",
            "(g",
            "g)",
            "mg mL",
            "µg",
            "kh",
            "é",
            ".",
            "..",
            "[",
            "g.",
            "m+",
        ] {
            assert!(!is_unit(text), "{text}");
        }
        assert!(!is_unit(&"(".repeat(MAX_UNIT)) && !is_unit(&"g.".repeat(MAX_UNIT)));
    }
}
