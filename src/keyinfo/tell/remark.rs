//! What documents say differently of one thing, with who says it.

use std::collections::HashSet;

use super::line::{Context, dosage_besides, is_to_come, onset, reaction, status};
use super::{medication, observation};
use crate::keyinfo::language::concept::{self, get, items, label, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::mark::{Mark, Quick};
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::merge::statement::Statement;
use crate::keyinfo::read::course;
use crate::keyinfo::read::stated::Stated;

/// Differences between the statements of a group, with their authors.
pub fn of(context: &Context<'_>, group: &Group, lead: &Statement<'_>) -> Vec<String> {
    // A day to come is no mistake of what is planned.
    let mut out: Vec<String> = lead.doubt.iter().filter(|_| !is_to_come(lead)).map(|d| (*d).to_owned()).collect();
    if lead.prior {
        out.push("antériorité imprimée dans ce document, dont l'original n'est pas dans le dossier".to_owned());
    }
    if let Some(other) = group.near.and_then(|at| context.statement(at)) {
        out.push(format!("même vaccination notée {} : probablement une seule dose, saisie deux fois", dates::on(other.when)));
    }
    out.extend(group.regimen.as_ref().and_then(|r| dosages(context, &r.dosages)));
    for other in group.regimen.iter().flat_map(|r| &r.same_substance) {
        out.push(format!("même substance que {other} : à vérifier"));
    }
    for at in &group.against {
        let word = context.statement(*at).and_then(|s| s.against).unwrap_or("contredit");
        out.push(format!("désaccord : énoncé affirmé par {}, {word} par {}", context.who(group.lead), context.who(*at)));
    }
    for at in &group.discordant {
        if let Some(other) = context.statement(*at) {
            let rank = |s: &Statement<'_>| s.reading().map(|r| r.rank);
            let word = if rank(other) == rank(lead) { "valeur discordante" } else { "valeur remplacée" };
            out.push(format!("{word} : {} selon {}", observation::dated(other.resource, other.when), context.who(*at)));
        }
    }
    if lead.kind != "Observation" && !group.merged.is_empty() {
        told_otherwise(context, group, lead, &mut out);
    }
    out
}

/// `posologies différentes : 1 comprimé le matin (Dr Anne Leroy, 02/06/2026) ; 2 comprimés le matin (Dr Paul Roche, 14/05/2026)`
fn dosages(context: &Context<'_>, differing: &[usize]) -> Option<String> {
    let one = |at: &usize| Some(format!("{} ({})", context.statement(*at)?.stated().variants().first()?.words, context.who(*at)));
    let all: Vec<String> = differing.iter().filter_map(one).collect();
    (!all.is_empty()).then(|| format!("posologies différentes : {}", all.join(" ; ")))
}

/// What the repeats say that the lead does not, each said once.
fn told_otherwise(context: &Context<'_>, group: &Group, lead: &Statement<'_>, out: &mut Vec<String>) {
    let own = lead.variants();
    let besides = dosage_besides(context, group, lead).map(|(dosage, _)| dosage);
    let mut told: Vec<String> = own.iter().map(|v| v.words.as_str()).chain(besides).map(fold).collect();
    let differing = group.regimen.iter().flat_map(|r| &r.dosages);
    let mut met: HashSet<Mark, Quick> = differing.filter_map(|at| Some(context.statement(*at)?.stated().variants().first()?.mark)).collect();
    for (at, other) in group.merged.iter().filter_map(|at| Some((*at, context.statement(*at)?))) {
        let mut differs = Vec::new();
        for (place, (own, theirs)) in own.iter().zip(other.stated().variants()).enumerate() {
            // A name that the lead bears too is no other name.
            if own == theirs || theirs.words.is_empty() || (place == 0 && is_named(lead.kind) && same_names(other, lead)) || !met.insert(theirs.mark) {
                continue;
            }
            let folded = fold(&theirs.words);
            if !told.iter().any(|t| says(t, &folded)) {
                told.push(folded);
                differs.push(theirs.words.as_str());
            }
        }
        if !differs.is_empty() {
            out.push(format!("selon {} : {}", context.who(at), differs.join(", ")));
        }
    }
}

/// Whether words stand in others, as whole words: «inactive» does not say «active».
fn says(told: &str, words: &str) -> bool {
    format!(" {told} ").contains(&format!(" {words} "))
}

fn same_names(s: &Statement<'_>, lead: &Statement<'_>) -> bool {
    s.concept.into_iter().flat_map(concept::names).eq(lead.concept.into_iter().flat_map(concept::names))
}

/// Whether the first variant of a type is its name.
fn is_named(kind: &str) -> bool {
    !kind.starts_with("Medication")
}

/// What two documents may say differently of one thing.
pub struct Variant {
    pub words: String,
    mark: Mark,
}

impl PartialEq for Variant {
    fn eq(&self, other: &Self) -> bool {
        self.mark == other.mark
    }
}

/// What a document says of a thing that another may say differently: its name, state, date, dosage, gravity.
pub fn variants(s: &Stated<'_>) -> Vec<Variant> {
    in_words(s).into_iter().map(|words| Variant { mark: Mark::of(&words), words }).collect()
}

fn in_words(s: &Stated<'_>) -> Vec<String> {
    let r = s.resource;
    let own = |t: Option<String>| t.unwrap_or_default();
    let name = own(s.concept.filter(|_| is_named(s.kind)).and_then(label));
    match s.kind {
        "Condition" => {
            let state = if s.goes_on { "actif".to_owned() } else { own(status(s)) };
            let doubt = own(get(r, "verificationStatus").into_iter().flat_map(concept::codes).find_map(|c| FRENCH.verification.word(c)).map(str::to_owned));
            vec![name, state, own(onset(s)), doubt]
        }
        "AllergyIntolerance" => {
            let state = own(status(s));
            let state = if state.is_empty() { "active".to_owned() } else { state };
            vec![name, state, own(FRENCH.criticality.word(text(r, "/criticality")).map(str::to_owned)), own(items(r, "reaction").next().and_then(reaction))]
        }
        kind if kind.starts_with("Medication") => {
            // A prescription begins anew at each renewal; a statement says since when the treatment is taken.
            let since = if kind == "MedicationStatement" && !course::start(r).is_empty() { dates::since(course::start(r)) } else { String::new() };
            vec![own(medication::dosage(r)), course::state(kind, r).to_owned(), own(medication::reasons(r)), since]
        }
        _ => vec![name],
    }
}
