//! `$documents-delta`: what became of a patient's documents since a caller was last given them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::enforced_on_both;
use crate::support::{FHIR_JSON, Session, TestServer, json as body_of, refused, resources, small_cda, text};

const INS: &str = "258027511234534";
const SYSTEM: &str = "urn:oid:1.2.250.1.213.1.4.10";
const CARDIOLOGIST: &[&str] = &["--rpps", "899700000001", "--profession", "10", "--specialty", "SM04"];

enforced_on_both! {
    what_came_is_new_until_it_was_confirmed_as_shown
    a_replacement_leads_from_what_is_held_to_the_newest_version
    what_left_the_readers_sight_is_removed_in_one_form
    a_closed_record_takes_everything_back_and_an_expired_consent_nothing
    what_comes_into_sight_is_new_whatever_its_date
    a_label_an_archive_and_their_end_are_told_apart
    the_delta_and_the_key_information_have_one_cursor
    what_was_hidden_then_is_hidden_as_of_then
    what_the_caller_holds_is_linked_and_not_new
    the_practices_own_deposits_are_not_new
    one_never_given_is_absent
    the_holder_keeps_his_own_cursor
    a_cursor_is_its_callers_and_its_patients
    a_delta_in_pieces_is_the_whole
    what_cannot_be_asked_is_refused
    each_call_leaves_one_event_that_names_what_was_given
    the_union_of_deltas_is_the_full_state
    a_search_of_submission_sets_brings_their_documents_along
}

/// A document that somebody else than the practice writes and deposits: the laboratory.
fn cda(unique: &str) -> Vec<u8> {
    let text = String::from_utf8(small_cda(unique, INS, "")).unwrap();
    text.replace("extension=\"801234567897\"", "extension=\"801234567888\"").replace("extension=\"1759999991\"", "extension=\"2999999998\"").into_bytes()
}

/// Deposited by the laboratory: patient, and id of the DocumentReference.
fn deposited(server: &TestServer, unique: &str, query: &str) -> (String, String) {
    let answer = server.client("client-laboratoire").call("POST", &format!("$deposit{query}"), &[("Content-Type", "application/xml")], &cda(unique));
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let reference = body_of(&answer);
    (reference["subject"]["reference"].as_str().unwrap().to_owned(), reference["id"].as_str().unwrap().to_owned())
}

fn authorized(session: &mut Session, patient: &str) -> String {
    let answer = session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body_of(&answer)["id"].as_str().unwrap().to_owned()
}

fn patch(session: &mut Session, id: &str, operation: Value) {
    let answer = session.call("PATCH", &format!("DocumentReference/{id}"), &[("Content-Type", "application/json-patch+json")], json!([operation]).to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", text(&answer));
}

pub(crate) fn label(session: &mut Session, id: &str, codes: &[&str]) {
    let system = |c: &str| {
        if c.len() == 1 {
            "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
        } else {
            "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
        }
    };
    let labels: Vec<Value> = codes.iter().map(|c| json!({"coding": [{"system": system(c), "code": c}]})).collect();
    patch(session, id, json!({"op": "replace", "path": "/securityLabel", "value": labels}));
}

fn archive(session: &mut Session, id: &str, archived: bool) {
    patch(
        session,
        id,
        json!({"op": "replace", "path": "/extension[url:'https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived']/valueBoolean", "value": archived}),
    );
}

/// What is said under a name, in order.
fn values<'a>(parameters: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = parameters.get("parameter").or_else(|| parameters.get("part")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|p| p["name"] == name).collect()
}

fn value(parameters: &Value, name: &str) -> String {
    let found = values(parameters, name);
    let text = found.first().and_then(|p| p.as_object()?.iter().find(|(n, _)| n.starts_with("value"))).map(|(_, v)| v);
    text.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).unwrap_or_default()
}

fn delta(session: &mut Session, patient: &str, query: &str) -> Value {
    session.found(&format!("{patient}/$documents-delta{query}"))
}

/// Changes by document, without what was not named.
fn told(answer: &Value) -> BTreeMap<String, Vec<String>> {
    let codes = |d: &Value| values(d, "change").iter().map(|c| c["valueCode"].as_str().unwrap().to_owned()).collect();
    values(answer, "document").into_iter().map(|d| (value(d, "logicalId"), codes(d))).collect()
}

fn one<'a>(answer: &'a Value, id: &str) -> &'a Value {
    values(answer, "document").into_iter().find(|d| value(d, "logicalId") == id).unwrap_or_else(|| panic!("no {id} in {answer}"))
}

fn seen(session: &mut Session, patient: &str, answer: &Value) {
    let cursor = json!({"resourceType": "Parameters", "parameter": [{"name": "cursor", "valueString": value(answer, "cursor")}]});
    let said = session.post(&format!("{patient}/$documents-delta-seen"), &cursor);
    assert_eq!(said.status, 204, "{}", text(&said));
}

/// The delta, confirmed.
fn shown(session: &mut Session, patient: &str) -> Value {
    let answer = delta(session, patient, "");
    seen(session, patient, &answer);
    answer
}

fn what_came_is_new_until_it_was_confirmed_as_shown(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.8401", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let early = delta(&mut doctor, &patient, "");
    assert_eq!((told(&early)[&first].as_slice(), values(&early, "since").len()), (["new".to_owned()].as_slice(), 0));
    let document = one(&early, &first);
    assert_eq!((value(document, "reference").contains(&first), value(document, "entryUUID").starts_with("urn:uuid:")), (true, true));
    assert_eq!(values(document, "uniqueId")[0]["valueIdentifier"], json!({"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.8401"}));
    assert_eq!(values(document, "resource")[0]["resource"], doctor.found(&format!("DocumentReference/{first}")));
    // Asked again before it is confirmed: the same. Confirmed: nothing.
    assert_eq!(told(&delta(&mut doctor, &patient, "")).len(), 1);
    seen(&mut doctor, &patient, &early);
    let nothing = delta(&mut doctor, &patient, "");
    assert_eq!((told(&nothing).len(), value(&nothing, "more").as_str(), values(&nothing, "since").len()), (0, "0", 1));
    // By the patient's identifier, by POST, and in XML; only what came later.
    let (_, second) = deposited(server, "2.25.8402", "");
    let by_identifier = doctor.found(&format!("Patient/$documents-delta?identifier={SYSTEM}|{INS}"));
    assert_eq!(told(&by_identifier).keys().collect::<Vec<_>>(), [&second]);
    assert_eq!(values(&by_identifier, "count")[0]["part"], json!([{"name": "new", "valueInteger": 1}]));
    let posted = doctor.call("POST", &format!("{patient}/$documents-delta"), &[("Accept", "application/fhir+xml")], b"");
    assert!(posted.status == 200 && text(&posted).contains(&format!("<reference value=\"DocumentReference/{second}\"/>")), "{}", text(&posted));
    // A confirmation that comes late does not bring back what was shown since; another practitioner has a cursor of his own.
    let late = shown(&mut doctor, &patient);
    assert_eq!(told(&late).len(), 1);
    seen(&mut doctor, &patient, &early);
    assert_eq!(told(&delta(&mut doctor, &patient, "")).len(), 0);
    let mut other = server.acting("client-imagerie", CARDIOLOGIST);
    authorized(&mut other, &patient);
    assert_eq!(told(&delta(&mut other, &patient, "")).len(), 2);
    assert_eq!(told(&delta(&mut doctor, &patient, "?since=none")).len(), 2, "and who lost what he had starts again");
}

fn a_replacement_leads_from_what_is_held_to_the_newest_version(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.8411", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    shown(&mut doctor, &patient);
    let (_, between) = deposited(server, "2.25.8412", "?replaces=2.25.8411");
    let (_, newest) = deposited(server, "2.25.8413", "?replaces=2.25.8412");
    let answer = delta(&mut doctor, &patient, "");
    assert_eq!(told(&answer), BTreeMap::from([(first.clone(), vec!["replaced".to_owned()]), (newest.clone(), vec!["new".to_owned()])]));
    assert_eq!(value(one(&answer, &first), "replacedBy"), json!({"reference": format!("DocumentReference/{newest}")}).to_string());
    assert_eq!(value(one(&answer, &newest), "replaces"), json!({"reference": format!("DocumentReference/{first}")}).to_string());
    assert_eq!(values(one(&answer, &first), "resource")[0]["resource"]["status"], "superseded");
    seen(&mut doctor, &patient, &answer);
    assert_eq!(told(&delta(&mut doctor, &patient, "")).len(), 0, "{between} was never given and is not current");
    // At a first visit, what was replaced is of no interest but to who holds it.
    let mut other = server.acting("client-imagerie", CARDIOLOGIST);
    authorized(&mut other, &patient);
    assert_eq!(told(&delta(&mut other, &patient, "")).keys().collect::<Vec<_>>(), [&newest]);
    let holding = delta(&mut other, &patient, "?known=urn:oid:2.25.8412");
    assert_eq!(told(&holding)[&between], ["held", "replaced"]);
    assert_eq!(value(one(&holding, &newest), "replaces"), json!({"reference": format!("DocumentReference/{between}")}).to_string());
    // Without a successor, the status alone is known.
    patch(&mut server.client("client-laboratoire"), &newest, json!({"op": "replace", "path": "/status", "value": "superseded"}));
    assert_eq!(told(&delta(&mut doctor, &patient, ""))[&newest], ["superseded"]);
}

fn what_left_the_readers_sight_is_removed_in_one_form(server: &TestServer) {
    let (patient, masked) = deposited(server, "2.25.8421", "");
    let (_, withdrawn) = deposited(server, "2.25.8422", "");
    let (_, stays) = deposited(server, "2.25.8423", "");
    let mut doctor = server.doctor(&[]);
    let consent = authorized(&mut doctor, &patient);
    let all = shown(&mut doctor, &patient);
    assert_eq!(told(&all).len(), 3);
    let mut laboratory = server.client("client-laboratoire");
    label(&mut laboratory, &masked, &["N", "MASQUE_PS"]);
    assert_eq!(laboratory.call("DELETE", &format!("DocumentReference/{withdrawn}"), &[], b"").status, 204);
    let answer = delta(&mut doctor, &patient, "");
    assert_eq!(told(&answer), BTreeMap::from([(masked.clone(), vec!["removed".to_owned()]), (withdrawn.clone(), vec!["removed".to_owned()])]));
    let form = |id: &str, unique: &str| one(&answer, id).to_string().replace(id, "ID").replace(unique, "UNIQUE");
    assert_eq!(form(&masked, "2.25.8421"), form(&withdrawn, "2.25.8422"), "nobody can tell one from the other");
    assert_eq!(values(one(&answer, &masked), "resource").len(), 0);
    seen(&mut doctor, &patient, &answer);
    // The consent is withdrawn: the same form, with the reason that a record's refusal has.
    let mut withdrawing = doctor.found(&format!("Consent/{consent}"));
    withdrawing["status"] = json!("inactive");
    assert_eq!(doctor.put(&format!("Consent/{consent}"), &withdrawing).status, 200);
    let answer = delta(&mut doctor, &patient, "");
    assert_eq!(told(&answer), BTreeMap::from([(stays.clone(), vec!["removed".to_owned()])]));
    assert!(!value(&answer, "refusal").is_empty());
    seen(&mut doctor, &patient, &answer);
    refused(&doctor.get(&format!("{patient}/$documents-delta")), 403);
    authorized(&mut doctor, &patient);
    assert_eq!(told(&delta(&mut doctor, &patient, ""))[&stays], ["new"]);
}

fn a_closed_record_takes_everything_back_and_an_expired_consent_nothing(server: &TestServer) {
    let (patient, id) = deposited(server, "2.25.8426", "");
    let own = server.doctor(&[]).deposited(&small_cda("2.25.8427", INS, ""));
    let mut doctor = server.doctor(&[]);
    let consent = authorized(&mut doctor, &patient);
    assert_eq!(told(&shown(&mut doctor, &patient)).len(), 2);
    let mut ended = doctor.found(&format!("Consent/{consent}"));
    ended["provision"]["period"] = json!({"end": "2026-01-01"});
    assert_eq!(doctor.put(&format!("Consent/{consent}"), &ended).status, 200);
    refused(&doctor.get(&format!("{patient}/$documents-delta")), 403);
    authorized(&mut doctor, &patient);
    assert_eq!(told(&delta(&mut doctor, &patient, "")).len(), 0, "the next consultation goes on where the last one ended");
    let mut holder = server.holder(INS);
    let closed = holder.call("POST", &format!("{patient}/$close"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(closed.status, 200, "{}", text(&closed));
    let removed = vec!["removed".to_owned()];
    let answer = delta(&mut doctor, &patient, "");
    assert_eq!(told(&answer), BTreeMap::from([(id, removed.clone()), (own["id"].as_str().unwrap().to_owned(), removed)]));
    assert!(value(&answer, "refusal").contains("fermé"), "{answer}");
    refused(&server.acting("client-imagerie", CARDIOLOGIST).get(&format!("{patient}/$documents-delta")), 403);
}

fn what_comes_into_sight_is_new_whatever_its_date(server: &TestServer) {
    let (patient, masked) = deposited(server, "2.25.8431", "?security-label=MASQUE_PS");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    assert_eq!(told(&shown(&mut doctor, &patient)).len(), 0);
    let (_, other) = deposited(server, "2.25.8432", "");
    shown(&mut doctor, &patient);
    let before = delta(&mut doctor, &patient, "");
    label(&mut server.client("client-laboratoire"), &masked, &["N"]);
    let answer = delta(&mut doctor, &patient, "");
    assert_eq!(told(&answer), BTreeMap::from([(masked.clone(), vec!["new".to_owned()])]), "{other} is known");
    // What was answered before it came into sight, confirmed after, does not swallow it.
    seen(&mut doctor, &patient, &before);
    assert_eq!(told(&delta(&mut doctor, &patient, "")).len(), 1);
}

fn a_label_an_archive_and_their_end_are_told_apart(server: &TestServer) {
    let (patient, id) = deposited(server, "2.25.8441", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    shown(&mut doctor, &patient);
    let mut laboratory = server.client("client-laboratoire");
    let mut told_after = |step: &dyn Fn(&mut Session)| {
        step(&mut laboratory);
        let answer = shown(&mut doctor, &patient);
        assert_eq!(values(one(&answer, &id), "resource")[0]["resource"], doctor.found(&format!("DocumentReference/{id}")));
        told(&answer)[&id].join(" ")
    };
    assert_eq!(told_after(&|l| label(l, &id, &["R"])), "labels");
    assert_eq!(told_after(&|l| archive(l, &id, true)), "archived");
    assert_eq!(told_after(&|l| archive(l, &id, false)), "unarchived");
    let both = |l: &mut Session| {
        label(l, &id, &["V", "INVISIBLE_PATIENT"]);
        archive(l, &id, true);
    };
    assert_eq!(told_after(&both), "archived labels");
    // There and back again between two visits: another version of the metadata and nothing else.
    let back = |l: &mut Session| {
        archive(l, &id, false);
        archive(l, &id, true);
    };
    assert_eq!(told_after(&back), "metadata");
}

fn the_delta_and_the_key_information_have_one_cursor(server: &TestServer) {
    let (patient, shown_first) = deposited(server, "2.25.8445", "");
    let (_, masked) = deposited(server, "2.25.8446", "?security-label=MASQUE_PS");
    let (mut doctor, mut laboratory) = (server.doctor(&[]), server.client("client-laboratoire"));
    authorized(&mut doctor, &patient);
    let view = |doctor: &mut Session| body_of(&doctor.get(&format!("{patient}/$key-info?_format=keyinfo")));
    let new = |view: &Value| -> Vec<String> {
        let all = view["documents"].as_array().unwrap().iter().filter(|d| d["new"] == true);
        all.map(|d| d["identifiers"]["logicalId"].as_str().unwrap().to_owned()).collect()
    };
    let first = view(&mut doctor);
    assert_eq!((first.get("since"), new(&first).len(), first["documentsTotal"].as_u64()), (None, 0, Some(1)));
    let confirmed = doctor.call("POST", &format!("{patient}/$key-info-seen?at={}", first["generated"].as_str().unwrap()), &[], b"");
    assert_eq!(confirmed.status, 204, "{}", text(&confirmed));
    assert_eq!(told(&delta(&mut doctor, &patient, "")).len(), 0, "what the page showed was given");
    // Labels of what was shown are a change of it; what comes into sight is new, however old.
    label(&mut laboratory, &shown_first, &["R"]);
    label(&mut laboratory, &masked, &["N"]);
    let now = view(&mut doctor);
    assert_eq!((new(&now), now["since"].as_str()), (vec![masked.clone()], first["generated"].as_str()));
    let answer = shown(&mut doctor, &patient);
    assert_eq!(told(&answer), BTreeMap::from([(shown_first, vec!["labels".to_owned()]), (masked, vec!["new".to_owned()])]));
    assert_eq!(new(&view(&mut doctor)).len(), 0, "what the delta told is known");
}

/// An earlier day is what this reader saw then, not what he might see of it today.
fn what_was_hidden_then_is_hidden_as_of_then(server: &TestServer) {
    let (patient, id) = deposited(server, "2.25.8447", "");
    let (mut doctor, mut laboratory) = (server.doctor(&[]), server.client("client-laboratoire"));
    authorized(&mut doctor, &patient);
    let view = |doctor: &mut Session, more: &str| text(&doctor.get(&format!("{patient}/$key-info?_format=keyinfo{more}")));
    label(&mut laboratory, &id, &["N", "MASQUE_PS"]);
    let masked = view(&mut doctor, "");
    let then = serde_json::from_str::<Value>(&masked).unwrap()["generated"].as_str().unwrap().to_owned();
    assert!(masked.contains("\"documentsTotal\":0"), "{masked}");
    label(&mut laboratory, &id, &["N"]);
    assert!(view(&mut doctor, "").contains("\"documentsTotal\":1"));
    assert_eq!(view(&mut doctor, &format!("&asOf={then}")), masked);
}

fn what_the_caller_holds_is_linked_and_not_new(server: &TestServer) {
    let (patient, held) = deposited(server, "2.25.8451", "");
    let (_, new) = deposited(server, "2.25.8452", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    for known in ["2.25.8451", "urn:oid:2.25.8451", "urn:ietf:rfc:3986|urn:oid:2.25.8451"] {
        let answer = delta(&mut doctor, &patient, &format!("?known=2.25.1&known={known}"));
        assert_eq!((told(&answer)[&held].as_slice(), told(&answer)[&new].as_slice()), (["held".to_owned()].as_slice(), ["new".to_owned()].as_slice()), "{known}");
        let link = one(&answer, &held);
        assert!(["uniqueId", "entryUUID", "logicalId"].iter().all(|name| values(link, name).len() == 1) && values(link, "resource").is_empty(), "{link}");
    }
    let many: Vec<Value> = (0..4_999).map(|n| json!({"name": "known", "valueUri": format!("urn:oid:2.25.9.{n}")})).collect();
    let mut body = json!({"resourceType": "Parameters", "parameter": many});
    body["parameter"].as_array_mut().unwrap().push(json!({"name": "known", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.8451"}}));
    let answer = doctor.post(&format!("{patient}/$documents-delta"), &body);
    assert_eq!(told(&body_of(&answer))[&held], ["held"], "{}", text(&answer));
    body["parameter"].as_array_mut().unwrap().push(json!({"name": "known", "valueString": "2.25.9.5000"}));
    refused(&doctor.post(&format!("{patient}/$documents-delta"), &body), 422);
}

fn the_practices_own_deposits_are_not_new(server: &TestServer) {
    let mut doctor = server.doctor(&[]);
    let own = doctor.deposited(&small_cda("2.25.8461", INS, ""));
    let (patient, own) = (own["subject"]["reference"].as_str().unwrap().to_owned(), own["id"].as_str().unwrap().to_owned());
    // A colleague at the same practice.
    let mut colleague = server.acting("client-cabinet", CARDIOLOGIST);
    authorized(&mut colleague, &patient);
    let (_, foreign) = deposited(server, "2.25.8462", "");
    let answer = delta(&mut colleague, &patient, "");
    assert_eq!(told(&answer), BTreeMap::from([(own, vec!["held".to_owned()]), (foreign, vec!["new".to_owned()])]));
    let mut elsewhere = server.acting("client-imagerie", &["--rpps", "899700000003", "--profession", "10"]);
    authorized(&mut elsewhere, &patient);
    assert!(told(&delta(&mut elsewhere, &patient, "")).values().all(|codes| codes == &["new"]));
}

fn one_never_given_is_absent(server: &TestServer) {
    let (patient, masked) = deposited(server, "2.25.8471", "?security-label=MASQUE_PS");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let first = shown(&mut doctor, &patient);
    let mut laboratory = server.client("client-laboratoire");
    // Shown and hidden again between two visits, then withdrawn: never given, never named.
    label(&mut laboratory, &masked, &["N"]);
    label(&mut laboratory, &masked, &["N", "MASQUE_PS"]);
    assert_eq!(told(&shown(&mut doctor, &patient)).len(), 0);
    assert_eq!(laboratory.call("DELETE", &format!("DocumentReference/{masked}"), &[], b"").status, 204);
    let answer = delta(&mut doctor, &patient, "?known=2.25.8471");
    assert_eq!(told(&answer).len(), 0);
    assert!(!answer.to_string().contains("8471") && value(&answer, "cursor").len() == value(&first, "cursor").len(), "nor does its cursor grow by it");
}

fn the_holder_keeps_his_own_cursor(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.8481", "");
    let mut holder = server.holder(INS);
    let start = delta(&mut holder, &patient, "");
    assert_eq!(told(&start)[&first], ["new"]);
    let cursor = value(&start, "cursor");
    refused(&holder.call("POST", &format!("{patient}/$documents-delta-seen?cursor={cursor}"), &[], b""), 403);
    let (_, second) = deposited(server, "2.25.8482", "");
    assert_eq!(told(&delta(&mut holder, &patient, "")).len(), 2, "nothing is kept of him");
    let next = delta(&mut holder, &patient, &format!("?since={cursor}"));
    assert_eq!(told(&next).keys().collect::<Vec<_>>(), [&second]);
    refused(&server.cabinet().get(&format!("{patient}/$documents-delta")), 403);
}

fn a_cursor_is_its_callers_and_its_patients(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.8491", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let cursor = value(&delta(&mut doctor, &patient, ""), "cursor");
    let mut other = server.acting("client-imagerie", CARDIOLOGIST);
    authorized(&mut other, &patient);
    let elsewhere = format!("Patient/{}", doctor.patient("270037500000121"));
    authorized(&mut doctor, &elsewhere);
    let forged = cursor.replacen(&cursor[12..13], if &cursor[12..13] == "A" { "B" } else { "A" }, 1);
    refused(&other.get(&format!("{patient}/$documents-delta?since={cursor}")), 400);
    refused(&other.call("POST", &format!("{patient}/$documents-delta-seen?cursor={cursor}"), &[], b""), 400);
    for (patient, cursor) in [(&elsewhere, cursor.as_str()), (&patient, &forged), (&patient, "AAAA"), (&patient, "é"), (&patient, "")] {
        let cursor = cursor.replace('é', "%C3%A9");
        refused(&doctor.get(&format!("{patient}/$documents-delta?since={cursor}")), 400);
        refused(&doctor.call("POST", &format!("{patient}/$documents-delta-seen?cursor={cursor}"), &[], b""), 400);
    }
}

fn a_delta_in_pieces_is_the_whole(server: &TestServer) {
    let mut patient = String::new();
    let mut all = Vec::new();
    for n in 0..5 {
        let (of, id) = deposited(server, &format!("2.25.8501{n}"), "");
        patient = of;
        all.push(id);
    }
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let (mut pieces, mut cursor, mut left) = (Vec::new(), "none".to_owned(), Vec::new());
    loop {
        let answer = delta(&mut doctor, &patient, &format!("?_count=2&since={cursor}"));
        pieces.extend(values(&answer, "document").into_iter().map(|d| value(d, "logicalId")));
        left.push(value(&answer, "more"));
        cursor = value(&answer, "cursor");
        if left.last().unwrap() == "0" {
            break;
        }
    }
    assert_eq!((pieces, left), (all, vec!["3".to_owned(), "1".to_owned(), "0".to_owned()]));
    assert_eq!(told(&delta(&mut doctor, &patient, &format!("?since={cursor}"))).len(), 0);
}

fn what_cannot_be_asked_is_refused(server: &TestServer) {
    let (patient, _) = deposited(server, "2.25.8511", "");
    let mut doctor = server.doctor(&[]);
    refused(&doctor.get(&format!("{patient}/$documents-delta")), 403);
    authorized(&mut doctor, &patient);
    refused(&doctor.get("Patient/nobody/$documents-delta"), 404);
    refused(&doctor.get("Patient/$documents-delta"), 400);
    refused(&doctor.get(&format!("Patient/$documents-delta?identifier={SYSTEM}|270037500000999")), 404);
    refused(&doctor.call("POST", &format!("{patient}/$documents-delta-seen"), &[], b""), 400);
    refused(&doctor.get(&format!("{patient}/$documents-delta-seen")), 405);
    for query in ["?_count=0", "?_count=5001", "?_count=x"] {
        refused(&doctor.get(&format!("{patient}/$documents-delta{query}")), 400);
    }
    for body in ["{\"resourceType\":\"Bundle\"}", "[]", "{"] {
        refused(&doctor.call("POST", &format!("{patient}/$documents-delta"), &[("Content-Type", FHIR_JSON)], body.as_bytes()), 400);
    }
}

fn each_call_leaves_one_event_that_names_what_was_given(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.8541", "");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    shown(&mut doctor, &patient);
    let (_, second) = deposited(server, "2.25.8542", "");
    delta(&mut doctor, &patient, "");
    let mut holder = server.holder(INS);
    let mut events = |name: &str| {
        let found = holder.found(&format!("AuditEvent?patient={patient}&subtype={name}&_sort=date"));
        resources(&found, "AuditEvent").into_iter().map(Value::to_string).collect::<Vec<_>>()
    };
    let (asked, confirmed) = (events("documents-delta"), events("documents-delta-seen"));
    assert_eq!((asked.len(), confirmed.len()), (2, 1), "{asked:?}");
    assert!(asked[0].contains(&first) && asked[1].contains(&second) && !asked[1].contains(&first), "{asked:?}");
    assert!(asked.iter().all(|e| e.contains("\"action\":\"R\"")) && confirmed[0].contains("\"action\":\"U\""));
}

/// A small generator: the same numbers on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

/// What a software keeps: version and state of each current document, by id.
#[derive(Debug, Default)]
struct Client {
    documents: BTreeMap<String, (String, bool)>,
}

impl Client {
    /// Only what the codes and the resources say; what is held from the start carries no resource and is read.
    fn apply(&mut self, session: &mut Session, answer: &Value) {
        for document in values(answer, "document") {
            let (id, codes) = (value(document, "logicalId"), told(answer)[&value(document, "logicalId")].clone());
            if codes.iter().any(|c| ["removed", "replaced", "superseded"].contains(&c.as_str())) {
                self.documents.remove(&id);
                continue;
            }
            let given = values(document, "resource").first().map(|p| p["resource"].clone());
            let resource = given.unwrap_or_else(|| session.found(&format!("DocumentReference/{id}")));
            self.documents.insert(id, state(&resource));
        }
    }
}

fn state(reference: &Value) -> (String, bool) {
    let archived = reference["extension"].as_array().into_iter().flatten().any(|e| e["url"].as_str().unwrap().ends_with("is-archived") && e["valueBoolean"] == true);
    (reference["meta"]["versionId"].as_str().unwrap().to_owned(), archived)
}

fn the_union_of_deltas_is_the_full_state(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.85200", "");
    let (mut doctor, mut laboratory) = (server.doctor(&[]), server.client("client-laboratoire"));
    let mut consent = Some(authorized(&mut doctor, &patient));
    let (mut current, mut number) = (vec![(first, "2.25.85200".to_owned())], 0);
    let mut filed = BTreeSet::new();
    let (mut client, mut dice, mut told_of) = (Client::default(), Dice(7), BTreeMap::new());
    for _ in 0..120 {
        for _ in 0..=dice.roll(3) {
            number += 1;
            let unique = format!("2.25.8521{number}");
            let at = dice.roll(current.len());
            let (id, old) = current[at].clone();
            match dice.roll(10) {
                0 | 1 => current.push((deposited(server, &unique, if dice.roll(4) == 0 { "?security-label=MASQUE_PS" } else { "" }).1, unique)),
                2 => current[at] = (deposited(server, &unique, &format!("?replaces={old}")).1, unique),
                3 => label(&mut laboratory, &id, &["N", "MASQUE_PS"]),
                4 => label(&mut laboratory, &id, &[["N", "R", "V"][dice.roll(3)]]),
                5 | 9 => {
                    let archived = !filed.remove(&id);
                    archive(&mut laboratory, &id, archived);
                    filed.extend(archived.then_some(id));
                }
                6 if current.len() > 2 => {
                    assert_eq!(laboratory.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
                    current.remove(at);
                }
                7 => drop(doctor.deposited(&small_cda(&unique, INS, ""))),
                8 => match consent.take() {
                    Some(id) => {
                        let mut ended = doctor.found(&format!("Consent/{id}"));
                        ended["status"] = json!("inactive");
                        assert_eq!(doctor.put(&format!("Consent/{id}"), &ended).status, 200);
                    }
                    None => consent = Some(authorized(&mut doctor, &patient)),
                },
                _ => {}
            }
        }
        let answer = doctor.get(&format!("{patient}/$documents-delta?_count={}", 1 + dice.roll(4)));
        if answer.status == 403 {
            assert!(consent.is_none(), "{}", text(&answer));
            continue;
        }
        let mut answer = body_of(&answer);
        loop {
            client.apply(&mut doctor, &answer);
            told(&answer).into_values().flatten().for_each(|code| *told_of.entry(code).or_insert(0) += 1);
            seen(&mut doctor, &patient, &answer);
            if value(&answer, "more") == "0" {
                break;
            }
            answer = delta(&mut doctor, &patient, "?_count=3");
        }
        if consent.is_some() {
            let all = doctor.found(&format!("DocumentReference?patient={patient}&status=current&_count=500"));
            let full: BTreeMap<String, (String, bool)> = resources(&all, "DocumentReference").into_iter().map(|r| (r["id"].as_str().unwrap().to_owned(), state(r))).collect();
            assert_eq!(client.documents, full);
        }
    }
    assert!(["new", "held", "replaced", "removed", "archived", "unarchived", "labels"].iter().all(|code| told_of.contains_key(*code)), "{told_of:?}");
}

fn a_search_of_submission_sets_brings_their_documents_along(server: &TestServer) {
    let (patient, first) = deposited(server, "2.25.8531", "");
    let (_, hidden) = deposited(server, "2.25.8532", "?security-label=MASQUE_PS");
    let mut doctor = server.doctor(&[]);
    authorized(&mut doctor, &patient);
    let since = doctor.found(&format!("DocumentReference/{first}"))["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let after = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (_, second) = deposited(server, "2.25.8533", "?replaces=2.25.8531");
    let lists = |doctor: &mut Session, date: &str| {
        let found = doctor.found(&format!("List?patient.identifier={SYSTEM}|{INS}&code=submissionset&status=current&date=ge{date}&_include=List:item"));
        let ids: Vec<String> = resources(&found, "DocumentReference").iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
        (found["total"].as_u64().unwrap(), ids, found.to_string())
    };
    let (total, mut ids, whole) = lists(&mut doctor, "2020-01-01");
    ids.sort();
    let mut both = vec![first.clone(), second.clone()];
    both.sort();
    assert_eq!((total, &ids, whole.contains(&hidden)), (2, &both, false));
    // Since then: the submission, its document, and what it replaced, deposited long before.
    let (total, mut ids, _) = lists(&mut doctor, &after);
    ids.sort();
    assert_eq!((total, ids), (1, both));
    // A label changes without a submission set: it is found by its moment.
    label(&mut server.client("client-laboratoire"), &second, &["R"]);
    let found = doctor.found(&format!("DocumentReference?patient.identifier={SYSTEM}|{INS}&_lastUpdated=gt{since}"));
    let found: Vec<(&str, &str)> = resources(&found, "DocumentReference").iter().map(|r| (r["id"].as_str().unwrap(), r["status"].as_str().unwrap())).collect();
    assert!(found.len() == 2 && found.contains(&(&first, "superseded")) && found.contains(&(&second, "current")), "{found:?}");
}
