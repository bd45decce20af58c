//! When the lists in use end, and which of them should have been replaced by now.

use std::sync::Arc;

use super::authority::Authority;
use super::crl::{Believed, named};

const HOUR_S: i64 = 3600;

/// The lists of a set, by their authority and their times.
#[derive(Debug)]
pub(super) struct Endings(Vec<Ending>);

#[derive(Debug)]
struct Ending {
    authority: String,
    /// Seconds since 1970, as the next.
    this_update: i64,
    next_update: i64,
}

impl Endings {
    pub fn of(lists: &[Arc<Believed>], authorities: &[Authority]) -> Self {
        let one = |l: &Arc<Believed>| Ending { authority: named(authorities, &l.facts.issuer), this_update: l.facts.this_update, next_update: l.next_update };
        Self(lists.iter().map(one).collect())
    }

    /// Seconds from `now_s` to the first end; negative afterwards.
    pub fn seconds_left(&self, now_s: i64) -> i64 {
        self.0.iter().map(|e| e.next_update).min().unwrap_or(now_s).saturating_sub(now_s)
    }

    /// A sentence for each list of whose life half is over, while no newer one came.
    pub fn late(&self, now_s: i64) -> Vec<String> {
        let late = |e: &&Ending| e.next_update.saturating_sub(now_s) < e.next_update.saturating_sub(e.this_update) / 2;
        let told = |e: &Ending| {
            let hours = e.next_update.saturating_sub(now_s).max(0) / HOUR_S;
            format!("a revocation list of {} ends in {hours} hours: half of its life is over and no newer one came", e.authority)
        };
        self.0.iter().filter(late).map(told).collect()
    }
}
