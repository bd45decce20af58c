//! The application without a listener: calls are made in this process, at a moment that the test says.

use std::path::PathBuf;

use passerelle::config::{AccessPolicy, Config};
use passerelle::fhir::Actor;
use passerelle::identity::{Caller, StructIdNat};
use passerelle::interaction::{Answer, App, Body, Call, Method, Rules, dispatch, form_pairs, outcome_of};
use passerelle::store::{DatabaseUrl, ReadLog, Store, StoreOptions};
use serde_json::Value;

use crate::patients::Record;

/// 2026-11-25T08:00:00Z: the day on which the synthetic patients are read.
pub const NOW_US: i64 = 1_795_593_600_000_000;

/// Deposits at once.
const AT_ONCE: usize = 4;

/// An application on an empty database that anybody may read; its files are gone when it is dropped.
pub struct Desk {
    app: Option<App>,
    dir: PathBuf,
    /// The moment of every call, µs UTC; `None`: the machine's clock.
    now_us: Option<i64>,
}

impl Desk {
    pub fn new() -> Self {
        // Nothing here has to outlive the test: a folder in memory where there is one, so that commits do not wait for a disk.
        let memory = std::path::Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let dir = parent.join(format!("passerelle-desk-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut config = Config::default();
        config.access.policy = AccessPolicy::Open;
        config.documents.pdf_text = false;
        let url = DatabaseUrl::parse(&format!("sqlite:{}", dir.join("t.db").display())).unwrap();
        let store = Store::open(&StoreOptions { url, readers: 2, queue: 64 }).unwrap();
        let rules = Rules::load(&config).unwrap();
        let app = App::new(store, ReadLog::open(&dir.join("log")).unwrap(), config, rules, "https://passerelle.example/fhir".into());
        Self { app: Some(app), dir, now_us: Some(NOW_US) }
    }

    /// One whose calls are made when they are made: what is asked of an earlier moment is asked by the machine's clock.
    pub fn today() -> Self {
        let mut desk = Self::new();
        desk.now_us = None;
        desk
    }

    /// The documents of a patient, deposited in this order; `Patient/id`. One without documents is created.
    pub fn with(record: &Record) -> (Self, String) {
        let desk = Self::new();
        let patient = desk.deposit(record);
        (desk, patient)
    }

    /// Deposits the documents of a patient; `Patient/id`.
    pub fn deposit(&self, record: &Record) -> String {
        let p = &record.patient;
        let body = serde_json::json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": p.ins}],
            "name": [{"use": "official", "family": p.family, "given": [p.given]}], "gender": if p.sex == "F" { "female" } else { "male" }, "birthDate": p.birth});
        let patient = self.ok(Method::Post, "Patient", body.to_string().as_bytes());
        // Several at once, as the writer shares a commit among those that wait: a thousand documents take a third of the time.
        let part = record.documents.len().div_ceil(AT_ONCE).max(1);
        std::thread::scope(|scope| {
            for documents in record.documents.chunks(part) {
                scope.spawn(move || documents.iter().for_each(|d| drop(self.document(&d.cda))));
            }
        });
        format!("Patient/{}", patient["id"].as_str().unwrap())
    }

    /// Deposits a CDA; its DocumentReference, of this deposit or of the first one.
    pub fn document(&self, cda: &str) -> Value {
        self.ok(Method::Post, "$deposit", cda.as_bytes())
    }

    /// Everything that a profile shows of a patient.
    pub fn view(&self, patient: &str, query: &str) -> Value {
        self.get(&format!("{patient}/$key-info?_format=keyinfo&{query}"))
    }

    pub fn get(&self, path: &str) -> Value {
        self.ok(Method::Get, path, b"")
    }

    /// A document as a page.
    pub fn page(&self, reference: &str) -> String {
        let (status, body) = self.call(Method::Get, &format!("{reference}/$render"), b"");
        assert_eq!(status, 200);
        String::from_utf8(body).unwrap()
    }

    /// A call that must be carried out.
    pub fn ok(&self, method: Method, path: &str, body: &[u8]) -> Value {
        let (status, bytes) = self.call(method, path, body);
        assert!((200..300).contains(&status), "{method:?} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    /// Status and body of any call.
    pub fn call(&self, method: Method, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.sent(method, path, body, if body.starts_with(b"<") { "application/xml" } else { "application/fhir+json" })
    }

    /// Changes a resource by JSON Patch.
    pub fn patch(&self, path: &str, operations: &Value) {
        let (status, body) = self.sent(Method::Patch, path, operations.to_string().as_bytes(), "application/json-patch+json");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    }

    fn sent(&self, method: Method, path: &str, body: &[u8], content_type: &str) -> (u16, Vec<u8>) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let app = self.app.as_ref().unwrap();
        let plain = Call::plain(app, (caller(), Actor::structure()), method, path.split('/').map(str::to_owned).collect(), (String::new(), "r".into()));
        let call = Call {
            now_us: self.now_us.unwrap_or(plain.now_us),
            raw_query: query.to_owned(),
            query: form_pairs(query),
            body: bytes::Bytes::copy_from_slice(body),
            content_type: content_type.into(),
            ..plain
        };
        match dispatch(app, &call) {
            Ok(Answer { status, body, .. }) => match body {
                Body::Empty => (status, Vec::new()),
                Body::Resource(bytes) | Body::Raw { bytes, .. } | Body::Shown { bytes, .. } => (status, bytes),
            },
            Err(e) => (e.kind.row().status, outcome_of(&e)),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.app = None;
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn caller() -> Caller {
    Caller {
        structure: StructIdNat::parse("1750000001").unwrap(),
        organization: "Cabinet d'essai".into(),
        common_name: "essai".into(),
        issuer: String::new(),
        serial: String::new(),
        fingerprint: [0; 32],
        not_after: i64::MAX,
        issuer_der: Vec::new(),
        serial_bytes: Vec::new(),
        person: None,
    }
}
