//! The one decision: may this caller read this record, and this document of it. Denies by default.
//! Spec: CSP L.1111-17, R.1111-46 to R.1111-53; ANS PDSM4DMP TD0.2; arrêté du 26 octobre 2023 (matrice d'habilitation).
//!
//! Order: authentication, role, closed, blocked, profession, mode and prior opposition, authorisation; then per document matrix, labels, deleted.

use super::centre_15::regulates;
use super::labels::{INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS};
use super::matrix::{Cell, Matrix};
use super::rule::{Rule, in_words};
use crate::fhir::{Actor, Level, Mode, Role};

/// What is known of a record and of the caller's place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordFacts {
    pub closed: bool,
    /// Prior express opposition of the patient.
    pub opposes_bris_de_glace: bool,
    pub opposes_centre_15: bool,
    /// The patient blocked the caller.
    pub blocked: bool,
    /// The caller is the declared médecin traitant.
    pub medecin_traitant: bool,
    /// The caller is in the équipe de soins.
    pub care_team: bool,
    /// End of the consent given to the caller, µs UTC; at that moment it is over.
    pub consent_until_us: Option<i64>,
    /// The record of the holder who calls, or of the person the caller represents.
    pub own: bool,
}

/// What a caller may see of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordRight {
    /// The record, subject to what each document says.
    Whole {
        /// Documents masked to practitioners are seen.
        sees_masked: bool,
        rule: Rule,
    },
    /// What the caller deposited, and nothing else: without authorisation, or without a profession that the matrix opens something to.
    OwnDocuments(Rule),
    Nothing(Rule),
}

impl RecordRight {
    /// The rule the right rests on.
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Whole { rule, .. } | Self::OwnDocuments(rule) | Self::Nothing(rule) => *rule,
        }
    }
}

/// What is known of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentFacts<'a> {
    /// Bits of [`super::labels`].
    pub labels: i32,
    /// The caller is an author or the legal authenticator.
    pub mine: bool,
    pub type_code: &'a str,
    pub class_code: &'a str,
    /// When INVISIBLE_PATIENT ends, µs UTC; at that moment the document is visible. 0: not yet known.
    pub visible_from_us: i64,
    pub deleted: bool,
}

/// A decision with its ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub rule: Rule,
    /// The cell of the matrix that was asked; `None` where the matrix does not apply.
    pub cell: Option<Cell>,
    /// Version of the matrix.
    pub matrix: String,
}

/// What the caller may see of a record at a moment (µs UTC).
/// Spec: CSP L.1111-17 I (bris de glace), L.1111-17 and L.6311-2 (centre 15), R.1111-46 (équipe de soins, consent).
pub fn record_right(actor: &Actor, matrix: &Matrix, facts: &RecordFacts, now_us: i64) -> RecordRight {
    if actor.level == Level::Indirect || actor.role == Role::Structure {
        return RecordRight::Nothing(Rule::Indirect);
    }
    match actor.role {
        Role::Practitioner => practitioner(actor, matrix, facts, now_us),
        Role::Holder => of_the_person(facts, Rule::Holder),
        Role::LegalRepresentative => of_the_person(facts, Rule::LegalRepresentative),
        Role::Structure | Role::Auditor | Role::Administrator => RecordRight::Nothing(Rule::RoleWithoutDocuments),
    }
}

/// May the caller read a document of a record he has this right on, at a moment (µs UTC)?
/// Spec: CSP R.1111-49 (masked, author), R.1111-53 (hidden from the patient).
pub fn document_right(actor: &Actor, matrix: &Matrix, right: &RecordRight, document: &DocumentFacts<'_>, now_us: i64) -> Decision {
    let cell = cell_asked(actor, matrix, right, document);
    let refusal = match (right, actor.role) {
        (RecordRight::Nothing(rule), _) => Some(*rule),
        (_, Role::Practitioner) => practitioner_refusal(right, document, cell.as_ref()),
        (RecordRight::Whole { .. }, Role::Holder) => hidden_from_patient(document, now_us),
        (RecordRight::Whole { .. }, Role::LegalRepresentative) => hidden_from_representative(document, now_us),
        _ => Some(Rule::RoleWithoutDocuments),
    };
    let refusal = refusal.or_else(|| document.deleted.then_some(Rule::Deleted));
    Decision { allowed: refusal.is_none(), rule: refusal.unwrap_or_else(|| ground(actor, right, document)), cell, matrix: matrix.version().to_owned() }
}

fn of_the_person(facts: &RecordFacts, rule: Rule) -> RecordRight {
    if facts.own { RecordRight::Whole { sees_masked: true, rule } } else { RecordRight::Nothing(Rule::OtherRecord) }
}

fn practitioner(actor: &Actor, matrix: &Matrix, facts: &RecordFacts, now_us: i64) -> RecordRight {
    if facts.closed {
        return RecordRight::Nothing(Rule::RecordClosed);
    }
    if facts.blocked && !facts.medecin_traitant {
        return RecordRight::Nothing(Rule::Blocked);
    }
    // What is of no document has no cell of its own to be asked: a record of which nothing may be read is not open.
    if !matrix.opens(profession(actor)) {
        return RecordRight::OwnDocuments(Rule::ProfessionClosed);
    }
    match actor.mode {
        Mode::BrisDeGlace if !in_words(&actor.reason) => RecordRight::Nothing(Rule::BrisDeGlaceWithoutReason),
        Mode::BrisDeGlace if facts.opposes_bris_de_glace => RecordRight::Nothing(Rule::BrisDeGlaceOpposed),
        Mode::BrisDeGlace => RecordRight::Whole { sees_masked: facts.medecin_traitant || matrix.bris_de_glace_sees_masked(), rule: Rule::BrisDeGlace },
        Mode::Centre15 if !actor.person.as_ref().is_some_and(|p| regulates(&p.profession)) => RecordRight::Nothing(Rule::Centre15Profession),
        Mode::Centre15 if facts.opposes_centre_15 => RecordRight::Nothing(Rule::Centre15Opposed),
        Mode::Centre15 => RecordRight::Whole { sees_masked: facts.medecin_traitant || matrix.centre_15_sees_masked(), rule: Rule::Centre15 },
        Mode::Normal => authorised(facts, now_us),
    }
}

fn authorised(facts: &RecordFacts, now_us: i64) -> RecordRight {
    let whole = |rule| RecordRight::Whole { sees_masked: rule == Rule::MedecinTraitant, rule };
    match facts.consent_until_us {
        _ if facts.medecin_traitant => whole(Rule::MedecinTraitant),
        _ if facts.care_team => whole(Rule::CareTeam),
        Some(until_us) if now_us < until_us => whole(Rule::Consent),
        Some(_) => RecordRight::OwnDocuments(Rule::ConsentExpired),
        None => RecordRight::OwnDocuments(Rule::NoAuthorisation),
    }
}

/// The matrix is asked for practitioners, and not about what they deposited themselves unless it says so.
fn cell_asked(actor: &Actor, matrix: &Matrix, right: &RecordRight, document: &DocumentFacts<'_>) -> Option<Cell> {
    let asked = actor.role == Role::Practitioner && !matches!(right, RecordRight::Nothing(_)) && !(document.mine && matrix.author_exempt());
    asked.then(|| matrix.cell(profession(actor), document.type_code, document.class_code))
}

/// Code of the caller's profession, empty when the token names none.
pub(super) fn profession(actor: &Actor) -> &str {
    actor.person.as_ref().map_or("", |p| p.profession.as_str())
}

fn practitioner_refusal(right: &RecordRight, document: &DocumentFacts<'_>, cell: Option<&Cell>) -> Option<Rule> {
    let sees_masked = matches!(right, RecordRight::Whole { sees_masked: true, .. });
    if matches!(right, RecordRight::OwnDocuments(_)) && !document.mine {
        return Some(Rule::NotAuthor);
    }
    if cell.is_some_and(|c| !c.allowed) {
        return Some(Rule::Profession);
    }
    (document.labels & MASQUE_PS != 0 && !document.mine && !sees_masked).then_some(Rule::MasquePs)
}

fn hidden_from_patient(document: &DocumentFacts<'_>, now_us: i64) -> Option<Rule> {
    let come = document.visible_from_us > 0 && document.visible_from_us <= now_us;
    (document.labels & INVISIBLE_PATIENT != 0 && !come).then_some(Rule::InvisiblePatient)
}

fn hidden_from_representative(document: &DocumentFacts<'_>, now_us: i64) -> Option<Rule> {
    let never = document.labels & INVISIBLE_REPRESENTANTS_LEGAUX != 0;
    never.then_some(Rule::InvisibleRepresentantsLegaux).or_else(|| hidden_from_patient(document, now_us))
}

/// What an allowed reading rests on.
fn ground(actor: &Actor, right: &RecordRight, document: &DocumentFacts<'_>) -> Rule {
    if actor.role == Role::Practitioner && document.mine { Rule::Author } else { right.rule() }
}
