//! Devices that are helps of daily life, which need no attention of their own.
//! Spec: `fhir-profiles/key-information/devices.toml`.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::profile::stands_for;
use crate::keyinfo::language::concept::{items, str_of};
use crate::keyinfo::language::words::fold;

static DEVICES: LazyLock<Devices> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/devices.toml")).unwrap_or_default());

#[derive(Default, Deserialize)]
struct Devices {
    aid: Vec<Aid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aid {
    #[serde(default)]
    system: String,
    #[serde(default)]
    codes: Vec<String>,
    /// Folded.
    #[serde(default)]
    words: Vec<String>,
    #[serde(rename = "what")]
    _what: String,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "confidence")]
    _confidence: String,
}

/// Whether a device is a help of daily life: by its code, else by its name. What is not known is none.
pub fn is_aid(concept: Option<&Value>, name: &str) -> bool {
    let mut known = false;
    for coding in concept.into_iter().flat_map(|c| items(c, "coding")) {
        let (system, code) = (str_of(coding, "system"), str_of(coding, "code").unwrap_or(""));
        for row in DEVICES.aid.iter().filter(|row| system == Some(&row.system)) {
            if row.codes.iter().any(|known| stands_for(known, code)) {
                return true;
            }
            known = true;
        }
    }
    if known {
        return false;
    }
    let name = format!(" {} ", fold(name));
    DEVICES.aid.iter().flat_map(|row| &row.words).any(|word| name.contains(&format!(" {word} ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn coded(system: &str, code: &str) -> Option<Value> {
        Some(json!({"coding": [{"system": system, "code": code}]}))
    }

    #[test]
    fn a_bed_and_a_wheelchair_are_helps_and_what_is_implanted_or_unknown_is_not() {
        let emdn = |code: &str| coded("https://smt.esante.gouv.fr/terminologie-emdn", code);
        for (concept, name, aid) in [
            (emdn("V0806"), "Lits médicaux", true),
            (emdn("Y2145"), "x", true),
            (coded("http://snomed.info/sct", "58938008"), "Wheelchair", true),
            (emdn("J0101"), "Stimulateur cardiaque", false),
            (emdn("P07040201"), "Stent", false),
            (emdn("P0703"), "Lit médicalisé", false),
            (coded("1.2.3", "Y1"), "Pompe à insuline", false),
            (coded("1.2.3", "J1"), "Déambulateur à roulettes", true),
            (None, "Lit médicalisé à domicile", true),
            (None, "Canule de trachéotomie", false),
            (None, "Dispositif sans nom", false),
            (None, "", false),
        ] {
            assert_eq!(is_aid(concept.as_ref(), name), aid, "{concept:?} {name}");
        }
    }

    #[test]
    fn every_row_names_codes_of_a_system_or_folded_words() {
        assert!(DEVICES.aid.len() > 4);
        assert!(DEVICES.aid.iter().all(|row| row.system.is_empty() == row.codes.is_empty() && row.codes.is_empty() != row.words.is_empty()));
        assert!(DEVICES.aid.iter().flat_map(|row| &row.words).all(|word| fold(word) == *word));
    }
}
