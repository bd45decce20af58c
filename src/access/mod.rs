//! Caller × the patient's choices × document → what may be seen. One condition, one place: every read, search, include,
//! total, summary and Binary goes through the [`Visibility`] made here, applied inside the query by `store`.
//!
//! The rules it holds now are few and fail closed; the policy is `open`: any valid certificate reads and writes.
//! A document labelled MASQUE_PS is absent for every structure but its authors'; deleted documents are absent for all.

pub mod labels;
mod visibility;

pub use visibility::Visibility;
