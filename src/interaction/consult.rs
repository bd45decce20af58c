//! The practitioner's page: software asks for a ticket, a browser without certificate redeems it once, and a session of that
//! browser looks at that one patient.
//!
//! Nothing here opens anything by itself: whatever a session shows is a [`Call`] of its caller and actor through `dispatch`.
//! Tickets and sessions live in memory: after a restart the software opens the page anew.
//! Spec: Passerelle; CSP L.1111-17, R.1111-46, R.1111-48.

mod desk;
mod launch;
mod steps;
mod traits;

pub use desk::{Desk, Ended, Imported, NewSession, Refused, Session};
pub use launch::launch;
pub(super) use launch::{patient, permitted};
pub use steps::{break_glass, glass_breaker, imported, may_be_opened, notice_due, notice_read, of_patient, view, views};
pub use traits::Traits;

use super::{App, Call, Method};
use crate::fhir::Actor;
use crate::identity::Caller;

/// Who looks at whose record through the page, and in which way.
#[derive(Debug, Clone)]
pub struct Visit {
    pub caller: Caller,
    pub actor: Actor,
    /// FHIR id of the patient.
    pub patient: String,
    /// What the software shows of the patient; none where no software passed any.
    pub traits: Option<Traits>,
    /// Whether they are not those of the record.
    pub mismatch: bool,
    /// Request id of its events: of a page opened by a ticket, the id of that opening.
    pub request_id: String,
    /// Whether it is the opening of a page by a ticket, which the patient reads as one access.
    pub opening: Opening,
    /// End of the access token, seconds since 1970; none without one.
    pub token_ends_s: Option<i64>,
}

/// How a page came to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// By a ticket: one opening, whose id is the request id of all that is asked for in it.
    Ticket,
    /// By a caller of the API, each of whose requests is an access of its own.
    None,
}

impl Visit {
    /// A call of this visit; `address` is the network address it comes from.
    pub fn call(&self, app: &App, method: Method, path: &[&str], address: &str) -> Call {
        let path = path.iter().map(|p| (*p).to_owned()).collect();
        let call = Call::plain(app, (self.caller.clone(), self.actor.clone()), method, path, (address.to_owned(), self.request_id.clone()));
        call.event.borrow_mut().opening = self.opening_id();
        call.about(&self.patient);
        call
    }

    /// The opening that its events belong to; empty for a caller of the API.
    pub fn opening_id(&self) -> String {
        if self.opening == Opening::Ticket { self.request_id.clone() } else { String::new() }
    }
}
