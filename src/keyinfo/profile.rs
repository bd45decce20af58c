//! Ranking profiles: what each speciality reads first, as data (`fhir-profiles/keyinfo-profiles`).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Weight of a section that a profile does not name.
const ELSE: f64 = 10.0;
/// Largest weight.
const MOST: f64 = 30.0;

/// The files, the neutral one first.
const FILES: &[&str] = &[
    include_str!("../../fhir-profiles/keyinfo-profiles/neutral.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/general-practitioner.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/cardiologist.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/diabetologist.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/paediatrician.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/midwife.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/radiologist.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/pharmacist.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/nurse.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/physiotherapist.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/dentist.toml"),
    include_str!("../../fhir-profiles/keyinfo-profiles/emergency.toml"),
];

/// A ranking profile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub id: String,
    pub version: String,
    /// French.
    pub title: String,
    /// Savoir-faire (TRE_R38) that read with it.
    pub specialities: Vec<String>,
    /// Professions (TRE_G15) that read with it when no speciality says otherwise.
    pub professions: Vec<String>,
    pub source: String,
    /// By key of section, 0–30.
    #[serde(default)]
    pub weight: HashMap<String, f64>,
    #[serde(default)]
    pub boost: Vec<Boost>,
}

/// Lines of a section that weigh more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    pub section: String,
    /// Codes of what the line is about; one that ends with `*` stands for all that begin so.
    pub codes: Vec<String>,
    pub weight: f64,
    /// French.
    pub why: String,
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| FILES.iter().filter_map(|text| toml::from_str(text).ok()).collect());

/// Every profile, the neutral one first.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// The profile of a speciality (`SM26`, `G15_10/SM26`) or profession, or of that name; `None` for one that no profile names.
pub fn profile(asked: &str) -> Option<&'static Profile> {
    let part = asked.rsplit(['/', '|']).next().unwrap_or(asked);
    let profession = asked.strip_prefix("G15_").map_or(part, |p| p.split('/').next().unwrap_or(p));
    let by = |test: &dyn Fn(&Profile) -> bool| PROFILES.iter().find(|p| test(p));
    by(&|p| p.id == asked).or_else(|| by(&|p| p.specialities.iter().any(|s| s == part))).or_else(|| by(&|p| p.professions.iter().any(|s| s == profession)))
}

impl Profile {
    /// What a line of a section, about these codes, weighs, and why when it is not the section's own weight.
    pub fn weight(&self, section: &str, codes: &[&str]) -> (f64, Option<&str>) {
        let boosts = self.boost.iter().filter(|b| b.section == section && b.codes.iter().any(|known| codes.iter().any(|code| stands_for(known, code))));
        let most = boosts.max_by(|a, b| a.weight.total_cmp(&b.weight));
        let own = self.weight.get(section).copied().unwrap_or(ELSE);
        match most.filter(|b| b.weight > own) {
            Some(boost) => (boost.weight.min(MOST), Some(&boost.why)),
            None => (own.clamp(0.0, MOST), None),
        }
    }
}

/// Whether a code of a table (`A10*` for all of A10) is, or stands for, a code.
pub(super) fn stands_for(known: &str, code: &str) -> bool {
    known.strip_suffix('*').map_or(known == code, |stem| code.starts_with(stem))
}

#[cfg(test)]
mod tests {
    use super::super::tables::SECTIONS;
    use super::*;

    #[test]
    fn every_profile_is_read_and_names_sections_that_there_are() {
        assert_eq!(profiles().len(), FILES.len());
        let known = |key: &str| SECTIONS.section.iter().any(|s| s.key == key);
        for p in profiles() {
            assert!(!p.title.is_empty() && !p.source.is_empty() && !p.version.is_empty(), "{}", p.id);
            for (section, weight) in &p.weight {
                assert!(known(section) && (0.0..=MOST).contains(weight), "{}: {section}", p.id);
            }
            for b in &p.boost {
                assert!(known(&b.section) && (0.0..=MOST).contains(&b.weight) && !b.codes.is_empty() && !b.why.is_empty(), "{}: {}", p.id, b.section);
            }
        }
        assert_eq!(profiles()[0].id, "neutral");
    }

    #[test]
    fn a_profile_is_found_by_speciality_profession_and_name() {
        for (asked, id) in [
            ("SM26", "general-practitioner"),
            ("G15_10/SM04", "cardiologist"),
            ("21", "pharmacist"),
            ("G15_60", "nurse"),
            ("10", "general-practitioner"),
            ("emergency", "emergency"),
        ] {
            assert_eq!(profile(asked).map(|p| p.id.as_str()), Some(id), "{asked}");
        }
        assert!(profile("SM99").is_none() && profile("").is_none());
    }

    #[test]
    fn a_boost_weighs_only_where_it_is_more() {
        let cardio = profile("SM04").unwrap();
        assert_eq!(cardio.weight("problems", &["I48.9"]).0, 30.0);
        assert_eq!(cardio.weight("problems", &["J45"]), (20.0, None));
        assert_eq!(cardio.weight("pregnancy", &[]), (ELSE, None));
    }
}
