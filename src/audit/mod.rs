//! Who did what, when, to which record: one compact event per interaction and patient, from which a BALP AuditEvent is made when
//! read. Events name the patient by resource id, never by identity, and hold no result. The one exception is the raw query of a
//! search, which BALP asks for: a caller may have put an identifier into it.
//! Spec: IHE BALP 1.1 (RESTful activity), IHE MHD audit messages.

mod agents;
mod balp;
mod by;
mod checkpoint;
mod erasure;
mod event;
mod numbers;
mod opening;
mod tde;

pub use agents::known_by;
pub use balp::{PERSON, STRUCTURE, TYPE, subtypes};
pub use by::By;
pub use checkpoint::{Checkpoint, Head, Mark};
pub use erasure::Erasure;
pub use event::{Action, Event, Outcome};
pub use numbers::{packed, unpacked};
pub use opening::{Entry, OPENING_US, entries, opens};
pub use tde::TDE;
