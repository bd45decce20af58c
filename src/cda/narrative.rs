//! The human text of a document and the way from an entry to its words.
//! Spec: CDA R2 §4.3.5 Section Narrative Block, §4.3.5.11 Referencing in and out of the narrative.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::fhir::xml::{Element, Node};

/// Longest text taken for a label or a note, in characters.
const LABEL_MAX: usize = 2_000;

/// The identified elements of all section texts.
pub(super) struct Narrative<'a> {
    by_id: HashMap<&'a str, &'a Element>,
    /// Words said once: many statements may refer to one long text.
    said: RefCell<HashMap<&'a str, Option<String>>>,
}

impl<'a> Narrative<'a> {
    /// Indexes every `section/text//*[@ID]`; the first wins when an ID is repeated.
    pub fn of(root: &'a Element) -> Self {
        let mut all = Vec::new();
        root.descendants(&mut all);
        let mut by_id = HashMap::new();
        for section in all.iter().filter(|e| &*e.name == "section") {
            let Some(text) = section.child("text") else { continue };
            let mut words = Vec::new();
            text.descendants(&mut words);
            for e in std::iter::once(text).chain(words) {
                if let Some(id) = e.attr("ID") {
                    by_id.entry(id).or_insert(e);
                }
            }
        }
        Self { by_id, said: RefCell::default() }
    }

    /// The identifier a reference names, when it is in the narrative. French documents often forget the `#`.
    pub fn fragment<'b>(&self, value: &'b str) -> Option<&'b str> {
        let id = value.trim().strip_prefix('#').unwrap_or(value.trim());
        (!id.is_empty() && self.by_id.contains_key(id)).then_some(id)
    }

    /// The words a `text` or `originalText` element gives: those it refers to, else its own.
    pub fn words(&self, holder: &Element) -> Option<String> {
        if let Some(reference) = holder.child("reference").and_then(|r| r.attr("value")) {
            let (id, element) = self.by_id.get_key_value(self.fragment(reference)?)?;
            return self.said.borrow_mut().entry(id).or_insert_with(|| clean(&element.plain())).clone();
        }
        if holder.attr("representation").is_some_and(|r| r.eq_ignore_ascii_case("B64")) {
            return None;
        }
        clean(&holder.plain())
    }

    /// The same words, with a stop between the lines and cells that have none: they are sentences of their own.
    pub fn sentences(&self, holder: &Element) -> Option<String> {
        let words = self.words(holder)?;
        let referred = holder.child("reference").and_then(|r| self.fragment(r.attr("value")?)).and_then(|id| self.by_id.get(id).copied());
        let mut lines = vec![String::new()];
        break_lines(referred.unwrap_or(holder), &mut lines);
        let lines: Vec<String> = lines.iter().filter_map(|l| clean(l)).collect();
        if lines.len() < 2 { Some(words) } else { clean(&joined(lines)) }
    }

    /// The words a `text` or `originalText` element refers to, as they are written; `None` when they are more than a few.
    pub fn written(&self, holder: &Element) -> Option<String> {
        let id = self.fragment(holder.child("reference")?.attr("value")?)?;
        let element = self.by_id.get(id)?;
        let mut left = WRITTEN_MAX;
        is_short(element, &mut left).then(|| element.plain())
    }

    /// The fragment a statement is anchored at: its `text`, else the original text of its value or code, else, of a group without words
    /// of its own, where the first of its observations stands.
    pub fn anchor<'b>(&self, statement: &'b Element) -> Option<&'b str> {
        let own = |e: &'b Element| {
            ["text/reference", "value/originalText/reference", "code/originalText/reference", "text/reference/reference"]
                .iter()
                .find_map(|path| self.fragment(e.at(path)?.attr("value")?))
        };
        own(statement).or_else(|| statement.all("component").filter_map(|c| c.child("observation")).find_map(own))
    }
}

/// The text below, a new line at every block.
fn break_lines(e: &Element, lines: &mut Vec<String>) {
    for child in &e.children {
        match child {
            Node::Text(text) => lines.iter_mut().last().into_iter().for_each(|line| line.push_str(text)),
            Node::Data(_) => {}
            Node::Element(e) => {
                let block = matches!(&*e.name, "td" | "th" | "tr" | "br" | "paragraph" | "item" | "p" | "li" | "caption");
                lines.extend(block.then(String::new));
                break_lines(e, lines);
                lines.extend(block.then(String::new));
            }
        }
    }
}

/// Texts in one, each ended by its own stop or by ours.
pub(super) fn joined(texts: Vec<String>) -> String {
    texts.into_iter().reduce(|all, next| if all.ends_with(['.', '!', '?', '…', ':', ';', ',']) { format!("{all} {next}") } else { format!("{all}. {next}") }).unwrap_or_default()
}

/// Longest text, in bytes and elements, that is compared with what is coded.
const WRITTEN_MAX: usize = 200;

/// Whether no more text and elements are below than what is left; stops where there is more.
fn is_short(e: &Element, left: &mut usize) -> bool {
    e.children.iter().all(|child| {
        let size = match child {
            Node::Element(_) => 1,
            Node::Text(text) => text.len(),
            Node::Data(range) => range.len(),
        };
        let Some(rest) = left.checked_sub(size) else { return false };
        *left = rest;
        match child {
            Node::Element(e) => is_short(e, left),
            Node::Text(_) | Node::Data(_) => true,
        }
    })
}

/// White space collapsed, a leading `[CIM-10 : I10]` taken off, bounded; `None` when nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((_, rest)) if !rest.trim().is_empty() => rest.trim().to_owned(),
        _ => text,
    };
    let text: String = text.chars().take(LABEL_MAX).collect();
    let says = text.chars().any(char::is_alphanumeric);
    says.then_some(text)
}

/// Lower case without accents or punctuation, for comparing words.
pub(super) fn folded(text: &str) -> String {
    let plain = text.chars().flat_map(char::to_lowercase).map(|c| match c {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        c if c.is_alphanumeric() => c,
        _ => ' ',
    });
    plain.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Folded words with numbers parted from letters: `75mg` and `75 mg` are the same two.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in folded(text).split(' ') {
        let mut number = None;
        for c in word.chars() {
            let digit = c.is_ascii_digit();
            match out.last_mut().filter(|_| number == Some(digit)) {
                Some(last) => last.push(c),
                None => out.push(c.to_string()),
            }
            number = Some(digit);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn references_resolve_with_and_without_hash_and_never_dangle() {
        let root = parse(
            b"<d><section><text><table><tr><td ID='a'>[CIM-10 : I10]  Une\n tension</td></tr></table></text></section>\
              <t1><reference value='#a'/></t1><t2><reference value='a'/></t2><t3><reference value='#b'/></t3><t4>propre</t4><t5> - </t5></d>",
            &Limits::default(),
        )
        .unwrap();
        let narrative = Narrative::of(&root);
        let words = |n: &str| narrative.words(root.child(n).unwrap());
        assert_eq!(words("t1").as_deref(), Some("Une tension"));
        assert_eq!(words("t2").as_deref(), Some("Une tension"));
        assert_eq!(words("t3"), None);
        assert_eq!(words("t4").as_deref(), Some("propre"));
        assert_eq!(words("t5"), None);
    }

    #[test]
    fn lines_are_sentences() {
        let root = parse(
            b"<d><section><text><content ID='i'>Au repas<br/>Ne pas croquer. <br/>Bien boire</content></text></section><t><reference value='#i'/></t><u>Au repas</u></d>",
            &Limits::default(),
        )
        .unwrap();
        let narrative = Narrative::of(&root);
        assert_eq!(narrative.sentences(root.child("t").unwrap()).as_deref(), Some("Au repas. Ne pas croquer. Bien boire"));
        assert_eq!(narrative.sentences(root.child("u").unwrap()).as_deref(), Some("Au repas"));
    }

    #[test]
    fn words_compare_without_case_and_accents() {
        assert_eq!(folded("  Négatif. "), "negatif");
        assert_eq!(tokens("PLAVIX 75mg, 2x"), ["plavix", "75", "mg", "2", "x"]);
    }
}
