//! The element table, read once from the generated rows.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::primitive::Primitive;

const ELEMENTS: &str = include_str!("../../../fhir-profiles/r4/elements.tsv");
const CODES: &str = include_str!("../../../fhir-profiles/r4/codes.tsv");
/// Places of the index; about a third is used.
const INDEX_SIZE: usize = 32_768;

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Primitive(Primitive),
    /// Elements of a shape, by its number.
    Shape(u16),
    /// Any resource.
    Resource,
}

/// An element of a shape; a choice has one for each of its types.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    /// As JSON and XML write it, `valueQuantity`.
    pub name: &'static str,
    pub content: Content,
    /// An array in JSON.
    pub many: bool,
    /// An attribute in XML.
    pub attribute: bool,
    /// One type of several: at most one of its siblings may be present.
    pub choice: bool,
    /// Place in the shape, shared by the types of a choice; orders the elements in XML.
    pub slot: u8,
    codes: Option<u16>,
    shape: u16,
}

/// A type, or the inside of an element that has elements of its own.
#[derive(Debug)]
pub struct Shape {
    /// `Patient`, `HumanName` or `Patient.contact`.
    pub path: &'static str,
    /// A resource that can be sent.
    pub resource: bool,
    /// Bits of the slots that must be filled.
    pub required: u128,
    /// Element names by slot, `value[x]` for a choice.
    pub slots: Vec<&'static str>,
}

/// All types of R4.
#[derive(Debug)]
pub struct Table {
    shapes: Vec<Shape>,
    elements: Vec<Element>,
    /// Place in `elements` + 1 by hash of shape and name, open addressing.
    index: Vec<u16>,
    by_path: HashMap<&'static str, u16>,
    codes: Vec<Vec<&'static str>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::load);

/// The one table of the process.
pub fn table() -> &'static Table {
    &TABLE
}

/// The names of the resource types, sorted.
pub fn resource_types() -> impl Iterator<Item = &'static str> {
    table().shapes.iter().filter(|s| s.resource).map(|s| s.path)
}

/// An element by the type or path that holds it and its name: `element("Patient.contact", "gender")`.
pub fn element(path: &str, name: &str) -> Option<&'static Element> {
    let table = table();
    table.member(table.shape_of(path)?, name)
}

/// A row of an element.
struct Row {
    name: &'static str,
    required: bool,
    many: bool,
    types: &'static str,
    notes: &'static str,
    path: &'static str,
}

impl Table {
    /// The shape of a type or path.
    pub fn shape_of(&self, path: &str) -> Option<u16> {
        self.by_path.get(path).copied()
    }

    /// The shape of a resource type that can be sent.
    pub fn resource(&self, name: &str) -> Option<u16> {
        self.shape_of(name).filter(|s| self.shape(*s).is_some_and(|s| s.resource))
    }

    /// A shape by its number.
    pub fn shape(&self, number: u16) -> Option<&Shape> {
        self.shapes.get(usize::from(number))
    }

    /// The element of a shape that a name stands for.
    pub fn member(&self, shape: u16, name: &str) -> Option<&Element> {
        let mut at = hash(shape, name);
        loop {
            let place = self.index.get(at % INDEX_SIZE).copied().filter(|p| *p > 0)?;
            let found = self.elements.get(usize::from(place) - 1)?;
            if found.shape == shape && found.name == name {
                return Some(found);
            }
            at += 1;
        }
    }

    /// Whether the required binding of an element, if it has one, allows a code.
    pub fn allows(&self, element: &Element, code: &str) -> bool {
        match element.codes.and_then(|c| self.codes.get(usize::from(c))) {
            Some(codes) => codes.binary_search(&code).is_ok(),
            None => true,
        }
    }

    fn load() -> Self {
        let (codes, keys) = load_codes();
        let mut table = Self { shapes: Vec::new(), elements: Vec::new(), index: vec![0; INDEX_SIZE], by_path: HashMap::new(), codes };
        let rows = table.load_rows();
        for (shape, rows) in (0u16..).zip(rows) {
            for row in rows {
                table.add(shape, &row, &keys);
            }
        }
        for (place, element) in (1u16..).zip(&table.elements) {
            let mut at = hash(element.shape, element.name);
            while table.index.get(at % INDEX_SIZE).is_some_and(|p| *p > 0) {
                at += 1;
            }
            if let Some(free) = table.index.get_mut(at % INDEX_SIZE) {
                *free = place;
            }
        }
        table
    }

    /// Makes the shapes and gives the rows of each.
    fn load_rows(&mut self) -> Vec<Vec<Row>> {
        let mut rows: Vec<Vec<Row>> = Vec::new();
        for line in ELEMENTS.lines().filter(|l| !l.starts_with('#')) {
            let mut cells = line.split('\t');
            let (Some(path), Some(second)) = (cells.next(), cells.next()) else {
                continue;
            };
            let Some((parent, name)) = path.rsplit_once('.') else {
                if second != "primitive" {
                    rows.resize_with(usize::from(self.open(path, second == "resource")) + 1, Vec::new);
                }
                continue;
            };
            let (max, types, notes) = (cells.next().unwrap_or("*"), cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            let shape = usize::from(self.open(parent, false));
            rows.resize_with(self.shapes.len(), Vec::new);
            if let Some(rows) = rows.get_mut(shape) {
                rows.push(Row { name, required: second != "0", many: max != "1", types, notes, path });
            }
        }
        rows
    }

    fn open(&mut self, path: &'static str, resource: bool) -> u16 {
        let next = u16::try_from(self.shapes.len()).unwrap_or(u16::MAX);
        let number = *self.by_path.entry(path).or_insert(next);
        if number == next {
            self.shapes.push(Shape { path, resource, required: 0, slots: Vec::new() });
        }
        number
    }

    fn add(&mut self, shape: u16, row: &Row, keys: &HashMap<&str, u16>) {
        let Some(holder) = self.shapes.get_mut(usize::from(shape)) else {
            return;
        };
        let slot = u8::try_from(holder.slots.len()).unwrap_or(u8::MAX);
        holder.slots.push(row.name);
        if row.required {
            holder.required |= 1u128.checked_shl(u32::from(slot)).unwrap_or(0);
        }
        let codes = row.notes.split(' ').find_map(|n| keys.get(n.strip_prefix('=')?).copied());
        let attribute = row.notes.split(' ').any(|n| n == "attr");
        let stem = row.name.strip_suffix("[x]");
        for kind in row.types.split('|') {
            let name = stem.map_or(row.name, |stem| choice_name(stem, kind));
            let Some(content) = self.content(row.path, kind) else {
                continue;
            };
            self.elements.push(Element { name, content, many: row.many, attribute, choice: stem.is_some(), slot, codes, shape });
        }
    }

    fn content(&self, path: &str, kind: &str) -> Option<Content> {
        if let Some(primitive) = Primitive::from_name(kind) {
            return Some(Content::Primitive(primitive));
        }
        if kind == "Resource" {
            return Some(Content::Resource);
        }
        let own = self.by_path.get(path).or_else(|| self.by_path.get(kind.trim_start_matches('#')));
        own.map(|s| Content::Shape(*s))
    }
}

/// `value` and `dateTime` → `valueDateTime`; kept for the life of the process, like the table.
fn choice_name(stem: &str, kind: &str) -> &'static str {
    let mut letters = kind.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    format!("{stem}{}{}", first.map(String::from).unwrap_or_default(), letters.as_str()).leak()
}

fn load_codes() -> (Vec<Vec<&'static str>>, HashMap<&'static str, u16>) {
    let (mut codes, mut keys) = (Vec::new(), HashMap::new());
    for line in CODES.lines().filter(|l| !l.starts_with('#')) {
        let mut cells = line.split('\t');
        let (Some(key), Some(_url), Some(list)) = (cells.next(), cells.next(), cells.next()) else {
            continue;
        };
        let mut list: Vec<&'static str> = list.split(' ').collect();
        list.sort_unstable();
        keys.insert(key, u16::try_from(codes.len()).unwrap_or(u16::MAX));
        codes.push(list);
    }
    (codes, keys)
}

/// FNV-1a; the keys of the table are fixed, and a lookup costs at most one run of neighbours.
fn hash(shape: u16, name: &str) -> usize {
    let seed = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(shape).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = name.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from((mixed ^ (mixed >> 29)) & 0x3FFF_FFFF).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_used() {
        let rows = ELEMENTS.lines().filter(|l| !l.starts_with('#') && l.split('\t').next().is_some_and(|p| p.contains('.')));
        let expected: usize = rows.map(|l| l.split('\t').nth(3).unwrap().split('|').count()).sum();
        assert_eq!(table().elements.len(), expected);
        assert!(table().elements.len() < INDEX_SIZE / 2);
        assert!(table().shapes.iter().all(|s| s.slots.len() <= 128));
        let bound = table().elements.iter().filter(|e| e.codes.is_some()).count();
        assert_eq!(bound, ELEMENTS.lines().filter(|l| !l.starts_with('#') && l.contains("\t=")).count());
    }

    #[test]
    fn all_146_resource_types_are_known_and_abstract_ones_are_not() {
        assert_eq!(resource_types().count(), 146);
        assert!(resource_types().is_sorted());
        assert!(table().resource("DomainResource").is_none() && table().resource("HumanName").is_none());
    }

    #[test]
    fn elements_are_found_by_path_and_name() {
        let gender = element("Patient.contact", "gender").unwrap();
        assert!(table().allows(gender, "female") && !table().allows(gender, "F"));
        assert!(element("Observation", "valueQuantity").unwrap().choice);
        assert!(element("Extension", "url").unwrap().attribute && element("HumanName", "given").unwrap().many);
        assert_eq!(element("Bundle.entry", "link").unwrap().content, Content::Shape(table().shape_of("Bundle.link").unwrap()));
        assert!(element("Patient", "nam").is_none());
    }
}
