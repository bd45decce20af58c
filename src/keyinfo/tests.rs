//! The rules of the summary, over resources of our own.

use serde_json::{Value, json};

use super::*;
use crate::fhir::SectionText;

pub(super) const NOW: &str = "2026-11-25T09:30:00Z";
pub(super) const BASE: &str = "https://passerelle.example/fhir";

#[derive(Clone)]
pub(super) struct Record {
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

pub(super) fn coded(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}

pub(super) fn status(code: &str) -> Value {
    json!({"coding": [{"code": code}]})
}

pub(super) fn condition(code: &str, display: &str, clinical: &str) -> Value {
    json!({"resourceType": "Condition", "code": coded("http://hl7.org/fhir/sid/icd-10", code, display), "clinicalStatus": status(clinical)})
}

pub(super) fn allergy(code: Value) -> Value {
    json!({"resourceType": "AllergyIntolerance", "code": code, "clinicalStatus": status("active")})
}

pub(super) fn result(loinc: &str, name: &str, value: f64, unit: &str, when: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}], "text": name}, "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": unit, "code": unit}})
}

pub(super) fn medication(kind: &str, status: &str, dosage: &str) -> Value {
    let element = if kind == "MedicationRequest" { "dosageInstruction" } else { "dosage" };
    json!({"resourceType": kind, "status": status, "medicationCodeableConcept": coded("urn:oid:1.2.250.1.213.2.3.1", "60000001", "METFORMINE 1000 mg, comprimé"), element: [{"text": dosage}]})
}

#[test]
fn an_empty_record_has_the_required_sections_with_their_reason() {
    let bundle = Record::new().bundle();
    assert_eq!(section(&bundle, "48765-2")["emptyReason"]["coding"][0]["code"], "unavailable");
    assert_eq!(told(&bundle, "10160-0").trim(), "Rien de connu dans les documents que vous pouvez lire.");
    assert!(section(&bundle, "8716-3").is_null(), "an optional section without content is left out");
}

#[test]
fn withdrawn_statements_are_left_out() {
    let mut error = result("4548-4", "HbA1c", 8.8, "%", "2026-09-01");
    error["status"] = json!("entered-in-error");
    let mut condition = condition("I10", "Hypertension", "active");
    condition["verificationStatus"] = status("entered-in-error");
    let bundle = Record::new().with(Some(0), error).with(Some(0), condition).bundle();
    assert!(section(&bundle, "30954-2")["emptyReason"].is_object());
    assert!(section(&bundle, "11450-4")["emptyReason"].is_object());
}

#[test]
fn a_refuted_condition_or_a_vaccination_not_done_is_not_present() {
    let mut refuted = condition("I10", "Hypertension", "active");
    refuted["verificationStatus"] = status("refuted");
    let vaccine = json!({"resourceType": "Immunization", "status": "not-done", "vaccineCode": {"text": "Grippe"}, "occurrenceDateTime": "2026-10-01"});
    let bundle = Record::new().with(Some(0), refuted).with(Some(0), vaccine).bundle();
    let text = french_text(&bundle, 100);
    assert!(!text.contains("Hypertension") && told(&bundle, "11369-6").trim_start().starts_with("Non faits ou refusés :"), "{text}");
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 4, "the vaccination with its status alone");
}

#[test]
fn a_denial_beside_an_affirmation_is_told_with_both_authors() {
    let mut refuted = condition("I10", "Hypertension artérielle", "active");
    refuted["verificationStatus"] = status("refuted");
    let bundle = Record::new().with(Some(2), condition("I10", "Hypertension artérielle", "active")).with(Some(0), refuted).bundle();
    let told = told(&bundle, "11450-4");
    assert!(told.contains("désaccord : énoncé affirmé par Dr Anne Leroy, 02/06/2025, écarté par Dr Claire Martin, 12/09/2026"), "{told}");
    assert_eq!(references(&bundle, "11450-4"), ["f0"]);
}

#[test]
fn none_in_a_history_of_reimbursements_says_that_nothing_was_reimbursed() {
    let none = || json!({"resourceType": "Immunization", "status": "not-done", "vaccineCode": coded("http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips", "no-known-immunizations", "Pas de vaccin connu")});
    let vaccine = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "BOOSTRIXTETRA"}, "occurrenceDateTime": "2024-05-02"});
    let of = |kind: &str, vaccine: Option<&Value>| {
        let mut record = Record::new();
        record.sources[2].kind = kind.into();
        let record = record.with(Some(2), none());
        told(&vaccine.into_iter().fold(record, |record, v| record.with(Some(0), v.clone())).bundle(), "11369-6")
    };
    assert!(of("REMB", None).contains("Aucun remboursement de vaccin retrouvé (déclaré par Dr Anne Leroy"), "{}", of("REMB", None));
    assert!(of("34133-9", None).contains("Aucune vaccination connue (déclaré par Dr Anne Leroy"));
    assert!(of("34133-9", Some(&vaccine)).contains("Désaccord entre documents"));
    let beside = of("REMB", Some(&vaccine));
    assert!(beside.contains("BOOSTRIXTETRA") && !beside.contains("Désaccord") && !beside.contains("Aucun"), "{beside}");
}

#[test]
fn no_known_allergy_is_a_sentence_with_its_author() {
    let none = allergy(coded("http://snomed.info/sct", "716186003", "No known allergy"));
    let bundle = Record::new().with(Some(0), none.clone()).with(Some(2), none).bundle();
    let told = told(&bundle, "48765-2");
    assert_eq!(told.trim(), "Aucune allergie connue (déclaré par Dr Claire Martin, 12/09/2026). [Synthèse médicale, Dr Claire Martin, 12/09/2026]");
    assert_eq!(references(&bundle, "48765-2"), ["f0"]);
    let extensions = section(&bundle, "48765-2")["entry"][0]["extension"].as_array().unwrap();
    assert_eq!(extensions.iter().map(|e| e["url"].as_str().unwrap()).collect::<Vec<_>>(), ["urn:passerelle:source", "urn:passerelle:source", "urn:passerelle:merged"]);
}

#[test]
fn a_denied_none_known_is_nil_known_and_no_entry() {
    let mut none = condition("no-known-problems", "No known problems", "active");
    none["verificationStatus"] = status("refuted");
    let bundle = Record::new().with(Some(0), none).bundle();
    assert_eq!(section(&bundle, "11450-4")["emptyReason"]["coding"][0]["code"], "nilknown");
    assert!(told(&bundle, "11450-4").contains("Aucun problème de santé connu (déclaré par Dr Claire Martin"));
}

#[test]
fn no_information_is_unavailable() {
    let bundle = Record::new().with(Some(0), medication_code("no-medication-info")).bundle();
    assert_eq!(section(&bundle, "10160-0")["emptyReason"]["coding"][0]["code"], "unavailable");
    assert!(told(&bundle, "10160-0").contains("Aucune information sur les traitements"));
}

fn medication_code(code: &str) -> Value {
    json!({"resourceType": "MedicationStatement", "status": "unknown", "medicationCodeableConcept": {"coding": [{"code": code}]}})
}

#[test]
fn no_allergy_beside_an_allergy_is_a_disagreement_and_the_allergy_stays() {
    let none = allergy(coded("http://snomed.info/sct", "716186003", "No known allergy"));
    let bundle = Record::new().with(Some(2), none).with(Some(0), allergy(json!({"text": "Pénicilline"}))).bundle();
    let told = told(&bundle, "48765-2");
    assert!(told.contains("Désaccord entre documents : « Aucune allergie connue » est déclaré par Dr Anne Leroy, 02/06/2025"), "{told}");
    assert!(told.contains("• Pénicilline [Synthèse médicale, Dr Claire Martin, 12/09/2026]"), "{told}");
    assert_eq!(references(&bundle, "48765-2"), ["f1"]);
    assert_eq!(section(&bundle, "48765-2")["extension"][0]["valueReference"]["reference"], format!("{BASE}/AllergyIntolerance/f0"));
}

#[test]
fn no_drug_allergy_does_not_contradict_a_food_allergy() {
    let mut food = allergy(json!({"text": "Arachide"}));
    food["category"] = json!(["food"]);
    let none = allergy(coded("http://snomed.info/sct", "409137002", "No known drug allergy"));
    let bundle = Record::new().with(Some(0), food).with(Some(0), none).bundle();
    let told = told(&bundle, "48765-2");
    assert!(!told.contains("Désaccord") && told.contains("Aucune allergie médicamenteuse connue") && told.contains("Arachide"), "{told}");
    assert_eq!(references(&bundle, "48765-2"), ["f0", "f1"]);
}

#[test]
fn repeats_across_documents_are_one_line_with_every_source() {
    let record = Record::new()
        .with(Some(2), condition("I10", "Hypertension artérielle", "active"))
        .with(Some(0), condition("I10", "Hypertension artérielle", "active"))
        .with(Some(1), json!({"resourceType": "Condition", "code": {"text": "HYPERTENSION ARTERIELLE"}}));
    let bundle = record.bundle();
    assert_eq!(references(&bundle, "11450-4"), ["f1"]);
    let entry = &section(&bundle, "11450-4")["entry"][0];
    let of = |url: &str| entry["extension"].as_array().unwrap().iter().filter(|e| e["url"] == url).count();
    assert_eq!((of("urn:passerelle:source"), of("urn:passerelle:merged")), (3, 2));
    assert_eq!(
        entry["extension"][0]["valueReference"],
        json!({"reference": format!("{BASE}/DocumentReference/d0"), "display": "Synthèse médicale — Dr Claire Martin — 12/09/2026"})
    );
    assert_eq!(told(&bundle, "11450-4").matches('•').count(), 1);
}

#[test]
fn left_and_right_are_two_conditions() {
    let knee = |side: &str| json!({"resourceType": "Condition", "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "M17.1", "display": "Gonarthrose"}], "text": format!("Gonarthrose {side}")}});
    let bundle = Record::new().with(Some(0), knee("droite")).with(Some(0), knee("gauche")).with(Some(2), knee("droit")).bundle();
    assert_eq!(references(&bundle, "11450-4").len(), 2);
}

#[test]
fn active_here_and_resolved_there_is_told_with_the_author() {
    let bundle = Record::new().with(Some(2), condition("J45", "Asthme", "active")).with(Some(0), condition("J45", "Asthme", "resolved")).bundle();
    assert!(section(&bundle, "11450-4")["entry"].is_null(), "the newest statement decides the section");
    let told = told(&bundle, "11348-0");
    assert!(told.contains("Asthme, guérison") && told.contains("selon Dr Anne Leroy, 02/06/2025 : actif"), "{told}");
}

#[test]
fn conditions_go_to_problems_or_to_the_past() {
    let mut past = condition("K35", "Appendicite", "active");
    past["category"] = json!([{"coding": [{"code": "11348-0"}]}]);
    let mut ended = condition("J18", "Pneumopathie", "active");
    ended["abatementDateTime"] = json!("2019-02");
    ended["onsetDateTime"] = json!("2019-01-15");
    let bundle = Record::new().with(Some(0), past).with(Some(0), ended).with(Some(0), condition("E11", "Diabète de type 2", "active")).bundle();
    assert_eq!(references(&bundle, "11450-4"), ["f2"]);
    let told = told(&bundle, "11348-0");
    assert!(told.contains("Pneumopathie, le 15/01/2019, fin en février 2019"), "{told}");
}

#[test]
fn the_newest_result_comes_with_the_one_before() {
    let mut newest = result("4548-4", "HbA1c", 7.2, "%", "2026-09-12");
    newest["interpretation"] = json!([{"coding": [{"code": "H"}]}]);
    newest["referenceRange"] = json!([{"low": {"value": 4, "unit": "%"}, "high": {"value": 6, "unit": "%"}}]);
    let record =
        Record::new().with(Some(1), result("4548-4", "HbA1c", 7.8, "%", "2026-03-14")).with(Some(0), newest).with(Some(2), result("4548-4", "HbA1c", 8.1, "%", "2025-06-01"));
    let bundle = record.with(Some(0), result("4548-4", "HbA1c", 7.8, "%", "2026-03-14")).bundle();
    let told = told(&bundle, "30954-2");
    assert!(told.contains("HbA1c 7,2 % (12/09/2026), élevé, valeurs de référence 4 à 6 % ; précédent 7,8 % (14/03/2026)"), "{told}");
    assert_eq!(told.matches('•').count(), 1);
    assert_eq!(references(&bundle, "30954-2").len(), 2);
    let earlier = section(&bundle, "30954-2")["entry"][0]["extension"].as_array().unwrap().iter().filter(|e| e["url"] == "urn:passerelle:earlier").count();
    assert_eq!(earlier, 2, "the copy of the value before and the oldest value are named");
}

#[test]
fn two_values_of_one_time_from_two_documents_are_discordant() {
    let bundle = Record::new()
        .with(Some(0), result("2160-0", "Créatinine", 92.0, "umol/L", "2026-03-14T08:00:00+01:00"))
        .with(Some(1), result("2160-0", "Créatinine", 99.0, "umol/L", "2026-03-14T08:00:00+01:00"))
        .bundle();
    let told = told(&bundle, "30954-2");
    assert!(told.contains("Créatinine 92") && told.contains("valeur discordante : 99") && told.contains("selon Dr Paul Roche") && !told.contains("précédent"), "{told}");
}

#[test]
fn thirty_results_are_shown_and_every_abnormal_one() {
    let mut record = Record::new();
    for n in 0..40 {
        let mut one = result(&format!("{n}-0"), &format!("Analyte {n}"), 1.0, "g/L", &format!("2026-01-{:02}", n % 28 + 1));
        if n % 28 == 0 {
            one["interpretation"] = json!([{"coding": [{"code": "LL"}]}]);
        }
        record = record.with(Some(0), one);
    }
    let bundle = record.bundle();
    let told = told(&bundle, "30954-2");
    assert_eq!(references(&bundle, "30954-2").len(), 40);
    assert_eq!((told.matches('•').count(), told.matches("très bas").count()), (32, 2));
    assert!(told.contains("Et 8 autres résultats plus anciens, joints à cette synthèse."), "{told}");
}

#[test]
fn a_battery_is_told_by_its_results() {
    let battery = json!({"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "laboratory"}]}], "code": {"text": "Ionogramme"}, "hasMember": [{"reference": "Observation/f0"}]});
    let bundle = Record::new().with(Some(0), result("2951-2", "Sodium", 140.0, "mmol/L", "2026-09-12")).with(Some(0), battery).bundle();
    assert_eq!(references(&bundle, "30954-2"), ["f0"]);
}

#[test]
fn the_same_antibiotic_of_two_isolates_is_two_lines_with_their_organism() {
    let isolate = |organism: &str, member: &str| {
        json!({"resourceType": "Observation", "status": "final", "category": [status("laboratory")], "code": {"text": "Micro-organisme isolé"}, "effectiveDateTime": "2026-09-12",
            "valueCodeableConcept": {"text": organism}, "hasMember": [{"reference": member}]})
    };
    let antibiotic = |flag: &str| {
        let mut r = result("28-1", "Ampicilline", 0.1, "ug/mL", "2026-09-12");
        r["interpretation"] = json!([status(flag)]);
        r
    };
    let record = Record::new().with(Some(0), antibiotic("S")).with(Some(0), antibiotic("S")).with(Some(0), isolate("Escherichia coli (organism)", "Observation/f0"));
    let told = told(&record.with(Some(0), isolate("Enterococcus", "Observation/f1")).bundle(), "30954-2");
    assert!(told.contains("Ampicilline (Escherichia coli) 0,1 µg/mL (12/09/2026), sensible") && told.contains("Ampicilline (Enterococcus)"), "{told}");
}

#[test]
fn a_directive_of_a_document_is_not_told_as_a_finding() {
    let directive = json!({"resourceType": "Observation", "status": "final", "code": {"text": "Réanimation"}, "valueBoolean": false,
        "extension": [{"url": "urn:passerelle:cda-source", "extension": [{"url": "section", "valueString": "42348-3"}]}]});
    assert!(told(&Record::new().with(Some(0), directive).bundle(), "42348-3").contains("Réanimation : non"));
}

#[test]
fn a_request_is_not_a_procedure_done() {
    let request = json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "IRM du genou"}});
    let bundle = Record::new().with(Some(0), request).bundle();
    assert!(section(&bundle, "47519-4")["entry"].is_null());
    assert!(told(&bundle, "18776-5").contains("IRM du genou"));
    let plan = section(&bundle, "18776-5");
    assert_eq!(plan["extension"][0]["url"], "urn:passerelle:told", "the profile keeps ServiceRequest from section.entry");
    assert_eq!(bundle["entry"][3]["resource"]["resourceType"], "ServiceRequest");
}

#[test]
fn one_product_in_two_documents_is_one_treatment_and_the_dosages_are_both_told() {
    let mut request = medication("MedicationRequest", "active", "1 comprimé matin et soir");
    request["authoredOn"] = json!("2026-09-12");
    let bundle = Record::new().with(Some(0), request).with(Some(2), medication("MedicationStatement", "active", "1 comprimé le matin")).bundle();
    let told = told(&bundle, "10160-0");
    assert!(told.contains("METFORMINE 1000 mg, comprimé, 1 comprimé matin et soir, prescrit le 12/09/2026"), "{told}");
    assert!(told.contains("selon Dr Anne Leroy, 02/06/2025 : 1 comprimé le matin"), "{told}");
    assert_eq!(told.matches('•').count(), 1);
}

#[test]
fn two_dosages_of_one_document_are_two_lines() {
    let bundle = Record::new()
        .with(Some(0), medication("MedicationStatement", "active", "10 UI le matin"))
        .with(Some(0), medication("MedicationStatement", "active", "8 UI le soir"))
        .bundle();
    assert_eq!(references(&bundle, "10160-0").len(), 2);
}

#[test]
fn undated_doses_of_one_document_are_not_merged() {
    let dose = |n: u8| json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": coded("urn:oid:1.2.250.1.213.2.3.1", "6", "HEXYON"), "occurrenceString": "inconnue", "protocolApplied": [{"doseNumberPositiveInt": n}]});
    let same =
        json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": coded("urn:oid:1.2.250.1.213.2.3.1", "7", "VAXIGRIP"), "occurrenceDateTime": "2025-10-10"});
    let bundle = Record::new().with(Some(0), dose(1)).with(Some(0), dose(2)).with(Some(2), dose(1)).with(Some(0), same.clone()).with(Some(2), same).bundle();
    assert_eq!(references(&bundle, "11369-6").len(), 3);
    assert!(told(&bundle, "11369-6").contains("HEXYON, date inconnue, dose n° 1"));
}

#[test]
fn a_family_history_is_never_the_patients_own() {
    let history = json!({"resourceType": "FamilyMemberHistory", "status": "completed", "relationship": status("FTH"), "condition": [{"code": {"text": "Infarctus du myocarde"}}]});
    let bundle = Record::new().with(Some(0), history).bundle();
    assert!(told(&bundle, "10157-6").contains("Père : Infarctus du myocarde"));
    assert!(section(&bundle, "11450-4")["entry"].is_null());
}

#[test]
fn references_resolve_or_become_absolute_or_go() {
    let mut statement = json!({"resourceType": "MedicationStatement", "status": "active", "medicationReference": {"reference": "Medication/f0"}});
    statement["context"] = json!({"reference": "Encounter/e9"});
    statement["informationSource"] = json!({"reference": "urn:uuid:8d8c1c3a-0000-4000-8000-000000000000", "display": "Dr X"});
    statement["partOf"] = json!([{"reference": "path:/ClinicalDocument/component"}]);
    let bundle = Record::new().with(Some(0), json!({"resourceType": "Medication", "code": {"text": "Paracétamol 500 mg"}})).with(Some(0), statement).bundle();
    let copy = bundle["entry"].as_array().unwrap().iter().map(|e| &e["resource"]).find(|r| r["resourceType"] == "MedicationStatement").unwrap();
    assert_eq!(copy["context"]["reference"], format!("{BASE}/Encounter/e9"));
    assert_eq!(copy["informationSource"], json!({"display": "Dr X"}));
    assert!(copy.get("partOf").is_none());
    assert_eq!(copy["medicationReference"]["reference"], "Medication/f0");
    assert!(bundle["entry"].as_array().unwrap().iter().any(|e| e["resource"]["resourceType"] == "Medication"), "what an entry names comes along");
    assert!(told(&bundle, "10160-0").contains("Paracétamol 500 mg, en cours"));
}

#[test]
fn what_an_entry_is_made_of_comes_along_unless_it_is_withdrawn() {
    let report = json!({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "Ionogramme"}, "conclusion": "Normal", "effectiveDateTime": "2026-09-12",
        "result": [{"reference": "Observation/f0"}, {"reference": "Observation/f1"}]});
    let mut withdrawn = result("2951-2", "Sodium", 12.0, "mmol/L", "2026-09-12");
    withdrawn["status"] = json!("entered-in-error");
    let battery = json!({"resourceType": "Observation", "status": "final", "code": {"text": "Ions"}, "hasMember": [{"reference": "Observation/f2"}]});
    let bundle =
        Record::new().with(Some(0), battery).with(Some(0), withdrawn).with(Some(0), result("2823-3", "Potassium", 4.1, "mmol/L", "2026-09-12")).with(Some(0), report).bundle();
    let there = |id: &str| bundle["entry"].as_array().unwrap().iter().any(|e| e["resource"]["id"] == id);
    assert!(there("f0") && there("f2") && !there("f1"), "the battery that no line tells is there, the withdrawn value is not");
    let copy = bundle["entry"].as_array().unwrap().iter().map(|e| &e["resource"]).find(|r| r["resourceType"] == "DiagnosticReport").unwrap();
    assert_eq!(copy["result"][1]["reference"], format!("{BASE}/Observation/f1"));
}

#[test]
fn of_tobacco_use_the_newest_is_an_entry_and_the_one_before_is_told() {
    let smoking = |said: &str, when: &str| {
        json!({"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "social-history"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}], "text": "Tabac"}, "effectiveDateTime": when, "valueString": said})
    };
    let bundle = Record::new().with(Some(1), smoking("10 par jour", "2025-01-10")).with(Some(0), smoking("Sevré", "2026-09-12")).bundle();
    assert_eq!(references(&bundle, "29762-2").len(), 1);
    assert_eq!(section(&bundle, "29762-2")["entry"][0]["reference"], format!("{BASE}/Observation/f1"));
    let told_url = &section(&bundle, "29762-2")["extension"][0];
    assert_eq!((&told_url["url"], &told_url["valueReference"]["reference"]), (&json!("urn:passerelle:told"), &json!(format!("{BASE}/Observation/f0"))));
    assert!(bundle["entry"].as_array().unwrap().iter().any(|e| e["resource"]["id"] == "f0"), "it is in the Bundle");
    let told = told(&bundle, "29762-2");
    assert!(told.contains("Sevré") && told.contains("précédent 10 par jour"), "{told}");
}

#[test]
fn a_dispensing_leads_with_the_dosage_of_who_prescribes() {
    let product = json!({"text": "BISOPROLOL 5 mg, comprimé"});
    let taken = |dose: &str, period: Value| json!({"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": product, "dosage": [{"text": dose}], "effectivePeriod": period});
    let handed = json!({"resourceType": "MedicationDispense", "status": "completed", "medicationCodeableConcept": product, "whenHandedOver": "2026-11-20"});
    let mut record = Record::new().with(Some(0), handed);
    record.sources[0].date = "2026-11-20".to_owned();
    let record = record.with(Some(1), taken("1 comprimé le matin", json!({"start": "2020-01-01"})));
    let told_of = told(&record.with(Some(2), taken("2 comprimés le soir", json!({"start": "2019-01-01"}))).bundle(), "10160-0");
    assert!(told_of.contains("BISOPROLOL 5 mg, comprimé, 1 comprimé le matin (selon Dr Paul Roche, 14/03/2026), délivré le 20/11/2026"), "{told_of}");
    assert_eq!((told_of.matches("le matin").count(), told_of.matches("2 comprimés le soir").count()), (1, 1), "{told_of}");
}

#[test]
fn markup_in_a_document_stays_text() {
    let bundle = Record::new().with(Some(0), json!({"resourceType": "Condition", "code": {"text": "a<script>alert('x')</script>&\u{1}b"}})).bundle();
    let div = section(&bundle, "11450-4")["text"]["div"].as_str().unwrap();
    assert!(!div.contains("<script") && div.contains("&lt;script&gt;"), "{div}");
}

#[test]
fn a_resource_written_by_a_client_says_so() {
    let mut own = condition("E11", "Diabète de type 2", "active");
    own["recordedDate"] = json!("2026-10-01");
    own["recorder"] = json!({"display": "Dr Lina Faure"});
    let told = told(&Record::new().with(None, own).bundle(), "11450-4");
    assert!(told.contains("[saisie hors document, Dr Lina Faure, 01/10/2026]"), "{told}");
}

#[test]
fn the_text_of_a_record_reads_as_a_clinician_writes() {
    let mut hypertension = condition("I10", "Hypertension artérielle", "active");
    hypertension["onsetDateTime"] = json!("2019");
    let mut penicillin = allergy(json!({"text": "Pénicilline"}));
    penicillin["criticality"] = json!("high");
    penicillin["reaction"] = json!([{"manifestation": [{"text": "urticaire"}], "severity": "moderate"}]);
    let pressure = json!({"resourceType": "Observation", "status": "final", "category": [status("vital-signs")], "code": {"text": "Pression artérielle"}, "effectiveDateTime": "2026-09-12",
        "component": [{"code": status("8480-6"), "valueQuantity": {"value": 135, "code": "mm[Hg]"}}, {"code": status("8462-4"), "valueQuantity": {"value": 80, "code": "mm[Hg]"}}]});
    let mut metformin = medication("MedicationStatement", "active", "1 comprimé matin et soir");
    metformin["effectivePeriod"] = json!({"start": "2021-05"});
    let bundle = Record::new()
        .with(Some(0), hypertension)
        .with(Some(2), condition("I10", "Hypertension artérielle", "active"))
        .with(Some(0), penicillin)
        .with(Some(0), metformin)
        .with(Some(0), pressure)
        .with(Some(1), result("4548-4", "HbA1c", 7.8, "%", "2026-03-14"))
        .with(Some(0), result("4548-4", "HbA1c", 7.2, "%", "2026-09-12"))
        .bundle();
    let golden = "\
DUPONT Marie, femme, 63 ans, née le 12/03/1963
INS (NIR de test) : 2 63 03 75 116 123 42
  Synthèse établie automatiquement le 25/11/2026 à 10 h 30 à partir de 3 documents. Chaque ligne
  renvoie au document dont elle est tirée.

ALLERGIES ET INTOLÉRANCES
  • Pénicilline, réaction : urticaire (modérée), criticité élevée [Synthèse médicale, Dr Claire
    Martin, 12/09/2026]

PROBLÈMES ACTIFS
  • Hypertension artérielle, depuis 2019 [Synthèse médicale, Dr Claire Martin, 12/09/2026 ; Lettre
    de liaison, Dr Anne Leroy, 02/06/2025]

TRAITEMENTS
  • METFORMINE 1000 mg, comprimé, 1 comprimé matin et soir, en cours depuis mai 2021 [Synthèse
    médicale, Dr Claire Martin, 12/09/2026]

RÉSULTATS D'EXAMENS
  • HbA1c 7,2 % (12/09/2026) ; précédent 7,8 % (14/03/2026) [Synthèse médicale, Dr Claire Martin,
    12/09/2026 ; Compte rendu de biologie, Dr Paul Roche, 14/03/2026]

SIGNES VITAUX ET MENSURATIONS
  • Pression artérielle 135/80 mmHg (12/09/2026) [Synthèse médicale, Dr Claire Martin, 12/09/2026]

SANS INFORMATION
  Rien de connu dans les documents que vous pouvez lire : vaccinations, actes et interventions,
  dispositifs médicaux.
";
    let text = french_text(&bundle, 100);
    assert_eq!(text, golden, "\n{text}");
}

#[test]
fn a_treatment_that_is_over_stands_apart_from_the_current_ones() {
    let mut over = medication("MedicationStatement", "active", "1 sachet par jour");
    over["medicationCodeableConcept"] = json!({"text": "KARDEGIC 75 mg"});
    over["effectivePeriod"] = json!({"start": "2013-03", "end": "2026-06-09"});
    let mut stopped = medication("MedicationStatement", "stopped", "1 comprimé");
    stopped["medicationCodeableConcept"] = json!({"text": "RAMIPRIL 5 mg"});
    let bundle = Record::new().with(Some(0), over).with(Some(0), stopped).with(Some(2), medication("MedicationStatement", "active", "1 comprimé")).bundle();
    let told = told(&bundle, "10160-0");
    let (current, past) = told.split_once("Arrêtés ou terminés :").unwrap();
    assert!(current.contains("METFORMINE") && !current.contains("KARDEGIC") && !current.contains("RAMIPRIL"), "{told}");
    assert!(past.contains("KARDEGIC 75 mg, 1 sachet par jour, débuté en mars 2013, terminé le 09/06/2026") && past.contains("RAMIPRIL 5 mg, 1 comprimé, arrêté"), "{told}");
}

#[test]
fn flagged_results_come_first_and_conclusions_last() {
    let mut flagged = result("2823-3", "Potassium", 5.3, "mmol/L", "2025-06-01");
    flagged["interpretation"] = json!([status("H")]);
    let part = |code: &str, words: &str| json!({"resourceType": "DiagnosticReport", "status": "final", "category": [status("RAD")], "code": coded("http://loinc.org", code, "Conclusions"), "conclusion": words});
    let mut record = Record::new();
    record.sources[2].title = "CR d'imagerie médicale - IRM du genou droit".into();
    let bundle = record
        .with(Some(2), part("59776-5", "Fissure."))
        .with(Some(2), part("19005-8", "Gonarthrose."))
        .with(Some(0), result("2951-2", "Sodium", 140.0, "mmol/L", "2026-09-12"))
        .with(Some(2), flagged)
        .bundle();
    let told = told(&bundle, "30954-2");
    let order: Vec<usize> = ["Potassium", "Sodium", "Conclusions d'examens :", "IRM du genou droit du 02/06/2025 — conclusion : Gonarthrose.", "— résultats : Fissure."]
        .iter()
        .map(|t| told.find(t).unwrap_or_else(|| panic!("{t} in {told}")))
        .collect();
    assert!(order.is_sorted(), "{told}");
}

#[test]
fn documents_of_one_title_and_author_share_their_name() {
    let mut record = Record::new();
    record.sources[2] = Source { date: "2026-03-10".into(), document_reference: "DocumentReference/d2".into(), ..record.sources[1].clone() };
    let bundle = record.with(Some(1), condition("I10", "Hypertension", "active")).with(Some(2), condition("I10", "Hypertension", "active")).bundle();
    assert!(told(&bundle, "11450-4").contains("[Compte rendu de biologie, Dr Paul Roche, 14/03/2026 et 10/03/2026]"));
}

#[test]
fn an_unknown_rank_is_left_unsaid_and_advice_is_a_sentence_of_its_own() {
    let dose = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "REPEVAX"}, "occurrenceDateTime": "2023-05-22", "protocolApplied": [{"series": "Rappel", "doseNumberString": "inconnu"}]});
    let mut request = medication("MedicationRequest", "active", "1 comprimé");
    request["dosageInstruction"][0]["patientInstruction"] = json!("À jeun. Ne pas croquer.");
    let bundle = Record::new().with(Some(0), dose).with(Some(0), request).bundle();
    assert!(told(&bundle, "11369-6").contains("REPEVAX, le 22/05/2023, rappel ["));
    assert!(told(&bundle, "10160-0").contains("1 comprimé, prescrit. À jeun. Ne pas croquer. ["), "{}", told(&bundle, "10160-0"));
}

#[test]
fn a_plan_tells_its_activities_in_their_own_words() {
    let detail = json!({"code": {"text": "Demande d'examen"}, "status": "not-started", "scheduledPeriod": {"start": "2026-07-12"}, "description": "Kaliémie à un mois"});
    let plan = json!({"resourceType": "CarePlan", "status": "active", "intent": "plan", "activity": [{"detail": detail}]});
    assert!(told(&Record::new().with(Some(0), plan).bundle(), "18776-5").contains("Demande d'examen : Kaliémie à un mois (à partir du 12/07/2026) ["));
}

fn asked_for(code: &str, when: &str) -> Value {
    json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": "Kaliémie"},
        "occurrenceDateTime": when, "authoredOn": "2025-05-30", "requester": {"display": "Dr Louis Meyer"}})
}

fn measured(code: &str, when: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": "Potassium"}, "effectiveDateTime": when,
        "valueQuantity": {"value": 4.1, "unit": "mmol/L"}})
}

#[test]
fn a_request_says_for_when_and_by_whom_and_stays_until_the_same_code_is_done_after_it() {
    let request = || Record::new().with(Some(2), asked_for("2823-3", "2026-03-01"));
    let open = "• Kaliémie, à faire le 01/03/2026, demande du 30/05/2025 (Dr Louis Meyer) [";
    assert!(told(&request().bundle(), "18776-5").contains(open), "{}", told(&request().bundle(), "18776-5"));
    // Another code, before its day, in the same document, refuted: none of it answers.
    let against = json!({"status": "entered-in-error"});
    let mut refuted = measured("2823-3", "2026-03-14");
    refuted["status"] = against["status"].clone();
    for (source, result) in [(1, measured("2951-2", "2026-03-14")), (1, measured("2823-3", "2026-02-14")), (2, measured("2823-3", "2026-03-14")), (1, refuted)] {
        let text = told(&request().with(Some(source), result).bundle(), "18776-5");
        assert!(text.contains(open), "{text}");
    }
    let text = told(&request().with(Some(1), measured("2823-3", "2026-03-14")).with(Some(0), measured("2823-3", "2026-09-12")).bundle(), "18776-5");
    assert!(text.contains("demande du 30/05/2025 (Dr Louis Meyer), fait le 14/03/2026 ["), "{text}");
    // A code that is a kind of thing answers nothing.
    let kind = |kind: &str, more: Value| {
        let mut out = json!({"resourceType": kind, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "11429006"}], "text": "Consultation"}});
        out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        out
    };
    let consultation = Record::new()
        .with(Some(2), kind("ServiceRequest", json!({"status": "active", "intent": "plan"})))
        .with(Some(1), kind("Procedure", json!({"status": "completed", "performedDateTime": "2026-03-14"})));
    assert!(!told(&consultation.bundle(), "18776-5").contains("fait le"));
}

#[test]
fn a_recommended_vaccine_says_when_it_is_due_and_is_answered_by_its_injection() {
    let vaccine = json!({"coding": [{"system": "http://www.whocc.no/atc", "code": "J07BB02"}], "text": "Grippe"});
    let due = |code: &str, day: &str| json!({"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "value": day});
    let recommendation = json!({"resourceType": "ImmunizationRecommendation", "date": "2025-06-02", "recommendation": [
        {"vaccineCode": [vaccine.clone()], "dateCriterion": [due("30980-7", "2025-10-15"), due("59777-3", "2026-01-31")], "doseNumberPositiveInt": 1,
            "forecastStatus": {"coding": [{"code": "due"}]}},
        {"targetDisease": {"text": "Zona"}, "dateCriterion": [due("30980-7", "2026-11")], "forecastStatus": {"coding": [{"code": "overdue"}]}}]});
    let record = |of: &Value| Record::new().with(Some(2), of.clone());
    let text = told(&record(&recommendation).bundle(), "18776-5");
    assert!(text.contains("• Grippe, à faire le 15/10/2025, au plus tard le 31/01/2026, dose n° 1, et Zona à faire en novembre 2026 en retard ["), "{text}");
    let injection = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": vaccine, "occurrenceDateTime": "2025-11-03"});
    let several = told(&record(&recommendation).with(Some(1), injection.clone()).bundle(), "18776-5");
    assert!(!several.contains("fait le"), "the other vaccine is still to be given: {several}");
    let mut one = recommendation.clone();
    one["recommendation"].as_array_mut().unwrap().truncate(1);
    assert!(told(&record(&one).with(Some(1), injection).bundle(), "18776-5").contains(", fait le 03/11/2025 ["));
}

#[test]
fn titles_are_written_as_in_french_letters() {
    assert_eq!(["DR", "Docteur", "PR", "M", "MR.", "MME", "Mlle", "Maître"].map(title), ["Dr", "Dr", "Pr", "M.", "M.", "Mme", "Mlle", "Maître"]);
}

#[test]
fn allergies_coded_by_their_kind_alone_are_told_apart_by_their_words() {
    let kind = |words: &str| json!({"coding": [{"system": "http://snomed.info/sct", "code": "420134006", "display": "Propensity to adverse reactions"}], "text": words});
    let bundle = Record::new().with(Some(0), allergy(kind("Ivabradine"))).with(Some(0), allergy(kind("Aspirine"))).with(Some(2), allergy(kind("aspirine"))).bundle();
    assert_eq!(references(&bundle, "48765-2").len(), 2);
    assert!(told(&bundle, "48765-2").contains("• Ivabradine ["), "{}", told(&bundle, "48765-2"));
}

#[test]
fn what_is_said_in_words_alone_is_named_with_its_place_and_never_made_a_fact() {
    let record = Record::new()
        .worded(2, "48765-2", "Allergies", "pénicilline (choc en 2003)")
        .worded(1, "10160-0", "Traitements", "Néant")
        .with(Some(0), condition("I10", "Hypertension", "active"))
        .worded(1, "11450-4", "Pathologies", "Goutte");
    let bundle = record.bundle();
    let allergies = section(&bundle, "48765-2");
    assert_eq!(told(&bundle, "48765-2").trim(), "En texte seul dans : Lettre de liaison, Dr Anne Leroy, 02/06/2025.");
    assert!(
        allergies["extension"][0]["url"] == "urn:passerelle:text-only" && allergies["extension"][0]["valueReference"]["reference"] == format!("{BASE}/DocumentReference/d2"),
        "{allergies}"
    );
    assert!(told(&bundle, "11450-4").ends_with("Aussi en texte seul dans : Compte rendu de biologie, Dr Paul Roche, 14/03/2026."), "{}", told(&bundle, "11450-4"));
    let sections = super::merge_tests::view_of(&record)["sections"].clone();
    let of = |key: &str| sections.as_array().unwrap().iter().find(|s| s["key"] == key).unwrap();
    let allergies = of("allergies");
    assert!(allergies["state"] == "text-only" && allergies["said"] == "En texte seul dans : Lettre de liaison, Dr Anne Leroy, 02/06/2025.", "{allergies}");
    assert_eq!((&allergies["lines"], &allergies["sources"][0]["anchor"]), (&json!([]), &json!("p-section-0")));
    assert_eq!(allergies["sources"][0]["quote"], "pénicilline (choc en 2003)");
    assert_eq!((&of("medications")["state"], &of("problems")["state"]), (&json!("not-found"), &json!("present")), "« Néant » says nothing");
}

#[test]
fn what_the_author_warns_of_is_quoted_among_the_alerts_once_with_every_source() {
    let words = "Pas d'AINS ; INR cible 2,5";
    let record = Record::new().worded(2, "30954-2", "Points de vigilance", words).worded(0, "44944-7", "Points de vigilance", words).worded(
        1,
        "44944-7",
        "",
        "Aucun point de vigilance particulier.",
    );
    let bundle = record.bundle();
    assert!(
        told(&bundle, "104605-1").contains("• Points de vigilance : « Pas d'AINS ; INR cible 2,5 » [Synthèse médicale, Dr Claire Martin, 12/09/2026 ; Lettre de liaison"),
        "{bundle}"
    );
    assert!(section(&bundle, "30954-2")["text"].to_string().contains("Rien de connu"), "it is no result");
    let view = super::merge_tests::view_of(&record);
    let alerts = view["sections"].as_array().unwrap().iter().find(|s| s["key"] == "alerts").unwrap();
    let line = &alerts["lines"][0];
    assert_eq!((&view["alerts"], &alerts["state"], &alerts["total"], &line["quotation"]), (&json!(1), &json!("present"), &json!(1), &json!(true)), "{alerts}");
    assert_eq!(line["sources"].as_array().unwrap().iter().map(|s| s["document"].as_str().unwrap()).collect::<Vec<_>>(), ["DocumentReference/d0", "DocumentReference/d2"]);
}

fn goal(words: &str, status: &str, target: Value) -> Value {
    json!({"resourceType": "Goal", "lifecycleStatus": status, "description": {"text": words}, "target": [target]})
}

#[test]
fn a_goal_says_what_it_aims_at_and_what_is_denied_is_not_to_do() {
    let plan = |kind: Value| told(&Record::new().with(Some(0), kind).bundle(), "18776-5");
    assert!(plan(goal("INR", "proposed", json!({"detailQuantity": {"value": 2.5}, "dueDate": "2026-12-01"}))).contains("• INR : objectif 2,5, pour le 01/12/2026 ["));
    let driving = goal("Conduite automobile", "proposed", json!({"detailCodeableConcept": {"text": "Conduite formellement contre-indiquée"}}));
    assert!(plan(driving).contains("• Conduite automobile : Conduite formellement contre-indiquée ["));
    let later = |text: &str, line: &str| assert!(text.contains(&format!("Faits ou non prévus :\n  • {line}")), "{text}");
    later(&plan(goal("Prévoir", "cancelled", json!({"detailCodeableConcept": {"text": "Séjour de répit"}}))), "Prévoir : Séjour de répit, noté non prévu [");
    later(&plan(goal("Ventilation", "proposed", json!({"detailBoolean": false}))), "Ventilation : non [");
    later(&plan(goal("Sevrage", "rejected", json!({}))), "Sevrage, refusé [");
}

#[test]
fn goals_of_one_code_with_different_aims_are_two_and_with_the_same_one() {
    let weight = |kg: u32| goal("Poids", "active", json!({"detailQuantity": {"value": kg, "unit": "kg"}}));
    let both = |a: Value, b: Value| told(&Record::new().with(Some(0), a).with(Some(2), b).bundle(), "18776-5").matches("• Poids").count();
    assert_eq!((both(weight(65), weight(70)), both(weight(65), weight(65))), (2, 1));
}

#[test]
fn an_activity_says_how_it_stands_and_for_when_with_or_without_words() {
    let plan = |detail: Value| {
        let mut detail = detail;
        detail["code"] = json!({"text": "Plaquettes"});
        let plan = json!({"resourceType": "CarePlan", "status": "active", "intent": "plan", "activity": [{"detail": detail}]});
        told(&Record::new().with(Some(0), plan).bundle(), "18776-5")
    };
    let period = json!({"start": "2026-12-20"});
    let open = plan(json!({"status": "not-started", "scheduledPeriod": period}));
    assert!(open.contains("• Plaquettes : à partir du 20/12/2026 [") && !open.contains("non prévus"), "{open}");
    let denied = plan(json!({"status": "cancelled", "description": "Contrôle à faire", "scheduledPeriod": period}));
    assert!(denied.contains("Faits ou non prévus :\n  • Plaquettes : Contrôle à faire (à partir du 20/12/2026, non prévu) ["), "{denied}");
    assert!(plan(json!({"status": "completed", "description": "Contrôle"})).contains("Faits ou non prévus :\n  • Plaquettes : Contrôle (fait) ["));
    let request = json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order", "doNotPerform": true, "code": {"text": "IRM"}});
    let text = told(&Record::new().with(Some(0), request).bundle(), "18776-5");
    assert!(text.contains("Faits ou non prévus :\n  • IRM, à ne pas faire ["), "{text}");
}

#[test]
fn a_refusal_or_an_act_not_done_is_told_as_such_and_denies_no_absence() {
    let refused = |status: &str| {
        json!({"resourceType": "Immunization", "status": status, "vaccineCode": {"text": "SHINGRIX"}, "occurrenceDateTime": "2025-02-10",
            "statusReason": {"coding": [{"code": "PATOBJ"}], "text": "refus du patient"}, "note": [{"text": "À reproposer."}]})
    };
    let text = told(&Record::new().with(Some(0), refused("not-done")).bundle(), "11369-6");
    assert!(text.contains("Non faits ou refusés :\n  • SHINGRIX, le 10/02/2025, motif : refus du patient, noté non réalisé. À reproposer. ["), "{text}");
    let screening = json!({"resourceType": "Procedure", "status": "not-done", "code": {"text": "Dépistage mucoviscidose"}});
    let text = told(&Record::new().with(Some(0), screening.clone()).bundle(), "47519-4");
    assert!(text.contains("Non faits ou refusés :\n  • Dépistage mucoviscidose, noté non réalisé ["), "{text}");
    let none = json!({"resourceType": "Procedure", "status": "unknown", "code": coded("http://snomed.info/sct", "787480003", "No known procedures")});
    let text = told(&Record::new().with(Some(0), screening).with(Some(1), none).bundle(), "47519-4");
    assert!(!text.contains("Désaccord") && text.contains("Aucun acte ni intervention connu"), "{text}");
    let done = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "SHINGRIX"}, "occurrenceDateTime": "2025-02-10"});
    let text = told(&Record::new().with(Some(0), done).with(Some(1), refused("not-done")).bundle(), "11369-6");
    assert!(text.contains("désaccord : énoncé affirmé par Dr Claire Martin") && !text.contains("refusés"), "{text}");
}

#[test]
fn a_planned_visit_is_to_come_with_its_day_and_urgency() {
    let visit = |status: &str, more: Value| {
        let mut out = json!({"resourceType": "Encounter", "status": status, "class": {"code": "AMB"}, "period": {"start": "2026-12-05"},
            "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}], "text": "Ambulatoire"}]});
        out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        told(&Record::new().with(Some(0), out).bundle(), "18776-5")
    };
    assert!(visit("planned", json!({})).contains("• Rendez-vous : ambulatoire, prévu le 05/12/2026 ["), "{}", visit("planned", json!({})));
    let reason = json!({"reasonCode": [{"text": "Consultation de cardiologie pour HTA"}], "priority": {"coding": [{"code": "UR"}]}});
    assert!(visit("planned", reason.clone()).contains("• Rendez-vous : consultation de cardiologie pour HTA, prévu le 05/12/2026, urgent ["), "{}", visit("planned", reason));
    assert_eq!(visit("finished", json!({})), "");
    let request = json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order", "priority": "stat", "code": {"text": "IRM"}});
    assert!(told(&Record::new().with(Some(0), request).bundle(), "18776-5").contains("• IRM, en urgence immédiate ["));
}

#[test]
fn an_effect_names_its_culprit_and_a_vaccination_what_followed_it() {
    let event = json!({"resourceType": "AdverseEvent", "actuality": "actual", "event": {"text": "Nausée"}, "date": "2021-12-04", "outcome": {"text": "Guérison"},
        "suspectEntity": [{"instance": {"display": "AMOXICILLINE 1 g"}, "causality": [{"assessment": {"text": "Probable"}}]}]});
    let text = told(&Record::new().with(Some(0), event).bundle(), "44939-7");
    assert!(text.contains("• Nausée, en cause : AMOXICILLINE 1 g (imputabilité : probable), évolution : guérison, le 04/12/2021 ["), "{text}");
    let vaccine = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "REVAXIS"}, "occurrenceDateTime": "2009-08-25",
        "contained": [{"resourceType": "Observation", "id": "r", "status": "final", "code": {"text": "Fièvre"}}], "reaction": [{"date": "2009-08-26", "detail": {"reference": "#r"}}]});
    let text = told(&Record::new().with(Some(0), vaccine).bundle(), "11369-6");
    assert!(text.contains("REVAXIS, le 25/08/2009, réaction : fièvre (26/08/2009) ["), "{text}");
}

#[test]
fn an_act_that_its_document_dates_after_itself_is_planned() {
    let place = json!([{"url": "urn:passerelle:cda-source", "extension": [{"url": "section", "valueString": "18776-5"}]}]);
    let act = json!({"resourceType": "Procedure", "status": "in-progress", "code": {"text": "Coronarographie"}, "performedDateTime": "2026-12-01", "extension": place});
    let bundle = Record::new().with(Some(0), act.clone()).bundle();
    assert!(told(&bundle, "18776-5").contains("• Coronarographie, prévu le 01/12/2026 [") && section(&bundle, "47519-4")["entry"].is_null(), "{bundle}");
    let mut past = act;
    past["performedDateTime"] = json!("2026-09-01");
    past["extension"] = json!([]);
    assert!(told(&Record::new().with(Some(0), past).bundle(), "47519-4").contains("• Coronarographie, le 01/09/2026, en cours ["));
}

#[test]
fn an_undated_state_says_of_what_day_it_is_and_an_ended_one_its_end() {
    let state = |code: &str, words: &str, more: Value| {
        let mut out = json!({"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "social-history"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": words}, "valueCodeableConcept": {"text": "oui"}});
        out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Record::new().with(Some(2), out).bundle()
    };
    assert!(told(&state("82810-3", "Statut de grossesse", json!({})), "10162-6").contains("• Statut de grossesse : oui (noté le 02/06/2025) ["));
    let smoked = state("72166-2", "Statut tabagique", json!({"effectivePeriod": {"start": "2017", "end": "2022"}}));
    assert!(told(&smoked, "29762-2").contains("• Statut tabagique : oui (2017), jusqu'en 2022 ["), "{}", told(&smoked, "29762-2"));
}
