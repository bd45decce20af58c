//! One document read: each statement with what it is about, when, where it belongs, by what it is compared. Nothing here knows another document.

pub mod analyte;
pub mod codes;
pub mod contents;
pub mod course;
pub mod doubt;
pub mod product;
pub mod stated;
pub mod supply;
pub mod units;
