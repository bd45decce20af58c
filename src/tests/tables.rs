//! The tables that persons correct: read again when their files change, refused when they are wrong, without a restart.

use std::path::PathBuf;

use crate::support::{FHIR_JSON, On, Session, TestServer, small_cda, text};

const INS: &str = "258027511234534";
const DENTIST: &[&str] = &["--rpps", "899700000002", "--profession", "40"];

/// A server whose tables lie in a folder of their own.
fn server(matrix: &str, structures: &str) -> (TestServer, PathBuf) {
    let folder = std::env::temp_dir().join(format!("passerelle-tables-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("matrix.toml"), matrix).unwrap();
    std::fs::write(folder.join("structures.toml"), structures).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let server = TestServer::with(On::Sqlite, |c| {
        c.access.policy = passerelle::config::AccessPolicy::Enforced;
        (c.access.matrix, c.access.structures) = (path("matrix.toml"), path("structures.toml"));
    });
    (server, folder)
}

fn builtin() -> String {
    crate::support::matrix_text()
}

/// A plan of care that dentists may not read, in a record that is open to one.
fn closed_to_dentists(server: &TestServer) -> (Session, String) {
    let cda = String::from_utf8(small_cda("2.25.301", INS, "")).unwrap().replace("code=\"11488-4\"", "code=\"80788-3\"");
    let reference = server.client("client-laboratoire").deposited(cda.as_bytes());
    let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
    let mut dentist = server.acting("client-imagerie", DENTIST);
    let answer = dentist.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
    assert_eq!(answer.status, 201, "{}", text(&answer));
    (dentist, format!("DocumentReference?patient={patient}"))
}

/// The total of a search once it is the one awaited, or after the longest time a change of a file may take.
fn awaited(session: &mut Session, search: &str, total: i64) -> i64 {
    let mut found = -1;
    for _ in 0..100 {
        found = session.found(search)["total"].as_i64().unwrap();
        if found == total {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    found
}

#[test]
fn a_corrected_matrix_holds_without_a_restart_and_a_wrong_one_changes_nothing() {
    let (server, folder) = server(&builtin(), "");
    let (mut dentist, search) = closed_to_dentists(&server);
    assert_eq!(dentist.found(&search)["total"], 0);
    let row = builtin().lines().find(|l| l.contains("80788-3")).unwrap().to_owned();
    let corrected = builtin().replace(&row, &row.replace("\"80788-3\", ", "").replace(", \"80788-3\"", ""));
    assert_ne!(corrected, builtin());
    let corrected = corrected.replace(&crate::support::matrix_version(), "corrected");
    std::fs::write(folder.join("matrix.toml"), &corrected).unwrap();
    assert_eq!(awaited(&mut dentist, &search, 1), 1, "the correction holds");
    // Every decision records the matrix it was made by.
    let mut auditor = server.acting("client-cabinet", &["--role", "auditor"]);
    let found = auditor.found("AuditEvent?date=ge2026-01-01&subtype=search-type&_count=200");
    let tag = |version: &str| serde_json::json!([{"system": "urn:passerelle:habilitation-matrix", "code": version}]);
    let tags: Vec<&serde_json::Value> = crate::support::resources(&found, "AuditEvent").into_iter().map(|e| &e["meta"]["tag"]).collect();
    for version in [crate::support::matrix_version().as_str(), "corrected"] {
        assert!(tags.contains(&&tag(version)), "{version}: {tags:?}");
    }
    let same_version = builtin().replace(&crate::support::matrix_version(), "corrected");
    for wrong in [corrected.replace("version =", "versions ="), same_version, String::new()] {
        std::fs::write(folder.join("matrix.toml"), wrong).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5600));
        assert_eq!(dentist.found(&search)["total"], 1, "the matrix before stays");
    }
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_wrong_table_is_refused_at_start_with_its_file() {
    let folder = std::env::temp_dir().join(format!("passerelle-tables-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("matrix.toml");
    std::fs::write(&file, builtin() + "\n[[unknown]]\n").unwrap();
    let mut config = passerelle::config::Config::default();
    config.server.bind = "127.0.0.1:0".into();
    config.access.matrix = file.display().to_string();
    let refused = passerelle::cli::start(&folder.join("data"), config).err().unwrap();
    assert!(refused.contains("matrix.toml"), "{refused}");
    let _ = std::fs::remove_dir_all(folder);
}

/// A hospital's certificate carries its legal entity, its documents the establishment: the one may withdraw what the other signed.
#[test]
fn a_legal_entity_stands_behind_what_its_establishment_deposited() {
    let establishment = "1759999991";
    let cabinet = "[[legal_entity]]\nej = \"STRUCTURE\"\neg = [\"1759999991\"]\nsource = \"FINESS\"\n";
    let structure = structure_of("client-imagerie");
    let (with, one) = server(&builtin(), &cabinet.replace("STRUCTURE", &structure));
    let (without, other) = server(&builtin(), "");
    for (server, status) in [(&with, 204), (&without, 404)] {
        let deposited = server.cabinet().deposited(&small_cda("2.25.311", INS, ""));
        assert!(deposited.to_string().contains(establishment));
        let answer = server.client("client-imagerie").call("DELETE", &format!("DocumentReference/{}", deposited["id"].as_str().unwrap()), &[], b"");
        assert_eq!(answer.status, status, "{}", text(&answer));
    }
    let _ = (std::fs::remove_dir_all(one), std::fs::remove_dir_all(other));
}

/// Struct_IdNat of a client of the development PKI.
fn structure_of(client: &str) -> String {
    let server = TestServer::start(On::Sqlite);
    let mut session = server.client(client);
    let id = session.patient("258027511234534");
    let event = session.found(&format!("AuditEvent?patient={id}"));
    event["entry"][0]["resource"]["agent"][0]["who"]["identifier"]["value"].as_str().unwrap().to_owned()
}
