//! The practitioner's page: tickets over mutual TLS, a browser without certificate, one session for one patient.

use passerelle::cli::Response;
use passerelle::config::{AccessPolicy, Config};
use serde_json::{Value, json};

use crate::support::{FHIR_JSON, On, Session, TestServer, json as body_of, refused, resources, small_cda, text};

const INS: &str = "258027511234534";
const OTHER_INS: &str = "279035121518989";
const FORM: &str = "application/x-www-form-urlencoded";

macro_rules! paged_on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&super::paged(super::On::Sqlite, |_| {})) })*
        }
        mod on_postgres {
            $(#[test] fn $name() { if crate::support::postgres() { super::$name(&super::paged(super::On::Postgres, |_| {})) } })*
        }
    };
}

paged_on_both! {
    a_ticket_opens_the_page_of_its_patient_once
    what_is_asked_for_in_one_opening_shares_its_id_in_the_trail
    one_opening_is_one_access_for_the_patient
    filters_bound_and_view_are_in_the_address
    a_session_is_for_one_patient
    a_change_comes_from_the_page_itself
    the_notice_is_read_once_for_all_pages
    the_glass_is_broken_with_a_reason
    a_document_is_imported_with_its_three_identifiers
    a_blocked_practitioner_is_told_so
}

fn paged(on: On, change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(on, |c| {
        c.access.policy = AccessPolicy::Enforced;
        c.consult.bind = "127.0.0.1:0".into();
        change(c);
    })
}

/// Two patients, a document each, deposited by a laboratory; ids of the patients and of the documents.
struct Records {
    patient: String,
    document: String,
    other: String,
    other_document: String,
}

fn records(server: &TestServer) -> Records {
    let mut lab = server.client("client-laboratoire");
    let mut one = |unique: &str, ins: &str| {
        let cda = String::from_utf8(small_cda(unique, ins, "")).unwrap().replace("801234567897", "801234567888");
        let reference = lab.deposited(cda.as_bytes());
        (reference["subject"]["reference"].as_str().unwrap().to_owned(), reference["id"].as_str().unwrap().to_owned())
    };
    let ((patient, document), (other, other_document)) = (one("2.25.8801", INS), one("2.25.8802", OTHER_INS));
    Records { patient, document, other, other_document }
}

fn request(patient: &str) -> Value {
    json!({"patient": patient, "traits": {"family": "Essai", "given": "Anne", "birthDate": "1970-03-12", "sex": "F", "ins": INS}})
}

fn launched(session: &mut Session, body: &Value) -> Value {
    let answer = launch(session, body);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    body_of(&answer)
}

fn launch(session: &mut Session, body: &Value) -> Response {
    session.call("POST", "/launch", &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

/// A browser, with its cookie once it has one.
struct Browser {
    session: Session,
    cookie: String,
    agent: &'static str,
}

impl Browser {
    fn new(server: &TestServer) -> Self {
        Self { session: server.browser(), cookie: String::new(), agent: "Mozilla/5.0 (essai)" }
    }

    /// Opens the page by a link of `POST /launch`.
    fn opened(server: &TestServer, launched: &Value) -> Self {
        let mut browser = Self::new(server);
        let answer = browser.get(&path_of(launched));
        assert_eq!(answer.status, 200, "{}", text(&answer));
        let cookie = answer.header("set-cookie").unwrap().to_owned();
        for part in ["__Host-passerelle=", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain") && text(&answer).contains("0;url=/consult/"), "{}", text(&answer));
        cookie.split(';').next().unwrap().clone_into(&mut browser.cookie);
        browser
    }

    fn get(&mut self, path: &str) -> Response {
        let headers = [("Cookie", self.cookie.as_str()), ("User-Agent", self.agent), ("Accept", "text/html")];
        self.session.call("GET", path, &headers, b"")
    }

    fn page(&mut self) -> (u16, String) {
        let answer = self.get("/consult/");
        (answer.status, text(&answer))
    }

    /// The token of the page's forms.
    fn token(&mut self) -> String {
        let page = self.page().1;
        page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    fn post(&mut self, action: &str, form: &str) -> Response {
        let form = format!("token={}&{form}", self.token());
        self.post_as(action, &form, &[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")])
    }

    fn post_as(&mut self, action: &str, form: &str, more: &[(&str, &str)]) -> Response {
        let headers: Vec<(&str, &str)> = [("Cookie", self.cookie.as_str()), ("User-Agent", self.agent), ("Content-Type", FORM)].into_iter().chain(more.iter().copied()).collect();
        self.session.call("POST", &format!("/consult/{action}"), &headers, form.as_bytes())
    }
}

fn path_of(launched: &Value) -> String {
    let url = launched["url"].as_str().unwrap();
    url[url.find("/consult/").unwrap()..].to_owned()
}

fn authorized(server: &TestServer, patient: &str) {
    let answer = server.doctor(&[]).call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
}

fn events(server: &TestServer, query: &str) -> Vec<Value> {
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    let bundle = auditor.found(&format!("AuditEvent?date=ge2020-01-01&_count=200{query}"));
    resources(&bundle, "AuditEvent").into_iter().cloned().collect()
}

fn named<'a>(events: &'a [Value], subtype: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["subtype"].as_array().is_some_and(|all| all.iter().any(|s| s["code"] == subtype))).collect()
}

fn a_ticket_opens_the_page_of_its_patient_once(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let launched = launched(&mut server.doctor(&[]), &request(&records.patient));
    assert_eq!(launched["mismatch"], false);
    let mut browser = Browser::opened(server, &launched);
    let answer = browser.get("/consult/");
    let page = text(&answer);
    assert_eq!(answer.status, 200, "{page}");
    assert!(page.contains("Essai") && page.contains("12/03/1970") && !page.contains("Identité à vérifier"), "{page}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert!(answer.header("strict-transport-security").is_some());
    assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    // Again, by whoever: refused and traced; the session goes on.
    let again = Browser::new(server).get(&path_of(&launched));
    assert_eq!((again.status, again.header("set-cookie")), (403, None));
    assert!(text(&again).contains("déjà servi"), "{}", text(&again));
    assert_eq!(browser.page().0, 200);
    let openings = events(server, &format!("&patient={}", records.patient));
    let outcomes: Vec<&str> = named(&openings, "consult").iter().map(|e| e["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["4", "0"], "newest first: the refusal and the opening");
    assert_eq!(named(&openings, "launch").len(), 1);
}

fn what_is_asked_for_in_one_opening_shares_its_id_in_the_trail(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let launched = launched(&mut server.doctor(&[]), &request(&records.patient));
    let mut browser = Browser::opened(server, &launched);
    assert_eq!(browser.page().0, 200);
    for path in ["key-info?section=problems", "export?format=ips"] {
        assert_eq!(browser.get(&format!("/consult/{path}")).status, 200, "{path}");
    }
    let shown = browser.get(&format!("/consult/document/{}/$render", records.document));
    assert_eq!(shown.status, 200, "{}", text(&shown));
    let opening = launched["consultation"].as_str().unwrap();
    let all = events(server, &format!("&patient={}", records.patient));
    let within: Vec<&Value> = all.iter().filter(|e| e.to_string().contains(opening)).collect();
    assert_eq!(within.len(), 5, "consult, page, section, export, document: {}", within.len());
    for event in within {
        assert!(event.to_string().contains("899700218896"), "under the practitioner's name: {event}");
    }
}

/// What a holder finds of his trail.
fn accesses(server: &TestServer, query: &str) -> Value {
    server.holder(INS).found(&format!("AuditEvent?{query}"))
}

fn one_opening_is_one_access_for_the_patient(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let patient = format!("patient={}&date=ge2020-01-01", records.patient);
    let before = accesses(server, &patient)["total"].as_u64().unwrap();
    let launched = launched(&mut server.doctor(&[]), &request(&records.patient));
    let opening = launched["consultation"].as_str().unwrap();
    let mut browser = Browser::opened(server, &launched);
    assert_eq!(browser.page().0, 200);
    let total = |query: &str| accesses(server, query)["total"].as_u64().unwrap();
    let own = |n: u64| before + n; // The holder's own searches are in his trail too.
    assert_eq!(total(&patient), own(2), "the page that is open is one access, beside the search before");
    assert_eq!(browser.get("/consult/key-info?section=problems").status, 200);
    assert_eq!(browser.get(&format!("/consult/document/{}/$render", records.document)).status, 200);
    assert_eq!(browser.post("seen", "generated=2026-01-01T00%3A00%3A00Z").status, 303, "a write, whose event is in the database");
    assert_eq!(browser.get("/consult/document/none/$render").status, 404);
    assert_eq!(total(&patient), own(3), "what was looked at in it is no further access");
    // The whole of it, inside.
    let bundle = accesses(server, &patient);
    let all = resources(&bundle, "AuditEvent");
    let entry = all.iter().find(|e| e.to_string().contains("\"code\":\"consult\"")).unwrap();
    let parts: Vec<&Value> = entry["entity"].as_array().unwrap().iter().filter(|e| e["type"]["code"] == "AuditEvent").collect();
    let details =
        |name: &str| parts.iter().flat_map(|p| p["detail"].as_array().unwrap()).filter(|d| d["type"] == name).map(|d| d["valueString"].as_str().unwrap()).collect::<Vec<_>>();
    let done = details("interaction");
    for name in ["launch", "key-info", "render", "key-info-seen"] {
        assert!(done.contains(&name), "{name} in {done:?}");
    }
    // What was asked for in vain is left out: of a hidden document it would say that there is one.
    assert_eq!((details("section"), done.len()), (vec!["problems"], all_parts(server, &records.patient, opening) - 1));
    assert!(details("entity").contains(&format!("DocumentReference/{}", records.document).as_str()) && !details("outcome").contains(&"4"));
    assert!(entry["entity"].as_array().unwrap().iter().any(|e| e["what"]["reference"] == format!("DocumentReference/{}", records.document)));
    assert!(entry["period"]["start"].as_str().unwrap() < entry["period"]["end"].as_str().unwrap());
    // The same by its id, and each part by its own.
    let mut holder = server.holder(INS);
    let id = entry["id"].as_str().unwrap();
    assert_eq!(holder.found(&format!("AuditEvent/{id}")), **entry);
    assert_eq!(resources(&holder.found(&format!("AuditEvent?_id={id}")), "AuditEvent"), vec![*entry]);
    for part in &parts {
        let reference = part["what"]["reference"].as_str().unwrap();
        assert_eq!(holder.found(reference)["resourceType"], "AuditEvent", "{reference}");
    }
    let trail = accesses(server, &format!("entity:identifier={opening}"));
    assert_eq!(trail["total"].as_u64().unwrap(), u64::try_from(parts.len()).unwrap(), "every event of it, but that of the ticket, which has its own request id");
    let rendered = accesses(server, &format!("{patient}&entity=DocumentReference/{}", records.document));
    assert!(resources(&rendered, "AuditEvent").iter().any(|e| e.to_string().contains("\"code\":\"render\"")), "asked by its document, the event itself is found");
    // A time that lies within the opening finds all of it.
    let end = entry["period"]["end"].as_str().unwrap();
    let late = accesses(server, &format!("patient={}&date=eq{end}", records.patient));
    assert_eq!(
        resources(&late, "AuditEvent").iter().filter(|e| e["id"] == entry["id"]).map(|e| e["entity"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [entry["entity"].as_array().unwrap().len()]
    );
    // Pages count accesses.
    let mut page = accesses(server, &format!("{patient}&_count=1"));
    let (total, mut seen) = (page["total"].as_u64().unwrap(), 1);
    while let Some(next) = page["link"].as_array().unwrap().iter().find(|l| l["relation"] == "next").and_then(|l| l["url"].as_str()).map(str::to_owned) {
        page = holder.found(next.strip_prefix(&server.base).unwrap().trim_start_matches('/'));
        assert_eq!((page["total"].as_u64(), resources(&page, "AuditEvent").len()), (Some(total), 1));
        seen += 1;
    }
    assert_eq!(seen, total);
}

/// Events of an opening in the auditor's list, which is whole, but that of the opening itself; with that of its ticket.
fn all_parts(server: &TestServer, patient: &str, opening: &str) -> usize {
    let all = events(server, &format!("&patient={patient}"));
    assert!(all.iter().all(|e| e["meta"]["versionId"] == "1"), "the auditor reads events");
    all.iter().filter(|e| e.to_string().contains(opening)).count() - 1 + named(&all, "launch").len()
}

/// A software that knows the id of an opening cannot put its own reads into it.
#[test]
fn a_request_id_does_not_hide_an_access_in_an_opening() {
    let server = paged(On::Sqlite, |_| {});
    let records = records(&server);
    authorized(&server, &records.patient);
    let launched = launched(&mut server.doctor(&[]), &request(&records.patient));
    assert_eq!(Browser::opened(&server, &launched).page().0, 200);
    let patient = format!("patient={}&date=ge2020-01-01", records.patient);
    let before = accesses(&server, &patient)["total"].as_u64().unwrap();
    let opening = launched["consultation"].as_str().unwrap();
    let read = server.doctor(&[]).call("GET", &format!("DocumentReference/{}", records.document), &[("X-Request-Id", opening), ("Accept", FHIR_JSON)], b"");
    assert_eq!(read.status, 200);
    assert_eq!(accesses(&server, &patient)["total"].as_u64().unwrap(), before + 2, "the read, and the search before");
}

fn filters_bound_and_view_are_in_the_address(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let old = String::from_utf8(small_cda("2.25.8804", INS, "")).unwrap().replace("801234567897", "801234567888").replace("20260310", "20150310");
    server.client("client-laboratoire").deposited(old.as_bytes());
    let mut browser = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    let page = browser.page().1;
    let generated = page.split("name=\"generated\" value=\"").nth(1).unwrap().split('"').next().unwrap().replace(':', "%3A");
    assert_eq!(browser.post("seen", &format!("generated={generated}")).status, 303);
    let rows = |page: &str| page.matches("<li data-t").count();
    let page = browser.page().1;
    assert!(page.contains("Limite : 2 dernières années") && page.contains("1 sur 2") && rows(&page) == 1, "{page}");
    let page = text(&browser.get("/consult/?window=all"));
    assert!(page.contains("Remettre la limite aux 2 dernières années") && rows(&page) == 2);
    let page = text(&browser.get("/consult/?window=all&period=P5Y"));
    assert!(page.contains("Période : 5 dernières années") && page.contains("1 document sur 2") && rows(&page) == 1);
    assert_eq!(rows(&text(&browser.get("/consult/documents?window=all"))), 2);
    let nothing = text(&browser.get("/consult/documents?window=all&text=introuvable"));
    assert!(nothing.contains("Mots : « introuvable »") && nothing.contains("aucun document sur 2") && rows(&nothing) == 0);
    let print = text(&browser.get("/consult/print?specialty=emergency&window=all&period=P5Y"));
    assert!(print.contains("Imprimé le") && print.contains("Vue choisie") && print.contains("Période : 5 dernières années"), "{print}");
    let view = text(&browser.get("/consult/?specialty=SM04"));
    assert!(view.contains("<option value=\"cardiologist\" selected=\"\">") && view.contains("href=\"/consult/./\">Vue choisie"), "{view}");
    for profile in ["neutral", "general-practitioner", "diabetologist", "paediatrician", "midwife", "radiologist", "pharmacist", "nurse", "physiotherapist", "dentist"] {
        assert!(view.contains(&format!("<option value=\"{profile}\">")), "{profile}");
    }
    for wrong in ["?specialty=SM99", "?window=x", "documents?window=x", "print?specialty=x"] {
        let refused = browser.get(&format!("/consult/{wrong}"));
        assert!(
            refused.status == 400 && ["Une valeur de la demande n'est pas valable.", "<p class=\"soft\" lang=\"en\">P-0"].iter().all(|words| text(&refused).contains(words)),
            "{wrong}: {}",
            text(&refused)
        );
    }
}

fn a_session_is_for_one_patient(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    authorized(server, &records.other);
    let mut browser = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    let to = browser.get(&format!("/consult/document?id=DocumentReference/{}", records.document));
    assert_eq!((to.status, to.header("location").unwrap().to_owned()), (303, format!("/consult/document/{}/$render", records.document)));
    assert_eq!(browser.get(&format!("/consult/document/{}/$render", records.document)).status, 200);
    // A document of another record, though this practitioner may read it, is one that does not exist.
    let mut words = Vec::new();
    let masked = String::from_utf8(small_cda("2.25.8803", INS, "")).unwrap().replace("801234567897", "801234567888");
    let masked = server.client("client-laboratoire").call("POST", "$deposit?security-label=MASQUE_PS", &[("Content-Type", "application/xml")], masked.as_bytes());
    let masked = body_of(&masked)["id"].as_str().unwrap().to_owned();
    for id in [records.other_document.as_str(), "none", &masked] {
        for path in [format!("document/{id}/$render"), format!("file?id={id}&n=0")] {
            let answer = browser.get(&format!("/consult/{path}"));
            assert_eq!(answer.status, 404, "{path}");
            words.push((answer.status, text(&answer)));
        }
        assert_eq!(browser.post("import", &format!("id={id}")).status, 404);
        let why = browser.get(&format!("/consult/why?id={id}"));
        words.push((why.status, text(&why)));
    }
    assert!(words[..3] == words[3..6] && words[3..6] == words[6..], "{words:?}");
    for path in ["Patient/1", "../fhir/Patient/1", "metadata", "key-info/Patient", "consult"] {
        assert!([403, 404].contains(&browser.get(&format!("/consult/{path}")).status), "{path}");
    }
    // The API is not on this listener.
    assert_eq!(browser.get(&format!("/fhir/{}", records.patient)).status, 403);
    assert_eq!(browser.get("/launch").status, 403);
}

fn a_change_comes_from_the_page_itself(server: &TestServer) {
    let records = records(server);
    let mut browser = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    let (status, page) = browser.page();
    assert_eq!(status, 403, "{page}");
    assert!(page.contains("Le patient donne son accord"), "{page}");
    let token = browser.token();
    let own = format!("https://localhost:{}", server.page.unwrap());
    let good = format!("token={token}");
    for (form, headers) in [
        (good.as_str(), vec![("Sec-Fetch-Site", "cross-site"), ("Origin", "https://mal.example")]),
        (&good, vec![("Sec-Fetch-Site", "same-site")]),
        (&good, vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "https://mal.example")]),
        (&good, vec![("Origin", "null")]),
        (&good, vec![]),
        ("", vec![("Sec-Fetch-Site", "same-origin")]),
        ("token=x", vec![("Sec-Fetch-Site", "same-origin"), ("Origin", own.as_str())]),
    ] {
        let answer = browser.post_as("consent", form, &headers);
        assert_eq!(answer.status, 403, "{form} {headers:?}");
    }
    assert_eq!(browser.page().0, 403, "nothing was recorded");
    let answer = browser.post_as("consent", &good, &[("Origin", &own)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/consult/")), "{}", text(&answer));
    assert_eq!(browser.page().0, 200, "the consent opens the record");
    let script = browser.session.call(
        "POST",
        "/consult/consent",
        &[("Cookie", &browser.cookie), ("User-Agent", browser.agent), ("Accept", "application/json"), ("X-Passerelle-Token", &token), ("Sec-Fetch-Site", "same-origin")],
        b"",
    );
    assert_eq!((script.status, body_of(&script)["done"].clone()), (200, json!(true)));
    // Without the cookie, and in another browser.
    let cookie = std::mem::take(&mut browser.cookie);
    assert_eq!(browser.page().0, 403);
    browser.cookie = cookie;
    browser.agent = "curl/8";
    assert!(browser.page().1.contains("autre navigateur"));
    browser.agent = "Mozilla/5.0 (essai)";
    assert_eq!(browser.page().0, 403, "it is over for both");
}

fn the_notice_is_read_once_for_all_pages(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let mut browser = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    assert!(browser.page().1.contains("J&#39;ai compris") || browser.page().1.contains("J'ai compris"));
    assert_eq!(browser.post("notice", "").status, 303);
    assert!(!browser.page().1.contains("ai compris"));
    let mut next = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    assert!(!next.page().1.contains("ai compris"));
    assert_eq!(next.post("notice", "").status, 303, "again is no fault");
    let mut other = server.acting("client-cabinet", &["--rpps", "899700000001", "--profession", "10"]);
    let mut browser = Browser::opened(server, &launched(&mut other, &request(&records.patient)));
    assert!(browser.page().1.contains("ai compris"), "another person has not read it");
    assert_eq!(named(&events(server, ""), "notice").len(), 2);
}

fn the_glass_is_broken_with_a_reason(server: &TestServer) {
    let records = records(server);
    let mut browser = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    assert_eq!(browser.page().0, 403);
    for form in ["", "reason=", "reason=%20..."] {
        assert_eq!(browser.post("break-glass", form).status, 403, "{form}");
    }
    assert_eq!(browser.page().0, 403);
    assert_eq!(browser.post("break-glass", "reason=Coma+sans+proche+joignable").status, 303);
    let (status, page) = browser.page();
    assert!(status == 200 && page.contains("Accès en bris de glace"), "{page}");
    let all = events(server, &format!("&patient={}", records.patient));
    let outcomes: Vec<&str> = named(&all, "break-glass").iter().map(|e| e["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["0", "4", "4", "4"]);
    assert!(all.iter().any(|e| e.to_string().contains("Coma sans proche joignable")));
    // In the request for the ticket the same holds.
    let mut body = request(&records.patient);
    body["mode"] = json!("bris_de_glace");
    refused(&launch(&mut server.doctor(&[]), &body), 403);
    body["reason"] = json!("Coma");
    let mut second = Browser::opened(server, &launched(&mut server.doctor(&[]), &body));
    assert_eq!(second.page().0, 200);
}

fn a_document_is_imported_with_its_three_identifiers(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let launched = launched(&mut server.doctor(&[]), &request(&records.patient));
    let mut browser = Browser::opened(server, &launched);
    let answer = browser.post("import", &format!("id={}", records.document));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let address = format!("/launch/{}", launched["consultation"].as_str().unwrap());
    let told = body_of(&server.doctor(&[]).get(&address));
    assert_eq!(told["imports"].as_array().unwrap().len(), 1, "{told}");
    let one = &told["imports"][0];
    assert_eq!((one["logicalId"].as_str(), one["uniqueId"].as_str()), (Some(records.document.as_str()), Some("urn:oid:2.25.8801")));
    assert!(one["entryUuid"].as_str().unwrap().starts_with("urn:uuid:"), "{one}");
    let mut other = server.acting("client-cabinet", &["--rpps", "899700000001", "--profession", "10"]);
    refused(&other.get(&address), 404);
    assert_eq!(named(&events(server, &format!("&patient={}", records.patient)), "import").len(), 1);
}

fn a_blocked_practitioner_is_told_so(server: &TestServer) {
    let records = records(server);
    authorized(server, &records.patient);
    let block = json!({"resourceType": "Consent", "status": "active", "patient": {"reference": records.patient},
        "provision": {"type": "deny", "actor": [{"role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
            "reference": {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "899700218896"}}}]},
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]}});
    let answer = server.holder(INS).post("Consent", &block);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let mut browser = Browser::opened(server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    let (status, page) = browser.page();
    assert_eq!(status, 403);
    assert!(page.contains("Le patient ne souhaite pas"), "{page}");
    assert_eq!(browser.get("/consult/key-info").status, 403);
    assert_eq!(browser.get(&format!("/consult/document/{}/$render", records.document)).status, 403);
}

#[test]
fn a_late_ticket_and_an_idle_or_old_session_are_refused_and_traced() {
    for (change, words) in [
        ((|c: &mut Config| c.consult.ticket_seconds = 0) as fn(&mut Config), "plus valable"),
        (|c| c.consult.idle_minutes = 0, "faute d'activité"),
        (|c| c.consult.whole_minutes = 0, "durée maximale"),
    ] {
        let server = paged(On::Sqlite, change);
        let records = records(&server);
        authorized(&server, &records.patient);
        let launched = launched(&mut server.doctor(&[]), &request(&records.patient));
        let mut browser = Browser::new(&server);
        let mut answer = browser.get(&path_of(&launched));
        if answer.status == 200 {
            answer.header("set-cookie").unwrap().split(';').next().unwrap().clone_into(&mut browser.cookie);
            answer = browser.get("/consult/");
        }
        assert_eq!(answer.status, 403);
        assert!(text(&answer).contains(words), "{}", text(&answer));
        assert!(named(&events(&server, &format!("&patient={}", records.patient)), "consult").iter().any(|e| e["outcome"] == "4"));
    }
}

#[test]
fn a_ticket_is_for_a_practitioner_and_a_patient_that_are_known() {
    let server = paged(On::Sqlite, |_| {});
    let records = records(&server);
    let body = request(&records.patient);
    refused(&launch(&mut server.cabinet(), &body), 403);
    refused(&launch(&mut server.holder(INS), &body), 403);
    refused(&launch(&mut server.doctor(&["--level", "indirect"]), &body), 403);
    refused(&launch(&mut server.acting("client-cabinet", &["--role", "auditor"]), &body), 403);
    let mut doctor = server.doctor(&[]);
    for (member, value, status) in [
        ("patient", json!("Patient/none"), 404),
        ("patient", json!("urn:oid:1.2.250.1.213.1.4.10|199999999999999"), 404),
        ("patient", json!("DUPONT"), 400),
        ("traits", json!({"family": "Essai"}), 400),
        ("traits", Value::Null, 400),
        ("mode", json!("centre_15"), 403),
        ("mode", json!("x"), 400),
        ("more", json!(1), 400),
    ] {
        let mut wrong = body.clone();
        wrong[member] = value;
        let outcome = refused(&launch(&mut doctor, &wrong), status);
        assert!(!outcome.to_string().contains("DUPONT") && !outcome.to_string().contains("Essai"), "{outcome}");
    }
    refused(&doctor.call("POST", "/launch", &[("Content-Type", "application/json")], b"{\"patient\": 1"), 400);
    let mut by_identifier = body.clone();
    by_identifier["patient"] = json!(format!("urn:oid:1.2.250.1.213.1.4.10|{INS}"));
    by_identifier["traits"]["birthDate"] = json!("1971-03-12");
    authorized(&server, &records.patient);
    let launched = launched(&mut doctor, &by_identifier);
    assert_eq!(launched["mismatch"], true);
    let mut browser = Browser::opened(&server, &launched);
    let page = browser.page().1;
    assert!(page.contains("12/03/1971") && page.contains("Identité à vérifier"), "{page}");
    assert!(!page.contains("12/03/1970") && !page.contains("1970-03-12"), "never the record's: {page}");
    // Nothing but tickets of this server.
    assert_eq!(Browser::new(&server).get(&format!("/consult/{}", "A".repeat(43))).status, 403);
    assert_eq!(Browser::new(&server).get("/").status, 403);
    let mut early = Browser::new(&server);
    let fresh = path_of(&self::launched(&mut doctor, &body));
    let prefetched = early.session.call("GET", &fresh, &[("Sec-Purpose", "prefetch;prerender"), ("User-Agent", early.agent)], b"");
    assert_eq!(prefetched.status, 403);
    assert_eq!(early.get(&fresh).status, 200, "a prefetch does not spend it");
}

#[test]
fn with_a_token_the_page_is_on_the_api_s_listener() {
    let server = paged(On::Sqlite, |c| c.consult.bind = String::new());
    assert!(server.page.is_none());
    let records = records(&server);
    let mut doctor = server.doctor(&[]);
    refused(&launch(&mut doctor, &request(&records.patient)), 404);
    let id = records.patient.trim_start_matches("Patient/");
    assert_eq!(doctor.call("GET", &format!("/consult/{id}"), &[], b"").status, 403);
    authorized(&server, &records.patient);
    let answer = doctor.call("GET", &format!("/consult/{id}"), &[], b"");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(doctor.call("GET", &format!("/consult/{id}/document/{}/$render", records.document), &[], b"").status, 200);
    assert_eq!(doctor.call("GET", &format!("/consult/{id}/document/{}/$render", records.other_document), &[], b"").status, 404);
    assert_eq!(doctor.call("POST", &format!("/consult/{id}/notice"), &[], b"").status, 303);
    assert_eq!(doctor.call("POST", &format!("/consult/{id}/break-glass"), &[("Content-Type", FORM)], b"reason=x").status, 404);
    assert_eq!(server.cabinet().call("GET", &format!("/consult/{id}"), &[], b"").status, 403);
    assert_eq!(doctor.call("GET", "/consult/none", &[], b"").status, 404);
}

#[test]
fn a_revoked_certificate_ends_the_sessions_it_began() {
    let server = paged(On::Sqlite, |_| {});
    let records = records(&server);
    authorized(&server, &records.patient);
    let mut browser = Browser::opened(&server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    assert_eq!(browser.page().0, 200);
    passerelle::tls::revoke(&server.pki(), "client-cabinet").unwrap();
    let ended = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        browser.page().0 == 403
    });
    assert!(ended, "the session of a revoked certificate goes on");
}

#[test]
fn a_section_goes_on_a_page_is_printed_and_what_was_shown_is_not_new_again() {
    let server = paged(On::Sqlite, |_| {});
    let records = records(&server);
    authorized(&server, &records.patient);
    let mut browser = Browser::opened(&server, &launched(&mut server.doctor(&[]), &request(&records.patient)));
    let page = browser.page().1;
    let generated = page.split("name=\"generated\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(text(&browser.get("/consult/key-info?section=problems&offset=0")).contains("id=\"suite\""));
    assert_eq!(browser.get("/consult/key-info?section=none").status, 400);
    assert_eq!(browser.get("/consult/print").status, 200);
    assert_eq!(browser.post("seen", &format!("generated={}", generated.replace(':', "%3A"))).status, 303);
    assert_eq!(browser.post("seen", "generated=x").status, 400);
    let view = browser.session.call("GET", "/consult/key-info", &[("Cookie", &browser.cookie), ("User-Agent", browser.agent), ("Accept", "application/json")], b"");
    let since = body_of(&view)["since"].as_str().unwrap().to_owned();
    assert_eq!(since, generated);
}
