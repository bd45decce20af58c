//! What is not there: none known, nothing known, denied, withdrawn, in words alone.

use serde_json::{Value, json};

use super::*;

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
    let sections = view_of(&record)["sections"].clone();
    let of = |key: &str| sections.as_array().unwrap().iter().find(|s| s["key"] == key).unwrap();
    let allergies = of("allergies");
    assert!(allergies["state"] == "text-only" && allergies["said"] == "En texte seul dans : Lettre de liaison, Dr Anne Leroy, 02/06/2025.", "{allergies}");
    assert_eq!((&allergies["lines"], &allergies["sources"][0]["anchor"]), (&json!([]), &json!("p-section-0")));
    assert_eq!(allergies["sources"][0]["quote"], "pénicilline (choc en 2003)");
    assert_eq!((&of("medications")["state"], &of("problems")["state"]), (&json!("not-found"), &json!("present")), "« Néant » says nothing");
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
fn an_absence_beside_what_it_denies_is_a_conflict_of_the_section_with_its_source() {
    let none = allergy(coded(SNOMED, "716186003", "No known allergy"));
    let penicillin = allergy(coded(SNOMED, "764146007", "Pénicilline"));
    let record = Record::new().with(Some(0), none.clone()).with(Some(2), penicillin);
    let view = view_of(&record);
    let section = view["sections"].as_array().unwrap().iter().find(|s| s["key"] == "allergies").unwrap();
    assert_eq!((&view["conflicts"], &section["state"], &section["conflict"]), (&json!(1), &json!("present"), &json!(true)), "{section}");
    let said = section["said"].as_str().unwrap();
    assert!(said.starts_with("Désaccord entre documents : « Aucune allergie connue » est déclaré par Dr Claire Martin"), "{said}");
    assert_eq!(section["sources"][0]["document"], "DocumentReference/d0");
    let alone = view_of(&Record::new().with(Some(0), none));
    assert_eq!(alone["conflicts"], 0);
}

#[test]
fn an_absence_that_was_true_before_what_came_later_is_no_conflict() {
    let none = allergy(coded(SNOMED, "716186003", "No known allergy"));
    let mut later = allergy(coded(SNOMED, "764146007", "Pénicilline"));
    let conflicts = |allergy: &Value| view_of(&Record::new().with(Some(1), none.clone()).with(Some(0), allergy.clone()))["conflicts"].clone();
    assert_eq!(conflicts(&later), 1, "nobody says since when: it may always have been so");
    later["onsetDateTime"] = json!("2026-03");
    assert_eq!(conflicts(&later), 0, "began in the month in which there was none");
    later["onsetDateTime"] = json!("2019");
    assert_eq!(conflicts(&later), 1, "it was there already");
}
