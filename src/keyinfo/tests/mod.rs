//! Summaries over resources of our own; today is 25/11/2026.

mod absences;
mod bundle;
mod events;
mod medications;
mod merging;
mod planned;
mod problems;
mod regimen;
mod results;

use serde_json::{Value, json};

use super::*;
use crate::fhir::SectionText;

const NOW: &str = "2026-11-25T09:30:00Z";
const BASE: &str = "https://passerelle.example/fhir";

#[derive(Clone)]
struct Record {
    /// Resources, each with the place of its source.
    pub facts: Vec<(Option<usize>, Value)>,
    pub sources: Vec<Source>,
    /// What sections of each source say in words alone.
    pub texts: Vec<(usize, SectionText)>,
}

impl Record {
    pub fn new() -> Self {
        let source = |id: &str, title: &str, author: &str, date: &str| Source {
            document_reference: format!("DocumentReference/{id}"),
            title: title.into(),
            author: author.into(),
            date: date.into(),
            ..Source::default()
        };
        let sources = vec![
            source("d0", "Synthèse médicale", "Dr Claire Martin", "2026-09-12T10:00:00+02:00"),
            source("d1", "Compte rendu de biologie", "Dr Paul Roche", "2026-03-14T08:00:00+01:00"),
            source("d2", "Lettre de liaison", "Dr Anne Leroy", "2025-06-02"),
        ];
        Self { facts: Vec::new(), sources, texts: Vec::new() }
    }

    pub fn with(mut self, source: Option<usize>, resource: Value) -> Self {
        let id = format!("f{}", self.facts.len());
        let mut resource = resource;
        resource["id"] = json!(id);
        resource["subject"] = json!({"reference": "Patient/p1"});
        self.facts.push((source, resource));
        self
    }

    pub fn worded(mut self, source: usize, code: &str, title: &str, words: &str) -> Self {
        let text = SectionText { anchor: format!("p-section-{}", self.texts.len()), code: code.into(), title: title.into(), words: words.into() };
        self.texts.push((source, text));
        self
    }

    /// What `make` makes of it: the resources of each source are the contents of one document.
    pub fn known<T>(&self, born: &str, make: impl FnOnce(&Known<'_>) -> T) -> T {
        let documents: Vec<Option<usize>> = std::iter::once(None).chain((0..self.sources.len()).map(Some)).collect();
        let of = |source: Option<usize>| self.facts.iter().filter(move |f| f.0 == source).map(|f| &f.1);
        let worded = |source: &Option<usize>| -> Vec<SectionText> { self.texts.iter().filter(|(at, _)| Some(*at) == *source).map(|(_, text)| text.clone()).collect() };
        let texts: Vec<Vec<SectionText>> = documents.iter().map(worded).collect();
        let contents: Vec<Contents<'_>> = documents.iter().zip(&texts).map(|(source, texts)| Contents::of(of(*source), BASE).with_texts(texts)).collect();
        let held: Vec<Held<'_>> = documents.iter().zip(&contents).map(|(source, contents)| Held { contents, source: *source }).collect();
        let sources: Vec<&Source> = self.sources.iter().collect();
        make(&Known { held: &held, sources: &sources, base_url: BASE, now: NOW, born, apart: false })
    }

    fn bundle(&self) -> Value {
        let patient = json!({"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1963-03-12",
            "name": [{"use": "official", "family": "Dupont", "given": ["Marie", "Anne"]}],
            "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "263037511612342"}]});
        let (mut one, mut other) = (ids(), ids());
        let bundle = self.known("1963-03-12", |known| {
            let bundle = summary(&mut SummaryInput { patient: &patient, known: *known, asked: None, new_id: &mut one });
            let bytes = summary_bytes(&mut SummaryInput { patient: &patient, known: *known, asked: None, new_id: &mut other });
            assert_eq!(serde_json::to_vec(&bundle).unwrap(), bytes, "the bytes are the Bundle");
            bundle
        });
        check(&bundle);
        bundle
    }
}

fn ids() -> impl FnMut() -> String {
    let mut n = 0;
    move || {
        n += 1;
        format!("00000000-0000-4000-8000-{n:012}")
    }
}

/// What must hold of every summary.
fn check(bundle: &Value) {
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(entries[0]["resource"]["resourceType"], "Composition");
    let urls: Vec<&str> = entries.iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(urls.iter().collect::<std::collections::HashSet<_>>().len(), urls.len(), "fullUrl twice");
    let sections = entries[0]["resource"]["section"].as_array().unwrap();
    for required in ["48765-2", "11450-4", "10160-0"] {
        assert!(sections.iter().any(|s| s["code"]["coding"][0]["code"] == required));
    }
    for section in sections {
        let told = section["extension"][0]["url"] == "urn:passerelle:told" && section.get("entry").is_none();
        assert!(!told || section.get("emptyReason").is_none(), "what is told is not empty");
        assert!(told || section.get("entry").is_some() != section.get("emptyReason").is_some(), "cmp-2, ips-comp-1 in {}", section["title"]);
        crate::fhir::xml::parse(section["text"]["div"].as_str().unwrap().as_bytes(), &crate::fhir::xml::Limits::default()).unwrap();
        for entry in section["entry"].as_array().into_iter().flatten() {
            assert!(urls.contains(&entry["reference"].as_str().unwrap()), "an entry names nothing");
        }
    }
}

fn section<'a>(bundle: &'a Value, code: &str) -> &'a Value {
    bundle["entry"][0]["resource"]["section"].as_array().unwrap().iter().find(|s| s["code"]["coding"][0]["code"] == code).unwrap_or(&Value::Null)
}

/// The lines and paragraphs of a section, as the terminal shows them.
fn told(bundle: &Value, code: &str) -> String {
    let title = section(bundle, code)["title"].as_str().unwrap_or("?").to_uppercase();
    let text = french_text(bundle, 10_000);
    let after = text.split(&format!("\n{title}\n")).nth(1).unwrap_or("");
    after.split("\n\n").next().unwrap_or("").trim_end().to_owned()
}

fn references(bundle: &Value, code: &str) -> Vec<String> {
    section(bundle, code)["entry"].as_array().into_iter().flatten().map(|e| e["reference"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

fn coded(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}

fn status(code: &str) -> Value {
    json!({"coding": [{"code": code}]})
}

fn condition(code: &str, display: &str, clinical: &str) -> Value {
    json!({"resourceType": "Condition", "code": coded("http://hl7.org/fhir/sid/icd-10", code, display), "clinicalStatus": status(clinical)})
}

fn allergy(code: Value) -> Value {
    json!({"resourceType": "AllergyIntolerance", "code": code, "clinicalStatus": status("active")})
}

fn result(loinc: &str, name: &str, value: f64, unit: &str, when: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}], "text": name}, "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": unit, "code": unit}})
}

fn medication(kind: &str, status: &str, dosage: &str) -> Value {
    let element = if kind == "MedicationRequest" { "dosageInstruction" } else { "dosage" };
    json!({"resourceType": kind, "status": status, "medicationCodeableConcept": coded("urn:oid:1.2.250.1.213.2.3.1", "60000001", "METFORMINE 1000 mg, comprimé"), element: [{"text": dosage}]})
}

/// The view of a record.
fn view_of(record: &Record) -> serde_json::Map<String, Value> {
    let came = vec![(0, false); record.sources.len()];
    let profiles = Profiles::with(Vec::new()).unwrap();
    let profile = profiles.of("neutral").unwrap();
    let asked = Asked { profile, section: None, offset: 0, most: 100, explain: false, came: &came, closed: &[], only: "" };
    record.known("1963-03-12", |known| view(known, &asked))
}

/// The lines of a section of the view.
fn lines(record: &Record, key: &str) -> Vec<Value> {
    let view = view_of(record);
    let section = view["sections"].as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
    section["lines"].as_array().unwrap().clone()
}

fn remarks(line: &Value) -> String {
    line["remarks"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ; ")
}

const ICD: &str = "https://smt.esante.gouv.fr/terminologie-cim-10";
const SNOMED: &str = "http://snomed.info/sct";
const CISP: &str = "https://smt.esante.gouv.fr/terminologie-cisp";

fn problem(system: &str, code: &str, display: &str) -> Value {
    json!({"resourceType": "Condition", "code": coded(system, code, display), "clinicalStatus": status("active")})
}

fn since(mut problem: Value, onset: &str) -> Value {
    problem["onsetDateTime"] = json!(onset);
    problem
}

fn dose(code: &str, when: &str, lot: &str) -> Value {
    let vaccine =
        json!({"coding": [{"system": "urn:oid:1.2.250.1.213.2.3.1", "code": code, "display": format!("VACCIN {code}")}, {"system": "http://www.whocc.no/atc", "code": "J07CA01"}]});
    let mut one = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": vaccine, "occurrenceDateTime": when});
    if !lot.is_empty() {
        one["lotNumber"] = json!(lot);
    }
    one
}
