//! The condition inside the queries against the pure decision, for every kind of caller, record and document.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::tests::{put, write};
use super::*;
use crate::access::{Choice, ChoiceKind, DocumentFacts, Matrix, document_right, labels, person_key};
use crate::fhir::{Actor, Identifier, Level, Mode, Person, Role};

const NOW: i64 = 1_790_000_000_000_000;
const DOCTOR: &str = "899700218896";
const INS: &str = "258027511234534";

/// A document of the record and what the decision looks at.
struct Sample {
    id: String,
    labels: i32,
    behind: Vec<String>,
    type_code: &'static str,
    class_code: &'static str,
    visible_from_us: i64,
    deleted: bool,
}

fn samples() -> Vec<Sample> {
    // Allowed to most; refused to dentists by type; refused to all but the patient; unknown type of a known class; unknown class.
    let kinds = [("34112-3", "10"), ("80788-3", "44"), ("ATTEST-RESID", "95"), ("neu", "10"), ("neu", "neu")];
    let sets =
        [labels::N, labels::V | labels::MASQUE_PS, labels::N | labels::INVISIBLE_PATIENT, labels::R | labels::INVISIBLE_REPRESENTANTS_LEGAUX, labels::N | labels::VISIBILITY];
    let behind = [vec!["other".to_owned()], vec![person_key(DOCTOR)], vec!["staff:1750000001".to_owned()], vec!["1750000001".to_owned()]];
    let mut out = Vec::new();
    for (type_code, class_code) in kinds {
        for labels in sets {
            for behind in &behind {
                for (visible_from_us, deleted) in [(NOW, false), (NOW + 1, false), (0, false), (0, true)] {
                    out.push(Sample { id: format!("d{}", out.len()), labels, behind: behind.clone(), type_code, class_code, visible_from_us, deleted });
                }
            }
        }
    }
    out
}

fn deposit(store: &Store, record: i64, sample: &Sample) {
    let number = store.counters().next_document();
    let reference = Put { document: number, ..put(store, "DocumentReference", &sample.id, record, 1) };
    let document = NewDocument {
        number,
        record,
        rid: reference.rid,
        chain: number,
        unique: Identifier { system: None, value: sample.id.clone() },
        sha256: [0; 32],
        mime: "text/xml".into(),
        labels: sample.labels,
        archived: false,
        superseded: false,
        visible_from_us: sample.visible_from_us,
        type_code: sample.type_code.into(),
        class_code: sample.class_code.into(),
        behind: sample.behind.clone(),
        binary_id: format!("b-{}", sample.id),
        content: bytes::Bytes::new(),
    };
    let mut operations = vec![Operation::NewDocument(Box::new(document)), Operation::Put(Box::new(reference))];
    if sample.deleted {
        operations.push(Operation::ChangeDocument(ChangeDocument { number, deleted: Some(true), ..ChangeDocument::default() }));
    }
    write(store, operations).unwrap();
}

fn actors() -> Vec<Actor> {
    let person = |profession: &str| Person { id: DOCTOR.into(), profession: profession.into(), specialty: String::new(), situation: String::new() };
    let of = |role: Role, person: Option<Person>| Actor { role, person, level: Level::Direct, ..Actor::structure() };
    let ins = |value: &str| Some(Identifier { system: Some("ins".into()), value: value.into() });
    let mut out = vec![Actor::structure(), of(Role::Auditor, None), of(Role::Administrator, None)];
    for role in [Role::Holder, Role::LegalRepresentative] {
        out.extend([ins(INS), ins("somebody else")].map(|patient| Actor { patient, ..of(role, None) }));
    }
    for profession in ["10", "40", "70", "unknown"] {
        for mode in Mode::ALL {
            out.push(Actor { mode: *mode, reason: "arrêt cardiaque".into(), ..of(Role::Practitioner, Some(person(profession))) });
        }
        out.push(Actor { level: Level::Indirect, ..of(Role::Practitioner, Some(person(profession))) });
        out.push(Actor { mode: Mode::BrisDeGlace, ..of(Role::Practitioner, Some(person(profession))) });
    }
    out
}

fn situations() -> Vec<Vec<Choice>> {
    let doctor = person_key(DOCTOR);
    let one = |holder: &str, kind, until_us| Choice { holder: holder.into(), kind, until_us };
    use ChoiceKind::*;
    vec![
        vec![],
        vec![one(&doctor, Consent, NOW + 1)],
        vec![one(&doctor, Consent, NOW)],
        vec![one("1750000001", CareTeam, i64::MAX)],
        vec![one(&doctor, MedecinTraitant, i64::MAX), one(&doctor, Blocked, i64::MAX)],
        vec![one(&doctor, Consent, i64::MAX), one(&doctor, Blocked, i64::MAX)],
        vec![one(&doctor, CareTeam, i64::MAX), one("", Closed, i64::MAX)],
        vec![one("", OpposesBrisDeGlace, i64::MAX), one("", OpposesCentre15, i64::MAX)],
        vec![one("ps:8999", Consent, i64::MAX), one("1750000002", CareTeam, i64::MAX)],
    ]
}

/// Resources of no document: type and id.
const ALONE: &[(&str, &str)] = &[("Observation", "o"), ("Condition", "c"), ("Immunization", "i"), ("CareTeam", "t")];

/// The matrix of the program, but for dentists and masseurs-kinésithérapeutes without reports (10).
fn matrix() -> Matrix {
    let row = "professions = [\"40\", \"50\", \"70\"]\nclasses = [\"10\", \"11\"";
    assert!(Matrix::BUILTIN.contains(row));
    Matrix::parse(&Matrix::BUILTIN.replace(row, &row.replace("[\"10\", \"11\"", "[\"11\""))).unwrap()
}

/// What is of no document is found, by whatever way, where the record is open and the matrix does not close its type.
fn alone(store: &Store, visibility: &Visibility, record: i64, wanted: impl Fn(&str) -> bool) {
    let kinds: Vec<&str> = ALONE.iter().map(|(kind, _)| *kind).collect();
    store
        .read(visibility, |r| {
            let all: BTreeSet<String> = r.all_of(record, &kinds, 100)?.into_iter().map(|f| f.row.kind).collect();
            for (kind, id) in ALONE {
                let named = Identifier { system: Some("s".into()), value: (*id).into() };
                let found = [r.knows(kind, id)?, all.contains(*kind), !r.by_identifier(kind, &named)?.is_empty()];
                assert_eq!(found, [wanted(kind); 3], "{kind} {visibility:?}");
                let query =
                    Query { kind: (*kind).to_owned(), record: Some(record), conditions: Vec::new(), sort: Sort::LastUpdatedDown, count: 0, after: None, commit: r.commit() };
                assert_eq!(r.search(&query)?.total, i64::from(wanted(kind)), "{kind} {visibility:?}");
            }
            Ok(())
        })
        .unwrap();
}

/// One store; the situations follow one another in the same record.
pub(super) fn the_condition_is_the_decision(store: &Store) {
    let record = store.counters().next_record();
    write(store, vec![Operation::NewRecord { number: record, pseudonym: "r".into() }]).unwrap();
    let patient = Put { identifiers: vec![Identifier { system: Some("ins".into()), value: INS.into() }], ..put(store, "Patient", "p", record, 1) };
    let rid = patient.rid;
    write(store, vec![Operation::Put(Box::new(patient))]).unwrap();
    for (kind, id) in ALONE {
        let identifiers = vec![Identifier { system: Some("s".into()), value: (*id).into() }];
        write(store, vec![Operation::Put(Box::new(Put { identifiers, ..put(store, kind, id, record, 1) }))]).unwrap();
    }
    let samples = samples();
    samples.iter().for_each(|s| deposit(store, record, s));
    let matrix = Arc::new(matrix());
    let mut compared = 0;
    for choices in situations() {
        write(store, vec![Operation::Decide { record, rid, choices: choices.clone() }]).unwrap();
        for actor in actors() {
            let names = vec!["1750000001".to_owned()];
            let visibility = Visibility::enforced(names, actor.clone(), Arc::clone(&matrix), NOW);
            let right = store.read(&visibility, |r| r.right(record)).unwrap().unwrap();
            let wanted: BTreeSet<&str> = samples
                .iter()
                .filter(|s| {
                    let mine = s.behind.iter().any(|b| visibility.mine().contains(b));
                    let facts = DocumentFacts { labels: s.labels, mine, type_code: s.type_code, class_code: s.class_code, visible_from_us: s.visible_from_us, deleted: s.deleted };
                    document_right(&actor, &matrix, &right, &facts, NOW).allowed
                })
                .map(|s| s.id.as_str())
                .collect();
            let query =
                |commit| Query { kind: "DocumentReference".into(), record: Some(record), conditions: Vec::new(), sort: Sort::LastUpdatedDown, count: 500, after: None, commit };
            let page = store.read(&visibility, |r| r.search(&query(r.commit()))).unwrap();
            let found: BTreeSet<&str> = page.rows.iter().map(|r| r.id.as_str()).collect();
            assert_eq!(found, wanted, "{actor:?} {choices:?}");
            assert_eq!(usize::try_from(page.total).unwrap(), wanted.len());
            for sample in samples.iter().step_by(7) {
                let known = store.read(&visibility, |r| r.knows("Binary", &format!("b-{}", sample.id))).unwrap();
                assert_eq!(known, wanted.contains(sample.id.as_str()), "{} {actor:?} {choices:?}", sample.id);
            }
            let whole = matches!(right, crate::access::RecordRight::Whole { .. });
            let profession = actor.person.as_ref().map_or("", |p| p.profession.as_str());
            let open = |kind: &str| actor.role != Role::Practitioner || matrix.class_of_kind(kind).is_none_or(|class| matrix.cell(profession, "", class).allowed);
            alone(store, &visibility, record, |kind| whole && open(kind));
            compared += samples.len();
        }
    }
    assert!(compared > 50_000, "{compared}");
}
