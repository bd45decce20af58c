//! A small cache by bytes: what was used least lately goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Values by key, at most `budget` bytes of them as the caller counts them.
pub struct Cache<K, V> {
    inner: Mutex<Inner<K, V>>,
    budget: usize,
}

struct Inner<K, V> {
    values: HashMap<K, Held<V>>,
    bytes: usize,
    clock: u64,
}

struct Held<V> {
    value: Arc<V>,
    bytes: usize,
    used: u64,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// An empty cache.
    pub fn new(budget: usize) -> Self {
        Self { inner: Mutex::new(Inner { values: HashMap::new(), bytes: 0, clock: 0 }), budget }
    }

    /// The value of a key, when it is held.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let now = inner.clock;
        let held = inner.values.get_mut(key)?;
        held.used = now;
        Some(Arc::clone(&held.value))
    }

    /// Holds a value that counts `bytes`; one over the whole budget is not held.
    pub fn put(&self, key: K, value: Arc<V>, bytes: usize) {
        if bytes > self.budget {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let used = inner.clock;
        if let Some(old) = inner.values.insert(key, Held { value, bytes, used }) {
            inner.bytes -= old.bytes;
        }
        inner.bytes += bytes;
        if inner.bytes > self.budget {
            inner.shrink(self.budget / 4 * 3);
        }
    }
}

impl<K: Eq + Hash + Clone, V> Inner<K, V> {
    /// Lets go of the least lately used down to a target: a quarter at a time, so that the sort is rare.
    fn shrink(&mut self, target: usize) {
        let mut ages: Vec<(u64, K)> = self.values.iter().map(|(k, h)| (h.used, k.clone())).collect();
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

    #[test]
    fn what_was_used_least_lately_goes_first() {
        let cache = Cache::new(100);
        for key in 0..10 {
            cache.put(key, Arc::new(key), 10);
        }
        assert!(cache.get(&0).is_some());
        cache.put(10, Arc::new(10), 10);
        assert!(cache.get(&0).is_some() && cache.get(&1).is_none() && cache.get(&10).is_some());
        cache.put(11, Arc::new(11), 1000);
        assert!(cache.get(&11).is_none());
    }
}
