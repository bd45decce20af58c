//! How a medicine stands, and why: active, stopped or uncertain, from all that documents say of it.
//! Spec: key information §3.4 (medication state machine); `fhir-profiles/key-information/medications.toml`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::dosages;
use super::group::Group;
use super::identity::family;
use super::statement::Statement;
use crate::fhir::time;
use crate::keyinfo::language::concept::{self, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::read::course::{self, Course};
use crate::keyinfo::read::product::atc;
use crate::keyinfo::read::supply;
use crate::keyinfo::tell::line::Context;

const DAY_US: i64 = 86_400_000_000;

pub static MEDICATIONS: LazyLock<Medications> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/medications.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medications {
    supply: Supply,
    windows: Windows,
    dispensed: Dispensed,
    rule: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Supply {
    factor: f64,
    default_days: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Windows {
    acute_months: i64,
    stopped_months: i64,
    undispensed_days: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispensed {
    types: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    when: When,
    state: State,
    #[serde(default)]
    conflict: bool,
    reason: String,
}

/// What a rule asks of the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    /// Handed over after the day of the stop.
    DispensedAfterStop,
    /// A newer document prescribes or lists it.
    ResumedAfterStop,
    Stopped,
    /// Its period is past by the newest word, and nothing was handed over after it.
    Over,
    /// It begins later, and nothing says that it is taken already.
    Planned,
    /// The newest statement is on hold, or of no known status.
    Held,
    /// The last supply, times the factor, is not used up.
    Supplied,
    /// The same, of a supply that says no days.
    SuppliedUnsaid,
    /// Used up before the acute window, and nothing newer speaks of it.
    Lapsed,
    /// Used up.
    Exhausted,
    /// Prescribed for a while, never dispensed, in a record that knows later dispensings.
    Undispensed,
    Prescribed,
    Listed,
    /// Prescribed or listed before the acute window.
    Stale,
    Dispensed,
    Nothing,
}

/// How a medicine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Active,
    Stopped,
    Uncertain,
}

/// A medicine's state with its reason.
#[derive(Debug, Clone)]
pub struct Regimen {
    pub state: State,
    /// French.
    pub reason: String,
    /// Documents contradict each other about it.
    pub conflict: bool,
    /// Over for longer than stopped treatments are of interest.
    pub past: bool,
    /// Statements of dosages that differ, the newest first: one of each author.
    pub dosages: Vec<usize>,
    /// Other medicines of the same substance that are not over.
    pub same_substance: Vec<String>,
}

impl State {
    /// As the view model writes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Stopped => "stopped",
            Self::Uncertain => "uncertain",
        }
    }
}

/// A moment and the statement that says it.
#[derive(Clone, Copy)]
struct Said {
    us: i64,
    at: usize,
}

/// What documents say of one medicine.
struct Evidence<'a> {
    context: &'a Context<'a>,
    lead: usize,
    /// Newest dispensing of the product, whichever line it is on.
    last: Option<Said>,
    /// Days of its supply.
    days: Option<f64>,
    /// Newest dispensing of anything.
    record_us: i64,
    stop: Option<Said>,
    over: Option<Said>,
    planned: Option<Said>,
    prescribed: Option<Said>,
    listed: Option<Said>,
}

/// Gives every medicine its state.
pub fn settle(context: &Context<'_>, groups: &mut [Group]) {
    let medicine = |g: &Group| context.statement(g.lead).is_some_and(|s| family(s.kind) == "Medication");
    let mut handed: HashMap<usize, Said> = HashMap::new();
    for (class, at) in groups.iter().filter(|g| medicine(g)).flat_map(|g| g.affirming().map(move |at| (g.class, at))) {
        let Some(us) = context.statement(at).filter(|s| is_dispensing(context, s)).and_then(|s| s.when_us).filter(|us| *us <= context.now_us + DAY_US) else { continue };
        let newest = handed.entry(class).or_insert(Said { us, at });
        if us > newest.us {
            *newest = Said { us, at };
        }
    }
    let record_us = handed.values().map(|d| d.us).max().unwrap_or(i64::MIN);
    for group in groups.iter_mut().filter(|g| medicine(g)) {
        let evidence = Evidence::of(context, group, handed.get(&group.class).copied(), record_us);
        let mut regimen = evidence.regimen();
        if regimen.state != State::Stopped {
            regimen.dosages = dosages::differing(context, group, evidence.ago(MEDICATIONS.windows.acute_months));
            regimen.conflict |= !regimen.dosages.is_empty();
        }
        group.regimen = Some(Box::new(regimen));
    }
    same_substance(context, groups);
}

/// Whether a statement is of something handed over: a dispensing, or a medicine in a document of reimbursements.
fn is_dispensing(context: &Context<'_>, s: &Statement<'_>) -> bool {
    s.kind == "MedicationDispense" || reimbursed(context, s)
}

/// Whether a statement is of a history of reimbursements.
pub fn reimbursed(context: &Context<'_>, s: &Statement<'_>) -> bool {
    let kind = s.source.and_then(|at| context.sources.get(at)).map_or("", |d| d.kind.as_str());
    MEDICATIONS.dispensed.types.iter().any(|t| t == kind)
}

/// The newer of two.
fn newest(slot: &mut Option<Said>, us: i64, at: usize) {
    if slot.is_none_or(|known| us > known.us) {
        *slot = Some(Said { us, at });
    }
}

impl<'a> Evidence<'a> {
    fn of(context: &'a Context<'a>, group: &Group, last: Option<Said>, record_us: i64) -> Self {
        let mut out = Self { context, lead: group.lead, last, days: None, record_us, stop: None, over: None, planned: None, prescribed: None, listed: None };
        let statements = || group.affirming().filter_map(|at| Some((at, context.statement(at)?)));
        for (at, s) in statements().filter(|(_, s)| !is_dispensing(context, s)) {
            match s.taken.map_or(Course::Current, |t| t.at(context.now_us)) {
                Course::Stopped => newest(&mut out.stop, s.said_us, at),
                Course::Over => newest(&mut out.over, s.said_us, at),
                Course::Planned => newest(&mut out.planned, s.said_us, at),
                Course::Current if s.kind == "MedicationRequest" => newest(&mut out.prescribed, s.when_us.unwrap_or(s.said_us), at),
                Course::Current if s.kind == "MedicationStatement" => newest(&mut out.listed, s.said_us, at),
                Course::Current => {}
            }
        }
        let others: Vec<_> = statements().map(|(_, s)| s.resource).collect();
        out.days = last.and_then(|l| context.statement(l.at)).and_then(|s| supply::days(s.resource, &others));
        out
    }

    fn regimen(&self) -> Regimen {
        let rule = MEDICATIONS.rule.iter().find(|r| self.holds(r.when));
        let (state, conflict, reason) = rule.map_or((State::Uncertain, false, String::new()), |r| (r.state, r.conflict, self.told(&r.reason)));
        let ended = self.stop.or(self.over).map(|s| self.end_us(s)).or(self.last.map(|l| l.us));
        let past = state == State::Stopped && ended.is_some_and(|us| us < self.ago(MEDICATIONS.windows.stopped_months));
        Regimen { state, reason, conflict, past, dosages: Vec::new(), same_substance: Vec::new() }
    }

    fn holds(&self, when: When) -> bool {
        let covered = |days: f64| self.last.is_some_and(|l| self.covers(l.us, days));
        let newest_word = [self.prescribed, self.listed].into_iter().flatten().max_by_key(|s| s.us);
        let acute_us = self.ago(MEDICATIONS.windows.acute_months);
        let held = |s: &Statement<'_>| matches!(text(s.resource, "/status"), "unknown" | "on-hold" | "draft");
        match when {
            When::DispensedAfterStop => self.stop.zip(self.last).is_some_and(|(stop, last)| last.us > self.end_us(stop)),
            When::ResumedAfterStop => self.stop.zip(newest_word).is_some_and(|(stop, word)| self.said_us(word) > stop.us),
            When::Stopped => self.stop.is_some(),
            When::Over => self
                .over
                .is_some_and(|over| newest_word.is_none_or(|w| self.said_us(w) <= over.us && !self.one_document(w, over)) && self.last.is_none_or(|l| l.us <= self.end_us(over))),
            When::Held => self.context.statement(self.lead).is_some_and(|s| !is_dispensing(self.context, s) && held(s)),
            When::Supplied => self.days.is_some_and(covered),
            When::SuppliedUnsaid => self.days.is_none() && covered(MEDICATIONS.supply.default_days),
            When::Lapsed => self.last.is_some_and(|l| l.us < acute_us && newest_word.is_none_or(|w| self.said_us(w) <= l.us)),
            When::Exhausted => self.days.is_some(),
            When::Undispensed => {
                let waited_us = self.context.now_us.saturating_sub(MEDICATIONS.windows.undispensed_days.saturating_mul(DAY_US));
                self.last.is_none() && self.prescribed.is_some_and(|p| p.us < waited_us && p.us < self.record_us)
            }
            When::Planned => self.planned.is_some() && newest_word.is_none() && self.last.is_none(),
            When::Prescribed => self.prescribed.is_some_and(|p| p.us >= acute_us || self.has_end(p)),
            When::Listed => self.listed.is_some_and(|l| l.us >= acute_us || self.has_end(l)),
            When::Stale => newest_word.is_some(),
            When::Dispensed => self.last.is_some(),
            When::Nothing => true,
        }
    }

    /// Whether a supply of so many days reaches today.
    #[expect(clippy::cast_possible_truncation, clippy::as_conversions, reason = "days are few")]
    fn covers(&self, us: i64, days: f64) -> bool {
        let reach_days = (days * MEDICATIONS.supply.factor).clamp(0.0, 36_500.0).ceil() as i64;
        us.saturating_add(reach_days.saturating_mul(DAY_US)) >= self.context.now_us.saturating_sub(DAY_US)
    }

    fn ago(&self, months: i64) -> i64 {
        const MONTH_DAYS: i64 = 30;
        self.context.now_us.saturating_sub(months.saturating_mul(MONTH_DAYS).saturating_mul(DAY_US))
    }

    fn said_us(&self, said: Said) -> i64 {
        self.context.statement(said.at).map_or(said.us, |s| s.said_us)
    }

    /// Whether one document says both: then a course that goes on is told beside one that is over.
    fn one_document(&self, a: Said, b: Said) -> bool {
        let source = |said: Said| self.context.statement(said.at).and_then(|s| s.source);
        source(a).is_some() && source(a) == source(b)
    }

    /// The last µs of the day on which it ended, by its period, else the moment it was said.
    fn end_us(&self, said: Said) -> i64 {
        self.context.statement(said.at).and_then(|s| time::range(course::end(s.resource))).map_or(said.us, |r| r.1)
    }

    /// A period to come says for how long.
    fn has_end(&self, said: Said) -> bool {
        self.context.statement(said.at).is_some_and(|s| !course::end(s.resource).is_empty())
    }

    /// The words of a rule about this medicine.
    fn told(&self, words: &str) -> String {
        let end = |said: Option<Said>| said.and_then(|s| self.context.statement(s.at)).map(|s| course::end(s.resource)).filter(|e| !e.is_empty()).map(dates::on);
        let when = |said: Option<Said>| said.and_then(|s| self.context.statement(s.at)).map(|s| s.when).filter(|w| !w.is_empty()).map(dates::on);
        let named = |said: Option<Said>| said.map(|s| self.context.named(s.at));
        let days = self.days.map(|d| format!("{d:.0}"));
        let filled = [
            ("{last}", when(self.last)),
            ("{days}", days),
            ("{stopped}", end(self.stop)),
            ("{stopper}", named(self.stop)),
            ("{start}", self.planned.and_then(|s| self.context.statement(s.at)).map(|s| dates::on(course::start(s.resource)))),
            ("{end}", end(self.over)),
            ("{ender}", named(self.over)),
            ("{prescribed}", when(self.prescribed)),
            ("{prescriber}", self.prescribed.and_then(|p| self.context.statement(p.at)).map(|s| self.context.citation(s).author.clone())),
            ("{lister}", named(self.listed)),
            ("{lead}", Some(self.context.named(self.lead))),
        ];
        let said = filled.iter().fold(words.to_owned(), |text, (slot, value)| text.replace(slot, value.as_deref().unwrap_or("")));
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Medicines of one substance that both go on: each is told of the others. Two that no document names together contradict each other: a
/// dose was changed, and not everybody knows it; two strengths of one prescription add up.
fn same_substance(context: &Context<'_>, groups: &mut [Group]) {
    let mut by_atc: BTreeMap<&str, Vec<(usize, String)>> = BTreeMap::new();
    let mut documents: HashMap<usize, HashSet<usize>> = HashMap::new();
    let going = |g: &Group| g.regimen.as_ref().is_some_and(|r| r.state != State::Stopped);
    for group in groups.iter().filter(|g| going(g)) {
        let concepts = || group.affirming().filter_map(|at| context.statement(at)?.concept);
        let Some((atc, name)) = concepts().find_map(atc).zip(concepts().find_map(concept::product)) else { continue };
        documents.entry(group.class).or_default().extend(group.affirming().filter_map(|at| context.statement(at)?.source));
        let known = by_atc.entry(atc).or_default();
        if !known.iter().any(|(class, _)| *class == group.class) {
            known.push((group.class, name));
        }
    }
    for group in groups.iter_mut() {
        let class = group.class;
        let Some(regimen) = group.regimen.as_mut().filter(|r| r.state != State::Stopped) else { continue };
        let others = || by_atc.values().filter(|all| all.iter().any(|(c, _)| *c == class)).flatten().filter(|(c, _)| *c != class);
        let apart = |other: &usize| documents.get(&class).zip(documents.get(other)).is_some_and(|(a, b)| a.is_disjoint(b));
        regimen.conflict |= others().any(|(other, _)| apart(other));
        regimen.same_substance = others().map(|(_, name)| name.clone()).collect();
        regimen.same_substance.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_once_and_the_last_holds_always() {
        let mut named: Vec<When> = MEDICATIONS.rule.iter().map(|r| r.when).collect();
        assert_eq!(named.last(), Some(&When::Nothing));
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), 16);
        assert!(MEDICATIONS.supply.factor > 1.0 && MEDICATIONS.windows.acute_months == 12 && MEDICATIONS.windows.stopped_months == 6);
        assert!(MEDICATIONS.rule.iter().all(|r| !r.reason.is_empty() && (!r.conflict || r.state == State::Uncertain)));
    }
}
