//! Groups put into the sections of the table, each section ordered as it is read.

use std::cmp::Reverse;

use super::concept::{items, text};
use super::group::Group;
use super::line::{self, Context, Line};
use super::medication;
use super::statement::Statement;
use super::tables::{Absence, Need, SECTIONS, Section};

/// A section with its lines.
pub(super) struct Filled {
    pub row: &'static Section,
    pub entries: Vec<(Group, Line)>,
    /// "There is none", said by a source; the newest statement of each kind with its repeats.
    pub absences: Vec<Absent>,
}

/// Statements of one absence, newest first.
pub(super) struct Absent {
    pub absence: &'static Absence,
    pub statements: Vec<usize>,
    /// An entry of the section says otherwise.
    pub contradicted: bool,
}

/// All sections that the Bundle will hold, in reading order.
pub(super) fn fill(context: &Context<'_>, groups: Vec<Group>) -> Vec<Filled> {
    let mut sections: Vec<Filled> = SECTIONS.section.iter().map(|row| Filled { row, entries: Vec::new(), absences: Vec::new() }).collect();
    for group in groups {
        let place = context.statement(group.lead).and_then(place);
        if let Some(section) = place.and_then(|p| sections.get_mut(p)) {
            let line = line::of(context, &group);
            section.entries.push((group, line));
        }
    }
    for section in &mut sections {
        section.absences = absences(context, section);
        section.entries.sort_by_cached_key(|(group, line)| rank(context, group, line));
    }
    sections.retain(|s| s.row.need != Need::Optional || !s.entries.is_empty() || !s.absences.is_empty());
    sections
}

/// The first section whose rows take the statement, else the first whose fallback does.
fn place(s: &Statement<'_>) -> Option<usize> {
    let by = |fallback: bool| SECTIONS.section.iter().position(|row| row.pick.iter().any(|p| p.fallback == fallback && p.takes(s.kind, s.resource)));
    by(false).or_else(|| by(true))
}

/// Current before past, high criticality first, then newest, then by name: the same facts always give the same order.
fn rank(context: &Context<'_>, group: &Group, line: &Line) -> (u8, Reverse<i64>, String) {
    let Some(s) = context.statement(group.lead) else { return (9, Reverse(0), String::new()) };
    let over = match s.kind {
        "AllergyIntolerance" => match (text(s.resource, "/clinicalStatus/coding/0/code"), text(s.resource, "/criticality")) {
            ("resolved" | "inactive", _) => 2,
            (_, "high") => 0,
            _ => 1,
        },
        kind if kind.starts_with("Medication") => u8::from(medication::ended(s.resource, context.now_us)),
        _ => 0,
    };
    (over, Reverse(s.when_us.unwrap_or(s.said_us)), line.label.clone())
}

fn absences(context: &Context<'_>, section: &Filled) -> Vec<Absent> {
    let mut out: Vec<Absent> = Vec::new();
    for (at, s) in context.statements.iter().enumerate() {
        let Some(absence) = s.absence.filter(|a| a.section == section.row.key || (a.section == "*" && section.row.pick.iter().any(|p| p.kind == s.kind))) else { continue };
        match out.iter_mut().find(|a| std::ptr::eq(a.absence, absence)) {
            Some(known) => known.statements.push(at),
            None => out.push(Absent { absence, statements: vec![at], contradicted: absence.known && section.entries.iter().any(|(g, _)| concerns(context, absence, g)) }),
        }
    }
    for absent in &mut out {
        absent.statements.sort_by_key(|at| context.statement(*at).map(|s| Reverse(s.said_us)));
    }
    out
}

/// Whether an entry is of what the absence speaks of; a scoped absence only speaks of entries known to be of its category.
fn concerns(context: &Context<'_>, absence: &Absence, group: &Group) -> bool {
    let Some(scope) = &absence.scope else { return true };
    context.statement(group.lead).is_some_and(|s| items(s.resource, "category").any(|c| c.as_str() == Some(scope)))
}
