use super::{Answer, App, Call, registry::ResourceRow};
use crate::fhir::Result;
pub(super) fn conditional(_app: &App, _call: &Call, _row: &ResourceRow) -> Result<Answer> { todo!() }
pub(super) fn patch(_app: &App, _call: &Call, _row: &ResourceRow, _id: &str) -> Result<Answer> { todo!() }
