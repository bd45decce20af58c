//! Groups put into the sections of the table, each section ordered as it is read.

use std::cmp::{Ordering, Reverse};

use super::line::{self, Context, Line};
use super::{report, texts};
use crate::fhir::time;
use crate::keyinfo::language::concept::{items, text};
use crate::keyinfo::language::tables::{Absence, Need, SECTIONS, Section};
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::merge::regimen::reimbursed;
use crate::keyinfo::merge::statement::{Statement, settle};

/// A section with its lines.
pub struct Filled<'a> {
    pub row: &'static Section,
    pub entries: Vec<(Group, Line)>,
    /// "There is none", said by a source; the newest statement of each kind with its repeats.
    pub absences: Vec<Absent>,
    /// What documents say of it in words alone.
    pub texts: Vec<texts::Told<'a>>,
}

/// Statements of one absence, newest first.
pub struct Absent {
    pub absence: &'static Absence,
    pub statements: Vec<usize>,
    /// An entry of the section says otherwise.
    pub contradicted: bool,
    /// Whatever says otherwise began after it was last stated: it was true then.
    pub outdated: bool,
}

/// All sections that the Bundle will hold, in reading order.
pub fn fill<'a>(context: &Context<'a>, groups: Vec<Group>) -> Vec<Filled<'a>> {
    let found = texts::read(context);
    let absent: Vec<(usize, &'static Absence)> = context.statements.iter().enumerate().filter_map(|(at, s)| Some((at, meant(context, s)?))).collect();
    let mut sections: Vec<Filled<'a>> = SECTIONS.section.iter().map(|row| Filled { row, entries: Vec::new(), absences: Vec::new(), texts: texts::of(&found, &row.key) }).collect();
    for group in groups {
        let place = context.statement(group.lead).and_then(|s| s.section);
        if let Some(section) = place.and_then(|p| sections.get_mut(p)) {
            let line = line::of(context, &group);
            section.entries.push((group, line));
        }
    }
    for section in &mut sections {
        section.absences = absences(context, section, &absent);
        let entries = std::mem::take(&mut section.entries);
        let mut ranked: Vec<_> = entries.into_iter().map(|(group, line)| (rank(context, &group, &line), group, line)).collect();
        // Lines that say the same differ by their documents: the order in which facts come never shows.
        let settled = |g: &Group, h: &Group| context.statement(g.lead).zip(context.statement(h.lead)).map_or(Ordering::Equal, |(a, b)| settle(a, b));
        ranked.sort_by(|(a, g, x), (b, h, y)| {
            let words = || x.label.cmp(&y.label).then_with(|| x.body.cmp(&y.body)).then_with(|| x.source.cmp(&y.source));
            a.cmp(b).then_with(words).then_with(|| settled(g, h))
        });
        section.entries = ranked.into_iter().map(|(_, group, line)| (group, line)).collect();
    }
    sections.retain(|s| s.row.need != Need::Optional || !s.entries.is_empty() || !s.absences.is_empty() || !s.texts.is_empty());
    sections
}

/// The parts of a section, what weighs most first, then newest day: the same facts always give the same order.
fn rank(context: &Context<'_>, group: &Group, line: &Line) -> (bool, u8, Reverse<i64>, usize) {
    let Some(s) = context.statement(group.lead) else { return (true, 9, Reverse(0), 0) };
    let over = match s.kind {
        "AllergyIntolerance" => match (text(s.resource, "/clinicalStatus/coding/0/code"), text(s.resource, "/criticality")) {
            ("resolved" | "inactive", _) => 2,
            (_, "high") => 0,
            _ => 1,
        },
        "Observation" => u8::from(!line.abnormal),
        _ => 0,
    };
    let part = if s.kind == "DiagnosticReport" { report::order(s) } else { 0 };
    (line.second, over, Reverse(day(s.when_us.unwrap_or(s.said_us))), part)
}

/// Days by which lines are ordered. A date without a time begins at 22 or 23 h UTC of the day before, in Paris.
fn day(at_us: i64) -> i64 {
    const HOUR_US: i64 = 3_600_000_000;
    at_us.saturating_add(2 * HOUR_US).div_euclid(24 * HOUR_US)
}

/// The absence that a statement means: of a history of reimbursements, that nothing was reimbursed.
fn meant(context: &Context<'_>, s: &Statement<'_>) -> Option<&'static Absence> {
    let stated = s.absence?;
    let instead = || SECTIONS.absence.iter().find(|a| a.reimbursed && a.section == stated.section);
    if stated.known && reimbursed(context, s) { Some(instead().unwrap_or(stated)) } else { Some(stated) }
}

/// What is absent of a section, of all statements of absence.
fn absences(context: &Context<'_>, section: &Filled<'_>, all: &[(usize, &'static Absence)]) -> Vec<Absent> {
    let mut out: Vec<Absent> = Vec::new();
    let picks = |at: usize| context.statement(at).is_some_and(|s| section.row.pick.iter().any(|p| p.kind == s.kind));
    for (at, absence) in all.iter().copied().filter(|(at, a)| a.section == section.row.key || (a.section == "*" && picks(*at))) {
        match out.iter_mut().find(|a| std::ptr::eq(a.absence, absence)) {
            Some(known) => known.statements.push(at),
            None => out.push(Absent {
                absence,
                statements: vec![at],
                contradicted: absence.known && section.entries.iter().any(|(g, _)| concerns(context, absence, g)),
                outdated: false,
            }),
        }
    }
    for absent in &mut out {
        let newest = |a: &Statement<'_>, b: &Statement<'_>| b.said_us.cmp(&a.said_us).then_with(|| settle(a, b));
        absent.statements.sort_by(|a, b| context.statement(*a).zip(context.statement(*b)).map_or(Ordering::Equal, |(a, b)| newest(a, b)));
        let said_us = absent.statements.first().and_then(|at| context.statement(*at)).map_or(i64::MAX, |s| s.said_us);
        let mut against = section.entries.iter().map(|(g, _)| g).filter(|g| concerns(context, absent.absence, g));
        absent.outdated = absent.contradicted && against.all(|g| began(context, g).is_some_and(|us| us > said_us));
    }
    out.sort_by_key(|a| SECTIONS.absence.iter().position(|row| std::ptr::eq(row, a.absence)));
    out
}

/// When an entry began, at the latest that its onset leaves open, in µs; `None` when no document says: it may always have been so.
fn began(context: &Context<'_>, group: &Group) -> Option<i64> {
    group.affirming().filter_map(|at| context.statement(at)).filter_map(|s| time::range(s.when)).map(|(_, end)| end).min()
}

/// Whether an entry is of what the absence speaks of; a scoped absence only speaks of entries known to be of its category.
fn concerns(context: &Context<'_>, absence: &Absence, group: &Group) -> bool {
    let Some(lead) = context.statement(group.lead).filter(|s| s.against.is_none()) else { return false };
    let Some(scope) = &absence.scope else { return true };
    items(lead.resource, "category").any(|c| c.as_str() == Some(scope))
}
