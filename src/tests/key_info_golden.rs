//! Golden summaries: what each ranking profile shows of each synthetic patient, as a clinician would read it.
//!
//! `PASSERELLE_GOLDEN=write cargo test --test passerelle key_info_golden` writes them anew; what changed is then a diff to review.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::desk::Desk;
use crate::patients::{self, PATIENTS, Record};

/// Lines of a section of the first view.
const FIRST: usize = 7;

#[test]
fn every_document_of_the_patients_is_a_cda_without_errors() {
    let mut wrong = Vec::new();
    let records = PATIENTS.iter().map(|name| patients::record(name)).chain([patients::many()]);
    for record in records {
        for (n, document) in record.documents.iter().enumerate().take(60) {
            let read = passerelle::cda::read(document.cda.as_bytes()).unwrap_or_else(|e| panic!("{} {n}: {e}", record.title));
            let found = passerelle::cda::check(&read);
            wrong.extend(found.iter().filter(|f| f.rule.is_error()).map(|f| format!("{} {}: {} {} {}", record.title, n + 1, f.rule.id, f.said(), f.xpath)));
            let stays = passerelle::cda::derive(&read, "DocumentReference/d", "Patient/p");
            wrong.extend(stays.warnings.iter().map(|w| format!("{} {}: {w:?}", record.title, n + 1)));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{} findings\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

#[test]
fn every_profile_shows_of_every_patient_what_its_golden_says() {
    let mut differ = Vec::new();
    for name in PATIENTS {
        let record = patients::record(name);
        let (desk, patient) = Desk::with(&record);
        let whole = desk.view(&patient, "specialty=neutral&window=all&maxPerSection=500");
        compare(&format!("{name}/tout"), &told(&record, &whole, true), &mut differ);
        for profile in passerelle::keyinfo::profiles() {
            let view = desk.view(&patient, &format!("specialty={}&window=all&maxPerSection={FIRST}", profile.id));
            compare(&format!("{name}/{}", profile.id), &told(&record, &view, false), &mut differ);
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// A view as text: sections, lines with score, state and flags, why they weigh what they do, their documents and places.
fn told(record: &Record, view: &Value, whole: bool) -> String {
    let mut out = format!("{}\n{}, version {}\n", record.title, text(&view["profile"]["title"]), text(&view["profile"]["version"]));
    let _ = writeln!(out, "alertes {}, contradictions {}, documents {}", view["alerts"], view["conflicts"], view["documentsTotal"]);
    for section in view["sections"].as_array().unwrap() {
        let total = section["total"].as_u64().unwrap();
        let _ = writeln!(out, "\n{} ({total}){}", text(&section["title"]).to_uppercase(), section.get("said").map(|s| format!(" : {}", text(s))).unwrap_or_default());
        for line in section["lines"].as_array().unwrap() {
            tell(&mut out, line, whole);
        }
        if let Some(more) = section.get("more") {
            let _ = writeln!(out, "      … et {more} autres");
        }
    }
    if whole {
        out.push_str("\nDOCUMENTS\n");
        for document in view["documents"].as_array().unwrap() {
            let _ = writeln!(out, "      {}  {}", text(&document["date"]), text(&document["title"]));
        }
    }
    out
}

fn tell(out: &mut String, line: &Value, whole: bool) {
    let flags: Vec<&str> = [("conflict", "contradiction"), ("abnormal", "anormal"), ("second", "2e partie")].iter().filter(|(k, _)| line[k] == true).map(|(_, w)| *w).collect();
    let state = line.get("state").map(|s| format!(" <{}>", text(s))).unwrap_or_default();
    let flags = if flags.is_empty() { String::new() } else { format!(" [{}]", flags.join(", ")) };
    let _ = writeln!(out, "  {:>3} {}{}{state}{flags}", line["score"], text(&line["label"]), text(&line["body"]));
    for said in ["sentences", "remarks"].iter().flat_map(|k| line[k].as_array().into_iter().flatten()) {
        let _ = writeln!(out, "      · {}", text(said));
    }
    if let Some(trend) = line.get("trend").filter(|_| whole) {
        let _ = writeln!(out, "      ~ {}", series(trend));
    }
    if whole {
        let reasons: Vec<String> = line["reasons"].as_array().unwrap().iter().map(|r| format!("{} {}", r["points"], text(&r["text"]))).collect();
        let _ = writeln!(out, "      = {}", reasons.join(" + "));
    }
    for source in line["sources"].as_array().unwrap() {
        let place = source.get("anchor").filter(|_| whole).map(|a| format!(" #{}", text(a))).unwrap_or_default();
        let _ = writeln!(out, "      < {}, {}, {}{place}", text(&source["title"]), text(&source["author"]), text(&source["date"]).get(..10).unwrap_or("?"));
    }
}

fn series(trend: &Value) -> String {
    trend.to_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-tests/corpus/key-info/golden")
}

/// Compares a text with its golden, or writes it.
pub fn compare(name: &str, found: &str, differ: &mut Vec<String>) {
    let path = folder().join(format!("{name}.txt"));
    if std::env::var("PASSERELLE_GOLDEN").is_ok_and(|v| v == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let first = known.lines().zip(found.lines()).find(|(a, b)| a != b);
    if known != found {
        let (was, is) = first.unwrap_or(("(autre longueur)", ""));
        differ.push(format!("{name}:\n  golden {was}\n  now    {is}\n  (PASSERELLE_GOLDEN=write writes it anew)"));
    }
}
