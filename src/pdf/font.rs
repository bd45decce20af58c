//! A font of a PDF: what its codes say, and how wide they are.
//! Spec: ISO 32000-1 §9.6 (simple fonts), §9.7 (composite fonts), §9.10.2 (mapping codes to Unicode).

use std::collections::HashMap;

use lopdf::{Dictionary, Document, Object};

use super::cmap::CMap;
use super::encoding::Base;
use super::glyphs;
use super::text::MAX_STREAM;

/// Width of a glyph that is not told, in thousandths.
const GUESS: f32 = 500.0;
/// Widths that a font may list.
const MAX_WIDTHS: usize = 70_000;

/// A code of a string.
pub(super) struct Glyph {
    pub text: String,
    /// In text space, for a size of 1.
    pub width: f32,
    /// The single byte 32, to which word spacing is added.
    pub is_space: bool,
}

/// What is needed of a font.
#[derive(Debug, Default)]
pub(super) struct Font {
    /// Bytes of a code by its first byte; empty for one byte always.
    spaces: Vec<(u8, u8, usize)>,
    texts: HashMap<u32, String>,
    widths: HashMap<u32, f32>,
    default_width: f32,
    /// Type 3 has a scale of its own.
    scale: f32,
}

impl Font {
    pub fn read(document: &Document, dict: &Dictionary) -> Self {
        let to_unicode = stream(document, dict, b"ToUnicode").map(|bytes| CMap::read(&bytes)).unwrap_or_default();
        let mut font = if name(document, dict, b"Subtype") == Some(b"Type0") { composite(document, dict, &to_unicode) } else { simple(document, dict) };
        font.texts.extend(to_unicode.texts.into_iter().filter(|(_, text)| !text.is_empty()));
        font
    }

    /// Whether its widths are not told.
    pub fn is_guessed(&self) -> bool {
        self.widths.is_empty()
    }

    /// The codes of a string.
    pub fn glyphs(&self, string: &[u8]) -> Vec<Glyph> {
        let mut out = Vec::with_capacity(string.len());
        let mut rest = string;
        while let Some(first) = rest.first() {
            let length = self.spaces.iter().find(|(low, high, _)| (low..=high).contains(&first)).or(self.spaces.first()).map_or(1, |s| s.2).min(rest.len());
            let (bytes, after) = rest.split_at(length);
            rest = after;
            let code = bytes.iter().fold(0u32, |n, b| n << 8 | u32::from(*b));
            let width = self.widths.get(&code).copied().unwrap_or(self.default_width) * self.scale;
            out.push(Glyph { text: self.texts.get(&code).cloned().unwrap_or_default(), width, is_space: bytes == b" " });
        }
        out
    }
}

fn simple(document: &Document, dict: &Dictionary) -> Font {
    let scale = if name(document, dict, b"Subtype") == Some(b"Type3") { numbers(document, dict, b"FontMatrix").first().copied().unwrap_or(0.001) } else { 0.001 };
    let first = u32::try_from(dict.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0)).unwrap_or(0);
    let widths: HashMap<u32, f32> = (first..).zip(numbers(document, dict, b"Widths")).filter(|(_, w)| *w > 0.0).collect();
    let descriptor = dict.get_deref(b"FontDescriptor", document).and_then(Object::as_dict).ok();
    let missing = descriptor.and_then(|d| d.get_deref(b"MissingWidth", document).and_then(Object::as_float).ok()).filter(|w| *w > 0.0);
    Font { texts: encoded(document, dict), widths, default_width: missing.unwrap_or(GUESS), scale, ..Font::default() }
}

/// The text of each code by the font's encoding and its differences.
fn encoded(document: &Document, dict: &Dictionary) -> HashMap<u32, String> {
    let encoding = dict.get_deref(b"Encoding", document).ok();
    let table = encoding.and_then(|e| e.as_dict().ok());
    let named = encoding.and_then(|e| e.as_name().ok()).or_else(|| name(document, table?, b"BaseEncoding"));
    // A TrueType font without encoding is most often made from a Windows one.
    let own = if name(document, dict, b"Subtype") == Some(b"Type1") { Base::Standard } else { Base::WinAnsi };
    let base = named.and_then(Base::of_name).unwrap_or(own);
    let mut out: HashMap<u32, String> = (0..=u8::MAX).filter_map(|code| Some((u32::from(code), base.character(code)?.to_string()))).collect();
    let differences = table.and_then(|t| t.get_deref(b"Differences", document).and_then(Object::as_array).ok());
    let mut code = 0u32;
    for one in differences.into_iter().flatten().take(1024) {
        match one {
            Object::Integer(n) => code = u32::try_from(*n).unwrap_or(0),
            Object::Name(name) => {
                match glyphs::named(&String::from_utf8_lossy(name)) {
                    Some(text) => out.insert(code, text),
                    None => out.remove(&code),
                };
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
    out
}

fn composite(document: &Document, dict: &Dictionary, to_unicode: &CMap) -> Font {
    let encoding = stream(document, dict, b"Encoding").map(|bytes| CMap::read(&bytes));
    let spaces = encoding.map(|e| e.spaces).filter(|s| !s.is_empty()).unwrap_or_else(|| vec![(0, u8::MAX, 2)]);
    // Codes of one byte that nothing explains are those of the font they were made from.
    let bytewise = spaces.iter().all(|s| s.2 == 1) && to_unicode.texts.is_empty();
    let texts = (0..=u8::MAX).filter(|_| bytewise).filter_map(|code| Some((u32::from(code), Base::WinAnsi.character(code)?.to_string()))).collect();
    let descendant = dict.get_deref(b"DescendantFonts", document).and_then(Object::as_array).ok().and_then(|a| a.first());
    let descendant = descendant.and_then(|d| document.dereference(d).ok()?.1.as_dict().ok());
    let widths = descendant.map(|d| widths(document, d)).unwrap_or_default();
    let default_width = descendant.and_then(|d| d.get_deref(b"DW", document).and_then(Object::as_float).ok()).unwrap_or(1000.0);
    Font { spaces, texts, widths, default_width, scale: 0.001 }
}

/// `W` of a CIDFont: `c [w w …]` and `from to w`.
fn widths(document: &Document, dict: &Dictionary) -> HashMap<u32, f32> {
    let mut out = HashMap::new();
    let Ok(all) = dict.get_deref(b"W", document).and_then(Object::as_array) else { return out };
    let mut items = all.iter().filter_map(|o| document.dereference(o).ok()).map(|o| o.1);
    while let Some(first) = items.next() {
        let Some(from) = first.as_i64().ok().and_then(|n| u32::try_from(n).ok()) else { continue };
        match items.next() {
            Some(Object::Array(list)) => out.extend((from..).zip(list.iter().filter_map(|w| w.as_float().ok()))),
            Some(last) => {
                let to = last.as_i64().ok().and_then(|n| u32::try_from(n).ok()).unwrap_or(from);
                let width = items.next().and_then(|w| w.as_float().ok()).unwrap_or(GUESS);
                out.extend((from..=to.min(from.saturating_add(0xffff))).map(|code| (code, width)));
            }
            None => break,
        }
        if out.len() > MAX_WIDTHS {
            break;
        }
    }
    out
}

fn name<'a>(document: &'a Document, dict: &'a Dictionary, key: &[u8]) -> Option<&'a [u8]> {
    dict.get_deref(key, document).and_then(Object::as_name).ok()
}

fn numbers(document: &Document, dict: &Dictionary, key: &[u8]) -> Vec<f32> {
    let all = dict.get_deref(key, document).and_then(Object::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().take(MAX_WIDTHS).map(|o| document.dereference(o).ok().and_then(|o| o.1.as_float().ok()).unwrap_or(0.0)).collect()
}

fn stream(document: &Document, dict: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
    let stream = dict.get_deref(key, document).ok()?.as_stream().ok()?;
    stream.decompressed_content_with_limit(MAX_STREAM).ok()
}
