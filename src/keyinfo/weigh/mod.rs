//! What a line weighs for a reader, and why.

pub mod devices;
pub mod profile;
pub mod profiles;
pub mod rank;
pub mod score;
pub mod trend;
