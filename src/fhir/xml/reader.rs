//! Events → tree, with every limit checked on the way.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::super::{Fault, FaultKind, Result};
use super::dom::{Attribute, Element, Node};
use super::syntax;

/// Base64 of this length or more stays in the source.
const DATA_MIN: usize = 4096;

/// What one document may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub depth: usize,
    /// Per tag.
    pub attributes: usize,
    pub name_bytes: usize,
    pub nodes: usize,
    /// Long base64 stays in the source ([`Node::Data`]).
    pub data: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 128, attributes: 64, name_bytes: 256, nodes: 2_000_000, data: false }
    }
}

/// Parses a document into its root element.
///
/// # Errors
/// `Malformed` with the byte offset in the decoded text; never the content.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Element> {
    let text = super::decode::decode(bytes)?;
    if !syntax::are_characters(&text) {
        return Err(Fault::new(FaultKind::Malformed, 530, "the document holds a character that XML does not allow"));
    }
    let mut reader = NsReader::from_str(&text);
    let config = reader.config_mut();
    config.enable_all_checks(true);
    config.check_comments = true;
    config.allow_unmatched_ends = false;
    config.allow_dangling_amp = false;
    config.expand_empty_elements = false;
    let mut builder = Builder {
        limits,
        source: &text,
        at: matches!(text, Cow::Borrowed(_)).then(|| bytes.len() - text.len()),
        lines: (0, 1),
        stack: Vec::new(),
        root: None,
        text: String::new(),
        nodes: 0,
        names: HashMap::new(),
        started: false,
    };
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|e| bad(531, "the document is not well-formed XML", at).because(e))?;
        if matches!(event, Event::Eof) {
            break;
        }
        builder.event(&reader, event, at)?;
    }
    match builder.root {
        Some(root) if builder.stack.is_empty() => Ok(root),
        _ => Err(bad(532, "the document ends before its root element does", reader.buffer_position())),
    }
}

fn bad(number: u16, what: &str, at: u64) -> Fault {
    Fault::new(FaultKind::Malformed, number, format!("{what} (byte {at})"))
}

struct Builder<'l> {
    limits: &'l Limits,
    source: &'l str,
    /// Where the text begins in the bytes that were given; `None` when they had to be decoded.
    at: Option<usize>,
    /// A byte of the source and its line: elements come in order, so that each byte is looked at once.
    lines: (usize, u32),
    stack: Vec<Element>,
    root: Option<Element>,
    /// Text not yet in the tree: it comes in pieces, cut at every reference.
    text: String,
    nodes: usize,
    names: HashMap<String, Rc<str>>,
    started: bool,
}

impl Builder<'_> {
    fn event(&mut self, reader: &NsReader<&[u8]>, event: Event<'_>, at: u64) -> Result<()> {
        if matches!(event, Event::Start(_) | Event::Empty(_) | Event::End(_)) {
            self.flush(at)?;
        }
        match event {
            Event::Start(tag) => {
                let element = self.element(reader, &tag, at)?;
                if self.stack.len() >= self.limits.depth {
                    return Err(bad(533, "the document is nested too deeply", at));
                }
                self.stack.push(element);
            }
            Event::Empty(tag) => {
                let element = self.element(reader, &tag, at)?;
                self.close(element, at)?;
            }
            Event::End(_) => {
                let element = self.stack.pop().ok_or_else(|| bad(534, "an end tag has no start", at))?;
                self.close(element, at)?;
            }
            Event::Text(text) if self.is_data(&text) => {
                self.flush(at)?;
                self.data(&text, at)?;
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                if text.contains("]]>") {
                    return Err(bad(536, "text holds ']]>'", at));
                }
                self.text(&text, at)?;
            }
            Event::CData(data) => {
                let text = data.xml10_content();
                if self.stack.is_empty() {
                    return Err(bad(537, "text stands outside the root element", at));
                }
                self.text(&text, at)?;
            }
            Event::GeneralRef(reference) => {
                let text = entity(&reference, at)?;
                if self.stack.is_empty() {
                    return Err(bad(537, "text stands outside the root element", at));
                }
                self.text(text.encode_utf8(&mut [0; 4]), at)?;
            }
            Event::DocType(_) => return Err(Fault::new(FaultKind::Malformed, 538, "a DOCTYPE is not accepted: no DTD, no entities (security)")),
            Event::Decl(_) if self.started => return Err(bad(539, "the XML declaration must come first", at)),
            Event::PI(pi) if pi.target().eq_ignore_ascii_case("xml") => return Err(bad(540, "a processing instruction named xml is not allowed", at)),
            Event::PI(pi) if !syntax::is_name(pi.target()) => return Err(bad(549, "a name is malformed or too long", at)),
            Event::Decl(decl) if !syntax::is_declaration(&decl) => return Err(bad(541, "the XML declaration is malformed, or its version is not 1.0", at)),
            _ => {}
        }
        self.started = true;
        Ok(())
    }

    fn count(&mut self, at: u64) -> Result<()> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(bad(543, "the document holds too many nodes", at));
        }
        Ok(())
    }

    /// A long text of an element that says it is base64, of a source that was not decoded: it can stay where it is.
    fn is_data(&self, text: &str) -> bool {
        let encoded = |e: &Element| e.attr("representation").is_some_and(|r| r.eq_ignore_ascii_case("B64"));
        self.limits.data && text.len() >= DATA_MIN && self.at.is_some() && self.stack.last().is_some_and(encoded)
    }

    fn data(&mut self, text: &str, at: u64) -> Result<()> {
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b' ' | b'\t' | b'\r' | b'\n')) {
            return self.text(text, at);
        }
        let start = usize::try_from(at).ok().zip(self.at).map(|(at, from)| at + from);
        let Some((start, top)) = start.zip(self.stack.last_mut()) else { return self.text(text, at) };
        top.children.push(Node::Data(start..start + text.len()));
        self.count(at)
    }

    fn text(&mut self, text: &str, at: u64) -> Result<()> {
        if self.stack.is_empty() {
            return if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() { Ok(()) } else { Err(bad(537, "text stands outside the root element", at)) };
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Puts the text gathered so far into the tree, as one node.
    fn flush(&mut self, at: u64) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        if let Some(top) = self.stack.last_mut() {
            top.children.push(Node::Text(self.text.as_str().into()));
        }
        self.text.clear();
        self.count(at)
    }

    fn close(&mut self, element: Element, at: u64) -> Result<()> {
        match self.stack.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(bad(544, "the document has two roots", at)),
        }
        Ok(())
    }

    fn element(&mut self, reader: &NsReader<&[u8]>, tag: &BytesStart<'_>, at: u64) -> Result<Element> {
        self.count(at)?;
        if self.stack.is_empty() && self.root.is_some() {
            return Err(bad(544, "the document has two roots", at));
        }
        let (ns, local) = reader.resolver().resolve_element(tag.name());
        let ns = self.namespace(&ns, at)?;
        let name = self.name(local.as_ref(), at)?;
        let mut attributes: Vec<Attribute> = Vec::new();
        if !syntax::are_attributes(tag.attributes_raw()) {
            return Err(bad(545, "an attribute is malformed or repeated", at));
        }
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|e| bad(545, "an attribute is malformed or repeated", at).because(e))?;
            let key: &str = attribute.key.as_ref();
            if key == "xmlns" || key.starts_with("xmlns:") {
                // The reader compares namespaces as they are written: one that is escaped would be another.
                if key.strip_prefix("xmlns:").is_some_and(|p| !syntax::is_name(p)) || attribute.value.contains(['&', '\t', '\r', '\n']) {
                    return Err(bad(552, "a namespace declaration is malformed", at));
                }
                continue;
            }
            if attributes.len() >= self.limits.attributes {
                return Err(bad(546, "an element has too many attributes", at));
            }
            let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0).map_err(|e| bad(547, "an attribute cannot be read", at).because(e))?;
            if matches!(value, Cow::Owned(_)) && !syntax::are_characters(&value) {
                return Err(bad(550, "a character reference is malformed", at));
            }
            let (ns, local) = reader.resolver().resolve_attribute(attribute.key);
            let (ns, name) = (self.namespace(&ns, at)?, self.name(local.as_ref(), at)?);
            if attributes.iter().any(|a| a.ns == ns && a.name == name) {
                return Err(bad(545, "an attribute is malformed or repeated", at));
            }
            attributes.push(Attribute { ns, name, value: value.into() });
        }
        Ok(Element { ns, name, attributes, children: Vec::new(), line: self.line(at) })
    }

    /// The line of an element that the tag before `at` begins.
    fn line(&mut self, at: u64) -> u32 {
        let (from, line) = self.lines;
        let to = usize::try_from(at).unwrap_or(from).max(from);
        let more = self.source.as_bytes().get(from..to).unwrap_or_default().iter().filter(|b| **b == b'\n').count();
        self.lines = (to, line.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)));
        self.lines.1
    }

    fn namespace(&mut self, found: &ResolveResult<'_>, at: u64) -> Result<Rc<str>> {
        match found {
            ResolveResult::Bound(ns) => Ok(self.intern(ns.as_ref())),
            ResolveResult::Unbound => Ok(self.intern("")),
            ResolveResult::Unknown(_) => Err(bad(548, "a prefix is not declared", at)),
        }
    }

    fn name(&mut self, text: &str, at: u64) -> Result<Rc<str>> {
        if text.len() > self.limits.name_bytes || !syntax::is_name(text) {
            return Err(bad(549, "a name is malformed or too long", at));
        }
        Ok(self.intern(text))
    }

    fn intern(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.names.get(text) {
            return Rc::clone(known);
        }
        let new: Rc<str> = text.into();
        self.names.insert(text.to_owned(), Rc::clone(&new));
        new
    }
}

/// The five entities and character references of XML.
fn entity(reference: &quick_xml::events::BytesRef<'_>, at: u64) -> Result<char> {
    if let Some(c) = reference.resolve_char_ref().map_err(|e| bad(550, "a character reference is malformed", at).because(e))? {
        let legal = matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
        return if legal { Ok(c) } else { Err(bad(550, "a character reference is malformed", at)) };
    }
    let name: &str = reference;
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(bad(551, "an entity is not one of the five of XML", at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Element> {
        parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn namespaces_entities_and_text_are_read() {
        let root = read("<?xml version=\"1.0\" encoding=\"utf-8\"?><c:a xmlns:c=\"urn:x\" k=\"1 &lt; 2\"><!-- x --><c:b>é &amp; <![CDATA[<]]></c:b></c:a>").unwrap();
        assert_eq!((&*root.ns, &*root.name, root.attr("k")), ("urn:x", "a", Some("1 < 2")));
        assert_eq!(root.at("b").unwrap().text(), "é & <");
    }

    #[test]
    fn what_is_dangerous_or_broken_is_refused() {
        for text in [
            "<!DOCTYPE a><a/>",
            "<a>&x;</a>",
            "<a><b></a></b>",
            "<a>",
            "<a/><b/>",
            "x<a/>",
            "<a/>x",
            "<a b='1' b='2'/>",
            "<p:a/>",
            "",
            "<a>]]></a>",
            "<a b=1/>",
            "<a/><?xml version='1.0'?>",
            "<?xml version='1.1'?><a/>",
            "<a b='<'/>",
            "<a b='1'c='2'/>",
            "<a+/>",
            "<a><??></a>",
            "<?a:b?><a/>",
            "<a xmlns:='urn:x'/>",
            "<a xmlns='urn:&#120;'/>",
            "<?xml version='1.0' standalone='YES'?><a/>",
            "<?xml version='1.0'encoding='UTF-8'?><a/>",
            "<a>&#0;</a>",
            "<a b='&#xFFFE;'/>",
            "<a b='&x;'/>",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"<a>".repeat(100_000)).is_err());
        let many: String = (0..80_000).map(|i| format!(" a{i}='x'")).collect();
        assert!(read(&format!("<a{many}/>")).is_err());
    }

    #[test]
    fn latin_1_is_transcoded_and_utf_16_refused() {
        assert_eq!(parse(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", &Limits::default()).unwrap().text(), "é");
        assert!(parse(b"\xff\xfe<\0a\0/\0>\0", &Limits::default()).is_err());
        assert!(parse(b"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><a/>", &Limits::default()).is_err());
        assert!(parse(format!("<?xml version='1.0' {} encoding='ISO-8859-1'?><a>é</a>", " ".repeat(5000)).as_bytes(), &Limits::default()).is_err());
    }

    #[test]
    fn text_cut_at_every_reference_is_one_node_and_costs_its_length() {
        let root = read(&format!("<a>{}<b/>x<![CDATA[]]></a>", "&amp;.".repeat(500_000))).unwrap();
        assert_eq!(root.children.len(), 3);
        assert_eq!(root.text().len(), 1_000_001);
    }
}
