//! Every interaction leaves one event, durable before its answer, readable as AuditEvent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::{FHIR_JSON, On, Session, TestServer, json as body, refused, resources, small_cda, text};

on_both! {
    a_write_and_a_read_are_traced_with_caller_and_patient
    a_refusal_is_traced_too
    events_hold_no_identity
    an_event_does_not_betray_a_hidden_document
    who_stands_behind_a_deleted_document_still_reads_its_trace
    queries_of_other_structures_are_withheld
    every_interaction_on_a_record_names_its_patient
    a_search_without_a_patient_names_those_it_found
    the_trace_is_paged_and_stays_what_it_was
    the_trace_is_searched_by_its_parameters
    the_form_of_a_search_is_in_its_event
    profiles_are_claimed_only_when_fulfilled
    what_is_refused_before_it_begins_is_traced
    a_batch_entry_has_an_event_of_its_own
    a_refused_plan_leaves_no_ids_behind
}

const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const INS: &str = "270037500000121";

fn events(session: &mut Session, query: &str) -> Vec<Value> {
    resources(&session.found(&format!("AuditEvent?{query}&_count=500")), "AuditEvent").into_iter().cloned().collect()
}

/// The codes of an event's subtypes.
fn subtypes(event: &Value) -> Vec<&str> {
    event["subtype"].as_array().unwrap().iter().filter_map(|s| s["code"].as_str()).collect()
}

fn profile(event: &Value) -> &str {
    event["meta"]["profile"][0].as_str().map_or("", |p| p.strip_prefix(BALP).unwrap_or(p))
}

/// The entity with a role, or of a type.
fn entity<'a>(event: &'a Value, part: &str, code: &str) -> Option<&'a Value> {
    event["entity"].as_array().unwrap().iter().find(|e| e[part]["code"] == code)
}

/// The decoded query of an event.
fn query(event: &Value) -> Option<String> {
    let encoded = entity(event, "role", "24")?["query"].as_str()?;
    Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
}

fn patient_of(event: &Value) -> Option<&str> {
    entity(event, "role", "1")?["what"]["reference"].as_str()
}

fn observation(patient: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}, "subject": {"reference": patient}})
}

fn deposit_masked(session: &mut Session, unique: &str) -> Value {
    let answer = session.call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "application/xml")], &small_cda(unique, INS, ""));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body(&answer)
}

fn a_write_and_a_read_are_traced_with_caller_and_patient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let reference = cabinet.deposited(&small_cda("2.25.21", INS, ""));
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let mut other = server.client("client-imagerie");
    assert_eq!(other.get(&format!("{patient}/$summary")).status, 200);
    let found = events(&mut cabinet, &format!("date=ge2020&patient={patient}"));
    assert!(found.iter().any(|e| subtypes(e) == ["operation", "deposit", "create"] && profile(e) == "PatientCreate"), "{found:?}");
    let summary = found.iter().find(|e| subtypes(e).contains(&"summary")).unwrap();
    assert_eq!(subtypes(summary), ["operation", "summary", "read"]);
    assert_eq!(summary["subtype"][1]["system"], "urn:passerelle:operation");
    assert_eq!(summary["agent"][0]["who"]["identifier"]["value"], "399999999900017");
    assert_eq!(summary["outcome"], "0");
    assert_eq!(cabinet.found(&format!("AuditEvent/{}", summary["id"].as_str().unwrap()))["id"], summary["id"]);
}

fn a_refusal_is_traced_too(server: &TestServer) {
    let mut cabinet = server.cabinet();
    assert_eq!(cabinet.deposit(b"<x/>").status, 422);
    assert_eq!(cabinet.get("Observation/nobody").status, 404);
    let found = events(&mut cabinet, "date=ge2020&outcome=4");
    assert!(found.iter().any(|e| subtypes(e) == ["operation", "deposit"] && profile(e).is_empty()));
    assert!(found.iter().any(|e| subtypes(e) == ["read"] && e.to_string().contains("Observation/nobody") && profile(e).is_empty()));
}

fn events_hold_no_identity(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let patient = cabinet.deposited(&small_cda("2.25.22", INS, ""))["subject"]["reference"].as_str().unwrap().to_owned();
    cabinet.found(&format!("{patient}/$summary"));
    cabinet.found(&patient);
    cabinet.get(&format!("AuditEvent?patient={INS}"));
    let log = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
    let written = serde_json::to_string(&events(&mut cabinet, "date=ge2020")).unwrap();
    for text in [log, written] {
        assert!(!text.contains(INS) && !text.contains("ESSAI"), "{text}");
    }
}

fn an_event_does_not_betray_a_hidden_document(server: &TestServer) {
    let (mut author, mut other) = (server.cabinet(), server.client("client-imagerie"));
    let open = author.deposited(&small_cda("2.25.31", INS, ""));
    let hidden = deposit_masked(&mut author, "2.25.32");
    let (patient, id) = (open["subject"]["reference"].as_str().unwrap(), hidden["id"].as_str().unwrap());
    let url = hidden["content"][0]["attachment"]["url"].as_str().unwrap();
    let binary = url.rsplit_once('/').unwrap().1;
    let list = author.found(&format!("List?patient={patient}&code=submissionset"));
    let lists: Vec<String> = resources(&list, "List").iter().filter(|l| l.to_string().contains(id)).map(|l| l["id"].as_str().unwrap().to_owned()).collect();
    author.found(&format!("DocumentReference/{id}"));
    assert_eq!(author.call("GET", &format!("Binary/{binary}"), &[("Accept", "*/*")], b"").status, 200);
    author.found(&format!("DocumentReference?patient={patient}"));
    author.found(&format!("DocumentReference?_id={id}"));
    let own = events(&mut author, "date=ge2020");
    let about: Vec<&Value> = own.iter().filter(|e| e.to_string().contains(id) || e.to_string().contains(binary)).collect();
    assert!(about.len() >= 4, "the author reads them: {}", about.len());
    let seen = serde_json::to_string(&events(&mut other, "date=ge2020")).unwrap();
    for secret in lists.iter().map(String::as_str).chain([id, binary]) {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    let deposits = events(&mut other, "subtype=deposit").len();
    assert_eq!((deposits, events(&mut author, "subtype=deposit").len()), (1, 2));
    assert_eq!(other.found("AuditEvent?subtype=deposit&_summary=count")["total"], 1);
    for entity in [format!("DocumentReference/{id}"), id.to_owned()] {
        assert_eq!(other.found(&format!("AuditEvent?entity={entity}"))["total"], 0);
        assert!(author.found(&format!("AuditEvent?entity={entity}"))["total"].as_u64().unwrap() > 0);
    }
    let deposit = own.iter().find(|e| subtypes(e).contains(&"deposit") && e.to_string().contains(id)).unwrap();
    refused(&other.get(&format!("AuditEvent/{}", deposit["id"].as_str().unwrap())), 404);
    // A search that showed the open one too is there, without the hidden one and without its query.
    assert!(events(&mut other, "subtype=search-type").iter().any(|e| e.to_string().contains(open["id"].as_str().unwrap())));
    // What the other asked for in vain is in its own trace and in the author's.
    refused(&other.get(&format!("DocumentReference/{id}")), 404);
    assert_eq!(other.found(&format!("AuditEvent?entity={id}&outcome=4"))["total"], 1);
    assert_eq!(author.found(&format!("AuditEvent?entity={id}&outcome=4"))["total"], 1);
    assert_eq!(server.client("client-laboratoire").found(&format!("AuditEvent?entity={id}"))["total"], 0);
}

fn who_stands_behind_a_deleted_document_still_reads_its_trace(server: &TestServer) {
    let mut author = server.cabinet();
    let id = author.deposited(&small_cda("2.25.33", INS, ""))["id"].as_str().unwrap().to_owned();
    assert_eq!(author.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
    assert_eq!(author.found(&format!("AuditEvent?entity=DocumentReference/{id}&action=D"))["total"], 1);
    assert_eq!(server.client("client-imagerie").found(&format!("AuditEvent?entity=DocumentReference/{id}"))["total"], 0);
}

fn queries_of_other_structures_are_withheld(server: &TestServer) {
    let (mut cabinet, mut other) = (server.cabinet(), server.client("client-imagerie"));
    let id = cabinet.patient(INS);
    cabinet.found(&format!("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10%7C{INS}"));
    let own = events(&mut cabinet, &format!("patient=Patient/{id}&subtype=search-type"));
    assert!(own.iter().any(|e| query(e).is_some_and(|q| q.contains(INS)) && profile(e) == "PatientQuery"), "{own:?}");
    let seen = events(&mut other, &format!("patient=Patient/{id}&subtype=search-type&agent=1759999991"));
    assert!(!seen.is_empty());
    for event in &seen {
        assert!(query(event).is_none() && profile(event).is_empty() && !event.to_string().contains(INS));
        assert!(query(&cabinet.found(&format!("AuditEvent/{}", event["id"].as_str().unwrap()))).is_some());
        assert!(query(&other.found(&format!("AuditEvent/{}", event["id"].as_str().unwrap()))).is_none());
    }
}

fn every_interaction_on_a_record_names_its_patient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let document = cabinet.deposited(&small_cda("2.25.41", INS, ""));
    let patient = document["subject"]["reference"].as_str().unwrap().to_owned();
    let (id, binary) = (document["id"].as_str().unwrap(), document["content"][0]["attachment"]["url"].as_str().unwrap().rsplit_once('/').unwrap().1);
    let observation = body(&cabinet.post("Observation", &observation(&patient)));
    let one = format!("Observation/{}", observation["id"].as_str().unwrap());
    for path in [format!("DocumentReference/{id}"), one.clone(), format!("{one}/_history/1"), format!("{one}/_history"), patient.clone(), format!("{patient}/_history")] {
        cabinet.found(&path);
    }
    assert_eq!(cabinet.call("GET", &format!("Binary/{binary}"), &[("Accept", "*/*")], b"").status, 200);
    cabinet.found(&format!("Observation?patient={patient}"));
    cabinet.found(&format!("DocumentReference?patient={patient}"));
    cabinet.found(&format!("AuditEvent?patient={patient}"));
    assert_eq!(cabinet.put(&one, &observation).status, 200);
    let archive = json!([{"op": "replace", "path": "/status", "value": "superseded"}]);
    let patch =
        cabinet.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json"), ("Accept", FHIR_JSON)], archive.to_string().as_bytes());
    assert_eq!(patch.status, 200, "{}", text(&patch));
    assert_eq!(cabinet.call("DELETE", &one, &[], b"").status, 204);
    refused(&cabinet.get(&one), 410);
    let found = events(&mut cabinet, &format!("patient={patient}"));
    assert!(found.iter().all(|e| patient_of(e) == Some(patient.as_str())));
    let expected = [
        ("read", format!("DocumentReference/{id}"), "PatientRead"),
        ("read", one.clone(), "PatientRead"),
        ("vread", one.clone(), "PatientRead"),
        ("history-instance", one.clone(), "PatientRead"),
        ("read", patient.clone(), "PatientRead"),
        ("history-instance", patient.clone(), "PatientRead"),
        ("read", format!("Binary/{binary}"), "PatientRead"),
        ("create", one.clone(), "PatientCreate"),
        ("update", one.clone(), "PatientUpdate"),
        ("patch", format!("DocumentReference/{id}"), "PatientUpdate"),
        ("delete", one.clone(), "PatientDelete"),
    ];
    for (subtype, reference, wanted) in &expected {
        let hit = |e: &&Value| subtypes(e)[0] == *subtype && e["outcome"] == "0" && entity(e, "type", "2").is_some_and(|d| d["what"]["reference"] == *reference);
        let event = found.iter().find(hit).unwrap_or_else(|| panic!("no {subtype} of {reference}"));
        assert_eq!(profile(event), *wanted, "{subtype} {reference}");
    }
    let searches = found.iter().filter(|e| profile(e) == "PatientQuery").count();
    assert!(searches >= 3, "{searches}");
    assert!(found.iter().any(|e| e["outcome"] == "4" && subtypes(e) == ["read"]), "a 410 is about the patient as well");
    let stale = cabinet.call("PUT", &patient, &[("Content-Type", FHIR_JSON), ("If-Match", "W/\"9\"")], cabinet_patient(&patient).to_string().as_bytes());
    assert_eq!(stale.status, 412, "{}", text(&stale));
    assert!(events(&mut cabinet, &format!("patient={patient}&outcome=4&subtype=update")).iter().any(|e| e.to_string().contains(&patient)));
}

fn cabinet_patient(reference: &str) -> Value {
    json!({"resourceType": "Patient", "id": reference.trim_start_matches("Patient/"), "identifier": [{"system": "urn:x", "value": "1"}]})
}

fn a_search_without_a_patient_names_those_it_found(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let ids = ["270037500000121", "270037500000243"].map(|ins| cabinet.patient(ins));
    let made = ids.each_ref().map(|id| body(&cabinet.post("Observation", &observation(&format!("Patient/{id}"))))["id"].as_str().unwrap().to_owned());
    cabinet.found(&format!("Observation?_id={},{}", made[0], made[1]));
    for id in &ids {
        let found = events(&mut cabinet, &format!("patient={id}&subtype=search-type&entity=Observation/{}", made[0]));
        assert_eq!(found.len(), 1, "one event for each patient");
        assert_eq!(profile(&found[0]), "PatientQuery");
    }
}

fn the_trace_is_paged_and_stays_what_it_was(server: &TestServer) {
    let (mut cabinet, mut other) = (server.cabinet(), server.client("client-imagerie"));
    let patient = cabinet.deposited(&small_cda("2.25.51", INS, ""))["subject"]["reference"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        cabinet.found(&patient);
    }
    let first = cabinet.found(&format!("AuditEvent?patient={patient}&_count=2"));
    let link = |page: &Value, name: &str| page["link"].as_array().unwrap().iter().find(|l| l["relation"] == name).map(|l| l["url"].as_str().unwrap().to_owned());
    assert!(link(&first, "self").unwrap().contains("patient=") && first["total"] == 6, "{first}");
    let (mut page, mut ids) = (first.clone(), Vec::new());
    loop {
        ids.extend(resources(&page, "AuditEvent").iter().map(|e| (e["recorded"].as_str().unwrap().to_owned(), e["id"].as_str().unwrap().to_owned())));
        let Some(next) = link(&page, "next") else { break };
        // Events that come meanwhile, of reads and of writes, change nothing.
        cabinet.found(&patient);
        assert_eq!(cabinet.post("Observation", &observation(&patient)).status, 201);
        let path = next.strip_prefix(server.base.trim_end_matches("/fhir")).unwrap().to_owned();
        assert_eq!(other.get(&path).status, 400, "a page link is its caller's alone");
        page = cabinet.found(&path);
        assert_eq!(page["total"], first["total"]);
    }
    let distinct: std::collections::BTreeSet<&String> = ids.iter().map(|(_, id)| id).collect();
    assert_eq!((ids.len(), distinct.len()), (6, 6), "none twice");
    assert!(ids.is_sorted_by(|a, b| a.0 >= b.0), "newest first: {ids:?}");
    let counted = cabinet.found(&format!("AuditEvent?patient={patient}&_summary=count"));
    assert!(counted.get("entry").is_none() && counted["total"].as_u64().unwrap() > 6);
    assert!(cabinet.found(&format!("AuditEvent?patient={patient}&_total=none")).get("total").is_none());
}

fn the_trace_is_searched_by_its_parameters(server: &TestServer) {
    let (mut cabinet, mut other) = (server.cabinet(), server.client("client-imagerie"));
    let id = cabinet.patient(INS);
    other.found(&format!("Patient/{id}"));
    other.get("Patient/nobody");
    let mut total = |query: &str| cabinet.found(&format!("AuditEvent?{query}"))["total"].as_u64().unwrap();
    assert_eq!(total(&format!("patient={id}")), 2);
    assert_eq!(total(&format!("patient={id}&action=C")), 1);
    assert_eq!(total(&format!("patient={id}&action=C,R&date=ge2020-01-01,lt1999")), 2, "the searches before are events of action E");
    assert_eq!(total(&format!("patient={id}&agent=399999999900017")), 1);
    assert_eq!(total(&format!("patient={id}&agent=urn:oid:1.2.250.1.71.4.2.2%7C399999999900017&subtype=http://hl7.org/fhir/restful-interaction%7Cread")), 1);
    assert_eq!(total(&format!("patient={id}&agent=urn:oid:1.2.3%7C399999999900017")), 0);
    assert_eq!(total(&format!("patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C{INS}&action=C")), 1);
    assert_eq!(total(&format!("entity=Patient/{id}&type=rest&date=ge2020&date=le2100&action=R,C")), 2);
    assert_eq!(total("date=lt2020"), 0);
    assert_eq!(total("address=127.0.&subtype=create"), 1);
    let order = |session: &mut Session, sort: &str| {
        events(session, &format!("patient={id}&action=C,R&_sort={sort}")).iter().map(|e| e["action"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!((order(&mut cabinet, "date"), order(&mut cabinet, "-date")), ("CR".into(), "RC".into()));
    let event = events(&mut cabinet, &format!("patient={id}&action=C"))[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(cabinet.found(&format!("AuditEvent?_id={event}"))["total"], 1);
    for wrong in ["date=demain", "_count=x"] {
        refused(&cabinet.get(&format!("AuditEvent?{wrong}")), 400);
    }
    refused(&cabinet.call("GET", "AuditEvent?couleur=bleu", &[("Prefer", "handling=strict")], b""), 400);
    let lenient = cabinet.found("AuditEvent?couleur=bleu&_count=1");
    assert_eq!(lenient["entry"].as_array().unwrap().last().unwrap()["search"]["mode"], "outcome");
    assert!(!lenient["link"][0]["url"].as_str().unwrap().contains("couleur"));
}

fn the_form_of_a_search_is_in_its_event(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient(INS);
    let form = format!("patient={id}&code=8867-4");
    let answer = cabinet.call("POST", "Observation/_search?_count=3", &[("Content-Type", "application/x-www-form-urlencoded"), ("Accept", FHIR_JSON)], form.as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let answer = cabinet.call("POST", "AuditEvent/_search", &[("Content-Type", "application/x-www-form-urlencoded"), ("Accept", FHIR_JSON)], format!("patient={id}").as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let queries: Vec<String> = events(&mut cabinet, &format!("patient={id}&subtype=search-type")).iter().filter_map(query).collect();
    assert!(queries.contains(&format!("Observation/_search?_count=3&{form}")), "{queries:?}");
    assert!(queries.contains(&format!("AuditEvent/_search?patient={id}")), "{queries:?}");
    let long = "x".repeat(100_000);
    refused(&cabinet.call("POST", "Observation/_search", &[("Content-Type", "application/x-www-form-urlencoded")], long.as_bytes()), 413);
}

fn profiles_are_claimed_only_when_fulfilled(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient(INS);
    cabinet.found("metadata");
    let entry = |resource: Value| json!({"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}});
    let created = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry(observation(&format!("Patient/{id}"))), entry(observation(&format!("Patient/{id}")))]});
    assert_eq!(cabinet.post("/fhir", &created).status, 200);
    let mut mixed = created.clone();
    mixed["entry"][1] = json!({"request": {"method": "GET", "url": format!("Patient/{id}")}});
    assert_eq!(cabinet.post("/fhir", &mixed).status, 200);
    assert_eq!(cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": format!("Patient/{id}")}}]})).status, 200);
    cabinet.get("Observation");
    let all = events(&mut cabinet, "date=ge2020");
    let of = |code: &str, action: &str| all.iter().filter(|e| subtypes(e)[0] == code && e["action"] == action).collect::<Vec<_>>();
    assert!(of("capabilities", "E").iter().all(|e| profile(e).is_empty()) && of("capabilities", "E").len() == 1);
    assert!(of("batch", "E").iter().all(|e| profile(e).is_empty()) && of("batch", "E").len() == 1);
    assert_eq!(
        of("transaction", "C").iter().map(|e| (subtypes(e), profile(e), patient_of(e))).collect::<Vec<_>>(),
        [(vec!["transaction", "create"], "PatientCreate", Some(format!("Patient/{id}").as_str()))]
    );
    assert_eq!(of("transaction", "E").iter().map(|e| (profile(e), patient_of(e))).collect::<Vec<_>>(), [("", Some(format!("Patient/{id}").as_str()))]);
    for event in &all {
        let (name, system) = (profile(event).replace("Patient", ""), |e: &&Value| e["type"]["code"] == "2");
        assert!(event["outcome"] == "0" || name.is_empty(), "{event}");
        assert!(event["subtype"].as_array().unwrap().iter().all(|s| s["code"] != "unknown"));
        if !name.is_empty() {
            let one: Vec<&Value> = event["entity"].as_array().unwrap().iter().filter(system).collect();
            assert_eq!(one.len(), 1, "one System Object: {event}");
            assert_eq!(one[0]["role"]["code"] == "24", name == "Query", "{event}");
            assert!(name != "Query" || query(event).is_some_and(|q| !q.is_empty()));
            assert_eq!(profile(event).starts_with("Patient"), patient_of(event).is_some(), "{event}");
        }
    }
}

fn what_is_refused_before_it_begins_is_traced(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient(INS);
    let refusals = |session: &mut Session, action: &str| events(session, &format!("outcome=4&action={action}")).len();
    let reads = refusals(&mut cabinet, "R");
    assert_eq!(cabinet.call("GET", &format!("Patient/{id}"), &[("Accept", "image/png")], b"").status, 406);
    assert_eq!(refusals(&mut cabinet, "R"), reads + 1);
    let creates = refusals(&mut cabinet, "C");
    assert_eq!(cabinet.call("POST", "Patient", &[("Content-Type", "text/csv")], b"a;b").status, 415);
    assert_eq!(cabinet.call("POST", "Patient", &[("Content-Type", FHIR_JSON), ("Content-Encoding", "gzip")], b"{}").status, 415);
    // A create nobody can be answered is not carried out.
    let twin = json!({"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "406"}]});
    assert_eq!(cabinet.call("POST", "Patient", &[("Content-Type", FHIR_JSON), ("Accept", "image/png")], twin.to_string().as_bytes()).status, 406);
    assert_eq!(cabinet.found("Patient?identifier=urn:x%7C406")["total"], 0);
    assert_eq!(refusals(&mut cabinet, "C"), creates + 3);
}

fn a_batch_entry_has_an_event_of_its_own(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let ids = ["270037500000121", "270037500000243"].map(|ins| cabinet.patient(ins));
    let get = |url: String| json!({"request": {"method": "GET", "url": url}});
    let post = json!({"resource": observation(&format!("Patient/{}", ids[0])), "request": {"method": "POST", "url": "Observation"}});
    let entries = vec![get(format!("Patient/{}", ids[0])), get(format!("Patient/{}", ids[1])), get(format!("Observation?patient={}", ids[1])), get("Patient/nobody".into()), post];
    let answer = cabinet.post("/fhir", &json!({"resourceType": "Bundle", "type": "batch", "entry": entries}));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let mut subtypes_of = |id: &str| {
        let mut all: Vec<String> = events(&mut cabinet, &format!("patient={id}&action=R,E,C")).iter().map(|e| format!("{} {}", subtypes(e)[0], profile(e))).collect();
        all.sort();
        all
    };
    assert_eq!(subtypes_of(&ids[0]), ["create PatientCreate", "create PatientCreate", "read PatientRead"]);
    assert_eq!(subtypes_of(&ids[1]), ["create PatientCreate", "read PatientRead", "search-type PatientQuery"]);
    assert!(events(&mut cabinet, "outcome=4").iter().any(|e| e.to_string().contains("Patient/nobody")));
}

fn a_refused_plan_leaves_no_ids_behind(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient(INS);
    let entry = |resource: Value| json!({"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}});
    let new = json!({"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "new"}]});
    let bundle =
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry(new), entry(observation(&format!("Patient/{id}"))), entry(observation("Patient/nobody"))]});
    let answer = cabinet.post("/fhir", &bundle);
    assert!((400..=422).contains(&answer.status), "{}", text(&answer));
    let found = events(&mut cabinet, "outcome=4&subtype=transaction");
    assert_eq!(found.len(), 1);
    assert!(entity(&found[0], "type", "2").is_none(), "nothing was made: {}", found[0]);
    assert_eq!(patient_of(&found[0]), Some(format!("Patient/{id}").as_str()));
}

/// The log holds queries: it is its owner's alone.
#[test]
fn the_log_of_reads_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = TestServer::start(On::Sqlite);
    assert_eq!(std::fs::metadata(server.dir.join("audit-reads.log")).unwrap().permissions().mode() & 0o777, 0o600);
}

/// One changed letter in an event that others follow is found and named, in either chain.
#[test]
fn both_chains_are_verified_and_a_changed_event_is_found() {
    let mut server = TestServer::start(On::Sqlite);
    let ids: Vec<String> = ["270037500000121", "270037500000122", "270037500000123"].iter().map(|ins| server.cabinet().patient(ins)).collect();
    ids.iter().for_each(|id| drop(server.cabinet().found(&format!("Patient/{id}"))));
    server.stop();
    let verify = || std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(["audit", "verify", "--data", &server.dir.display().to_string()]).output().unwrap();
    let said = |run: std::process::Output| String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout);
    assert!(said(verify()).contains("verified: 3 events of writes, 3 events of reads"), "{}", said(verify()));
    let change = |file: &str, broken: &str| {
        let path = server.dir.join(file);
        let bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(broken.len()).position(|w| w == broken.as_bytes()).unwrap();
        let mut changed = bytes.clone();
        changed[at + broken.len() - 1] = b'X';
        std::fs::write(&path, &changed).unwrap();
        let answer = said(verify());
        std::fs::write(&path, bytes).unwrap();
        answer
    };
    let first = format!("Patient/{}", ids[0]);
    assert!(change("audit-reads.log", &first).contains("the trail of reads is broken: event 1 was changed"));
    let first = r#"{"prev":"","number":1,"commit":"#;
    assert!(change("passerelle.db", first).contains("the trail of writes is broken: event 1 was changed"));
    assert!(verify().status.success(), "as it was");
}
