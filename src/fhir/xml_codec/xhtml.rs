//! The narrative: a string in JSON, elements in XML.
//! Spec: FHIR R4 narrative#xhtml.

use super::super::Result;
use super::super::r4::Path;
use super::super::xml::{self, Element, Node};
use super::{LIMITS, XHTML_NS, bad_value};

const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
/// Elements of XHTML that are always empty; all others get an end tag, so that HTML readers understand them too.
const VOID: [&str; 10] = ["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"];

/// Where a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Attribute,
    Content,
}

/// Writes the div of a JSON string into an XML document: as it stands when it can, else rebuilt from its tree.
pub(super) fn embed(text: &str, path: &Path<'_>, out: &mut String) -> Result<()> {
    let text = text.trim_ascii();
    if !text.starts_with('<') || text.starts_with("<?") {
        return Err(bad_value(570, path, "the narrative must be one <div> of XHTML"));
    }
    let root = xml::parse(text.as_bytes(), &LIMITS).map_err(|e| bad_value(571, path, "the narrative is not well-formed XHTML").because(e))?;
    if &*root.name != "div" || !matches!(&*root.ns, XHTML_NS | "") {
        return Err(bad_value(585, path, "the narrative must be one <div> of XHTML"));
    }
    let plain = text.starts_with("<div") && (text.ends_with("</div>") || text.ends_with("/>"));
    match text.strip_prefix("<div") {
        Some(_) if plain && &*root.ns == XHTML_NS => out.push_str(text),
        // A div without namespace, as some write it in JSON, is meant as XHTML.
        Some(rest) if plain => {
            out.push_str("<div xmlns=\"");
            out.push_str(XHTML_NS);
            out.push('"');
            out.push_str(rest);
        }
        _ => serialise(&root, &root.ns, "", out),
    }
    Ok(())
}

/// The div of an XML document as text.
pub(super) fn text(div: &Element) -> String {
    let mut out = String::new();
    serialise(div, XHTML_NS, "", &mut out);
    out
}

/// Writes an element; `home` is the namespace that counts as XHTML, `scope` the default namespace where it stands.
fn serialise(element: &Element, home: &str, scope: &str, out: &mut String) {
    let ns = if &*element.ns == home { XHTML_NS } else { &*element.ns };
    out.push('<');
    out.push_str(&element.name);
    if ns != scope {
        out.push_str(" xmlns=\"");
        escape(ns, Place::Attribute, out);
        out.push('"');
    }
    for (index, attribute) in element.attributes.iter().enumerate() {
        out.push(' ');
        match &*attribute.ns {
            "" => {}
            XML_NS => out.push_str("xml:"),
            other => {
                out.push_str(&format!("xmlns:n{index}=\""));
                escape(other, Place::Attribute, out);
                out.push_str(&format!("\" n{index}:"));
            }
        }
        out.push_str(&attribute.name);
        out.push_str("=\"");
        escape(&attribute.value, Place::Attribute, out);
        out.push('"');
    }
    if element.children.is_empty() && VOID.contains(&&*element.name) {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => serialise(child, home, ns, out),
            Node::Text(text) => escape(text, Place::Content, out),
            Node::Data(_) => {}
        }
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

/// Writes text so that an XML reader gives it back: white space of attributes and CR would be changed otherwise.
pub(super) fn escape(text: &str, place: Place, out: &mut String) {
    let mut rest = text;
    let special = |b: &u8| matches!(b, b'&' | b'<' | b'>' | b'\r') || (place == Place::Attribute && matches!(b, b'"' | b'\n' | b'\t'));
    while let Some((plain, tail)) = rest.bytes().position(|b| special(&b)).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(plain);
        let mut tail = tail.chars();
        out.push_str(match tail.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            Some('\n') => "&#10;",
            Some('\t') => "&#9;",
            _ => "&#13;",
        });
        rest = tail.as_str();
    }
    out.push_str(rest);
}
