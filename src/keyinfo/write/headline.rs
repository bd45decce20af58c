//! The generated title of a document: type · speciality · date of the act · what matters in it. A list can be read with it without
//! opening anything; the title that the author gave stays beside it.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::fhir::{DocumentEntry, classification, time};
use crate::keyinfo::language::concept::{short, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::read::contents::{Contents, Fact, Held};
use crate::keyinfo::tell::line::Context;
use crate::keyinfo::tell::section::Filled;
use crate::keyinfo::tell::{observation, report};
use crate::keyinfo::{Known, Source, sections};

/// Characters of what matters.
const MAX_CHARS: usize = 110;
/// Things named; more are counted.
const MAX_NAMED: usize = 3;

static TITLES: LazyLock<Titles> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/titles.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Titles {
    title: Vec<Row>,
    speciality: Frame,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(rename = "type")]
    kind: Option<String>,
    class: Option<String>,
    told: Told,
    #[expect(dead_code, reason = "read by people")]
    source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Conclusion,
    Abnormal,
    Medications,
    Immunizations,
    Problems,
}

/// What is written around a speciality.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    before: Vec<String>,
    after: Vec<String>,
}

/// The generated title of a document, from its metadata and the resources it states (`path` and resource, as derived), else from what
/// its one file says (a quotation, or why there is none); `now` is a FHIR instant. Empty when nothing is known of it.
pub fn generated_title(entry: &DocumentEntry, stated: &[(&str, &Value)], file: &str, now: &str) -> String {
    let date = time::of_the_act(entry.service_start.as_deref(), entry.service_end.as_deref(), entry.creation.as_deref()).map(dates::french);
    let parts = [kind(entry), speciality(entry), date, matters(entry, stated, now).or_else(|| Some(file.to_owned()))];
    parts.into_iter().flatten().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// The name of its type: ours, else the document's own.
fn kind(entry: &DocumentEntry) -> Option<String> {
    let code = entry.type_code.as_ref()?;
    let known = classification::types().find(|(known, _, name)| *known == code.code && !name.is_empty()).map(|(.., name)| name.to_owned());
    known.or_else(|| code.display.clone())
}

/// The speciality of the first author, else the profession.
fn speciality(entry: &DocumentEntry) -> Option<String> {
    let role = entry.authors.first()?.iter().find(|r| text(r, "/resourceType") == "PractitionerRole")?;
    let said = ["/specialty/0/coding/0/display", "/code/0/coding/0/display"].iter().map(|p| text(role, p)).find(|t| !t.is_empty())?;
    let frame = &TITLES.speciality;
    let bare = frame.before.iter().fold(said, |t, before| t.strip_prefix(before.as_str()).unwrap_or(t));
    let bare = frame.after.iter().fold(bare, |t, after| t.strip_suffix(after.as_str()).unwrap_or(t));
    Some(bare.to_owned())
}

fn matters(entry: &DocumentEntry, stated: &[(&str, &Value)], now: &str) -> Option<String> {
    let told = told(entry)?;
    let facts = stated.iter().map(|(path, resource)| Fact { resource, full_url: format!("path:{path}") }).collect();
    let contents = Contents::read(facts, "", &|_| None);
    let source = Source { title: entry.title.clone().unwrap_or_default(), ..Source::default() };
    let known = Known { held: &[Held { contents: &contents, source: Some(0) }], sources: &[&source], base_url: "", now, born: "", apart: false };
    sections(&known, |context, filled| match told {
        Told::Conclusion => conclusion(context, &filled),
        Told::Abnormal => named(results(context, &filled)),
        Told::Medications => named(labels(context, &filled, "medications").into_iter().map(product).collect()),
        Told::Immunizations => named(labels(context, &filled, "immunizations").into_iter().map(product).collect()),
        Told::Problems => named(labels(context, &filled, "problems")),
    })
}

fn told(entry: &DocumentEntry) -> Option<Told> {
    let kind = entry.type_code.as_ref();
    let class = entry.class_code.clone().or_else(|| kind.and_then(classification::class_of));
    let of_type = TITLES.title.iter().find(|r| r.kind.is_some() && r.kind.as_deref() == kind.map(|k| k.code.as_str()));
    let of_class = || TITLES.title.iter().find(|r| r.class.is_some() && r.class.as_deref() == class.as_ref().map(|c| c.code.as_str()));
    of_type.or_else(of_class).map(|r| r.told)
}

fn conclusion(context: &Context<'_>, filled: &[Filled<'_>]) -> Option<String> {
    let groups = filled.iter().flat_map(|s| &s.entries).filter_map(|(group, _)| context.statement(group.lead));
    let said = groups.filter(|s| s.kind == "DiagnosticReport").find_map(|s| report::conclusion(s.resource))?;
    Some(short(&said, MAX_CHARS))
}

/// `HbA1c 8,1 % (élevé)` of each result that the laboratory flagged.
fn results(context: &Context<'_>, filled: &[Filled<'_>]) -> Vec<String> {
    let lines = filled.iter().filter(|s| s.row.key == "results").flat_map(|s| &s.entries).filter(|(_, line)| line.abnormal);
    // What is printed again is not what the document is about.
    let lines = lines.filter(|(group, _)| context.statement(group.lead).is_some_and(|s| !s.prior));
    let told = lines.filter_map(|(group, line)| {
        let resource = context.statement(group.lead)?.resource;
        let flag = observation::flag(resource).map(|f| format!(" ({f})")).unwrap_or_default();
        Some(format!("{} {}{flag}", line.label, observation::said(resource)))
    });
    told.collect()
}

/// The names of a section; not those of what was refused or not done.
fn labels(context: &Context<'_>, filled: &[Filled<'_>], key: &str) -> Vec<String> {
    let lines = filled.iter().filter(|s| s.row.key == key).flat_map(|s| &s.entries);
    let told = lines.filter(|(group, _)| context.statement(group.lead).is_some_and(|s| s.against.is_none()));
    told.map(|(_, line)| line.label.clone()).filter(|l| !l.is_empty()).collect()
}

/// `APIXABAN 5 mg` of `APIXABAN 5 mg, comprimé pelliculé`: a list wants the product, not its form.
fn product(label: String) -> String {
    label.split_once(", ").map_or(label.clone(), |(head, _)| head.to_owned())
}

/// The first few, the others counted.
fn named(all: Vec<String>) -> Option<String> {
    let mut out = String::new();
    let mut shown = 0;
    for one in all.iter().take(MAX_NAMED) {
        if shown > 0 && out.chars().count() + one.chars().count() > MAX_CHARS {
            break;
        }
        out.push_str(if shown > 0 { ", " } else { "" });
        out.push_str(&short(one, MAX_CHARS));
        shown += 1;
    }
    if all.len() > shown {
        out.push_str(&format!(" + {}", all.len() - shown));
    }
    (shown > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::Coding;

    fn entry(code: &str) -> DocumentEntry {
        let role = json!({"resourceType": "PractitionerRole", "specialty": [{"coding": [{"display": "Médecin - Qualifié en Médecine Générale (SM)"}]}]});
        let kind = Coding { system: Some("http://loinc.org".into()), code: code.into(), display: None };
        DocumentEntry { type_code: Some(kind), service_start: Some("2026-03-10T10:00:00+01:00".into()), authors: vec![vec![role]], ..DocumentEntry::default() }
    }

    #[test]
    fn every_row_names_a_type_or_a_class_that_is_known() {
        assert!(TITLES.title.len() >= 9 && !TITLES.speciality.before.is_empty());
        for row in &TITLES.title {
            match (&row.kind, &row.class) {
                (Some(kind), None) => assert!(classification::types().any(|(code, ..)| code == kind), "{kind}"),
                (None, Some(class)) => assert!(classification::classes().any(|(code, _)| code == class), "{class}"),
                _ => panic!("{row:?}"),
            }
        }
    }

    #[test]
    fn a_title_says_type_speciality_date_and_what_was_flagged() {
        let result = |name: &str, value: f64, flag: &str| {
            json!({"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "laboratory"}]}], "code": {"coding": [{"system": "http://loinc.org", "code": name, "display": name}], "text": name},
                "valueQuantity": {"value": value, "unit": "g/L"}, "interpretation": [{"coding": [{"code": flag}]}], "effectiveDateTime": "2026-03-10"})
        };
        let (high, normal) = (result("LDL-cholestérol", 1.9, "H"), result("Glucose", 0.9, "N"));
        let title = generated_title(&entry("11502-2"), &[("a", &high), ("b", &normal)], "", "2026-03-11T00:00:00Z");
        assert_eq!(title, "CR d'examens biologiques · Médecine Générale · 10/03/2026 · LDL-cholestérol 1,9 g/L (élevé)");
        assert_eq!(generated_title(&entry("11502-2"), &[("b", &normal)], "", "2026-03-11T00:00:00Z"), "CR d'examens biologiques · Médecine Générale · 10/03/2026");
        assert_eq!(generated_title(&entry("60591-5"), &[("a", &high)], "", "2026-03-11T00:00:00Z"), "Synthèse médicale · Médecine Générale · 10/03/2026");
        assert_eq!(generated_title(&entry("11488-4"), &[], "document scanné sans texte", "2026-03-11T00:00:00Z").rsplit(" · ").next(), Some("document scanné sans texte"));
        assert_eq!(generated_title(&DocumentEntry::default(), &[], "", "2026-03-11T00:00:00Z"), "");
    }

    #[test]
    fn more_than_a_few_are_counted_and_a_long_conclusion_is_cut() {
        assert_eq!(named(["a", "b", "c", "d", "e"].map(str::to_owned).to_vec()).unwrap(), "a, b, c + 2");
        let report = json!({"resourceType": "DiagnosticReport", "status": "final", "code": {"coding": [{"code": "55110-1"}]}, "conclusion": "Pas de lésion suspecte. ".repeat(20)});
        let title = generated_title(&entry("18748-4"), &[("a", &report)], "", "2026-03-11T00:00:00Z");
        assert!(title.starts_with("CR d'imagerie médicale · Médecine Générale · 10/03/2026 · Pas de lésion suspecte.") && title.chars().count() < 190, "{title}");
    }
}
