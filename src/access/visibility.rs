//! What every query carries: who asks, and what follows from it for the store.

use std::sync::Arc;

use super::choices::{Choice, ChoiceKind};
use super::decision::{RecordFacts, RecordRight, profession, record_right};
use super::labels;
use super::matrix::{Matrix, Readable};
use crate::fhir::{Actor, Identifier, Level, Role};

/// Why the store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To answer with what is found.
    Read,
    /// To plan a write: feeding needs no authorisation, and finds what the caller stands behind.
    Feed,
}

/// What one caller may see, as data: the store turns it into a condition inside each query.
/// A value of this type can only be made from a known caller, so that no query is without one.
#[derive(Debug, Clone)]
pub struct Visibility {
    /// Canonical structure identifiers of the caller: its own first, then its establishments or its legal entity.
    structures: Vec<String>,
    /// µs UTC.
    now_us: i64,
    /// Under which names the caller stands behind documents.
    mine: Vec<String>,
    /// None under the policy `open`.
    enforced: Option<Arc<Enforced>>,
    purpose: Purpose,
}

/// What the policy `enforced` decides on.
#[derive(Debug)]
pub struct Enforced {
    pub actor: Actor,
    pub matrix: Arc<Matrix>,
    readable: Readable,
    /// Types of clinical resources that the matrix closes where they come from no document.
    closed_kinds: Vec<String>,
    /// Under which names choices speak of the caller; the empty one is about everybody.
    holders: Vec<String>,
    labels: Shown,
}

/// Sets of labels whose documents are shown now, and once they become visible to the patient.
#[derive(Debug)]
struct Shown {
    now: Vec<i32>,
    later: Vec<i32>,
}

/// Which records a condition holds for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// Every record: the policy `open`.
    pub everywhere: bool,
    /// Records whose documents may be seen as matrix and labels say; elsewhere only what the caller stands behind.
    pub whole: Vec<i64>,
    /// Those of them whose masked documents are seen too.
    pub masked: Vec<i64>,
    /// Records where not even that is seen which the caller stands behind.
    pub nothing: Vec<i64>,
    /// Those of them that the caller may not even know of.
    pub unknown: Vec<i64>,
    /// Records where the caller stood behind nothing when a read began. It is for reads alone: by the time of a write he may.
    pub strange: Vec<i64>,
}

impl Sight {
    /// Whether a record's resources of no document may be seen; those of the shared one always.
    pub fn holds(&self, record: i64) -> bool {
        self.everywhere || record == 0 || self.whole.contains(&record)
    }
}

impl Visibility {
    /// The policy `open`: any record, documents by their labels, for a structure at a moment (µs UTC).
    pub fn open(structure: impl Into<String>, now_us: i64) -> Self {
        Self::open_as(vec![structure.into()], now_us)
    }

    /// The policy `open` for a structure under all its names, its own first.
    pub fn open_as(structures: Vec<String>, now_us: i64) -> Self {
        Self { mine: structures.clone(), structures, now_us, enforced: None, purpose: Purpose::Read }
    }

    /// The policy `enforced`, for an actor behind a structure. `structures` are all the names of the structure (its own first, then its
    /// establishments or its legal entity).
    pub fn enforced(structures: Vec<String>, actor: Actor, matrix: Arc<Matrix>, now_us: i64) -> Self {
        let person = actor.person.as_ref().map(|p| person_key(&p.id));
        let mine = match actor.role {
            // What the structure answers for is its own.
            Role::Structure | Role::Practitioner if actor.level == Level::Indirect => structures.iter().cloned().chain(person.clone()).collect(),
            Role::Practitioner => person.iter().cloned().chain(structures.iter().map(|s| staff_key(s))).collect(),
            _ => Vec::new(),
        };
        let holders = [String::new()].into_iter().chain(person).chain(structures.iter().cloned()).collect();
        let readable = matrix.readable(profession(&actor));
        let closed_kinds = if actor.role == Role::Practitioner { matrix.closed_kinds(profession(&actor)) } else { Vec::new() };
        let labels = Shown::to(actor.role);
        let enforced = Some(Arc::new(Enforced { actor, matrix, readable, closed_kinds, holders, labels }));
        Self { structures, now_us, mine, enforced, purpose: Purpose::Read }
    }

    /// The same caller, planning a write.
    pub fn feeding(&self) -> Self {
        Self { purpose: Purpose::Feed, ..self.clone() }
    }

    /// Canonical structure identifier.
    pub fn structure(&self) -> &str {
        self.structures.first().map_or("", String::as_str)
    }

    /// Whether a structure (canonical identifier) is the caller's: its own, one of its establishments, or its legal entity.
    pub fn is_structure(&self, structure: &str) -> bool {
        self.structures.iter().any(|own| own == structure)
    }

    /// Who calls, as one name: the structure, and the person or the patient behind it. For limits and page links, never for the log.
    pub fn caller(&self) -> String {
        let Some(rules) = self.rules() else { return self.structure().to_owned() };
        let person = rules.actor.person.as_ref().map(|p| p.id.as_str()).or(rules.actor.patient.as_ref().map(|p| p.value.as_str())).unwrap_or_default();
        format!("{}|{}|{person}", self.structure(), rules.actor.role.word())
    }

    /// µs UTC.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Under which names the caller stands behind documents.
    pub fn mine(&self) -> &[String] {
        &self.mine
    }

    /// What the policy `enforced` decides on; `None` under `open`.
    pub fn rules(&self) -> Option<&Enforced> {
        self.enforced.as_deref()
    }

    /// Why the store is asked.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What stands behind a document that this caller deposits, besides its authors: the structure, the person, and, when nobody is
    /// named, whoever works for the structure.
    pub fn depositors(&self, persons_named: bool) -> Vec<String> {
        let person = self.rules().and_then(|r| r.actor.person.as_ref()).map(|p| person_key(&p.id));
        let staff = (person.is_none() && !persons_named).then(|| staff_key(self.structure()));
        [self.structure().to_owned()].into_iter().chain(person).chain(staff).collect()
    }

    /// Whether the matrix is not asked: the policy `open`, and callers it does not bind.
    pub fn every_type(&self) -> bool {
        self.rules().is_none_or(|r| r.actor.role != Role::Practitioner)
    }

    /// Whether the matrix is not asked about what the caller stands behind.
    pub fn every_type_of_mine(&self) -> bool {
        self.every_type() || self.rules().is_some_and(|r| r.matrix.author_exempt())
    }

    /// Whether labels that keep documents from the patient do not matter.
    pub fn every_label(&self) -> bool {
        self.rules().is_none_or(|r| !matches!(r.actor.role, Role::Holder | Role::LegalRepresentative))
    }

    /// Classes, further types and exceptions of the matrix.
    pub fn readable(&self) -> (&[String], &[String], &[String]) {
        self.rules().map_or((&[], &[], &[]), |r| (&r.readable.classes, &r.readable.types, &r.readable.except))
    }

    /// Types of clinical resources that the matrix closes to the caller where they come from no document: they are absent for him.
    pub fn closed_kinds(&self) -> &[String] {
        self.rules().map_or(&[], |r| &r.closed_kinds)
    }

    /// Sets of labels shown now, and those shown once `visible_from` has come.
    pub fn labels(&self) -> (&[i32], &[i32]) {
        self.rules().map_or((&[], &[]), |r| (&r.labels.now, &r.labels.later))
    }

    /// The right to a record, from what was decided about it. `own`: the record is the holder's, or of who he represents. `purpose`: a
    /// write is planned for whoever may feed, with what he stands behind.
    pub fn right(&self, choices: &[Choice], own: bool, purpose: Purpose) -> Option<RecordRight> {
        let rules = self.rules()?;
        let right = record_right(&rules.actor, &rules.matrix, &facts(choices, own, self.now_us), self.now_us);
        Some(match right {
            RecordRight::Nothing(rule) if purpose == Purpose::Feed && !rule.equals_absence() => RecordRight::OwnDocuments(rule),
            other => other,
        })
    }
}

impl Enforced {
    /// Under which names choices speak of the caller.
    pub fn holders(&self) -> &[String] {
        &self.holders
    }

    /// INS of the patient a holder acts for.
    pub fn patient(&self) -> Option<&Identifier> {
        self.actor.patient.as_ref()
    }
}

impl Shown {
    fn to(role: Role) -> Self {
        let all = || [labels::N, labels::R, labels::V].into_iter().flat_map(|level| (0..8).map(move |visibility| level | (visibility << 3)));
        let hidden = if role == Role::LegalRepresentative { labels::INVISIBLE_REPRESENTANTS_LEGAUX } else { 0 };
        let later: Vec<i32> = all().filter(|set| set & hidden == 0).collect();
        Self { now: later.iter().copied().filter(|set| set & labels::INVISIBLE_PATIENT == 0).collect(), later }
    }
}

/// The facts of a record for a caller whom all these choices concern; what has ended counts for nothing.
fn facts(choices: &[Choice], own: bool, now_us: i64) -> RecordFacts {
    let holds = |kind: ChoiceKind| choices.iter().any(|c| c.kind == kind && c.until_us > now_us);
    RecordFacts {
        closed: holds(ChoiceKind::Closed),
        opposes_bris_de_glace: holds(ChoiceKind::OpposesBrisDeGlace),
        opposes_centre_15: holds(ChoiceKind::OpposesCentre15),
        blocked: holds(ChoiceKind::Blocked),
        medecin_traitant: holds(ChoiceKind::MedecinTraitant),
        care_team: holds(ChoiceKind::CareTeam),
        consent_until_us: choices.iter().filter(|c| c.kind == ChoiceKind::Consent).map(|c| c.until_us).max(),
        own,
    }
}

/// The name of a person among those behind documents and in choices; RPPS with and without its leading 8 are one.
/// Spec: ANS, PS_IdNat.
pub fn person_key(id: &str) -> String {
    let rpps = id.len() == 11 && id.bytes().all(|b| b.is_ascii_digit());
    if rpps { format!("ps:8{id}") } else { format!("ps:{id}") }
}

/// The name of whoever works for a structure.
pub fn staff_key(structure: &str) -> String {
    format!("staff:{structure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpps_is_one_person_in_both_spellings() {
        assert_eq!(person_key("99700218896"), person_key("899700218896"));
        assert_eq!(person_key("0012345678"), "ps:0012345678");
    }

    /// Where the record says one thing of the caller, with an end.
    fn of_one(kind: ChoiceKind, until_us: i64, now_us: i64) -> RecordFacts {
        facts(&[Choice { holder: String::new(), kind, until_us }], false, now_us)
    }

    #[test]
    fn every_choice_is_one_fact_until_its_end_and_no_longer() {
        let none = RecordFacts::default();
        let cases = [
            (ChoiceKind::Closed, RecordFacts { closed: true, ..none }),
            (ChoiceKind::OpposesBrisDeGlace, RecordFacts { opposes_bris_de_glace: true, ..none }),
            (ChoiceKind::OpposesCentre15, RecordFacts { opposes_centre_15: true, ..none }),
            (ChoiceKind::MedecinTraitant, RecordFacts { medecin_traitant: true, ..none }),
            (ChoiceKind::CareTeam, RecordFacts { care_team: true, ..none }),
            (ChoiceKind::Blocked, RecordFacts { blocked: true, ..none }),
            (ChoiceKind::MaskedByHolder, none),
        ];
        for (kind, fact) in cases {
            for (until_us, expected) in [(99, none), (100, none), (101, fact), (i64::MAX, fact)] {
                assert_eq!(of_one(kind, until_us, 100), expected, "{kind:?} until {until_us}");
            }
        }
        assert_eq!(facts(&[], true, 100), RecordFacts { own: true, ..none });
    }

    #[test]
    fn of_consents_the_last_end_counts_even_when_it_is_over() {
        let consent = |until_us| Choice { holder: String::new(), kind: ChoiceKind::Consent, until_us };
        let until = |all: &[Choice]| facts(all, false, 100).consent_until_us;
        assert_eq!((until(&[]), until(&[consent(7)]), until(&[consent(7), consent(300), consent(9)])), (None, Some(7), Some(300)));
        let other = Choice { kind: ChoiceKind::CareTeam, ..consent(900) };
        assert_eq!(until(&[consent(7), other]), Some(7), "the end of something else is no consent's");
    }

    fn practitioner(profession: &str, level: Level) -> Actor {
        let person = crate::fhir::Person { id: "899700218896".into(), profession: profession.into(), specialty: String::new(), situation: String::new() };
        Actor { role: Role::Practitioner, level, person: Some(person), ..Actor::structure() }
    }

    #[test]
    fn the_matrix_closes_types_to_practitioners_alone() {
        let matrix = Arc::new(Matrix::builtin().unwrap());
        let closed = |actor: Actor| Visibility::enforced(vec!["1".into()], actor, Arc::clone(&matrix), 0).closed_kinds().len();
        assert_eq!((closed(practitioner("10", Level::Direct)), closed(practitioner("41", Level::Direct))), (0, matrix.closed_kinds("41").len()));
        assert_eq!(closed(Actor { person: None, ..practitioner("", Level::Direct) }), matrix.closed_kinds("").len());
        for role in [Role::Holder, Role::LegalRepresentative, Role::Auditor, Role::Administrator, Role::Structure] {
            assert_eq!(closed(Actor { role, ..practitioner("41", Level::Direct) }), 0, "{role:?}");
        }
        assert_eq!(Visibility::open("1", 0).closed_kinds().len(), 0);
    }

    #[test]
    fn a_sight_holds_for_its_records_the_shared_one_and_under_open_for_all() {
        let none = Sight::default();
        assert_eq!([0, 1, 2].map(|record| none.holds(record)), [true, false, false]);
        let one = Sight { whole: vec![2], masked: vec![1], nothing: vec![1], unknown: vec![1], ..Sight::default() };
        assert_eq!([0, 1, 2].map(|record| one.holds(record)), [true, false, true]);
        assert!(Sight { everywhere: true, ..Sight::default() }.holds(1));
    }

    #[test]
    fn who_is_bound_by_matrix_and_by_labels() {
        let exempt = |allow: bool| {
            let (head, tail) = Matrix::BUILTIN.split_once("[choice.author_exempt]\nallow = true").unwrap();
            Arc::new(Matrix::parse(&format!("{head}[choice.author_exempt]\nallow = {allow}{tail}")).unwrap())
        };
        let of = |role, matrix| Visibility::enforced(vec!["1".into()], Actor { role, ..practitioner("40", Level::Direct) }, matrix, 0);
        for role in Role::ALL {
            let (bound, kept) = (*role == Role::Practitioner, matches!(role, Role::Holder | Role::LegalRepresentative));
            for author_exempt in [true, false] {
                let visibility = of(*role, exempt(author_exempt));
                assert_eq!((visibility.every_type(), visibility.every_label()), (!bound, !kept), "{role:?}");
                assert_eq!(visibility.every_type_of_mine(), !bound || author_exempt, "{role:?}");
            }
        }
        let open = Visibility::open("1", 0);
        assert!(open.every_type() && open.every_type_of_mine() && open.every_label() && open.rules().is_none());
        assert_eq!((open.readable(), open.labels()), ((&[][..], &[][..], &[][..]), (&[][..], &[][..])));
        let dentist = of(Role::Practitioner, exempt(true));
        let readable = Matrix::builtin().unwrap().readable("40");
        assert_eq!(dentist.readable(), (&readable.classes[..], &readable.types[..], &readable.except[..]));
        let holder = of(Role::Holder, exempt(true));
        let shown = Shown::to(Role::Holder);
        assert_eq!(holder.labels(), (&shown.now[..], &shown.later[..]));
    }

    #[test]
    fn a_structure_is_itself_its_establishments_and_its_legal_entity() {
        let names = || vec!["1750000001".to_owned(), "1750000002".to_owned()];
        let enforced = Visibility::enforced(names(), practitioner("10", Level::Direct), Arc::new(Matrix::builtin().unwrap()), 0);
        for visibility in [enforced, Visibility::open_as(names(), 0)] {
            assert_eq!(["1750000001", "1750000002", "1750000003", ""].map(|s| visibility.is_structure(s)), [true, true, false, false]);
        }
        assert_eq!(Visibility::open_as(names(), 0).mine(), names());
        assert_eq!((Visibility::open("1", 5).caller(), Visibility::open("1", 5).now_us()), ("1".to_owned(), 5));
        let patient = Some(Identifier { system: None, value: "2580".into() });
        let holder = Visibility::enforced(names(), Actor { role: Role::Holder, patient: patient.clone(), ..Actor::structure() }, Arc::new(Matrix::builtin().unwrap()), 0);
        assert_eq!((holder.caller(), holder.rules().unwrap().patient()), ("1750000001|holder|2580".to_owned(), patient.as_ref()));
        assert_eq!((holder.purpose(), holder.feeding().purpose()), (Purpose::Read, Purpose::Feed));
    }

    #[test]
    fn who_stands_behind_documents_is_the_person_and_where_nobody_is_named_the_structure() {
        let matrix = Arc::new(Matrix::builtin().unwrap());
        let of = |actor: Actor| Visibility::enforced(vec!["1750000001".into(), "1750000002".into()], actor, Arc::clone(&matrix), 7);
        let person = "ps:899700218896".to_owned();
        let direct = of(practitioner("10", Level::Direct));
        assert_eq!(direct.mine(), [person.clone(), "staff:1750000001".into(), "staff:1750000002".into()]);
        assert_eq!(of(practitioner("10", Level::Indirect)).mine(), ["1750000001".to_owned(), "1750000002".into(), person.clone()]);
        assert_eq!(of(Actor::structure()).mine(), ["1750000001", "1750000002"]);
        assert!(of(Actor { role: Role::Holder, ..Actor::structure() }).mine().is_empty());
        assert_eq!(direct.depositors(false), ["1750000001".to_owned(), person.clone()]);
        assert_eq!(of(Actor::structure()).depositors(false), ["1750000001", "staff:1750000001"]);
        assert_eq!(of(Actor::structure()).depositors(true), ["1750000001"]);
        assert_eq!(direct.rules().unwrap().holders(), ["".to_owned(), person, "1750000001".into(), "1750000002".into()]);
        assert_eq!((direct.structure(), direct.now_us(), direct.caller()), ("1750000001", 7, "1750000001|practitioner|899700218896".to_owned()));
    }

    #[test]
    fn a_write_is_planned_with_ones_own_documents_where_nothing_may_be_read_unless_the_record_is_unknown() {
        let matrix = Arc::new(Matrix::builtin().unwrap());
        let closed = [Choice { holder: String::new(), kind: ChoiceKind::Closed, until_us: i64::MAX }];
        let doctor = Visibility::enforced(vec!["1".into()], practitioner("10", Level::Direct), Arc::clone(&matrix), 0);
        let right = |v: &Visibility, purpose| v.right(&closed, false, purpose);
        assert_eq!(right(&doctor, Purpose::Read), Some(RecordRight::Nothing(super::super::Rule::RecordClosed)));
        assert_eq!(right(&doctor, Purpose::Feed), Some(RecordRight::OwnDocuments(super::super::Rule::RecordClosed)));
        let stranger = Visibility::enforced(vec!["1".into()], Actor { role: Role::Holder, level: Level::Direct, ..Actor::structure() }, matrix, 0);
        assert_eq!(right(&stranger, Purpose::Feed), Some(RecordRight::Nothing(super::super::Rule::OtherRecord)));
        assert_eq!(Visibility::open("1", 0).right(&closed, false, Purpose::Read), None);
    }

    #[test]
    fn the_patient_sees_later_what_is_kept_from_him_and_a_representative_never_what_is_kept_from_him() {
        let holder = Shown::to(Role::Holder);
        assert!(holder.now.contains(&labels::N) && !holder.now.contains(&(labels::N | labels::INVISIBLE_PATIENT)));
        assert!(holder.later.contains(&(labels::N | labels::INVISIBLE_PATIENT)) && holder.now.contains(&(labels::V | labels::INVISIBLE_REPRESENTANTS_LEGAUX)));
        let representative = Shown::to(Role::LegalRepresentative);
        assert!(!representative.later.iter().any(|set| set & labels::INVISIBLE_REPRESENTANTS_LEGAUX != 0));
        assert_eq!((holder.later.len(), representative.later.len()), (24, 12));
    }
}
