//! The events of both sources: those of writes in the database, those of reads and refusals in the log.

use std::ops::ControlFlow;

use serde_json::Value;

use super::asked::Asked;
use super::disclosure::disclosed;
use crate::audit::{self, Entry, Event, OPENING_US};
use crate::fhir::{Result, Role};
use crate::interaction::{App, Call};

/// Matching events that one search takes of each source.
pub(super) const MAX_EVENTS: usize = 10_000;
/// Lines of the log, of the time asked for, that one search looks at.
pub(super) const MAX_LINES: usize = 1_000_000;
/// µs by which the order of the lines and that of the arrivals may differ: the longest a request can take.
const SLACK_US: i64 = 3_600_000_000;

/// Up to where a search looks: pages of one search see the same events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub commit: i64,
    /// Number of the newest line of the log.
    pub log: i64,
}

/// What a search found, in the order asked for.
pub(super) struct Trail {
    pub entries: Vec<Entry>,
    pub bounds: Bounds,
    /// See [`Found::cut_us`].
    pub cut_us: Option<i64>,
}

/// Every entry that matches and that the caller may read: for the holder one per access, for others one per event.
pub(super) fn gather(app: &App, call: &Call, asked: &Asked, bounds: Option<Bounds>) -> Result<Trail> {
    let accesses = reads_accesses(call) && asked.of_accesses();
    let found = events(app, call, asked, bounds, if accesses { OPENING_US } else { 0 })?;
    // An access is of the time asked for when any part of it is.
    let mut entries: Vec<Entry> = if accesses { audit::entries(found.events) } else { found.events.into_iter().map(Entry::alone).collect() };
    entries.retain(|entry| entry.all().any(|e| asked.fits_dates(e)));
    // What is not later than the newest event that was left out comes with that one, from whichever source: never twice.
    entries.retain(|entry| found.cut_us.is_none_or(|cut_us| entry.event.at_us > cut_us));
    entries.sort_by(|a, b| (b.event.at_us, &b.event.id).cmp(&(a.event.at_us, &a.event.id)));
    if asked.oldest_first {
        entries.reverse();
    }
    Ok(Trail { entries, bounds: found.bounds, cut_us: found.cut_us })
}

/// Of the entries that are shown to a holder, gives those that begin an opening their parts: an event is the same however it was found.
pub(super) fn whole(app: &App, call: &Call, shown: &mut [Entry]) -> Result<()> {
    let openings: Vec<String> = shown.iter().filter(|e| e.parts.is_empty() && audit::opens(&e.event)).map(|e| e.event.opening.clone()).collect();
    if openings.is_empty() || !reads_accesses(call) {
        return Ok(());
    }
    let found = audit::entries(events(app, call, &Asked::openings(openings), None, 0)?.events);
    for known in found {
        if let Some(entry) = shown.iter_mut().find(|e| e.event.id == known.event.id) {
            entry.parts = known.parts;
        }
    }
    Ok(())
}

/// The holder, and who represents him, read accesses; everybody else reads events.
/// Spec: CSP L.1111-19.
fn reads_accesses(call: &Call) -> bool {
    matches!(call.visibility.rules().map(|r| r.actor.role), Some(Role::Holder | Role::LegalRepresentative))
}

/// Events of both sources.
pub(super) struct Found {
    pub events: Vec<Event>,
    bounds: Bounds,
    /// When the newest event is of that was left out, µs UTC; none when all were looked at.
    pub cut_us: Option<i64>,
}

/// Every event that matches and that the caller may read, in no order; of a time that is wider by `beside` µs when that is not 0.
fn events(app: &App, call: &Call, asked: &Asked, bounds: Option<Bounds>, beside_us: i64) -> Result<Found> {
    let mut found = all(app, call, asked, bounds, beside_us)?;
    found.events = app.store.read(&call.visibility, |reader| disclosed(reader, call, std::mem::take(&mut found.events)))?;
    found.events.retain(|e| asked.fits_entities(e));
    Ok(found)
}

/// Every event that matches, whoever may read it: for counting alone, never for an answer.
pub(super) fn undisclosed(app: &App, call: &Call, asked: &Asked) -> Result<Found> {
    all(app, call, asked, None, 0)
}

fn all(app: &App, call: &Call, asked: &Asked, bounds: Option<Bounds>, beside_us: i64) -> Result<Found> {
    let (low, high) = asked.range();
    let (low, high) = (low.saturating_sub(beside_us), high.saturating_add(beside_us));
    let needle = asked.needle();
    let fits = |e: &Event| asked.fits(e) && asked.fits_entities(e) && (beside_us > 0 || asked.fits_dates(e));
    let mut logged = Logged { fits: &fits, needle: &needle, low, high, newest: bounds.map(|b| b.log), events: Vec::new(), lines: 0, most: MAX_LINES, cut_us: None };
    let later = |line: &str| number_after(line, "\"at_us\":").is_some_and(|at_us| at_us > high.saturating_add(SLACK_US));
    if high == i64::MAX {
        app.read_log.newest(|line| logged.see(line))?
    } else {
        app.read_log.newest_but(later, |line| logged.see(line))?
    }
    let Logged { newest, mut events, cut_us: log_cut, .. } = logged;
    let limit = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
    let (commit, written_cut) = app.store.read(&call.visibility, |reader| {
        let commit = bounds.map_or_else(|| reader.commit(), |b| b.commit);
        let lines = reader.audit_lines((low, high.saturating_add(SLACK_US)), commit, &needle, limit)?;
        events.extend(lines.iter().filter_map(|l| event_of(l)).filter(|e| fits(e)));
        let oldest = lines.last().filter(|_| lines.len() >= MAX_EVENTS).and_then(|l| number_after(l, "\"at_us\":"));
        Ok((commit, oldest))
    })?;
    Ok(Found { events, bounds: Bounds { commit, log: newest.unwrap_or(0) }, cut_us: log_cut.max(written_cut) })
}

/// One event by its id, when the caller may read it.
pub(super) fn one(app: &App, call: &Call, id: &str) -> Result<Option<Event>> {
    let needle = format!("\"id\":\"{id}\"");
    let mut found = Vec::new();
    app.read_log.newest(|line| {
        found.extend(line.contains(&needle).then(|| event_of(line)).flatten().filter(|e| e.id == id));
        if found.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    app.store.read(&call.visibility, |reader| {
        if found.is_empty() {
            let lines = reader.audit_lines((i64::MIN, i64::MAX), i64::MAX, &needle, 10)?;
            found.extend(lines.iter().filter_map(|l| event_of(l)).filter(|e| e.id == id));
        }
        Ok(disclosed(reader, call, std::mem::take(&mut found))?.pop())
    })
}

/// A walk through the log.
struct Logged<'a> {
    fits: &'a dyn Fn(&Event) -> bool,
    needle: &'a str,
    low: i64,
    high: i64,
    /// Number of the newest line of this search.
    newest: Option<i64>,
    events: Vec<Event>,
    /// Lines of the range looked at, and how many may be.
    lines: usize,
    most: usize,
    /// When the newest line is of that was left out.
    cut_us: Option<i64>,
}

impl Logged<'_> {
    fn see(&mut self, line: &str) -> ControlFlow<()> {
        let (Some(number), Some(at_us)) = (number_after(line, "\"number\":"), number_after(line, "\"at_us\":")) else { return ControlFlow::Continue(()) };
        if number > *self.newest.get_or_insert(number) {
            return ControlFlow::Continue(());
        }
        if at_us < self.low.saturating_sub(SLACK_US) {
            return ControlFlow::Break(());
        }
        if !(self.low..=self.high).contains(&at_us) {
            return ControlFlow::Continue(());
        }
        self.lines += 1;
        if self.lines > self.most || self.events.len() >= MAX_EVENTS {
            self.cut_us = Some(at_us);
            return ControlFlow::Break(());
        }
        if line.contains(self.needle) {
            self.events.extend(event_of(line).filter(|e| (self.fits)(e)));
        }
        ControlFlow::Continue(())
    }
}

/// The number behind the first `name` of a line; both names this is asked for stand before anything a caller wrote.
fn number_after(line: &str, name: &str) -> Option<i64> {
    let (_, rest) = line.split_once(name)?;
    let end = rest.bytes().position(|b| !(b.is_ascii_digit() || b == b'-')).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The event inside a chained line.
fn event_of(line: &str) -> Option<Event> {
    let mut value: Value = serde_json::from_str(line).ok()?;
    serde_json::from_value(value.get_mut("event")?.take()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: i64, at_us: i64) -> String {
        format!(
            "{{\"prev\":\"\",\"number\":{number},\"event\":{{\"at_us\":{at_us},\"id\":\"e{number}\",\"interaction\":\"read\",\"transaction\":null,\"action\":\"R\",\"outcome\":\"Success\",\"structure\":\"3\",\"organization\":\"\",\"fingerprint\":\"\",\"serial\":\"\",\"issuer\":\"\",\"address\":\"\",\"patient\":null,\"entities\":[],\"query\":null,\"request_id\":\"\"}}}}"
        )
    }

    fn logged(low: i64, newest: Option<i64>) -> Logged<'static> {
        Logged { fits: &|_| true, needle: "", low, high: i64::MAX, newest, events: Vec::new(), lines: 0, most: 3, cut_us: None }
    }

    #[test]
    fn lines_after_the_first_page_are_not_seen_and_the_walk_ends_before_the_range() {
        let mut first = logged(10, None);
        assert!(first.see(&line(7, 20)).is_continue());
        assert_eq!((first.newest, first.events.len()), (Some(7), 1));
        let mut later = logged(10, Some(7));
        assert!(later.see(&line(8, 30)).is_continue() && later.see(&line(7, 20)).is_continue() && later.see(&line(6, 9)).is_continue());
        assert_eq!(later.events.len(), 1);
        assert!(later.see(&line(5, 9 - SLACK_US)).is_break() && later.cut_us.is_none());
    }

    #[test]
    fn the_bound_counts_the_lines_of_the_time_asked_for_and_says_where_it_cut() {
        let mut walk = Logged { high: 100, ..logged(i64::MIN, None) };
        for number in (10..50).rev() {
            assert!(walk.see(&line(number, 1000)).is_continue(), "later lines count for nothing");
        }
        assert!((7..10).rev().all(|number| walk.see(&line(number, number)).is_continue()) && walk.cut_us.is_none());
        assert!(walk.see(&line(6, 6)).is_break());
        assert_eq!((walk.cut_us, walk.events.len()), (Some(6), 3));
    }
}
