//! What is asked for, planned or aimed at, and when it is done.

use serde_json::{Value, json};

use super::*;

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
