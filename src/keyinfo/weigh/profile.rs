//! A ranking profile: what a speciality reads first, as data (`fhir-profiles/keyinfo-profiles`).

use std::collections::HashMap;

use serde::Deserialize;

use crate::keyinfo::write::view::is_section;

/// Weight of a section that a profile does not name.
const ELSE: f64 = 10.0;
/// Largest weight.
const MOST: f64 = 30.0;

/// A ranking profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    pub section: String,
    /// Codes of what the line is about; one that ends with `*` stands for all that begin so.
    pub codes: Vec<String>,
    pub weight: f64,
    /// French.
    pub why: String,
}

/// What changes about any profile for the time of a situation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    pub code: String,
    /// French.
    pub title: String,
    pub source: String,
    /// The profile that is read with instead of the reader's own.
    pub profile: Option<String>,
    /// How far the list of documents goes back when `window` is not given.
    pub window: Option<String>,
    #[serde(default)]
    pub weight: HashMap<String, f64>,
    #[serde(default)]
    pub boost: Vec<Boost>,
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

    /// The profile in a situation: nothing weighs less, what the situation names may weigh more.
    #[must_use]
    pub fn in_situation(mut self, situation: &Situation) -> Self {
        for (section, weight) in &situation.weight {
            let own = self.weight.entry(section.clone()).or_insert(ELSE);
            *own = own.max(*weight);
        }
        self.boost.extend(situation.boost.iter().cloned());
        self.title = format!("{} · {}", self.title, situation.title);
        self
    }

    /// What is wrong with it, if anything.
    pub(in crate::keyinfo) fn wrong(&self) -> Option<String> {
        if [&self.id, &self.version, &self.title, &self.source].iter().any(|t| t.trim().is_empty()) {
            return Some("id, version, title and source are needed".to_owned());
        }
        wrong(&self.weight, &self.boost)
    }
}

impl Situation {
    /// What is wrong with it, if anything.
    pub(in crate::keyinfo) fn wrong(&self) -> Option<String> {
        if [&self.code, &self.title, &self.source].iter().any(|t| t.trim().is_empty()) {
            return Some("code, title and source are needed".to_owned());
        }
        wrong(&self.weight, &self.boost)
    }
}

/// Sections that there are, weights within bounds, a reason for each boost.
fn wrong(weights: &HashMap<String, f64>, boosts: &[Boost]) -> Option<String> {
    let unknown = |key: &str| (!is_section(key)).then(|| format!("there is no section {key}"));
    let out = |weight: f64| (!(0.0..=MOST).contains(&weight)).then(|| format!("a weight is 0 to {MOST}, not {weight}"));
    let mut names: Vec<&String> = weights.keys().collect();
    names.sort_unstable();
    let weighed = names.into_iter().find_map(|key| unknown(key).or_else(|| out(*weights.get(key)?)));
    let empty = |b: &Boost| (b.codes.is_empty() || b.why.trim().is_empty()).then(|| format!("a boost of {} needs codes and why", b.section));
    weighed.or_else(|| boosts.iter().find_map(|b| unknown(&b.section).or_else(|| out(b.weight)).or_else(|| empty(b))))
}

/// Whether a code of a table (`A10*` for all of A10) is, or stands for, a code.
pub(in crate::keyinfo) fn stands_for(known: &str, code: &str) -> bool {
    known.strip_suffix('*').map_or(known == code, |stem| code.starts_with(stem))
}
