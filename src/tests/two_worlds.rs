//! Non-interference: two worlds that differ only by documents hidden from a caller give that caller the same answers, whatever it asks.
//! Ids, times and what is sealed are normalised; everything else must be the same bytes, in the same order.
//!
//! `PASSERELLE_TEST_QUERIES` sets how many queries each caller asks (every ask and every point of the registry at least once).

mod asks;
mod plain;
mod space;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::asks::{ASKS, Ask, Dice, NOT_ASKED, PAGE, PAGE_NOT_ASKED, get};
use self::space::{Point, space};
use self::world::{Asker, DOCUMENTS, EVERY, INS, Right, World};
use crate::support::{Operations, registry_table};

/// Callers compared at once, each with two servers.
const AT_ONCE: usize = 3;

const MASKED: &[&str] = &["masked", "withdrawn", "masked-chain", "after", "set-hidden"];

const ASKERS: &[Asker] = &[
    Asker { name: "consulting doctor", arguments: &["--rpps", "899700000001", "--profession", "10"], right: Right::Consent, hidden: MASKED, except: &[] },
    Asker {
        name: "dentist",
        arguments: &["--rpps", "899700000002", "--profession", "40"],
        right: Right::Consent,
        hidden: &["masked", "withdrawn", "masked-chain", "after", "set-hidden", "plan"],
        except: &[],
    },
    Asker { name: "holder", arguments: &["--holder", INS], right: Right::Nothing, hidden: &["kept", "kept-chain", "withdrawn", "after", "set-hidden"], except: &[] },
    Asker {
        name: "legal representative",
        arguments: &["--legal-representative", INS],
        right: Right::Nothing,
        hidden: &["kept", "kept-chain", "minor", "withdrawn", "after", "set-hidden"],
        except: &[],
    },
    Asker { name: "médecin traitant", arguments: &["--rpps", "899700000003", "--profession", "10"], right: Right::MedecinTraitant, hidden: &["withdrawn", "after"], except: &[] },
    Asker {
        name: "bris de glace",
        arguments: &["--rpps", "899700000004", "--profession", "10", "--mode", "bris_de_glace", "--reason", "coma"],
        right: Right::Nothing,
        hidden: MASKED,
        except: &[],
    },
    Asker { name: "blocked", arguments: &["--rpps", "899700000005", "--profession", "10"], right: Right::Blocked, hidden: EVERY, except: &[] },
    Asker { name: "without consent", arguments: &["--rpps", "899700000006", "--profession", "10"], right: Right::Nothing, hidden: EVERY, except: &[] },
    Asker {
        name: "of few scopes",
        arguments: &["--rpps", "899700000007", "--profession", "10", "--scope", "user/Patient.rs user/DocumentReference.s user/List.s"],
        right: Right::Nothing,
        hidden: EVERY,
        except: &[],
    },
    Asker { name: "structure alone", arguments: &[], right: Right::Nothing, hidden: EVERY, except: &[] },
    // The trail is what they are there for, and the administrator counts what he erases.
    Asker { name: "auditor", arguments: &["--role", "auditor"], right: Right::Nothing, hidden: EVERY, except: &["AuditEvent"] },
    Asker { name: "administrator", arguments: &["--role", "administrator"], right: Right::Nothing, hidden: EVERY, except: &["AuditEvent"] },
];

#[test]
fn every_operation_is_asked_in_both_worlds() {
    let named: BTreeSet<&str> = ASKS.iter().map(|a| a.0).chain(NOT_ASKED.iter().map(|n| n.0)).collect();
    for operation in registry_table::<Operations>("operations.toml").operation {
        assert!(named.contains(operation.name.as_str()), "the two worlds are not asked ${}", operation.name);
    }
}

#[test]
fn every_step_of_the_page_is_asked_in_both_worlds() {
    let source = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/consult/steps.rs")).unwrap();
    let steps: BTreeSet<&str> = source.lines().filter_map(|l| l.trim().strip_prefix("(Method::")?.split_once(", [")?.1.split('"').nth(1)).collect();
    assert!(steps.len() > 10, "{steps:?}");
    let first = |path: &&'static str| path.split(['?', '/']).next().unwrap();
    let asked: BTreeSet<&str> = PAGE.iter().map(first).chain(["import", "seen"]).chain(PAGE_NOT_ASKED.iter().map(|n| n.0)).collect();
    for step in steps {
        assert!(asked.contains(step), "the two worlds are not asked for {step} of the page");
    }
}

#[test]
fn hidden_documents_change_no_answer() {
    let queries: usize = std::env::var("PASSERELLE_TEST_QUERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(850);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(asker) = ASKERS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    compare(asker, queries);
                }
            });
        }
    });
}

fn compare(asker: &Asker, queries: usize) {
    let mut full = World::make(asker, &[]);
    let mut bare = World::make(asker, asker.hidden);
    let mut dice = Dice(u64::try_from(asker.name.len()).unwrap());
    let asks: Vec<Ask> = ASKS.iter().filter(|(name, _)| !asker.except.contains(name)).map(|a| a.1).collect();
    let points: Vec<Point> = space().into_iter().filter(|p| !asker.except.iter().any(|kind| *kind == p.kind())).collect();
    let mut answered = 0;
    for round in 0..queries.max(asks.len() + points.len()) {
        let query = match (asks.get(round), round.checked_sub(asks.len()).and_then(|n| points.get(n))) {
            (Some(ask), _) => ask(&mut dice),
            (None, Some(point)) => point.query(&mut dice),
            (None, None) if dice.roll(3) == 0 => points[dice.roll(points.len())].query(&mut dice),
            (None, None) => asks[dice.roll(asks.len())](&mut dice),
        };
        let ((one, next_one), (other, next_other)) = (full.ask(&query), bare.ask(&query));
        same(&one, &other, &format!("{} asked {query:?}", asker.name));
        assert_eq!(next_one.is_some(), next_other.is_some(), "{} asked {query:?}", asker.name);
        answered += usize::from(one.starts_with("200"));
        if let (Some(a), Some(b)) = (next_one, next_other) {
            same(&full.ask(&get(a)).0, &bare.ask(&get(b)).0, &format!("{} turned the page of {query:?}", asker.name));
        }
    }
    assert!(answered > queries / 4 || asker.hidden.len() == DOCUMENTS.len(), "{}: only {answered} of {queries} were answered", asker.name);
}

/// The same bytes; where they begin to differ is what a reader needs.
fn same(one: &str, other: &str, what: &str) {
    let at = one.chars().zip(other.chars()).position(|(a, b)| a != b).unwrap_or(one.chars().count().min(other.chars().count()));
    let around = |text: &str| text.chars().skip(at.saturating_sub(150)).take(400).collect::<String>();
    assert!(one == other, "{what}\n with: {}\n without: {}", around(one), around(other));
}

/// What keeps the test honest: a document that is not hidden does change answers.
#[test]
fn a_visible_document_does_change_answers() {
    let asker = &ASKERS[0];
    let mut full = World::make(asker, &[]);
    let mut bare = World::make(asker, &["first"]);
    let query = get("DocumentReference?patient={patient}&_count=20".into());
    assert_ne!(full.ask(&query).0, bare.ask(&query).0);
}
