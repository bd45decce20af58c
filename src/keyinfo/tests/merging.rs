//! What holds of every kind of statement: sources, order, what is new.

use serde_json::{Value, json};

use super::*;

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
fn documents_of_one_title_and_author_share_their_name() {
    let mut record = Record::new();
    record.sources[2] = Source { date: "2026-03-10".into(), document_reference: "DocumentReference/d2".into(), ..record.sources[1].clone() };
    let bundle = record.with(Some(1), condition("I10", "Hypertension", "active")).with(Some(2), condition("I10", "Hypertension", "active")).bundle();
    assert!(told(&bundle, "11450-4").contains("[Compte rendu de biologie, Dr Paul Roche, 14/03/2026 et 10/03/2026]"));
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
