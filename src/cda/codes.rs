//! Code maps, code sets and template kinds: what `codes.toml` and `templates.toml` say.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::fhir::xml::Element;

const CODES: &str = include_str!("../../fhir-profiles/cda-maps/codes.toml");
const TEMPLATES: &str = include_str!("../../fhir-profiles/cda-maps/templates.toml");

#[derive(Deserialize, Default)]
struct CodesFile {
    map: HashMap<String, CodeMap>,
    set: HashMap<String, CodeSet>,
}

/// CDA code → R4 code, and the system of the latter.
#[derive(Deserialize)]
pub(super) struct CodeMap {
    pub system: Option<String>,
    codes: HashMap<String, String>,
}

#[derive(Deserialize)]
struct CodeSet {
    codes: HashSet<String>,
}

#[derive(Deserialize, Default)]
struct TemplatesFile {
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    name: String,
    element: String,
    templates: HashSet<String>,
}

static CODES_FILE: LazyLock<CodesFile> = LazyLock::new(|| toml::from_str(CODES).unwrap_or_default());
static TEMPLATES_FILE: LazyLock<TemplatesFile> = LazyLock::new(|| toml::from_str(TEMPLATES).unwrap_or_default());

impl CodeMap {
    /// The R4 code of a CDA code.
    pub fn get(&self, code: &str) -> Option<&str> {
        self.codes.get(code).map(String::as_str)
    }
}

/// A code map by name.
pub(super) fn map(name: &str) -> Option<&'static CodeMap> {
    CODES_FILE.map.get(name)
}

/// What a map makes of a code.
pub(super) fn mapped(name: &str, code: &str) -> Option<&'static str> {
    map(name)?.get(code)
}

/// Whether a set holds a code.
pub(super) fn within(set: &str, code: &str) -> bool {
    CODES_FILE.set.get(set).is_some_and(|s| s.codes.contains(code))
}

/// The kind its templates give a statement, `""` when they give none.
pub(super) fn kind_of(e: &Element) -> &'static str {
    let roots: Vec<&str> = e.all("templateId").filter_map(|t| t.attr("root")).map(str::trim).collect();
    let found = TEMPLATES_FILE.kind.iter().find(|k| *k.element == *e.name && roots.iter().any(|r| k.templates.contains(*r)));
    found.map_or("", |k| k.name.as_str())
}

#[cfg(test)]
pub(super) fn set_exists(name: &str) -> bool {
    CODES_FILE.set.contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn the_tables_are_read() {
        toml::from_str::<CodesFile>(CODES).unwrap();
        toml::from_str::<TemplatesFile>(TEMPLATES).unwrap();
        assert_eq!(mapped("reaction-severity", "24484000"), Some("severe"));
        assert!(within("administered-sections", "18610-6") && !within("administered-sections", "10160-0"));
        assert!(set_exists("residual"));
    }

    #[test]
    fn the_more_specific_template_wins() {
        let e = |roots: &[&str]| {
            let ids: String = roots.iter().map(|r| format!("<templateId root='{r}'/>")).collect();
            parse(format!("<observation>{ids}</observation>").as_bytes(), &Limits::default()).unwrap()
        };
        assert_eq!(kind_of(&e(&["2.16.840.1.113883.10.20.1.28", "1.2.250.1.213.1.1.3.41"])), "allergy");
        assert_eq!(kind_of(&e(&["2.16.840.1.113883.10.20.1.18", "1.2.250.1.213.1.1.3.210"])), "adverse-reaction");
        assert_eq!(kind_of(&e(&["9.9.9"])), "");
    }
}
