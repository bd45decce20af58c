//! Resources that decide who may read a record, and who may decide it.
//! Spec: CSP R.1111-46 (équipe de soins, consent), L.1111-17 (oppositions), R.1111-49; FHIR R4 Consent, CareTeam.

use serde_json::Value;

use super::{App, Call, patient};
use crate::access::{Choice, ChoiceKind, Rule, Span, choices, person_key};
use crate::fhir::{Fault, FaultKind, Mode, Result, Role};
use crate::identity;
use crate::store::{Operation, Reader, VersionRow};

/// Types whose resources decide something.
const DECIDES: &[&str] = &["Patient", "Consent", "CareTeam"];
/// Types that choices refer to.
const DIRECTORY: &[&str] = &["Practitioner", "PractitionerRole", "Organization"];

/// Whether a resource of a type says what the patient chose: no feeding, so that a closed record takes it from who may decide.
/// Spec: CSP R.1111-40, R.1111-46: a choice is the holder's at any time.
pub(super) fn is_choice(kind: &str) -> bool {
    matches!(kind, "Consent" | "CareTeam")
}

/// A write of a resource that may decide something.
pub(super) struct Deciding<'a> {
    pub kind: &'a str,
    pub record: i64,
    pub rid: i64,
    /// The resource as it will be, `None` when it is deleted.
    pub after: Option<&'a Value>,
    /// What the same plan writes already.
    pub planned: &'a [Operation],
}

/// What is to be written beside the resource, so that the decision holds from the same commit on; nothing for other types.
///
/// # Errors
/// `Forbidden` for a caller who may not decide this, `RuleBroken` for what cannot be decided.
pub(super) fn decide(app: &App, call: &Call, reader: &mut Reader<'_>, write: &Deciding<'_>) -> Result<Option<Operation>> {
    if !DECIDES.contains(&write.kind) {
        return Ok(None);
    }
    let before = ordered(reader.decided_by(write.record, write.rid)?);
    let mut after = read(app, call, reader, write.after)?;
    let treating = treating(call, reader, write)?;
    if write.kind == "Patient" {
        // Who finds a Patient is told the médecin traitant; sent back, that declares nobody.
        after.retain(|c| c.kind != ChoiceKind::MedecinTraitant || before.contains(c) || !treating.contains(&c.holder));
    }
    if call.visibility.rules().is_some() {
        this_consultation(call, write.kind, &mut after);
        may_decide(call, reader, write, (&before, &after))?;
        // What a professional leaves as it was he does not decide anew.
        if write.kind == "Patient" && before == after && !by_the_patient(call) {
            return Ok(None);
        }
    }
    if write.kind == "Consent" && after.is_empty() {
        after = named(&before);
    }
    one_medecin_traitant(call, &after, &treating)?;
    blocks_no_medecin_traitant(&after, &treating)?;
    let nothing = after.is_empty() && before.is_empty();
    Ok((!nothing).then_some(Operation::Decide { record: write.record, rid: write.rid, choices: after }))
}

/// An identity that is here is changed by whom the record is open to, and by the administrator.
///
/// # Errors
/// `Forbidden` with the reason.
pub(super) fn may_change_identity(call: &Call, reader: &mut Reader<'_>, current: Option<&VersionRow>) -> Result<()> {
    match (current, call.visibility.rules()) {
        (Some(row), Some(rules)) if rules.actor.role != Role::Administrator => reader.answering(|r| r.open_to_caller(row.record)),
        _ => Ok(()),
    }
}

/// The INS binds a record to a person: one of a kind, and once it is stored, or documents are, it is the administrator's to change.
/// Spec: RNIV (identitovigilance).
///
/// # Errors
/// `BadValue` for two of a kind, `Forbidden` with the reason.
pub(super) fn keeps_ins(call: &Call, reader: &mut Reader<'_>, current: Option<&VersionRow>, after: &Value) -> Result<()> {
    let will = patient::ins_of(after);
    if will.iter().any(|i| will.iter().filter(|o| o.system == i.system).count() > 1) {
        return Err(Fault::new(FaultKind::BadValue, 690, "a patient has one INS of a kind").at("Patient.identifier"));
    }
    let (Some(row), Some(rules)) = (current, call.visibility.rules()) else { return Ok(()) };
    let found = reader.with_body(row.clone())?;
    let stored: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 644, "a stored resource is damaged").because(e))?;
    let was = patient::ins_of(&stored);
    let same = was.len() == will.len() && was.iter().all(|i| will.contains(i));
    if same || rules.actor.role == Role::Administrator || (was.is_empty() && !reader.holds_more(row.record, row.rid)?) {
        return Ok(());
    }
    Err(forbidden(639, "the INS of a record that holds something is changed by the administrator alone: it says whose record it is"))
}

/// Who a professional or a structure is, is not changed by anybody else: choices of patients name them by reference.
///
/// # Errors
/// `Forbidden` with the reason.
pub(super) fn keeps_directory(call: &Call, reader: &mut Reader<'_>, current: Option<&VersionRow>, after: &Value) -> Result<()> {
    let (Some(row), Some(rules)) = (current, call.visibility.rules()) else { return Ok(()) };
    if !DIRECTORY.contains(&row.kind.as_str()) || rules.actor.role == Role::Administrator {
        return Ok(());
    }
    let found = reader.with_body(row.clone())?;
    let stored: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 644, "a stored resource is damaged").because(e))?;
    let same = ["identifier", "practitioner", "organization", "name"].iter().all(|name| stored.get(name) == after.get(name));
    if same { Ok(()) } else { Err(forbidden(664, "identifiers and names of the directory are changed by the administrator alone; create a new entry instead")) }
}

fn read(app: &App, call: &Call, reader: &mut Reader<'_>, resource: Option<&Value>) -> Result<Vec<Choice>> {
    let Some(resource) = resource else { return Ok(Vec::new()) };
    let found = choices(resource, call.now_us, &mut |reference| {
        let Some((kind, id)) = app.local(reference).split_once('/') else { return Ok(None) };
        let found = reader.found(kind, id, None)?.filter(|f| !f.row.deleted);
        found.map(|f| serde_json::from_slice(&f.body).map_err(|e| Fault::new(FaultKind::Bug, 630, "a stored resource is damaged").because(e))).transpose()
    })?;
    found.into_iter().map(canonical).collect::<Result<Vec<_>>>().map(ordered)
}

/// What is left of the choices of a Consent that decides nothing any more: whom they were about, who may read how it ended.
fn named(before: &[Choice]) -> Vec<Choice> {
    let about = before.iter().filter(|c| !c.holder.is_empty());
    ordered(about.map(|c| Choice { holder: c.holder.clone(), kind: ChoiceKind::Named, until_us: i64::MAX }).collect())
}

/// Choices as the store keeps them: in one order, and of the same thing said twice what lasts longer.
fn ordered(mut choices: Vec<Choice>) -> Vec<Choice> {
    choices.sort_unstable_by(|a, b| (&a.holder, a.kind.number(), b.until_us).cmp(&(&b.holder, b.kind.number(), a.until_us)));
    choices.dedup_by(|a, b| a.holder == b.holder && a.kind == b.kind);
    choices
}

/// A choice under the name by which its holder will come; one that nobody can bear would have no effect and is refused.
fn canonical(mut choice: Choice) -> Result<Choice> {
    let wrong = || {
        Fault::new(FaultKind::BadValue, 669, "who is meant has a number that no professional or structure can have (PS_IdNat: 8 + RPPS; Struct_IdNat: 1 + FINESS, 3 + SIRET, …)")
    };
    match choice.holder.strip_prefix("ps:") {
        Some(number) if identity::is_person_number(number) => {}
        Some(_) => return Err(wrong()),
        None if choice.holder.is_empty() => {}
        None => choice.holder = identity::structure_number(&choice.holder).ok_or_else(wrong)?,
    }
    Ok(choice)
}

fn by_the_patient(call: &Call) -> bool {
    call.visibility.rules().is_some_and(|r| matches!(r.actor.role, Role::Holder | Role::LegalRepresentative | Role::Administrator))
}

/// A consent that a practitioner records without an end is for this consultation.
/// Spec: CSP R.1111-46.
fn this_consultation(call: &Call, kind: &str, after: &mut [Choice]) {
    let practitioner = call.visibility.rules().is_some_and(|r| r.actor.role == Role::Practitioner);
    for choice in after.iter_mut().filter(|c| practitioner && kind == "Consent" && c.kind == ChoiceKind::Consent && c.until_us == i64::MAX) {
        choice.until_us = Span::Consultation.after(call.now_us);
    }
}

fn may_decide(call: &Call, reader: &mut Reader<'_>, write: &Deciding<'_>, (before, after): (&[Choice], &[Choice])) -> Result<()> {
    let Some(rules) = call.visibility.rules() else { return Ok(()) };
    match (rules.actor.role, write.kind) {
        (Role::Administrator, _) => Ok(()),
        (Role::Holder | Role::LegalRepresentative, _) => reader.answering(|r| r.open_to_caller(write.record)),
        (_, "Patient") if before == after => Ok(()),
        (_, "Patient") => Err(forbidden(631, "the state of a record and its médecin traitant are decided by the patient: $close, $reopen, CareTeam")),
        (Role::Practitioner, "CareTeam") if of_the_patient(before) == of_the_patient(after) => {
            let right = reader.answering(|r| r.right(write.record))?;
            let member = right.is_some_and(|r| matches!(r.rule(), Rule::MedecinTraitant | Rule::CareTeam)) && rules.actor.mode == Mode::Normal;
            if !member {
                return Err(forbidden(
                    636,
                    "the équipe de soins is widened by the patient, or by one of its members outside emergencies; a consent for this consultation is recorded with $authorize",
                ));
            }
            let added = after.iter().any(|c| !c.holder.starts_with("ps:") && !before.contains(c));
            if added { Err(forbidden(637, "a whole structure joins the équipe de soins by the patient's word; name its professionals")) } else { Ok(()) }
        }
        (Role::Practitioner, "CareTeam") => Err(forbidden(648, "the médecin traitant is declared by the patient")),
        (Role::Practitioner, "Consent") => {
            let person = rules.actor.person.as_ref().map(|p| person_key(&p.id)).unwrap_or_default();
            reader.answering(|r| r.not_refused(write.record))?;
            if before.iter().any(|c| c.holder != person || !matches!(c.kind, ChoiceKind::Consent | ChoiceKind::Named)) {
                return Err(forbidden(649, "a practitioner ends his own consent alone"));
            }
            // A moment is written in milliseconds and ends with its last microsecond.
            consents(after.iter(), &person, Span::Consultation.after(call.now_us).saturating_add(999))
        }
        _ => Err(forbidden(632, "this is decided by the patient, or recorded by a practitioner who authenticated directly")),
    }
}

/// Who is declared médecin traitant.
fn of_the_patient(choices: &[Choice]) -> Vec<&str> {
    choices.iter().filter(|c| c.kind == ChoiceKind::MedecinTraitant).map(|c| c.holder.as_str()).collect()
}

/// A practitioner records the patient's stated will about himself, for this consultation.
/// Spec: CSP R.1111-46.
fn consents<'a>(mut all: impl Iterator<Item = &'a Choice>, person: &str, latest_us: i64) -> Result<()> {
    let own = |c: &Choice| c.kind == ChoiceKind::Consent && c.holder == person && c.until_us <= latest_us;
    if all.all(own) {
        return Ok(());
    }
    Err(forbidden(633, "a practitioner records the patient's consent for himself alone, with provision.period.end within this consultation; $authorize does it in one call"))
}

/// Who is médecin traitant by other resources of the record, those that the same plan writes among them.
fn treating(call: &Call, reader: &mut Reader<'_>, write: &Deciding<'_>) -> Result<Vec<String>> {
    let decides = |o: &'_ Operation| match o {
        Operation::Decide { record, rid, choices } if *record == write.record => Some((*rid, choices.clone())),
        _ => None,
    };
    let planned: Vec<(i64, Vec<Choice>)> = write.planned.iter().filter_map(decides).collect();
    let stored = reader.choices(write.record, ChoiceKind::MedecinTraitant)?.into_iter();
    let stored = stored.filter(|(rid, _)| *rid != write.rid && !planned.iter().any(|(written, _)| written == rid)).map(|(_, holder)| holder);
    let written = planned.iter().filter(|(rid, _)| *rid != write.rid).flat_map(|(_, choices)| in_force(choices, call.now_us));
    Ok(stored.chain(written.map(str::to_owned)).collect())
}

/// Who of some choices is médecin traitant at a moment (µs UTC).
fn in_force(choices: &[Choice], now_us: i64) -> impl Iterator<Item = &str> {
    choices.iter().filter(move |c| c.kind == ChoiceKind::MedecinTraitant && c.until_us > now_us).map(|c| c.holder.as_str())
}

/// Spec: CSS L.162-5-3: one médecin traitant, chosen by the patient.
fn one_medecin_traitant(call: &Call, after: &[Choice], treating: &[String]) -> Result<()> {
    let mut declared = in_force(after, call.now_us).peekable();
    if declared.peek().is_none() || treating.is_empty() || declared.any(|holder| treating.iter().any(|t| t == holder)) {
        return Ok(());
    }
    let why = "another médecin traitant is declared: end that declaration first (CareTeam.status inactive, or the end of its period), or change it";
    Err(Fault::new(FaultKind::RuleBroken, 928, why).at("CareTeam.participant"))
}

/// Spec: facts of the DMP: everybody may be blocked but the médecin traitant in force.
fn blocks_no_medecin_traitant(after: &[Choice], treating: &[String]) -> Result<()> {
    if after.iter().any(|c| c.kind == ChoiceKind::Blocked && treating.contains(&c.holder)) {
        return Err(Fault::new(FaultKind::RuleBroken, 634, "the médecin traitant cannot be blocked; declare another one first").at("Consent.provision"));
    }
    Ok(())
}

fn forbidden(number: u16, why: &str) -> Fault {
    Fault::new(FaultKind::Forbidden, number, why)
}
