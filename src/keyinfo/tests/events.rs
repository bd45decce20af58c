//! Acts and vaccinations by their days.

use serde_json::json;

use super::*;

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
fn an_act_a_day_later_in_another_document_is_one_and_in_the_same_document_two() {
    let act = |day: &str| json!({"resourceType": "Procedure", "status": "completed", "code": coded("https://smt.esante.gouv.fr/terminologie-ccam", "HHFA001", "Appendicectomie"), "performedDateTime": day});
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(2), act("2019-05-03")), "procedures").len(), 1);
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(0), act("2019-05-03")), "procedures").len(), 2);
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(2), act("2019-05-05")), "procedures").len(), 2);
    assert_eq!(lines(&Record::new().with(Some(0), act("2019-05-02")).with(Some(2), act("2019-05")), "procedures").len(), 2, "a month is no day");
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
fn two_lots_of_a_day_are_two_doses_and_none_named_is_one_of_them() {
    let record = Record::new().with(Some(0), dose("1", "2026-03-14", "L1")).with(Some(0), dose("1", "2026-03-14", "L2")).with(Some(1), dose("1", "2026-03-14", ""));
    assert_eq!(lines(&record, "immunizations").len(), 2);
}
