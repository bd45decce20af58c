//! Which structures are one for the comparison of authors: the legal entity of an establishment and its geographic sites.
//! Spec: FINESS, entité juridique (EJ) and entité géographique (EG). A hospital's certificate carries its EJ, its documents the EG.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

const STRUCTURES_BYTES: usize = 16 * 1024 * 1024;

/// EJ ↔ EG by canonical Struct_IdNat (with its prefix, upper case).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structures {
    geographic: BTreeMap<String, Vec<String>>,
    legal: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    legal_entity: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    ej: String,
    eg: Vec<String>,
    source: String,
}

impl Structures {
    /// Reads a table (TOML, at most 16 MiB).
    ///
    /// # Errors
    /// The row and the reason: a structure given twice, an EJ that is also an EG, an identifier that is not canonical, a missing source.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > STRUCTURES_BYTES {
            return Err(format!("structures: more than {STRUCTURES_BYTES} bytes"));
        }
        let table: Table = toml::from_str(text).map_err(|e| format!("structures: {e}"))?;
        let mut all = Self::default();
        let mut seen = BTreeSet::new();
        for (i, row) in table.legal_entity.into_iter().enumerate() {
            check(&row, &mut seen).map_err(|reason| format!("structures: legal_entity {}: {reason}", i + 1))?;
            all.legal.extend(row.eg.iter().map(|eg| (eg.clone(), row.ej.clone())));
            all.geographic.insert(row.ej, row.eg);
        }
        Ok(all)
    }

    /// The table that is part of the program: empty, with an example.
    ///
    /// # Errors
    /// As [`Structures::parse`]; a test proves that it is readable.
    pub fn builtin() -> Result<Self, String> {
        Self::parse(include_str!("../../fhir-profiles/access-matrix/structures.toml"))
    }

    /// The canonical identifiers under which a structure's documents may be filed: its own first, its establishments when it is a
    /// legal entity, its legal entity when it is an establishment. Two establishments of one legal entity are not each other.
    pub fn identities_of(&self, structure: &str) -> Vec<String> {
        let sites = self.geographic.get(structure).into_iter().flatten();
        std::iter::once(structure).chain(sites.map(String::as_str)).chain(self.legal.get(structure).map(String::as_str)).map(str::to_owned).collect()
    }
}

fn check(row: &Row, seen: &mut BTreeSet<String>) -> Result<(), String> {
    if row.source.trim().is_empty() {
        return Err("it names no source".to_owned());
    }
    if row.eg.is_empty() {
        return Err(format!("the legal entity {:?} has no establishment", row.ej));
    }
    for id in std::iter::once(&row.ej).chain(&row.eg) {
        if !canonical(id) {
            return Err(format!("{id:?} is not a Struct_IdNat with its prefix (2 to 32 digits and upper-case letters)"));
        }
        if !seen.insert(id.clone()) {
            return Err(format!("{id:?} is given twice"));
        }
    }
    Ok(())
}

fn canonical(id: &str) -> bool {
    (2..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[legal_entity]]\nej = \"1AAA\"\neg = [\"1AA1\", \"1AA2\"]\nsource = \"s\"\n[[legal_entity]]\nej = \"1BBB\"\neg = [\"1BB1\"]\nsource = \"s\"\n";

    #[test]
    fn a_legal_entity_is_its_establishments_and_an_establishment_its_legal_entity() {
        let all = Structures::parse(TWO).unwrap();
        assert_eq!(all.identities_of("1AAA"), ["1AAA", "1AA1", "1AA2"]);
        assert_eq!(all.identities_of("1AA2"), ["1AA2", "1AAA"]);
        assert_eq!(all.identities_of("1ZZZ"), ["1ZZZ"]);
        assert_eq!(all.identities_of(""), [""]);
    }

    #[test]
    fn who_is_whom_is_mutual_and_two_establishments_are_not_each_other() {
        let all = Structures::parse(TWO).unwrap();
        let ids = ["1AAA", "1AA1", "1AA2", "1BBB", "1BB1", "1ZZZ", ""];
        let is = |one: &str, other: &str| all.identities_of(one).iter().any(|i| i == other);
        for one in ids {
            for other in ids {
                assert_eq!(is(one, other), is(other, one), "{one} {other}");
            }
        }
        assert!(!is("1AA1", "1AA2") && !is("1AAA", "1BB1"));
    }

    #[test]
    fn the_table_of_the_program_is_empty_and_its_example_is_readable() {
        assert_eq!(Structures::builtin(), Ok(Structures::default()));
        let example: Vec<&str> = include_str!("../../fhir-profiles/access-matrix/structures.toml").lines().filter_map(|l| l.strip_prefix("#   ")).collect();
        assert!(!Structures::parse(&example.join("\n")).unwrap().geographic.is_empty());
    }

    #[test]
    fn a_row_that_cannot_be_trusted_refuses_the_table_with_its_reason() {
        let cases = [
            (TWO.replace("1BBB", "1AAA"), "legal_entity 2: \"1AAA\" is given twice"),
            (TWO.replace("1BB1", "1AA2"), "\"1AA2\" is given twice"),
            (TWO.replace("1AA2", "1AA1"), "legal_entity 1: \"1AA1\" is given twice"),
            (TWO.replace("1BB1", "1BBB"), "\"1BBB\" is given twice"),
            (TWO.replace("1BB1", "1AAA"), "\"1AAA\" is given twice"),
            (TWO.replace("1BB1", "1bb1"), "is not a Struct_IdNat"),
            (TWO.replace("1BB1", "1 BB1"), "is not a Struct_IdNat"),
            (TWO.replace("1BB1", "1"), "is not a Struct_IdNat"),
            (TWO.replace("1BB1", &"1".repeat(33)), "is not a Struct_IdNat"),
            (TWO.replace("[\"1BB1\"]", "[]"), "has no establishment"),
            (TWO.replacen("\"s\"", "\" \"", 1), "legal_entity 1: it names no source"),
            (TWO.replacen("source", "sources", 1), "unknown field `sources`"),
            ("other = 1".to_owned(), "unknown field `other`"),
            ("x".repeat(STRUCTURES_BYTES + 1), "more than 16777216 bytes"),
        ];
        for (text, reason) in cases {
            let said = Structures::parse(&text).unwrap_err();
            assert!(said.contains(reason), "{said} ≠ {reason}");
        }
        assert!(Structures::parse(&format!("#{}", "x".repeat(STRUCTURES_BYTES - 1))).is_ok());
        assert!(Structures::parse(&TWO.replace("1BB1", &"1".repeat(32))).is_ok() && Structures::parse(&TWO.replace("1BB1", "1B")).is_ok());
    }
}
