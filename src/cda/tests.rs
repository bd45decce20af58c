//! One small document per rule: what a statement becomes, and what it never becomes.

use serde_json::{Value, json};

use super::{Derived, derive, read};

const PROBLEM: &str = "<templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.5'/>";
const ALLERGY: &str = "<templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.6'/>";
const LABORATORY: &str = "<templateId root='1.3.6.1.4.1.19376.1.3.1.6'/>";

fn of(code: &str, text: &str, entries: &str) -> Derived {
    let cda = format!(
        "<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns:sdtc='urn:hl7-org:sdtc'>\
         <effectiveTime value='20240601'/><recordTarget/><component><structuredBody><component><section><code code='{code}'/>\
         <text>{text}</text>{entries}</section></component></structuredBody></component></ClinicalDocument>"
    );
    derive(&read(cda.as_bytes()).unwrap(), "DocumentReference/d", "Patient/p")
}

fn only(derived: &Derived) -> &Value {
    assert_eq!(derived.resources.len(), 1, "{:?}", derived.resources);
    &derived.resources[0].resource
}

fn kinds(derived: &Derived) -> Vec<&str> {
    derived.resources.iter().map(|r| r.resource["resourceType"].as_str().unwrap()).collect()
}

fn concern(inside: &str, attributes: &str) -> String {
    format!(
        "<entry><act><templateId root='2.16.840.1.113883.10.20.1.27'/><statusCode code='completed'/><entryRelationship typeCode='SUBJ'><observation {attributes}>{inside}</observation></entryRelationship></act></entry>"
    )
}

fn problem(inside: &str, attributes: &str) -> String {
    concern(&format!("{PROBLEM}<code code='282291009' codeSystem='2.16.840.1.113883.6.96'/>{inside}"), attributes)
}

const I10: &str = "<value xsi:type='CD' code='I10' codeSystem='2.16.840.1.113883.6.3' displayName='Hypertension'/>";

#[test]
fn a_problem_of_the_active_list_is_an_active_condition_of_the_patient() {
    let derived = of("11450-4", "<c ID='p'>HTA</c>", &problem(&format!("<text><reference value='p'/></text><effectiveTime><low value='20200102'/></effectiveTime>{I10}"), ""));
    let condition = only(&derived);
    assert_eq!(condition["code"]["text"], "Hypertension");
    assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "active");
    assert_eq!((&condition["onsetDateTime"], &condition["subject"]["reference"]), (&json!("2020-01-02"), &json!("Patient/p")));
    let source = condition["extension"][0]["extension"].as_array().unwrap();
    assert!(source.contains(&json!({"url": "fragment", "valueString": "p"})) && source.contains(&json!({"url": "section", "valueString": "11450-4"})));
    assert_eq!(derived.resources[0].path, "component[0]/structuredBody/component[0]/section/entry[0]/act/entryRelationship[0]/observation");
}

#[test]
fn a_negated_problem_is_refuted_and_never_active() {
    let derived = of("11450-4", "", &problem(I10, "negationInd='true'"));
    assert_eq!(only(&derived)["verificationStatus"]["coding"][0]["code"], "refuted");
    assert!(only(&derived).get("clinicalStatus").is_none());
}

#[test]
fn a_problem_that_ended_is_resolved_and_a_stated_status_wins() {
    let ended = of("11450-4", "", &problem(&format!("<effectiveTime><low value='2010'/><high value='2011'/></effectiveTime>{I10}"), ""));
    assert_eq!((&only(&ended)["clinicalStatus"]["coding"][0]["code"], &only(&ended)["abatementDateTime"]), (&json!("resolved"), &json!("2011")));
    let stated = "<entryRelationship typeCode='REFR'><observation><code code='33999-4'/><value xsi:type='CE' code='active'/></observation></entryRelationship>";
    let active = of("11348-0", "", &problem(&format!("<effectiveTime><low value='2010'/><high value='2011'/></effectiveTime>{I10}{stated}"), ""));
    assert_eq!(only(&active)["clinicalStatus"]["coding"][0]["code"], "active");
    assert!(only(&active).get("abatementDateTime").is_none(), "con-4");
}

#[test]
fn no_known_problem_is_an_empty_list_and_a_null_value_is_nothing() {
    let none = of("11450-4", "", &problem("<value xsi:type='CD' code='no-known-problems' codeSystem='2.16.840.1.113883.5.1150.1'/>", "negationInd='true'"));
    assert_eq!(only(&none)["resourceType"], "List");
    assert_eq!(only(&none)["emptyReason"]["coding"][0]["code"], "nilknown");
    assert!(of("11450-4", "", &problem("<value xsi:type='CD' nullFlavor='NA'/>", "")).resources.is_empty());
}

#[test]
fn a_cell_that_contradicts_the_code_is_kept_as_a_disputed_observation() {
    let derived = of("11450-4", "<c ID='p'>Non</c>", &problem(&format!("<text><reference value='#p'/></text>{I10}"), ""));
    assert_eq!(only(&derived)["resourceType"], "Observation");
    assert_eq!(derived.warnings.len(), 1);
    let agrees = of("11450-4", "<c ID='p'>Non</c>", &problem(&format!("<text><reference value='#p'/></text>{I10}"), "negationInd='true'"));
    assert_eq!(only(&agrees)["resourceType"], "Condition");
}

#[test]
fn a_statement_about_a_relative_is_not_the_patients() {
    let entry = problem(&format!("<subject><relatedSubject><code code='CHILD'/></relatedSubject></subject>{I10}"), "");
    assert!(of("11450-4", "", &entry).resources.is_empty());
}

#[test]
fn a_finding_outside_a_problem_list_is_an_observation_unless_coded_in_the_icd() {
    let finding = format!(
        "<entry><observation negationInd='true'>{PROBLEM}<code code='404684003'/><value xsi:type='CD' code='X1' codeSystem='1.2.3' displayName='Toux'/></observation></entry>"
    );
    let derived = of("10210-3", "", &finding);
    assert_eq!((&only(&derived)["resourceType"], &only(&derived)["valueBoolean"]), (&json!("Observation"), &json!(false)));
    let coded = of("10210-3", "", &format!("<entry><observation>{PROBLEM}{I10}</observation></entry>"));
    assert_eq!(only(&coded)["category"][0]["coding"][0]["code"], "encounter-diagnosis");
}

fn allergy(inside: &str, attributes: &str) -> String {
    concern(&format!("{ALLERGY}<code code='416098002' codeSystem='2.16.840.1.113883.6.96' displayName='allergie médicamenteuse'/>{inside}"), attributes)
}

const AGENT: &str = "<participant typeCode='CSM'><participantRole><playingEntity><code code='N02BE01' codeSystem='2.16.840.1.113883.6.73' displayName='paracétamol'/></playingEntity></participantRole></participant>";

#[test]
fn an_allergy_names_its_agent_and_the_reaction_that_its_words_affirm() {
    let reaction = "<entryRelationship typeCode='MFST'><observation negationInd='true'><text>Urticaire</text><value xsi:type='CD' code='L50' codeSystem='2.16.840.1.113883.6.3' displayName='Urticaire'/>\
        <entryRelationship typeCode='SUBJ'><observation><code code='SEV'/><value xsi:type='CD' code='6736007'/></observation></entryRelationship></observation></entryRelationship>";
    let derived = of("48765-2", "", &allergy(&format!("{AGENT}{reaction}"), ""));
    let found = only(&derived);
    assert_eq!((&found["code"]["text"], &found["category"][0], &found["type"]), (&json!("paracétamol"), &json!("medication"), &json!("allergy")));
    assert_eq!((&found["reaction"][0]["manifestation"][0]["text"], &found["reaction"][0]["severity"]), (&json!("Urticaire"), &json!("moderate")));
}

#[test]
fn the_value_of_an_old_allergy_is_a_reaction() {
    let derived = of("48765-2", "", &allergy(&format!("<value xsi:type='CD' code='L27.0' codeSystem='2.16.840.1.113883.6.3' displayName='Éruption'/>{AGENT}"), ""));
    assert_eq!(only(&derived)["code"]["text"], "paracétamol");
    assert_eq!(only(&derived)["reaction"][0]["manifestation"][0]["text"], "Éruption");
}

#[test]
fn no_known_allergy_is_never_an_active_allergy() {
    let none = of("48765-2", "", &allergy("<value xsi:type='CD' code='no-known-allergies' codeSystem='2.16.840.1.113883.5.1150.1'/>", ""));
    assert_eq!(only(&none)["code"]["coding"][0]["code"], "no-known-allergies");
    let worded = of("48765-2", "<c ID='a'>Aucune allergie connue</c>", &allergy("<text><reference value='#a'/></text>", ""));
    assert!(worded.resources.is_empty());
    let dangling = of("48765-2", "Aucune", &allergy("<text><reference value='#a'/></text>", ""));
    assert!(dangling.resources.is_empty());
    let denied = of("48765-2", "", &concern(&format!("{ALLERGY}<code code='ASSERTION'/><value xsi:type='CD' code='419199007'/>"), "negationInd='true'"));
    assert_eq!(only(&denied)["code"]["coding"][0]["code"], "no-known-allergies");
}

#[test]
fn an_agent_with_no_known_allergies_is_kept_unconfirmed() {
    let derived = of("48765-2", "", &allergy(&format!("<value xsi:type='CD' code='160244002' codeSystem='2.16.840.1.113883.6.96'/>{AGENT}"), ""));
    assert_eq!(only(&derived)["verificationStatus"]["coding"][0]["code"], "unconfirmed");
}

#[test]
fn an_agent_in_words_keeps_the_kind_of_allergy_as_its_code() {
    let derived = of("48765-2", "<c ID='a'>Fraises</c>", &allergy("<text><reference value='#a'/></text>", ""));
    assert_eq!((&only(&derived)["code"]["text"], &only(&derived)["code"]["coding"][0]["code"]), (&json!("Fraises"), &json!("416098002")));
}

fn drug(attributes: &str, inside: &str) -> String {
    format!(
        "<entry><substanceAdministration {attributes}><statusCode code='completed'/>{inside}<consumable><manufacturedProduct><manufacturedMaterial>\
         <code code='60000001' codeSystem='1.2.250.1.213.2.3.1' displayName='Aspirine 75 mg'><translation code='B01AC06' codeSystem='2.16.840.1.113883.6.73'/></code>\
         </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"
    )
}

#[test]
fn the_mood_and_the_section_decide_what_a_drug_is() {
    assert_eq!(kinds(&of("10160-0", "", &drug("moodCode='EVN'", ""))), ["MedicationStatement"]);
    assert_eq!(kinds(&of("10160-0", "", &drug("moodCode='INT'", ""))), ["MedicationRequest"]);
    assert_eq!(kinds(&of("18610-6", "", &drug("moodCode='EVN'", ""))), ["MedicationAdministration"]);
}

#[test]
fn a_period_is_an_interval_and_the_reason_is_the_value() {
    let inside = "<effectiveTime xsi:type='IVL_TS'><low value='20240101'/></effectiveTime><effectiveTime xsi:type='PIVL_TS' operator='A'><period value='6' unit='h'/></effectiveTime>\
        <doseQuantity><low value='1' unit='{tablet}'/><high value='1' unit='{tablet}'/></doseQuantity>\
        <entryRelationship typeCode='RSON'><observation><code code='64572001'/><value xsi:type='CD' code='E03' codeSystem='2.16.840.1.113883.6.3'/></observation></entryRelationship>";
    let derived = of("10160-0", "", &drug("moodCode='EVN'", inside));
    let found = only(&derived);
    let repeat = &found["dosage"][0]["timing"]["repeat"];
    assert_eq!((&repeat["frequency"], &repeat["period"], &repeat["periodUnit"]), (&json!(1), &json!(6), &json!("h")));
    assert_eq!(found["dosage"][0]["doseAndRate"][0]["doseQuantity"]["unit"], "{tablet}");
    assert_eq!(found["reasonCode"][0]["coding"][0]["code"], "E03");
    assert_eq!(found["status"], "active");
    assert_eq!(found["medicationCodeableConcept"]["coding"].as_array().unwrap().len(), 2);
}

#[test]
fn steps_are_dosages_and_no_further_drugs() {
    let step = |n: u8| {
        format!(
            "<entryRelationship typeCode='COMP'><sequenceNumber value='{n}'/><substanceAdministration moodCode='INT'><doseQuantity value='{n}'/><consumable nullFlavor='NA'/></substanceAdministration></entryRelationship>"
        )
    };
    let derived = of("57828-6", "", &drug("moodCode='INT'", &format!("{}{}", step(1), step(2))));
    assert_eq!(only(&derived)["dosageInstruction"].as_array().unwrap().len(), 2);
}

#[test]
fn a_negated_drug_is_not_taken_and_no_drug_is_said_so() {
    assert_eq!(only(&of("10160-0", "", &drug("negationInd='true'", "")))["status"], "not-taken");
    let none = of("10160-0", "", "<entry><substanceAdministration><code code='no-known-medications' codeSystem='2.16.840.1.113883.5.1150.1'/></substanceAdministration></entry>");
    assert_eq!(only(&none)["medicationCodeableConcept"]["coding"][0]["code"], "no-known-medications");
}

#[test]
fn a_vaccination_has_its_rank_and_one_not_done_stays_not_done() {
    let template = "<templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.12'/>";
    let rank = "<entryRelationship typeCode='SUBJ'><observation><code code='30973-2'/><value xsi:type='INT' value='2'/></observation></entryRelationship>";
    let derived = of("11369-6", "", &drug("", &format!("{template}<effectiveTime value='20090928'/>{rank}")));
    assert_eq!((&only(&derived)["occurrenceDateTime"], &only(&derived)["protocolApplied"][0]["doseNumberPositiveInt"]), (&json!("2009-09-28"), &json!(2)));
    let refused = of("11369-6", "", &drug("negationInd='true'", template));
    assert_eq!((&only(&refused)["status"], &only(&refused)["occurrenceString"]), (&json!("not-done"), &json!("inconnue")));
}

fn result(inside: &str) -> String {
    format!("<observation>{LABORATORY}<code code='2345-7' codeSystem='2.16.840.1.113883.6.1' displayName='Glucose'/><statusCode code='completed'/>{inside}</observation>")
}

#[test]
fn a_laboratory_act_is_a_report_whose_results_inherit_the_time_above() {
    let act = format!(
        "<entry><act><code code='18719-5' codeSystem='2.16.840.1.113883.6.1'/><statusCode code='completed'/><effectiveTime value='20240102'/><entryRelationship typeCode='COMP'>{}</entryRelationship></act></entry>",
        result("<value xsi:type='PQ' value='5.10' unit='mmol/L'/>")
    );
    let derived = of("18719-5", "", &act);
    assert_eq!(kinds(&derived), ["Observation", "DiagnosticReport"]);
    let observation = &derived.resources[0].resource;
    assert_eq!((observation["valueQuantity"]["value"].to_string(), &observation["effectiveDateTime"]), ("5.10".to_owned(), &json!("2024-01-02")));
    assert_eq!(derived.resources[1].resource["result"][0]["reference"], format!("path:{}", derived.resources[0].path));
}

#[test]
fn a_result_without_any_time_takes_that_of_the_specimen() {
    let specimen = "<entryRelationship typeCode='COMP'><procedure><templateId root='1.3.6.1.4.1.19376.1.3.1.2'/><effectiveTime><low nullFlavor='UNK'/><high value='20240103'/></effectiveTime></procedure></entryRelationship>";
    let act = format!(
        "<entry><act><code code='18719-5' codeSystem='2.16.840.1.113883.6.1'/>{specimen}<entryRelationship typeCode='COMP'>{}</entryRelationship></act></entry>",
        result("<value xsi:type='PQ' value='5' unit='g/L'/>")
    );
    let derived = of("18719-5", "", &act);
    assert_eq!(kinds(&derived), ["Specimen", "Observation", "DiagnosticReport"]);
    assert_eq!(derived.resources[1].resource["effectiveDateTime"], "2024-01-03");
    assert_eq!(derived.resources[1].resource["specimen"]["reference"], format!("path:{}", derived.resources[0].path));
}

#[test]
fn a_time_of_day_without_offset_is_flagged_and_its_text_kept() {
    let derived = of("18719-5", "", &format!("<entry>{}</entry>", result("<effectiveTime value='202401020815'/><value xsi:type='PQ' value='5' unit='g/L'/>")));
    let source = only(&derived)["extension"][0]["extension"].as_array().unwrap().clone();
    assert!(source.contains(&json!({"url": "unzoned-time", "valueString": "202401020815"})));
    assert_eq!(only(&derived)["effectiveDateTime"], "2024-01-02T08:15:00+01:00");
}

#[test]
fn a_pending_result_is_none_and_an_older_one_is_tagged() {
    let pending = format!("<entry>{}</entry>", result("<value xsi:type='PQ' nullFlavor='NA'/>"));
    assert!(of("18719-5", "", &pending).resources.is_empty());
    let older = "<entryRelationship typeCode='REFR'><observation><effectiveTime value='20200101'/><value xsi:type='PQ' value='4' unit='mmol/L'/></observation></entryRelationship>";
    let derived = of("18719-5", "", &format!("<entry>{}</entry>", result(&format!("<value xsi:type='PQ' value='5' unit='mmol/L'/>{older}"))));
    assert_eq!(derived.resources.len(), 2);
    assert!(derived.resources[0].resource.get("meta").is_none());
    assert_eq!(derived.resources[1].resource["meta"]["tag"][0]["code"], "prior-result");
    assert_eq!(derived.resources[1].resource["code"]["text"], "Glucose");
}

#[test]
fn an_isolate_owns_its_antibiogram() {
    let cluster = format!(
        "<entry><organizer classCode='CLUSTER'><templateId root='1.3.6.1.4.1.19376.1.3.1.5'/><statusCode code='completed'/><specimen><specimenRole><specimenPlayingEntity>\
        <code code='112283007' codeSystem='2.16.840.1.113883.6.96' displayName='Escherichia coli'/></specimenPlayingEntity></specimenRole></specimen>\
        <component>{}</component></organizer></entry>",
        result("<value xsi:type='IVL_PQ'><high value='0.128' unit='ug/mL'/></value><interpretationCode code='S'/>")
    );
    let derived = of("18725-2", "", &cluster);
    let isolate = &derived.resources[1].resource;
    assert_eq!((&isolate["valueCodeableConcept"]["text"], isolate["hasMember"].as_array().unwrap().len()), (&json!("Escherichia coli"), 1));
    assert_eq!(derived.resources[0].resource["valueQuantity"]["comparator"], "<=");
}

#[test]
fn vital_signs_take_the_date_of_their_organizer() {
    let organizer = "<entry><organizer classCode='CLUSTER'><code code='85353-1'/><effectiveTime value='20240301'/><component><observation><code code='29463-7' codeSystem='2.16.840.1.113883.6.1' displayName='Poids'/>\
        <effectiveTime nullFlavor='NA'/><value xsi:type='PQ' value='58' unit='kg'/></observation></component></organizer></entry>";
    let derived = of("8716-3", "", organizer);
    assert_eq!((&only(&derived)["category"][0]["coding"][0]["code"], &only(&derived)["effectiveDateTime"]), (&json!("vital-signs"), &json!("2024-03-01")));
}

#[test]
fn acts_done_are_procedures_and_acts_to_do_are_requests() {
    let act = |attributes: &str| {
        format!(
            "<entry><procedure {attributes}><code code='DDAF004' codeSystem='1.2.250.1.215.300.1' displayName='Dilatation'/><statusCode code='completed'/><effectiveTime value='20190812'/></procedure></entry>"
        )
    };
    let done = of("47519-4", "", &act("moodCode='EVN'"));
    assert_eq!((&only(&done)["status"], &only(&done)["performedDateTime"]), (&json!("completed"), &json!("2019-08-12")));
    let asked = of("18776-5", "", &act("moodCode='INT'"));
    assert_eq!((&only(&asked)["resourceType"], &only(&asked)["occurrenceDateTime"]), (&json!("ServiceRequest"), &json!("2019-08-12")));
    assert_eq!(only(&of("47519-4", "", &act("negationInd='true'")))["status"], "not-done");
    let null = "<entry><procedure><code nullFlavor='NA'/></procedure></entry>";
    assert!(of("47519-4", "", null).resources.is_empty());
}

#[test]
fn the_qualifier_of_a_heading_is_the_act() {
    let act = "<entry><procedure><code code='MED-1' codeSystem='1.2.3' displayName='Travail'><qualifier><value code='11466000' codeSystem='2.16.840.1.113883.6.96' displayName='césarienne'/></qualifier></code></procedure></entry>";
    let derived = of("29554-3", "", act);
    assert_eq!(only(&derived)["code"]["coding"][0]["code"], "11466000");
}

#[test]
fn an_exam_to_do_is_a_request_only_when_it_names_a_modality() {
    let exam = |code: &str, system: &str| {
        format!(
            "<entry><observation moodCode='INT'><templateId root='1.2.250.1.213.1.1.3.27'/><code code='{code}' codeSystem='{system}' displayName='examen'/></observation></entry>"
        )
    };
    assert_eq!(kinds(&of("18776-5", "", &exam("CT", "1.2.840.10008.2.16.4"))), ["ServiceRequest"]);
    assert_eq!(kinds(&of("18776-5", "", &exam("22748-8", "2.16.840.1.113883.6.1"))), ["CarePlan"]);
}

#[test]
fn an_imaging_conclusion_is_told_in_its_own_words() {
    let derived = of("19005-8", "<paragraph>Pas de <b>lésion</b>.</paragraph>", "");
    assert_eq!(only(&derived)["conclusion"], "Pas de lésion.");
}

#[test]
fn devices_and_relatives_have_their_own_kinds() {
    let device = "<entry><supply moodCode='EVN'><participant typeCode='DEV'><participantRole><id root='1.2' extension='x'/><playingDevice><code code='J010104' codeSystem='1.2.250.1.213.2.68' displayName='Stimulateur'/></playingDevice></participantRole></participant></supply></entry>";
    assert_eq!(only(&of("46264-8", "", device))["contained"][0]["type"]["text"], "Stimulateur");
    let relative = format!(
        "<entry><organizer><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.15'/><subject><relatedSubject><code code='MTH' codeSystem='2.16.840.1.113883.5.111'/></relatedSubject></subject><component><observation>{I10}</observation></component></organizer></entry>"
    );
    assert_eq!(only(&of("10157-6", "", &relative))["relationship"]["text"], "mère");
}

#[test]
fn hostile_nesting_ends() {
    let deep = format!("<entry>{}<observation/>{}</entry>", "<act><entryRelationship>".repeat(40), "</entryRelationship></act>".repeat(40));
    assert!(!of("11450-4", "", &deep).warnings.is_empty());
}
