//! Problems, allergies and alerts: which are one, what documents say differently of them.

use serde_json::{Value, json};

use super::*;

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
fn a_family_history_is_never_the_patients_own() {
    let history = json!({"resourceType": "FamilyMemberHistory", "status": "completed", "relationship": status("FTH"), "condition": [{"code": {"text": "Infarctus du myocarde"}}]});
    let bundle = Record::new().with(Some(0), history).bundle();
    assert!(told(&bundle, "10157-6").contains("Père : Infarctus du myocarde"));
    assert!(section(&bundle, "11450-4")["entry"].is_null());
}

#[test]
fn allergies_coded_by_their_kind_alone_are_told_apart_by_their_words() {
    let kind = |words: &str| json!({"coding": [{"system": "http://snomed.info/sct", "code": "420134006", "display": "Propensity to adverse reactions"}], "text": words});
    let bundle = Record::new().with(Some(0), allergy(kind("Ivabradine"))).with(Some(0), allergy(kind("Aspirine"))).with(Some(2), allergy(kind("aspirine"))).bundle();
    assert_eq!(references(&bundle, "48765-2").len(), 2);
    assert!(told(&bundle, "48765-2").contains("• Ivabradine ["), "{}", told(&bundle, "48765-2"));
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
    let view = view_of(&record);
    let alerts = view["sections"].as_array().unwrap().iter().find(|s| s["key"] == "alerts").unwrap();
    let line = &alerts["lines"][0];
    assert_eq!((&view["alerts"], &alerts["state"], &alerts["total"], &line["quotation"]), (&json!(1), &json!("present"), &json!(1), &json!(true)), "{alerts}");
    assert_eq!(line["sources"].as_array().unwrap().iter().map(|s| s["document"].as_str().unwrap()).collect::<Vec<_>>(), ["DocumentReference/d0", "DocumentReference/d2"]);
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

#[test]
fn one_disease_in_three_code_systems_is_one_line_that_tells_the_other_names() {
    let record = Record::new()
        .with(Some(0), problem(ICD, "E11.9", "Diabète sucré de type 2, sans complication"))
        .with(Some(1), problem(SNOMED, "44054006", "Diabète de type 2"))
        .with(Some(2), problem(CISP, "T90", "Diabète non insulinodépendant"));
    let found = lines(&record, "problems");
    assert_eq!((found.len(), found[0]["sources"].as_array().unwrap().len()), (1, 3), "{found:?}");
    assert!(found[0].get("conflict").is_none() && remarks(&found[0]).contains("selon Dr Paul Roche, 14/03/2026 : Diabète de type 2"), "{}", remarks(&found[0]));
}

#[test]
fn what_a_clinician_keeps_apart_stays_apart() {
    for (a, b) in [("E10.9", "E11.9"), ("E78.0", "E78.1"), ("G47.0", "G47.3"), ("C18.2", "C20"), ("I20.0", "I20.9"), ("Z88.0", "Z88.1"), ("S52.5", "S52.6")] {
        let record = Record::new().with(Some(0), problem(ICD, a, a)).with(Some(2), problem(ICD, b, b));
        assert_eq!(lines(&record, "problems").len(), 2, "{a} {b}");
    }
    let unnamed = |words: &str| json!({"resourceType": "Condition", "code": {"coding": [{"system": ICD, "code": "R69"}], "text": words}, "clinicalStatus": status("active")});
    let record = Record::new().with(Some(0), unnamed("Acouphènes")).with(Some(2), unnamed("Vertiges")).with(Some(1), unnamed("Vertiges"));
    assert_eq!(lines(&record, "problems").len(), 2, "R69 names nothing");
}

#[test]
fn a_broad_code_beside_two_diseases_does_not_make_them_one() {
    let both = |icd: &str, name: &str| {
        json!({"resourceType": "Condition", "clinicalStatus": status("active"),
            "code": {"text": name, "coding": [{"system": ICD, "code": icd}, {"system": SNOMED, "code": "8801005"}]}})
    };
    let broad = problem(SNOMED, "8801005", "Diabète secondaire");
    let record = Record::new().with(Some(0), both("E10.9", "Diabète de type 1")).with(Some(1), both("E11.9", "Diabète de type 2")).with(Some(2), broad);
    assert_eq!(lines(&record, "problems").len(), 3);
    let one = Record::new().with(Some(0), both("E11.9", "Diabète de type 2")).with(Some(2), problem(SNOMED, "8801005", "Diabète")).with(Some(1), problem(ICD, "E11", "Diabète"));
    assert_eq!(lines(&one, "problems").len(), 1, "a code shared with one disease alone joins it");
}

#[test]
fn sides_and_onsets_tell_events_apart_and_a_lifelong_disease_is_one() {
    let sided = |site: Value, words: &str| {
        let mut one = problem(ICD, "M17.1", &format!("Gonarthrose {words}"));
        one["bodySite"] = json!([site]);
        one
    };
    let right = coded(SNOMED, "24028007", "Right");
    let record = Record::new()
        .with(Some(0), sided(right.clone(), ""))
        .with(Some(2), problem(ICD, "M17", "Gonarthrose droite"))
        .with(Some(1), problem(ICD, "M17.1", "Gonarthrose bilatérale"));
    assert_eq!(lines(&record, "problems").len(), 2, "a code and a word of one side are one side");
    let pneumonia = |onset: &str| since(problem(ICD, "J18.9", "Pneumopathie"), onset);
    let record =
        Record::new().with(Some(0), pneumonia("2019-01-15")).with(Some(1), pneumonia("2018")).with(Some(2), pneumonia("2015")).with(Some(2), problem(ICD, "J18.9", "Pneumopathie"));
    assert_eq!(lines(&record, "problems").len(), 2, "a year of difference is one, four are two, unknown is the latest");
    let record = Record::new().with(Some(0), since(problem(ICD, "E11", "Diabète"), "2014")).with(Some(2), since(problem(ICD, "E11.9", "Diabète"), "2009"));
    let found = lines(&record, "problems");
    assert!(found.len() == 1 && remarks(&found[0]).contains("depuis 2009"), "{found:?}");
}

#[test]
fn an_allergy_keeps_the_highest_criticality_and_stays_an_alert() {
    let penicillin = |criticality: &str| {
        let mut one = allergy(json!({"text": "Pénicilline", "coding": [{"system": SNOMED, "code": "764146007"}]}));
        one["criticality"] = json!(criticality);
        one
    };
    let record = Record::new().with(Some(2), penicillin("high")).with(Some(0), penicillin("low"));
    let found = lines(&record, "alerts");
    assert!(found.len() == 1 && remarks(&found[0]).contains("selon Dr Anne Leroy, 02/06/2025 : criticité élevée"), "{found:?}");
    let by_code = allergy(json!({"text": "Amoxicilline et dérivés", "coding": [{"system": SNOMED, "code": "420134006"}, {"system": SNOMED, "code": "764146007"}]}));
    assert_eq!(lines(&record.with(Some(1), by_code), "allergies").len(), 1, "a code for the substance joins, one for a kind of allergy does not count");
}

#[test]
fn active_in_one_document_and_inactive_in_another_is_told_of_both() {
    let mut over = allergy(json!({"text": "Amoxicilline"}));
    over["clinicalStatus"] = status("inactive");
    let record = Record::new().with(Some(2), allergy(json!({"text": "Amoxicilline"}))).with(Some(0), over);
    let found = lines(&record, "allergies");
    assert!(found[0]["conflict"] == true && remarks(&found[0]).contains("selon Dr Anne Leroy, 02/06/2025 : active"), "{found:?}");
}
