//! The small language of the rows: what an element must hold, as paths with conditions.
//!
//! ```text
//! code@code=21899-0                        an element below, an attribute of it, one of the values between `|`
//! entry/act{1.3.6.1.4.1.19376.1.5.3.1.4.5} … that carries this templateId
//! .//observation[code@code=MED-1]          anywhere below; a condition is a path again, `!` denies it
//! value[@type=CD] 1..1                     how often; without it at least once
//! self:observation   ..   ^section         this element by name, its parent, an ancestor
//! !text or id 1..*                         one of several
//! ```
//!
//! Names are local names. An absolute path begins at the document: `/ClinicalDocument/…`.

mod read;

use std::cell::Cell;

use crate::fhir::xml::Element;

/// An element with the way to it.
pub(super) struct Place<'p, 'a> {
    pub element: &'a Element,
    pub up: Option<&'p Place<'p, 'a>>,
    /// Steps taken so far in the whole document.
    pub steps: &'p Cell<u32>,
}

/// Steps of one document: some seconds of hostile input would be hundreds of times this.
pub(super) const MAX_STEPS: u32 = 10_000_000;

impl<'a> Place<'_, 'a> {
    /// The place of a child.
    pub fn child<'q>(&'q self, element: &'a Element) -> Place<'q, 'a> {
        Place { element, up: Some(self), steps: self.steps }
    }

    /// Whether no more steps may be taken; what was asked last has no answer then.
    pub fn exhausted(&self) -> bool {
        self.steps.get() > MAX_STEPS
    }
}

/// One demand: any of its literals satisfies it.
#[derive(Debug)]
pub(super) struct Clause {
    pub literals: Vec<Literal>,
}

/// A path and how often it may be found.
#[derive(Debug)]
pub(super) struct Literal {
    pub path: Path,
    pub text: String,
    pub least: usize,
    pub most: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Path {
    /// Begins at the document, at its root or (`//`) anywhere.
    absolute: Option<Axis>,
    pub steps: Vec<Step>,
    attribute: Option<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    name: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Present,
    OneOf(Vec<String>),
    Other(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Child,
    Below,
    Itself,
    Parent,
    Ancestor,
}

#[derive(Debug)]
pub(super) struct Step {
    axis: Axis,
    /// `None` for any.
    pub name: Option<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
enum Condition {
    Template(String),
    Holds { path: Path, denied: bool },
}

impl Clause {
    pub fn holds(&self, at: &Place) -> bool {
        self.literals.iter().any(|l| l.holds(at))
    }
}

impl Literal {
    fn holds(&self, at: &Place) -> bool {
        let enough = self.most.map_or(self.least, |m| m + 1);
        let found = self.path.count(at, enough);
        found >= self.least && self.most.is_none_or(|m| found <= m)
    }
}

impl Path {
    /// How many places it leads to, counted up to a limit.
    pub fn count(&self, at: &Place, limit: usize) -> usize {
        let mut found = 0;
        let mut seen = |place: &Place| {
            found += usize::from(self.attribute.as_ref().is_none_or(|a| a.holds(place.element)));
            found >= limit.max(1)
        };
        match self.absolute {
            None => visit(at, &self.steps, &mut seen),
            Some(axis) => from_root(at, axis, &self.steps, &mut seen),
        };
        found
    }

    fn exists(&self, at: &Place) -> bool {
        self.count(at, 1) > 0
    }

    /// Whether the element is one this path may end at, read from its end as a pattern.
    pub fn matches(&self, at: &Place) -> bool {
        self.attribute.is_none() && matched(at, &self.steps, self.absolute)
    }

    /// The templateId the last step asks for.
    pub fn template(&self) -> Option<&str> {
        self.steps.last()?.conditions.iter().find_map(|c| match c {
            Condition::Template(root) => Some(root.as_str()),
            Condition::Holds { .. } => None,
        })
    }
}

/// Goes down (or up) the steps; `seen` says when enough was seen, and so does the answer.
fn visit(at: &Place, steps: &[Step], seen: &mut dyn FnMut(&Place) -> bool) -> bool {
    at.steps.set(at.steps.get().saturating_add(1));
    if at.exhausted() {
        return true;
    }
    let Some((step, rest)) = steps.split_first() else { return seen(at) };
    match step.axis {
        Axis::Itself => step.takes(at) && visit(at, rest, seen),
        Axis::Parent => at.up.is_some_and(|up| step.takes(up) && visit(up, rest, seen)),
        Axis::Ancestor => std::iter::successors(at.up, |p| p.up).any(|up| step.takes(up) && visit(up, rest, seen)),
        Axis::Child => at.element.elements().any(|e| {
            let child = at.child(e);
            step.takes(&child) && visit(&child, rest, seen)
        }),
        Axis::Below => at.element.elements().any(|e| {
            let child = at.child(e);
            step.takes(&child) && visit(&child, rest, seen) || visit(&child, steps, seen)
        }),
    }
}

fn from_root(at: &Place, axis: Axis, steps: &[Step], seen: &mut dyn FnMut(&Place) -> bool) -> bool {
    let root = std::iter::successors(Some(at), |p| p.up).last().unwrap_or(at);
    let Some((first, rest)) = steps.split_first() else { return seen(root) };
    first.takes(root) && visit(root, rest, seen) || axis == Axis::Below && visit(root, steps, seen)
}

fn matched(at: &Place, steps: &[Step], absolute: Option<Axis>) -> bool {
    let Some((last, before)) = steps.split_last() else { return true };
    if !last.takes(at) {
        return false;
    }
    match (before.is_empty(), last.axis) {
        (true, _) => absolute != Some(Axis::Child) || at.up.is_none(),
        (false, Axis::Below) => std::iter::successors(at.up, |p| p.up).any(|up| matched(up, before, absolute)),
        (false, _) => at.up.is_some_and(|up| matched(up, before, absolute)),
    }
}

impl Step {
    fn takes(&self, at: &Place) -> bool {
        self.name.as_ref().is_none_or(|n| **n == *at.element.name) && self.conditions.iter().all(|c| c.holds(at))
    }
}

impl Condition {
    fn holds(&self, at: &Place) -> bool {
        match self {
            Self::Template(root) => at.element.all("templateId").any(|t| t.attr("root") == Some(root)),
            Self::Holds { path, denied } => path.exists(at) != *denied,
        }
    }
}

impl Attribute {
    fn holds(&self, e: &Element) -> bool {
        let Some(value) = e.attr(&self.name) else { return false };
        match &self.test {
            Test::Present => true,
            Test::OneOf(values) => values.iter().any(|v| v == value),
            Test::Other(values) => values.iter().any(|v| v != value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    const DOCUMENT: &[u8] = b"<d><section><templateId root='1.2'/><code code='A'/><entry><act><id/><id/></act></entry><entry><observation xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><templateId root='3.4'/><value xsi:type='CD' code='x y'/></observation></entry></section></d>";

    fn holds(clause: &str, at: &[&str]) -> bool {
        let root = parse(DOCUMENT, &Limits::default()).unwrap();
        fn down(place: &Place, at: &[&str], clause: &Clause) -> bool {
            match at.split_first() {
                None => clause.holds(place),
                Some((name, rest)) => down(&place.child(place.element.child(name).unwrap()), rest, clause),
            }
        }
        down(&Place { element: &root, up: None, steps: &Cell::new(0) }, at, &Clause::read(clause).unwrap_or_else(|| panic!("{clause}")))
    }

    #[test]
    fn clauses_ask_for_elements_attributes_templates_and_numbers() {
        for (clause, expected) in [
            ("code@code=A", true),
            ("code@code=B|C", false),
            ("code@code!=B", true),
            ("code[!@codeSystem]", true),
            (".{1.2}", true),
            (".{1.2.3}", false),
            ("self:section", true),
            ("self:act or entry/act", true),
            ("entry 2..2", true),
            ("entry 0..1", false),
            ("entry/act/id 1..1", false),
            (".//id 2..*", true),
            ("entry/observation{3.4}[value@type=CD]", true),
            ("entry/observation[value@code=x y]", true),
            ("!entry/encounter", true),
            ("!entry/act", false),
            ("..:d/section", true),
            ("^d", true),
            ("/d/section{1.2}", true),
            ("//observation{3.4}", true),
            ("/section", false),
            (".//value/../templateId@root=3.4", true),
        ] {
            assert_eq!(holds(clause, &["section"]), expected, "{clause}");
        }
        for wrong in ["", "a[b", "a{1.2", "a//", "@", "a b", "a 1..x", "a[@b!]", "a!b"] {
            assert!(Clause::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn patterns_match_from_their_end() {
        let root = parse(DOCUMENT, &Limits::default()).unwrap();
        let steps = Cell::new(0);
        let document = Place { element: &root, up: None, steps: &steps };
        let section = document.child(root.child("section").unwrap());
        let entry = section.child(section.element.child("entry").unwrap());
        let matches = |pattern: &str, at: &Place| Path::read(pattern).unwrap().matches(at);
        assert!(matches("*{1.2}", &section) && matches("section/entry", &entry) && matches("d//entry", &entry) && matches("/d/section", &section));
        assert!(!matches("/section", &section) && !matches("act/entry", &entry) && !matches("*{1.2}", &entry));
        assert_eq!(Path::read("a/*[b]{1.2}").unwrap().template(), Some("1.2"));
    }

    #[test]
    fn steps_are_bounded() {
        let root = parse(DOCUMENT, &Limits::default()).unwrap();
        let steps = Cell::new(MAX_STEPS - 3);
        let place = Place { element: &root, up: None, steps: &steps };
        Clause::read("//nothing").unwrap().holds(&place);
        assert!(place.exhausted() && steps.get() <= MAX_STEPS + 10);
    }
}
