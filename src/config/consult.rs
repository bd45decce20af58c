//! The practitioner's page: its own listener, its certificate, and how long tickets and sessions live.

use serde::{Deserialize, Serialize};

/// The page in a browser that holds no client certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consult {
    /// Address and port of the page, without client certificate; empty = no page. Default empty.
    pub bind: String,
    /// `https://host[:port]` that browsers see, nothing behind it; empty = `https://localhost:PORT`. Default empty.
    pub base_url: String,
    /// Certificate chain of that listener, PEM, leaf first. Default: the API's.
    pub certificate: String,
    /// Its private key, PEM. Default: the API's.
    pub key: String,
    /// Seconds a ticket may be used, once; 10–300. Default 60.
    pub ticket_seconds: u64,
    /// Minutes without a request after which a session ends, 1–30. Default 30.
    pub idle_minutes: u64,
    /// Minutes after which every session ends, 5–240. Default 240.
    pub whole_minutes: u64,
    /// Sessions at once, and tickets, 1–10000. Default 10000.
    pub sessions: usize,
    /// Days after which «j'ai compris» is asked again, 1–366. Default 180.
    pub notice_days: u64,
}

impl Default for Consult {
    fn default() -> Self {
        let none = String::new;
        Self { bind: none(), base_url: none(), certificate: none(), key: none(), ticket_seconds: 60, idle_minutes: 30, whole_minutes: 240, sessions: 10_000, notice_days: 180 }
    }
}

impl Consult {
    /// Checks bounds.
    ///
    /// # Errors
    /// A text that names the key and the rule.
    pub(super) fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(format!("configuration: {name} must be between {low} and {high}")) }
        };
        within("consult.ticket_seconds", self.ticket_seconds, 10, 300)?;
        within("consult.idle_minutes", self.idle_minutes, 1, 30)?;
        within("consult.whole_minutes", self.whole_minutes, 5, 240)?;
        within("consult.sessions", u64::try_from(self.sessions).unwrap_or(u64::MAX), 1, 10_000)?;
        within("consult.notice_days", self.notice_days, 1, 366)?;
        if !self.bind.is_empty() && self.bind.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
            return Err("configuration: consult.bind must be an address and a port, for instance 127.0.0.1:8444".into());
        }
        let host = self.base_url.strip_prefix("https://").unwrap_or_default();
        if !self.base_url.is_empty() && (host.is_empty() || host.contains(['/', '?', '#', '@'])) {
            return Err("configuration: consult.base_url must be https:// and a host, nothing behind it, for instance https://documents.example:8444".into());
        }
        if self.certificate.is_empty() != self.key.is_empty() {
            return Err("configuration: consult.certificate and consult.key are given together, or neither".into());
        }
        Ok(())
    }
}
