//! How a medicine stands, rule by rule. Over facts of our own; today is 25/11/2026.

use serde_json::{Value, json};

use super::*;

/// A dispensing of the product of [`medication`].
fn dispensed(when: &str, days: u32) -> Value {
    let mut one = medication("MedicationDispense", "completed", "");
    one["dosage"] = Value::Null;
    one["whenHandedOver"] = json!(when);
    if days > 0 {
        one["daysSupply"] = json!({"value": days, "code": "d"});
    }
    one
}

fn prescribed(when: &str) -> Value {
    let mut one = medication("MedicationRequest", "active", "1 comprimé matin et soir");
    one["authoredOn"] = json!(when);
    one
}

fn listed() -> Value {
    medication("MedicationStatement", "active", "1 comprimé matin et soir")
}

fn stopped(end: &str) -> Value {
    let mut one = medication("MedicationStatement", "stopped", "1 comprimé matin et soir");
    one["effectivePeriod"] = json!({"start": "2020-01-01", "end": end});
    one
}

fn named(mut resource: Value, name: &str, atc: &str) -> Value {
    resource["medicationCodeableConcept"] = json!({"text": name, "coding": [{"system": "http://www.whocc.no/atc", "code": atc}]});
    resource
}

/// A record whose third document is as old as `date`.
fn record(date: &str) -> Record {
    let mut record = Record::new();
    record.sources[2].date = date.into();
    record
}

/// The one line of a record: state, reason, whether documents contradict each other, whether it stands in the second part.
fn told(record: Record) -> (String, String, bool, bool) {
    let found = lines(&record, "medications");
    assert_eq!(found.len(), 1, "{found:?}");
    let text = |name: &str| found[0][name].as_str().unwrap_or("").to_owned();
    (text("state"), text("stateReason"), found[0]["conflict"] == true, found[0]["second"] == true)
}

fn state(record: Record, state: &str, reason: &str) {
    let told = told(record);
    assert_eq!((told.0.as_str(), told.1.as_str(), told.3), (state, reason, state == "stopped"));
    assert!(!told.2, "no contradiction");
}

#[test]
fn a_supply_that_reaches_today_is_active() {
    state(record("2026-10-12").with(Some(2), dispensed("2026-10-12", 30)), "active", "délivré le 12/10/2026 pour 30 jours");
    state(record("2026-10-20").with(Some(2), dispensed("2026-10-20", 0)), "active", "délivré le 20/10/2026, pour une durée non précisée");
}

#[test]
fn a_supply_used_up_without_more_is_uncertain_and_after_a_year_over() {
    state(Record::new().with(Some(2), dispensed("2026-06-01", 30)), "uncertain", "dernière délivrance le 01/06/2026 pour 30 jours, sans suite connue : à vérifier");
    state(Record::new().with(Some(2), dispensed("2025-06-02", 30)), "stopped", "plus délivré depuis le 02/06/2025, sans autre mention");
    let both = Record::new().with(Some(0), listed()).with(Some(2), dispensed("2025-06-02", 30));
    state(both, "uncertain", "dernière délivrance le 02/06/2025 pour 30 jours, sans suite connue : à vérifier");
    state(Record::new().with(Some(2), dispensed("2026-07-01", 0)), "uncertain", "délivré le 01/07/2026, pour une durée non précisée, sans suite connue");
}

#[test]
fn the_newest_document_stops_a_treatment_and_says_which_it_is() {
    let stop = Record::new().with(Some(2), listed()).with(Some(0), stopped("2026-09-10"));
    state(stop, "stopped", "arrêté le 10/09/2026 selon Synthèse médicale, Dr Claire Martin, 12/09/2026");
    let mut over = listed();
    over["effectivePeriod"] = json!({"start": "2026-01-01", "end": "2026-03-01"});
    state(Record::new().with(Some(0), over), "stopped", "terminé le 01/03/2026 selon Synthèse médicale, Dr Claire Martin, 12/09/2026");
}

#[test]
fn dosages_that_two_prescribers_give_differently_are_a_contradiction_with_both_names() {
    let said = |date: &str, dosage: &str| record(date).with(Some(0), prescribed("2026-09-12")).with(Some(2), medication("MedicationStatement", "active", dosage));
    let remarks =
        |record: Record| lines(&record, "medications")[0]["remarks"].as_array().map(|r| r.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ")).unwrap_or_default();
    let differs = || said("2026-08-02", "1 comprimé le matin");
    let both = "posologies différentes : 1 comprimé matin et soir (Dr Claire Martin, 12/09/2026) ; 1 comprimé le matin (Dr Anne Leroy, 02/08/2026)";
    assert_eq!((told(differs()).2, remarks(differs())), (true, both.to_owned()), "said once");
    // The same words, a dosage of long ago, an author who changed his own: nobody contradicts anybody.
    assert!(!told(said("2026-08-02", "1 comprimé matin et soir.")).2);
    let old = said("2025-06-02", "1 comprimé le matin");
    assert!(!told(old).2);
    let mut own = differs();
    own.sources[2].author = own.sources[0].author.clone();
    assert!(!told(own).2);
}

#[test]
fn dosages_of_one_daily_dose_are_one_whatever_their_words() {
    let structured = |frequency: u32, dose: f64, words: &str| {
        let mut one = medication("MedicationStatement", "active", words);
        one["dosage"][0]["timing"] = json!({"repeat": {"frequency": frequency, "period": 1, "periodUnit": "d"}});
        one["dosage"][0]["doseAndRate"] = json!([{"doseQuantity": {"value": dose, "code": "{tablet}", "system": "http://unitsofmeasure.org"}}]);
        one
    };
    let both = |other: Value| told(record("2026-08-02").with(Some(0), structured(2, 1.0, "un comprimé matin et soir")).with(Some(2), other)).2;
    assert!(!both(structured(1, 2.0, "2 comprimés par jour")));
    assert!(both(structured(1, 1.0, "un comprimé par jour")));
}

#[test]
fn dispensed_or_listed_after_a_stop_is_a_contradiction_that_stays_in_sight() {
    let after = told(record("2026-11-01").with(Some(0), stopped("2026-09-10")).with(Some(2), dispensed("2026-11-01", 30)));
    assert_eq!(after.0, "uncertain");
    assert_eq!(after.1, "délivré le 01/11/2026 après l'arrêt noté le 10/09/2026 (Synthèse médicale, Dr Claire Martin, 12/09/2026) : à vérifier");
    assert!(after.2 && !after.3);
    let resumed = told(record("2025-06-02").with(Some(2), stopped("2025-06-01")).with(Some(0), listed()));
    assert!(
        resumed.0 == "uncertain" && resumed.2 && resumed.1.starts_with("en cours selon Synthèse médicale") && resumed.1.contains("arrêté le 01/06/2025 selon Lettre de liaison"),
        "{resumed:?}"
    );
    let before = told(Record::new().with(Some(0), stopped("2026-09-10")).with(Some(1), dispensed("2026-03-01", 30)));
    assert_eq!((before.0.as_str(), before.2), ("stopped", false));
}

#[test]
fn never_dispensed_says_something_only_where_dispensings_are_known() {
    state(Record::new().with(Some(0), prescribed("2026-09-12")), "active", "prescrit le 12/09/2026 (Dr Claire Martin)");
    let other = named(dispensed("2026-10-20", 30), "BISOPROLOL 2,5 mg, comprimé", "C07AB07");
    let found = lines(&record("2026-10-20").with(Some(0), prescribed("2026-09-12")).with(Some(2), other.clone()), "medications");
    let metformin = found.iter().find(|l| l["label"].as_str().unwrap().contains("METFORMINE")).unwrap();
    assert_eq!((metformin["state"].as_str(), metformin["stateReason"].as_str()), (Some("uncertain"), Some("prescrit le 12/09/2026, aucune délivrance connue")));
    let recent = lines(&record("2026-11-22").with(Some(2), prescribed("2026-11-20")).with(Some(2), other), "medications");
    assert!(recent.iter().all(|l| l["state"] == "active"), "{recent:?}");
}

#[test]
fn nothing_newer_than_a_year_or_an_unknown_status_is_uncertain() {
    state(record("2024-01-10").with(Some(2), listed()), "uncertain", "rien de plus récent que Lettre de liaison, Dr Anne Leroy, 10/01/2024 : à vérifier");
    state(Record::new().with(Some(0), listed()), "active", "en cours selon Synthèse médicale, Dr Claire Martin, 12/09/2026");
    let held = medication("MedicationStatement", "on-hold", "1 comprimé");
    state(Record::new().with(Some(0), held), "uncertain", "suspendu ou de statut non précisé selon Synthèse médicale, Dr Claire Martin, 12/09/2026");
    let mut given = medication("MedicationAdministration", "completed", "1 ampoule");
    given["effectiveDateTime"] = json!("2026-09-10");
    state(Record::new().with(Some(0), given), "uncertain", "rien ne dit si ce traitement continue (Synthèse médicale, Dr Claire Martin, 12/09/2026)");
}

#[test]
fn a_long_stopped_treatment_stays_and_is_marked_as_past() {
    let past = |record: Record| lines(&record, "medications")[0].get("past").is_some();
    assert!(past(Record::new().with(Some(2), stopped("2025-06-01"))));
    assert!(!past(Record::new().with(Some(0), stopped("2026-09-10"))));
}

#[test]
fn a_history_of_reimbursements_is_evidence_of_dispensing_and_no_declaration() {
    let mut history = record("2026-11-01");
    history.sources[2].kind = "REMB".into();
    let mut taken = medication("MedicationStatement", "active", "");
    taken["dosage"] = Value::Null;
    taken["effectiveDateTime"] = json!("2026-10-25");
    state(
        Record { facts: Vec::new(), sources: history.sources.clone(), texts: Vec::new() }.with(Some(2), taken.clone()),
        "active",
        "délivré le 25/10/2026, pour une durée non précisée",
    );
    taken["effectiveDateTime"] = Value::Null;
    let undated = told(history.with(Some(2), taken));
    assert_eq!((undated.0.as_str(), undated.3), ("uncertain", false), "what was once reimbursed is not said to be taken");
}

#[test]
fn one_product_and_strength_under_several_codes_is_one_line() {
    let code = |system: &str, code: &str, name: &str| {
        let mut one = listed();
        one["medicationCodeableConcept"] =
            json!({"text": name, "coding": [{"system": system, "code": code}, {"system": "http://www.whocc.no/atc", "code": "A10BA02", "display": "metformine"}]});
        one
    };
    let (cis, cip) = ("urn:oid:1.2.250.1.213.2.3.1", "urn:oid:1.2.250.1.213.2.3.2");
    let same =
        || Record::new().with(Some(0), code(cis, "60000001", "METFORMINE ARROW 1000 mg, comprimé pelliculé")).with(Some(2), code(cip, "3400930000001", "GLUCOPHAGE 1 g, comprimé"));
    assert_eq!(lines(&same(), "medications").len(), 1, "one class, strength and route");
    let bare = named(listed(), "Metformine", "A10BA02");
    assert_eq!(lines(&same().with(Some(1), bare.clone()), "medications").len(), 1, "a class without a strength is of the one medicine there is");
    let other = code(cis, "60000002", "METFORMINE 500 mg, comprimé");
    let found = lines(&same().with(Some(1), other.clone()), "medications");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|l| l["remarks"].as_array().unwrap().iter().any(|r| r.as_str().unwrap().starts_with("même substance que"))), "{found:?}");
    assert!(found.iter().all(|l| l["conflict"] == true), "no document names both strengths: {found:?}");
    let together = lines(&same().with(Some(0), other.clone()), "medications");
    assert!(together.len() == 2 && together.iter().all(|l| l.get("conflict").is_none()), "one document lists both: {together:?}");
    assert_eq!(lines(&same().with(Some(1), other).with(Some(1), bare), "medications").len(), 3, "of two strengths a bare class is neither");
    let route = code(cis, "60000003", "METFORMINE 1000 mg, solution injectable");
    assert_eq!(lines(&same().with(Some(1), route), "medications").len(), 2, "another route is another medicine");
}

#[test]
fn a_dispensing_counts_for_each_line_of_its_product() {
    let two = Record::new()
        .with(Some(0), medication("MedicationStatement", "active", "10 UI le matin"))
        .with(Some(0), medication("MedicationStatement", "active", "8 UI le soir"))
        .with(Some(1), dispensed("2026-11-10", 30));
    let found = lines(&two, "medications");
    assert!(found.len() == 2 && found.iter().all(|l| l["stateReason"] == "délivré le 10/11/2026 pour 30 jours"), "{found:?}");
    assert!(found.iter().all(|l| l.get("remarks").is_none_or(|r| !r.to_string().contains("même substance"))), "two dosages are one product");
}

/// A letter written at the end of a stay speaks last, whenever the stay began.
#[test]
fn what_was_written_last_decides_and_not_what_began_last() {
    let mut record = record("2026-06-01").with(Some(2), stopped("2026-06-12")).with(Some(0), listed());
    record.sources[2].written = "2026-06-12".into();
    record.sources[0].date = "2026-06-05".into();
    let (state, reason, ..) = told(record);
    assert!(state == "stopped" && reason.contains("12/06/2026"), "{state} {reason}");
}

#[test]
fn a_course_that_goes_on_is_not_ended_by_an_earlier_one_of_the_same_document() {
    let mut earlier = medication("MedicationStatement", "completed", "1 comprimé matin et soir");
    earlier["effectivePeriod"] = json!({"start": "2000-03-28", "end": "2000-04-04"});
    let mut now = listed();
    now["effectivePeriod"] = json!({"start": "2026-08-01"});
    let states: Vec<String> =
        lines(&record("2025-06-02").with(Some(0), earlier).with(Some(0), now), "medications").iter().map(|l| l["state"].as_str().unwrap().to_owned()).collect();
    assert!(states.contains(&"active".to_owned()) && !states.is_empty(), "{states:?}");
}

#[test]
fn a_treatment_that_begins_later_is_not_taken_yet() {
    let mut later = listed();
    later["effectivePeriod"] = json!({"start": "2027-01-01"});
    let record = record("2025-06-02").with(Some(0), later);
    let found = lines(&record, "medications");
    assert_eq!((found[0]["state"].as_str(), found[0]["stateReason"].as_str()), (Some("uncertain"), Some("prévu le 01/01/2027, pas encore débuté")));
    assert!(found[0]["body"].as_str().unwrap().contains("à partir du 01/01/2027"), "{found:?}");
}
