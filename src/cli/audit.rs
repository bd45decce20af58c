//! `passerelle audit verify`: walks both chains of the trail, and holds them against the checkpoints.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::anchor;
use super::trail::Walk;
use crate::audit::{Checkpoint, Mark};
use crate::config::Config;
use crate::fhir::time;
use crate::store::{Chain, DatabaseUrl, Store, StoreOptions, Trail, anchor_lines, last_checkpoint, walk_read_log};

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
    /// Verify the proof of an erasure: its signature, and that the trail names it.
    Proof {
        /// The answer of $erase, or the signed text in it alone.
        file: PathBuf,
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

pub(super) fn run(command: &AuditCommand) -> Result<(), String> {
    match command {
        AuditCommand::Verify { data, anchor, config } => verify(data, anchor.as_deref(), config.as_deref()),
        AuditCommand::Proof { file, data, config } => super::proof::run(file, data, config.as_deref()),
    }
}

/// Changes nothing; says how many events are whole, or which is the first that is not.
fn verify(data: &Path, given: Option<&Path>, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let url = DatabaseUrl::parse(&config.database.url)?;
    let store = Store::open(&StoreOptions { url, readers: 1, queue: 0, facts_bytes: 1 << 20 }).map_err(|e| e.to_string())?;
    let runs = store.is_written().map_err(|e| e.to_string())?;
    let place = given.map_or_else(|| anchor::place(data, &config), Path::to_owned);
    let checkpoints = checkpoints(data, &place)?;
    let log = data.join("audit-reads.log");
    if !log.is_file() {
        return Err(format!("{}: there is no log of reads", log.display()));
    }
    let mut writes = Walk::of(Trail::Writes, &checkpoints)?;
    let (_, broken) = store.walk_audit(Chain::default(), |chain, line| writes.see(chain, line)).map_err(|e| e.to_string())?;
    writes.judged(broken.as_ref())?;
    writes.is_sealed()?;
    let mut reads = Walk::of(Trail::Reads, &checkpoints)?;
    let walked = walk_read_log(&log, |chain, line| reads.see(chain, line)).map_err(|e| e.to_string())?;
    reads.judged(walked.broken.as_ref())?;
    if !runs {
        // Else the newest lines are those that are being written.
        reads.is_sealed()?;
        ends_there(&log, walked.good)?;
        has_an_end(&checkpoints, &writes, &reads)?;
    }
    report(&checkpoints, [&writes, &reads], runs);
    if anchor::is_inside(data, &place) {
        println!("the checkpoints lie in the data folder: who can rewrite both can cut the trail back to an earlier moment unseen; keep them in another place (audit.anchor)");
    }
    Ok(())
}

/// # Errors
/// Bytes behind the last line: torn off by a power loss, or put there.
fn ends_there(log: &Path, good: u64) -> Result<(), String> {
    let length = std::fs::metadata(log).map_err(|e| format!("{}: {e}", log.display()))?.len();
    if length == good {
        Ok(())
    } else {
        Err(format!(
            "{}: {} bytes stand behind its last whole line: torn off by a power loss, or put there; a server that starts cuts them off",
            log.display(),
            length.saturating_sub(good)
        ))
    }
}

/// # Errors
/// A server that did not stop in order, and none since that took the trail over: whether its newest events were cut off does not show.
fn has_an_end(checkpoints: &[Checkpoint], writes: &Walk<'_>, reads: &Walk<'_>) -> Result<(), String> {
    let sealing = checkpoints.iter().any(|c| c.mark == Mark::Start);
    let Some(last) = checkpoints.last().filter(|last| sealing && last.mark != Mark::End) else { return Ok(()) };
    Err(format!(
        "the trail is whole up to event {} of writes and event {} of reads, but it has no end: the server did not stop in order after checkpoint {} ({}), and events behind these may have been cut off. Compare with what you know of that time; a server that starts takes the trail over as it is, and says so in its checkpoint",
        writes.number,
        reads.number,
        checkpoints.len(),
        time::instant(last.at_us)
    ))
}

/// What is whole, and what cannot be shown.
fn report(checkpoints: &[Checkpoint], chains: [&Walk<'_>; 2], runs: bool) {
    let [writes, reads] = chains;
    let newer = chains.iter().map(|c| c.number - c.anchored).sum::<i64>();
    println!("audit trail verified: {} events of writes, {} events of reads; {} checkpoints, {newer} events newer than the last", writes.number, reads.number, checkpoints.len());
    for (of_writes, of_reads) in writes.taken_over.iter().zip(&reads.taken_over) {
        // The first start of all takes nothing over.
        if !of_writes.killed && of_writes.events.is_empty() && of_reads.events.is_empty() {
            continue;
        }
        let why = if of_writes.killed { "the server before had not stopped in order, or was of a version that made no end" } else { "there were no checkpoints before" };
        println!(
            "taken over unanchored on {}: {} of writes, {} of reads; {why}, and an end that was cut off before that moment does not show",
            time::instant(of_writes.checkpoint.at_us),
            range(&of_writes.events),
            range(&of_reads.events)
        );
    }
    if runs {
        println!("a server writes this trail: what is newer than the last checkpoint is sealed, and the next names it");
    }
    for (trail, event) in [(Trail::Writes, writes.backwards), (Trail::Reads, reads.backwards)] {
        if let Some(event) = event {
            println!("the trail of {trail}: event {event} is dated an hour or more before events that stand before it: the clock was set back");
        }
    }
}

fn range(events: &RangeInclusive<i64>) -> String {
    if events.is_empty() { "no event".to_owned() } else { format!("events {} to {}", events.start(), events.end()) }
}

/// The checkpoints of a file, signatures and chain verified. A server makes one when it starts.
fn checkpoints(data: &Path, place: &Path) -> Result<Vec<Checkpoint>, String> {
    // Before the lines, of which a running server may write more at any time.
    let head = anchor::head(data);
    let kept = last_checkpoint(&head).map_err(|e| e.to_string())?;
    let lines = anchor_lines(place).map_err(|e| e.to_string())?;
    if lines.is_empty() {
        return Err(format!("{}: there are no checkpoints; name their file with --anchor", place.display()));
    }
    let public = anchor::key(data).with_extension("jwks");
    let jwks = std::fs::read(&public).map_err(|e| format!("{}: {e}", public.display()))?;
    let out = anchor::verified(&lines, &jwks).map_err(|e| format!("{}: {e}", place.display()))?;
    match kept {
        None => Err(format!("{}: the copy of the last checkpoint is not there", head.display())),
        Some(kept) if lines.contains(&kept) => Ok(out),
        Some(_) => Err(format!("{}: the last checkpoint that was made is missing: the end of the file was cut off, or this is an old copy of it", place.display())),
    }
}
