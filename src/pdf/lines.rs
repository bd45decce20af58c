//! Pieces of text where a page puts them → lines: a new one where the baseline moves, a space where there is a gap.
//! Spec: ISO 32000-1 §9.10.1.

/// Part of the size by which a baseline moves within a line (exponents).
const SAME_LINE: f32 = 0.45;
/// Part of the size from which a move down is a paragraph.
const PARAGRAPH: f32 = 1.9;
/// Part of the size from which a gap is a space.
const SPACE: f32 = 0.16;
/// The same where widths are guessed.
const SPACE_GUESSED: f32 = 0.35;

/// A run of text: where its baseline begins and ends, in the space of the page.
pub(super) struct Run {
    pub from: (f32, f32),
    pub to: (f32, f32),
    /// Direction of the baseline, of length 1.
    pub along: (f32, f32),
    pub size: f32,
    /// Widths of its glyphs are not known.
    pub guessed: bool,
    pub text: String,
}

/// The lines of one page.
pub(super) struct Lines {
    out: String,
    room: usize,
    full: bool,
    last: Option<Run>,
}

impl Lines {
    /// At most `room` bytes.
    pub fn new(room: usize) -> Self {
        Self { out: String::new(), room, full: false, last: None }
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn into_text(self) -> String {
        let mut lines: Vec<&str> = self.out.lines().map(str::trim_end).collect();
        lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
        lines.join("\n").trim_matches('\n').to_owned()
    }

    /// Adds a run behind the one before.
    pub fn add(&mut self, run: Run) {
        if run.text.is_empty() || self.full {
            return;
        }
        if let Some(between) = self.last.as_ref().map(|last| between(last, &run)) {
            let there = self.out.ends_with([' ', '\n']) || run.text.starts_with(' ');
            match between {
                "\n" => self.fresh_line(),
                "\n\n" => {
                    self.fresh_line();
                    self.out.push('\n');
                }
                " " if !there => self.out.push(' '),
                _ => {}
            }
        }
        for c in run.text.chars() {
            if self.out.len() + c.len_utf8() > self.room {
                self.full = true;
                break;
            }
            self.push(c);
        }
        self.last = Some(run);
    }

    fn fresh_line(&mut self) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn push(&mut self, c: char) {
        let ligature = match c {
            '\u{fb00}' => "ff",
            '\u{fb01}' => "fi",
            '\u{fb02}' => "fl",
            '\u{fb03}' => "ffi",
            '\u{fb04}' => "ffl",
            '\u{a0}' | '\u{202f}' | '\u{2009}' | '\t' => " ",
            // Soft hyphens, private glyphs and control characters say nothing.
            '\u{ad}' | '\u{feff}' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' => "",
            c if c.is_control() => "",
            c => return self.out.push(c),
        };
        self.out.push_str(ligature);
    }
}

fn between(last: &Run, run: &Run) -> &'static str {
    let (dx, dy) = (run.from.0 - last.to.0, run.from.1 - last.to.1);
    let (ax, ay) = last.along;
    let (forward, across) = (dx * ax + dy * ay, (dy * ax - dx * ay).abs());
    let size = last.size.max(run.size).max(0.01);
    let turned = ax * run.along.0 + ay * run.along.1 < 0.9;
    let space = if last.guessed { SPACE_GUESSED } else { SPACE };
    if turned || across > size * PARAGRAPH {
        "\n\n"
    } else if across > size * SAME_LINE || forward < -size {
        "\n"
    } else if forward > size * space {
        " "
    } else {
        ""
    }
}
