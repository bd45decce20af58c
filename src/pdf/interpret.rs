//! The operators of a page that move and show text, forms inside it and what its fields hold.
//! Spec: ISO 32000-1 §8.4.4 (graphics state), §8.10 (forms), §9.3–9.4 (text), §12.5.5 (appearance streams).

use std::collections::HashMap;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::font::Font;
use super::lines::{Lines, Run};
use super::text::MAX_STREAM;

/// Forms inside forms.
const MAX_DEPTH: usize = 8;
/// Saved states.
const MAX_SAVED: usize = 64;
/// Dictionaries above a page that may hold its resources.
const MAX_PARENTS: usize = 32;

/// Matrix `[a b c d e f]`.
type Matrix = [f32; 6];
const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// What a whole document may cost.
pub(super) struct Budget {
    operations: usize,
    bytes: usize,
    forms: usize,
    fonts: usize,
    /// Whether an image was shown.
    pub images: bool,
    held: HashMap<ObjectId, std::rc::Rc<Font>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { operations: 5_000_000, bytes: 256 << 20, forms: 10_000, fonts: 2_000, images: false, held: HashMap::new() }
    }
}

/// A page being read.
pub(super) struct Page<'a> {
    pub document: &'a Document,
    pub budget: &'a mut Budget,
    pub lines: &'a mut Lines,
}

#[derive(Clone)]
struct State {
    ctm: Matrix,
    font: Option<std::rc::Rc<Font>>,
    size: f32,
    character: f32,
    word: f32,
    stretch: f32,
    leading: f32,
    rise: f32,
}

/// What changes while one stream is read.
struct Cursor<'a> {
    state: State,
    saved: Vec<State>,
    text: Matrix,
    line: Matrix,
    fonts: HashMap<Vec<u8>, std::rc::Rc<Font>>,
    resources: Vec<&'a Dictionary>,
}

impl<'a> Page<'a> {
    /// Reads a page and the fields on it.
    pub fn read(&mut self, id: ObjectId) {
        let document = self.document;
        let Ok(page) = document.get_dictionary(id) else { return };
        let resources = inherited(document, page);
        if let Ok(content) = document.get_page_content_with_limit(id, MAX_STREAM) {
            self.stream(&content, resources.clone(), State::new(IDENTITY), 0);
        }
        let annotations = page.get_deref(b"Annots", document).and_then(Object::as_array).map(Vec::as_slice).unwrap_or_default();
        for one in annotations.iter().take(2_000) {
            if let Some(form) = document.dereference(one).ok().and_then(|o| appearance(document, o.1.as_dict().ok()?)) {
                self.form(form, &resources, State::new(IDENTITY), 0);
            }
        }
    }

    fn stream(&mut self, content: &[u8], resources: Vec<&'a Dictionary>, state: State, depth: usize) {
        self.budget.bytes = self.budget.bytes.saturating_sub(content.len());
        if self.budget.bytes == 0 {
            return;
        }
        let mut cursor = Cursor { state, saved: Vec::new(), text: IDENTITY, line: IDENTITY, fonts: HashMap::new(), resources };
        for operation in Content::decode_iter(content) {
            self.budget.operations = self.budget.operations.saturating_sub(1);
            let Ok(operation) = operation else { return };
            if self.budget.operations == 0 || self.lines.is_full() {
                return;
            }
            self.operator(&mut cursor, &operation, depth);
        }
    }

    fn operator(&mut self, c: &mut Cursor<'a>, operation: &Operation, depth: usize) {
        let operands = operation.operands.as_slice();
        let n = |i: usize| operands.get(i).and_then(|o| o.as_float().ok()).unwrap_or(0.0);
        match operation.operator.as_str() {
            "q" if c.saved.len() < MAX_SAVED => c.saved.push(c.state.clone()),
            "Q" => c.state = c.saved.pop().unwrap_or_else(|| c.state.clone()),
            "cm" => c.state.ctm = product(&matrix(operands), &c.state.ctm),
            "BT" => (c.text, c.line) = (IDENTITY, IDENTITY),
            "Tf" => {
                c.state.size = n(1);
                c.state.font = operands.first().and_then(|o| o.as_name().ok()).and_then(|name| self.font(c, name));
            }
            "Tc" => c.state.character = n(0),
            "Tw" => c.state.word = n(0),
            "Tz" => c.state.stretch = n(0) / 100.0,
            "TL" => c.state.leading = n(0),
            "Ts" => c.state.rise = n(0),
            "Td" => c.moved(n(0), n(1)),
            "TD" => {
                c.state.leading = -n(1);
                c.moved(n(0), n(1));
            }
            "Tm" => (c.text, c.line) = (matrix(operands), matrix(operands)),
            "T*" => c.moved(0.0, -c.state.leading),
            "Tj" => self.show(c, operands.first()),
            "'" => {
                c.moved(0.0, -c.state.leading);
                self.show(c, operands.first());
            }
            "\"" => {
                (c.state.word, c.state.character) = (n(0), n(1));
                c.moved(0.0, -c.state.leading);
                self.show(c, operands.get(2));
            }
            "TJ" => {
                for one in operands.first().and_then(|o| o.as_array().ok()).into_iter().flatten() {
                    match one.as_float() {
                        Ok(back) => c.advance(-back / 1000.0 * c.state.size * c.state.stretch),
                        Err(_) => self.show(c, Some(one)),
                    }
                }
            }
            "BI" => self.budget.images = true,
            "Do" => self.external(c, operands, depth),
            _ => {}
        }
    }

    fn show(&mut self, c: &mut Cursor<'a>, string: Option<&Object>) {
        let (Some(Ok(bytes)), Some(font)) = (string.map(Object::as_str), c.state.font.clone()) else { return };
        let place = |c: &Cursor<'_>| {
            let m = product(&c.text, &c.state.ctm);
            (apply(&m, (0.0, c.state.rise)), m)
        };
        let (from, m) = place(c);
        let mut text = String::new();
        for glyph in font.glyphs(bytes) {
            text.push_str(&glyph.text);
            let word = if glyph.is_space { c.state.word } else { 0.0 };
            c.advance((glyph.width * c.state.size + c.state.character + word) * c.state.stretch);
        }
        let length = m[0].hypot(m[1]).max(f32::MIN_POSITIVE);
        let size = (m[2].hypot(m[3]) * c.state.size).abs();
        let run = Run { from, to: place(c).0, along: (m[0] / length, m[1] / length), size, guessed: font.is_guessed(), text };
        self.lines.add(run);
    }

    /// A form or an image.
    fn external(&mut self, c: &Cursor<'a>, operands: &[Object], depth: usize) {
        let document = self.document;
        let Some(name) = operands.first().and_then(|o| o.as_name().ok()) else { return };
        let found = c.resources.iter().find_map(|r| r.get_deref(b"XObject", document).ok()?.as_dict().ok()?.get_deref(name, document).ok()?.as_stream().ok());
        let Some(stream) = found else { return };
        match stream.dict.get_deref(b"Subtype", document).and_then(Object::as_name) {
            Ok(b"Image") => self.budget.images = true,
            Ok(b"Form") => self.form(stream, &c.resources, c.state.clone(), depth + 1),
            _ => {}
        }
    }

    fn form(&mut self, form: &'a Stream, outer: &[&'a Dictionary], mut state: State, depth: usize) {
        let document = self.document;
        if depth > MAX_DEPTH || self.budget.forms == 0 {
            return;
        }
        self.budget.forms -= 1;
        let Ok(content) = form.decompressed_content_with_limit(MAX_STREAM) else { return };
        if let Ok(own) = form.dict.get_deref(b"Matrix", document).and_then(Object::as_array) {
            state.ctm = product(&matrix(own), &state.ctm);
        }
        let own = form.dict.get_deref(b"Resources", document).and_then(Object::as_dict).ok();
        let resources = own.map_or_else(|| outer.to_vec(), |own| vec![own]);
        self.stream(&content, resources, state, depth);
    }

    /// A font by its name in the resources, read once.
    fn font(&mut self, c: &mut Cursor<'a>, name: &[u8]) -> Option<std::rc::Rc<Font>> {
        if let Some(held) = c.fonts.get(name) {
            return Some(held.clone());
        }
        let document = self.document;
        let entry = c.resources.iter().find_map(|r| r.get_deref(b"Font", document).ok()?.as_dict().ok()?.get(name).ok())?;
        let (id, object) = document.dereference(entry).ok()?;
        let font = match id.and_then(|id| self.budget.held.get(&id)) {
            Some(held) => held.clone(),
            None => {
                self.budget.fonts = self.budget.fonts.checked_sub(1)?;
                let font = std::rc::Rc::new(Font::read(document, object.as_dict().ok()?));
                id.map(|id| self.budget.held.insert(id, font.clone()));
                font
            }
        };
        c.fonts.insert(name.to_vec(), font.clone());
        Some(font)
    }
}

impl State {
    fn new(ctm: Matrix) -> Self {
        Self { ctm, font: None, size: 0.0, character: 0.0, word: 0.0, stretch: 1.0, leading: 0.0, rise: 0.0 }
    }
}

impl Cursor<'_> {
    /// To the start of a line, relative to that of the one before.
    fn moved(&mut self, x: f32, y: f32) {
        self.line = product(&[1.0, 0.0, 0.0, 1.0, x, y], &self.line);
        self.text = self.line;
    }

    fn advance(&mut self, by: f32) {
        self.text = product(&[1.0, 0.0, 0.0, 1.0, by, 0.0], &self.text);
    }
}

/// The resources of a page and of what is above it, the nearest first.
fn inherited<'a>(document: &'a Document, page: &'a Dictionary) -> Vec<&'a Dictionary> {
    let mut out = Vec::new();
    let mut node = Some(page);
    for _ in 0..MAX_PARENTS {
        let Some(one) = node else { break };
        out.extend(one.get_deref(b"Resources", document).and_then(Object::as_dict).ok());
        node = one.get_deref(b"Parent", document).and_then(Object::as_dict).ok();
    }
    out
}

/// What a field or a note looks like.
fn appearance<'a>(document: &'a Document, annotation: &'a Dictionary) -> Option<&'a Stream> {
    let kind = annotation.get_deref(b"Subtype", document).and_then(Object::as_name).ok()?;
    if !matches!(kind, b"Widget" | b"FreeText" | b"Stamp") {
        return None;
    }
    let normal = annotation.get_deref(b"AP", document).ok()?.as_dict().ok()?.get_deref(b"N", document).ok()?;
    match normal {
        Object::Stream(stream) => Some(stream),
        Object::Dictionary(states) => states.get_deref(annotation.get_deref(b"AS", document).ok()?.as_name().ok()?, document).ok()?.as_stream().ok(),
        _ => None,
    }
}

fn matrix(operands: &[Object]) -> Matrix {
    let mut out = IDENTITY;
    for (slot, operand) in out.iter_mut().zip(operands) {
        *slot = operand.as_float().unwrap_or(0.0);
    }
    out
}

/// `a` before `b`.
fn product(a: &Matrix, b: &Matrix) -> Matrix {
    [a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3], a[4] * b[0] + a[5] * b[2] + b[4], a[4] * b[1] + a[5] * b[3] + b[5]]
}

fn apply(m: &Matrix, (x, y): (f32, f32)) -> (f32, f32) {
    (m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5])
}
