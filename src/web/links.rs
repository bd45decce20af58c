//! Addresses of the page: always its own base path, a word of ours, and parameters in percent encoding, so that no text of the view
//! becomes a scheme, a host or a path.
//! Spec: RFC 3986 §2.1.

use super::Frame;
use super::asked::Asked;

/// The base path of the page's links, and what the address of the page asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links<'a> {
    home: &'a str,
    asked: &'a Asked,
    since: &'a str,
}

impl<'a> Links<'a> {
    /// A base that is not an absolute path is dropped: links are then relative to the page.
    pub(super) fn new(frame: &Frame<'a>) -> Self {
        let home = frame.home;
        let path = home.starts_with('/') && !home.starts_with("//") && !home.contains('\\');
        Self { home: if path { home } else { "" }, asked: frame.asked, since: "" }
    }

    /// The last visit that the page was made with: its further lines stand in the same order though the visit is confirmed meanwhile.
    pub(super) fn since(self, since: &'a str) -> Self {
        Self { since, ..self }
    }

    /// A word of ours without parameters: `notice`, `print`.
    pub(super) fn plain(self, word: &'static str) -> String {
        format!("{}{word}", self.home)
    }

    /// `file?id=…`.
    pub(super) fn of(self, word: &'static str, id: &str) -> String {
        format!("{}{word}?id={}", self.home, encoded(id))
    }

    /// Why a section is not shown.
    pub(super) fn why(self, section: &str) -> String {
        format!("{}why?section={}", self.home, encoded(section))
    }

    /// The same page asked for otherwise.
    pub(super) fn asking(self, word: &'static str, asked: &Asked) -> String {
        format!("{}{word}{}", self.home, asked.query())
    }

    /// The page of the record as it was asked for.
    pub(super) fn record(self) -> String {
        self.asking("./", self.asked)
    }

    /// A document at the words that were cited.
    pub(super) fn document(self, id: &str, anchor: &str) -> String {
        let mut out = self.of("document", id);
        if !anchor.is_empty() {
            out.push('#');
            out.push_str(&encoded(anchor));
        }
        out
    }

    /// The lines of a section from one on, in the order of this page.
    pub(super) fn rest(self, section: &str, offset: u64) -> String {
        let mut out = format!("{}key-info?section={}&offset={offset}", self.home, encoded(section));
        for (name, value) in [("specialty", self.asked.of("specialty")), ("since", self.since)] {
            if !value.is_empty() {
                out.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        out
    }
}

pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(home: &str) -> Frame<'_> {
        Frame { home, ..Frame::default() }
    }

    #[test]
    fn no_text_leaves_its_parameter() {
        let links = Links::new(&frame("/consult/"));
        assert_eq!(links.document("DocumentReference/a&b=c", "n-é#1"), "/consult/document?id=DocumentReference/a%26b%3Dc#n-%C3%A9%231");
        assert_eq!(links.of("file", "javascript:alert(1)"), "/consult/file?id=javascript%3Aalert%281%29");
    }

    #[test]
    fn a_base_is_a_path_or_nothing() {
        assert_eq!(["javascript:", "//x/", "/\\x/"].map(|home| Links::new(&frame(home)).plain("print")), ["print"; 3]);
    }

    #[test]
    fn further_lines_stand_in_the_order_of_their_page() {
        let asked = Asked::read(&[("specialty".to_owned(), "SM04".to_owned())]);
        let links = Links::new(&Frame { asked: &asked, ..frame("/consult/") }).since("2026-09-01T08:00:00Z");
        assert_eq!(links.rest("results", 7), "/consult/key-info?section=results&offset=7&specialty=SM04&since=2026-09-01T08%3A00%3A00Z");
    }
}
