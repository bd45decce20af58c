//! Tampering of every kind with the trail is found, and named: in either chain, in the checkpoints, on both databases.

use std::path::{Path, PathBuf};

use diesel::Connection;
use diesel::connection::SimpleConnection;

use crate::support::{On, ServerProcess, TestServer, postgres};

/// What is done to the lines of a file.
type Change = fn(&mut Vec<String>);

/// The data of a server with some events of both kinds; gone when dropped.
struct Traced {
    dir: PathBuf,
    /// Address of its database.
    url: String,
}

impl Traced {
    /// Of a server that stopped in order: its last checkpoint names the last event of each chain.
    fn new(on: On) -> Self {
        Self::with(on, "")
    }

    /// The same, with its checkpoints in another place.
    fn with(on: On, anchor: &str) -> Self {
        let mut url = String::new();
        let mut server = TestServer::with(on, |c| {
            anchor.clone_into(&mut c.audit.anchor);
            url.clone_from(&c.database.url);
        });
        some_events(&server);
        server.stop();
        Self { dir: std::mem::take(&mut server.dir), url }
    }

    /// A copy of a data folder on SQLite.
    fn copy(from: &Path) -> Self {
        let dir = std::env::temp_dir().join(format!("passerelle-copy-{}", uuid::Uuid::new_v4()));
        assert!(std::process::Command::new("cp").arg("-r").args([from, &dir]).status().unwrap().success());
        Self { dir, url: String::new() }
    }

    /// Changes the database behind the server's back.
    fn sql(&self, text: &str) {
        if self.url.is_empty() {
            let path = self.dir.join("passerelle.db").display().to_string();
            diesel::SqliteConnection::establish(&path).unwrap().batch_execute(&format!("PRAGMA busy_timeout = 5000; {text}")).unwrap();
        } else {
            diesel::PgConnection::establish(&self.url).unwrap().batch_execute(text).unwrap();
        }
    }

    /// Changes a file of the data folder line by line.
    fn lines(&self, file: &str, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.dir.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        std::fs::write(&path, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    }

    /// Starts a server on the data once more, and stops it.
    fn run(&self) -> Result<(), String> {
        let mut config = passerelle::config::Config::default();
        config.server.bind = "127.0.0.1:0".into();
        config.database.url.clone_from(&self.url);
        passerelle::cli::start(&self.dir, config).map(passerelle::cli::Server::stop)
    }

    /// Whether all is whole, and what is said.
    fn verify(&self) -> (bool, String) {
        self.verify_with(&[])
    }

    fn verify_with(&self, more: &[&str]) -> (bool, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"));
        command.args(["audit", "verify", "--data", &self.dir.display().to_string()]).args(more);
        if !self.url.is_empty() {
            command.env("PASSERELLE__DATABASE__URL", &self.url);
        }
        let run = command.output().unwrap();
        (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout))
    }

    fn found(&self, what: &str, named: &str) {
        let (whole, said) = self.verify();
        assert!(!whole && said.contains(named), "{what}: {said}");
    }
}

/// Five events of each kind.
fn some_events(server: &TestServer) {
    let mut cabinet = server.cabinet();
    for n in 0..5 {
        let id = cabinet.patient(&format!("27003750000012{n}"));
        cabinet.found(&format!("Patient/{id}"));
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn hash(line: &str) -> String {
    passerelle::store::chain_hash(line)
}

/// A chain written anew from some line on, as somebody would who knows how it is made.
fn chained_again(lines: &mut [String]) {
    let mut previous = String::new();
    for (n, line) in lines.iter_mut().enumerate() {
        let (_, rest) = line.split_once(",\"number\":").unwrap();
        let (_, rest) = rest.split_once(',').unwrap();
        *line = format!("{{\"prev\":\"{previous}\",\"number\":{},{rest}", n + 1);
        previous = hash(line);
    }
}

/// A line that follows another as it should, with an event of its own or the same.
fn behind(line: &str, event: Option<&str>) -> String {
    let mut all: serde_json::Value = serde_json::from_str(line).unwrap();
    let event = event.map_or_else(|| all["event"].take().to_string(), str::to_owned);
    format!("{{\"prev\":\"{}\",\"number\":{},\"event\":{event}}}", hash(line), all["number"].as_i64().unwrap() + 1)
}

#[test]
fn what_is_whole_is_said_to_be_whole() {
    let traced = Traced::new(On::Sqlite);
    let (whole, said) = traced.verify();
    assert!(whole && said.contains("5 events of writes, 5 events of reads") && said.contains("0 events newer"), "{said}");
}

#[test]
fn the_log_of_reads_cannot_be_rewritten() {
    let kinds: [(&str, Change, &str); 9] = [
        ("an event put behind the end", |l| l.push(behind(&l[4], None)), "event 6 stands behind the checkpoint with which the server had stopped in order"),
        ("no event, put behind the end", |l| l.push(behind(&l[4], Some("{}"))), "event 6 cannot be read as an event"),
        ("a changed letter", |l| l[1] = l[1].replace("Cabinet", "Cabinat").replace("CABINET", "CABINAT"), "trail of reads is broken: event 2 was changed"),
        ("a changed last event", |l| l[4] = l[4].replace("\"Success\"", "\"Refused\""), "event 5 is not the one of its checkpoint"),
        ("a removed event", |l| drop(l.remove(2)), "event 3 is missing: event 4 stands in its place"),
        ("an inserted event", |l| l.insert(2, l[1].clone()), "event 2 stands a second time"),
        ("two events exchanged", |l| l.swap(1, 2), "event 2 is missing: event 3 stands in its place"),
        ("the end cut off", |l| l.truncate(3), "events 4 to 5 of its checkpoints are missing"),
        (
            "a chain made anew",
            |l| {
                l[1] = l[1].replace("\"R\"", "\"E\"");
                chained_again(l);
            },
            "is not the one of its checkpoint",
        ),
    ];
    for (what, change, named) in kinds {
        let traced = Traced::new(On::Sqlite);
        traced.lines("audit-reads.log", change);
        traced.found(what, named);
    }
}

fn writes(on: On) {
    let kinds = [
        (
            "a row before the first",
            "INSERT INTO audit_event (number, at_us, record, commit_number, line) SELECT 0, at_us, record, commit_number, line FROM audit_event WHERE number = 1",
            "event 1 has a row of number 0 before it",
        ),
        (
            "a row long before the first",
            "INSERT INTO audit_event (number, at_us, record, commit_number, line) SELECT -5, at_us, record, commit_number, line FROM audit_event WHERE number = 1",
            "event 1 has a row of number -5 before it",
        ),
        ("a changed letter", "UPDATE audit_event SET line = REPLACE(line, 'Success', 'Refused') WHERE number = 2", "trail of writes is broken: event 2 was changed"),
        ("a changed last event", "UPDATE audit_event SET line = REPLACE(line, 'Success', 'Refused') WHERE number = 5", "event 5 is not the one of its checkpoint"),
        ("a removed event", "DELETE FROM audit_event WHERE number = 3", "event 3 is missing: event 4 stands in its place"),
        ("the first removed", "DELETE FROM audit_event WHERE number = 1", "event 1 is missing: event 2 stands in its place"),
        (
            "an inserted event",
            "INSERT INTO audit_event (number, at_us, record, commit_number, line) SELECT 6, at_us, record, commit_number, line FROM audit_event WHERE number = 5",
            "event 5 stands a second time",
        ),
        (
            "two events exchanged",
            "UPDATE audit_event SET number = -2 WHERE number = 2; UPDATE audit_event SET number = 2 WHERE number = 3; UPDATE audit_event SET number = 3 WHERE number = -2",
            "event 2 is missing: event 3 stands in its place",
        ),
        ("moved in time", "UPDATE audit_event SET at_us = 0 WHERE number = 2", "event 2 was moved"),
        ("moved out of sight", "UPDATE audit_event SET commit_number = 9000000000000000000 WHERE number = 5", "event 5 was moved"),
        ("moved to another record", "UPDATE audit_event SET record = 999 WHERE number = 4", "event 4 was moved"),
        ("moved behind the last", "UPDATE audit_event SET number = 6 WHERE number = 5", "event 5 was moved"),
        ("the end cut off", "DELETE FROM audit_event WHERE number > 3", "events 4 to 5 of its checkpoints are missing"),
        ("everything removed", "DELETE FROM audit_event", "events 1 to 5 of its checkpoints are missing"),
    ];
    for (what, sql, named) in kinds {
        let traced = Traced::new(on);
        traced.sql(sql);
        traced.found(what, named);
    }
}

#[test]
fn the_trail_of_writes_cannot_be_rewritten_on_sqlite() {
    writes(On::Sqlite);
}

#[test]
fn the_trail_of_writes_cannot_be_rewritten_on_postgres() {
    if postgres() {
        writes(On::Postgres);
    }
}

#[test]
fn checkpoints_cannot_be_rewritten() {
    let kinds: [(&str, Change, &str); 5] = [
        ("a changed checkpoint", |l| l[0] = flipped(&l[0]), "checkpoint 1: "),
        ("a removed checkpoint", |l| drop(l.remove(0)), "checkpoint 1: the one before it was changed or removed"),
        ("a repeated checkpoint", |l| l.insert(0, l[0].clone()), "checkpoint 2: the one before it was changed or removed"),
        ("the last checkpoint cut off", |l| drop(l.pop()), "the last checkpoint that was made is missing"),
        ("no checkpoint left", Vec::clear, "there are no checkpoints"),
    ];
    for (what, change, named) in kinds {
        let traced = Traced::new(On::Sqlite);
        traced.lines("audit-anchor.log", change);
        traced.found(what, named);
    }
    let traced = Traced::new(On::Sqlite);
    // Signed by somebody else's key.
    let other = Traced::new(On::Sqlite);
    std::fs::copy(other.dir.join("audit-anchor.log"), traced.dir.join("audit-anchor.log")).unwrap();
    traced.found("another server's checkpoints", "its signature does not hold");
}

/// What was written behind an end, and is no event.
#[test]
fn bytes_behind_the_last_event_are_found() {
    let traced = Traced::new(On::Sqlite);
    let path = traced.dir.join("audit-reads.log");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{{\"prev\":\"torn")).unwrap();
    traced.found("a torn line", "13 bytes stand behind its last whole line");
    traced.run().unwrap();
    assert!(traced.verify().0, "a start cuts them off");
}

/// A row that no server writes is no event to who reads the trail.
#[test]
fn a_row_before_the_first_event_is_not_served() {
    let server = TestServer::enforced(On::Sqlite);
    server.cabinet().deposited(&crate::support::small_cda("2.25.91", "270037500000121", ""));
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    let mut deposits = || auditor.found("AuditEvent?subtype=deposit")["total"].as_i64().unwrap();
    assert_eq!(deposits(), 1);
    let forged = "INSERT INTO audit_event (number, at_us, record, commit_number, line) SELECT -5, at_us, record, commit_number, line FROM audit_event WHERE number = 1";
    let path = server.dir.join("passerelle.db").display().to_string();
    diesel::SqliteConnection::establish(&path).unwrap().batch_execute(&format!("PRAGMA busy_timeout = 5000; {forged}")).unwrap();
    assert_eq!(deposits(), 1);
}

/// A server goes on from a trail that is whole, and from no other.
fn refused_at_start(on: On) {
    let reads: [(&str, Change, &str); 4] = [
        ("the last event changed", |l| l[4] = l[4].replace("\"Success\"", "\"Refused\""), "event 5 is not the one of its checkpoint"),
        ("a changed letter", |l| l[1] = l[1].replace("\"R\"", "\"E\""), "event 2 was changed"),
        ("all of them removed", Vec::clear, "events 1 to 5 of its checkpoints are missing"),
        ("one more", |l| l.push(behind(&l[4], None)), "event 6 stands behind"),
    ];
    let traced = Traced::new(on);
    let before = std::fs::read_to_string(traced.dir.join("audit-reads.log")).unwrap();
    for (what, change, named) in reads {
        traced.lines("audit-reads.log", change);
        let said = traced.run().unwrap_err();
        assert!(said.contains(named) && said.contains("restore a backup"), "{what}: {said}");
        std::fs::write(traced.dir.join("audit-reads.log"), &before).unwrap();
    }
    let kept = "CREATE TABLE kept AS SELECT * FROM audit_event";
    let back = "DELETE FROM audit_event; INSERT INTO audit_event SELECT * FROM kept";
    let forged = "INSERT INTO audit_event (number, at_us, record, commit_number, line) SELECT 6, at_us, record, commit_number, line FROM audit_event WHERE number = 5";
    let writes = [
        ("the last event changed", "UPDATE audit_event SET line = REPLACE(line, 'Success', 'Refused') WHERE number = 5", "event 5 is not the one of its checkpoint"),
        ("the last removed", "DELETE FROM audit_event WHERE number = 5", "event 5 of its last checkpoint is missing"),
        ("one more", forged, "event 5 stands a second time"),
        ("one before the first", "INSERT INTO audit_event (number, at_us, record, commit_number, line) SELECT 0, 0, 0, 0, 'x'", "a row of number 0 before it"),
    ];
    traced.sql(kept);
    for (what, change, named) in writes {
        traced.sql(change);
        let said = traced.run().unwrap_err();
        assert!(said.contains(named) && said.contains("restore a backup"), "{what}: {said}");
        traced.sql(back);
    }
    traced.sql("DROP TABLE kept");
    traced.run().unwrap();
    let (whole, said) = traced.verify();
    assert!(whole && !said.contains("taken over"), "{said}");
}

#[test]
fn a_server_does_not_start_on_a_trail_that_is_not_whole_on_sqlite() {
    refused_at_start(On::Sqlite);
}

#[test]
fn a_server_does_not_start_on_a_trail_that_is_not_whole_on_postgres() {
    if postgres() {
        refused_at_start(On::Postgres);
    }
}

/// A server that was killed leaves events that no checkpoint names: its seals, which nobody can make any more, guard them.
#[test]
fn what_a_killed_server_left_cannot_be_rewritten() {
    let mut process = ServerProcess::start();
    let mut cabinet = process.cabinet();
    for n in 0..6 {
        assert_eq!(cabinet.deposit(&crate::support::small_cda(&format!("2.25.6{n}"), "270037500000121", "")).status, 201);
        cabinet.get("metadata");
    }
    let running = Traced { dir: process.dir.clone(), url: String::new() };
    let (whole, said) = running.verify();
    assert!(whole && said.contains("a server writes this trail"), "{said}");
    process.kill();
    let open = Traced::copy(&process.dir);
    open.found("as it was left", "but it has no end: the server did not stop in order");
    let reads: [(&str, Change, &str); 5] = [
        (
            "the last changed",
            |l| {
                l[5] = l[5].replace("Success", "Refused");
            },
            "the seal of event 6 does not hold",
        ),
        (
            "the newest rewritten",
            |l| {
                l[3] = l[3].replace("Success", "Refused");
                chained_again(l)
            },
            "the seal of event 4 does not hold: one of the events 4 to 4 was changed",
        ),
        (
            "the newest rewritten without seals",
            |l| {
                l[3] = l[3].replace("Success", "Refused");
                bare(&mut l[3..]);
                chained_again(l)
            },
            "events 4 to 6 carry no seal",
        ),
        ("one more", |l| l.push(behind(&l[5], None)), "events 7 to 7 carry no seal"),
        ("the end cut off", |l| l.truncate(3), "but it has no end"),
    ];
    for (what, change, named) in reads {
        let copy = Traced::copy(&process.dir);
        copy.lines("audit-reads.log", change);
        copy.found(what, named);
    }
    let writes = [
        ("the last changed", "UPDATE audit_event SET line = REPLACE(line, 'Success', 'Refused') WHERE number = (SELECT MAX(number) FROM audit_event)", "does not hold"),
        (
            "its seal taken away",
            "UPDATE audit_event SET line = SUBSTR(line, 1, INSTR(line, ',\"seal\"') - 1) || '}' WHERE number = (SELECT MAX(number) FROM audit_event)",
            "carry no seal",
        ),
        ("the end cut off", "DELETE FROM audit_event WHERE number = (SELECT MAX(number) FROM audit_event)", "but it has no end"),
    ];
    for (what, change, named) in writes {
        let copy = Traced::copy(&process.dir);
        copy.sql(change);
        copy.found(what, named);
        assert_eq!(copy.run().is_ok(), what == "the end cut off", "{what}");
    }
    open.run().unwrap();
    let (whole, said) = open.verify();
    assert!(whole && said.contains("taken over unanchored on ") && said.contains("events 1 to 6 of reads"), "{said}");
    open.lines("audit-reads.log", |l| l[5] = l[5].replace("Success", "Refused"));
    open.found("what was taken over", "event 6");
}

/// Lines without their seals.
fn bare(lines: &mut [String]) {
    for line in lines {
        *line = format!("{}}}", line.split_once(",\"seal\"").unwrap().0);
    }
}

/// Who can rewrite all of the data folder can put it back to an earlier end; checkpoints in another place show it.
#[test]
fn a_trail_put_back_to_an_earlier_end_is_found_by_checkpoints_in_another_place() {
    let elsewhere = std::env::temp_dir().join(format!("passerelle-anchor-{}", uuid::Uuid::new_v4()));
    let traced = Traced::with(On::Sqlite, &elsewhere.display().to_string());
    let earlier = Traced::copy(&traced.dir);
    std::fs::copy(&elsewhere, earlier.dir.join("audit-anchor.log")).unwrap();
    let mut config = passerelle::config::Config::default();
    (config.server.bind, config.audit.anchor) = ("127.0.0.1:0".into(), elsewhere.display().to_string());
    let again = passerelle::cli::start(&traced.dir, config).unwrap();
    let mut client = passerelle::cli::Target::new(&traced.dir.join("pki"), "client-cabinet", again.address.port()).unwrap().connect().unwrap();
    assert_eq!(client.call("GET", "/fhir/metadata", &[], b"").unwrap().status, 200);
    drop(client);
    again.stop();
    let anchored = ["--anchor", &elsewhere.display().to_string()];
    let (whole, said) = traced.verify_with(&anchored);
    assert!(whole && !said.contains("lie in the data folder"), "{said}");
    let (whole, said) = earlier.verify_with(&anchored);
    assert!(!whole && said.contains("events 6 to 6 of its checkpoints are missing"), "{said}");
    let (whole, said) = earlier.verify();
    assert!(whole && said.contains("the checkpoints lie in the data folder"), "what cannot be shown is said: {said}");
    std::fs::remove_file(elsewhere).unwrap();
}

/// With a thousand events a checkpoint is due, whatever the time.
#[test]
fn many_events_are_anchored_before_their_time() {
    let server = TestServer::with(On::Sqlite, |c| c.audit.checkpoint_seconds = 3600);
    let mut cabinet = server.cabinet();
    let made = || std::fs::read_to_string(server.dir.join("audit-anchor.log")).unwrap().lines().count();
    for _ in 0..500 {
        cabinet.get("metadata");
    }
    assert_eq!(made(), 1, "the start alone");
    for _ in 0..520 {
        cabinet.get("metadata");
    }
    assert!(
        (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            made() == 2
        }),
        "{}",
        made()
    );
}

/// A server does not go on from checkpoints whose end is missing, and says what to do.
#[test]
fn a_server_refuses_to_build_on_checkpoints_that_were_cut() {
    let traced = Traced::new(On::Sqlite);
    traced.lines("audit-anchor.log", |l| drop(l.pop()));
    assert!(traced.run().unwrap_err().contains("P-0199"));
    std::fs::remove_file(traced.dir.join("audit-anchor.log")).unwrap();
    assert!(traced.run().unwrap_err().contains("audit-anchor.head"));
}

/// A signed line with one letter of its payload changed.
fn flipped(line: &str) -> String {
    let (head, rest) = line.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let at = payload.len() / 2;
    let other = if &payload[at..=at] == "A" { "B" } else { "A" };
    format!("{head}.{}{other}{}.{signature}", &payload[..at], &payload[at + 1..])
}

/// The checkpoints lie where the configuration says, readable by their owner alone.
#[test]
fn checkpoints_are_kept_in_a_second_place() {
    use std::os::unix::fs::PermissionsExt;
    let elsewhere = std::env::temp_dir().join(format!("passerelle-anchor-{}", uuid::Uuid::new_v4()));
    let mut server = TestServer::with(On::Sqlite, |c| c.audit.anchor = elsewhere.display().to_string());
    server.cabinet().patient("270037500000121");
    server.stop();
    assert!(!server.dir.join("audit-anchor.log").exists());
    assert_eq!(std::fs::metadata(&elsewhere).unwrap().permissions().mode() & 0o777, 0o600);
    let verify = |anchor: &Path| {
        std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"))
            .args(["audit", "verify", "--data", &server.dir.display().to_string(), "--anchor", &anchor.display().to_string()])
            .output()
            .unwrap()
    };
    assert!(verify(&elsewhere).status.success());
    assert!(!verify(Path::new("/nowhere")).status.success());
    std::fs::remove_file(elsewhere).unwrap();
}
