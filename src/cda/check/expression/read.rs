//! How a row is written.

use super::{Attribute, Axis, Clause, Condition, Literal, Path, Step, Test};

impl Clause {
    /// Reads `literal or literal …`; `None` when it is not written as this module reads it.
    pub fn read(text: &str) -> Option<Self> {
        let literals: Option<Vec<_>> = text.split(" or ").map(Literal::read).collect();
        literals.map(|literals| Self { literals })
    }
}

impl Literal {
    fn read(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix('!') {
            return Some(Self { path: Path::read(path)?, text: path.to_owned(), least: 0, most: Some(0) });
        }
        let (path, least, most) = match text.rsplit_once(' ') {
            Some((path, often)) if often.contains("..") && !often.ends_with(']') => {
                let (least, most) = often.split_once("..")?;
                let most = if most == "*" { None } else { Some(most.parse().ok()?) };
                (path, least.parse().ok()?, most)
            }
            _ => (text, 1, None),
        };
        Some(Self { path: Path::read(path)?, text: path.to_owned(), least, most })
    }
}

impl Path {
    /// Reads a path; `None` when it is not written as this module reads it.
    pub fn read(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let path = reader.path()?;
        reader.rest.is_empty().then_some(path)
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest.strip_prefix(token).map(|rest| self.rest = rest).is_some()
    }

    /// The characters before the first of `ends`.
    fn until(&mut self, ends: &[char]) -> String {
        let (taken, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken.to_owned()
    }

    fn path(&mut self) -> Option<Path> {
        let mut path = Path::default();
        let mut axis = Axis::Child;
        if self.eat(".//") {
            axis = Axis::Below;
        } else if self.eat("//") {
            path.absolute = Some(Axis::Below);
            axis = Axis::Below;
        } else if self.eat("/") {
            path.absolute = Some(Axis::Child);
        }
        loop {
            if self.eat("@") {
                path.attribute = Some(self.attribute()?);
                return Some(path);
            }
            path.steps.push(self.step(axis)?);
            axis = match (self.eat("//"), self.rest.starts_with('/')) {
                (true, _) => Axis::Below,
                (false, true) if self.eat("/") => Axis::Child,
                _ if self.rest.starts_with('@') => Axis::Child,
                _ => return Some(path),
            };
        }
    }

    fn step(&mut self, axis: Axis) -> Option<Step> {
        let (axis, named) = if self.eat("..:") {
            (Axis::Parent, true)
        } else if self.eat("..") {
            (Axis::Parent, false)
        } else if self.eat("self:") {
            (Axis::Itself, true)
        } else if self.eat("^") {
            (Axis::Ancestor, true)
        } else if self.eat(".") {
            (Axis::Itself, false)
        } else {
            (axis, true)
        };
        let name = if named { Some(self.until(&['/', '[', '{', '@', ']', '=', '!'])) } else { None };
        if name.as_ref().is_some_and(|n| n != "*" && (n.is_empty() || !n.chars().all(char::is_alphanumeric))) {
            return None;
        }
        Some(Step { axis, name: name.filter(|n| n != "*"), conditions: self.conditions()? })
    }

    fn conditions(&mut self) -> Option<Vec<Condition>> {
        let mut all = Vec::new();
        loop {
            if self.eat("{") {
                all.push(Condition::Template(self.until(&['}'])));
                self.eat("}").then_some(())?;
            } else if self.eat("[") {
                let denied = self.eat("!");
                let path = self.path()?;
                self.eat("]").then_some(())?;
                all.push(Condition::Holds { path, denied });
            } else {
                return Some(all);
            }
        }
    }

    fn attribute(&mut self) -> Option<Attribute> {
        let name = self.until(&[']', '=', '!']);
        let other = self.eat("!");
        let values = self.eat("=").then(|| self.until(&[']']).split('|').map(str::to_owned).collect());
        let test = match (other, values) {
            (false, None) => Test::Present,
            (false, Some(values)) => Test::OneOf(values),
            (true, Some(values)) => Test::Other(values),
            (true, None) => return None,
        };
        (!name.is_empty()).then_some(Attribute { name, test })
    }
}
