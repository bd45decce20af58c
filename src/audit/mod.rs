//! Who did what, when, to which record: one compact event per interaction, from which a BALP AuditEvent is made when read.
//! Events name the patient by record pseudonym and resource ids, never by identity; results are never inside.
//! Spec: IHE BALP 1.1 (RESTful activity), IHE MHD audit messages.

mod balp;
mod event;

pub use balp::to_fhir;
pub use event::{Action, Event, Outcome};
