//! Counters for the operator; labels are statuses and interaction names, never anything of a patient.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// Counts and total time by interaction and status.
#[derive(Debug, Default)]
pub struct Metrics {
    rows: Mutex<BTreeMap<(String, u16), (u64, f64)>>,
}

impl Metrics {
    /// One request done.
    pub fn done(&self, interaction: &str, status: u16, took: Duration) {
        if let Ok(mut rows) = self.rows.lock() {
            let row = rows.entry((interaction.to_owned(), status)).or_default();
            row.0 += 1;
            row.1 += took.as_secs_f64();
        }
    }

    /// The Prometheus text format.
    pub fn text(&self) -> String {
        let mut out = String::from("# TYPE passerelle_requests_total counter\n# TYPE passerelle_request_seconds_sum counter\n");
        if let Ok(rows) = self.rows.lock() {
            for ((interaction, status), (count, seconds)) in rows.iter() {
                out.push_str(&format!("passerelle_requests_total{{interaction=\"{interaction}\",status=\"{status}\"}} {count}\n"));
                out.push_str(&format!("passerelle_request_seconds_sum{{interaction=\"{interaction}\",status=\"{status}\"}} {seconds:.6}\n"));
            }
        }
        out.push_str(&format!("passerelle_resident_bytes {}\n", resident_bytes().unwrap_or(0)));
        out
    }
}

/// Resident set of this process in bytes, where the system tells it.
pub fn resident_bytes() -> Option<u64> {
    resident_bytes_of(std::process::id())
}

/// Resident set of a process in bytes, where the system tells it.
pub fn resident_bytes_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}
