use super::{Answer, App, Call, resource::Sent};
use crate::fhir::Result;
pub(super) fn provide(_app: &App, _call: &Call, _sent: &Sent) -> Result<Answer> { todo!() }
