//! What is refused before it becomes a call leaves its event too, with everything that is known of who asked.

use serde_json::Value;

use crate::support::{FHIR_JSON, On, TestServer, refused, text};

const FORM: &str = "application/x-www-form-urlencoded";

/// The one event of a request, by its id.
fn event(server: &TestServer, id: &str) -> Value {
    let log = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
    let lines = log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["event"].clone());
    let found: Vec<Value> = lines.filter(|e| e["request_id"] == id).collect();
    assert_eq!(found.len(), 1, "events of {id}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_card_that_is_refused_leaves_its_certificate_in_the_trail_and_no_name() {
    let server = TestServer::enforced(On::Sqlite);
    crate::tokens::card(&server, "899700218896");
    let leaf = passerelle::tls::leaf_fingerprint(&std::fs::read(server.pki().join("carte.pem")).unwrap()).unwrap();
    let fingerprint: String = leaf.iter().map(|b| format!("{b:02x}")).collect();
    let asked = [
        ("GET", "metadata", "capabilities"),
        ("GET", "Patient", "search-type"),
        ("GET", "/health", "health"),
        ("POST", "/launch", "launch"),
        ("GET", "/consult/x", "consult"),
        ("POST", "/token", "token"),
        ("GET", "/cds-services", "cds-services"),
        ("GET", "/.well-known/jwks.json", "capabilities"),
        ("PUT", "/token", "token"),
    ];
    for (n, (method, path, name)) in asked.into_iter().enumerate() {
        let id = format!("card-{n}");
        refused(&server.client("carte").call(method, path, &[("X-Request-Id", &id), ("Accept", FHIR_JSON)], b""), 401);
        let event = event(&server, &id);
        assert_eq!((&event["interaction"], &event["fingerprint"], &event["structure"]), (&name.into(), &fingerprint.as_str().into(), &"".into()), "{path}");
        assert_eq!((&event["outcome"], &event["fault"]), (&"Refused".into(), &3105.into()));
        assert!(event["issuer"].as_str().unwrap().contains("AC ORGANISATIONS DEMONSTRATION") && !event["serial"].as_str().unwrap().is_empty());
        assert!(!event.to_string().contains("899700218896"), "{event}");
    }
    let shown = server.acting("client-cabinet", &["--role", "auditor"]).found("AuditEvent?date=ge2026-01-01&outcome=4");
    let agent = &shown["entry"][0]["resource"]["agent"][0];
    assert_eq!((&agent["altId"], agent["who"].get("identifier")), (&fingerprint.as_str().into(), None), "{agent}");
}

#[test]
fn early_refusals_beside_the_fhir_api_leave_their_event() {
    let server = TestServer::start(On::Sqlite);
    let asked = |id: &str, method: &str, path: &str, kind: &str, body: &[u8], status: u16| {
        let answer = server.cabinet().call(method, path, &[("X-Request-Id", id), ("Content-Type", kind)], body);
        assert_eq!(answer.status, status, "{id}: {}", text(&answer));
        (event(&server, id), answer)
    };
    for (id, method, path, status, name) in [
        ("no-exchange", "POST", "/token", 404, "token"),
        ("get-token", "GET", "/token", 405, "token"),
        ("no-service", "POST", "/cds-services/unknown", 404, "cds-services"),
        ("no-document", "GET", "/.well-known/jwks.json", 404, "capabilities"),
        ("post-health", "POST", "/health", 405, "health"),
        ("no-patient", "GET", "/consult/a_b", 404, "consult"),
        ("no-step", "GET", "/consult/none/nothing", 404, "consult"),
        ("no-id", "GET", "/consult/none/file?id=a_b", 404, "consult"),
    ] {
        let (event, answer) = asked(id, method, path, FORM, b"", status);
        assert_eq!((event["interaction"].as_str(), event["outcome"].as_str(), event["structure"].as_str()), (Some(name), Some("Refused"), Some("1759999991")), "{id}");
        let allowed = (status == 405).then_some(if path == "/token" { "POST" } else { "GET" });
        assert_eq!(answer.header("allow"), allowed, "{id}");
    }
    let (event, _) = asked("big-launch", "POST", "/launch", "application/json", &vec![b' '; 70_000], 413);
    assert_eq!(event["interaction"], "launch");
}

#[test]
fn a_token_request_that_cannot_be_read_leaves_its_event() {
    let provider = crate::exchange::provider();
    let server = provider.server(30);
    let cases: [(&str, &str, &str, usize, u16); 3] =
        [("wrong-type", "/token", "application/json", 2, 400), ("in-address", "/token?grant_type=x", FORM, 2, 400), ("too-big", "/token", FORM, 70_000, 413)];
    for (id, path, kind, size, status) in cases {
        let answer = server.cabinet().call("POST", path, &[("X-Request-Id", id), ("Content-Type", kind)], &vec![b'a'; size]);
        assert_eq!(answer.status, status, "{id}");
        let event = event(&server, id);
        assert_eq!((event["interaction"].as_str(), event["outcome"].as_str()), (Some("token"), Some("Refused")), "{id}");
    }
    let mut open = server.client("client-laboratoire");
    assert_eq!(open.call("GET", "/health", &[], b"").status, 200);
    passerelle::tls::revoke(&server.pki(), "client-laboratoire").unwrap();
    let over = (0..60).any(|n| {
        std::thread::sleep(std::time::Duration::from_millis(250));
        open.call("POST", "/token", &[("X-Request-Id", &format!("revoked-{n}")), ("Content-Type", FORM)], b"a=b").status == 401
    });
    assert!(over);
    let log = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
    let last = log.lines().rfind(|l| l.contains("\"request_id\":\"revoked-")).unwrap();
    assert!(last.contains("\"fault\":315") && last.contains("2999999998"), "{last}");
}

#[test]
fn a_refusal_behind_a_valid_token_names_the_person_and_the_token() {
    let server = TestServer::enforced(On::Sqlite);
    let long = format!("Patient?_id={}", "x".repeat(9000));
    for (id, method, path, headers, body, status) in [
        ("get-with-body", "GET", "Patient/x", &[][..], &b"{}"[..], 400),
        ("no-method", "OPTIONS", "Patient", &[], b"", 405),
        ("long", "GET", &long, &[], b"", 414),
        ("encoded", "POST", "Patient", &[("Content-Encoding", "gzip")], b"xx", 415),
    ] {
        let mut doctor = server.doctor(&["--mode", "bris_de_glace", "--reason", "coma"]);
        let headers = [headers, &[("X-Request-Id", id)]].concat();
        assert_eq!(doctor.call(method, path, &headers, body).status, status, "{id}");
        let by = &event(&server, id)["by"];
        assert_eq!((by["person"].as_str(), by["mode"].as_str()), (Some("899700218896"), Some("bris_de_glace")), "{id}");
        assert!(!by["token"].as_str().unwrap().is_empty());
    }
}
