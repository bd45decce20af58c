//! Whatever comes in: an OperationOutcome, never a 5xx, nothing half stored, and the next request is served.

use std::io::{Read, Write};

use crate::on_both;
use crate::support::{FHIR_JSON, FHIR_XML, On, TestServer, json, refused, small_cda, text};

on_both! {
    json_that_two_readers_could_read_differently_is_refused
    structural_errors_name_their_element_and_rule
    hostile_xml_is_refused_at_both_doors
    bodies_of_the_wrong_kind_or_size_are_refused_before_they_are_read
    unknown_parameters_are_refused_when_strict_and_told_when_lenient
}

fn json_that_two_readers_could_read_differently_is_refused(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let deep = format!("{{\"resourceType\":\"Patient\",\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 8] = [
        br#"{"resourceType":"Patient","active":true,"active":false}"#,
        br#"{"resourceType":"Patient"}x"#,
        br#"{"resourceType":"Patient","name":[]}"#,
        br#"{"resourceType":"Patient","gender":""}"#,
        b"{\"resourceType\":\"Patient\",\"gender\":\"\xff\"}",
        b"\xef\xbb\xbf{\"resourceType\":\"Patient\"}",
        b"{\"resourceType\":\"Patient\"",
        deep.as_bytes(),
    ];
    for bad in bodies {
        let answer = cabinet.call("POST", "Patient", &[("Content-Type", FHIR_JSON)], bad);
        refused(&answer, 400);
    }
    assert_eq!(cabinet.call("GET", "/health", &[], b"").status, 200);
}

fn structural_errors_name_their_element_and_rule(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let cases = [
        (r#"{"resourceType":"Patient","contact":[{"name":{"familly":"X"}}]}"#, "Patient.contact[0].name.familly"),
        (r#"{"resourceType":"Patient","gender":"femme"}"#, "Patient.gender"),
        (r#"{"resourceType":"Patient","birthDate":"12/03/1970"}"#, "Patient.birthDate"),
        (r#"{"resourceType":"Patient","name":{"family":"X"}}"#, "Patient.name"),
        (r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}"#, "Patient"),
    ];
    for (bad, element) in cases {
        let outcome = refused(&cabinet.call("POST", "Patient", &[("Content-Type", FHIR_JSON)], bad.as_bytes()), 422);
        assert!(outcome["issue"][0]["expression"][0].as_str().unwrap().starts_with(element), "{element}: {outcome}");
        assert!(!outcome.to_string().contains("12/03/1970") && !outcome.to_string().contains("femme"), "never the value: {outcome}");
    }
    let missing = refused(&cabinet.call("POST", "Observation", &[("Content-Type", FHIR_JSON)], br#"{"resourceType":"Observation","status":"final"}"#), 422);
    assert!(missing["issue"][0]["diagnostics"].as_str().unwrap().contains("code is required"), "{missing}");
}

fn hostile_xml_is_refused_at_both_doors(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let attributes: String = (0..80_000).map(|i| format!(" a{i}=\"1\"")).collect();
    let deep = format!("<ClinicalDocument xmlns=\"urn:hl7-org:v3\">{}{}</ClinicalDocument>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let utf16: Vec<u8> = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<Vec<u8>> = vec![
        b"<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>&e;</title></ClinicalDocument>".to_vec(),
        b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>".to_vec(),
        utf16,
        format!("<ClinicalDocument xmlns=\"urn:hl7-org:v3\"{attributes}/>").into_bytes(),
        deep.into_bytes(),
        b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>a".to_vec(),
        b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/><b/>".to_vec(),
        b"not xml".to_vec(),
        b"<html/>".to_vec(),
    ];
    for bad in &cases {
        for (path, kind) in [("$deposit", "application/xml"), ("Patient", FHIR_XML)] {
            let answer = cabinet.call("POST", path, &[("Content-Type", kind)], bad);
            assert!((400..=422).contains(&answer.status), "{path} {}", text(&answer));
            assert_eq!(json(&answer)["resourceType"], "OperationOutcome");
            assert!(!text(&answer).contains("root:"), "nothing is fetched");
        }
    }
}

fn bodies_of_the_wrong_kind_or_size_are_refused_before_they_are_read(server: &TestServer) {
    let mut cabinet = server.cabinet();
    refused(&cabinet.call("POST", "$deposit", &[("Content-Type", "application/xml"), ("Content-Encoding", "gzip")], b"\x1f\x8b\x08"), 415);
    refused(&server.cabinet().call("POST", "Patient", &[("Content-Type", "application/pdf")], b"%PDF"), 415);
    refused(&server.cabinet().call("POST", "$deposit", &[("Content-Type", "application/pdf")], b"%PDF"), 415);
    refused(&server.cabinet().call("POST", "Patient", &[("Content-Type", FHIR_JSON)], b""), 400);
    let mut target = passerelle::cli::Target::new(&server.pki(), "client-cabinet", server.port)
        .map(|t| passerelle::tls::connect("localhost", t.port, &t.ca, &t.certificate, &t.key).unwrap())
        .unwrap();
    target.write_all(b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nContent-Length: 99999999999\r\n\r\n").unwrap();
    let mut head = [0u8; 12];
    target.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 413", "refused from Content-Length, no body was sent");
}

fn unknown_parameters_are_refused_when_strict_and_told_when_lenient(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let id = cabinet.patient("270037500000121");
    let path = format!("DocumentReference?patient={id}&colour=blue");
    let strict = cabinet.call("GET", &path, &[("Prefer", "handling=strict")], b"");
    refused(&strict, 400);
    let lenient = cabinet.found(&path);
    let own = lenient["link"].as_array().unwrap().iter().find(|l| l["relation"] == "self").unwrap()["url"].as_str().unwrap().to_owned();
    assert!(!own.contains("colour") && own.contains("patient="), "{own}");
    assert!(lenient["entry"].as_array().into_iter().flatten().any(|e| e["search"]["mode"] == "outcome"));
}

/// Limits that a small configuration shows quickly.
#[test]
fn a_body_over_its_limit_is_413_and_a_bundle_over_its_limit_is_422() {
    let server = TestServer::with(On::Sqlite, |c| {
        c.limits.deposit_bytes = 4096;
        c.limits.body_bytes = 2048;
        c.limits.bundle_entries = 1;
    });
    let mut cabinet = server.cabinet();
    refused(&cabinet.deposit(&vec![b' '; 5000]), 413);
    refused(&server.cabinet().call("POST", "Patient", &[("Content-Type", FHIR_JSON)], &[b' '; 3000]), 413);
    let entry = serde_json::json!({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}});
    refused(&server.cabinet().post("/fhir", &serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]})), 422);
    assert_eq!(server.cabinet().deposit(&small_cda("2.25.31", "270037500000121", "")).status, 201);
}

/// Documents as they should not be: each is refused clearly or stored and told, never half of both.
#[test]
fn a_wrong_document_is_refused_or_stored_and_told() {
    let server = TestServer::start(On::Sqlite);
    let good = |n: u32| String::from_utf8(small_cda(&format!("2.25.4{n:04}"), "258027511234534", "")).unwrap();
    let level_1 = |n: u32, file: &str| {
        let text = good(n);
        let (head, _) = text.split_once("<component><structuredBody>").unwrap();
        format!("{head}<component><nonXMLBody><text mediaType=\"application/pdf\" representation=\"B64\">{file}</text></nonXMLBody></component></ClinicalDocument>")
    };
    let declared = |n: u32, name: &str| good(n).replace("encoding=\"UTF-8\"", &format!("encoding=\"{name}\"")).replace("d'essai", "d'été");
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let bytes = |text: String| text.into_bytes();
    let big = "x".repeat(64 << 20);
    let pis = "<?a b?>".repeat(100_000);
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (
            "XInclude is text, never fetched",
            bytes(good(1).replace("Rien à signaler", "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>Rien")),
            201,
            "",
        ),
        ("a hundred thousand processing instructions", bytes(good(2).replace("<realmCode", &format!("{pis}<realmCode"))), 201, ""),
        (
            "a hundred thousand sections inside each other",
            bytes(good(3).replace("Rien à signaler", &format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)))),
            400,
            "nested",
        ),
        ("an attribute of 64 MiB", bytes(good(4).replace("<title>", &format!("<title x=\"{big}\">"))), 201, ""),
        ("base64 that is none", bytes(level_1(5, "%%%")), 201, ""),
        ("a PDF that is none", bytes(level_1(6, "SGVsbG8gdG91dCBsZSBtb25kZQ==")), 201, "application/pdf"),
        ("ISO-8859-1, declared", latin(&declared(7, "ISO-8859-1")), 201, ""),
        ("windows-1252, declared", latin(&declared(8, "windows-1252")), 201, ""),
        ("ISO-8859-1, not declared", latin(&good(9).replace(" encoding=\"UTF-8\"", "").replace("d'essai", "d'été")), 400, "UTF-8"),
        ("a byte order mark", bytes(format!("\u{feff}{}", good(10))), 201, ""),
        ("a wrong xsi namespace", bytes(good(11).replace("http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/2001/XMLSchema")), 201, ""),
        ("no namespace", bytes(good(12).replace(" xmlns=\"urn:hl7-org:v3\"", "")), 422, "urn:hl7-org:v3"),
        ("two documents in one file", bytes(format!("{}{}", good(13), good(14).split_once("?>").unwrap().1)), 400, "root"),
        (
            "no recordTarget",
            bytes({
                let text = good(15);
                let (head, rest) = text.split_once("<recordTarget>").unwrap();
                format!("{head}{}", rest.split_once("</recordTarget>").unwrap().1)
            }),
            400,
            "patient",
        ),
        ("dated in the future", bytes(good(16).replace("<effectiveTime value=\"2026", "<effectiveTime value=\"2099")), 201, "future"),
        ("an INS with a wrong key", bytes(good(17).replace("258027511234534", "258027511234535")), 201, "ins-key"),
        ("cut off in the middle", bytes(good(18).chars().take(900).collect()), 400, ""),
        ("nothing", Vec::new(), 400, ""),
    ];
    for (what, body, status, told) in cases {
        let answer = server.cabinet().call("POST", "$deposit", &[("Content-Type", "application/xml"), ("Prefer", "return=OperationOutcome")], &body);
        let said = text(&answer);
        assert_eq!(answer.status, status, "{what}: {}", said.chars().take(600).collect::<String>());
        assert!(said.contains(told), "{what}: {}", said.chars().take(900).collect::<String>());
    }
    assert_eq!(server.cabinet().call("GET", "/health", &[], b"").status, 200);
}

/// The hostile vectors, where they lie beside the checkout.
fn hostile_vectors() -> Option<serde_json::Value> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/security/hostile/hostile.json");
    let Ok(text_of_file) = std::fs::read_to_string(&file) else {
        println!("skipped: the hostile vectors are not beside the checkout");
        return None;
    };
    Some(serde_json::from_str(&text_of_file).unwrap())
}

/// Where the hostile vectors lie beside the checkout: each body is answered as its vector expects, and the next request is served.
#[test]
fn hostile_vectors_are_answered_as_they_expect() {
    use base64::Engine;
    let Some(vectors) = hostile_vectors() else { return };
    let server = TestServer::start(On::Sqlite);
    let patient = server.cabinet().patient("270037500000121");
    let (mut sent, mut wrong) = (0, Vec::new());
    for case in vectors["cases"].as_array().unwrap() {
        let (Some(body), Some(media)) = (case["body"].as_str(), case["media"].as_str()) else { continue };
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        let headers: Vec<(&str, &str)> = case["headers"].as_object().into_iter().flatten().filter_map(|(n, v)| Some((n.as_str(), v.as_str()?))).collect();
        let headers = [&[("Content-Type", media)], headers.as_slice()].concat();
        let mut answer = server.cabinet().call("POST", &door(media, &bytes), &headers, &bytes);
        assert!(answer.status < 500, "{}: {}", case["id"], text(&answer));
        if text(&answer).contains("P-0920") {
            // The vectors are about bytes, not about persons: what was refused for being nobody's is sent again of somebody.
            let of_somebody = format!("{{\"resourceType\":\"Observation\",\"subject\":{{\"reference\":\"Patient/{patient}\"}},");
            let bytes = String::from_utf8(bytes.clone()).unwrap().replacen("{\"resourceType\":\"Observation\",", &of_somebody, 1);
            answer = server.cabinet().call("POST", &door(media, bytes.as_bytes()), &headers, bytes.as_bytes());
        }
        sent += 1;
        // Several vectors share one uniqueId: the second of them is rightly a conflict where the first was stored.
        let status = if answer.status == 409 { 201 } else { answer.status };
        if !case["expect"].as_array().unwrap().iter().any(|e| e.as_u64() == Some(u64::from(status))) {
            wrong.push(format!("{} at {}: {} instead of {}; {}", case["id"], case["at"], answer.status, case["expect"], text(&answer).chars().take(160).collect::<String>()));
        }
    }
    assert_eq!(server.cabinet().call("GET", "/health", &[], b"").status, 200);
    println!("{sent} hostile bodies");
    assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The hostile headers, each over a connection of its own: what a request does, to whom and under which name is not theirs to say.
#[test]
fn hostile_headers_change_neither_method_nor_identity_nor_addresses() {
    let Some(vectors) = hostile_vectors() else { return };
    let server = TestServer::start(On::Sqlite);
    let id = server.cabinet().patient("270037500000121");
    let target = passerelle::cli::Target::new(&server.pki(), "client-cabinet", server.port).unwrap();
    let send = |line: &str, headers: &[(&str, &str)]| {
        let host = headers.iter().find(|(name, _)| *name == "Host").map_or_else(|| format!("localhost:{}", server.port), |(_, host)| (*host).to_owned());
        let more: String = headers.iter().filter(|(name, _)| *name != "Host").map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut stream = passerelle::tls::connect("localhost", target.port, &target.ca, &target.certificate, &target.key).unwrap();
        stream.write_all(format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let mut sent = 0;
    for case in vectors["cases"].as_array().unwrap().iter().filter(|c| c["id"].as_str().unwrap().starts_with("hdr-")) {
        let headers: Vec<(&str, &str)> = case["headers"].as_object().unwrap().iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap())).collect();
        for line in [format!("GET /fhir/Patient/{id}"), format!("GET /fhir/DocumentReference?patient={id}"), "GET /fhir/metadata".to_owned()] {
            let answer = send(&line, &headers);
            let status: u64 = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{}: {line}: no answer", case["id"]));
            assert!(case["expect"].as_array().unwrap().iter().any(|e| e.as_u64() == Some(status)), "{}: {line}: {status}", case["id"]);
            assert!(!answer.contains("evil"), "{}: {line}: an address from a header", case["id"]);
            sent += 1;
        }
    }
    assert_eq!(sent, 60);
    let kept = server.cabinet().found(&format!("Patient/{id}"));
    assert_eq!(kept["meta"]["versionId"], "1", "no header changed a method");
}

/// Where a body goes: a CDA to its door, a resource to its type, a transaction to the base.
fn door(media: &str, bytes: &[u8]) -> String {
    if media == "text/xml" || media == "application/xml" {
        return "$deposit".into();
    }
    let text = String::from_utf8_lossy(bytes);
    let kind = text.split("\"resourceType\"").nth(1).and_then(|t| t.split('"').nth(1));
    match kind {
        Some("Bundle") => "/fhir".into(),
        Some(kind) if kind.len() < 40 && kind.bytes().all(|b| b.is_ascii_alphabetic()) => kind.to_owned(),
        _ => "Patient".into(),
    }
}
