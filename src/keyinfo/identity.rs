//! Which statements are of one thing: by the codes that identify it, by equivalent codes, by its name.
//!
//! A statement with several codes joins every statement that shares one of them, whatever the order in which they come. What would
//! join two things that are kept apart (two categories of the CIM-10, two strengths of a medicine) by a chain of such statements is
//! not joined at all: then only the first code of each counts.
//! Spec: `fhir-profiles/key-information/identity.toml`.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::analyte;
use super::codes::{Meant, identifying, meant, names_nothing, system};
use super::concept::{self, Key, items, str_of, text};
use super::product::Product;
use super::statement::Statement;
use super::tables::SECTIONS;
use super::words::fold;

/// Types whose name says all: two codings of one product, vaccine or substance carry the same name.
const NAMED_ALIKE: &[&str] = &["AllergyIntolerance", "Medication", "Immunization"];

/// The family of a resource type: all kinds of medication statements are of medicines.
pub(super) fn family(kind: &str) -> &str {
    if kind.starts_with("Medication") { "Medication" } else { kind }
}

/// A name of a thing that statements may share.
#[derive(PartialEq, Eq, Hash)]
enum Node<'a> {
    Meant(Meant<'a>),
    Raw(&'a str, &'a str),
    Words(String),
    /// ATC, strength, route.
    Class(&'a str, String, &'static str),
}

/// Statements as nodes, and what joins them.
#[derive(Default)]
struct Graph<'a> {
    families: Vec<(&'a str, Option<&'static [String]>)>,
    /// Codings as they are written → their node, `None` for one that identifies nothing.
    coded: HashMap<(usize, &'a str, &'a str), Option<usize>>,
    nodes: HashMap<(usize, Node<'a>), usize>,
    /// Names as they are written, of each node: one fold for each.
    named: HashSet<(usize, &'a str)>,
    /// Of each node, what it must not be joined with another of.
    anchor: Vec<Option<String>>,
    /// Pairs of nodes that a statement joins.
    links: HashSet<(usize, usize)>,
    /// Of each statement its first node; `None` of a statement of absence.
    first: Vec<Option<usize>>,
}

/// Of each statement a number that statements of the same thing share; `None` of statements of absence.
pub(super) fn classes<'a>(statements: &[Statement<'a>]) -> Vec<Option<usize>> {
    let mut graph = Graph::default();
    let products = products(statements);
    let routes = routes(&products);
    for (at, s) in statements.iter().enumerate() {
        let first = s.absence.is_none().then(|| graph.place(s, products.get(&at), &routes));
        graph.first.push(first);
    }
    let mut joined = graph.joined();
    graph.alias(statements, &products, &mut joined);
    graph.first.iter().map(|node| node.map(|n| joined.root(n))).collect()
}

/// The medicines among the statements.
fn products<'a>(statements: &[Statement<'a>]) -> HashMap<usize, Product<'a>> {
    let medicines = statements.iter().enumerate().filter(|(_, s)| s.absence.is_none() && family(s.kind) == "Medication");
    medicines.filter_map(|(at, s)| Some((at, Product::of(s.resource, s.concept?)))).collect()
}

/// Routes met of one class and strength.
fn routes<'a>(products: &HashMap<usize, Product<'a>>) -> HashMap<(&'a str, String), BTreeSet<&'static str>> {
    let mut out: HashMap<(&str, String), BTreeSet<&'static str>> = HashMap::new();
    for p in products.values().filter(|p| !p.strength.is_empty()) {
        if let Some(atc) = p.atc {
            let met = out.entry((atc, p.strength.clone())).or_default();
            met.extend(Some(p.route).filter(|r| !r.is_empty()));
        }
    }
    out
}

impl<'a> Graph<'a> {
    /// The first node of a statement; its others are linked to it.
    fn place(&mut self, s: &Statement<'a>, product: Option<&Product<'a>>, routes: &HashMap<(&'a str, String), BTreeSet<&'static str>>) -> usize {
        let family = self.family(s.kind);
        let mut all: Vec<usize> = Vec::new();
        for coding in s.concept.into_iter().flat_map(|c| items(c, "coding")) {
            let Some((uri, code)) = str_of(coding, "system").zip(str_of(coding, "code")) else { continue };
            all.extend(self.coding(family, uri, code));
        }
        if let Some(p) = product {
            all.extend(self.class(family, p, routes));
        }
        let first = all.first().copied().unwrap_or_else(|| self.key(family, s));
        if self.families.get(family).is_some_and(|(name, _)| NAMED_ALIKE.contains(name)) {
            all.extend(self.name(family, first, s, product));
        }
        if let Some(p) = product.filter(|p| !p.strength.is_empty()) {
            self.hold_apart(first, &p.strength);
        }
        self.links.extend(all.into_iter().filter(|n| *n != first).map(|n| (first, n)));
        first
    }

    fn family(&mut self, kind: &'a str) -> usize {
        let name = family(kind);
        self.families.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.families.push((name, identifying(name)));
            self.families.len() - 1
        })
    }

    fn node(&mut self, family: usize, node: Node<'a>) -> usize {
        let next = self.anchor.len();
        let at = *self.nodes.entry((family, node)).or_insert(next);
        if at == next {
            self.anchor.push(None);
        }
        at
    }

    /// The node of a coding that identifies.
    fn coding(&mut self, family: usize, uri: &'a str, code: &'a str) -> Option<usize> {
        if let Some(known) = self.coded.get(&(family, uri, code)) {
            return *known;
        }
        let found = self.meaning(family, uri, code);
        self.coded.insert((family, uri, code), found);
        found
    }

    fn meaning(&mut self, family: usize, uri: &'a str, code: &'a str) -> Option<usize> {
        let (name, systems) = self.families.get(family).copied()?;
        let system = system(uri).filter(|s| systems.is_some_and(|all| all.iter().any(|known| known == s)))?;
        if names_nothing(system, code) || SECTIONS.kinds_of_allergy.iter().any(|k| k == code) {
            return None;
        }
        let analyte = if name == "Observation" { analyte::of_code(code) } else { None };
        let meant = meant(system, analyte.map_or(code, |a| a.code()));
        // Two categories of the CIM-10, or two classes of codes, are two problems.
        let apart = (name == "Condition" && (system == "cim-10" || matches!(meant, Meant::Mapped(_)))).then(|| format!("{meant:?}"));
        let node = self.node(family, Node::Meant(meant));
        if let Some(slot) = self.anchor.get_mut(node).filter(|_| apart.is_some()) {
            *slot = apart;
        }
        Some(node)
    }

    /// Class, strength and route, where the routes met do not contradict each other.
    fn class(&mut self, family: usize, p: &Product<'a>, routes: &HashMap<(&'a str, String), BTreeSet<&'static str>>) -> Option<usize> {
        let atc = p.atc.filter(|_| !p.strength.is_empty())?;
        let several = routes.get(&(atc, p.strength.clone())).is_some_and(|met| met.len() > 1);
        if several && p.route.is_empty() {
            return None;
        }
        Some(self.node(family, Node::Class(atc, p.strength.clone(), if several { p.route } else { "" })))
    }

    /// The node of a statement that no code of the table identifies: its first coding, else its words.
    fn key(&mut self, family: usize, s: &Statement<'a>) -> usize {
        match &s.key {
            Key::Code(uri, code) if system(uri).is_some_and(|name| names_nothing(name, code)) => {
                let words = s.concept.and_then(concept::spoken).unwrap_or_else(|| (*code).to_owned());
                self.node(family, Node::Words(fold(&words)))
            }
            Key::Code(uri, code) => self.node(family, Node::Raw(uri, code)),
            Key::Words(words) => self.node(family, Node::Words(words.clone())),
        }
    }

    /// The node of the name, when this node did not bear it yet.
    fn name(&mut self, family: usize, first: usize, s: &Statement<'a>, product: Option<&Product<'a>>) -> Option<usize> {
        if let Some(p) = product {
            return (!p.name.is_empty()).then(|| self.node(family, Node::Words(p.name.clone())));
        }
        let concept = s.concept?;
        let raw = match text(concept, "/text") {
            "" => items(concept, "coding").find_map(|c| str_of(c, "display")).unwrap_or(""),
            said => said,
        };
        if !self.named.insert((first, raw)) {
            return None;
        }
        let name = concept::spoken(concept).map(|n| fold(&n)).filter(|n| !n.is_empty())?;
        Some(self.node(family, Node::Words(name)))
    }

    /// Notes a strength of a node; two different ones are noted as both.
    fn hold_apart(&mut self, node: usize, strength: &str) {
        if let Some(slot) = self.anchor.get_mut(node) {
            match slot {
                None => *slot = Some(strength.to_owned()),
                Some(known) if known == strength => {}
                // One code under two strengths is its document's contradiction: the code stays one thing and joins nothing else.
                Some(known) => *known = format!("{known}|{strength}"),
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
    fn alias(&self, statements: &[Statement<'a>], products: &HashMap<usize, Product<'a>>, joined: &mut Joined) {
        let mut wanted: HashMap<(&str, String), (usize, BTreeSet<usize>)> = HashMap::new();
        let bare = |at: usize| products.get(&at).filter(|p| p.strength.is_empty()).and_then(|p| p.atc);
        let named = |s: &Statement<'a>, at: usize| match (&s.key, bare(at)) {
            (Key::Words(words), _) => Some(words.clone()),
            (Key::Code(_, code), Some(atc)) if *code == atc => Some(format!("atc {atc}")),
            _ => None,
        };
        for ((at, s), first) in statements.iter().enumerate().zip(&self.first) {
            if let Some((name, first)) = named(s, at).zip(*first) {
                wanted.entry((family(s.kind), name)).or_insert((first, BTreeSet::new()));
            }
        }
        if wanted.is_empty() {
            return;
        }
        let mut met: HashSet<(usize, &str)> = HashSet::new();
        for ((at, s), first) in statements.iter().enumerate().zip(&self.first).filter(|((_, s), _)| matches!(s.key, Key::Code(..))) {
            let Some(root) = first.map(|f| joined.root(f)) else { continue };
            for raw in s.concept.into_iter().flat_map(concept::names).filter(|raw| met.insert((root, raw))) {
                if let Some((_, roots)) = wanted.get_mut(&(family(s.kind), fold(raw))) {
                    roots.insert(root);
                }
            }
            let class = products.get(&at).filter(|p| !p.strength.is_empty()).and_then(|p| p.atc);
            if let Some((_, roots)) = class.and_then(|atc| wanted.get_mut(&(family(s.kind), format!("atc {atc}")))) {
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
