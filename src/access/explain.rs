//! The words of `$explain-access`: why this caller can or cannot see this document.

use super::confidence::Confidence;
use super::decision::{Decision, RecordRight, profession};
use super::matrix::Matrix;
use super::rule::Rule;
use crate::fhir::{Actor, Level, Role};

/// Why, in French, for the caller: rule, article, matrix cell and version of a document that he reads, and the rule of a record that is
/// not open to him. A document that he may not know of is [`unknown`].
pub fn explain(right: &RecordRight, decision: &Decision) -> String {
    if decision.allowed { granted(right, decision) } else { refused(right.rule()) }
}

/// The same for every document that the caller may not see and for one that does not exist: rule and words, in French, follow from caller
/// and matrix alone. Who reads nothing whatever the record is told so.
pub fn unknown(actor: &Actor, matrix: &Matrix) -> (Rule, String) {
    let practitioner = actor.role == Role::Practitioner;
    let rule = match actor.role {
        _ if actor.level == Level::Indirect || actor.role == Role::Structure => Rule::Indirect,
        Role::Auditor | Role::Administrator => Rule::RoleWithoutDocuments,
        Role::Practitioner if !matrix.opens(profession(actor)) => Rule::ProfessionClosed,
        _ => Rule::Absent,
    };
    let text = refused(rule);
    let matrix_asked = practitioner && matches!(rule, Rule::Absent | Rule::ProfessionClosed);
    (rule, if matrix_asked { format!("{text} {}", closed(actor, matrix)) } else { text })
}

fn refused(rule: Rule) -> String {
    format!("Accès refusé. {}", said(rule))
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

/// What the matrix closes to a profession, whether or not the record holds such documents.
fn closed(actor: &Actor, matrix: &Matrix) -> String {
    let profession = profession(actor);
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
    fn an_allowed_document_is_granted_and_any_other_refused_by_its_record() {
        let matrix = Matrix::builtin().unwrap();
        for a in Role::ALL.iter().flat_map(|role| ["10", "40", "41", "11"].map(|p| actor(*role, p))) {
            for right in records().iter().map(|facts| record_right(&a, &matrix, facts, NOW)) {
                for document in hidden() {
                    let decision = document_right(&a, &matrix, &right, &document, NOW);
                    let text = explain(&right, &decision);
                    assert_eq!(text.starts_with("Accès autorisé."), decision.allowed, "{a:?} {right:?} {document:?}");
                    assert!(decision.allowed || text == refused(right.rule()), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_unknown_is_told_by_caller_and_matrix_alone() {
        let matrix = Matrix::builtin().unwrap();
        let told = |role, profession: &str| unknown(&actor(role, profession), &matrix);
        assert_eq!(told(Role::Practitioner, "10").0, Rule::Absent);
        for profession in ["41", "26", "10000", ""] {
            let (rule, text) = told(Role::Practitioner, profession);
            assert_eq!(rule, Rule::ProfessionClosed, "{profession}");
            assert!(text.contains("n'ouvre aucune catégorie") && text.contains("arrêté du 26 octobre 2023") && text.contains(matrix.version()), "{text}");
            assert_eq!(text.contains("inconnue de la matrice"), matrix.profession_name(profession).is_none(), "{text}");
        }
        for role in [Role::Structure, Role::Auditor, Role::Administrator] {
            let expected = if role == Role::Structure { Rule::Indirect } else { Rule::RoleWithoutDocuments };
            assert_eq!(told(role, ""), (expected, refused(expected)), "{role:?}");
        }
        for role in [Role::Practitioner, Role::Holder] {
            let indirect = Actor { level: Level::Indirect, ..actor(role, "10") };
            assert_eq!(unknown(&indirect, &matrix), (Rule::Indirect, refused(Rule::Indirect)));
        }
        for role in [Role::Holder, Role::LegalRepresentative] {
            assert_eq!(told(role, ""), (Rule::Absent, refused(Rule::Absent)), "the matrix does not bind the person");
        }
    }

    #[test]
    fn an_allowed_document_names_rule_article_cell_and_version() {
        let matrix = Matrix::builtin().unwrap();
        let a = actor(Role::Practitioner, "40");
        let right = record_right(&a, &matrix, &RecordFacts { care_team: true, ..RecordFacts::default() }, NOW);
        let document = hidden()[0];
        let text = explain(&right, &document_right(&a, &matrix, &right, &document, NOW));
        for part in ["Accès autorisé.", "équipe de soins", "CSP R.1111-46", "40 × 10, hypothèse à confirmer", matrix.version()] {
            assert!(text.contains(part), "{text}");
        }
        let doctor = actor(Role::Practitioner, "10");
        let text = explain(&right, &document_right(&doctor, &matrix, &right, &document, NOW));
        assert!(text.contains("10 × 10, selon sa source (arrêté du 26 octobre 2023"), "{text}");
        assert_eq!(text.matches("équipe de soins").count(), 1, "a rule is said once: {text}");
        let mine = explain(&right, &document_right(&a, &matrix, &right, &DocumentFacts { mine: true, ..document }, NOW));
        assert!(mine.contains("Vous avez déposé ce document") && mine.contains("équipe de soins") && !mine.contains("cellule"), "{mine}");
        let alone = RecordRight::OwnDocuments(Rule::NoAuthorisation);
        let mine = explain(&alone, &document_right(&a, &matrix, &alone, &DocumentFacts { mine: true, ..document }, NOW));
        assert!(mine.starts_with("Accès autorisé.") && !mine.contains("pas autorisé"), "{mine}");
    }

    #[test]
    fn a_refusal_on_the_record_says_why_and_the_way_out() {
        let matrix = Matrix::builtin().unwrap();
        let a = actor(Role::Practitioner, "10");
        let text = |facts: RecordFacts| {
            let right = record_right(&a, &matrix, &facts, NOW);
            explain(&right, &document_right(&a, &matrix, &right, &hidden()[0], NOW))
        };
        let closed = text(RecordFacts { closed: true, ..RecordFacts::default() });
        assert!(closed.starts_with("Accès refusé.") && closed.contains("fermé") && closed.contains("R.1111-40"), "{closed}");
        let unknown = text(RecordFacts::default());
        assert!(unknown.contains("Recueillez son accord") && !unknown.contains("Matrice"), "{unknown}");
    }

    #[test]
    fn what_is_closed_to_the_profession_is_said_from_the_matrix_alone() {
        let matrix = Matrix::builtin().unwrap();
        let said = |role, profession| unknown(&actor(role, profession), &matrix).1;
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
