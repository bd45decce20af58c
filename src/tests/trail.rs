//! Tampering of every kind with the trail is found, and named: in either chain, in the checkpoints, on both databases.

use std::path::Path;

use diesel::Connection;
use diesel::connection::SimpleConnection;

use crate::support::{On, TestServer, postgres};

/// A server with some events of both kinds, stopped in order: its last checkpoint names the last event of each chain.
struct Traced {
    server: TestServer,
    /// Address of its database.
    url: String,
}

impl Traced {
    fn new(on: On) -> Self {
        let mut url = String::new();
        let mut server = TestServer::with(on, |c| url.clone_from(&c.database.url));
        let mut cabinet = server.cabinet();
        for n in 0..5 {
            let id = cabinet.patient(&format!("27003750000012{n}"));
            cabinet.found(&format!("Patient/{id}"));
        }
        drop(cabinet);
        server.stop();
        Self { server, url }
    }

    /// Changes the database behind the server's back.
    fn sql(&self, text: &str) {
        if self.url.is_empty() {
            let path = self.server.dir.join("passerelle.db").display().to_string();
            diesel::SqliteConnection::establish(&path).unwrap().batch_execute(&format!("PRAGMA busy_timeout = 5000; {text}")).unwrap();
        } else {
            diesel::PgConnection::establish(&self.url).unwrap().batch_execute(text).unwrap();
        }
    }

    /// Changes a file of the data folder line by line.
    fn lines(&self, file: &str, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.server.dir.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        std::fs::write(&path, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    }

    /// Starts a server on the data once more, and stops it.
    fn run(&self) -> Result<(), String> {
        let mut config = passerelle::config::Config::default();
        config.server.bind = "127.0.0.1:0".into();
        passerelle::cli::start(&self.server.dir, config).map(passerelle::cli::Server::stop)
    }

    /// Whether all is whole, and what is said.
    fn verify(&self) -> (bool, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"));
        command.args(["audit", "verify", "--data", &self.server.dir.display().to_string()]);
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

#[test]
fn what_is_whole_is_said_to_be_whole() {
    let traced = Traced::new(On::Sqlite);
    let (whole, said) = traced.verify();
    assert!(whole && said.contains("5 events of writes, 5 events of reads") && said.contains("0 events newer"), "{said}");
}

#[test]
fn the_log_of_reads_cannot_be_rewritten() {
    type Change = fn(&mut Vec<String>);
    let kinds: [(&str, Change, &str); 7] = [
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
    type Change = fn(&mut Vec<String>);
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
    std::fs::copy(other.server.dir.join("audit-anchor.log"), traced.server.dir.join("audit-anchor.log")).unwrap();
    traced.found("another server's checkpoints", "its signature does not hold");
}

/// The server that goes on after its trail was made anew signs what it finds; the checkpoints of before it still say what was there.
#[test]
fn a_trail_made_anew_while_the_server_was_down_is_found_after_it_ran_again() {
    let traced = Traced::new(On::Sqlite);
    traced.lines("audit-reads.log", |l| l[4] = l[4].replace("\"Success\"", "\"Refused\""));
    traced.run().unwrap();
    traced.found("the last event", "the trail of reads was made anew");
    let traced = Traced::new(On::Sqlite);
    traced.lines("audit-reads.log", Vec::clear);
    traced.run().unwrap();
    traced.found("all of them", "the trail of reads was made anew");
}

/// A server does not go on from checkpoints whose end is missing, and says what to do.
#[test]
fn a_server_refuses_to_build_on_checkpoints_that_were_cut() {
    let traced = Traced::new(On::Sqlite);
    traced.lines("audit-anchor.log", |l| drop(l.pop()));
    assert!(traced.run().unwrap_err().contains("P-0199"));
    std::fs::remove_file(traced.server.dir.join("audit-anchor.log")).unwrap();
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
