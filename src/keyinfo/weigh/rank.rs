//! Lines weighed for a reader, and what is said of each beside its words: score, reasons, conflict, new, first seen.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::profile::Profile;
use super::score::{self, Around, Weighed};
use super::trend;
use crate::fhir::time;
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::tell::line::{Context, Line};
use crate::keyinfo::tell::report;
use crate::keyinfo::tell::section::Filled;

/// How an answer is asked for.
pub struct Asked<'a> {
    pub profile: &'a Profile,
    /// One section alone.
    pub section: Option<&'a str>,
    /// Lines of a section that were shown before.
    pub offset: usize,
    /// Lines of a section, 1–500.
    pub most: usize,
    /// Whether lines say why they stand where they do.
    pub explain: bool,
    /// Of each source: when it came (µs UTC), and whether it is new to this reader.
    pub came: &'a [(i64, bool)],
    /// Keys of the sections that the reader's profession may not see.
    pub closed: &'a [&'a str],
    /// What the answer was limited to, in French; "" for all that the reader may see.
    pub only: &'a str,
}

/// A line with what it weighs.
pub(in crate::keyinfo) struct Ranked<'a> {
    pub group: &'a Group,
    pub line: &'a Line,
    pub new: bool,
    pub trend: Option<trend::Trend<'a>>,
    pub weighed: Weighed,
    pub alert: bool,
}

/// The lines of a section, what weighs most first. What stands in the second part of a section stays there; ties go to the newer, then to
/// the conclusion of a report before its other parts, then to the words: the same on every server.
pub(in crate::keyinfo) fn ranked<'a>(context: &'a Context<'_>, asked: &Asked<'_>, filled: &'a Filled<'a>) -> Vec<Ranked<'a>> {
    let mut out: Vec<Ranked<'a>> = filled.entries.iter().map(|(group, line)| rank(context, asked, filled, (group, line))).collect();
    out.sort_by_cached_key(|r| order(context, r));
    out
}

fn order(context: &Context<'_>, r: &Ranked<'_>) -> (bool, Reverse<i64>, Reverse<i64>, usize, String) {
    let lead = context.statement(r.group.lead);
    let day = lead.map_or(i64::MIN, |s| s.when_us.unwrap_or(s.said_us).div_euclid(86_400_000_000));
    let part = lead.filter(|s| s.kind == "DiagnosticReport").map_or(0, report::order);
    (r.line.second, Reverse(r.weighed.score), Reverse(day), part, [&r.line.label, "\n", &r.line.body, "\n", &r.line.source].concat())
}

fn rank<'a>(context: &'a Context<'_>, asked: &Asked<'_>, filled: &Filled<'_>, (group, line): (&'a Group, &'a Line)) -> Ranked<'a> {
    let codes = score::about(context, group);
    let trend = trend::of(context, group, &codes);
    let new = is_new(context, asked, group);
    let weighed = score::of(context, group, line, asked.profile, &Around { section: &filled.row.key, new, trend: trend.as_ref() });
    let alert = filled.row.key == "alerts" || score::alert(context, group, line).is_some();
    Ranked { group, line, new, trend, weighed, alert }
}

/// Whether the newest statement is of a document that is new to this reader, and says something that none of the others said: what is
/// said again is not new.
fn is_new(context: &Context<'_>, asked: &Asked<'_>, group: &Group) -> bool {
    let new = |at: usize| context.statement(at).and_then(|s| asked.came.get(s.source?)).is_some_and(|(_, new)| *new);
    let Some(lead) = context.statement(group.lead).filter(|s| !s.prior && new(group.lead)) else { return false };
    let again = |at: &usize| context.statement(*at).is_some_and(|s| s.kind == lead.kind && s.variants() == lead.variants());
    !group.merged.iter().filter(|at| !new(**at)).any(again)
}

/// What an entry of the Bundle is marked with.
pub(in crate::keyinfo) struct Marks {
    pub score: i64,
    /// French, each with its points.
    pub reasons: Vec<String>,
    pub conflict: bool,
    pub new: bool,
    /// FHIR instant: when the first of its documents came.
    pub first_seen: Option<String>,
}

/// Puts the lines of each section in their order, and gives the marks of each by its lead.
pub(in crate::keyinfo) fn marks(context: &Context<'_>, asked: &Asked<'_>, sections: &mut [Filled<'_>]) -> HashMap<usize, Marks> {
    let mut out = HashMap::new();
    for filled in sections {
        let leads: Vec<usize> = ranked(context, asked, filled)
            .iter()
            .map(|r| {
                out.insert(r.group.lead, mark(context, asked, r));
                r.group.lead
            })
            .collect();
        let places: HashMap<usize, usize> = leads.into_iter().enumerate().map(|(place, lead)| (lead, place)).collect();
        filled.entries.sort_by_key(|(group, _)| places.get(&group.lead).copied());
    }
    out
}

fn mark(context: &Context<'_>, asked: &Asked<'_>, r: &Ranked<'_>) -> Marks {
    let came = r.group.shown().chain(r.group.merged.iter().copied()).chain(r.group.earlier.iter().copied());
    let first = came.filter_map(|at| context.statement(at)?.source).filter_map(|s| asked.came.get(s)).map(|(us, _)| *us).filter(|us| *us > 0).min();
    Marks {
        score: r.weighed.score,
        reasons: if asked.explain { r.weighed.said() } else { Vec::new() },
        conflict: score::conflicts(context, r.group),
        new: r.new,
        first_seen: first.map(time::instant),
    }
}
