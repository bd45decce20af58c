//! FHIR R4 without I/O: faults, resources as bytes and trees, the JSON and XML codecs, the element table, and the
//! shapes that several rooms share. Imports nothing of ours.

pub mod actor;
pub mod anchor;
pub mod classification;
pub mod document_entry;
pub mod fault;
pub mod gate;
pub mod html;
pub mod r4;
pub mod search;
pub mod section_text;
pub mod splice;
pub mod time;
pub mod ucum;
pub mod xml;
pub mod xml_codec;

pub use actor::{Actor, Level, Mode, Person, Role, Software};
pub use document_entry::{Coding, DocumentEntry, Identifier, RelatedIdentifier, Replacement};
pub use fault::{Fault, FaultKind, Issue, IssueType, Result, Severity};
pub use section_text::SectionText;
