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
        for profile in passerelle::keyinfo::Profiles::with(Vec::new()).unwrap().all() {
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

/// A line: what it weighs, what it says, its state and flags. In the whole view what is said besides, its course, its reasons and the
/// place of each of its sources follow; in a first view who said it last, and how many others.
fn tell(out: &mut String, line: &Value, whole: bool) {
    let flags = [("conflict", "contradiction"), ("abnormal", "anormal"), ("second", "2e partie"), ("new", "nouveau")];
    let flags: String = flags.iter().filter(|(k, _)| line[k] == true).map(|(_, w)| format!(" [{w}]")).collect();
    let state = line.get("state").map(|s| format!(" <{}>", text(s))).unwrap_or_default();
    let sources = line["sources"].as_array().unwrap();
    let _ = write!(out, "  {:>3} {}{}{state}{flags}", line["score"], text(&line["label"]), text(&line["body"]));
    if !whole {
        let last = sources.first().map(|s| format!(" < {}, {}", text(&s["author"]), day(s))).unwrap_or_default();
        let _ = writeln!(out, "{last}{}", if sources.len() > 1 { format!(" + {}", sources.len() - 1) } else { String::new() });
        return;
    }
    out.push('\n');
    for said in ["sentences", "remarks"].iter().flat_map(|k| line[k].as_array().into_iter().flatten()) {
        let _ = writeln!(out, "      · {}", text(said));
    }
    if let Some(trend) = line.get("trend") {
        let _ = writeln!(out, "      ~ {}", course(trend));
    }
    let reasons: Vec<String> = line["reasons"].as_array().unwrap().iter().map(|r| format!("{} {}", r["points"], text(&r["text"]))).collect();
    let _ = writeln!(out, "      = {}", reasons.join(" + "));
    for source in sources {
        let place = source.get("anchor").map_or("nulle part", text);
        let _ = writeln!(out, "      < {}, {}, {} #{place}", text(&source["title"]), text(&source["author"]), day(source));
    }
}

/// The points of a trend and its change.
fn course(trend: &Value) -> String {
    let point = |p: &Value| format!("{} {}{}", text(&p["at"]).get(..10).unwrap_or("?"), p["value"], if p["out"] == true { "!" } else { "" });
    let points: Vec<String> = trend["points"].as_array().unwrap().iter().map(point).collect();
    let change = trend.get("change").filter(|c| c.is_object());
    let change = change.map(|c| format!(" ; {}{}", text(&c["text"]), if c["significant"] == true { ", significatif" } else { "" })).unwrap_or_default();
    format!("{} {}{change}", points.join(", "), text(&trend["unitText"]))
}

fn day(source: &Value) -> &str {
    text(&source["date"]).get(..10).unwrap_or("?")
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

/// The first view of a thousand documents: counts, and the first lines of each section.
#[test]
fn a_thousand_documents_show_what_their_golden_says() {
    let start = std::time::Instant::now();
    let record = patients::many();
    let written = start.elapsed();
    let (desk, patient) = Desk::with(&record);
    let deposited = start.elapsed();
    let mut differ = Vec::new();
    for profile in passerelle::keyinfo::Profiles::with(Vec::new()).unwrap().all() {
        let view = desk.view(&patient, &format!("specialty={}&maxPerSection={FIRST}", profile.id));
        compare(&format!("mille/{}", profile.id), &told(&record, &view, false), &mut differ);
    }
    println!("{} documents: {written:?} to write, {deposited:?} to deposit, {:?} with every profile", record.documents.len(), start.elapsed());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
