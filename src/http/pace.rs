//! When «not here» leaves: at full steps of time after its request came. It hides most of what looking at a hidden document takes longer.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;

/// Looking at a hidden document takes some 50 µs more than finding none; a step covers both.
const STEP: Duration = Duration::from_millis(2);

/// Waits for the next step when the answer is 404; no thread waits with it.
pub(super) async fn even(start: Instant, status: u16) {
    if status == 404 {
        sleep(left(start.elapsed())).await;
    }
}

/// Time to the next full step.
fn left(elapsed: Duration) -> Duration {
    let past = elapsed.as_nanos().checked_rem(STEP.as_nanos()).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    STEP.saturating_sub(Duration::from_nanos(past))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_leaves_at_the_next_full_step() {
        for (elapsed, until) in [(0, 2_000), (450, 2_000), (500, 2_000), (1_999, 2_000), (2_000, 4_000), (3_100, 4_000)] {
            let elapsed = Duration::from_micros(elapsed);
            assert_eq!(elapsed + left(elapsed), Duration::from_micros(until));
        }
    }
}
