//! The decision against an oracle written as a list of prohibitions, over every combination of what it looks at.

use super::labels::{INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, N, VISIBILITY};
use super::*;
use crate::fhir::classification;
use crate::fhir::{Actor, Level, Mode, Person, Role};

const NOW: i64 = 1_000;
/// The last is none at all: not yet.
const MOMENTS: [i64; 4] = [NOW - 1, NOW, NOW + 1, 0];
const TEXT: &str = include_str!("../../fhir-profiles/access-matrix/matrix.toml");

fn actor(role: Role, level: Level, mode: Mode, reason: &str, profession: &str) -> Actor {
    let person = Person { id: "899700218896".to_owned(), profession: profession.to_owned(), specialty: String::new(), situation: String::new() };
    Actor { role, level, mode, reason: reason.to_owned(), person: (role == Role::Practitioner).then_some(person), ..Actor::structure() }
}

/// The matrix with its three choices set otherwise.
fn matrix(glass: bool, centre: bool, exempt: bool) -> Matrix {
    let set = |text: &str, name: &str, value: bool| {
        let (head, tail) = text.split_once(&format!("[choice.{name}]\nallow = ")).unwrap();
        let (_, rest) = tail.split_once('\n').unwrap();
        format!("{head}[choice.{name}]\nallow = {value}\n{rest}")
    };
    let text = set(TEXT, "bris_de_glace_sees_masked", glass);
    let text = set(&set(&text, "centre_15_sees_masked", centre), "author_exempt", exempt);
    Matrix::parse(&text).unwrap()
}

fn flags<const COUNT: usize>() -> impl Iterator<Item = [bool; COUNT]> {
    (0..1_u32 << COUNT).map(|bits| std::array::from_fn(|i| bits >> i & 1 == 1))
}

fn all_facts() -> Vec<RecordFacts> {
    let consents = [None, Some(NOW - 1), Some(NOW), Some(NOW + 1)];
    let with = |[closed, opposes_bris_de_glace, opposes_centre_15, blocked, medecin_traitant, care_team, own]: [bool; 7]| {
        consents.map(|consent_until_us| RecordFacts { closed, opposes_bris_de_glace, opposes_centre_15, blocked, medecin_traitant, care_team, consent_until_us, own })
    };
    flags::<7>().flat_map(with).collect()
}

fn all_actors() -> Vec<Actor> {
    let mut out = Vec::new();
    for role in Role::ALL {
        for level in Level::ALL {
            for mode in Mode::ALL {
                for profession in ["10", "41", "11"] {
                    out.extend(["", " \t", "-", "AV", "15 15", "coma"].map(|reason| actor(*role, *level, *mode, reason, profession)));
                }
            }
        }
    }
    out
}

/// What forbids a record altogether, strongest first.
fn record_prohibitions(a: &Actor, f: &RecordFacts) -> Vec<Rule> {
    let ps = a.role == Role::Practitioner;
    let glass = ps && a.mode == Mode::BrisDeGlace;
    let list = [
        (matches!(a.level, Level::Indirect), Rule::Indirect),
        (a.role == Role::Structure, Rule::Indirect),
        (a.role == Role::Auditor, Rule::RoleWithoutDocuments),
        (a.role == Role::Administrator, Rule::RoleWithoutDocuments),
        (matches!(a.role, Role::Holder | Role::LegalRepresentative) && !f.own, Rule::OtherRecord),
        (ps && f.closed, Rule::RecordClosed),
        (ps && f.blocked && !f.medecin_traitant, Rule::Blocked),
        (closed_profession(a), Rule::ProfessionClosed),
        (glass && a.reason != "coma", Rule::BrisDeGlaceWithoutReason),
        (glass && f.opposes_bris_de_glace, Rule::BrisDeGlaceOpposed),
        (ps && a.mode == Mode::Centre15 && f.opposes_centre_15, Rule::Centre15Opposed),
    ];
    list.into_iter().filter(|(forbidden, _)| *forbidden).map(|(_, rule)| rule).collect()
}

/// A practitioner whose profession the matrix opens nothing to, or does not know.
fn closed_profession(a: &Actor) -> bool {
    a.role == Role::Practitioner && a.person.as_ref().is_none_or(|p| p.profession != "10")
}

/// What leaves a practitioner in the normal mode his own documents alone.
fn unauthorised(a: &Actor, f: &RecordFacts) -> bool {
    let consent = f.consent_until_us == Some(NOW + 1);
    a.role == Role::Practitioner && a.mode == Mode::Normal && !(f.medecin_traitant || f.care_team || consent)
}

fn whole_rule(a: &Actor, f: &RecordFacts) -> Rule {
    match (a.role, a.mode) {
        (Role::Holder, _) => Rule::Holder,
        (Role::LegalRepresentative, _) => Rule::LegalRepresentative,
        (_, Mode::BrisDeGlace) => Rule::BrisDeGlace,
        (_, Mode::Centre15) => Rule::Centre15,
        _ if f.medecin_traitant => Rule::MedecinTraitant,
        _ if f.care_team => Rule::CareTeam,
        _ => Rule::Consent,
    }
}

#[test]
fn a_record_is_open_where_no_prohibition_holds() {
    for [glass, centre] in flags::<2>() {
        let matrix = matrix(glass, centre, true);
        for a in all_actors() {
            for f in all_facts() {
                let expected = match record_prohibitions(&a, &f).first() {
                    Some(Rule::ProfessionClosed) => RecordRight::OwnDocuments(Rule::ProfessionClosed),
                    Some(rule) => RecordRight::Nothing(*rule),
                    None if unauthorised(&a, &f) => RecordRight::OwnDocuments(if f.consent_until_us.is_some() { Rule::ConsentExpired } else { Rule::NoAuthorisation }),
                    None => {
                        let person = a.role != Role::Practitioner;
                        let emergency = (glass && a.mode == Mode::BrisDeGlace) || (centre && a.mode == Mode::Centre15);
                        RecordRight::Whole { sees_masked: person || f.medecin_traitant || emergency, rule: whole_rule(&a, &f) }
                    }
                };
                assert_eq!(record_right(&a, &matrix, &f, NOW), expected, "{a:?} {f:?}");
            }
        }
    }
}

#[test]
fn centre_15_is_the_regulating_doctor_s_alone() {
    let matrix = Matrix::builtin().unwrap();
    for (profession, expected) in [("10", Rule::Centre15), ("60", Rule::Centre15Profession), ("40", Rule::Centre15Profession)] {
        let a = actor(Role::Practitioner, Level::Direct, Mode::Centre15, "", profession);
        assert_eq!(record_right(&a, &matrix, &RecordFacts { care_team: true, ..RecordFacts::default() }, NOW).rule(), expected, "{profession}");
        let glass = actor(Role::Practitioner, Level::Direct, Mode::BrisDeGlace, "coma", profession);
        assert_eq!(record_right(&glass, &matrix, &RecordFacts::default(), NOW).rule(), Rule::BrisDeGlace, "{profession}");
    }
}

/// A document, its place in the matrix of a chirurgien-dentiste, and whether that matrix forbids it to him and to a médecin.
const PLACES: [(&str, &str, bool, bool); 6] = [
    ("11488-4", "10", false, false),
    ("80788-3", "44", true, false),
    ("ATTEST-RESID", "95", true, true),
    ("00000-0", "10", false, false),
    ("00000-0", "98", true, true),
    ("51851-4", "10", true, false),
];

fn all_documents() -> Vec<(DocumentFacts<'static>, bool, bool)> {
    let mut out = Vec::new();
    for [mine, deleted, masked, late, secret] in flags::<5>() {
        let labels = N | if masked { MASQUE_PS } else { 0 } | if late { INVISIBLE_PATIENT } else { 0 } | if secret { INVISIBLE_REPRESENTANTS_LEGAUX } else { 0 };
        for visible_from_us in MOMENTS {
            out.extend(PLACES.map(|(type_code, class_code, dentist, doctor)| (DocumentFacts { labels, mine, type_code, class_code, visible_from_us, deleted }, dentist, doctor)));
        }
    }
    out
}

/// What forbids a document of a record that is not closed to the caller altogether.
fn document_prohibitions(role: Role, right: &RecordRight, d: &DocumentFacts<'_>, matrix_forbids: bool) -> Vec<Rule> {
    let ps = role == Role::Practitioner;
    let patient = matches!(role, Role::Holder | Role::LegalRepresentative);
    let own_only = matches!(right, RecordRight::OwnDocuments(_));
    let list = [
        (ps && own_only && !d.mine, Rule::NotAuthor),
        (ps && matrix_forbids, Rule::Profession),
        (ps && !d.mine && d.labels & MASQUE_PS == MASQUE_PS && !matches!(right, RecordRight::Whole { sees_masked: true, .. }), Rule::MasquePs),
        (role == Role::LegalRepresentative && d.labels & INVISIBLE_REPRESENTANTS_LEGAUX == INVISIBLE_REPRESENTANTS_LEGAUX, Rule::InvisibleRepresentantsLegaux),
        (patient && d.labels & INVISIBLE_PATIENT == INVISIBLE_PATIENT && [NOW + 1, 0].contains(&d.visible_from_us), Rule::InvisiblePatient),
        (d.deleted, Rule::Deleted),
    ];
    list.into_iter().filter(|(forbidden, _)| *forbidden).map(|(_, rule)| rule).collect()
}

/// Every right that a role can have.
fn rights(role: Role) -> Vec<RecordRight> {
    let whole = |rules: &[Rule]| rules.iter().flat_map(|rule| [true, false].map(|sees_masked| RecordRight::Whole { sees_masked, rule: *rule })).collect::<Vec<_>>();
    match role {
        Role::Practitioner => {
            let own = [Rule::NoAuthorisation, Rule::ConsentExpired, Rule::ProfessionClosed].map(RecordRight::OwnDocuments);
            let mut all = whole(&[Rule::MedecinTraitant, Rule::CareTeam, Rule::Consent, Rule::BrisDeGlace, Rule::Centre15]);
            all.extend(own);
            all
        }
        Role::Holder => whole(&[Rule::Holder]),
        Role::LegalRepresentative => whole(&[Rule::LegalRepresentative]),
        Role::Structure | Role::Auditor | Role::Administrator => Vec::new(),
    }
}

#[test]
fn a_document_is_read_where_no_prohibition_holds() {
    for [exempt] in flags::<1>() {
        let matrix = matrix(false, false, exempt);
        for (role, profession) in [(Role::Practitioner, "40"), (Role::Practitioner, "10"), (Role::Practitioner, "11"), (Role::Holder, ""), (Role::LegalRepresentative, "")] {
            let a = actor(role, Level::Direct, Mode::Normal, "", profession);
            for right in rights(role) {
                for (d, dentist, doctor) in all_documents() {
                    let forbidden = [("40", dentist), ("10", doctor), ("11", true)].into_iter().any(|(p, f)| p == profession && f);
                    let forbids = forbidden && !(d.mine && exempt);
                    let expected = document_prohibitions(role, &right, &d, forbids);
                    let decision = document_right(&a, &matrix, &right, &d, NOW);
                    assert_eq!(decision.allowed, expected.is_empty(), "{a:?} {right:?} {d:?}");
                    let ground = if role == Role::Practitioner && d.mine { Rule::Author } else { right.rule() };
                    assert_eq!(decision.rule, expected.first().copied().unwrap_or(ground), "{a:?} {right:?} {d:?}");
                    let asked = role == Role::Practitioner && !(d.mine && exempt);
                    assert_eq!(decision.cell, asked.then(|| matrix.cell(profession, d.type_code, d.class_code)), "{a:?} {d:?}");
                    assert_eq!(decision.matrix, matrix.version());
                }
            }
        }
    }
}

#[test]
fn the_cell_of_a_decision_is_the_one_of_its_profession_type_and_class() {
    let matrix = Matrix::builtin().unwrap();
    let right = RecordRight::Whole { sees_masked: false, rule: Rule::CareTeam };
    let key = |profession: &str, type_code: &str, class_code: &str| {
        let d = DocumentFacts { labels: N, mine: false, type_code, class_code, visible_from_us: 0, deleted: false };
        let decision = document_right(&actor(Role::Practitioner, Level::Direct, Mode::Normal, "", profession), &matrix, &right, &d, NOW);
        decision.cell.map(|c| (c.key, c.allowed))
    };
    assert_eq!(key("40", "80788-3", "44"), Some(("40 × 80788-3".to_owned(), false)));
    assert_eq!(key("40", "11488-4", "10"), Some(("40 × 10".to_owned(), true)));
    assert_eq!(key("60", "51851-4", "10"), Some(("60 × 95".to_owned(), false)));
    assert_eq!(key("", "11488-4", "10"), Some((" × 11488-4".to_owned(), false)));
}

#[test]
fn nothing_on_the_record_is_nothing_of_its_documents_for_everybody() {
    let matrix = Matrix::builtin().unwrap();
    for role in Role::ALL {
        let a = actor(*role, Level::Direct, Mode::Normal, "", "10");
        for (d, ..) in all_documents() {
            let decision = document_right(&a, &matrix, &RecordRight::Nothing(Rule::RecordClosed), &d, NOW);
            assert_eq!(decision, Decision { allowed: false, rule: Rule::RecordClosed, cell: None, matrix: matrix.version().to_owned() });
        }
    }
}

#[test]
fn a_right_that_does_not_belong_to_the_role_opens_no_document() {
    let matrix = Matrix::builtin().unwrap();
    let open = DocumentFacts { labels: N, mine: true, type_code: "11488-4", class_code: "10", visible_from_us: 0, deleted: false };
    let whole = RecordRight::Whole { sees_masked: true, rule: Rule::CareTeam };
    for (role, right) in [
        (Role::Structure, whole),
        (Role::Auditor, whole),
        (Role::Administrator, whole),
        (Role::Holder, RecordRight::OwnDocuments(Rule::NoAuthorisation)),
        (Role::LegalRepresentative, RecordRight::OwnDocuments(Rule::NoAuthorisation)),
    ] {
        let decision = document_right(&actor(role, Level::Direct, Mode::Normal, "", ""), &matrix, &right, &open, NOW);
        assert_eq!((decision.allowed, decision.rule), (false, Rule::RoleWithoutDocuments), "{role:?}");
    }
}

#[test]
fn a_practitioner_without_a_known_profession_reads_what_he_deposited_alone() {
    let matrix = Matrix::builtin().unwrap();
    let mut nobody = actor(Role::Practitioner, Level::Direct, Mode::Normal, "", "");
    nobody.person = None;
    for a in [nobody, actor(Role::Practitioner, Level::Direct, Mode::Normal, "", "11"), actor(Role::Practitioner, Level::Air, Mode::Normal, "", "médecin")] {
        let right = RecordRight::Whole { sees_masked: true, rule: Rule::MedecinTraitant };
        for mine in [false, true] {
            let d = DocumentFacts { labels: N, mine, type_code: "11488-4", class_code: "10", visible_from_us: 0, deleted: false };
            assert_eq!(document_right(&a, &matrix, &right, &d, NOW).allowed, mine);
        }
    }
}

/// States of a record by name, with what a practitioner in the normal mode may then read of others' documents.
fn states() -> [(RecordFacts, bool); 6] {
    let none = RecordFacts { own: true, ..RecordFacts::default() };
    [
        (none, false),
        (RecordFacts { care_team: true, ..none }, true),
        (RecordFacts { medecin_traitant: true, blocked: true, ..none }, true),
        (RecordFacts { care_team: true, blocked: true, ..none }, false),
        (RecordFacts { care_team: true, closed: true, ..none }, false),
        (RecordFacts { care_team: true, opposes_bris_de_glace: true, opposes_centre_15: true, ..none }, true),
    ]
}

/// The cells, read from the rows of the table by other means than the room's: profession, class, type (if it is a type's), allow.
fn table_cells() -> Vec<(String, String, Option<String>, bool)> {
    let table: toml::Table = TEXT.parse().unwrap();
    let words = |v: Option<&toml::Value>| v.and_then(|v| v.as_array()).map_or(Vec::new(), |all| all.iter().map(|w| w.as_str().unwrap().to_owned()).collect::<Vec<_>>());
    let mut out = Vec::new();
    for row in table["row"].as_array().unwrap() {
        let allow = row["allow"].as_bool().unwrap();
        let professions = words(row.get("professions")).into_iter().flat_map(|name| table["group"].get(&name).map_or(vec![name.clone()], |g| words(Some(g))));
        for profession in professions {
            out.extend(words(row.get("classes")).into_iter().map(|class| (profession.clone(), class, None, allow)));
            let class_of = |code: &str| classification::types().find(|(c, ..)| *c == code).unwrap().1.to_owned();
            out.extend(words(row.get("types")).into_iter().map(|code| (profession.clone(), class_of(&code), Some(code), allow)));
        }
    }
    out
}

/// Every cell × role × level × mode × labels × state of the record, end to end.
#[test]
fn every_cell_role_level_mode_label_and_state() {
    let matrix = Matrix::builtin().unwrap();
    let mut asked = 0_u64;
    for (profession, class, type_code, allow) in table_cells() {
        for role in Role::ALL {
            for (level, mode) in Level::ALL.iter().flat_map(|l| Mode::ALL.iter().map(move |m| (*l, *m))) {
                let a = actor(*role, level, mode, "coma", &profession);
                for (f, authorised) in states() {
                    let right = record_right(&a, &matrix, &f, NOW);
                    for labels in [0, MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, VISIBILITY] {
                        let d = DocumentFacts {
                            labels: N | labels,
                            mine: false,
                            type_code: type_code.as_deref().unwrap_or(""),
                            class_code: &class,
                            visible_from_us: NOW + 1,
                            deleted: false,
                        };
                        let emergency = match mode {
                            Mode::Normal => authorised,
                            Mode::BrisDeGlace => !f.opposes_bris_de_glace && !f.closed && (!f.blocked || f.medecin_traitant),
                            Mode::Centre15 => profession == "10" && !f.opposes_centre_15 && !f.closed && (!f.blocked || f.medecin_traitant),
                        };
                        let expected = match role {
                            _ if level == Level::Indirect => false,
                            Role::Practitioner => emergency && allow && (labels & MASQUE_PS == 0 || f.medecin_traitant),
                            Role::Holder => labels & INVISIBLE_PATIENT == 0,
                            Role::LegalRepresentative => labels & (INVISIBLE_PATIENT | INVISIBLE_REPRESENTANTS_LEGAUX) == 0,
                            _ => false,
                        };
                        assert_eq!(document_right(&a, &matrix, &right, &d, NOW).allowed, expected, "{a:?} {f:?} {d:?}");
                        asked += 1;
                    }
                }
            }
        }
    }
    assert!(asked > 1_500_000, "{asked}");
}
