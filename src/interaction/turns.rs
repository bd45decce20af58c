//! Work that keeps a core busy for tens of milliseconds takes its turn: as much at once as there are cores, in the order it came.
//! Side by side, eight readers of large records would slow each other down, and the last would wait for all.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The turns of one kind of work.
pub struct Turns {
    at_once: u64,
    queue: Mutex<Queue>,
    moved: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Turns asked for so far.
    asked: u64,
    /// Turns that ended.
    ended: u64,
}

/// A turn; it ends when this is dropped.
#[must_use]
pub struct Turn<'a>(&'a Turns);

impl Turns {
    /// `at_once`: how many work side by side; at least one does.
    pub fn new(at_once: usize) -> Self {
        Self { at_once: u64::try_from(at_once).unwrap_or(1).max(1), queue: Mutex::default(), moved: Condvar::new() }
    }

    /// As many at once as this machine has cores.
    pub fn of_the_cores() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Waits until all who asked before, but as many as work at once, are done.
    pub fn wait(&self) -> Turn<'_> {
        let mut queue = self.queue();
        let mine = queue.asked;
        queue.asked += 1;
        while mine >= queue.ended + self.at_once {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Turn(self)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.queue().ended += 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_work_at_once_than_there_are_turns_and_all_get_one() {
        let (turns, working, most, done) = (Turns::new(2), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let _turn = turns.wait();
                    most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    working.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!((most.into_inner(), done.into_inner()), (2, 16));
    }

    #[test]
    fn a_turn_that_ends_in_a_panic_is_given_back() {
        let turns = Turns::new(1);
        let broken = std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let _turn = turns.wait();
                panic!("on purpose");
            });
            worker.join()
        });
        assert!(broken.is_err());
        drop(turns.wait());
    }

    #[test]
    fn who_came_first_goes_first() {
        let (turns, order) = (Turns::new(1), Mutex::new(Vec::new()));
        let first = turns.wait();
        std::thread::scope(|scope| {
            for n in 0..4u64 {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.wait();
                    order.lock().unwrap().push(n);
                });
                // The next asks when this one stands in line.
                while turns.queue().asked < n + 2 {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 3]);
    }
}
