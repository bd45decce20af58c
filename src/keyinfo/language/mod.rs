//! How French says it: tables, codes with their names, dates, numbers.

pub mod concept;
pub mod dates;
pub mod french;
pub mod mark;
pub mod numbers;
pub mod tables;
pub mod text;
pub mod words;
