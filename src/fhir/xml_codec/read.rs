//! XML → JSON.

use super::super::Result;
use super::super::r4::{self, Content, JsonKind, Path, Primitive, Table, table};
use super::super::xml::{Attribute, Element, Node};
use super::{FHIR_NS, XHTML_NS, bad_value, refuse, xhtml};

const XSI_NS: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Writes a whole resource.
pub(super) fn resource(root: &Element, out: &mut String) -> Result<()> {
    let table = table();
    let mut reader = Reader { table, element: table.shape_of("Element").unwrap_or_default(), out };
    reader.resource(root, &Path::Root(&root.name))
}

struct Reader<'o> {
    table: &'static Table,
    /// The shape of id and extension of primitives.
    element: u16,
    out: &'o mut String,
}

/// The elements of one name.
struct Group<'e> {
    element: &'static r4::Element,
    items: Vec<&'e Element>,
}

impl Reader<'_> {
    fn resource(&mut self, element: &Element, path: &Path<'_>) -> Result<()> {
        if &*element.ns != FHIR_NS {
            return Err(refuse(575, path, "the resource is not in the namespace http://hl7.org/fhir"));
        }
        let shape = self.table.resource(&element.name).ok_or_else(|| refuse(586, path, "the element is not a resource type of R4"))?;
        if element.attributes.iter().any(|a| &*a.ns != XSI_NS) {
            return Err(refuse(576, path, "a resource takes no attributes"));
        }
        self.out.push_str("{\"resourceType\":\"");
        self.out.push_str(&element.name);
        self.out.push('"');
        let mut first = false;
        self.groups(element, shape, path, &mut first)?;
        self.out.push('}');
        Ok(())
    }

    /// An object: its attributes, then its children.
    fn object(&mut self, element: &Element, shape: u16, path: &Path<'_>) -> Result<()> {
        self.out.push('{');
        let mut first = true;
        for attribute in &element.attributes {
            self.known(attribute, shape, path)?;
            self.key("", &attribute.name, &mut first);
            self.string(&attribute.value, path)?;
        }
        self.groups(element, shape, path, &mut first)?;
        if first {
            return Err(refuse(577, path, "an element must have a value or children (ele-1)"));
        }
        self.out.push('}');
        Ok(())
    }

    /// Refuses attributes that the shape does not have.
    fn known(&self, attribute: &Attribute, shape: u16, path: &Path<'_>) -> Result<()> {
        let known = attribute.ns.is_empty() && self.table.member(shape, &attribute.name).is_some_and(|e| e.attribute);
        if known { Ok(()) } else { Err(refuse(578, &Path::Member(path, &attribute.name), "R4 defines no such attribute here")) }
    }

    fn groups(&mut self, element: &Element, shape: u16, path: &Path<'_>, first: &mut bool) -> Result<()> {
        for group in self.grouped(element, shape, path)? {
            let here = Path::Member(path, group.element.name);
            if group.items.len() > 1 && !group.element.many {
                return Err(refuse(579, &here, "this element does not repeat"));
            }
            match group.element.content {
                Content::Primitive(kind) if kind != Primitive::Xhtml => self.primitives(&group, kind, &here, first)?,
                _ => {
                    self.key("", group.element.name, first);
                    self.list(&group, |reader, item, at| reader.content(item, group.element.content, at), &here)?;
                }
            }
        }
        Ok(())
    }

    /// The children by name, in the order of their first appearance.
    fn grouped<'e>(&self, parent: &'e Element, shape: u16, path: &Path<'_>) -> Result<Vec<Group<'e>>> {
        let mut groups: Vec<Group<'e>> = Vec::new();
        for child in &parent.children {
            let child = match child {
                Node::Element(child) => child,
                Node::Text(text) if text.trim_ascii().is_empty() => continue,
                Node::Text(_) | Node::Data(_) => return Err(refuse(580, path, "text stands between the elements: values are in the attribute value")),
            };
            let here = Path::Member(path, &child.name);
            let found = self.table.member(shape, &child.name).filter(|e| !e.attribute);
            let element = found.ok_or_else(|| refuse(587, &here, "R4 defines no such element here"))?;
            let ns = if element.content == Content::Primitive(Primitive::Xhtml) { XHTML_NS } else { FHIR_NS };
            if &*child.ns != ns {
                return Err(refuse(588, &here, "the element is not in its namespace (http://hl7.org/fhir, the div of a narrative in http://www.w3.org/1999/xhtml)"));
            }
            match groups.iter_mut().rev().find(|g| std::ptr::eq(g.element, element)) {
                Some(group) => group.items.push(child),
                None => groups.push(Group { element, items: vec![child] }),
            }
        }
        Ok(groups)
    }

    /// The items of a group, in an array when the element repeats.
    fn list(&mut self, group: &Group<'_>, mut each: impl FnMut(&mut Self, &Element, &Path<'_>) -> Result<()>, path: &Path<'_>) -> Result<()> {
        if !group.element.many {
            return group.items.iter().try_for_each(|item| each(self, item, path));
        }
        self.out.push('[');
        for (index, item) in group.items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            each(self, item, &Path::Item(path, index))?;
        }
        self.out.push(']');
        Ok(())
    }

    fn content(&mut self, element: &Element, content: Content, path: &Path<'_>) -> Result<()> {
        match content {
            Content::Shape(shape) => self.object(element, shape, path),
            Content::Resource => self.resource(only_child(element, path)?, path),
            Content::Primitive(_) => self.string(&xhtml::text(element), path),
        }
    }

    /// The values of a primitive and, where there are any, ids and extensions under the name with an underscore.
    fn primitives(&mut self, group: &Group<'_>, kind: Primitive, path: &Path<'_>, first: &mut bool) -> Result<()> {
        for (index, item) in group.items.iter().enumerate() {
            let item_path = Path::Item(path, index);
            let here = if group.element.many { &item_path } else { path };
            if has_text(item) {
                return Err(refuse(589, here, "text stands between the elements: values are in the attribute value"));
            }
            if !extended(item) && value(item).is_none() {
                return Err(refuse(572, here, "an element must have a value or children (ele-1)"));
            }
        }
        if group.items.iter().any(|e| value(e).is_some()) {
            self.key("", group.element.name, first);
            self.list(group, |reader, item, at| reader.value(value(item), kind, at), path)?;
        }
        if !group.items.iter().any(|e| extended(e)) {
            return Ok(());
        }
        self.key("_", group.element.name, first);
        let each = |reader: &mut Self, item: &Element, at: &Path<'_>| match extended(item) {
            true => reader.shadow(item, at),
            false => {
                reader.out.push_str("null");
                Ok(())
            }
        };
        self.list(group, each, path)
    }

    /// id and extensions of a primitive.
    fn shadow(&mut self, element: &Element, path: &Path<'_>) -> Result<()> {
        self.out.push('{');
        let mut first = true;
        for attribute in element.attributes.iter().filter(|a| !is_value(a)) {
            self.known(attribute, self.element, path)?;
            self.key("", &attribute.name, &mut first);
            self.string(&attribute.value, path)?;
        }
        self.groups(element, self.element, path, &mut first)?;
        self.out.push('}');
        Ok(())
    }

    fn value(&mut self, value: Option<&str>, kind: Primitive, path: &Path<'_>) -> Result<()> {
        let Some(text) = value else {
            self.out.push_str("null");
            return Ok(());
        };
        if kind.json_kind() == JsonKind::Text {
            return self.string(text, path);
        }
        // The grammar of integers allows a plus sign, that of JSON does not.
        let text = if kind == Primitive::Decimal || kind == Primitive::Boolean { text } else { text.strip_prefix('+').unwrap_or(text) };
        if !kind.allows(text) {
            return Err(bad_value(581, path, &format!("the value is against the rule of {}", kind.rule())));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn key(&mut self, prefix: &str, name: &str, first: &mut bool) {
        if !*first {
            self.out.push(',');
        }
        *first = false;
        self.out.push('"');
        self.out.push_str(prefix);
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    fn string(&mut self, text: &str, path: &Path<'_>) -> Result<()> {
        if text.is_empty() {
            return Err(bad_value(582, path, "an attribute is empty: give a value or leave it out"));
        }
        self.out.push('"');
        let mut rest = text;
        while let Some((plain, tail)) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\').and_then(|at| rest.split_at_checked(at)) {
            self.out.push_str(plain);
            let mut tail = tail.chars();
            match tail.next() {
                Some('"') => self.out.push_str("\\\""),
                Some('\\') => self.out.push_str("\\\\"),
                Some('\n') => self.out.push_str("\\n"),
                Some('\r') => self.out.push_str("\\r"),
                Some('\t') => self.out.push_str("\\t"),
                other => self.out.push_str(&format!("\\u{:04x}", other.map_or(0, u32::from))),
            }
            rest = tail.as_str();
        }
        self.out.push_str(rest);
        self.out.push('"');
        Ok(())
    }
}

fn is_value(attribute: &Attribute) -> bool {
    attribute.ns.is_empty() && &*attribute.name == "value"
}

fn value(element: &Element) -> Option<&str> {
    element.attributes.iter().find(|a| is_value(a)).map(|a| &*a.value)
}

/// Whether a primitive has an id or extensions.
fn extended(element: &Element) -> bool {
    element.attributes.iter().any(|a| !is_value(a)) || element.elements().next().is_some()
}

/// Whether text other than white space stands directly inside.
fn has_text(element: &Element) -> bool {
    element.children.iter().any(|c| matches!(c, Node::Text(text) if !text.trim_ascii().is_empty()))
}

/// The one resource that `contained`, `resource` and the like hold.
fn only_child<'e>(element: &'e Element, path: &Path<'_>) -> Result<&'e Element> {
    let mut children = element.elements();
    match (children.next(), children.next()) {
        (Some(child), None) if !has_text(element) && element.attributes.is_empty() => Ok(child),
        _ => Err(refuse(583, path, "this element holds exactly one resource and nothing else")),
    }
}
