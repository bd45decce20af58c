//! The only room that names actix: one listener over mutual TLS, content negotiation, limits and headers.
//! A handler reads the request, hands it to `interaction` on a blocking thread, waits for the audit, and answers.

mod accept;
mod admin;
mod bearer;
mod body;
mod cds;
mod consult;
mod metrics;
mod oauth;
mod pace;
mod peer;
mod refusal;
mod respond;
mod serve;

pub use admin::start as start_admin;
pub use metrics::{Metrics, resident_bytes, resident_bytes_of};
pub use oauth::{Authorization, Gate, Provider, ProviderSetting};
pub use serve::{Listeners, Running, start};
