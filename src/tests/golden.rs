//! Our own documents: what a correct reader finds in each (`conformance-tests/corpus/expected.json`), and what must not be there.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::{Session, TestServer, sample};

on_both! {
    every_sample_gives_exactly_its_facts
    the_summary_of_the_samples_holds_the_essential
    a_discharge_report_gives_what_every_row_is_for
}

const SAMPLES: &[&str] = &[
    "01-synthese-medicale.xml",
    "02-biologie-2026-03.xml",
    "03-biologie-2026-09.xml",
    "04-imagerie-irm-genou.xml",
    "05-lettre-de-liaison-sortie.xml",
    "06-vaccinations.xml",
    "07-prescription.xml",
    "08-courrier-pdf.xml",
];

fn expected() -> Value {
    serde_json::from_slice(&sample("expected.json")).unwrap()
}

/// The derived resources of a document, those tagged as prior results apart.
fn derived(session: &mut Session, reference: &Value) -> (Vec<Value>, Vec<Value>) {
    let id = reference["id"].as_str().unwrap();
    let found = session.found(&format!("Provenance?entity=DocumentReference/{id}&_include=Provenance:target"));
    let all = found["entry"].as_array().cloned().unwrap_or_default().into_iter().map(|e| e["resource"].clone()).filter(|r| r["resourceType"] != "Provenance");
    all.partition(|r| !r["meta"]["tag"].to_string().contains("prior-result"))
}

fn every_sample_gives_exactly_its_facts(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let expected = expected();
    let mut wrong = Vec::new();
    for name in SAMPLES {
        let reference = cabinet.deposited(&sample(name));
        let (facts, prior) = derived(&mut cabinet, &reference);
        let want = &expected["files"][*name];
        let mut check = Check { name, facts: &facts, wrong: &mut wrong };
        check.metadata(&reference, &want["document"]);
        check.problems(want);
        check.medications(want);
        check.immunizations(want);
        check.results(want);
        check.others(want);
        let priors = want["priorResults"].as_array().map_or(0, Vec::len);
        let tagged = prior.iter().filter(|r| r["resourceType"] == "Observation" && r.get("hasMember").is_none()).count();
        if tagged != priors {
            wrong.push(format!("{name}: {tagged} prior results instead of {priors}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Check<'a> {
    name: &'a str,
    facts: &'a [Value],
    wrong: &'a mut Vec<String>,
}

fn list<'a>(want: &'a Value, key: &str) -> &'a [Value] {
    want[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn codes(concept: &Value) -> Vec<&str> {
    concept["coding"].as_array().into_iter().flatten().filter_map(|c| c["code"].as_str()).collect()
}

/// Digits of a date, for comparison at the precision both give.
fn day(text: &Value) -> String {
    text.as_str().unwrap_or("").chars().filter(char::is_ascii_digit).take(8).collect()
}

fn same_day(a: &Value, b: &Value) -> bool {
    let (a, b) = (day(a), day(b));
    let n = a.len().min(b.len());
    a[..n] == b[..n]
}

impl Check<'_> {
    fn of(&self, kinds: &[&str]) -> Vec<&Value> {
        self.facts.iter().filter(|f| kinds.contains(&f["resourceType"].as_str().unwrap_or(""))).collect()
    }

    fn must(&mut self, holds: bool, what: String) {
        if !holds {
            self.wrong.push(format!("{}: {what}", self.name));
        }
    }

    fn metadata(&mut self, reference: &Value, want: &Value) {
        self.must(reference["content"][0]["attachment"]["title"] == want["title"], "title".into());
        self.must(reference["type"]["coding"][0]["code"] == want["typeCode"], "type".into());
        self.must(same_day(&reference["context"]["period"]["start"], &want["serviceStart"]), "service start".into());
        self.must(reference["context"]["facilityType"]["coding"][0]["code"] == want["facilityType"], "facility".into());
        self.must(reference["context"]["practiceSetting"]["coding"][0]["code"] == want["practiceSetting"], "practice setting".into());
        self.must(reference["category"][0]["coding"][0]["code"].is_string() && reference["content"][0]["format"]["code"].is_string(), "class and format".into());
        let contained = reference["contained"].to_string();
        for key in ["id", "organisation", "specialty"] {
            let value = want["author"][key].as_str().unwrap_or("");
            self.must(contained.contains(&format!("\"{value}\"")), format!("author.{key}"));
        }
    }

    fn problems(&mut self, want: &Value) {
        let found: Vec<Value> = self.of(&["Condition"]).into_iter().cloned().collect();
        self.must(found.len() == list(want, "problems").len(), format!("{} conditions instead of {}", found.len(), list(want, "problems").len()));
        for problem in list(want, "problems") {
            let code = problem["code"].as_str().unwrap_or("");
            let one = found.iter().find(|c| codes(&c["code"]).contains(&code));
            let clinical = one.map_or("", |c| c["clinicalStatus"]["coding"][0]["code"].as_str().unwrap_or(""));
            let refuted = one.is_some_and(|c| c["verificationStatus"]["coding"][0]["code"] == "refuted");
            let right = match problem["status"].as_str() {
                Some("active") => clinical == "active" && !refuted,
                Some("refuted") => refuted && clinical != "active",
                _ => matches!(clinical, "resolved" | "inactive" | "remission") && !refuted,
            };
            self.must(right, format!("problem {code}: {clinical} {refuted}"));
        }
        let allergies: Vec<Value> = self.of(&["AllergyIntolerance"]).into_iter().cloned().collect();
        self.must(allergies.len() == list(want, "allergies").len(), "number of allergies".into());
        for allergy in list(want, "allergies") {
            let code = allergy["agentCode"].as_str().unwrap_or("");
            let one = allergies.iter().find(|a| codes(&a["code"]).contains(&code));
            self.must(one.is_some_and(|a| a["criticality"] == allergy["criticality"] && a["clinicalStatus"]["coding"][0]["code"] == "active"), format!("allergy {code}"));
            let reaction = allergy["reactionCode"].as_str().unwrap_or("");
            self.must(one.is_some_and(|a| codes(&a["reaction"][0]["manifestation"][0]).contains(&reaction)), format!("reaction {reaction}"));
        }
    }

    fn medications(&mut self, want: &Value) {
        let kinds = ["MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense"];
        let found: Vec<Value> = self.of(&kinds).into_iter().cloned().collect();
        self.must(found.len() == list(want, "medications").len(), format!("{} medications instead of {}", found.len(), list(want, "medications").len()));
        for drug in list(want, "medications") {
            let (atc, label) = (drug["atc"].as_str().unwrap_or("-"), drug["label"].as_str().unwrap_or(""));
            let one = found.iter().find(|m| m.to_string().contains(&format!("\"{atc}\"")) || m.to_string().contains(label));
            let status = one.map_or("", |m| m["status"].as_str().unwrap_or(""));
            let right = if drug["status"] == "stopped" { status != "active" } else { status == "active" };
            self.must(one.is_some() && right, format!("medication {label}: {status}"));
        }
    }

    fn immunizations(&mut self, want: &Value) {
        let found: Vec<Value> = self.of(&["Immunization"]).into_iter().cloned().collect();
        self.must(found.len() == list(want, "immunizations").len(), format!("{} immunizations", found.len()));
        for dose in list(want, "immunizations") {
            let (atc, lot) = (dose["atc"].as_str().unwrap_or(""), &dose["lot"]);
            let given = dose["negated"] != true;
            let one = found.iter().find(|i| codes(&i["vaccineCode"]).contains(&atc) && same_day(&i["occurrenceDateTime"], &dose["date"]));
            self.must(one.is_some_and(|i| i["status"] == if given { "completed" } else { "not-done" }), format!("immunization {atc} {}", dose["date"]));
            self.must(!given || one.is_some_and(|i| i["lotNumber"] == *lot), format!("lot of {atc}"));
        }
    }

    fn results(&mut self, want: &Value) {
        let found: Vec<Value> =
            self.of(&["Observation"]).into_iter().filter(|o| o["category"].to_string().contains("laboratory") && o.get("hasMember").is_none()).cloned().collect();
        self.must(found.len() == list(want, "labs").len(), format!("{} results instead of {}", found.len(), list(want, "labs").len()));
        for lab in list(want, "labs") {
            let code = lab["code"].as_str().unwrap_or("");
            let quantity = found.iter().find(|o| codes(&o["code"]).contains(&code)).map_or(&Value::Null, |o| &o["valueQuantity"]);
            let comparator = quantity["comparator"].as_str();
            let digits = quantity["value"].to_string();
            let right = digits == lab["value"].as_str().unwrap_or("") && quantity["code"] == lab["unit"] && comparator == lab["comparator"].as_str();
            self.must(right, format!("result {code}: {quantity} instead of {} {} {}", lab["comparator"], lab["value"], lab["unit"]));
        }
    }

    fn others(&mut self, want: &Value) {
        let found: Vec<Value> = self.of(&["Procedure"]).into_iter().filter(|p| p["status"] == "completed").cloned().collect();
        self.must(found.len() == list(want, "procedures").len(), format!("{} procedures instead of {}", found.len(), list(want, "procedures").len()));
        for procedure in list(want, "procedures") {
            let code = procedure["code"].as_str().unwrap_or("");
            self.must(found.iter().any(|p| codes(&p["code"]).contains(&code)), format!("procedure {code}"));
        }
        if list(want, "problems").is_empty() && want["pdf"].is_object() {
            self.must(self.facts.iter().all(|f| f["resourceType"] == "Media") && self.facts.len() == 1, "nothing is read from a PDF as a fact".into());
        }
    }
}

fn the_summary_of_the_samples_holds_the_essential(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let mut patient = String::new();
    for name in SAMPLES {
        patient = cabinet.deposited(&sample(name))["subject"]["reference"].as_str().unwrap().to_owned();
    }
    let bundle = cabinet.found(&format!("{patient}/$summary"));
    let text = passerelle::keyinfo::french_text(&bundle, 100);
    for essential in ["CHANTEREL", "énicilline", "Fibrillation auriculaire", "APIXABAN", "Hémoglobine A1c", "7,1", "REPEVAX", "Appendicectomie"] {
        assert!(text.contains(essential), "lacks {essential}:\n{text}");
    }
    let narrative = |code: &str| {
        let sections = bundle["entry"][0]["resource"]["section"].as_array().unwrap();
        sections.iter().find(|s| s["code"]["coding"][0]["code"] == code).map(|s| s["text"]["div"].as_str().unwrap_or("").to_owned()).unwrap_or_default()
    };
    assert!(!narrative("11450-4").contains("accident vasculaire"), "a refuted problem is never an active one");
    assert!(!narrative("11369-6").contains("SHINGRIX") || narrative("11369-6").contains("non réalisé") || narrative("11369-6").contains("refus"), "{}", narrative("11369-6"));
    assert!(!narrative("10160-0").contains("KARDEGIC") || narrative("10160-0").contains("arrêt"), "a stopped drug is never a current one: {}", narrative("10160-0"));
}

/// The document of the rows: what each of them is for, read back.
fn a_discharge_report_gives_what_every_row_is_for(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&sample("09-compte-rendu-hospitalisation.xml"));
    let (facts, prior) = derived(&mut cabinet, &reference);
    assert!(prior.is_empty());
    let one = |kind: &str, code: &str| -> Value {
        let found: Vec<&Value> = facts.iter().filter(|f| f["resourceType"] == kind && f.to_string().contains(&format!("\"code\":\"{code}\""))).collect();
        assert_eq!(found.len(), 1, "{kind} {code}");
        found[0].clone()
    };
    let fracture = one("Condition", "S52.5");
    assert_eq!(
        (&fracture["severity"]["coding"][0]["code"], &fracture["bodySite"][0]["coding"][0]["code"], &fracture["recordedDate"]),
        (&json!("6736007"), &json!("8205005"), &json!("2026-09-14"))
    );
    assert!(fracture["recorder"]["display"].as_str().unwrap().contains("KERVADEC") && fracture["note"][0]["text"].as_str().unwrap().starts_with("Chute"));
    assert_eq!(one("Condition", "I10")["stage"][0]["summary"]["coding"][0]["code"], "84387000");
    let intolerance = one("AllergyIntolerance", "N02AA08");
    assert_eq!((&intolerance["type"], &intolerance["category"], &intolerance["criticality"]), (&json!("intolerance"), &json!(["medication"]), &json!("low")));
    let prescribed = one("MedicationRequest", "N02BE01");
    assert_eq!((&prescribed["authoredOn"], &prescribed["reasonCode"][0]["coding"][0]["code"]), (&json!("2026-09-16"), &json!("S52.5")));
    assert!(prescribed["note"][0]["text"].as_str().unwrap().starts_with("Boîtes") && prescribed["requester"]["display"].is_string());
    assert_eq!(one("MedicationStatement", "C09AA04")["dateAsserted"], "2026-09-16");
    assert!(one("MedicationAdministration", "J01DB04")["performer"][0]["actor"]["display"].as_str().unwrap().contains("KERVADEC"));
    let vaccine = one("Immunization", "J07CA01");
    assert_eq!((&vaccine["expirationDate"], &vaccine["manufacturer"]["display"]), (&json!("2028-01-31"), &json!("Laboratoire de démonstration")));
    let refused = one("Immunization", "J07BB02");
    assert_eq!((&refused["status"], &refused["statusReason"]["coding"][0]["code"]), (&json!("not-done"), &json!("PATOBJ")));
    let grip = one("Observation", "83174-3");
    assert_eq!((&grip["valueQuantity"]["value"], &grip["method"]["text"], &grip["bodySite"]["text"]), (&json!(28), &json!("dynamomètre"), &json!("main droite")));
    assert_eq!(one("Procedure", "118738002")["outcome"]["coding"][0]["code"], "385670003");
    assert_eq!(one("Procedure", "MCCA001")["reasonCode"][0]["coding"][0]["code"], "S52.5");
    assert_eq!(one("Procedure", "80413-8")["location"]["display"], "Hôpital de démonstration");
    assert_eq!(one("ServiceRequest", "80413-8")["locationReference"][0]["display"], "Centre de rééducation de démonstration");
    let control = one("ServiceRequest", "MDQK001");
    assert_eq!((&control["priority"], &control["authoredOn"], control["performer"][0]["display"].is_string()), (&json!("routine"), &json!("2026-09-16"), true));
}

/// A row that no document of ours exercises is a row nobody has seen work.
#[test]
fn every_row_of_the_mapping_tables_is_exercised() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-tests/corpus");
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(["cda", "coverage"]).arg(corpus).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let (_, idle) = text.split_once("rows that no document exercised:").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(idle.trim(), "", "rows without a document");
}
