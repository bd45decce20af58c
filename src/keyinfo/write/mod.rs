//! What is written from the lines: the IPS document, the view model of a screen, titles and quotations.

pub mod bundle;
pub mod document;
pub mod headline;
pub mod narrative;
pub mod quotation;
pub mod references;
pub mod required;
pub mod view;
