//! Every route leaves its event, whatever its outcome: each interaction of each type and each operation of the registry is asked by
//! somebody who may and by somebody who may not, and its request is found in the trail.

use std::collections::BTreeSet;

use diesel::prelude::*;
use passerelle::config::AccessPolicy;

use crate::support::{FHIR_JSON, On, Operations, Session, TestServer, registry_table};

#[derive(serde::Deserialize)]
pub struct Resources {
    pub resource: Vec<Resource>,
}

#[derive(serde::Deserialize)]
pub struct Resource {
    #[serde(rename = "type")]
    pub kind: String,
    pub interactions: Vec<String>,
    #[serde(default)]
    pub refused: std::collections::HashMap<String, String>,
    /// Elements that say whose record it belongs to.
    #[serde(default)]
    pub patient: Vec<String>,
}

/// Method and address of every route, with a name of its own.
fn routes() -> Vec<(String, &'static str, String)> {
    let mut out = vec![("metadata".to_owned(), "GET", "metadata".to_owned()), ("transaction".to_owned(), "POST", String::new())];
    for resource in registry_table::<Resources>("resources.toml").resource {
        for interaction in resource.interactions.iter().chain(resource.refused.keys()) {
            let kind = &resource.kind;
            let (method, path) = match interaction.as_str() {
                "read" => ("GET", format!("{kind}/none")),
                "vread" => ("GET", format!("{kind}/none/_history/1")),
                "history-instance" => ("GET", format!("{kind}/none/_history")),
                "search-type" => ("GET", format!("{kind}?_id=none&patient=none&date=ge2026-01-01")),
                "create" => ("POST", kind.clone()),
                "update" => ("PUT", format!("{kind}/none")),
                "patch" => ("PATCH", format!("{kind}/none")),
                "delete" => ("DELETE", format!("{kind}/none")),
                other => panic!("no route is known for {other}"),
            };
            out.push((format!("{kind}-{interaction}"), method, path));
        }
    }
    for operation in registry_table::<Operations>("operations.toml").operation {
        for level in &operation.level {
            let kind = operation.kind.clone().unwrap_or_default();
            let path = match level.as_str() {
                "system" => format!("${}", operation.name),
                "type" => format!("{kind}/${}", operation.name),
                _ => format!("{kind}/none/${}", operation.name),
            };
            out.push((format!("{kind}-{}-{level}", operation.name), "POST", path));
        }
    }
    out.extend(PAGE.iter().map(|(method, path)| (format!("page{}", path.replace(['/', '?', '=', '$'], "-")), *method, (*path).to_owned())));
    out
}

/// The practitioner's page on the API's listener, and its tickets.
const PAGE: &[(&str, &str)] = &[
    ("POST", "/launch"),
    ("GET", "/launch/none"),
    ("GET", "/consult/none"),
    ("GET", "/consult/none/documents"),
    ("GET", "/consult/none/print"),
    ("GET", "/consult/none/key-info?section=problems"),
    ("GET", "/consult/none/document/none/$render"),
    ("GET", "/consult/none/file?id=none"),
    ("GET", "/consult/none/export"),
    ("GET", "/consult/none/why?id=none"),
    ("POST", "/consult/none/notice"),
    ("POST", "/consult/none/consent"),
    ("POST", "/consult/none/seen"),
    ("POST", "/consult/none/import?id=none"),
    ("POST", "/cds-services/passerelle-key-info"),
];

/// Asks every route under the name of its own; the outcomes seen.
fn ask(session: &mut Session, who: &str) -> BTreeSet<u16> {
    let mut seen = BTreeSet::new();
    for (name, method, path) in routes() {
        let id = format!("{who}.{name}");
        let answer = session.call(method, &path, &[("X-Request-Id", &id), ("Accept", FHIR_JSON), ("Content-Type", FHIR_JSON)], b"");
        assert!(answer.status < 500, "{id}: {}", answer.status);
        seen.insert(answer.status);
    }
    seen
}

/// Every line of the trail of a server that was stopped, reads first.
pub fn trail(server: &TestServer) -> String {
    let mut lines = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
    let mut database = SqliteConnection::establish(&server.dir.join("passerelle.db").display().to_string()).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut database).unwrap();
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        line: String,
    }
    for written in diesel::sql_query("SELECT line FROM audit_event").load::<Line>(&mut database).unwrap() {
        lines.push_str(&written.line);
        lines.push('\n');
    }
    lines
}

#[test]
fn every_route_leaves_its_event_whatever_its_outcome() {
    let mut server = TestServer::with(On::Sqlite, |c| {
        c.access.policy = AccessPolicy::Enforced;
        c.consult.bind = "127.0.0.1:0".into();
    });
    let mut expected = BTreeSet::new();
    for who in ["doctor", "auditor", "structure", "holder"] {
        let mut session = match who {
            "doctor" => server.doctor(&[]),
            "auditor" => server.acting("client-cabinet", &["--role", "auditor"]),
            "holder" => server.holder("258027511234534"),
            _ => server.cabinet(),
        };
        let outcomes = ask(&mut session, who);
        assert!(outcomes.contains(&403) || who == "doctor", "{who}: {outcomes:?}");
        expected.extend(routes().into_iter().map(|(name, ..)| format!("{who}.{name}")));
    }
    server.stop();
    let lines = trail(&server);
    let without: Vec<&String> = expected.iter().filter(|id| !lines.contains(&format!("\"request_id\":\"{id}\""))).collect();
    assert!(without.is_empty(), "no event for {without:?}");
    assert!(expected.len() > 700, "{}", expected.len());
}
