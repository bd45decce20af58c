//! One file per FHIR interaction, per operation and per IHE transaction. Everything here is synchronous and runs on a
//! blocking thread; this is the room that has a clock and makes identifiers.

mod acceptance;
mod address;
mod admit;
mod answer;
mod app;
mod audit_event;
mod authorize;
mod batch;
mod binary_create;
mod call;
mod capability;
pub mod cds_hooks;
pub mod consult;
mod contents;
mod create;
mod delete;
mod delta;
mod deposit;
mod dispatch;
mod document;
mod embedded;
mod erase;
mod everything;
mod existence;
mod explain;
mod export;
mod facts;
mod feeding;
mod generate_metadata;
mod history;
mod home;
mod iti105;

mod iti65;
mod key_info;
mod later;
mod layers;
mod listing;
mod notices;
mod paging;
mod patch;
mod patient;
mod planning;
mod prepared;
mod read;
mod record_state;
mod reference;
mod refused;
pub mod registry;
mod render;
mod resource;
mod retrieve;
mod rights;
mod rules;
mod sealed;
mod search;
mod section_texts;
mod sent_parameters;
mod statements;
mod summary;
mod throttle;
mod transaction;
mod turns;
mod update;
mod validate_cda;

#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
mod time_tests;

pub use acceptance::Accepted;
pub use address::form_pairs;
pub use admit::admit;
pub use answer::{Answer, Body};
pub use app::{App, Signer};
pub use call::{Call, Method, Prefer};
pub use consult::Desk;
pub use dispatch::{MAX_FORM, allowed, dispatch};
pub use erase::{Due, due};
pub use layers::Layers;
pub use planning::outcome_of;
pub use registry::{media_of, takes_document};
pub use rules::Rules;
pub use statements::is_valid;
pub use throttle::{Missed, Throttle};
