//! Code sets, words of codes and template kinds: what `codes.toml` and `templates.toml` say.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

pub(super) use super::concept_map::{CodeMap, map, mapped, said_in};
use super::maps;
use crate::fhir::xml::Element;

/// File names.
pub(super) const CODES_NAME: &str = "codes.toml";
pub(super) const TEMPLATES_NAME: &str = "templates.toml";
const CODES: &str = include_str!("../../fhir-profiles/cda-maps/codes.toml");
const TEMPLATES: &str = include_str!("../../fhir-profiles/cda-maps/templates.toml");

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct CodesFile {
    words: HashMap<String, Words>,
    set: HashMap<String, CodeSet>,
}

/// Code → French words.
#[derive(Deserialize, Default)]
struct Words {
    words: HashMap<String, String>,
}

#[derive(Deserialize, Default)]
struct CodeSet {
    codes: HashSet<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TemplatesFile {
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    name: String,
    element: String,
    templates: HashSet<String>,
}

static CODES_FILE: LazyLock<CodesFile> = LazyLock::new(|| merged_codes(toml::from_str(CODES).unwrap_or_default(), maps::added(CODES_NAME)));
static TEMPLATES_FILE: LazyLock<TemplatesFile> = LazyLock::new(|| merged_templates(toml::from_str(TEMPLATES).unwrap_or_default(), maps::added(TEMPLATES_NAME)));

/// Codes of an added file come over ours.
fn merged_codes(mut own: CodesFile, added: Option<&str>) -> CodesFile {
    let added: CodesFile = added.and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
    for (name, list) in added.words {
        own.words.entry(name).or_default().words.extend(list.words);
    }
    for (name, set) in added.set {
        own.set.entry(name).or_default().codes.extend(set.codes);
    }
    own
}

fn merged_templates(mut own: TemplatesFile, added: Option<&str>) -> TemplatesFile {
    let added: TemplatesFile = added.and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
    for kind in added.kind {
        // The operator's template means this kind, whatever ours said.
        for known in &mut own.kind {
            if known.name == kind.name && known.element == kind.element {
                known.templates.extend(kind.templates.iter().cloned());
            } else if known.element == kind.element {
                known.templates.retain(|t| !kind.templates.contains(t));
            }
        }
    }
    own
}

/// What an added `codes.toml` names that is not known, and why that is wrong.
pub(super) fn check_codes(text: &str) -> Result<Option<(String, String)>, toml::de::Error> {
    let added: CodesFile = toml::from_str(text)?;
    let own: CodesFile = toml::from_str(CODES).unwrap_or_default();
    let sets = added.set.keys().find(|name| !own.set.contains_key(*name)).map(|name| ("set", name));
    let unknown = sets.or_else(|| added.words.keys().find(|name| !own.words.contains_key(*name)).map(|name| ("words", name)));
    Ok(unknown.map(|(kind, name)| (format!("{kind}.{name}"), format!("no rule asks for {kind}.{name}; codes can be added to those there are"))))
}

/// What an added `templates.toml` names that is not known, and why that is wrong.
pub(super) fn check_templates(text: &str) -> Result<Option<(String, String)>, toml::de::Error> {
    let added: TemplatesFile = toml::from_str(text)?;
    let own: TemplatesFile = toml::from_str(TEMPLATES).unwrap_or_default();
    let unknown = added.kind.iter().find(|k| !own.kind.iter().any(|o| o.name == k.name && o.element == k.element));
    Ok(unknown.map(|k| (format!("{:?}", k.name), format!("no kind of statement is {:?} on {:?}; templates can be added to those there are", k.name, k.element))))
}

/// What a code is called in French, by a list of words.
pub(super) fn worded(list: &str, code: &str) -> Option<&'static str> {
    CODES_FILE.words.get(list)?.words.get(code).map(String::as_str)
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
        assert_eq!((set_exists("residual"), worded("relationship", "MTH")), (true, Some("mère")));
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
