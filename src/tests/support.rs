//! One builder that makes a whole server with a fresh database, and clients that call it.

use std::path::{Path, PathBuf};

pub use passerelle::cli::Response;
use passerelle::cli::{self, Client, Target};
use passerelle::config::{AccessPolicy, Config, Validation};
use serde_json::Value;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// Compiles each test once per database; the PostgreSQL half says in one line when it is skipped.
#[macro_export]
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&$crate::support::TestServer::start($crate::support::On::Sqlite)) })*
        }
        mod on_postgres {
            $(#[test] fn $name() { if $crate::support::postgres() { super::$name(&$crate::support::TestServer::start($crate::support::On::Postgres)) } })*
        }
    };
}

/// The same under the policy `enforced`.
#[macro_export]
macro_rules! enforced_on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&$crate::support::TestServer::enforced($crate::support::On::Sqlite)) })*
        }
        mod on_postgres {
            $(#[test] fn $name() { if $crate::support::postgres() { super::$name(&$crate::support::TestServer::enforced($crate::support::On::Postgres)) } })*
        }
    };
}

/// A view of key information without what differs between two databases: ids, addresses, moments.
pub fn settled(mut view: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !["id", "patient", "generated", "document", "identifiers", "deposited", "logicalId"].contains(&name.as_str()));
                members.values_mut().for_each(walk);
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut view);
    view
}

/// Whether a PostgreSQL server was named.
pub fn postgres() -> bool {
    let there = std::env::var("PASSERELLE_TEST_POSTGRES").is_ok();
    if !there {
        println!("skipped: the PostgreSQL half (set PASSERELLE_TEST_POSTGRES=postgres://USER@HOST:PORT/NAME)");
    }
    there
}

/// A server with everything of its own; gone when dropped.
pub struct TestServer {
    server: Option<cli::Server>,
    pub dir: PathBuf,
    pub port: u16,
    pub base: String,
    /// Port of the practitioner's page.
    pub page: Option<u16>,
}

impl TestServer {
    /// Starts one that anybody with a certificate may read: what most tests are about is not who may.
    pub fn start(on: On) -> Self {
        Self::with(on, |_| {})
    }

    /// Starts one as configured by default: who may see what is decided.
    pub fn enforced(on: On) -> Self {
        Self::with(on, |c| c.access.policy = AccessPolicy::Enforced)
    }

    /// Starts one that refuses what breaks the profiles.
    pub fn strict(on: On) -> Self {
        Self::with(on, |c| c.documents.validation = Validation::Strict)
    }

    /// Starts one whose configuration is changed first.
    pub fn with(on: On, change: impl FnOnce(&mut Config)) -> Self {
        let dir = std::env::temp_dir().join(format!("passerelle-test-{}", uuid::Uuid::new_v4()));
        let mut config = Config::default();
        config.server.bind = "127.0.0.1:0".into();
        config.access.policy = AccessPolicy::Open;
        // This process is the test, not the program.
        config.documents.pdf_program = env!("CARGO_BIN_EXE_passerelle").into();
        if on == On::Postgres {
            let server = std::env::var("PASSERELLE_TEST_POSTGRES").unwrap();
            config.database.url = passerelle::store::create_database(&server).unwrap();
        }
        change(&mut config);
        let server = cli::start(&dir, config).unwrap();
        Self { page: server.page.map(|p| p.port()), port: server.address.port(), base: server.base_url.clone(), server: Some(server), dir }
    }

    /// Stops the server and keeps its folder.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// A connection of a client of the development PKI.
    pub fn client(&self, name: &str) -> Session {
        Session { client: Target::new(&self.pki(), name, self.port).unwrap().connect().unwrap(), token: None }
    }

    /// A connection of a client whose calls carry a token that `passerelle token` prints for these arguments.
    pub fn acting(&self, client: &str, arguments: &[&str]) -> Session {
        let token = token(&self.dir, client, arguments).unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
        Session { token: Some(token), ..self.client(client) }
    }

    /// A general practitioner at the practice.
    pub fn doctor(&self, more: &[&str]) -> Session {
        self.acting("client-cabinet", &[&["--rpps", "899700218896", "--profession", "10", "--specialty", "SM26"], more].concat())
    }

    /// The person whose record it is.
    pub fn holder(&self, ins: &str) -> Session {
        self.acting("client-cabinet", &["--holder", ins])
    }

    /// A connection to the page's listener, without certificate.
    pub fn browser(&self) -> Session {
        let port = self.page.unwrap();
        Session { client: Target::browser(&self.pki(), port).unwrap().connect().unwrap(), token: None }
    }

    /// The practice's software, which most tests are.
    pub fn cabinet(&self) -> Session {
        self.client("client-cabinet")
    }

    pub fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The last line that `passerelle token` prints, or what it says instead.
pub fn token(data: &Path, client: &str, arguments: &[&str]) -> Result<String, String> {
    let data = data.display().to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(["token", "--data", &data, "--client", client]).args(arguments).output().unwrap();
    match String::from_utf8_lossy(&output.stdout).lines().last() {
        Some(line) if output.status.success() => Ok(line.to_owned()),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// An open connection.
pub struct Session {
    client: Client,
    /// Sent with every call.
    pub token: Option<String>,
}

pub const FHIR_JSON: &str = "application/fhir+json";
pub const FHIR_XML: &str = "application/fhir+xml";

impl Session {
    /// Any request; `path` is below `/fhir/` unless it begins with a slash.
    pub fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/fhir/{path}") };
        let bearer = self.token.as_ref().map(|t| format!("Bearer {t}"));
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain(bearer.iter().map(|b| ("Authorization", b.as_str()))).collect();
        self.client.call(method, &path, &headers, body).unwrap()
    }

    /// GET as FHIR JSON.
    pub fn get(&mut self, path: &str) -> Response {
        self.call("GET", path, &[("Accept", FHIR_JSON)], b"")
    }

    /// GET of something that must be there.
    pub fn found(&mut self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        json(&answer)
    }

    /// POST of FHIR JSON.
    pub fn post(&mut self, path: &str, body: &Value) -> Response {
        self.call("POST", path, &[("Content-Type", FHIR_JSON)], body.to_string().as_bytes())
    }

    /// PUT of FHIR JSON.
    pub fn put(&mut self, path: &str, body: &Value) -> Response {
        self.call("PUT", path, &[("Content-Type", FHIR_JSON)], body.to_string().as_bytes())
    }

    /// A CDA through `$deposit`.
    pub fn deposit(&mut self, cda: &[u8]) -> Response {
        self.call("POST", "$deposit", &[("Content-Type", "application/xml")], cda)
    }

    /// A deposit that must succeed; its DocumentReference.
    pub fn deposited(&mut self, cda: &[u8]) -> Value {
        let answer = self.deposit(cda);
        assert_eq!(answer.status, 201, "{}", text(&answer));
        json(&answer)
    }

    /// A Patient with an identifier of its own; its id.
    pub fn patient(&mut self, value: &str) -> String {
        let body = serde_json::json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": value}],
            "name": [{"use": "official", "family": "ESSAI", "given": ["Anne"]}], "gender": "female", "birthDate": "1970-03-12"});
        let answer = self.post("Patient", &body);
        assert_eq!(answer.status, 201, "{}", text(&answer));
        json(&answer)["id"].as_str().unwrap().to_owned()
    }
}

/// `passerelle serve` as a process of its own, for what only a process shows; killed when dropped.
pub struct ServerProcess {
    child: std::process::Child,
    pub dir: PathBuf,
    /// The first line of its standard output.
    pub line: String,
}

impl ServerProcess {
    pub fn start() -> Self {
        Self::within(&[])
    }

    /// Starts it behind the words of a command that becomes the program given to it.
    pub fn within(command: &[&str]) -> Self {
        use std::io::BufRead;
        let dir = std::env::temp_dir().join(format!("passerelle-serve-{}", uuid::Uuid::new_v4()));
        let words = [command, &[env!("CARGO_BIN_EXE_passerelle")]].concat();
        let mut child = std::process::Command::new(words[0])
            .args(&words[1..])
            .args(["serve", "--data", &dir.display().to_string(), "--bind", "127.0.0.1:0"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, dir, line }
    }

    pub fn port(&self) -> u16 {
        self.line.trim().rsplit(':').next().unwrap().parse().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection of the practice's software.
    pub fn cabinet(&self) -> Session {
        Session { client: Target::new(&self.dir.join("pki"), "client-cabinet", self.port()).unwrap().connect().unwrap(), token: None }
    }

    /// Ends it at once (SIGKILL), whatever it is doing.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM) and waits; whether it ended well.
    pub fn end(&mut self) -> bool {
        let asked = std::process::Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        asked.success() && self.child.wait().unwrap().success()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The body as text, for messages.
pub fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The body as JSON.
pub fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("not JSON ({e}): HTTP {} {}", answer.status, text(answer)))
}

/// The resources of a Bundle of one type.
pub fn resources<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(|e| &e["resource"]).filter(|r| r["resourceType"] == kind).collect()
}

/// A refusal must be an OperationOutcome with a location or a rule, and the expected status.
pub fn refused(answer: &Response, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", text(answer));
    let outcome = json(answer);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert!(outcome["issue"][0]["diagnostics"].as_str().is_some_and(|d| d.len() > 10), "{outcome}");
    outcome
}

/// One of our own documents.
pub fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-tests/corpus").join(name)).unwrap()
}

/// A small CDA, level 3 without entries, under a document id and a patient of its own.
pub fn small_cda(unique: &str, ins: &str, more_header: &str) -> Vec<u8> {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/><templateId root="1.2.250.1.213.1.1.1.1"/>
  <id root="{unique}"/>
  <code code="11488-4" codeSystem="2.16.840.1.113883.6.1" displayName="Compte rendu de consultation"/>
  <title>Consultation de suivi</title>
  <effectiveTime value="20260310101500+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="{ins}"/>
    <patient><name><family qualifier="BR">ESSAI</family><given qualifier="BR">Anne</given></name>
    <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19700312"/></patient></patientRole></recordTarget>
  <author><time value="20260310101500+0100"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="801234567897"/>
    <assignedPerson><name><family>MARTIN</family><given>Claire</given><prefix>DR</prefix></name></assignedPerson>
    <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1759999991"/><name>Cabinet d'essai</name></representedOrganization></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1759999991"/><name>Cabinet d'essai</name></representedCustodianOrganization></assignedCustodian></custodian>
  {more_header}
  <documentationOf><serviceEvent><effectiveTime><low value="20260310101500+0100"/></effectiveTime></serviceEvent></documentationOf>
  <component><structuredBody><component><section><code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problèmes</title><text>Rien à signaler</text></section></component></structuredBody></component>
</ClinicalDocument>"#
    )
    .into_bytes()
}

/// A document that states facts: the sections of a medical synthesis.
pub fn stating(unique: &str, ins: &str) -> Vec<u8> {
    let body = |text: &str| text.find("<structuredBody").zip(text.find("</structuredBody>")).map(|(a, b)| text[a..b].to_owned()).unwrap();
    let cda = String::from_utf8(small_cda(unique, ins, "")).unwrap();
    cda.replace(&body(&cda), &body(&String::from_utf8(sample("01-synthese-medicale.xml")).unwrap())).into_bytes()
}

/// The habilitation matrix of the program.
pub fn matrix_text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/access-matrix/matrix.toml")).unwrap()
}

/// Its version.
pub fn matrix_version() -> String {
    matrix_text().parse::<toml::Table>().unwrap()["version"].as_str().unwrap().to_owned()
}

/// A configuration of production, whose assumptions somebody accepted, with its checkpoints outside the data folder.
pub fn production(config: &mut Config) {
    production_but_its_anchor(config);
    config.audit.anchor = std::env::temp_dir().join(format!("passerelle-anchor-{}", uuid::Uuid::new_v4())).display().to_string();
}

/// The same, without a place for the checkpoints.
pub fn production_but_its_anchor(config: &mut Config) {
    config.database.environment = passerelle::config::Environment::Production;
    config.access.policy = AccessPolicy::Enforced;
    config.access.assumptions_accepted_by = "Dr Claire Martin".into();
    config.access.assumptions_accepted_on = "2026-11-25".into();
    config.access.assumptions_accepted_versions = vec![matrix_version()];
}

/// A table of the registry.
pub fn registry_table<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/registry").join(name);
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The operations of the registry.
#[derive(serde::Deserialize)]
pub struct Operations {
    pub operation: Vec<Operation>,
}

#[derive(serde::Deserialize)]
pub struct Operation {
    pub name: String,
    pub level: Vec<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}
