//! Results: series, units, flags, repeats.

use serde_json::{Value, json};

use super::*;

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
fn a_result_printed_again_in_another_unit_is_one_result() {
    let micromoles = result("14682-9", "Créatinine", 92.0, "umol/L", "2026-03-14T08:00:00+01:00");
    let milligrams = result("2160-0", "Créatinine", 1.04, "mg/dL", "2026-03-14T08:00:00+01:00");
    let record = Record::new().with(Some(1), micromoles.clone()).with(Some(0), milligrams);
    let found = lines(&record, "results");
    assert_eq!((found.len(), found[0]["sources"].as_array().unwrap().len(), found[0].get("conflict")), (1, 2, None), "{found:?}");
    assert!(found[0]["body"].as_str().unwrap().contains("1,04 mg/dL") && found[0].get("trend").is_none(), "the newest document's own words: {found:?}");
    let other = Record::new().with(Some(1), micromoles).with(Some(0), result("2160-0", "Créatinine", 1.2, "mg/dL", "2026-03-14T08:00:00+01:00"));
    let found = lines(&other, "results");
    assert!(found.len() == 1 && found[0]["conflict"] == true && remarks(&found[0]).contains("valeur discordante : 92,0 µmol/L"), "{found:?}");
}

#[test]
fn a_series_in_two_units_is_one_and_says_what_was_converted() {
    let mut old = result("2160-0", "Créatinine", 10.0, "mg/L", "2025-06-01");
    old["referenceRange"] = json!([{"low": {"value": 6, "unit": "mg/L"}, "high": {"value": 11, "unit": "mg/L"}}]);
    let record = Record::new().with(Some(2), old).with(Some(0), result("14682-9", "Créatinine", 120.0, "umol/L", "2026-09-12"));
    let found = lines(&record, "results");
    assert_eq!(found.len(), 1);
    let trend = &found[0]["trend"];
    assert_eq!(trend["unit"], "umol/L");
    let point = |at: usize| (&trend["points"][at]["value"], &trend["points"][at]["low"], &trend["points"][at]["high"], trend["points"][at].get("original"));
    let original = json!({"value": 10.0, "unit": "mg/L"});
    assert_eq!(point(0), (&json!(88.4), &json!(53.04), &json!(97.24), Some(&original)));
    assert_eq!(point(1), (&json!(120.0), &Value::Null, &Value::Null, None));
    assert!(trend["change"]["significant"] == true && found[0]["body"].as_str().unwrap().contains("précédent 10.0 mg/L".replace('.', ",").as_str()), "{found:?}");
}

#[test]
fn without_a_row_or_of_another_specimen_units_stay_apart() {
    let two = |a: (&str, &str), b: (&str, &str)| {
        let record = Record::new().with(Some(2), result(a.0, "X", 1.0, a.1, "2025-06-01")).with(Some(0), result(b.0, "X", 1.0, b.1, "2026-09-12"));
        lines(&record, "results").len()
    };
    assert_eq!(two(("99999-9", "g/L"), ("99999-9", "mg/L")), 2, "no row");
    assert_eq!(two(("2160-0", "mg/L"), ("2161-8", "mg/L")), 2, "serum and urine");
    assert_eq!(two(("718-7", "g/dL"), ("718-7", "g/L")), 1);
    assert_eq!(two(("6690-2", "10*9/L"), ("6690-2", "/mm3")), 1);
    assert_eq!(two(("59261-8", "mmol/mol"), ("4548-4", "%")), 1);
}

#[test]
fn what_cannot_be_is_told_with_a_warning_and_is_in_no_series() {
    let good = |when: &str| result("2823-3", "Potassium", 4.1, "mmol/L", when);
    for (bad, warning) in [
        (good("2062-01-01"), "dans l'avenir"),
        (good("1850-01-01"), "antérieure à 1900"),
        (good("1950-01-01"), "antérieure à la naissance"),
        (good("2026-13-45"), "date illisible"),
        (result("2823-3", "Potassium", -4.1, "mmol/L", "2026-09-13"), "valeur négative"),
        (result("2823-3", "Potassium", 4.1, "furlong", "2026-09-13"), "unité inattendue"),
    ] {
        let record = Record::new().with(Some(1), good("2026-03-14")).with(Some(2), good("2025-06-02")).with(Some(0), bad);
        let found = lines(&record, "results");
        assert_eq!(found.len(), 2, "{warning}: {found:?}");
        let (doubted, sound): (Vec<&Value>, Vec<&Value>) = found.iter().partition(|l| remarks(l).contains(warning));
        assert_eq!((doubted.len(), sound.len()), (1, 1), "{warning}: {found:?}");
        assert!(doubted[0].get("trend").is_none() && sound[0]["trend"]["points"].as_array().unwrap().len() == 2, "{found:?}");
    }
}

#[test]
fn a_corrected_result_stands_before_the_final_one_of_its_time() {
    let at = |code: &str, value: f64| {
        let mut one = result("2823-3", "Potassium", value, "mmol/L", "2026-03-14T08:00:00+01:00");
        one["status"] = json!(code);
        one
    };
    for (worse, better) in [("preliminary", "final"), ("final", "amended"), ("amended", "corrected")] {
        let record = Record::new().with(Some(0), at(worse, 6.1)).with(Some(2), at(better, 4.1));
        let found = lines(&record, "results");
        assert!(found.len() == 1 && found[0]["body"].as_str().unwrap().contains("4,1 mmol/L") && remarks(&found[0]).contains("6,1 mmol/L"), "{better}: {found:?}");
    }
}

fn in_range(mut result: Value, low: f64, high: f64, flag: &str) -> Value {
    let unit = result["valueQuantity"]["code"].clone();
    result["referenceRange"] = json!([{"low": {"value": low, "code": unit}, "high": {"value": high, "code": unit}}]);
    if !flag.is_empty() {
        result["interpretation"] = json!([{"coding": [{"code": flag}]}]);
    }
    result
}

#[test]
fn a_value_outside_the_range_of_its_laboratory_is_abnormal_whether_it_is_flagged_or_not() {
    let potassium = |low: f64, high: f64, flag: &str| Record::new().with(Some(1), in_range(result("2823-3", "Potassium", 6.9, "mmol/L", "2026-03-14"), low, high, flag));
    let told = |record: &Record| {
        let found = lines(record, "results");
        (found[0]["abnormal"] == true, found[0]["body"].as_str().unwrap().to_owned())
    };
    let (abnormal, body) = told(&potassium(3.5, 5.1, ""));
    assert!(abnormal && body.contains("au-dessus des valeurs de référence"), "{body}");
    let (abnormal, body) = told(&potassium(3.5, 5.1, "N"));
    assert!(abnormal && body.contains("bien que noté normal par le laboratoire"), "{body}");
    assert!(told(&potassium(3.5, 5.1, "HH")).1.contains("très élevé"), "the words of the laboratory go before ours");
    assert_eq!((told(&potassium(3.5, 7.0, "")).0, told(&potassium(9.0, 2.0, "")).0), (false, false), "within it, or a range that is none");
}

#[test]
fn two_questions_of_one_code_in_a_document_are_two_and_one_question_in_two_documents_is_one() {
    let answer = |text: &str, value: bool| json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "11329-0"}], "text": text}, "effectiveDateTime": "2026-03-14", "valueBoolean": value});
    let two = Record::new().with(Some(0), answer("Chute dans les six mois", false)).with(Some(0), answer("Se lève sans aide", false));
    let all = |record: &Record| view_of(record)["sections"].as_array().unwrap().iter().flat_map(|s| s["lines"].as_array().unwrap().clone()).filter(|l| l["id"].is_string()).count();
    assert_eq!(all(&two), 2);
    let again = Record::new().with(Some(0), answer("Chute dans les six mois", false)).with(Some(1), answer("Chute (six mois)", false));
    assert_eq!(all(&again), 1);
}

#[test]
fn a_change_is_from_the_value_before_and_never_from_a_corrected_one() {
    let at = |value: f64, status: &str, when: &str| {
        let mut one = result("2823-3", "Potassium", value, "mmol/L", when);
        one["status"] = json!(status);
        one
    };
    let record = Record::new().with(Some(2), at(6.9, "final", "2026-03-01")).with(Some(1), at(4.3, "corrected", "2026-03-01")).with(Some(0), at(4.4, "final", "2026-03-16"));
    let found = lines(&record, "results");
    assert_eq!(found[0]["trend"]["change"]["text"], "+2 % en 15 jours", "{found:?}");
    assert_eq!(found[0]["trend"]["change"]["significant"], false);
    assert!(found[0].get("conflict").is_none());
}

fn printed_again(mut result: Value) -> Value {
    result["meta"] = json!({"tag": [{"code": "prior-result"}]});
    result
}

#[test]
fn a_result_printed_again_is_a_repeat_of_its_original_and_else_the_value_before_and_never_new() {
    let own = result("2823-3", "Potassium", 4.4, "mmol/L", "2026-09-14T08:00:00+02:00");
    let original = result("2823-3", "Potassium", 5.6, "mmol/L", "2026-03-14T08:00:00+01:00");
    let again = printed_again(result("2823-3", "Potassium", 5.6, "mmol/L", "2026-03-14"));
    let alone = lines(&Record::new().with(Some(0), own.clone()).with(Some(0), again.clone()), "results");
    assert!(alone.len() == 1 && alone[0]["body"].as_str().unwrap().contains("4,4 mmol/L (14/09/2026) ; précédent 5,6 mmol/L (14/03/2026)"), "{alone:?}");
    let both = lines(&Record::new().with(Some(0), own.clone()).with(Some(0), again.clone()).with(Some(1), original), "results");
    assert_eq!(both[0]["trend"]["points"].as_array().unwrap().len(), 2, "{both:?}");
    let only = Record::new().with(Some(0), again);
    let found = lines(&only, "results");
    assert!(remarks(&found[0]).contains("antériorité"), "{found:?}");
    only.known("1963-03-12", |known| {
        let profiles = Profiles::with(Vec::new()).unwrap();
        let asked = Asked { profile: profiles.of("neutral").unwrap(), section: None, offset: 0, most: 100, explain: false, came: &[(2, true); 3], closed: &[], only: "" };
        assert_eq!(view(known, &asked)["new"], 0);
    });
}

#[test]
fn of_one_report_the_conclusion_is_read_before_the_comparison() {
    let part = |code: &str, words: &str| json!({"resourceType": "DiagnosticReport", "status": "final", "code": coded("http://loinc.org", code, "x"), "effectiveDateTime": "2026-03-14", "conclusion": words});
    let record = Record::new().with(Some(1), part("18834-2", "Stable.")).with(Some(1), part("19005-8", "Nodule bénin."));
    let found: Vec<String> = lines(&record, "results").iter().map(|l| l["body"].as_str().unwrap().to_owned()).collect();
    assert!(found[0].contains("Nodule bénin.") && found[1].contains("Stable."), "{found:?}");
}

#[test]
fn a_date_that_cannot_be_read_is_told_and_in_no_trend() {
    let mut wrong = result("2823-3", "Potassium", 4.4, "mmol/L", "2026-09-14");
    wrong["effectiveDateTime"] = Value::Null;
    wrong["extension"] = json!([{"url": "urn:passerelle:cda-source", "extension": [{"url": "unreadable-time", "valueString": "20269999"}]}]);
    let record = Record::new().with(Some(0), wrong).with(Some(1), result("2823-3", "Potassium", 4.1, "mmol/L", "2026-03-14"));
    let found = lines(&record, "results");
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|l| remarks(l).contains("date illisible") && l.get("trend").is_none()), "{found:?}");
}
