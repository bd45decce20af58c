//! The tree.

use std::ops::Range;
use std::rc::Rc;

/// An element with its namespace resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Namespace URI, "" for none.
    pub ns: Rc<str>,
    /// Local name.
    pub name: Rc<str>,
    pub attributes: Vec<Attribute>,
    pub children: Vec<Node>,
    /// Where it begins, from 1.
    pub line: u32,
}

/// An attribute; `ns` is "" for unprefixed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub ns: Rc<str>,
    pub name: Rc<str>,
    pub value: Box<str>,
}

/// A child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Element(Element),
    Text(Box<str>),
    /// A long run of base64 (text of an element that declares `representation="B64"`), left where it stands: bytes of the source.
    /// It is no text.
    Data(Range<usize>),
}

impl Element {
    /// Child elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|c| match c {
            Node::Element(e) => Some(e),
            Node::Text(_) | Node::Data(_) => None,
        })
    }

    /// Child elements of a local name (whatever their namespace), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements().filter(move |e| &*e.name == name)
    }

    /// The first child element of a local name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|e| &*e.name == name)
    }

    /// Follows local names down, first child each time; `a/b/c`.
    pub fn at(&self, path: &str) -> Option<&Element> {
        path.split('/').try_fold(self, |e, name| e.child(name))
    }

    /// An attribute by local name.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| &*a.name == name).map(|a| &*a.value)
    }

    /// All text below, joined as it stands.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.collect(&mut out);
        out
    }

    fn collect(&self, out: &mut String) {
        for child in &self.children {
            match child {
                Node::Text(text) => out.push_str(text),
                Node::Data(_) => {}
                // A break between blocks keeps words of neighbouring cells apart.
                Node::Element(e) => {
                    if matches!(&*e.name, "td" | "th" | "tr" | "br" | "paragraph" | "item" | "p" | "li" | "caption") && !out.is_empty() {
                        out.push(' ');
                    }
                    e.collect(out);
                    // A caption stands before the words of its own block (CDA R2 §4.3.5.11.6).
                    if &*e.name == "caption" {
                        out.push(' ');
                    }
                }
            }
        }
    }

    /// Text with white space collapsed.
    pub fn plain(&self) -> String {
        self.text().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The first element in document order (self included) for which `test` holds.
    pub fn find(&self, test: &impl Fn(&Element) -> bool) -> Option<&Element> {
        if test(self) {
            return Some(self);
        }
        self.elements().find_map(|e| e.find(test))
    }

    /// Every element below (self excluded) in document order.
    pub fn descendants<'a>(&'a self, out: &mut Vec<&'a Element>) {
        for e in self.elements() {
            out.push(e);
            e.descendants(out);
        }
    }
}
