//! The words of `$explain-access`: why this caller can or cannot see this document.

use super::confidence::Confidence;
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
        Some(cell) => format!("{text} Matrice d'habilitation, version {} : cellule {}, {} ({}).", decision.matrix, cell.key, sure(cell.confidence), cell.source),
        None => text,
    }
}

const fn sure(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Sourced => "selon sa source",
        Confidence::Assumption => "hypothèse à confirmer",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{DocumentFacts, RecordFacts, document_right, labels, record_right};
    use crate::fhir::{Level, Mode, Person};

    const NOW: i64 = 1_000;

    fn actor(role: Role, profession: &str) -> Actor {
        let person = Person { id: "899700218896".to_owned(), profession: profession.to_owned(), specialty: String::new(), situation: String::new() };
        Actor { role, level: Level::Direct, mode: Mode::Normal, person: (role == Role::Practitioner).then_some(person), ..Actor::structure() }
    }

    /// Documents that each rule of absence hides from somebody.
    fn hidden() -> Vec<DocumentFacts<'static>> {
        let open = DocumentFacts { labels: labels::N, mine: false, type_code: "11488-4", class_code: "10", visible_from_us: NOW + 1, deleted: false };
        vec![
            open,
            DocumentFacts { deleted: true, ..open },
            DocumentFacts { labels: labels::N | labels::MASQUE_PS, ..open },
            DocumentFacts { labels: labels::N | labels::INVISIBLE_PATIENT, ..open },
            DocumentFacts { labels: labels::N | labels::INVISIBLE_REPRESENTANTS_LEGAUX, ..open },
            DocumentFacts { type_code: "83901-9", class_code: "11", ..open },
            DocumentFacts { type_code: "00000-0", class_code: "98", ..open },
        ]
    }

    fn records() -> [RecordFacts; 5] {
        let none = RecordFacts { own: true, ..RecordFacts::default() };
        [
            none,
            RecordFacts { care_team: true, ..none },
            RecordFacts { consent_until_us: Some(NOW), ..none },
            RecordFacts { closed: true, ..none },
            RecordFacts { own: false, ..none },
        ]
    }

    #[test]
    fn a_hidden_document_is_explained_with_the_words_of_one_that_does_not_exist() {
        let matrix = Matrix::builtin().unwrap();
        let mut rules = std::collections::BTreeSet::new();
        for a in Role::ALL.iter().flat_map(|role| ["10", "40", "41", "11"].map(|p| actor(*role, p))) {
            for facts in records() {
                let right = record_right(&a, &matrix, &facts, NOW);
                let none = explain(&a, &matrix, &right, None);
                for document in hidden() {
                    let decision = document_right(&a, &matrix, &right, &document, NOW);
                    if !decision.allowed {
                        rules.insert(decision.rule);
                        assert_eq!(explain(&a, &matrix, &right, Some(&decision)), none, "{a:?} {facts:?} {document:?}");
                    }
                }
            }
        }
        for rule in Rule::ALL.iter().filter(|r| r.equals_absence() && **r != Rule::Absent) {
            assert!(rules.contains(rule), "{} was never asked", rule.code());
        }
    }

    #[test]
    fn an_allowed_document_names_rule_article_cell_and_version() {
        let matrix = Matrix::builtin().unwrap();
        let a = actor(Role::Practitioner, "40");
        let right = record_right(&a, &matrix, &RecordFacts { care_team: true, ..RecordFacts::default() }, NOW);
        let document = hidden()[0];
        let text = explain(&a, &matrix, &right, Some(&document_right(&a, &matrix, &right, &document, NOW)));
        for part in ["Accès autorisé.", "équipe de soins", "CSP R.1111-46", "40 × 10, hypothèse à confirmer", matrix.version()] {
            assert!(text.contains(part), "{text}");
        }
        let doctor = actor(Role::Practitioner, "10");
        let text = explain(&doctor, &matrix, &right, Some(&document_right(&doctor, &matrix, &right, &document, NOW)));
        assert!(text.contains("10 × 10, selon sa source (arrêté du 26 octobre 2023"), "{text}");
        assert_eq!(text.matches("équipe de soins").count(), 1, "a rule is said once: {text}");
        let mine = explain(&a, &matrix, &right, Some(&document_right(&a, &matrix, &right, &DocumentFacts { mine: true, ..document }, NOW)));
        assert!(mine.contains("Vous avez déposé ce document") && mine.contains("équipe de soins") && !mine.contains("cellule"), "{mine}");
        let alone = RecordRight::OwnDocuments(Rule::NoAuthorisation);
        let mine = explain(&a, &matrix, &alone, Some(&document_right(&a, &matrix, &alone, &DocumentFacts { mine: true, ..document }, NOW)));
        assert!(mine.starts_with("Accès autorisé.") && !mine.contains("pas autorisé"), "{mine}");
    }

    #[test]
    fn a_refusal_on_the_record_says_why_and_the_way_out() {
        let matrix = Matrix::builtin().unwrap();
        let a = actor(Role::Practitioner, "10");
        let text = |facts: RecordFacts| explain(&a, &matrix, &record_right(&a, &matrix, &facts, NOW), None);
        let closed = text(RecordFacts { closed: true, ..RecordFacts::default() });
        assert!(closed.starts_with("Accès refusé.") && closed.contains("fermé") && closed.contains("R.1111-40"), "{closed}");
        let unknown = text(RecordFacts::default());
        assert!(unknown.contains("Recueillez son accord") && unknown.contains(Rule::Absent.caller()) && !unknown.contains("Matrice"), "{unknown}");
    }

    #[test]
    fn what_is_closed_to_the_profession_is_said_from_the_matrix_alone() {
        let matrix = Matrix::builtin().unwrap();
        let right = RecordRight::Whole { sees_masked: false, rule: Rule::CareTeam };
        let said = |role, profession| explain(&actor(role, profession), &matrix, &right, None);
        let dentist = said(Role::Practitioner, "40");
        assert!(
            dentist.contains("(Chirurgien-Dentiste)")
                && dentist.contains("Document de gestion ; ")
                && dentist.contains("Bilan psychologique")
                && dentist.contains(matrix.version()),
            "{dentist}"
        );
        assert!(said(Role::Practitioner, "10").ends_with("Attestation de résidence."));
        assert!(said(Role::Practitioner, "11").contains("inconnue de la matrice"));
        assert!(!said(Role::Holder, "").contains("Matrice"));
    }
}
