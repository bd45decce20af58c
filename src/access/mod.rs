//! Caller × the patient's choices × document → what may be seen. One condition, one place: every read, search, include,
//! total, summary and Binary goes through the [`Visibility`] made here, applied inside the query by `store`.
//!
//! The decision of the policy `enforced` is [`record_right`] and [`document_right`]; what it knows of professions, rules, roles,
//! feeding and structures are the tables of fhir-profiles/access-matrix, each row with its source and confidence. Under the policy
//! `open` any valid certificate reads and writes, and of the labels the mask holds.

mod beside;
mod centre_15;
mod choices;
mod confidence;
mod consent;
mod decision;
mod durations;
mod explain;
mod feeding;
pub mod labels;
mod matrix;
mod matrix_table;
pub mod roles;
mod rule;
mod scope;
mod standing;
mod structures;
#[cfg(test)]
mod tests;
mod visibility;
mod withdrawal;
mod writing;

pub use centre_15::{RegulationClaim, regulation_claim};
pub use choices::{Choice, ChoiceKind, FERMETURE, MEDECIN_TRAITANT, RATTACHEMENT_MES, choices, strip as strip_choices};
pub use confidence::Confidence;
pub use decision::{Decision, DocumentFacts, RecordFacts, RecordRight, document_right, record_right};
pub use durations::{Span, durations};
pub use explain::{explain, unknown};
pub use feeding::{FeedingRow, Situation, feeding};
pub use matrix::{Cell, Matrix, MatrixAction, Readable};
pub use roles::{SYSTEM, may};
pub use rule::{Rule, RuleRow, in_words};
pub use standing::{Act, Standing, StandingRow};
pub use structures::Structures;
pub use visibility::{Enforced, Purpose, Sight, Visibility, person_key, staff_key};
pub use withdrawal::{Told, ToldRow, told};

/// Codes of the rows of rules, feeding, durations, withdrawal, centre 15 and roles that no text settles; those of the matrix are
/// [`Matrix::assumptions`].
pub fn assumptions() -> Vec<String> {
    let assumed = |confidence: Confidence| confidence == Confidence::Assumption;
    let rules = Rule::ALL.iter().map(|r| r.row()).filter(|r| assumed(r.confidence)).map(|r| format!("rule {}", r.code));
    let feeding = Situation::ALL.iter().map(|s| feeding(*s)).filter(|r| assumed(r.confidence)).map(|r| format!("feeding {}", r.code));
    let standings = Standing::ALL.iter().map(|s| s.row()).filter(|r| assumed(r.confidence)).map(|r| format!("standing {}", r.code));
    let durations = durations().iter().filter(|d| assumed(d.confidence)).map(|d| format!("duration {}", d.name));
    let told = told().iter().filter(|r| assumed(r.confidence)).map(|r| format!("withdrawal {}", r.what));
    let centre_15 = centre_15::rows().into_iter().filter(|(_, _, confidence)| assumed(*confidence)).map(|(name, ..)| format!("centre-15 {name}"));
    rules.chain(feeding).chain(standings).chain(durations).chain(told).chain(centre_15).chain(roles::assumptions()).collect()
}
