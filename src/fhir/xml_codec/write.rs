//! JSON → XML.

use super::super::Result;
use super::super::gate::{Kind, Member, Node};
use super::super::r4::{Content, Element, JsonKind, Path, Primitive, Table, table};
use super::{FHIR_NS, bad_value, refuse, xhtml};

/// Writes a whole resource.
pub(super) fn resource(node: &Node<'_>, out: &mut String) -> Result<()> {
    let path = Path::Root(node.get("resourceType").and_then(Node::text).unwrap_or("Resource"));
    let table = table();
    Writer { table, element: table.shape_of("Element").unwrap_or_default(), out }.resource(node, &path, true)
}

struct Writer<'o> {
    table: &'static Table,
    /// The shape of id and extension of primitives.
    element: u16,
    out: &'o mut String,
}

/// An element to write: its value and, for a primitive, the member with an underscore.
struct Part<'n, 'a> {
    element: &'static Element,
    value: Option<&'n Node<'a>>,
    shadow: Option<&'n Node<'a>>,
}

impl Writer<'_> {
    fn resource(&mut self, node: &Node<'_>, path: &Path<'_>, root: bool) -> Result<()> {
        let name = node.get("resourceType").and_then(Node::text).ok_or_else(|| refuse(560, path, "resourceType is missing or no string: name the type of the resource"))?;
        let shape = self.table.resource(name).ok_or_else(|| refuse(561, path, "resourceType is not a resource type of R4"))?;
        let parts = self.parts(node.members(), shape, path, true)?;
        self.out.push('<');
        self.out.push_str(name);
        if root {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(FHIR_NS);
            self.out.push('"');
        }
        self.children(name, &parts, path)
    }

    /// The members of an object in the order of the definition, a primitive and its underscore member together.
    fn parts<'n, 'a>(&self, members: &'n [Member<'a>], shape: u16, path: &Path<'_>, resource: bool) -> Result<Vec<Part<'n, 'a>>> {
        let shadows = members.iter().any(|m| m.key.starts_with('_'));
        let mut parts = Vec::with_capacity(members.len());
        for member in members.iter().filter(|m| !(resource && m.key == "resourceType")) {
            let here = Path::Member(path, &member.key);
            let (name, shadow) = member.key.strip_prefix('_').map_or((&*member.key, false), |name| (name, true));
            let element = self.table.member(shape, name).ok_or_else(|| refuse(562, &here, "R4 defines no such element here"))?;
            if !shadow {
                let other = if shadows { members.iter().find(|m| m.key.strip_prefix('_') == Some(name)) } else { None };
                parts.push(Part { element, value: Some(&member.value), shadow: other.map(|m| &m.value) });
            } else if !matches!(element.content, Content::Primitive(kind) if kind != Primitive::Xhtml) || element.attribute {
                return Err(refuse(563, &here, "this element takes no member with an underscore"));
            } else if !members.iter().any(|m| m.key == name) {
                parts.push(Part { element, value: None, shadow: Some(&member.value) });
            }
        }
        parts.sort_by_key(|p| p.element.slot);
        Ok(parts)
    }

    /// From inside a start tag: attributes, children, end tag.
    fn children(&mut self, name: &str, parts: &[Part<'_, '_>], path: &Path<'_>) -> Result<()> {
        for part in parts.iter().filter(|p| p.element.attribute) {
            let text = part.value.and_then(Node::text).ok_or_else(|| bad_value(564, &Path::Member(path, part.element.name), "this element must be a string"))?;
            self.attribute(part.element.name, text, path)?;
        }
        if parts.iter().all(|p| p.element.attribute) {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        for part in parts.iter().filter(|p| !p.element.attribute) {
            self.part(part, &Path::Member(path, part.element.name))?;
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    fn part(&mut self, part: &Part<'_, '_>, path: &Path<'_>) -> Result<()> {
        if !part.element.many {
            return self.one(part.element, part.value, part.shadow, path);
        }
        if [part.value, part.shadow].into_iter().flatten().any(|n| !matches!(n.kind, Kind::Array(_))) {
            return Err(refuse(565, path, "this element repeats: a JSON array was expected"));
        }
        let present = |n: &&Node<'_>| !matches!(n.kind, Kind::Null);
        let (values, shadows) = (part.value.map(Node::items).unwrap_or_default(), part.shadow.map(Node::items).unwrap_or_default());
        for index in 0..values.len().max(shadows.len()) {
            self.one(part.element, values.get(index).filter(present), shadows.get(index).filter(present), &Path::Item(path, index))?;
        }
        Ok(())
    }

    fn one(&mut self, element: &'static Element, value: Option<&Node<'_>>, shadow: Option<&Node<'_>>, path: &Path<'_>) -> Result<()> {
        match (element.content, value) {
            (Content::Primitive(Primitive::Xhtml), Some(node)) => {
                let text = node.text().ok_or_else(|| bad_value(573, path, "this element must be a string"))?;
                xhtml::embed(text, path, self.out)
            }
            (Content::Primitive(kind), value) => self.primitive(element.name, kind, value, shadow, path),
            (Content::Resource, Some(node)) => {
                self.open(element.name);
                self.out.push('>');
                self.resource(node, path, false)?;
                self.close(element.name);
                Ok(())
            }
            (Content::Shape(shape), Some(node)) => {
                if !matches!(node.kind, Kind::Object(_)) {
                    return Err(refuse(566, path, "this element must be a JSON object"));
                }
                let parts = self.parts(node.members(), shape, path, false)?;
                self.open(element.name);
                self.children(element.name, &parts, path)
            }
            (_, None) => Err(refuse(567, path, "null stands only in arrays of primitives, beside a value or an extension")),
        }
    }

    fn primitive(&mut self, name: &'static str, kind: Primitive, value: Option<&Node<'_>>, shadow: Option<&Node<'_>>, path: &Path<'_>) -> Result<()> {
        let members = match shadow.map(|s| &s.kind) {
            Some(Kind::Object(members)) => members.as_slice(),
            None => &[],
            Some(_) => return Err(refuse(574, path, "the member with an underscore must be a JSON object")),
        };
        if value.is_none() && members.is_empty() {
            return Err(refuse(584, path, "null stands only in arrays of primitives, beside a value or an extension"));
        }
        let parts = self.parts(members, self.element, path, false)?;
        self.open(name);
        if let Some(value) = value {
            let text = match (kind.json_kind(), &value.kind) {
                (JsonKind::Text, Kind::String(text)) => &**text,
                (JsonKind::Number, Kind::Number(text)) if kind.allows(text) => text,
                (JsonKind::Bool, Kind::Bool(true)) => "true",
                (JsonKind::Bool, Kind::Bool(false)) => "false",
                _ => return Err(bad_value(568, path, &format!("the JSON value is not of the type of this element ({})", kind.rule()))),
            };
            self.attribute("value", text, path)?;
        }
        self.children(name, &parts, path)
    }

    fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn attribute(&mut self, name: &str, text: &str, path: &Path<'_>) -> Result<()> {
        if text.bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || text.contains(['\u{FFFE}', '\u{FFFF}']) {
            return Err(bad_value(569, path, "the text holds a character that XML cannot carry"));
        }
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        xhtml::escape(text, xhtml::Place::Attribute, self.out);
        self.out.push('"');
        Ok(())
    }
}
