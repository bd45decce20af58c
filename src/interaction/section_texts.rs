//! What the sections of a FHIR document say in words alone: those without entries, with their place on the page of `$render`.
//! Spec: FHIR R4 Composition.section, narrative.

use serde_json::Value;

use crate::fhir::SectionText;
use crate::fhir::xml::{Limits, parse};

/// Sections of a document.
const MAX_TEXTS: usize = 60;
/// Sections below sections, as `$render` shows them.
const MAX_DEPTH: usize = 8;

/// The sections whose words no resource stands behind; one that says why it is empty is none of them.
pub(super) fn of_bundle(bundle: &Value) -> Vec<SectionText> {
    let mut out = Vec::new();
    if let Some(composition) = bundle.pointer("/entry/0/resource").filter(|r| r.get("resourceType").and_then(Value::as_str) == Some("Composition")) {
        sections(composition, 0, &mut 0, &mut out);
    }
    out.truncate(MAX_TEXTS);
    out
}

fn sections(holder: &Value, depth: usize, number: &mut usize, out: &mut Vec<SectionText>) {
    for section in holder.get("section").and_then(Value::as_array).into_iter().flatten() {
        *number += 1;
        let text = |path: &str| section.pointer(path).and_then(Value::as_str);
        if section.get("entry").is_none() && section.get("emptyReason").is_none() {
            let div = text("/text/div").and_then(|div| parse(div.as_bytes(), &Limits::default()).ok());
            let title = text("/title").unwrap_or_default().to_owned();
            out.extend(div.and_then(|div| SectionText::of(format!("s-{number}"), text("/code/coding/0/code").unwrap_or_default(), title, &div)));
        }
        if depth < MAX_DEPTH {
            sections(section, depth + 1, number, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_section_without_entries_is_told_at_its_place_on_the_page() {
        let section = |code: &str, more: Value| {
            let mut out = json!({"title": code, "code": {"coding": [{"code": code}]}, "text": {"div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Latex</div>"}});
            out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            out
        };
        let all = json!([section("a", json!({"entry": [{"reference": "x"}], "section": [section("48765-2", json!({}))]})), section("b", json!({"emptyReason": {}}))]);
        let found = of_bundle(&json!({"entry": [{"resource": {"resourceType": "Composition", "section": all}}]}));
        assert_eq!(found.iter().map(|t| (t.anchor.as_str(), t.code.as_str(), t.words.as_str())).collect::<Vec<_>>(), [("s-2", "48765-2", "Latex")]);
    }
}
