//! A small cache by bytes: what was used least lately goes first, but nothing that was used just now.
//!
//! A record larger than the cache is read from its first document to its last at each call: if each took the place of another, none
//! would be there at the next call. So what finds no room among values that were just used is not held.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long a value that was used keeps its place.
const KEPT: Duration = Duration::from_secs(5);

/// Values by key, at most `budget` bytes of them as the caller counts them.
pub struct Cache<K, V> {
    inner: Mutex<Inner<K, V>>,
    budget: usize,
}

struct Inner<K, V> {
    values: HashMap<K, Held<V>>,
    bytes: usize,
}

struct Held<V> {
    value: Arc<V>,
    bytes: usize,
    used: Instant,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// An empty cache.
    pub fn new(budget: usize) -> Self {
        Self { inner: Mutex::new(Inner { values: HashMap::new(), bytes: 0 }), budget }
    }

    /// The value of a key, when it is held.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        self.get_at(key, Instant::now())
    }

    /// Holds a value that counts `bytes`, where it finds room.
    pub fn put(&self, key: K, value: Arc<V>, bytes: usize) {
        self.put_at(key, value, bytes, Instant::now());
    }

    fn get_at(&self, key: &K, now: Instant) -> Option<Arc<V>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let held = inner.values.get_mut(key)?;
        held.used = now;
        Some(Arc::clone(&held.value))
    }

    fn put_at(&self, key: K, value: Arc<V>, bytes: usize, now: Instant) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = inner.values.remove(&key) {
            inner.bytes -= old.bytes;
        }
        if inner.bytes + bytes > self.budget {
            inner.shrink(self.budget / 4 * 3, now);
        }
        if inner.bytes + bytes <= self.budget {
            inner.bytes += bytes;
            inner.values.insert(key, Held { value, bytes, used: now });
        }
    }
}

impl<K: Eq + Hash + Clone, V> Inner<K, V> {
    /// Lets go of the least lately used down to a target: a quarter at a time, so that the sort is rare.
    fn shrink(&mut self, target: usize, now: Instant) {
        let idle = self.values.iter().filter(|(_, h)| now.saturating_duration_since(h.used) >= KEPT);
        let mut ages: Vec<(Instant, K)> = idle.map(|(k, h)| (h.used, k.clone())).collect();
        ages.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in ages {
            if self.bytes <= target {
                return;
            }
            if let Some(held) = self.values.remove(&key) {
                self.bytes -= held.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of 100 bytes that holds 0–9, each used a second after the other.
    fn filled(start: Instant) -> Cache<u64, u64> {
        let cache = Cache::new(100);
        (0..10).for_each(|key| cache.put_at(key, Arc::new(key), 10, start + Duration::from_secs(key)));
        cache
    }

    #[test]
    fn what_was_used_least_lately_goes_first() {
        let start = Instant::now();
        let (cache, later) = (filled(start), start + Duration::from_secs(60));
        assert!(cache.get_at(&0, later).is_some());
        cache.put_at(10, Arc::new(10), 10, later);
        assert!(cache.get(&0).is_some() && cache.get(&1).is_none() && cache.get(&10).is_some());
        cache.put_at(11, Arc::new(11), 1000, later);
        assert!(cache.get(&11).is_none());
    }

    #[test]
    fn what_is_read_in_turn_and_finds_no_room_leaves_the_others_in_place() {
        let start = Instant::now();
        let cache = filled(start);
        for turn in 0..4 {
            let now = start + Duration::from_secs(9 + turn);
            let missed = (0..15).filter(|key| cache.get_at(key, now).is_none()).collect::<Vec<u64>>();
            assert_eq!(missed, [10, 11, 12, 13, 14], "turn {turn}");
            missed.into_iter().for_each(|key| cache.put_at(key, Arc::new(key), 10, now));
        }
    }
}
