//! Which statements are of one thing: by the codes that identify it, by equivalent codes, by its name.
//!
//! A statement with several codes joins every statement that shares one of them, whatever the order in which they come. What would
//! join two things that are kept apart (two categories of the CIM-10, two strengths of a medicine) by a chain of such statements is
//! not joined at all: then only the first code of each counts.
//! Spec: `fhir-profiles/key-information/identity.toml`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use serde_json::Value;

use super::statement::Statement;
use crate::keyinfo::language::concept::{self, Key, items, str_of};
use crate::keyinfo::language::mark::{Mark, Quick};
use crate::keyinfo::language::tables::SECTIONS;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::read::analyte;
use crate::keyinfo::read::codes::{Meant, identifying, meant, names_nothing, system};
use crate::keyinfo::read::product::Product;

/// Types whose name says all: two codings of one product, vaccine or substance carry the same name.
const NAMED_ALIKE: &[&str] = &["AllergyIntolerance", "Medication", "Immunization"];

/// The family of a resource type: all kinds of medication statements are of medicines.
pub fn family(kind: &'static str) -> &'static str {
    if kind.starts_with("Medication") { "Medication" } else { kind }
}

/// A name of a thing that statements may share.
#[derive(Hash)]
enum Node<'a> {
    Meant(Meant<'a>),
    Raw(&'a str, &'a str),
    Words(&'a str),
    /// ATC, strength, route.
    Class(&'a str, &'a str, &'static str),
}

impl Node<'_> {
    /// The mark of this name in a family.
    fn of(&self, family: &'static str) -> Mark {
        Mark::of(&(family, self))
    }
}

/// By what one statement is of a thing, as far as it says itself.
pub struct Identity<'a> {
    /// Codings that identify, each with what it must not be joined with another of.
    coded: Vec<(Mark, Option<String>)>,
    pub product: Option<Product<'a>>,
    /// Class and strength of a medicine, without and with its route.
    class: Option<(Mark, Mark)>,
    /// What identifies it when nothing else does: its first coding, else its words.
    key: Mark,
    /// What it is called, where names say all.
    name: Option<Mark>,
    /// The names of its codes, as they are written, with their marks.
    written: Vec<(Mark, &'a str)>,
}

impl<'a> Identity<'a> {
    pub fn of(kind: &'static str, resource: &'a Value, concept: Option<&'a Value>, key: &Key<'a>) -> Self {
        let family = family(kind);
        let product = concept.filter(|_| family == "Medication").map(|c| Product::of(resource, c));
        let systems = identifying(family);
        let codings = concept.into_iter().flat_map(|c| items(c, "coding")).filter_map(|c| str_of(c, "system").zip(str_of(c, "code")));
        let coded: Vec<_> = codings.filter_map(|(uri, code)| meaning(family, systems, uri, code)).collect();
        let known = product.as_ref().filter(|p| !p.strength.is_empty());
        let class = known.and_then(|p| Some((p, p.atc?))).map(|(p, atc)| {
            let name = |route| Node::Class(atc, &p.strength, route).of(family);
            (name(""), name(p.route))
        });
        let spoken = || match &product {
            Some(p) => Some(p.name.clone()),
            None => concept.and_then(concept::spoken).map(|n| fold(&n)),
        };
        let name = if NAMED_ALIKE.contains(&family) { spoken().filter(|n| !n.is_empty()).map(|n| Node::Words(&n).of(family)) } else { None };
        let written = match key {
            Key::Code(..) => concept.into_iter().flat_map(concept::names).map(|raw| (Mark::of(raw), raw)).collect(),
            Key::Words(_) => Vec::new(),
        };
        Self { coded, class, key: by_key(family, concept, key), name, written, product }
    }

    /// Class, strength and route, where the routes met do not contradict each other.
    fn class(&self, routes: &Routes) -> Option<Mark> {
        let (any, own) = self.class?;
        let several = routes.get(&any).is_some_and(|met| met.len() > 1);
        match (several, self.product.as_ref()?.route) {
            (true, "") => None,
            (true, _) => Some(own),
            (false, _) => Some(any),
        }
    }
}

/// The node of a coding that identifies, with what it must not be joined with another of.
fn meaning<'a>(family: &'static str, systems: Option<&'static [String]>, uri: &'a str, code: &'a str) -> Option<(Mark, Option<String>)> {
    let system = system(uri).filter(|s| systems.is_some_and(|all| all.iter().any(|known| known == s)))?;
    if names_nothing(system, code) || SECTIONS.kinds_of_allergy.iter().any(|k| k == code) {
        return None;
    }
    let analyte = if family == "Observation" { analyte::of_code(code) } else { None };
    let meant = meant(system, analyte.map_or(code, |a| a.code()));
    // Two categories of the CIM-10, or two classes of codes, are two problems.
    let apart = (family == "Condition" && (system == "cim-10" || matches!(meant, Meant::Mapped(_)))).then(|| format!("{meant:?}"));
    Some((Node::Meant(meant).of(family), apart))
}

/// The node of a statement that no code of the table identifies: its first coding, else its words.
fn by_key(family: &'static str, concept: Option<&Value>, key: &Key<'_>) -> Mark {
    match key {
        Key::Code(uri, code) if system(uri).is_some_and(|name| names_nothing(name, code)) => {
            Node::Words(&fold(&concept.and_then(concept::spoken).unwrap_or_else(|| (*code).to_owned()))).of(family)
        }
        Key::Code(uri, code) => Node::Raw(uri, code).of(family),
        Key::Words(words) => Node::Words(words).of(family),
    }
}

/// Routes met of one class and strength.
type Routes = HashMap<Mark, BTreeSet<&'static str>, Quick>;

fn routes(statements: &[Statement<'_>]) -> Routes {
    let mut out = Routes::default();
    let stated = statements.iter().filter(|s| s.absence.is_none()).map(|s| &s.stated().identity);
    for (product, (any, _)) in stated.filter_map(|identity| identity.product.as_ref().zip(identity.class)) {
        out.entry(any).or_default().extend(Some(product.route).filter(|r| !r.is_empty()));
    }
    out
}

/// Statements as nodes, and what joins them.
#[derive(Default)]
struct Graph<'a> {
    nodes: HashMap<Mark, usize, Quick>,
    /// Of each node, what it must not be joined with another of.
    anchor: Vec<Option<Cow<'a, str>>>,
    /// Pairs of nodes that a statement joins.
    links: HashSet<(usize, usize), Quick>,
    /// Of each statement its first node; `None` of a statement of absence.
    first: Vec<Option<usize>>,
}

/// Of each statement a number that statements of the same thing share; `None` of statements of absence.
pub fn classes<'a>(statements: &'a [Statement<'a>]) -> Vec<Option<usize>> {
    let mut graph = Graph::default();
    let routes = routes(statements);
    for s in statements {
        let first = s.absence.is_none().then(|| graph.place(&s.stated().identity, &routes));
        graph.first.push(first);
    }
    let mut joined = graph.joined();
    graph.alias(statements, &mut joined);
    graph.first.iter().map(|node| node.map(|n| joined.root(n))).collect()
}

impl<'a> Graph<'a> {
    /// The first node of a statement; its others are linked to it.
    fn place(&mut self, identity: &'a Identity<'a>, routes: &Routes) -> usize {
        let mut first = None;
        for (name, apart) in &identity.coded {
            let node = self.node(*name);
            if let (Some(apart), Some(slot)) = (apart, self.anchor.get_mut(node)) {
                *slot = Some(Cow::Borrowed(apart));
            }
            self.link(&mut first, node);
        }
        if let Some(name) = identity.class(routes) {
            let node = self.node(name);
            self.link(&mut first, node);
        }
        let first = first.unwrap_or_else(|| self.node(identity.key));
        if let Some(name) = identity.name {
            let node = self.node(name);
            self.link(&mut Some(first), node);
        }
        if let Some(p) = identity.product.as_ref().filter(|p| !p.strength.is_empty()) {
            self.hold_apart(first, &p.strength);
        }
        first
    }

    fn node(&mut self, name: Mark) -> usize {
        let next = self.anchor.len();
        let at = *self.nodes.entry(name).or_insert(next);
        if at == next {
            self.anchor.push(None);
        }
        at
    }

    /// Links a node to the first one, or makes it the first.
    fn link(&mut self, first: &mut Option<usize>, node: usize) {
        let first = *first.get_or_insert(node);
        if first != node {
            self.links.insert((first, node));
        }
    }

    /// Notes a strength of a node; two different ones are noted as both.
    fn hold_apart(&mut self, node: usize, strength: &'a str) {
        if let Some(slot) = self.anchor.get_mut(node) {
            match slot {
                None => *slot = Some(Cow::Borrowed(strength)),
                Some(known) if known == strength => {}
                // One code under two strengths is its document's contradiction: the code stays one thing and joins nothing else.
                Some(known) => *known = Cow::Owned(format!("{known}|{strength}")),
            }
        }
    }

    /// Nodes joined by the links, but for those that would join what is held apart.
    fn joined(&self) -> Joined {
        let mut all = Joined::new(self.anchor.len());
        self.links.iter().for_each(|(a, b)| all.join(*a, *b));
        let mut held: HashMap<usize, &str> = HashMap::new();
        let mut torn: HashSet<usize> = HashSet::new();
        for (node, anchor) in self.anchor.iter().enumerate().filter_map(|(n, a)| Some((n, a.as_deref()?))) {
            let root = all.root(node);
            if *held.entry(root).or_insert(anchor) != anchor {
                torn.insert(root);
            }
        }
        if torn.is_empty() {
            return all;
        }
        let mut out = Joined::new(self.anchor.len());
        for (a, b) in self.links.iter().filter(|(a, _)| !torn.contains(&all.root(*a))) {
            out.join(*a, *b);
        }
        out
    }

    /// Words without a code join the one thing that bears them as a name, and a bare class the one medicine of it.
    fn alias(&self, statements: &'a [Statement<'a>], joined: &mut Joined) {
        let mut wanted: Wanted<'_> = HashMap::new();
        for (s, first) in statements.iter().zip(&self.first) {
            if let Some((name, first)) = words_alone(s).zip(*first) {
                wanted.entry((family(s.kind), name)).or_insert((first, BTreeSet::new()));
            }
        }
        if wanted.is_empty() {
            return;
        }
        let families: BTreeSet<&str> = wanted.keys().map(|(family, _)| *family).collect();
        let mut met: HashSet<(usize, Mark), Quick> = HashSet::default();
        for (s, first) in statements.iter().zip(&self.first).filter(|(s, _)| matches!(s.key, Key::Code(..)) && families.contains(family(s.kind))) {
            let Some(root) = first.map(|f| joined.root(f)) else { continue };
            for (_, raw) in s.identity.written.iter().filter(|(mark, _)| met.insert((root, *mark))) {
                if let Some((_, roots)) = wanted.get_mut(&(family(s.kind), Cow::Owned(fold(raw)))) {
                    roots.insert(root);
                }
            }
            let class = s.identity.product.as_ref().filter(|p| !p.strength.is_empty()).and_then(|p| p.atc);
            if let Some((_, roots)) = class.and_then(|atc| wanted.get_mut(&(family(s.kind), Cow::Owned(format!("atc {atc}"))))) {
                roots.insert(root);
            }
        }
        let mut pairs = Vec::new();
        for (own, roots) in wanted.into_values() {
            let own = joined.root(own);
            let mut others = roots.into_iter().filter(|r| *r != own);
            pairs.extend(others.next().filter(|_| others.next().is_none()).map(|one| (own, one)));
        }
        pairs.into_iter().for_each(|(a, b)| joined.join(a, b));
    }
}

/// Family and words → the node that has them alone, and the things that bear them as a name.
type Wanted<'a> = HashMap<(&'static str, Cow<'a, str>), (usize, BTreeSet<usize>)>;

/// What a statement is called that only has words, or only the class of a medicine.
fn words_alone<'a>(s: &'a Statement<'a>) -> Option<Cow<'a, str>> {
    let bare = s.identity.product.as_ref().filter(|p| p.strength.is_empty()).and_then(|p| p.atc);
    match (&s.key, bare) {
        (Key::Words(words), _) => Some(Cow::Borrowed(words)),
        (Key::Code(_, code), Some(atc)) if *code == atc => Some(Cow::Owned(format!("atc {atc}"))),
        _ => None,
    }
}

/// Disjoint sets of nodes; the smallest node stands for its set.
struct Joined(Vec<usize>);

impl Joined {
    fn new(nodes: usize) -> Self {
        Self((0..nodes).collect())
    }

    fn root(&mut self, node: usize) -> usize {
        let mut at = node;
        while let Some(next) = self.0.get(at).copied().filter(|next| *next != at) {
            // Each step halves the way of the next look.
            let over = self.0.get(next).copied().unwrap_or(next);
            if let Some(slot) = self.0.get_mut(at) {
                *slot = over;
            }
            at = next;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.0.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }
}
