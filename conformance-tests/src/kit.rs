//! The kit on disk: `scenarios/*.json`, `scenarios/bodies/*.json`, `corpus/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::scenario::{Scenario, Subject};

/// Scenarios by file name, request templates, and where the corpus lies.
#[derive(Debug)]
pub struct Kit {
    pub subjects: BTreeMap<String, Subject>,
    pub templates: BTreeMap<String, Value>,
    pub corpus: PathBuf,
}

impl Kit {
    /// Reads a kit.
    ///
    /// # Errors
    /// A file that cannot be read, is not JSON, has an unknown member, or a step that means nothing.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let subjects: BTreeMap<String, Subject> = files(&folder.join("scenarios"))?;
        for (file, subject) in &subjects {
            for scenario in &subject.scenarios {
                sound(scenario).map_err(|e| format!("{file}, `{}`: {e}", scenario.name))?;
            }
        }
        Ok(Self { subjects, templates: files(&folder.join("scenarios/bodies"))?, corpus: folder.join("corpus") })
    }

    /// Every scenario with its file's name, those only in which `only` occurs (file, subject, name or check; case does not matter).
    pub fn chosen<'a>(&'a self, only: &str) -> impl Iterator<Item = (&'a str, &'a Scenario)> {
        let only = only.to_lowercase();
        self.subjects.iter().flat_map(|(file, subject)| subject.scenarios.iter().map(move |s| (file, subject, s))).filter_map(move |(file, subject, scenario)| {
            let texts = [file, &subject.subject, &scenario.name].into_iter().chain(scenario.steps.iter().filter_map(|s| s.check.as_ref()));
            texts.into_iter().any(|t| t.to_lowercase().contains(&only)).then_some((file.trim_end_matches(".json"), scenario))
        })
    }
}

fn files<T: DeserializeOwned>(folder: &Path) -> Result<BTreeMap<String, T>, String> {
    let told = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|n| n.ends_with(".json")) else { continue };
        let text = std::fs::read_to_string(&path).map_err(told)?;
        all.insert(name.to_owned(), serde_json::from_str(&text).map_err(|e| format!("{name}: {e}"))?);
    }
    Ok(all)
}

fn sound(scenario: &Scenario) -> Result<(), String> {
    if scenario.spec.trim().is_empty() {
        return Err("`spec` names no source".to_owned());
    }
    if !scenario.steps.iter().any(|s| s.check.is_some()) {
        return Err("no step has a `check`".to_owned());
    }
    for step in &scenario.steps {
        if step.body.as_ref().is_some_and(|b| !b.is_one_kind()) {
            return Err(format!("{} {}: a body is one of json, template, text, base64, document", step.method, step.path));
        }
        if step.check.is_some() && step.expect.as_ref().is_none_or(|e| e.status.is_empty() && !e.refused) {
            return Err(format!("{} {}: a check expects a status", step.method, step.path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn kit() -> Kit {
        Kit::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn the_kit_is_read_and_has_its_checks() {
        let kit = kit();
        let checks = kit.chosen("").flat_map(|(_, s)| &s.steps).filter(|s| s.check.is_some()).count();
        assert!(kit.subjects.len() >= 12 && checks >= 45, "{} files, {checks} checks", kit.subjects.len());
    }

    #[test]
    fn names_are_unique_and_what_is_referred_to_is_there() {
        let kit = kit();
        let mut names = BTreeSet::new();
        for (file, scenario) in kit.chosen("") {
            assert!(names.insert((file, &scenario.name)), "{file}: {}", scenario.name);
            for step in &scenario.steps {
                let body = step.body.as_ref();
                if let Some(template) = body.and_then(|b| b.template.as_ref()) {
                    assert!(kit.templates.contains_key(template), "{file}: {template}");
                }
                let document = body.and_then(|b| b.document.as_ref()).into_iter().chain(step.expect.as_ref().and_then(|e| e.bytes.as_ref()));
                for name in document.filter(|n| !n.contains("{{")) {
                    assert!(scenario.documents.contains_key(name), "{file}: document {name}");
                }
            }
            for document in scenario.documents.values() {
                assert!(document.file.as_ref().is_none_or(|f| kit.corpus.join(f).exists()), "{file}");
            }
        }
    }

    /// Names in `{{…}}`, without filter.
    fn placeholders(text: &str) -> Vec<String> {
        text.split("{{").skip(1).filter_map(|t| t.split("}}").next()).map(|t| t.split('|').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_placeholder_is_given_before_it_is_used() {
        let kit = kit();
        let generated = ["uuid", "oid", "ins", "now", "base"];
        for (file, subject) in &kit.subjects {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(file)).unwrap();
            let raw: Value = serde_json::from_str(&text).unwrap();
            for (scenario, raw) in subject.scenarios.iter().zip(raw["scenarios"].as_array().unwrap()) {
                let mut known: BTreeSet<String> = generated.iter().map(|g| (*g).to_owned()).chain(scenario.set.keys().cloned()).collect();
                known.extend(scenario.needs.iter().map(|name| format!("token-{name}")));
                known.extend(scenario.documents.keys().flat_map(|d| ["sha1", "base64", "size"].map(|k| format!("{k}:{d}"))));
                for (step, raw) in scenario.steps.iter().zip(raw["steps"].as_array().unwrap()) {
                    let template = step.body.as_ref().and_then(|b| b.template.as_ref()).map(|t| kit.templates[t].to_string()).unwrap_or_default();
                    let own: BTreeSet<String> = step.body.iter().flat_map(|b| b.with.keys().cloned()).chain(step.capture.keys().cloned()).collect();
                    let in_body = step.body.as_ref().is_some_and(|b| b.document.is_some());
                    for name in placeholders(&(raw.to_string() + &template)) {
                        let each = name == "each" || name.starts_with("each.") || name.starts_with("repeat:");
                        let given = known.contains(&name) || own.contains(&name) || (!step.each.is_empty() && each) || (in_body && name.ends_with(":document"));
                        assert!(given, "{file} · {}: {} {}: {{{{{name}}}}}", scenario.name, step.method, step.path);
                    }
                    known.extend(step.capture.keys().cloned());
                }
            }
        }
    }

    #[test]
    fn a_scenario_without_source_or_check_is_refused() {
        for text in [
            r#"{"name":"n","spec":"","steps":[{"method":"GET","path":"x","check":"c","expect":{"status":[200]}}]}"#,
            r#"{"name":"n","spec":"s","steps":[{"method":"GET","path":"x"}]}"#,
            r#"{"name":"n","spec":"s","steps":[{"method":"GET","path":"x","check":"c"}]}"#,
            r#"{"name":"n","spec":"s","steps":[{"method":"POST","path":"x","check":"c","body":{"json":{},"text":""},"expect":{"status":[200]}}]}"#,
        ] {
            assert!(sound(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }
}
