//! Every cell of the habilitation matrix × every way of reading that the registry offers × every profession: what is shown, hidden and
//! refused against the rows of the table, read by other means than the room's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::registry::registry;
use super::time_tests::{Folder, app, ask, holder};
use super::*;
use crate::access::{Matrix, roles};
use crate::fhir::{Actor, Level, Person, Role, classification};

/// A document with facts; [`of_type`] makes one of another type and uniqueId of it.
const SAMPLE: &str = include_str!("../../conformance-tests/corpus/07-prescription.xml");
/// The first of the test numbers of records, without its key.
const FIRST: u64 = 2_580_275_112_300;

/// What of the registry reads nothing that a document or a clinical resource states: the identity, choices and notices of a record, the
/// directory, what comes with the program, the trail, and notes of what was shown.
const OTHERS: &[&str] = &[
    "Patient",
    "Consent",
    "CareTeam",
    "Communication",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Medication",
    "ConceptMap",
    "OperationDefinition",
    "AuditEvent",
];

/// What a request amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Shown,
    /// As if it did not exist.
    Hidden,
    /// The record is not open.
    Refused,
}

/// The rows of the table.
struct Rows {
    professions: Vec<String>,
    /// (profession, type or class) → allowed, of reading.
    types: BTreeMap<(String, String), bool>,
    classes: BTreeMap<(String, String), bool>,
    /// Type of resource → class.
    clinical: BTreeMap<String, String>,
}

impl Rows {
    fn read() -> Self {
        let table: toml::Table = Matrix::BUILTIN.parse().unwrap();
        let words = |v: Option<&toml::Value>| v.and_then(toml::Value::as_array).into_iter().flatten().map(|w| w.as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let professions = table["profession"].as_array().unwrap().iter().map(|p| p[0].as_str().unwrap().to_owned()).collect();
        let mut out = Self { professions, types: BTreeMap::new(), classes: BTreeMap::new(), clinical: BTreeMap::new() };
        for row in table["row"].as_array().unwrap().iter().filter(|row| row.get("actions").is_none()) {
            let groups = &table["group"];
            for profession in words(row.get("professions")).iter().flat_map(|name| groups.get(name).map_or(vec![name.clone()], |g| words(Some(g)))) {
                let cell = |code: String| ((profession.clone(), code), row["allow"].as_bool().unwrap());
                out.types.extend(words(row.get("types")).into_iter().map(cell));
                out.classes.extend(words(row.get("classes")).into_iter().map(cell));
            }
        }
        for row in table["clinical"].as_array().unwrap() {
            out.clinical.extend(words(row.get("types")).into_iter().map(|kind| (kind, row["class"].as_str().unwrap().to_owned())));
        }
        out
    }

    fn allows(&self, profession: &str, type_code: &str, class: &str) -> bool {
        let of = |cells: &BTreeMap<(String, String), bool>, code: &str| cells.get(&(profession.to_owned(), code.to_owned())).copied();
        of(&self.types, type_code).or_else(|| of(&self.classes, class)).unwrap_or(false)
    }

    fn opens(&self, profession: &str) -> bool {
        self.types.iter().chain(&self.classes).any(|((p, _), allow)| p == profession && *allow)
    }

    /// One type of each class, and every type that has a cell of its own: system, code, class.
    fn samples(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let own: BTreeSet<&String> = self.types.keys().map(|(_, code)| code).collect();
        let known = || classification::types().map(|(code, class, _)| (system(code), code, class));
        let of_class = classification::classes().filter_map(|(class, _)| known().find(|(_, code, c)| *c == class && !own.contains(&(*code).to_owned())));
        of_class.chain(known().filter(|(_, code, _)| own.contains(&(*code).to_owned()))).collect()
    }
}

/// LOINC codes have a check digit behind a dash; the others are of TRE_A05.
fn system(code: &str) -> &'static str {
    let loinc = code.split_once('-').is_some_and(|(number, check)| check.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()));
    if loinc { "2.16.840.1.113883.6.1" } else { "1.2.250.1.213.1.1.4.12" }
}

/// The document of the sample under another type, uniqueId and patient.
fn of_type(number: usize, system: &str, code: &str) -> String {
    let between = |text: &str, from: &str, to: &str| text.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
    let (unique, kind) = (between(SAMPLE, "<id ", "/>"), between(SAMPLE, "<code ", "/>"));
    let patient = between(SAMPLE.split_once("<recordTarget").unwrap().1, "extension=\"", "\"");
    let text = SAMPLE.replacen(&unique, &format!("root=\"2.25.77{number}\""), 1).replacen(&kind, &format!("code=\"{code}\" codeSystem=\"{system}\" displayName=\"x\""), 1);
    text.replace(&patient, &ins(number))
}

/// A test number for each record.
fn ins(number: usize) -> String {
    let base = FIRST + u64::try_from(number).unwrap();
    format!("{base}{:02}", 97 - base % 97)
}

/// The person a record is about.
fn person(number: usize) -> Actor {
    let mut out = holder();
    if let Some(patient) = &mut out.patient {
        patient.value = ins(number);
    }
    out
}

fn practitioner(profession: &str) -> Actor {
    let person = Person { id: "899700000077".into(), profession: profession.into(), specialty: String::new(), situation: String::new() };
    Actor { role: Role::Practitioner, person: Some(person), level: Level::Direct, scopes: vec!["user/*.cruds".into()], ..Actor::structure() }
}

/// A record whose team is the structure all these practitioners work for.
struct Record {
    patient: String,
    /// Of each type what is there to be read.
    ids: BTreeMap<String, String>,
    type_code: &'static str,
    class: &'static str,
}

struct World {
    app: App,
    now_us: i64,
}

impl World {
    fn get(&self, actor: &Actor, path: &str) -> (u16, Value) {
        ask(&self.app, actor, self.now_us, (Method::Get, path, b""))
    }

    fn post(&self, actor: &Actor, path: &str, body: &Value) -> Value {
        let (status, answer) = ask(&self.app, actor, self.now_us, (Method::Post, path, body.to_string().as_bytes()));
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    fn open_to_the_team(&self, person: &Actor, patient: &str) {
        let member = json!({"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750000001"}});
        self.post(person, "CareTeam", &json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": [{"member": member}]}));
    }

    /// A record with one document of a type.
    fn deposited(&self, number: usize, (system, type_code, class): (&str, &'static str, &'static str)) -> Record {
        let cda = of_type(number, system, type_code);
        let (status, reference) = ask(&self.app, &Actor::structure(), self.now_us, (Method::Post, "$deposit", cda.as_bytes()));
        assert_eq!(status, 201, "{type_code}: {reference}");
        assert_eq!((reference["type"]["coding"][0]["code"].as_str(), reference["category"][0]["coding"][0]["code"].as_str()), (Some(type_code), Some(class)), "{reference}");
        let patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
        self.open_to_the_team(&person(number), &patient);
        let url = reference["content"][0]["attachment"]["url"].as_str().unwrap();
        let mut ids = BTreeMap::from([("Binary".to_owned(), url.rsplit('/').next().unwrap().to_owned())]);
        for kind in kinds() {
            let (status, found) = self.get(&person(number), &search(kind, &patient));
            assert_eq!(status, 200, "{kind}: {found}");
            ids.extend(found.pointer("/entry/0/resource/id").and_then(Value::as_str).map(|id| (kind.to_owned(), id.to_owned())));
        }
        assert!(ids.len() > 4, "a document, its bytes, its submission, its provenance and its facts: {ids:?}");
        Record { patient, ids, type_code, class }
    }

    /// What one way of reading shows of a record to somebody.
    fn seen(&self, actor: &Actor, record: &Record, (kind, interaction): (&str, &str)) -> Option<Seen> {
        let id = record.ids.get(kind).map_or("", String::as_str);
        let path = match (kind, interaction) {
            ("Patient", operation) => format!("{}/${operation}", record.patient),
            _ if id.is_empty() => return None,
            // A fact has one version and no history: it is told again with its document.
            (_, "history-instance") if id.starts_with(App::DERIVED) => return None,
            (_, "read") => format!("{kind}/{id}"),
            (_, "vread") => format!("{kind}/{id}/_history/1"),
            (_, "history-instance") => format!("{kind}/{id}/_history"),
            (_, "search-type") => search(kind, &record.patient),
            (_, operation) => format!("{kind}/{id}/${operation}"),
        };
        let (status, answer) = self.get(actor, &path);
        let text = answer.to_string();
        let shown = |named: bool| if named { Seen::Shown } else { Seen::Hidden };
        Some(match (status, interaction) {
            (403, _) => Seen::Refused,
            (404, _) => Seen::Hidden,
            (200, "explain-access") => shown(answer["parameter"][0]["valueBoolean"] == true),
            (200, "search-type") => shown(text.contains(id)),
            (200, _) if kind == "Patient" => shown(record.ids.values().any(|id| text.contains(id.as_str()))),
            (200, _) => Seen::Shown,
            _ => panic!("{path}: {status} {answer}"),
        })
    }
}

fn search(kind: &str, patient: &str) -> String {
    let more = if kind == "List" { "&code=submissionset&status=current" } else { "" };
    format!("{kind}?patient={patient}{more}")
}

/// Types whose resources are found by patient and state something of a document or by themselves.
fn kinds() -> impl Iterator<Item = &'static str> {
    let rows = registry().resources.iter().filter(|row| row.offers("search-type") && !OTHERS.contains(&row.kind.as_str()));
    rows.map(|row| row.kind.as_str())
}

/// Every way in which the registry lets a practitioner read: type and interaction, or type and operation.
fn reading_rows() -> BTreeSet<(&'static str, &'static str)> {
    let reading = ["read", "vread", "history-instance", "search-type"];
    let types = registry().resources.iter().filter(|row| !OTHERS.contains(&row.kind.as_str()));
    let rows = types.flat_map(|row| row.interactions.iter().map(|i| (row.kind.as_str(), i.as_str()))).filter(|(_, i)| reading.contains(i));
    let operations = registry().operations.iter().filter(|o| !o.affects_state && o.level.iter().any(|l| l == "instance"));
    let operations = operations.map(|o| (o.kind.as_deref().unwrap_or(roles::SYSTEM), o.name.as_str()));
    rows.chain(operations).filter(|(kind, name)| roles::roles_of(kind, name).contains(&Role::Practitioner)).collect()
}

#[test]
fn every_cell_every_way_of_reading_every_profession() {
    let (folder, rows) = (Folder::new(), Rows::read());
    let app = app(&folder.0);
    let world = World { now_us: app.now_us(), app };
    let records: Vec<Record> = rows.samples().into_iter().enumerate().map(|(number, sample)| world.deposited(number, sample)).collect();
    let (mut asked, mut ways) = (0_usize, BTreeSet::new());
    for profession in rows.professions.iter().map(String::as_str).chain(["", "10000"]) {
        let actor = practitioner(profession);
        for record in &records {
            for way in reading_rows() {
                let Some(seen) = world.seen(&actor, record, way) else { continue };
                let of_the_record = way.0 == "Patient" || way.1 == "search-type";
                let expected = match rows.allows(profession, record.type_code, record.class) {
                    true => Seen::Shown,
                    false if of_the_record && !rows.opens(profession) => Seen::Refused,
                    false => Seen::Hidden,
                };
                assert_eq!(seen, expected, "{profession} × {} ({}) × {way:?}", record.type_code, record.class);
                asked += 1;
                ways.insert(way);
            }
        }
    }
    let documents: BTreeSet<_> = reading_rows().into_iter().filter(|(kind, _)| !rows.clinical.contains_key(*kind)).collect();
    assert!(ways.is_superset(&documents), "{:?} was never asked", documents.difference(&ways));
    assert!(asked > 20_000, "{asked}");
}

/// The least that each clinical type may be written with, besides whose it is.
fn alone() -> Vec<Value> {
    let product = json!({"text": "x"});
    vec![
        json!({"resourceType": "Condition"}),
        json!({"resourceType": "AllergyIntolerance"}),
        json!({"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": product}),
        json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "medicationCodeableConcept": product}),
        json!({"resourceType": "MedicationDispense", "status": "completed", "medicationCodeableConcept": product}),
        json!({"resourceType": "MedicationAdministration", "status": "completed", "medicationCodeableConcept": product, "effectiveDateTime": "2026-01-01"}),
        json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": product, "occurrenceDateTime": "2026-01-01"}),
        json!({"resourceType": "Observation", "status": "final", "code": product}),
        json!({"resourceType": "DiagnosticReport", "status": "final", "code": product}),
        json!({"resourceType": "Procedure", "status": "completed"}),
        json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order"}),
        json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}),
        json!({"resourceType": "FamilyMemberHistory", "status": "completed", "relationship": product}),
        json!({"resourceType": "DeviceUseStatement", "status": "active", "device": {"display": "x"}}),
        json!({"resourceType": "Specimen"}),
        json!({"resourceType": "Device"}),
        json!({"resourceType": "DeviceRequest", "intent": "order", "codeCodeableConcept": product}),
        json!({"resourceType": "ImagingStudy", "status": "available"}),
        json!({"resourceType": "Media", "status": "completed", "content": {"title": "x"}}),
        json!({"resourceType": "CarePlan", "status": "active", "intent": "plan"}),
        json!({"resourceType": "Goal", "lifecycleStatus": "active", "description": product}),
        json!({"resourceType": "ImmunizationRecommendation", "date": "2026-01-01", "recommendation": [{"vaccineCode": [product], "forecastStatus": product}]}),
    ]
}

#[test]
fn every_clinical_type_of_no_document_every_way_of_reading_every_profession() {
    let (folder, rows) = (Folder::new(), Rows::read());
    let app = app(&folder.0);
    let world = World { now_us: app.now_us(), app };
    let identity =
        json!({"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins(0)}], "name": [{"family": "ESSAI"}], "birthDate": "1970-03-12"});
    let patient = format!("Patient/{}", world.post(&Actor::structure(), "Patient", &identity)["id"].as_str().unwrap());
    world.open_to_the_team(&person(0), &patient);
    let mut ids = BTreeMap::new();
    for mut body in alone() {
        let kind = body["resourceType"].as_str().unwrap().to_owned();
        let element = registry().resource(&kind).unwrap().patient[0].clone();
        body[element] = json!({"reference": patient});
        ids.insert(kind.clone(), world.post(&Actor::structure(), &kind, &body)["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.keys().collect::<Vec<_>>(), rows.clinical.keys().collect::<Vec<_>>(), "every type of the table");
    let statements: Vec<&str> = registry().resources.iter().filter(|row| row.statement && !row.patient.is_empty()).map(|row| row.kind.as_str()).collect();
    assert_eq!(rows.clinical.keys().map(String::as_str).collect::<BTreeSet<_>>(), statements.into_iter().collect(), "and of the registry");
    let record = Record { patient, ids, type_code: "", class: "" };
    let mut asked = BTreeSet::new();
    for profession in rows.professions.iter().map(String::as_str).chain(["", "10000"]) {
        let actor = practitioner(profession);
        for way in reading_rows().into_iter().filter(|(kind, _)| rows.clinical.contains_key(*kind)) {
            let expected = match rows.allows(profession, "", &rows.clinical[way.0]) {
                true => Seen::Shown,
                false if way.1 == "search-type" && !rows.opens(profession) => Seen::Refused,
                false => Seen::Hidden,
            };
            assert_eq!(world.seen(&actor, &record, way), Some(expected), "{profession} × {way:?}");
            asked.insert(way);
        }
    }
    let all: BTreeSet<_> = reading_rows().into_iter().filter(|(kind, _)| rows.clinical.contains_key(*kind)).collect();
    assert_eq!(asked, all);
}
