//! `passerelle audit verify`: walks both chains of the trail, and holds them against the checkpoints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::anchor;
use crate::audit::{Checkpoint, Head};
use crate::config::Config;
use crate::store::{Break, Chain, DatabaseUrl, Store, StoreOptions, anchor_lines, last_checkpoint, walk_read_log};

/// Events this much newer than the last checkpoint (µs) show that checkpoints are missing.
const SILENCE_US: i64 = 3_600_000_000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Verify the trail: every hash of both chains, every signature, and that nothing a checkpoint names was changed or cut off.
    Verify {
        #[arg(long)]
        data: PathBuf,
        /// File of checkpoints, instead of audit.anchor.
        #[arg(long)]
        anchor: Option<PathBuf>,
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

pub(super) fn run(command: &AuditCommand) -> Result<(), String> {
    let AuditCommand::Verify { data, anchor, config } = command;
    verify(data, anchor.as_deref(), config.as_deref())
}

/// Changes nothing; says how many events are whole, or which is the first that is not.
fn verify(data: &Path, given: Option<&Path>, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let place = given.map_or_else(|| anchor::place(data, &config), Path::to_owned);
    let checkpoints = checkpoints(data, &place)?;
    let log = data.join("audit-reads.log");
    if !log.is_file() {
        return Err(format!("{}: there is no log of reads", log.display()));
    }
    let mut writes = Walk::of("writes", checkpoints.iter().map(|c| &c.writes))?;
    let (_, broken) = store.walk_audit(|chain, line| writes.see(chain, line)).map_err(|e| e.to_string())?;
    writes.first_wrong(broken)?;
    let mut reads = Walk::of("reads", checkpoints.iter().map(|c| &c.reads))?;
    let walked = walk_read_log(&log, |chain, line| reads.see(chain, line)).map_err(|e| e.to_string())?;
    reads.first_wrong(walked.broken)?;
    for chain in [&writes, &reads] {
        chain.reaches_its_checkpoints()?;
        chain.no_longer_than(checkpoints.last())?;
    }
    let newer = [&writes, &reads].iter().map(|c| c.number - c.anchored).sum::<i64>();
    println!("audit trail verified: {} events of writes, {} events of reads; {} checkpoints, {newer} events newer than the last", writes.number, reads.number, checkpoints.len());
    Ok(())
}

/// The checkpoints of a file, signatures and chain verified. A server makes one when it starts.
fn checkpoints(data: &Path, place: &Path) -> Result<Vec<Checkpoint>, String> {
    let lines = anchor_lines(place).map_err(|e| e.to_string())?;
    if lines.is_empty() {
        return Err(format!("{}: there are no checkpoints; name their file with --anchor", place.display()));
    }
    let public = anchor::key(data).with_extension("jwks");
    let jwks = std::fs::read(&public).map_err(|e| format!("{}: {e}", public.display()))?;
    let out = anchor::verified(&lines, &jwks).map_err(|e| format!("{}: {e}", place.display()))?;
    let head = anchor::head(data);
    match last_checkpoint(&head).map_err(|e| e.to_string())? {
        None => Err(format!("{}: the copy of the last checkpoint is not there", head.display())),
        Some(kept) if lines.contains(&kept) => Ok(out),
        Some(_) => Err(format!("{}: the last checkpoint that was made is missing: the end of the file was cut off, or this is an old copy of it", place.display())),
    }
}

/// A walk along one chain, with what the checkpoints say of it.
struct Walk<'a> {
    name: &'static str,
    /// Number → hash of the event, by the checkpoints.
    expected: BTreeMap<i64, &'a str>,
    /// Of the last event seen.
    number: i64,
    at_us: i64,
    /// Last number that a checkpoint names.
    anchored: i64,
    wrong: Option<i64>,
}

impl<'a> Walk<'a> {
    /// # Errors
    /// Checkpoints that contradict one another: the chain was made anew between them.
    fn of(name: &'static str, heads: impl Iterator<Item = &'a Head>) -> Result<Self, String> {
        let (mut expected, mut anchored) = (BTreeMap::new(), 0);
        for (index, head) in heads.enumerate() {
            let same = head.number == 0 || *expected.entry(head.number).or_insert(head.hash.as_str()) == head.hash;
            if head.number < anchored || !same {
                return Err(format!(
                    "checkpoint {}: the trail of {name} was made anew before it: it ends at event {}, and the checkpoint before it says otherwise",
                    index + 1,
                    head.number
                ));
            }
            anchored = head.number;
        }
        Ok(Self { name, expected, number: 0, at_us: 0, anchored, wrong: None })
    }

    /// One event, whose place in its chain was checked.
    fn see(&mut self, chain: &Chain, line: &str) {
        self.number = chain.number();
        if self.wrong.is_none() && self.expected.get(&self.number).is_some_and(|hash| *hash != chain.hash()) {
            self.wrong = Some(self.number);
        }
        let at = line.split_once("\"at_us\":").and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        self.at_us = at.unwrap_or(self.at_us);
    }

    /// # Errors
    /// The first event that breaks the chain, or that differs from what a checkpoint says of it: it, or one before it, was changed and
    /// chained again.
    fn first_wrong(&self, broken: Option<Break>) -> Result<(), String> {
        match (broken, self.wrong) {
            (Some(broken), wrong) if wrong.is_none_or(|number| broken.number <= number) => Err(format!("the trail of {} is broken: {broken}", self.name)),
            (_, Some(number)) => Err(format!("the trail of {}: event {number} is not the one of its checkpoint: it, or one before it, was changed", self.name)),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// Events that a checkpoint names and that are not there.
    fn reaches_its_checkpoints(&self) -> Result<(), String> {
        if self.number >= self.anchored {
            return Ok(());
        }
        Err(format!("the trail of {}: events {} to {} of its checkpoints are missing: its end was cut off", self.name, self.number + 1, self.anchored))
    }

    /// # Errors
    /// Events that went on long after the last checkpoint.
    fn no_longer_than(&self, last: Option<&Checkpoint>) -> Result<(), String> {
        match last {
            Some(last) if self.number > self.anchored && self.at_us > last.at_us.saturating_add(SILENCE_US) => {
                Err(format!("the checkpoints end an hour or more before event {} of the trail of {}: their file was cut off, or they could not be written", self.number, self.name))
            }
            _ => Ok(()),
        }
    }
}
