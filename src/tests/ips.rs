//! Every Bundle of `$summary` and `$key-info` is an IPS document: what the profiles ask, looked for by hand.
//!
//! HL7's own validator asks the same from outside: `conformance-tests/ips`. `PASSERELLE_BUNDLES=DIR` keeps the Bundles for it.
//! Spec: IPS 2.0.1 Bundle-uv-ips, Composition-uv-ips and the profiles of their entries; FHIR R4 bdl-*, cmp-*.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::desk::Desk;
use crate::patients::{self, PATIENTS};
use crate::support::sample;

/// Sections with the types that may be their entries.
const SECTIONS: &[(&str, &[&str])] = &[
    ("11450-4", &["Condition"]),
    ("48765-2", &["AllergyIntolerance"]),
    ("10160-0", &["MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense"]),
    ("11369-6", &["Immunization"]),
    ("30954-2", &["Observation", "DiagnosticReport"]),
    ("47519-4", &["Procedure"]),
    ("46264-8", &["DeviceUseStatement"]),
    ("42348-3", &["Consent"]),
    ("104605-1", &["Flag"]),
    ("47420-5", &["Condition", "ClinicalImpression"]),
    ("11348-0", &["Condition"]),
    ("10162-6", &["Observation"]),
    ("18776-5", &["CarePlan", "ImmunizationRecommendation"]),
    ("29762-2", &["Observation"]),
    ("8716-3", &["Observation"]),
];
const REQUIRED: &[&str] = &["11450-4", "48765-2", "10160-0"];

/// Codes of the observations of which a section holds one at most: tobacco and alcohol use.
const AT_MOST_ONE: &[&str] = &["72166-2", "74013-4"];

/// What the profile of an entry needs besides R4; `[x]` stands for any type.
const NEEDED: &[(&str, &[&str])] = &[
    ("Patient", &["name", "birthDate"]),
    ("Condition", &["code", "subject"]),
    ("AllergyIntolerance", &["code", "patient"]),
    ("MedicationStatement", &["subject", "effective[x]"]),
    ("MedicationRequest", &["subject"]),
    ("Immunization", &["patient", "occurrence[x]"]),
    ("Procedure", &["code", "subject", "performed[x]"]),
    ("DeviceUseStatement", &["subject", "timing[x]"]),
    ("DiagnosticReport", &["subject", "effective[x]"]),
    ("Observation", &["subject", "effective[x]"]),
    ("Medication", &["code"]),
    ("Specimen", &["type"]),
    ("Practitioner", &["name"]),
    ("Organization", &["name"]),
    ("Flag", &["subject"]),
];

/// Extensions of ours whose references lead out of the Bundle, to the documents and the repeats of a line.
const OUTSIDE: &[&str] = &[
    "urn:passerelle:source",
    "urn:passerelle:merged",
    "urn:passerelle:earlier",
    "urn:passerelle:disagreement",
    "urn:passerelle:told",
    "urn:passerelle:cda-source",
    "urn:passerelle:text-only",
];

#[derive(Default)]
struct Check {
    wrong: BTreeSet<String>,
}

impl Check {
    fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong.insert(what.into());
        }
    }

    fn bundle(&mut self, bundle: &Value) {
        self.must(bundle["resourceType"] == "Bundle" && bundle["type"] == "document", "a document Bundle");
        self.must(bundle["identifier"]["system"].is_string() && bundle["identifier"]["value"].is_string(), "bdl-9: identifier with system and value");
        self.must(bundle["timestamp"].as_str().is_some_and(|t| passerelle::fhir::time::range(t).is_some()), "bdl-10: timestamp");
        let entries = bundle["entry"].as_array().unwrap();
        let mut by_url = HashMap::new();
        for entry in entries {
            let url = entry["fullUrl"].as_str().unwrap_or("");
            self.must(url.starts_with("https://") || url.starts_with("urn:uuid:"), "every fullUrl is absolute");
            self.must(["search", "request", "response"].iter().all(|k| entry.get(k).is_none()), "no search, request or response");
            self.must(by_url.insert(url, &entry["resource"]).is_none(), "bdl-7: every fullUrl once");
            self.must(passerelle::interaction::is_valid(&entry["resource"]), format!("FHIR R4: {} is not valid", kind(&entry["resource"])));
        }
        let count = |k: &str| entries.iter().filter(|e| kind(&e["resource"]) == k).count();
        self.must(kind(&entries[0]["resource"]) == "Composition" && count("Composition") == 1, "the first entry is the only Composition");
        self.must(count("Patient") == 1, "one Patient");
        self.composition(&entries[0]["resource"], &by_url);
        for (url, resource) in &by_url {
            self.needed(resource);
            self.references(resource, resource, &by_url, kind(resource));
            let own = url.rsplit(['/', ':']).next() == resource["id"].as_str();
            self.must(own, format!("{}: fullUrl ends with the id", kind(resource)));
        }
    }

    fn composition(&mut self, c: &Value, by_url: &HashMap<&str, &Value>) {
        self.must(c["status"] == "final" && c["date"].is_string() && c["title"].is_string() && c["language"] == "fr-FR", "Composition.status, date, title, language");
        self.must(c["type"]["coding"][0]["system"] == "http://loinc.org" && c["type"]["coding"][0]["code"] == "60591-5", "Composition.type 60591-5");
        let target = |r: &Value| r["reference"].as_str().and_then(|u| by_url.get(u)).copied();
        self.must(target(&c["subject"]).is_some_and(|p| kind(p) == "Patient"), "Composition.subject is the Patient of the Bundle");
        self.must(c["author"].as_array().is_some_and(|a| !a.is_empty() && a.iter().all(|a| target(a).is_some())), "every author is in the Bundle");
        self.narrative(c, "Composition");
        let sections = c["section"].as_array().unwrap();
        let codes: Vec<&str> = sections.iter().filter_map(|s| s["code"]["coding"][0]["code"].as_str()).collect();
        self.must(codes.len() == sections.len(), "every section has a code");
        self.must(codes.iter().collect::<BTreeSet<_>>().len() == codes.len(), "every section once");
        for required in REQUIRED {
            self.must(codes.contains(required), format!("required section {required}"));
        }
        for section in sections {
            self.section(section, &target);
        }
    }

    fn section<'a>(&mut self, s: &Value, target: &impl Fn(&Value) -> Option<&'a Value>) {
        let code = s["code"]["coding"][0]["code"].as_str().unwrap_or("?");
        self.must(s["title"].as_str().is_some_and(|t| !t.is_empty()), format!("{code}: title"));
        self.must(s["code"]["coding"][0]["system"] == "http://loinc.org", format!("{code}: LOINC"));
        self.must(s.get("section").is_none(), format!("{code}: no sections inside"));
        self.narrative(s, code);
        let entries = s["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        let reason = s["emptyReason"]["coding"][0]["code"].as_str();
        self.must(entries.is_empty() || reason.is_none(), format!("{code}: cmp-2, emptyReason only when empty"));
        self.must(!REQUIRED.contains(&code) || !entries.is_empty() || reason.is_some(), format!("{code}: ips-comp-1, an entry or the reason why not"));
        self.must(reason.is_none_or(|r| ["nilknown", "notasked", "withheld", "unavailable", "notstarted", "closed"].contains(&r)), format!("{code}: list-empty-reason"));
        let allowed = SECTIONS.iter().find(|(c, _)| *c == code).map(|(_, types)| *types);
        let mut seen = BTreeSet::new();
        for entry in entries {
            let Some(resource) = target(entry) else {
                self.must(false, format!("{code}: every entry is in the Bundle"));
                continue;
            };
            self.must(allowed.is_none_or(|a| a.contains(&kind(resource))), format!("{code}: {} is no entry of this section", kind(resource)));
            let about = resource["code"]["coding"].as_array().into_iter().flatten().filter_map(|c| c["code"].as_str());
            for one in about.filter(|c| AT_MOST_ONE.contains(c)) {
                self.must(seen.insert(one), format!("{code}: several entries of {one}"));
            }
        }
    }

    fn narrative(&mut self, holder: &Value, what: &str) {
        let div = holder["text"]["div"].as_str().unwrap_or("");
        self.must(["generated", "additional", "extensions"].contains(&holder["text"]["status"].as_str().unwrap_or("")), format!("{what}: text.status"));
        self.must(div.starts_with("<div xmlns=\"http://www.w3.org/1999/xhtml\""), format!("{what}: text.div is XHTML"));
        let read = passerelle::fhir::xml::parse(div.as_bytes(), &passerelle::fhir::xml::Limits::default());
        self.must(read.is_ok_and(|e| !e.plain().trim().is_empty()), format!("{what}: txt-2, the narrative says something"));
    }

    fn needed(&mut self, resource: &Value) {
        for needed in NEEDED.iter().filter(|(k, _)| *k == kind(resource)).flat_map(|(_, all)| *all) {
            let there = match needed.strip_suffix("[x]") {
                Some(stem) => resource.as_object().unwrap().keys().any(|k| k.trim_start_matches('_').starts_with(stem)),
                None => resource.get(needed).is_some() || resource.get(format!("_{needed}")).is_some(),
            };
            self.must(there, format!("{}.{needed} is required", kind(resource)));
        }
    }

    /// Every reference leads to an entry or a contained resource; what ours leads out of the Bundle is in extensions of ours.
    fn references(&mut self, value: &Value, whole: &Value, by_url: &HashMap<&str, &Value>, at: &str) {
        match value {
            Value::Object(members) => {
                if members.get("url").and_then(Value::as_str).is_some_and(|u| OUTSIDE.contains(&u)) {
                    return;
                }
                if let Some(reference) = members.get("reference").and_then(Value::as_str) {
                    let inside = reference.strip_prefix('#').is_some_and(|id| whole["contained"].as_array().is_some_and(|c| c.iter().any(|c| c["id"] == id)));
                    let named = by_url.keys().any(|url| *url == reference || url.strip_suffix(reference).is_some_and(|base| base.starts_with("http") && base.ends_with('/')));
                    self.must(inside || named, format!("{at}: a reference to {} leads nowhere", reference.split('/').rev().nth(1).unwrap_or("?")));
                }
                members.iter().for_each(|(name, v)| self.references(v, whole, by_url, &format!("{}.{name}", at.split('.').next().unwrap_or(at))));
            }
            Value::Array(items) => items.iter().for_each(|v| self.references(v, whole, by_url, at)),
            _ => {}
        }
    }
}

fn kind(resource: &Value) -> &str {
    resource["resourceType"].as_str().unwrap_or("")
}

/// Checks both Bundles of a patient; `None` when nobody of that name is there.
fn both(desk: &Desk, patient: &str, name: &str, check: &mut Check) {
    for operation in ["summary", "key-info"] {
        let bundle = desk.get(&format!("{patient}/${operation}"));
        if let Ok(folder) = std::env::var("PASSERELLE_BUNDLES") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(format!("{folder}/{name}-{operation}.json"), serde_json::to_string_pretty(&bundle).unwrap()).unwrap();
        }
        check.bundle(&bundle);
    }
}

#[test]
fn the_bundles_of_the_synthetic_patients_are_ips_documents() {
    let mut check = Check::default();
    for name in PATIENTS {
        let (desk, patient) = Desk::with(&patients::record(name));
        both(&desk, &patient, name, &mut check);
    }
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
}

#[test]
fn the_bundles_of_our_sample_documents_are_ips_documents() {
    let desk = Desk::new();
    let mut patients = BTreeSet::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-tests/corpus");
    for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "xml")) {
        let reference = desk.document(std::str::from_utf8(&sample(entry.file_name().to_str().unwrap())).unwrap());
        patients.insert(reference["subject"]["reference"].as_str().unwrap().to_owned());
    }
    let mut check = Check::default();
    for (n, patient) in patients.iter().enumerate() {
        both(&desk, patient, &format!("corpus-{n}"), &mut check);
    }
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
}

/// The documents that others published, where they lie beside the checkout: whatever they say, the Bundle is an IPS document.
#[test]
fn the_bundles_of_published_documents_are_ips_documents() {
    let Some(documents) = crate::corpus::documents() else {
        println!("skipped: the document corpus is not beside the checkout");
        return;
    };
    let desk = Desk::new();
    let mut patients = BTreeSet::new();
    for path in documents {
        let (status, body) = desk.call(passerelle::interaction::Method::Post, "$deposit", &std::fs::read(path).unwrap());
        if status == 201 {
            let reference: Value = serde_json::from_slice(&body).unwrap();
            patients.extend(reference["subject"]["reference"].as_str().map(str::to_owned));
        }
    }
    let mut check = Check::default();
    for (n, patient) in patients.iter().enumerate() {
        both(&desk, patient, &format!("publie-{n:03}"), &mut check);
    }
    println!("{} patients of published documents", patients.len());
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
}
