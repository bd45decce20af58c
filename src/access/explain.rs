//! The words of `$explain-access`: why this caller can or cannot see this document.

use super::decision::{Decision, RecordRight};
use super::matrix::Matrix;
use super::rule::Rule;
use crate::fhir::{Actor, Role};

/// Why, in French, for the caller: rule, article, matrix cell and version. `decision` is that of the document, `None` when the
/// record has no such document: a refusal that equals absence has exactly the words of the latter.
pub fn explain(actor: &Actor, matrix: &Matrix, right: &RecordRight, decision: Option<&Decision>) -> String {
    match (right, decision) {
        (RecordRight::Nothing(rule), _) => format!("Accès refusé. {}", said(*rule)),
        (_, Some(decision)) if decision.allowed => granted(right, decision),
        (_, Some(decision)) if !decision.rule.equals_absence() => format!("Accès refusé. {}", said(decision.rule)),
        _ => absent(actor, matrix, right),
    }
}

/// A rule's words and its article.
fn said(rule: Rule) -> String {
    let told = if rule.equals_absence() { Rule::Absent } else { rule };
    format!("{} ({}.)", told.caller(), told.row().article)
}

fn granted(right: &RecordRight, decision: &Decision) -> String {
    let mut text = format!("Accès autorisé. {}", said(decision.rule));
    if decision.rule != right.rule() && matches!(right, RecordRight::Whole { .. }) {
        text = format!("{text} {}", said(right.rule()));
    }
    match &decision.cell {
        Some(cell) => format!("{text} Matrice d'habilitation, version {} : cellule {} ({}).", decision.matrix, cell.key, cell.source),
        None => text,
    }
}

/// The same for every document the caller may not see and for one that does not exist: it depends on caller, record and matrix alone.
fn absent(actor: &Actor, matrix: &Matrix, right: &RecordRight) -> String {
    let text = format!("{} {}", said(right.rule()), said(Rule::Absent));
    match (right, actor.role) {
        (RecordRight::Whole { .. }, Role::Practitioner) => format!("{text} {}", closed(actor, matrix)),
        _ => text,
    }
}

/// What the matrix closes to a profession, whether or not the record holds such documents.
fn closed(actor: &Actor, matrix: &Matrix) -> String {
    let profession = actor.person.as_ref().map_or("", |p| p.profession.as_str());
    let name = matrix.profession_name(profession).unwrap_or("inconnue de la matrice");
    let all: Vec<&str> = matrix.closed_classes(profession).into_iter().chain(matrix.closed_types(profession)).collect();
    let list = if all.is_empty() { "rien".to_owned() } else { all.join(" ; ") };
    format!("Matrice d'habilitation, version {} : à votre profession ({name}) sont fermés, qu'il y en ait ou non dans ce dossier : {list}.", matrix.version())
}
