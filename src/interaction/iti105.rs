use super::{Answer, App, Call};
use crate::fhir::Result;
pub(super) fn publish(_app: &App, _call: &Call) -> Result<Answer> { todo!() }
