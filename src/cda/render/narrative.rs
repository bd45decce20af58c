//! A narrative block as HTML, by one table of its elements. What is not in the table keeps its words.
//! Spec: CDA R2 NarrativeBlock.xsd, §4.3.5; FHIR R4 narrative (for FHIR documents).

use std::collections::{HashMap, HashSet};

use super::attachments::Attachments;
use super::fragment_anchor;
use crate::fhir::html::Html;
use crate::fhir::xml::{Element, Node};

/// Elements of the narrative that are followed down.
const MAX_DEPTH: usize = 64;
/// Columns or rows that a cell spans.
const MAX_SPAN: u32 = 200;

/// CDA or XHTML element → HTML element and class.
const ELEMENTS: &[(&str, &str, &str)] = &[
    ("paragraph", "div", "p"),
    ("p", "div", "p"),
    ("div", "div", ""),
    ("blockquote", "div", "p"),
    ("content", "span", ""),
    ("span", "span", ""),
    ("a", "span", ""),
    ("sub", "sub", ""),
    ("sup", "sup", ""),
    ("b", "strong", ""),
    ("strong", "strong", ""),
    ("i", "em", ""),
    ("em", "em", ""),
    ("u", "span", "u"),
    ("small", "small", ""),
    ("pre", "pre", ""),
    ("code", "code", ""),
    ("tt", "code", ""),
    ("br", "br", ""),
    ("hr", "hr", ""),
    ("h1", "div", "h"),
    ("h2", "div", "h"),
    ("h3", "div", "h"),
    ("h4", "div", "h"),
    ("h5", "div", "h"),
    ("h6", "div", "h"),
    ("ul", "ul", ""),
    ("ol", "ol", ""),
    ("li", "li", ""),
    ("dl", "dl", ""),
    ("dt", "dt", ""),
    ("dd", "dd", ""),
    ("item", "li", ""),
    ("table", "table", ""),
    ("thead", "thead", ""),
    ("tbody", "tbody", ""),
    ("tfoot", "tfoot", ""),
    ("tr", "tr", ""),
    ("th", "th", ""),
    ("td", "td", ""),
    ("colgroup", "colgroup", ""),
    ("col", "col", ""),
];

/// Words of styleCode, folded → class. Spec: CDA R2 §4.3.5.11; the three of French documents that are written out as CSS are left.
const STYLES: &[(&str, &str)] = &[
    ("bold", "b"),
    ("italics", "i"),
    ("bolditalics", "b i"),
    ("underline", "u"),
    ("emphasis", "b"),
    ("strikethrough", "s"),
    ("new", "new"),
    ("lrule", "lr"),
    ("rrule", "rr"),
    ("toprule", "tr"),
    ("botrule", "br"),
];

/// What a narrative block may refer to.
pub(super) struct Block<'a> {
    /// observationMedia and regionOfInterest by ID.
    media: HashMap<&'a str, &'a Element>,
    attachments: &'a Attachments<'a>,
    address: &'a dyn Fn(usize) -> String,
    /// Anchors written: the first of an ID wins.
    anchors: HashSet<String>,
    shown: HashSet<usize>,
}

impl<'a> Block<'a> {
    pub fn new(root: &'a Element, attachments: &'a Attachments<'a>, address: &'a dyn Fn(usize) -> String) -> Self {
        let mut all = Vec::new();
        root.descendants(&mut all);
        let media = all.into_iter().filter(|e| matches!(&*e.name, "observationMedia" | "regionOfInterest")).filter_map(|e| Some((e.attr("ID")?, e))).collect();
        Self { media, attachments, address, anchors: HashSet::new(), shown: HashSet::new() }
    }

    /// The text of a section.
    pub fn section(&mut self, text: &'a Element, out: &mut Html) {
        let anchor = self.anchor(text);
        let attributes: Vec<_> = [("class", "text")].into_iter().chain(anchor.as_deref().map(|a| ("id", a))).collect();
        out.open("div", &attributes);
        self.children(text, 0, out);
        out.close("div");
    }

    /// Files of the section's entries that its text did not show.
    pub fn left_over(&mut self, section: &'a Element, out: &mut Html) {
        let entries = section.all("entry").flat_map(|e| self.attachments.below(e)).collect::<Vec<_>>();
        for number in entries {
            if self.shown.insert(number) {
                self.file(number, "Pièce jointe", out);
            }
        }
    }

    fn children(&mut self, e: &'a Element, depth: usize, out: &mut Html) {
        for child in &e.children {
            match child {
                Node::Text(text) => out.text(text),
                Node::Data(_) => {}
                Node::Element(_) if depth >= MAX_DEPTH => out.text(" […] "),
                Node::Element(e) => self.element(e, depth + 1, out),
            }
        }
    }

    fn element(&mut self, e: &'a Element, depth: usize, out: &mut Html) {
        let anchor = self.anchor(e);
        let id = anchor.as_deref();
        match &*e.name {
            "caption" => self.plain(e, ("div", "caption"), id, depth, out),
            "list" => self.list(e, id, depth, out),
            "table" => {
                // A wide table scrolls by itself, by keyboard too.
                out.open("div", &[("class", "wide"), ("role", "region"), ("tabindex", "0"), ("aria-label", &table_name(e))]);
                self.table(e, id, depth, out);
                out.close("div");
            }
            "renderMultiMedia" => self.multimedia(e, id, depth, out),
            "linkHtml" | "a" => self.link(e, id, depth, out),
            "footnote" => self.plain(e, ("span", "foot"), id, depth, out),
            "footnoteRef" => {
                let target = e.attr("IDREF").map(fragment_anchor);
                out.leaf("a", &[("href", &format!("#{}", target.unwrap_or_default()))], "(note)");
            }
            "img" | "script" | "style" | "object" | "iframe" | "reference" => {}
            name => match ELEMENTS.iter().find(|(from, ..)| *from == name) {
                Some((_, to, class)) => self.plain(e, (to, class), id, depth, out),
                None => self.plain(e, ("span", ""), id, depth, out),
            },
        }
    }

    fn plain(&mut self, e: &'a Element, (name, class): (&'static str, &'static str), id: Option<&str>, depth: usize, out: &mut Html) {
        let class = classes(e, class);
        let spans = ["colspan", "rowspan", "span"].map(|attribute| (attribute, span(e, attribute)));
        let spanning = matches!(name, "td" | "th" | "col" | "colgroup");
        let mut attributes: Vec<(&'static str, &str)> = id.map(|id| ("id", id)).into_iter().collect();
        attributes.extend(Some(("class", class.as_str())).filter(|_| !class.is_empty()));
        attributes.extend(spans.iter().filter(|_| spanning).filter_map(|(attribute, count)| Some((*attribute, count.as_deref()?))));
        out.open(name, &attributes);
        if !matches!(name, "br" | "hr" | "col") {
            self.children(e, depth, out);
        }
        out.close(name);
    }

    /// Its caption comes first, as HTML wants it.
    fn table(&mut self, e: &'a Element, id: Option<&str>, depth: usize, out: &mut Html) {
        let attributes: Vec<_> = id.map(|id| ("id", id)).into_iter().collect();
        out.open("table", &attributes);
        for caption in e.all("caption") {
            let anchor = self.anchor(caption);
            self.plain(caption, ("caption", ""), anchor.as_deref(), depth + 1, out);
        }
        for part in e.elements().filter(|p| &*p.name != "caption") {
            if depth < MAX_DEPTH {
                self.element(part, depth + 1, out);
            }
        }
        out.close("table");
    }

    /// The caption of a list becomes words in front of it.
    fn list(&mut self, e: &'a Element, id: Option<&str>, depth: usize, out: &mut Html) {
        for caption in e.all("caption") {
            let anchor = self.anchor(caption);
            self.plain(caption, ("div", "caption"), anchor.as_deref(), depth, out);
        }
        let name = if e.attr("listType").is_some_and(|t| t.eq_ignore_ascii_case("ordered")) { "ol" } else { "ul" };
        let attributes: Vec<_> = id.map(|id| ("id", id)).into_iter().collect();
        out.open(name, &attributes);
        for item in e.elements().filter(|i| &*i.name != "caption") {
            if depth < MAX_DEPTH {
                self.element(item, depth + 1, out);
            }
        }
        out.close(name);
    }

    /// Only addresses that a person can follow knowingly; nothing is fetched.
    fn link(&mut self, e: &'a Element, id: Option<&str>, depth: usize, out: &mut Html) {
        let href = e.attr("href").unwrap_or_default().trim();
        let inside = href.strip_prefix('#').filter(|i| !i.is_empty()).map(|i| format!("#{}", fragment_anchor(i)));
        let outside = ["https://", "http://"].iter().any(|p| href.get(..p.len()).is_some_and(|start| start.eq_ignore_ascii_case(p)));
        let Some(target) = inside.or_else(|| outside.then(|| href.to_owned())) else { return self.plain(e, ("span", ""), id, depth, out) };
        let mut attributes = vec![("href", target.as_str()), ("rel", "noopener noreferrer nofollow")];
        attributes.extend(id.map(|id| ("id", id)));
        out.open("a", &attributes);
        let words = e.plain();
        if words.is_empty() {
            out.text(href)
        } else {
            self.children(e, depth, out)
        }
        out.close("a");
    }

    /// Spec: CDA R2 §4.3.5.6: one or several observationMedia or regionOfInterest, in order.
    fn multimedia(&mut self, e: &'a Element, id: Option<&str>, depth: usize, out: &mut Html) {
        let attributes: Vec<_> = [("class", "media")].into_iter().chain(id.map(|id| ("id", id))).collect();
        out.open("div", &attributes);
        self.children(e, depth, out);
        let named: Vec<&'a Element> =
            e.attr("referencedObject").unwrap_or_default().split_whitespace().filter_map(|name| self.media.get(name.trim_start_matches('#')).copied()).collect();
        let numbers: Vec<usize> = named.into_iter().flat_map(|medium| self.attachments.below(medium)).collect();
        if numbers.is_empty() {
            out.leaf("p", &[("class", "note")], "Image ou fichier absent du document.");
        }
        for number in numbers {
            self.shown.insert(number);
            self.file(number, "Fichier du document", out);
        }
        out.close("div");
    }

    fn file(&self, number: usize, what: &str, out: &mut Html) {
        let address = (self.address)(number);
        let mime = self.attachments.mime(number);
        if mime.starts_with("image/") {
            out.open("img", &[("src", &address), ("alt", what)]);
        } else {
            let kind = if mime.is_empty() { "type non précisé" } else { mime };
            out.open("p", &[]);
            out.leaf("a", &[("href", &address)], &format!("{what} n° {} ({kind})", number + 1));
            out.close("p");
        }
    }

    fn anchor(&mut self, e: &Element) -> Option<String> {
        let anchor = fragment_anchor(e.attr("ID").or_else(|| e.attr("id"))?);
        self.anchors.insert(anchor.clone()).then_some(anchor)
    }
}

/// The narrative of a FHIR resource, by the same table.
pub fn xhtml(div: &Element) -> Html {
    let (none, address) = (Attachments::of(div), |_: usize| String::new());
    let mut out = Html::default();
    Block::new(div, &none, &address).section(div, &mut out);
    out
}

fn classes(e: &Element, own: &'static str) -> String {
    let said = e.attr("styleCode").unwrap_or_default().to_lowercase();
    let styles = said.split_whitespace().filter_map(|word| STYLES.iter().find(|(code, _)| *code == word).map(|(_, class)| *class));
    let revised = match e.attr("revised") {
        Some("delete") => "s",
        Some("insert") => "new",
        _ => "",
    };
    let aligned = match e.attr("align") {
        Some("right") => "right",
        Some("center") => "center",
        _ => "",
    };
    [own, revised, aligned].into_iter().chain(styles).filter(|c| !c.is_empty()).collect::<Vec<_>>().join(" ")
}

fn span(e: &Element, name: &str) -> Option<String> {
    let count: u32 = e.attr(name)?.trim().parse().unwrap_or(1);
    (count > 1).then(|| count.min(MAX_SPAN).to_string())
}

/// What a screen reader says of a table.
fn table_name(table: &Element) -> String {
    table.child("caption").map(Element::plain).filter(|t| !t.is_empty()).map_or_else(|| "Tableau".to_owned(), |caption| format!("Tableau : {caption}"))
}
