//! Rules that reading documents beyond the first models asked for: what older, foreign and unusual documents say.

use serde_json::{Value, json};

use super::{Derived, derive, read};

fn of(code: &str, text: &str, entries: &str) -> Derived {
    let cda = format!(
        "<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><effectiveTime value='20240601'/><recordTarget/>\
         <component><structuredBody><component><section><code code='{code}'/><text>{text}</text>{entries}</section></component></structuredBody></component></ClinicalDocument>"
    );
    derive(&read(cda.as_bytes()).unwrap(), "DocumentReference/d", "Patient/p")
}

fn only(derived: &Derived) -> &Value {
    assert_eq!(derived.resources.len(), 1, "{:?}", derived.resources);
    &derived.resources[0].resource
}

fn allergy(inside: &str, attributes: &str) -> String {
    format!(
        "<entry><observation {attributes}><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.6'/><code code='414285001' codeSystem='2.16.840.1.113883.6.96'/>{inside}</observation></entry>"
    )
}

const SNOMED: &str = "codeSystem='2.16.840.1.113883.6.96'";
const DRUG: &str =
    "<consumable><manufacturedProduct><manufacturedMaterial><code code='1' codeSystem='1.2.3' displayName='dipyrone'/></manufacturedMaterial></manufacturedProduct></consumable>";

#[test]
fn a_condition_class_without_template_or_value_is_a_condition() {
    let asthma = format!("<entry><observation classCode='COND'><code code='195967001' {SNOMED} displayName='Asthma'/><effectiveTime value='1950'/></observation></entry>");
    let found = of("11348-0", "", &asthma);
    assert_eq!((&only(&found)["resourceType"], &only(&found)["code"]["text"], &only(&found)["onsetDateTime"]), (&json!("Condition"), &json!("Asthma"), &json!("1950")));
    let denied = of("11496-7", "", &asthma.replace("classCode", "negationInd='true' classCode"));
    assert_eq!(only(&denied)["verificationStatus"]["coding"][0]["code"], "refuted");
    let valued = format!(
        "<entry><observation classCode='COND'><code code='14657009' {SNOMED}/><value xsi:type='CD' code='40275004' {SNOMED} displayName='Dermatitis'/></observation></entry>"
    );
    assert_eq!(only(&of("11496-7", "", &valued))["code"]["text"], "Dermatitis");
}

#[test]
fn a_problem_section_without_templates_holds_problems_but_a_kind_of_problem_is_none() {
    let code = |c: &str| format!("<entry><observation><code code='{c}' {SNOMED} displayName='x'/></observation></entry>");
    assert_eq!(only(&of("11450-4", "", &code("195967001")))["resourceType"], "Condition");
    assert!(of("11450-4", "", &code("55607006")).resources.iter().all(|r| r.resource["resourceType"] != "Condition"));
    let inside = "<entry><act><entryRelationship typeCode='SUBJ'><observation><code code='64572001'/><value xsi:type='CD' code='I10' codeSystem='2.16.840.1.113883.6.3'/></observation></entryRelationship></act></entry>";
    assert_eq!(only(&of("11450-4", "", inside))["code"]["coding"][0]["code"], "I10");
}

#[test]
fn a_point_in_time_begins_a_state_and_never_ends_it() {
    let problem = "<entry><act><templateId root='2.16.840.1.113883.10.20.1.27'/><entryRelationship typeCode='SUBJ'><observation><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.5'/><effectiveTime value='2020'/>\
        <value xsi:type='CD' code='I10' codeSystem='2.16.840.1.113883.6.3'/></observation></entryRelationship></act></entry>";
    let found = of("11450-4", "", problem);
    assert_eq!((&only(&found)["clinicalStatus"]["coding"][0]["code"], &only(&found)["onsetDateTime"]), (&json!("active"), &json!("2020")));
    assert!(only(&found).get("abatementDateTime").is_none());
    let agent = "<effectiveTime value='20140107'/><participant typeCode='CSM'><participantRole><playingEntity><code code='A' codeSystem='1.2.3' displayName='a'/></playingEntity></participantRole></participant>";
    assert_eq!(only(&of("48765-2", "", &allergy(agent, "")))["clinicalStatus"]["coding"][0]["code"], "active");
}

#[test]
fn a_reaction_that_manifests_an_allergy_names_the_allergy() {
    let entry = |target: &str| {
        format!(
            "<entry><observation><code code='247472004' {SNOMED} displayName='Hives'/><entryRelationship typeCode='MFST'><observation>{target}</observation></entryRelationship></observation></entry>"
        )
    };
    let found = of("10155-0", "", &entry(&format!("<code code='91936005' {SNOMED} displayName='Allergy to penicillin'/>")));
    assert_eq!((&only(&found)["code"]["text"], &only(&found)["reaction"][0]["manifestation"][0]["text"]), (&json!("Allergy to penicillin"), &json!("Hives")));
    let caused = of("10155-0", "", &entry(&format!("<code code='62014003' {SNOMED}><qualifier><value code='1476002' {SNOMED} displayName='codeine'/></qualifier></code>")));
    assert_eq!(only(&caused)["code"]["text"], "codeine");
    assert!(of("10155-0", "", &entry(&format!("<code code='84100007' {SNOMED}/>"))).resources.is_empty());
}

#[test]
fn a_denied_kind_of_allergy_denies_no_other_and_does_not_read_as_one() {
    let found = of("48765-2", "", &allergy("<value xsi:type='CD'/>", "negationInd='true'"));
    assert_eq!((&only(&found)["code"]["coding"][0]["code"], &only(&found)["code"]["text"]), (&json!("no-known-food-allergies"), &json!("Aucune allergie alimentaire connue")));
}

#[test]
fn to_deny_one_agent_that_only_words_name_denies_no_other() {
    let agent = |name: &str| {
        format!("<participant typeCode='CSM'><participantRole><playingEntity><code nullFlavor='OTH'/><name>{name}</name></playingEntity></participantRole></participant>")
    };
    let found = of("48765-2", "", &allergy(&agent("Arachide"), "negationInd='true'"));
    assert_eq!((&only(&found)["code"]["text"], &only(&found)["verificationStatus"]["coding"][0]["code"]), (&json!("Arachide"), &json!("refuted")));
    let none = of("48765-2", "", &allergy(&agent("Non"), "negationInd='true'"));
    assert_eq!(only(&none)["code"]["coding"][0]["code"], "no-known-food-allergies");
}

#[test]
fn an_agent_known_by_a_translation_keeps_its_code() {
    let agent = "<participant typeCode='CSM'><participantRole><playingEntity><code nullFlavor='OTH'><translation code='Z' codeSystem='1.2.3' displayName='z'/></code></playingEntity></participantRole></participant>";
    assert_eq!(only(&of("48765-2", "", &allergy(agent, "")))["code"]["coding"][0]["code"], "Z");
}

#[test]
fn an_act_named_by_the_narrative_alone_is_kept_unless_it_says_nothing() {
    let act = |null: &str, own: &str| format!("<entry><procedure moodCode='EVN' {own}><code nullFlavor='{null}'/><text><reference value='#p'/></text></procedure></entry>");
    assert_eq!(only(&of("47519-4", "<c ID='p'>Césarienne</c>", &act("NI", "")))["code"]["text"], "Césarienne");
    for (words, null, own) in [("Césarienne", "NA", ""), ("Césarienne", "NI", "nullFlavor='NA'"), ("Aucune intervention", "NI", ""), ("UNK UNK", "NI", ""), ("Non", "NI", "")] {
        assert!(of("47519-4", &format!("<c ID='p'>{words}</c>"), &act(null, own)).resources.is_empty(), "{words} {null} {own}");
    }
    assert!(of("47519-4", "", "<entry><procedure moodCode='EVN'><code code='NA' codeSystem='1.2.3'/></procedure></entry>").resources.is_empty());
    let device = "<entry><supply moodCode='EVN' nullFlavor='NI'><text>x</text><participant typeCode='DEV'><participantRole><playingDevice><code nullFlavor='NI'/></playingDevice></participantRole></participant></supply></entry>";
    assert!(of("46264-8", "", device).resources.is_empty());
}

#[test]
fn a_definition_or_a_criterion_is_no_act_of_the_patient() {
    for mood in ["DEF", "EVN.CRT"] {
        let act = format!("<entry><procedure moodCode='{mood}'><code code='A' codeSystem='1.2.3' displayName='x'/></procedure></entry>");
        assert!(of("47519-4", "", &act).resources.is_empty(), "{mood}");
        assert!(of("10160-0", "", &format!("<entry><substanceAdministration moodCode='{mood}'>{DRUG}</substanceAdministration></entry>")).resources.is_empty(), "{mood}");
    }
}

#[test]
fn every_four_to_six_hours_and_ten_days_are_kept() {
    let taken = format!(
        "<entry><substanceAdministration moodCode='EVN'><effectiveTime><low value='20240101'/><width value='10' unit='d'/></effectiveTime>\
         <effectiveTime operator='A'><period><low value='4' unit='h'/><high value='6' unit='h'/></period></effectiveTime>{DRUG}</substanceAdministration></entry>"
    );
    let found = of("10160-0", "", &taken);
    let repeat = &only(&found)["dosage"][0]["timing"]["repeat"];
    assert_eq!((&repeat["period"], &repeat["periodMax"], &repeat["periodUnit"], &repeat["boundsPeriod"]["end"]), (&json!(4), &json!(6), &json!("h"), &json!("2024-01-10")));
    let daily = of(
        "10160-0",
        "",
        &format!("<entry><substanceAdministration moodCode='INT'><effectiveTime operator='A'><period value='1' unit='J'/></effectiveTime>{DRUG}</substanceAdministration></entry>"),
    );
    assert_eq!(only(&daily)["dosageInstruction"][0]["timing"]["repeat"]["periodUnit"], "d");
}

#[test]
fn a_denied_drug_of_no_kind_is_no_known_medication_and_a_planned_vaccine_no_prescription() {
    let none = "<entry><substanceAdministration moodCode='EVN' negationInd='true'><consumable><manufacturedProduct><manufacturedMaterial><code nullFlavor='NA'/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>";
    assert_eq!(only(&of("10160-0", "", none))["medicationCodeableConcept"]["coding"][0]["code"], "no-known-medications");
    let planned = format!("<entry><substanceAdministration moodCode='INT'><templateId root='2.16.840.1.113883.10.20.22.4.120'/>{DRUG}</substanceAdministration></entry>");
    assert_eq!(only(&of("18776-5", "", &planned))["resourceType"], "ImmunizationRecommendation");
}

#[test]
fn a_dose_rank_may_be_text() {
    let given = format!(
        "<entry><substanceAdministration moodCode='EVN'><effectiveTime value='2024'/>{DRUG}<entryRelationship typeCode='SUBJ'><observation><code code='30973-2'/><value xsi:type='ST'> 3 </value></observation></entryRelationship></substanceAdministration></entry>"
    );
    assert_eq!(only(&of("11369-6", "", &given))["protocolApplied"][0]["doseNumberPositiveInt"], 3);
}

#[test]
fn an_observation_has_one_value_and_its_others_are_noted() {
    let two = "<entry><observation><templateId root='1.3.6.1.4.1.19376.1.3.1.6'/><code code='1' codeSystem='1.2.3' displayName='x'/><value xsi:type='CD' code='N' codeSystem='1.2.3' displayName='négatif'/><value xsi:type='PQ' value='3' unit='g/L'/></observation></entry>";
    let found = of("30954-2", "", two);
    assert_eq!((&only(&found)["valueCodeableConcept"]["text"], only(&found).get("valueQuantity")), (&json!("négatif"), None));
    assert_eq!(only(&found)["note"][0]["text"], "Autre valeur du document : 3 g/L");
}

#[test]
fn a_quantity_in_another_unit_is_noted_and_two_statements_in_one_entry_are_both_read() {
    let one = |code: &str| {
        format!(
            "<observation><templateId root='1.3.6.1.4.1.19376.1.3.1.6'/><code code='{code}' codeSystem='1.2.3'/><value xsi:type='PQ' value='5' unit='mmol/L'><translation value='0.9' displayName='g/L'/></value></observation>"
        )
    };
    let found = of("30954-2", "", &format!("<entry>{}{}</entry>", one("a"), one("b")));
    let paths: Vec<&str> = found.resources.iter().filter_map(|r| r.path.rsplit_once("/entry[0]/").map(|p| p.1)).collect();
    assert_eq!(paths, ["observation", "observation[1]"]);
    assert_eq!(found.resources[0].resource["note"][0]["text"], "Autre valeur du document : 0.9 g/L");
}

#[test]
fn a_planned_visit_that_the_narrative_denies_is_no_visit_and_a_device_keeps_its_controls() {
    let visit = "<entry><encounter moodCode='ARQ'><code code='AMB' codeSystem='1.2.3' displayName='consultation'/><text><reference value='#v'/></text></encounter></entry>";
    assert_eq!(only(&of("18776-5", "<c ID='v'>Non</c>", visit))["resourceType"], "Observation");
    let device = "<entry><supply moodCode='EVN'><participant typeCode='DEV'><participantRole><playingDevice><code code='J01' codeSystem='1.2.3' displayName='stimulateur'/></playingDevice></participantRole></participant>\
        <entryRelationship typeCode='RSON'><observation><templateId root='1.2.250.1.213.1.1.3.48'/><code code='L0010' codeSystem='1.2.3' displayName='FEVG'/><value xsi:type='PQ' value='33' unit='%'/></observation></entryRelationship></supply></entry>";
    let kinds: Vec<Value> = of("46264-8", "", device).resources.iter().map(|r| r.resource["resourceType"].clone()).collect();
    assert_eq!(kinds, ["DeviceUseStatement", "Observation"]);
}

#[test]
fn a_denied_act_that_the_narrative_affirms_stays_denied_and_flagged_and_an_affirmed_one_it_denies_is_no_act() {
    let act = |negation: &str| {
        format!(
            "<entry><procedure moodCode='INT' negationInd='{negation}'><code code='1' codeSystem='1.2.3' displayName='surveillance'/><text><reference value='#p'/></text></procedure></entry>"
        )
    };
    let denied = of("18776-5", "<c ID='p'>Oui</c>", &act("true"));
    assert_eq!((&only(&denied)["doNotPerform"], only(&denied)["note"][0]["text"].is_string(), denied.warnings.len()), (&json!(true), true, 1));
    assert_eq!(only(&of("18776-5", "<c ID='p'>Non</c>", &act("false")))["resourceType"], "Observation");
    let given = format!("<entry><substanceAdministration moodCode='EVN' negationInd='true'><text><reference value='#p'/></text>{DRUG}</substanceAdministration></entry>");
    assert_eq!(only(&of("11369-6", "<c ID='p'>Oui</c>", &given))["status"], "not-done");
}

#[test]
fn a_finding_said_by_its_code_alone_is_present_and_a_heading_is_not() {
    let finding = |inside: &str| format!("<entry><observation><code code='48348007' {SNOMED} displayName='Chest clear'/>{inside}</observation></entry>");
    assert_eq!(only(&of("8710-6", "", &finding("")))["valueBoolean"], true);
    assert!(of("8710-6", "", &finding("<entryRelationship typeCode='COMP'><observation><code nullFlavor='UNK'/></observation></entryRelationship>")).resources.is_empty());
}

#[test]
fn a_rate_written_as_a_ratio_is_a_vital_sign() {
    let rate = format!(
        "<entry><observation><code code='364075005' {SNOMED} displayName='Heart rate'/><value xsi:type='RTO_PQ_PQ'><numerator value='86'/><denominator value='1' unit='min'/></value></observation></entry>"
    );
    assert_eq!(only(&of("8716-3", "", &rate))["category"][0]["coding"][0]["code"], "vital-signs");
}

#[test]
fn directives_that_stand_in_an_attached_file_only_are_an_observation_that_names_it() {
    let directive = "<entry><observation><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.13.7'/><code code='42348-3' codeSystem='2.16.840.1.113883.6.1' displayName='Directives anticipées'/>\
        <text><reference value='#pdf'/></text><entryRelationship typeCode='COMP'><observationMedia ID='pdf'><value mediaType='application/pdf' representation='B64'>JVBERi0=</value></observationMedia></entryRelationship></observation></entry>";
    let found = of("42348-3", "", directive);
    let [observation, media] = found.resources.as_slice() else { panic!("{:?}", found.resources) };
    assert_eq!(observation.resource["derivedFrom"][0]["reference"], json!(format!("path:{}", media.path)));
    assert!(observation.resource.as_object().unwrap().keys().all(|k| !k.starts_with("value")));
    assert_eq!(media.resource["content"]["title"], "Directives anticipées");
}

#[test]
fn a_transfer_says_where_to_whether_done_or_to_be_done() {
    let transfer = |mood: &str| {
        format!(
            "<entry><act moodCode='{mood}'><templateId root='1.2.250.1.213.1.1.3.28'/><code code='80413-8' codeSystem='2.16.840.1.113883.6.1' displayName='Transfert du patient'/>\
             <effectiveTime><low value='20181003'/></effectiveTime><participant typeCode='DST'><participantRole><playingEntity><name>Clinique du Belvédère</name></playingEntity></participantRole></participant></act></entry>"
        )
    };
    let done = of("8650-4", "", &transfer("EVN"));
    assert_eq!((&only(&done)["resourceType"], &only(&done)["location"]["display"]), (&json!("Procedure"), &json!("Clinique du Belvédère")));
    let planned = of("8650-4", "", &transfer("INT"));
    assert_eq!((&only(&planned)["resourceType"], &only(&planned)["locationReference"][0]["display"]), (&json!("ServiceRequest"), &json!("Clinique du Belvédère")));
}

#[test]
fn a_relative_whose_group_has_no_words_stands_where_the_words_of_his_disease_do() {
    let disease = "<component><observation><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.13.3'/><code code='282291009'/><text><reference value='#fam'/></text><value xsi:type='CD' code='J45.9' codeSystem='2.16.840.1.113883.6.3' displayName='Asthme'/></observation></component>";
    let group = format!(
        "<entry><organizer classCode='CLUSTER'><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.15'/><subject><relatedSubject classCode='PRS'><code code='FTH' codeSystem='2.16.840.1.113883.5.111'/></relatedSubject></subject>{disease}</organizer></entry>"
    );
    let found = of("10157-6", "<content ID='fam'>Asthme dans l'enfance</content>", &group);
    let parts = only(&found)["extension"][0]["extension"].as_array().unwrap();
    assert!(parts.contains(&json!({"url": "fragment", "valueString": "fam"})), "{parts:?}");
}

#[test]
fn the_text_of_a_drug_is_a_dosage_only_when_it_says_more_than_the_product() {
    let taken = |text: &str, dose: &str| {
        format!(
            "<entry><substanceAdministration moodCode='EVN'><text>{text}</text>{dose}<consumable><manufacturedProduct><manufacturedMaterial><code code='1' codeSystem='1.2.3' displayName='PLAVIX 75 mg, comprimé pelliculé'/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"
        )
    };
    let dose = "<doseQuantity value='2' unit='{tablet}'/>";
    for name in ["PLAVIX 75mg", "Plavix 75 mg, comprimé pelliculé [CIP : 3400936915657]", "plavix comprimé", "Oui"] {
        let found = of("10160-0", "", &taken(name, dose));
        assert_eq!((only(&found)["dosage"][0].get("text"), &only(&found)["dosage"][0]["doseAndRate"][0]["doseQuantity"]["value"]), (None, &json!(2)), "{name}");
    }
    for more in ["PLAVIX 1 comprimé", "PLAVIX 75 mg le soir", "1 comprimé"] {
        assert_eq!(only(&of("10160-0", "", &taken(more, dose)))["dosage"][0]["text"], more);
    }
    assert_eq!(only(&of("10160-0", "", &taken("2 comprimés le soir", "")))["dosage"][0]["text"], "2 comprimés le soir");
    assert!(only(&of("10160-0", "", &taken("Plavix, voir la lettre", ""))).get("dosage").is_none());
}

#[test]
fn the_name_of_a_product_is_told_before_the_class_its_codes_say() {
    let taken = |code: &str, name: &str| {
        let text = "<text><reference value='#w'/></text>";
        format!(
            "<entry><substanceAdministration moodCode='EVN'>{text}<consumable><manufacturedProduct><manufacturedMaterial>{code}{name}</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"
        )
    };
    let label = |code: &str, name: &str| {
        let found = of("10160-0", "<c ID='w'>ligne du tableau</c>", &taken(code, name));
        let concept = &only(&found)["medicationCodeableConcept"];
        assert_eq!(concept["coding"][0]["display"], "apixaban");
        concept["text"].as_str().unwrap().to_owned()
    };
    let atc = "code='B01AF02' codeSystem='2.16.840.1.113883.6.73' displayName='apixaban'";
    let (translated, class) = (format!("<code nullFlavor='OTH'><translation {atc}/></code>"), format!("<code {atc}/>"));
    for code in [&translated, &class] {
        assert_eq!(label(code, "<name>APIXABAN 2,5 mg, comprimé</name>"), "APIXABAN 2,5 mg, comprimé");
        assert_eq!(label(code, ""), "apixaban");
        assert_eq!(label(code, "<name>UNK</name>"), "apixaban");
    }
}

#[test]
fn an_aborted_treatment_is_stopped_and_a_cancelled_one_was_never_taken() {
    let drug = |status: &str, mood: &str| format!("<entry><substanceAdministration moodCode='{mood}'><statusCode code='{status}'/>{DRUG}</substanceAdministration></entry>");
    for (section, mood, status, told) in [
        ("10160-0", "EVN", "aborted", "stopped"),
        ("10160-0", "EVN", "cancelled", "not-taken"),
        ("18610-6", "EVN", "aborted", "stopped"),
        ("18610-6", "EVN", "cancelled", "not-done"),
        ("10160-0", "INT", "aborted", "stopped"),
    ] {
        assert_eq!(only(&of(section, "", &drug(status, mood)))["status"], told, "{section} {mood} {status}");
    }
}

#[test]
fn the_parts_of_a_complication_are_statements_of_their_own() {
    let simple = |code: &str, inside: &str| {
        format!(
            "<observation><templateId root='1.2.250.1.213.1.1.3.48'/><code code='{code}' codeSystem='2.16.840.1.113883.6.3' displayName='{code}'/><value xsi:type='BL' value='true'/>{inside}</observation>"
        )
    };
    let part = |attributes: &str| format!("<entryRelationship typeCode='RSON' {attributes}>{}</entryRelationship>", simple("I26", ""));
    let found = of("18776-5", "", &format!("<entry>{}</entry>", simple("MED-1", &part(""))));
    let told: Vec<(&Value, &Value)> = found.resources.iter().map(|r| (&r.resource["code"]["text"], &r.resource["valueBoolean"])).collect();
    assert_eq!(told, [(&json!("MED-1"), &json!(true)), (&json!("I26"), &json!(true))]);
    let unrelated = of("18776-5", "", &format!("<entry>{}</entry>", simple("MED-1", &part("negationInd='true'"))));
    assert!(unrelated.resources[1].resource["note"][0]["text"].as_str().unwrap().contains("nie le lien"));
    assert_eq!(unrelated.warnings.len(), 1);
    let reason = "<entryRelationship typeCode='RSON'><observation><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.5'/><value xsi:type='CD' code='I10' codeSystem='2.16.840.1.113883.6.3'/></observation></entryRelationship>";
    assert_eq!(of("18776-5", "", &format!("<entry>{}</entry>", simple("MED-1", reason))).resources.len(), 1);
}

#[test]
fn a_coded_result_that_its_words_contradict_is_kept_and_marked() {
    let test = |words: &str| {
        let entry = "<entry><observation><templateId root='1.3.6.1.4.1.19376.1.3.1.6'/><code code='80382-5' codeSystem='2.16.840.1.113883.6.1' displayName='Grippe A'/><statusCode code='completed'/>\
            <value xsi:type='CD' code='10828004' codeSystem='2.16.840.1.113883.6.96' displayName='positif'><originalText><reference value='#r'/></originalText></value></observation></entry>";
        of("30954-2", &format!("<c ID='r'>{words}</c>"), entry)
    };
    let disputed = test("Négatif");
    assert_eq!((&only(&disputed)["status"], &only(&disputed)["valueCodeableConcept"]["text"]), (&json!("preliminary"), &json!("positif")));
    assert_eq!(only(&disputed)["note"][0]["text"], "Énoncé contradictoire : le code du document dit « positif », son texte « Négatif ». Se reporter au document.");
    assert_eq!(disputed.warnings.len(), 1);
    for agreed in ["Positif", "Présence d'antigène"] {
        assert_eq!((&only(&test(agreed))["status"], only(&test(agreed)).get("note")), (&json!("final"), None), "{agreed}");
    }
}

/// An allergy to amoxicillin with reactions and what else is said of it.
fn reacting(reactions: &str, more: &str) -> String {
    let agent = "<participant typeCode='CSM'><participantRole><playingEntity><code code='A' codeSystem='1.2.3' displayName='amoxicilline'/></playingEntity></participantRole></participant>";
    allergy(&format!("{agent}{reactions}{more}"), "")
}

fn hives(attributes: &str, inside: &str) -> String {
    format!(
        "<entryRelationship typeCode='MFST'><observation {attributes}><text><reference value='#r'/></text><value xsi:type='CD' code='126485001' {SNOMED} displayName='Urticaria'/>{inside}</observation></entryRelationship>"
    )
}

fn severity(code: &str, display: &str) -> String {
    format!(
        "<entryRelationship typeCode='SUBJ'><observation><code code='SEV' codeSystem='2.16.840.1.113883.5.4'/><value xsi:type='CD' code='{code}' {SNOMED} {display}/></observation></entryRelationship>"
    )
}

#[test]
fn a_denied_reaction_is_told_only_where_its_words_affirm_it_and_is_marked_either_way() {
    let denied = |words: &str| of("48765-2", &format!("<c ID='r'>{words}</c>"), &reacting(&hives("negationInd='true'", ""), ""));
    for (words, told) in [("Urticaire géante", true), ("Oui", true), ("Non", false), ("Pas d'urticaire", false), ("Amoxicilline", false)] {
        let found = denied(words);
        assert_eq!(only(&found).get("reaction").is_some(), told, "{words}");
        assert_eq!(only(&found)["note"][0]["text"].as_str().unwrap().starts_with("Énoncé contradictoire"), told, "{words}");
        assert!(only(&found)["note"][0]["text"].as_str().unwrap().contains("nie la réaction « Urticaria »"));
        assert_eq!(found.warnings.len(), 1, "{words}");
    }
    let affirmed = of("48765-2", "<c ID='r'>Non</c>", &reacting(&hives("", ""), ""));
    assert_eq!((only(&affirmed)["reaction"][0]["manifestation"][0]["text"].as_str(), only(&affirmed).get("note")), (Some("Urticaria"), None));
}

#[test]
fn the_kind_of_an_allergy_is_no_reaction() {
    let kind = format!("<value xsi:type='CD' code='419511003' {SNOMED} displayName='Propensity to adverse reactions to drug'/>");
    let found = of("48765-2", "", &reacting(&hives("", ""), &kind));
    assert_eq!(only(&found)["reaction"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_severity_of_an_allergy_is_that_of_its_only_reaction_or_is_noted() {
    let moderate = severity("6736007", "");
    let one = of("48765-2", "", &reacting(&hives("", ""), &moderate));
    assert_eq!(only(&one)["reaction"][0]["severity"], "moderate");
    let own = of("48765-2", "", &reacting(&hives("", &severity("24484000", "")), &moderate));
    assert_eq!(only(&own)["reaction"][0]["severity"], "severe");
    for (reactions, code, display, told) in [
        (String::new(), "6736007", "", "modérée"),
        (hives("", "") + &hives("", &severity("255604002", "")), "6736007", "displayName='modéré'", "modéré"),
        (hives("", ""), "999", "displayName='GRAVE'", "GRAVE"),
    ] {
        let found = of("48765-2", "", &reacting(&reactions, &severity(code, display)));
        assert_eq!(only(&found)["note"][0]["text"], format!("Sévérité de l'allergie : {told}"));
    }
}

#[test]
fn a_denied_allergy_to_substances_in_general_is_no_known_allergy() {
    let substance = |more: &str| {
        format!(
            "<entry><observation {more}><templateId root='2.16.840.1.113883.10.20.22.4.7'/><code code='ASSERTION'/><value xsi:type='CD' code='419199007' {SNOMED} displayName='Allergy to substance (disorder)'/>\
             <participant typeCode='CSM'><participantRole><playingEntity><code code='105590001' {SNOMED} displayName='Substance'/><name>Substance</name></playingEntity></participantRole></participant></observation></entry>"
        )
    };
    assert_eq!(only(&of("48765-2", "", &substance("negationInd='true'")))["code"]["coding"][0]["code"], "no-known-allergies");
    assert_eq!(only(&of("48765-2", "", &substance("")))["code"]["text"], "Substance");
}

#[test]
fn a_count_of_no_relatives_is_no_family_history_and_another_is_noted() {
    let history = |count: &str| {
        let disease = "<component><observation><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.13.3'/><value xsi:type='CD' code='D48.6' codeSystem='2.16.840.1.113883.6.3' displayName='Tumeur du sein'/>\
            <interpretationCode><originalText><reference value='#n'/></originalText></interpretationCode></observation></component>";
        let group = format!(
            "<entry><organizer><templateId root='1.3.6.1.4.1.19376.1.5.3.1.4.15'/><subject><relatedSubject><code code='FAMMEMB' codeSystem='2.16.840.1.113883.5.111'/></relatedSubject></subject>{disease}</organizer></entry>"
        );
        of("10157-6", &format!("<c ID='n'>{count}</c>"), &group)
    };
    let none = history("0");
    assert_eq!((none.resources.len(), none.warnings.len()), (0, 1));
    assert_eq!(only(&history("2"))["condition"][0]["note"][0]["text"], "Nombre de personnes : 2");
    assert!(only(&history("élevé"))["condition"][0].get("note").is_none());
}

#[test]
fn a_precondition_is_a_need_only_when_it_says_so() {
    let drug = |criterion: &str| {
        format!("<entry><substanceAdministration moodCode='EVN'><precondition><criterion>{criterion}</criterion></precondition>{DRUG}</substanceAdministration></entry>")
    };
    for need in [
        "<text>Si douleur</text>",
        "<text>En cas de crise</text>",
        "<text>3 fois par jour au besoin</text>",
        "<value xsi:type='CD' code='56018004' codeSystem='2.16.840.1.113883.6.96' displayName='Wheezing'/>",
    ] {
        assert!(only(&of("10160-0", "", &drug(need)))["dosage"][0].get("asNeededCodeableConcept").is_some(), "{need}");
    }
    let told = of("10160-0", "", &drug("<text>Traitement à suspendre pendant l'hospitalisation</text>"));
    assert_eq!(
        (&only(&told)["dosage"][0]["additionalInstruction"][0]["text"], only(&told)["dosage"][0].get("asNeededCodeableConcept")),
        (&json!("Traitement à suspendre pendant l'hospitalisation"), None)
    );
}

#[test]
fn a_step_says_how_long_it_lasts_with_or_without_its_first_day() {
    let step = |time: &str| {
        let below = format!(
            "<substanceAdministration moodCode='INT'><effectiveTime xsi:type='SXPR_TS'><comp xsi:type='IVL_TS'>{time}</comp><comp xsi:type='PIVL_TS' operator='A'><period value='8' unit='h'/></comp></effectiveTime></substanceAdministration>"
        );
        let found = of(
            "57828-6",
            "",
            &format!(
                "<entry><substanceAdministration moodCode='INT'>{DRUG}<entryRelationship typeCode='COMP'><sequenceNumber value='1'/>{below}</entryRelationship></substanceAdministration></entry>"
            ),
        );
        only(&found)["dosageInstruction"][0]["timing"]["repeat"].clone()
    };
    assert_eq!(step("<width value='2' unit='d'/>")["boundsDuration"]["value"], 2);
    let dated = step("<low value='20231201'/><width value='2' unit='d'/>");
    assert_eq!((&dated["boundsPeriod"]["start"], dated.get("boundsDuration")), (&json!("2023-12-01"), None));
}

#[test]
fn an_act_with_a_bare_code_is_named_by_its_words() {
    let act = "<entry><procedure moodCode='EVN'><code code='SURG' codeSystem='2.16.840.1.113883.5.4'/><text><reference value='#p'/></text></procedure></entry>";
    let label = |words: &str| only(&of("47519-4", &format!("<c ID='p'>{words}</c>"), act))["code"].clone();
    let named = label("Appendicectomie, par laparotomie");
    assert_eq!((&named["text"], &named["coding"][0]["code"]), (&json!("Appendicectomie, par laparotomie"), &json!("SURG")));
    assert_eq!(label("Oui")["text"], "Intervention chirurgicale");
    let because = "<entryRelationship typeCode='RSON'><observation><value xsi:type='CD' code='K37' codeSystem='2.16.840.1.113883.6.3' displayName='Appendicite aigüe, autre'/></observation></entryRelationship></procedure>";
    let reasoned = of("47519-4", "<c ID='p'>Appendicite aiguë</c>", &act.replace("</procedure>", because));
    assert_eq!(only(&reasoned)["code"]["text"], "Intervention chirurgicale");
}

#[test]
fn every_instruction_to_the_patient_is_kept_as_a_sentence() {
    let told = |text: &str| format!("<entryRelationship typeCode='SUBJ'><act><code code='PINSTRUCT'/><text>{text}</text></act></entryRelationship>");
    let drug = format!("<entry><substanceAdministration moodCode='INT'>{DRUG}{}{}</substanceAdministration></entry>", told("À jeun"), told("Ne pas croquer."));
    assert_eq!(only(&of("57828-6", "", &drug))["dosageInstruction"][0]["patientInstruction"], "À jeun. Ne pas croquer.");
}

#[test]
fn a_time_that_is_none_gives_no_date_and_is_kept_as_it_is_written() {
    let at = |time: &str| format!("<entry><observation classCode='COND'><code code='195967001' {SNOMED} displayName='Asthma'/>{time}</observation></entry>");
    let kept = |time: &str| {
        let found = of("11348-0", "", &at(time));
        let parts = only(&found)["extension"][0]["extension"].clone();
        let raw = parts.as_array().unwrap().iter().find(|p| p["url"] == "unreadable-time").map(|p| p["valueString"].as_str().unwrap().to_owned());
        (only(&found).get("onsetDateTime").is_some(), raw)
    };
    assert_eq!(kept("<effectiveTime value='20269999'/>"), (false, Some("20269999".into())));
    assert_eq!(kept("<effectiveTime><low value='20261350'/></effectiveTime>"), (false, Some("20261350".into())));
    assert_eq!((kept("<effectiveTime value='2026'/>"), kept("<effectiveTime nullFlavor='UNK'/>"), kept("")), ((true, None), (false, None), (false, None)));
}

#[test]
fn a_planned_visit_keeps_its_words_and_its_urgency() {
    let visit = "<entry><encounter classCode='ENC' moodCode='ARQ'><code code='AMB' codeSystem='2.16.840.1.113883.5.4' displayName='Ambulatoire'/><text>Consultation de cardiologie</text>\
        <effectiveTime value='20260722'/><priorityCode code='UR' codeSystem='2.16.840.1.113883.5.7' displayName='Urgent'/></encounter></entry>";
    let found = of("18776-5", "", visit);
    let one = only(&found);
    assert_eq!((&one["status"], &one["reasonCode"][0]["text"], &one["priority"]["coding"][0]["code"]), (&json!("planned"), &json!("Consultation de cardiologie"), &json!("UR")));
}
