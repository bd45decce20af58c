//! Effects of medicines and vaccines: what is suspected, how sure that is, how grave it was and how it ended.
//! Spec: FHIR R4 AdverseEvent, Immunization.reaction.

use serde_json::Value;

use crate::keyinfo::language::concept::{get, items, label, lower, str_of, text};
use crate::keyinfo::language::dates;

/// What is said of an adverse event behind its name.
pub fn details(event: &Value) -> Vec<String> {
    let suspects: Vec<String> = items(event, "suspectEntity").filter_map(|s| suspect(event, s)).collect();
    let cause = (!suspects.is_empty()).then(|| format!("en cause : {}", suspects.join(", ")));
    let worded = |word: &str, name: &str| get(event, name).and_then(label).map(|l| format!("{word} : {}", lower(&l)));
    [cause, worded("gravité", "seriousness"), worded("sévérité", "severity"), worded("évolution", "outcome")].into_iter().flatten().collect()
}

/// What is suspected, with how sure that is.
fn suspect(event: &Value, suspect: &Value) -> Option<String> {
    let instance = get(suspect, "instance")?;
    let held = contained(event, instance).and_then(|r| get(r, "code")).and_then(label);
    let name = Some(text(instance, "/display").to_owned()).filter(|t| !t.is_empty()).or(held)?;
    let sure: Vec<String> = items(suspect, "causality").filter_map(|c| get(c, "assessment").and_then(label)).map(|l| lower(&l)).collect();
    Some(if sure.is_empty() { name } else { format!("{name} (imputabilité : {})", sure.join(", ")) })
}

/// What followed a vaccination: `réaction : fièvre (28/09/2009)`; `None` where nothing is noted.
pub fn after(vaccination: &Value) -> Option<String> {
    let one = |reaction: &Value| {
        let detail = get(reaction, "detail");
        let noted = detail.and_then(|d| contained(vaccination, d)).and_then(|o| get(o, "valueCodeableConcept").or_else(|| get(o, "code"))).and_then(label);
        let shown = detail.map(|d| text(d, "/display").to_owned()).filter(|t| !t.is_empty());
        let words = noted.or(shown).map_or_else(|| "notée".to_owned(), |l| lower(&l));
        let day = text(reaction, "/date");
        if day.is_empty() { words } else { format!("{words} ({})", dates::french(day)) }
    };
    let all: Vec<String> = items(vaccination, "reaction").map(one).collect();
    (!all.is_empty()).then(|| format!("réaction : {}", all.join(", ")))
}

fn contained<'a>(holder: &'a Value, reference: &Value) -> Option<&'a Value> {
    let id = str_of(reference, "reference")?.strip_prefix('#')?;
    items(holder, "contained").find(|c| str_of(c, "id") == Some(id))
}
