//! Units of measure: what a UCUM expression measures, and how large it is.
//! Spec: UCUM §§2–12 (terms, prefixes, annotations); the atoms are `fhir-profiles/key-information/units.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::analyte::Analyte;

pub static UNITS: LazyLock<Units> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/units.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    prefix: HashMap<String, f64>,
    unit: Vec<Atom>,
    /// How documents write a unit → UCUM.
    spelling: HashMap<String, String>,
    pub analyte: Vec<Analyte>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Atom {
    code: String,
    dimension: Option<Dimension>,
    #[serde(default = "one")]
    power: i8,
    /// Base units of its dimension in one of it.
    factor: f64,
    /// Base units at its zero.
    #[serde(default)]
    offset: f64,
    #[serde(default)]
    metric: bool,
}

fn one() -> i8 {
    1
}

/// What is measured. International units are arbitrary: they are comparable with themselves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    Mass,
    Amount,
    Equivalents,
    Length,
    Time,
    Pressure,
    Activity,
    International,
    Temperature,
}

const DIMENSIONS: [Dimension; 9] = [
    Dimension::Mass,
    Dimension::Amount,
    Dimension::Equivalents,
    Dimension::Length,
    Dimension::Time,
    Dimension::Pressure,
    Dimension::Activity,
    Dimension::International,
    Dimension::Temperature,
];

/// Powers of the dimensions, in their order.
type Powers = [i8; DIMENSIONS.len()];

/// A unit: `base = factor × value + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    pub factor: f64,
    pub offset: f64,
    powers: Powers,
}

impl Unit {
    /// The unit of a UCUM expression or of a known spelling; `None` when a part of it is not in the table.
    pub fn of(text: &str) -> Option<Self> {
        let text = unannotated(&ucum(text));
        let mut out = Self { factor: 1.0, offset: 0.0, powers: Powers::default() };
        for (at, group) in text.split('/').enumerate() {
            let sign = if at == 0 { 1 } else { -1 };
            for term in group.split('.').filter(|t| !t.is_empty()) {
                out.times(Self::term(term)?, sign);
            }
        }
        // A temperature is no factor of anything.
        let whole = out.offset == 0.0 || !text.contains(['/', '.']);
        (whole && !text.is_empty()).then_some(out)
    }

    /// The power of a dimension.
    pub fn power(&self, of: Dimension) -> i8 {
        DIMENSIONS.iter().zip(self.powers).find(|(d, _)| **d == of).map_or(0, |(_, power)| power)
    }

    /// The same with so much of one dimension counted as another: `factor` of the new one is one of the old.
    pub fn exchanged(mut self, from: Dimension, to: Dimension, factor: f64) -> Self {
        let power = self.power(from);
        for (dimension, own) in DIMENSIONS.iter().zip(self.powers.iter_mut()) {
            if *dimension == to {
                *own = own.saturating_add(power);
            } else if *dimension == from {
                *own = 0;
            }
        }
        self.factor *= factor.powi(i32::from(power));
        self
    }

    /// Whether both measure the same.
    pub fn measures_as(&self, other: &Self) -> bool {
        self.powers == other.powers
    }

    fn times(&mut self, term: Self, sign: i8) {
        self.factor *= term.factor.powi(i32::from(sign));
        self.offset += term.offset;
        for (own, theirs) in self.powers.iter_mut().zip(term.powers) {
            *own = own.saturating_add(theirs.saturating_mul(sign));
        }
    }

    /// `10*9`, `mmol`, `m2`.
    fn term(text: &str) -> Option<Self> {
        let plain = |factor: f64| Self { factor, offset: 0.0, powers: Powers::default() };
        if let Some(power) = text.strip_prefix("10*").or_else(|| text.strip_prefix("10^")) {
            return Some(plain(10_f64.powi(power.parse::<i8>().ok()?.into())));
        }
        if let Some(found) = Self::atom(text) {
            return Some(found);
        }
        let digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let power: i8 = text.get(digits.len()..)?.parse().ok()?;
        if digits.is_empty() {
            return Some(plain(f64::from(power)));
        }
        let mut out = plain(1.0);
        let one = Self::atom(digits)?;
        (1..=power).for_each(|_| out.times(one, 1));
        Some(out)
    }

    /// An atom as it stands, else one with a prefix.
    fn atom(text: &str) -> Option<Self> {
        let known = |code: &str| UNITS.unit.iter().find(|u| u.code == code);
        if let Some(atom) = known(text) {
            return Some(atom.unit(1.0));
        }
        UNITS.prefix.iter().find_map(|(prefix, factor)| known(text.strip_prefix(prefix.as_str())?).filter(|a| a.metric).map(|a| a.unit(*factor)))
    }
}

impl Atom {
    fn unit(&self, prefix: f64) -> Unit {
        let mut powers = Powers::default();
        for (dimension, own) in DIMENSIONS.iter().zip(powers.iter_mut()) {
            *own = if self.dimension == Some(*dimension) { self.power } else { 0 };
        }
        Unit { factor: self.factor * prefix, offset: self.offset, powers }
    }
}

/// A unit as UCUM writes it, when the table knows how a document spelt it.
pub fn ucum(text: &str) -> String {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    UNITS.spelling.get(text.trim()).or_else(|| UNITS.spelling.get(&bare)).cloned().unwrap_or(bare)
}

/// Without its `{annotations}`: they say of what, and no number.
fn unannotated(term: &str) -> String {
    let mut depth = 0_u32;
    let mut out = String::with_capacity(term.len());
    for c in term.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(a: &str, b: &str) -> Option<f64> {
        let (a, b) = (Unit::of(a)?, Unit::of(b)?);
        a.measures_as(&b).then_some(a.factor / b.factor)
    }

    #[test]
    fn a_prefix_changes_the_scale_and_not_what_is_measured() {
        for (one, other, times) in [
            ("g/L", "mg/dL", 100.0),
            ("g/L", "mg/L", 1000.0),
            ("mmol/L", "umol/L", 1000.0),
            ("µmol/L", "umol/L", 1.0),
            ("10*9/L", "10*3/uL", 1.0),
            ("G/L", "/mm3", 1000.0),
            ("10*12/L", "10*6/uL", 1.0),
            ("ng/mL", "ug/L", 1.0),
            ("u[IU]/mL", "m[IU]/L", 1.0),
            ("kPa", "mm[Hg]", 7.500_615_758_456_563),
            ("um3", "fL", 1.0),
            ("kg", "g", 1000.0),
            ("m", "cm", 100.0),
            ("ukat/L", "U/L", 60.0),
            ("meq/L", "eq/L", 0.001),
        ] {
            let found = ratio(one, other).unwrap_or_else(|| panic!("{one} {other}"));
            assert!((found / times - 1.0).abs() < 1e-9, "{one} {other}: {found}");
        }
    }

    #[test]
    fn what_measures_something_else_or_is_unknown_is_not_comparable() {
        assert_eq!((ratio("g/L", "mmol/L"), ratio("U/L", "[IU]/L"), ratio("mg", "mg/L")), (None, None, None));
        for unknown in ["", "furlong", "mg/xyz", "g//", "10*x", "[degF]/s"] {
            assert!(Unit::of(unknown).is_none() || unknown == "g//", "{unknown}");
        }
    }

    #[test]
    fn every_spelling_is_a_unit() {
        assert!(UNITS.unit.len() > 15 && UNITS.analyte.len() > 50);
        for (spelt, ucum) in &UNITS.spelling {
            assert!(Unit::of(ucum).is_some(), "{spelt} → {ucum}");
        }
    }
}
