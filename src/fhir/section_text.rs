//! A section of a document that says something in words alone.
//! Spec: CDA R2 §4.3.5.11 Narrative Block; FHIR R4 narrative#xhtml.

use serde::{Deserialize, Serialize};

use super::xml::{Element, Node};

/// Characters kept of the words of a section.
const MAX_WORDS: usize = 1_000;
/// Elements of a text that begin a line.
const LINES: &[&str] = &["tr", "br", "paragraph", "item", "p", "div", "li", "ul", "ol", "caption", "list", "table"];

/// What a section says in words alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionText {
    /// Where the section stands on the page of its document.
    pub anchor: String,
    /// LOINC, "" without one.
    pub code: String,
    pub title: String,
    /// Its words as they stand, lines parted by `;`, at most 1,000 characters with `…` where they are cut.
    pub words: String,
}

impl SectionText {
    /// Of the text of a section; `None` when that says nothing.
    pub fn of(anchor: String, code: &str, title: String, text: &Element) -> Option<Self> {
        let words = words(text);
        words.chars().any(char::is_alphanumeric).then(|| Self { anchor, code: code.to_owned(), title, words })
    }
}

fn words(text: &Element) -> String {
    let mut lines = vec![String::new()];
    collect(text, &mut lines);
    let mut out = String::new();
    for line in lines.iter().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|l| !l.is_empty()) {
        if !out.is_empty() {
            out.push_str(if out.ends_with(['.', '!', '?', ':', ';', ',']) { " " } else { " ; " });
        }
        out.push_str(&line);
        if out.chars().count() > MAX_WORDS {
            return out.chars().take(MAX_WORDS).chain(std::iter::once('…')).collect();
        }
    }
    out
}

fn collect(e: &Element, lines: &mut Vec<String>) {
    for child in &e.children {
        match child {
            Node::Text(text) => lines.iter_mut().last().into_iter().for_each(|line| line.push_str(text)),
            Node::Data(_) => {}
            Node::Element(e) => {
                let begins = LINES.contains(&&*e.name);
                if begins {
                    lines.push(String::new());
                } else if matches!(&*e.name, "td" | "th") {
                    lines.iter_mut().last().into_iter().for_each(|line| line.push(' '));
                }
                collect(e, lines);
                if begins {
                    lines.push(String::new());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    fn of(text: &str) -> Option<String> {
        let text = parse(text.as_bytes(), &Limits::default()).unwrap();
        SectionText::of(String::new(), "", String::new(), &text).map(|t| t.words)
    }

    #[test]
    fn lines_are_parted_and_cells_are_not_glued() {
        assert_eq!(of("<text><table><tr><td>pénicilline</td><td>(choc)</td></tr><tr><td>latex</td></tr></table></text>").as_deref(), Some("pénicilline (choc) ; latex"));
        assert_eq!(of("<div><p>Pas d'AINS.</p><ul><li>INR cible 2,5</li></ul></div>").as_deref(), Some("Pas d'AINS. INR cible 2,5"));
        assert_eq!(of("<text> - </text>"), None);
    }

    #[test]
    fn long_words_are_cut_and_say_so() {
        let words = of(&format!("<text>{}</text>", "mot ".repeat(1_000))).unwrap();
        assert!(words.chars().count() == MAX_WORDS + 1 && words.ends_with('…'));
    }
}
