//! POST Binary: refused with the road to take; a document without its metadata would belong to nobody.
//! Spec: IHE MHD 4.2 ITI-65, ITI-105.

use super::{Answer, App, Call};
use crate::fhir::{Fault, FaultKind, Result};

/// POST Binary
pub(super) fn create(_app: &App, _call: &Call) -> Result<Answer> {
    Err(Fault::new(FaultKind::MethodNotAllowed, 470, "a document comes with its metadata: ITI-65 (transaction), ITI-105 (POST DocumentReference with attachment.data) or $deposit"))
}
