//! What is one line and what is two: units, codes, time; what no order of documents changes. Over facts of our own.

use serde_json::{Value, json};

use super::tests::{Record, allergy, coded, condition, medication, result, status};
use super::*;

/// The view of a record.
pub(super) fn view_of(record: &Record) -> serde_json::Map<String, Value> {
    let came = vec![(0, false); record.sources.len()];
    let profiles = Profiles::with(Vec::new()).unwrap();
    let profile = profiles.of("neutral").unwrap();
    let asked = Asked { profile, section: None, offset: 0, most: 100, explain: false, came: &came, closed: &[], only: "" };
    record.known("1963-03-12", |known| view(known, &asked))
}

/// The lines of a section of the view.
pub(super) fn lines(record: &Record, key: &str) -> Vec<Value> {
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
fn sources_beyond_six_are_counted_and_who_denies_is_among_the_six() {
    let mut denied = problem(ICD, "I63.9", "Infarctus cérébral");
    denied["verificationStatus"] = status("refuted");
    let mut record = Record::new().with(Some(0), denied);
    for n in 1..record.sources.len() {
        record = record.with(Some(n), problem(ICD, "I63.9", "Infarctus cérébral"));
    }
    let all: Vec<Value> = ["problems", "past-problems"].into_iter().flat_map(|key| lines(&record, key)).collect();
    let documents = all[0]["sources"].as_array().unwrap();
    assert!(all.len() == 1 && all[0]["conflict"] == true, "{all:?}");
    assert!(documents.iter().any(|d| d["document"] == record.sources[0].document_reference), "{documents:?}");
    let more = all[0].get("moreSources").and_then(Value::as_u64).unwrap_or(0);
    assert_eq!((documents.len() + usize::try_from(more).unwrap(), documents.len() <= 6), (record.sources.len(), true));
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
fn an_act_a_day_later_in_another_document_is_one_and_in_the_same_document_two() {
    let act = |day: &str| json!({"resourceType": "Procedure", "status": "completed", "code": coded("https://smt.esante.gouv.fr/terminologie-ccam", "HHFA001", "Appendicectomie"), "performedDateTime": day});
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(2), act("2019-05-03")), "procedures").len(), 1);
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(0), act("2019-05-03")), "procedures").len(), 2);
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(2), act("2019-05-05")), "procedures").len(), 2);
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(2), act("2019-05")), "procedures").len(), 2, "a month is no day");
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

#[test]
fn a_vaccination_known_by_its_year_is_the_one_of_that_year_and_the_lot_decides() {
    let year = Record::new().with(Some(0), dose("1", "2023-05-22", "A1")).with(Some(2), dose("2", "2023", ""));
    assert_eq!(lines(&year, "immunizations").len(), 1);
    let lots = Record::new().with(Some(0), dose("1", "2023-01-10", "A1")).with(Some(0), dose("1", "2023-05-22", "B2"));
    assert_eq!(lines(&lots, "immunizations").len(), 2);
    assert_eq!(lines(&lots.with(Some(2), dose("1", "2023", "B2")), "immunizations").len(), 2, "the lot says which");
    let open = Record::new().with(Some(0), dose("1", "2023-01-10", "")).with(Some(0), dose("1", "2023-05-22", "")).with(Some(2), dose("1", "2023", ""));
    assert_eq!(lines(&open, "immunizations").len(), 3, "of two nothing says which");
}

#[test]
fn two_doses_of_one_valence_within_three_weeks_are_told_as_probably_one() {
    let near = Record::new().with(Some(0), dose("1", "2023-05-22", "")).with(Some(2), dose("2", "2023-05-30", ""));
    let found = lines(&near, "immunizations");
    assert!(found.len() == 2 && found.iter().all(|l| remarks(l).contains("probablement une seule dose")), "{found:?}");
    let far = Record::new().with(Some(0), dose("1", "2023-05-22", "")).with(Some(2), dose("2", "2023-06-22", ""));
    assert!(lines(&far, "immunizations").iter().all(|l| l.get("remarks").is_none()));
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

/// A record with something of everything that merges.
fn mixed() -> Record {
    let mut anticoagulant = medication("MedicationStatement", "active", "1 comprimé");
    anticoagulant["medicationCodeableConcept"] =
        json!({"text": "APIXABAN 5 mg, comprimé", "coding": [{"system": "http://www.whocc.no/atc", "code": "B01AF02", "display": "apixaban"}]});
    let mut prescribed = medication("MedicationRequest", "active", "1 comprimé matin et soir");
    prescribed["medicationCodeableConcept"] = json!({"coding": [{"system": "urn:oid:1.2.250.1.213.2.3.2", "code": "3400934744198", "display": "APIXABAN 5 mg"}, {"system": "http://www.whocc.no/atc", "code": "B01AF02"}]});
    prescribed["authoredOn"] = json!("2026-09-12");
    let mut severe = allergy(json!({"text": "Pénicilline"}));
    severe["criticality"] = json!("high");
    Record::new()
        .with(Some(0), problem(ICD, "E11.9", "Diabète de type 2"))
        .with(Some(1), problem(SNOMED, "44054006", "Diabète sucré de type 2"))
        .with(Some(2), since(problem(CISP, "T90", "Diabète"), "2009"))
        .with(Some(2), since(problem(ICD, "J18.9", "Pneumopathie"), "2015"))
        .with(Some(0), problem(ICD, "J18.9", "Pneumopathie"))
        .with(Some(0), result("14682-9", "Créatinine", 92.0, "umol/L", "2026-03-14T08:00:00+01:00"))
        .with(Some(1), result("2160-0", "Créatinine", 1.04, "mg/dL", "2026-03-14T08:00:00+01:00"))
        .with(Some(2), result("2160-0", "Créatinine", 9.0, "mg/L", "2025-06-02"))
        .with(Some(0), anticoagulant)
        .with(Some(2), prescribed)
        .with(Some(1), severe)
        .with(Some(0), allergy(json!({"text": "PENICILLINE"})))
        .with(Some(0), medication("MedicationStatement", "active", "10 UI le matin"))
        .with(Some(0), medication("MedicationStatement", "active", "8 UI le soir"))
        .with(Some(2), medication("MedicationStatement", "active", "9 UI le soir"))
        .with(Some(0), dose("1", "2023-05-22", "A1"))
        .with(Some(2), dose("2", "2023", ""))
        .with(Some(0), condition("I10", "Hypertension artérielle", "active"))
        .with(Some(2), json!({"resourceType": "Condition", "code": {"text": "hypertension artérielle"}}))
}

#[test]
fn the_order_of_facts_and_documents_does_not_matter() {
    let record = mixed();
    let want = view_of(&record);
    let mut seed = 7_u64;
    for _ in 0..40 {
        let mut shuffled = record.clone();
        for at in (1..shuffled.facts.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.facts.swap(at, usize::try_from(seed >> 33).unwrap() % (at + 1));
        }
        assert_eq!(view_of(&shuffled), want);
    }
    let last = record.sources.len() - 1;
    let mut turned = Record { facts: record.facts.clone(), sources: record.sources.iter().rev().cloned().collect(), texts: Vec::new() };
    turned.facts.iter_mut().for_each(|f| f.0 = f.0.map(|s| last - s));
    assert_eq!(view_of(&turned), want);
}

#[test]
fn one_more_statement_removes_no_alert() {
    let record = mixed();
    let alerts = |r: &Record| lines(r, "alerts").len();
    assert_eq!(alerts(&record), 2);
    let mut low = allergy(json!({"text": "Pénicilline"}));
    low["criticality"] = json!("low");
    let mut dispensed = json!({"resourceType": "MedicationDispense", "status": "completed", "whenHandedOver": "2025-01-10", "daysSupply": {"value": 30}});
    dispensed["medicationCodeableConcept"] = json!({"coding": [{"system": "http://www.whocc.no/atc", "code": "B01AF02"}], "text": "Apixaban 5 mg cp"});
    let bare = json!({"resourceType": "MedicationStatement", "status": "unknown", "medicationCodeableConcept": {"text": "apixaban"}});
    for more in [low, dispensed, bare, problem(ICD, "E10", "Diabète de type 1"), result("2160-0", "Créatinine", 3.0, "mg/dL", "2026-10-01")] {
        for source in [Some(0), Some(2), None] {
            let added = record.clone().with(source, more.clone());
            assert!(alerts(&added) >= 2, "{more}: {:?}", lines(&added, "alerts"));
        }
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
fn two_lots_of_a_day_are_two_doses_and_none_named_is_one_of_them() {
    let record = Record::new().with(Some(0), dose("1", "2026-03-14", "L1")).with(Some(0), dose("1", "2026-03-14", "L2")).with(Some(1), dose("1", "2026-03-14", ""));
    assert_eq!(lines(&record, "immunizations").len(), 2);
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

#[test]
fn active_in_one_document_and_inactive_in_another_is_told_of_both() {
    let mut over = allergy(json!({"text": "Amoxicilline"}));
    over["clinicalStatus"] = status("inactive");
    let record = Record::new().with(Some(2), allergy(json!({"text": "Amoxicilline"}))).with(Some(0), over);
    let found = lines(&record, "allergies");
    assert!(found[0]["conflict"] == true && remarks(&found[0]).contains("selon Dr Anne Leroy, 02/06/2025 : active"), "{found:?}");
}

#[test]
fn what_is_said_again_is_not_new_and_what_is_said_otherwise_is() {
    let new = |last: Value| {
        let record = Record::new().with(Some(2), condition("I10", "Hypertension artérielle", "active")).with(Some(0), last);
        record.known("1963-03-12", |known| {
            let profiles = Profiles::with(Vec::new()).unwrap();
            let came = [(2, true), (1, false), (1, false)];
            let asked = Asked { profile: profiles.of("neutral").unwrap(), section: None, offset: 0, most: 100, explain: false, came: &came, closed: &[], only: "" };
            view(known, &asked)["new"].as_u64().unwrap()
        })
    };
    assert_eq!(new(condition("I10", "Hypertension artérielle", "active")), 0);
    assert_eq!(new(condition("I10", "Hypertension artérielle", "resolved")), 1);
    assert_eq!(new(condition("E11", "Diabète de type 2", "active")), 1);
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
