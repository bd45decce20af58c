//! Hardened XML: one reader for CDA and FHIR, giving a small tree with resolved namespaces.
//!
//! Refused: DOCTYPE, entities other than the five and character references, depth, attributes, names and nodes over their
//! limits, bytes that do not decode, a second root, text outside the root, an end before the root is closed.
//! Processing instructions and comments are dropped; nothing is ever fetched or executed.
//! Spec: XML 1.0, Namespaces in XML 1.0; security: no DTD, no XInclude, no XSLT.

mod decode;
mod dom;
mod reader;
mod syntax;

pub use dom::{Attribute, Element, Node};
pub use reader::{Limits, parse};
