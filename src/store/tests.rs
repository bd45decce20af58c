//! Contract of the store, written once and run against each database.

use super::rights_tests::the_condition_is_the_decision;
use super::*;
use crate::access::labels;
use crate::fhir::{FaultKind, Identifier};

/// A store on SQLite in a folder of its own; dropped with it.
fn sqlite() -> (Store, std::path::PathBuf) {
    let dir = std::env::temp_dir().join(format!("passerelle-store-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&dir).unwrap();
    let url = DatabaseUrl::parse(&format!("sqlite:{}", dir.join("t.db").display())).unwrap();
    (Store::open(&StoreOptions { url, readers: 2, queue: 64, facts_bytes: 1 << 20 }).unwrap(), dir)
}

/// A store in a database of its own on the server of `PASSERELLE_TEST_POSTGRES`; `None` (said in one line) without one.
fn postgres() -> Option<Store> {
    let Ok(server) = std::env::var("PASSERELLE_TEST_POSTGRES") else {
        println!("skipped: the PostgreSQL half (set PASSERELLE_TEST_POSTGRES=postgres://USER@HOST:PORT/NAME)");
        return None;
    };
    let url = DatabaseUrl::parse(&create_database(&server).unwrap()).unwrap();
    Some(Store::open(&StoreOptions { url, readers: 2, queue: 64, facts_bytes: 1 << 20 }).unwrap())
}

macro_rules! contract {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $name() { let (store, dir) = super::sqlite(); super::$name(&store); drop(store); std::fs::remove_dir_all(dir).unwrap(); })*
        }
        mod on_postgres {
            $(#[test] fn $name() { if let Some(store) = super::postgres() { super::$name(&store); } })*
        }
    };
}

contract! {
    a_written_resource_is_read_back_stamped
    a_second_version_ends_the_first
    a_refused_plan_leaves_nothing_and_harms_no_other
    a_masked_document_is_absent_for_others_in_reads_totals_and_facts
    a_reference_to_a_hidden_document_is_cut
    a_page_follows_the_one_before
    waiting_writes_are_all_answered
    what_is_written_is_found_before_it_is_published
    what_a_person_was_given_is_kept_until_the_record_ends
    the_condition_is_the_decision
}

fn see(structure: &str) -> Visibility {
    Visibility::open(structure, i64::MAX - 1)
}

fn body(kind: &str, id: &str, rest: &str) -> Vec<u8> {
    format!("{{\"resourceType\":\"{kind}\",\"id\":\"{id}\",\"meta\":{{\"lastUpdated\":\"1970-01-01T00:00:00.000Z\"}}{rest}}}").into_bytes()
}

pub(super) fn put(store: &Store, kind: &str, id: &str, record: i64, number: i64) -> Put {
    let body = body(kind, id, "");
    let stamp = i32::try_from(body.windows(10).position(|w| w == b"1970-01-01").unwrap()).unwrap();
    Put {
        record,
        rid: if number == 1 { store.counters().next_resource() } else { 1 },
        kind: kind.into(),
        id: id.into(),
        number,
        document: 0,
        deleted: false,
        date_us: 0,
        body,
        stamp,
        cuts: Vec::new(),
        index: Index::default(),
        identifiers: vec![Identifier { system: Some("s".into()), value: format!("v-{id}") }],
    }
}

pub(super) fn write(store: &Store, operations: Vec<Operation>) -> Result<Written> {
    store.write(Plan { operations, audit: vec![AuditLine { record: 0, line: "{}".into() }], ..Plan::default() })
}

fn record(store: &Store) -> i64 {
    let number = store.counters().next_record();
    write(store, vec![Operation::NewRecord { number, pseudonym: format!("p{number}") }]).unwrap();
    number
}

fn a_written_resource_is_read_back_stamped(store: &Store) {
    let record = record(store);
    let written = write(store, vec![Operation::Put(Box::new(put(store, "Patient", "a", record, 1)))]).unwrap();
    let found = store.read(&see("x"), |r| r.found("Patient", "a", None)).unwrap().unwrap();
    let text = String::from_utf8(found.body).unwrap();
    assert!(text.contains(&crate::fhir::time::instant(written.at_us)), "{text}");
    let by = store.read(&see("x"), |r| r.by_identifier("Patient", &Identifier { system: Some("s".into()), value: "v-a".into() })).unwrap();
    assert_eq!(by.len(), 1);
}

fn a_second_version_ends_the_first(store: &Store) {
    let record = record(store);
    let first = put(store, "Patient", "a", record, 1);
    let rid = first.rid;
    write(store, vec![Operation::Put(Box::new(first))]).unwrap();
    let second = Put { rid, ..put(store, "Patient", "a", record, 2) };
    write(store, vec![Operation::Put(Box::new(second))]).unwrap();
    let history = store.read(&see("x"), |r| r.history("Patient", "a")).unwrap();
    assert_eq!(history.iter().map(|f| f.row.number).collect::<Vec<_>>(), [2, 1]);
    let old = store.read(&see("x"), |r| r.found("Patient", "a", Some(1))).unwrap().unwrap();
    assert_eq!(old.row.number, 1);
}

fn a_refused_plan_leaves_nothing_and_harms_no_other(store: &Store) {
    let record = record(store);
    write(store, vec![Operation::Put(Box::new(put(store, "Patient", "a", record, 1)))]).unwrap();
    let plan = Plan {
        preconditions: vec![Precondition::IdUnused { kind: "Patient".into(), id: "a".into() }],
        operations: vec![Operation::Put(Box::new(put(store, "Patient", "b", record, 1)))],
        ..Plan::default()
    };
    assert_eq!(store.write(plan).unwrap_err().kind, FaultKind::WriteConflict);
    assert!(store.read(&see("x"), |r| r.found("Patient", "b", None)).unwrap().is_none());
    let twice = vec![Operation::Put(Box::new(put(store, "Patient", "c", record, 1))), Operation::Put(Box::new(put(store, "Patient", "c", record, 1)))];
    assert!(write(store, twice).is_err());
    assert!(store.read(&see("x"), |r| r.found("Patient", "c", None)).unwrap().is_none());
    write(store, vec![Operation::Put(Box::new(put(store, "Patient", "d", record, 1)))]).unwrap();
}

/// A document with one fact, and its DocumentReference.
fn deposit(store: &Store, record: i64, id: &str, set: i32, author: &str) -> i64 {
    let number = store.counters().next_document();
    let reference = Put { document: number, ..put(store, "DocumentReference", id, record, 1) };
    let document = NewDocument {
        number,
        record,
        rid: reference.rid,
        chain: number,
        unique: Identifier { system: None, value: format!("u-{id}") },
        sha256: sha2::Digest::finalize(sha2::Sha256::default()).into(),
        mime: "text/xml".into(),
        labels: set,
        archived: false,
        superseded: false,
        visible_from_us: 0,
        type_code: String::new(),
        class_code: String::new(),
        behind: vec![author.into()],
        binary_id: format!("b-{id}"),
        content: bytes::Bytes::new(),
    };
    let facts = Facts { record, document: number, mapping: "m".into(), ids: vec![("Condition".into(), format!("fx-{id}"))], block: b"{\"resources\":[]}".to_vec() };
    write(store, vec![Operation::NewDocument(Box::new(document)), Operation::Put(Box::new(reference)), Operation::Facts(Box::new(facts))]).unwrap();
    number
}

fn query(record: i64, commit: i64) -> Query {
    Query { kind: "DocumentReference".into(), record: Some(record), conditions: Vec::new(), sort: Sort::LastUpdatedDown, count: 2, after: None, commit }
}

fn a_masked_document_is_absent_for_others_in_reads_totals_and_facts(store: &Store) {
    let record = record(store);
    deposit(store, record, "open", labels::N, "author");
    let masked = deposit(store, record, "masked", labels::N | labels::MASQUE_PS, "author");
    for (who, sees) in [("author", 2), ("other", 1)] {
        let total = store.read(&see(who), |r| r.search(&query(record, r.commit()))).unwrap().total;
        assert_eq!(total, sees, "{who}");
        assert_eq!(store.read(&see(who), |r| r.fact_blocks(record)).unwrap().len(), usize::try_from(sees).unwrap());
    }
    for (kind, id) in [("DocumentReference", "masked"), ("Binary", "b-masked"), ("Condition", "fx-masked")] {
        assert!(store.read(&see("other"), |r| r.place(kind, id)).unwrap().is_none(), "{kind}");
        assert!(store.read(&see("author"), |r| r.place(kind, id)).unwrap().is_some(), "{kind}");
    }
    write(store, vec![Operation::ChangeDocument(ChangeDocument { number: masked, labels: Some(labels::N), ..ChangeDocument::default() })]).unwrap();
    assert!(store.read(&see("other"), |r| r.place("Condition", "fx-masked")).unwrap().is_some());
}

fn a_reference_to_a_hidden_document_is_cut(store: &Store) {
    let record = record(store);
    deposit(store, record, "hidden", labels::MASQUE_PS, "author");
    let mut list = put(store, "List", "l", record, 1);
    list.body = body("List", "l", ",\"entry\":[{\"r\":1},{\"r\":2}],\"z\":1");
    let text = String::from_utf8(list.body.clone()).unwrap();
    let u = |s: &str| u32::try_from(text.find(s).unwrap()).unwrap();
    let (member, end) = (u("\"entry\""), u("\"z\""));
    list.cuts = vec![Cut { start: u("{\"r\":1}"), end: u("{\"r\":2}"), member_start: member, member_end: end, target: "DocumentReference/hidden".into() }];
    write(store, vec![Operation::Put(Box::new(list))]).unwrap();
    let read = |who: &str| String::from_utf8(store.read(&see(who), |r| r.found("List", "l", None)).unwrap().unwrap().body).unwrap();
    assert!(read("author").contains("\"r\":1"));
    assert!(!read("other").contains("entry"), "an array that would be empty goes with its member: {}", read("other"));
    assert!(read("other").ends_with("\"z\":1}"));
}

fn a_page_follows_the_one_before(store: &Store) {
    let record = record(store);
    for i in 0..5 {
        deposit(store, record, &format!("d{i}"), labels::N, "a");
    }
    let mut q = query(record, store.counters().published());
    deposit(store, record, "later", labels::N, "a");
    let mut seen = Vec::new();
    loop {
        let page = store.read(&see("a"), |r| r.search(&q)).unwrap();
        assert_eq!(page.total, 5, "a later commit is not seen");
        seen.extend(page.rows.into_iter().map(|r| r.id));
        match page.next {
            Some(key) => q.after = Some(key),
            None => break,
        }
    }
    assert_eq!(seen, ["d4", "d3", "d2", "d1", "d0"]);
}

fn what_a_person_was_given_is_kept_until_the_record_ends(store: &Store) {
    let record = record(store);
    let ids = [uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2)];
    let numbers = ids.map(|id| deposit(store, record, &id.to_string(), labels::N, "a"));
    let set = |commit, ids: &[uuid::Uuid]| Given {
        commit,
        at_us: 5,
        documents: ids.iter().map(|id| (*id, Stated { version: 1, labels: labels::N, superseded: false, archived: false })).collect(),
    };
    let confirm = |given: &Given| write(store, vec![Operation::Given { record, person: "ps:1".into(), given: given.clone() }]).unwrap();
    let kept = |person: &str| store.read(&see("a"), |r| Ok((r.given(record, person)?, r.given_documents(record, person)?))).unwrap();
    confirm(&set(1, &ids));
    confirm(&set(2, &ids[1..]));
    assert_eq!(kept("ps:1"), (Some(set(2, &ids[1..])), Some((5, [numbers[1]].into()))));
    assert_eq!(kept("ps:2"), (None, None));
    let standing = store.read(&see("a"), |r| r.standing(record, 1)).unwrap();
    assert_eq!((standing.len(), standing[0].id, standing[0].stated), (1, ids[0], set(0, &ids).documents[&ids[0]]));
    write(store, vec![Operation::Erase { record }]).unwrap();
    assert_eq!(kept("ps:1"), (None, None));
}

/// Between the commit of the database and the moment the process says so lies a moment in which others read already.
fn what_is_written_is_found_before_it_is_published(store: &Store) {
    let record = record(store);
    write(store, vec![Operation::Put(Box::new(put(store, "Patient", "p", record, 1)))]).unwrap();
    let mut conn = store.url.open().unwrap();
    let behind = Counters::default();
    let found = read::snapshot(&mut conn, &behind, &store.facts, &see("x"), |r| r.found("Patient", "p", None)).unwrap();
    assert!(found.is_some());
}

fn waiting_writes_are_all_answered(store: &Store) {
    let record = record(store);
    std::thread::scope(|scope| {
        for i in 0..16 {
            scope.spawn(move || write(store, vec![Operation::Put(Box::new(put(store, "Patient", &format!("p{i}"), record, 1)))]).unwrap());
        }
    });
    let count = (0..16).filter(|i| store.read(&see("x"), |r| r.found("Patient", &format!("p{i}"), None)).unwrap().is_some()).count();
    assert_eq!(count, 16);
    let lines = store.read(&see("x"), |r| r.audit_after(0, 100)).unwrap();
    assert!(lines.windows(2).all(|w| w[1].1.contains(&chain_hash(&w[0].1))), "each audit line carries the hash of the one before");
}

#[test]
fn a_writer_whose_session_ended_finds_the_database_again() {
    use diesel::connection::SimpleConnection;
    let Some(store) = postgres() else { return };
    let first = record(&store);
    let mut other = store.url.open().unwrap();
    other.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").unwrap();
    let lost = write(&store, vec![Operation::NewRecord { number: first + 100, pseudonym: "a".into() }]).unwrap_err();
    assert!(matches!(lost.kind, FaultKind::Busy | FaultKind::CommitUnknown), "{lost}");
    let mut again = Err(lost);
    for _ in 0..50 {
        again = write(&store, vec![Operation::NewRecord { number: first + 200, pseudonym: "b".into() }]);
        if again.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let written = again.unwrap();
    assert!(written.commit > 1);
    // Each reader's connection ended too: it is told once, then replaced.
    assert!((0..3).any(|_| store.ready().is_ok()));
    let second = Store::open(&StoreOptions { url: store.url.clone(), readers: 1, queue: 1, facts_bytes: 1 << 20 });
    assert!(second.is_err(), "the new session holds the lock again");
}

/// The writer waits for a lock, one plan waits for the writer: the next is told to come back, and both others are written.
#[test]
fn a_full_queue_is_busy_and_loses_nothing() {
    use diesel::connection::SimpleConnection;
    let dir = std::env::temp_dir().join(format!("passerelle-store-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&dir).unwrap();
    let url = DatabaseUrl::parse(&format!("sqlite:{}", dir.join("t.db").display())).unwrap();
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 1, facts_bytes: 1 << 20 }).unwrap();
    let new = |number: i64| write(&store, vec![Operation::NewRecord { number, pseudonym: number.to_string() }]);
    let mut other = store.url.open().unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| new(1));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let second = scope.spawn(|| new(2));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let third = new(3).unwrap_err();
        assert_eq!((third.kind, third.number), (FaultKind::Busy, 141));
        other.batch_execute("ROLLBACK").unwrap();
        assert!(first.join().unwrap().is_ok() && second.join().unwrap().is_ok());
    });
    assert!(new(3).is_ok(), "and it may come back");
    drop(store);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn both_migrations_create_the_same_tables() {
    let text = |s: &str| -> Vec<String> {
        s.lines().filter(|l| !l.starts_with("--") && !l.contains("INSERT") && !l.contains("VALUES")).map(|l| l.replace("BYTEA", "BLOB").replace(" WITHOUT ROWID", "")).collect()
    };
    macro_rules! same {
        ($($migration:literal)*) => {$(
            assert_eq!(text(include_str!(concat!("../../migrations/sqlite/", $migration, "/up.sql"))), text(include_str!(concat!("../../migrations/postgres/", $migration, "/up.sql"))));
        )*};
    }
    same!("2026-11-24-000001_first_light" "2026-11-25-000001_audit_by_time" "2026-11-25-000002_rights" "2026-11-25-000006_consult" "2026-11-25-000008_given" "2026-11-25-000011_one_month" "2026-11-25-000012_authors_of_a_record");
}
