//! Statements of many documents made lines: which are of one thing, what keeps two apart, how a medicine stands.

pub mod apart;
pub mod dosages;
pub mod group;
pub mod identity;
pub mod moments;
pub mod regimen;
pub mod series;
pub mod statement;
