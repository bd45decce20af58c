//! `$key-info`: what a reader wants to know first, over our own documents.

use serde_json::Value;

use crate::support::{FHIR_JSON, On, Session, TestServer, json, refused, sample, settled, text};

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

/// The samples deposited in some order; the patient.
fn deposited<'a>(server: &TestServer, names: impl Iterator<Item = &'a &'static str>) -> String {
    let mut patient = String::new();
    for name in names {
        patient = server.cabinet().deposited(&sample(name))["subject"]["reference"].as_str().unwrap().to_owned();
    }
    patient
}

fn view(session: &mut Session, patient: &str, query: &str) -> Value {
    let answer = session.call("GET", &format!("{patient}/$key-info?_format=keyinfo{query}"), &[("Accept", "*/*")], b"");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(answer.header("content-type"), Some("application/vnd.passerelle.keyinfo+json"));
    serde_json::from_slice(&answer.body).unwrap()
}

fn section<'a>(view: &'a Value, key: &str) -> &'a Value {
    view["sections"].as_array().unwrap().iter().find(|s| s["key"] == key).unwrap_or_else(|| panic!("no {key}"))
}

fn labels(view: &Value, key: &str) -> Vec<String> {
    section(view, key)["lines"].as_array().unwrap().iter().map(|l| l["label"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_essential_comes_first_and_every_line_leads_to_its_words() {
    let server = TestServer::start(On::Sqlite);
    let patient = deposited(&server, SAMPLES.iter());
    let mut cabinet = server.cabinet();
    let shown = view(&mut cabinet, &patient, "&specialty=SM26&maxPerSection=100");
    assert_eq!(shown["profile"]["id"], "general-practitioner");
    let alerts = labels(&shown, "alerts");
    assert!(alerts.iter().any(|l| l.contains("énicilline")) && alerts.iter().any(|l| l.contains("APIXABAN")), "{alerts:?}");
    let results = section(&shown, "results");
    let glycated = results["lines"].as_array().unwrap().iter().find(|l| l["label"].as_str().unwrap().contains("A1c")).unwrap_or_else(|| panic!("{results}"));
    let points = glycated["trend"]["points"].as_array().unwrap();
    assert!(points.len() >= 2 && points[0]["at"].as_str() < points[1]["at"].as_str() && glycated["trend"]["change"]["text"].is_string(), "{glycated}");
    // Every line says where it comes from, and its document is there at that place.
    for line in shown["sections"].as_array().unwrap().iter().flat_map(|s| s["lines"].as_array().unwrap()) {
        let sources = line["sources"].as_array().unwrap();
        assert!(!sources.is_empty() && line["score"].as_i64().is_some() && !line["reasons"].as_array().unwrap().is_empty(), "{line}");
        for source in sources {
            let page = cabinet.call("GET", &format!("{}/$render", source["document"].as_str().unwrap()), &[("Accept", "text/html")], b"");
            assert_eq!(page.status, 200);
            if let Some(anchor) = source["anchor"].as_str() {
                assert!(text(&page).contains(&format!("id=\"{anchor}\"")), "{anchor} of {line}");
            }
        }
    }
    assert_eq!(shown["documentsTotal"], SAMPLES.len());
    assert!(shown["documents"][0]["title"].as_str().unwrap().contains(" · "));
    // A pharmacist reads the same facts in another order, and nothing is lost.
    let other = view(&mut cabinet, &patient, "&specialty=21&maxPerSection=100");
    let sorted = |v: &Value, key: &str| {
        let mut all = labels(v, key);
        all.sort();
        all
    };
    for key in ["problems", "medications", "results", "allergies", "immunizations"] {
        assert_eq!(sorted(&shown, key), sorted(&other, key), "{key}");
    }
    assert_eq!(json(&cabinet.get(&format!("{patient}/$key-info")))["entry"][0]["resource"]["resourceType"], "Composition");
}

#[test]
fn the_order_of_deposit_and_a_second_deposit_change_nothing() {
    let (one, two) = (TestServer::start(On::Sqlite), TestServer::start(On::Sqlite));
    let (a, b) = (deposited(&one, SAMPLES.iter()), deposited(&two, SAMPLES.iter().rev()));
    let ask = |server: &TestServer, patient: &str| settled(view(&mut server.cabinet(), patient, "&maxPerSection=100&explain=false"));
    let first = ask(&one, &a);
    assert_eq!(first, ask(&two, &b));
    assert_eq!(one.cabinet().deposit(&sample(SAMPLES[0])).status, 200);
    assert_eq!(first, ask(&one, &a));
}

#[test]
fn a_line_cut_off_is_counted_and_can_be_asked_for() {
    let server = TestServer::start(On::Sqlite);
    let patient = deposited(&server, SAMPLES.iter());
    let mut cabinet = server.cabinet();
    let whole = labels(&view(&mut cabinet, &patient, "&maxPerSection=100"), "results");
    let mut pieced = Vec::new();
    while pieced.len() < whole.len() {
        let part = view(&mut cabinet, &patient, &format!("&section=results&maxPerSection=3&offset={}", pieced.len()));
        assert_eq!(part["sections"].as_array().unwrap().len(), 1);
        let more = section(&part, "results")["more"].as_u64().unwrap_or(0);
        pieced.extend(labels(&part, "results"));
        assert_eq!(usize::try_from(more).unwrap(), whole.len() - pieced.len());
    }
    assert_eq!(pieced, whole);
}

#[test]
fn what_came_since_the_last_visit_is_new_until_it_was_shown() {
    let server = TestServer::enforced(On::Sqlite);
    let patient = deposited(&server, SAMPLES[..2].iter());
    let mut doctor = server.doctor(&[]);
    let authorized = doctor.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(authorized.status, 201, "{}", text(&authorized));
    let first = view(&mut doctor, &patient, "");
    assert_eq!((first.get("since"), &first["new"], first["profile"]["id"].as_str()), (None, &serde_json::json!(0), Some("general-practitioner")));
    let seen = |doctor: &mut Session, at: &str| doctor.call("POST", &format!("{patient}/$key-info-seen?at={at}"), &[], b"").status;
    assert_eq!(seen(&mut doctor, first["generated"].as_str().unwrap()), 204);
    std::thread::sleep(std::time::Duration::from_millis(20));
    server.client("client-laboratoire").deposited(&sample(SAMPLES[2]));
    for _ in 0..2 {
        let again = view(&mut doctor, &patient, "&maxPerSection=100");
        assert!(
            again["new"].as_u64().unwrap() > 0 && again["documents"].as_array().unwrap().iter().filter(|d| d["new"] == true).count() == 1,
            "until it is confirmed: {}",
            again["new"]
        );
    }
    let shown = view(&mut doctor, &patient, "");
    assert_eq!(seen(&mut doctor, shown["generated"].as_str().unwrap()), 204);
    assert_eq!(view(&mut doctor, &patient, "")["new"], 0);
    // An older confirmation does not bring it back; one of the future is none.
    assert_eq!(seen(&mut doctor, first["generated"].as_str().unwrap()), 204);
    assert_eq!(view(&mut doctor, &patient, "")["new"], 0);
    assert_eq!(seen(&mut doctor, "2099-01-01T00:00:00Z"), 400);
    refused(&server.holder("258053707098934").call("POST", &format!("{patient}/$key-info-seen?at=2026-01-01T00:00:00Z"), &[], b""), 403);
}

#[test]
fn what_is_not_there_says_why_and_what_cannot_be_asked_is_refused() {
    let server = TestServer::start(On::Sqlite);
    let mut cabinet = server.cabinet();
    let patient = format!("Patient/{}", cabinet.patient("270037500000121"));
    let empty = view(&mut cabinet, &patient, "");
    for section in empty["sections"].as_array().unwrap() {
        assert!(section["state"] == "not-found" && section["said"].is_string() && section["total"] == 0, "{section}");
    }
    assert_eq!(empty["documents"].as_array().unwrap().len(), 0);
    for (query, told) in [("specialty=SM99", "SM26"), ("window=deux ans", "P2Y"), ("section=rien", "section"), ("maxPerSection=x", "maxPerSection"), ("since=hier", "since")] {
        let outcome = refused(&cabinet.get(&format!("{patient}/$key-info?_format=keyinfo&{}", query.replace(' ', "%20"))), 400);
        assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains(told), "{outcome}");
    }
    refused(&cabinet.get("Patient/nobody/$key-info"), 404);
}

#[test]
fn a_hidden_document_takes_its_facts_along() {
    let server = TestServer::enforced(On::Sqlite);
    let patient = deposited(&server, SAMPLES[..1].iter());
    let answer = server.client("client-laboratoire").call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "application/xml")], &sample(SAMPLES[2]));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let mut doctor = server.doctor(&[]);
    doctor.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    let shown = view(&mut doctor, &patient, "&maxPerSection=100");
    assert_eq!((section(&shown, "results")["total"].as_u64(), shown["documentsTotal"].as_u64()), (Some(0), Some(1)));
    let whole = view(&mut server.holder("258053707098934"), &patient, "&maxPerSection=100");
    assert!(section(&whole, "results")["total"].as_u64().unwrap() > 5);
}

#[test]
fn a_document_of_words_alone_is_named_where_the_words_are_and_states_no_fact() {
    let server = TestServer::start(On::Sqlite);
    let mut cabinet = server.cabinet();
    let whole = String::from_utf8(sample("01-synthese-medicale.xml")).unwrap();
    let section = |code: &str, title: &str, words: &str| {
        format!("<component><section><code code=\"{code}\" codeSystem=\"2.16.840.1.113883.6.1\"/><title>{title}</title><text>{words}</text></section></component>")
    };
    let (from, upto) = (whole.find("<structuredBody>").unwrap(), whole.find("</structuredBody>").unwrap());
    let body = section("48765-2", "Allergies", "Pénicilline (choc en 2003)") + &section("30954-2", "Points de vigilance", "INR cible 2,5");
    let cda = format!("{}<structuredBody>{body}{}", &whole[..from], &whole[upto..]);
    let patient = cabinet.deposited(cda.as_bytes())["subject"]["reference"].as_str().unwrap().to_owned();
    let shown = view(&mut cabinet, &patient, "");
    let allergies = self::section(&shown, "allergies");
    assert!(allergies["state"] == "text-only" && allergies["total"] == 0 && allergies["said"].as_str().unwrap().starts_with("En texte seul dans : "), "{allergies}");
    let warned = &self::section(&shown, "alerts")["lines"][0];
    assert_eq!(warned["body"], " : « INR cible 2,5 »");
    let page = text(&cabinet.call("GET", &format!("{}/$render", allergies["sources"][0]["document"].as_str().unwrap()), &[("Accept", "*/*")], b""));
    for source in [&allergies["sources"][0], &warned["sources"][0]] {
        assert!(page.contains(&format!("id=\"{}\"", source["anchor"].as_str().unwrap())), "{source}");
    }
    let summary = json(&cabinet.call("GET", &format!("{patient}/$key-info"), &[("Accept", FHIR_JSON)], b""));
    let facts = summary["entry"].as_array().unwrap().iter().filter(|e| !["Composition", "Patient", "Device"].contains(&e["resource"]["resourceType"].as_str().unwrap()));
    assert_eq!(facts.count(), 0);
    assert_eq!(cabinet.get(&format!("{patient}/$everything")).status, 200);
}
