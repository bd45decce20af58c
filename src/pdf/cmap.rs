//! CMaps: how many bytes a code has, and which text it stands for.
//! Spec: ISO 32000-1 §9.7.5 (CMaps), §9.10.3 (ToUnicode); Adobe Technical Note 5014.

use std::collections::HashMap;

/// Codes that one CMap may map.
const MAX_CODES: usize = 70_000;
/// Bytes of a CMap that are read.
const MAX_BYTES: usize = 4 << 20;
/// Tokens between a `begin…` and its `end…`.
const MAX_SECTION: usize = 200_000;

/// What a CMap says.
#[derive(Debug, Default)]
pub(super) struct CMap {
    /// Bytes of a code, by its first byte: (low, high, bytes).
    pub spaces: Vec<(u8, u8, usize)>,
    /// Code → text.
    pub texts: HashMap<u32, String>,
}

enum Token {
    Hex(Vec<u8>),
    Open,
    Close,
    Word(String),
}

impl CMap {
    pub fn read(bytes: &[u8]) -> Self {
        let mut out = Self::default();
        let mut section: Vec<Token> = Vec::new();
        for token in Tokens(bytes.get(..bytes.len().min(MAX_BYTES)).unwrap_or_default()) {
            match token {
                Token::Word(word) if word.starts_with("begin") => section.clear(),
                Token::Word(word) => {
                    match word.as_str() {
                        "endcodespacerange" => out.codespaces(&section),
                        "endbfchar" => out.characters(&section),
                        "endbfrange" => out.ranges(&section),
                        _ => continue,
                    }
                    section.clear();
                }
                token if section.len() < MAX_SECTION => section.push(token),
                _ => {}
            }
        }
        out
    }

    fn codespaces(&mut self, section: &[Token]) {
        for pair in section.chunks(2) {
            if let [Token::Hex(low), Token::Hex(high)] = pair
                && let (Some(first), Some(last)) = (low.first(), high.first())
                && self.spaces.len() < 64
            {
                self.spaces.push((*first, *last, low.len().clamp(1, 4)));
            }
        }
    }

    fn characters(&mut self, section: &[Token]) {
        for pair in section.chunks(2) {
            if let [Token::Hex(code), Token::Hex(text)] = pair {
                self.map(number(code), utf16(text));
            }
        }
    }

    fn ranges(&mut self, section: &[Token]) {
        let mut tokens = section.iter();
        while let (Some(Token::Hex(low)), Some(Token::Hex(high))) = (tokens.next(), tokens.next()) {
            let codes = number(low)..=number(high).min(number(low).saturating_add(0xffff));
            match tokens.next() {
                Some(Token::Hex(first)) => codes.zip(0u32..).for_each(|(code, step)| self.map(code, utf16(&stepped(first, step)))),
                Some(Token::Open) => {
                    let mut codes = codes;
                    for token in tokens.by_ref() {
                        match (token, codes.next()) {
                            (Token::Hex(text), Some(code)) => self.map(code, utf16(text)),
                            (Token::Close, _) => break,
                            _ => {}
                        }
                    }
                }
                _ => return,
            }
        }
    }

    fn map(&mut self, code: u32, text: String) {
        if self.texts.len() < MAX_CODES {
            self.texts.insert(code, text);
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |n, b| n << 8 | u32::from(*b))
}

/// The destination of a range, its last two bytes moved on.
fn stepped(first: &[u8], step: u32) -> Vec<u8> {
    let (head, tail) = first.split_at(first.len().saturating_sub(2));
    let moved = number(tail).saturating_add(step);
    let end = if tail.len() == 1 { vec![moved.to_be_bytes()[3]] } else { moved.to_be_bytes()[2..].to_vec() };
    [head, &end].concat()
}

fn utf16(bytes: &[u8]) -> String {
    if let [only] = bytes {
        return char::from(*only).to_string();
    }
    let units = bytes.chunks_exact(2).take(32).map(|pair| pair.iter().fold(0u16, |n, b| n << 8 | u16::from(*b)));
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).filter(|c| *c != '\0').collect()
}

/// PostScript, as far as CMaps use it.
struct Tokens<'a>(&'a [u8]);

impl Tokens<'_> {
    /// Takes what satisfies a condition.
    fn take(&mut self, of: impl Fn(u8) -> bool) -> &[u8] {
        let end = self.0.iter().position(|b| !of(*b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.take(|b| b.is_ascii_whitespace() || b == 0);
            let (first, rest) = self.0.split_first()?;
            match first {
                b'%' => {
                    self.take(|b| b != b'\n' && b != b'\r');
                }
                b'[' | b']' => {
                    self.0 = rest;
                    return Some(if *first == b'[' { Token::Open } else { Token::Close });
                }
                b'<' if rest.first() != Some(&b'<') => {
                    self.0 = rest;
                    let digits: Vec<u8> = self.take(|b| b != b'>').iter().filter_map(|b| char::from(*b).to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
                    self.0 = self.0.get(1..).unwrap_or_default();
                    return Some(Token::Hex(digits.chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d) << (4 * (2 - pair.len()))).collect()));
                }
                b'(' => {
                    self.take(|b| b != b')');
                    self.0 = self.0.get(1..).unwrap_or_default();
                }
                b'<' | b'>' | b')' | b'{' | b'}' | b'/' => self.0 = rest,
                _ => {
                    let word = self.take(|b| !b.is_ascii_whitespace() && !b"<>[](){}/%\0".contains(&b));
                    return Some(Token::Word(String::from_utf8_lossy(word).into_owned()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_ranges_and_lists_are_mapped() {
        let text = b"begincodespacerange <00> <80> <8140> <9ffc> endcodespacerange 2 beginbfchar <01> <00e9> <02> <00660069> endbfchar \
            2 beginbfrange <10> <12> <0041> <20> <21> [<0078> <0079>] endbfrange";
        let map = CMap::read(text);
        assert_eq!(map.spaces, [(0, 0x80, 1), (0x81, 0x9f, 2)]);
        let said = |code: u32| map.texts.get(&code).map(String::as_str);
        assert_eq!([said(1), said(2), said(0x12), said(0x21), said(0x22)], [Some("é"), Some("fi"), Some("C"), Some("y"), None]);
    }

    #[test]
    fn garbage_maps_nothing_and_ends() {
        for text in ["<", "beginbfrange <00> <ffffffff> <0041", "beginbfrange <00> <01> [", "(((", "endbfchar endbfrange", "beginbfrange <00> <ffffffff> <0000> endbfrange"] {
            assert!(CMap::read(text.as_bytes()).texts.len() <= MAX_CODES);
        }
    }
}
