//! Lines of treatments and their dosages.

use serde_json::{Value, json};

use super::*;

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
fn an_unknown_rank_is_left_unsaid_and_advice_is_a_sentence_of_its_own() {
    let dose = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "REPEVAX"}, "occurrenceDateTime": "2023-05-22", "protocolApplied": [{"series": "Rappel", "doseNumberString": "inconnu"}]});
    let mut request = medication("MedicationRequest", "active", "1 comprimé");
    request["dosageInstruction"][0]["patientInstruction"] = json!("À jeun. Ne pas croquer.");
    let bundle = Record::new().with(Some(0), dose).with(Some(0), request).bundle();
    assert!(told(&bundle, "11369-6").contains("REPEVAX, le 22/05/2023, rappel ["));
    assert!(told(&bundle, "10160-0").contains("1 comprimé, prescrit. À jeun. Ne pas croquer. ["), "{}", told(&bundle, "10160-0"));
}
