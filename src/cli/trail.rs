//! One chain of the trail, held against what the checkpoints say of it: by the verifier, and by a server before it goes on from it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use crate::audit::{Checkpoint, Event, Head, Mark};
use crate::identity::Check;
use crate::store::{Break, Chain, Store, Trail, Walked, chain_hash, seal_of, walk_read_log};
use crate::tls::seals_of;

/// Events this much newer than the last checkpoint (µs) show that checkpoints are missing.
const SILENCE_US: i64 = 3_600_000_000;
/// µs by which an event may be dated before one that stands before it: the longest a request can take.
const SLACK_US: i64 = 3_600_000_000;

/// Events that no checkpoint of their own run names, and that its seals guard instead.
struct Sealed {
    last: i64,
    /// None for the events of a program that did not seal yet.
    holds: Option<Check>,
}

/// Events that a server took over unanchored.
pub(super) struct TakenOver<'a> {
    pub checkpoint: &'a Checkpoint,
    /// Whether it was from a server that had not stopped in order; else there were no checkpoints.
    pub killed: bool,
    pub events: RangeInclusive<i64>,
}

/// A walk along one chain.
pub(super) struct Walk<'a> {
    trail: Trail,
    /// Number → hash of the event, by the checkpoints.
    expected: BTreeMap<i64, &'a str>,
    /// First event → what guards it and those behind it.
    sealed: BTreeMap<i64, Sealed>,
    pub taken_over: Vec<TakenOver<'a>>,
    last: Option<&'a Checkpoint>,
    /// Last number that a checkpoint names.
    pub anchored: i64,
    /// Of the last event seen.
    pub number: i64,
    newest_us: i64,
    bytes: u64,
    /// Up to the last event that a checkpoint or a seal guards, as far as there are seals: the chain, and bytes of its lines.
    whole: (Chain, u64),
    /// The first event that is not what was written, and what is said of it.
    wrong: Option<(i64, String)>,
    /// The first event that is dated long before one that stands before it.
    pub backwards: Option<i64>,
}

/// The head of one chain in a checkpoint.
fn head_of(trail: Trail, checkpoint: &Checkpoint) -> &Head {
    match trail {
        Trail::Writes => &checkpoint.writes,
        Trail::Reads => &checkpoint.reads,
    }
}

impl<'a> Walk<'a> {
    /// # Errors
    /// Checkpoints that contradict one another: the chain was made anew between them, or went on behind its end.
    pub fn of(trail: Trail, checkpoints: &'a [Checkpoint]) -> Result<Self, String> {
        let mut walk = Self {
            trail,
            expected: BTreeMap::new(),
            sealed: BTreeMap::new(),
            taken_over: Vec::new(),
            last: None,
            anchored: 0,
            number: 0,
            newest_us: 0,
            bytes: 0,
            whole: (Chain::default(), 0),
            wrong: None,
            backwards: None,
        };
        let mut seals = "";
        for (index, checkpoint) in checkpoints.iter().enumerate() {
            walk.learn(checkpoint, seals).map_err(|what| format!("checkpoint {}: {what}", index + 1))?;
            if checkpoint.mark == Mark::Start {
                seals = &checkpoint.seals;
            }
        }
        if walk.last.is_some_and(|c| c.mark != Mark::End) {
            walk.sealed.insert(walk.anchored + 1, Sealed { last: i64::MAX, holds: seals_of(seals) });
        }
        Ok(walk)
    }

    fn learn(&mut self, checkpoint: &'a Checkpoint, seals: &str) -> Result<(), String> {
        let (trail, head) = (self.trail, head_of(self.trail, checkpoint));
        let same = head.number == 0 || *self.expected.entry(head.number).or_insert(head.hash.as_str()) == head.hash;
        if head.number < self.anchored || !same {
            return Err(format!("the trail of {trail} was made anew before it: it ends at event {}, and the checkpoint before it says otherwise", head.number));
        }
        let events = self.anchored + 1..=head.number;
        let ended = self.last.is_some_and(|c| c.mark == Mark::End);
        if ended && (checkpoint.mark != Mark::Start || !events.is_empty()) {
            return Err(format!("the trail of {trail} goes on at event {} behind the checkpoint with which a server had stopped in order", events.start()));
        }
        if checkpoint.mark == Mark::Start && !ended {
            self.sealed.insert(*events.start(), Sealed { last: *events.end(), holds: seals_of(seals) });
            self.taken_over.push(TakenOver { checkpoint, killed: self.last.is_some(), events });
        }
        (self.anchored, self.last) = (head.number, Some(checkpoint));
        Ok(())
    }

    /// One event, whose place in its chain was checked.
    pub fn see(&mut self, chain: &Chain, line: &str) {
        self.number = chain.number();
        self.bytes += u64::try_from(line.len()).unwrap_or(0) + 1;
        if self.wrong.is_none() {
            self.wrong = self.guarded(chain, line).or_else(|| self.said(line));
        }
    }

    /// What a checkpoint or a seal says of an event; something when it does not hold.
    fn guarded(&mut self, chain: &Chain, line: &str) -> Option<(i64, String)> {
        let number = self.number;
        if self.expected.get(&number).is_some_and(|hash| *hash != chain.hash()) {
            let first = self.expected.range(..number).next_back().map_or(1, |(before, _)| before + 1);
            return Some((number, format!("event {number} is not the one of its checkpoint: one of the events {first} to {number}, which it guards, was changed")));
        }
        let range = self.sealed.range(..=number).next_back().map(|(_, sealed)| sealed).filter(|sealed| number <= sealed.last);
        if let Some((Sealed { last, .. }, holds)) = range.and_then(|sealed| Some((sealed, sealed.holds.as_ref()?))) {
            let first = self.whole.0.number() + 1;
            match seal_of(self.trail, line) {
                Some((text, seal)) if holds(text.as_bytes(), seal.as_bytes()) => {}
                Some(_) => {
                    return Some((
                        first,
                        format!("the seal of event {number} does not hold: one of the events {first} to {number} was changed, or none of them was written by the server"),
                    ));
                }
                None if number == *last => return Some((first, format!("event {number}, which was taken over, carries no seal of the server that wrote it"))),
                None => return None,
            }
        }
        self.whole = (chain.clone(), self.bytes);
        None
    }

    /// What an event says itself; something when it says nothing.
    fn said(&mut self, line: &str) -> Option<(i64, String)> {
        #[derive(Deserialize)]
        struct Line {
            event: Event,
        }
        let number = self.number;
        let Ok(Line { event }) = serde_json::from_str(line) else {
            return Some((number, format!("event {number} cannot be read as an event")));
        };
        if event.at_us < self.newest_us.saturating_sub(SLACK_US) {
            self.backwards.get_or_insert(number);
        }
        self.newest_us = self.newest_us.max(event.at_us);
        None
    }

    /// Nothing is left to see.
    ///
    /// # Errors
    /// The first event that breaks the chain or differs from what guards it; events that a checkpoint names and that are not there;
    /// events behind an end, or long after the last checkpoint.
    pub fn judged(&self, broken: Option<&Break>) -> Result<(), String> {
        let trail = self.trail;
        match (broken, &self.wrong) {
            (Some(broken), wrong) if wrong.as_ref().is_none_or(|(number, _)| broken.number <= *number) => return Err(format!("the trail of {trail} is broken: {broken}")),
            (_, Some((_, what))) => return Err(format!("the trail of {trail}: {what}")),
            _ => {}
        }
        if self.number < self.anchored {
            return Err(format!("the trail of {trail}: events {} to {} of its checkpoints are missing: its end was cut off", self.number + 1, self.anchored));
        }
        let Some(last) = self.last.filter(|_| self.number > self.anchored) else { return Ok(()) };
        if last.mark == Mark::End {
            let first = self.anchored + 1;
            return Err(format!("the trail of {trail}: event {first} stands behind the checkpoint with which the server had stopped in order: it was put there"));
        }
        if self.newest_us > last.at_us.saturating_add(SILENCE_US) {
            let number = self.number;
            return Err(format!("the checkpoints end an hour or more before event {number} of the trail of {trail}: their file was cut off, or they could not be written"));
        }
        Ok(())
    }

    /// The newest events, when the server that wrote them would have sealed them and they carry no seal: torn off while they were being
    /// written, before anybody was answered, or not its own.
    pub fn unsealed(&self) -> RangeInclusive<i64> {
        self.whole.0.number().max(self.anchored) + 1..=self.number
    }

    /// # Errors
    /// Such events, where writing does not leave any.
    pub fn is_sealed(&self) -> Result<(), String> {
        let events = self.unsealed();
        if events.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the trail of {}: events {} to {} carry no seal: they were not written by the server, or torn off while it wrote them",
            self.trail,
            events.start(),
            events.end()
        ))
    }
}

/// Holds both chains against the last checkpoints: the log of reads as a whole, the chain of writes behind them. Gives what the log
/// goes on from.
///
/// # Errors
/// A text that names the first event that is not what was written.
pub(super) fn before_start(known: &[Checkpoint], store: &Store, log: &Path) -> Result<Walked, String> {
    writes_behind(known, store)?;
    let mut reads = Walk::of(Trail::Reads, known)?;
    let walked = walk_read_log(log, |chain, line| reads.see(chain, line)).map_err(|e| e.to_string())?;
    reads.judged(walked.broken.as_ref())?;
    let torn = reads.unsealed();
    if !torn.is_empty() {
        tracing::warn!(first = torn.start(), last = torn.end(), "the newest lines of the log of reads carry no seal: nobody was answered by them, and they are cut off");
    }
    let (chain, good) = reads.whole;
    Ok(Walked { chain, good, broken: None })
}

fn writes_behind(known: &[Checkpoint], store: &Store) -> Result<(), String> {
    let head = known.last().map(|c| c.writes.clone()).unwrap_or_default();
    let mut writes = Walk::of(Trail::Writes, known)?;
    writes.number = head.number;
    if head.number > 0 {
        match store.audit_line(head.number).map_err(|e| e.to_string())? {
            Some(line) if chain_hash(&line) == head.hash => {}
            Some(_) => return Err(format!("the trail of writes: event {} is not the one of its checkpoint: it, or one before it, was changed", head.number)),
            None => return Err(format!("the trail of writes: event {} of its last checkpoint is missing", head.number)),
        }
    }
    writes.whole = (Chain::after(head.number, head.hash.clone()), 0);
    let (_, broken) = store.walk_audit(Chain::after(head.number, head.hash), |chain, line| writes.see(chain, line)).map_err(|e| e.to_string())?;
    writes.judged(broken.as_ref())?;
    writes.is_sealed()
}
