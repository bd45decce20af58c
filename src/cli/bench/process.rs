//! A server of the bench's own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::load::ms;

/// A server process under `data`, so that its memory is its own; ended when dropped.
pub(super) struct Process {
    pub child: std::process::Child,
    pub port: u16,
}

impl Process {
    /// Starts it under a policy of access, and waits until it listens.
    pub fn start(data: &Path, policy: &str) -> Result<Self, String> {
        let start = Instant::now();
        let mut child = program()?
            .args(["serve", "--bind", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("PASSERELLE__ACCESS__POLICY", policy)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("no output")?;
        BufReader::new(out).read_line(&mut line).map_err(|e| e.to_string())?;
        println!("ready to serve after             {:>8.0} ms ({policy})", ms(start.elapsed()));
        let port = line.trim().rsplit(':').next().and_then(|p| p.parse().ok()).ok_or("the server did not start")?;
        Ok(Self { child, port })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// This program.
pub(super) fn program() -> Result<Command, String> {
    std::env::current_exe().map(Command::new).map_err(|e| e.to_string())
}
