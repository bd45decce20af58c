//! The document: references, entries, narratives, text.

use serde_json::json;

use super::*;

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
fn titles_are_written_as_in_french_letters() {
    assert_eq!(["DR", "Docteur", "PR", "M", "MR.", "MME", "Mlle", "Maître"].map(title), ["Dr", "Dr", "Pr", "M.", "M.", "Mme", "Mlle", "Maître"]);
}
