//! One request, parsed once: who, what, with which conditions. The event that the audit will hold is filled on the way.

use std::cell::RefCell;

use crate::access::Visibility;
use crate::audit::{Action, Event, Outcome};
use crate::identity::Caller;

/// Methods the API knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The Prefer header.
#[derive(Debug, Clone, Default)]
pub struct Prefer {
    /// `handling=strict`.
    pub strict: bool,
    /// `return=minimal`, `representation` or `OperationOutcome`.
    pub returns: Option<String>,
}

/// A request of a known caller.
#[derive(Debug)]
pub struct Call {
    pub caller: Caller,
    pub visibility: Visibility,
    /// µs UTC at arrival.
    pub now_us: i64,
    pub method: Method,
    /// Decoded path segments below the base.
    pub path: Vec<String>,
    /// Decoded query pairs, in order.
    pub query: Vec<(String, String)>,
    /// The query as it came.
    pub raw_query: String,
    /// JSON or other bytes; FHIR XML has been converted.
    pub body: Vec<u8>,
    /// MIME type of the body without parameters, lower case.
    pub content_type: String,
    /// MIME types of Accept, in order, lower case, without parameters.
    pub accept: Vec<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    pub if_none_exist: Option<String>,
    pub prefer: Prefer,
    pub event: RefCell<Event>,
    /// Set once the event rides in a commit, so that it is not logged twice.
    pub committed: std::cell::Cell<bool>,
}

impl Call {
    /// An event for this caller, to be refined by the interaction.
    pub fn event_for(caller: &Caller, now_us: i64, address: String, request_id: String) -> Event {
        Event {
            at_us: now_us,
            id: uuid::Uuid::new_v4().to_string(),
            interaction: "unknown".into(),
            transaction: None,
            action: Action::E,
            outcome: Outcome::Success,
            structure: caller.structure.to_string(),
            organization: caller.organization.clone(),
            fingerprint: caller.fingerprint_hex(),
            serial: caller.serial.clone(),
            issuer: caller.issuer.clone(),
            address,
            patient: None,
            entities: Vec::new(),
            query: None,
            request_id,
        }
    }

    /// Names the interaction in the event.
    pub fn is(&self, interaction: &str, action: Action) {
        let mut event = self.event.borrow_mut();
        interaction.clone_into(&mut event.interaction);
        event.action = action;
    }

    /// Names the IHE transaction.
    pub fn is_transaction(&self, name: &str) {
        self.event.borrow_mut().transaction = Some(name.to_owned());
    }

    /// Adds what was touched (at most 100 are kept).
    pub fn touched(&self, reference: String) {
        let mut event = self.event.borrow_mut();
        if event.entities.len() < 100 {
            event.entities.push(reference);
        }
    }

    /// Names the patient.
    pub fn about(&self, patient: &str) {
        self.event.borrow_mut().patient = Some(patient.to_owned());
    }

    /// The last value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Every value of a query parameter.
    pub fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.query.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}
