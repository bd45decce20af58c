//! What time alone changes: notices that come due, documents that become visible, consents that end; across restarts.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::config::{AccessPolicy, Config};
use crate::fhir::{Actor, Identifier, Level, Person, Role};
use crate::identity::{Caller, StructIdNat};
use crate::store::{DatabaseUrl, ReadLog, Store, StoreOptions};

const DAY_US: i64 = 86_400_000_000;
const INS: &str = "258027511234534";

pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("passerelle-time-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn app(dir: &Path) -> App {
    app_with(dir, |c| c.documents.pdf_text = false)
}

fn app_with(dir: &Path, change: impl FnOnce(&mut Config)) -> App {
    let mut config = Config::default();
    change(&mut config);
    config.access.policy = AccessPolicy::Enforced;
    let url = DatabaseUrl::parse(&format!("sqlite:{}", dir.join("t.db").display())).unwrap();
    let options = StoreOptions { url, readers: 2, queue: 64, facts_bytes: 1 << 20 };
    // The writer before ends with its thread, a moment after it is dropped.
    let store = (0..100).find_map(|_| {
        Store::open(&options).ok().or_else(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            None
        })
    });
    let store = store.unwrap();
    let rules = Rules::load(&config).unwrap();
    let app = App::new(store, ReadLog::open(&dir.join("log")).unwrap(), config, rules, "https://localhost:1/fhir".into());
    let _ = app.signer.set(Box::new(|typ, claims| Some(format!("{typ} of {claims}"))));
    app
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

fn doctor() -> Actor {
    let person = Person { id: "899700218896".into(), profession: "10".into(), specialty: String::new(), situation: String::new() };
    Actor { role: Role::Practitioner, person: Some(person), level: Level::Direct, scopes: vec!["user/*.cruds".into()], ..Actor::structure() }
}

pub(super) fn holder() -> Actor {
    let patient = Identifier { system: Some("urn:oid:1.2.250.1.213.1.4.10".into()), value: INS.into() };
    Actor { role: Role::Holder, patient: Some(patient), level: Level::Direct, scopes: vec!["patient/*.cruds".into()], ..Actor::structure() }
}

/// Status and body of a request at a moment.
pub(super) fn ask(app: &App, actor: &Actor, now_us: i64, (method, path, body): (Method, &str, &[u8])) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let caller = caller();
    let call = Call {
        visibility: app.rules.visibility(&caller, actor, now_us),
        event: RefCell::new(Call::event_for(&caller, Some(actor), now_us, (String::new(), "r".into()))),
        caller,
        actor: actor.clone(),
        now_us,
        method,
        path: path.split('/').map(str::to_owned).collect(),
        raw_query: query.to_owned(),
        query: form_pairs(query),
        body: bytes::Bytes::copy_from_slice(body),
        content_type: match body.first() {
            Some(b'<') => "application/xml".into(),
            Some(b'[') => "application/json-patch+json".into(),
            _ => "application/fhir+json".into(),
        },
        accept: Vec::new(),
        if_match: None,
        if_none_match: None,
        if_none_exist: None,
        prefer: Prefer::default(),
        committed: Cell::new(false),
        layers: std::cell::RefCell::default(),
        missed: std::cell::RefCell::default(),
        sent: std::cell::OnceCell::new(),
    };
    match dispatch(app, &call) {
        Ok(Answer { status, body: Body::Resource(bytes), .. }) => (status, serde_json::from_slice(&bytes).unwrap()),
        Ok(answer) => (answer.status, Value::Null),
        Err(e) => (e.kind.row().status, serde_json::from_slice(&outcome_of(&e)).unwrap()),
    }
}

fn total(app: &App, actor: &Actor, now_us: i64, path: &str) -> i64 {
    let (status, bundle) = ask(app, actor, now_us, (Method::Get, path, b""));
    assert_eq!(status, 200, "{bundle}");
    bundle["total"].as_i64().unwrap()
}

/// Sample text of a document under a patient of its own.
fn document() -> Vec<u8> {
    let sample = include_str!("../../conformance-tests/corpus/08-courrier-pdf.xml");
    let known = sample.split("<recordTarget").nth(1).unwrap().split("extension=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    // Written for the practice that calls, which may withdraw it.
    sample.replace(&known, INS).replace("1759999975", "1750000001").into_bytes()
}

#[test]
fn a_document_kept_from_the_patient_is_told_after_two_weeks_and_shown_after_a_month() {
    let folder = Folder::new();
    let first = app(&folder.0);
    let now = first.now_us();
    let (status, reference) = ask(&first, &Actor::structure(), now, (Method::Post, "$deposit?security-label=INVISIBLE_PATIENT", &document()));
    assert_eq!(status, 201, "{reference}");
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let documents = format!("DocumentReference?patient={patient}");
    let notices = format!("Communication?patient={patient}");
    assert_eq!(first.work(now + 13 * DAY_US).unwrap(), 0);
    drop(first);
    // What waits survives a restart, and is done once.
    let app = app(&folder.0);
    let due = now + 14 * DAY_US;
    assert_eq!((app.work(due).unwrap(), app.work(due).unwrap()), (1, 0));
    assert_eq!(total(&app, &holder(), due, &notices), 1);
    let (_, told) = ask(&app, &holder(), due, (Method::Get, &notices, b""));
    assert!(told.to_string().contains("vous sera visible le"), "{told}");
    assert_eq!(total(&app, &holder(), due, &documents), 0);
    assert_eq!(total(&app, &holder(), now + 32 * DAY_US, &documents), 1, "a month has passed");
    assert_eq!(total(&app, &doctor_of(&app, &patient, due), due, &documents), 1, "professionals saw it all along");
}

/// The doctor with the patient's consent.
fn doctor_of(app: &App, patient: &str, now_us: i64) -> Actor {
    let (status, consent) = ask(app, &doctor(), now_us, (Method::Post, &format!("{patient}/$authorize"), b""));
    assert_eq!(status, 201, "{consent}");
    doctor()
}

/// The same document in another version.
fn version(number: u8) -> Vec<u8> {
    let document = String::from_utf8(document()).unwrap();
    document.replacen("576.8.1\"", &format!("576.8.{number}\""), 1).into_bytes()
}

/// Deposits a version and gives the id of its DocumentReference, and its patient.
fn deposited(app: &App, now_us: i64, number: u8, query: &str) -> (String, String) {
    let (status, reference) = ask(app, &Actor::structure(), now_us, (Method::Post, &format!("$deposit?{query}"), &version(number)));
    assert_eq!(status, 201, "{reference}");
    (reference["id"].as_str().unwrap().to_owned(), reference["subject"]["reference"].as_str().unwrap().to_owned())
}

/// The query of a deposit that replaces the first version.
fn replacing() -> String {
    let document = String::from_utf8(version(1)).unwrap();
    format!("replaces={}", document.split("<id root=\"").nth(1).unwrap().split('"').next().unwrap())
}

fn label(app: &App, now_us: i64, id: &str, patch: &[u8]) {
    let (status, said) = ask(app, &Actor::structure(), now_us, (Method::Patch, &format!("DocumentReference/{id}"), patch));
    assert_eq!(status, 200, "{said}");
}

const HIDE: &[u8] = br#"[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},{"coding":[{"system":"https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument","code":"INVISIBLE_PATIENT"}]}]}]"#;
const SHOW: &[u8] = br#"[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}]}]"#;

/// What the holder reads of two versions.
fn read_by_holder(app: &App, now_us: i64, ids: [&str; 2]) -> [u16; 2] {
    ids.map(|id| ask(app, &holder(), now_us, (Method::Get, &format!("DocumentReference/{id}"), b"")).0)
}

#[test]
fn a_label_on_an_older_version_keeps_the_newer_one_from_the_patient_too() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (first, _) = deposited(&app, now, 1, "");
    let (second, _) = deposited(&app, now, 2, &replacing());
    label(&app, now, &first, HIDE);
    assert_eq!(read_by_holder(&app, now, [&first, &second]), [404, 404]);
    let binary = ask(&app, &holder(), now, (Method::Get, &format!("DocumentReference/{second}/$render"), b""));
    assert_eq!(binary.0, 404);
    assert_eq!(read_by_holder(&app, now + 32 * DAY_US, [&first, &second]), [200, 200]);
}

#[test]
fn a_new_version_that_is_kept_from_the_patient_takes_what_it_replaces_along() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (first, _) = deposited(&app, now, 1, "");
    let (second, _) = deposited(&app, now, 2, &format!("{}&security-label=INVISIBLE_PATIENT", replacing()));
    assert_eq!(read_by_holder(&app, now, [&first, &second]), [404, 404]);
    assert_eq!(read_by_holder(&app, now + 32 * DAY_US, [&first, &second]), [200, 200]);
}

#[test]
fn the_month_does_not_start_anew_and_the_patient_is_told_of_it_once() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (first, patient) = deposited(&app, now, 1, "security-label=INVISIBLE_PATIENT");
    label(&app, now + 5 * DAY_US, &first, SHOW);
    assert_eq!(read_by_holder(&app, now + 5 * DAY_US, [&first, &first]), [200, 200]);
    label(&app, now + 6 * DAY_US, &first, HIDE);
    let (second, _) = deposited(&app, now + 20 * DAY_US, 2, &replacing());
    assert_eq!(read_by_holder(&app, now + 20 * DAY_US, [&first, &second]), [404, 404]);
    app.work(now + 21 * DAY_US).unwrap();
    assert_eq!(total(&app, &holder(), now + 21 * DAY_US, &format!("Communication?patient={patient}")), 1);
    assert_eq!(read_by_holder(&app, now + 32 * DAY_US, [&first, &second]), [200, 200], "the month of the first deposit is over");
}

#[test]
fn what_is_hidden_again_after_its_two_weeks_is_told_at_once() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (first, patient) = deposited(&app, now, 1, "security-label=INVISIBLE_PATIENT");
    label(&app, now + 5 * DAY_US, &first, SHOW);
    assert_eq!(app.work(now + 15 * DAY_US).unwrap(), 1);
    let notices = format!("Communication?patient={patient}");
    assert_eq!(total(&app, &holder(), now + 15 * DAY_US, &notices), 0, "it was shown to him then");
    label(&app, now + 16 * DAY_US, &first, HIDE);
    assert_eq!(app.work(now + 16 * DAY_US).unwrap(), 1);
    assert_eq!(total(&app, &holder(), now + 16 * DAY_US, &notices), 1);
}

#[test]
fn a_notice_is_not_written_when_there_is_nothing_left_to_tell() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (_, reference) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit?security-label=INVISIBLE_PATIENT", &document()));
    let id = reference["id"].as_str().unwrap();
    let patient = reference["subject"]["reference"].as_str().unwrap();
    assert_eq!(ask(&app, &Actor::structure(), now, (Method::Delete, &format!("DocumentReference/{id}"), b"")).0, 204);
    assert_eq!(app.work(now + 15 * DAY_US).unwrap(), 1, "the work is done");
    assert_eq!(total(&app, &holder(), now + 15 * DAY_US, &format!("Communication?patient={patient}")), 0, "with nothing to say");
}

/// Work whose end was not noted (power loss between the notice and it) is done again: under the same key, the notice is there already.
#[test]
fn a_notice_whose_work_is_done_twice_is_written_once() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (_, reference) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit?security-label=INVISIBLE_PATIENT", &document()));
    let notices = format!("Communication?patient={}", reference["subject"]["reference"].as_str().unwrap());
    let due = now + 15 * DAY_US;
    let waiting = || app.store.read(&crate::access::Visibility::open("", due), |r| r.due(&["hidden-notice"], due, 10)).unwrap();
    let job = waiting().pop().unwrap();
    assert_eq!((app.work(due).unwrap(), total(&app, &holder(), due, &notices)), (1, 1));
    let (_, told) = ask(&app, &holder(), due, (Method::Get, &notices, b""));
    app.notice(&crate::access::Visibility::open("", due), &job, due + 1).unwrap();
    assert!(waiting().is_empty());
    let (_, same) = ask(&app, &holder(), due, (Method::Get, &notices, b""));
    assert_eq!((total(&app, &holder(), due, &notices), &same["entry"]), (1, &told["entry"]));
}

#[test]
fn a_notice_of_an_emergency_survives_a_restart_and_is_one_a_day() {
    let folder = Folder::new();
    let first = app(&folder.0);
    let now = first.now_us();
    let (_, reference) = ask(&first, &Actor::structure(), now, (Method::Post, "$deposit", &document()));
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let glass = Actor { mode: crate::fhir::Mode::BrisDeGlace, reason: "Coma".into(), ..doctor() };
    let look = |app: &App, at: i64| assert_eq!(ask(app, &glass, at, (Method::Get, &format!("{patient}/$everything"), b"")).0, 200);
    look(&first, now);
    drop(first);
    let app = app(&folder.0);
    let notices = format!("Communication?patient={patient}");
    assert_eq!((app.work(now).unwrap(), total(&app, &holder(), now, &notices)), (1, 1));
    look(&app, now);
    assert_eq!(app.work(now).unwrap(), 0, "told already");
    look(&app, now + DAY_US);
    assert_eq!((app.work(now + DAY_US).unwrap(), total(&app, &holder(), now + DAY_US, &notices)), (1, 2), "of another day");
}

#[test]
fn a_consent_ends_with_its_consultation() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let (_, reference) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit", &document()));
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let doctor = doctor_of(&app, &patient, now);
    let documents = format!("DocumentReference?patient={patient}");
    assert_eq!(total(&app, &doctor, now + DAY_US / 4, &documents), 1);
    let (status, said) = ask(&app, &doctor, now + DAY_US, (Method::Get, &documents, b""));
    assert_eq!(status, 403);
    assert!(said.to_string().contains("accord") || said.to_string().contains("consentement"), "{said}");
}

#[test]
fn a_record_ends_after_its_retention_or_for_a_reason_and_leaves_a_proof() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let now = app.now_us();
    let administrator = Actor { role: Role::Administrator, level: Level::Direct, scopes: vec!["user/*.cruds".into()], ..Actor::structure() };
    let (_, reference) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit", &document()));
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let emergency = Actor { mode: crate::fhir::Mode::BrisDeGlace, reason: "INCONSCIENTE".into(), ..doctor() };
    assert_eq!(ask(&app, &emergency, now, (Method::Get, &format!("{patient}/$summary"), b"")).0, 200);
    let erase = format!("{patient}/$erase");
    assert_eq!(ask(&app, &administrator, now, (Method::Post, &erase, b"")).0, 422, "a record that is open");
    assert_eq!(ask(&app, &holder(), now, (Method::Post, &format!("{patient}/$close"), b"")).0, 200);
    assert_eq!(ask(&app, &administrator, now + 365 * DAY_US, (Method::Post, &erase, b"")).0, 422, "one that is still to be kept");
    assert_eq!(ask(&app, &doctor(), now, (Method::Post, &erase, b"")).0, 403);
    let kept = |now| due(&app.store, now).unwrap().into_iter().map(|d| format!("Patient/{}", d.id)).collect::<Vec<_>>();
    assert_eq!((kept(now + 3600 * DAY_US), kept(now + 3660 * DAY_US)), (Vec::new(), vec![patient.clone()]), "whose retention is over is listed");
    let (status, proof) = ask(&app, &administrator, now + 3660 * DAY_US, (Method::Post, &erase, b""));
    assert_eq!(status, 200, "{proof}");
    let said = |name: &str| proof["parameter"].as_array().unwrap().iter().find(|p| p["name"] == name).cloned().unwrap();
    assert_eq!(said("documents")["valueInteger"], 1);
    let signed = said("proof")["valueString"].as_str().unwrap().to_owned();
    assert!(signed.starts_with("erasure-proof+jwt of ") && signed.contains("\"documents\":1,"), "{signed}");
    assert_eq!(ask(&app, &administrator, now + 3660 * DAY_US, (Method::Post, &erase, b"")), (200, proof.clone()), "an answer that was lost is given again");
    for kind in ["DocumentReference", "List"] {
        let (status, _) = ask(&app, &holder(), now, (Method::Get, &format!("{kind}/{}", reference["id"].as_str().unwrap()), b""));
        assert_eq!(status, 404, "{kind}");
    }
    assert_eq!(ask(&app, &holder(), now, (Method::Get, &patient, b"")).0, 404);
    for file in ["t.db", "t.db-wal"] {
        let bytes = std::fs::read(folder.0.join(file)).unwrap_or_default();
        assert!(!bytes.windows(INS.len()).any(|w| w == INS.as_bytes()), "nothing of it is left in {file}");
        assert!(!bytes.windows(12).any(|w| w == b"INCONSCIENTE"), "nor of who looked in an emergency, and why: {file}");
    }
    let lines = app.store.read(&crate::access::Visibility::open("", now), |r| r.audit_after(0, 100)).unwrap();
    let erased: Vec<_> = lines.iter().filter(|l| l.1.contains("\"erase\"")).collect();
    assert!(erased.len() == 1 && lines.len() >= 3, "the trail stays");
    assert!(erased[0].1.contains(&format!("[\"erasure-proof\",\"{}\"]", crate::store::chain_hash(&signed))), "{erased:?}");
}

/// A program in the place of the child that reads PDF files.
fn child(path: &Path, does: &str) {
    use std::os::unix::fs::PermissionsExt;
    let new = path.with_extension("new");
    std::fs::write(&new, format!("#!/bin/sh\n{does}\n")).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[test]
fn what_was_not_read_in_time_is_read_in_the_background_and_not_after_its_withdrawal() {
    let folder = Folder::new();
    let program = folder.0.join("child");
    child(&program, "/bin/sleep 60");
    let app = app_with(&folder.0, |c| (c.documents.pdf_program, c.documents.pdf_milliseconds) = (program.display().to_string(), 200));
    let now = app.now_us();
    let (_, reference) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit", &document()));
    let (id, patient) = (reference["id"].as_str().unwrap().to_owned(), reference["subject"]["reference"].as_str().unwrap().to_owned());
    assert!(reference.to_string().contains("texte du PDF pas encore lu") && reference.to_string().contains("\"late\""), "{reference}");
    child(&program, "cat > /dev/null; echo 'Conclusion : sténose serrée.'");
    const MINUTE_US: i64 = 60_000_000;
    assert_eq!(app.work(now + MINUTE_US / 2).unwrap(), 0, "not before its time");
    let search = format!("DocumentReference?patient={patient}&_content=stenose");
    assert_eq!(total(&app, &holder(), now, &search), 0);
    assert_eq!((app.work(now + MINUTE_US + 1_000_000).unwrap(), app.work(now + MINUTE_US + 1_000_000).unwrap()), (1, 0));
    assert_eq!(total(&app, &holder(), now, &search), 1);
    let (_, read) = ask(&app, &holder(), now, (Method::Get, &format!("DocumentReference/{id}"), b""));
    assert!(
        read.to_string().contains("· Conclusion : « sténose serrée. »") && !read.to_string().contains("pas encore lu") && !read.to_string().contains("content-remark"),
        "{read}"
    );
    assert_eq!((read["meta"]["versionId"].as_str(), read["masterIdentifier"] == reference["masterIdentifier"]), (Some("2"), true));
    // Another, withdrawn before it could be read.
    child(&program, "/bin/sleep 60");
    let other = String::from_utf8(document()).unwrap();
    let unique = other.split("<id ").nth(1).unwrap().split('"').nth(1).unwrap().to_owned();
    let (status, second) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit", other.replacen(&unique, "2.25.98001", 1).as_bytes()));
    assert_eq!(status, 201, "{second}");
    assert_eq!(ask(&app, &Actor::structure(), now, (Method::Delete, &format!("DocumentReference/{}", second["id"].as_str().unwrap()), b"")).0, 204);
    child(&program, "cat > /dev/null; echo 'Conclusion : sténose serrée.'");
    assert_eq!(app.work(now + MINUTE_US + 1_000_000).unwrap(), 1, "the work is done");
    assert_eq!(total(&app, &holder(), now, &search), 1, "with nothing to read");
}

#[test]
fn what_is_never_read_in_time_is_tried_three_times() {
    let folder = Folder::new();
    let program = folder.0.join("child");
    let app = app_with(&folder.0, |c| (c.documents.pdf_program, c.documents.pdf_milliseconds) = ("/nonexistent/child".into(), 200));
    let now = app.now_us();
    let (_, reference) = ask(&app, &Actor::structure(), now, (Method::Post, "$deposit", &document()));
    assert!(reference.to_string().contains("\"late\""), "{reference}");
    let rounds: Vec<usize> = (1..5).map(|day| app.work(now + day * DAY_US).unwrap()).collect();
    assert_eq!(rounds, [1, 1, 1, 0]);
    assert!(!program.exists());
}

/// What the log holds.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_walk_through_numbers_alarms_the_log_and_names_nobody() {
    let folder = Folder::new();
    let app = app(&folder.0);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let ask = |number: u32| ask(&app, &doctor(), app.now_us(), (Method::Get, &format!("Patient?identifier=1580275112{number:05}"), b"")).0;
        assert!((0..20).all(|number| ask(number) == 200));
        assert_eq!(ask(20), 429);
    });
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("WARN") && said.contains("unknown-patient") && said.contains("stopped at its limit"), "{said}");
    assert!(!said.contains("1580275112") && !said.contains("99700218896"), "{said}");
}
