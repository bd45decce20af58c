//! Requests over connections, and their times.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::cli::client::Target;

/// Method, path and body.
pub(super) type Request = (&'static str, String, Vec<u8>);

/// Sends `total` requests over `connections`; returns the time of each.
pub(super) fn load(target: &Target, connections: usize, total: usize, request: impl Fn(usize) -> Request + Send + Sync + 'static) -> Result<(Vec<Duration>, Duration), String> {
    let next = Arc::new(AtomicUsize::new(0));
    let request = Arc::new(request);
    let start = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (target, next, request) = (target.clone(), Arc::clone(&next), Arc::clone(&request));
            std::thread::spawn(move || -> Result<Vec<Duration>, String> {
                let mut client = target.connect()?;
                let mut times = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return Ok(times);
                    }
                    let (method, path, bytes) = request(n);
                    let start = Instant::now();
                    let answer = client.call(method, &path, &[("Content-Type", "application/fhir+json"), ("Prefer", "return=minimal")], &bytes)?;
                    times.push(start.elapsed());
                    if answer.status != 200 {
                        return Err(format!("HTTP {} {}", answer.status, String::from_utf8_lossy(answer.body.get(..400).unwrap_or(&answer.body))));
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a client stopped")??);
    }
    Ok((all, start.elapsed()))
}

/// Prints p50 and p99 of one read over some connections, after as many reads that are not counted as there are connections (20 at
/// least), and gives p50 back.
pub(super) fn reads(target: &Target, what: &str, path: &str, (connections, times): (usize, usize)) -> Result<Duration, String> {
    let once = |total: usize| {
        let path = path.to_owned();
        load(target, connections, total, move |_| ("GET", path.clone(), Vec::new()))
    };
    once(connections.max(20)).map_err(|e| format!("{what}: {e}"))?;
    let (mut all, _) = once(times).map_err(|e| format!("{what}: {e}"))?;
    println!("{what:<31} {}", shown(&mut all));
    Ok(all.get(all.len() / 2).copied().unwrap_or_default())
}

/// `1.20 ms p50 3.40 ms p99`; sorts the times.
pub(super) fn shown(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    format!("{:>8.2} ms p50 {:>8.2} ms p99", ms(at(50)), ms(at(99)))
}

/// Milliseconds.
pub(super) fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

/// Exact to 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures for a person to read")]
pub(super) fn f64_of(n: u64) -> f64 {
    n as f64
}
