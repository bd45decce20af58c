//! Edits of a resource made on its bytes: everything that is not edited stays byte for byte.

use super::gate::{Kind, Node};

/// Replaces `bytes[start..end]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

/// Applies edits; of two that overlap, the first in the bytes wins.
pub fn apply(bytes: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|e| (e.start, e.end));
    let mut out = Vec::with_capacity(bytes.len() + edits.iter().map(|e| e.text.len()).sum::<usize>());
    let mut at = 0;
    for edit in edits {
        if edit.start < at {
            continue;
        }
        out.extend_from_slice(bytes.get(at..edit.start).unwrap_or_default());
        out.extend_from_slice(edit.text.as_bytes());
        at = edit.end;
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    out
}

/// The edits that give a resource the server's id, version and time: `id` and `meta.versionId`, `meta.lastUpdated` are
/// replaced or inserted, the other members of meta kept.
pub fn identity(bytes: &[u8], node: &Node<'_>, id: &str, version: i64, updated: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let slot = |start: usize, end: usize, text: String| Edit { start, end, text };
    let stamp = format!("\"versionId\":\"{version}\",\"lastUpdated\":\"{updated}\"");
    let mut head = String::new();
    match node.get("id") {
        Some(old) => edits.push(slot(old.start, old.end, format!("\"{id}\""))),
        None => head.push_str(&format!("\"id\":\"{id}\",")),
    }
    match node.get("meta") {
        Some(meta) if matches!(meta.kind, Kind::Object(_)) => {
            edits.push(slot(meta.start, meta.end, merged_meta(bytes, meta, &stamp)));
        }
        _ => head.push_str(&format!("\"meta\":{{{stamp}}},")),
    }
    if !head.is_empty() {
        edits.push(after_type(node, &head));
    }
    edits
}

/// Inserts members behind resourceType, or first when it is the last member.
fn after_type(node: &Node<'_>, head: &str) -> Edit {
    let at = node.start + 1;
    let text = head.to_owned();
    match node.members().first() {
        Some(first) if first.key == "resourceType" && node.members().len() > 1 => {
            let at = first.value.end;
            Edit { start: at, end: at, text: format!(",{}", text.trim_end_matches(',')) }
        }
        _ => Edit { start: at, end: at, text },
    }
}

fn merged_meta(bytes: &[u8], meta: &Node<'_>, stamp: &str) -> String {
    let mut parts = vec![stamp.to_owned()];
    for member in meta.members() {
        if member.key != "versionId" && member.key != "lastUpdated" {
            parts.push(String::from_utf8_lossy(bytes.get(member.key_start..member.value.end).unwrap_or_default()).into_owned());
        }
    }
    format!("{{{}}}", parts.join(","))
}

/// A reference in a resource, with what must go when its target is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePlace {
    /// The text of `reference`.
    pub target: String,
    /// The string with its quotes.
    pub start: usize,
    pub end: usize,
    /// The nearest array element (with one comma), or the member, that holds it.
    pub cut: (usize, usize),
    /// The member to remove when every element of that array goes.
    pub member: (usize, usize),
}

/// Every `reference` string of a resource.
pub fn references(bytes: &[u8], node: &Node<'_>) -> Vec<ReferencePlace> {
    let mut out = Vec::new();
    walk(bytes, node, None, None, &mut out);
    out
}

type Span = (usize, usize);

fn walk(bytes: &[u8], node: &Node<'_>, element: Option<Span>, member: Option<Span>, out: &mut Vec<ReferencePlace>) {
    match &node.kind {
        Kind::Object(members) => {
            for (i, m) in members.iter().enumerate() {
                if m.key == "reference"
                    && let Some(target) = m.value.text()
                    && let Some(outer) = member
                {
                    out.push(ReferencePlace { target: target.to_owned(), start: m.value.start, end: m.value.end, cut: element.unwrap_or(outer), member: outer });
                    continue;
                }
                let own = with_comma(bytes, m.key_start, m.value.end, i + 1 == members.len());
                // Inside an array element the element is what goes; the member that holds the array stays the outer one.
                let outer = if element.is_some() { member } else { Some(own) };
                walk(bytes, &m.value, element, outer, out);
            }
        }
        Kind::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let own = with_comma(bytes, item.start, item.end, i + 1 == items.len());
                walk(bytes, item, element.or(Some(own)), member, out);
            }
        }
        _ => {}
    }
}

/// A span widened by the comma behind it, or, for the last one, by the comma before it.
fn with_comma(bytes: &[u8], start: usize, end: usize, last: bool) -> Span {
    let is = |i: usize, b: u8| bytes.get(i) == Some(&b);
    let space = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_whitespace);
    if !last {
        let mut to = end;
        while space(to) {
            to += 1;
        }
        return (start, if is(to, b',') { to + 1 } else { end });
    }
    let mut from = start;
    while from > 0 && space(from - 1) {
        from -= 1;
    }
    if from > 0 && is(from - 1, b',') { (from - 1, end) } else { (start, end) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::gate::parse;

    #[test]
    fn identity_is_spliced_and_the_rest_kept() {
        let text = br#"{"resourceType":"Patient",  "meta":{"versionId":"9","tag":[{"code":"x"}]}, "active" : true}"#;
        let out = apply(text, identity(text, &parse(text).unwrap(), "a", 2, "T"));
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"resourceType":"Patient","id":"a",  "meta":{"versionId":"2","lastUpdated":"T","tag":[{"code":"x"}]}, "active" : true}"#);
    }

    #[test]
    fn a_reference_inside_an_array_cuts_its_element() {
        let text = br#"{"entry":[{"item":{"reference":"A/1"}}, {"item":{"reference":"A/2"}}],"subject":{"reference":"P/1"},"x":1}"#;
        let found = references(text, &parse(text).unwrap());
        let cut = |i: usize| String::from_utf8_lossy(&text[found[i].cut.0..found[i].cut.1]).into_owned();
        assert_eq!(cut(0), r#"{"item":{"reference":"A/1"}},"#);
        assert_eq!(cut(1), r#", {"item":{"reference":"A/2"}}"#);
        assert_eq!(cut(2), r#""subject":{"reference":"P/1"},"#);
    }
}
