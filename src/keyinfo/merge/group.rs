//! Repeats across documents, made one.
//!
//! Which statements are of one thing is in `identity.rs`, what keeps two of them apart in `apart.rs`; here each such set becomes a
//! group with the statement that speaks for it.

use std::cmp::{Ordering, Reverse};

use super::apart::{days_between, split};
use super::regimen::Regimen;
use super::statement::{Statement, settle};
use super::{identity, series};
use crate::keyinfo::language::tables::SECTIONS;
use crate::keyinfo::read::codes::IDENTITY;

/// Statements of one thing. All are indices into the statements.
#[derive(Debug, Default, Clone)]
pub struct Group {
    /// The statement that speaks for the group: the newest.
    pub lead: usize,
    /// Repeats of it.
    pub merged: Vec<usize>,
    /// The value before, of a series.
    pub previous: Option<usize>,
    /// Other values at the same time, from other documents.
    pub discordant: Vec<usize>,
    /// Older values of a series.
    pub earlier: Vec<usize>,
    /// Statements that deny it.
    pub against: Vec<usize>,
    /// Of a vaccination: another of the same valence that is too near to be one more dose.
    pub near: Option<usize>,
    /// The thing: what groups apart by time, side or dosage share.
    pub class: usize,
    /// Of a medicine: how it stands.
    pub regimen: Option<Box<Regimen>>,
}

impl Group {
    /// The lead and its repeats.
    pub fn affirming(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lead).chain(self.merged.iter().copied())
    }

    /// What the Bundle holds of it: the lead, the value before, values at the same time from other documents.
    pub fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lead).chain(self.previous).chain(self.discordant.iter().copied())
    }
}

/// Groups; statements of absence are not among them, nor groups of denials alone but for those that are told of themselves.
pub fn form(statements: &[Statement<'_>]) -> Vec<Group> {
    let classes = identity::classes(statements);
    let most = classes.iter().flatten().max().map_or(0, |m| m + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); most];
    for (at, class) in classes.iter().enumerate() {
        if let Some(list) = class.and_then(|c| members.get_mut(c)) {
            list.push(at);
        }
    }
    let order = |a: &usize, b: &usize| match (statements.get(*a), statements.get(*b)) {
        (Some(a), Some(b)) => settle(a, b),
        _ => Ordering::Equal,
    };
    let mut out = Vec::new();
    for (class, list) in members.into_iter().enumerate().filter(|(_, list)| !list.is_empty()) {
        let from = out.len();
        for set in split(statements, list) {
            out.extend(groups(statements, set, &order).into_iter().map(|g| Group { class, ..g }));
        }
        if let Some(doses) = out.get_mut(from..) {
            too_near(statements, doses);
        }
    }
    out
}

/// Every statement of the groups as a group of its own, beside what denies it.
pub fn apart(groups: Vec<Group>) -> Vec<Group> {
    let alone = |group: Group| {
        let all: Vec<usize> = group.shown().chain(group.merged.iter().copied()).chain(group.earlier.iter().copied()).collect();
        all.into_iter().map(move |lead| Group { lead, against: group.against.clone(), class: lead, ..Group::default() })
    };
    groups.into_iter().flat_map(alone).collect()
}

fn groups(statements: &[Statement<'_>], list: Vec<usize>, order: &impl Fn(&usize, &usize) -> Ordering) -> Vec<Group> {
    let is = |at: &usize, test: fn(&Statement<'_>) -> bool| statements.get(*at).is_some_and(test);
    let (against, mut affirming): (Vec<usize>, Vec<usize>) = list.into_iter().partition(|at| is(at, |s| s.against.is_some()));
    if affirming.first().is_some_and(|at| is(at, |s| s.kind == "Observation")) {
        return series::groups(statements, affirming, order);
    }
    let newest = |at: &usize| statements.get(*at).map(|s| (Reverse(s.said_us), Reverse(s.when_us)));
    affirming.sort_by(|a, b| newest(a).cmp(&newest(b)).then_with(|| order(a, b)));
    let mut rest = affirming.into_iter();
    match rest.next() {
        Some(lead) => vec![Group { lead, merged: rest.collect(), against, ..Group::default() }],
        None => denied(statements, against, newest),
    }
}

/// What is only denied, where that is to be told of itself: refused, not done, not to be done.
fn denied<K: Ord>(statements: &[Statement<'_>], against: Vec<usize>, newest: impl Fn(&usize) -> K) -> Vec<Group> {
    let mut told: Vec<usize> = against.into_iter().filter(|at| statements.get(*at).is_some_and(|s| SECTIONS.tells_alone(s.kind, s.resource))).collect();
    told.sort_by_key(newest);
    let mut rest = told.into_iter();
    rest.next().map(|lead| Group { lead, merged: rest.collect(), ..Group::default() }).into_iter().collect()
}

/// Marks vaccinations of one valence that follow each other too closely to be two doses.
fn too_near(statements: &[Statement<'_>], doses: &mut [Group]) {
    let day = |g: &Group| statements.get(g.lead).filter(|s| s.kind == "Immunization" && s.against.is_none() && s.when.len() >= 10).and_then(|s| Some((s.when_us?, g.lead)));
    let mut days: Vec<(i64, usize)> = doses.iter().filter_map(day).collect();
    days.sort_unstable();
    for group in doses.iter_mut() {
        let Some((own, lead)) = day(group) else { continue };
        let others = days.iter().filter(|(_, other)| *other != lead).map(|(us, other)| (days_between(*us, own), *other));
        group.near = others.filter(|(apart, _)| (1..IDENTITY.immunization.duplicate_days).contains(apart)).min().map(|(_, other)| other);
    }
}
