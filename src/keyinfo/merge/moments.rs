//! Events of one code by their time: days so close, years so close, days within a year that is known alone.
//! Spec: key information §3.4 (procedure ± 1 day; onset year ± 1; year-only vaccinations match within the year, the lot breaks ties).

use super::apart::{by, days_between};
use super::statement::Statement;
use crate::fhir::time;
use crate::keyinfo::language::concept::text;

/// Events whose days are at most so many apart, of different documents: two of one document are two.
pub fn near(statements: &[Statement<'_>], mut list: Vec<usize>, days: i64) -> Vec<Vec<usize>> {
    let day = |at: usize| statements.get(at).and_then(|s| s.when_us).unwrap_or(i64::MIN);
    list.sort_by_key(|at| day(*at));
    let mut out: Vec<Vec<usize>> = Vec::new();
    for one in list {
        let joins = out.last().is_some_and(|open| open.first().is_some_and(|first| joins(statements, *first, one, days)) && !beside(statements, open, one));
        match out.last_mut().filter(|_| joins) {
            Some(open) => open.push(one),
            None => out.push(vec![one]),
        }
    }
    out
}

/// Whether the second event is of the first's day or so close after it; a month or a year alone is close to itself.
fn joins(statements: &[Statement<'_>], first: usize, one: usize, days: i64) -> bool {
    let (Some(a), Some(b)) = (statements.get(first), statements.get(one)) else { return false };
    let whole = |s: &Statement<'_>| s.when.len() >= 10;
    match (whole(a), whole(b)) {
        (true, true) => a.when_us.zip(b.when_us).is_some_and(|(x, y)| days_between(x, y) <= days),
        _ => a.when == b.when,
    }
}

/// Whether an event of the same document stands among them with another day.
fn beside(statements: &[Statement<'_>], open: &[usize], one: usize) -> bool {
    let Some(s) = statements.get(one) else { return false };
    let day = |s: &Statement<'_>| s.when.get(..10).unwrap_or(s.when).to_owned();
    open.iter().filter_map(|at| statements.get(*at)).any(|o| o.source == s.source && day(o) != day(s))
}

/// Statements by years at most so many apart; those without one are of the latest.
pub fn years(list: Vec<usize>, year: impl Fn(usize) -> Option<i64>, apart: i64) -> Vec<Vec<usize>> {
    let (mut dated, undated): (Vec<usize>, Vec<usize>) = list.into_iter().partition(|at| year(*at).is_some());
    dated.sort_by_key(|at| std::cmp::Reverse(year(*at)));
    let mut out: Vec<Vec<usize>> = Vec::new();
    for one in dated {
        let near = out.last().and_then(|open| year(*open.first()?)).zip(year(one)).is_some_and(|(latest, own)| latest - own <= apart);
        match out.last_mut().filter(|_| near) {
            Some(open) => open.push(one),
            None => out.push(vec![one]),
        }
    }
    match out.first_mut() {
        Some(latest) => latest.extend(undated),
        None => out.push(undated),
    }
    out
}

/// Vaccinations of one valence: those of a day, and those of a month or year alone with the one dose in it; the lot decides between two.
pub fn doses(statements: &[Statement<'_>], list: Vec<usize>, of_days: impl Fn(Vec<usize>) -> Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let partial = |at: &usize| statements.get(*at).is_some_and(|s| s.when_us.is_some() && s.when.len() < 10);
    let (vague, exact): (Vec<usize>, Vec<usize>) = list.into_iter().partition(partial);
    let lot = |at: usize| statements.get(at).map_or("", |s| text(s.resource, "/lotNumber"));
    let mut out: Vec<Vec<usize>> = of_days(exact).into_iter().flat_map(|day| lots(day, lot)).collect();
    for same in by(vague, |at| (statements.get(at).map_or("", |s| s.when).to_owned(), lot(at).to_owned())) {
        let place = same.first().and_then(|one| matching(statements, &out, *one, lot(*one)));
        match place.and_then(|p| out.get_mut(p)) {
            Some(list) => list.extend(same),
            None => out.push(same),
        }
    }
    out
}

/// Doses of a day by their lots: two lots are two doses; what names none goes with the first.
fn lots<'a>(day: Vec<usize>, lot: impl Fn(usize) -> &'a str) -> Vec<Vec<usize>> {
    let (named, unnamed): (Vec<usize>, Vec<usize>) = day.into_iter().partition(|at| !lot(*at).is_empty());
    let mut out = by(named, |at| lot(at).to_uppercase());
    match out.first_mut() {
        Some(first) => first.extend(unnamed),
        None => out.push(unnamed),
    }
    out
}

/// The only group of exact days within a vague date; of several the one of the same lot.
fn matching(statements: &[Statement<'_>], groups: &[Vec<usize>], vague: usize, lot: &str) -> Option<usize> {
    let (from, to) = time::range(statements.get(vague)?.when)?;
    let exact = |at: &usize| statements.get(*at).filter(|s| s.when.len() >= 10);
    let within: Vec<(usize, &Vec<usize>)> =
        groups.iter().enumerate().filter(|(_, g)| g.iter().filter_map(exact).any(|s| s.when_us.is_some_and(|us| (from..=to).contains(&us)))).collect();
    let lots = |g: &[usize]| g.iter().filter_map(|at| statements.get(*at)).map(|s| text(s.resource, "/lotNumber").to_owned()).filter(|l| !l.is_empty()).collect::<Vec<_>>();
    let contradicts = |g: &[usize]| !lot.is_empty() && !lots(g).is_empty() && !lots(g).iter().any(|l| l == lot);
    match within.as_slice() {
        [(place, group)] => (!contradicts(group)).then_some(*place),
        several => several.iter().find(|(_, g)| !lot.is_empty() && lots(g).iter().any(|l| l == lot)).map(|(place, _)| *place),
    }
}
