//! What documents say differently of one thing, with who says it.

use super::concept::{self, items, label, text};
use super::group::Group;
use super::line::{Context, onset, plain_onset, reaction, status};
use super::statement::Statement;
use super::tables::FRENCH;
use super::{medication, observation};
use crate::fhir::search::fold;

/// Differences between the statements of a group, with their authors.
pub(super) fn of(context: &Context<'_>, group: &Group, lead: &Statement<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for at in &group.against {
        let word = context.statement(*at).and_then(|s| s.against).unwrap_or("contredit");
        out.push(format!("désaccord : affirmé par {}, {word} par {}", context.who(group.lead), context.who(*at)));
    }
    for at in &group.discordant {
        if let Some(other) = context.statement(*at) {
            out.push(format!("valeur discordante : {} selon {}", observation::dated(other.resource, other.when), context.who(*at)));
        }
    }
    let own = variants(lead);
    let mut told: Vec<String> = own.iter().map(|t| fold(t)).collect();
    for at in group.merged.iter().filter(|_| lead.kind != "Observation") {
        let Some(other) = context.statement(*at) else { continue };
        let mut differs = Vec::new();
        for (own, theirs) in own.iter().zip(variants(other)) {
            if *own == theirs || theirs.is_empty() {
                continue;
            }
            let folded = fold(&theirs);
            if !told.iter().any(|t| t.contains(&folded)) {
                told.push(folded);
                differs.push(theirs);
            }
        }
        if !differs.is_empty() {
            out.push(format!("selon {} : {}", context.who(*at), differs.join(", ")));
        }
    }
    out
}

/// What two documents may say differently of one thing: its name, state, date, dosage, gravity.
fn variants(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let own = |t: Option<String>| t.unwrap_or_default();
    let name = own(s.concept.and_then(label));
    match s.kind {
        "Condition" => {
            let state = if plain_onset(s) { "actif".to_owned() } else { own(status(s)) };
            let doubt = own(r.get("verificationStatus").into_iter().flat_map(concept::codes).find_map(|c| FRENCH.word("verification", c)).map(str::to_owned));
            vec![name, state, own(onset(s)), doubt]
        }
        "AllergyIntolerance" => {
            let state = own(status(s));
            let state = if state.is_empty() { "active".to_owned() } else { state };
            vec![name, state, own(FRENCH.word("criticality", text(r, "/criticality")).map(str::to_owned)), own(items(r, "reaction").next().and_then(reaction))]
        }
        kind if kind.starts_with("Medication") => {
            let status = text(r, "/status");
            vec![own(medication::dosage(r)), own(FRENCH.word("status", &format!("{kind}.{status}")).filter(|w| !w.is_empty()).map(str::to_owned))]
        }
        _ => vec![name],
    }
}
