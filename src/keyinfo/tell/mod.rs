//! A line in French: the thing, what is said of it, who says otherwise, from which documents.

pub mod citation;
pub mod effects;
pub mod line;
pub mod medication;
pub mod observation;
pub mod plan;
pub mod remark;
pub mod report;
pub mod request;
pub mod section;
pub mod texts;
