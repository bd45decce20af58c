//! The rules of the house: who imports whom, one text per fault number, README tables that agree with the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Rooms and what each may import, as the crate documentation says.
const DOORS: &[(&str, &[&str])] = &[
    ("fhir", &[]),
    ("config", &[]),
    ("pdf", &[]),
    ("access", &["fhir"]),
    ("cda", &["fhir"]),
    ("xds", &["fhir"]),
    ("keyinfo", &["fhir"]),
    ("audit", &["fhir"]),
    ("identity", &["fhir"]),
    ("web", &["fhir"]),
    ("store", &["fhir", "config", "access"]),
    ("tls", &["config", "identity", "fhir"]),
    ("interaction", &["fhir", "access", "cda", "xds", "keyinfo", "audit", "pdf", "store", "config", "identity"]),
    ("http", &["interaction", "identity", "fhir", "config", "access", "audit", "tls", "web"]),
    ("cli", &["access", "audit", "cda", "config", "fhir", "http", "identity", "interaction", "keyinfo", "pdf", "store", "tls", "web", "xds"]),
];

/// Crates that one room alone may name.
const FENCED: &[(&str, &str)] = &[
    ("diesel", "store"),
    ("actix_web", "http"),
    ("actix_tls", "http"),
    ("rustls", "tls"),
    ("openssl", "tls"),
    ("rcgen", "tls"),
    ("x509_parser", "identity"),
    ("lopdf", "pdf"),
    ("nix::sys", "pdf"),
    ("seccompiler", "pdf"),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            out.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out.sort();
    out
}

fn room(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(ROOT).join("src")).unwrap();
    relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn rooms() -> Vec<(String, PathBuf, String)> {
    let all = sources(&Path::new(ROOT).join("src"));
    all.into_iter().map(|p| (room(&p), p.clone(), std::fs::read_to_string(&p).unwrap())).filter(|(r, ..)| !matches!(r.as_str(), "lib" | "main" | "tests")).collect()
}

#[test]
fn every_room_imports_only_through_its_doors() {
    let mut broken = Vec::new();
    for (room, path, text) in rooms() {
        let allowed = DOORS.iter().find(|(r, _)| *r == room).unwrap_or_else(|| panic!("no row for room {room}")).1;
        for part in text.split("crate::").skip(1) {
            let names: Vec<&str> = match part.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap_or("").split(',').map(|n| n.trim().split("::").next().unwrap_or("")).collect(),
                None => vec![part.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")],
            };
            for name in names {
                let known = DOORS.iter().any(|(r, _)| *r == name);
                if known && name != room && !allowed.contains(&name) {
                    broken.push(format!("{}: {room} imports {name}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn fenced_crates_are_named_in_their_room_alone() {
    let mut broken = Vec::new();
    for (room, path, text) in rooms() {
        for (name, owner) in FENCED {
            let used = text.lines().any(|l| !l.trim_start().starts_with("//") && (l.contains(&format!("{name}::")) || l.contains(&format!("use {name}"))));
            // cli runs the servers that http made, and so holds their handles.
            let handle = room == "cli" && *name == "actix_web";
            if used && room != *owner && !handle {
                broken.push(format!("{}: {room} names {name}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn pure_rooms_have_no_clock_and_no_randomness() {
    for (room, path, text) in rooms() {
        if matches!(room.as_str(), "fhir" | "cda" | "xds" | "keyinfo" | "access" | "audit" | "identity" | "web") {
            let production = text.split("#[cfg(test)]").next().unwrap_or("");
            for banned in ["Utc::now", "SystemTime::now", "Instant::now", "Uuid::new_v4", "std::fs", "std::net"] {
                assert!(!production.contains(banned), "{}: {banned}", path.display());
            }
        }
    }
}

#[test]
fn a_fault_number_belongs_to_one_text() {
    let mut texts: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for (_, _, text) in rooms() {
        for part in text.split("Fault::new(").skip(1) {
            let mut fields = part.splitn(3, ',');
            let (_, number, rest) = (fields.next(), fields.next().and_then(|n| n.trim().parse::<u16>().ok()), fields.next());
            let (Some(number), Some(rest)) = (number, rest) else { continue };
            let words = rest.trim().trim_start_matches("format!(").split('"').nth(1).unwrap_or("").to_owned();
            texts.entry(number).or_default().insert(words);
        }
    }
    let shared: Vec<String> = texts.iter().filter(|(_, t)| t.len() > 1).map(|(n, t)| format!("{n}: {t:?}")).collect();
    assert!(shared.is_empty(), "{}", shared.join("\n"));
}

#[test]
fn the_readme_prints_the_fault_table() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    for row in passerelle::fhir::fault::FAULT_TABLE {
        let line = format!("| {:?} | {} · {} | {} |", row.kind, row.status, row.code.code(), row.meaning);
        assert!(readme.contains(&line), "README lacks: {line}");
    }
}

#[test]
fn the_two_tables_of_labels_agree() {
    use passerelle::access::labels;
    let text = std::fs::read_to_string(Path::new(ROOT).join("fhir-profiles/document-sharing/confidentiality.toml")).unwrap();
    let written: Vec<String> = text.lines().filter_map(|l| Some(l.strip_prefix("code = \"")?.trim_end_matches('"').to_owned())).collect();
    assert_eq!(written, labels::TABLE.iter().map(|(_, code)| (*code).to_owned()).collect::<Vec<_>>());
    for (bit, code) in labels::TABLE {
        assert!(passerelle::xds::confidentiality_coding(code).system.is_some(), "{code}");
        assert_eq!(labels::set([*code]) & bit, *bit);
    }
}

#[test]
fn the_readme_names_every_command_and_room() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    for (room, _) in DOORS {
        assert!(*room == "config" || readme.contains(&format!("`src/{room}`")), "README lacks src/{room}");
    }
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let commands = help.split("Commands:").nth(1).unwrap_or("").split("Options:").next().unwrap_or("");
    for command in commands.lines().filter_map(|l| l.split_whitespace().next()).filter(|c| *c != "help" && c.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
        assert!(readme.contains(&format!("passerelle {command}")) || readme.contains(&format!("`{command} ")), "README lacks the command {command}");
    }
}
