//! The narrative: well-formed XHTML of formatting elements only, nothing active.
//! Spec: FHIR R4 narrative#xhtml, invariant txt-1.

use std::sync::LazyLock;

use super::super::xml::{self, Attribute, Element, Limits};

const TABLE: &str = include_str!("../../../fhir-profiles/r4/narrative.tsv");
const XHTML_NS: &str = "http://www.w3.org/1999/xhtml";
const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
const LIMITS: Limits = Limits { depth: 128, attributes: 64, name_bytes: 256, nodes: 1_000_000, data: false };
/// Schemes of addresses that a reader would run.
const ACTIVE: [&str; 3] = ["javascript", "vbscript", "livescript"];

/// Element and attribute names, sorted.
static ALLOWED: LazyLock<(Vec<&'static str>, Vec<&'static str>)> = LazyLock::new(|| (names("elements"), names("attributes")));

fn names(row: &str) -> Vec<&'static str> {
    let line = TABLE.lines().find_map(|l| l.strip_prefix(row)?.strip_prefix('\t'));
    let mut names: Vec<_> = line.unwrap_or_default().split(' ').collect();
    names.sort_unstable();
    names
}

/// What is wrong with the text of a div, if anything.
pub(super) fn fault(text: &str) -> Option<&'static str> {
    let text = text.trim_ascii();
    if text.starts_with("<?") {
        return Some("the narrative must be a <div> without XML declaration");
    }
    let Ok(root) = xml::parse(text.as_bytes(), &LIMITS) else {
        return Some("the narrative is not well-formed XHTML: close every element, write & < > as XML does, use no HTML entities");
    };
    if &*root.name != "div" || &*root.ns != XHTML_NS {
        return Some("the narrative must be one <div xmlns=\"http://www.w3.org/1999/xhtml\">");
    }
    element_fault(&root)
}

fn element_fault(element: &Element) -> Option<&'static str> {
    let (elements, _) = &*ALLOWED;
    if &*element.ns != XHTML_NS || elements.binary_search(&&*element.name).is_err() {
        return Some("the narrative holds an element that is no basic formatting of XHTML: remove it (txt-1)");
    }
    if let Some(fault) = element.attributes.iter().find_map(attribute_fault) {
        return Some(fault);
    }
    element.elements().find_map(element_fault)
}

fn attribute_fault(attribute: &Attribute) -> Option<&'static str> {
    let (_, attributes) = &*ALLOWED;
    match &*attribute.ns {
        "" if attributes.binary_search(&&*attribute.name).is_ok() => {}
        XML_NS if matches!(&*attribute.name, "lang" | "space" | "id") => return None,
        _ => return Some("the narrative holds an attribute that is no basic formatting of XHTML: remove it (txt-1)"),
    }
    let address = matches!(&*attribute.name, "href" | "src" | "longdesc" | "cite");
    (address && !is_passive(&attribute.value)).then_some("the narrative holds an address that may run code: remove it (of data: addresses only images are accepted, not SVG)")
}

/// Whether following an address runs nothing. Readers drop white space and control characters of an address before its scheme.
fn is_passive(address: &str) -> bool {
    let address: String = address.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(64).collect::<String>().to_ascii_lowercase();
    let Some((scheme, rest)) = address.split_once(':').filter(|(s, _)| !s.contains(['/', '?', '#'])) else {
        return true;
    };
    let image = rest.starts_with("image/") && !rest.starts_with("image/svg");
    !ACTIVE.contains(&scheme) && (scheme != "data" || image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn div(inside: &str) -> Option<&'static str> {
        fault(&format!("<div xmlns=\"{XHTML_NS}\">{inside}</div>"))
    }

    #[test]
    fn formatting_is_allowed() {
        assert_eq!(div("<p class=\"a\" style='x' xml:lang=\"fr\">é&#160;<a href=\"#b\">b</a><br/></p><table><tr><td colspan='2'>1</td></tr></table>"), None);
        assert_eq!(div("<img src=\"data:image/png;base64,AA\" alt=\"x\"/>"), None);
        assert!(ALLOWED.0.len() > 40 && ALLOWED.1.len() > 40);
    }

    #[test]
    fn what_is_active_or_broken_is_told() {
        for inside in [
            "x<script>1</script>",
            "<p onclick='x'>x</p>",
            "<a href='javascript:1'>x</a>",
            "<a href=' Java&#10;script:1'>x</a>",
            "<img src='data:text/html,1'/>",
            "x<iframe/>",
            "x&nbsp;",
            "<p>x",
            "<object/>",
            "x<p xmlns='urn:x'/>",
            "<svg xmlns='http://www.w3.org/2000/svg'/>x",
            "<img src='data:image/svg+xml,1'/>",
        ] {
            assert!(div(inside).is_some(), "{inside}");
        }
        assert!(["<div>x</div>", "<p xmlns=\"http://www.w3.org/1999/xhtml\">x</p>", "<!DOCTYPE div><div/>", "x"].iter().all(|t| fault(t).is_some()));
    }
}
