//! The authorization server against an identity provider of our own on loopback: HTTPS, introspection and UserInfo.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passerelle::cli::Response;
use passerelle::config::{AccessPolicy, Config};
use passerelle::tls::{PkiOptions, SigningKey, generate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::support::{FHIR_JSON, On, TestServer, json, refused, small_cda, text};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const FORM: &str = "application/x-www-form-urlencoded";
const SUBJECT: &str = "f:550e8400:899700218896";

/// What the provider answers now.
struct Answers {
    active: bool,
    status: u16,
    person: Value,
    asked: usize,
    /// Bytes left out at the end of each answer.
    cut: usize,
}

/// An identity provider: its folder holds a PKI of its own, its token key and our secret.
pub struct Provider {
    dir: PathBuf,
    port: u16,
    key: SigningKey,
    answers: Arc<Mutex<Answers>>,
}

impl Provider {
    fn start(person: Value) -> Self {
        let dir = std::env::temp_dir().join(format!("passerelle-psc-{}", uuid::Uuid::new_v4()));
        generate(&dir, &PkiOptions::default()).unwrap();
        let key = SigningKey::open_or_make(&dir.join("psc.key")).unwrap();
        std::fs::write(dir.join("secret"), "s3cret\n").unwrap();
        let answers = Arc::new(Mutex::new(Answers { active: true, status: 200, person, asked: 0, cut: 0 }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (config, shared) = (server_config(&dir), Arc::clone(&answers));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let _ = serve(rustls::StreamOwned::new(connection, socket), &shared);
            }
        });
        Self { dir, port, key, answers }
    }

    /// A server that opens pages too.
    fn server_with_pages(&self, recheck_minutes: u16) -> TestServer {
        self.configured(self.port, recheck_minutes, |c| {
            c.consult.bind = "127.0.0.1:0".into();
            c.access.policy = AccessPolicy::Enforced;
        })
    }

    pub fn server(&self, recheck_minutes: u16) -> TestServer {
        self.server_asking(self.port, recheck_minutes)
    }

    /// A server whose provider listens on this port.
    fn server_asking(&self, port: u16, recheck_minutes: u16) -> TestServer {
        self.configured(port, recheck_minutes, |_| {})
    }

    fn configured(&self, port: u16, recheck_minutes: u16, change: impl FnOnce(&mut Config)) -> TestServer {
        let file = |name: &str| self.dir.join(name).display().to_string();
        TestServer::with(On::Sqlite, |c| {
            c.exchange.psc_issuer = "https://psc.test".into();
            c.exchange.psc_jwks = file("psc.jwks");
            c.exchange.introspection = format!("https://localhost:{port}/introspect");
            c.exchange.userinfo = format!("https://localhost:{port}/userinfo");
            c.exchange.ca = file("ca.pem");
            c.exchange.client_id = "passerelle".into();
            c.exchange.client_secret_file = file("secret");
            c.exchange.recheck_minutes = recheck_minutes;
            change(c);
        })
    }

    fn subject(&self, more: &Value) -> String {
        let now = chrono::Utc::now().timestamp();
        let mut claims = json!({"iss": "https://psc.test", "aud": "account", "sub": SUBJECT, "iat": now, "exp": now + 120});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.key.sign(&claims).unwrap()
    }

    fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }
}

/// A provider that knows a doctor of one activity.
pub fn provider() -> Provider {
    Provider::start(person(&["750000001"]))
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn server_config(dir: &Path) -> Arc<rustls::ServerConfig> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(dir.join("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap();
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn serve(stream: impl Read + Write, answers: &Mutex<Answers>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut authorization) = (String::new(), 0, String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some(("Content-Length", n)) => length = n.parse().unwrap(),
            Some(("Authorization", a)) => a.clone_into(&mut authorization),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut held = answers.lock().unwrap();
    held.asked += 1;
    let answer = if first.starts_with("POST /introspect ") {
        assert_eq!(authorization, "Basic cGFzc2VyZWxsZTpzM2NyZXQ=");
        assert!(body.starts_with(b"token=ey"));
        // As a real one: a token that has expired is not active.
        let token = String::from_utf8_lossy(&body)["token=".len()..].split('&').next().unwrap().to_owned();
        json!({"active": held.active && chrono::Utc::now().timestamp() < claims(&token)["exp"].as_i64().unwrap()})
    } else {
        assert!(first.starts_with("GET /userinfo ") && authorization.starts_with("Bearer ey"));
        held.person.clone()
    }
    .to_string();
    let answer = &answer[..answer.len() - held.cut];
    let out = format!("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}", held.status, answer.len());
    drop(held);
    reader.get_mut().write_all(out.as_bytes())?;
    reader.get_mut().flush()
}

fn person(places: &[&str]) -> Value {
    let activities: Vec<Value> = places.iter().map(|p| json!({"numeroFinessSite": p})).collect();
    json!({"sub": SUBJECT, "SubjectRefPro": {"exercices": [{"codeProfession": "10", "codeSavoirFaire": "SM26", "activities": activities}]}})
}

fn actor_token(claims: &Value) -> String {
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn ask(server: &TestServer, client: &str, form: &[(&str, &str)]) -> Response {
    let body: Vec<String> = form.iter().map(|(n, v)| format!("{n}={}", v.replace('%', "%25").replace('+', "%2B").replace('&', "%26"))).collect();
    server.client(client).call("POST", "/token", &[("Content-Type", FORM)], body.join("&").as_bytes())
}

/// The usual request, with parameters of its own.
fn exchange(server: &TestServer, subject: &str, more: &[(&str, &str)]) -> Response {
    let usual = [("grant_type", EXCHANGE), ("subject_token_type", JWT), ("subject_token", subject), ("scope", "user/*.cruds openid")];
    ask(server, "client-cabinet", &[&usual, more].concat())
}

fn denied(answer: &Response, status: u16, error: &str) {
    assert_eq!((answer.status, json(answer)["error"].as_str()), (status, Some(error)), "{}", text(answer));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!text(answer).contains("899700218896"));
}

fn use_of(server: &TestServer, client: &str, token: &str) -> Response {
    server.client(client).call("GET", "metadata", &[("Authorization", &format!("Bearer {token}"))], b"")
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_session_becomes_a_token_bound_to_the_certificate() {
    let provider = Provider::start(person(&["750000001", "750000002"]));
    let server = provider.server(30);
    let actor = actor_token(&json!({"lps_id": "L1", "lps_nom": "Logiciel", "lps_version": "2", "situation_exercice": "1750000002"}));
    let more = [("actor_token", actor.as_str()), ("actor_token_type", JWT), ("client_id", "1759999991"), ("mode", "bris_de_glace"), ("reason", "inconscient"), ("secret", "true")];
    let answer = exchange(&server, &provider.subject(&json!({})), &more);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = json(&answer);
    assert_eq!((&given["token_type"], &given["expires_in"], &given["scope"]), (&json!("Bearer"), &json!(1800), &json!("user/*.cruds")));
    let token = given["access_token"].as_str().unwrap();
    let said = claims(token);
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 1800, "until the session would have to be confirmed, which a token of two minutes cannot");
    for (name, value) in
        [("sub", "899700218896"), ("profession", "10"), ("specialty", "SM26"), ("situation_exercice", "1750000002"), ("lps_nom", "Logiciel"), ("mode", "bris_de_glace")]
    {
        assert_eq!(said[name], value, "{name}");
    }
    assert_eq!(use_of(&server, "client-cabinet", token).status, 200);
    refused(&use_of(&server, "client-imagerie", token), 401);
    assert_eq!(provider.answers.lock().unwrap().asked, 2, "one introspection, one userinfo");
    let subject = provider.subject(&json!({}));
    refused(&use_of(&server, "client-cabinet", &subject), 401);
    // Whoever got the token, and which one, is in the trail.
    let policy = format!("urn:ietf:params:oauth:jti:{}", said["jti"].as_str().unwrap());
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    let traced = json(&auditor.get(&format!("AuditEvent?subtype=token&agent=899700218896&policy={policy}")));
    assert_eq!(traced["total"], 1, "{traced}");
}

#[test]
fn requests_that_leave_a_doubt_are_refused_in_the_words_of_oauth() {
    let provider = Provider::start(person(&["750000001", "750000002"]));
    let server = provider.server(30);
    let subject = provider.subject(&json!({}));
    denied(&exchange(&server, &subject, &[]), 400, "invalid_request");
    let elsewhere = actor_token(&json!({"situation_exercice": "1750000003"}));
    denied(&exchange(&server, &subject, &[("actor_token", &elsewhere), ("actor_token_type", JWT)]), 400, "invalid_request");
    provider.set(|a| a.person = person(&["750000001"]));
    assert_eq!(exchange(&server, &subject, &[]).status, 200);
    for (more, status, error) in [
        (&[("client_id", "1599999995")][..], 401, "invalid_client"),
        (&[("cnf", "AAAA")], 400, "invalid_request"),
        (&[("scope", "user/*.r")], 400, "invalid_request"),
        (&[("mode", "urgence")], 400, "invalid_request"),
        (&[("actor_token", "x.y.z"), ("actor_token_type", JWT)], 400, "invalid_request"),
    ] {
        denied(&exchange(&server, &subject, more), status, error);
    }
    denied(&ask(&server, "client-cabinet", &[("grant_type", "password")]), 400, "unsupported_grant_type");
    denied(&ask(&server, "client-cabinet", &[("grant_type", EXCHANGE), ("subject_token_type", JWT), ("subject_token", &subject), ("scope", "openid")]), 400, "invalid_scope");
    for wrong in [json!({"exp": 1, "iat": 0}), json!({"iss": "https://other.test"}), json!({"aud": "other"}), json!({"sub": "f:x:nobody"})] {
        denied(&exchange(&server, &provider.subject(&wrong), &[]), 400, "invalid_grant");
    }
    provider.set(|a| a.person["sub"] = "f:550e8400:899700218897".into());
    denied(&exchange(&server, &subject, &[]), 400, "invalid_grant");
    provider.set(|a| a.active = false);
    denied(&exchange(&server, &subject, &[]), 400, "invalid_grant");
    let with_address = server.client("client-cabinet").call("POST", "/token?grant_type=x", &[("Content-Type", FORM)], b"a=b");
    denied(&with_address, 400, "invalid_request");
}

/// What a client is told of the end is what the server can keep: with a subject token of two seconds, asked for again at each call.
#[test]
fn a_token_ends_with_what_can_be_confirmed_and_a_fresh_session_carries_on() {
    let provider = Provider::start(person(&["750000001"]));
    let (each_call, half_hour) = (provider.server(0), provider.server(30));
    let lasting = |seconds: i64| provider.subject(&json!({"exp": chrono::Utc::now().timestamp() + seconds}));
    let told = |server: &TestServer, seconds: i64| json(&exchange(server, &lasting(seconds), &[]))["expires_in"].as_i64().unwrap();
    for (server, seconds, expected) in [(&each_call, 120, 120), (&each_call, 9000, 3600), (&half_hour, 120, 1800), (&half_hour, 2400, 2400), (&half_hour, 9000, 3600)] {
        assert!((expected - 2..=expected).contains(&told(server, seconds)), "{seconds}: {expected}");
    }
    let given = |seconds: i64| json(&exchange(&each_call, &lasting(seconds), &[]))["access_token"].as_str().unwrap().to_owned();
    let (long, short) = (given(60), given(2));
    assert_eq!(use_of(&each_call, "client-cabinet", &short).status, 200);
    let over = (0..40).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        use_of(&each_call, "client-cabinet", &short).status == 401
    });
    assert!(over, "its session cannot be confirmed any more");
    assert_eq!(use_of(&each_call, "client-cabinet", &long).status, 200, "another session of the same person");
    assert_eq!(use_of(&each_call, "client-cabinet", &given(60)).status, 200, "a fresh one carries on");
    refused(&use_of(&each_call, "client-cabinet", &short), 401);
}

#[test]
fn a_provider_that_answers_wrongly_is_left_alone_after_three_times() {
    let provider = Provider::start(person(&["750000001"]));
    for wrong in [|a: &mut Answers| a.status = 401, |a: &mut Answers| a.cut = 3] {
        let server = provider.server(30);
        provider.set(|a| (a.status, a.cut) = (200, 0));
        assert_eq!(exchange(&server, &provider.subject(&json!({})), &[]).status, 200);
        provider.set(wrong);
        let asked = provider.answers.lock().unwrap().asked;
        for _ in 0..6 {
            denied(&exchange(&server, &provider.subject(&json!({})), &[]), 503, "temporarily_unavailable");
        }
        assert_eq!(provider.answers.lock().unwrap().asked - asked, 3, "the breaker opens");
    }
}

#[test]
fn centre_15_is_given_to_whom_the_provider_says_it_of() {
    let provider = Provider::start(person(&["750000001"]));
    let server = provider.server(30);
    let asked = || exchange(&server, &provider.subject(&json!({})), &[("mode", "centre_15")]);
    denied(&asked(), 400, "invalid_grant");
    for no in [json!("FAUX"), json!(""), json!(true), Value::Null] {
        provider.set(|a| a.person["Acces_Regulation_Medicale"] = no.clone());
        denied(&asked(), 400, "invalid_grant");
    }
    provider.set(|a| a.person["Acces_Regulation_Medicale"] = json!("VRAI"));
    let given = asked();
    assert_eq!(given.status, 200, "{}", text(&given));
    assert_eq!(claims(json(&given)["access_token"].as_str().unwrap())["mode"], "centre_15");
}

#[test]
fn a_place_of_two_professions_must_be_named_with_one_and_the_token_says_what_was_chosen() {
    let provider = Provider::start(person(&["750000001"]));
    let server = provider.server(30);
    let said = |more: &[(&str, &str)]| claims(json(&exchange(&server, &provider.subject(&json!({})), more))["access_token"].as_str().unwrap());
    let alone = said(&[]);
    assert_eq!((&alone["situation_exercice"], &alone["activities"]), (&json!("1750000001"), &json!(["1750000001"])), "the only activity is said too");
    let more = json!({"codeProfession": "50", "activities": [{"numeroFinessSite": "750000001"}]});
    provider.set(|a| a.person["SubjectRefPro"]["exercices"].as_array_mut().unwrap().push(more));
    let naming = |situation: &str| actor_token(&json!({"situation_exercice": situation}));
    let (both, one) = (naming("1750000001"), naming("1750000001|50"));
    denied(&exchange(&server, &provider.subject(&json!({})), &[("actor_token", &both), ("actor_token_type", JWT)]), 400, "invalid_request");
    let chosen = said(&[("actor_token", &one), ("actor_token_type", JWT)]);
    assert_eq!((&chosen["profession"], chosen.get("specialty"), &chosen["situation_exercice"]), (&json!("50"), None, &json!("1750000001")));
    let given = json(&exchange(&server, &provider.subject(&json!({})), &[("actor_token", &one), ("actor_token_type", JWT)]));
    assert_eq!(use_of(&server, "client-cabinet", given["access_token"].as_str().unwrap()).status, 200);
}

#[test]
fn a_token_whose_session_ended_is_refused_and_a_silent_provider_fails_closed() {
    let provider = Provider::start(person(&["750000001"]));
    let server = provider.server(0);
    let given = json(&exchange(&server, &provider.subject(&json!({})), &[]));
    let token = given["access_token"].as_str().unwrap();
    assert_eq!(use_of(&server, "client-cabinet", token).status, 200);
    provider.set(|a| a.status = 500);
    for _ in 0..3 {
        let answer = use_of(&server, "client-cabinet", token);
        assert!(answer.header("retry-after").is_some());
        refused(&answer, 503);
    }
    provider.set(|a| a.status = 200);
    let asked = provider.answers.lock().unwrap().asked;
    refused(&use_of(&server, "client-cabinet", token), 503);
    denied(&exchange(&server, &provider.subject(&json!({})), &[]), 503, "temporarily_unavailable");
    assert_eq!(provider.answers.lock().unwrap().asked, asked, "the breaker is open: nobody is asked");
    assert_eq!(server.cabinet().get("metadata").status, 200, "callers without a token are answered meanwhile");
    let again = provider.server(0);
    refused(&use_of(&again, "client-cabinet", token), 401);
    let given = json(&exchange(&again, &provider.subject(&json!({})), &[]));
    let token = given["access_token"].as_str().unwrap();
    assert_eq!(use_of(&again, "client-cabinet", token).status, 200);
    provider.set(|a| a.active = false);
    for _ in 0..2 {
        refused(&use_of(&again, "client-cabinet", token), 401);
    }
}

/// A browser that a ticket of this token lets in: its cookie, and what the page answers it.
struct Page {
    browser: crate::support::Session,
    cookie: String,
}

impl Page {
    fn opened(server: &TestServer, token: &str, patient: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let asked = json!({"patient": patient, "traits": {"family": "Essai", "birthDate": "1970-03-12"}}).to_string();
        let launched = server.client("client-cabinet").call("POST", "/launch", &[("Authorization", &bearer), ("Content-Type", "application/json")], asked.as_bytes());
        assert_eq!(launched.status, 201, "{}", text(&launched));
        let url = json(&launched)["url"].as_str().unwrap().to_owned();
        let mut browser = server.browser();
        let begun = browser.call("GET", &url[url.find("/consult/").unwrap()..], &[("User-Agent", "essai")], b"");
        assert_eq!(begun.status, 200, "{}", text(&begun));
        let cookie = begun.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { browser, cookie }
    }

    fn answers(&mut self) -> (u16, String) {
        let answer = self.browser.call("GET", "/consult/", &[("Cookie", &self.cookie), ("User-Agent", "essai"), ("Accept", "text/html")], b"");
        (answer.status, text(&answer))
    }
}

#[test]
fn the_end_of_the_identity_session_ends_the_page_and_a_silent_provider_shows_nothing() {
    let provider = Provider::start(person(&["750000001"]));
    let server = provider.server_with_pages(0);
    let token = json(&exchange(&server, &provider.subject(&json!({})), &[]))["access_token"].as_str().unwrap().to_owned();
    let patient = server.client("client-laboratoire").deposited(&small_cda("2.25.9901", "258027511234534", ""))["subject"]["reference"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let consent = server.client("client-cabinet").call("POST", &format!("{patient}/$authorize"), &[("Authorization", &bearer), ("Accept", FHIR_JSON)], b"");
    assert_eq!(consent.status, 201, "{}", text(&consent));
    let mut page = Page::opened(&server, &token, &patient);
    assert_eq!(page.answers().0, 200);
    // Who cannot be asked is not believed, and the page goes on once he answers.
    provider.set(|a| a.status = 500);
    let (status, said) = page.answers();
    assert!(status == 503 && !said.contains("Essai"), "{said}");
    provider.set(|a| a.status = 200);
    assert_eq!(page.answers().0, 200);
    provider.set(|a| a.active = false);
    let (status, said) = page.answers();
    assert!(status == 403 && said.contains("Votre authentification s'est terminée"), "{said}");
    // It never comes back, whatever the provider says later.
    provider.set(|a| a.active = true);
    let (status, said) = page.answers();
    assert!(status == 403 && said.contains("Aucune consultation n'est ouverte"), "{said}");
    let traced = json(&server.acting("client-cabinet", &["--role", "auditor"]).get(&format!("AuditEvent?date=ge2020-01-01&patient={patient}&subtype=consult&outcome=4")));
    assert_eq!(traced["total"], 1, "the end is traced under the practitioner's name: {traced}");
}

#[test]
fn a_page_asks_for_its_identity_session_no_more_often_than_a_call() {
    let provider = Provider::start(person(&["750000001"]));
    let server = provider.server_with_pages(30);
    let token = json(&exchange(&server, &provider.subject(&json!({})), &[]))["access_token"].as_str().unwrap().to_owned();
    let patient = server.client("client-laboratoire").deposited(&small_cda("2.25.9902", "258027511234534", ""))["subject"]["reference"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let consent = server.client("client-cabinet").call("POST", &format!("{patient}/$authorize"), &[("Authorization", &bearer), ("Accept", FHIR_JSON)], b"");
    assert_eq!(consent.status, 201, "{}", text(&consent));
    let mut page = Page::opened(&server, &token, &patient);
    assert_eq!(page.answers().0, 200);
    let asked = provider.answers.lock().unwrap().asked;
    assert_eq!(page.answers().0, 200);
    assert_eq!(provider.answers.lock().unwrap().asked, asked, "within the minutes of the recheck nobody is asked");
}

#[test]
fn a_provider_that_never_answers_costs_two_seconds_and_is_answered_503() {
    let provider = Provider::start(person(&["750000001"]));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = provider.server_asking(silent.local_addr().unwrap().port(), 30);
    let started = std::time::Instant::now();
    let answer = exchange(&server, &provider.subject(&json!({})), &[]);
    denied(&answer, 503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!((1..4).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn a_provider_with_a_certificate_of_strangers_is_not_believed() {
    let (provider, stranger) = (Provider::start(person(&["750000001"])), Provider::start(person(&["750000001"])));
    std::fs::copy(stranger.dir.join("ca.pem"), provider.dir.join("ca.pem")).unwrap();
    denied(&exchange(&provider.server(30), &provider.subject(&json!({})), &[]), 503, "temporarily_unavailable");
    assert_eq!(provider.answers.lock().unwrap().asked, 0);
}

#[test]
fn discovery_says_what_there_is() {
    let provider = Provider::start(person(&["750000001"]));
    let server = provider.server(30);
    let mut cabinet = server.cabinet();
    let metadata = cabinet.found("/.well-known/oauth-authorization-server");
    let origin = server.base.trim_end_matches("/fhir");
    assert_eq!((&metadata["issuer"], &metadata["token_endpoint"]), (&json!(origin), &json!(format!("{origin}/token"))));
    assert_eq!(metadata["grant_types_supported"], json!([EXCHANGE]));
    let smart = cabinet.found(".well-known/smart-configuration");
    assert!(smart["capabilities"].as_array().unwrap().contains(&json!("permission-v2")));
    let keys = cabinet.found("/.well-known/jwks.json");
    let token = json(&exchange(&server, &provider.subject(&json!({})), &[]))["access_token"].as_str().unwrap().to_owned();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&keys["keys"][0]["kid"], keys["keys"][0].get("d")), (&header["kid"], None));
    let without = TestServer::start(On::Sqlite);
    for path in ["/.well-known/oauth-authorization-server", ".well-known/smart-configuration", "/.well-known/jwks.json"] {
        refused(&without.cabinet().get(path), 404);
    }
    refused(&ask(&without, "client-cabinet", &[("grant_type", EXCHANGE)]), 404);
}

#[test]
fn callers_without_a_token_do_not_wait_for_a_silent_provider() {
    let provider = Provider::start(person(&["750000001"]));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = provider.server_asking(silent.local_addr().unwrap().port(), 30);
    let subject = provider.subject(&json!({}));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..40).map(|_| scope.spawn(|| exchange(&server, &subject, &[]).status)).collect();
        let mut cabinet = server.cabinet();
        let started = std::time::Instant::now();
        let times = 50;
        (0..times).for_each(|_| assert_eq!(cabinet.get("metadata").status, 200));
        println!("metadata beside 40 waiting exchanges: {:?} each", started.elapsed() / times);
        assert!(started.elapsed().as_secs_f64() < 1.5, "{:?}", started.elapsed());
        assert!(waiting.into_iter().all(|w| w.join().unwrap() == 503));
    });
}
