//! Results that laboratories tell in several units: what they are compared in.
//!
//! What is shown is always what was written. Without a row, in a unit that is not comparable, or of another specimen, a result stays
//! apart from the others.
//! Spec: `fhir-profiles/key-information/units.toml`, rows `analyte`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::units::{Dimension, UNITS, Unit, ucum};
use crate::keyinfo::language::concept::{get, items, str_of, text};

/// An analyte in one specimen, under each of its LOINC codes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyte {
    #[serde(rename = "name")]
    _name: String,
    pub codes: Vec<String>,
    /// UCUM; what its values are compared in.
    unit: String,
    /// g/mol
    molar_mass: Option<f64>,
    valence: Option<f64>,
    /// Its international unit is U.
    #[serde(default)]
    enzyme: bool,
    equation: Option<Equation>,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "confidence")]
    _confidence: Confidence,
}

/// V: the source says so · K: general knowledge, to be checked · A: arithmetic.
#[derive(Debug, Deserialize)]
enum Confidence {
    V,
    K,
    A,
}

/// `unit = slope × from + intercept`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Equation {
    from: String,
    slope: f64,
    intercept: f64,
}

/// How a value in the unit of its document becomes one in the unit of its analyte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    slope: f64,
    intercept: f64,
}

static BY_CODE: LazyLock<HashMap<&'static str, &'static Analyte>> = LazyLock::new(|| UNITS.analyte.iter().flat_map(|a| a.codes.iter().map(move |c| (c.as_str(), a))).collect());

/// The analyte of a LOINC code.
pub fn of_code(code: &str) -> Option<&'static Analyte> {
    BY_CODE.get(code).copied()
}

/// The analyte of a concept, by its first LOINC code that has one.
pub fn of(concept: &Value) -> Option<&'static Analyte> {
    items(concept, "coding").filter(|c| str_of(c, "system") == Some("http://loinc.org")).find_map(|c| of_code(str_of(c, "code")?))
}

impl Analyte {
    /// The code that stands for all of its codes.
    pub fn code(&self) -> &str {
        self.codes.first().map_or("", String::as_str)
    }

    /// From a unit to that of the analyte; `None` when they are not comparable.
    pub fn conversion(&self, unit: &str) -> Option<Conversion> {
        if let Some(equation) = &self.equation {
            let spelt = ucum(unit);
            let own = (spelt == self.unit).then_some(Conversion { slope: 1.0, intercept: 0.0 });
            return own.or_else(|| (spelt == equation.from).then_some(Conversion { slope: equation.slope, intercept: equation.intercept }));
        }
        let (from, to) = (self.settled(Unit::of(unit)?), self.settled(Unit::of(&self.unit)?));
        from.measures_as(&to).then(|| Conversion { slope: from.factor / to.factor, intercept: (from.offset - to.offset) / to.factor })
    }

    /// Its mass as amount of substance, its equivalents as amount, its international units as U: where the row says how.
    fn settled(&self, unit: Unit) -> Unit {
        let mut out = unit;
        if let Some(mass) = self.molar_mass.filter(|m| *m > 0.0) {
            out = out.exchanged(Dimension::Mass, Dimension::Amount, 1.0 / mass);
        }
        if let Some(valence) = self.valence.filter(|v| *v > 0.0) {
            out = out.exchanged(Dimension::Equivalents, Dimension::Amount, 1.0 / valence);
        }
        if self.enzyme {
            out = out.exchanged(Dimension::International, Dimension::Activity, 1e-6 / 60.0);
        }
        out
    }
}

impl Conversion {
    /// The value in the unit of the analyte.
    pub fn apply(self, value: f64) -> f64 {
        self.slope * value + self.intercept
    }

    /// So much of the unit of the analyte is one step of the unit it was written in.
    pub fn step(self) -> f64 {
        self.slope.abs()
    }

    /// A value written in this unit, told in that of another conversion of the same analyte, to four significant digits.
    pub fn told_in(self, other: Self, value: f64) -> f64 {
        significant((self.apply(value) - other.intercept) / other.slope)
    }
}

/// Rounded to four significant digits: conversions add none.
fn significant(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// The unit of a quantity as its document writes it: the code, else the words.
pub fn written(quantity: &Value) -> &str {
    match text(quantity, "/code") {
        "" => text(quantity, "/unit"),
        code => code,
    }
}

/// Half a unit of the last digit of a number as it is written: `1.04` → 0.005.
pub fn half_step(quantity: &Value) -> f64 {
    let digits = get(quantity, "value").map(Value::to_string).unwrap_or_default();
    let decimals = digits.split_once('.').map_or(0, |(_, d)| i32::try_from(d.len()).unwrap_or(0));
    0.5 * 10_f64.powi(-decimals)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn told(code: &str, value: f64, from: &str, to: &str) -> Option<f64> {
        let analyte = of_code(code)?;
        Some(analyte.conversion(from)?.told_in(analyte.conversion(to)?, value))
    }

    #[test]
    fn every_row_converts_its_own_unit_and_no_code_stands_twice() {
        let mut seen = HashSet::new();
        for analyte in &UNITS.analyte {
            assert!(analyte.conversion(&analyte.unit).is_some_and(|c| c == Conversion { slope: 1.0, intercept: 0.0 }), "{analyte:?}");
            assert!(!analyte.codes.is_empty() && analyte.codes.iter().all(|c| seen.insert(c.as_str())), "{analyte:?}");
            assert!(!analyte._name.is_empty() && !analyte._source.is_empty(), "{analyte:?}");
        }
    }

    #[test]
    fn mass_and_amount_meet_by_the_molar_mass_of_the_row_alone() {
        assert_eq!(told("2160-0", 1.04, "mg/dL", "umol/L"), Some(91.94));
        assert_eq!(told("14682-9", 92.0, "umol/L", "mg/L"), Some(10.41));
        assert_eq!(told("2345-7", 1.0, "g/L", "mmol/L"), Some(5.551));
        assert_eq!(told("2571-8", 1.5, "g/L", "mmol/L"), Some(1.694));
        assert_eq!(told("2823-3", 4.1, "meq/L", "mmol/L"), Some(4.1));
        assert_eq!((told("718-7", 8.7, "mmol/L", "g/dL"), told("718-7", 138.0, "g/L", "g/dL")), (None, Some(13.8)), "haemoglobin has no molar mass here");
    }

    #[test]
    fn an_equation_is_the_only_scale_of_its_analyte() {
        assert_eq!(told("59261-8", 53.0, "mmol/mol", "%"), Some(7.0));
        assert_eq!(told("4548-4", 7.0, "%", "mmol/mol"), Some(53.0));
        assert_eq!(told("4548-4", 0.07, "1", "%"), None);
    }

    #[test]
    fn temperature_and_enzymes_have_their_own_zero_and_unit() {
        assert_eq!(told("8310-5", 98.6, "[degF]", "Cel"), Some(37.0));
        assert_eq!(told("1742-6", 35.0, "[IU]/L", "U/L"), Some(35.0));
        assert_eq!(told("1742-6", 0.5, "ukat/L", "U/L"), Some(30.0));
        assert_eq!(told("3016-3", 2.1, "u[IU]/mL", "mUI/L"), Some(2.1));
        assert_eq!(told("29463-7", 3450.0, "g", "kg"), Some(3.45));
    }
}
