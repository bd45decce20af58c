//! Marks of what is said, so that thousands of statements are compared without reading their words again.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::LazyLock;

/// A mark that the same words always bear, and no others: 128 bits made with keys of this process, which no document can know. It has no
/// order and leaves the process nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64, u64);

static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

impl Mark {
    pub fn of(said: &(impl Hash + ?Sized)) -> Self {
        let [first, second] = &*KEYS;
        Self(first.hash_one(said), second.hash_one(said))
    }
}

impl Hash for Mark {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// For tables whose keys are marks and numbers of our own: a mark is its hash, and nobody chooses our numbers.
pub type Quick = BuildHasherDefault<Brought>;

/// Takes the hash that a key brings along.
#[derive(Default)]
pub struct Brought(u64);

impl Hasher for Brought {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(u64::from(*b)));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(26) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(u64::try_from(n).unwrap_or(u64::MAX));
    }

    fn write_i64(&mut self, n: i64) {
        self.write_u64(n.cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_words_bear_the_same_mark_and_others_another() {
        assert_eq!(Mark::of("tabac"), Mark::of(&"tabac".to_owned()));
        let all: HashSet<Mark, Quick> = (0..10_000).map(|n| Mark::of(&format!("{n}"))).collect();
        assert_eq!(all.len(), 10_000);
    }

    #[test]
    fn numbers_in_a_row_fall_into_different_places() {
        let low = |n: i64| Quick::default().hash_one((n, Mark(7, 7))) & 0xfff;
        let places: HashSet<u64> = (0..1000).map(low).collect();
        assert!(places.len() > 700, "{}", places.len());
    }
}
