//! The page around a document: who, when, where, contents, print.
//! Spec: RGAA 4; WCAG 2.2; CSP Level 3 (hash of the one style sheet).

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{FileLayer, address};
use crate::cda::Rendered;
use crate::fhir::DocumentEntry;
use crate::fhir::html::Html;
use crate::interaction::contents;
use crate::keyinfo::{known_title, quoted_conclusion};
use crate::pdf::State;

/// INS: the roots of NIR and NIA, and those of tests.
/// Spec: NOS, INS.
const INS: &str = "urn:oid:1.2.250.1.213.1.4.";

const STYLE: &str = include_str!("page.css");

/// The Content-Security-Policy of the page: its own style sheet, images and PDF of its own document. A PDF in an `object` is a frame to
/// browsers; `data:` is the empty icon, so that none is asked for.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; img-src 'self' data:; object-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
});

/// A document and what is shown of it.
pub(super) struct Page<'a> {
    pub entry: &'a DocumentEntry,
    pub body: Rendered,
    /// The text layer of the one file that the document is.
    pub layer: Option<FileLayer>,
    /// Where the reader came from.
    pub back: Option<&'static str>,
}

impl Page<'_> {
    pub fn html(&self) -> Html {
        let title = self.title();
        let mut out = Html::default();
        out.own("<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">");
        out.leaf("title", &[], &title);
        out.own("<style>");
        out.own(STYLE);
        out.own("</style></head><body><a class=\"skip\" href=\"#document\">Aller au document</a><header>");
        if let Some(back) = self.back {
            out.open("p", &[("class", "back")]);
            out.leaf("a", &[("href", back)], "← Revenir au dossier");
            out.close("p");
        }
        out.leaf("h1", &[], &title);
        self.facts(&mut out);
        out.own("</header>");
        self.contents(&mut out);
        out.own("<main id=\"document\">");
        out.append(&self.body.html);
        if let Some(number) = self.body.whole {
            self.conclusion(&mut out);
            self.whole(number, &mut out);
            self.layer(&mut out);
        }
        out.own("</main></body></html>\n");
        out
    }

    fn title(&self) -> String {
        let kind = self.entry.type_code.as_ref().and_then(|t| t.display.clone());
        self.entry.title.clone().or(kind).unwrap_or_else(|| "Document".to_owned())
    }

    fn facts(&self, out: &mut Html) {
        let entry = self.entry;
        let authors: Vec<String> = entry.authors.iter().filter_map(|group| person(group)).collect();
        let act = match (&entry.service_start, &entry.service_end) {
            (Some(start), Some(end)) if day(start) != day(end) => Some(format!("du {} au {}", day(start), day(end))),
            (Some(one), _) | (None, Some(one)) => Some(day(one)),
            (None, None) => None,
        };
        let rows = [
            ("Patient", entry.patient.as_ref().and_then(patient)),
            ("Auteur", Some(authors.join(" ; ")).filter(|a| !a.is_empty())),
            ("Validé par", entry.legal_authenticator.as_deref().and_then(person)),
            ("Conservé par", entry.custodian.as_ref().and_then(|c| text(c, "/name"))),
            ("Type", entry.type_code.as_ref().and_then(|t| t.display.clone()).filter(|t| Some(t) != entry.title.as_ref())),
            ("Date de l'acte", act),
            ("Document du", entry.creation.as_deref().map(day)),
        ];
        out.own("<dl>");
        for (name, value) in rows {
            if let Some(value) = value {
                out.leaf("dt", &[], name);
                out.leaf("dd", &[], &value);
            }
        }
        out.own("</dl>");
    }

    fn contents(&self, out: &mut Html) {
        if self.body.headings.len() < 3 {
            return;
        }
        out.own("<nav aria-label=\"Sommaire\"><ul>");
        for heading in self.body.headings.iter().filter(|h| h.depth == 0) {
            out.open("li", &[]);
            out.leaf("a", &[("href", &format!("#{}", heading.anchor))], &heading.title);
            out.close("li");
        }
        out.own("</ul></nav>");
    }

    /// What the file says it concludes, or why its words cannot be given.
    fn conclusion(&self, out: &mut Html) {
        let Some(layer) = &self.layer else { return };
        if let Some(row) = contents::row(&layer.state) {
            out.leaf("p", &[("class", "note")], &row.page);
        }
        if let Some(said) = quoted_conclusion(&layer.text) {
            out.own("<section class=\"quoted\"><h2>Conclusion citée du PDF</h2>");
            out.leaf("blockquote", &[], &said);
            out.own("</section>");
        }
    }

    /// The text of the file beside it, closed.
    fn layer(&self, out: &mut Html) {
        let Some(layer) = self.layer.as_ref().filter(|l| !l.text.trim().is_empty()) else { return };
        out.own("<details><summary>Texte extrait du PDF, non vérifié</summary>");
        for page in layer.text.split('\u{c}').filter(|p| !p.trim().is_empty()) {
            out.leaf("pre", &[], page);
        }
        if layer.state == State::Cut.code() {
            out.own("<p class=\"note\">La suite du texte n'est pas conservée.</p>");
        }
        out.own("</details>");
    }

    /// A document that is one file.
    fn whole(&self, number: usize, out: &mut Html) {
        let address = address(number);
        out.open("object", &[("class", "whole"), ("data", &address), ("aria-label", "Le document")]);
        out.own("<p>Ce navigateur n'affiche pas ce document ici.</p>");
        out.close("object");
        out.own("<p>");
        out.leaf("a", &[("href", &address)], "Ouvrir le document seul");
        out.own("</p>");
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).filter(|t| !t.trim().is_empty())
}

/// Name, birth date, sex and INS as the document says them.
fn patient(patient: &Value) -> Option<String> {
    let (born, sex) = match patient.get("gender").and_then(Value::as_str) {
        Some("female") => ("née le", Some("sexe féminin".to_owned())),
        Some("male") => ("né le", Some("sexe masculin".to_owned())),
        _ => ("né(e) le", None),
    };
    let born = text(patient, "/birthDate").map(|d| format!("{born} {}", day(&d)));
    let identifiers = patient.get("identifier").and_then(Value::as_array).into_iter().flatten();
    let ins = identifiers.filter(|i| i["system"].as_str().is_some_and(|s| s.starts_with(INS))).find_map(|i| text(i, "/value")).map(|v| format!("INS {v}"));
    let parts: Vec<String> = [name(patient), born, sex, ins].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A name as it is written in France: one title, the one of exercise before the civility, given names, family name.
fn name(resource: &Value) -> Option<String> {
    let names = resource.get("name").and_then(Value::as_array)?;
    let chosen = names.iter().find(|n| n["use"] == "usual").or_else(|| names.first())?;
    let words = |key: &str| chosen.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let known = |word: &String| known_title(word).map(str::to_owned);
    let (prefix, suffix) = (words("prefix"), words("suffix"));
    let title = suffix.iter().find_map(known).or_else(|| prefix.iter().find_map(known)).or_else(|| prefix.first().cloned());
    let mut all: Vec<String> = title.into_iter().chain(words("given")).collect();
    all.extend(chosen.get("family").and_then(Value::as_str).map(str::to_owned));
    all.extend(suffix.into_iter().filter(|word| known(word).is_none()));
    let joined = all.join(" ");
    if joined.trim().is_empty() { text(chosen, "/text") } else { Some(joined) }
}

/// An author or an authenticator: the person, the speciality, the organisation; a device by its name.
fn person(group: &[Value]) -> Option<String> {
    let of = |kind: &str| group.iter().find(|r| r["resourceType"] == kind);
    let person = of("Practitioner").or_else(|| of("Patient")).or_else(|| of("RelatedPerson")).and_then(name);
    let device = of("Device").and_then(|d| text(d, "/deviceName/0/name"));
    let role = of("PractitionerRole").and_then(|r| text(r, "/specialty/0/coding/0/display").or_else(|| text(r, "/code/0/coding/0/display")));
    let place = of("Organization").and_then(|o| text(o, "/name"));
    let parts: Vec<String> = [person.or(device), role, place].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `2026-03-10T10:15:00+01:00` → `10/03/2026`; a month or a year alone stays what it is.
fn day(date_time: &str) -> String {
    let date = date_time.get(..10).unwrap_or(date_time);
    date.split('-').rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_french_and_no_more_precise_than_said() {
        assert_eq!([day("2026-03-10T10:15:00+01:00"), day("2026-03"), day("2026")], ["10/03/2026", "03/2026", "2026"]);
    }

    #[test]
    fn a_name_has_one_title_in_front() {
        let of = |prefix: &str, suffix: &str| name(&serde_json::json!({"name": [{"family": "AUBERTIN", "given": ["Claire"], "prefix": [prefix], "suffix": [suffix]}]}));
        assert_eq!(of("MME", "DR").as_deref(), Some("Dr Claire AUBERTIN"));
        assert_eq!(of("M", "de Paris").as_deref(), Some("M. Claire AUBERTIN de Paris"));
        assert_eq!(of("Prof.", "PR").as_deref(), Some("Pr Claire AUBERTIN"));
    }

    #[test]
    fn the_policy_names_the_one_style_sheet_and_no_script() {
        assert!(POLICY.contains("style-src 'sha256-") && !POLICY.contains("script-src") && POLICY.starts_with("default-src 'none'"));
    }
}
