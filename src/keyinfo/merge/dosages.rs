//! Dosages of one medicine that its prescribers give differently.
//! Spec: key information §3.4 (medication: «flags: dose differs»); `fhir-profiles/key-information/medications.toml`, `windows`.

use super::group::Group;
use super::statement::Statement;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::read::course::Course;
use crate::keyinfo::read::supply;
use crate::keyinfo::tell::line::Context;

/// Of each author the newest statement of a dosage in force since a moment, newest first, when two of them say something else; else none. A
/// dispensing says what was handed over, its dosage is a prescriber's.
pub fn differing(context: &Context<'_>, group: &Group, since_us: i64) -> Vec<usize> {
    let in_force = |s: &Statement<'_>| {
        let goes_on = s.taken.is_some_and(|t| t.at(context.now_us) == Course::Current);
        goes_on && matches!(s.kind, "MedicationStatement" | "MedicationRequest") && s.said_us >= since_us && !words(s).is_empty()
    };
    let mut said: Vec<(usize, &Statement<'_>)> = group.affirming().filter_map(|at| Some((at, context.statement(at)?))).filter(|(_, s)| in_force(s)).collect();
    // The order of the group decides between two of one moment: that of their documents.
    said.sort_by_key(|(_, s)| std::cmp::Reverse(s.said_us));
    let mut authors: Vec<String> = Vec::new();
    said.retain(|(_, s)| {
        let author = context.citation(s).author.clone();
        let newest = !author.is_empty() && !authors.contains(&author);
        authors.push(author);
        newest
    });
    let Some((_, newest)) = said.first().copied() else { return Vec::new() };
    // Whoever says the same as the newest contradicts nobody.
    let others: Vec<usize> = said.iter().filter(|(_, s)| differ(s, newest)).map(|(at, _)| *at).collect();
    if others.is_empty() { others } else { said.first().map(|(at, _)| *at).into_iter().chain(others).collect() }
}

fn words<'a>(s: &Statement<'a>) -> &'a str {
    s.stated().variants().first().map_or("", |dosage| dosage.words.as_str())
}

/// Whether two dosages are two: by the dose of a day where both say it in one unit, else by their words.
fn differ(a: &Statement<'_>, b: &Statement<'_>) -> bool {
    match (supply::per_day(a.resource), supply::per_day(b.resource)) {
        (Some((one, unit)), Some((other, same))) if unit == same => (one - other).abs() > 1e-9 * one.max(other),
        _ => {
            let (one, other) = (format!(" {} ", fold(words(a))), format!(" {} ", fold(words(b))));
            !one.contains(&other) && !other.contains(&one)
        }
    }
}
