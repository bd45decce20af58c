//! The strict JSON gate: one pass over the bytes that refuses what two readers could read differently, and gives a tree whose
//! nodes know their place in the bytes, so that edits and cuts are made on the bytes themselves.
//!
//! Refused: bad UTF-8, a byte order mark, depth, duplicate keys (also when escaped differently), empty arrays, objects and
//! strings, NUL and lone surrogates, numbers outside the grammar, trailing bytes.
//! Spec: FHIR R4 json; RFC 8259.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Fault, FaultKind, Result};

/// Levels of nesting.
pub const MAX_DEPTH: usize = 64;
/// Values in one body.
pub const MAX_NODES: usize = 4_000_000;

/// A value and its place: `bytes[start..end]`.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    pub start: usize,
    pub end: usize,
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Kind<'a> {
    Object(Vec<Member<'a>>),
    Array(Vec<Node<'a>>),
    String(Cow<'a, str>),
    /// Digits as sent.
    Number(&'a str),
    Bool(bool),
    Null,
}

/// A member of an object; `key_start` is the place of its opening quote.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    pub key: Cow<'a, str>,
    pub key_start: usize,
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.members().iter().find(|m| m.key == key).map(|m| &m.value)
    }

    /// The members of an object, none for anything else.
    pub fn members(&self) -> &[Member<'a>] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of an array, none for anything else.
    pub fn items(&self) -> &[Node<'a>] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Parses a body.
///
/// # Errors
/// `Malformed` with the byte offset and, inside objects, the path; never the content.
pub fn parse(bytes: &[u8]) -> Result<Node<'_>> {
    let text = std::str::from_utf8(bytes).map_err(|e| refuse(500, "the body is not UTF-8", e.valid_up_to(), &[]))?;
    let mut parser = Parser { text, bytes, at: 0, depth: 0, nodes: 0, path: Vec::new() };
    parser.space();
    let node = parser.value()?;
    parser.space();
    if parser.at < bytes.len() {
        return Err(parser.fail(501, "bytes follow the end of the resource"));
    }
    Ok(node)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    nodes: usize,
    path: Vec<Step<'a>>,
}

/// A step of the path, spelt only when something is refused.
enum Step<'a> {
    Key(Cow<'a, str>),
    Item(usize),
}

fn refuse(number: u16, what: &str, at: usize, path: &[Step<'_>]) -> Fault {
    let fault = Fault::new(FaultKind::Malformed, number, format!("{what} (byte {at})"));
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) if text.is_empty() => text.push_str(&safe(key)),
            Step::Key(key) => text.push_str(&format!(".{}", safe(key))),
        }
    }
    if text.is_empty() { fault } else { fault.at(text) }
}

impl<'a> Parser<'a> {
    fn fail(&self, number: u16, what: &str) -> Fault {
        refuse(number, what, self.at, &self.path)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Node<'a>> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.fail(502, "the body holds too many values"));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            Some(_) => return Err(self.fail(503, "a JSON value was expected")),
            None => return Err(self.fail(504, "the body ends too early")),
        };
        Ok(Node { start, end: self.at, kind })
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Kind<'a>>) -> Result<Kind<'a>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fail(505, "the body is nested too deeply"));
        }
        self.at += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<Kind<'a>> {
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        loop {
            self.space();
            let key_start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.fail(506, if members.is_empty() { "an object is empty, or its first key is missing" } else { "a key was expected" }));
            }
            let key = self.string()?;
            let known = if members.len() < 16 { members.iter().any(|m| m.key == key) } else { !seen.insert(key.clone()) };
            if known {
                return Err(self.fail(507, "an object has the same key twice"));
            }
            if members.len() == 15 {
                seen.extend(members.iter().map(|m| m.key.clone()));
                seen.insert(key.clone());
            }
            self.space();
            self.expect(b':')?;
            self.space();
            self.path.push(Step::Key(key.clone()));
            let value = self.value()?;
            self.path.pop();
            members.push(Member { key, key_start, value });
            self.space();
            if self.more(b'}')? {
                return Ok(Kind::Object(members));
            }
        }
    }

    fn array(&mut self) -> Result<Kind<'a>> {
        let mut items = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b']') {
                return Err(self.fail(508, "an array is empty, or ends in a comma"));
            }
            self.path.push(Step::Item(items.len()));
            items.push(self.value()?);
            self.path.pop();
            self.space();
            if self.more(b']')? {
                return Ok(Kind::Array(items));
            }
        }
    }

    /// After a member or item: true at the end, false after a comma.
    fn more(&mut self, end: u8) -> Result<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(b) if b == end => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.fail(509, "a comma or the end of an object or array was expected")),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.fail(510, "a colon was expected"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Result<Kind<'a>> {
        if self.bytes.get(self.at..self.at + word.len()) != Some(word.as_bytes()) {
            return Err(self.fail(511, "a JSON value was expected"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind<'a>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.digits();
        if whole == 0 || (first == Some(b'0') && whole > 1) {
            return Err(self.fail(512, "a number is malformed"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.fail(512, "a number is malformed"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.fail(512, "a number is malformed"));
            }
        }
        if self.at - start > 200 {
            return Err(self.fail(513, "a number has too many digits"));
        }
        Ok(Kind::Number(self.text.get(start..self.at).unwrap_or("0")))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string, borrowed when it has no escapes.
    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let plain = rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20).ok_or_else(|| self.fail(504, "the body ends too early"))?;
        self.at = start + plain;
        if self.peek() == Some(b'"') {
            if plain == 0 {
                return Err(self.fail(514, "a string is empty"));
            }
            self.at += 1;
            return Ok(Cow::Borrowed(self.text.get(start..start + plain).unwrap_or("")));
        }
        let mut out = self.text.get(start..self.at).unwrap_or("").to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(b) if b < 0x20 => return Err(self.fail(515, "a string holds a control character")),
                Some(_) => {
                    let from = self.at;
                    while self.peek().is_some_and(|b| b != b'"' && b != b'\\' && b >= 0x20) {
                        self.at += 1;
                    }
                    out.push_str(self.text.get(from..self.at).unwrap_or(""));
                }
                None => return Err(self.fail(504, "the body ends too early")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let code = self.bytes.get(self.at + 1).copied();
        self.at += 2;
        Ok(match code {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.fail(516, "an escape is malformed")),
        })
    }

    fn unicode(&mut self) -> Result<char> {
        let high = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&high) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            self.at += 2;
            let low = self.hex4()?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(self.fail(517, "a surrogate stands alone"));
            }
            0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        } else {
            high
        };
        if code == 0 {
            return Err(self.fail(518, "a string holds NUL"));
        }
        char::from_u32(code).ok_or_else(|| self.fail(517, "a surrogate stands alone"))
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok()).ok_or_else(|| self.fail(516, "an escape is malformed"))?;
        self.at += 4;
        Ok(code)
    }
}

/// A key as a path may show it: what looks like an element name, or a placeholder.
fn safe(key: &str) -> String {
    if key.len() <= 64 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$') { key.to_owned() } else { "?".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            "{}",
            "[]",
            r#"{"a":""}"#,
            r#"{"a":[]}"#,
            r#"{"a":1}x"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            "\u{feff}{\"a\":1}",
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":tru}"#,
            r#"{"a":"x"#,
            "",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn nodes_know_their_place() {
        let text = r#" {"a": [1.50, "é\n"]} "#;
        let node = parse(text.as_bytes()).unwrap();
        let items = node.get("a").unwrap().items();
        assert_eq!(text.get(items[0].start..items[0].end), Some("1.50"));
        assert_eq!(items[1].text(), Some("é\n"));
        assert_eq!(node.end, text.len() - 1);
    }
}
